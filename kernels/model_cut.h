/* Cutting a model: from the whole tensors of each operation to the shards of its lanes; and the little that all cutting tools
 * share in building a manifest. */
#ifndef SWISD_KERNELS_MODEL_CUT_H
#define SWISD_KERNELS_MODEL_CUT_H

#include "kernels/model.h"

/* The whole tensors of operation [step][op], one after the other as model.h lists them (weights, then bias); NULL where an
 * operation has none. Borrowed. */
struct swisd_tensors {
  const float *of[SWISD_MODEL_STEPS_MAX][SWISD_MODEL_OPS_MAX];
};

/* Checks bundle->model (steps, edges, operations and blocks filled in) and makes the bytes of every shard. 0, or -1 with an
 * error; then the bundle is empty. */
int swisd_model_cut(struct swisd_bundle *bundle, const struct swisd_tensors *tensors, struct swisd_error *error);

/* Adds to a model: a step with one edge, or an operation to the last step. The caller stays within the bounds of model.h. */
struct swisd_model_step *swisd_model_add_step(struct swisd_model *model, const char *name, uint8_t from, enum swisd_model_map map,
                                              unsigned width);
struct swisd_op *swisd_model_add_op(struct swisd_model *model, struct swisd_op op);
/* Cuts the last step in `lanes` equal blocks of `rows`. */
void swisd_model_add_lanes(struct swisd_model *model, unsigned lanes, uint32_t rows);

#endif
