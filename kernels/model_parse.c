/* Manifest text -> struct. Every key is read at most once through a table of what is allowed in its object; anything else in
 * the object is an error, so that a typing mistake never passes for a default. */
#include <stdio.h>
#include <string.h>

#include "kernels/model_internal.h"
#include "runtime/base/json_read.h"

/* Where we are: the file and a pointer into it, extended and shortened as objects are entered and left. */
struct cursor {
  const struct swisd_json_file *file;
  struct swisd_error *error;
  char pointer[128];
};

static size_t enter(struct cursor *at, const char *key)
{
  const size_t length = strlen(at->pointer);
  snprintf(at->pointer + length, sizeof at->pointer - length, "/%s", key);
  return length;
}

static size_t enter_index(struct cursor *at, size_t index)
{
  char key[24];
  snprintf(key, sizeof key, "%zu", index);
  return enter(at, key);
}

static void leave(struct cursor *at, size_t length) { at->pointer[length] = '\0'; }

static json_t *here(const struct cursor *at) { return swisd_json_find(at->file, at->pointer); }

static bool has(struct cursor *at, const char *key) { return json_object_get(here(at), key) != NULL; }

/* The value is an object with no keys but those of `allowed` (separated by spaces) and "x-..." ones. */
static int check_keys(struct cursor *at, const char *allowed)
{
  json_t *object = here(at), *value;
  const char *key;
  if (!json_is_object(object)) {
    return swisd_json_error(at->file, at->pointer, at->error, "%s, an object is wanted",
                            object ? "is of another type" : "is missing");
  }
  json_object_foreach(object, key, value)
  {
    const size_t length = strlen(key);
    const char *found = length && !strchr(key, ' ') ? strstr(allowed, key) : NULL;
    while (found && ((found > allowed && found[-1] != ' ') || (found[length] != ' ' && found[length] != '\0'))) {
      found = strstr(found + 1, key);
    }
    if (!found && strncmp(key, "x-", 2) != 0) {
      return swisd_json_error(at->file, at->pointer, at->error, "unknown key `%.40s`, allowed are: %s", key, allowed);
    }
  }
  return 0;
}

static int get_unsigned(struct cursor *at, const char *key, uint32_t max, uint32_t *out)
{
  int64_t value = 0;
  const size_t length = enter(at, key);
  const int status = swisd_json_get_integer(at->file, at->pointer, 0, max, &value, at->error);
  leave(at, length);
  *out = (uint32_t)value;
  return status;
}

static int get_number(struct cursor *at, const char *key, double *out)
{
  const size_t length = enter(at, key);
  const int status = swisd_json_get_number(at->file, at->pointer, -1e30, 1e30, out, at->error);
  leave(at, length);
  return status;
}

static int get_float(struct cursor *at, const char *key, float *out)
{
  double value = 0;
  const int status = get_number(at, key, &value);
  *out = (float)value;
  return status;
}

static int get_boolean(struct cursor *at, const char *key, bool *out)
{
  const json_t *value = json_object_get(here(at), key);
  if (value && !json_is_boolean(value)) {
    const size_t length = enter(at, key);
    swisd_json_error(at->file, at->pointer, at->error, "true or false is wanted");
    leave(at, length);
    return -1;
  }
  *out = json_is_true(value);
  return 0;
}

/* One of `names` (NULL ends them); its index. */
static int get_choice(struct cursor *at, const char *key, const char *const *names, unsigned *out)
{
  const char *value = NULL;
  const size_t length = enter(at, key);
  int status = swisd_json_get_string(at->file, at->pointer, &value, at->error);
  if (status == 0) {
    char allowed[200] = "";
    for (*out = 0; names[*out] && strcmp(names[*out], value) != 0; ++*out) {
      const size_t used = strlen(allowed);
      snprintf(allowed + used, sizeof allowed - used, "%s%s", *out ? ", " : "", names[*out]);
    }
    if (!names[*out]) {
      status = swisd_json_error(at->file, at->pointer, at->error, "`%.40s` is none of: %s", value, allowed);
    }
  }
  leave(at, length);
  return status;
}

