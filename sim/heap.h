/* The simulator's queue of events: by time, then by order of insertion, so that a run has one order only. */
#ifndef SWISD_SIM_HEAP_H
#define SWISD_SIM_HEAP_H

#include <stdint.h>

struct swisd_sim_job;

/* What the kinds mean is the driver's affair, except that SWISD_SIM_JOB reports the end of a job. */
struct swisd_sim_event {
  uint64_t time_ns, sequence; /* sequence: set by the heap */
  uint32_t kind;
  uint32_t node, peer;
  uint32_t turn; /* of the node, so that news for an earlier life can be told from news for this one */
  union {
    unsigned char *bytes;      /* owned by the event's handler */
    struct swisd_sim_job *job; /* SWISD_SIM_JOB */
    uint64_t number;
  } u;
};

struct swisd_sim_heap {
  struct swisd_sim_event *events;
  uint32_t count, capacity;
  uint64_t sequence_next;
};

void swisd_sim_heap_push(struct swisd_sim_heap *heap, const struct swisd_sim_event *event);
struct swisd_sim_event swisd_sim_heap_pop(struct swisd_sim_heap *heap); /* the heap is not empty */
void swisd_sim_heap_free(struct swisd_sim_heap *heap);

#endif
