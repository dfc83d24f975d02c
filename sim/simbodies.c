#include "sim/simbodies.h"

#include <assert.h>
#include <stdlib.h>

struct swisd_sim_blob *swisd_sim_blob_new(uint64_t bytes, bool real)
{
  struct swisd_sim_blob *blob = malloc(sizeof *blob);
  assert(blob != NULL);
  *blob = (struct swisd_sim_blob){.references = 1, .bytes = bytes};
  if (real) {
    blob->data = calloc(1, bytes > 0 ? bytes : 1);
    assert(blob->data != NULL);
  }
  return blob;
}

struct swisd_sim_blob *swisd_sim_blob_slice(struct swisd_sim_blob *blob, uint64_t offset, uint64_t bytes)
{
  assert(offset <= blob->bytes && bytes <= blob->bytes - offset);
  if (offset == 0 && bytes == blob->bytes)
    return swisd_sim_blob_keep(blob);
  struct swisd_sim_blob *slice = swisd_sim_blob_new(bytes, false);
  slice->lied = blob->lied;
  slice->tainted = blob->tainted;
  if (blob->data != NULL) {
    slice->data = blob->data + offset;
    slice->parent = swisd_sim_blob_keep(blob);
  }
  return slice;
}

struct swisd_sim_blob *swisd_sim_blob_keep(struct swisd_sim_blob *blob)
{
  blob->references++;
  return blob;
}

void swisd_sim_blob_drop(struct swisd_sim_blob *blob)
{
  while (blob != NULL && --blob->references == 0) {
    struct swisd_sim_blob *parent = blob->parent;
    if (parent == NULL)
      free(blob->data);
    free(blob);
    blob = parent;
  }
}

struct swisd_body swisd_sim_bodies_add(struct swisd_sim_bodies *bodies, struct swisd_sim_blob *blob)
{
  uint32_t index;
  if (bodies->free_first != 0) {
    index = bodies->free_first - 1;
    bodies->free_first = bodies->slots[index].next_free;
  } else {
    if (bodies->count == bodies->capacity) {
      bodies->capacity = bodies->capacity == 0 ? 16 : bodies->capacity * 2;
      bodies->slots = realloc(bodies->slots, bodies->capacity * sizeof *bodies->slots);
      assert(bodies->slots != NULL);
    }
    index = bodies->count++;
    bodies->slots[index].generation = 0;
  }
  struct swisd_sim_body_slot *slot = &bodies->slots[index];
  slot->blob = blob;
  slot->generation++;
  bodies->live++;
  bodies->live_bytes += blob->bytes;
  return (struct swisd_body){.handle = index + 1, .generation = slot->generation, .bytes = blob->bytes};
}

struct swisd_sim_blob *swisd_sim_bodies_find(const struct swisd_sim_bodies *bodies, struct swisd_body body)
{
  if (body.handle == 0 || body.handle > bodies->count)
    return NULL;
  const struct swisd_sim_body_slot *slot = &bodies->slots[body.handle - 1];
  return slot->generation == body.generation ? slot->blob : NULL;
}

static void release_slot(struct swisd_sim_bodies *bodies, uint32_t index)
{
  struct swisd_sim_body_slot *slot = &bodies->slots[index];
  bodies->live--;
  bodies->live_bytes -= slot->blob->bytes;
  swisd_sim_blob_drop(slot->blob);
  slot->blob = NULL;
  slot->next_free = bodies->free_first;
  bodies->free_first = index + 1;
}

bool swisd_sim_bodies_release(struct swisd_sim_bodies *bodies, struct swisd_body body)
{
  if (swisd_sim_bodies_find(bodies, body) == NULL)
    return false;
  release_slot(bodies, body.handle - 1);
  return true;
}

void swisd_sim_bodies_clear(struct swisd_sim_bodies *bodies)
{
  for (uint32_t i = 0; i < bodies->count; i++)
    if (bodies->slots[i].blob != NULL)
      release_slot(bodies, i);
}

void swisd_sim_bodies_free(struct swisd_sim_bodies *bodies)
{
  swisd_sim_bodies_clear(bodies);
  free(bodies->slots);
  *bodies = (struct swisd_sim_bodies){0};
}