static int get_name(struct cursor *at, char out[SWISD_MODEL_NAME_MAX])
{
  const char *value = NULL;
  if (swisd_json_get_string(at->file, at->pointer, &value, at->error)) {
    return -1;
  }
  if (strlen(value) >= SWISD_MODEL_NAME_MAX) {
    return swisd_json_error(at->file, at->pointer, at->error, "longer than %d bytes", SWISD_MODEL_NAME_MAX - 1);
  }
  memset(out, 0, SWISD_MODEL_NAME_MAX);
  memcpy(out, value, strlen(value));
  return 0;
}

static int get_named(struct cursor *at, const char *key, char out[SWISD_MODEL_NAME_MAX])
{
  const size_t length = enter(at, key);
  const int status = get_name(at, out);
  leave(at, length);
  return status;
}

/* Calls `read` on each element of the array at `key`, which has 1 to `max` of them. */
static int get_list(struct cursor *at, const char *key, size_t max, uint8_t *count, struct swisd_model *model, void *owner,
                    int (*read)(struct cursor *, struct swisd_model *, void *, size_t))
{
  const size_t length = enter(at, key);
  const json_t *list = here(at);
  const size_t size = json_array_size(list);
  int status = 0;
  if (!json_is_array(list) || size < 1 || size > max) {
    status =
      swisd_json_error(at->file, at->pointer, at->error, "a list of 1 to %zu is wanted%s", max, list ? "" : ", it is missing");
  }
  for (size_t i = 0; i < size && status == 0; i++) {
    const size_t outer = enter_index(at, i);
    status = read(at, model, owner, i);
    leave(at, outer);
  }
  *count = (uint8_t)size;
  leave(at, length);
  return status;
}

static int read_edge(struct cursor *at, struct swisd_model *model, void *owner, size_t index)
{
  static const char *const maps[] = {"rows", "halo", "lagged", NULL}, *const combines[] = {"concat", "reduce", NULL};
  struct swisd_edge *edge = &((struct swisd_model_step *)owner)->edges[index];
  unsigned map = 0, combine = 0;
  uint32_t from = SWISD_MODEL_FROM_INPUT, width = 0;
  (void)model;
  if (check_keys(at, "from map width combine") || get_choice(at, "map", maps, &map) ||
      get_choice(at, "combine", combines, &combine)) {
    return -1;
  }
  const json_t *value = json_object_get(here(at), "from");
  if (!json_is_string(value) || strcmp(json_string_value(value), "input") != 0) {
    if (get_unsigned(at, "from", SWISD_MODEL_STEPS_MAX - 1, &from)) {
      return -1;
    }
  }
  if (map != SWISD_MAP_ROWS && get_unsigned(at, "width", UINT16_MAX, &width)) {
    return -1;
  }
  *edge = (struct swisd_edge){(uint8_t)from, (enum swisd_model_map)map, (enum swisd_model_combine)combine, (uint16_t)width, 0};
  return 0;
}

static int read_weighted_op(struct cursor *at, struct swisd_op *op)
{
  static const char *const splits[] = {"none", "rows", "columns", NULL}, *const activations[] = {"none", "relu", NULL};
  unsigned split = 0, activation = 0;
  if ((has(at, "split") && get_choice(at, "split", splits, &split)) ||
      (has(at, "activation") && get_choice(at, "activation", activations, &activation)) || get_boolean(at, "bias", &op->bias) ||
      (op->kind != SWISD_OP_BIAS && get_unsigned(at, "out", UINT32_MAX, &op->out))) {
    return -1;
  }
  op->split = (enum swisd_model_split)split;
  op->relu = activation == 1;
  return 0;
}

