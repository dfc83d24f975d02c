/* Shapes of values, sizes of shards and costs of operations. Sizes are those of a checked model, or bounded by what the check has
 * established so far: no product here overflows. */
#include "kernels/model_internal.h"

static const char *const op_names[] = {"scale",   "conv2d", "dense", "bias",   "add",     "maxpool2", "average_pool",
                                       "softmax", "to_u8",  "embed", "layers", "rmsnorm", "head",     NULL};

const char *swisd_op_name(unsigned kind) { return kind < sizeof op_names / sizeof *op_names ? op_names[kind] : NULL; }

unsigned swisd_model_edge_lanes(const struct swisd_model *model, unsigned step, unsigned edge)
{
  const uint8_t from = model->steps[step].edges[edge].from;
  return from == SWISD_MODEL_FROM_INPUT || model->steps[step].edges[edge].map == SWISD_MAP_LAGGED ? 1
                                                                                                  : model->steps[from].lane_count;
}

struct swisd_shape swisd_model_edge_shape(const struct swisd_model *model, unsigned step, unsigned edge)
{
  const struct swisd_edge *e = &model->steps[step].edges[edge];
  return e->from == SWISD_MODEL_FROM_INPUT || e->map == SWISD_MAP_LAGGED ? model->input : model->steps[e->from].out;
}

uint64_t swisd_model_piece_bytes(const struct swisd_model *model, unsigned step, unsigned edge, unsigned from_lane)
{
  const struct swisd_edge *e = &model->steps[step].edges[edge];
  if (e->from == SWISD_MODEL_FROM_INPUT || e->map == SWISD_MAP_LAGGED) {
    return swisd_shape_bytes(model->input);
  }
  return swisd_shape_bytes(model->steps[e->from].lanes[from_lane].out);
}

static uint32_t lane_rows(const struct swisd_op *op, const struct swisd_lane *lane)
{
  return op->split == SWISD_SPLIT_ROWS ? lane->block_end - lane->block_first : op->out;
}

struct swisd_shape swisd_op_shape(const struct swisd_model *model, const struct swisd_op *op, const struct swisd_lane *lane,
                                  struct swisd_shape s)
{
  const enum swisd_value_type f32 = SWISD_VALUE_F32;
  switch (op->kind) {
  case SWISD_OP_CONV2D:
    return (struct swisd_shape){s.height, s.width, lane_rows(op, lane), f32};
  case SWISD_OP_DENSE:
    return (struct swisd_shape){1, 1, lane_rows(op, lane), f32};
  case SWISD_OP_MAXPOOL2:
    return (struct swisd_shape){s.height / 2, s.width / 2, s.channels, f32};
  case SWISD_OP_AVERAGE_POOL:
    return (struct swisd_shape){1, 1, s.channels, f32};
  case SWISD_OP_TO_U8:
    return (struct swisd_shape){s.height, s.width, s.channels, SWISD_VALUE_U8};
  case SWISD_OP_EMBED:
    return (struct swisd_shape){1, 1, model->llama.hidden, f32};
  case SWISD_OP_HEAD:
    return (struct swisd_shape){1, 1, 1, SWISD_VALUE_TOKEN};
  default:
    return (struct swisd_shape){s.height, s.width, s.channels, f32};
  }
}

struct swisd_shape swisd_model_shape_after(const struct swisd_model *model, unsigned step, unsigned lane, unsigned op_count)
{
  const struct swisd_model_step *s = &model->steps[step];
  struct swisd_shape shape = swisd_model_edge_shape(model, step, 0);
  for (unsigned i = 0; i < op_count; i++) {
    shape = swisd_op_shape(model, &s->ops[i], &s->lanes[lane], shape);
  }
  return shape;
}

uint64_t swisd_llama_layer_floats(const struct swisd_llama *llama)
{
  const uint64_t hidden = llama->hidden, q = (uint64_t)llama->heads * llama->head_size,
                 kv = (uint64_t)llama->kv_heads * llama->head_size;
  return 2 * hidden + 2 * q * hidden + 2 * kv * hidden + 3 * hidden * llama->ffn;
}

/* Input features that a DENSE lane uses. */
static uint64_t lane_columns(const struct swisd_op *op, const struct swisd_lane *lane, struct swisd_shape in)
{
  return op->split == SWISD_SPLIT_COLUMNS ? lane->block_end - lane->block_first : swisd_shape_values(in);
}

uint64_t swisd_op_weight_floats(const struct swisd_model *model, const struct swisd_op *op, const struct swisd_lane *lane,
                                struct swisd_shape in)
{
  const uint64_t rows = lane_rows(op, lane), bias = op->bias ? rows : 0;
  switch (op->kind) {
  case SWISD_OP_CONV2D:
    return (uint64_t)op->kernel * op->kernel * in.channels * rows + bias;
  case SWISD_OP_DENSE:
    return lane_columns(op, lane, in) * rows + bias;
  case SWISD_OP_BIAS:
  case SWISD_OP_RMSNORM:
    return in.channels;
  case SWISD_OP_EMBED:
    return (uint64_t)model->llama.vocab * model->llama.hidden;
  case SWISD_OP_HEAD:
    return op->tied ? 0 : (uint64_t)model->llama.vocab * model->llama.hidden;
  case SWISD_OP_LAYERS:
    return op->count * swisd_llama_layer_floats(&model->llama);
  default:
    return 0;
  }
}

uint64_t swisd_model_shard_bytes(const struct swisd_model *model, unsigned step, unsigned lane)
{
  const struct swisd_model_step *s = &model->steps[step];
  uint64_t floats = 0;
  for (unsigned i = 0; i < s->op_count; i++) {
    floats += swisd_op_weight_floats(model, &s->ops[i], &s->lanes[lane], swisd_model_shape_after(model, step, lane, i));
  }
  return 4 * floats;
}

uint64_t swisd_op_flops(const struct swisd_model *model, const struct swisd_op *op, const struct swisd_lane *lane,
                        struct swisd_shape in)
{
  const struct swisd_llama *llama = &model->llama;
  switch (op->kind) {
  case SWISD_OP_CONV2D:
    return 2 * (uint64_t)op->kernel * op->kernel * swisd_shape_values(in) * lane_rows(op, lane);
  case SWISD_OP_DENSE:
    return 2 * lane_columns(op, lane, in) * lane_rows(op, lane);
  case SWISD_OP_EMBED:
    return llama->hidden;
  case SWISD_OP_HEAD:
    return 2 * (uint64_t)llama->vocab * llama->hidden;
  case SWISD_OP_LAYERS: /* attention at half the context: two products of half the context with each head's element */
    return op->count * (2 * swisd_llama_layer_floats(llama) + 2 * (uint64_t)llama->heads * llama->head_size * llama->context);
  default:
    return swisd_shape_values(in);
  }
}
