/* A job from its opening to its end: its spec, the acceptance of its items, its answer. */
#include "runtime/core/job.h"

#include "runtime/core/dispatch.h"
#include "runtime/core/job_internal.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/witness.h"
#include "runtime/core/worker.h"

static bool edge_is_sound(const struct swisd_job_spec *spec, uint32_t step, const struct swisd_edge_spec *edge)
{
  if (edge->map > SWISD_EDGE_LAGGED || edge->combine > SWISD_COMBINE_REDUCE)
    return false;
  if (edge->from == SWISD_EDGE_FROM_INPUT)
    return edge->map != SWISD_EDGE_LAGGED;
  if (edge->from >= spec->step_count)
    return false;
  if (edge->map == SWISD_EDGE_LAGGED)
    return edge->width >= 1 && swisd_step_is_hub(&spec->steps[edge->from]);
  if (edge->from >= step || (edge->map == SWISD_EDGE_HALO && edge->width > 64))
    return false;
  const bool needs_hub = spec->steps[step].verify != SWISD_VERIFY_NONE || (spec->steps[step].flags & SWISD_STEP_STATEFUL);
  return !needs_hub || swisd_step_is_hub(&spec->steps[edge->from]);
}

enum swisd_status swisd_job_validate(const struct swisd_job_spec *spec)
{
  if (spec->step_count == 0 || spec->step_count > SWISD_STEPS_MAX || spec->lane_count == 0 || spec->lane_count > SWISD_LANES_MAX)
    return SWISD_ERROR_INPUT;
  uint32_t sinks = 0;
  for (uint32_t s = 0; s < spec->step_count; s++) {
    const struct swisd_step_spec *step = &spec->steps[s];
    if (step->kernel >= SWISD_KERNEL_COUNT || step->edge_count == 0 || step->edge_count > SWISD_EDGES_MAX)
      return SWISD_ERROR_INPUT;
    if (step->lane_count == 0 || (uint32_t)step->lane_first + step->lane_count > spec->lane_count)
      return SWISD_ERROR_INPUT;
    if (step->verify > SWISD_VERIFY_HASH || (step->verify != SWISD_VERIFY_NONE && !swisd_step_is_hub(step)))
      return SWISD_ERROR_INPUT;
    /* A session has one worker, and what is said cannot be taken back: no second opinion of those. */
    if (step->verify == SWISD_VERIFY_HASH && (step->flags & (SWISD_STEP_STATEFUL | SWISD_STEP_TOKENS)))
      return SWISD_ERROR_INPUT;
    if ((step->flags & (SWISD_STEP_SINK | SWISD_STEP_STATEFUL | SWISD_STEP_TOKENS)) && step->lane_count != 1)
      return SWISD_ERROR_INPUT;
    if ((step->flags & SWISD_STEP_TOKENS) && !(step->flags & SWISD_STEP_SINK))
      return SWISD_ERROR_INPUT;
    sinks += (step->flags & SWISD_STEP_SINK) != 0;
    uint32_t pieces = 0; /* that one item may take */
    for (uint32_t e = 0; e < step->edge_count; e++) {
      if (!edge_is_sound(spec, s, &step->edges[e]))
        return SWISD_ERROR_INPUT;
      const uint32_t lanes = step->edges[e].from == SWISD_EDGE_FROM_INPUT ? 1 : spec->steps[step->edges[e].from].lane_count;
      pieces += lanes * (step->edges[e].map == SWISD_EDGE_HALO ? 1 + 2u * step->edges[e].width : 1);
    }
    if (pieces >= SWISD_SOURCES_MAX)
      return SWISD_ERROR_INPUT;
  }
  for (uint32_t l = 0; l < spec->lane_count; l++)
    if (spec->lanes[l].shard == 0 || spec->lanes[l].flops_per_item == 0)
      return SWISD_ERROR_INPUT;
  return sinks == 1 ? SWISD_OK : SWISD_ERROR_INPUT;
}

