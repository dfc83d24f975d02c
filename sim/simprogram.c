/* What a program makes. Modelled: bodies of the right size, tokens of no meaning, the length of a session kept. Real: the
 * kernels, on the bytes that were carried, so that answers under reassignment are checked in simulation too. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "sim/simdriver_internal.h"

static struct swisd_sim_session *session_of(struct swisd_simdriver *d, struct swisd_sim_device *device,
                                            const struct swisd_task_key *key)
{
  for (struct swisd_sim_session *s = device->sessions; s != NULL; s = s->next)
    if (swisd_job_id_equal(s->job, key->job) && s->step == key->step && s->lane == key->lane && s->epoch == key->epoch)
      return s;
  if (key->lo != 0)
    return NULL;
  struct swisd_sim_session *s = calloc(1, sizeof *s);
  SWISD_ASSERT(s != NULL);
  *s = (struct swisd_sim_session){
    .next = device->sessions, .job = key->job, .step = key->step, .lane = key->lane, .epoch = key->epoch};
  if (d->model.kernels != NULL)
    SWISD_ASSERT((s->real = swisd_session_new(&d->model.bundle->model, key->step)) != NULL);
  device->sessions = s;
  return s;
}

/* The bytes of items lo..hi of source `index`; NULL when body and range disagree. */
static const uint8_t *source_bytes(const struct swisd_sim_computing *c, uint32_t index, uint64_t item_bytes)
{
  const struct swisd_source *source = &c->action.sources[index];
  const struct swisd_sim_blob *blob = c->sources[index];
  if (source->lo > source->hi || source->lo < source->body_lo || source->hi > source->body_hi)
    return NULL;
  if (item_bytes == 0 || blob->bytes != (source->body_hi - source->body_lo) * item_bytes)
    return NULL;
  return blob->data + (source->lo - source->body_lo) * item_bytes;
}

/* Fills `inputs` from source `first` on; false when one does not fit the model. */
static bool gather(const struct swisd_simdriver *d, const struct swisd_sim_computing *c, uint32_t first,
                   struct swisd_program_input *inputs)
{
  const struct swisd_model *model = &d->model.bundle->model;
  const unsigned step = c->action.key.step;
  for (uint32_t i = first; i < c->action.source_count; i++) {
    const struct swisd_source *source = &c->action.sources[i];
    if (source->edge >= model->steps[step].edge_count || source->lane >= swisd_model_edge_lanes(model, step, source->edge))
      return false;
    const uint64_t item_bytes = swisd_model_piece_bytes(model, step, source->edge, source->lane);
    const uint8_t *bytes = source_bytes(c, i, item_bytes);
    if (bytes == NULL)
      return false;
    inputs[i - first] = (struct swisd_program_input){.bytes = bytes,
                                                     .byte_count = (source->hi - source->lo) * item_bytes,
                                                     .lo = source->lo,
                                                     .hi = source->hi,
                                                     .edge = source->edge,
                                                     .lane = source->lane};
  }
  return true;
}

static enum swisd_status run_real(struct swisd_simdriver *d, const struct swisd_sim_computing *c,
                                  struct swisd_sim_session *session, struct swisd_sim_blob *out, struct swisd_inline *inlined)
{
  const struct swisd_action_compute *a = &c->action;
  const struct swisd_model *model = &d->model.bundle->model;
  struct swisd_program_input inputs[SWISD_SOURCES_MAX];
  if (!gather(d, c, 0, inputs))
    return SWISD_ERROR_INPUT;
  const bool tokens = model->steps[a->key.step].tokens;
  struct swisd_program_inline token = {0};
  const enum swisd_program_status status =
    swisd_program_run(model, d->model.shards[model->steps[a->key.step].lane_first + a->key.lane], a->key.step, a->key.lane,
                      d->model.kernels, session == NULL ? NULL : session->real, a->key.lo, a->key.hi, inputs, a->source_count,
                      tokens ? NULL : out->data, tokens ? 0 : (size_t)out->bytes, tokens ? &token : NULL);
  if (status == SWISD_PROGRAM_OK && tokens) {
    if (out->bytes >= 4) /* of several positions at once only the last one's token is new */
      memcpy(out->data + out->bytes - 4, token.bytes, 4);
    inlined->count = token.count;
    memcpy(inlined->bytes, token.bytes, sizeof inlined->bytes);
  }
  return (enum swisd_status)status;
}

