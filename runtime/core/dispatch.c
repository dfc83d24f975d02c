/* Issuing work: what a partner with room is given, rescues, sessions, and the leases that keep jobs alive at workers. */
#include "runtime/core/dispatch.h"

#include "runtime/core/member.h"
#include "runtime/core/memory.h"

static uint64_t mask(const struct swisd_node *node, uint16_t partner, uint32_t job)
{
  return node->submitter->masks[(size_t)partner * node->config.limits.jobs_max + job];
}

/* Worth giving new work to. */
static bool is_fit(const struct swisd_node *node, const struct swisd_partner *partner)
{
  return partner->here && !partner->suspect && !partner->overdue && partner->blocked_until_ns <= node->now_ns;
}

/* Chunks are as long as config.chunk_ns, shorter towards the end of a job: a third of what would finish it. */
static uint64_t chunk_ns(const struct swisd_node *node, const struct swisd_job *job)
{
  const uint64_t full_ns = node->config.chunk_ns, least_ns = full_ns / 10;
  if (!job->last || node->submitter->rate_total == 0)
    return full_ns;
  const double left_ns = (double)swisd_job_flops_left(job) * 1e9 / (double)node->submitter->rate_total / 3;
  return left_ns >= (double)full_ns ? full_ns : left_ns <= (double)least_ns ? least_ns : (uint64_t)left_ns;
}

/* What an issue is to be. */
struct order {
  uint16_t partner;
  uint8_t job, step, lane;
  uint8_t flags;
  bool hedge, replay;
  uint64_t lo, hi;
};

static uint16_t issue_take(struct swisd_submitter *sub)
{
  const uint16_t index = sub->issue_free;
  if (index)
    sub->issue_free = sub->issues[index].next;
  return index;
}

/* Until a TASK of this step that is sent now could run, and its answer come if that took no time: a round trip, and one more
 * when inputs have to be fetched, since only one body rides with the TASK. */
static uint64_t lead_ns(const struct swisd_node *node, const struct swisd_partner *partner, const struct swisd_job *job,
                        uint32_t step)
{
  const struct swisd_step_spec *spec = &job->spec.steps[step];
  const uint64_t rtt_ns = swisd_partner_rtt_ns(node, partner);
  uint32_t bodies = 0;
  bool elsewhere = false;
  for (uint32_t e = 0; e < spec->edge_count; e++) {
    const uint8_t from = spec->edges[e].from;
    bodies += from == SWISD_EDGE_FROM_INPUT ? 1 : job->spec.steps[from].lane_count;
    elsewhere =
      elsewhere || (from != SWISD_EDGE_FROM_INPUT && !(job->spec.steps[from].flags & (SWISD_STEP_HUB | SWISD_STEP_SINK)));
  }
  return bodies > 1 || elsewhere ? 2 * rtt_ns : rtt_ns;
}

/* What the partner will be computing when work that takes `lead` to get there can start; 0: nothing. An issue whose result is
 * expected before has ended by then. */
static uint16_t runs_after(const struct swisd_node *node, const struct swisd_partner *partner, uint64_t lead)
{
  const struct swisd_submitter *sub = node->submitter;
  uint16_t i = partner->issue_first;
  while (i && sub->issues[i].expected_ns <= node->now_ns + lead)
    i = sub->issues[i].next;
  return i;
}

/* Rescues and stateful work go behind what will be running, the rest to the end: as the worker will order them. */
static void issue_link(struct swisd_node *node, uint16_t index, struct swisd_partner *partner)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_issue *issue = &sub->issues[index];
  uint16_t before = issue->front ? runs_after(node, partner, issue->ready_ns - node->now_ns) : 0;
  if (before == 0) {
    before = partner->issue_last;
  } else {
    while (before && sub->issues[before].next && sub->issues[sub->issues[before].next].front)
      before = sub->issues[before].next;
  }
  issue->previous = before;
  issue->next = before ? sub->issues[before].next : partner->issue_first;
  if (before)
    sub->issues[before].next = index;
  else
    partner->issue_first = index;
  if (issue->next)
    sub->issues[issue->next].previous = index;
  else
    partner->issue_last = index;
  partner->issue_count++;
}

/* A worker has granted at least 1 MiB to a submitter it has not heard of yet; three tasks may be on their way to it. What is
 * larger waits here until the worker fetches it, which needs no grant. */
enum { ATTACH_BYTES_MAX = 256 * 1024 };

