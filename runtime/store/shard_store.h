/* What a node keeps on its disk: shards and manifests, by content address. A file that does not match its name is never
 * handed out. Writing is atomic: a temporary file, fsync, rename, fsync of the folder, so that a crash or a full disk leaves
 * either the whole file or none.
 *
 *   FOLDER/shards/<16 hex>.bin      what the node holds: stays until the node drops it
 *   FOLDER/manifests/<16 hex>.json
 *   FOLDER/cache/<16 hex>.bin       shards it held once: they stay as long as there is room, the one unused longest goes first
 *   FOLDER/partial/<16 hex>.part    shards on their way here, see partial.h; likewise
 *
 * All files together stay within a quota. What is held is never removed for it: a home copy may be the last one, and only the
 * node, which asks the swarm first, can know.
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

/* At most so many bytes of files from now on; 0: as many as the disk takes (the default). */
void swisd_store_limit(struct swisd_store *store, uint64_t disk_bytes);

enum swisd_store_kind { SWISD_STORE_SHARD = 0, SWISD_STORE_MANIFEST = 1, SWISD_STORE_CACHED = 2 };

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

/* The same as loading, without the memory: the file itself, read-only. The bytes live until swisd_store_unmap(). */
struct swisd_store_mapping {
  const void *bytes;
  size_t byte_count;
};
enum swisd_store_status swisd_store_map(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id,
                                        struct swisd_store_mapping *mapping, struct swisd_error *error);
void swisd_store_unmap(struct swisd_store_mapping *mapping); /* zeroed is fine, and it is afterwards */

/* Bytes offset .. offset + count of a file into `bytes`; fewer at its end: *got. The file's digest is verified the first time
 * that this process reads of it. NOT_FOUND also when `offset` is not within the file. *total: the whole file's size. */
enum swisd_store_status swisd_store_read(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, uint64_t offset,
                                         size_t count, void *bytes, size_t *got, uint64_t *total, struct swisd_error *error);
/* Reads a file through and compares its digest; a damaged one is removed. */
enum swisd_store_status swisd_store_verify(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id,
                                           struct swisd_error *error);

/* A shard the node no longer holds: it stays in the cache while there is room. */
enum swisd_store_status swisd_store_retire(struct swisd_store *store, uint64_t id, struct swisd_error *error);
/* And back: OK when it lies here whole, in the cache or among the held. */
enum swisd_store_status swisd_store_recall(struct swisd_store *store, uint64_t id, uint64_t bytes, struct swisd_error *error);

struct swisd_store_entry {
  uint64_t id, bytes;
  int64_t used_s; /* when it was last written or recalled, seconds of the wall clock */
};
/* Lists the files of that kind by id, up to `entry_max`; returns how many there are. Names and sizes only: whether a file is
 * whole shows when it is read. */
size_t swisd_store_list(struct swisd_store *store, enum swisd_store_kind kind, struct swisd_store_entry *entries,
                        size_t entry_max);

struct swisd_store_usage {
  uint64_t used_bytes, quota_bytes; /* quota 0: none */
  uint64_t cache_bytes;             /* of it: what may go */
  uint64_t free_bytes;              /* of the file system, for this user */
  uint64_t evicted;                 /* files removed for others */
  uint64_t damaged;                 /* files removed because they did not match their names */
};
void swisd_store_usage(struct swisd_store *store, struct swisd_store_usage *usage);

#endif
