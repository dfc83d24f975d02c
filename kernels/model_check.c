/* Checks a model and fills in what follows from it. Everything a program later relies on is established here, once, so that
 * running never meets a shape it cannot handle, whoever wrote the manifest. All sizes are bounded before they are multiplied. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/model_internal.h"

enum { SIDE_MAX = 65535, OUT_MAX = 1 << 20, WIDTH_MAX = 16 };

/* Where a check is, for its messages. */
struct place {
  struct swisd_model_fault *fault;
  unsigned step;
};

__attribute__((format(printf, 3, 4))) static int wrong(const struct place *place, const char *key, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(place->fault->text, sizeof place->fault->text, format, arguments);
  va_end(arguments);
  if (place->step == SWISD_MODEL_FROM_INPUT) {
    snprintf(place->fault->pointer, sizeof place->fault->pointer, "/%s", key);
  } else {
    snprintf(place->fault->pointer, sizeof place->fault->pointer, "/steps/%u%s%s", place->step, *key ? "/" : "", key);
  }
  return -1;
}

__attribute__((format(printf, 4, 5))) static int wrong_at(const struct place *place, const char *list, unsigned index,
                                                          const char *format, ...)
{
  char key[32], text[sizeof place->fault->text];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(key, sizeof key, "%s/%u", list, index);
  return wrong(place, key, "%s", text);
}

static int check_shape(const struct place *place, const char *key, struct swisd_shape shape)
{
  if (shape.height < 1 || shape.height > SIDE_MAX || shape.width < 1 || shape.width > SIDE_MAX || shape.channels < 1 ||
      shape.channels > SWISD_MODEL_ITEM_FLOATS_MAX || swisd_shape_values(shape) > SWISD_MODEL_ITEM_FLOATS_MAX) {
    return wrong(place, key, "a value of %u x %u x %u; sides are 1 to %d and all together at most %llu", shape.height,
                 shape.width, shape.channels, SIDE_MAX, (unsigned long long)SWISD_MODEL_ITEM_FLOATS_MAX);
  }
  return 0;
}

static int check_llama(const struct place *place, const struct swisd_llama *llama)
{
  const struct {
    const char *key;
    uint32_t value, max;
  } sizes[] = {{"hidden", llama->hidden, 1 << 16},
               {"ffn", llama->ffn, 1 << 18},
               {"heads", llama->heads, 1024},
               {"kv_heads", llama->kv_heads, 1024},
               {"head_size", llama->head_size, SWISD_ROPE_HEAD_SIZE_MAX},
               {"vocab", llama->vocab, 1 << 20},
               {"context", llama->context, 1 << 20}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (sizes[i].value < 1 || sizes[i].value > sizes[i].max) {
      char key[32];
      snprintf(key, sizeof key, "llama/%s", sizes[i].key);
      return wrong(place, key, "is %u, allowed are 1 to %u", sizes[i].value, sizes[i].max);
    }
  }
  if (llama->heads % llama->kv_heads) {
    return wrong(place, "llama/kv_heads", "%u does not divide the %u heads", llama->kv_heads, llama->heads);
  }
  if (llama->head_size % 2) {
    return wrong(place, "llama/head_size", "is odd; rotary embedding turns pairs");
  }
  if (llama->bos >= llama->vocab || llama->eos >= llama->vocab) {
    return wrong(place, "llama", "bos %u or eos %u is outside the vocabulary of %u", llama->bos, llama->eos, llama->vocab);
  }
  if (!(llama->rope_theta >= 1 && llama->rope_theta <= 1e9)) {
    return wrong(place, "llama/rope_theta", "allowed are 1 to 1e9");
  }
  if (!(llama->epsilon >= 0 && llama->epsilon <= 1)) {
    return wrong(place, "llama/epsilon", "allowed are 0 to 1");
  }
  return 0;
}