/* The body that rides with the TASK: the first one that lies here and is small enough, unless the worker is this very node. */
static void attach_first(struct swisd_node *node, struct swisd_message_task *task, struct swisd_id to)
{
  const struct swisd_id self = swisd_member_at(node, 0)->record.id;
  if (swisd_id_equal(to, self))
    return;
  for (uint32_t i = 0; i < task->source_count; i++) {
    struct swisd_source *source = &task->sources[i];
    if (!swisd_id_equal(source->owner, self) || source->body.handle == 0)
      continue;
    const struct swisd_body body = source->body;
    const uint64_t per_item = body.bytes / (source->body_hi - source->body_lo);
    if ((source->hi - source->lo) * per_item > ATTACH_BYTES_MAX)
      continue;
    swisd_out_attach(node, body, (source->lo - source->body_lo) * per_item, (source->hi - source->lo) * per_item);
    source->body.handle = source->body.generation = 0;
    source->body.digest = 0;
    source->body.bytes = (source->hi - source->lo) * per_item;
    source->body_lo = source->lo;
    source->body_hi = source->hi;
    return;
  }
}

/* Sends a TASK for what `order` says; its sources must exist. Returns the issue, 0 when a table is full. */
static uint16_t issue(struct swisd_node *node, const struct order *order, const struct swisd_source *sources,
                      uint8_t source_count)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[order->job];
  struct swisd_partner *partner = &sub->partners[order->partner];
  const struct swisd_step_spec *step = swisd_job_step(job, order->step);
  const struct swisd_lane_spec *lane = &job->spec.lanes[swisd_job_lane_index(job, order->step, order->lane)];
  const uint16_t index = issue_take(sub);
  if (index == 0) {
    swisd_out_table_full(node, SWISD_TABLE_INTERVALS);
    return 0;
  }
  struct swisd_issue *it = &sub->issues[index];
  memset(it, 0, sizeof *it);
  it->partner = order->partner;
  it->job = order->job;
  it->step = order->step;
  it->lane = order->lane;
  it->kernel = step->kernel;
  it->hedge = order->hedge;
  it->replay = order->replay;
  it->front = (order->flags & (SWISD_TASK_RESCUE | SWISD_TASK_STATEFUL)) != 0;
  it->epoch = job->sessions[order->step].epoch;
  it->attempt = job->attempt_next++;
  it->lo = order->lo;
  it->hi = order->hi;
  it->flops = (order->hi - order->lo) * lane->flops_per_item;
  it->issued_ns = node->now_ns;
  it->ready_ns = node->now_ns + lead_ns(node, partner, job, order->step);
  it->cost_ns = swisd_rate_ns(it->flops, swisd_speed_fast(&partner->speed[step->kernel]));
  if (it->front)
    partner->rescues++;
  const bool was_idle = partner->issue_first == 0;
  issue_link(node, index, partner);
  swisd_partner_expect(node, order->partner, was_idle ? node->now_ns : partner->anchor_ns);
  job->account.issued += it->flops;
  job->account.under_way += it->flops;

  struct swisd_message_task *task = &swisd_out_send(node, partner->id, SWISD_MESSAGE_TASK)->u.task;
  task->key = (struct swisd_task_key){.job = job->id,
                                      .step = order->step,
                                      .lane = order->lane,
                                      .attempt = it->attempt,
                                      .epoch = it->epoch,
                                      .lo = order->lo,
                                      .hi = order->hi};
  task->model = job->spec.model;
  task->shard = lane->shard;
  task->kernel = step->kernel;
  task->flags = order->flags;
  if (step->flags & (SWISD_STEP_HUB | SWISD_STEP_SINK))
    task->flags |= SWISD_TASK_RETURN;
  if (step->flags & SWISD_STEP_TOKENS)
    task->flags |= SWISD_TASK_TOKENS;
  if (step->flags & SWISD_STEP_STATEFUL)
    task->flags |= SWISD_TASK_STATEFUL;
  task->flops = it->flops;
  task->out_bytes = (order->hi - order->lo) * lane->out_bytes_per_item;
  task->source_count = source_count;
  memcpy(task->sources, sources, source_count * sizeof *sources);
  attach_first(node, task, partner->id);
  if ((task->flags & SWISD_TASK_RETURN) && task->out_bytes) { /* the result may come */
    struct swisd_action *grant = swisd_out_action(node, SWISD_ACTION_GRANT);
    grant->u.grant.peer = partner->id;
    grant->u.grant.bytes = task->out_bytes;
  }

  const enum swisd_trace_kind kind = order->hedge                       ? SWISD_TRACE_TASK_HEDGED
                                     : order->flags & SWISD_TASK_RESCUE ? SWISD_TRACE_TASK_REISSUED
                                                                        : SWISD_TRACE_TASK_ISSUED;
  struct swisd_trace *trace = swisd_job_trace(node, job, kind, order->step, order->lane, order->lo, order->hi);
  trace->value = it->flops;
  trace->peer = partner->id;
  trace->key.attempt = it->attempt;
  trace->key.epoch = it->epoch;
  return index;
}

