/* The layers of a Llama-architecture decoder and their key-value cache.
 * Source: Touvron et al., "LLaMA", 2023: RMSNorm before each block, rotary positions, SwiGLU; grouped-query attention. */
#include <stdlib.h>
#include <string.h>

#include "kernels/program_internal.h"

enum { FIRST_POSITIONS = 64 };

static uint64_t cache_row_floats(const struct swisd_llama *llama) { return (uint64_t)llama->kv_heads * llama->head_size; }

struct swisd_session *swisd_session_new(const struct swisd_model *model, unsigned step)
{
  if (step >= model->step_count || !model->steps[step].stateful) {
    return NULL;
  }
  struct swisd_session *session = calloc(1, sizeof *session);
  if (!session) {
    return NULL;
  }
  session->model = model;
  session->step = step;
  for (unsigned i = 0; i < model->steps[step].op_count; i++) {
    session->layer_count += model->steps[step].ops[i].kind == SWISD_OP_LAYERS ? model->steps[step].ops[i].count : 0;
  }
  session->k = calloc(session->layer_count, sizeof *session->k);
  session->v = calloc(session->layer_count, sizeof *session->v);
  if (!session->k || !session->v) {
    swisd_session_free(session);
    return NULL;
  }
  return session;
}

void swisd_session_free(struct swisd_session *session)
{
  if (!session) {
    return;
  }
  for (unsigned i = 0; i < session->layer_count; i++) {
    free(session->k ? session->k[i] : NULL);
    free(session->v ? session->v[i] : NULL);
  }
  free(session->k);
  free(session->v);
  free(session);
}

uint64_t swisd_session_length(const struct swisd_session *session) { return session->length; }

uint64_t swisd_session_memory_bytes(const struct swisd_session *session)
{
  return sizeof *session +
         2 * session->layer_count * session->capacity * cache_row_floats(&session->model->llama) * sizeof(float);
}

static int grow(float **cache, uint64_t floats)
{
  float *grown = realloc(*cache, floats * sizeof **cache);
  *cache = grown ? grown : *cache;
  return grown ? 0 : -1;
}

enum swisd_program_status swisd_session_reserve(struct swisd_session *session, uint64_t end)
{
  const struct swisd_llama *llama = &session->model->llama;
  if (end > llama->context) {
    return SWISD_PROGRAM_INPUT;
  }
  if (end <= session->capacity) {
    return SWISD_PROGRAM_OK;
  }
  uint64_t capacity = session->capacity ? session->capacity : FIRST_POSITIONS;
  while (capacity < end) {
    capacity *= 2;
  }
  capacity = capacity < llama->context ? capacity : llama->context;
  for (unsigned i = 0; i < session->layer_count; i++) {
    if (grow(&session->k[i], capacity * cache_row_floats(llama)) || grow(&session->v[i], capacity * cache_row_floats(llama))) {
      return SWISD_PROGRAM_SPACE; /* a cache that has grown already is only larger than it need be */
    }
  }
  session->capacity = capacity;
  return SWISD_PROGRAM_OK;
}

/* Room for the parts of one layer, for `tokens` rows. */
struct parts {
  float *normed, *q, *y, *k, *v, *gate, *up, *scores;
};

uint64_t swisd_llama_scratch_floats(const struct swisd_llama *llama, size_t tokens)
{
  const uint64_t q = (uint64_t)llama->heads * llama->head_size;
  return tokens * (llama->hidden + 2 * q + 2 * cache_row_floats(llama) + 2 * (uint64_t)llama->ffn) + llama->context;
}

static struct parts split_scratch(const struct swisd_llama *llama, size_t tokens, float *scratch)
{
  const uint64_t q = tokens * llama->heads * llama->head_size, kv = tokens * cache_row_floats(llama),
                 ffn = tokens * (uint64_t)llama->ffn;
  struct parts parts = {.normed = scratch};
  parts.q = parts.normed + tokens * llama->hidden;
  parts.y = parts.q + q;
  parts.k = parts.y + q;
  parts.v = parts.k + kv;
  parts.gate = parts.v + kv;
  parts.up = parts.gate + ffn;
  parts.scores = parts.up + ffn;
  return parts;
}

