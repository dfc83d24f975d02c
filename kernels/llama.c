/* Import of a Llama folder: config.json says the shapes, model.safetensors has the tensors by name. */
#include "kernels/llama.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/model_cut.h"
#include "kernels/model_internal.h"
#include "kernels/safetensors.h"
#include "runtime/base/json_read.h"

enum { PATH_BYTES = 4096, CONFIG_BYTES_MAX = 1 << 20 };

struct import {
  struct swisd_llama llama;
  uint32_t layer_count;
  bool tied;
  struct swisd_safetensors file;
  const char *path;                    /* of the safetensors file, for messages */
  float *embed, *head, *norm, *layers; /* owned; layers[layer_count][swisd_llama_layer_floats] */
};

bool swisd_llama_is_folder(const char *folder)
{
  char config[PATH_BYTES], weights[PATH_BYTES];
  const int a = snprintf(config, sizeof config, "%s/config.json", folder),
            b = snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
  return a > 0 && a < PATH_BYTES && b > 0 && b < PATH_BYTES && access(config, R_OK) == 0 && access(weights, R_OK) == 0;
}

/* ---- config.json ---- */

static int get_size(const struct swisd_json_file *file, const char *pointer, uint32_t max, uint32_t fallback, uint32_t *out,
                    struct swisd_error *error)
{
  int64_t value = fallback;
  const json_t *found = swisd_json_find(file, pointer);
  if (!(fallback && (!found || json_is_null(found))) && swisd_json_get_integer(file, pointer, 0, max, &value, error)) {
    return -1;
  }
  *out = (uint32_t)value;
  return 0;
}

/* What would change the arithmetic and is not built. */
static int refuse_variants(const struct swisd_json_file *file, struct swisd_error *error)
{
  const char *type = NULL, *activation = NULL;
  if (swisd_json_get_string(file, "/model_type", &type, error) ||
      swisd_json_get_string(file, "/hidden_act", &activation, error)) {
    return -1;
  }
  if (strcmp(type, "llama") != 0) {
    return swisd_json_error(file, "/model_type", error, "`%.40s`: only `llama` is known", type);
  }
  if (strcmp(activation, "silu") != 0) {
    return swisd_json_error(file, "/hidden_act", error, "`%.40s`: only `silu` is known", activation);
  }
  const json_t *scaling = swisd_json_find(file, "/rope_scaling");
  if (scaling && !json_is_null(scaling)) {
    return swisd_json_error(file, "/rope_scaling", error, "scaled rotary embeddings are not known; null is wanted");
  }
  if (json_is_true(swisd_json_find(file, "/attention_bias")) || json_is_true(swisd_json_find(file, "/mlp_bias"))) {
    return swisd_json_error(file, "/attention_bias", error, "biases are not known; false is wanted");
  }
  return 0;
}

static int read_config(const char *folder, struct import *import, struct swisd_error *error)
{
  char path[PATH_BYTES];
  struct swisd_json_file file;
  struct swisd_llama *l = &import->llama;
  double theta = 10000, epsilon = 0;
  snprintf(path, sizeof path, "%s/config.json", folder);
  if (swisd_json_read(&file, path, CONFIG_BYTES_MAX, error)) {
    return -1;
  }
  int status = refuse_variants(&file, error) || get_size(&file, "/hidden_size", 1 << 16, 0, &l->hidden, error) ||
                   get_size(&file, "/intermediate_size", 1 << 18, 0, &l->ffn, error) ||
                   get_size(&file, "/num_hidden_layers", SWISD_MODEL_LAYERS_MAX, 0, &import->layer_count, error) ||
                   get_size(&file, "/num_attention_heads", 1024, 0, &l->heads, error) ||
                   get_size(&file, "/num_key_value_heads", 1024, l->heads, &l->kv_heads, error) ||
                   get_size(&file, "/head_dim", 512, l->heads ? l->hidden / l->heads : 0, &l->head_size, error) ||
                   get_size(&file, "/vocab_size", 1 << 20, 0, &l->vocab, error) ||
                   get_size(&file, "/max_position_embeddings", 1 << 20, 0, &l->context, error) ||
                   get_size(&file, "/bos_token_id", UINT32_MAX, 0, &l->bos, error) ||
                   get_size(&file, "/eos_token_id", UINT32_MAX, 0, &l->eos, error) ||
                   swisd_json_get_number(&file, "/rms_norm_eps", 0, 1, &epsilon, error) ||
                   (swisd_json_find(&file, "/rope_theta") && swisd_json_get_number(&file, "/rope_theta", 1, 1e9, &theta, error))
                 ? -1
                 : 0;
  if (status == 0 && import->layer_count < 1) {
    status = swisd_json_error(&file, "/num_hidden_layers", error, "at least 1 is wanted");
  }
  l->rope_theta = theta;
  l->epsilon = (float)epsilon;
  import->tied = json_is_true(swisd_json_find(&file, "/tie_word_embeddings"));
  swisd_json_free(&file);
  return status;
}

