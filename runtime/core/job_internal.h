/* What the files of a job's graph share: job.c, job_inputs.c, job_loss.c. */
#ifndef SWISD_CORE_JOB_INTERNAL_H
#define SWISD_CORE_JOB_INTERNAL_H

#include "runtime/core/job.h"

/* Whether the results of a step come to the submitter. */
static inline bool swisd_step_is_hub(const struct swisd_step_spec *step)
{
  return (step->flags & (SWISD_STEP_HUB | SWISD_STEP_SINK)) != 0;
}

/* The items of the edge's from-step that `item` needs: [*lo, *hi). A lagged edge shifts them further. */
void swisd_job_needed(const struct swisd_job *job, const struct swisd_edge_spec *edge, uint64_t item, uint64_t *lo, uint64_t *hi);
/* The same of items [lo, hi) together. */
static inline void swisd_job_needed_by(const struct swisd_job *job, const struct swisd_edge_spec *edge, uint64_t lo, uint64_t hi,
                                       uint64_t *from_lo, uint64_t *from_hi)
{
  uint64_t unused;
  swisd_job_needed(job, edge, lo, from_lo, &unused);
  swisd_job_needed(job, edge, hi - 1, &unused, from_hi);
}
/* From `item` on, how far the inputs of a step are uniformly there or not: the end of that run, at most `hi`. */
uint64_t swisd_job_inputs_run(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t item, uint64_t hi, bool *there);
/* Whether every consumer of items [lo, hi) of `step` has been accepted; never of what feeds state, which is kept. */
bool swisd_job_is_consumed(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi);
/* From `item` on, how far that is uniformly so or not so: the end of the run, at most `hi`. */
uint64_t swisd_job_consumed_run(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t item, uint64_t hi, bool *consumed);
/* Whether every consumer of them is at least being computed by a worker that answers, which may have fetched them. */
bool swisd_job_is_given(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi);
/* Makes ready what items [lo, hi) of `step`, now accepted, were missing for. */
void swisd_job_promote_consumers(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi, bool urgent);

#endif
