/* The graph of a job: promotion, sources, acceptance, loss and repair. */
#include "runtime/core/job.h"

#include "runtime/core/dispatch.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/worker.h"

static bool is_hub(const struct swisd_step_spec *step) { return (step->flags & (SWISD_STEP_HUB | SWISD_STEP_SINK)) != 0; }

static bool edge_is_sound(const struct swisd_job_spec *spec, uint32_t step, const struct swisd_edge_spec *edge)
{
  if (edge->map > SWISD_EDGE_LAGGED || edge->combine > SWISD_COMBINE_REDUCE)
    return false;
  if (edge->from == SWISD_EDGE_FROM_INPUT)
    return edge->map != SWISD_EDGE_LAGGED;
  if (edge->from >= spec->step_count)
    return false;
  if (edge->map == SWISD_EDGE_LAGGED)
    return edge->width >= 1 && is_hub(&spec->steps[edge->from]);
  if (edge->from >= step || (edge->map == SWISD_EDGE_HALO && edge->width > 64))
    return false;
  const bool needs_hub = spec->steps[step].verify != SWISD_VERIFY_NONE || (spec->steps[step].flags & SWISD_STEP_STATEFUL);
  return !needs_hub || is_hub(&spec->steps[edge->from]);
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
    if (step->verify > SWISD_VERIFY_FREIVALDS || (step->verify != SWISD_VERIFY_NONE && !is_hub(step)))
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

/* ---- inputs ---- */

static const struct swisd_segment *segment_of(const struct swisd_node *node, uint8_t slot, uint64_t item)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint32_t i = 0; i < node->config.limits.segments_max; i++) {
    const struct swisd_segment *segment = &sub->segments[i];
    if (segment->used && segment->job == slot && segment->lo <= item && item < segment->hi)
      return segment;
  }
  return NULL;
}

/* The items of the edge's from-step that item `item` needs: [*lo, *hi). */
static void needed(const struct swisd_job *job, const struct swisd_edge_spec *edge, uint64_t item, uint64_t *lo, uint64_t *hi)
{
  *lo = item;
  *hi = item + 1;
  if (edge->map != SWISD_EDGE_HALO)
    return;
  const uint64_t first = edge->period ? item - item % edge->period : 0;
  /* One image that still grows has no last row yet. */
  const uint64_t end = edge->period ? first + edge->period : job->last ? job->items : SWISD_NEVER;
  *lo = item - first > edge->width ? item - edge->width : first;
  *hi = end - item > edge->width ? item + edge->width + 1 : end;
  if (*hi > job->items && job->last)
    *hi = job->items;
}

/* From `item` on, how far an edge's input is uniformly there or not there: the end of the run, at most `hi`. */
static uint64_t edge_run(struct swisd_node *node, uint8_t slot, const struct swisd_edge_spec *edge, uint64_t item, uint64_t hi,
                         bool *there)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  uint64_t need_lo, need_hi;
  needed(job, edge, item, &need_lo, &need_hi);
  bool from_input = edge->from == SWISD_EDGE_FROM_INPUT;
  if (edge->map == SWISD_EDGE_LAGGED) {
    if (item < job->input_items) {
      from_input = true;
    } else if (item < edge->width) {
      *there = false;
      return item + 1;
    } else {
      need_lo = item - edge->width;
      need_hi = need_lo + 1;
    }
  }
  if (from_input) {
    *there = need_hi <= job->input_items && item < job->admitted;
    const uint64_t end = edge->map == SWISD_EDGE_HALO || edge->map == SWISD_EDGE_LAGGED ? item + 1 : *there ? job->admitted : hi;
    return end < hi ? end : hi;
  }
  *there = true;
  uint64_t end = hi;
  const struct swisd_step_spec *from = &job->spec.steps[edge->from];
  for (uint32_t l = 0; l < from->lane_count; l++) {
    struct swisd_lane *lane = &job->lanes[from->lane_first + l];
    for (uint64_t at = need_lo; at < need_hi;) {
      const uint16_t index = swisd_interval_find(&sub->pool, lane, at);
      const struct swisd_interval *interval = &sub->pool.list[index];
      const bool covered = index && interval->lo <= at;
      const uint64_t until = index == 0 ? (hi > need_hi ? hi : need_hi) : covered ? interval->hi : interval->lo;
      if (!covered || interval->state != SWISD_INTERVAL_ACCEPTED)
        *there = false;
      if (edge->map == SWISD_EDGE_ROWS && until < end)
        end = until;
      at = until;
    }
  }
  return edge->map == SWISD_EDGE_ROWS ? end : item + 1;
}

