/* See segment.h. */
#include "runtime/net/segment.h"

#include <stdlib.h>

void swisd_segment_queue_init(struct swisd_segment_queue *queue)
{
  *queue = (struct swisd_segment_queue){0};
  queue->end = &queue->first;
}

void swisd_segment_push(struct swisd_segment_queue *queue, struct swisd_segment *segment)
{
  segment->next = NULL;
  *queue->end = segment;
  queue->end = &segment->next;
  queue->bytes += segment->count;
}

struct swisd_segment *swisd_segment_pop(struct swisd_segment_queue *queue)
{
  struct swisd_segment *segment = queue->first;
  queue->first = segment->next;
  if (!queue->first)
    queue->end = &queue->first;
  queue->bytes -= segment->count;
  return segment;
}

struct swisd_segment *swisd_segment_new(struct swisd_segment_pool *pool, uint32_t capacity)
{
  struct swisd_segment *segment;
  if (capacity == SWISD_SEGMENT_BYTES && pool->spares) {
    segment = pool->spares;
    pool->spares = segment->next;
    pool->spare_count--;
  } else {
    segment = malloc(sizeof *segment + capacity);
  }
  if (segment)
    *segment = (struct swisd_segment){.capacity = capacity};
  return segment;
}

void swisd_segment_free(struct swisd_segment_pool *pool, struct swisd_segment *segment)
{
  if (segment->capacity != SWISD_SEGMENT_BYTES || pool->spare_count >= SWISD_SEGMENT_SPARES_MAX) {
    free(segment);
    return;
  }
  segment->next = pool->spares;
  pool->spares = segment;
  pool->spare_count++;
}

void swisd_segment_queue_free(struct swisd_segment_pool *pool, struct swisd_segment_queue *queue)
{
  while (queue->first)
    swisd_segment_free(pool, swisd_segment_pop(queue));
}

void swisd_segment_pool_free(struct swisd_segment_pool *pool)
{
  while (pool->spares) {
    struct swisd_segment *segment = pool->spares;
    pool->spares = segment->next;
    free(segment);
  }
  pool->spare_count = 0;
}
