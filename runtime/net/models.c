/* See models.h. The tables belong to the loop; what worker threads touch lies in a lane or a session, under its own lock. */
#include "runtime/net/models.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"

struct swisd_net_lane {
  struct swisd_models *models;
  const struct swisd_model *model;
  unsigned step, lane;
  uint32_t references; /* of the loop; the table's own is one of them */
  pthread_mutex_t lock;
  struct swisd_shard *packed; /* under the lock */
};

struct entry {
  struct entry *next;
  struct swisd_model model;
  struct swisd_net_lane *lanes[SWISD_BUNDLE_SHARDS_MAX]; /* made on first use */
};

struct swisd_net_session {
  struct swisd_task_key key; /* job, step, lane, epoch */
  uint32_t references;       /* the table's own is one of them */
  uint64_t used_ns;
  pthread_mutex_t lock;
  struct swisd_session *session;
};

struct swisd_models {
  struct swisd_store *store;
  const struct swisd_kernels *kernels;
  struct entry *entries;
  struct swisd_net_session *sessions[SWISD_SESSIONS_MAX];
};

struct swisd_models *swisd_models_open(struct swisd_store *store, const struct swisd_kernels *kernels)
{
  struct swisd_models *models = calloc(1, sizeof *models);
  if (!models)
    return NULL;
  models->store = store;
  models->kernels = kernels;
  enum { MANIFESTS_MAX = 64 };
  struct swisd_store_entry found[MANIFESTS_MAX];
  size_t count = swisd_store_list(store, SWISD_STORE_MANIFEST, found, MANIFESTS_MAX);
  if (count > MANIFESTS_MAX)
    count = MANIFESTS_MAX;
  for (size_t i = 0; i < count; i++) {
    struct swisd_model model;
    struct swisd_error error;
    if (swisd_store_load_model(store, found[i].id, &model, &error) != 0 || swisd_models_add(models, &model) != 0)
      swisd_log(SWISD_LOG_WARN, "net", "a manifest in the store is left out: %s", error.text);
  }
  return models;
}

static void lane_free(struct swisd_net_lane *lane)
{
  swisd_shard_free(lane->packed);
  pthread_mutex_destroy(&lane->lock);
  free(lane);
}

void swisd_models_close(struct swisd_models *models)
{
  if (!models)
    return;
  for (uint32_t i = 0; i < SWISD_SESSIONS_MAX; i++)
    if (models->sessions[i])
      swisd_models_session_drop(models->sessions[i]);
  for (struct entry *entry = models->entries, *next; entry; entry = next) {
    next = entry->next;
    for (uint32_t i = 0; i < SWISD_BUNDLE_SHARDS_MAX; i++) {
      if (!entry->lanes[i])
        continue;
      assert(entry->lanes[i]->references == 1);
      lane_free(entry->lanes[i]);
    }
    free(entry);
  }
  free(models);
}

static struct entry *entry_find(const struct swisd_models *models, swisd_model_id id)
{
  for (struct entry *entry = models->entries; entry; entry = entry->next)
    if (entry->model.id == id)
      return entry;
  return NULL;
}

const struct swisd_model *swisd_models_find(const struct swisd_models *models, swisd_model_id id)
{
  const struct entry *entry = entry_find(models, id);
  return entry ? &entry->model : NULL;
}

int swisd_models_add(struct swisd_models *models, const struct swisd_model *model)
{
  assert(model->id != 0);
  if (entry_find(models, model->id))
    return 0;
  struct entry *entry = calloc(1, sizeof *entry);
  if (!entry)
    return -1;
  entry->model = *model;
  entry->next = models->entries;
  models->entries = entry;
  return 0;
}

enum swisd_status swisd_models_add_manifest(struct swisd_models *models, swisd_model_id id, const void *bytes, size_t byte_count,
                                            struct swisd_error *error)
{
  struct swisd_model *model = malloc(sizeof *model);
  if (!model)
    return SWISD_ERROR_SPACE;
  enum swisd_status status = SWISD_OK;
  if (swisd_manifest_parse(bytes, byte_count, "manifest from a peer", model, error) != 0)
    status = SWISD_ERROR_INPUT;
  else if (model->id != id)
    status = SWISD_ERROR_DIGEST;
  else if (swisd_models_add(models, model) != 0)
    status = SWISD_ERROR_SPACE;
  free(model);
  return status;
}

struct swisd_net_lane *swisd_models_lane(struct swisd_models *models, swisd_model_id model, unsigned step, unsigned lane)
{
  struct entry *entry = entry_find(models, model);
  if (!entry || step >= entry->model.step_count || lane >= entry->model.steps[step].lane_count)
    return NULL;
  struct swisd_net_lane **place = &entry->lanes[entry->model.steps[step].lane_first + lane];
  if (!*place) {
    struct swisd_net_lane *made = calloc(1, sizeof *made);
    if (!made)
      return NULL;
    made->models = models;
    made->model = &entry->model;
    made->step = step;
    made->lane = lane;
    made->references = 1;
    pthread_mutex_init(&made->lock, NULL);
    *place = made;
  }
  (*place)->references++;
  return *place;
}

void swisd_models_lane_drop(struct swisd_net_lane *lane)
{
  if (lane && --lane->references == 0)
    lane_free(lane);
}

