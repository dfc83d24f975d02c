/* What gives way when a table is full. Tables are bounded, so a job can come to a stand with its outputs in the way of its
 * own next steps: here, when no interval is left, or at the workers, whose tables of outputs are full. The answer is always
 * the same: lower items go before higher ones. READY items are forgotten (they become READY again later), accepted outputs
 * given up (their work is done again), and the window of items between input and answer is narrowed, so that it does not
 * happen again at once; what counts is pieces, not items, so from then on the window is a block: all lanes are cut at its
 * ends, and the next begins when it is answered. The lowest items alone always fit, except in a log that only grows: the outputs
 * that feed a stateful step are kept to the end; when they fill the pool the job fails and says so. */
#include "runtime/core/job.h"

#include "runtime/core/job_internal.h"
#include "runtime/core/memory.h"
#include "runtime/core/witness.h"

/* How long a job may stand still while workers refuse its tasks. */
#define STAND_NS (2 * SWISD_SECOND)

static bool keeps_state(const struct swisd_job *job)
{
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    if (job->spec.steps[s].flags & SWISD_STEP_STATEFUL)
      return true;
  return false;
}

uint64_t swisd_job_first_open(const struct swisd_node *node, uint8_t slot)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_job *job = &sub->jobs[slot];
  const struct swisd_interval *first = &sub->pool.list[job->lanes[job->spec.steps[job->sink].lane_first].first];
  const bool answered = first->state == SWISD_INTERVAL_CONSUMED && first->lo == 0; /* entry 0 of the pool is FREE */
  return answered ? first->hi : 0;
}

/* Whether tasks that read items [lo, hi) of `step` are under way or being checked. */
static bool is_read(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t s = 0; s < job->spec.step_count; s++) {
    if (!(job->consumers[step] >> s & 1))
      continue;
    uint64_t reach = 0;
    for (uint32_t e = 0; e < job->spec.steps[s].edge_count; e++)
      if (job->spec.steps[s].edges[e].map == SWISD_EDGE_HALO && job->spec.steps[s].edges[e].width > reach)
        reach = job->spec.steps[s].edges[e].width;
    for (uint32_t l = 0; l < job->spec.steps[s].lane_count; l++) {
      struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, s, l)];
      for (uint16_t i = swisd_interval_find(&sub->pool, lane, lo > reach ? lo - reach : 0);
           i && sub->pool.list[i].lo < hi + reach; i = sub->pool.list[i].next)
        if (sub->pool.list[i].state == SWISD_INTERVAL_ISSUED || sub->pool.list[i].state == SWISD_INTERVAL_CHECKING)
          return true;
    }
  }
  return false;
}

static bool may_drop(struct swisd_node *node, uint8_t slot, uint32_t step, uint16_t index)
{
  const struct swisd_interval *interval = &node->submitter->pool.list[index];
  return interval->state == SWISD_INTERVAL_READY ||
         (interval->state == SWISD_INTERVAL_ACCEPTED && !is_read(node, slot, step, interval->lo, interval->hi));
}

/* Gives up what an interval holds; only READY and ACCEPTED ones. */
static void drop(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, step, lane_number)];
  const struct swisd_interval *interval = &sub->pool.list[index];
  job->starved = true;
  if (interval->state == SWISD_INTERVAL_READY) {
    swisd_interval_remove(&sub->pool, lane, index);
    return;
  }
  if (!swisd_job_body_in_use(node, lane, index))
    swisd_job_free_output(node, slot, interval->owner, interval->body);
  swisd_job_unaccept(node, slot, step, lane_number, index);
}

uint64_t swisd_job_least_window(const struct swisd_job *job)
{
  uint64_t reach = 1;
  for (uint32_t s = 0; s < job->spec.step_count; s++) {
    uint64_t widest = 0;
    for (uint32_t e = 0; e < job->spec.steps[s].edge_count; e++)
      if (job->spec.steps[s].edges[e].map == SWISD_EDGE_HALO && job->spec.steps[s].edges[e].width > widest)
        widest = job->spec.steps[s].edges[e].width;
    reach += widest;
  }
  return reach;
}

bool swisd_job_give_way(struct swisd_node *node, uint8_t slot, uint64_t item)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  if (keeps_state(job))
    return false;
  for (uint8_t state = SWISD_INTERVAL_READY; state <= SWISD_INTERVAL_ACCEPTED;
       state += SWISD_INTERVAL_ACCEPTED - SWISD_INTERVAL_READY) {
    uint16_t highest = 0;
    uint32_t highest_step = 0, highest_lane = 0;
    for (uint32_t s = 0; s < job->spec.step_count; s++)
      for (uint32_t l = 0; l < job->spec.steps[s].lane_count; l++)
        for (uint16_t i = job->lanes[swisd_job_lane_index(job, s, l)].first; i; i = sub->pool.list[i].next)
          if (sub->pool.list[i].state == state && sub->pool.list[i].lo >= item + swisd_job_least_window(job) &&
              (highest == 0 || sub->pool.list[i].lo > sub->pool.list[highest].lo) && may_drop(node, slot, s, i)) {
            highest = i;
            highest_step = s;
            highest_lane = l;
          }
    if (highest) {
      drop(node, slot, highest_step, highest_lane, highest);
      return true;
    }
  }
  return false;
}

