/* A heap with four children per entry: half the depth of a binary one, and the children lie in two or three cache lines. */
#include "sim/heap.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

static bool before(const struct swisd_sim_event *a, const struct swisd_sim_event *b)
{
  return a->time_ns < b->time_ns || (a->time_ns == b->time_ns && a->sequence < b->sequence);
}

void swisd_sim_heap_push(struct swisd_sim_heap *heap, const struct swisd_sim_event *event)
{
  if (heap->count == heap->capacity) {
    heap->capacity = heap->capacity == 0 ? 4096 : heap->capacity * 2;
    heap->events = realloc(heap->events, heap->capacity * sizeof *heap->events);
    assert(heap->events != NULL);
  }
  struct swisd_sim_event entry = *event;
  entry.sequence = heap->sequence_next++;
  uint32_t hole = heap->count++;
  while (hole > 0 && before(&entry, &heap->events[(hole - 1) / 4])) {
    heap->events[hole] = heap->events[(hole - 1) / 4];
    hole = (hole - 1) / 4;
  }
  heap->events[hole] = entry;
}

struct swisd_sim_event swisd_sim_heap_pop(struct swisd_sim_heap *heap)
{
  assert(heap->count > 0);
  const struct swisd_sim_event first = heap->events[0], last = heap->events[--heap->count];
  uint32_t hole = 0;
  for (uint32_t child = 1; child < heap->count; child = 4 * hole + 1) {
    uint32_t least = child;
    for (uint32_t c = child + 1; c < child + 4 && c < heap->count; c++)
      if (before(&heap->events[c], &heap->events[least]))
        least = c;
    if (!before(&heap->events[least], &last))
      break;
    heap->events[hole] = heap->events[least];
    hole = least;
  }
  heap->events[hole] = last;
  return first;
}

void swisd_sim_heap_free(struct swisd_sim_heap *heap)
{
  free(heap->events);
  *heap = (struct swisd_sim_heap){0};
}
