/* The bytes behind the core's body descriptors: tensors, rows, pieces of shards.
 *
 * A blob is a counted block of bytes; a slice shares the block of another. The pool gives blobs handles that the core can
 * name; its own reference goes with RELEASE, and sends, fetches and programs under way keep theirs until they end.
 * All blobs of one pool together stay within its quota: a newcomer that does not fit is refused (SWISD_ERROR_SPACE), so a
 * peer can never make a node allocate beyond it. Loop thread only; worker threads see plain pointers. */
#ifndef SWISD_NET_BODIES_H
#define SWISD_NET_BODIES_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core/types.h"

struct swisd_bodies;

struct swisd_blob {
  uint8_t *data; /* aligned to 64 unless a slice */
  uint64_t bytes;
  uint32_t references;
  struct swisd_bodies *pool;
  struct swisd_blob *parent; /* of a slice */
};

/* NULL when memory is out. */
struct swisd_bodies *swisd_bodies_open(uint64_t quota_bytes);
/* Frees every body; blobs that are still referenced live on until dropped, but their pool must not be asked any more. */
void swisd_bodies_close(struct swisd_bodies *pool);

/* A blob with one reference, which is the caller's; contents undefined. NULL: quota or memory exceeded (counted). */
struct swisd_blob *swisd_blob_new(struct swisd_bodies *pool, uint64_t bytes);
/* The same around `data` from malloc(), which it takes over; NULL: refused, and freed. */
struct swisd_blob *swisd_blob_adopt(struct swisd_bodies *pool, void *data, uint64_t bytes);
/* The range [offset, offset + bytes) of `blob`, which must lie within it; costs no quota. */
struct swisd_blob *swisd_blob_slice(struct swisd_blob *blob, uint64_t offset, uint64_t bytes);
struct swisd_blob *swisd_blob_keep(struct swisd_blob *blob); /* one more reference; returns `blob` */
void swisd_blob_drop(struct swisd_blob *blob);               /* one less; NULL is nothing */

/* Names `blob`; the pool takes over the caller's reference. Handle 0 when memory is out (the reference is dropped). */
struct swisd_body swisd_bodies_add(struct swisd_bodies *pool, struct swisd_blob *blob);
/* The blob that `body` names, NULL when it was released or never was. The reference stays the pool's. */
struct swisd_blob *swisd_bodies_find(const struct swisd_bodies *pool, struct swisd_body body);
/* Ends a name. False when it named nothing: a doubled RELEASE is harmless. */
bool swisd_bodies_release(struct swisd_bodies *pool, struct swisd_body body);

struct swisd_bodies_status {
  uint64_t quota_bytes, used_bytes, peak_bytes;
  uint64_t refused; /* blobs that did not fit */
  uint32_t bodies;  /* named */
};
struct swisd_bodies_status swisd_bodies_status(const struct swisd_bodies *pool);

#endif
