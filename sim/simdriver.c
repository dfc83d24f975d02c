/* The driver itself: building the world, one step of one node, the carrying out of its actions. */
#include "sim/simdriver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "runtime/wire/record.h"
#include "runtime/wire/trace_text.h"
#include "sim/simdriver_internal.h"

enum { STEPS_AT_ONCE_MAX = 20000 }; /* of one node at one instant: more, and it never rests */

/* ---- who is who ---- */

/* As if from a key: the high half is a hash, the low half also says the number. */
struct swisd_id swisd_simdriver_id(const struct swisd_simdriver *d, uint32_t node)
{
  const uint64_t hash = swisd_sim_hash(swisd_sim_hash(d->scenario->seed, d->options.repeat), UINT64_C(1) << 32 | node);
  return (struct swisd_id){.hi = hash, .lo = hash << 32 | (node + 1u)};
}

uint32_t swisd_simdriver_index(const struct swisd_simdriver *d, struct swisd_id id)
{
  const uint32_t index = (uint32_t)id.lo - 1u;
  return index < d->node_count && swisd_id_equal(d->devices[index].config.id, id) ? index : d->node_count;
}

struct swisd_address swisd_simdriver_address(uint32_t node)
{
  struct swisd_address address = {.family = SWISD_ADDRESS_INDEX, .port = 1};
  for (uint32_t b = 0; b < 4; b++)
    address.bytes[b] = (uint8_t)(node >> (24 - 8 * b));
  return address;
}

/* ---- one step ---- */

void swisd_simdriver_at(struct swisd_simdriver *d, uint64_t time_ns, uint32_t kind, uint32_t node, uint32_t peer, uint64_t number)
{
  const struct swisd_sim_event event = {
    .time_ns = time_ns, .kind = kind, .node = node, .peer = peer, .turn = d->devices[node].turn, .u.number = number};
  swisd_sim_at(d->sim, &event);
}

/* One timer entry per node: set earlier when need be, and left to fire too early otherwise. */
static void arm(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  uint64_t deadline_ns = swisd_node_deadline_ns(device->node);
  if (deadline_ns != SWISD_NEVER)
    deadline_ns = deadline_ns > device->clock_ns ? deadline_ns - device->clock_ns : 0;
  if (deadline_ns < swisd_simdriver_now(d))
    deadline_ns = swisd_simdriver_now(d);
  if (deadline_ns >= device->deadline_ns)
    return;
  device->deadline_ns = deadline_ns;
  swisd_simdriver_at(d, deadline_ns, SWISD_SIM_DEADLINE, node, node, deadline_ns);
}

static void act(struct swisd_simdriver *d, uint32_t node, const struct swisd_action *action)
{
  struct swisd_sim_device *device = &d->devices[node];
  switch (action->kind) {
  case SWISD_ACTION_SEND:
    swisd_simnetwork_send(d, node, &action->u.send);
    break;
  case SWISD_ACTION_COMPUTE:
    swisd_simcompute_start(d, node, &action->u.compute);
    break;
  case SWISD_ACTION_CANCEL:
    if (!swisd_simcompute_cancel(d, node, action->u.ticket))
      swisd_simtransfer_cancel(d, node, action->u.ticket);
    break;
  case SWISD_ACTION_FETCH_SHARD:
    swisd_simtransfer_start(d, node, &action->u.fetch, true);
    break;
  case SWISD_ACTION_FETCH_BODY:
    swisd_simtransfer_start(d, node, &action->u.fetch, false);
    break;
  case SWISD_ACTION_GRANT:
    break; /* bodies never wait for memory here */
  case SWISD_ACTION_DROP:
    for (uint32_t i = 0; i < device->disk_count; i++)
      if (device->disk[i] == action->u.drop.shard)
        device->disk[i] = device->disk[--device->disk_count];
    swisd_simreport_holds(d, node);
    break;
  case SWISD_ACTION_RELEASE:
    SWISD_ASSERT(swisd_sim_bodies_release(&device->bodies, action->u.release));
    break;
  case SWISD_ACTION_PERSIST:
    device->incarnation = action->u.persist.incarnation;
    break;
  case SWISD_ACTION_ANSWER:
    swisd_simjobs_answer(d, node, &action->u.answer);
    break;
  case SWISD_ACTION_FORGET:
    swisd_simcompute_forget(device, action->u.forget);
    break;
  }
}

