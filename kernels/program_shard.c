/* Shard bytes -> packed weights. The layout of a shard is that of model.h: the operations in order, raw floats. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/model_internal.h"
#include "kernels/program_internal.h"

float *swisd_program_floats(uint64_t count)
{
  if (count > UINT64_C(1) << 40) {
    return NULL;
  }
  return aligned_alloc(64, (size_t)((count ? count : 1) * sizeof(float) + 63) / 64 * 64);
}

/* The shard being read, front to back. */
struct reader {
  struct swisd_shard *shard;
  const uint8_t *start, *at;
  bool failed; /* no memory */
};

static float *take_block(struct reader *reader, uint64_t floats)
{
  float *block = swisd_program_floats(floats);
  reader->failed |= !block;
  reader->shard->memory_bytes += floats * sizeof *block;
  return block;
}

/* The next `count` floats as they are. */
static float *read_vector(struct reader *reader, uint64_t count)
{
  float *vector = take_block(reader, count);
  if (vector) {
    memcpy(vector, reader->at, count * sizeof *vector);
  }
  reader->at += count * sizeof *vector;
  return vector;
}

/* The next w[out][in], packed. */
static float *read_matrix(struct reader *reader, uint64_t out, uint64_t in)
{
  const struct swisd_kernels *kernels = reader->shard->kernels;
  float *packed = take_block(reader, kernels->packed_floats(in, out)), *plain = swisd_program_floats(out * in);
  reader->failed |= !plain;
  if (packed && plain) {
    memcpy(plain, reader->at, out * in * sizeof *plain);
    kernels->pack(packed, plain, 1, in, in, out);
  }
  free(plain);
  reader->at += out * in * sizeof *plain;
  return packed;
}

/* The next w[kernel][kernel][in][out], packed. */
static float *read_convolution(struct reader *reader, const struct swisd_op *op, uint64_t in, uint64_t out)
{
  const struct swisd_kernels *kernels = reader->shard->kernels;
  const uint64_t floats = (uint64_t)op->kernel * op->kernel * in * out;
  float *packed = take_block(reader, kernels->conv_packed_floats(op->kernel, in, out)), *plain = swisd_program_floats(floats);
  reader->failed |= !plain;
  if (packed && plain) {
    memcpy(plain, reader->at, floats * sizeof *plain);
    kernels->conv_pack(packed, plain, op->kernel, in, out);
  }
  free(plain);
  reader->at += floats * sizeof *plain;
  return packed;
}

static struct swisd_layer_weights *read_layers(struct reader *reader, const struct swisd_op *op)
{
  const struct swisd_llama *llama = &reader->shard->model->llama;
  const uint64_t hidden = llama->hidden, ffn = llama->ffn;
  const uint64_t q = (uint64_t)llama->heads * llama->head_size, kv = (uint64_t)llama->kv_heads * llama->head_size;
  struct swisd_layer_weights *layers = calloc(op->count, sizeof *layers);
  reader->failed |= !layers;
  for (uint32_t i = 0; i < op->count && layers && !reader->failed; i++) {
    layers[i].attention_norm = read_vector(reader, hidden);
    layers[i].q = read_matrix(reader, q, hidden);
    layers[i].k = read_matrix(reader, kv, hidden);
    layers[i].v = read_matrix(reader, kv, hidden);
    layers[i].o = read_matrix(reader, hidden, q);
    layers[i].ffn_norm = read_vector(reader, hidden);
    layers[i].gate = read_matrix(reader, ffn, hidden);
    layers[i].up = read_matrix(reader, ffn, hidden);
    layers[i].down = read_matrix(reader, hidden, ffn);
  }
  return layers;
}

static void read_op(struct reader *reader, unsigned index)
{
  struct swisd_shard *shard = reader->shard;
  const struct swisd_model *model = shard->model;
  const struct swisd_op *op = &model->steps[shard->step].ops[index];
  struct swisd_op_weights *weights = &shard->ops[index];
  const struct swisd_shape in = swisd_model_shape_after(model, shard->step, shard->lane, index);
  const struct swisd_shape out = swisd_model_shape_after(model, shard->step, shard->lane, index + 1);
  const uint64_t floats = swisd_op_weight_floats(model, op, &model->steps[shard->step].lanes[shard->lane], in);
  const uint64_t bias = op->bias ? out.channels : 0;
  switch (op->kind) {
  case SWISD_OP_CONV2D:
    weights->packed = read_convolution(reader, op, in.channels, out.channels);
    break;
  case SWISD_OP_DENSE:
    weights->packed = read_matrix(reader, out.channels, (floats - bias) / out.channels);
    break;
  case SWISD_OP_BIAS:
  case SWISD_OP_RMSNORM:
  case SWISD_OP_EMBED:
    weights->vector = read_vector(reader, floats);
    break;
  case SWISD_OP_LAYERS:
    weights->layers = read_layers(reader, op);
    break;
  case SWISD_OP_HEAD:
    if (op->tied) { /* an embed stands first in its step, so the shard begins with the matrix */
      reader->at = reader->start;
    }
    weights->packed = read_matrix(reader, model->llama.vocab, model->llama.hidden);
    break;
  default:
    break;
  }
  if (bias) {
    weights->vector = read_vector(reader, bias);
  }
}

