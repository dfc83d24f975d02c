/* A binary heap of events, ordered by time and, at one instant, by the order in which they were pushed. */
#include <stdlib.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

static bool before(const struct entry *a, const struct entry *b)
{
  return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->sequence < b->sequence;
}

void heap_push(struct heap *h, struct entry entry)
{
  if (h->count == h->capacity) {
    h->capacity = h->capacity == 0 ? 256 : 2 * h->capacity;
    h->list = realloc(h->list, h->capacity * sizeof(h->list[0]));
    SWISD_ASSERT(h->list != NULL);
  }
  uint32_t i = h->count++;
  for (; i > 0 && before(&entry, &h->list[(i - 1) / 2]); i = (i - 1) / 2)
    h->list[i] = h->list[(i - 1) / 2];
  h->list[i] = entry;
}

struct entry heap_pop(struct heap *h)
{
  SWISD_ASSERT(h->count > 0);
  const struct entry top = h->list[0], last = h->list[--h->count];
  uint32_t i = 0;
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child >= h->count)
      break;
    if (child + 1 < h->count && before(&h->list[child + 1], &h->list[child]))
      child++;
    if (!before(&h->list[child], &last))
      break;
    h->list[i] = h->list[child];
    i = child;
  }
  if (h->count > 0)
    h->list[i] = last;
  return top;
}
