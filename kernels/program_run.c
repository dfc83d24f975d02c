/* Running a lane: the items are worked through in batches small enough to stay in the caches; for each batch the operations
 * run one after the other between two buffers. In a step with halos the strips of one image that stand next to each other
 * run as one tall image, with the halo rows above and below. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/program_internal.h"

enum { BATCH_FLOATS = 1 << 18, BATCH_ITEMS_MAX = 256 };

struct scratch {
  float *buffers[2], *gathered, *convolution, *layers;
  uint32_t *tokens;
};

struct batch {
  uint64_t lo, hi;     /* items */
  size_t above, below; /* halo rows that came along */
  struct scratch *scratch;
  uint8_t *out;                          /* of item lo */
  struct swisd_program_inline *inlined;  /* NULL unless this batch ends the call */
  const struct swisd_prepared *prepared; /* not NULL: `out` holds the claimed result of the last operation */
};

/* ---- sizes ---- */

/* The one convolution of a halo step that is wider than a pixel: how many rows it needs on each side. */
static size_t halo_rows(const struct swisd_model_step *step)
{
  size_t rows = 0;
  for (unsigned i = 0; i < step->op_count && step->edges[0].map == SWISD_MAP_HALO; i++) {
    rows = step->ops[i].kind == SWISD_OP_CONV2D && step->ops[i].kernel / 2 > rows ? step->ops[i].kernel / 2 : rows;
  }
  return rows;
}

/* The most values of one item between any two operations, of rows that may be `more` higher. */
static uint64_t widest_value(const struct swisd_program_call *call, size_t more)
{
  uint64_t widest = 1;
  for (unsigned i = 0; i <= call->step->op_count; i++) {
    const struct swisd_shape shape = swisd_model_shape_after(call->model, call->step_index, call->lane_index, i);
    const uint64_t values = (uint64_t)(shape.height + more) * shape.width * shape.channels;
    widest = values > widest ? values : widest;
  }
  return widest;
}

/* A convolution over `count` items: in a step with halos these are one image. */
static struct swisd_conv convolution_shape(const struct swisd_op *op, const struct swisd_program_value *value,
                                           size_t channels_out, size_t above, size_t below)
{
  return (struct swisd_conv){.batch = value->count,
                             .height = value->height - above - below,
                             .width = value->width,
                             .channels_in = value->channels,
                             .channels_out = channels_out,
                             .kernel = op->kernel,
                             .rows_above = above,
                             .rows_below = below};
}

static uint64_t convolution_scratch(const struct swisd_program_call *call, size_t items, size_t halo)
{
  uint64_t most = 0;
  for (unsigned i = 0; i < call->step->op_count; i++) {
    const struct swisd_op *op = &call->step->ops[i];
    if (op->kind != SWISD_OP_CONV2D) {
      continue;
    }
    const struct swisd_shape in = swisd_model_shape_after(call->model, call->step_index, call->lane_index, i);
    const struct swisd_shape out = swisd_model_shape_after(call->model, call->step_index, call->lane_index, i + 1);
    const bool tall = call->step->edges[0].map == SWISD_MAP_HALO;
    const struct swisd_program_value value = {
      .count = tall ? 1 : items, .height = (tall ? items : 1) * in.height + 2 * halo, .width = in.width, .channels = in.channels};
    /* with and without halo rows, since the first and the last strips of an image come without */
    for (size_t rows = 0; rows <= (op->kernel > 1 ? halo : 0); rows++) {
      const struct swisd_conv shape = convolution_shape(op, &value, out.channels, rows, rows);
      const uint64_t floats = call->kernels->conv_scratch_floats(&shape);
      most = floats > most ? floats : most;
    }
  }
  return most;
}

static void scratch_free(struct scratch *scratch)
{
  free(scratch->buffers[0]);
  free(scratch->buffers[1]);
  free(scratch->gathered);
  free(scratch->convolution);
  free(scratch->layers);
  free(scratch->tokens);
}

