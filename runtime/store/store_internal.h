/* The store as its own files see it: shard_store.c (files by name), store_room.c (quota and what gives way), partial.c. */
#ifndef SWISD_STORE_STORE_INTERNAL_H
#define SWISD_STORE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "runtime/store/shard_store.h"

enum {
  SWISD_STORE_FOLDER_BYTES = 3072,
  SWISD_STORE_PATH_BYTES = 4096,
  SWISD_STORE_PARTIAL = 3, /* one kind more, inside */
  SWISD_STORE_KINDS = 4,
  SWISD_STORE_OPEN_MAX = 8, /* partial files in use at once */
  SWISD_STORE_VERIFIED_MAX = 1024,
};
#define SWISD_STORE_FILE_BYTES_MAX ((uint64_t)1 << 33)

struct swisd_store {
  char folders[SWISD_STORE_KINDS][SWISD_STORE_FOLDER_BYTES + 16];
  pthread_mutex_t lock; /* of what follows */
  uint64_t quota_bytes, used_bytes[SWISD_STORE_KINDS];
  uint64_t evicted, damaged;
  uint64_t open_partials[SWISD_STORE_OPEN_MAX]; /* ids; 0: free */
  uint64_t verified[SWISD_STORE_VERIFIED_MAX];  /* ids of files this process has read through; a ring */
  uint32_t verified_next;
};

void swisd_store_file_path(const struct swisd_store *store, int kind, uint64_t id, char path[SWISD_STORE_PATH_BYTES]);
/* Whether a file's name is an id of this kind. */
bool swisd_store_name_id(const char *name, int kind, uint64_t *id);
/* Size of a file; -1: it is not there. */
int64_t swisd_store_file_bytes(const struct swisd_store *store, int kind, uint64_t id);
/* Deletes a file and counts it off; whether it was there. */
bool swisd_store_file_remove(struct swisd_store *store, int kind, uint64_t id);
void swisd_store_mark_verified(struct swisd_store *store, uint64_t id);
bool swisd_store_sync_folder(const char *folder);
/* `errno` as a status, with "PATH: WHAT: the system's words". */
enum swisd_store_status swisd_store_failed(struct swisd_error *error, const char *path, const char *what, int code);

/* ---- store_room.c ---- */

/* Counts `bytes` more of `kind`, after making room for them: within the quota, and by as much again as the disk lacks when
 * `disk_lacks` (the last attempt ended in ENOSPC). SPACE with an error that says what the quota is used for. */
enum swisd_store_status swisd_store_reserve(struct swisd_store *store, int kind, uint64_t bytes, bool disk_lacks,
                                            struct swisd_error *error);
void swisd_store_unreserve(struct swisd_store *store, int kind, uint64_t bytes);
void swisd_store_move_bytes(struct swisd_store *store, int from, int to, uint64_t bytes); /* from one kind to another */
void swisd_store_count_all(struct swisd_store *store);                                    /* at opening */

#endif