/* ---- tensors ---- */

/* w[rows][columns] (columns 0: a vector) by name into `out`. */
static int read_tensor(const struct import *import, const char *name, uint64_t rows, uint64_t columns, float *out,
                       struct swisd_error *error)
{
  const struct swisd_tensor *tensor = swisd_safetensors_find(&import->file, name);
  if (!tensor) {
    return swisd_error_set(error, "%s: no tensor %s", import->path, name);
  }
  const bool shape = tensor->dimensions[0] == rows &&
                     (columns ? tensor->dimension_count == 2 && tensor->dimensions[1] == columns : tensor->dimension_count == 1);
  if (!shape || swisd_tensor_floats(tensor, out, rows * (columns ? columns : 1))) {
    return swisd_error_set(error, "%s: tensor %s is not F32, F16 or BF16 of shape [%llu%s%.0llu]", import->path, name,
                           (unsigned long long)rows, columns ? ", " : "", (unsigned long long)columns);
  }
  return 0;
}

static int read_layer(const struct import *import, uint32_t layer, float *out, struct swisd_error *error)
{
  const struct swisd_llama *l = &import->llama;
  const uint64_t q = (uint64_t)l->heads * l->head_size, kv = (uint64_t)l->kv_heads * l->head_size;
  const struct {
    const char *name;
    uint64_t rows, columns;
  } parts[] = {
    {"input_layernorm", l->hidden, 0},    {"self_attn.q_proj", q, l->hidden}, {"self_attn.k_proj", kv, l->hidden},
    {"self_attn.v_proj", kv, l->hidden},  {"self_attn.o_proj", l->hidden, q}, {"post_attention_layernorm", l->hidden, 0},
    {"mlp.gate_proj", l->ffn, l->hidden}, {"mlp.up_proj", l->ffn, l->hidden}, {"mlp.down_proj", l->hidden, l->ffn}};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char name[128];
    snprintf(name, sizeof name, "model.layers.%u.%s.weight", layer, parts[i].name);
    if (read_tensor(import, name, parts[i].rows, parts[i].columns, out, error)) {
      return -1;
    }
    out += parts[i].rows * (parts[i].columns ? parts[i].columns : 1);
  }
  return 0;
}

static int read_weights(struct import *import, struct swisd_error *error)
{
  const struct swisd_llama *l = &import->llama;
  const uint64_t matrix = (uint64_t)l->vocab * l->hidden, layer = swisd_llama_layer_floats(l);
  /* the file holds every tensor, so shapes beyond its size are refused before anything is allocated */
  if (matrix + import->layer_count * layer > import->file.mapping_bytes / 2) {
    return swisd_error_set(error, "%s: smaller than the shapes of config.json need", import->path);
  }
  import->embed = malloc(matrix * sizeof(float));
  import->head = malloc(matrix * sizeof(float));
  import->norm = malloc(l->hidden * sizeof(float));
  import->layers = malloc(import->layer_count * layer * sizeof(float));
  if (!import->embed || !import->head || !import->norm || !import->layers) {
    return swisd_error_set(error, "%s: no memory for its weights", import->path);
  }
  /* tied embeddings are stored once, under either name */
  const char *embed = "model.embed_tokens.weight", *head = "lm_head.weight";
  if (import->tied) {
    embed = swisd_safetensors_find(&import->file, embed) ? embed : head;
    head = swisd_safetensors_find(&import->file, head) ? head : embed;
  }
  if (read_tensor(import, embed, l->vocab, l->hidden, import->embed, error) ||
      read_tensor(import, head, l->vocab, l->hidden, import->head, error) ||
      read_tensor(import, "model.norm.weight", l->hidden, 0, import->norm, error)) {
    return -1;
  }
  for (uint32_t i = 0; i < import->layer_count; i++) {
    if (read_layer(import, i, import->layers + i * layer, error)) {
      return -1;
    }
  }
  return 0;
}

