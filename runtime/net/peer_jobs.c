/* Jobs submitted on this node: their input, and the rows of their answers. */
#include <assert.h>
#include <string.h>

#include "runtime/net/peer_internal.h"
#include "runtime/store/model_spec.h"

static struct swisd_peer_job_slot *slot_of(struct swisd_peer *peer, uint64_t number)
{
  for (uint32_t i = 0; i < SWISD_PEER_JOBS_MAX; i++)
    if (peer->jobs[i].job && peer->jobs[i].job->number == number)
      return &peer->jobs[i];
  return NULL;
}

struct swisd_answer *swisd_peer_job_answer(struct swisd_peer *peer, uint64_t number)
{
  struct swisd_peer_job_slot *slot = slot_of(peer, number);
  return slot && slot->answer.rows ? &slot->answer : NULL;
}

static void slot_free(struct swisd_peer_job_slot *slot)
{
  swisd_blob_drop(slot->answer.rows);
  memset(slot, 0, sizeof *slot);
}

void swisd_peer_jobs_close(struct swisd_peer *peer)
{
  for (uint32_t i = 0; i < SWISD_PEER_JOBS_MAX; i++)
    slot_free(&peer->jobs[i]);
}

void swisd_peer_answered(struct swisd_peer *peer, const struct swisd_action_answer *answer)
{
  struct swisd_peer_job_slot *slot = slot_of(peer, answer->number);
  if (!slot)
    return; /* withdrawn meanwhile */
  struct swisd_peer_job *job = slot->job;
  struct swisd_blob *rows = slot->answer.rows;
  if (!answer->more) /* the slot first: the callee may submit the next job */
    memset(slot, 0, sizeof *slot);
  job->answer(job, answer);
  if (!answer->more)
    swisd_blob_drop(rows);
}

int swisd_peer_add_model(struct swisd_peer *peer, struct swisd_bundle *bundle, struct swisd_error *error)
{
  if (swisd_store_save_bundle(peer->store, bundle, error) != 0)
    return -1;
  if (swisd_models_add(peer->models, &bundle->model) != 0)
    return swisd_error_set(error, "out of memory for the model %s", bundle->model.name);
  struct swisd_message_model described;
  swisd_model_announcement(&bundle->model, &described);
  const struct swisd_event event = {.kind = SWISD_EVENT_MODEL, .u.model = &described};
  swisd_peer_post(peer, &event);
  return 0;
}

int swisd_peer_submit(struct swisd_peer *peer, struct swisd_peer_job *job, swisd_model_id id, uint64_t items_max,
                      struct swisd_error *error)
{
  const struct swisd_model *model = swisd_models_find(peer->models, id);
  assert(model && job->answer);
  struct swisd_peer_job_slot *slot = NULL;
  for (uint32_t i = 0; i < SWISD_PEER_JOBS_MAX && !slot; i++)
    if (!peer->jobs[i].job)
      slot = &peer->jobs[i];
  if (!slot)
    return swisd_error_set(error, "%d jobs are under way, no more are allowed at once", SWISD_PEER_JOBS_MAX);
  struct swisd_job_spec spec;
  swisd_model_job_spec(model, items_max, &spec);
  const struct swisd_model_step *last = &model->steps[model->step_count - 1];
  job->number = peer->job_number_next++;
  job->row_bytes = 0;
  if (!last->tokens) {
    for (unsigned l = 0; l < last->lane_count; l++)
      job->row_bytes += last->lanes[l].out_bytes_per_item;
    slot->answer = (struct swisd_answer){.row_bytes = job->row_bytes, .items_max = items_max};
    if (job->row_bytes == 0 || items_max <= UINT64_MAX / 2 / job->row_bytes)
      slot->answer.rows = swisd_blob_new(peer->inputs, items_max * job->row_bytes);
    if (!slot->answer.rows)
      return swisd_error_set(error, "no memory for the answer: %llu items of %u bytes", (unsigned long long)items_max,
                             job->row_bytes);
    job->rows = slot->answer.rows->data;
  }
  slot->job = job;
  struct swisd_event event = {.kind = SWISD_EVENT_SUBMITTED};
  event.u.submitted = (struct swisd_event_submitted){.number = job->number, .spec = &spec};
  swisd_peer_post(peer, &event);
  return 0;
}

void swisd_peer_append(struct swisd_peer *peer, struct swisd_peer_job *job, uint64_t items, struct swisd_blob *blob, bool last)
{
  struct swisd_event event = {.kind = SWISD_EVENT_APPENDED};
  event.u.appended = (struct swisd_event_appended){.number = job->number, .items = items, .last = last};
  event.u.appended.body = swisd_bodies_add(peer->bodies, blob);
  swisd_peer_post(peer, &event);
}

void swisd_peer_withdraw(struct swisd_peer *peer, struct swisd_peer_job *job)
{
  struct swisd_peer_job_slot *slot = slot_of(peer, job->number);
  if (!slot)
    return;
  slot_free(slot);
  const struct swisd_event event = {.kind = SWISD_EVENT_WITHDRAWN, .u.withdrawn = job->number};
  swisd_peer_post(peer, &event);
}

struct swisd_bodies *swisd_peer_inputs(struct swisd_peer *peer) { return peer->inputs; }
