/* Real arithmetic: tasks by kernels/program.h, and the reference by the same programs in one process, item after item. */
#include "tests/cluster/cluster_real.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "runtime/net/models.h"
#include "runtime/store/model_spec.h"
#include "tests/cluster/inside.h"

struct real_model {
  struct real hooks; /* first: the driver knows this part */
  const struct swisd_model *model;
  const struct swisd_kernels *kernels;
  struct swisd_shard *shards[SWISD_MODEL_SHARDS_MAX];
};

static const struct real_model *real_of(const struct real *real) { return (const struct real_model *)real; }

static struct swisd_shard *shard_of(const struct real_model *r, unsigned step, unsigned lane)
{
  return r->shards[r->model->steps[step].lane_first + lane];
}

/* ---- tasks ---- */

/* The wanted rows of the sources from `first` on, as a program takes them. */
static uint32_t gather(const struct real_model *r, const struct computing *k, uint32_t first, struct swisd_program_input *inputs)
{
  for (uint32_t i = first; i < k->action.source_count; i++) {
    const struct swisd_source *s = &k->action.sources[i];
    const uint64_t unit = swisd_model_piece_bytes(r->model, k->action.key.step, s->edge, s->lane);
    if (k->sources[i]->count != (s->body_hi - s->body_lo) * unit)
      return 0;
    inputs[i - first] = (struct swisd_program_input){.bytes = buffer_data(k->sources[i]) + (s->lo - s->body_lo) * unit,
                                                     .byte_count = (s->hi - s->lo) * unit,
                                                     .lo = s->lo,
                                                     .hi = s->hi,
                                                     .edge = s->edge,
                                                     .lane = s->lane};
  }
  return k->action.source_count - first;
}

static enum swisd_status run(const struct real *real, struct session *session, const struct computing *k, struct buffer *out,
                             struct swisd_inline *inlined)
{
  const struct real_model *r = real_of(real);
  const struct swisd_task_key *key = &k->action.key;
  struct swisd_program_input inputs[SWISD_SOURCES_MAX];
  const uint32_t count = gather(r, k, 0, inputs);
  if (session != NULL && session->real == NULL) {
    session->real = swisd_session_new(r->model, key->step);
    session->owner = real;
    SWISD_ASSERT(session->real != NULL);
  }
  const bool tokens = r->model->steps[key->step].tokens;
  struct swisd_program_inline token = {0};
  const enum swisd_program_status status = swisd_program_run(
    r->model, shard_of(r, key->step, key->lane), key->step, key->lane, r->kernels, session == NULL ? NULL : session->real,
    key->lo, key->hi, inputs, count, tokens ? NULL : buffer_data(out), tokens ? 0 : (size_t)out->count, tokens ? &token : NULL);
  if (status == SWISD_PROGRAM_OK && tokens) { /* of several positions at once only the last one's token is new */
    memcpy(buffer_data(out) + out->count - 4, token.bytes, 4);
    inlined->count = token.count;
    memcpy(inlined->bytes, token.bytes, sizeof(inlined->bytes));
  }
  if (session != NULL)
    session->length = swisd_session_length(session->real);
  return (enum swisd_status)status;
}

static enum swisd_status check(const struct real *real, const struct computing *k)
{
  const struct real_model *r = real_of(real);
  const struct swisd_task_key *key = &k->action.key;
  const struct swisd_source *s = &k->action.sources[0];
  const uint64_t unit = k->sources[0]->count / (s->body_hi - s->body_lo);
  struct swisd_program_input inputs[SWISD_SOURCES_MAX];
  const uint32_t count = gather(r, k, 1, inputs);
  return (enum swisd_status)swisd_program_check(r->model, shard_of(r, key->step, key->lane), key->step, key->lane, 12345, key->lo,
                                                key->hi, inputs, count, buffer_data(k->sources[0]) + (s->lo - s->body_lo) * unit,
                                                (size_t)((s->hi - s->lo) * unit));
}

static void free_real(struct real *real)
{
  struct real_model *r = (struct real_model *)real;
  for (uint32_t i = 0; i < SWISD_MODEL_SHARDS_MAX; i++)
    swisd_shard_free(r->shards[i]);
  free(r);
}

struct cluster_model *cluster_model_real(struct cluster *c, const struct swisd_bundle *bundle,
                                         const struct swisd_kernels *kernels, uint64_t items_max, struct swisd_error *error)
{
  struct cluster_model *m = calloc(1, sizeof(*m));
  struct real_model *r = calloc(1, sizeof(*r));
  SWISD_ASSERT(m != NULL && r != NULL);
  r->hooks = (struct real){run, check, swisd_session_free, free_real};
  r->model = &bundle->model;
  r->kernels = kernels;
  m->real = &r->hooks;
  for (unsigned s = 0; s < bundle->model.step_count; s++)
    for (unsigned l = 0; l < bundle->model.steps[s].lane_count; l++) {
      const unsigned i = bundle->model.steps[s].lane_first + l;
      if (swisd_shard_load(&bundle->model, s, l, bundle->shards[i], bundle->model.steps[s].lanes[l].bytes, kernels, &r->shards[i],
                           error) < 0) {
        free_real(&r->hooks);
        free(m);
        return NULL;
      }
    }
  swisd_model_announcement(&bundle->model, &m->manifest);
  swisd_model_job_spec(&bundle->model, items_max, &m->spec);
  m->next = c->models;
  c->models = m;
  c->model_count++;
  return m;
}

/* ---- the reference ---- */

struct alone { /* one process that computes everything */
  const struct real_model *r;
  uint64_t items, capacity;
  const uint8_t *input;
  uint64_t input_items;
  uint8_t *made[SWISD_LANES_MAX];
  struct swisd_session *sessions[SWISD_STEPS_MAX];
  bool ended;
};