static uint64_t light_digest(const struct swisd_actions *actions)
{
  uint64_t hash = actions->count;
  for (uint32_t i = 0; i < actions->count; i++) {
    const struct swisd_action *a = &actions->list[i];
    hash = swisd_sim_hash(hash, a->kind);
    if (a->kind == SWISD_ACTION_SEND)
      hash = swisd_sim_hash(hash, a->u.send.to.lo ^ (uint64_t)a->u.send.message.type << 56 ^ a->u.send.body.bytes);
    else if (a->kind == SWISD_ACTION_COMPUTE)
      hash = swisd_sim_hash(hash, a->u.compute.flops ^ a->u.compute.key.lo << 32 ^ a->u.compute.ticket);
  }
  return hash;
}

static void record(struct swisd_simdriver *d, struct swisd_sim_device *device, const struct swisd_event *event, uint64_t digest)
{
  static uint8_t bytes[SWISD_RECORD_ENTRY_BYTES_MAX + SWISD_RECORD_MAGIC_BYTES];
  size_t count = 0;
  const int status = event != NULL
                       ? swisd_record_write_event(event, swisd_simdriver_now(d) + device->clock_ns, bytes, sizeof bytes, &count)
                       : swisd_record_write_digest(digest, bytes, sizeof bytes, &count);
  SWISD_ASSERT(status == SWISD_WIRE_OK);
  if (fwrite(bytes, 1, count, device->record) != count && !d->failed) {
    d->failed = true;
    swisd_error_set(&d->error, "%s: cannot write a recording", d->options.record);
    swisd_sim_stop(d->sim);
  }
}

static size_t name_of(void *context, struct swisd_id id, char *out, size_t capacity)
{
  const struct swisd_simdriver *d = context;
  const int length = snprintf(out, capacity, "%u", swisd_simdriver_index(d, id));
  return (size_t)length < capacity ? (size_t)length : capacity - 1;
}

static void print_traces(struct swisd_simdriver *d, uint32_t node)
{
  const struct swisd_trace_namer namer = {name_of, d};
  char text[SWISD_TRACE_TEXT_BYTES_MAX];
  for (uint32_t i = 0; i < d->actions.trace_count; i++) {
    swisd_trace_text(&d->actions.traces[i], d->devices[node].config.id, &namer, text, sizeof text);
    fprintf(d->options.trace, "%s\n", text);
  }
}

void swisd_simdriver_step(struct swisd_simdriver *d, uint32_t node, const struct swisd_event *event)
{
  struct swisd_sim_device *device = &d->devices[node];
  const uint64_t now_ns = swisd_simdriver_now(d);
  SWISD_ASSERT(device->running && !device->frozen);
  device->steps_now = device->steps_now_ns == now_ns ? device->steps_now + 1 : 0;
  device->steps_now_ns = now_ns;
  SWISD_ASSERT(device->steps_now < STEPS_AT_ONCE_MAX);
  d->steps++;
  if (device->record != NULL)
    record(d, device, event, 0);
  swisd_node_step(device->node, event, now_ns + device->clock_ns, &d->actions);
  if (d->options.check)
    swisd_node_check(device->node);
  const bool whole = d->packed || device->record != NULL;
  const uint64_t digest = whole ? swisd_actions_digest(&d->actions) : light_digest(&d->actions);
  d->digest = swisd_sim_hash(swisd_sim_hash(d->digest, now_ns ^ (uint64_t)node << 40 ^ (uint64_t)event->kind << 32), digest);
  if (device->record != NULL)
    record(d, device, NULL, digest);
  if (d->options.trace != NULL)
    print_traces(d, node);
  swisd_simreport_traces(d, node);
  for (uint32_t i = 0; i < d->actions.count; i++)
    act(d, node, &d->actions.list[i]);
  arm(d, node);
}

/* ---- events ---- */

static void job_ended(struct swisd_simdriver *d, const struct swisd_sim_event *event)
{
  struct swisd_sim_operation *operation = event->u.job->operation;
  switch (operation->kind) {
  case SWISD_SIM_COMPUTING:
    swisd_simcompute_ended(d, event->node, (struct swisd_sim_computing *)operation);
    break;
  case SWISD_SIM_FETCHING: {
    struct swisd_sim_fetching *fetching = (struct swisd_sim_fetching *)operation;
    operation->job = NULL;
    swisd_simtransfer_fetched(d, event->node, fetching->action.ticket);
    break;
  }
  default:
    swisd_simnetwork_carried(d, (struct swisd_sim_flight *)operation);
    break;
  }
}

