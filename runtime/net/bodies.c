/* See bodies.h. Handles are slot numbers plus one; a slot's generation grows with each release, so an old descriptor
 * never finds a new body. Generations start anywhere: a peer may still ask for what a former process of this node had. */
#include "runtime/net/bodies.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

struct slot {
  struct swisd_blob *blob; /* NULL: free */
  uint32_t generation;
  uint32_t next_free; /* slot number plus one, 0 = end */
};

struct swisd_bodies {
  uint64_t quota_bytes, used_bytes, peak_bytes, refused;
  struct slot *slots;
  uint32_t slot_count, slot_capacity;
  uint32_t free_first;
  uint32_t generation_first; /* of a new slot */
  uint32_t named;
  uint32_t blobs; /* alive, slices too */
  bool closed;
};

static void pool_free_if_done(struct swisd_bodies *pool)
{
  if (pool->closed && pool->blobs == 0) {
    free(pool->slots);
    free(pool);
  }
}

struct swisd_bodies *swisd_bodies_open(uint64_t quota_bytes)
{
  struct swisd_bodies *pool = calloc(1, sizeof *pool);
  if (!pool || getrandom(&pool->generation_first, sizeof pool->generation_first, 0) != sizeof pool->generation_first) {
    free(pool);
    return NULL;
  }
  pool->quota_bytes = quota_bytes;
  return pool;
}

void swisd_bodies_close(struct swisd_bodies *pool)
{
  if (!pool)
    return;
  for (uint32_t i = 0; i < pool->slot_count; i++) {
    struct swisd_blob *blob = pool->slots[i].blob;
    pool->slots[i].blob = NULL;
    swisd_blob_drop(blob);
  }
  pool->closed = true;
  pool_free_if_done(pool);
}

static struct swisd_blob *blob_start(struct swisd_bodies *pool, uint64_t bytes)
{
  struct swisd_blob *blob = calloc(1, sizeof *blob);
  if (!blob)
    return NULL;
  blob->bytes = bytes;
  blob->references = 1;
  blob->pool = pool;
  pool->blobs++;
  return blob;
}

struct swisd_blob *swisd_blob_new(struct swisd_bodies *pool, uint64_t bytes)
{
  if (bytes > pool->quota_bytes - pool->used_bytes) {
    pool->refused++;
    return NULL;
  }
  return swisd_blob_adopt(pool, aligned_alloc(64, (bytes + 64) / 64 * 64), bytes); /* never zero bytes */
}

struct swisd_blob *swisd_blob_adopt(struct swisd_bodies *pool, void *data, uint64_t bytes)
{
  const bool fits = data && bytes <= pool->quota_bytes - pool->used_bytes;
  struct swisd_blob *blob = fits ? blob_start(pool, bytes) : NULL;
  if (!blob) {
    free(data);
    pool->refused++;
    return NULL;
  }
  blob->data = data;
  pool->used_bytes += bytes;
  if (pool->used_bytes > pool->peak_bytes)
    pool->peak_bytes = pool->used_bytes;
  return blob;
}

struct swisd_blob *swisd_blob_slice(struct swisd_blob *blob, uint64_t offset, uint64_t bytes)
{
  assert(offset <= blob->bytes && bytes <= blob->bytes - offset);
  struct swisd_blob *slice = blob_start(blob->pool, bytes);
  if (!slice)
    return NULL;
  slice->data = blob->data + offset;
  slice->parent = swisd_blob_keep(blob->parent ? blob->parent : blob);
  return slice;
}

struct swisd_blob *swisd_blob_keep(struct swisd_blob *blob)
{
  assert(blob->references > 0);
  blob->references++;
  return blob;
}

void swisd_blob_drop(struct swisd_blob *blob)
{
  if (!blob)
    return;
  assert(blob->references > 0);
  if (--blob->references > 0)
    return;
  struct swisd_bodies *pool = blob->pool;
  struct swisd_blob *parent = blob->parent;
  if (!parent) {
    pool->used_bytes -= blob->bytes;
    free(blob->data);
  }
  free(blob);
  pool->blobs--;
  if (parent)
    swisd_blob_drop(parent); /* a parent has no parent: this ends here, and frees the pool if it must */
  else
    pool_free_if_done(pool);
}

/* A free slot, number plus one; 0 when memory is out. */
static uint32_t slot_take(struct swisd_bodies *pool)
{
  if (pool->free_first) {
    const uint32_t handle = pool->free_first;
    pool->free_first = pool->slots[handle - 1].next_free;
    return handle;
  }
  if (pool->slot_count == pool->slot_capacity) {
    const uint32_t capacity = pool->slot_capacity ? pool->slot_capacity * 2 : 64;
    struct slot *slots = realloc(pool->slots, capacity * sizeof *slots);
    if (!slots)
      return 0;
    pool->slots = slots;
    pool->slot_capacity = capacity;
  }
  pool->slots[pool->slot_count] = (struct slot){.generation = pool->generation_first};
  return ++pool->slot_count;
}

struct swisd_body swisd_bodies_add(struct swisd_bodies *pool, struct swisd_blob *blob)
{
  const uint32_t handle = slot_take(pool);
  if (!handle) {
    pool->refused++;
    swisd_blob_drop(blob);
    return (struct swisd_body){0};
  }
  struct slot *slot = &pool->slots[handle - 1];
  slot->blob = blob;
  pool->named++;
  return (struct swisd_body){.handle = handle, .generation = slot->generation, .bytes = blob->bytes};
}

static struct slot *slot_find(const struct swisd_bodies *pool, struct swisd_body body)
{
  if (body.handle == 0 || body.handle > pool->slot_count)
    return NULL;
  struct slot *slot = &pool->slots[body.handle - 1];
  return slot->blob && slot->generation == body.generation ? slot : NULL;
}

struct swisd_blob *swisd_bodies_find(const struct swisd_bodies *pool, struct swisd_body body)
{
  struct slot *slot = slot_find(pool, body);
  return slot ? slot->blob : NULL;
}

bool swisd_bodies_release(struct swisd_bodies *pool, struct swisd_body body)
{
  struct slot *slot = slot_find(pool, body);
  if (!slot)
    return false;
  struct swisd_blob *blob = slot->blob;
  slot->blob = NULL;
  slot->generation++;
  slot->next_free = pool->free_first;
  pool->free_first = body.handle;
  pool->named--;
  swisd_blob_drop(blob);
  return true;
}

struct swisd_bodies_status swisd_bodies_status(const struct swisd_bodies *pool)
{
  return (struct swisd_bodies_status){.quota_bytes = pool->quota_bytes, .used_bytes = pool->used_bytes,
                                      .peak_bytes = pool->peak_bytes, .refused = pool->refused, .bodies = pool->named};
}
