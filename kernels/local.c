/* The reference without a swarm: each step over all items, its lanes one after the other, their outputs kept as they are; the
 * next step takes them as pieces, as it would take them from the network. */
#include "kernels/local.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/program.h"

struct swisd_local {
  const struct swisd_bundle *bundle;
  const struct swisd_kernels *kernels;
  struct swisd_shard *shards[SWISD_BUNDLE_SHARDS_MAX];
};

struct swisd_local *swisd_local_open(const struct swisd_bundle *bundle, const struct swisd_kernels *kernels,
                                     struct swisd_error *error)
{
  struct swisd_local *local = calloc(1, sizeof *local);
  if (!local) {
    swisd_error_set(error, "%s: no memory", bundle->model.name);
    return NULL;
  }
  local->bundle = bundle;
  local->kernels = kernels;
  for (unsigned s = 0; s < bundle->model.step_count; s++) {
    const struct swisd_model_step *step = &bundle->model.steps[s];
    for (unsigned l = 0; l < step->lane_count; l++) {
      const unsigned index = step->lane_first + l;
      if (swisd_shard_load(&bundle->model, s, l, bundle->shards[index], step->lanes[l].bytes, kernels, &local->shards[index],
                           error)) {
        swisd_local_close(local);
        return NULL;
      }
    }
  }
  return local;
}

void swisd_local_close(struct swisd_local *local)
{
  if (!local) {
    return;
  }
  for (size_t i = 0; i < SWISD_BUNDLE_SHARDS_MAX; i++) {
    swisd_shard_free(local->shards[i]);
  }
  free(local);
}

uint64_t swisd_local_out_bytes(const struct swisd_model *model)
{
  const struct swisd_model_step *last = &model->steps[model->step_count - 1];
  return last->tokens ? 0 : swisd_shape_bytes(last->out);
}

enum { PIECES_MAX = SWISD_MODEL_EDGES_MAX * SWISD_MODEL_LANES_MAX };

/* Outputs of all lanes for all items so far. */
struct outputs {
  uint8_t *lanes[SWISD_BUNDLE_SHARDS_MAX];
};

/* The pieces that a step takes: everything that its from-steps made. */
static size_t gather_pieces(const struct swisd_model *model, unsigned step, const struct outputs *outputs, const void *items,
                            uint64_t item_count, struct swisd_program_input pieces[PIECES_MAX])
{
  size_t count = 0;
  for (unsigned e = 0; e < model->steps[step].edge_count; e++) {
    const uint8_t from = model->steps[step].edges[e].from;
    for (unsigned l = 0; l < swisd_model_edge_lanes(model, step, e); l++) {
      const void *bytes = from == SWISD_MODEL_FROM_INPUT ? items : outputs->lanes[model->steps[from].lane_first + l];
      pieces[count++] = (struct swisd_program_input){
        bytes, item_count * swisd_model_piece_bytes(model, step, e, l), 0, item_count, (uint8_t)e, (uint8_t)l};
    }
  }
  return count;
}

static int run_step(const struct swisd_local *local, unsigned s, const void *items, uint64_t item_count, struct outputs *outputs,
                    struct swisd_error *error)
{
  const struct swisd_model *model = &local->bundle->model;
  const struct swisd_model_step *step = &model->steps[s];
  struct swisd_program_input pieces[PIECES_MAX];
  const size_t count = gather_pieces(model, s, outputs, items, item_count, pieces);
  for (unsigned l = 0; l < step->lane_count; l++) {
    const unsigned index = step->lane_first + l;
    const size_t bytes = item_count * step->lanes[l].out_bytes_per_item;
    outputs->lanes[index] = malloc(bytes ? bytes : 1);
    if (!outputs->lanes[index]) {
      return swisd_error_set(error, "%s: no memory for %zu bytes", model->name, bytes);
    }
    const enum swisd_program_status status = swisd_program_run(model, local->shards[index], s, l, local->kernels, NULL, 0,
                                                               item_count, pieces, count, outputs->lanes[index], bytes, NULL);
    if (status != SWISD_PROGRAM_OK) {
      return swisd_error_set(error, "%s: step %u lane %u fails with status %d", model->name, s, l, status);
    }
  }
  return 0;
}

/* The lanes of the last step -> rows of the answer. */
static void join_answer(const struct swisd_model *model, const struct outputs *outputs, uint64_t item_count, uint8_t *out)
{
  const struct swisd_model_step *last = &model->steps[model->step_count - 1];
  const size_t value = last->out.type == SWISD_VALUE_U8 ? 1 : 4;
  const uint64_t pixels = item_count * last->out.height * last->out.width;
  for (uint64_t p = 0; p < pixels; p++) {
    for (unsigned l = 0; l < last->lane_count; l++) {
      const size_t bytes = last->lanes[l].out.channels * value;
      memcpy(out, outputs->lanes[last->lane_first + l] + p * bytes, bytes);
      out += bytes;
    }
  }
}

