/* Verification by a second opinion (SWISD_VERIFY_HASH): a piece is accepted when the results of two workers are equal, byte
 * for byte. With the portable kernels equal work gives equal bits on every device of a class, so any step can be verified so.
 *
 * A first result becomes a witness: it is kept here, and its items are READY again, for anybody but its worker. Each later
 * result is compared with the witnesses of its items, one after the other, by a CHECK; the first that is equal confirms it,
 * and is a duplicate; those that differ are rejected. A result that equals none becomes a witness too, so a third is asked
 * for; three that all differ are thrown away. When two differ and nobody else holds the shard, they are thrown away as well,
 * and after eight such disputes the job fails its checks.
 *
 * The account: a witness's work is under way until it ends as duplicate, rejected, or with its job as cancelled. */
#ifndef SWISD_CORE_WITNESS_H
#define SWISD_CORE_WITNESS_H

#include "runtime/core/job.h"

/* A result that waits for another opinion. Several may share one body. */
struct swisd_witness {
  uint32_t serial; /* 0: a free slot. In order of arrival; the parts of one keep it */
  uint8_t job, step, lane;
  uint64_t lo, hi;
  struct swisd_id worker;
  struct swisd_body body; /* lies with the submitter, like all results that are verified */
  uint64_t body_lo, body_hi;
};

uint16_t swisd_witness_max(const struct swisd_limits *limits); /* slots */

/* Whether `partner` may compute some of the items [lo, hi) of a lane; the first run of those that it may is [*from, *end). */
bool swisd_witness_allows(const struct swisd_node *node, uint16_t partner, uint8_t slot, uint32_t lane_index, uint64_t lo,
                          uint64_t hi, uint64_t *from, uint64_t *end);
/* A READY interval of the lane of which `partner` may compute some items; 0 if there is none. */
uint16_t swisd_witness_candidate(const struct swisd_node *node, uint16_t partner, uint8_t slot, uint32_t lane_index);
/* The witness that a result in CHECKING is compared with after the one of serial `after` (0: the first); NULL when it has been
 * compared with all. Cuts the interval where witnesses begin or end; what is cut off is advanced later. */
const struct swisd_witness *swisd_witness_next(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number,
                                               uint16_t interval, uint32_t after);
/* The result equals the witness of this serial: ends all witnesses of its items. */
void swisd_witness_confirmed(struct swisd_node *node, uint8_t slot, uint32_t lane_index, uint64_t lo, uint64_t hi,
                             uint32_t serial);
/* The result equals no witness. KEPT: it is one now, and its items are READY. DISPUTED: three differ; the witnesses of its items
 * have been rejected, and so should it be. NO_ROOM: it should be given up. */
enum swisd_witness_fate { SWISD_WITNESS_KEPT, SWISD_WITNESS_DISPUTED, SWISD_WITNESS_NO_ROOM };
enum swisd_witness_fate swisd_witness_keep(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number,
                                           uint16_t interval);
/* Whether a witness needs this body. */
bool swisd_witness_has(const struct swisd_node *node, struct swisd_body body);
/* Now and then: throws away witnesses that differ and that nobody is left to judge. May end the job. */
void swisd_witness_review(struct swisd_node *node, uint8_t slot);
/* Gives up what was said of items from `from` on: the job ends, or makes room. */
void swisd_witness_forget(struct swisd_node *node, uint8_t slot, uint64_t from);
/* FLOP of a job that wait here, for the invariants. */
uint64_t swisd_witness_flops(const struct swisd_node *node, uint8_t slot);

static inline bool swisd_lane_needs_witness(const struct swisd_job *job, uint32_t step)
{
  return job->spec.steps[step].verify == SWISD_VERIFY_HASH;
}

#endif
