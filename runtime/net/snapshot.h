/* A snapshot of a node: everything that is to be seen of it at one moment, copied out of the core and of the parts of the peer,
 * so that pages, metrics and tables are made of plain data. Ages and times left are in nanoseconds from that moment. */
#ifndef SWISD_NET_SNAPSHOT_H
#define SWISD_NET_SNAPSHOT_H

#include "kernels/model.h"
#include "runtime/core/view.h"
#include "runtime/net/ledger.h"
#include "runtime/net/peer.h"

struct swisd_snapshot_member {
  struct swisd_id id;
  enum swisd_member_state state;
  bool self, works;
  uint32_t incarnation;
  struct swisd_address address;
  uint64_t age_ns;     /* in that state */
  uint64_t rtt_ns;     /* 0: not measured */
  uint64_t dead_in_ns; /* of a suspect; else SWISD_NEVER */
  uint8_t accuser_count;
  struct swisd_id accusers[SWISD_VIEW_ACCUSERS_MAX];
  uint64_t flops_per_s[SWISD_KERNEL_COUNT]; /* as it says itself */
  uint8_t holding_count;
  swisd_shard_id holdings[SWISD_HOLDINGS_MAX];
};

struct swisd_snapshot_model {
  swisd_model_id id;
  char name[SWISD_MODEL_NAME_MAX]; /* empty: its manifest is not here */
  uint8_t shard_count;
  struct swisd_view_shard shards[SWISD_MODEL_SHARDS_MAX];
};

struct swisd_snapshot_job {
  struct swisd_view_job view;
  char model_name[SWISD_MODEL_NAME_MAX];
  char step_names[SWISD_STEPS_MAX][SWISD_MODEL_NAME_MAX];
  struct swisd_view_lane lanes[SWISD_LANES_MAX];
};

/* A worker of this node's jobs, and what it has done for those the ledger remembers. */
struct swisd_snapshot_partner {
  struct swisd_view_partner view;
  uint64_t accepted, accepted_items, accepted_flops;
};

/* A job that the ledger remembers: running, ended, or of somebody else. */
struct swisd_snapshot_past {
  struct swisd_job_id id;
  bool own;
  bool running; /* of somebody else: its lease stands */
  uint64_t number;
  enum swisd_ledger_outcome outcome;
  int failure;
  uint64_t age_ns, idle_ns; /* since it was first and last heard of (its end, once it has ended) */
  uint32_t worker_count;
  uint64_t tasks, items, flops, computed, computed_ns; /* accepted; computed here */
};

struct swisd_snapshot {
  struct swisd_id id;
  const char *name, *class_name, *kernels; /* the peer's; the first two may be NULL */
  struct swisd_address address;
  uint64_t now_ns;
  struct swisd_peer_status status;
  struct swisd_ledger_totals totals;
  uint64_t flops_per_s[SWISD_KERNEL_COUNT]; /* of this node, as measured */
  uint32_t samples[SWISD_KERNEL_COUNT];
  uint32_t member_count, model_count, partner_count, job_count, served_count, task_count, past_count;
  struct swisd_snapshot_member *members; /* the first is the node itself */
  struct swisd_snapshot_model *models;
  struct swisd_snapshot_partner *partners;
  struct swisd_snapshot_job *jobs; /* of this node */
  struct swisd_view_served *served;
  struct swisd_view_task *tasks;
  struct swisd_snapshot_past past[SWISD_LEDGER_JOBS_MAX]; /* newest first */
};

/* NULL when memory is out. */
struct swisd_snapshot *swisd_snapshot_take(const struct swisd_peer *peer);
void swisd_snapshot_free(struct swisd_snapshot *snapshot); /* NULL is nothing */

/* The status as members of the JSON object that is open in `json`. */
struct swisd_json;
void swisd_snapshot_print(const struct swisd_snapshot *snapshot, struct swisd_json *json);

const char *swisd_snapshot_table_name(int table); /* of enum swisd_table: "members" */
const char *swisd_kernel_class_name(int kernel);  /* "conv", "dense", "attention" */
const char *swisd_member_state_name(enum swisd_member_state state);
const char *swisd_ledger_outcome_name(const struct swisd_snapshot_past *past); /* "running", "answered", "failed", "over" */

/* A job's name: the first 8 hexadecimal digits of its submitter, its incarnation and the count, as in "3fa2b1c4-1.7". */
enum { SWISD_JOB_NAME_BYTES = 40 };
void swisd_job_name(struct swisd_job_id id, char name[SWISD_JOB_NAME_BYTES]);

#endif
