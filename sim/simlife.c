/* Processes come and go: churn and scripted faults. A process runs when neither its churn nor a fault keeps it down; a killed
 * one comes back as a new process of the same identity with the same disk. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "runtime/wire/record.h"
#include "sim/simdriver_internal.h"

enum { SEEDS = 3 };
/* Devices are switched on within half a second, submitters and other seeds at once: somebody must be there to be joined. */
#define START_SPREAD_NS (500 * SWISD_MILLISECOND)
/* What a process that leaves takes to say so. */
#define LEAVE_NS SWISD_SECOND

/* ---- a process ---- */

static void open_record(struct swisd_simdriver *d, uint32_t node, uint64_t seed)
{
  struct swisd_sim_device *device = &d->devices[node];
  if (d->options.record == NULL)
    return;
  char path[4200];
  snprintf(path, sizeof path, "%s/node-%u-%u.rec", d->options.record, node, device->turn);
  uint8_t bytes[SWISD_RECORD_ENTRY_BYTES_MAX + SWISD_RECORD_MAGIC_BYTES];
  size_t count = 0;
  SWISD_ASSERT(swisd_record_write_start(&device->config, seed, bytes, sizeof bytes, &count) == SWISD_WIRE_OK);
  device->record = fopen(path, "wb");
  if ((device->record == NULL || fwrite(bytes, 1, count, device->record) != count) && !d->failed) {
    d->failed = true;
    swisd_error_set(&d->error, "%s: cannot write: %m", path);
    swisd_sim_stop(d->sim);
  }
}

static void close_record(struct swisd_simdriver *d, struct swisd_sim_device *device)
{
  if (device->record != NULL && fclose(device->record) != 0 && !d->failed) {
    d->failed = true;
    swisd_error_set(&d->error, "%s: cannot write a recording: %m", d->options.record);
  }
  device->record = NULL;
}

/* The swarm's first members: a submitter or two, then devices. */
static void fill_seeds(const struct swisd_simdriver *d, uint32_t node, struct swisd_event_start *start)
{
  for (uint32_t i = 0; i < d->node_count && i < SEEDS; i++) {
    const uint32_t seed = i < d->submitter_count ? d->device_count + i : i - d->submitter_count;
    if (seed != node)
      start->seeds[start->seed_count++] = swisd_simdriver_address(seed);
  }
}

void swisd_simlife_start(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  if (device->running || device->down_by_churn || device->down_by_fault)
    return;
  device->turn++;
  device->running = true;
  device->leaving = false;
  device->deadline_ns = SWISD_NEVER;
  struct swisd_philox seeds = swisd_philox_stream(d->scenario->seed, d->options.repeat, node, SWISD_PURPOSE_NODE);
  const uint64_t seed = swisd_sim_hash(swisd_philox_u64(&seeds), device->turn);
  swisd_node_init(device->node, &device->config, seed);
  open_record(d, node, seed);
  device->told_suspect = device->told_dead = false;
  if (device->turn > 1) {
    d->returns++;
    swisd_simreport_event(d, SWISD_RUNLOG_RETURN, node, 0);
  }
  swisd_simreport_speed(d, node);
  struct swisd_event event = {.kind = SWISD_EVENT_START};
  event.u.start.incarnation = device->incarnation;
  fill_seeds(d, node, &event.u.start);
  for (uint32_t i = 0; i < device->disk_count && i < SWISD_HOLDINGS_MAX; i++)
    event.u.start.holdings[event.u.start.holding_count++] = device->disk[i];
  swisd_simdriver_step(d, node, &event);
  if (device->device_class != NULL)
    return;
  const struct swisd_event model = {.kind = SWISD_EVENT_MODEL, .u.model = &d->model.manifest};
  swisd_simdriver_step(d, node, &model);
}

void swisd_simlife_hold(struct swisd_simdriver *d, const struct swisd_sim_event *event)
{
  struct swisd_sim_device *device = &d->devices[event->node];
  if (device->held_count == device->held_capacity) {
    device->held_capacity = device->held_capacity == 0 ? 16 : 2 * device->held_capacity;
    device->held = realloc(device->held, device->held_capacity * sizeof *device->held);
    SWISD_ASSERT(device->held != NULL);
  }
  device->held[device->held_count++] = *event;
}

void swisd_simlife_discard(struct swisd_sim_event *event)
{
  if (event->kind == SWISD_SIM_MESSAGE || event->kind == SWISD_SIM_STALLED)
    swisd_simnetwork_drop((struct swisd_sim_flight *)event->u.bytes);
}

