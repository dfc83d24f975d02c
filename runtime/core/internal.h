/* The node as its own parts see it. Each part owns one block, laid out behind this struct by swisd_node_init(). */
#ifndef SWISD_CORE_INTERNAL_H
#define SWISD_CORE_INTERNAL_H

#include "runtime/base/philox.h"
#include "runtime/core/node.h"
#include "runtime/core/out.h"
#include "runtime/core/panic.h"

struct swisd_members;   /* member.c, swim.c, rumour.c */
struct swisd_placement; /* placement.c */
struct swisd_submitter; /* submitter.c, job.c, dispatch.c */
struct swisd_worker;    /* worker.c */

/* One stream of random numbers per purpose, so that a draw here never moves a draw there. */
enum swisd_random_purpose {
  SWISD_RANDOM_PROBE,
  SWISD_RANDOM_GOSSIP,
  SWISD_RANDOM_PLACEMENT,
  SWISD_RANDOM_DISPATCH,
  SWISD_RANDOM_COUNT
};

struct swisd_node {
  struct swisd_config config;
  struct swisd_philox random[SWISD_RANDOM_COUNT];
  uint64_t now_ns;      /* of the step under way, or the last one */
  uint32_t ticket_next; /* of COMPUTE and FETCH; never 0 */
  bool started, stopping;
  struct swisd_actions *actions; /* of the step under way, else NULL */
  struct swisd_trace scratch_trace;
  uint64_t table_full[SWISD_TABLE_COUNT];

  uint32_t release_first, release_count, release_max; /* ring of bodies waiting for a RELEASE: room for all a node can own */
  struct swisd_body *releases;

  struct swisd_members *members;
  struct swisd_placement *placement;
  struct swisd_submitter *submitter;
  struct swisd_worker *worker;
};

uint32_t swisd_node_ticket(struct swisd_node *node); /* a new ticket */

/* The membership tells the others: member `index` became up (alive after unknown, dead or left), or its record changed, or
 * it is up no more. */
enum swisd_member_change { SWISD_MEMBER_CAME, SWISD_MEMBER_RECORD, SWISD_MEMBER_SUSPECTED, SWISD_MEMBER_WENT };
void swisd_node_member_changed(struct swisd_node *node, uint32_t index, enum swisd_member_change change);
/* The placement tells the others: a shard is now held (or no more). */
void swisd_node_holding_changed(struct swisd_node *node, swisd_shard_id shard, bool held);

/* True when `now_ns` has reached `deadline_ns`. */
static inline bool swisd_due(const struct swisd_node *node, uint64_t deadline_ns) { return deadline_ns <= node->now_ns; }

#endif