/* Whether `partner` is already computing this interval. */
static bool computes(const struct swisd_submitter *sub, const struct swisd_interval *interval, uint16_t partner)
{
  for (uint32_t c = 0; c < interval->copy_count; c++)
    if (sub->issues[interval->copies[c]].partner == partner)
      return true;
  return false;
}

/* An interval that `partner` (0: somebody) may take: wanted ones only, or READY ones only. */
static uint16_t candidate(const struct swisd_submitter *sub, const struct swisd_lane *lane, uint16_t partner, bool wanted,
                          int64_t hedge_tokens)
{
  if ((!wanted ? lane->ready_items : hedge_tokens > 0 ? lane->wanted_items : lane->wanted_ready_items) == 0)
    return 0;
  for (uint16_t i = lane->first; i; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    if (!wanted && interval->state == SWISD_INTERVAL_READY)
      return i;
    if (wanted && interval->wanted && interval->copy_count < SWISD_COPIES_MAX && !computes(sub, interval, partner) &&
        (interval->state == SWISD_INTERVAL_READY || hedge_tokens > 0))
      return i;
  }
  return 0;
}

/* Gives `partner` at most `items` items of an interval. False when nothing could be issued. */
static bool issue_interval(struct swisd_node *node, struct order order, uint16_t index, uint64_t items)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[order.job];
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, order.step, order.lane)];
  struct swisd_interval *interval = &sub->pool.list[index];
  const uint64_t length = interval->hi - interval->lo;
  /* A rest shorter than a quarter would be a task of its own for nothing. */
  const uint64_t count = items + items / 4 >= length ? length : items;
  struct swisd_source sources[SWISD_SOURCES_MAX];
  uint8_t source_count;
  order.lo = interval->lo;
  /* A CHECK takes the result as one more source. */
  const uint8_t most = swisd_job_step(job, order.step)->verify == SWISD_VERIFY_NONE ? SWISD_SOURCES_MAX : SWISD_SOURCES_MAX - 1;
  order.hi = swisd_job_sources(node, order.job, order.step, order.lo, order.lo + count, sources, most, &source_count);
  if (order.hi == order.lo) {
    job->repair = true; /* an input went meanwhile */
    return false;
  }
  if (sub->issue_free == 0)
    return false;
  if (order.hi < interval->hi && swisd_interval_split(&sub->pool, lane, index, order.hi) == 0) {
    if (interval->state != SWISD_INTERVAL_READY) {
      swisd_out_table_full(node, SWISD_TABLE_INTERVALS);
      return false;
    }
    swisd_interval_trim(&sub->pool, lane, index, order.hi);
    job->starved = true;
  }
  order.hedge = interval->state == SWISD_INTERVAL_ISSUED;
  const uint64_t flops = (order.hi - order.lo) * swisd_job_lane_flops(job, swisd_job_lane_index(job, order.step, order.lane));
  if (order.hedge)
    sub->hedge_tokens -= (int64_t)flops;
  if (interval->wanted)
    order.flags |= SWISD_TASK_RESCUE;
  const uint16_t made = issue(node, &order, sources, source_count);
  SWISD_ASSERT(made);
  swisd_interval_become(&sub->pool, lane, index, SWISD_INTERVAL_ISSUED, false);
  interval->copies[interval->copy_count++] = made;
  return true;
}

static uint32_t step_of_lane(const struct swisd_job *job, uint32_t lane_index)
{
  uint32_t step = 0;
  while (lane_index >= (uint32_t)job->spec.steps[step].lane_first + job->spec.steps[step].lane_count ||
         lane_index < job->spec.steps[step].lane_first)
    step++;
  return step;
}