static uint64_t inputs_run(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t item, uint64_t hi, bool *there)
{
  const struct swisd_step_spec *spec = &node->submitter->jobs[slot].spec.steps[step];
  *there = true;
  for (uint32_t e = 0; e < spec->edge_count; e++) {
    bool edge_there;
    const uint64_t end = edge_run(node, slot, &spec->edges[e], item, hi, &edge_there);
    *there = *there && edge_there;
    if (end < hi)
      hi = end;
  }
  SWISD_ASSERT(hi > item);
  return hi;
}

/* ---- promotion ---- */

bool swisd_job_may_take(const struct swisd_node *node, const struct swisd_job *job, uint32_t step)
{
  const struct swisd_interval_pool *pool = &node->submitter->pool;
  uint32_t later = 0;
  for (uint32_t s = step + 1; s < job->spec.step_count; s++)
    later += job->spec.steps[s].lane_count;
  /* Three a lane: one to issue, its rest, and a piece made ready. A pool too small for that is shared in proportion. */
  uint32_t reserve = 3 * later;
  const uint32_t most = pool->max * 3u / 4u;
  if (3u * job->spec.lane_count > most)
    reserve = most * later / job->spec.lane_count;
  return pool->free_count > reserve;
}

static void promote_lane(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_index, uint64_t lo, uint64_t hi)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  struct swisd_lane *lane = &job->lanes[lane_index];
  while (lo < hi) {
    const uint16_t index = swisd_interval_find(&sub->pool, lane, lo);
    const struct swisd_interval *interval = &sub->pool.list[index];
    if (index && interval->lo <= lo) {
      lo = interval->hi;
      continue;
    }
    const uint64_t gap_end = index && interval->lo < hi ? interval->lo : hi;
    bool there;
    const uint64_t end = inputs_run(node, slot, step, lo, gap_end, &there);
    if (there) {
      const uint16_t before = index ? interval->previous : lane->hint;
      const bool extends = before && sub->pool.list[before].hi == lo && sub->pool.list[before].state == SWISD_INTERVAL_READY;
      if (!extends && !swisd_job_may_take(node, job, step) && !swisd_job_goes_first(node, slot, lo)) {
        job->starved = true;
        return;
      }
      if (swisd_interval_add(&sub->pool, lane, lo, end, SWISD_INTERVAL_READY, false) == 0) {
        job->starved = true;
        if (!swisd_job_give_way(node, slot, lo))
          return;
        continue;
      }
      sub->work_arrived = true;
    }
    lo = end;
  }
}

void swisd_job_promote(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  const struct swisd_job *job = &node->submitter->jobs[slot];
  if (hi > job->items)
    hi = job->items;
  for (uint32_t l = 0; l < job->spec.steps[step].lane_count; l++)
    promote_lane(node, slot, step, swisd_job_lane_index(job, step, l), lo, hi);
}

/* Promotes all consumers of items [lo, hi) of `step`. */
static void promote_consumers(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  const struct swisd_job *job = &node->submitter->jobs[slot];
  for (uint32_t s = 0; s < job->spec.step_count; s++) {
    if (!(job->consumers[step] >> s & 1))
      continue;
    uint64_t reach = 0;
    for (uint32_t e = 0; e < job->spec.steps[s].edge_count; e++)
      if (job->spec.steps[s].edges[e].map != SWISD_EDGE_ROWS && job->spec.steps[s].edges[e].width > reach)
        reach = job->spec.steps[s].edges[e].width;
    swisd_job_promote(node, slot, s, lo > reach ? lo - reach : 0, hi + reach);
  }
}