/* For batches of up to `items`. */
static enum swisd_program_status scratch_take(const struct swisd_program_call *call, size_t items, size_t halo,
                                              struct scratch *scratch)
{
  const uint64_t values = items * widest_value(call, 2 * halo), logits = call->step->tokens ? call->model->llama.vocab : 0;
  const uint64_t floats = values > logits ? values : logits;
  *scratch =
    (struct scratch){{swisd_program_floats(floats), swisd_program_floats(floats)},
                     swisd_program_floats(call->step->edge_count > 1 ? floats : 1),
                     swisd_program_floats(convolution_scratch(call, items, halo)),
                     swisd_program_floats(call->step->stateful ? swisd_llama_scratch_floats(&call->model->llama, items) : 1),
                     calloc(items, sizeof(uint32_t))};
  if (!scratch->buffers[0] || !scratch->buffers[1] || !scratch->gathered || !scratch->convolution || !scratch->layers ||
      !scratch->tokens) {
    scratch_free(scratch);
    return SWISD_PROGRAM_SPACE;
  }
  return SWISD_PROGRAM_OK;
}

/* ---- operations ---- */

static size_t value_floats(const struct swisd_program_value *value)
{
  return value->count * value->height * value->width * value->channels;
}

static void swap_to(struct swisd_program_value *value, size_t height, size_t width, size_t channels)
{
  float *x = value->x;
  *value = (struct swisd_program_value){value->spare, x, value->count, height, width, channels};
}

static void run_convolution(const struct swisd_program_call *call, unsigned index, struct batch *batch,
                            struct swisd_program_value *value)
{
  const struct swisd_op *op = &call->step->ops[index];
  const struct swisd_op_weights *weights = &call->shard->ops[index];
  const size_t channels = swisd_model_shape_after(call->model, call->step_index, call->lane_index, index + 1).channels;
  const size_t above = op->kernel > 1 ? batch->above : 0, below = op->kernel > 1 ? batch->below : 0;
  const struct swisd_conv shape = convolution_shape(op, value, channels, above, below);
  call->kernels->conv2d(&shape, value->x, weights->packed, value->spare, batch->scratch->convolution);
  swap_to(value, shape.height, value->width, channels);
  if (op->kernel > 1) {
    batch->above = batch->below = 0;
  }
  if (weights->vector || op->relu) {
    call->kernels->epilogue(value->count * value->height * value->width, channels, value->x, channels, weights->vector,
                            op->relu ? SWISD_ACTIVATION_RELU : SWISD_ACTIVATION_NONE);
  }
}

static void run_dense(const struct swisd_program_call *call, unsigned index, struct swisd_program_value *value)
{
  const struct swisd_op *op = &call->step->ops[index];
  const struct swisd_op_weights *weights = &call->shard->ops[index];
  const struct swisd_lane *lane = &call->step->lanes[call->lane_index];
  const size_t features = value->height * value->width * value->channels;
  const bool columns = op->split == SWISD_SPLIT_COLUMNS;
  const size_t first = columns ? lane->block_first : 0, k = columns ? lane->block_end - lane->block_first : features;
  const size_t n = swisd_model_shape_after(call->model, call->step_index, call->lane_index, index + 1).channels;
  call->kernels->matmul(value->count, n, k, value->x + first, features, weights->packed, value->spare, n, 0);
  swap_to(value, 1, 1, n);
  if (weights->vector || op->relu) {
    call->kernels->epilogue(value->count, n, value->x, n, weights->vector,
                            op->relu ? SWISD_ACTIVATION_RELU : SWISD_ACTIVATION_NONE);
  }
}

static enum swisd_program_status run_add(const struct swisd_program_call *call, const struct swisd_op *op,
                                         const struct batch *batch, struct swisd_program_value *value)
{
  const uint64_t height = swisd_model_edge_shape(call->model, call->step_index, op->edge).height;
  float *other = batch->scratch->gathered;
  const enum swisd_program_status status = swisd_gather_rows(call, op->edge, batch->lo * height, batch->hi * height, other);
  const size_t floats = value_floats(value);
  if (status == SWISD_PROGRAM_OK) {
    for (size_t i = 0; i < floats; i++) {
      other[i] *= op->by;
    }
    call->kernels->add(floats, value->x, other);
  }
  return status;
}

static void run_embed(const struct swisd_program_call *call, unsigned index, const struct batch *batch,
                      struct swisd_program_value *value)
{
  const size_t hidden = call->model->llama.hidden;
  value->count = batch->hi - batch->lo;
  value->height = value->width = 1;
  value->channels = hidden;
  for (size_t i = 0; i < value->count; i++) {
    memcpy(value->x + i * hidden, call->shard->ops[index].vector + batch->scratch->tokens[i] * hidden, hidden * sizeof(float));
  }
}

