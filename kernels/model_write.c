/* Struct -> manifest text, and bundles. Keys come in one fixed order, so equal models have equal bytes and equal ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/model_internal.h"
#include "runtime/base/json.h"

static void write_text(struct swisd_json *json, const char *key, const char *text)
{
  swisd_json_key(json, key);
  swisd_json_string(json, text);
}

static void write_count(struct swisd_json *json, const char *key, uint64_t value)
{
  swisd_json_key(json, key);
  swisd_json_unsigned(json, value);
}

static void write_number(struct swisd_json *json, const char *key, double value)
{
  swisd_json_key(json, key);
  swisd_json_number(json, value);
}

static void write_edge(struct swisd_json *json, const struct swisd_edge *edge)
{
  static const char *const maps[] = {"rows", "halo", "lagged"};
  swisd_json_object(json);
  if (edge->from == SWISD_MODEL_FROM_INPUT) {
    write_text(json, "from", "input");
  } else {
    write_count(json, "from", edge->from);
  }
  write_text(json, "map", maps[edge->map]);
  if (edge->map != SWISD_MAP_ROWS) {
    write_count(json, "width", edge->width);
  }
  write_text(json, "combine", edge->combine == SWISD_MODEL_REDUCE ? "reduce" : "concat");
  swisd_json_end(json);
}

static void write_op(struct swisd_json *json, const struct swisd_op *op)
{
  const bool weighted = op->kind == SWISD_OP_CONV2D || op->kind == SWISD_OP_DENSE;
  swisd_json_object(json);
  write_text(json, "op", swisd_op_name(op->kind));
  if (weighted) {
    write_count(json, "out", op->out);
  }
  if (op->kind == SWISD_OP_CONV2D) {
    write_count(json, "kernel", op->kernel);
  }
  if (weighted) {
    swisd_json_key(json, "bias");
    swisd_json_boolean(json, op->bias);
  }
  if (weighted || op->kind == SWISD_OP_BIAS) {
    write_text(json, "activation", op->relu ? "relu" : "none");
  }
  if (weighted && op->split) {
    write_text(json, "split", op->split == SWISD_SPLIT_ROWS ? "rows" : "columns");
  }
  if (op->kind == SWISD_OP_ADD) {
    write_count(json, "edge", op->edge);
  }
  if (op->kind == SWISD_OP_SCALE || op->kind == SWISD_OP_ADD || op->kind == SWISD_OP_TO_U8) {
    write_number(json, "by", (double)op->by);
  }
  if (op->kind == SWISD_OP_LAYERS) {
    write_count(json, "first", op->first);
    write_count(json, "count", op->count);
  }
  if (op->kind == SWISD_OP_HEAD) {
    swisd_json_key(json, "tied");
    swisd_json_boolean(json, op->tied);
  }
  swisd_json_end(json);
}

static void write_lane(struct swisd_json *json, const struct swisd_lane *lane)
{
  char hex[65];
  for (size_t i = 0; i < 32; i++) {
    snprintf(hex + 2 * i, 3, "%02x", lane->digest[i]);
  }
  swisd_json_object(json);
  write_text(json, "shard", hex);
  write_count(json, "bytes", lane->bytes);
  if (lane->block_end) {
    swisd_json_key(json, "block");
    swisd_json_array(json);
    swisd_json_unsigned(json, lane->block_first);
    swisd_json_unsigned(json, lane->block_end);
    swisd_json_end(json);
  }
  swisd_json_end(json);
}

static void write_step(struct swisd_json *json, const struct swisd_model_step *step)
{
  static const char *const verifies[] = {"none", "freivalds", "hash"};
  swisd_json_object(json);
  write_text(json, "name", step->name);
  write_text(json, "verify", verifies[step->verify]);
  swisd_json_key(json, "edges");
  swisd_json_array(json);
  for (unsigned i = 0; i < step->edge_count; i++) {
    write_edge(json, &step->edges[i]);
  }
  swisd_json_end(json);
  swisd_json_key(json, "ops");
  swisd_json_array(json);
  for (unsigned i = 0; i < step->op_count; i++) {
    write_op(json, &step->ops[i]);
  }
  swisd_json_end(json);
  swisd_json_key(json, "lanes");
  swisd_json_array(json);
  for (unsigned i = 0; i < step->lane_count; i++) {
    write_lane(json, &step->lanes[i]);
  }
  swisd_json_end(json);
  swisd_json_end(json);
}

static void write_llama(struct swisd_json *json, const struct swisd_llama *llama)
{
  const struct {
    const char *key;
    uint32_t value;
  } sizes[] = {{"hidden", llama->hidden},
               {"ffn", llama->ffn},
               {"heads", llama->heads},
               {"kv_heads", llama->kv_heads},
               {"head_size", llama->head_size},
               {"vocab", llama->vocab},
               {"context", llama->context},
               {"bos", llama->bos},
               {"eos", llama->eos}};
  swisd_json_key(json, "llama");
  swisd_json_object(json);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    write_count(json, sizes[i].key, sizes[i].value);
  }
  write_number(json, "rope_theta", llama->rope_theta);
  write_number(json, "epsilon", (double)llama->epsilon);
  swisd_json_end(json);
}

static void write_model(struct swisd_json *json, const struct swisd_model *model)
{
  static const char *const tasks[] = {"rows", "classify", "strips", "decode"}, *const types[] = {"f32", "u8", "token"};
  swisd_json_object(json);
  write_text(json, "format", "swisd-model/1");
  write_text(json, "name", model->name);
  write_text(json, "task", tasks[model->task]);
  swisd_json_key(json, "input");
  swisd_json_object(json);
  write_text(json, "type", types[model->input.type]);
  swisd_json_key(json, "shape");
  swisd_json_array(json);
  swisd_json_unsigned(json, model->input.height);
  swisd_json_unsigned(json, model->input.width);
  swisd_json_unsigned(json, model->input.channels);
  swisd_json_end(json);
  swisd_json_end(json);
  if (model->period) {
    write_count(json, "period", model->period);
  }
  if (model->label_count) {
    swisd_json_key(json, "labels");
    swisd_json_array(json);
    for (unsigned i = 0; i < model->label_count; i++) {
      swisd_json_string(json, model->labels[i]);
    }
    swisd_json_end(json);
  }
  if (model->llama.hidden) {
    write_llama(json, &model->llama);
  }
  swisd_json_key(json, "steps");
  swisd_json_array(json);
  for (unsigned i = 0; i < model->step_count; i++) {
    write_step(json, &model->steps[i]);
  }
  swisd_json_end(json);
  swisd_json_end(json);
}

int swisd_model_write(const struct swisd_model *model, char **json, size_t *json_bytes, struct swisd_error *error)
{
  struct swisd_json writer;
  *json = NULL;
  FILE *out = open_memstream(json, json_bytes);
  if (!out) {
    return swisd_error_set(error, "%s: no memory for the manifest", model->name);
  }
  swisd_json_start(&writer, out, true);
  write_model(&writer, model);
  swisd_json_finish(&writer);
  const bool failed = ferror(out);
  if (fclose(out) || failed) {
    free(*json);
    *json = NULL;
    return swisd_error_set(error, "%s: no memory for the manifest", model->name);
  }
  return 0;
}

void swisd_bundle_free(struct swisd_bundle *bundle)
{
  for (size_t i = 0; i < SWISD_BUNDLE_SHARDS_MAX; i++) {
    free(bundle->shards[i]);
  }
  memset(bundle, 0, sizeof *bundle);
}