static void discard_held(struct swisd_sim_device *device)
{
  for (uint32_t i = 0; i < device->held_count; i++)
    swisd_simlife_discard(&device->held[i]);
  device->held_count = 0;
}

/* The backend's jobs of a process that is gone. Fetches from it fail at their other end. */
static void end_jobs(struct swisd_simdriver *d, uint32_t node)
{
  for (struct swisd_sim_job *job; (job = swisd_sim_job_of(d->sim, node)) != NULL;) {
    struct swisd_sim_operation *operation = job->operation;
    const uint32_t to = job->to;
    swisd_sim_cancel(d->sim, job);
    operation->job = NULL;
    if (operation->kind == SWISD_SIM_CARRYING)
      swisd_simnetwork_drop((struct swisd_sim_flight *)operation);
    else if (operation->kind == SWISD_SIM_FETCHING && to != node)
      swisd_simtransfer_broken(d, to, (struct swisd_sim_fetching *)operation, true);
  }
}

static void kill_process(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  swisd_simnetwork_reset(d, node);
  if (device->frozen)
    swisd_sim_freeze(d->sim, node, false);
  device->running = device->frozen = device->leaving = false;
  end_jobs(d, node);
  swisd_simcompute_clear(d, node);
  swisd_simtransfer_clear(device);
  swisd_sim_bodies_clear(&device->bodies);
  discard_held(device);
  close_record(d, device);
  device->deadline_ns = SWISD_NEVER;
  device->told_suspect = device->told_dead = false;
  swisd_simreport_speed(d, node);
}

void swisd_simlife_exit(struct swisd_simdriver *d, uint32_t node)
{
  kill_process(d, node);
  swisd_simlife_start(d, node); /* if it is wanted again already */
}

static void leave(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  device->leaving = true;
  swisd_simreport_speed(d, node);
  swisd_simreport_event(d, SWISD_RUNLOG_LEAVE, node, 0);
  const struct swisd_event stop = {.kind = SWISD_EVENT_STOP};
  swisd_simdriver_step(d, node, &stop);
  swisd_simdriver_at(d, swisd_simdriver_now(d) + LEAVE_NS, SWISD_SIM_EXIT, node, node, 0);
}

/* Brings a process in line with what churn and faults want. */
static void follow(struct swisd_simdriver *d, uint32_t node, bool graceful)
{
  struct swisd_sim_device *device = &d->devices[node];
  const bool wanted = !device->down_by_churn && !device->down_by_fault;
  if (wanted && !device->running) {
    swisd_simlife_start(d, node);
  } else if (!wanted && device->running && !device->leaving) {
    d->departures++;
    if (graceful && !device->frozen) {
      leave(d, node);
    } else {
      swisd_simreport_event(d, SWISD_RUNLOG_KILL, node, 0);
      kill_process(d, node);
    }
  }
}

/* ---- churn ---- */

static void schedule_churn(struct swisd_simdriver *d, uint32_t node)
{
  const uint64_t change_ns = d->devices[node].churn.change_ns;
  if (change_ns < SWISD_NEVER - d->options.settle_ns)
    swisd_simdriver_at(d, d->options.settle_ns + change_ns, SWISD_SIM_CHURN, node, node, 0);
}

void swisd_simlife_churn(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  swisd_scenario_churn_next(&device->churn);
  device->down_by_churn = !device->churn.up;
  follow(d, node, device->device_class->leave == SWISD_LEAVE_GRACEFUL);
  schedule_churn(d, node);
}

/* ---- scripted faults ---- */

static void silence(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  if (!device->running || device->frozen)
    return;
  device->frozen = true;
  device->frozen_since_ns = swisd_simdriver_now(d);
  swisd_sim_freeze(d->sim, node, true);
  swisd_simreport_speed(d, node);
  swisd_simreport_event(d, SWISD_RUNLOG_SILENCE, node, 0);
}

/* The lid opens: the clock has jumped, and what waited in the kernel's buffers comes in. */
static void thaw(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  if (!device->running || !device->frozen)
    return;
  device->frozen = false;
  swisd_sim_freeze(d->sim, node, false);
  device->told_suspect = device->told_dead = false;
  swisd_simreport_speed(d, node);
  swisd_simreport_event(d, SWISD_RUNLOG_RETURN, node, 0);
  device->deadline_ns = SWISD_NEVER;
  for (uint32_t i = 0; i < device->held_count; i++) {
    device->held[i].time_ns = swisd_simdriver_now(d);
    swisd_sim_again(d->sim, &device->held[i]);
  }
  device->held_count = 0;
  const struct swisd_event resumed = {.kind = SWISD_EVENT_RESUMED, .u.gap_ns = swisd_simdriver_now(d) - device->frozen_since_ns};
  swisd_simdriver_step(d, node, &resumed);
}