/* The window bounds what lies between the input and the answer: enough for every partner, and no more. */
void swisd_job_admit(struct swisd_node *node, uint8_t slot)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint64_t answered = job->lanes[swisd_job_step(job, job->sink)->lane_first].accepted_items;
  const double window_flops = (double)sub->rate_total * (double)node->config.window_ns / 1e9;
  uint64_t window = (uint64_t)(window_flops / (double)job->flops_per_item) + 1;
  const uint64_t window_min = 16;
  if (window < window_min)
    window = window_min;
  const uint64_t base = job->window ? swisd_job_first_open(node, slot) : answered;
  if (job->window && window > job->window)
    window = job->window;
  uint64_t limit = job->input_items < job->items ? job->items : job->input_items;
  if (!(swisd_job_step(job, job->sink)->flags & SWISD_STEP_TOKENS) && base + window < limit)
    limit = base + window;
  if (limit <= job->admitted)
    return;
  const uint64_t from = job->admitted;
  job->admitted = limit;
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    for (uint32_t e = 0; e < job->spec.steps[s].edge_count; e++) {
      const struct swisd_edge_spec *edge = &job->spec.steps[s].edges[e];
      if (edge->from == SWISD_EDGE_FROM_INPUT || edge->map == SWISD_EDGE_LAGGED) {
        const uint64_t reach = edge->map == SWISD_EDGE_HALO ? edge->width : 0;
        swisd_job_promote(node, slot, s, from > reach ? from - reach : 0, limit);
        break;
      }
    }
}

/* ---- sources ---- */

struct source_list {
  struct swisd_source *list;
  uint8_t count, max;
};

static bool add_source(struct source_list *sources, struct swisd_source source)
{
  if (sources->count == sources->max)
    return false;
  sources->list[sources->count++] = source;
  return true;
}

/* The pieces of items [lo, hi) of one lane of a from-step; false when they do not fit or one is missing. */
static bool lane_sources(struct swisd_node *node, struct swisd_lane *lane, uint8_t edge, uint8_t lane_number, uint64_t lo,
                         uint64_t hi, struct source_list *sources)
{
  struct swisd_submitter *sub = node->submitter;
  while (lo < hi) {
    const uint16_t index = swisd_interval_find(&sub->pool, lane, lo);
    const struct swisd_interval *interval = &sub->pool.list[index];
    if (index == 0 || interval->lo > lo || interval->state != SWISD_INTERVAL_ACCEPTED)
      return false;
    const uint64_t end = interval->hi < hi ? interval->hi : hi;
    const struct swisd_source source = {.owner = interval->owner,
                                        .body = interval->body,
                                        .body_lo = interval->body_lo,
                                        .body_hi = interval->body_hi,
                                        .lo = lo,
                                        .hi = end,
                                        .edge = edge,
                                        .lane = lane_number};
    /* Neighbouring intervals of one body are one piece. */
    struct swisd_source *before = sources->count ? &sources->list[sources->count - 1] : NULL;
    if (before && before->edge == edge && before->lane == lane_number && before->hi == lo &&
        swisd_id_equal(before->owner, source.owner) && before->body.handle == source.body.handle &&
        before->body.generation == source.body.generation)
      before->hi = end;
    else if (!add_source(sources, source))
      return false;
    lo = end;
  }
  return true;
}

static bool input_sources(struct swisd_node *node, uint8_t slot, uint8_t edge, uint64_t lo, uint64_t hi,
                          struct source_list *sources)
{
  while (lo < hi) {
    const struct swisd_segment *segment = segment_of(node, slot, lo);
    if (segment == NULL)
      return false;
    const uint64_t end = segment->hi < hi ? segment->hi : hi;
    const struct swisd_source source = {.owner = swisd_member_at(node, 0)->record.id,
                                        .body = segment->body,
                                        .body_lo = segment->lo,
                                        .body_hi = segment->hi,
                                        .lo = lo,
                                        .hi = end,
                                        .edge = edge,
                                        .lane = 0};
    if (!add_source(sources, source))
      return false;
    lo = end;
  }
  return true;
}

