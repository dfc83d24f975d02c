/* A random world: devices, a network, jobs and everything that goes wrong, all drawn from one number. A world is a plain
 * list, so that a failing one can be shrunk by taking things out of it. */
#ifndef SWISD_TESTS_SEEDS_WORLD_H
#define SWISD_TESTS_SEEDS_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/cluster/cluster.h"

enum { WORLD_NODES_MAX = 24, WORLD_FAULTS_MAX = 32, WORLD_JOBS_MAX = 12, WORLD_MODELS_MAX = 3 };

enum world_fault_kind {
  WORLD_KILL,      /* comes back at `until` with its disk, or never */
  WORLD_SILENCE,   /* wakes at `until`, or never */
  WORLD_SLOW,      /* by `factor` until `until` */
  WORLD_LEAVE,     /* says goodbye; comes back at `until`, or never */
  WORLD_PART,      /* `nodes` on their own until `until` */
  WORLD_DEAF,      /* nothing reaches `node` until `until`, but it is heard */
  WORLD_DELAY,     /* `factor` milliseconds more, each way, until `until` */
  WORLD_STORM,     /* the network loses `factor` of everything until `until` */
  WORLD_LIE,       /* wrong results from now on; only where results are verified */
  WORLD_SPOIL,     /* the next three fetches from `node` arrive damaged */
  WORLD_LOSE_FILE, /* one shard is gone from its disk */
  WORLD_WITHDRAW,  /* of the job `node` */
  WORLD_FAULT_KINDS,
};

struct world_fault {
  uint8_t kind;
  bool skipped; /* shrunk away */
  uint32_t node;
  uint64_t nodes; /* PART: a bit set */
  uint64_t at_ns, until_ns;
  double factor;
};

struct world_node {
  bool skipped; /* never started */
  struct cluster_class device;
  uint64_t join_ns;
};

enum world_shape { WORLD_ROWS, WORLD_STRIPS, WORLD_DECODER, WORLD_SHAPES };

struct world_model {
  uint8_t shape;
  uint8_t steps, lanes;
  bool skip_edge, verified;
  bool twice;    /* verified by second opinions instead of by Freivalds' check */
  uint32_t home; /* the node that brings it */
  uint64_t flops_per_item, shard_bytes;
  uint32_t end_one_in, item_bytes;
};

struct world_job {
  bool skipped;
  uint8_t model;
  bool open; /* its input comes in three parts */
  uint32_t node;
  uint64_t at_ns, items;
};

struct world {
  uint64_t seed, duration_ns;
  bool tiny;
  struct cluster_network network;
  uint32_t node_count, fault_count, job_count, model_count;
  struct world_node nodes[WORLD_NODES_MAX];
  struct world_fault faults[WORLD_FAULTS_MAX];
  struct world_model models[WORLD_MODELS_MAX];
  struct world_job jobs[WORLD_JOBS_MAX];
};

struct world_verdict {
  char failure[512]; /* empty: the world is clean */
  uint64_t digest, steps;
  uint32_t answered, refused, failed, withdrawn, submitters_died; /* jobs; refused: for want of room, under tiny limits */
};

void world_draw(uint64_t seed, struct world *world);
/* Runs it, whole. A failing assertion of the core ends in the verdict too. `trace`: what the nodes say, or NULL. */
void world_run(const struct world *world, struct world_verdict *verdict, FILE *trace);
void world_print(const struct world *world, FILE *out);
/* Takes out faults, jobs and nodes one at a time as long as it still fails; the verdict is of the last failing run. */
void world_shrink(struct world *world, struct world_verdict *verdict);

#endif
