/* The log of a session: what a stateful step was fed, kept by the submitter so that a new primary can be brought up.
 *
 * Each position comes as a body of its own. Four adjacent bodies of one tier (1 .. 3 items, 4 .. 15, 16 .. 63, ...) become one
 * of the next tier by a CONCAT, so each row is copied log4(n) times. When the pool runs short, any two or more are merged. */
#include "runtime/core/job.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"

enum { TIER = 4 };

static uint32_t tier_of(const struct swisd_interval *interval)
{
  uint32_t tier = 0;
  for (uint64_t items = interval->hi - interval->lo; items >= TIER; items /= TIER)
    tier++;
  return tier;
}

/* Whether the interval is a piece of the log that may be merged: accepted, here, with a body of its own. */
static bool is_piece(const struct swisd_job *job, const struct swisd_interval *interval)
{
  return interval->state == SWISD_INTERVAL_ACCEPTED && interval->body.handle &&
         swisd_id_equal(interval->owner, job->id.submitter);
}

/* The first of a run of pieces worth merging, and how many; 0 when there is none. */
static uint16_t find_run(const struct swisd_node *node, const struct swisd_job *job, const struct swisd_lane *lane,
                         uint32_t *count)
{
  const struct swisd_submitter *sub = node->submitter;
  const bool is_short = sub->pool.free_count < sub->pool.max / 4 || !swisd_job_may_take(node, job, 0);
  const uint32_t enough = is_short ? 2 : TIER;
  uint16_t first = 0;
  *count = 0;
  for (uint16_t i = lane->first; i; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    const bool joins = *count && is_piece(job, interval) && sub->pool.list[interval->previous].hi == interval->lo &&
                       (is_short || tier_of(interval) == tier_of(&sub->pool.list[first]));
    if (joins) {
      ++*count;
    } else {
      if (*count >= enough)
        return first;
      first = is_piece(job, interval) ? i : 0;
      *count = first != 0;
    }
    if (*count == (is_short ? SWISD_SOURCES_MAX : TIER))
      return first;
  }
  return *count >= enough ? first : 0;
}

void swisd_log_merge(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint32_t lane_index = swisd_job_lane_index(job, step, lane_number);
  const uint64_t bit = UINT64_C(1) << lane_index;
  if ((job->merging & bit) || sub->check_count == node->config.limits.intervals_max || !swisd_out_room(node, 1))
    return;
  uint32_t count;
  uint16_t i = find_run(node, job, &job->lanes[lane_index], &count);
  if (i == 0)
    return;
  struct swisd_action_compute *compute = &swisd_out_action(node, SWISD_ACTION_COMPUTE)->u.compute;
  memset(compute, 0, sizeof *compute);
  compute->ticket = swisd_node_ticket(node);
  compute->program = SWISD_PROGRAM_CONCAT;
  compute->kernel = job->spec.steps[step].kernel;
  compute->number = job->number;
  compute->model = job->spec.model;
  compute->shard = job->spec.lanes[lane_index].shard;
  const uint64_t lo = sub->pool.list[i].lo;
  uint64_t hi = lo;
  for (; compute->source_count < count; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    compute->sources[compute->source_count++] = (struct swisd_source){.owner = interval->owner,
                                                                      .body = interval->body,
                                                                      .body_lo = interval->body_lo,
                                                                      .body_hi = interval->body_hi,
                                                                      .lo = interval->lo,
                                                                      .hi = interval->hi,
                                                                      .lane = (uint8_t)lane_number};
    hi = interval->hi;
  }
  compute->key = (struct swisd_task_key){.job = job->id, .step = (uint8_t)step, .lane = (uint8_t)lane_number, .lo = lo, .hi = hi};
  compute->out_bytes = (hi - lo) * job->spec.lanes[lane_index].out_bytes_per_item;
  job->merging |= bit;
  sub->checks[sub->check_count++] = (struct swisd_pending_check){.ticket = compute->ticket,
                                                                 .job = slot,
                                                                 .step = (uint8_t)step,
                                                                 .lane = (uint8_t)lane_number,
                                                                 .program = SWISD_PROGRAM_CONCAT,
                                                                 .lo = lo,
                                                                 .hi = hi,
                                                                 .number = job->id.number};
}

void swisd_log_merged(struct swisd_node *node, const struct swisd_pending_check *check, const struct swisd_event_computed *event)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[check->job];
  if (job->phase != SWISD_JOB_OPEN_PHASE || job->id.number != check->number) {
    swisd_out_release(node, event->out);
    return;
  }
  const uint32_t lane_index = swisd_job_lane_index(job, check->step, check->lane);
  struct swisd_lane *lane = &job->lanes[lane_index];
  job->merging &= ~(UINT64_C(1) << lane_index);
  const uint64_t bytes = (check->hi - check->lo) * job->spec.lanes[lane_index].out_bytes_per_item;
  if (event->status != SWISD_OK || event->out.bytes != bytes) {
    swisd_out_release(node, event->out); /* no memory, say: the pieces stay as they are */
    return;
  }
  /* Nothing takes a piece of the log away but the end of the job, so they are all still there. */
  uint16_t i = swisd_interval_find(&sub->pool, lane, check->lo);
  SWISD_ASSERT(i && sub->pool.list[i].lo == check->lo);
  while (sub->pool.list[i].hi < check->hi) {
    const uint16_t next = sub->pool.list[i].next;
    SWISD_ASSERT(next && is_piece(job, &sub->pool.list[next]) && sub->pool.list[next].lo == sub->pool.list[i].hi);
    const struct swisd_body body = sub->pool.list[next].body;
    const uint64_t hi = sub->pool.list[next].hi;
    if (!swisd_job_body_in_use(node, lane, next))
      swisd_out_release(node, body);
    swisd_interval_join(&sub->pool, lane, i, next);
    SWISD_ASSERT(sub->pool.list[i].hi == hi);
  }
  struct swisd_interval *interval = &sub->pool.list[i];
  if (!swisd_job_body_in_use(node, lane, i))
    swisd_out_release(node, interval->body);
  interval->body = event->out;
  interval->body_lo = check->lo;
  interval->body_hi = check->hi;
  swisd_log_merge(node, check->job, check->step, check->lane);
}
