/* Checking the result of a linear lane. The cheap operations before the last one are run again; the last one, a matrix or a
 * convolution with its bias, is checked as one product: the bias counts as the weights of an input that is always 1, so that
 * the tolerance knows of it. */
#include <stdlib.h>
#include <string.h>

#include "kernels/model_internal.h"
#include "kernels/program_internal.h"

static const struct swisd_op *last_op(const struct swisd_model_step *step) { return &step->ops[step->op_count - 1]; }

size_t swisd_program_check_inputs(const struct swisd_model *model, unsigned step, unsigned lane)
{
  const struct swisd_model_step *s = &model->steps[step];
  const struct swisd_op *op = last_op(s);
  const struct swisd_shape in = swisd_model_shape_after(model, step, lane, s->op_count - 1u);
  if (op->kind == SWISD_OP_CONV2D) {
    return (size_t)op->kernel * op->kernel * (in.channels + op->bias);
  }
  const size_t n = s->lanes[lane].out.channels;
  return (swisd_op_weight_floats(model, op, &s->lanes[lane], in) - (op->bias ? n : 0)) / n + op->bias;
}

/* s for this secret: the shard's own when it has it, else made now. *made is what the caller frees. */
static const struct swisd_prepared *prepare(struct swisd_shard *shard, uint64_t secret, struct swisd_prepared **made)
{
  struct swisd_prepared *known = atomic_load(&shard->prepared);
  *made = NULL;
  if (known && known->secret == secret) {
    return known;
  }
  const struct swisd_lane *lane = &shard->model->steps[shard->step].lanes[shard->lane];
  const size_t n = lane->out.channels, k = swisd_program_check_inputs(shard->model, shard->step, shard->lane);
  struct swisd_prepared *fresh = malloc(sizeof *fresh + swisd_freivalds_bytes(k, n));
  if (!fresh) {
    return NULL;
  }
  fresh->secret = secret;
  swisd_freivalds_init(&fresh->check, fresh->block, secret, (uint32_t)(lane->shard ^ lane->shard >> 32), shard->check_weights, n,
                       1, k, n);
  known = NULL;
  if (!atomic_compare_exchange_strong(&shard->prepared, &known, fresh)) {
    *made = fresh; /* another secret, or another thread, was first */
  }
  return fresh;
}

/* The inputs with a 1 behind each `group` of them. */
static float *with_ones(const float *x, size_t groups, size_t group, size_t stride)
{
  float *out = swisd_program_floats((uint64_t)groups * (group + 1));
  for (size_t i = 0; out && i < groups; i++) {
    memcpy(out + i * (group + 1), x + i * stride, group * sizeof *out);
    out[i * (group + 1) + group] = 1;
  }
  return out;
}

static enum swisd_program_status check_dense(const struct swisd_program_call *call, const struct swisd_prepared *prepared,
                                             const struct swisd_program_value *value, const float *claimed)
{
  const struct swisd_op *op = last_op(call->step);
  const struct swisd_lane *lane = &call->step->lanes[call->lane_index];
  const size_t features = value->height * value->width * value->channels, inputs = prepared->check.k - op->bias;
  const float *x = value->x + (op->split == SWISD_SPLIT_COLUMNS ? lane->block_first : 0);
  float *ones = op->bias ? with_ones(x, value->count, inputs, features) : NULL;
  if (op->bias && !ones) {
    return SWISD_PROGRAM_SPACE;
  }
  const size_t right = swisd_freivalds_check(&prepared->check, value->count, ones ? ones : x, ones ? inputs + 1 : features,
                                             claimed, prepared->check.n);
  free(ones);
  return right == value->count ? SWISD_PROGRAM_OK : SWISD_PROGRAM_WRONG;
}

static enum swisd_program_status check_convolution(const struct swisd_program_call *call, const struct swisd_prepared *prepared,
                                                   const struct swisd_program_value *value, size_t above, size_t below,
                                                   const float *claimed)
{
  const struct swisd_op *op = last_op(call->step);
  const size_t pixels = value->count * value->height * value->width;
  float *ones = op->bias ? with_ones(value->x, pixels, value->channels, value->channels) : NULL;
  if (op->bias && !ones) {
    return SWISD_PROGRAM_SPACE;
  }
  const struct swisd_conv shape = {.batch = value->count,
                                   .height = value->height - above - below,
                                   .width = value->width,
                                   .channels_in = value->channels + op->bias,
                                   .channels_out = prepared->check.n,
                                   .kernel = op->kernel,
                                   .rows_above = above,
                                   .rows_below = below};
  const size_t right = swisd_freivalds_check_conv(&prepared->check, &shape, ones ? ones : value->x, claimed);
  free(ones);
  return right == shape.batch * shape.height * shape.width ? SWISD_PROGRAM_OK : SWISD_PROGRAM_WRONG;
}

enum swisd_program_status swisd_program_check_last(const struct swisd_program_call *call, const struct swisd_prepared *prepared,
                                                   const struct swisd_program_value *value, size_t above, size_t below,
                                                   const uint8_t *claimed)
{
  const struct swisd_op *op = last_op(call->step);
  const bool convolution = op->kind == SWISD_OP_CONV2D;
  if (convolution && op->kernel == 1) {
    above = below = 0;
  }
  const size_t pixels = convolution ? value->count * (value->height - above - below) * value->width : value->count;
  float *aligned = swisd_program_floats((uint64_t)pixels * prepared->check.n);
  if (!aligned) {
    return SWISD_PROGRAM_SPACE;
  }
  memcpy(aligned, claimed, pixels * prepared->check.n * sizeof *aligned);
  const enum swisd_program_status status =
    convolution ? check_convolution(call, prepared, value, above, below, aligned) : check_dense(call, prepared, value, aligned);
  free(aligned);
  return status;
}

enum swisd_program_status swisd_program_check(const struct swisd_model *model, struct swisd_shard *shard, unsigned step,
                                              unsigned lane, uint64_t secret, uint64_t lo, uint64_t hi,
                                              const struct swisd_program_input *inputs, size_t input_count, const void *result,
                                              size_t result_bytes)
{
  if (step >= model->step_count || lane >= model->steps[step].lane_count || shard->step != step || shard->lane != lane ||
      lo >= hi || hi > UINT64_C(1) << 40 || !shard->check_weights || !result) {
    return SWISD_PROGRAM_INPUT;
  }
  const struct swisd_model_step *s = &model->steps[step];
  const uint64_t per_item = s->lanes[lane].out_bytes_per_item;
  const struct swisd_program_call call = {.model = model,
                                          .step = s,
                                          .shard = shard,
                                          .kernels = shard->kernels,
                                          .step_index = step,
                                          .lane_index = lane,
                                          .inputs = inputs,
                                          .input_count = input_count};
  if (result_bytes / per_item != hi - lo || result_bytes % per_item || swisd_gather_check(&call) != SWISD_PROGRAM_OK) {
    return SWISD_PROGRAM_INPUT;
  }
  struct swisd_prepared *made;
  const struct swisd_prepared *prepared = prepare(shard, secret, &made);
  if (!prepared) {
    return SWISD_PROGRAM_SPACE;
  }
  uint8_t *claimed = (uint8_t *)(uintptr_t)result; /* only read: `prepared` is given */
  const enum swisd_program_status status = swisd_program_batches(&call, lo, hi, claimed, NULL, prepared);
  free(made);
  return status;
}