static bool edge_sources(struct swisd_node *node, uint8_t slot, uint32_t step, uint8_t e, uint64_t lo, uint64_t hi,
                         struct source_list *sources)
{
  struct swisd_job *job = &node->submitter->jobs[slot];
  const struct swisd_edge_spec *edge = &job->spec.steps[step].edges[e];
  uint64_t from_lo, from_hi, unused;
  needed(job, edge, lo, &from_lo, &unused);
  needed(job, edge, hi - 1, &unused, &from_hi);
  if (edge->from == SWISD_EDGE_FROM_INPUT)
    return input_sources(node, slot, e, from_lo, from_hi, sources);
  if (edge->map == SWISD_EDGE_LAGGED) {
    const uint64_t split = hi < job->input_items ? hi : job->input_items;
    if (lo < split && !input_sources(node, slot, e, lo, split, sources))
      return false;
    if (hi <= job->input_items)
      return true;
    from_lo = (lo > split ? lo : split) - edge->width;
    from_hi = hi - edge->width;
  }
  const uint8_t first = sources->count;
  const struct swisd_step_spec *from = &job->spec.steps[edge->from];
  for (uint32_t l = 0; l < from->lane_count; l++)
    if (!lane_sources(node, &job->lanes[from->lane_first + l], e, (uint8_t)l, from_lo, from_hi, sources))
      return false;
  /* Lagged pieces are numbered by the items they serve, or they could not be told from the job's own input. */
  for (uint8_t i = first; edge->map == SWISD_EDGE_LAGGED && i < sources->count; i++) {
    sources->list[i].lo += edge->width;
    sources->list[i].hi += edge->width;
    sources->list[i].body_lo += edge->width;
    sources->list[i].body_hi += edge->width;
  }
  return true;
}

static bool all_sources(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi,
                        struct source_list *sources)
{
  sources->count = 0;
  const struct swisd_step_spec *spec = &node->submitter->jobs[slot].spec.steps[step];
  for (uint8_t e = 0; e < spec->edge_count; e++)
    if (!edge_sources(node, slot, step, e, lo, hi, sources))
      return false;
  return true;
}

uint64_t swisd_job_sources(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi,
                           struct swisd_source *sources, uint8_t max, uint8_t *count)
{
  struct source_list list = {.list = sources, .max = max};
  /* Halving finds a range that fits in few tries; a piece of one item has few sources. */
  while (hi > lo && !all_sources(node, slot, step, lo, hi, &list))
    hi = lo + (hi - lo) / 2;
  *count = hi > lo ? list.count : 0;
  return hi;
}

static bool same_body(struct swisd_body a, struct swisd_body b) { return a.handle == b.handle && a.generation == b.generation; }

bool swisd_job_keeps(struct swisd_node *node, uint8_t slot, uint32_t step, const struct swisd_source *source)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const struct swisd_edge_spec *edge = &job->spec.steps[step].edges[source->edge];
  for (uint32_t i = 0; i < node->config.limits.segments_max; i++)
    if (sub->segments[i].used && sub->segments[i].job == slot && same_body(sub->segments[i].body, source->body))
      return true;
  if (edge->from == SWISD_EDGE_FROM_INPUT || source->lane >= job->spec.steps[edge->from].lane_count)
    return false;
  const uint64_t shift = edge->map == SWISD_EDGE_LAGGED ? edge->width : 0;
  const uint16_t i =
    source->lo < shift
      ? 0
      : swisd_interval_find(&sub->pool, &job->lanes[swisd_job_lane_index(job, edge->from, source->lane)], source->lo - shift);
  return i && (sub->pool.list[i].state == SWISD_INTERVAL_ACCEPTED || sub->pool.list[i].state == SWISD_INTERVAL_CHECKING) &&
         same_body(sub->pool.list[i].body, source->body);
}

/* ---- acceptance ---- */

/* Whether every consumer of items [lo, hi) of `step` has been accepted. Steps that feed state are kept to the end. */
static bool is_consumed(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
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
      uint64_t use_lo = lo, use_hi = hi, unused;
      if (edge->map == SWISD_EDGE_LAGGED) {
        use_lo = lo + edge->width;
        use_hi = hi + edge->width;
        if (job->last && use_hi > job->items)
          use_hi = job->items;
      } else { /* a halo is symmetric: who uses item i are the items that i would use */
        needed(job, edge, lo, &use_lo, &unused);
        needed(job, edge, hi - 1, &unused, &use_hi);
      }
      for (uint32_t l = 0; use_lo < use_hi && l < consumer->lane_count; l++)
        if (!swisd_interval_accepted(&sub->pool, &job->lanes[consumer->lane_first + l], use_lo, use_hi))
          return false;
    }
  }
  return true;
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
  return false;
}