static void set_slow(struct swisd_simdriver *d, uint32_t node, double factor)
{
  struct swisd_sim_device *device = &d->devices[node];
  device->slow = factor;
  swisd_sim_set_speed(d->sim, node, factor > 1 ? 1 / factor : 1);
  swisd_simreport_speed(d, node);
  if (factor > 1)
    swisd_simreport_event(d, SWISD_RUNLOG_SLOW, node, factor);
  else if (device->running && !device->frozen)
    swisd_simreport_event(d, SWISD_RUNLOG_RETURN, node, 0);
}

static void set_killed(struct swisd_simdriver *d, uint32_t node, bool killed)
{
  d->devices[node].down_by_fault = killed;
  follow(d, node, false);
}

/* What is on its way across a new border comes no further. */
static void cut_transfers(struct swisd_simdriver *d, uint32_t node)
{
  for (uint32_t peer = 0; peer < d->node_count; peer++) {
    if (peer == node || swisd_simnetwork_open(d, node, peer))
      continue;
    for (struct swisd_sim_job *job; (job = swisd_sim_job_between(d->sim, node, peer)) != NULL;) {
      struct swisd_sim_operation *operation = job->operation;
      const uint32_t to = job->to;
      swisd_sim_cancel(d->sim, job);
      if (operation->kind == SWISD_SIM_CARRYING)
        swisd_simnetwork_cut(d, (struct swisd_sim_flight *)operation);
      else
        swisd_simtransfer_broken(d, to, (struct swisd_sim_fetching *)operation, false);
    }
  }
}

static void set_partition(struct swisd_simdriver *d, uint32_t node, uint8_t way, uint64_t bit, bool in)
{
  uint64_t *partitions = &d->devices[node].partitions[way];
  *partitions = in ? *partitions | bit : *partitions & ~bit;
  if (in)
    swisd_simreport_event(d, SWISD_RUNLOG_PARTITION, node, 0);
}

/* Its clock is suddenly ahead, as after a suspension that nobody else noticed: its timers are due, and it is told of the gap. */
static void jump(struct swisd_simdriver *d, uint32_t node, uint64_t gap_ns)
{
  struct swisd_sim_device *device = &d->devices[node];
  device->clock_ns += gap_ns;
  swisd_simreport_event(d, "clock", node, (double)gap_ns * 1e-9);
  if (!device->running || device->frozen)
    return;
  device->deadline_ns = SWISD_NEVER;
  const struct swisd_event resumed = {.kind = SWISD_EVENT_RESUMED, .u.gap_ns = gap_ns};
  swisd_simdriver_step(d, node, &resumed);
}

/* Devices, and submitters, behind the link have `factor` of its bandwidth; transfers under way feel it. */
static void set_bandwidth(struct swisd_simdriver *d, const struct swisd_scenario_fault *fault, bool over)
{
  const struct swisd_scenario_link *link = &d->scenario->links[fault->link];
  const double factor = over ? 1 : fault->factor;
  for (uint32_t node = 0; node < d->node_count; node++)
    if (d->devices[node].link == fault->link) {
      d->hosts[node].up_bytes_per_s = link->up_bytes_per_s * factor;
      d->hosts[node].down_bytes_per_s = link->down_bytes_per_s * factor;
      swisd_sim_bandwidth_changed(d->sim, node);
    }
  swisd_simreport_event(d, "bandwidth", SWISD_RUNLOG_NOBODY, factor);
}

static void apply(struct swisd_simdriver *d, const struct swisd_scenario_fault *fault, uint32_t index, uint32_t node, bool over)
{
  switch (fault->kind) {
  case SWISD_FAULT_KILL:
    set_killed(d, node, !over);
    break;
  case SWISD_FAULT_SILENCE:
    if (over)
      thaw(d, node);
    else
      silence(d, node);
    break;
  case SWISD_FAULT_SLOW:
    set_slow(d, node, over ? 1 : fault->factor);
    break;
  case SWISD_FAULT_RETURN:
    if (over)
      break;
    set_killed(d, node, false);
    thaw(d, node);
    if (d->devices[node].slow > 1)
      set_slow(d, node, 1);
    break;
  case SWISD_FAULT_PARTITION:
    set_partition(d, node, fault->way, UINT64_C(1) << index % 64, !over);
    break;
  case SWISD_FAULT_CUT:
    d->devices[node].cuts += over ? -1u : 1u;
    swisd_simreport_event(d, over ? SWISD_RUNLOG_RETURN : "cut", node, 0);
    break;
  case SWISD_FAULT_LIE:
    d->devices[node].lies = over ? 0 : fault->loss;
    swisd_simreport_event(d, "lie", node, d->devices[node].lies);
    break;
  case SWISD_FAULT_CLOCK:
    jump(d, node, fault->jump_ns);
    break;
  case SWISD_FAULT_DISK_FULL:
    d->devices[node].disk_full = !over;
    swisd_simreport_event(d, "disk_full", node, over ? 0 : 1);
    break;
  default:
    break;
  }
}

