/* The driver itself: one loop over the heap, the carrying out of actions, and the life of processes. */
#include "tests/cluster/cluster.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

#define MIB (1024.0 * 1024.0)

const struct cluster_class cluster_pi = {.name = "pi",
                                         .flops_per_s = {8e9, 8e9, 4e9},
                                         .memory_bytes = 64 << 20,
                                         .body_bytes_max = 16 << 20,
                                         .up_bytes_per_s = 5 * MIB,
                                         .down_bytes_per_s = 5 * MIB,
                                         .latency_ns = 5 * SWISD_MILLISECOND,
                                         .slots = 1,
                                         .works = true};
const struct cluster_class cluster_phone = {.name = "phone",
                                            .flops_per_s = {4e9, 3e9, 2e9},
                                            .memory_bytes = 32 << 20,
                                            .body_bytes_max = 8 << 20,
                                            .up_bytes_per_s = 2 * MIB,
                                            .down_bytes_per_s = 4 * MIB,
                                            .latency_ns = 12 * SWISD_MILLISECOND,
                                            .slots = 1,
                                            .works = true};
const struct cluster_class cluster_laptop = {.name = "laptop",
                                             .flops_per_s = {40e9, 30e9, 15e9},
                                             .memory_bytes = 512 << 20,
                                             .body_bytes_max = 64 << 20,
                                             .up_bytes_per_s = 12 * MIB,
                                             .down_bytes_per_s = 12 * MIB,
                                             .latency_ns = 2 * SWISD_MILLISECOND,
                                             .slots = 2,
                                             .works = true};
const struct cluster_class cluster_submitter = {.name = "submitter",
                                                .flops_per_s = {10e9, 10e9, 10e9},
                                                .memory_bytes = 256 << 20,
                                                .body_bytes_max = 64 << 20,
                                                .up_bytes_per_s = 12 * MIB,
                                                .down_bytes_per_s = 12 * MIB,
                                                .latency_ns = 2 * SWISD_MILLISECOND,
                                                .slots = 2,
                                                .works = false};

enum { STEPS_AT_ONCE_MAX = 20000 }; /* of one node at one instant: more, and it never rests */

/* ---- small things ---- */

struct cluster *cluster_new(uint64_t seed, const struct swisd_limits *limits)
{
  struct cluster *c = calloc(1, sizeof(*c));
  SWISD_ASSERT(c != NULL);
  c->seed = seed;
  c->config = swisd_config_default();
  if (limits != NULL)
    c->config.limits = *limits;
  c->network_random = swisd_philox_stream(seed, 0, 0, 1);
  c->device_random = swisd_philox_stream(seed, 0, 0, 2);
  c->actions = malloc(sizeof(*c->actions));
  c->message = malloc(sizeof(*c->message));
  SWISD_ASSERT(c->actions != NULL && c->message != NULL);
  c->check_every = 1;
  return c;
}

struct swisd_config *cluster_config(struct cluster *c) { return &c->config; }
struct cluster_network *cluster_network(struct cluster *c) { return &c->network; }
uint64_t cluster_now(const struct cluster *c) { return c->now_ns; }
uint64_t cluster_steps(const struct cluster *c) { return c->steps; }
uint64_t cluster_refused(const struct cluster *c) { return c->refused; }
uint64_t cluster_digest(const struct cluster *c) { return c->digest; }
uint32_t cluster_count(const struct cluster *c) { return c->host_count; }
const struct swisd_node *cluster_node(const struct cluster *c, uint32_t node) { return c->hosts[node].node; }
bool cluster_is_running(const struct cluster *c, uint32_t node) { return c->hosts[node].node != NULL; }
bool cluster_is_silent(const struct cluster *c, uint32_t node) { return c->hosts[node].silent; }
bool cluster_in_reach(const struct cluster *c, uint32_t a, uint32_t b)
{
  return network_open(c, a, b) && network_open(c, b, a) && !c->hosts[a].leaving && !c->hosts[b].leaving;
}
const char *cluster_failure(const struct cluster *c) { return c->failure[0] == '\0' ? NULL : c->failure; }
void cluster_check_every(struct cluster *c, uint32_t steps) { c->check_every = steps; }

/* An identity as if from a key: the high half is a hash, the low half says the number. */
struct swisd_id cluster_id(const struct cluster *c, uint32_t node)
{
  return (struct swisd_id){.hi = mix(c->seed, 1000 + node), .lo = node + UINT64_C(1)};
}

