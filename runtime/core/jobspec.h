/* A job as its submitter describes it: a DAG of steps over items.
 *
 * A step is cut in lanes: each lane runs one shard (a block of a matrix's rows, or a run of whole layers) and makes its
 * part of the step's output. An edge says which items of an earlier step an item needs (`map`), and how the parts of its
 * lanes become one input (`combine`). Steps are in topological order except for lagged edges, which carry state from one
 * round to the next. Exactly one step is the sink; it and each stateful step have one lane. A step that is verified, and
 * whatever feeds it or a stateful step, is a hub. Dense layers over rows, strips with halos, token-by-token decoding: all are
 * this. */
#ifndef SWISD_CORE_JOBSPEC_H
#define SWISD_CORE_JOBSPEC_H

#include "runtime/core/limits.h"
#include "runtime/core/types.h"

/* On the wire: append only. */
enum swisd_edge_map {
  SWISD_EDGE_ROWS = 0,   /* item i needs item i */
  SWISD_EDGE_HALO = 1,   /* item i needs items i - width .. i + width that exist within its image (`period` items each) */
  SWISD_EDGE_LAGGED = 2, /* item i needs item i - width of a later step; items below the job's input come from that input */
};
enum swisd_edge_combine { SWISD_COMBINE_CONCAT = 0, SWISD_COMBINE_REDUCE = 1 };
/* FREIVALDS: the submitter checks a linear result without computing it. HASH: two workers must agree to the last bit, for which
 * they compute with portable kernels of one class (witness.h); neither stateful steps nor steps of tokens. */
enum swisd_verify { SWISD_VERIFY_NONE = 0, SWISD_VERIFY_FREIVALDS = 1, SWISD_VERIFY_HASH = 2 };

#define SWISD_EDGE_FROM_INPUT 255 /* `from` of an edge that takes the job's own input */

struct swisd_edge_spec {
  uint8_t from; /* a step, or SWISD_EDGE_FROM_INPUT */
  uint8_t map, combine;
  uint16_t width;  /* halo rows or lag */
  uint32_t period; /* HALO: strips per image; 0 = all items are one image */
};

enum swisd_step_flags {
  SWISD_STEP_STATEFUL = 1, /* items strictly in order, on one pinned worker that keeps state (a KV cache) */
  SWISD_STEP_HUB = 2,      /* results come to the submitter: its log, or its answer */
  SWISD_STEP_SINK = 4,     /* results are the job's answer (implies HUB) */
  SWISD_STEP_TOKENS = 8,   /* makes a 4-byte token per item, and inline the last one with an end flag that closes the job */
};

struct swisd_lane_spec {
  swisd_shard_id shard;
  uint64_t flops_per_item;
  uint32_t out_bytes_per_item;
};

struct swisd_step_spec {
  uint8_t kernel; /* enum swisd_kernel_class */
  uint8_t verify; /* enum swisd_verify */
  uint8_t flags;
  uint8_t edge_count;
  uint8_t lane_first, lane_count; /* in lanes[] of the job */
  struct swisd_edge_spec edges[SWISD_EDGES_MAX];
};

struct swisd_job_spec {
  swisd_model_id model;
  uint8_t step_count, lane_count;
  struct swisd_step_spec steps[SWISD_STEPS_MAX];
  struct swisd_lane_spec lanes[SWISD_LANES_MAX];
  uint32_t in_bytes_per_item;
  uint64_t items_max; /* TOKENS: no item at or past this one is made */
};

#endif