/* The last operation's weights for swisd_program_check: W[k][n], with the bias, if any, as the weights of one input more. For a
 * convolution that is one channel more, of which only the tap in the middle counts. */
static float *read_check_weights(struct reader *reader)
{
  struct swisd_shard *shard = reader->shard;
  const struct swisd_model *model = shard->model;
  const struct swisd_model_step *step = &model->steps[shard->step];
  const struct swisd_op *op = &step->ops[step->op_count - 1];
  const size_t n = step->lanes[shard->lane].out.channels, k = swisd_program_check_inputs(model, shard->step, shard->lane);
  const struct swisd_shape in = swisd_model_shape_after(model, shard->step, shard->lane, step->op_count - 1u);
  const uint64_t floats = swisd_op_weight_floats(model, op, &step->lanes[shard->lane], in), bias = op->bias ? n : 0;
  float *weights = take_block(reader, (uint64_t)k * n), *plain = swisd_program_floats(floats);
  reader->failed |= !plain;
  if (weights && plain) {
    memcpy(plain, reader->start + step->lanes[shard->lane].bytes - 4 * floats, 4 * floats); /* the last operation's come last */
    const size_t inputs = (floats - bias) / n, channels = op->kind == SWISD_OP_CONV2D ? in.channels : inputs;
    const size_t taps = inputs / channels;
    memset(weights, 0, k * n * sizeof *weights);
    for (size_t p = 0; p < inputs; p++) {
      for (size_t j = 0; j < n; j++) {
        const size_t row = op->bias ? p / channels * (channels + 1) + p % channels : p;
        weights[row * n + j] = op->kind == SWISD_OP_CONV2D ? plain[p * n + j] : plain[j * inputs + p];
      }
    }
    if (op->bias) {
      memcpy(weights + (taps / 2 * (channels + 1) + channels) * n, plain + inputs * n, n * sizeof *weights);
    }
  }
  free(plain);
  return weights;
}

/* Index of the first float that is not finite, or `count`. */
static uint64_t find_not_finite(const uint8_t *bytes, uint64_t count)
{
  for (uint64_t i = 0; i < count; i++) {
    float value;
    memcpy(&value, bytes + 4 * i, sizeof value);
    if (!isfinite(value)) {
      return i;
    }
  }
  return count;
}

int swisd_shard_load(const struct swisd_model *model, unsigned step, unsigned lane, const void *bytes, size_t byte_count,
                     const struct swisd_kernels *kernels, struct swisd_shard **out, struct swisd_error *error)
{
  *out = NULL;
  if (step >= model->step_count || lane >= model->steps[step].lane_count) {
    return swisd_error_set(error, "%s: there is no lane %u of step %u", model->name, lane, step);
  }
  const struct swisd_model_step *s = &model->steps[step];
  if (byte_count != s->lanes[lane].bytes) {
    return swisd_error_set(error, "%s: shard of step %u lane %u: %zu bytes, %llu are wanted", model->name, step, lane, byte_count,
                           (unsigned long long)s->lanes[lane].bytes);
  }
  const uint64_t bad = find_not_finite(bytes, byte_count / 4);
  if (bad < byte_count / 4) {
    return swisd_error_set(error, "%s: shard of step %u lane %u: weight %llu is not finite", model->name, step, lane,
                           (unsigned long long)bad);
  }
  struct swisd_shard *shard = calloc(1, sizeof *shard);
  if (!shard) {
    return swisd_error_set(error, "%s: no memory for a shard", model->name);
  }
  shard->model = model;
  shard->kernels = kernels;
  shard->step = step;
  shard->lane = lane;
  shard->memory_bytes = sizeof *shard;
  struct reader reader = {.shard = shard, .start = bytes, .at = bytes};
  for (unsigned i = 0; i < s->op_count && !reader.failed; i++) {
    read_op(&reader, i);
  }
  if (s->verify == SWISD_MODEL_VERIFY_FREIVALDS && !reader.failed) {
    shard->check_weights = read_check_weights(&reader);
  }
  if (reader.failed) {
    swisd_shard_free(shard);
    return swisd_error_set(error, "%s: no memory for the shard of step %u lane %u", model->name, step, lane);
  }
  *out = shard;
  return 0;
}

void swisd_shard_free(struct swisd_shard *shard)
{
  if (!shard) {
    return;
  }
  const struct swisd_model_step *step = &shard->model->steps[shard->step];
  for (unsigned i = 0; i < SWISD_MODEL_OPS_MAX; i++) {
    struct swisd_op_weights *weights = &shard->ops[i];
    for (uint32_t l = 0; weights->layers && l < step->ops[i].count; l++) {
      float *const blocks[] = {weights->layers[l].attention_norm,
                               weights->layers[l].ffn_norm,
                               weights->layers[l].q,
                               weights->layers[l].k,
                               weights->layers[l].v,
                               weights->layers[l].o,
                               weights->layers[l].gate,
                               weights->layers[l].up,
                               weights->layers[l].down};
      for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
        free(blocks[b]);
      }
    }
    free(weights->layers);
    free(weights->packed);
    free(weights->vector);
  }
  free(shard->check_weights);
  free(atomic_load(&shard->prepared));
  free(shard);
}

uint64_t swisd_shard_memory_bytes(const struct swisd_shard *shard) { return shard->memory_bytes; }