uint32_t cluster_index(const struct cluster *c, struct swisd_id id)
{
  if (id.lo == 0 || id.lo > c->host_count || id.hi != cluster_id(c, (uint32_t)id.lo - 1).hi)
    return c->host_count;
  return (uint32_t)id.lo - 1;
}

void cluster_fail(struct cluster *c, const char *format, ...)
{
  if (c->failure[0] != '\0')
    return;
  va_list arguments;
  va_start(arguments, format);
  const int prefix = snprintf(c->failure, sizeof(c->failure), "at %.3f s: ", (double)c->now_ns * 1e-9);
  vsnprintf(c->failure + prefix, sizeof(c->failure) - (size_t)prefix, format, arguments);
  va_end(arguments);
}

bool cluster_chance(struct swisd_philox *random, double p) { return p > 0 && swisd_philox_unit(random) < p; }

uint64_t cluster_push(struct cluster *c, uint64_t time_ns, uint32_t kind, uint32_t host, uint64_t value, void *data)
{
  const struct entry entry = {.time_ns = time_ns,
                              .sequence = ++c->sequence,
                              .kind = kind,
                              .host = host,
                              .life = c->hosts[host].life,
                              .value = value,
                              .data = data};
  heap_push(&c->heap, entry);
  return entry.sequence;
}

/* ---- one step of one node ---- */

static void act(struct cluster *c, uint32_t host, const struct swisd_action *action)
{
  struct host *h = &c->hosts[host];
  switch (action->kind) {
  case SWISD_ACTION_SEND:
    network_send(c, host, &action->u.send);
    break;
  case SWISD_ACTION_COMPUTE:
    compute_start(c, host, &action->u.compute);
    break;
  case SWISD_ACTION_CANCEL:
    if (!compute_cancel(c, host, action->u.ticket) && !transfer_cancel(c, host, action->u.ticket))
      cluster_fail(c, "node %u cancels ticket %u, which is not under way", host, action->u.ticket);
    break;
  case SWISD_ACTION_FETCH_SHARD:
  case SWISD_ACTION_FETCH_BODY:
    transfer_start(c, host, &action->u.fetch, action->kind == SWISD_ACTION_FETCH_SHARD);
    break;
  case SWISD_ACTION_GRANT:
    network_grant(c, host, action->u.grant.peer, action->u.grant.bytes);
    break;
  case SWISD_ACTION_DROP:
    for (uint32_t i = 0; i < h->disk_count; i++)
      if (h->disk[i] == action->u.drop.shard)
        h->disk[i] = h->disk[--h->disk_count];
    break;
  case SWISD_ACTION_RELEASE:
    if (!bodies_release(&h->bodies, action->u.release))
      cluster_fail(c, "node %u releases body %u, generation %u, which it does not have", host, action->u.release.handle,
                   action->u.release.generation);
    break;
  case SWISD_ACTION_PERSIST:
    h->incarnation = action->u.persist.incarnation;
    break;
  case SWISD_ACTION_ANSWER:
    job_answer(c, host, &action->u.answer);
    break;
  case SWISD_ACTION_FORGET:
    compute_forget(c, host, action->u.forget);
    break;
  }
}

static void schedule_deadline(struct cluster *c, uint32_t host)
{
  struct host *h = &c->hosts[host];
  const uint64_t deadline = swisd_node_deadline_ns(h->node);
  uint64_t at = SWISD_NEVER;
  if (deadline != SWISD_NEVER)
    at = deadline > c->now_ns + h->clock_offset_ns ? deadline - h->clock_offset_ns : c->now_ns;
  if (at == h->deadline_ns && h->deadline_sequence != 0)
    return;
  h->deadline_ns = at;
  h->deadline_sequence = at == SWISD_NEVER ? 0 : cluster_push(c, at, ENTRY_DEADLINE, host, 0, NULL);
}

void cluster_step(struct cluster *c, uint32_t host, const struct swisd_event *event)
{
  struct host *h = &c->hosts[host];
  SWISD_ASSERT(h->node != NULL && !h->silent);
  if (c->failure[0] != '\0')
    return;
  h->steps_now = h->steps_now_ns == c->now_ns ? h->steps_now + 1 : 0;
  h->steps_now_ns = c->now_ns;
  if (h->steps_now > STEPS_AT_ONCE_MAX)
    cluster_fail(c, "node %u never rests: its deadline is always now", host);
  c->steps++;
  swisd_node_step(h->node, event, c->now_ns + h->clock_offset_ns, c->actions);
  if (c->check_every != 0 && ++c->check_countdown >= c->check_every) {
    c->check_countdown = 0;
    swisd_node_check(h->node);
  }
  trace_step(c, host, event, c->actions);
  oracle_step(c, host, event, c->actions);
  for (uint32_t i = 0; i < c->actions->count && c->failure[0] == '\0'; i++)
    act(c, host, &c->actions->list[i]);
  jobs_check_accounts(c, host);
  schedule_deadline(c, host);
}