void swisd_job_open(struct swisd_node *node, uint8_t slot, uint64_t number, const struct swisd_job_spec *spec)
{
  struct swisd_job *job = &node->submitter->jobs[slot];
  SWISD_ASSERT(job->phase != SWISD_JOB_OPEN_PHASE);
  memset(job, 0, sizeof *job);
  job->phase = SWISD_JOB_OPEN_PHASE;
  job->number = number;
  job->spec = *spec;
  job->submitted_ns = job->progress_ns = node->now_ns;
  job->orphan_since_ns = SWISD_NEVER;
  job->attempt_next = 1;
  const struct swisd_member *self = swisd_member_at(node, 0);
  job->id.submitter = self->record.id;
  job->id.number = (uint64_t)self->record.incarnation << 32 | ++node->submitter->job_counter;
  for (uint32_t s = 0; s < spec->step_count; s++) {
    if (spec->steps[s].flags & SWISD_STEP_SINK)
      job->sink = (uint8_t)s;
    for (uint32_t e = 0; e < spec->steps[s].edge_count; e++) {
      const uint8_t from = spec->steps[s].edges[e].from;
      if (from == SWISD_EDGE_FROM_INPUT)
        continue;
      job->consumers[from] |= (uint16_t)(1u << s);
      if (spec->steps[s].flags & SWISD_STEP_STATEFUL)
        job->feeds_state |= (uint16_t)(1u << from);
    }
    for (uint32_t l = 0; l < spec->steps[s].lane_count; l++)
      job->flops_per_item += swisd_job_lane_flops(job, swisd_job_lane_index(job, s, l));
  }
}

struct swisd_trace *swisd_job_trace(struct swisd_node *node, const struct swisd_job *job, enum swisd_trace_kind kind,
                                    uint32_t step, uint32_t lane, uint64_t lo, uint64_t hi)
{
  struct swisd_trace *trace = swisd_out_trace(node, kind);
  trace->key.job = job->id;
  trace->key.step = (uint8_t)step;
  trace->key.lane = (uint8_t)lane;
  trace->key.lo = lo;
  trace->key.hi = hi;
  trace->shard = job->spec.lanes[swisd_job_lane_index(job, step, lane)].shard;
  return trace;
}

/* ---- acceptance ---- */

/* Whether items [lo, hi) of a lane are all being computed by somebody who answers, or further. */
static bool is_given(const struct swisd_submitter *sub, struct swisd_lane *lane, uint64_t lo, uint64_t hi)
{
  for (uint16_t i = swisd_interval_find(&sub->pool, lane, lo); lo < hi; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    if (i == 0 || interval->lo > lo || interval->state < SWISD_INTERVAL_ISSUED || swisd_interval_is_cut_off(sub, interval))
      return false;
    lo = interval->hi;
  }
  return true;
}

/* The items [*use_lo, *use_hi) that an edge makes of items [lo, hi) of its from-step. */
static void users(const struct swisd_job *job, const struct swisd_edge_spec *edge, uint64_t lo, uint64_t hi, uint64_t *use_lo,
                  uint64_t *use_hi)
{
  if (edge->map != SWISD_EDGE_LAGGED) { /* a halo is symmetric: who uses item i are the items that i would use */
    swisd_job_needed_by(job, edge, lo, hi, use_lo, use_hi);
    return;
  }
  *use_lo = lo + edge->width;
  *use_hi = hi + edge->width;
  if (job->last && *use_hi > job->items)
    *use_hi = job->items;
}

/* Whether every consumer of items [lo, hi) of `step` has been accepted; or, with `given`, is at least being computed. Steps that
 * feed state are kept to the end. */
static bool consumers_have(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi, bool given)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t s = 0; s < job->spec.step_count; s++) {
    if (!(job->consumers[step] >> s & 1))
      continue;
    const struct swisd_step_spec *consumer = &job->spec.steps[s];
    if (consumer->flags & SWISD_STEP_STATEFUL)
      return false;
    for (uint32_t e = 0; e < consumer->edge_count; e++) {
      const struct swisd_edge_spec *edge = &consumer->edges[e];
      if (edge->from != step)
        continue;
      uint64_t use_lo, use_hi;
      users(job, edge, lo, hi, &use_lo, &use_hi);
      for (uint32_t l = 0; use_lo < use_hi && l < consumer->lane_count; l++) {
        struct swisd_lane *lane = &job->lanes[consumer->lane_first + l];
        if (given ? !is_given(sub, lane, use_lo, use_hi) : !swisd_interval_accepted(&sub->pool, lane, use_lo, use_hi))
          return false;
      }
    }
  }
  return true;
}