static int check_edge(const struct swisd_model *model, const struct place *place, unsigned index)
{
  const struct swisd_model_step *step = &model->steps[place->step];
  const struct swisd_edge *edge = &step->edges[index];
  if (edge->map == SWISD_MAP_LAGGED) {
    if (edge->from == SWISD_MODEL_FROM_INPUT || edge->from < place->step || edge->from >= model->step_count) {
      return wrong_at(place, "edges", index, "a lagged edge comes from the same or a later step, of %u", model->step_count);
    }
    if (index || edge->width != 1 || model->input.type != SWISD_VALUE_TOKEN) {
      return wrong_at(place, "edges", index, "a lagged edge carries tokens, has width 1 and is the step's first");
    }
    return 0;
  }
  if (edge->from != SWISD_MODEL_FROM_INPUT && edge->from >= place->step) {
    return wrong_at(place, "edges", index, "comes from step %u; only lagged edges come from the same or a later step",
                    edge->from);
  }
  if (edge->map == SWISD_MAP_HALO && (index || edge->width < 1 || edge->width > WIDTH_MAX || model->period < 1)) {
    return wrong_at(place, "edges", index, "a halo edge is the step's first, has width 1 to %d, and the model a period",
                    WIDTH_MAX);
  }
  if (edge->from == SWISD_MODEL_FROM_INPUT) {
    return 0;
  }
  const struct swisd_model_step *from = &model->steps[edge->from];
  if (from->tokens) {
    return wrong_at(place, "edges", index, "step %u ends in a head: only a lagged edge carries its tokens", edge->from);
  }
  enum swisd_model_split split = SWISD_SPLIT_NONE;
  for (unsigned i = 0; i < from->op_count; i++) {
    split = from->ops[i].split ? from->ops[i].split : split;
  }
  const bool sums = edge->combine == SWISD_MODEL_REDUCE;
  if (from->lane_count > 1 && sums != (split == SWISD_SPLIT_COLUMNS)) {
    return wrong_at(place, "edges", index, "step %u is split by %s: combine must be %s", edge->from,
                    split == SWISD_SPLIT_COLUMNS ? "columns" : "rows", split == SWISD_SPLIT_COLUMNS ? "reduce" : "concat");
  }
  return 0;
}

/* What has been met so far in a step. */
struct walk {
  bool split_rows, split_columns; /* no mixing of channels after it; nothing at all after it */
  bool halo, spatial;             /* input has halos; the one convolution that uses them has come */
  bool embed, layers;
};

static int check_convolution(const struct swisd_model_step *step, const struct place *place, unsigned index,
                             struct swisd_shape in, const struct walk *walk)
{
  const struct swisd_op *op = &step->ops[index];
  if (op->kernel < 1 || op->kernel % 2 == 0 || op->kernel > SWISD_CONV_KERNEL_MAX || op->out < 1 || op->out > OUT_MAX) {
    return wrong_at(place, "ops", index, "kernel is odd, 1 to %d, and out 1 to %d", SWISD_CONV_KERNEL_MAX, OUT_MAX);
  }
  if (op->split == SWISD_SPLIT_COLUMNS) {
    return wrong_at(place, "ops", index, "a convolution is split by rows");
  }
  if (walk->halo && op->kernel > 1 && (walk->spatial || op->kernel / 2 > in.height * step->edges[0].width)) {
    return wrong_at(place, "ops", index,
                    "a step with halos has one convolution wider than 1, that needs no more rows than the halo has");
  }
  return 0;
}

static int check_add(const struct swisd_model *model, const struct place *place, unsigned index, struct swisd_shape in,
                     const struct walk *walk)
{
  const struct swisd_model_step *step = &model->steps[place->step];
  const struct swisd_op *op = &step->ops[index];
  if (op->edge < 1 || op->edge >= step->edge_count || (walk->halo && !walk->spatial)) {
    return wrong_at(place, "ops", index, "edge is 1 to %d; in a step with halos add comes after the convolution",
                    step->edge_count - 1);
  }
  const struct swisd_shape other = swisd_model_edge_shape(model, place->step, op->edge);
  if (other.height != in.height || other.width != in.width || other.channels != in.channels || other.type == SWISD_VALUE_TOKEN) {
    return wrong_at(place, "ops", index, "adds %u x %u x %u to %u x %u x %u", other.height, other.width, other.channels,
                    in.height, in.width, in.channels);
  }
  return 0;
}