/* ---- processes ---- */

static void grow(struct cluster *c, uint32_t count)
{
  if (count <= c->host_capacity)
    return;
  uint32_t capacity = c->host_capacity == 0 ? 16 : c->host_capacity;
  while (capacity < count)
    capacity *= 2;
  struct path *paths = calloc((size_t)capacity * capacity, sizeof(*paths));
  struct host *hosts = calloc(capacity, sizeof(*hosts));
  SWISD_ASSERT(paths != NULL && hosts != NULL);
  for (uint32_t i = 0; i < c->host_count; i++) {
    hosts[i] = c->hosts[i];
    memcpy(&paths[(size_t)i * capacity], cluster_path(c, i, 0), c->host_count * sizeof(*paths));
  }
  free(c->hosts);
  free(c->paths);
  c->hosts = hosts;
  c->paths = paths;
  c->host_capacity = capacity;
}

static void put_address(struct swisd_address *address, uint32_t node)
{
  *address = (struct swisd_address){.family = SWISD_ADDRESS_INDEX, .port = 1};
  for (uint32_t b = 0; b < 4; b++)
    address->bytes[b] = (uint8_t)(node >> (24 - 8 * b));
}

static void configure(struct cluster *c, uint32_t node, const struct cluster_class *device)
{
  struct swisd_config *config = &c->hosts[node].config;
  *config = c->config;
  config->id = cluster_id(c, node);
  config->address_count = 1;
  put_address(&config->addresses[0], node);
  config->works = device->works;
  config->compute_slots = device->slots;
  config->memory_bytes = device->memory_bytes;
  config->body_bytes_max = device->body_bytes_max;
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
    config->rates[k] = (swisd_log_rate)lround(log2(device->flops_per_s[k]) * 256);
}

static void launch(struct cluster *c, uint32_t node)
{
  struct host *h = &c->hosts[node];
  h->life++;
  const size_t size = (swisd_node_size(&h->config.limits) + 15) & ~(size_t)15;
  h->node = aligned_alloc(16, size);
  SWISD_ASSERT(h->node != NULL);
  memset(h->node, 0xa5, size); /* whatever init leaves out must not matter */
  swisd_node_init(h->node, &h->config, mix(mix(c->seed, node), h->life));
  h->deadline_sequence = 0;
  h->up_free_ns = h->down_free_ns = 0;
  cluster_push(c, c->now_ns, ENTRY_START, node, 0, NULL);
}

static void start(struct cluster *c, uint32_t node)
{
  struct host *h = &c->hosts[node];
  struct swisd_event event = {.kind = SWISD_EVENT_START};
  struct swisd_event_start *s = &event.u.start;
  s->incarnation = h->incarnation;
  const uint32_t count = c->seed_count != 0 ? c->seed_count : c->host_count < 3 ? c->host_count : 3;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t seed = c->seed_count != 0 ? c->seeds[i] : i;
    if (seed != node)
      put_address(&s->seeds[s->seed_count++], seed);
  }
  for (uint32_t i = 0; i < h->disk_count && i < SWISD_HOLDINGS_MAX; i++)
    s->holdings[s->holding_count++] = h->disk[i];
  c->hosts[node].started = true;
  cluster_step(c, node, &event);
  struct swisd_node_status status;
  swisd_node_status(h->node, &status);
  if (status.incarnation <= event.u.start.incarnation)
    cluster_fail(c, "node %u comes back with incarnation %u, which it has had before", node, status.incarnation);
  models_tell(c, node);
}

uint32_t cluster_add(struct cluster *c, uint32_t count, const struct cluster_class *device)
{
  const uint32_t first = c->host_count;
  grow(c, first + count);
  for (uint32_t node = first; node < first + count; node++) {
    struct host *h = &c->hosts[node];
    *h = (struct host){.device = device, .slow = 1};
    h->clock_offset_ns = SWISD_SECOND + mix(mix(c->seed, 5), node) % (1000 * SWISD_SECOND);
    c->host_count++;
    configure(c, node, device);
    launch(c, node);
  }
  return first;
}

void cluster_seeds(struct cluster *c, uint32_t count, const uint32_t *nodes)
{
  SWISD_ASSERT(count <= SWISD_SEEDS_MAX);
  c->seed_count = count;
  memcpy(c->seeds, nodes, count * sizeof(nodes[0]));
}