static void consume(struct swisd_node *node, uint8_t slot, struct swisd_lane *lane, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_interval *interval = &sub->pool.list[index];
  if (!swisd_job_body_in_use(node, lane, index))
    swisd_job_free_output(node, slot, interval->owner, interval->body);
  swisd_interval_become(&sub->pool, lane, index, SWISD_INTERVAL_CONSUMED, false);
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
    uint64_t from_lo = lo, from_hi = hi, unused;
    if (edge->map == SWISD_EDGE_LAGGED) {
      from_lo = lo > edge->width ? lo - edge->width : 0;
      from_hi = hi > edge->width ? hi - edge->width : 0;
    } else {
      needed(job, edge, lo, &from_lo, &unused);
      needed(job, edge, hi - 1, &unused, &from_hi);
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
            is_consumed(node, slot, edge->from, interval->lo, interval->hi))
          consume(node, slot, lane, index);
      }
    }
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
  } else if (job->consumers[step] && is_consumed(node, slot, step, lo, hi)) {
    consume(node, slot, lane, index); /* made again for neighbours that were lost with it */
  }
  consume_inputs(node, slot, step, lo, hi);
  promote_consumers(node, slot, step, lo, hi);
  if (job->feeds_state >> step & 1)
    swisd_log_merge(node, slot, step, lane_number);
  if (spec->flags & SWISD_STEP_SINK) {
    swisd_job_admit(node, slot);
    release_segments(node, slot);
    if (job->last && lane->accepted_items >= job->items)
      swisd_job_finish(node, slot, SWISD_OK);
  }
}

/* ---- loss ---- */

void swisd_job_unaccept(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint32_t lane_index = swisd_job_lane_index(job, step, lane_number);
  const struct swisd_interval *interval = &sub->pool.list[index];
  SWISD_ASSERT(interval->state >= SWISD_INTERVAL_ACCEPTED && step != job->sink);
  const uint64_t flops = (interval->hi - interval->lo) * swisd_job_lane_flops(job, lane_index);
  job->account.accepted -= flops;
  job->account.replayed += flops;
  swisd_job_trace(node, job, SWISD_TRACE_TASK_REPLAYED, step, lane_number, interval->lo, interval->hi)->value = flops;
  swisd_interval_remove(&sub->pool, &job->lanes[lane_index], index);
  job->repair = true;
}

void swisd_job_outputs_lost(struct swisd_node *node, uint8_t slot, struct swisd_id owner, const struct swisd_body *body)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  if (swisd_id_equal(owner, job->id.submitter) && (body == NULL || swisd_worker_output(node, job->id, *body)))
    return; /* what lies here is here */
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    for (uint32_t l = 0; l < job->spec.steps[s].lane_count; l++) {
      const uint32_t lane_index = swisd_job_lane_index(job, s, l);
      struct swisd_lane *lane = &job->lanes[lane_index];
      for (uint16_t i = lane->first, next; i; i = next) {
        struct swisd_interval *interval = &sub->pool.list[i];
        next = interval->next;
        if (interval->state != SWISD_INTERVAL_ACCEPTED || !swisd_id_equal(interval->owner, owner))
          continue;
        if (body && (body->handle != interval->body.handle || body->generation != interval->body.generation))
          continue;
        if (swisd_id_equal(owner, job->id.submitter) && is_hub(&job->spec.steps[s]))
          continue; /* it lies here, whoever could not fetch it */
        swisd_job_unaccept(node, slot, s, l, i);
      }
    }
}

/* Items of a lane that wait for an input which has been freed: the input must be made again. From the last step to the
 * first, because edges point forwards (lagged ones carry hub outputs, which are never lost). */
static void unconsume(struct swisd_node *node, uint8_t slot, uint32_t step)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const struct swisd_step_spec *spec = &job->spec.steps[step];
  for (uint32_t l = 0; l < spec->lane_count; l++) {
    const uint32_t lane_index = swisd_job_lane_index(job, step, l);
    struct swisd_lane *lane = &job->lanes[lane_index];
    for (uint16_t i = lane->first, next; i; i = next) {
      struct swisd_interval *interval = &sub->pool.list[i];
      next = interval->next;
      if (interval->state != SWISD_INTERVAL_CONSUMED || is_consumed(node, slot, step, interval->lo, interval->hi))
        continue;
      /* Find the parts that are needed again, item by item: losses are rare and the window is small. */
      for (uint64_t at = interval->lo; at < interval->hi; at++) {
        if (is_consumed(node, slot, step, at, at + 1))
          continue;
        uint64_t end = at + 1;
        while (end < interval->hi && !is_consumed(node, slot, step, end, end + 1))
          end++;
        uint16_t part = i;
        if (at > interval->lo && (part = swisd_interval_split(&sub->pool, lane, i, at)) == 0)
          part = i; /* no room: all of it is made again */
        if (end < sub->pool.list[part].hi)
          swisd_interval_split(&sub->pool, lane, part, end); /* or the whole rest */
        next = sub->pool.list[part].next;
        swisd_job_unaccept(node, slot, step, l, part);
        break;
      }
    }
  }
}