/* Rules of an operation that do not need the weights: what may stand where. */
static int check_op(const struct swisd_model *model, const struct place *place, unsigned index, struct swisd_shape in,
                    const struct walk *walk)
{
  const struct swisd_model_step *step = &model->steps[place->step];
  const struct swisd_op *op = &step->ops[index];
  const bool llama_row = in.type == SWISD_VALUE_F32 && in.height == 1 && in.width == 1 && in.channels == model->llama.hidden;
  const bool last = index + 1u == step->op_count;
  if ((in.type == SWISD_VALUE_TOKEN) != (op->kind == SWISD_OP_EMBED)) {
    return wrong_at(place, "ops", index, "tokens go into an embed, and nothing else does");
  }
  if (walk->split_columns ||
      (walk->split_rows && (op->kind == SWISD_OP_CONV2D || op->kind == SWISD_OP_DENSE || op->kind == SWISD_OP_ADD ||
                            op->kind == SWISD_OP_SOFTMAX || op->kind >= SWISD_OP_EMBED || op->kind == SWISD_OP_BIAS))) {
    return wrong_at(place, "ops", index, "%s cannot follow a split operation in one step", swisd_op_name(op->kind));
  }
  if (walk->halo && (op->kind == SWISD_OP_DENSE || op->kind == SWISD_OP_AVERAGE_POOL || op->kind == SWISD_OP_SOFTMAX ||
                     op->kind >= SWISD_OP_EMBED)) {
    return wrong_at(place, "ops", index, "%s cannot stand in a step with halos", swisd_op_name(op->kind));
  }
  if (!isfinite(op->by)) {
    return wrong_at(place, "ops", index, "a factor that is not finite");
  }
  switch (op->kind) {
  case SWISD_OP_CONV2D:
    return check_convolution(step, place, index, in, walk);
  case SWISD_OP_DENSE:
    if (op->out < 1 || op->out > OUT_MAX || (op->split == SWISD_SPLIT_COLUMNS && (op->bias || op->relu))) {
      return wrong_at(place, "ops", index, "out is 1 to %d; split by columns there is neither bias nor activation", OUT_MAX);
    }
    return 0;
  case SWISD_OP_ADD:
    return check_add(model, place, index, in, walk);
  case SWISD_OP_MAXPOOL2:
    if (in.height < 2 || in.width < 2 || (walk->halo && (in.height % 2 || !walk->spatial))) {
      return wrong_at(place, "ops", index,
                      "sides are at least 2; in a step with halos it follows the convolution on even strips");
    }
    return 0;
  case SWISD_OP_SOFTMAX:
    return in.height * in.width == 1 ? 0 : wrong_at(place, "ops", index, "softmax takes one row");
  case SWISD_OP_TO_U8:
    return last ? 0 : wrong_at(place, "ops", index, "to_u8 is the last of its step");
  case SWISD_OP_EMBED:
    return model->llama.hidden ? 0 : wrong_at(place, "ops", index, "the manifest has no `llama`");
  case SWISD_OP_LAYERS:
    if (!llama_row || walk->layers || op->count < 1 || op->count > SWISD_MODEL_LAYERS_MAX || op->first > SWISD_MODEL_LAYERS_MAX) {
      return wrong_at(place, "ops", index, "layers: once in a step, 1 to %d of them, on a row of `hidden`",
                      SWISD_MODEL_LAYERS_MAX);
    }
    return 0;
  case SWISD_OP_RMSNORM:
    return llama_row ? 0 : wrong_at(place, "ops", index, "rmsnorm takes a row of `hidden`");
  case SWISD_OP_HEAD:
    if (!llama_row || !last || (op->tied && !walk->embed)) {
      return wrong_at(place, "ops", index,
                      "head is the last of its step, takes a row of `hidden`, and is tied only to an embed of the step");
    }
    return 0;
  default:
    return 0;
  }
}

