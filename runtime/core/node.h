/* The brain of a peer: membership, placement, dispatch and jobs as one pure state machine.
 *
 * No I/O, no clock, no allocation: a driver gives it a block of memory, tells it events with the time, and carries out
 * the actions. The same object code runs over sockets (runtime/net), in simulation (sim) and in memory (tests/cluster);
 * its recorded events are the run. ARCHITECTURE.md has the picture. */
#ifndef SWISD_CORE_NODE_H
#define SWISD_CORE_NODE_H

#include <stddef.h>

#include "runtime/core/action.h"
#include "runtime/core/config.h"
#include "runtime/core/event.h"

struct swisd_node;

/* Bytes that a node of these limits takes; aligned for any type. */
size_t swisd_node_size(const struct swisd_limits *limits);

/* Builds a node in `node`, a block of swisd_node_size() bytes aligned to 16, which stays the caller's.
 * `config` is copied. Equal config, seed and events give equal actions on every device. */
void swisd_node_init(struct swisd_node *node, const struct swisd_config *config, uint64_t seed);

/* One event at `now_ns` (any origin, never backwards: an earlier time counts as the last one). */
void swisd_node_step(struct swisd_node *node, const struct swisd_event *event, uint64_t now_ns, struct swisd_actions *actions);

/* When the node next wants a DEADLINE event; SWISD_NEVER when idle. A time in the past means at once. */
uint64_t swisd_node_deadline_ns(const struct swisd_node *node);

/* Walks every invariant of the node; panics with the first that fails. For tests: it costs far more than a step. */
void swisd_node_check(const struct swisd_node *node);

/* ---- a read-only view, for status pages, drivers and tests ---- */

struct swisd_node_status {
  struct swisd_id id;
  uint32_t incarnation;
  uint16_t members_alive, members_suspect, members_dead; /* without the node itself */
  uint8_t holdings, local_health;
  uint16_t jobs, open_jobs, queued, computing, outputs, fetches;
  uint64_t queue_ns;
  uint64_t table_full[SWISD_TABLE_COUNT]; /* refusals, per table */
};
void swisd_node_status(const struct swisd_node *node, struct swisd_node_status *out);

/* The record, state and own view of member `index` (0 = this node); false past the end. Slots may be free: id zero. */
struct swisd_member_view {
  const struct swisd_record *record;
  enum swisd_member_state state;
};
bool swisd_node_member(const struct swisd_node *node, uint32_t index, struct swisd_member_view *out);
/* The same by id; false when unknown. */
bool swisd_node_find_member(const struct swisd_node *node, struct swisd_id id, struct swisd_member_view *out);

/* How the work of a submitter's job was spent, in FLOP: every issue ends in exactly one class, so that
 * issued = accepted + duplicate + lost + rejected + cancelled + replayed + under way, always. */
struct swisd_job_account {
  uint64_t issued, accepted, duplicate, lost, rejected, cancelled, replayed, under_way;
  uint64_t items_answered;
};
/* Of the job the driver calls `number`; false when unknown. It stays readable until the slot is used again. */
bool swisd_node_job_account(const struct swisd_node *node, uint64_t number, struct swisd_job_account *out);

#endif