struct swisd_shard *swisd_models_lane_shard(struct swisd_net_lane *lane, enum swisd_status *status, struct swisd_error *error)
{
  pthread_mutex_lock(&lane->lock);
  *status = SWISD_OK;
  if (!lane->packed) {
    const struct swisd_lane *of = &lane->model->steps[lane->step].lanes[lane->lane];
    struct swisd_store_mapping file; /* mapped, so that a shard is in memory once: packed */
    *status = (enum swisd_status)swisd_store_map(lane->models->store, SWISD_STORE_SHARD, of->shard, &file, error);
    if (*status == SWISD_OK && swisd_shard_load(lane->model, lane->step, lane->lane, file.bytes, file.byte_count,
                                                lane->models->kernels, &lane->packed, error) != 0)
      *status = SWISD_ERROR_INPUT;
    swisd_store_unmap(&file);
  }
  struct swisd_shard *packed = lane->packed;
  pthread_mutex_unlock(&lane->lock);
  return packed;
}

void swisd_models_forget_shard(struct swisd_models *models, swisd_shard_id shard)
{
  for (struct entry *entry = models->entries; entry; entry = entry->next)
    for (uint32_t i = 0; i < SWISD_BUNDLE_SHARDS_MAX; i++) {
      struct swisd_net_lane *lane = entry->lanes[i];
      if (!lane || lane->model->steps[lane->step].lanes[lane->lane].shard != shard)
        continue;
      entry->lanes[i] = NULL;
      swisd_models_lane_drop(lane);
    }
}

static bool same_step(const struct swisd_task_key *a, const struct swisd_task_key *b)
{
  return swisd_job_id_equal(a->job, b->job) && a->step == b->step && a->lane == b->lane;
}

/* A free place in the table, made free if need be; NULL when every session is in use by a program. */
static struct swisd_net_session **session_place(struct swisd_models *models)
{
  struct swisd_net_session **oldest = NULL;
  for (uint32_t i = 0; i < SWISD_SESSIONS_MAX; i++) {
    struct swisd_net_session **place = &models->sessions[i];
    if (!*place)
      return place;
    if ((*place)->references == 1 && (!oldest || (*place)->used_ns < (*oldest)->used_ns))
      oldest = place;
  }
  if (oldest) {
    swisd_models_session_drop(*oldest);
    *oldest = NULL;
  }
  return oldest;
}

struct swisd_net_session *swisd_models_session(struct swisd_models *models, const struct swisd_task_key *key,
                                               swisd_model_id model, uint64_t now_ns)
{
  for (uint32_t i = 0; i < SWISD_SESSIONS_MAX; i++) {
    struct swisd_net_session *session = models->sessions[i];
    if (!session || !same_step(&session->key, key))
      continue;
    if (session->key.epoch == key->epoch) {
      session->used_ns = now_ns;
      session->references++;
      return session;
    }
    if (session->key.epoch > key->epoch)
      return NULL;
    models->sessions[i] = NULL; /* an older epoch: fenced */
    swisd_models_session_drop(session);
  }
  const struct swisd_model *of = key->lo == 0 ? swisd_models_find(models, model) : NULL;
  struct swisd_net_session **place = of ? session_place(models) : NULL;
  struct swisd_net_session *made = place ? calloc(1, sizeof *made) : NULL;
  if (!made)
    return NULL;
  made->session = swisd_session_new(of, key->step);
  if (!made->session) {
    free(made);
    return NULL;
  }
  made->key = *key;
  made->used_ns = now_ns;
  made->references = 2;
  pthread_mutex_init(&made->lock, NULL);
  *place = made;
  return made;
}

void swisd_models_session_drop(struct swisd_net_session *session)
{
  if (!session || --session->references > 0)
    return;
  swisd_session_free(session->session);
  pthread_mutex_destroy(&session->lock);
  free(session);
}

void swisd_models_forget_job(struct swisd_models *models, struct swisd_job_id job)
{
  for (uint32_t i = 0; i < SWISD_SESSIONS_MAX; i++) {
    struct swisd_net_session *session = models->sessions[i];
    if (!session || !swisd_job_id_equal(session->key.job, job))
      continue;
    models->sessions[i] = NULL;
    swisd_models_session_drop(session);
  }
}

struct swisd_session *swisd_models_session_lock(struct swisd_net_session *session)
{
  pthread_mutex_lock(&session->lock);
  return session->session;
}

void swisd_models_session_unlock(struct swisd_net_session *session) { pthread_mutex_unlock(&session->lock); }

uint64_t swisd_models_memory_bytes(const struct swisd_models *models)
{
  uint64_t bytes = 0;
  for (const struct entry *entry = models->entries; entry; entry = entry->next)
    for (uint32_t i = 0; i < SWISD_BUNDLE_SHARDS_MAX; i++) {
      struct swisd_net_lane *lane = entry->lanes[i];
      if (!lane || pthread_mutex_trylock(&lane->lock) != 0)
        continue;
      bytes += lane->packed ? swisd_shard_memory_bytes(lane->packed) : 0;
      pthread_mutex_unlock(&lane->lock);
    }
  for (uint32_t i = 0; i < SWISD_SESSIONS_MAX; i++) {
    struct swisd_net_session *session = models->sessions[i];
    if (!session || pthread_mutex_trylock(&session->lock) != 0)
      continue;
    bytes += swisd_session_memory_bytes(session->session);
    pthread_mutex_unlock(&session->lock);
  }
  return bytes;
}
