/* Bytes of a stream on their way: queues of segments, and a few spare large ones, so that a transfer does not ask the
 * allocator (and it the kernel) for every 64 KiB. */
#ifndef SWISD_NET_SEGMENT_H
#define SWISD_NET_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

enum {
  SWISD_SEGMENT_BYTES = 68 * 1024, /* a large one: four TLS records of 16 KiB and what sealing adds to them */
  SWISD_SEGMENT_SPARES_MAX = 8,
};

struct swisd_segment {
  struct swisd_segment *next;
  uint64_t due_ns;
  uint32_t capacity, count, sent;
  uint8_t bytes[];
};

struct swisd_segment_queue {
  struct swisd_segment *first, **end;
  uint64_t bytes;
};

struct swisd_segment_pool {
  struct swisd_segment *spares;
  uint32_t spare_count;
};

void swisd_segment_queue_init(struct swisd_segment_queue *queue);
void swisd_segment_push(struct swisd_segment_queue *queue, struct swisd_segment *segment);
/* The first one; the queue is not empty. */
struct swisd_segment *swisd_segment_pop(struct swisd_segment_queue *queue);

/* An empty segment of at least `capacity` bytes; NULL when memory is out. */
struct swisd_segment *swisd_segment_new(struct swisd_segment_pool *pool, uint32_t capacity);
void swisd_segment_free(struct swisd_segment_pool *pool, struct swisd_segment *segment);
void swisd_segment_queue_free(struct swisd_segment_pool *pool, struct swisd_segment_queue *queue);
void swisd_segment_pool_free(struct swisd_segment_pool *pool);

#endif
