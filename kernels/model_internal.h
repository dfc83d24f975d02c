/* Shared by the files of the model format only. */
#ifndef SWISD_KERNELS_MODEL_INTERNAL_H
#define SWISD_KERNELS_MODEL_INTERNAL_H

#include "kernels/model.h"

/* What is wrong with a model, and where: a JSON pointer into its manifest. */
struct swisd_model_fault {
  char pointer[64];
  char text[320];
};

/* swisd_model_check with the place apart. 0 or -1. */
int swisd_model_check_at(struct swisd_model *model, bool sizes_known, struct swisd_model_fault *fault);

/* Names of enum values in manifests; NULL past the end. */
const char *swisd_op_name(unsigned kind);

/* What one operation makes of a value; `lane` says which rows. */
struct swisd_shape swisd_op_shape(const struct swisd_model *model, const struct swisd_op *op, const struct swisd_lane *lane,
                                  struct swisd_shape in);
/* Floats in the shard for one operation, given the value it starts from; and its FLOP for one item. */
uint64_t swisd_op_weight_floats(const struct swisd_model *model, const struct swisd_op *op, const struct swisd_lane *lane,
                                struct swisd_shape in);
uint64_t swisd_op_flops(const struct swisd_model *model, const struct swisd_op *op, const struct swisd_lane *lane,
                        struct swisd_shape in);
/* Floats of the weights of one Llama layer. */
uint64_t swisd_llama_layer_floats(const struct swisd_llama *llama);

#endif
