/* See programs.h. */
#include "runtime/net/programs.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"

struct swisd_programs {
  struct swisd_programs_host *host;
  struct swisd_bodies *bodies;
  struct swisd_models *models;
  struct swisd_workers *workers;
  const struct swisd_kernels *kernels;
  uint64_t secret; /* of this process, for Freivalds checks */
};

struct program {
  struct swisd_work work; /* first: a work is its program */
  struct swisd_programs *owner;
  struct swisd_action_compute action;
  enum swisd_status early; /* found before it ran; SWISD_OK: run it */
  struct swisd_blob *sources[SWISD_SOURCES_MAX];
  struct swisd_blob *out;
  struct swisd_net_lane *lane;
  struct swisd_net_session *session;
  const struct swisd_model *model;
  uint8_t *answer_rows; /* COMMIT: row of the first item, at this lane's columns */
  uint32_t answer_row_bytes;
  struct swisd_blob *answer; /* keeps `answer_rows` alive */
  struct swisd_inline inlined;
  bool shard_damaged;
  struct swisd_error error;
};

struct swisd_programs *swisd_programs_open(struct swisd_programs_host *host, struct swisd_bodies *bodies,
                                           struct swisd_models *models, struct swisd_workers *workers,
                                           const struct swisd_kernels *kernels)
{
  struct swisd_programs *programs = calloc(1, sizeof *programs);
  if (!programs)
    return NULL;
  *programs = (struct swisd_programs){.host = host, .bodies = bodies, .models = models, .workers = workers, .kernels = kernels};
  if (RAND_bytes((unsigned char *)&programs->secret, sizeof programs->secret) != 1) {
    free(programs);
    return NULL;
  }
  return programs;
}

void swisd_programs_close(struct swisd_programs *programs) { free(programs); }

/* Bytes that `out` of a RUN must have; a step of tokens makes one u32 each. */
static uint64_t out_bytes_per_item(const struct program *program)
{
  const struct swisd_model_step *step = &program->model->steps[program->action.key.step];
  return step->tokens ? 4 : step->lanes[program->action.key.lane].out_bytes_per_item;
}

/* The bytes of items lo..hi of source `index`, whose items are `item_bytes` long; NULL when body and range disagree. */
static const uint8_t *source_bytes(const struct program *program, uint32_t index, uint64_t item_bytes)
{
  const struct swisd_source *source = &program->action.sources[index];
  const struct swisd_blob *blob = program->sources[index];
  if (source->lo > source->hi || source->lo < source->body_lo || source->hi > source->body_hi)
    return NULL;
  if (item_bytes == 0 || blob->bytes / item_bytes != source->body_hi - source->body_lo || blob->bytes % item_bytes != 0)
    return NULL;
  return blob->data + (source->lo - source->body_lo) * item_bytes;
}

