/* The manifest of the denoiser, and sizes of strips. */
#include "kernels/strips.h"

#include <stdio.h>
#include <string.h>

#include "kernels/model_cut.h"

enum { LAYERS = 4, ROWS_MIN = 8, ROWS_WANTED = 16, ROWS_MAX = 32 };

int swisd_strips_resize(struct swisd_model *model, uint32_t height, uint32_t width, uint32_t *padded_height,
                        struct swisd_error *error)
{
  if (height < 1 || width < 1 || height > 65535 || width > 65535) {
    return swisd_error_set(error, "%s: an image of %u x %u; sides are 1 to 65535", model->name, height, width);
  }
  uint32_t rows = 0;
  for (uint32_t r = ROWS_MIN; r <= ROWS_MAX; r++) {
    const uint32_t off = r > ROWS_WANTED ? r - ROWS_WANTED : ROWS_WANTED - r,
                   best = rows > ROWS_WANTED ? rows - ROWS_WANTED : ROWS_WANTED - rows;
    rows = height % r == 0 && off < best ? r : rows;
  }
  rows = rows ? rows : height < ROWS_MIN ? height : ROWS_WANTED;
  *padded_height = (height + rows - 1) / rows * rows;
  model->input.height = rows;
  model->input.width = width;
  model->period = *padded_height / rows;
  return swisd_model_check(model, model->name, true, error);
}

int swisd_strips_cut(const float parameters[SWISD_STRIPS_PARAMETERS], uint32_t height, uint32_t width,
                     struct swisd_bundle *bundle, struct swisd_error *error)
{
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  struct swisd_tensors tensors = {{{NULL}}};
  model->task = SWISD_MODEL_TASK_STRIPS;
  model->input = (struct swisd_shape){ROWS_WANTED, width, 1, SWISD_VALUE_U8};
  model->period = 1;
  snprintf(model->name, sizeof model->name, "denoise");
  uint32_t in = 1;
  for (unsigned i = 0; i < LAYERS; i++) {
    const uint32_t out = i + 1 < LAYERS ? SWISD_STRIPS_CHANNELS : 1;
    char name[16];
    snprintf(name, sizeof name, "conv %u", i + 1);
    struct swisd_model_step *step =
      swisd_model_add_step(model, name, i ? (uint8_t)(i - 1) : SWISD_MODEL_FROM_INPUT, SWISD_MAP_HALO, 1);
    if (i == 0) {
      swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_SCALE, .by = 1.0f / 255});
    }
    tensors.of[i][step->op_count] = parameters;
    swisd_model_add_op(model,
                       (struct swisd_op){.kind = SWISD_OP_CONV2D, .out = out, .kernel = 3, .bias = true, .relu = i + 1 < LAYERS});
    parameters += 9 * in * out + out;
    in = out;
  }
  struct swisd_model_step *last = &model->steps[LAYERS - 1];
  last->edges[last->edge_count++] = (struct swisd_edge){.from = SWISD_MODEL_FROM_INPUT, .map = SWISD_MAP_ROWS};
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_ADD, .edge = 1, .by = 1.0f / 255});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_TO_U8, .by = 255});
  uint32_t padded;
  if (swisd_model_cut(bundle, &tensors, error)) {
    return -1;
  }
  if (swisd_strips_resize(model, height, width, &padded, error)) {
    swisd_bundle_free(bundle);
    return -1;
  }
  return padded == height
           ? 0
           : (swisd_bundle_free(bundle), swisd_error_set(error, "denoise: a height of %u cannot be cut in equal strips", height));
}