static void set_loss(struct swisd_simdriver *d, const struct swisd_scenario_fault *fault, bool over)
{
  d->link_loss[fault->link] = over ? d->scenario->links[fault->link].loss : fault->loss;
  swisd_simreport_event(d, SWISD_RUNLOG_LOSS, SWISD_RUNLOG_NOBODY, d->link_loss[fault->link]);
}

void swisd_simlife_fault(struct swisd_simdriver *d, uint32_t index, bool over)
{
  const struct swisd_scenario_fault *fault = &d->scenario->faults[index];
  if (fault->kind == SWISD_FAULT_LOSS) {
    set_loss(d, fault, over);
    return;
  }
  if (fault->kind == SWISD_FAULT_BANDWIDTH) {
    set_bandwidth(d, fault, over);
    return;
  }
  if (fault->kind == SWISD_FAULT_DEMAND) {
    swisd_simreport_event(d, "demand", SWISD_RUNLOG_NOBODY, over ? 1 : fault->factor);
    return; /* arrivals go by it: simjobs.c */
  }
  const uint32_t count = swisd_scenario_fault_devices(d->scenario, fault, d->options.repeat, d->fault_devices, d->device_count);
  for (uint32_t i = 0; i < count; i++)
    apply(d, fault, index, d->fault_devices[i], over);
  for (uint32_t i = 0; i < count && (fault->kind == SWISD_FAULT_PARTITION || fault->kind == SWISD_FAULT_CUT); i++)
    cut_transfers(d, d->fault_devices[i]);
}

/* ---- the plan ---- */

static void plan_faults(struct swisd_simdriver *d)
{
  for (uint32_t f = 0; f < d->scenario->fault_count; f++) {
    const struct swisd_scenario_fault *fault = &d->scenario->faults[f];
    struct swisd_sim_event event = {.time_ns = d->options.settle_ns + fault->at_ns, .kind = SWISD_SIM_FAULT, .u.number = f};
    swisd_sim_at(d->sim, &event);
    if (fault->for_ns > SWISD_NEVER - event.time_ns)
      continue;
    event.kind = SWISD_SIM_FAULT_OVER;
    event.time_ns += fault->for_ns;
    swisd_sim_at(d->sim, &event);
  }
}

void swisd_simlife_prepare(struct swisd_simdriver *d)
{
  for (uint32_t s = d->device_count; s < d->node_count; s++) {
    struct swisd_sim_device *submitter = &d->devices[s];
    for (uint32_t i = 0; i < d->model.manifest.shard_count && i < SWISD_SIM_DISK_SHARDS_MAX; i++)
      submitter->disk[submitter->disk_count++] = d->model.manifest.shards[i].shard;
    swisd_simdriver_at(d, 0, SWISD_SIM_START, s, s, 0);
  }
  for (uint32_t i = 0; i < d->device_count; i++) {
    struct swisd_philox spread = swisd_philox_stream(d->scenario->seed, d->options.repeat, i, SWISD_PURPOSE_PLATFORM);
    const bool is_seed = i + d->submitter_count < SEEDS;
    swisd_simdriver_at(d, is_seed ? 0 : (uint64_t)(swisd_philox_unit(&spread) * START_SPREAD_NS), SWISD_SIM_START, i, i, 0);
    d->devices[i].churn = swisd_scenario_churn_start(d->scenario, d->options.repeat, i);
    d->devices[i].down_by_churn = !d->devices[i].churn.up;
    schedule_churn(d, i);
  }
  plan_faults(d);
}

void swisd_simlife_free(struct swisd_simdriver *d, uint32_t node)
{
  struct swisd_sim_device *device = &d->devices[node];
  close_record(d, device);
  discard_held(device);
  free(device->held);
  swisd_simtransfer_clear(device);
  swisd_simcompute_clear(d, node);
  swisd_sim_bodies_free(&device->bodies);
  free(device->node);
}
