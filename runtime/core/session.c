/* Stateful steps: each pinned to one worker at a time; when it moves, its state is rebuilt from the log. */
#include "runtime/core/dispatch_internal.h"

#include "runtime/core/memory.h"

static uint16_t primary_for(const struct swisd_node *node, uint32_t j, uint32_t l, uint8_t kernel, uint16_t except)
{
  const struct swisd_submitter *sub = node->submitter;
  uint16_t best = 0;
  uint64_t best_score = 0;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    const struct swisd_partner *partner = &sub->partners[p];
    if (p == except || !(swisd_partner_mask(node, p, j) >> l & 1) || !swisd_partner_is_fit(node, partner))
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
  const uint16_t index = swisd_interval_first_ready(&sub->pool, lane);
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
  struct swisd_order order = {.partner = session->partner, .job = j, .step = s, .flags = SWISD_TASK_STATEFUL};
  const uint64_t lo = sub->pool.list[index].lo;
  if (session->state_items < lo) {
    struct swisd_source sources[SWISD_SOURCES_MAX];
    uint8_t count;
    order.lo = session->state_items;
    order.hi = swisd_job_sources(node, j, s, order.lo, lo, sources, SWISD_SOURCES_MAX, &count);
    order.flags |= SWISD_TASK_REPLAY;
    order.replay = true;
    if (order.hi > order.lo)
      session->issue = swisd_issue_make(node, &order, sources, count);
    return;
  }
  if (session->state_items > lo) { /* the worker knows positions whose outputs were lost: it must start anew */
    swisd_partner_unpin(node, session->partner);
    return;
  }
  const uint16_t before = sub->issue_free;
  if (swisd_issue_interval(node, order, index, SWISD_SOURCES_MAX))
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
