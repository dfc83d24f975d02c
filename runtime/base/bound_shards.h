/* The bounds that know of shards, DESIGN section 6: B2, what any placement could do with the memory there is, and B3, what
 * the placement that happened could do. Both say how many items could be made at most, like the fluid bound in bound.h.
 *
 * Unlike kernel classes: a device counts as what it is at its best class, so the bounds are exact where devices differ by one
 * factor in all classes (as the built-in ones do), and otherwise still bounds, if not the least. */
#ifndef SWISD_BASE_BOUND_SHARDS_H
#define SWISD_BASE_BOUND_SHARDS_H

#include <stdint.h>

#include "runtime/base/bound.h"

enum { SWISD_BOUND_SHARDS_MAX = 64 };

struct swisd_bound_shard {
  uint8_t kernel;
  double flops; /* per item */
  double bytes;
};

/* One device; for B3 also a device for the time in which it held the same. */
struct swisd_bound_holder {
  double flops_per_s[SWISD_BOUND_KERNELS];
  double device_s;     /* seconds of full speed */
  double memory_bytes; /* for shards; 0: without limit. B2 alone */
  uint64_t holds;      /* bit s: shard s. B3 alone */
};

/* B2: each device holds what suits best, once and for all, as far as its memory goes, and makes at most every item's share of
 * what it holds. n items need sum over devices of min(work per item it can hold, its work / n) >= work per item. Infinity
 * when items take no work; 0 when the model does not fit. */
double swisd_bound_memory_items(const struct swisd_bound_holder *devices, uint32_t count, const struct swisd_bound_shard *shards,
                                uint32_t shard_count);

/* B3: the least, over all sets of shards, of what their holders can do by what an item takes of them (Hall), by maximal flow.
 * Infinity when items take no work; 0 when a shard has no holder. */
double swisd_bound_placement_items(const struct swisd_bound_holder *holders, uint32_t count,
                                   const struct swisd_bound_shard *shards, uint32_t shard_count);

#endif
