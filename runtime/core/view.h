/* What a node knows, to be looked at: members, shards and who stands behind them, workers as a submitter sees them, its jobs,
 * what is under way, and what this node does for others. Read-only, no allocation, nothing is kept: each function fills one
 * small struct from the state as the last step left it. Times are those of the node's clock, as given to swisd_node_step().
 * For status pages; loops run `for (i = 0; swisd_view_x(node, i, &view); i++)`, and a free slot has a zero id or number. */
#ifndef SWISD_CORE_VIEW_H
#define SWISD_CORE_VIEW_H

#include "runtime/core/node.h"

enum { SWISD_VIEW_ACCUSERS_MAX = 8 };

struct swisd_view_member {
  const struct swisd_record *record; /* until the next step */
  enum swisd_member_state state;
  uint64_t since_ns;                                 /* when it entered that state */
  uint64_t rtt_ns;                                   /* smoothed, 0: not measured */
  uint64_t dead_at_ns;                               /* a suspect becomes dead then, unless it is heard of; else SWISD_NEVER */
  uint8_t accuser_count;                             /* of a suspect: who suspects it */
  struct swisd_id accusers[SWISD_VIEW_ACCUSERS_MAX]; /* zero: somebody who is not known any more */
};
bool swisd_view_member(const struct swisd_node *node, uint32_t index, struct swisd_view_member *out); /* 0: the node itself */

struct swisd_view_model {
  swisd_model_id id; /* zero: a free slot */
  uint8_t shard_count;
};
bool swisd_view_model(const struct swisd_node *node, uint32_t index, struct swisd_view_model *out);

struct swisd_view_shard {
  swisd_shard_id id;
  uint64_t bytes, flops_per_item;
  uint8_t kernel;
  uint16_t holders, suspect_holders; /* working members that are up, this node included; the second are among the first */
  double items_per_s;                /* what its holders can do of it, if each shares its time over its shards by their work */
  bool held, home, dropping;         /* on this node */
  bool wanted;                       /* this node is getting it, or will */
};
/* O(members * holdings). */
bool swisd_view_shard(const struct swisd_node *node, uint32_t model_index, uint32_t index, struct swisd_view_shard *out);

/* A worker, as this submitter sees it. */
struct swisd_view_partner {
  struct swisd_id id;
  bool here, suspect, overdue;
  uint8_t credits;                          /* tasks it has asked for and not been given */
  uint8_t sessions;                         /* stateful steps pinned to it */
  uint16_t issues;                          /* tasks it has been given and not answered */
  uint64_t blocked_until_ns;                /* it refused, or is distrusted */
  uint64_t late_ns;                         /* how late its results come, beyond computing */
  uint64_t first_due_ns, last_due_ns;       /* when the first and the last of its results should come; SWISD_NEVER: none */
  swisd_log_rate rates[SWISD_KERNEL_COUNT]; /* as measured here, or its own word as long as samples are 0 */
  uint32_t samples[SWISD_KERNEL_COUNT];
};
bool swisd_view_partner(const struct swisd_node *node, uint32_t index, struct swisd_view_partner *out);

/* A job of this node. */
struct swisd_view_job {
  uint64_t number; /* the driver's; zero: a free slot */
  struct swisd_job_id id;
  swisd_model_id model;
  bool open;    /* false: it has ended, and the slot was not used again */
  bool last;    /* its input is complete */
  bool starved; /* a table of this node is too full for all that could run */
  uint8_t step_count, lane_count;
  uint64_t items, admitted;           /* known so far; let into the pipeline */
  uint64_t submitted_ns, progress_ns; /* the latter: the last acceptance */
  uint64_t orphan_since_ns;           /* since when some shard it needs has had no live holder; SWISD_NEVER: none lacks one */
  uint64_t orphan_fails_ns;           /* when it fails for that */
  struct swisd_job_account account;
};
bool swisd_view_job(const struct swisd_node *node, uint32_t slot, struct swisd_view_job *out);

/* A lane of a job: where its items are. The rest are missing: their inputs are not there yet. */
struct swisd_view_lane {
  uint8_t step, lane, kernel;
  bool stateful, sink;
  swisd_shard_id shard;
  uint64_t ready, wanted, issued, checking, accepted; /* items; wanted ones are among ready and issued: copies are asked for */
  uint16_t holders;                                   /* workers that are here and hold the shard */
};
bool swisd_view_lane(const struct swisd_node *node, uint32_t slot, uint32_t lane_index, struct swisd_view_lane *out);
/* Whether the partner of that index holds the shard of that lane. */
bool swisd_view_holds(const struct swisd_node *node, uint32_t partner_index, uint32_t slot, uint32_t lane_index);

/* A task under way. */
struct swisd_view_issue {
  struct swisd_id worker; /* zero: a free slot */
  struct swisd_task_key key;
  uint64_t flops, issued_ns, due_ns;
  bool front, hedge, rescued, replay, cancelled;
};
bool swisd_view_issue(const struct swisd_node *node, uint32_t index, struct swisd_view_issue *out);
/* The one of that worker with that key. */
bool swisd_view_find_issue(const struct swisd_node *node, struct swisd_id worker, const struct swisd_task_key *key,
                           struct swisd_view_issue *out);

/* A job of somebody else (or of this node) that this worker serves. */
struct swisd_view_served {
  struct swisd_job_id id; /* submitter zero: a free slot */
  swisd_model_id model;
  bool backlog; /* its submitter has work for a shard held here */
  uint8_t credits;
  uint16_t queued;
  uint64_t served_flops, lease_ends_ns;
};
bool swisd_view_served(const struct swisd_node *node, uint32_t index, struct swisd_view_served *out);

enum swisd_view_task_state { SWISD_VIEW_TASK_NONE, SWISD_VIEW_TASK_WAITING, SWISD_VIEW_TASK_READY, SWISD_VIEW_TASK_RUNNING };
/* A task queued or running on this node. */
struct swisd_view_task {
  enum swisd_view_task_state state; /* NONE: a free slot; WAITING: for inputs */
  struct swisd_task_key key;
  swisd_shard_id shard;
  uint64_t cost_ns;  /* what it should take here */
  uint64_t since_ns; /* when it came or, RUNNING, was started */
};
bool swisd_view_task(const struct swisd_node *node, uint32_t index, struct swisd_view_task *out);

/* This node's own speeds, as measured. */
void swisd_view_speeds(const struct swisd_node *node, swisd_log_rate rates[SWISD_KERNEL_COUNT],
                       uint32_t samples[SWISD_KERNEL_COUNT]);

#endif