bool swisd_job_is_consumed(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  return consumers_have(node, slot, step, lo, hi, false);
}

bool swisd_job_is_given(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  return consumers_have(node, slot, step, lo, hi, true);
}

/* From `item` on, how far all consumers of `step` have, or have not, been accepted: the end of the run, at most `hi`. Runs that
 * follow each other may be alike. */
uint64_t swisd_job_consumed_run(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t item, uint64_t hi, bool *consumed)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  *consumed = true;
  for (uint32_t s = 0; s < job->spec.step_count; s++) {
    const struct swisd_step_spec *consumer = &job->spec.steps[s];
    for (uint32_t e = 0; (job->consumers[step] >> s & 1) && e < consumer->edge_count; e++) {
      if (consumer->edges[e].from != step)
        continue;
      if (consumer->flags & SWISD_STEP_STATEFUL) {
        *consumed = false;
        return hi;
      }
      if (consumer->edges[e].map != SWISD_EDGE_ROWS) {
        *consumed = swisd_job_is_consumed(node, slot, step, item, item + 1);
        return item + 1;
      }
      for (uint32_t l = 0; l < consumer->lane_count; l++) {
        const uint16_t index = swisd_interval_find(&sub->pool, &job->lanes[consumer->lane_first + l], item);
        const struct swisd_interval *interval = &sub->pool.list[index];
        const bool covered = index && interval->lo <= item;
        const uint64_t end = covered ? interval->hi : index ? interval->lo : hi;
        *consumed = *consumed && covered && interval->state >= SWISD_INTERVAL_ACCEPTED;
        hi = end < hi ? end : hi;
      }
    }
  }
  return hi;
}

void swisd_job_free_output(struct swisd_node *node, uint8_t slot, struct swisd_id owner, struct swisd_body body)
{
  if (body.handle == 0)
    return;
  if (swisd_id_equal(owner, swisd_member_at(node, 0)->record.id)) {
    if (!swisd_worker_free_output(node, node->submitter->jobs[slot].id, body))
      swisd_out_release(node, body);
    return;
  }
  /* Frees of one step share a message as long as they go to one worker. */
  const struct swisd_job *job = &node->submitter->jobs[slot];
  struct swisd_actions *actions = node->actions;
  for (uint32_t i = actions->count; i-- > 0 && i + 8 >= actions->count;) {
    struct swisd_action *action = &actions->list[i];
    if (action->kind != SWISD_ACTION_SEND || action->u.send.message.type != SWISD_MESSAGE_BODY_FREE ||
        !swisd_id_equal(action->u.send.to, owner))
      continue;
    struct swisd_message_body_free *more = &action->u.send.message.u.body_free;
    if (swisd_job_id_equal(more->job, job->id) && more->count < SWISD_RELEASES_MAX) {
      more->bodies[more->count++] = body;
      return;
    }
  }
  if (actions->count + 4 > SWISD_ACTIONS_MAX)
    return; /* the worker keeps it until the job closes: no room now is no reason to fail */
  struct swisd_message_body_free *free = &swisd_out_send(node, owner, SWISD_MESSAGE_BODY_FREE)->u.body_free;
  free->job = job->id;
  free->count = 1;
  free->bodies[0] = body;
}

/* An output may serve several intervals: whether any other one still needs it. */
bool swisd_job_body_in_use(const struct swisd_node *node, struct swisd_lane *lane, uint16_t except)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_interval *own = &sub->pool.list[except];
  for (uint16_t i = swisd_interval_find(&sub->pool, lane, own->body_lo); i; i = sub->pool.list[i].next) {
    const struct swisd_interval *other = &sub->pool.list[i];
    if (other->lo >= own->body_hi)
      break;
    if (i != except && (other->state == SWISD_INTERVAL_ACCEPTED || other->state == SWISD_INTERVAL_CHECKING) &&
        other->body.handle == own->body.handle && other->body.generation == own->body.generation &&
        swisd_id_equal(other->owner, own->owner))
      return true;
  }
  return swisd_witness_has(node, own->body);
}

