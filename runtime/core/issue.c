/* One execution of a piece by one worker, from its TASK to its end: what is sent, where it stands among what its worker owes,
 * which pieces it computes. What is issued to whom is decided in dispatch.c, rescue.c and session.c. */
#include "runtime/core/dispatch_internal.h"

#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/witness.h"

static uint16_t issue_take(struct swisd_submitter *sub)
{
  const uint16_t index = sub->issue_free;
  if (index)
    sub->issue_free = sub->issues[index].next;
  return index;
}

/* Until a TASK of this step that is sent now could run, and its answer come if that took no time: a round trip, and one more
 * when inputs have to be fetched, since only one body rides with the TASK. */
uint64_t swisd_issue_lead_ns(const struct swisd_node *node, const struct swisd_partner *partner, const struct swisd_job *job,
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
uint16_t swisd_issue_runs_after(const struct swisd_node *node, const struct swisd_partner *partner, uint64_t lead)
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
  uint16_t before = issue->front ? swisd_issue_runs_after(node, partner, issue->ready_ns - node->now_ns) : 0;
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

/* Bytes of these inputs that `to` takes from this node's uplink. */
static uint64_t uplink_bytes(const struct swisd_node *node, struct swisd_id to, const struct swisd_source *sources,
                             uint8_t source_count)
{
  const struct swisd_id self = swisd_member_peek(node, 0)->record.id;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < source_count && !swisd_id_equal(to, self); i++)
    if (swisd_id_equal(sources[i].owner, self))
      bytes += sources[i].body.bytes / (sources[i].body_hi - sources[i].body_lo) * (sources[i].hi - sources[i].lo);
  return bytes;
}

/* Sends a TASK for what `order` says; its sources must exist. Returns the issue, 0 when a table is full. */
uint16_t swisd_issue_make(struct swisd_node *node, const struct swisd_order *order, const struct swisd_source *sources,
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
  it->bytes = uplink_bytes(node, partner->id, sources, source_count);
  swisd_uplink_sent(&sub->uplink, it->bytes);
  it->issued_ns = node->now_ns;
  it->ready_ns = node->now_ns + swisd_issue_lead_ns(node, partner, job, order->step);
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
bool swisd_interval_is_at(const struct swisd_submitter *sub, const struct swisd_interval *interval, uint16_t partner)
{
  for (uint32_t c = 0; c < interval->copy_count; c++)
    if (sub->issues[interval->copies[c]].partner == partner)
      return true;
  return false;
}

/* An interval that `partner` (0: somebody) may take: wanted ones only, or READY ones only. */
uint16_t swisd_dispatch_candidate(const struct swisd_node *node, uint32_t j, uint32_t l, uint16_t partner, bool wanted)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_lane *lane = &sub->jobs[j].lanes[l];
  const bool twice = swisd_lane_needs_witness(&sub->jobs[j], swisd_job_step_of(&sub->jobs[j], l));
  uint64_t from, end;
  if (!wanted)
    return twice ? swisd_witness_candidate(node, partner, (uint8_t)j, l) : swisd_interval_first_ready(&sub->pool, lane);
  if ((sub->hedge_tokens > 0 || sub->silent_partners ? lane->wanted_items : lane->wanted_ready_items) == 0)
    return 0;
  for (uint16_t i = swisd_interval_first_wanted(&sub->pool, lane); i; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    if (interval->wanted && interval->copy_count < SWISD_COPIES_MAX && !swisd_interval_is_at(sub, interval, partner) &&
        (interval->state == SWISD_INTERVAL_READY || sub->hedge_tokens > 0 || swisd_interval_is_cut_off(sub, interval)) &&
        (!twice || swisd_witness_allows(node, partner, (uint8_t)j, l, interval->lo, interval->hi, &from, &end)))
      return i;
  }
  return 0;
}

/* Whether one of the sources lies at a worker that is silent or gone: such outputs are given up now that somebody needs them. */
static bool give_up_lost(struct swisd_node *node, uint8_t slot, const struct swisd_source *sources, uint8_t count)
{
  struct swisd_submitter *sub = node->submitter;
  bool any = false;
  for (uint8_t i = 0; i < count; i++) {
    const uint16_t p = swisd_partner_find(node, sources[i].owner);
    if (p == 0 || (sub->partners[p].here && !sub->partners[p].silent))
      continue;
    swisd_job_output_given_up(node, slot, sources[i].owner, sources[i].body);
    any = true;
  }
  return any;
}

