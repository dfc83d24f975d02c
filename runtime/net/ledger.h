/* The ledger: what the core's traces say, summed up, and why tasks went where they went.
 *
 * Fed with the traces of each step, before the next one. It keeps counters per kind of trace (for metrics); for each of the
 * latest jobs what every worker got and what came of it; the latest decisions, each with its reason and with what stood in the
 * way of the workers that were not chosen; and the latest traces worth telling (copies, refusals, losses, moves). All of it is
 * bounded: the oldest give way. It never changes what the node does. */
#ifndef SWISD_NET_LEDGER_H
#define SWISD_NET_LEDGER_H

#include "runtime/core/trace.h"

struct swisd_ledger;
struct swisd_node;

enum {
  SWISD_LEDGER_JOBS_MAX = 24,    /* own and others', the ended ones too */
  SWISD_LEDGER_WORKERS_MAX = 64, /* of one job; the rest is summed up in `others` */
  SWISD_LEDGER_DECISIONS_MAX = 512,
  SWISD_LEDGER_EVENTS_MAX = 512,
  SWISD_LEDGER_ALTERNATIVES_MAX = 6,
  SWISD_LEDGER_KINDS = 64, /* of traces */
};

/* What a worker had to do with a job. Tasks are counted, items and FLOP summed. */
struct swisd_ledger_worker {
  struct swisd_id id;
  uint64_t issued, hedged, reissued; /* given: first copies; copies because another was overdue; because another was lost */
  uint64_t accepted, accepted_items, accepted_flops;
  uint64_t duplicate, lost, rejected, cancelled, replayed; /* what else became of them */
  uint64_t busy, refused;                 /* it had no room for the moment; it could not or would not, for another reason */
  uint64_t sessions;                      /* stateful steps that were moved to it */
  uint64_t queued, computed, computed_ns; /* of a job of others: this node's part */
  uint64_t first_ns, last_ns;             /* of all this */
};

enum swisd_ledger_outcome { SWISD_LEDGER_OPEN, SWISD_LEDGER_ANSWERED, SWISD_LEDGER_FAILED, SWISD_LEDGER_EXPIRED };

struct swisd_ledger_job {
  struct swisd_job_id id; /* submitter zero: a free entry */
  bool own;               /* submitted here */
  uint64_t number;        /* own: the driver's name of it */
  enum swisd_ledger_outcome outcome;
  int failure; /* FAILED: enum swisd_status */
  uint64_t start_ns, end_ns;
  uint32_t worker_count;
  struct swisd_ledger_worker workers[SWISD_LEDGER_WORKERS_MAX], others;
};

enum swisd_ledger_reason {
  SWISD_LEDGER_ASKED = 1,   /* it asked for work (a credit), and of all it holds this lane had most of it ready */
  SWISD_LEDGER_OVERDUE = 2, /* a copy: the worker that has it is overdue, and this one would be done first */
  SWISD_LEDGER_LOST = 3,    /* again: whoever had it is gone, refused or was wrong, and this one would be done first */
  SWISD_LEDGER_PINNED = 4,  /* a step with state runs where its state is */
};

/* Why another worker that holds the shard was not chosen. */
enum swisd_ledger_obstacle {
  SWISD_LEDGER_BUSY = 1,     /* it has not asked for more than it was given */
  SWISD_LEDGER_NOT_HERE = 2, /* dead, left */
  SWISD_LEDGER_SUSPECT = 3,
  SWISD_LEDGER_IS_OVERDUE = 4,
  SWISD_LEDGER_BLOCKED = 5, /* it refused lately, or was wrong */
  SWISD_LEDGER_LATER = 6,   /* it could have had it, too */
};

struct swisd_ledger_alternative {
  struct swisd_id id;
  enum swisd_ledger_obstacle obstacle;
  uint64_t free_at_ns; /* when its last task should come back; 0: it has none */
};

struct swisd_ledger_decision {
  uint64_t time_ns; /* 0: none */
  struct swisd_task_key key;
  swisd_shard_id shard;
  struct swisd_id worker;
  enum swisd_ledger_reason reason;
  struct swisd_id instead_of; /* OVERDUE: the worker that is overdue */
  uint64_t due_ns;            /* when its result should come */
  uint64_t ready_items;       /* of the lane, behind this task */
  uint16_t holders;           /* workers that hold the shard, the chosen one included */
  uint16_t alternative_count; /* of the others, at most SWISD_LEDGER_ALTERNATIVES_MAX are kept */
  struct swisd_ledger_alternative alternatives[SWISD_LEDGER_ALTERNATIVES_MAX];
};

/* NULL when memory is out. `self`: of whose traces it is. */
struct swisd_ledger *swisd_ledger_open(struct swisd_id self);
void swisd_ledger_close(struct swisd_ledger *ledger); /* NULL is nothing */

/* The traces of the step just taken; `dropped`: how many did not fit. */
void swisd_ledger_traces(struct swisd_ledger *ledger, const struct swisd_node *node, const struct swisd_trace *traces,
                         uint32_t count, uint64_t dropped);

struct swisd_ledger_totals {
  uint64_t count[SWISD_LEDGER_KINDS]; /* by enum swisd_trace_kind */
  uint64_t value[SWISD_LEDGER_KINDS]; /* the sum of `value`: FLOP, or of COMPUTED nanoseconds */
  uint64_t items_accepted;
  uint64_t refused_busy; /* of TASK_REFUSED: for lack of room */
  uint64_t traces_dropped;
};
const struct swisd_ledger_totals *swisd_ledger_totals(const struct swisd_ledger *ledger);

/* Entry `index` < SWISD_LEDGER_JOBS_MAX; may be free. Valid until the next step. */
const struct swisd_ledger_job *swisd_ledger_job(const struct swisd_ledger *ledger, uint32_t index);
const struct swisd_ledger_job *swisd_ledger_find(const struct swisd_ledger *ledger, struct swisd_job_id id); /* NULL: unknown */

/* The latest ones of a job, newest first: start with *cursor = 0; NULL at the end. */
const struct swisd_ledger_decision *swisd_ledger_decision(const struct swisd_ledger *ledger, struct swisd_job_id job,
                                                          uint32_t *cursor);
/* The same for traces worth telling; of whole workers (overdue, gone) those that were told while the job ran. */
const struct swisd_trace *swisd_ledger_event(const struct swisd_ledger *ledger, struct swisd_job_id job, uint32_t *cursor);

#endif