/* Whether there is room to keep outputs one step longer than they are needed: in the pool here, and at the workers. */
static bool is_roomy(const struct swisd_node *node, const struct swisd_job *job)
{
  const struct swisd_interval_pool *pool = &node->submitter->pool;
  const uint16_t outputs_least = 128;
  return node->config.limits.outputs_max >= outputs_least && pool->free_count > pool->max / 2 &&
         (job->refused_ns == 0 || node->now_ns - job->refused_ns >= SWISD_SECOND);
}

/* Whether outputs of items [lo, hi) of `step` may go: all consumers have been accepted, and what they made, as far as it stays
 * with workers, has been used up as well. Else the loss of a worker would cost all steps from the first, and all their lanes, one
 * after the other: like this, only the step whose outputs it kept. */
static bool may_go(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  const struct swisd_job *job = &node->submitter->jobs[slot];
  if (!swisd_job_is_consumed(node, slot, step, lo, hi))
    return false;
  if (swisd_step_is_hub(&job->spec.steps[step]) || !is_roomy(node, job))
    return true;
  for (uint32_t s = 0; s < job->spec.step_count; s++) {
    const struct swisd_step_spec *consumer = &job->spec.steps[s];
    if (!(job->consumers[step] >> s & 1) || swisd_step_is_hub(consumer))
      continue;
    for (uint32_t e = 0; e < consumer->edge_count; e++) {
      uint64_t use_lo, use_hi;
      if (consumer->edges[e].from != step)
        continue;
      users(job, &consumer->edges[e], lo, hi, &use_lo, &use_hi);
      if (use_lo < use_hi && !swisd_job_is_consumed(node, slot, s, use_lo, use_hi))
        return false;
    }
  }
  return true;
}

static void consume(struct swisd_node *node, uint8_t slot, struct swisd_lane *lane, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_interval *interval = &sub->pool.list[index];
  if (!swisd_job_body_in_use(node, lane, index))
    swisd_job_free_output(node, slot, interval->owner, interval->body);
  swisd_interval_become(&sub->pool, lane, index, SWISD_INTERVAL_CONSUMED, false);
}

/* What items [lo, hi) of `step` were made of, and was kept one step longer, may go. */
static void let_inputs_go(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t e = 0; e < job->spec.steps[step].edge_count; e++) {
    const struct swisd_edge_spec *edge = &job->spec.steps[step].edges[e];
    if (edge->from == SWISD_EDGE_FROM_INPUT || swisd_step_is_hub(&job->spec.steps[edge->from]))
      continue;
    uint64_t from_lo, from_hi;
    swisd_job_needed_by(job, edge, lo, hi, &from_lo, &from_hi);
    for (uint32_t l = 0; l < job->spec.steps[edge->from].lane_count; l++) {
      struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, edge->from, l)];
      for (uint64_t at = from_lo; at < from_hi;) {
        const uint16_t i = swisd_interval_find(&sub->pool, lane, at);
        const struct swisd_interval *interval = &sub->pool.list[i];
        if (i == 0 || interval->lo >= from_hi)
          break;
        at = interval->hi;
        if (interval->state == SWISD_INTERVAL_ACCEPTED && may_go(node, slot, edge->from, interval->lo, interval->hi))
          consume(node, slot, lane, i);
      }
    }
  }
}

/* Items [lo, hi) of `step` were accepted: outputs of earlier steps that only they still needed may go. */
static void consume_inputs(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t e = 0; e < job->spec.steps[step].edge_count; e++) {
    const struct swisd_edge_spec *edge = &job->spec.steps[step].edges[e];
    if (edge->from == SWISD_EDGE_FROM_INPUT)
      continue;
    uint64_t from_lo, from_hi;
    if (edge->map == SWISD_EDGE_LAGGED) {
      from_lo = lo > edge->width ? lo - edge->width : 0;
      from_hi = hi > edge->width ? hi - edge->width : 0;
    } else {
      swisd_job_needed_by(job, edge, lo, hi, &from_lo, &from_hi);
    }
    for (uint32_t l = 0; l < job->spec.steps[edge->from].lane_count; l++) {
      struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, edge->from, l)];
      for (uint64_t at = from_lo; at < from_hi;) {
        const uint16_t index = swisd_interval_find(&sub->pool, lane, at);
        const struct swisd_interval *interval = &sub->pool.list[index];
        /* An output that was lost while this task already had it need not be made again: the repair settles it. */
        if (index == 0 || interval->lo > at || interval->state == SWISD_INTERVAL_READY)
          job->repair = true;
        if (index == 0)
          break;
        at = interval->hi;
        if (interval->state == SWISD_INTERVAL_ACCEPTED && interval->lo < from_hi &&
            may_go(node, slot, edge->from, interval->lo, interval->hi))
          consume(node, slot, lane, index);
      }
    }
    if (!swisd_step_is_hub(&job->spec.steps[edge->from]))
      let_inputs_go(node, slot, edge->from, from_lo, from_hi);
  }
}

