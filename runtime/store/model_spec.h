/* A model folder's model as the core sees it: the job that computes with it, and what is announced of its shards. One
 * conversion for every driver, so that simulator and runtime submit the same job. */
#ifndef SWISD_STORE_MODEL_SPEC_H
#define SWISD_STORE_MODEL_SPEC_H

#include "kernels/model.h"
#include "runtime/core/jobspec.h"
#include "runtime/core/message.h"

/* Fills all of `out`. `items_max`: no item at or past this one is made. A step whose results nobody reads but over a lagged edge
 * is the sink. Hubs are the sink, what is verified, what feeds a step that is verified or stateful, and tokens that go round. */
void swisd_model_job_spec(const struct swisd_model *model, uint64_t items_max, struct swisd_job_spec *out);
/* What the first holder of a model says of it. */
void swisd_model_announcement(const struct swisd_model *model, struct swisd_message_model *out);

/* The work of one item per kernel class, all steps and lanes together. */
void swisd_job_spec_flops(const struct swisd_job_spec *spec, double flops_per_item[SWISD_KERNEL_COUNT]);
/* Bytes per item that cross the submitter's link: input up, once for each lane that takes it, and hubs' results down. */
void swisd_job_spec_bytes(const struct swisd_job_spec *spec, uint64_t *up_bytes, uint64_t *down_bytes);

#endif