/* New rows go behind the cache's length; rows below it stay as they are. */
static void append_rows(const struct swisd_session *session, float *cache, const float *rows, size_t tokens, uint64_t position)
{
  const uint64_t row = cache_row_floats(&session->model->llama);
  const uint64_t known = session->length > position ? session->length - position : 0;
  if (known < tokens) {
    memcpy(cache + (position + known) * row, rows + known * row, (tokens - known) * row * sizeof *cache);
  }
}

static void run_attention(const struct swisd_program_call *call, const struct swisd_layer_weights *w, unsigned layer,
                          size_t tokens, uint64_t position, float *x, const struct parts *parts)
{
  const struct swisd_llama *llama = &call->model->llama;
  const struct swisd_kernels *kernels = call->kernels;
  const size_t hidden = llama->hidden, q = (size_t)llama->heads * llama->head_size, kv = cache_row_floats(llama);
  kernels->rmsnorm(tokens, hidden, x, hidden, w->attention_norm, llama->epsilon, parts->normed, hidden);
  kernels->matmul(tokens, q, hidden, parts->normed, hidden, w->q, parts->q, q, 0);
  kernels->matmul(tokens, kv, hidden, parts->normed, hidden, w->k, parts->k, kv, 0);
  kernels->matmul(tokens, kv, hidden, parts->normed, hidden, w->v, parts->v, kv, 0);
  kernels->rope(tokens, llama->heads, llama->head_size, parts->q, q, position, llama->rope_theta);
  kernels->rope(tokens, llama->kv_heads, llama->head_size, parts->k, kv, position, llama->rope_theta);
  append_rows(call->session, call->session->k[layer], parts->k, tokens, position);
  append_rows(call->session, call->session->v[layer], parts->v, tokens, position);
  const struct swisd_attention shape = {.tokens = tokens,
                                        .position = position,
                                        .heads = llama->heads,
                                        .kv_heads = llama->kv_heads,
                                        .head_size = llama->head_size,
                                        .q_stride = q,
                                        .kv_stride = kv,
                                        .y_stride = q};
  kernels->attention(&shape, parts->q, call->session->k[layer], call->session->v[layer], parts->y, parts->scores);
  kernels->matmul(tokens, hidden, q, parts->y, q, w->o, x, hidden, 1);
}

static void run_ffn(const struct swisd_program_call *call, const struct swisd_layer_weights *w, size_t tokens, float *x,
                    const struct parts *parts)
{
  const struct swisd_llama *llama = &call->model->llama;
  const struct swisd_kernels *kernels = call->kernels;
  const size_t hidden = llama->hidden, ffn = llama->ffn;
  kernels->rmsnorm(tokens, hidden, x, hidden, w->ffn_norm, llama->epsilon, parts->normed, hidden);
  kernels->matmul(tokens, ffn, hidden, parts->normed, hidden, w->gate, parts->gate, ffn, 0);
  kernels->matmul(tokens, ffn, hidden, parts->normed, hidden, w->up, parts->up, ffn, 0);
  kernels->swiglu(tokens * ffn, parts->gate, parts->up);
  kernels->matmul(tokens, hidden, ffn, parts->gate, ffn, w->down, x, hidden, 1);
}

void swisd_llama_run_layers(const struct swisd_program_call *call, const struct swisd_op_weights *weights, unsigned layer_count,
                            size_t tokens, uint64_t position, float *x, float *scratch)
{
  const struct parts parts = split_scratch(&call->model->llama, tokens, scratch);
  for (unsigned layer = 0; layer < layer_count; layer++) {
    run_attention(call, &weights->layers[layer], layer, tokens, position, x, &parts);
    run_ffn(call, &weights->layers[layer], tokens, x, &parts);
  }
}