static void discard(struct entry *entry)
{
  if (entry->kind == ENTRY_MESSAGE)
    network_drop(entry->data);
}

/* The process is gone, and everything in its memory. */
static void end_process(struct cluster *c, uint32_t node)
{
  struct host *h = &c->hosts[node];
  h->died_ns = c->now_ns;
  h->life++;
  free(h->node);
  h->node = NULL;
  h->started = h->silent = h->leaving = false;
  h->deadline_sequence = 0;
  bodies_clear(&h->bodies);
  computes_clear(h);
  transfers_clear(h);
  for (uint32_t i = 0; i < h->held_count; i++)
    discard(&h->held[i]);
  h->held_count = 0;
  jobs_submitter_died(c, node);
}

void cluster_kill(struct cluster *c, uint32_t node)
{
  if (c->hosts[node].node == NULL)
    return;
  network_reset_links(c, node);
  end_process(c, node);
}

void cluster_silence(struct cluster *c, uint32_t node)
{
  struct host *h = &c->hosts[node];
  if (h->node == NULL || h->silent)
    return;
  h->silent = true;
  h->silent_since_ns = c->now_ns;
}

void cluster_wake(struct cluster *c, uint32_t node)
{
  struct host *h = &c->hosts[node];
  if (h->node == NULL || !h->silent)
    return;
  h->silent = false;
  const uint64_t gap = c->now_ns - h->silent_since_ns;
  compute_rescale(c, node, 1, gap);
  struct swisd_event event = {.kind = SWISD_EVENT_RESUMED};
  event.u.gap_ns = gap;
  h->deadline_sequence = 0;
  cluster_step(c, node, &event);
  for (uint32_t i = 0; i < h->held_count; i++) {
    struct entry entry = h->held[i];
    entry.time_ns = c->now_ns;
    entry.sequence = ++c->sequence;
    heap_push(&c->heap, entry);
  }
  h->held_count = 0;
}

void cluster_restart(struct cluster *c, uint32_t node)
{
  if (c->hosts[node].node != NULL)
    cluster_kill(c, node);
  launch(c, node);
}

void cluster_slow(struct cluster *c, uint32_t node, double factor)
{
  struct host *h = &c->hosts[node];
  compute_rescale(c, node, factor / h->slow, 0);
  h->slow = factor;
}

void cluster_leave(struct cluster *c, uint32_t node)
{
  struct host *h = &c->hosts[node];
  if (h->node == NULL || !h->started || h->silent || h->leaving)
    return;
  h->leaving = true;
  cluster_step(c, node, &(struct swisd_event){.kind = SWISD_EVENT_STOP});
  cluster_push(c, c->now_ns + SWISD_SECOND, ENTRY_EXIT, node, 0, NULL);
}

void cluster_block(struct cluster *c, uint32_t from, uint32_t to, bool blocked) { cluster_path(c, from, to)->blocked = blocked; }

void cluster_part(struct cluster *c, uint64_t nodes)
{
  for (uint32_t a = 0; a < c->host_count; a++)
    for (uint32_t b = 0; b < c->host_count; b++)
      if ((nodes >> a & 1) != (nodes >> b & 1))
        cluster_block(c, a, b, true);
}

void cluster_heal(struct cluster *c)
{
  for (uint32_t a = 0; a < c->host_count; a++)
    for (uint32_t b = 0; b < c->host_count; b++)
      cluster_block(c, a, b, false);
}

void cluster_lie(struct cluster *c, uint32_t node, bool lies) { c->hosts[node].lies = lies; }
void cluster_spoil_fetches(struct cluster *c, uint32_t node, uint32_t count) { c->hosts[node].spoil = count; }
void cluster_delay_node(struct cluster *c, uint32_t node, uint64_t extra_ns) { c->hosts[node].delay_ns = extra_ns; }

/* ---- the loop ---- */

/* What is meant for a silent process waits, as in the kernel's buffers; its timers and results are looked after on waking. */
static void hold(struct host *h, struct entry *entry)
{
  if (entry->kind == ENTRY_DEADLINE || entry->kind == ENTRY_COMPUTED)
    return;
  if (h->held_count == h->held_capacity) {
    h->held_capacity = h->held_capacity == 0 ? 16 : 2 * h->held_capacity;
    h->held = realloc(h->held, h->held_capacity * sizeof(h->held[0]));
    SWISD_ASSERT(h->held != NULL);
  }
  h->held[h->held_count++] = *entry;
}

