/* The queue's side of the simulated world, and the loop in which everything happens. The fluid models are in
 * fluid_simgrid.c and fluid_formula.c. */
#include "sim/backend.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/fluid.h"

struct swisd_sim *swisd_sim_new(const struct swisd_sim_config *config)
{
  struct swisd_sim *sim = calloc(1, sizeof *sim);
  assert(sim != NULL && config->host_count > 0 && config->factor_count <= SWISD_SIM_FACTORS_MAX);
  assert(!config->everything || config->model == SWISD_SIM_SIMGRID);
  sim->config = *config;
  sim->fluid = config->model == SWISD_SIM_SIMGRID ? &swisd_sim_fluid_simgrid : &swisd_sim_fluid_formula;
  sim->hosts = calloc(swisd_sim_gateway(sim, UINT32_MAX) + 1, sizeof *sim->hosts);
  assert(sim->hosts != NULL);
  for (uint32_t h = 0; h < config->host_count; h++) {
    assert(config->hosts[h].slots > 0);
    sim->hosts[h].factor = 1;
  }
  sim->wake_ns = UINT64_MAX;
  sim->fluid->start(sim);
  return sim;
}

void swisd_sim_free(struct swisd_sim *sim)
{
  for (uint32_t i = 0; i < sim->heap.count && sim->handler != NULL && sim->handler->discard != NULL; i++)
    if (sim->heap.events[i].kind != SWISD_SIM_JOB)
      sim->handler->discard(sim->handler, &sim->heap.events[i]);
  swisd_sim_heap_free(&sim->heap);
  while (sim->free_activities != NULL) {
    struct swisd_sim_activity *next = sim->free_activities->next[0];
    free(sim->free_activities);
    sim->free_activities = next;
  }
  free(sim->mailboxes);
  free(sim->hosts);
  free(sim);
}

uint64_t swisd_sim_now_ns(const struct swisd_sim *sim) { return sim->now_ns; }

struct swisd_sim_counts swisd_sim_counts(const struct swisd_sim *sim) { return sim->counts; }

void swisd_sim_stop(struct swisd_sim *sim) { sim->stopped = true; }

/* ---- closed forms ---- */

double swisd_sim_latency_s(const struct swisd_sim *sim, uint32_t from, uint32_t to)
{
  return sim->config.hosts[from].latency_up_s + sim->config.hosts[to].latency_down_s + swisd_sim_distance_s(sim, from, to);
}

/* Gateways of sites come after the hosts, and after those one that stands for everything without a site. */
uint32_t swisd_sim_gateway(const struct swisd_sim *sim, uint32_t site)
{
  return sim->config.host_count + (site < sim->config.site_count ? site : sim->config.site_count);
}

bool swisd_sim_crosses(const struct swisd_sim *sim, uint32_t from, uint32_t to)
{
  return sim->config.site_count > 0 && sim->config.hosts[from].site != sim->config.hosts[to].site;
}

double swisd_sim_distance_s(const struct swisd_sim *sim, uint32_t from, uint32_t to)
{
  double uplinks_s = 0;
  if (swisd_sim_crosses(sim, from, to)) {
    const uint32_t a = sim->config.hosts[from].site, b = sim->config.hosts[to].site;
    uplinks_s += a < sim->config.site_count ? sim->config.sites[a].latency_up_s : 0;
    uplinks_s += b < sim->config.site_count ? sim->config.sites[b].latency_down_s : 0;
  }
  if (sim->config.round_trips == NULL || from == to)
    return uplinks_s;
  const size_t row = (size_t)sim->config.hosts[from].place * sim->config.places;
  return uplinks_s + (double)sim->config.round_trips[row + sim->config.hosts[to].place] / 2 * sim->config.round_trip_unit_s;
}

static double slower(double bandwidth, double limit) { return limit > 0 && limit < bandwidth ? limit : bandwidth; }

double swisd_sim_bandwidth(const struct swisd_sim *sim, uint32_t from, uint32_t to)
{
  double rate = slower(SWISD_SIM_BANDWIDTH_UNLIMITED, sim->config.hosts[from].up_bytes_per_s);
  rate = slower(rate, sim->config.hosts[to].down_bytes_per_s);
  if (swisd_sim_crosses(sim, from, to)) {
    const uint32_t a = sim->config.hosts[from].site, b = sim->config.hosts[to].site;
    rate = a < sim->config.site_count ? slower(rate, sim->config.sites[a].up_bytes_per_s) : rate;
    rate = b < sim->config.site_count ? slower(rate, sim->config.sites[b].down_bytes_per_s) : rate;
  }
  return rate * SWISD_SIM_BANDWIDTH_FACTOR;
}

