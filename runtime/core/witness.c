/* See witness.h. The table is short and walked as a whole: a witness lives for about as long as one chunk takes. */
#include "runtime/core/witness.h"

#include "runtime/core/dispatch.h"
#include "runtime/core/memory.h"

enum { DISPUTES_MAX = 8 }; /* like the failures of one interval */

uint16_t swisd_witness_max(const struct swisd_limits *limits) { return (uint16_t)(limits->intervals_max / 4 + 2); }

static bool is_of(const struct swisd_witness *w, const struct swisd_job *job, uint8_t slot, uint32_t lane_index)
{
  return w->serial && w->job == slot && swisd_job_lane_index(job, w->step, w->lane) == lane_index;
}

static bool meets(const struct swisd_witness *w, uint64_t lo, uint64_t hi) { return w->lo < hi && lo < w->hi; }

static bool is_full(const struct swisd_node *node)
{
  const struct swisd_submitter *sub = node->submitter;
  return sub->witness_count == swisd_witness_max(&node->config.limits);
}

/* ---- who may compute what ---- */

/* The end of the items from `at` on that `partner` must not compute; `at` when it may compute that. Without room for more
 * witnesses nobody may compute what has none yet, but for what the next answer waits for: its result could not be kept. */
static uint64_t barred_to(const struct swisd_node *node, struct swisd_id worker, uint8_t slot, uint32_t lane_index, uint64_t at,
                          uint64_t hi)
{
  const struct swisd_submitter *sub = node->submitter;
  bool seen = false;
  uint64_t next = hi, barred = at;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits); i++) {
    const struct swisd_witness *w = &sub->witnesses[i];
    if (!is_of(w, &sub->jobs[slot], slot, lane_index))
      continue;
    if (w->lo > at)
      next = w->lo < next ? w->lo : next;
    else if (w->hi > at)
      seen = true;
    if (w->lo <= at && w->hi > barred && swisd_id_equal(w->worker, worker))
      barred = w->hi;
  }
  return barred == at && !seen && is_full(node) && !swisd_job_goes_first(node, slot, at) ? next : barred;
}

bool swisd_witness_allows(const struct swisd_node *node, uint16_t partner, uint8_t slot, uint32_t lane_index, uint64_t lo,
                          uint64_t hi, uint64_t *from, uint64_t *end)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_id worker = sub->partners[partner].id;
  uint64_t at = lo;
  for (uint64_t to; at < hi && (to = barred_to(node, worker, slot, lane_index, at, hi)) > at;)
    at = to;
  *from = at;
  *end = hi;
  if (at >= hi)
    return false;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits); i++) {
    const struct swisd_witness *w = &sub->witnesses[i];
    if (!is_of(w, &sub->jobs[slot], slot, lane_index))
      continue;
    if (w->lo > at && w->lo < *end && swisd_id_equal(w->worker, worker))
      *end = w->lo;
    if (is_full(node) && w->lo <= at && w->hi > at && w->hi < *end)
      *end = w->hi;
  }
  return true;
}

uint16_t swisd_witness_candidate(const struct swisd_node *node, uint16_t partner, uint8_t slot, uint32_t lane_index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_lane *lane = &sub->jobs[slot].lanes[lane_index];
  uint64_t from, end;
  for (uint16_t i = swisd_interval_first_ready(&sub->pool, lane); i; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    if (interval->state == SWISD_INTERVAL_READY &&
        swisd_witness_allows(node, partner, slot, lane_index, interval->lo, interval->hi, &from, &end))
      return i;
  }
  return 0;
}

/* ---- their ends ---- */

bool swisd_witness_has(const struct swisd_node *node, struct swisd_body body)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits) && sub->witness_count; i++)
    if (sub->witnesses[i].serial && sub->witnesses[i].body.handle == body.handle &&
        sub->witnesses[i].body.generation == body.generation)
      return true;
  return false;
}

/* Frees the body of a witness that has ended, unless another or an interval of its lane needs it. */
static void free_body(struct swisd_node *node, uint8_t slot, uint32_t lane_index, const struct swisd_witness *w)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_lane *lane = &sub->jobs[slot].lanes[lane_index];
  if (swisd_witness_has(node, w->body))
    return;
  for (uint16_t i = swisd_interval_find(&sub->pool, lane, w->body_lo); i && sub->pool.list[i].lo < w->body_hi;
       i = sub->pool.list[i].next)
    if (sub->pool.list[i].state >= SWISD_INTERVAL_CHECKING && sub->pool.list[i].body.handle == w->body.handle &&
        sub->pool.list[i].body.generation == w->body.generation)
      return;
  swisd_out_release(node, w->body);
}