static void deadline(struct swisd_simdriver *d, const struct swisd_sim_event *event)
{
  struct swisd_sim_device *device = &d->devices[event->node];
  if (event->u.number != device->deadline_ns)
    return;
  device->deadline_ns = SWISD_NEVER;
  if (swisd_node_deadline_ns(device->node) > swisd_simdriver_now(d) + device->clock_ns) {
    arm(d, event->node);
    return;
  }
  const struct swisd_event due = {.kind = SWISD_EVENT_DEADLINE};
  swisd_simdriver_step(d, event->node, &due);
}

/* What is meant for one life of one process. */
static void process_event(struct swisd_simdriver *d, const struct swisd_sim_event *event)
{
  struct swisd_sim_device *device = &d->devices[event->node];
  if (!device->running || device->turn != event->turn)
    return;
  if (device->frozen) {
    if (event->kind != SWISD_SIM_DEADLINE) /* its timers are looked after when it thaws */
      swisd_simlife_hold(d, event);
    return;
  }
  switch (event->kind) {
  case SWISD_SIM_DEADLINE:
    deadline(d, event);
    break;
  case SWISD_SIM_COMPUTED:
    swisd_simcompute_quick(d, event->node, (uint32_t)event->u.number);
    break;
  case SWISD_SIM_FETCHED:
    swisd_simtransfer_fetched(d, event->node, (uint32_t)event->u.number);
    break;
  case SWISD_SIM_PROGRESS:
    swisd_simtransfer_progress(d, event->node, (uint32_t)event->u.number);
    break;
  case SWISD_SIM_UNREACHABLE: {
    const struct swisd_event lost = {.kind = SWISD_EVENT_UNREACHABLE, .u.peer = swisd_simdriver_id(d, event->peer)};
    swisd_simdriver_step(d, event->node, &lost);
    break;
  }
  case SWISD_SIM_FEED:
    swisd_simjobs_feed(d, event->node, event->u.number);
    break;
  case SWISD_SIM_EXIT:
    swisd_simlife_exit(d, event->node);
    break;
  default:
    SWISD_ASSERT(false);
  }
}

static void on_event(struct swisd_sim_handler *handler, const struct swisd_sim_event *event)
{
  struct swisd_simdriver *d = (struct swisd_simdriver *)handler;
  switch (event->kind) {
  case SWISD_SIM_JOB:
    job_ended(d, event);
    break;
  case SWISD_SIM_MESSAGE:
    swisd_simnetwork_arrive(d, event);
    break;
  case SWISD_SIM_REQUEST:
    swisd_simtransfer_request(d, event);
    break;
  case SWISD_SIM_STALLED:
    swisd_simnetwork_stalled(d, event);
    break;
  case SWISD_SIM_START:
    swisd_simlife_start(d, event->node);
    break;
  case SWISD_SIM_CHURN:
    swisd_simlife_churn(d, event->node);
    break;
  case SWISD_SIM_FAULT:
    swisd_simlife_fault(d, (uint32_t)event->u.number, false);
    break;
  case SWISD_SIM_FAULT_OVER:
    swisd_simlife_fault(d, (uint32_t)event->u.number, true);
    break;
  case SWISD_SIM_SUBMIT:
    swisd_simjobs_submit(d, event->node);
    break;
  default:
    process_event(d, event);
    break;
  }
}

static void on_discard(struct swisd_sim_handler *handler, struct swisd_sim_event *event)
{
  (void)handler;
  swisd_simlife_discard(event);
}

static void on_prepare(struct swisd_sim_handler *handler)
{
  struct swisd_simdriver *d = (struct swisd_simdriver *)handler;
  swisd_simlife_prepare(d);
  swisd_simjobs_prepare(d);
}

/* ---- building ---- */

/* Room for everybody, no more: in full view a node's memory grows with the swarm. Submitters know as many workers as there
 * are, up to what the larger preset allows; devices submit nothing here, so their tables for that are the smallest. */
static struct swisd_limits limits_for(uint32_t node_count, bool submits)
{
  struct swisd_limits limits = node_count <= swisd_limits_lab.members_max ? swisd_limits_lab : swisd_limits_sim_full;
  const struct swisd_limits *small = &swisd_limits_sim_worker;
  const uint16_t workers_max = swisd_limits_sim_full.workers_max;
  limits.members_max = (uint16_t)(node_count < 60000 ? node_count + 8 : 60000);
  if (!submits) {
    limits.jobs_max = small->jobs_max;
    limits.intervals_max = small->intervals_max;
    limits.workers_max = small->workers_max;
    limits.segments_max = small->segments_max;
  } else if (node_count > limits.workers_max) {
    limits.workers_max = node_count < workers_max ? (uint16_t)node_count : workers_max;
  }
  return limits;
}