/* The token that follows the last item of the call; earlier ones would be thrown away. */
static void run_head(const struct swisd_program_call *call, unsigned index, struct batch *batch,
                     struct swisd_program_value *value)
{
  const struct swisd_llama *llama = &call->model->llama;
  if (!batch->inlined) {
    return;
  }
  const float *last = value->x + (value->count - 1) * value->channels;
  call->kernels->matmul(1, llama->vocab, llama->hidden, last, llama->hidden, call->shard->ops[index].packed, value->spare,
                        llama->vocab, 0);
  const uint32_t token = (uint32_t)call->kernels->argmax(llama->vocab, value->spare);
  memset(batch->inlined, 0, sizeof *batch->inlined);
  memcpy(batch->inlined->bytes, &token, 4);
  batch->inlined->bytes[4] = token == llama->eos;
  batch->inlined->count = 5;
}

static enum swisd_program_status run_op(const struct swisd_program_call *call, unsigned index, struct batch *batch,
                                        struct swisd_program_value *value)
{
  const struct swisd_op *op = &call->step->ops[index];
  const struct swisd_op_weights *weights = &call->shard->ops[index];
  const size_t floats = value_floats(value), rows = value->count * value->height * value->width;
  switch (op->kind) {
  case SWISD_OP_SCALE:
    for (size_t i = 0; i < floats; i++) {
      value->x[i] *= op->by;
    }
    break;
  case SWISD_OP_CONV2D:
    run_convolution(call, index, batch, value);
    break;
  case SWISD_OP_DENSE:
    run_dense(call, index, value);
    break;
  case SWISD_OP_BIAS:
    call->kernels->epilogue(rows, value->channels, value->x, value->channels, weights->vector,
                            op->relu ? SWISD_ACTIVATION_RELU : SWISD_ACTIVATION_NONE);
    break;
  case SWISD_OP_ADD:
    return run_add(call, op, batch, value);
  case SWISD_OP_MAXPOOL2:
    call->kernels->maxpool2x2(value->count, value->height, value->width, value->channels, value->x, value->spare);
    swap_to(value, value->height / 2, value->width / 2, value->channels);
    break;
  case SWISD_OP_AVERAGE_POOL:
    call->kernels->average_pool(value->count, value->height * value->width, value->channels, value->x, value->spare);
    swap_to(value, 1, 1, value->channels);
    break;
  case SWISD_OP_SOFTMAX:
    call->kernels->softmax(rows, value->channels, value->x, value->channels);
    break;
  case SWISD_OP_TO_U8:
    for (size_t i = 0; i < floats; i++) {
      const float y = floorf(value->x[i] * op->by + 0.5f);
      batch->out[i] = y >= 255 ? 255 : y >= 0 ? (uint8_t)y : 0; /* NaN becomes 0 */
    }
    break;
  case SWISD_OP_EMBED:
    run_embed(call, index, batch, value);
    break;
  case SWISD_OP_LAYERS:
    swisd_llama_run_layers(call, weights, op->count, value->count, batch->lo, value->x, batch->scratch->layers);
    break;
  case SWISD_OP_RMSNORM:
    call->kernels->rmsnorm(rows, value->channels, value->x, value->channels, weights->vector, call->model->llama.epsilon,
                           value->x, value->channels);
    break;
  case SWISD_OP_HEAD:
    run_head(call, index, batch, value);
    break;
  }
  return SWISD_PROGRAM_OK;
}

/* ---- batches ---- */

static enum swisd_program_status run_batch(const struct swisd_program_call *call, struct batch *batch, size_t halo)
{
  const struct swisd_shape in = swisd_model_edge_shape(call->model, call->step_index, 0);
  const bool tall = call->step->edges[0].map == SWISD_MAP_HALO;
  const size_t items = batch->hi - batch->lo;
  struct swisd_program_value value = {
    batch->scratch->buffers[0], batch->scratch->buffers[1], items, in.height, in.width, in.channels};
  enum swisd_program_status status;
  if (in.type == SWISD_VALUE_TOKEN) {
    status = swisd_gather_tokens(call, batch->lo, batch->hi, batch->scratch->tokens);
  } else {
    const uint64_t period = tall ? call->step->edges[0].period : 1, image_lo = batch->lo / period * period;
    const uint64_t above = tall ? (batch->lo - image_lo) * in.height : 0,
                   below = tall ? (image_lo + period - batch->hi) * in.height : 0;
    batch->above = above < halo ? (size_t)above : halo;
    batch->below = below < halo ? (size_t)below : halo;
    if (tall) {
      value.count = 1;
      value.height = items * in.height + batch->above + batch->below;
    }
    status = swisd_gather_rows(call, 0, batch->lo * in.height - batch->above, batch->hi * in.height + batch->below, value.x);
  }
  const unsigned op_count = call->step->op_count - (batch->prepared != NULL);
  for (unsigned i = 0; i < op_count && status == SWISD_PROGRAM_OK; i++) {
    status = run_op(call, i, batch, &value);
  }
  if (batch->prepared) {
    return status == SWISD_PROGRAM_OK
             ? swisd_program_check_last(call, batch->prepared, &value, batch->above, batch->below, batch->out)
             : status;
  }
  const struct swisd_lane *lane = &call->step->lanes[call->lane_index];
  if (status == SWISD_PROGRAM_OK && lane->out.type == SWISD_VALUE_F32) {
    memcpy(batch->out, value.x, items * lane->out_bytes_per_item);
  }
  return status;
}

