/* Which items of which step can run, and where their inputs lie. */
#include "runtime/core/job.h"
#include "runtime/core/job_internal.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"

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
void swisd_job_needed(const struct swisd_job *job, const struct swisd_edge_spec *edge, uint64_t item, uint64_t *lo, uint64_t *hi)
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
  swisd_job_needed(job, edge, item, &need_lo, &need_hi);
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

uint64_t swisd_job_inputs_run(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t item, uint64_t hi, bool *there)
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

bool swisd_job_inputs_there(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  bool there = true;
  while (there && lo < hi)
    lo = swisd_job_inputs_run(node, slot, step, lo, hi, &there);
  return there;
}

bool swisd_job_reads(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi, struct swisd_id owner)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t e = 0; e < job->spec.steps[step].edge_count; e++) {
    const struct swisd_edge_spec *edge = &job->spec.steps[step].edges[e];
    if (edge->from == SWISD_EDGE_FROM_INPUT || swisd_step_is_hub(&job->spec.steps[edge->from]))
      continue;
    uint64_t from_lo, from_hi;
    swisd_job_needed_by(job, edge, lo, hi, &from_lo, &from_hi);
    for (uint32_t l = 0; l < job->spec.steps[edge->from].lane_count; l++)
      for (uint16_t i = swisd_interval_find(&sub->pool, &job->lanes[swisd_job_lane_index(job, edge->from, l)], from_lo);
           i && sub->pool.list[i].lo < from_hi; i = sub->pool.list[i].next)
        if (sub->pool.list[i].state == SWISD_INTERVAL_ACCEPTED && swisd_id_equal(sub->pool.list[i].owner, owner))
          return true;
  }
  return false;
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

static void promote_lane(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_index, uint64_t lo, uint64_t hi,
                         bool urgent)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  struct swisd_lane *lane = &job->lanes[lane_index];
  while (lo < hi) {
    const uint16_t index = swisd_interval_find(&sub->pool, lane, lo);
    const struct swisd_interval *interval = &sub->pool.list[index];
    if (index && interval->lo <= lo) {
      if (interval->waits && swisd_job_inputs_there(node, slot, step, interval->lo, interval->hi)) {
        swisd_interval_want(&sub->pool, lane, index, true);
        sub->work_arrived = true;
      }
      lo = interval->hi;
      continue;
    }
    const uint64_t gap_end = index && interval->lo < hi ? interval->lo : hi;
    bool there;
    const uint64_t end = swisd_job_inputs_run(node, slot, step, lo, gap_end, &there);
    if (there) {
      const uint16_t before = index ? interval->previous : lane->hint;
      const bool extends = before && sub->pool.list[before].hi == lo && sub->pool.list[before].state == SWISD_INTERVAL_READY &&
                           sub->pool.list[before].wanted == urgent && sub->pool.list[before].urgent == urgent;
      if (!extends && !swisd_job_may_take(node, job, step) && !swisd_job_goes_first(node, slot, lo)) {
        job->starved = true;
        return;
      }
      if (swisd_interval_add(&sub->pool, lane, lo, end, SWISD_INTERVAL_READY, urgent) == 0) {
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

void swisd_job_promote(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi, bool urgent)
{
  const struct swisd_job *job = &node->submitter->jobs[slot];
  if (hi > job->items)
    hi = job->items;
  for (uint32_t l = 0; l < job->spec.steps[step].lane_count; l++)
    promote_lane(node, slot, step, swisd_job_lane_index(job, step, l), lo, hi, urgent);
}

/* Promotes all consumers of items [lo, hi) of `step`. */
void swisd_job_promote_consumers(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi, bool urgent)
{
  const struct swisd_job *job = &node->submitter->jobs[slot];
  for (uint32_t s = 0; s < job->spec.step_count; s++) {
    if (!(job->consumers[step] >> s & 1))
      continue;
    uint64_t reach = 0;
    for (uint32_t e = 0; e < job->spec.steps[s].edge_count; e++)
      if (job->spec.steps[s].edges[e].map != SWISD_EDGE_ROWS && job->spec.steps[s].edges[e].width > reach)
        reach = job->spec.steps[s].edges[e].width;
    swisd_job_promote(node, slot, s, lo > reach ? lo - reach : 0, hi + reach, urgent);
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
  if (job->window && window > job->window) {
    if (base + swisd_job_least_window(job) <= job->admitted)
      return; /* one block after the other (relief.c), but for the last items of one, which need the first of the next */
    window = job->window;
  }
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
        swisd_job_promote(node, slot, s, from > reach ? from - reach : 0, limit, false);
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
  uint64_t from_lo, from_hi;
  swisd_job_needed_by(job, edge, lo, hi, &from_lo, &from_hi);
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