static void describe_host(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_host *host = &d->hosts[node];
  struct swisd_sim_device *device = &d->devices[node];
  host->slots = device->config.compute_slots;
  host->site = node < d->device_count ? swisd_scenario_site_of(d->scenario, node) : UINT32_MAX;
  host->place = swisd_scenario_place(d->scenario, d->options.repeat, node);
  if (device->link == SWISD_SCENARIO_NO_LINK)
    return;
  const struct swisd_scenario_link *link = &d->scenario->links[device->link];
  struct swisd_philox latency = swisd_philox_stream(d->scenario->seed, d->options.repeat, node, SWISD_PURPOSE_LATENCY);
  host->latency_up_s = host->latency_down_s = swisd_distribution_draw(&link->latency_s, &latency);
  host->up_bytes_per_s = link->up_bytes_per_s;
  host->down_bytes_per_s = link->down_bytes_per_s;
}

static void describe_sites(struct swisd_simdriver *d)
{
  const struct swisd_scenario *scenario = d->scenario;
  d->sites = calloc(swisd_scenario_site_places(scenario) + 1u, sizeof *d->sites);
  SWISD_ASSERT(d->sites != NULL);
  for (uint32_t s = 0; s < scenario->site_count; s++)
    for (uint32_t i = 0; i < scenario->sites[s].count; i++) {
      const struct swisd_scenario_site *site = &scenario->sites[s];
      struct swisd_philox latency = swisd_philox_stream(scenario->seed, d->options.repeat, site->first + i, SWISD_PURPOSE_SITE);
      struct swisd_sim_host *place = &d->sites[site->first + i];
      place->latency_up_s = place->latency_down_s = swisd_distribution_draw(&site->latency_s, &latency);
      place->up_bytes_per_s = site->up_bytes_per_s;
      place->down_bytes_per_s = site->down_bytes_per_s;
    }
}

static void build_device(struct swisd_simdriver *d, uint32_t node)
{
  const struct swisd_scenario *scenario = d->scenario;
  struct swisd_sim_device *device = &d->devices[node];
  const uint32_t repeat = d->options.repeat;
  device->device_class = node < d->device_count ? swisd_scenario_class_of(scenario, node) : NULL;
  device->link = device->device_class != NULL ? device->device_class->link : scenario->workload.link;
  device->slow = 1;
  device->deadline_ns = SWISD_NEVER;
  device->loss = swisd_philox_stream(scenario->seed, repeat, node, SWISD_PURPOSE_LOSS);
  device->jitter = swisd_philox_stream(scenario->seed, repeat, node, SWISD_PURPOSE_JITTER);
  device->lie = swisd_philox_stream(scenario->seed, repeat, node, SWISD_PURPOSE_LIE);
  device->config = swisd_config_default();
  device->config.limits = limits_for(d->node_count, device->device_class == NULL);
  struct swisd_scenario_class own = {0}; /* its class, with its own speed */
  if (device->device_class != NULL) {
    own = *device->device_class;
    swisd_scenario_speeds(scenario, repeat, node, own.flops_per_s);
    memcpy(device->flops_per_s, own.flops_per_s, sizeof device->flops_per_s);
  }
  swisd_scenario_configure(scenario, device->device_class != NULL ? &own : NULL, &device->config);
  device->config.id = swisd_simdriver_id(d, node);
  device->config.address_count = 1;
  device->config.addresses[0] = swisd_simdriver_address(node);
  const size_t size = (swisd_node_size(&device->config.limits) + 15) & ~(size_t)15;
  device->node = aligned_alloc(16, size);
  SWISD_ASSERT(device->node != NULL);
  describe_host(d, node);
}

/* The speeds that faults will set. */
static int gather_factors(const struct swisd_scenario *scenario, struct swisd_sim_config *config, struct swisd_error *error)
{
  for (uint32_t f = 0; f < scenario->fault_count; f++) {
    if (scenario->faults[f].kind != SWISD_FAULT_SLOW)
      continue;
    const double factor = 1 / scenario->faults[f].factor;
    bool known = !(factor < 1);
    for (uint32_t i = 0; i < config->factor_count && !known; i++)
      known = config->factors[i] >= factor && config->factors[i] <= factor;
    if (known)
      continue;
    if (config->factor_count == SWISD_SIM_FACTORS_MAX)
      return swisd_error_set(error, "faults: more than %d different factors of slow", SWISD_SIM_FACTORS_MAX);
    config->factors[config->factor_count++] = factor;
  }
  return 0;
}