/* MaxWeight: of all lanes the partner holds, the one with the longest queue, in items weighed by the size of their job (not
 * by the work of the lane, or a cheap step would wait until nothing else is left); wanted pieces before any. */
static bool best_lane(const struct swisd_node *node, uint16_t partner, uint8_t *job_out, uint32_t *lane_out, bool *wanted_out)
{
  const struct swisd_submitter *sub = node->submitter;
  uint64_t best = 0;
  bool found = false;
  const bool cramped = swisd_job_is_cramped(node);
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
    const struct swisd_job *job = &sub->jobs[j];
    if (job->phase != SWISD_JOB_OPEN_PHASE)
      continue;
    for (uint64_t lanes = mask(node, partner, j); lanes; lanes &= lanes - 1) {
      const uint32_t l = (uint32_t)__builtin_ctzll(lanes);
      if (job->lanes[l].ready_items == 0 && job->lanes[l].wanted_items == 0)
        continue;
      if (job->spec.steps[step_of_lane(job, l)].flags & SWISD_STEP_STATEFUL)
        continue;
      const bool wanted = candidate(sub, &job->lanes[l], partner, true, sub->hedge_tokens) != 0;
      if (!wanted && job->lanes[l].ready_items == 0)
        continue;
      if (cramped && !wanted &&
          !swisd_job_goes_first(node, (uint8_t)j, sub->pool.list[candidate(sub, &job->lanes[l], partner, false, 0)].lo))
        continue;
      const uint64_t weight = (wanted ? job->lanes[l].wanted_items : job->lanes[l].ready_items) * job->flops_per_item;
      if (!found || (wanted && !*wanted_out) || (wanted == *wanted_out && weight > best)) {
        found = true;
        best = weight;
        *job_out = (uint8_t)j;
        *lane_out = l;
        *wanted_out = wanted;
      }
    }
  }
  return found;
}

static uint64_t items_for(const struct swisd_node *node, uint16_t partner, const struct swisd_job *job, uint32_t lane,
                          uint32_t step, uint64_t time_ns)
{
  const struct swisd_speed *speed = &node->submitter->partners[partner].speed[job->spec.steps[step].kernel];
  const uint64_t items = swisd_rate_flops(time_ns, swisd_speed_fast(speed)) / swisd_job_lane_flops(job, lane);
  return items ? items : 1;
}

static bool give_one(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  uint8_t j = 0;
  uint32_t l = 0;
  bool wanted = false;
  if (!best_lane(node, p, &j, &l, &wanted))
    return false;
  const struct swisd_job *job = &sub->jobs[j];
  const uint32_t step = step_of_lane(job, l);
  const uint16_t index = candidate(sub, &job->lanes[l], p, wanted, sub->hedge_tokens);
  const struct order order = {
    .partner = p, .job = j, .step = (uint8_t)step, .lane = (uint8_t)(l - job->spec.steps[step].lane_first)};
  const uint64_t time_ns = wanted ? node->config.chunk_ns / 2 : chunk_ns(node, job);
  return issue_interval(node, order, index, items_for(node, p, job, l, step, time_ns));
}

static void spend_credits(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  while (partner->credits && is_fit(node, partner)) {
    if (!swisd_out_room(node, 3)) {
      sub->unfinished = true;
      return;
    }
    if (!give_one(node, p))
      return;
    if (--partner->credits == 0)
      sub->credit_partners--;
  }
}

void swisd_dispatch_credits(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  if (!sub->work_arrived || sub->credit_partners == 0)
    return;
  /* Fast partners first would starve nobody: credits are few. But order must not depend on the slot alone, so start anywhere. */
  const uint16_t count = sub->partner_count;
  const uint16_t start = (uint16_t)swisd_philox_below(&node->random[SWISD_RANDOM_DISPATCH], count);
  for (uint16_t i = 0; i < count; i++) {
    const uint16_t p = (uint16_t)(1 + (start + i) % count);
    if (sub->partners[p].credits)
      spend_credits(node, p);
    if (sub->unfinished)
      return;
  }
}

/* ---- rescue ---- */

