/* What happened inside a node, as typed records: the REPORT of each step. Text is made of them in one place
 * (runtime/wire/trace_text.c); metrics, figures and the tests' stories are fed by the same records. */
#ifndef SWISD_CORE_TRACE_H
#define SWISD_CORE_TRACE_H

#include "runtime/core/types.h"

/* Numbers are in recordings: append only. */
enum swisd_trace_kind {
  /* membership; subject = the member, value = its incarnation */
  SWISD_TRACE_MEMBER_ALIVE = 1,
  SWISD_TRACE_MEMBER_SUSPECT = 2, /* peer = who says so */
  SWISD_TRACE_MEMBER_DEAD = 3,
  SWISD_TRACE_MEMBER_LEFT = 4,
  SWISD_TRACE_REFUTED = 5, /* own suspicion; value = the new incarnation */
  SWISD_TRACE_PROBE_FAILED = 6,
  SWISD_TRACE_LOCAL_HEALTH = 7, /* value = the multiplier */
  /* placement; shard */
  SWISD_TRACE_SHARD_WANTED = 10, /* peer = from whom it is fetched */
  SWISD_TRACE_SHARD_HELD = 11,
  SWISD_TRACE_SHARD_FAILED = 12, /* value = -status */
  SWISD_TRACE_SHARD_DROPPED = 13,
  SWISD_TRACE_MODEL_KNOWN = 14, /* shard = the model's id; value = its shard count */
  /* the submitter's side; key and peer = the worker; value as said */
  SWISD_TRACE_JOB_SUBMITTED = 20, /* value = number */
  SWISD_TRACE_JOB_ANSWERED = 21,
  SWISD_TRACE_JOB_FAILED = 22,    /* value = -status */
  SWISD_TRACE_TASK_ISSUED = 23,   /* value = flops */
  SWISD_TRACE_TASK_HEDGED = 24,   /* issued once more, the first copy being overdue; value = flops */
  SWISD_TRACE_TASK_REISSUED = 25, /* issued once more, the worker being gone; value = flops */
  SWISD_TRACE_TASK_CHECKING = 26,
  SWISD_TRACE_TASK_ACCEPTED = 27,  /* value = flops; key.lo..hi is the accepted part */
  SWISD_TRACE_TASK_DUPLICATE = 28, /* value = flops */
  SWISD_TRACE_TASK_LOST = 29,      /* value = flops */
  SWISD_TRACE_TASK_REJECTED = 30,  /* value = flops */
  SWISD_TRACE_TASK_CANCELLED = 31, /* value = flops */
  SWISD_TRACE_TASK_REPLAYED = 32,  /* accepted work whose output was lost with its worker, or state rebuilt; value = flops */
  SWISD_TRACE_TASK_NACKED = 33,    /* value = reason */
  SWISD_TRACE_WORKER_OVERDUE = 34,
  SWISD_TRACE_WORKER_GONE = 35,
  SWISD_TRACE_SESSION_MOVED = 36, /* a stateful step has a new primary; value = the new epoch */
  SWISD_TRACE_WORKER_SILENT = 37, /* it was asked and did not answer; value = ns since it was last heard */
  SWISD_TRACE_WORKER_SPEAKS = 38, /* a silent one was heard again; value = ns since it was first asked */
  /* the worker's side; key and peer = the submitter */
  SWISD_TRACE_TASK_QUEUED = 40,
  SWISD_TRACE_TASK_STARTED = 41,
  SWISD_TRACE_TASK_COMPUTED = 42, /* value = elapsed ns */
  SWISD_TRACE_TASK_REFUSED = 43,  /* value = reason */
  SWISD_TRACE_JOB_EXPIRED = 44,   /* the lease ran out */
  SWISD_TRACE_TABLE_FULL = 50,    /* value = enum swisd_table */
};

enum swisd_table {
  SWISD_TABLE_MEMBERS = 1,
  SWISD_TABLE_RUMOURS = 2,
  SWISD_TABLE_MODELS = 3,
  SWISD_TABLE_JOBS = 4,
  SWISD_TABLE_INTERVALS = 5,
  SWISD_TABLE_WORKERS = 6,
  SWISD_TABLE_OPEN_JOBS = 7,
  SWISD_TABLE_QUEUE = 8,
  SWISD_TABLE_OUTPUTS = 9,
  SWISD_TABLE_SEGMENTS = 10,
  SWISD_TABLE_FETCHES = 11,
  SWISD_TABLE_COUNT = 12,
};

struct swisd_trace {
  uint64_t time_ns;
  uint8_t kind;            /* enum swisd_trace_kind */
  struct swisd_id peer;    /* the other node concerned, zero if none */
  struct swisd_id subject; /* the member a membership record speaks of */
  struct swisd_task_key key;
  swisd_shard_id shard;
  uint64_t value;
};

#endif
