/* What a node keeps on its disk: shards and manifests, by content address. A file that does not match its name is never
 * handed out. Writing is atomic: a temporary file, fsync, rename, fsync of the folder, so that a crash or a full disk leaves
 * either the whole file or none.
 *
 *   FOLDER/shards/<16 hex>.bin      FOLDER/manifests/<16 hex>.json
 *
 * One process uses a folder at a time (its lock is the node's own business); functions may be called from several threads. */
#ifndef SWISD_STORE_SHARD_STORE_H
#define SWISD_STORE_SHARD_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct swisd_store;

/* Makes the folder (and its parents) when missing, and removes temporary files of an earlier crash. NULL with an error. */
struct swisd_store *swisd_store_open(const char *folder, struct swisd_error *error);
void swisd_store_close(struct swisd_store *store); /* NULL is fine */

enum swisd_store_kind { SWISD_STORE_SHARD = 0, SWISD_STORE_MANIFEST = 1 };

/* The same numbers as `enum swisd_status` of the core. */
enum swisd_store_status {
  SWISD_STORE_OK = 0,
  SWISD_STORE_NOT_FOUND = -2,
  SWISD_STORE_DIGEST = -3, /* the bytes do not match the id: on load the file is removed */
  SWISD_STORE_SPACE = -4,  /* disk full, quota or memory */
  SWISD_STORE_FAILED = -5, /* any other error of the system */
};

/* Saves bytes whose SHA-256 begins with `id`; DIGEST when it does not. Saving what is there already is quick and fine. */
enum swisd_store_status swisd_store_save(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, const void *bytes,
                                         size_t byte_count, struct swisd_error *error);
/* Reads and verifies; *bytes is malloc'ed. */
enum swisd_store_status swisd_store_load(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, void **bytes,
                                         size_t *byte_count, struct swisd_error *error);
enum swisd_store_status swisd_store_drop(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id,
                                         struct swisd_error *error);

struct swisd_store_entry {
  uint64_t id, bytes;
};
/* Verifies every file of that kind and lists those that are whole, by id, up to `entry_max`; returns how many there are.
 * Damaged files are removed and counted in *damaged (may be NULL). */
size_t swisd_store_list(struct swisd_store *store, enum swisd_store_kind kind, struct swisd_store_entry *entries,
                        size_t entry_max, size_t *damaged);

#endif