enum swisd_program_status swisd_program_batches(const struct swisd_program_call *call, uint64_t lo, uint64_t hi, uint8_t *out,
                                                struct swisd_program_inline *inlined, const struct swisd_prepared *prepared)
{
  const size_t halo = halo_rows(call->step);
  const uint64_t period = call->step->edges[0].map == SWISD_MAP_HALO ? call->step->edges[0].period : 0;
  uint64_t items = BATCH_FLOATS / widest_value(call, 0);
  items = items < 1 ? 1 : items > BATCH_ITEMS_MAX ? BATCH_ITEMS_MAX : items;
  items = items > hi - lo ? hi - lo : items;
  struct scratch scratch;
  enum swisd_program_status status = scratch_take(call, items, halo, &scratch);
  if (status != SWISD_PROGRAM_OK) {
    return status;
  }
  for (uint64_t at = lo; at < hi && status == SWISD_PROGRAM_OK;) {
    uint64_t end = at + items < hi ? at + items : hi;
    const uint64_t image_end = period ? (at / period + 1) * period : end;
    end = end < image_end ? end : image_end;
    struct batch batch = {.lo = at,
                          .hi = end,
                          .scratch = &scratch,
                          .inlined = end == hi ? inlined : NULL,
                          .prepared = prepared,
                          .out = out ? out + (at - lo) * call->step->lanes[call->lane_index].out_bytes_per_item : NULL};
    status = run_batch(call, &batch, halo);
    at = end;
  }
  scratch_free(&scratch);
  return status;
}

enum swisd_program_status swisd_program_run(const struct swisd_model *model, const struct swisd_shard *shard, unsigned step,
                                            unsigned lane, const struct swisd_kernels *kernels, struct swisd_session *session,
                                            uint64_t lo, uint64_t hi, const struct swisd_program_input *inputs,
                                            size_t input_count, void *out, size_t out_bytes,
                                            struct swisd_program_inline *inline_out)
{
  if (step >= model->step_count || lane >= model->steps[step].lane_count || shard->step != step || shard->lane != lane ||
      shard->kernels != kernels || lo >= hi || hi > UINT64_C(1) << 40) {
    return SWISD_PROGRAM_INPUT;
  }
  const struct swisd_model_step *s = &model->steps[step];
  const struct swisd_program_call call = {.model = model,
                                          .step = s,
                                          .shard = shard,
                                          .kernels = kernels,
                                          .session = session,
                                          .step_index = step,
                                          .lane_index = lane,
                                          .inputs = inputs,
                                          .input_count = input_count};
  const uint64_t per_item = s->lanes[lane].out_bytes_per_item;
  if (per_item ? !out || out_bytes / per_item != hi - lo || out_bytes % per_item : out_bytes != 0 || !inline_out) {
    return SWISD_PROGRAM_INPUT;
  }
  enum swisd_program_status status = swisd_gather_check(&call);
  if (status == SWISD_PROGRAM_OK && s->stateful) {
    if (!session || session->model != model || session->step != step || lo > session->length) {
      return SWISD_PROGRAM_STALE;
    }
    status = swisd_session_reserve(session, hi);
  }
  if (status == SWISD_PROGRAM_OK) {
    status = swisd_program_batches(&call, lo, hi, out, inline_out, NULL);
  }
  if (status == SWISD_PROGRAM_OK && s->stateful && hi > session->length) {
    session->length = hi;
  }
  return status;
}