/* Fills `inputs` from the sources `first`.. on; false when one does not fit the model. */
static bool gather_inputs(const struct program *program, uint32_t first, struct swisd_program_input *inputs)
{
  const struct swisd_action_compute *action = &program->action;
  for (uint32_t i = first; i < action->source_count; i++) {
    const struct swisd_source *source = &action->sources[i];
    if (source->edge >= program->model->steps[action->key.step].edge_count ||
        source->lane >= swisd_model_edge_lanes(program->model, action->key.step, source->edge))
      return false;
    const uint64_t item_bytes = swisd_model_piece_bytes(program->model, action->key.step, source->edge, source->lane);
    const uint8_t *bytes = source_bytes(program, i, item_bytes);
    if (!bytes)
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

static enum swisd_status run_lane(struct program *program, struct swisd_shard *shard)
{
  const struct swisd_action_compute *action = &program->action;
  struct swisd_program_input inputs[SWISD_SOURCES_MAX];
  if (!gather_inputs(program, 0, inputs))
    return SWISD_ERROR_INPUT;
  const bool tokens = program->model->steps[action->key.step].tokens;
  struct swisd_program_inline inlined = {0};
  struct swisd_session *session = program->session ? swisd_models_session_lock(program->session) : NULL;
  const enum swisd_program_status status =
    swisd_program_run(program->model, shard, action->key.step, action->key.lane, program->owner->kernels, session, action->key.lo,
                      action->key.hi, inputs, action->source_count, tokens ? NULL : program->out->data,
                      tokens ? 0 : (size_t)program->out->bytes, tokens ? &inlined : NULL);
  if (program->session)
    swisd_models_session_unlock(program->session);
  if (status == SWISD_PROGRAM_OK && tokens) {
    /* Of several positions computed at once only the last one's token is new; the others were known. */
    memset(program->out->data, 0, (size_t)program->out->bytes);
    memcpy(program->out->data + program->out->bytes - 4, inlined.bytes, 4);
    program->inlined.count = inlined.count;
    memcpy(program->inlined.bytes, inlined.bytes, sizeof program->inlined.bytes);
  }
  return (enum swisd_status)status;
}

static enum swisd_status check_result(struct program *program, struct swisd_shard *shard)
{
  const struct swisd_action_compute *action = &program->action;
  struct swisd_program_input inputs[SWISD_SOURCES_MAX];
  const uint64_t item_bytes = out_bytes_per_item(program);
  const uint8_t *result = action->source_count > 0 ? source_bytes(program, 0, item_bytes) : NULL;
  if (!result || !gather_inputs(program, 1, inputs))
    return SWISD_ERROR_INPUT;
  const struct swisd_source *source = &action->sources[0];
  return (enum swisd_status)swisd_program_check(program->model, shard, action->key.step, action->key.lane, program->owner->secret,
                                                action->key.lo, action->key.hi, inputs, action->source_count - 1u, result,
                                                (size_t)((source->hi - source->lo) * item_bytes));
}

/* Two results of the same items: equal to the last bit? */
static enum swisd_status compare_results(struct program *program)
{
  const struct swisd_source *sources = program->action.sources;
  const uint64_t item_bytes = out_bytes_per_item(program);
  if (program->action.source_count != 2 || sources[0].lo != sources[1].lo || sources[0].hi != sources[1].hi)
    return SWISD_ERROR_INPUT;
  const uint8_t *one = source_bytes(program, 0, item_bytes), *other = source_bytes(program, 1, item_bytes);
  if (!one || !other)
    return SWISD_ERROR_INPUT;
  return memcmp(one, other, (sources[0].hi - sources[0].lo) * item_bytes) == 0 ? SWISD_OK : SWISD_ERROR_CHECK;
}

static enum swisd_status commit_rows(struct program *program)
{
  const struct swisd_action_compute *action = &program->action;
  const uint64_t item_bytes = out_bytes_per_item(program);
  const uint8_t *rows = action->source_count > 0 ? source_bytes(program, 0, item_bytes) : NULL;
  if (!rows || action->sources[0].lo != action->key.lo || action->sources[0].hi != action->key.hi)
    return SWISD_ERROR_INPUT;
  for (uint64_t i = 0; i < action->key.hi - action->key.lo; i++)
    memcpy(program->answer_rows + i * program->answer_row_bytes, rows + i * item_bytes, item_bytes);
  return SWISD_OK;
}

static enum swisd_status concat_rows(struct program *program)
{
  const struct swisd_action_compute *action = &program->action;
  const uint64_t item_bytes = out_bytes_per_item(program);
  uint64_t at = 0;
  for (uint32_t i = 0; i < action->source_count; i++) {
    const uint8_t *rows = source_bytes(program, i, item_bytes);
    const uint64_t bytes = (action->sources[i].hi - action->sources[i].lo) * item_bytes;
    if (!rows || bytes > action->out_bytes - at)
      return SWISD_ERROR_INPUT;
    memcpy(program->out->data + at, rows, bytes);
    at += bytes;
  }
  return at == action->out_bytes ? SWISD_OK : SWISD_ERROR_INPUT;
}

static void on_run(struct swisd_work *work)
{
  struct program *program = (struct program *)work;
  work->status = program->early;
  if (program->early != SWISD_OK)
    return;
  if (program->action.program == SWISD_PROGRAM_COMMIT) {
    work->status = commit_rows(program);
    return;
  }
  if (program->action.program == SWISD_PROGRAM_CONCAT) {
    work->status = concat_rows(program);
    return;
  }
  if (program->action.program == SWISD_PROGRAM_CHECK && program->action.verify == SWISD_VERIFY_HASH) {
    work->status = compare_results(program);
    return;
  }
  struct swisd_shard *shard = swisd_models_lane_shard(program->lane, &work->status, &program->error);
  program->shard_damaged = work->status == SWISD_ERROR_DIGEST;
  if (!shard)
    return;
  work->status = program->action.program == SWISD_PROGRAM_RUN ? run_lane(program, shard) : check_result(program, shard);
}

static void on_done(struct swisd_work *work)
{
  struct program *program = (struct program *)work;
  struct swisd_programs *owner = program->owner;
  if (work->status != SWISD_OK && program->error.text[0])
    swisd_log_limited(SWISD_LOG_WARN, "net", "a program failed: %s", program->error.text);
  if (program->shard_damaged) {
    const struct swisd_event lost = {.kind = SWISD_EVENT_SHARD_LOST, .u.shard = program->action.shard};
    work->status = SWISD_ERROR_NOT_FOUND;
    owner->host->event(owner->host, &lost);
  }
  struct swisd_event event = {.kind = SWISD_EVENT_COMPUTED};
  event.u.computed =
    (struct swisd_event_computed){.ticket = work->ticket, .status = work->status, .elapsed_ns = work->elapsed_ns};
  if (work->status == SWISD_OK) {
    event.u.computed.inlined = program->inlined;
    if (program->out) {
      event.u.computed.out = swisd_bodies_add(owner->bodies, program->out);
      program->out = NULL;
      if (event.u.computed.out.handle == 0)
        event.u.computed.status = SWISD_ERROR_SPACE;
    }
  }
  for (uint32_t i = 0; i < program->action.source_count; i++)
    swisd_blob_drop(program->sources[i]);
  swisd_blob_drop(program->out);
  swisd_blob_drop(program->answer);
  swisd_models_lane_drop(program->lane);
  swisd_models_session_drop(program->session);
  free(program);
  owner->host->event(owner->host, &event);
}

/* Where the rows of a COMMIT go. */
static enum swisd_status find_answer(struct program *program)
{
  const struct swisd_task_key *key = &program->action.key;
  struct swisd_programs *owner = program->owner;
  const struct swisd_answer *answer = owner->host->answer(owner->host, program->action.number);
  if (!answer)
    return SWISD_ERROR_NOT_FOUND;
  if (key->lo > key->hi || key->hi > answer->items_max)
    return SWISD_ERROR_INPUT;
  const struct swisd_model_step *step = &program->model->steps[key->step];
  uint32_t column = 0;
  for (unsigned l = 0; l < key->lane; l++)
    column += step->tokens ? 4 : step->lanes[l].out_bytes_per_item;
  if (column + out_bytes_per_item(program) > answer->row_bytes)
    return SWISD_ERROR_INPUT;
  program->answer = swisd_blob_keep(answer->rows);
  program->answer_row_bytes = answer->row_bytes;
  program->answer_rows = answer->rows->data + key->lo * answer->row_bytes + column;
  return SWISD_OK;
}

/* Looks up everything the program needs; what is missing becomes its status. */
static enum swisd_status prepare(struct program *program, uint64_t now_ns)
{
  struct swisd_programs *owner = program->owner;
  const struct swisd_action_compute *action = &program->action;
  assert(action->source_count <= SWISD_SOURCES_MAX);
  for (uint32_t i = 0; i < action->source_count; i++) {
    struct swisd_blob *blob = swisd_bodies_find(owner->bodies, action->sources[i].body);
    if (!blob)
      return SWISD_ERROR_NOT_FOUND;
    program->sources[i] = swisd_blob_keep(blob);
  }
  program->model = swisd_models_find(owner->models, action->model);
  program->lane = swisd_models_lane(owner->models, action->model, action->key.step, action->key.lane);
  if (!program->model || !program->lane)
    return SWISD_ERROR_NOT_FOUND;
  if (action->program == SWISD_PROGRAM_COMMIT)
    return find_answer(program);
  if (action->program == SWISD_PROGRAM_CHECK)
    return action->verify == SWISD_VERIFY_NONE ? SWISD_ERROR_INPUT : SWISD_OK;
  if (action->program == SWISD_PROGRAM_RUN && owner->kernels->class_id == SWISD_KERNELS_NO_CLASS &&
      program->model->steps[action->key.step].verify == SWISD_MODEL_VERIFY_HASH) {
    swisd_error_set(&program->error, "results of step %s are compared bit for bit, which takes portable kernels, not %s",
                    program->model->steps[action->key.step].name, owner->kernels->name);
    return SWISD_ERROR_INPUT; /* said to the submitter, who asks others */
  }
  if (action->out_bytes != (action->key.hi - action->key.lo) * out_bytes_per_item(program))
    return SWISD_ERROR_INPUT;
  if (action->program == SWISD_PROGRAM_RUN && program->model->steps[action->key.step].stateful) {
    program->session = swisd_models_session(owner->models, &action->key, action->model, now_ns);
    if (!program->session)
      return SWISD_ERROR_STALE;
  }
  program->out = swisd_blob_new(owner->bodies, action->out_bytes);
  return program->out ? SWISD_OK : SWISD_ERROR_SPACE;
}

void swisd_programs_start(struct swisd_programs *programs, const struct swisd_action_compute *action, uint64_t now_ns)
{
  struct program *program = calloc(1, sizeof *program);
  assert(program); /* a kilobyte or two: without it nothing here works any more */
  program->owner = programs;
  program->action = *action;
  program->work = (struct swisd_work){
    .run = on_run, .done = on_done, .ticket = action->ticket, .kernel = action->kernel, .flops = action->flops};
  program->early = prepare(program, now_ns);
  if (program->early != SWISD_OK)
    program->work.flops = 0;
  swisd_workers_submit(programs->workers, &program->work);
}