/* What its worker says is worth from now on. */
static void judge(struct swisd_node *node, struct swisd_id worker, enum swisd_trace_kind kind)
{
  const uint16_t p = swisd_partner_find(node, worker);
  if (p && kind == SWISD_TRACE_TASK_REJECTED)
    swisd_partner_distrust(node, p);
  else if (p && kind == SWISD_TRACE_TASK_DUPLICATE)
    node->submitter->partners[p].distrust = 0;
}

/* Items [lo, hi) of a witness end in a class of the account. */
static void settle(struct swisd_node *node, uint32_t index, uint64_t lo, uint64_t hi, enum swisd_trace_kind kind)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_witness *w = &sub->witnesses[index];
  const struct swisd_witness was = *w;
  struct swisd_job *job = &sub->jobs[was.job];
  const uint32_t lane_index = swisd_job_lane_index(job, was.step, was.lane);
  const uint64_t from = was.lo > lo ? was.lo : lo, to = was.hi < hi ? was.hi : hi;
  uint64_t ended_to = to;
  if (was.lo < from && to < was.hi) { /* it falls in two; without room for the second, that ends too */
    uint32_t free = 0;
    while (free < swisd_witness_max(&node->config.limits) && sub->witnesses[free].serial)
      free++;
    if (free < swisd_witness_max(&node->config.limits)) {
      sub->witnesses[free] = was;
      sub->witnesses[free].lo = to;
      sub->witness_count++;
    } else {
      ended_to = was.hi;
    }
    w->hi = from;
  } else if (was.lo < from) {
    w->hi = from;
  } else if (to < was.hi) {
    w->lo = to;
  } else {
    memset(w, 0, sizeof *w);
    sub->witness_count--;
  }
  const uint64_t flops = (to - from) * swisd_job_lane_flops(job, lane_index);
  const uint64_t more = (ended_to - to) * swisd_job_lane_flops(job, lane_index);
  job->account.under_way -= flops + more;
  job->account.cancelled += more;
  if (kind == SWISD_TRACE_TASK_DUPLICATE)
    job->account.duplicate += flops;
  else if (kind == SWISD_TRACE_TASK_REJECTED)
    job->account.rejected += flops;
  else
    job->account.cancelled += flops;
  struct swisd_trace *trace = swisd_job_trace(node, job, kind, was.step, was.lane, from, to);
  trace->value = flops;
  trace->peer = was.worker;
  judge(node, was.worker, kind);
  free_body(node, was.job, lane_index, &was);
}

/* Ends what all witnesses say of items [lo, hi): the one of `serial` is a duplicate, the others are rejected. */
static void settle_all(struct swisd_node *node, uint8_t slot, uint32_t lane_index, uint64_t lo, uint64_t hi, uint32_t serial)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits); i++) {
    const struct swisd_witness *w = &sub->witnesses[i];
    if (is_of(w, &sub->jobs[slot], slot, lane_index) && meets(w, lo, hi))
      settle(node, i, lo, hi, w->serial == serial ? SWISD_TRACE_TASK_DUPLICATE : SWISD_TRACE_TASK_REJECTED);
  }
}

void swisd_witness_confirmed(struct swisd_node *node, uint8_t slot, uint32_t lane_index, uint64_t lo, uint64_t hi,
                             uint32_t serial)
{
  settle_all(node, slot, lane_index, lo, hi, serial);
}

void swisd_witness_forget(struct swisd_node *node, uint8_t slot, uint64_t from)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits) && sub->witness_count; i++)
    if (sub->witnesses[i].serial && sub->witnesses[i].job == slot && sub->witnesses[i].hi > from)
      settle(node, i, from, UINT64_MAX, SWISD_TRACE_TASK_CANCELLED);
}

/* ---- a result in CHECKING ---- */

const struct swisd_witness *swisd_witness_next(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number,
                                               uint16_t index, uint32_t after)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint32_t lane_index = swisd_job_lane_index(job, step, lane_number);
  struct swisd_interval *interval = &sub->pool.list[index];
  const struct swisd_witness *next = NULL;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits); i++) {
    const struct swisd_witness *w = &sub->witnesses[i];
    if (!is_of(w, job, slot, lane_index) || !meets(w, interval->lo, interval->hi))
      continue;
    const uint64_t cut = w->lo > interval->lo ? w->lo : w->hi < interval->hi ? w->hi : 0;
    if (cut && swisd_interval_split(&sub->pool, &job->lanes[lane_index], index, cut) == 0)
      continue; /* no room to cut: then it is not compared with this one */
    job->waiting = job->waiting || cut;
    if (w->lo <= interval->lo && w->hi >= interval->hi && w->serial > after && (next == NULL || w->serial < next->serial))
      next = w;
  }
  /* A later cut may have left the interval without the one that was found before. */
  return next && next->lo <= interval->lo && next->hi >= interval->hi ? next : NULL;
}