bool swisd_job_goes_first(const struct swisd_node *node, uint8_t slot, uint64_t item)
{
  const struct swisd_job *job = &node->submitter->jobs[slot];
  return !keeps_state(job) && item < swisd_job_first_open(node, slot) + swisd_job_least_window(job);
}

bool swisd_job_is_cramped(const struct swisd_node *node)
{
  const struct swisd_interval_pool *pool = &node->submitter->pool;
  return pool->free_count < 6 || pool->free_count < pool->max / 16;
}

static bool has_ready(const struct swisd_job *job)
{
  for (uint32_t l = 0; l < job->spec.lane_count; l++)
    if (job->lanes[l].ready_items)
      return true;
  return false;
}

/* Whether an interval is in the way of items [first, limit). In a block of several items everything from the first on is, but
 * for what has been used: then the block is made anew, cut at the same items in every lane. */
static bool is_in_the_way(struct swisd_node *node, uint8_t slot, uint32_t step, uint16_t index, uint64_t first, uint64_t limit)
{
  const struct swisd_interval *interval = &node->submitter->pool.list[index];
  if (interval->lo >= limit)
    return true;
  if (limit - first > swisd_job_least_window(&node->submitter->jobs[slot]))
    return interval->hi > first;
  return interval->state == SWISD_INTERVAL_ACCEPTED && interval->hi > limit &&
         swisd_job_is_consumed(node, slot, step, interval->lo, limit); /* what it made for those below has been used */
}

static void narrow(struct swisd_node *node, uint8_t slot)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint64_t first = swisd_job_first_open(node, slot), least = swisd_job_least_window(job);
  const uint64_t span = job->admitted > first ? job->admitted - first : 1;
  job->window = (job->window && job->window < span ? job->window : span) / 2;
  if (job->window < least)
    job->window = least;
  const uint64_t limit = first + job->window;
  if (job->admitted > limit)
    job->admitted = limit;
  swisd_witness_forget(node, slot, limit);
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    for (uint32_t l = 0; l < job->spec.steps[s].lane_count; l++)
      for (uint16_t i = job->lanes[swisd_job_lane_index(job, s, l)].first, next; i; i = next) {
        next = sub->pool.list[i].next;
        if (is_in_the_way(node, slot, s, i, first, limit) && may_drop(node, slot, s, i))
          drop(node, slot, s, l, i);
      }
}

void swisd_job_relieve(struct swisd_node *node, uint8_t slot)
{
  struct swisd_job *job = &node->submitter->jobs[slot];
  for (uint32_t s = 0; job->starved && s < job->spec.step_count; s++)
    for (uint32_t l = 0; (job->feeds_state >> s & 1) && l < job->spec.steps[s].lane_count; l++)
      swisd_log_merge(node, slot, s, l);
  const bool idle =
    job->starved && job->account.under_way == swisd_witness_flops(node, slot) && (!has_ready(job) || swisd_job_is_cramped(node));
  const uint64_t still_ns = node->now_ns - job->progress_ns;
  const bool alone = idle && node->now_ns - job->refused_ns >= node->config.patience_ns;
  /* The least it could want is refused for minutes: its workers' tables are too small for it. */
  const bool vain = job->window == swisd_job_least_window(job) && job->refused_ns > job->progress_ns;
  if ((alone && still_ns >= node->config.patience_ns) || (vain && still_ns >= 4 * node->config.patience_ns)) {
    swisd_out_table_full(node, SWISD_TABLE_INTERVALS);
    swisd_job_finish(node, slot, SWISD_ERROR_SPACE); /* the pool is too small for this job */
    return;
  }
  const uint64_t moved_ns = job->relieved_ns > job->progress_ns ? job->relieved_ns : job->progress_ns;
  /* With nothing to issue and nothing awaited, only another job could make room: that is not waited for. */
  const uint64_t stand_ns = idle && !has_ready(job) ? 0 : STAND_NS;
  if (keeps_state(job) || node->now_ns - moved_ns < stand_ns || !(idle || job->refused_ns > moved_ns))
    return;
  job->relieved_ns = node->now_ns;
  narrow(node, slot);
}
