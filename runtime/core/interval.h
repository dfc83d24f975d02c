/* Interval maps: what has become of which items of a lane (DESIGN: exactly once).
 *
 * A lane's map is a list of disjoint intervals in order of items. An item that no interval covers is missing and cannot run
 * yet. The others go READY -> ISSUED -> CHECKING -> ACCEPTED -> CONSUMED; a loss takes them back to READY, or, where their
 * input is gone too, to missing. All lanes of all jobs share one pool. Intervals only split when they are issued, and merge
 * while READY or CONSUMED, so the range of an issue always consists of whole intervals, or of accepted ones. */
#ifndef SWISD_CORE_INTERVAL_H
#define SWISD_CORE_INTERVAL_H

#include <stddef.h>

#include "runtime/core/limits.h"
#include "runtime/core/types.h"

enum swisd_interval_state {
  SWISD_INTERVAL_FREE = 0,
  SWISD_INTERVAL_READY,    /* inputs exist; nobody computes it */
  SWISD_INTERVAL_ISSUED,   /* copies are under way */
  SWISD_INTERVAL_CHECKING, /* a result came; it is being verified or committed */
  SWISD_INTERVAL_ACCEPTED, /* the output lies at `owner` for later steps */
  SWISD_INTERVAL_CONSUMED, /* accepted, and its output no longer needed */
};

struct swisd_interval {
  uint64_t lo, hi;
  uint16_t next, previous; /* in the lane; 0 = none */
  uint8_t state;
  bool wanted;      /* READY: goes first; ISSUED: one more copy is wanted */
  bool waits;       /* ISSUED: a copy is wanted as soon as its inputs are there again */
  bool urgent;      /* a fault has delayed it: what is made of it goes first, too */
  uint8_t failures; /* programs that failed on it */
  uint8_t copy_count;
  uint16_t copies[SWISD_COPIES_MAX]; /* ISSUED: the issues under way */
  uint32_t ticket;                   /* CHECKING: of the CHECK or COMMIT */
  uint16_t partner;                  /* CHECKING: whose result it is */
  struct swisd_id owner;             /* CHECKING, ACCEPTED: where the output lies, and what items its body spans */
  struct swisd_body body;
  uint64_t body_lo, body_hi;
};

struct swisd_interval_pool {
  struct swisd_interval *list; /* 1 .. max; 0 is nobody */
  uint16_t max, free_first, free_count;
};

enum { SWISD_FINGERS = 3 };

struct swisd_lane {
  uint16_t first;
  uint16_t hint;                   /* an interval near the last one looked for, or 0 */
  uint16_t fingers[SWISD_FINGERS]; /* where long walks ended lately, or 0: the next one starts at the nearest */
  uint8_t finger_next;             /* the one to be given up */
  uint16_t ready_from;             /* no READY interval lies before this one; 0: nor does any before the first */
  uint16_t wanted_from;            /* the same of wanted ones */
  uint64_t ready_items;            /* in READY */
  uint64_t wanted_items;           /* with `wanted` set */
  uint64_t wanted_ready_items;     /* of these, in READY */
  uint64_t accepted_items;         /* in ACCEPTED and CONSUMED */
};

size_t swisd_interval_pool_size(uint16_t max);
void swisd_interval_pool_init(struct swisd_interval_pool *pool, void *block, uint16_t max);

/* The first interval whose hi is above `item`: it contains the item, or is the next one. 0 if none. */
uint16_t swisd_interval_find(const struct swisd_interval_pool *pool, struct swisd_lane *lane, uint64_t item);
/* The first interval in READY, or with `wanted` set; 0 if none. Found without a walk past those that stay before it. */
uint16_t swisd_interval_first_ready(const struct swisd_interval_pool *pool, struct swisd_lane *lane);
uint16_t swisd_interval_first_wanted(const struct swisd_interval_pool *pool, struct swisd_lane *lane);
/* Adds [lo, hi), which nothing covers, in `state`; merges with READY or CONSUMED neighbours of the same kind. Returns the
 * interval that now covers it; 0 when the pool is empty (nothing has changed then). */
uint16_t swisd_interval_add(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint64_t lo, uint64_t hi,
                            enum swisd_interval_state state, bool wanted);
/* Cuts an interval in two at `at`, strictly inside; returns the second; 0 when the pool is empty. Issues know nothing of it. */
uint16_t swisd_interval_split(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, uint64_t at);
/* Makes two adjacent ACCEPTED intervals one, which keeps the first one's body. */
void swisd_interval_join(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t first, uint16_t second);
/* Changes state, keeping the lane's counts; READY and CONSUMED merge with neighbours of the same kind. Returns the interval
 * that now covers the items. Entering READY or CONSUMED clears copies and body. */
uint16_t swisd_interval_become(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index,
                               enum swisd_interval_state state, bool wanted);
void swisd_interval_want(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, bool wanted);
/* Takes an interval out: its items are missing again. */
void swisd_interval_remove(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index);
/* READY items from `at` on are missing again: a cut for which the pool need not have room. */
void swisd_interval_trim(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, uint64_t at);
void swisd_interval_clear(struct swisd_interval_pool *pool, struct swisd_lane *lane);

/* Whether [lo, hi) is ACCEPTED or CONSUMED throughout. */
bool swisd_interval_accepted(const struct swisd_interval_pool *pool, struct swisd_lane *lane, uint64_t lo, uint64_t hi);

void swisd_interval_check(const struct swisd_interval_pool *pool, const struct swisd_lane *lane);

#endif
