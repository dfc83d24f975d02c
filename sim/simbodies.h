/* Bodies in a simulation: what a node's handles name. With `compute: modelled` a body is its size alone; with `compute: real`
 * it has bytes. Several names and messages in flight may share one blob. */
#ifndef SWISD_SIM_SIMBODIES_H
#define SWISD_SIM_SIMBODIES_H

#include <stdint.h>

#include "runtime/core/types.h"

struct swisd_sim_blob {
  uint32_t references;
  uint64_t bytes;
  bool lied;                     /* not what its program makes of its inputs */
  bool tainted;                  /* that, or made from such */
  uint8_t *data;                 /* NULL: modelled */
  struct swisd_sim_blob *parent; /* whose bytes `data` points into; NULL: its own */
};

/* One reference, the caller's. `real`: with bytes, contents zero. */
struct swisd_sim_blob *swisd_sim_blob_new(uint64_t bytes, bool real);
/* The range [offset, offset + bytes) of `blob`, which must lie inside. One reference, the caller's. */
struct swisd_sim_blob *swisd_sim_blob_slice(struct swisd_sim_blob *blob, uint64_t offset, uint64_t bytes);
struct swisd_sim_blob *swisd_sim_blob_keep(struct swisd_sim_blob *blob);
void swisd_sim_blob_drop(struct swisd_sim_blob *blob); /* NULL is nothing */

struct swisd_sim_body_slot {
  struct swisd_sim_blob *blob; /* NULL: free */
  uint32_t generation;
  uint32_t next_free;
};

/* The bodies of one process. Zeroed: empty. */
struct swisd_sim_bodies {
  struct swisd_sim_body_slot *slots;
  uint32_t count, capacity, free_first; /* free_first: slot + 1, 0 = none */
  uint32_t live;
  uint64_t live_bytes;
};

/* Takes over the caller's reference. */
struct swisd_body swisd_sim_bodies_add(struct swisd_sim_bodies *bodies, struct swisd_sim_blob *blob);
/* NULL when `body` names nothing (any more). The reference stays the table's. */
struct swisd_sim_blob *swisd_sim_bodies_find(const struct swisd_sim_bodies *bodies, struct swisd_body body);
/* False when it named nothing. */
bool swisd_sim_bodies_release(struct swisd_sim_bodies *bodies, struct swisd_body body);
void swisd_sim_bodies_clear(struct swisd_sim_bodies *bodies); /* the process is gone; handles of its life stay stale */
void swisd_sim_bodies_free(struct swisd_sim_bodies *bodies);

#endif
