/* Rescue: what is overdue is computed once more, elsewhere, at once. Pieces are shared out so that all who help end together,
 * and go ahead of their queues. */
#include "runtime/core/dispatch_internal.h"

#include "runtime/core/memory.h"
#include "runtime/core/witness.h"

/* A copy of a piece under way; as soon as its inputs are there, should they have been lost. */
static void want_copy(struct swisd_node *node, uint8_t slot, uint32_t step, struct swisd_lane *lane, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_interval *interval = &sub->pool.list[index];
  const bool there = swisd_job_inputs_there(node, slot, step, interval->lo, interval->hi);
  swisd_interval_want(&sub->pool, lane, index, there);
  interval->waits = !there;
  sub->work_arrived = true;
}

void swisd_rescue_want(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_id id = sub->partners[p].id;
  for (uint16_t i = sub->partners[p].issue_first; i; i = sub->issues[i].next) {
    struct swisd_issue *it = &sub->issues[i];
    if (it->rescued || it->replay || it->cancelled ||
        (swisd_job_step(&sub->jobs[it->job], it->step)->flags & SWISD_STEP_STATEFUL))
      continue;
    /* Its own outputs are of no use for copies as long as it leaves a question open. */
    if (sub->partners[p].asks && !sub->partners[p].silent && swisd_job_reads(node, it->job, it->step, it->lo, it->hi, id))
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
      if (interval->state == SWISD_INTERVAL_ISSUED && interval->copy_count < SWISD_COPIES_MAX &&
          swisd_interval_is_at(sub, interval, p))
        want_copy(node, it->job, it->step, lane, index);
    }
  }
}

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
    swisd_rescue_want(node, p);
  }
}

/* When the result of a rescue in this step would arrive if it cost nothing: what will be running ends first, and other rescues.
 */
static uint64_t free_at_ns(const struct swisd_node *node, uint16_t p, const struct swisd_job *job, uint32_t step)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_partner *partner = &sub->partners[p];
  const uint64_t lead = swisd_issue_lead_ns(node, partner, job, step);
  uint16_t i = swisd_issue_runs_after(node, partner, lead);
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
  const struct swisd_interval *interval = &sub->pool.list[index];
  uint64_t from, end;
  return (swisd_partner_mask(node, p, j) >> l & 1) && swisd_partner_is_fit(node, partner) &&
         partner->rescues < RESCUES_PER_PARTNER && !swisd_interval_is_at(sub, interval, p) &&
         (!swisd_lane_needs_witness(&sub->jobs[j], swisd_job_step_of(&sub->jobs[j], l)) ||
          swisd_witness_allows(node, p, (uint8_t)j, l, interval->lo, interval->hi, &from, &end));
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
  const uint32_t step = swisd_job_step_of(job, l);
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
  const uint32_t step = swisd_job_step_of(job, l);
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
  const uint32_t step = swisd_job_step_of(job, l);
  while (job->lanes[l].wanted_items) {
    if (!swisd_out_room(node, 3))
      return false;
    const uint16_t index = swisd_dispatch_candidate(node, j, l, 0, true);
    const uint16_t p = index ? rescuer(node, j, l, index) : 0;
    if (p == 0)
      return true;
    const struct swisd_order order = {
      .partner = p, .job = (uint8_t)j, .step = (uint8_t)step, .lane = (uint8_t)(l - job->spec.steps[step].lane_first)};
    const double time_ns = level_ns(node, j, l, index) - (double)(free_at_ns(node, p, job, step) - node->now_ns);
    const uint64_t full_ns = node->config.chunk_ns, least_ns = full_ns / 4;
    const uint64_t share_ns = time_ns < (double)least_ns      ? least_ns
                              : time_ns > (double)full_ns / 2 ? full_ns / 2
                                                              : (uint64_t)time_ns;
    if (!swisd_issue_interval(node, order, index, swisd_dispatch_items(node, p, job, l, step, share_ns)))
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
      if (job->lanes[l].wanted_items == 0 || (swisd_job_step(job, swisd_job_step_of(job, l))->flags & SWISD_STEP_STATEFUL))
        continue;
      if (!rescue_lane(node, j, l)) {
        sub->unfinished = true;
        return;
      }
    }
  }
}