/* Gives `partner` at most `items` items of an interval. False when nothing could be issued. */
bool swisd_issue_interval(struct swisd_node *node, struct swisd_order order, uint16_t index, uint64_t items)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[order.job];
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, order.step, order.lane)];
  struct swisd_interval *interval = &sub->pool.list[index];
  uint64_t most = interval->hi - interval->lo;
  if (swisd_lane_needs_witness(job, order.step)) { /* only what it has not computed before */
    uint64_t from, end;
    const uint32_t lane_index = swisd_job_lane_index(job, order.step, order.lane);
    if (!swisd_witness_allows(node, order.partner, order.job, lane_index, interval->lo, interval->hi, &from, &end))
      return false;
    if (from > interval->lo && (index = swisd_interval_split(&sub->pool, lane, index, from)) == 0) {
      swisd_out_table_full(node, SWISD_TABLE_INTERVALS);
      return false;
    }
    interval = &sub->pool.list[index];
    most = end - from;
    items = items < most ? items : most;
  }
  const uint64_t length = interval->hi - interval->lo;
  /* A rest shorter than a quarter would be a task of its own for nothing. */
  const uint64_t count = items + items / 4 >= length && length <= most ? length : items;
  struct swisd_source sources[SWISD_SOURCES_MAX];
  uint8_t source_count;
  order.lo = interval->lo;
  /* A CHECK takes the result as one more source. */
  const uint8_t sources_max =
    swisd_job_step(job, order.step)->verify == SWISD_VERIFY_NONE ? SWISD_SOURCES_MAX : SWISD_SOURCES_MAX - 1;
  order.hi = swisd_job_sources(node, order.job, order.step, order.lo, order.lo + count, sources, sources_max, &source_count);
  if (order.hi == order.lo || give_up_lost(node, order.job, sources, source_count)) { /* an input went meanwhile */
    job->repair = true;
    if (interval->state == SWISD_INTERVAL_ISSUED) {
      swisd_interval_want(&sub->pool, lane, index, false);
      interval->waits = true;
    }
    return false;
  }
  if (sub->issue_free == 0)
    return false;
  const uint64_t bytes = uplink_bytes(node, sub->partners[order.partner].id, sources, source_count);
  const uint64_t room = swisd_uplink_room(&sub->uplink, interval->wanted);
  if (bytes > room && !(order.flags & SWISD_TASK_STATEFUL)) { /* tokens are few bytes, and are waited for */
    if (room == 0)
      return false;
    const uint64_t fit = room / (bytes / (order.hi - order.lo) + 1);
    order.hi =
      swisd_job_sources(node, order.job, order.step, order.lo, order.lo + (fit ? fit : 1), sources, sources_max, &source_count);
  }
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
  if (order.hedge && !swisd_interval_is_cut_off(sub, interval))
    sub->hedge_tokens -= (int64_t)flops;
  if (interval->wanted)
    order.flags |= SWISD_TASK_RESCUE;
  const uint16_t made = swisd_issue_make(node, &order, sources, source_count);
  SWISD_ASSERT(made);
  swisd_interval_become(&sub->pool, lane, index, SWISD_INTERVAL_ISSUED, false);
  interval->copies[interval->copy_count++] = made;
  return true;
}

/* ---- the end of an issue ---- */

void swisd_issue_free(struct swisd_node *node, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_issue *issue = &sub->issues[index];
  struct swisd_partner *partner = &sub->partners[issue->partner];
  if (issue->previous)
    sub->issues[issue->previous].next = issue->next;
  else
    partner->issue_first = issue->next;
  if (issue->next)
    sub->issues[issue->next].previous = issue->previous;
  else
    partner->issue_last = issue->previous;
  partner->issue_count--;
  if (swisd_uplink_ended(&sub->uplink, issue->bytes))
    sub->work_arrived = true;
  if (issue->front)
    partner->rescues--;
  if (issue->cut_off)
    sub->call_offs--;
  struct swisd_session *session = &sub->jobs[issue->job].sessions[issue->step];
  if (session->issue == index)
    session->issue = 0;
  memset(issue, 0, sizeof *issue);
  issue->next = sub->issue_free;
  sub->issue_free = index;
}

/* Whether all who compute an interval are overdue or silent. */
static bool is_late(const struct swisd_submitter *sub, const struct swisd_interval *interval)
{
  for (uint32_t c = 0; c < interval->copy_count; c++) {
    const struct swisd_partner *partner = &sub->partners[sub->issues[interval->copies[c]].partner];
    if (!partner->overdue && !partner->silent)
      return false;
  }
  return true;
}

/* Pieces of [lo, hi) that this issue was computing: without it, READY if nobody else is. */
void swisd_issue_drop_copies(struct swisd_node *node, uint16_t index, bool wanted)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_issue *issue = &sub->issues[index];
  struct swisd_job *job = &sub->jobs[issue->job];
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, issue->step, issue->lane)];
  for (uint64_t at = issue->lo; at < issue->hi;) {
    const uint16_t i = swisd_interval_find(&sub->pool, lane, at);
    if (i == 0)
      return;
    struct swisd_interval *interval = &sub->pool.list[i];
    if (interval->lo >= issue->hi)
      return;
    at = interval->hi;
    if (interval->state != SWISD_INTERVAL_ISSUED)
      continue;
    for (uint32_t c = 0; c < interval->copy_count; c++)
      if (interval->copies[c] == index) {
        interval->copies[c] = interval->copies[--interval->copy_count];
        if (interval->copy_count && !interval->waits && is_late(sub, interval))
          swisd_interval_want(&sub->pool, lane, i, true); /* its rescuer has failed */
        if (interval->copy_count == 0) {
          swisd_interval_become(&sub->pool, lane, i, SWISD_INTERVAL_READY, wanted);
          sub->work_arrived = true;
        }
        break;
      }
  }
}

void swisd_issue_end(struct swisd_node *node, uint16_t index, enum swisd_issue_end end, bool wanted)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_issue *issue = &sub->issues[index];
  struct swisd_job *job = &sub->jobs[issue->job];
  if (!issue->replay)
    swisd_issue_drop_copies(node, index, wanted);
  job->account.under_way -= issue->flops;
  if (end == SWISD_ISSUE_LOST)
    job->account.lost += issue->flops;
  else
    job->account.cancelled += issue->flops;
  struct swisd_trace *trace =
    swisd_job_trace(node, job, end == SWISD_ISSUE_LOST ? SWISD_TRACE_TASK_LOST : SWISD_TRACE_TASK_CANCELLED, issue->step,
                    issue->lane, issue->lo, issue->hi);
  trace->value = issue->flops;
  trace->peer = sub->partners[issue->partner].id;
  trace->key.attempt = issue->attempt;
  swisd_issue_free(node, index);
}