void swisd_dispatch_overdue(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    if (sub->overdue_ns[p] > node->now_ns)
      continue;
    struct swisd_partner *partner = &sub->partners[p];
    partner->overdue = true;
    sub->overdue_ns[p] = SWISD_NEVER;
    struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_WORKER_OVERDUE);
    trace->peer = partner->id;
    trace->value = node->now_ns - sub->issues[partner->issue_first].expected_ns;
    swisd_partner_unpin_if_others(node, p);
    for (uint16_t i = partner->issue_first; i; i = sub->issues[i].next) {
      struct swisd_issue *it = &sub->issues[i];
      if (it->rescued || it->replay || it->cancelled ||
          (swisd_job_step(&sub->jobs[it->job], it->step)->flags & SWISD_STEP_STATEFUL))
        continue;
      it->rescued = true;
      struct swisd_job *job = &sub->jobs[it->job];
      struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, it->step, it->lane)];
      for (uint64_t at = it->lo; at < it->hi;) {
        const uint16_t index = swisd_interval_find(&sub->pool, lane, at);
        if (index == 0 || sub->pool.list[index].lo >= it->hi)
          break;
        const struct swisd_interval *interval = &sub->pool.list[index];
        at = interval->hi;
        if (interval->state == SWISD_INTERVAL_ISSUED && interval->copy_count < SWISD_COPIES_MAX && computes(sub, interval, p))
          swisd_interval_want(&sub->pool, lane, index, true);
      }
      sub->work_arrived = true;
    }
  }
}

/* When the result of a rescue in this step would arrive if it cost nothing: what will be running ends first, and other rescues.
 */
static uint64_t free_at_ns(const struct swisd_node *node, uint16_t p, const struct swisd_job *job, uint32_t step)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_partner *partner = &sub->partners[p];
  const uint64_t lead = lead_ns(node, partner, job, step);
  uint16_t i = runs_after(node, partner, lead);
  if (i == 0)
    return node->now_ns + lead;
  uint64_t at = sub->issues[i].expected_ns;
  for (i = sub->issues[i].next; i && sub->issues[i].front; i = sub->issues[i].next)
    at += sub->issues[i].cost_ns;
  return at;
}

enum { RESCUES_PER_PARTNER = 3 };

/* Whether a partner may take this wanted interval of the lane. */
static bool may_rescue(const struct swisd_node *node, uint16_t p, uint32_t j, uint32_t l, uint16_t index)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_partner *partner = &sub->partners[p];
  return (mask(node, p, j) >> l & 1) && is_fit(node, partner) && partner->rescues < RESCUES_PER_PARTNER &&
         !computes(sub, &sub->pool.list[index], p);
}

static double rate_of(const struct swisd_node *node, uint16_t p, uint32_t kernel)
{
  return (double)swisd_rate_exp2(swisd_speed_fast(&node->submitter->partners[p].speed[kernel]));
}

/* The partner that would be done first with one item of a wanted interval; 0 if none may take any. */
static uint16_t rescuer(const struct swisd_node *node, uint32_t j, uint32_t l, uint16_t index)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_job *job = &sub->jobs[j];
  const uint32_t step = step_of_lane(job, l);
  const uint8_t kernel = job->spec.steps[step].kernel;
  uint16_t best = 0;
  uint64_t best_ns = SWISD_NEVER;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    if (!may_rescue(node, p, j, l, index))
      continue;
    const uint64_t done_ns = free_at_ns(node, p, job, step) +
                             swisd_rate_ns(swisd_job_lane_flops(job, l), swisd_speed_fast(&sub->partners[p].speed[kernel]));
    if (done_ns < best_ns) {
      best_ns = done_ns;
      best = p;
    }
  }
  return best;
}

/* When all rescues of this lane could be done, were they shared out so that everybody who helps ends at one time. */
static double level_ns(const struct swisd_node *node, uint32_t j, uint32_t l, uint16_t index)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_job *job = &sub->jobs[j];
  const uint32_t step = step_of_lane(job, l);
  const uint8_t kernel = job->spec.steps[step].kernel;
  const double work = (double)job->lanes[l].wanted_items * (double)swisd_job_lane_flops(job, l);
  double level = 0, before;
  /* Water filling: those who are free only later than the level do not help; without them it rises, until it stays. */
  do {
    double rates = 0, idle = 0;
    before = level;
    for (uint16_t p = 1; p <= sub->partner_count; p++) {
      if (!may_rescue(node, p, j, l, index))
        continue;
      const double free_ns = (double)(free_at_ns(node, p, job, step) - node->now_ns), rate = rate_of(node, p, kernel);
      if (before > 0 && free_ns >= before)
        continue;
      rates += rate;
      idle += rate * free_ns;
    }
    if (rates > 0)
      level = (work * 1e9 + idle) / rates;
  } while (level < before || before <= 0);
  return level;
}

