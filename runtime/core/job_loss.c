/* Outputs that went away with their workers: what must be made again, and what need not. */
#include "runtime/core/job.h"
#include "runtime/core/job_internal.h"
#include "runtime/core/memory.h"
#include "runtime/core/worker.h"

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
  struct swisd_trace *trace =
    swisd_job_trace(node, job, SWISD_TRACE_TASK_REPLAYED, step, lane_number, interval->lo, interval->hi);
  trace->value = flops;
  trace->peer = interval->owner; /* it made them */
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
        if (swisd_id_equal(owner, job->id.submitter) && swisd_step_is_hub(&job->spec.steps[s]))
          continue; /* it lies here, whoever could not fetch it */
        swisd_job_unaccept(node, slot, s, l, i);
        job->delayed = true;
      }
    }
}

void swisd_job_output_given_up(struct swisd_node *node, uint8_t slot, struct swisd_id owner, struct swisd_body body)
{
  swisd_job_outputs_lost(node, slot, owner, &body);
  /* It may only be out of reach: nobody will ask for it again. */
  if (!swisd_id_equal(owner, node->submitter->jobs[slot].id.submitter))
    swisd_job_free_output(node, slot, owner, body);
}

void swisd_job_outputs_away(struct swisd_node *node, uint8_t slot, struct swisd_id owner)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    for (uint32_t l = 0; !swisd_step_is_hub(&job->spec.steps[s]) && l < job->spec.steps[s].lane_count; l++) {
      struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, s, l)];
      for (uint16_t i = lane->first, next; i; i = next) {
        const struct swisd_interval *interval = &sub->pool.list[i];
        next = interval->next;
        if (interval->state != SWISD_INTERVAL_ACCEPTED || !swisd_id_equal(interval->owner, owner) ||
            swisd_job_is_given(node, slot, s, interval->lo, interval->hi))
          continue;
        if (!swisd_job_body_in_use(node, lane, i))
          swisd_job_free_output(node, slot, owner, interval->body);
        swisd_job_unaccept(node, slot, s, l, i);
        job->delayed = true;
      }
    }
}

bool swisd_jobs_keep_at(const struct swisd_node *node, struct swisd_id owner)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    for (uint32_t l = 0; sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE && l < sub->jobs[j].spec.lane_count; l++)
      for (uint16_t i = sub->jobs[j].lanes[l].first; i; i = sub->pool.list[i].next)
        if (sub->pool.list[i].state == SWISD_INTERVAL_ACCEPTED && swisd_id_equal(sub->pool.list[i].owner, owner))
          return true;
  return false;
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
      if (interval->state != SWISD_INTERVAL_CONSUMED || swisd_job_is_consumed(node, slot, step, interval->lo, interval->hi))
        continue;
      /* Find the first part that is needed again. */
      bool consumed = true;
      uint64_t at = interval->lo, end = at;
      while (consumed && end < interval->hi) {
        at = end;
        end = swisd_job_consumed_run(node, slot, step, at, interval->hi, &consumed);
      }
      if (consumed)
        continue;
      while (end < interval->hi) {
        const uint64_t run_end = swisd_job_consumed_run(node, slot, step, end, interval->hi, &consumed);
        if (consumed)
          break;
        end = run_end;
      }
      uint16_t part = i;
      if (at > interval->lo && (part = swisd_interval_split(&sub->pool, lane, i, at)) == 0)
        part = i; /* no room: all of it is made again */
      if (end < sub->pool.list[part].hi)
        swisd_interval_split(&sub->pool, lane, part, end); /* or the whole rest */
      next = sub->pool.list[part].next;
      swisd_job_unaccept(node, slot, step, l, part);
    }
  }
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
      bool consumed;
      const uint64_t lo = at;
      uint64_t hi = swisd_job_consumed_run(node, slot, step, lo, end, &consumed);
      if (!consumed) {
        at = hi;
        continue;
      }
      while (hi < end) {
        const uint64_t run_end = swisd_job_consumed_run(node, slot, step, hi, end, &consumed);
        if (!consumed)
          break;
        hi = run_end;
      }
      if (covered) {
        job->delayed = job->delayed || interval->urgent;
        swisd_interval_remove(&sub->pool, lane, i); /* what is left of it is promoted again */
      }
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

/* READY items whose inputs have gone are missing again; the others of their interval stay as they are. */
static void unready(struct swisd_node *node, uint8_t slot, uint32_t step)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  for (uint32_t l = 0; l < job->spec.steps[step].lane_count; l++) {
    struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, step, l)];
    for (uint16_t i = lane->first, next; i; i = next) {
      const struct swisd_interval was = sub->pool.list[i];
      next = was.next;
      if (was.state != SWISD_INTERVAL_READY || swisd_job_inputs_there(node, slot, step, was.lo, was.hi))
        continue;
      swisd_interval_remove(&sub->pool, lane, i);
      for (uint64_t at = was.lo, end; at < was.hi; at = end) {
        bool there;
        end = swisd_job_inputs_run(node, slot, step, at, was.hi, &there);
        if (there && swisd_interval_add(&sub->pool, lane, at, end, SWISD_INTERVAL_READY, was.wanted) == 0)
          job->starved = true; /* promoted later */
      }
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
  const bool delayed = job->delayed;
  job->repair = job->starved = job->delayed = false;
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    unready(node, slot, s);
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    swisd_job_promote(node, slot, s, 0, job->items, delayed);
}