/* The blocks of all lanes tile 0..end in order. */
static int check_blocks(const struct swisd_model_step *step, const struct place *place, uint64_t end)
{
  uint64_t next = 0;
  for (unsigned i = 0; i < step->lane_count; i++) {
    if (step->lanes[i].block_first != next || step->lanes[i].block_end <= next || step->lanes[i].block_end > end) {
      return wrong_at(place, "lanes", i, "block %u..%u: the blocks must tile 0..%llu in order", step->lanes[i].block_first,
                      step->lanes[i].block_end, (unsigned long long)end);
    }
    next = step->lanes[i].block_end;
  }
  return next == end
           ? 0
           : wrong(place, "lanes", "the blocks end at %llu, not at %llu", (unsigned long long)next, (unsigned long long)end);
}

static int check_ops(struct swisd_model *model, const struct place *place, struct walk *walk)
{
  struct swisd_model_step *step = &model->steps[place->step];
  bool used[SWISD_MODEL_EDGES_MAX] = {true};
  /* The walk of lane 0 stands for all: blocks change only the channels after a split, of which no rule above depends. */
  struct swisd_shape shape = swisd_model_edge_shape(model, place->step, 0);
  for (unsigned i = 0; i < step->op_count; i++) {
    const struct swisd_op *op = &step->ops[i];
    if (check_op(model, place, i, shape, walk)) {
      return -1;
    }
    if (op->split) {
      const uint64_t end = op->split == SWISD_SPLIT_ROWS ? op->out : swisd_shape_values(shape);
      if (check_blocks(step, place, end)) {
        return -1;
      }
    }
    if (op->kind != SWISD_OP_SCALE && op->kind != SWISD_OP_ADD && op->kind != SWISD_OP_TO_U8) {
      step->ops[i].by = 1; /* means nothing there; equal models are equal in every byte */
    }
    used[op->kind == SWISD_OP_ADD ? op->edge : 0] = true;
    walk->split_rows |= op->split == SWISD_SPLIT_ROWS;
    walk->split_columns |= op->split == SWISD_SPLIT_COLUMNS;
    walk->spatial |= op->kind == SWISD_OP_CONV2D && op->kernel > 1;
    walk->embed |= op->kind == SWISD_OP_EMBED;
    walk->layers |= op->kind == SWISD_OP_LAYERS;
    struct swisd_op whole = *op;
    whole.split = SWISD_SPLIT_NONE;
    shape = swisd_op_shape(model, &whole, &step->lanes[0], shape);
    char key[16];
    snprintf(key, sizeof key, "ops/%u", i);
    if (check_shape(place, key, shape)) {
      return -1;
    }
  }
  for (unsigned i = 0; i < step->edge_count; i++) {
    if (!used[i]) {
      return wrong_at(place, "edges", i, "no operation uses it");
    }
  }
  step->out = shape;
  step->stateful = walk->layers;
  step->tokens = step->ops[step->op_count - 1].kind == SWISD_OP_HEAD;
  return 0;
}

static int check_verify(const struct swisd_model_step *step, const struct place *place)
{
  if (step->verify != SWISD_MODEL_VERIFY_FREIVALDS) {
    return 0;
  }
  const struct swisd_op *last = &step->ops[step->op_count - 1];
  bool cheap = true;
  for (unsigned i = 0; i + 1 < step->op_count; i++) {
    cheap &= step->ops[i].kind == SWISD_OP_SCALE || step->ops[i].kind == SWISD_OP_BIAS;
  }
  if (!cheap || last->relu || (last->kind != SWISD_OP_DENSE && last->kind != SWISD_OP_CONV2D)) {
    return wrong(place, "verify",
                 "freivalds checks a step that ends in one dense or conv2d without activation, after scale or bias only");
  }
  return 0;
}