static uint64_t to_ns(double time_s) { return (uint64_t)(time_s * 1e9 + 0.5); }

uint64_t swisd_sim_latency_ns(const struct swisd_sim *sim, uint32_t from, uint32_t to)
{
  return to_ns(swisd_sim_latency_s(sim, from, to));
}

/* ---- events ---- */

static void push(struct swisd_sim *sim, const struct swisd_sim_event *event)
{
  struct swisd_sim_event rounded = *event;
  if (rounded.time_ns < sim->now_ns)
    rounded.time_ns = sim->now_ns;
  const uint64_t quantum_ns = sim->config.quantum_ns;
  if (quantum_ns > 0 && rounded.time_ns < UINT64_MAX - quantum_ns)
    rounded.time_ns = (rounded.time_ns + quantum_ns - 1) / quantum_ns * quantum_ns;
  swisd_sim_heap_push(&sim->heap, &rounded);
}

void swisd_sim_at(struct swisd_sim *sim, const struct swisd_sim_event *event)
{
  assert(event->kind >= SWISD_SIM_KIND_FIRST);
  push(sim, event);
}

void swisd_sim_again(struct swisd_sim *sim, const struct swisd_sim_event *event)
{
  assert(event->kind != SWISD_SIM_JOB);
  push(sim, event);
}

/* ---- activities ---- */

static struct swisd_sim_activity *activity_new(struct swisd_sim *sim, uint32_t from, uint32_t to, bool bulk, double amount)
{
  assert(from <= swisd_sim_gateway(sim, UINT32_MAX) && to <= swisd_sim_gateway(sim, UINT32_MAX) && amount >= 0);
  struct swisd_sim_activity *activity = sim->free_activities;
  if (activity != NULL)
    sim->free_activities = activity->next[0];
  else
    activity = malloc(sizeof *activity);
  assert(activity != NULL);
  *activity = (struct swisd_sim_activity){
    .job = {.from = from, .to = to, .bulk = bulk}, .sim = sim, .live = true, .references = 1, .amount = amount};
  sim->active++;
  return activity;
}

static void enlist(struct swisd_sim_activity *activity, uint32_t host, int list)
{
  struct swisd_sim_activity **head = &activity->sim->hosts[host].activities[list];
  activity->next[list] = *head;
  activity->link[list] = head;
  if (*head != NULL)
    (*head)->link[list] = &activity->next[list];
  *head = activity;
}

static void delist(struct swisd_sim_activity *activity, int list)
{
  if (activity->link[list] == NULL)
    return;
  *activity->link[list] = activity->next[list];
  if (activity->next[list] != NULL)
    activity->next[list]->link[list] = activity->link[list];
  activity->link[list] = NULL;
}

void swisd_sim_activity_release(struct swisd_sim_activity *activity)
{
  if (--activity->references > 0)
    return;
  struct swisd_sim *sim = activity->sim;
  if (activity->companion != NULL) {
    activity->companion->principal = NULL;
    swisd_sim_activity_release(activity->companion);
  }
  if (activity->mailbox != NULL) {
    if (sim->mailbox_count == sim->mailbox_capacity) {
      sim->mailbox_capacity = sim->mailbox_capacity == 0 ? 64 : sim->mailbox_capacity * 2;
      sim->mailboxes = realloc(sim->mailboxes, sim->mailbox_capacity * sizeof(sg_mailbox_t));
      assert(sim->mailboxes != NULL);
    }
    sim->mailboxes[sim->mailbox_count++] = activity->mailbox;
  }
  activity->next[0] = sim->free_activities;
  sim->free_activities = activity;
}

/* Off the lists; the reference of the lists goes too. */
static void retire(struct swisd_sim_activity *activity)
{
  activity->live = false;
  activity->sim->active--;
  delist(activity, 0);
  delist(activity, 1);
  swisd_sim_activity_release(activity);
}