/* The first item from `at` on that the consumers of `step` may have accepted; `hi` if there is none below it. */
static uint64_t next_used(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t at, uint64_t hi)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint32_t s = (uint32_t)__builtin_ctz(job->consumers[step]);
  for (uint32_t e = 0; e < job->spec.steps[s].edge_count; e++)
    if (job->spec.steps[s].edges[e].map != SWISD_EDGE_ROWS)
      return at;
  struct swisd_lane *lane = &job->lanes[job->spec.steps[s].lane_first];
  for (uint16_t i = swisd_interval_find(&sub->pool, lane, at); i && at < hi; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    if (interval->lo > at)
      at = interval->lo;
    if (interval->state >= SWISD_INTERVAL_ACCEPTED)
      return at < hi ? at : hi;
    at = interval->hi;
  }
  return hi;
}

/* Missing or READY items that all consumers have had: their first making, counted as replayed when its output was lost,
 * was of use after all. From the last step to the first. */
static void settle(struct swisd_node *node, uint8_t slot, uint32_t step)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t l = 0; job->consumers[step] && l < job->spec.steps[step].lane_count; l++) {
    const uint32_t lane_index = swisd_job_lane_index(job, step, l);
    struct swisd_lane *lane = &job->lanes[lane_index];
    for (uint64_t at = 0; at < job->items;) {
      const uint16_t i = swisd_interval_find(&sub->pool, lane, at);
      const struct swisd_interval *interval = &sub->pool.list[i];
      const bool covered = i && interval->lo <= at;
      if (covered && interval->state != SWISD_INTERVAL_READY) {
        at = interval->hi;
        continue;
      }
      const uint64_t end = covered ? interval->hi : i ? interval->lo : job->items;
      const uint64_t lo = next_used(node, slot, step, at, end);
      uint64_t hi = lo;
      while (hi < end && is_consumed(node, slot, step, hi, hi + 1))
        hi++;
      if (hi == lo) {
        at = lo < end ? lo + 1 : end;
        continue;
      }
      if (covered)
        swisd_interval_remove(&sub->pool, lane, i); /* what is left of it is promoted again */
      const uint64_t flops = (hi - lo) * swisd_job_lane_flops(job, lane_index);
      SWISD_ASSERT(job->account.replayed >= flops);
      if (swisd_interval_add(&sub->pool, lane, lo, hi, SWISD_INTERVAL_CONSUMED, false) == 0)
        return;
      job->account.replayed -= flops;
      job->account.accepted += flops;
      at = hi;
    }
  }
}

/* READY items whose inputs have gone are missing again. */
static void unready(struct swisd_node *node, uint8_t slot, uint32_t step)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t l = 0; l < job->spec.steps[step].lane_count; l++) {
    struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, step, l)];
    for (uint16_t i = lane->first, next; i; i = next) {
      const struct swisd_interval *interval = &sub->pool.list[i];
      next = interval->next;
      if (interval->state != SWISD_INTERVAL_READY)
        continue;
      bool there = true;
      for (uint64_t at = interval->lo; there && at < interval->hi;)
        at = inputs_run(node, slot, step, at, interval->hi, &there);
      if (!there)
        swisd_interval_remove(&sub->pool, lane, i);
    }
  }
}

void swisd_job_repair(struct swisd_node *node, uint8_t slot)
{
  struct swisd_job *job = &node->submitter->jobs[slot];
  const uint32_t sink = job->sink;
  for (uint32_t s = job->spec.step_count; s-- > 0;)
    if (s != sink) {
      settle(node, slot, s);
      unconsume(node, slot, s);
    }
  job->repair = job->starved = false;
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    unready(node, slot, s);
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    swisd_job_promote(node, slot, s, 0, job->items);
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
  job->closing = true; /* the pump tells its workers */
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