/* Costs of each lane; the step's class is that of the operation with the most FLOP. */
static int finish_lanes(struct swisd_model *model, const struct place *place, bool sizes_known)
{
  struct swisd_model_step *step = &model->steps[place->step];
  uint64_t class_flops[3] = {0, 1, 0};
  for (unsigned l = 0; l < step->lane_count; l++) {
    struct swisd_lane *lane = &step->lanes[l];
    lane->flops_per_item = 0;
    for (unsigned i = 0; i < step->op_count; i++) {
      const uint64_t flops = swisd_op_flops(model, &step->ops[i], lane, swisd_model_shape_after(model, place->step, l, i));
      const enum swisd_op_kind kind = step->ops[i].kind;
      lane->flops_per_item += flops;
      class_flops[kind == SWISD_OP_CONV2D   ? SWISD_CLASS_CONV
                  : kind == SWISD_OP_LAYERS ? SWISD_CLASS_ATTENTION
                                            : SWISD_CLASS_DENSE] += flops;
    }
    lane->out = swisd_model_shape_after(model, place->step, l, step->op_count);
    lane->out_bytes_per_item = step->tokens ? 0 : (uint32_t)swisd_shape_bytes(lane->out);
    const uint64_t bytes = swisd_model_shard_bytes(model, place->step, l);
    if (bytes < 4 || bytes > SWISD_MODEL_SHARD_BYTES_MAX) {
      return wrong_at(place, "lanes", l, "its shard would have %llu bytes, allowed are 4 to %llu", (unsigned long long)bytes,
                      (unsigned long long)SWISD_MODEL_SHARD_BYTES_MAX);
    }
    if (sizes_known && lane->bytes != bytes) {
      return wrong_at(place, "lanes", l, "bytes is %llu, the operations need %llu", (unsigned long long)lane->bytes,
                      (unsigned long long)bytes);
    }
    lane->bytes = bytes;
  }
  step->kernel_class = class_flops[0] > class_flops[1] ? SWISD_CLASS_CONV : SWISD_CLASS_DENSE;
  step->kernel_class = class_flops[2] > class_flops[step->kernel_class] ? SWISD_CLASS_ATTENTION : step->kernel_class;
  return 0;
}

static int check_step(struct swisd_model *model, unsigned index, bool sizes_known, struct swisd_model_fault *fault)
{
  const struct place place = {fault, index};
  struct swisd_model_step *step = &model->steps[index];
  if (step->edge_count < 1 || step->edge_count > SWISD_MODEL_EDGES_MAX) {
    return wrong(&place, "edges", "%u of them, allowed are 1 to %d", step->edge_count, SWISD_MODEL_EDGES_MAX);
  }
  if (step->op_count < 1 || step->op_count > SWISD_MODEL_OPS_MAX) {
    return wrong(&place, "ops", "%u of them, allowed are 1 to %d", step->op_count, SWISD_MODEL_OPS_MAX);
  }
  if (step->lane_count < 1 || step->lane_count > SWISD_MODEL_LANES_MAX) {
    return wrong(&place, "lanes", "%u of them, allowed are 1 to %d", step->lane_count, SWISD_MODEL_LANES_MAX);
  }
  for (unsigned i = 0; i < step->edge_count; i++) {
    step->edges[i].period = step->edges[i].map == SWISD_MAP_HALO ? model->period : 0;
    if (check_edge(model, &place, i)) {
      return -1;
    }
  }
  struct walk walk = {.halo = step->edges[0].map == SWISD_MAP_HALO};
  if (check_ops(model, &place, &walk)) {
    return -1;
  }
  if (!walk.split_rows && !walk.split_columns) {
    if (step->lane_count != 1) {
      return wrong(&place, "lanes", "%u of them, but no operation is split", step->lane_count);
    }
    step->lanes[0].block_first = step->lanes[0].block_end = 0;
  }
  if (walk.layers && step->lane_count != 1) {
    return wrong(&place, "lanes", "a step with layers has one lane");
  }
  return check_verify(step, &place) || finish_lanes(model, &place, sizes_known) ? -1 : 0;
}

