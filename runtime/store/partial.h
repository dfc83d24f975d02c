/* A shard on its way here, on disk: ranges of it come in any order, from anybody, and stay when the process ends.
 *
 *   FOLDER/partial/<16 hex>.part    the shard's bytes, with holes; behind them which ranges are there (partial.c has the layout)
 *
 * The space is taken when the file is made, so a full disk is known before anything is fetched. What came is verified as a
 * whole, at the end: whatever a file says about itself, no more than a refused shard can come of it.
 *
 * One thread works on a partial file at a time; an id is open once. */
#ifndef SWISD_STORE_PARTIAL_H
#define SWISD_STORE_PARTIAL_H

#include <stdbool.h>

#include "runtime/store/shard_store.h"

enum { SWISD_RANGE_BYTES = 1 << 20 }; /* a range; the last one of a shard is shorter */

struct swisd_partial;

/* Goes on with the shard's partial file, or makes one of `bytes` bytes. NULL with *status OK: the shard lies here already, whole.
 * NULL otherwise with the status and an error: SPACE (quota, disk), FAILED. */
struct swisd_partial *swisd_partial_open(struct swisd_store *store, uint64_t id, uint64_t bytes, enum swisd_store_status *status,
                                         struct swisd_error *error);
void swisd_partial_close(struct swisd_partial *partial); /* what came stays for the next time; NULL is fine */

uint32_t swisd_partial_range_count(const struct swisd_partial *partial);
bool swisd_partial_has(const struct swisd_partial *partial, uint32_t range);
/* Bytes of a range: SWISD_RANGE_BYTES, or what is left of the shard. */
size_t swisd_partial_range_bytes(const struct swisd_partial *partial, uint32_t range);

/* Keeps a range, whole. */
enum swisd_store_status swisd_partial_write(struct swisd_partial *partial, uint32_t range, const void *bytes,
                                            struct swisd_error *error);
/* All ranges are here: verifies the digest (`digest` NULL: only that it begins with the id) and makes it a shard of the store.
 * Closes it in any case. DIGEST: it is gone, and so are its bytes. */
enum swisd_store_status swisd_partial_finish(struct swisd_partial *partial, const uint8_t digest[32], struct swisd_error *error);

/* What stands behind the bytes of a partial file, from memory: 0 when it belongs to (id, bytes) and is whole, with *bitmap
 * leading into `trailer`; -1 otherwise. For the reader of files, and its fuzzing. */
size_t swisd_partial_trailer_bytes(uint64_t bytes);
int swisd_partial_trailer_read(const uint8_t *trailer, size_t count, uint64_t id, uint64_t bytes, const uint8_t **bitmap);

#endif