/* A liar's result is wrong; one that was made from wrong inputs is wrong too, but its maker is honest. Real rows get a first
 * number that is far off. */
static void distort(struct swisd_sim_device *device, const struct swisd_sim_computing *c, struct swisd_sim_blob *out)
{
  out->lied = device->lies > 0 && swisd_philox_unit(&device->lie) < device->lies;
  out->tainted = out->lied;
  for (uint32_t i = 0; i < c->action.source_count; i++)
    out->tainted = out->tainted || c->sources[i]->tainted;
  if (out->lied && out->data != NULL && out->bytes >= 4)
    out->data[3] ^= 0x40; /* the exponent */
}

static void run(struct swisd_simdriver *d, uint32_t node, const struct swisd_sim_computing *c, struct swisd_event_computed *event)
{
  const struct swisd_action_compute *a = &c->action;
  struct swisd_sim_device *device = &d->devices[node];
  if (!swisd_simtransfer_on_disk(device, a->shard)) {
    event->status = SWISD_ERROR_NOT_FOUND;
    return;
  }
  struct swisd_sim_session *session = NULL;
  if (a->flags & SWISD_TASK_STATEFUL) {
    session = session_of(d, device, &a->key);
    if (session == NULL || session->length < a->key.lo) { /* says where it is */
      event->status = SWISD_ERROR_STALE;
      event->inlined.count = 8;
      for (int i = 0; i < 8 && session != NULL; i++)
        event->inlined.bytes[i] = (uint8_t)(session->length >> 8 * i);
      return;
    }
  }
  const bool real = d->model.kernels != NULL;
  struct swisd_sim_blob *out = swisd_sim_blob_new(a->out_bytes, real);
  if (real) {
    event->status = run_real(d, c, session, out, &event->inlined);
  } else if (a->flags & SWISD_TASK_TOKENS) {
    event->inlined.count = 5; /* token 0, which ends nothing */
  }
  if (event->status == SWISD_OK)
    distort(device, c, out);
  if (event->status == SWISD_OK && session != NULL && session->length < a->key.hi)
    session->length = a->key.hi;
  if (event->status == SWISD_OK && a->out_bytes > 0)
    event->out = swisd_sim_bodies_add(&device->bodies, out);
  else
    swisd_sim_blob_drop(out);
}

static uint64_t out_bytes_per_item(const struct swisd_simdriver *d, const struct swisd_task_key *key)
{
  return d->model.spec.lanes[d->model.spec.steps[key->step].lane_first + key->lane].out_bytes_per_item;
}

static enum swisd_status check_real(struct swisd_simdriver *d, const struct swisd_sim_computing *c)
{
  const struct swisd_action_compute *a = &c->action;
  const struct swisd_model *model = &d->model.bundle->model;
  struct swisd_program_input inputs[SWISD_SOURCES_MAX];
  const uint64_t item_bytes = out_bytes_per_item(d, &a->key);
  const uint8_t *result = a->source_count > 0 ? source_bytes(c, 0, item_bytes) : NULL;
  if (result == NULL || !gather(d, c, 1, inputs))
    return SWISD_ERROR_INPUT;
  const struct swisd_source *source = &a->sources[0];
  return (enum swisd_status)swisd_program_check(model, d->model.shards[model->steps[a->key.step].lane_first + a->key.lane],
                                                a->key.step, a->key.lane, swisd_sim_hash(d->scenario->seed, 0x5ec7e7), a->key.lo,
                                                a->key.hi, inputs, a->source_count - 1u, result,
                                                (size_t)((source->hi - source->lo) * item_bytes));
}