void swisd_sim_activity_ended(struct swisd_sim_activity *activity, uint64_t time_ns)
{
  activity->references++;
  struct swisd_sim_event event = {.time_ns = time_ns,
                                  .kind = SWISD_SIM_JOB,
                                  .node = activity->job.to,
                                  .peer = activity->job.from,
                                  .turn = activity->ends,
                                  .u.job = &activity->job};
  push(activity->sim, &event);
}

struct swisd_sim_job *swisd_sim_compute(struct swisd_sim *sim, uint32_t host, double slot_s)
{
  struct swisd_sim_activity *activity = activity_new(sim, host, host, false, slot_s);
  enlist(activity, host, 0);
  activity->frozen = sim->hosts[host].frozen;
  sim->counts.computes++;
  sim->fluid->begin(sim, activity);
  return &activity->job;
}

/* What a transfer between sites is to their uplinks: as many bytes between the gateways. The transfer has ended when both have,
 * so it takes as long as the slower of its own links and the uplinks, which it shares with the others there. */
static struct swisd_sim_activity *companion_new(struct swisd_sim *sim, struct swisd_sim_activity *principal)
{
  const uint32_t a = sim->config.hosts[principal->job.from].site, b = sim->config.hosts[principal->job.to].site;
  struct swisd_sim_activity *companion =
    activity_new(sim, swisd_sim_gateway(sim, a), swisd_sim_gateway(sim, b), true, principal->amount);
  sim->active--; /* the principal counts for both */
  companion->principal = principal;
  companion->frozen = principal->frozen;
  return companion;
}

struct swisd_sim_job *swisd_sim_bulk(struct swisd_sim *sim, uint32_t from, uint32_t to, double bytes)
{
  assert(from != to);
  struct swisd_sim_activity *activity = activity_new(sim, from, to, true, bytes);
  enlist(activity, from, 0);
  enlist(activity, to, 1);
  activity->frozen = sim->hosts[from].frozen || sim->hosts[to].frozen;
  sim->counts.bulks++;
  if (swisd_sim_crosses(sim, from, to) && sim->config.model == SWISD_SIM_SIMGRID) {
    activity->companion = companion_new(sim, activity);
    sim->fluid->begin(sim, activity->companion);
  }
  sim->fluid->begin(sim, activity);
  return &activity->job;
}

static struct swisd_sim_activity *activity_of(struct swisd_sim_job *job) { return (struct swisd_sim_activity *)job; }

void swisd_sim_cancel(struct swisd_sim *sim, struct swisd_sim_job *job)
{
  struct swisd_sim_activity *activity = activity_of(job);
  assert(activity->live);
  activity->references++; /* until the model has let go */
  retire(activity);
  sim->counts.cancels++;
  sim->fluid->cancel(sim, activity);
  if (activity->companion != NULL) {
    activity->companion->live = false;
    sim->fluid->cancel(sim, activity->companion);
  }
  swisd_sim_activity_release(activity);
}

struct swisd_sim_job *swisd_sim_job_of(struct swisd_sim *sim, uint32_t host)
{
  for (int list = 0; list < 2; list++)
    if (sim->hosts[host].activities[list] != NULL)
      return &sim->hosts[host].activities[list]->job;
  return NULL;
}

struct swisd_sim_job *swisd_sim_job_between(struct swisd_sim *sim, uint32_t a, uint32_t b)
{
  for (int list = 0; list < 2; list++)
    for (struct swisd_sim_activity *activity = sim->hosts[a].activities[list]; activity != NULL; activity = activity->next[list])
      if (activity->job.bulk && (list == 0 ? activity->job.to : activity->job.from) == b)
        return &activity->job;
  return NULL;
}

void swisd_sim_set_speed(struct swisd_sim *sim, uint32_t host, double factor)
{
  assert(factor > 0);
  sim->hosts[host].factor = factor;
  sim->fluid->speed(sim, host, factor);
}

void swisd_sim_bandwidth_changed(struct swisd_sim *sim, uint32_t host) { sim->fluid->bandwidth(sim, host); }

void swisd_sim_freeze(struct swisd_sim *sim, uint32_t host, bool frozen)
{
  if (sim->hosts[host].frozen == frozen)
    return;
  sim->hosts[host].frozen = frozen;
  for (int list = 0; list < 2; list++)
    for (struct swisd_sim_activity *a = sim->hosts[host].activities[list]; a != NULL; a = a->next[list]) {
      const bool now = sim->hosts[a->job.from].frozen || sim->hosts[a->job.to].frozen;
      if (now == a->frozen)
        continue;
      a->frozen = now;
      sim->fluid->freeze(sim, a);
      if (a->companion != NULL && a->companion->live) {
        a->companion->frozen = now;
        sim->fluid->freeze(sim, a->companion);
      }
    }
}