/* What concerns the steps together. */
static int check_whole(const struct swisd_model *model, const struct place *place)
{
  const struct swisd_model_step *last = &model->steps[model->step_count - 1];
  bool used[SWISD_MODEL_STEPS_MAX] = {false};
  for (unsigned s = 0; s < model->step_count; s++) {
    for (unsigned i = 0; i < model->steps[s].edge_count; i++) {
      const struct swisd_edge *edge = &model->steps[s].edges[i];
      const struct place here = {place->fault, s};
      if (edge->from != SWISD_MODEL_FROM_INPUT) {
        used[edge->from] = true;
      }
      if (edge->map == SWISD_MAP_LAGGED && !model->steps[edge->from].tokens) {
        return wrong_at(&here, "edges", i, "a lagged edge comes from a step that ends in a head");
      }
    }
  }
  for (unsigned s = 0; s + 1u < model->step_count; s++) {
    const struct place here = {place->fault, s};
    if (!used[s]) {
      return wrong(&here, "", "no later step takes its output");
    }
    if (model->steps[s].tokens) {
      return wrong(&here, "", "only the last step ends in a head");
    }
  }
  if (last->tokens != (model->task == SWISD_MODEL_TASK_DECODE)) {
    return wrong(place, "task", "a model for `decode`, and no other, ends in a head");
  }
  if (last->tokens && !used[model->step_count - 1]) {
    return wrong(place, "steps", "no lagged edge carries the tokens of the head back");
  }
  if (model->task == SWISD_MODEL_TASK_STRIPS && (model->period < 1 || model->period > SIDE_MAX)) {
    return wrong(place, "period", "a model for `strips` says how many strips make an image, 1 to %d", SIDE_MAX);
  }
  if (last->lane_count > 1 && last->ops[last->op_count - 1].split == SWISD_SPLIT_COLUMNS) {
    return wrong(place, "steps", "the last step is split by columns, and nothing sums its lanes");
  }
  if (model->label_count && model->label_count != swisd_shape_values(last->out)) {
    return wrong(place, "labels", "%u of them for %llu outputs", model->label_count,
                 (unsigned long long)swisd_shape_values(last->out));
  }
  return 0;
}

int swisd_model_check_at(struct swisd_model *model, bool sizes_known, struct swisd_model_fault *fault)
{
  const struct place place = {fault, SWISD_MODEL_FROM_INPUT};
  if (model->step_count < 1 || model->step_count > SWISD_MODEL_STEPS_MAX) {
    return wrong(&place, "steps", "%u of them, allowed are 1 to %d", model->step_count, SWISD_MODEL_STEPS_MAX);
  }
  if (model->label_count > SWISD_MODEL_LABELS_MAX) {
    return wrong(&place, "labels", "%u of them, allowed are at most %d", model->label_count, SWISD_MODEL_LABELS_MAX);
  }
  if (check_shape(&place, "input/shape", model->input)) {
    return -1;
  }
  if (model->input.type == SWISD_VALUE_TOKEN && swisd_shape_values(model->input) != 1) {
    return wrong(&place, "input/shape", "a token is [1, 1, 1]");
  }
  if ((model->task == SWISD_MODEL_TASK_DECODE || model->llama.hidden) && check_llama(&place, &model->llama)) {
    return -1;
  }
  unsigned lanes = 0;
  for (unsigned s = 0; s < model->step_count; s++) {
    if (check_step(model, s, sizes_known, fault)) {
      return -1;
    }
    model->steps[s].lane_first = (uint8_t)lanes;
    lanes += model->steps[s].lane_count;
    if (lanes > SWISD_BUNDLE_SHARDS_MAX) {
      return wrong(&place, "steps", "more than %d lanes in all", SWISD_BUNDLE_SHARDS_MAX);
    }
  }
  model->lane_count = (uint8_t)lanes;
  return check_whole(model, &place);
}

int swisd_model_check(struct swisd_model *model, const char *name, bool sizes_known, struct swisd_error *error)
{
  struct swisd_model_fault fault;
  if (swisd_model_check_at(model, sizes_known, &fault)) {
    return swisd_error_set(error, "%s: %s: %s", name, fault.pointer + 1, fault.text);
  }
  return 0;
}