/* Gives out the wanted pieces of one lane. False when there was no room for more actions. */
static bool rescue_lane(struct swisd_node *node, uint32_t j, uint32_t l)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[j];
  const uint32_t step = step_of_lane(job, l);
  while (job->lanes[l].wanted_items) {
    if (!swisd_out_room(node, 3))
      return false;
    const uint16_t index = candidate(sub, &job->lanes[l], 0, true, sub->hedge_tokens);
    const uint16_t p = index ? rescuer(node, j, l, index) : 0;
    if (p == 0)
      return true;
    const struct order order = {
      .partner = p, .job = (uint8_t)j, .step = (uint8_t)step, .lane = (uint8_t)(l - job->spec.steps[step].lane_first)};
    const double time_ns = level_ns(node, j, l, index) - (double)(free_at_ns(node, p, job, step) - node->now_ns);
    const uint64_t full_ns = node->config.chunk_ns, least_ns = full_ns / 4;
    const uint64_t share_ns = time_ns < (double)least_ns      ? least_ns
                              : time_ns > (double)full_ns / 2 ? full_ns / 2
                                                              : (uint64_t)time_ns;
    if (!issue_interval(node, order, index, items_for(node, p, job, l, step, share_ns)))
      return true;
  }
  return true;
}

void swisd_dispatch_rescues(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
    struct swisd_job *job = &sub->jobs[j];
    if (job->phase != SWISD_JOB_OPEN_PHASE)
      continue;
    for (uint32_t l = 0; l < job->spec.lane_count; l++) {
      if (job->lanes[l].wanted_items == 0 || (swisd_job_step(job, step_of_lane(job, l))->flags & SWISD_STEP_STATEFUL))
        continue;
      if (!rescue_lane(node, j, l)) {
        sub->unfinished = true;
        return;
      }
    }
  }
}

/* ---- sessions ---- */

static uint16_t primary_for(const struct swisd_node *node, uint32_t j, uint32_t l, uint8_t kernel, uint16_t except)
{
  const struct swisd_submitter *sub = node->submitter;
  uint16_t best = 0;
  uint64_t best_score = 0;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    const struct swisd_partner *partner = &sub->partners[p];
    if (p == except || !(mask(node, p, j) >> l & 1) || !is_fit(node, partner))
      continue;
    const uint64_t score = swisd_rate_exp2(swisd_speed_fast(&partner->speed[kernel])) / (1 + partner->sessions) + 1;
    if (score > best_score) {
      best = p;
      best_score = score;
    }
  }
  return best;
}

/* An overdue worker keeps a session only when nobody else could have it. */
void swisd_partner_unpin_if_others(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; sub->partners[p].sessions && j < node->config.limits.jobs_max; j++) {
    const struct swisd_job *job = &sub->jobs[j];
    if (job->phase != SWISD_JOB_OPEN_PHASE)
      continue;
    for (uint32_t s = 0; s < job->spec.step_count; s++)
      if (job->sessions[s].partner == p && primary_for(node, j, job->spec.steps[s].lane_first, job->spec.steps[s].kernel, p)) {
        swisd_partner_unpin(node, p);
        return;
      }
  }
}

static void run_session(struct swisd_node *node, uint8_t j, uint8_t s)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[j];
  struct swisd_session *session = &job->sessions[s];
  const uint32_t l = job->spec.steps[s].lane_first;
  struct swisd_lane *lane = &job->lanes[l];
  if (session->issue || lane->ready_items == 0)
    return;
  if (session->partner && sub->partners[session->partner].blocked_until_ns > node->now_ns)
    return;
  uint16_t index = lane->first;
  while (index && sub->pool.list[index].state != SWISD_INTERVAL_READY)
    index = sub->pool.list[index].next;
  if (session->partner == 0) {
    const uint16_t p = primary_for(node, j, l, job->spec.steps[s].kernel, 0);
    if (p == 0)
      return;
    session->partner = p;
    session->epoch++;
    session->state_items = 0;
    sub->partners[p].sessions++;
    struct swisd_trace *trace = swisd_job_trace(node, job, SWISD_TRACE_SESSION_MOVED, s, 0, 0, 0);
    trace->peer = sub->partners[p].id;
    trace->value = session->epoch;
  }
  struct order order = {.partner = session->partner, .job = j, .step = s, .flags = SWISD_TASK_STATEFUL};
  const uint64_t lo = sub->pool.list[index].lo;
  if (session->state_items < lo) {
    struct swisd_source sources[SWISD_SOURCES_MAX];
    uint8_t count;
    order.lo = session->state_items;
    order.hi = swisd_job_sources(node, j, s, order.lo, lo, sources, SWISD_SOURCES_MAX, &count);
    order.flags |= SWISD_TASK_REPLAY;
    order.replay = true;
    if (order.hi > order.lo)
      session->issue = issue(node, &order, sources, count);
    return;
  }
  if (session->state_items > lo) { /* the worker knows positions whose outputs were lost: it must start anew */
    swisd_partner_unpin(node, session->partner);
    return;
  }
  const uint16_t before = sub->issue_free;
  if (issue_interval(node, order, index, SWISD_SOURCES_MAX))
    session->issue = before;
}

