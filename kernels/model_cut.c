/* Slices of tensors into shards. */
#include "kernels/model_cut.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/model_internal.h"

/* rows x columns of a matrix with `stride` columns, dense. */
static float *copy_block(float *to, const float *from, uint64_t rows, uint64_t columns, uint64_t stride)
{
  for (uint64_t r = 0; r < rows; r++) {
    memcpy(to + r * columns, from + r * stride, columns * sizeof *to);
  }
  return to + rows * columns;
}

/* The part of an operation's tensors that belongs to a lane; returns where the next operation's begins. */
static float *cut_op(const struct swisd_model *model, unsigned step, unsigned lane, unsigned index, const float *whole, float *to)
{
  const struct swisd_op *op = &model->steps[step].ops[index];
  const struct swisd_lane *l = &model->steps[step].lanes[lane];
  const struct swisd_shape in = swisd_model_shape_after(model, step, lane, index);
  const uint64_t floats = swisd_op_weight_floats(model, op, l, in);
  if (!floats) {
    return to;
  }
  assert(whole);
  if (op->split == SWISD_SPLIT_NONE) {
    memcpy(to, whole, floats * sizeof *to);
    return to + floats;
  }
  const uint64_t block = l->block_end - l->block_first, first = l->block_first;
  if (op->kind == SWISD_OP_CONV2D) { /* w[kernel][kernel][in][out]: the block is of the last dimension */
    const uint64_t rows = (uint64_t)op->kernel * op->kernel * in.channels;
    to = copy_block(to, whole + first, rows, block, op->out);
    return op->bias ? copy_block(to, whole + rows * op->out + first, 1, block, op->out) : to;
  }
  const uint64_t features = swisd_shape_values(in); /* DENSE: w[out][in] */
  if (op->split == SWISD_SPLIT_COLUMNS) {
    return copy_block(to, whole + first, op->out, block, features);
  }
  to = copy_block(to, whole + first * features, block, features, features);
  return op->bias ? copy_block(to, whole + op->out * features + first, 1, block, op->out) : to;
}

int swisd_model_cut(struct swisd_bundle *bundle, const struct swisd_tensors *tensors, struct swisd_error *error)
{
  struct swisd_model *model = &bundle->model;
  if (swisd_model_check(model, model->name, false, error)) {
    swisd_bundle_free(bundle);
    return -1;
  }
  for (unsigned s = 0; s < model->step_count; s++) {
    for (unsigned l = 0; l < model->steps[s].lane_count; l++) {
      const uint64_t bytes = model->steps[s].lanes[l].bytes;
      float *shard = malloc(bytes), *to = shard;
      if (!shard) {
        swisd_error_set(error, "%s: no memory for a shard of %llu bytes", model->name, (unsigned long long)bytes);
        swisd_bundle_free(bundle);
        return -1;
      }
      for (unsigned i = 0; i < model->steps[s].op_count; i++) {
        to = cut_op(model, s, l, i, tensors->of[s][i], to);
      }
      assert((uint64_t)(to - shard) * sizeof *shard == bytes);
      bundle->shards[model->steps[s].lane_first + l] = shard;
    }
  }
  return 0;
}

struct swisd_model_step *swisd_model_add_step(struct swisd_model *model, const char *name, uint8_t from, enum swisd_model_map map,
                                              unsigned width)
{
  assert(model->step_count < SWISD_MODEL_STEPS_MAX);
  struct swisd_model_step *step = &model->steps[model->step_count++];
  *step = (struct swisd_model_step){.edge_count = 1, .lane_count = 1};
  step->edges[0] = (struct swisd_edge){.from = from, .map = map, .width = (uint16_t)width};
  snprintf(step->name, sizeof step->name, "%s", name);
  return step;
}

struct swisd_op *swisd_model_add_op(struct swisd_model *model, struct swisd_op op)
{
  struct swisd_model_step *step = &model->steps[model->step_count - 1];
  assert(step->op_count < SWISD_MODEL_OPS_MAX);
  step->ops[step->op_count] = op;
  return &step->ops[step->op_count++];
}

void swisd_model_add_lanes(struct swisd_model *model, unsigned lanes, uint32_t rows)
{
  struct swisd_model_step *step = &model->steps[model->step_count - 1];
  assert(lanes >= 1 && lanes <= SWISD_MODEL_LANES_MAX);
  step->lane_count = (uint8_t)lanes;
  for (unsigned l = 0; l < lanes; l++) {
    step->lanes[l].block_first = rows * l / lanes;
    step->lanes[l].block_end = rows * (l + 1) / lanes;
  }
}