/* Gives up what was said of the highest items of the job, if they are above `item`: low items go first, or each could wait
 * for the other. */
static bool evict_above(struct swisd_node *node, uint8_t slot, uint64_t item, uint32_t *freed)
{
  struct swisd_submitter *sub = node->submitter;
  uint64_t highest = item;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits); i++)
    if (sub->witnesses[i].serial && sub->witnesses[i].job == slot && sub->witnesses[i].lo > highest) {
      highest = sub->witnesses[i].lo;
      *freed = i;
    }
  if (highest == item)
    return false;
  settle(node, *freed, 0, UINT64_MAX, SWISD_TRACE_TASK_CANCELLED);
  return true;
}

enum swisd_witness_fate swisd_witness_keep(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number,
                                           uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint32_t lane_index = swisd_job_lane_index(job, step, lane_number);
  const struct swisd_interval *interval = &sub->pool.list[index];
  uint32_t others = 0, free = 0;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits); i++)
    others += is_of(&sub->witnesses[i], job, slot, lane_index) && meets(&sub->witnesses[i], interval->lo, interval->hi);
  while (free < swisd_witness_max(&node->config.limits) && sub->witnesses[free].serial)
    free++;
  if (others + 1 >= SWISD_COPIES_MAX) {
    settle_all(node, slot, lane_index, interval->lo, interval->hi, 0);
    return SWISD_WITNESS_DISPUTED;
  }
  if (free == swisd_witness_max(&node->config.limits) && !evict_above(node, slot, interval->lo, &free))
    return SWISD_WITNESS_NO_ROOM;
  sub->witnesses[free] = (struct swisd_witness){.serial = ++sub->witness_serial,
                                                .job = slot,
                                                .step = (uint8_t)step,
                                                .lane = (uint8_t)lane_number,
                                                .lo = interval->lo,
                                                .hi = interval->hi,
                                                .worker = sub->partners[interval->partner].id,
                                                .body = interval->body,
                                                .body_lo = interval->body_lo,
                                                .body_hi = interval->body_hi};
  sub->witness_count++;
  swisd_interval_become(&sub->pool, &job->lanes[lane_index], index, SWISD_INTERVAL_READY, false);
  sub->work_arrived = true;
  return SWISD_WITNESS_KEPT;
}

/* ---- disputes that nobody can settle ---- */

/* Whether a partner that is here could judge the item `at`. */
static bool has_judge(const struct swisd_node *node, uint8_t slot, uint32_t lane_index, uint64_t at)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint16_t p = 1; p <= sub->partner_count; p++)
    if (sub->partners[p].here && sub->masks[(size_t)p * node->config.limits.jobs_max + slot] >> lane_index & 1 &&
        barred_to(node, sub->partners[p].id, slot, lane_index, at, at + 1) == at)
      return true;
  return false;
}

void swisd_witness_review(struct swisd_node *node, uint8_t slot)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits) && sub->witness_count; i++) {
    const struct swisd_witness w = sub->witnesses[i];
    if (!w.serial || w.job != slot)
      continue;
    const uint32_t lane_index = swisd_job_lane_index(job, w.step, w.lane);
    const uint16_t at = swisd_interval_find(&sub->pool, &job->lanes[lane_index], w.lo);
    uint32_t opinions = 0;
    for (uint32_t o = 0; o < swisd_witness_max(&node->config.limits); o++)
      opinions += is_of(&sub->witnesses[o], job, slot, lane_index) && meets(&sub->witnesses[o], w.lo, w.lo + 1);
    if (opinions < 2 || at == 0 || sub->pool.list[at].lo > w.lo || sub->pool.list[at].state != SWISD_INTERVAL_READY ||
        has_judge(node, slot, lane_index, w.lo) || !swisd_out_room(node, 4))
      continue;
    settle_all(node, slot, lane_index, w.lo, w.hi, 0);
    sub->work_arrived = true;
    if (++job->disputes >= DISPUTES_MAX) {
      swisd_job_finish(node, slot, SWISD_ERROR_CHECK);
      return;
    }
  }
}

uint64_t swisd_witness_flops(const struct swisd_node *node, uint8_t slot)
{
  const struct swisd_submitter *sub = node->submitter;
  uint64_t flops = 0, count = 0;
  for (uint32_t i = 0; i < swisd_witness_max(&node->config.limits); i++) {
    const struct swisd_witness *w = &sub->witnesses[i];
    count += w->serial != 0;
    if (w->serial && w->job == slot)
      flops += (w->hi - w->lo) * swisd_job_lane_flops(&sub->jobs[slot], swisd_job_lane_index(&sub->jobs[slot], w->step, w->lane));
  }
  SWISD_ASSERT(count == sub->witness_count);
  return flops;
}