static uint64_t out_unit(const struct real_model *r, unsigned step, unsigned lane)
{
  return r->model->steps[step].tokens ? 4 : r->model->steps[step].lanes[lane].out_bytes_per_item;
}

/* The whole input of items lo..hi of one edge of one lane. */
static struct swisd_program_input whole_input(const struct alone *a, unsigned step, unsigned e, unsigned lane, uint64_t lo,
                                              uint64_t hi)
{
  const struct swisd_edge *edge = &a->r->model->steps[step].edges[e];
  const uint64_t unit = swisd_model_piece_bytes(a->r->model, step, e, lane);
  struct swisd_program_input in = {.byte_count = (hi - lo) * unit, .lo = lo, .hi = hi, .edge = (uint8_t)e, .lane = (uint8_t)lane};
  if (edge->from == SWISD_MODEL_FROM_INPUT || (edge->map == SWISD_MAP_LAGGED && lo < a->input_items))
    in.bytes = a->input + lo * unit;
  else if (edge->map == SWISD_MAP_LAGGED)
    in.bytes = a->made[a->r->model->steps[edge->from].lane_first + lane] + (lo - edge->width) * unit;
  else
    in.bytes = a->made[a->r->model->steps[edge->from].lane_first + lane] + lo * unit;
  return in;
}

/* Items lo..hi of every step, in order; a decoder comes item by item, everything else in one piece, so that halos are there. */
static void compute_alone(struct alone *a, uint64_t lo, uint64_t hi)
{
  const struct swisd_model *model = a->r->model;
  for (unsigned s = 0; s < model->step_count; s++) {
    if (model->steps[s].stateful && a->sessions[s] == NULL)
      SWISD_ASSERT((a->sessions[s] = swisd_session_new(model, s)) != NULL);
    for (unsigned l = 0; l < model->steps[s].lane_count; l++) {
      struct swisd_program_input inputs[SWISD_SOURCES_MAX];
      uint32_t count = 0;
      for (unsigned e = 0; e < model->steps[s].edge_count; e++)
        for (unsigned from = 0; from < swisd_model_edge_lanes(model, s, e); from++) {
          SWISD_ASSERT(count < SWISD_SOURCES_MAX);
          inputs[count++] = whole_input(a, s, e, from, lo, hi);
        }
      const uint64_t unit = out_unit(a->r, s, l);
      uint8_t *out = a->made[model->steps[s].lane_first + l] + lo * unit;
      const bool tokens = model->steps[s].tokens;
      struct swisd_program_inline token = {0};
      const enum swisd_program_status status =
        swisd_program_run(model, shard_of(a->r, s, l), s, l, a->r->kernels, a->sessions[s], lo, hi, inputs, count,
                          tokens ? NULL : out, tokens ? 0 : (size_t)((hi - lo) * unit), tokens ? &token : NULL);
      SWISD_ASSERT(status == SWISD_PROGRAM_OK);
      if (tokens) {
        memcpy(out, token.bytes, 4);
        a->ended = token.bytes[4] != 0;
      }
    }
  }
}

static void compute_all(struct alone *a, uint64_t items_max)
{
  const struct swisd_model *model = a->r->model;
  const bool tokens = model->steps[model->step_count - 1].tokens;
  a->capacity = tokens ? items_max : a->input_items;
  for (unsigned s = 0; s < model->step_count; s++)
    for (unsigned l = 0; l < model->steps[s].lane_count; l++)
      SWISD_ASSERT((a->made[model->steps[s].lane_first + l] = calloc(a->capacity + 1, out_unit(a->r, s, l) + 1)) != NULL);
  if (!tokens) {
    compute_alone(a, 0, a->input_items);
    a->items = a->input_items;
  }
  while (tokens && a->items < items_max && !(a->ended && a->items >= a->input_items)) {
    compute_alone(a, a->items, a->items + 1);
    a->items++;
  }
}

/* What an item of a lane is compared by: a token by itself, a row by the value of its bytes. */
static uint64_t value_of(const struct alone *a, unsigned step, unsigned lane, uint64_t item)
{
  const uint64_t unit = out_unit(a->r, step, lane);
  const uint8_t *bytes = a->made[a->r->model->steps[step].lane_first + lane] + item * unit;
  if (!a->r->model->steps[step].tokens)
    return bytes_value(bytes, unit);
  return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24;
}

uint64_t cluster_submit_real(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items, const void *input)
{
  struct alone a = {.r = real_of(model->real), .input = input, .input_items = items};
  compute_all(&a, model->spec.items_max);
  uint64_t *reference[SWISD_LANES_MAX] = {0};
  const struct swisd_model *m = a.r->model;
  for (unsigned s = 0; s < m->step_count; s++)
    for (unsigned l = 0; l < m->steps[s].lane_count; l++) {
      uint64_t *values = reference[m->steps[s].lane_first + l] = calloc(a.items + 1, sizeof(*values));
      SWISD_ASSERT(values != NULL);
      for (uint64_t i = 0; i < a.items; i++)
        values[i] = value_of(&a, s, l, i);
    }
  const uint64_t bytes = items * model->spec.in_bytes_per_item;
  struct buffer *body = buffer_new_real(bytes);
  memcpy(buffer_data(body), input, bytes);
  const uint64_t number = job_submit_known(c, node, model, items, body, reference, a.items);
  for (unsigned i = 0; i < SWISD_LANES_MAX; i++) {
    free(reference[i]);
    free(a.made[i]);
  }
  for (unsigned s = 0; s < SWISD_STEPS_MAX; s++)
    swisd_session_free(a.sessions[s]);
  return number;
}