static int build(struct swisd_simdriver *d, struct swisd_error *error)
{
  const struct swisd_scenario *scenario = d->scenario;
  if (strcmp(scenario->policy, "core") != 0)
    return swisd_error_set(error, "policy: there is no policy '%s'; allowed: core", scenario->policy);
  if (swisd_sim_model_open(scenario, d->options.scenario_path, &d->model, error) < 0)
    return -1;
  for (uint32_t i = 0; i < d->node_count; i++)
    build_device(d, i);
  for (uint32_t i = 0; i < scenario->link_count; i++)
    d->link_loss[i] = scenario->links[i].loss;
  struct swisd_sim_config config = {.hosts = d->hosts,
                                    .host_count = d->node_count,
                                    .model = d->options.model,
                                    .quantum_ns = d->options.quantum_ns,
                                    .serialise = d->options.serialise,
                                    .everything = d->options.everything};
  describe_sites(d);
  config.sites = d->sites;
  config.site_count = swisd_scenario_site_places(scenario);
  if (scenario->distances != NULL) {
    config.round_trips = scenario->distances->u.matrix.values;
    config.places = scenario->distances->u.matrix.places;
    config.round_trip_unit_s = (double)scenario->distance_unit_ns * 1e-9;
  }
  if (gather_factors(scenario, &config, error) < 0)
    return -1;
  d->log = swisd_runlog_open(d->options.directory, error);
  if (d->log == NULL || swisd_simjobs_open(d, error) < 0)
    return -1;
  swisd_simreport_open(d);
  d->sim = swisd_sim_new(&config);
  return 0;
}

static void *zeroed(size_t count, size_t size)
{
  void *memory = calloc(count > 0 ? count : 1, size);
  SWISD_ASSERT(memory != NULL);
  return memory;
}

struct swisd_simdriver *swisd_simdriver_new(const struct swisd_scenario *scenario, const struct swisd_simdriver_options *options,
                                            struct swisd_error *error)
{
  struct swisd_simdriver *d = zeroed(1, sizeof *d);
  d->handler = (struct swisd_sim_handler){.event = on_event, .discard = on_discard};
  d->file = scenario;
  swisd_scenario_unroll(scenario, options->repeat, &d->unrolled);
  d->scenario = &d->unrolled;
  d->options = *options;
  d->packed = scenario->wire == SWISD_WIRE_FULL;
  d->first_submit_ns = SWISD_NEVER;
  d->device_count = scenario->device_count;
  d->submitter_count = scenario->workload.submitters;
  d->node_count = d->device_count + d->submitter_count;
  d->devices = zeroed(d->node_count, sizeof *d->devices);
  d->hosts = zeroed(d->node_count, sizeof *d->hosts);
  d->submitters = zeroed(d->submitter_count, sizeof *d->submitters);
  d->link_loss = zeroed(scenario->link_count, sizeof *d->link_loss);
  d->fault_devices = zeroed(d->device_count, sizeof *d->fault_devices);
  d->linked = zeroed(((size_t)d->node_count * d->node_count + 7) / 8, 1);
  if (build(d, error) < 0) {
    struct swisd_error ignored;
    swisd_simdriver_close(d, &ignored);
    return NULL;
  }
  return d;
}

int swisd_simdriver_run(struct swisd_simdriver *d, struct swisd_error *error)
{
  swisd_sim_run(d->sim, &d->handler, on_prepare, d->options.settle_ns + d->scenario->duration_ns);
  d->end_ns = swisd_sim_now_ns(d->sim);
  if (d->failed)
    *error = d->error;
  return d->failed ? -1 : 0;
}

uint64_t swisd_simdriver_digest(const struct swisd_simdriver *d) { return d->digest; }

int swisd_simdriver_close(struct swisd_simdriver *d, struct swisd_error *error)
{
  int status = 0;
  const bool built = d->log != NULL && d->sim != NULL;
  const struct swisd_runlog_summary summary = built ? swisd_simdriver_summary(d) : (struct swisd_runlog_summary){0};
  for (uint32_t i = 0; i < d->node_count; i++)
    swisd_simlife_free(d, i);
  if (built)
    status = swisd_runlog_close(d->log, &summary, swisd_simdriver_since(d, d->end_ns), error);
  else if (d->log != NULL)
    swisd_runlog_discard(d->log);
  if (d->sim != NULL)
    swisd_sim_free(d->sim);
  swisd_simjobs_close(d);
  swisd_sim_model_close(&d->model);
  free(d->devices);
  free(d->hosts);
  free(d->sites);
  free(d->submitters);
  free(d->link_loss);
  free(d->fault_devices);
  free(d->linked);
  swisd_scenario_unrolled_free(&d->unrolled);
  free(d);
  return status;
}
