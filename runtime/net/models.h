/* The models a node can compute with: manifests, packed shards and the sessions (KV caches) of running jobs.
 *
 * Bytes lie in the node's store; a shard is packed for the kernels when it is first used, on the worker thread that needs it,
 * and stays until it is dropped. Lanes and sessions are counted, so that a DROP never takes weights from under a program. */
#ifndef SWISD_NET_MODELS_H
#define SWISD_NET_MODELS_H

#include "kernels/program.h"
#include "runtime/core/jobspec.h"
#include "runtime/core/message.h"
#include "runtime/core/types.h"
#include "runtime/store/model_store.h"

struct swisd_models;
struct swisd_net_lane;    /* one lane of one step of one model, packed or not */
struct swisd_net_session; /* the state of one stateful step of one job */

/* `store` and `kernels` outlive it. Reads the manifests that the store has. NULL when memory is out. */
struct swisd_models *swisd_models_open(struct swisd_store *store, const struct swisd_kernels *kernels);
void swisd_models_close(struct swisd_models *models); /* every lane and session must have been given back */

/* NULL when its manifest is not here. */
const struct swisd_model *swisd_models_find(const struct swisd_models *models, swisd_model_id id);
/* Takes a copy of a model whose id is set; one that is there already stays. -1 when memory is out. */
int swisd_models_add(struct swisd_models *models, const struct swisd_model *model);
/* The same from the bytes of a manifest whose digest is `id`: OK, INPUT or SPACE. */
enum swisd_status swisd_models_add_manifest(struct swisd_models *models, swisd_model_id id, const void *bytes, size_t byte_count,
                                            struct swisd_error *error);

/* The lane, with one more reference; NULL when the model is not here or has no such lane. Loop thread. */
struct swisd_net_lane *swisd_models_lane(struct swisd_models *models, swisd_model_id model, unsigned step, unsigned lane);
void swisd_models_lane_drop(struct swisd_net_lane *lane);
/* Its weights, packed, read from the store when needed. Any thread. NULL with `status`: NOT_FOUND, DIGEST (the file was
 * damaged and is gone), SPACE, INPUT; and `error`. Valid as long as the reference is held. */
struct swisd_shard *swisd_models_lane_shard(struct swisd_net_lane *lane, enum swisd_status *status, struct swisd_error *error);
/* Forgets the packed weights of a shard, once nobody uses them. */
void swisd_models_forget_shard(struct swisd_models *models, swisd_shard_id shard);

/* The session of a stateful step, found by (job, step, lane, epoch); made when there is none and `lo` is 0. NULL otherwise.
 * Older epochs of the same step are freed. At most SWISD_SESSIONS_MAX live at once: the one unused for longest gives way.
 * Loop thread; given back with swisd_models_session_drop(). */
enum { SWISD_SESSIONS_MAX = 64 };
struct swisd_net_session *swisd_models_session(struct swisd_models *models, const struct swisd_task_key *key,
                                               swisd_model_id model, uint64_t now_ns);
void swisd_models_session_drop(struct swisd_net_session *session);
void swisd_models_forget_job(struct swisd_models *models, struct swisd_job_id job); /* all its sessions */
/* The session that programs use; one program at a time (`lock` and `unlock` around it, any thread). */
struct swisd_session *swisd_models_session_lock(struct swisd_net_session *session);
void swisd_models_session_unlock(struct swisd_net_session *session);

uint64_t swisd_models_memory_bytes(const struct swisd_models *models); /* packed weights and sessions */

#endif