/* ---- messages ---- */

void swisd_sim_send(struct swisd_sim *sim, uint32_t from, uint32_t to, uint32_t turn, double wire_bytes, uint64_t extra_ns,
                    unsigned char *bytes)
{
  sim->counts.messages++;
  if (sim->config.everything && from != to) {
    struct swisd_sim_activity *activity = activity_new(sim, from, to, true, wire_bytes);
    activity->is_message = true;
    activity->message = bytes;
    activity->turn = turn;
    activity->extra_ns = extra_ns;
    sim->fluid->begin(sim, activity);
    return;
  }
  uint64_t start_ns = sim->now_ns;
  if (sim->config.serialise && from != to) {
    struct swisd_sim_host_state *host = &sim->hosts[from];
    if (host->uplink_free_ns > start_ns)
      start_ns = host->uplink_free_ns;
    host->uplink_free_ns =
      start_ns + to_ns(wire_bytes / slower(SWISD_SIM_BANDWIDTH_UNLIMITED, sim->config.hosts[from].up_bytes_per_s));
  }
  const double flight_s = from == to ? 0 : swisd_sim_latency_s(sim, from, to) + wire_bytes / swisd_sim_bandwidth(sim, from, to);
  const struct swisd_sim_event event = {.time_ns = start_ns + to_ns(flight_s) + extra_ns,
                                        .kind = SWISD_SIM_MESSAGE,
                                        .node = to,
                                        .peer = from,
                                        .turn = turn,
                                        .u.bytes = bytes};
  push(sim, &event);
}

/* ---- the loop ---- */

/* A transfer that carried a control message becomes that message. */
static struct swisd_sim_event message_of(struct swisd_sim *sim, const struct swisd_sim_activity *activity)
{
  const struct swisd_sim_event event = {.time_ns = sim->now_ns,
                                        .kind = SWISD_SIM_MESSAGE,
                                        .node = activity->job.to,
                                        .peer = activity->job.from,
                                        .turn = activity->turn,
                                        .u.bytes = activity->message};
  return event;
}

static void handle_end(struct swisd_sim *sim, const struct swisd_sim_event *event)
{
  struct swisd_sim_activity *activity = activity_of(event->u.job);
  if (activity->live && activity->ends == event->turn) {
    activity->references++; /* the handler may still read the job */
    retire(activity);
    if (activity->is_message) {
      struct swisd_sim_event message = message_of(sim, activity);
      message.time_ns += activity->extra_ns;
      push(sim, &message);
    } else {
      sim->handler->event(sim->handler, event);
    }
    swisd_sim_activity_release(activity);
  }
  swisd_sim_activity_release(activity);
}

void swisd_sim_loop(struct swisd_sim *sim)
{
  if (sim->prepare != NULL)
    sim->prepare(sim->handler);
  while (!sim->stopped) {
    uint64_t next_ns = sim->heap.count > 0 ? sim->heap.events[0].time_ns : UINT64_MAX;
    next_ns = next_ns < sim->until_ns ? next_ns : sim->until_ns;
    if (sim->active > 0 && !sim->fluid->advance(sim, next_ns))
      continue;
    if (sim->heap.count == 0 || sim->heap.events[0].time_ns > sim->until_ns)
      break;
    const struct swisd_sim_event event = swisd_sim_heap_pop(&sim->heap);
    sim->now_ns = event.time_ns;
    sim->counts.events++;
    if (event.kind == SWISD_SIM_JOB)
      handle_end(sim, &event);
    else
      sim->handler->event(sim->handler, &event);
  }
  if (!sim->stopped && sim->now_ns < sim->until_ns)
    sim->now_ns = sim->until_ns;
}

void swisd_sim_run(struct swisd_sim *sim, struct swisd_sim_handler *handler, void (*prepare)(struct swisd_sim_handler *handler),
                   uint64_t until_ns)
{
  assert(sim->handler == NULL);
  sim->handler = handler;
  sim->prepare = prepare;
  sim->until_ns = until_ns;
  sim->fluid->run(sim);
}