void swisd_dispatch_sessions(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint8_t j = 0; j < node->config.limits.jobs_max; j++) {
    if (sub->jobs[j].phase != SWISD_JOB_OPEN_PHASE)
      continue;
    for (uint8_t s = 0; s < sub->jobs[j].spec.step_count; s++) {
      if (!(sub->jobs[j].spec.steps[s].flags & SWISD_STEP_STATEFUL))
        continue;
      if (!swisd_out_room(node, 3)) {
        sub->unfinished = true;
        return;
      }
      run_session(node, j, s);
    }
  }
}

/* ---- JOB_OPEN: work to be had, and the lease ---- */

static void send_open(struct swisd_node *node, uint16_t p, uint32_t j)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[j];
  struct swisd_partner *partner = &sub->partners[p];
  struct swisd_message_job_open *open = &swisd_out_send(node, partner->id, SWISD_MESSAGE_JOB_OPEN)->u.job_open;
  open->job = job->id;
  open->model = job->spec.model;
  open->lease_ms = (uint32_t)(node->config.lease_ns / SWISD_MILLISECOND);
  open->lane_count = 0;
  for (uint64_t lanes = mask(node, p, j); lanes && open->lane_count < SWISD_OPEN_LANES_MAX; lanes &= lanes - 1) {
    const uint32_t l = (uint32_t)__builtin_ctzll(lanes);
    const uint32_t step = step_of_lane(job, l);
    const uint64_t flops = job->lanes[l].ready_items * swisd_job_lane_flops(job, l);
    open->lanes[open->lane_count++] =
      (struct swisd_open_lane){.step = (uint8_t)step,
                               .lane = (uint8_t)(l - job->spec.steps[step].lane_first),
                               .shard = job->spec.lanes[l].shard,
                               .backlog = flops ? (uint8_t)(1 + swisd_rate_log2(flops) / SWISD_RATE_ONE) : 0};
  }
  if (!partner->granted) {
    partner->granted = true;
    struct swisd_action *grant = swisd_out_action(node, SWISD_ACTION_GRANT);
    grant->u.grant.peer = partner->id;
    grant->u.grant.bytes = node->config.body_bytes_max / 8;
  }
}

/* Refreshed every open_interval; sooner for a partner that sits idle while there is work for it. */
void swisd_dispatch_open(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  if (!sub->open_scan)
    return;
  sub->open_scan = false;
  const uint64_t idle_ns = node->config.open_interval_ns / 10;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    struct swisd_partner *partner = &sub->partners[p];
    if (!partner->here)
      continue;
    const uint64_t since_ns = partner->open_sent_ns ? node->now_ns - partner->open_sent_ns : SWISD_NEVER;
    const bool idle = partner->credits == 0 && partner->issue_count == 0 && since_ns >= idle_ns;
    if (since_ns < node->config.open_interval_ns && !idle)
      continue;
    for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
      if (mask(node, p, j) == 0 || sub->jobs[j].phase != SWISD_JOB_OPEN_PHASE)
        continue;
      if (!swisd_out_room(node, 3)) {
        sub->unfinished = sub->open_scan = true;
        return;
      }
      send_open(node, p, j);
      partner->open_sent_ns = node->now_ns ? node->now_ns : 1;
    }
  }
}

uint64_t swisd_dispatch_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_submitter *sub = node->submitter;
  uint64_t deadline_ns = SWISD_NEVER;
  for (uint16_t p = 1; p <= sub->partner_count; p++)
    if (sub->overdue_ns[p] < deadline_ns)
      deadline_ns = sub->overdue_ns[p];
  return deadline_ns;
}