static void release_segments(struct swisd_node *node, uint8_t slot)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const struct swisd_step_spec *sink = swisd_job_step(job, job->sink);
  if (sink->flags & SWISD_STEP_TOKENS)
    return; /* state may have to be rebuilt from the prompt */
  for (uint32_t i = 0; i < node->config.limits.segments_max; i++) {
    struct swisd_segment *segment = &sub->segments[i];
    if (!segment->used || segment->job != slot)
      continue;
    uint64_t hi = segment->hi;
    for (uint32_t s = 0; s < job->spec.step_count; s++)
      for (uint32_t e = 0; e < job->spec.steps[s].edge_count; e++)
        if (job->spec.steps[s].edges[e].map == SWISD_EDGE_HALO)
          hi += job->spec.steps[s].edges[e].width; /* the neighbours' halos reach in */
    if (hi > job->items)
      hi = job->items;
    if (!swisd_interval_accepted(&sub->pool, &job->lanes[sink->lane_first], segment->lo, hi))
      continue;
    swisd_out_release(node, segment->body);
    memset(segment, 0, sizeof *segment);
  }
}

static void answer(struct swisd_node *node, uint8_t slot, uint64_t lo, uint64_t hi, const struct swisd_inline *inlined)
{
  struct swisd_job *job = &node->submitter->jobs[slot];
  struct swisd_action_answer *out = &swisd_out_action(node, SWISD_ACTION_ANSWER)->u.answer;
  out->number = job->number;
  out->job = job->id;
  out->status = SWISD_OK;
  out->more = true;
  out->lo = lo;
  out->hi = hi;
  out->inlined.count = 0;
  if (inlined)
    out->inlined = *inlined;
  job->account.items_answered += hi - lo;
}

/* A step of tokens has spoken: unless it was the end, there is one more item. */
void swisd_job_token(struct swisd_node *node, uint8_t slot, uint64_t hi, const struct swisd_inline *inlined)
{
  struct swisd_job *job = &node->submitter->jobs[slot];
  if (hi < job->items || job->last || hi < job->input_items)
    return; /* inside the prompt, or replayed */
  answer(node, slot, hi - 1, hi, inlined);
  const bool end = inlined->count < 5 || inlined->bytes[4] != 0 || hi >= job->spec.items_max;
  if (end)
    job->last = true;
  else
    job->items = hi + 1;
}

void swisd_job_accept(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, step, lane_number)];
  const struct swisd_interval *interval = &sub->pool.list[index];
  const uint64_t lo = interval->lo, hi = interval->hi;
  const bool urgent = interval->urgent;
  const uint64_t flops = (hi - lo) * swisd_job_lane_flops(job, swisd_job_lane_index(job, step, lane_number));
  job->account.accepted += flops;
  job->account.under_way -= flops;
  job->progress_ns = node->now_ns;
  if (job->window && step == job->sink)
    job->window += 1 + (hi - lo) / 8; /* there may be more room now */
  sub->hedge_tokens += (int64_t)(flops / 1000 * node->config.hedge_permille);
  struct swisd_trace *trace = swisd_job_trace(node, job, SWISD_TRACE_TASK_ACCEPTED, step, lane_number, lo, hi);
  trace->value = flops;
  if (interval->partner)
    trace->peer = sub->partners[interval->partner].id;
  swisd_interval_become(&sub->pool, lane, index, SWISD_INTERVAL_ACCEPTED, false);
  const struct swisd_step_spec *spec = swisd_job_step(job, step);
  if ((spec->flags & SWISD_STEP_SINK) && !(spec->flags & SWISD_STEP_TOKENS)) {
    answer(node, slot, lo, hi, NULL);
    consume(node, slot, lane, index);
  } else if (job->consumers[step] && swisd_job_is_consumed(node, slot, step, lo, hi)) {
    consume(node, slot, lane, index); /* made again for neighbours that were lost with it */
  }
  consume_inputs(node, slot, step, lo, hi);
  swisd_job_promote_consumers(node, slot, step, lo, hi, urgent);
  if (job->feeds_state >> step & 1)
    swisd_log_merge(node, slot, step, lane_number);
  if (spec->flags & SWISD_STEP_SINK) {
    swisd_job_admit(node, slot);
    release_segments(node, slot);
    if (job->last && lane->accepted_items >= job->items)
      swisd_job_finish(node, slot, SWISD_OK);
  }
}

