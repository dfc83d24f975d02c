/* Buffers with reference counts, and the table of bodies that one process holds. A released slot gets a new generation, so
 * that a stale handle is noticed. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

struct buffer *buffer_new(uint64_t count, uint32_t item_bytes)
{
  struct buffer *b = calloc(1, sizeof(*b) + count * sizeof(b->values[0]));
  SWISD_ASSERT(b != NULL);
  b->refs = 1;
  b->item_bytes = item_bytes;
  b->count = count;
  return b;
}

struct buffer *buffer_new_real(uint64_t bytes)
{
  struct buffer *b = buffer_new((bytes + 7) / 8, 1);
  b->count = bytes;
  b->real = true;
  return b;
}

struct buffer *buffer_ref(struct buffer *b)
{
  b->refs++;
  return b;
}

void buffer_unref(struct buffer *b)
{
  if (b == NULL)
    return;
  SWISD_ASSERT(b->refs > 0);
  if (--b->refs == 0)
    free(b);
}

struct buffer *buffer_slice(struct buffer *b, uint64_t offset, uint64_t length)
{
  if (b->item_bytes == 0 || offset % b->item_bytes != 0 || length % b->item_bytes != 0)
    return NULL;
  const uint64_t first = offset / b->item_bytes, count = length / b->item_bytes;
  if (count == 0 || first > b->count || count > b->count - first)
    return NULL;
  if (first == 0 && count == b->count)
    return buffer_ref(b);
  struct buffer *slice = b->real ? buffer_new_real(count) : buffer_new(count, b->item_bytes);
  if (b->real)
    memcpy(buffer_data(slice), buffer_data(b) + first, count);
  else
    memcpy(slice->values, b->values + first, count * sizeof(b->values[0]));
  return slice;
}

struct swisd_body bodies_put(struct bodies *b, struct buffer *buffer)
{
  uint32_t slot = 0;
  while (slot < b->count && b->slots[slot].buffer != NULL)
    slot++;
  if (slot == b->count) {
    if (b->count == b->capacity) {
      b->capacity = b->capacity == 0 ? 16 : 2 * b->capacity;
      b->slots = realloc(b->slots, b->capacity * sizeof(b->slots[0]));
      SWISD_ASSERT(b->slots != NULL);
    }
    b->slots[b->count++] = (struct body_slot){.generation = b->lives << 20};
  }
  b->slots[slot].generation++;
  b->slots[slot].buffer = buffer;
  b->live++;
  uint64_t digest = mix(buffer->item_bytes, buffer->count);
  const uint64_t words = buffer->real ? (buffer->count + 7) / 8 : buffer->count;
  for (uint64_t i = 0; i < words; i++)
    digest = mix(digest, buffer->values[i]);
  return (struct swisd_body){
    .handle = slot + 1, .generation = b->slots[slot].generation, .bytes = buffer_bytes(buffer), .digest = digest | 1};
}

static struct body_slot *find(const struct bodies *b, struct swisd_body body)
{
  if (body.handle == 0 || body.handle > b->count)
    return NULL;
  struct body_slot *slot = &b->slots[body.handle - 1];
  return slot->buffer != NULL && slot->generation == body.generation ? slot : NULL;
}

struct buffer *bodies_get(const struct bodies *b, struct swisd_body body)
{
  const struct body_slot *slot = find(b, body);
  return slot == NULL ? NULL : slot->buffer;
}

bool bodies_release(struct bodies *b, struct swisd_body body)
{
  struct body_slot *slot = find(b, body);
  if (slot == NULL)
    return false;
  buffer_unref(slot->buffer);
  slot->buffer = NULL;
  b->live--;
  return true;
}

void bodies_clear(struct bodies *b)
{
  for (uint32_t i = 0; i < b->count; i++)
    buffer_unref(b->slots[i].buffer);
  free(b->slots);
  *b = (struct bodies){.lives = b->lives + 1};
}