static void dispatch(struct cluster *c, struct entry *entry)
{
  struct host *h = &c->hosts[entry->host];
  if (entry->kind == ENTRY_MESSAGE) {
    network_arrive(c, entry);
    return;
  }
  if (h->node == NULL || entry->life != h->life)
    return;
  if (h->silent) {
    hold(h, entry);
    return;
  }
  struct swisd_event event = {.kind = SWISD_EVENT_DEADLINE};
  switch (entry->kind) {
  case ENTRY_START:
    start(c, entry->host);
    break;
  case ENTRY_DEADLINE:
    if (entry->sequence != h->deadline_sequence)
      break;
    h->deadline_sequence = 0;
    cluster_step(c, entry->host, &event);
    break;
  case ENTRY_COMPUTED:
    compute_end(c, entry);
    break;
  case ENTRY_FETCH:
    transfer_part(c, entry);
    break;
  case ENTRY_FETCHED:
    transfer_end(c, entry);
    break;
  case ENTRY_UNREACHABLE:
    event.kind = SWISD_EVENT_UNREACHABLE;
    event.u.peer = cluster_id(c, (uint32_t)entry->value);
    cluster_step(c, entry->host, &event);
    break;
  case ENTRY_EXIT:
    cluster_kill(c, entry->host);
    break;
  }
}

bool cluster_run_until(struct cluster *c, bool (*condition)(struct cluster *c, void *context), void *context,
                       uint64_t duration_ns)
{
  const uint64_t end = c->now_ns + duration_ns;
  while (c->failure[0] == '\0' && c->heap.count > 0 && c->heap.list[0].time_ns <= end) {
    if (condition != NULL && condition(c, context))
      return true;
    struct entry entry = heap_pop(&c->heap);
    c->now_ns = entry.time_ns;
    dispatch(c, &entry);
  }
  if (c->failure[0] != '\0')
    return false;
  if (condition != NULL && condition(c, context))
    return true;
  c->now_ns = end;
  return false;
}

void cluster_run(struct cluster *c, uint64_t duration_ns) { cluster_run_until(c, NULL, NULL, duration_ns); }

/* ---- looking at it ---- */

uint32_t cluster_sees(const struct cluster *c, uint32_t node)
{
  struct swisd_node_status status;
  if (c->hosts[node].node == NULL)
    return 0;
  swisd_node_status(c->hosts[node].node, &status);
  return status.members_alive + status.members_suspect;
}

bool cluster_all_see(const struct cluster *c, uint32_t count)
{
  for (uint32_t i = 0; i < c->host_count; i++) {
    struct swisd_node_status status;
    if (c->hosts[i].node == NULL || c->hosts[i].silent)
      continue;
    swisd_node_status(c->hosts[i].node, &status);
    if (status.members_alive != count || status.members_suspect != 0)
      return false;
  }
  return true;
}

static bool is_settled(struct cluster *c, void *context)
{
  (void)context;
  for (uint32_t i = 0; i < c->host_count; i++) {
    const struct host *h = &c->hosts[i];
    if (h->node != NULL && !h->silent && (h->bodies.live != 0 || h->sessions != NULL))
      return false;
  }
  return true;
}

bool cluster_settle(struct cluster *c, uint64_t duration_ns)
{
  const uint64_t end = c->now_ns + duration_ns;
  while (c->failure[0] == '\0' && c->now_ns < end && !is_settled(c, NULL))
    cluster_run(c, 100 * SWISD_MILLISECOND);
  if (c->failure[0] == '\0' && !is_settled(c, NULL)) {
    for (uint32_t i = 0; i < c->host_count; i++) {
      const struct host *h = &c->hosts[i];
      if (h->node != NULL && !h->silent && (h->bodies.live != 0 || h->sessions != NULL))
        cluster_fail(c, "node %u still holds %u bodies and %s session", i, h->bodies.live, h->sessions == NULL ? "no" : "a");
    }
  }
  return c->failure[0] == '\0';
}

void cluster_free(struct cluster *c)
{
  if (c == NULL)
    return;
  for (uint32_t i = 0; i < c->host_count; i++) {
    if (c->hosts[i].node != NULL)
      end_process(c, i);
    free(c->hosts[i].held);
  }
  while (c->heap.count > 0) {
    struct entry entry = heap_pop(&c->heap);
    discard(&entry);
  }
  jobs_free(c);
  oracle_free(c);
  while (c->models != NULL) {
    struct cluster_model *m = c->models;
    c->models = m->next;
    if (m->real != NULL)
      m->real->free(m->real);
    free(m);
  }
  free(c->heap.list);
  free(c->hosts);
  free(c->paths);
  free(c->actions);
  free(c->message);
  free(c->trace);
  free(c);
}