/* ---- the end ---- */

uint64_t swisd_job_flops_left(const struct swisd_job *job)
{
  uint64_t flops = 0;
  for (uint32_t l = 0; l < job->spec.lane_count; l++)
    if (job->items > job->lanes[l].accepted_items)
      flops += (job->items - job->lanes[l].accepted_items) * swisd_job_lane_flops(job, l);
  return flops;
}

static void close_issues(struct swisd_node *node, uint8_t slot)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint16_t i = 1; i <= node->config.limits.intervals_max; i++)
    if (sub->issues[i].partner && sub->issues[i].job == slot)
      swisd_issue_end(node, i, SWISD_ISSUE_CANCELLED, false);
}

/* What is still being checked when the job ends was executed for nothing. */
static void close_lanes(struct swisd_node *node, uint8_t slot)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t l = 0; l < job->spec.lane_count; l++) {
    struct swisd_lane *lane = &job->lanes[l];
    for (uint16_t i = lane->first; i; i = sub->pool.list[i].next) {
      const struct swisd_interval *interval = &sub->pool.list[i];
      if (interval->state == SWISD_INTERVAL_CHECKING) {
        const uint64_t flops = (interval->hi - interval->lo) * swisd_job_lane_flops(job, l);
        job->account.cancelled += flops;
        job->account.under_way -= flops;
      }
      if (interval->body.handle && swisd_id_equal(interval->owner, job->id.submitter) && !swisd_job_body_in_use(node, lane, i))
        swisd_job_free_output(node, slot, interval->owner, interval->body);
      /* A body that serves several intervals goes with the last of them. */
      if (interval->state >= SWISD_INTERVAL_CHECKING)
        memset(&sub->pool.list[i].body, 0, sizeof sub->pool.list[i].body);
    }
    swisd_interval_clear(&sub->pool, lane);
  }
}

void swisd_job_finish(struct swisd_node *node, uint8_t slot, enum swisd_status status)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  SWISD_ASSERT(job->phase == SWISD_JOB_OPEN_PHASE);
  close_issues(node, slot);
  swisd_witness_forget(node, slot, 0);
  close_lanes(node, slot);
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    if (job->sessions[s].partner) {
      sub->partners[job->sessions[s].partner].sessions--;
      job->sessions[s].partner = 0;
    }
  for (uint32_t i = 0; i < node->config.limits.segments_max; i++)
    if (sub->segments[i].used && sub->segments[i].job == slot) {
      swisd_out_release(node, sub->segments[i].body);
      memset(&sub->segments[i], 0, sizeof sub->segments[i]);
    }
  job->phase = SWISD_JOB_CLOSED;
  job->closing = sub->unfinished = true; /* the pump tells its workers, at once even when it is what ended the job */
  struct swisd_action_answer *out = &swisd_out_action(node, SWISD_ACTION_ANSWER)->u.answer;
  memset(out, 0, sizeof *out);
  out->number = job->number;
  out->job = job->id;
  out->status = status;
  out->more = false;
  struct swisd_trace *trace = swisd_out_trace(node, status == SWISD_OK ? SWISD_TRACE_JOB_ANSWERED : SWISD_TRACE_JOB_FAILED);
  trace->key.job = job->id;
  trace->key.hi = job->items;
  trace->value = status == SWISD_OK ? job->number : (uint64_t) - (int64_t)status;
}
