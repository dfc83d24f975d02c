/* The manifest of the Fashion-MNIST network in its cuts. */
#include "kernels/fashion.h"

#include <stdio.h>
#include <string.h>

#include "kernels/model_cut.h"

enum { CONVOLUTIONS = 4, CLASSES = 10 };

static const uint32_t channels[CONVOLUTIONS + 1] = {1, 16, 32, 64, 128};
static const char *const labels[CLASSES] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                            "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

/* The model being built, and the parameters not yet given to an operation. */
struct builder {
  struct swisd_model *model;
  struct swisd_tensors tensors;
  const float *layers[CONVOLUTIONS + 1]; /* where the parameters of each layer begin */
};

static void add(struct builder *builder, struct swisd_op op, const float *tensors)
{
  swisd_model_add_op(builder->model, op);
  const unsigned step = builder->model->step_count - 1u;
  builder->tensors.of[step][builder->model->steps[step].op_count - 1] = tensors;
}

static void add_convolution(struct builder *builder, unsigned index, enum swisd_model_split split)
{
  add(builder,
      (struct swisd_op){
        .kind = SWISD_OP_CONV2D, .split = split, .out = channels[index + 1], .kernel = 3, .bias = true, .relu = true},
      builder->layers[index]);
  if (index == 1 || index == 2) {
    add(builder, (struct swisd_op){.kind = SWISD_OP_MAXPOOL2}, NULL);
  } else if (index == 3) {
    add(builder, (struct swisd_op){.kind = SWISD_OP_AVERAGE_POOL}, NULL);
  }
}

static void add_step(struct builder *builder, const char *name)
{
  const unsigned steps = builder->model->step_count;
  swisd_model_add_step(builder->model, name, steps ? (uint8_t)(steps - 1) : SWISD_MODEL_FROM_INPUT, SWISD_MAP_ROWS, 0);
  if (!steps) {
    add(builder, (struct swisd_op){.kind = SWISD_OP_SCALE, .by = 1.0f / 255}, NULL);
  }
}

static void add_dense(struct builder *builder)
{
  add(builder, (struct swisd_op){.kind = SWISD_OP_DENSE, .out = CLASSES, .bias = true}, builder->layers[CONVOLUTIONS]);
}

static void build_lanes(struct builder *builder)
{
  add_step(builder, "conv 1, conv 2");
  add_convolution(builder, 0, SWISD_SPLIT_NONE);
  add_convolution(builder, 1, SWISD_SPLIT_ROWS);
  swisd_model_add_lanes(builder->model, 2, channels[2]);
  add_step(builder, "conv 3");
  add_convolution(builder, 2, SWISD_SPLIT_ROWS);
  swisd_model_add_lanes(builder->model, 2, channels[3]);
  add_step(builder, "conv 4");
  add_convolution(builder, 3, SWISD_SPLIT_ROWS);
  swisd_model_add_lanes(builder->model, 2, channels[4]);
  add_step(builder, "dense");
  add_dense(builder);
  builder->model->steps[3].verify = SWISD_MODEL_VERIFY_FREIVALDS;
}

/* Steps that begin before convolution 0 and before convolution `second` (past the last: one step). */
static void build_runs(struct builder *builder, unsigned second)
{
  for (unsigned i = 0; i < CONVOLUTIONS; i++) {
    if (i == 0 || i == second) {
      add_step(builder, i ? "conv 4, dense" : second < CONVOLUTIONS ? "conv 1 to 3" : "all");
    }
    add_convolution(builder, i, SWISD_SPLIT_NONE);
  }
  add_dense(builder);
}

int swisd_fashion_cut(const float parameters[SWISD_FASHION_PARAMETERS], enum swisd_fashion_cut cut, struct swisd_bundle *bundle,
                      struct swisd_error *error)
{
  static const char *const names[] = {"fashion", "fashion-pipeline", "fashion-whole"};
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  struct builder builder = {.model = model};
  for (unsigned i = 0; i <= CONVOLUTIONS; i++) {
    builder.layers[i] = parameters;
    parameters += i < CONVOLUTIONS ? 9 * channels[i] * channels[i + 1] + channels[i + 1] : 0;
  }
  snprintf(model->name, sizeof model->name, "%s", names[cut]);
  model->task = SWISD_MODEL_TASK_CLASSIFY;
  model->input = (struct swisd_shape){28, 28, 1, SWISD_VALUE_U8};
  model->label_count = CLASSES;
  for (unsigned i = 0; i < CLASSES; i++) {
    snprintf(model->labels[i], sizeof model->labels[i], "%s", labels[i]);
  }
  if (cut == SWISD_FASHION_LANES) {
    build_lanes(&builder);
  } else {
    build_runs(&builder, cut == SWISD_FASHION_PIPELINE ? 3 : CONVOLUTIONS);
  }
  return swisd_model_cut(bundle, &builder.tensors, error);
}