static int read_op(struct cursor *at, struct swisd_model *model, void *owner, size_t index)
{
  static const char *const allowed[] = {"op by",
                                        "op out kernel bias activation split",
                                        "op out bias activation split",
                                        "op activation",
                                        "op edge by",
                                        "op",
                                        "op",
                                        "op",
                                        "op by",
                                        "op",
                                        "op first count",
                                        "op",
                                        "op tied"};
  const char *names[SWISD_OP_HEAD + 2] = {NULL};
  struct swisd_op *op = &((struct swisd_model_step *)owner)->ops[index];
  unsigned kind = 0;
  (void)model;
  for (unsigned i = 0; i <= SWISD_OP_HEAD; i++) {
    names[i] = swisd_op_name(i);
  }
  *op = (struct swisd_op){.by = 1};
  if (!json_is_object(here(at))) {
    return swisd_json_error(at->file, at->pointer, at->error, "an object is wanted");
  }
  if (get_choice(at, "op", names, &kind) || check_keys(at, allowed[kind])) {
    return -1;
  }
  op->kind = (enum swisd_op_kind)kind;
  switch (op->kind) {
  case SWISD_OP_SCALE:
  case SWISD_OP_TO_U8:
    return get_float(at, "by", &op->by);
  case SWISD_OP_ADD:
    return get_unsigned(at, "edge", UINT8_MAX, &op->edge) || (has(at, "by") && get_float(at, "by", &op->by)) ? -1 : 0;
  case SWISD_OP_CONV2D:
    return get_unsigned(at, "kernel", UINT8_MAX, &op->kernel) || read_weighted_op(at, op) ? -1 : 0;
  case SWISD_OP_DENSE:
  case SWISD_OP_BIAS:
    return read_weighted_op(at, op);
  case SWISD_OP_LAYERS:
    return get_unsigned(at, "first", UINT16_MAX, &op->first) || get_unsigned(at, "count", UINT16_MAX, &op->count) ? -1 : 0;
  case SWISD_OP_HEAD:
    return get_boolean(at, "tied", &op->tied);
  default:
    return 0;
  }
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static int read_digest(struct cursor *at, struct swisd_lane *lane)
{
  const size_t length = enter(at, "shard");
  const char *hex = "";
  int status = swisd_json_get_string(at->file, at->pointer, &hex, at->error);
  bool right = status == 0 && strlen(hex) == 64;
  for (size_t i = 0; right && i < 32; i++) {
    const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
    right = high >= 0 && low >= 0;
    lane->digest[i] = (uint8_t)(16 * high + low);
  }
  if (status == 0 && !right) {
    status = swisd_json_error(at->file, at->pointer, at->error, "a SHA-256 is wanted: 64 lower-case hexadecimal digits");
  }
  lane->shard = swisd_digest_id(lane->digest);
  leave(at, length);
  return status;
}

static int read_block_end(struct cursor *at, struct swisd_model *model, void *owner, size_t index)
{
  struct swisd_lane *lane = owner;
  int64_t value = 0;
  (void)model;
  const int status = swisd_json_get_integer(at->file, at->pointer, 0, UINT32_MAX, &value, at->error);
  *(index ? &lane->block_end : &lane->block_first) = (uint32_t)value;
  return status;
}

static int read_lane(struct cursor *at, struct swisd_model *model, void *owner, size_t index)
{
  struct swisd_lane *lane = &((struct swisd_model_step *)owner)->lanes[index];
  int64_t bytes = 0;
  uint8_t ends = 2;
  *lane = (struct swisd_lane){0};
  if (check_keys(at, "shard bytes block") || read_digest(at, lane)) {
    return -1;
  }
  const size_t length = enter(at, "bytes");
  const int status = swisd_json_get_integer(at->file, at->pointer, 4, (int64_t)SWISD_MODEL_SHARD_BYTES_MAX, &bytes, at->error);
  leave(at, length);
  if (status || (has(at, "block") && get_list(at, "block", 2, &ends, model, lane, read_block_end))) {
    return -1;
  }
  lane->bytes = (uint64_t)bytes;
  return ends == 2 ? 0 : swisd_json_error(at->file, at->pointer, at->error, "block is [first, end]");
}

static int read_step(struct cursor *at, struct swisd_model *model, void *owner, size_t index)
{
  static const char *const verifies[] = {"none", "freivalds", "hash", NULL};
  struct swisd_model_step *step = &model->steps[index];
  unsigned verify = 0;
  (void)owner;
  if (check_keys(at, "name verify edges ops lanes") || get_named(at, "name", step->name) ||
      get_choice(at, "verify", verifies, &verify) ||
      get_list(at, "edges", SWISD_MODEL_EDGES_MAX, &step->edge_count, model, step, read_edge) ||
      get_list(at, "ops", SWISD_MODEL_OPS_MAX, &step->op_count, model, step, read_op) ||
      get_list(at, "lanes", SWISD_MODEL_LANES_MAX, &step->lane_count, model, step, read_lane)) {
    return -1;
  }
  step->verify = (enum swisd_model_verify)verify;
  return 0;
}

static int read_label(struct cursor *at, struct swisd_model *model, void *owner, size_t index)
{
  (void)owner;
  return get_name(at, model->labels[index]);
}

static int read_side(struct cursor *at, struct swisd_model *model, void *owner, size_t index)
{
  uint32_t *const sides[3] = {&model->input.height, &model->input.width, &model->input.channels};
  int64_t value = 0;
  (void)owner;
  const int status = swisd_json_get_integer(at->file, at->pointer, 1, (int64_t)SWISD_MODEL_ITEM_FLOATS_MAX, &value, at->error);
  *sides[index] = (uint32_t)value;
  return status;
}

static int read_input(struct cursor *at, struct swisd_model *model)
{
  static const char *const types[] = {"f32", "u8", "token", NULL};
  unsigned type = 0;
  uint8_t sides = 0;
  const size_t length = enter(at, "input");
  int status = check_keys(at, "type shape") || get_choice(at, "type", types, &type) ||
                   get_list(at, "shape", 3, &sides, model, NULL, read_side)
                 ? -1
                 : 0;
  if (status == 0 && sides != 3) {
    status = swisd_json_error(at->file, at->pointer, at->error, "shape is [height, width, channels]");
  }
  model->input.type = (enum swisd_value_type)type;
  leave(at, length);
  return status;
}

static int read_llama(struct cursor *at, struct swisd_llama *llama)
{
  const struct {
    const char *key;
    uint32_t *value;
  } sizes[] = {{"hidden", &llama->hidden},
               {"ffn", &llama->ffn},
               {"heads", &llama->heads},
               {"kv_heads", &llama->kv_heads},
               {"head_size", &llama->head_size},
               {"vocab", &llama->vocab},
               {"context", &llama->context},
               {"bos", &llama->bos},
               {"eos", &llama->eos}};
  const size_t length = enter(at, "llama");
  int status = check_keys(at, "hidden ffn heads kv_heads head_size vocab context rope_theta epsilon bos eos");
  for (size_t i = 0; status == 0 && i < sizeof sizes / sizeof *sizes; i++) {
    status = get_unsigned(at, sizes[i].key, UINT32_MAX, sizes[i].value);
  }
  if (status == 0) {
    status = get_number(at, "rope_theta", &llama->rope_theta) || get_float(at, "epsilon", &llama->epsilon) ? -1 : 0;
  }
  leave(at, length);
  return status;
}

static int read_model(struct cursor *at, struct swisd_model *model)
{
  static const char *const formats[] = {"swisd-model/1", NULL}, *const tasks[] = {"rows", "classify", "strips", "decode", NULL};
  unsigned format = 0, task = 0;
  uint8_t labels = 0;
  if (check_keys(at, "format name task input period labels llama steps") || get_choice(at, "format", formats, &format) ||
      get_named(at, "name", model->name) || get_choice(at, "task", tasks, &task) || read_input(at, model) ||
      (has(at, "period") && get_unsigned(at, "period", UINT16_MAX, &model->period)) ||
      (has(at, "labels") && get_list(at, "labels", SWISD_MODEL_LABELS_MAX, &labels, model, NULL, read_label)) ||
      (has(at, "llama") && read_llama(at, &model->llama)) ||
      get_list(at, "steps", SWISD_MODEL_STEPS_MAX, &model->step_count, model, NULL, read_step)) {
    return -1;
  }
  model->task = (enum swisd_model_task)task;
  model->label_count = labels;
  struct swisd_model_fault fault;
  if (swisd_model_check_at(model, true, &fault)) {
    return swisd_json_error(at->file, fault.pointer, at->error, "%s", fault.text);
  }
  return 0;
}

int swisd_model_parse(const char *json, size_t json_bytes, const char *name, struct swisd_model *model, struct swisd_error *error)
{
  struct swisd_json_file file;
  memset(model, 0, sizeof *model);
  if (json_bytes > SWISD_MODEL_MANIFEST_BYTES_MAX) {
    return swisd_error_set(error, "%s: %zu bytes, a manifest has at most %zu", name, json_bytes, SWISD_MODEL_MANIFEST_BYTES_MAX);
  }
  if (swisd_json_parse(&file, name, json, json_bytes, error)) {
    return -1;
  }
  struct cursor at = {.file = &file, .error = error};
  const int status = read_model(&at, model);
  swisd_json_free(&file);
  if (status) {
    memset(model, 0, sizeof *model);
  }
  return status;
}
