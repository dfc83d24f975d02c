/* The invariants of a submitter. */
#include "runtime/core/job.h"
#include "runtime/core/submitter.h"
#include "runtime/core/witness.h"

static void check_job(const struct swisd_node *node, uint32_t j)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_job *job = &sub->jobs[j];
  const struct swisd_job_account *a = &job->account;
  SWISD_ASSERT(a->issued == a->accepted + a->duplicate + a->lost + a->rejected + a->cancelled + a->replayed + a->under_way);
  uint64_t under_way = 0, accepted = 0;
  for (uint32_t i = 1; i <= node->config.limits.intervals_max; i++)
    if (sub->issues[i].partner && sub->issues[i].job == j)
      under_way += sub->issues[i].flops;
  if (job->phase != SWISD_JOB_OPEN_PHASE) {
    SWISD_ASSERT(under_way == 0 && a->under_way == 0);
    return;
  }
  SWISD_ASSERT(job->admitted <= job->items && job->input_items <= job->items);
  for (uint32_t l = 0; l < job->spec.lane_count; l++) {
    const struct swisd_lane *lane = &job->lanes[l];
    swisd_interval_check(&sub->pool, lane);
    accepted += lane->accepted_items * swisd_job_lane_flops(job, l);
    for (uint16_t i = lane->first; i; i = sub->pool.list[i].next) {
      const struct swisd_interval *interval = &sub->pool.list[i];
      SWISD_ASSERT(interval->hi <= job->items);
      if (interval->state == SWISD_INTERVAL_CHECKING)
        under_way += (interval->hi - interval->lo) * swisd_job_lane_flops(job, l);
      for (uint32_t c = 0; c < interval->copy_count; c++) {
        const struct swisd_issue *it = &sub->issues[interval->copies[c]];
        SWISD_ASSERT(it->partner && it->job == j && it->lo <= interval->lo && it->hi >= interval->hi);
      }
    }
  }
  SWISD_ASSERT(under_way + swisd_witness_flops(node, (uint8_t)j) == a->under_way);
  SWISD_ASSERT(accepted == a->accepted);
}

void swisd_submitter_check(const struct swisd_node *node)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    check_job(node, j);
  uint32_t with_credits = 0, issues = 0, listed = 0, silent = 0, cut_off = 0;
  uint64_t uplink_bytes = 0;
  for (uint32_t i = 1; i <= node->config.limits.intervals_max; i++) {
    issues += sub->issues[i].partner != 0;
    cut_off += sub->issues[i].cut_off != 0;
    uplink_bytes += sub->issues[i].bytes;
  }
  SWISD_ASSERT(uplink_bytes == sub->uplink.under_way_bytes);
  for (uint16_t p = 1; p <= node->config.limits.workers_max; p++) {
    const struct swisd_partner *partner = &sub->partners[p];
    with_credits += partner->credits > 0;
    silent += partner->silent;
    SWISD_ASSERT(p > sub->partner_count || !partner->silent || sub->listen_ns[p] != SWISD_NEVER);
    uint32_t front = 0, count = 0;
    for (uint16_t i = partner->issue_first; i; i = sub->issues[i].next) {
      SWISD_ASSERT(sub->issues[i].partner == p);
      front += sub->issues[i].front;
      count++;
    }
    SWISD_ASSERT(count == partner->issue_count && front == partner->rescues);
    listed += count;
    uint32_t sessions = 0;
    for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
      for (uint32_t s = 0; s < SWISD_STEPS_MAX; s++)
        sessions += sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE && sub->jobs[j].sessions[s].partner == p;
    SWISD_ASSERT(sessions == partner->sessions);
  }
  SWISD_ASSERT(issues == listed && with_credits == sub->credit_partners && silent == sub->silent_partners);
  SWISD_ASSERT(cut_off == sub->call_offs);
}