int swisd_local_run(const struct swisd_local *local, const void *items, uint64_t item_count, void *out, struct swisd_error *error)
{
  const struct swisd_model *model = &local->bundle->model;
  if (model->task == SWISD_MODEL_TASK_DECODE) {
    return swisd_error_set(error, "%s: a model for decoding has no rows to answer", model->name);
  }
  if (item_count == 0 || (model->period && item_count % model->period)) {
    return swisd_error_set(error, "%s: %llu items: whole images of %u are wanted", model->name, (unsigned long long)item_count,
                           model->period ? model->period : 1);
  }
  struct outputs outputs = {{NULL}};
  int status = 0;
  for (unsigned s = 0; s < model->step_count && status == 0; s++) {
    status = run_step(local, s, items, item_count, &outputs, error);
  }
  if (status == 0) {
    join_answer(model, &outputs, item_count, out);
  }
  for (size_t i = 0; i < SWISD_BUNDLE_SHARDS_MAX; i++) {
    free(outputs.lanes[i]);
  }
  return status;
}

/* ---- decoding ---- */

struct decoder {
  const struct swisd_local *local;
  struct swisd_session *sessions[SWISD_MODEL_STEPS_MAX];
};

/* Tokens lo..hi through all steps; the token that follows the last. */
static int decode_range(struct decoder *decoder, const uint32_t *tokens, uint64_t lo, uint64_t hi,
                        struct swisd_program_inline *next, struct swisd_error *error)
{
  const struct swisd_model *model = &decoder->local->bundle->model;
  struct outputs outputs = {{NULL}};
  int failed = 0;
  for (unsigned s = 0; s < model->step_count && !failed; s++) {
    const struct swisd_model_step *step = &model->steps[s];
    const size_t bytes = (hi - lo) * step->lanes[0].out_bytes_per_item;
    struct swisd_program_input pieces[PIECES_MAX];
    size_t count = gather_pieces(model, s, &outputs, NULL, hi - lo, pieces);
    for (size_t i = 0; i < count; i++) {
      pieces[i].bytes = step->edges[pieces[i].edge].map == SWISD_MAP_LAGGED ? &tokens[lo] : pieces[i].bytes;
      pieces[i].lo = lo;
      pieces[i].hi = hi;
    }
    outputs.lanes[step->lane_first] = bytes ? malloc(bytes) : NULL;
    enum swisd_program_status status = bytes && !outputs.lanes[step->lane_first] ? SWISD_PROGRAM_SPACE : SWISD_PROGRAM_OK;
    if (status == SWISD_PROGRAM_OK) {
      status = swisd_program_run(model, decoder->local->shards[step->lane_first], s, 0, decoder->local->kernels,
                                 decoder->sessions[s], lo, hi, pieces, count, outputs.lanes[step->lane_first], bytes, next);
    }
    if (status != SWISD_PROGRAM_OK) {
      failed = swisd_error_set(error, "%s: step %u fails with status %d at position %llu", model->name, s, status,
                               (unsigned long long)lo);
    }
  }
  for (size_t i = 0; i < SWISD_BUNDLE_SHARDS_MAX; i++) {
    free(outputs.lanes[i]);
  }
  return failed;
}

int swisd_local_decode(const struct swisd_local *local, uint32_t *tokens, size_t *count, size_t count_max,
                       struct swisd_error *error)
{
  const struct swisd_model *model = &local->bundle->model;
  if (model->task != SWISD_MODEL_TASK_DECODE || *count < 1) {
    return swisd_error_set(error, "%s: %s", model->name, *count < 1 ? "an empty prompt" : "not a model for decoding");
  }
  const size_t room = model->llama.context < count_max ? model->llama.context : count_max;
  struct decoder decoder = {.local = local};
  int status = 0;
  for (unsigned s = 0; s < model->step_count && status == 0; s++) {
    decoder.sessions[s] = model->steps[s].stateful ? swisd_session_new(model, s) : NULL;
    if (model->steps[s].stateful && !decoder.sessions[s]) {
      status = swisd_error_set(error, "%s: no memory for a session", model->name);
    }
  }
  struct swisd_program_inline next = {0};
  for (uint64_t done = 0; status == 0 && *count < room && !next.bytes[4];) {
    status = decode_range(&decoder, tokens, done, *count, &next, error);
    done = *count;
    if (status == 0) {
      memcpy(&tokens[(*count)++], next.bytes, 4);
    }
  }
  for (unsigned s = 0; s < model->step_count; s++) {
    swisd_session_free(decoder.sessions[s]);
  }
  return status;
}
