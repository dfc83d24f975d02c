/* What stories share: a tally of what the nodes say, and assertions that print the trace when they fail. */
#ifndef SWISD_TESTS_CLUSTER_STORY_H
#define SWISD_TESTS_CLUSTER_STORY_H

#include <string.h>

#include "tests/unit/cmocka_all.h"

#include "tests/cluster/cluster.h"

enum { STORY_NODES_MAX = 512 };

/* How often each kind of trace was seen, in all and by subject (or, of tasks, by peer), and when first. */
struct tally {
  struct cluster *cluster;
  uint64_t seen[256];
  uint64_t of[256][STORY_NODES_MAX];
  uint64_t first_ns[256][STORY_NODES_MAX];
};

/* Watches the cluster until it ends. The tally is allocated with test_calloc and freed by story_end(). */
struct tally *story_tally(struct cluster *c);
void story_forget(struct tally *t); /* counts from zero again */

/* Nothing is wrong with the cluster. */
void story_is_well(struct cluster *c);
/* The kept trace is exactly this text. */
void story_expect(struct cluster *c, const char *text);
/* The job ends with its whole answer within `duration_ns`. */
void story_answers(struct cluster *c, uint64_t number, uint64_t duration_ns);
/* Nothing is wrong, nothing is held any more; frees the cluster and the tally (may be NULL). */
void story_end(struct cluster *c, struct tally *t);

#endif