/* ---- stages ---- */

static void add(struct swisd_model *model, struct swisd_tensors *tensors, struct swisd_op op, const float *whole)
{
  swisd_model_add_op(model, op);
  tensors->of[model->step_count - 1][model->steps[model->step_count - 1].op_count - 1] = whole;
}

static int build(const struct import *import, unsigned stages, struct swisd_bundle *bundle, struct swisd_error *error)
{
  struct swisd_model *model = &bundle->model;
  struct swisd_tensors tensors = {{{NULL}}};
  const uint32_t layers = import->layer_count;
  const bool head_apart = stages > layers, embed_apart = stages > layers + 1;
  const unsigned layer_stages = stages - head_apart - embed_apart;
  for (unsigned s = 0; s < stages; s++) {
    char name[SWISD_MODEL_NAME_MAX];
    snprintf(name, sizeof name, "stage %u", s + 1);
    swisd_model_add_step(model, name, s ? (uint8_t)(s - 1) : (uint8_t)(stages - 1), s ? SWISD_MAP_ROWS : SWISD_MAP_LAGGED,
                         s ? 0 : 1);
    if (s == 0) {
      add(model, &tensors, (struct swisd_op){.kind = SWISD_OP_EMBED, .by = 1}, import->embed);
    }
    const unsigned own = s - embed_apart; /* number among the stages with layers; wraps for an embed apart */
    if (own < layer_stages) {
      const uint32_t first = layers * own / layer_stages, end = layers * (own + 1) / layer_stages;
      add(model, &tensors, (struct swisd_op){.kind = SWISD_OP_LAYERS, .first = first, .count = end - first, .by = 1},
          import->layers + first * swisd_llama_layer_floats(&import->llama));
    }
    if (s + 1 == stages) {
      add(model, &tensors, (struct swisd_op){.kind = SWISD_OP_RMSNORM, .by = 1}, import->norm);
      add(model, &tensors, (struct swisd_op){.kind = SWISD_OP_HEAD, .by = 1, .tied = import->tied && stages == 1}, import->head);
    }
  }
  return swisd_model_cut(bundle, &tensors, error);
}

int swisd_llama_import(const char *folder, unsigned stage_count, struct swisd_bundle *bundle, struct swisd_error *error)
{
  char path[PATH_BYTES];
  struct import import = {.path = path};
  memset(bundle, 0, sizeof *bundle);
  const int length = snprintf(path, sizeof path, "%s/model.safetensors", folder);
  if (length < 0 || length >= PATH_BYTES) {
    return swisd_error_set(error, "%s: the path is too long", folder);
  }
  int status = read_config(folder, &import, error) || swisd_safetensors_open(path, &import.file, error) ? -1 : 0;
  if (status == 0 && (stage_count < 1 || stage_count > import.layer_count + 2 || stage_count > SWISD_MODEL_STEPS_MAX)) {
    const unsigned most = import.layer_count + 2 < SWISD_MODEL_STEPS_MAX ? import.layer_count + 2 : SWISD_MODEL_STEPS_MAX;
    status = swisd_error_set(error, "%s: %u stages; a model of %u layers is cut in 1 to %u", folder, stage_count,
                             import.layer_count, most);
  }
  if (status == 0) {
    status = read_weights(&import, error);
  }
  if (status == 0) {
    const size_t end = strlen(folder) - (folder[strlen(folder) - 1] == '/');
    size_t first = end;
    while (first > 0 && folder[first - 1] != '/') {
      first--;
    }
    snprintf(bundle->model.name, sizeof bundle->model.name, "%.*s", (int)(end - first), folder + first);
    bundle->model.task = SWISD_MODEL_TASK_DECODE;
    bundle->model.input = (struct swisd_shape){1, 1, 1, SWISD_VALUE_TOKEN};
    bundle->model.llama = import.llama;
    status = build(&import, stage_count, bundle, error);
  }
  free(import.embed);
  free(import.head);
  free(import.norm);
  free(import.layers);
  swisd_safetensors_close(&import.file);
  return status;
}

void swisd_llama_set_context(struct swisd_bundle *bundle, uint32_t context)
{
  struct swisd_error error;
  uint32_t *own = &bundle->model.llama.context;
  *own = context && context < *own ? context : *own;
  const int status = swisd_model_check(&bundle->model, bundle->model.name, true, &error); /* a smaller context is as right */
  (void)status;
}