/* Two results of the same items. Modelled ones differ when one is a lie: no two liars say the same. */
static enum swisd_status compare(const struct swisd_simdriver *d, const struct swisd_sim_computing *c)
{
  const struct swisd_source *sources = c->action.sources;
  if (c->action.source_count != 2 || sources[0].lo != sources[1].lo || sources[0].hi != sources[1].hi)
    return SWISD_ERROR_INPUT;
  if (d->model.kernels == NULL)
    return c->sources[0]->lied || c->sources[1]->lied ? SWISD_ERROR_CHECK : SWISD_OK;
  const uint64_t item_bytes = out_bytes_per_item(d, &c->action.key);
  const uint8_t *one = source_bytes(c, 0, item_bytes), *other = source_bytes(c, 1, item_bytes);
  if (one == NULL || other == NULL)
    return SWISD_ERROR_INPUT;
  return memcmp(one, other, (sources[0].hi - sources[0].lo) * item_bytes) == 0 ? SWISD_OK : SWISD_ERROR_CHECK;
}

static enum swisd_status commit_real(struct swisd_simdriver *d, uint32_t node, const struct swisd_sim_computing *c)
{
  const struct swisd_action_compute *a = &c->action;
  const struct swisd_step_spec *step = &d->model.spec.steps[a->key.step];
  const uint64_t item_bytes = out_bytes_per_item(d, &a->key);
  const struct swisd_source *source = &a->sources[0];
  const uint8_t *rows = a->source_count == 1 ? source_bytes(c, 0, item_bytes) : NULL;
  if (rows == NULL)
    return SWISD_ERROR_INPUT;
  uint64_t column = 0;
  for (uint32_t l = 0; l < a->key.lane; l++)
    column += d->model.spec.lanes[step->lane_first + l].out_bytes_per_item;
  for (uint64_t i = source->lo; i < source->hi; i++) {
    uint8_t *row = swisd_simjobs_row(d, node, a->number, i);
    if (row == NULL)
      return SWISD_ERROR_INPUT;
    memcpy(row + column, rows + (i - source->lo) * item_bytes, item_bytes);
  }
  return SWISD_OK;
}

static enum swisd_status concat(struct swisd_simdriver *d, uint32_t node, const struct swisd_sim_computing *c,
                                struct swisd_body *out)
{
  const struct swisd_action_compute *a = &c->action;
  const bool real = d->model.kernels != NULL;
  const uint64_t item_bytes = out_bytes_per_item(d, &a->key);
  struct swisd_sim_blob *all = swisd_sim_blob_new(a->out_bytes, real);
  uint64_t at = 0;
  for (uint32_t i = 0; i < a->source_count; i++) {
    const uint64_t bytes = (a->sources[i].hi - a->sources[i].lo) * item_bytes;
    const uint8_t *rows = real ? source_bytes(c, i, item_bytes) : NULL;
    if (bytes > a->out_bytes - at || (real && rows == NULL)) {
      swisd_sim_blob_drop(all);
      return SWISD_ERROR_INPUT;
    }
    if (real)
      memcpy(all->data + at, rows, bytes);
    at += bytes;
    all->tainted = all->tainted || c->sources[i]->tainted;
  }
  *out = swisd_sim_bodies_add(&d->devices[node].bodies, all);
  return SWISD_OK;
}

void swisd_simprogram_run(struct swisd_simdriver *d, uint32_t node, const struct swisd_sim_computing *computing,
                          struct swisd_event_computed *out)
{
  const bool real = d->model.kernels != NULL;
  switch (computing->action.program) {
  case SWISD_PROGRAM_RUN:
    run(d, node, computing, out);
    break;
  case SWISD_PROGRAM_CHECK:
    if (computing->action.verify == SWISD_VERIFY_HASH)
      out->status = compare(d, computing);
    else
      out->status = real                                                                ? check_real(d, computing)
                    : computing->action.source_count > 0 && computing->sources[0]->lied ? SWISD_ERROR_CHECK
                                                                                        : SWISD_OK;
    break;
  case SWISD_PROGRAM_COMMIT:
    out->status = real ? commit_real(d, node, computing) : SWISD_OK;
    if (out->status == SWISD_OK && computing->action.source_count > 0 && computing->sources[0]->tainted)
      d->wrong_items += computing->action.sources[0].hi - computing->action.sources[0].lo;
    break;
  case SWISD_PROGRAM_CONCAT:
    out->status = concat(d, node, computing, &out->out);
    break;
  default:
    SWISD_ASSERT(false);
  }
}
