/* The submitter's state, and the graph of a job: which items of which step can run, where their inputs lie, what becomes
 * of an output that has been used or lost. Nothing here sends a task; dispatch.c does.
 *
 * Accounting: each issue's work ends in exactly one class (struct swisd_job_account). Work that was accepted, and whose
 * output then went away with its worker before anybody used it, moves from `accepted` to `replayed`. */
#ifndef SWISD_CORE_JOB_H
#define SWISD_CORE_JOB_H

#include "runtime/core/internal.h"
#include "runtime/core/interval.h"
#include "runtime/core/rate.h"
#include "runtime/core/uplink.h"

/* One execution of a piece by one worker. */
struct swisd_issue {
  uint16_t next, previous; /* in its partner's list, in the order expected; 0 = none. `next` chains the free ones */
  uint16_t partner;        /* 0: free */
  uint16_t attempt;
  uint16_t cut_off; /* the silent partner at whom an input lies: its worker is to be told; 0: none */
  uint8_t job, step, lane;
  uint8_t kernel;
  bool front;     /* a rescue, or stateful: ahead of its worker's queue */
  bool hedge;     /* a copy of a piece that is under way elsewhere */
  bool rescued;   /* overdue: copies of it have been asked for */
  bool replay;    /* rebuilds state */
  bool cancelled; /* a CANCEL has been sent, or its session moved: whatever it brings is no longer awaited */
  uint32_t epoch;
  uint64_t lo, hi, flops;
  uint64_t bytes; /* of its inputs, as far as they come from this node's uplink */
  uint64_t issued_ns, cost_ns;
  uint64_t ready_ns;    /* when it could have started at the earliest, and its answer have come if it cost nothing */
  uint64_t expected_ns; /* when its answer should come */
};

/* A worker, as this submitter knows it. */
struct swisd_partner {
  struct swisd_id id; /* zero: a free slot */
  bool here;          /* the member is up */
  bool suspect;
  bool overdue;
  bool silent;      /* asked, and no answer: nothing that lies there can be had */
  bool keeps;       /* outputs may lie there */
  uint8_t asks;     /* unanswered */
  uint8_t credits;  /* unused */
  uint8_t rescues;  /* RESCUE issues under way */
  uint8_t distrust; /* times that it was blocked for a wrong result, since its latest right one */
  uint8_t sessions; /* stateful steps pinned to it */
  uint8_t holding_count;
  swisd_shard_id holdings[SWISD_HOLDINGS_MAX];
  uint16_t issue_first, issue_last, issue_count;
  uint64_t credit_deadline_ns;
  uint64_t blocked_until_ns; /* after NACK_BUSY, distrust, or a link that broke: */
  uint64_t cut_until_ns;     /* the same moment, when it is the broken link that blocks it */
  uint64_t open_sent_ns;     /* the last JOB_OPEN; 0 = never */
  uint64_t heard_ns;         /* its latest message, or when it was given work after having had none */
  uint64_t asked_ns;         /* the first of the unanswered questions */
  uint64_t answer_ns;        /* how long an answer may take; grows when one came later, see silence.c; 0: not learnt */
  uint64_t anchor_ns;        /* when the first of its issues is believed to have started */
  uint64_t others_ns;        /* work of other submitters ahead of ours, as last reported */
  uint64_t late_ns;          /* how late its results have come lately, beyond computing: links, inputs fetched */
  bool granted;              /* it may send result bodies */
  struct swisd_speed speed[SWISD_KERNEL_COUNT];
};

/* A stateful step: pinned to one partner at a time. */
struct swisd_session {
  uint16_t partner; /* 0: none */
  uint16_t issue;   /* the one under way, 0: none */
  uint32_t epoch;
  uint64_t state_items; /* positions the pinned worker has */
};

enum swisd_job_phase { SWISD_JOB_FREE = 0, SWISD_JOB_OPEN_PHASE, SWISD_JOB_CLOSED };

struct swisd_job {
  uint8_t phase;
  bool last;    /* no more items will come */
  bool repair;  /* outputs were lost: walk the graph */
  bool delayed; /* the repair makes good for a fault: what it makes ready goes first */
  bool starved; /* the pool ran short: promote again when there is room */
  bool waiting; /* results wait for room to be checked */
  bool closing; /* its workers are being told, from `close_next` on */
  uint16_t close_next;
  uint8_t sink;
  uint64_t number;
  struct swisd_job_id id;
  uint64_t items, input_items; /* TOKENS: items grow past the input's */
  uint64_t admitted;           /* items below may enter the pipeline */
  uint64_t window;             /* of items between the answer and `admitted`, where tables are too small for more; 0: no bound */
  uint64_t progress_ns;        /* the latest acceptance */
  uint64_t flops_per_item;     /* of all lanes together */
  uint64_t submitted_ns;
  uint64_t orphan_since_ns; /* since when some unfinished shard has had no live holder to trust; SWISD_NEVER = none */
  uint64_t relieved_ns;     /* when room was last made */
  uint64_t refused_ns;      /* when a worker last had no room for it */
  uint64_t merging;         /* lanes with a CONCAT under way */
  uint16_t attempt_next;
  uint8_t disputes;                    /* see witness.h */
  uint16_t consumers[SWISD_STEPS_MAX]; /* bit s: step s takes this step's output */
  uint16_t feeds_state;                /* bit s: a stateful step takes the output of step s */
  struct swisd_lane lanes[SWISD_LANES_MAX];
  struct swisd_session sessions[SWISD_STEPS_MAX];
  struct swisd_job_account account;
  struct swisd_job_spec spec;
};

/* A piece of a job's input. */
struct swisd_segment {
  bool used;
  uint8_t job;
  uint64_t lo, hi;
  struct swisd_body body;
};

/* A CHECK, COMMIT or CONCAT under way. */
struct swisd_pending_check {
  uint32_t ticket;
  uint8_t job, step, lane;
  uint8_t program; /* enum swisd_program */
  uint64_t number; /* CONCAT: of the job's id */
  uint64_t lo, hi;
  uint32_t witness; /* CHECK by a second opinion: the serial of what the result is compared with */
};

struct swisd_witness;

struct swisd_submitter {
  struct swisd_interval_pool pool;
  struct swisd_uplink uplink;
  struct swisd_job *jobs;
  struct swisd_segment *segments;
  struct swisd_issue *issues; /* 1 .. intervals_max */
  uint16_t issue_free;
  struct swisd_partner *partners;     /* 1 .. workers_max */
  uint16_t partner_count;             /* highest slot in use */
  uint64_t *masks;                    /* [partner * jobs_max + job]: the lanes whose shards it holds */
  uint64_t *overdue_ns;               /* [partner]: when its first issue is overdue; SWISD_NEVER when nothing is awaited */
  uint64_t *listen_ns;                /* [partner]: when to look whether it is silent; SWISD_NEVER when nobody needs it */
  uint16_t *partner_of_member;        /* [member index], 0 = none; valid when the ids agree */
  struct swisd_pending_check *checks; /* COMPUTEs under way: intervals_max */
  uint16_t check_count;
  uint16_t witness_count;
  uint32_t witness_serial;
  struct swisd_witness *witnesses; /* swisd_witness_max() */
  uint16_t credit_partners;        /* partners with unused credits */
  uint16_t silent_partners;
  uint16_t call_offs; /* issues to be called off */
  uint32_t job_counter;
  uint64_t rate_total; /* FLOP/s of all partners that are here */
  uint64_t open_due_ns, lapse_due_ns;
  int64_t hedge_tokens; /* FLOP that copies may still cost; a copy may overdraw them, the next then waits */
  bool work_arrived;    /* something became ready: look for partners with credits */
  bool open_scan;       /* look whose JOB_OPEN is due: each tick, and when there is a new partner or job */
  bool unfinished;      /* a pump stopped for lack of room */
};

static inline struct swisd_step_spec *swisd_job_step(struct swisd_job *job, uint32_t step) { return &job->spec.steps[step]; }
static inline uint64_t swisd_job_lane_flops(const struct swisd_job *job, uint32_t lane)
{
  return job->spec.lanes[lane].flops_per_item;
}
/* `lane` of a key counts within its step; this is its place in lanes[]. */
static inline uint32_t swisd_job_lane_index(const struct swisd_job *job, uint32_t step, uint32_t lane)
{
  return (uint32_t)job->spec.steps[step].lane_first + lane;
}

/* Whether only silent workers compute an ISSUED interval. */
static inline bool swisd_interval_is_cut_off(const struct swisd_submitter *sub, const struct swisd_interval *interval)
{
  for (uint32_t c = 0; c < interval->copy_count; c++)
    if (!sub->partners[sub->issues[interval->copies[c]].partner].silent)
      return false;
  return interval->copy_count > 0;
}

/* The open job of this id, and its slot; NULL if there is none. */
struct swisd_job *swisd_submitter_job(struct swisd_node *node, struct swisd_job_id id, uint8_t *slot);
/* The next stage of a result in CHECKING: verification, commitment, acceptance. */
void swisd_result_advance(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane, uint16_t interval, bool verified);

/* SWISD_OK, or SWISD_ERROR_INPUT for a spec that breaks a rule of jobspec.h. */
enum swisd_status swisd_job_validate(const struct swisd_job_spec *spec);
/* Fills a job from its spec; the slot must be FREE or CLOSED. */
void swisd_job_open(struct swisd_node *node, uint8_t slot, uint64_t number, const struct swisd_job_spec *spec);
/* Ends a job: releases every body, closes every session, and sends JOB_CLOSE to its workers. `status` goes to the driver. */
void swisd_job_finish(struct swisd_node *node, uint8_t slot, enum swisd_status status);

/* Whether `step` may take one more interval from the pool. Later steps have a reserve that earlier ones must not touch: what
 * they finish frees intervals, so a pool of any size drains towards the sink instead of filling up with half-done items. */
bool swisd_job_may_take(const struct swisd_node *node, const struct swisd_job *job, uint32_t step);

/* Makes READY whatever items of `step` within [lo, hi) are missing and have all their inputs. Urgent: a fault has delayed them,
 * they go first. */
void swisd_job_promote(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi, bool urgent);
/* Lets more items into the pipeline, as the window allows. */
void swisd_job_admit(struct swisd_node *node, uint8_t slot);
/* After losses: takes back what cannot run any more, and makes ready what can. */
void swisd_job_repair(struct swisd_node *node, uint8_t slot);

/* The sources of items [lo, hi) of a step. Fills at most `max` and returns the end of the range they serve: hi, or less when
 * they would be more, or lo when an input is missing. */
uint64_t swisd_job_sources(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi,
                           struct swisd_source *sources, uint8_t max, uint8_t *count);

/* A step of tokens has computed up to item `hi`: unless that was the end, there is one more item. Before its acceptance. */
void swisd_job_token(struct swisd_node *node, uint8_t slot, uint64_t hi, const struct swisd_inline *inlined);
/* Whether a source of `step` that lies on this node is still here. */
bool swisd_job_keeps(struct swisd_node *node, uint8_t slot, uint32_t step, const struct swisd_source *source);

/* An interval in CHECKING (or straight from ISSUED) is right: counts it, wakes its consumers, frees what it used up. */
void swisd_job_accept(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane, uint16_t interval);
/* Outputs kept by `owner` are gone (of one body, when `body` is not NULL). */
void swisd_job_outputs_lost(struct swisd_node *node, uint8_t slot, struct swisd_id owner, const struct swisd_body *body);
/* One output of `owner` could not be had: made again, and freed should it still be there. */
void swisd_job_output_given_up(struct swisd_node *node, uint8_t slot, struct swisd_id owner, struct swisd_body body);
/* Outputs kept by `owner` cannot be had for now: those that somebody is still to be given are made again. What has been issued
 * may have fetched them already: its worker will say. */
void swisd_job_outputs_away(struct swisd_node *node, uint8_t slot, struct swisd_id owner);
/* Whether items [lo, hi) of `step` are made of something that lies at `owner`. */
bool swisd_job_reads(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi, struct swisd_id owner);
/* Whether all that items [lo, hi) of `step` need is there. */
bool swisd_job_inputs_there(struct swisd_node *node, uint8_t slot, uint32_t step, uint64_t lo, uint64_t hi);
/* Whether outputs of an open job lie at `owner`. */
bool swisd_jobs_keep_at(const struct swisd_node *node, struct swisd_id owner);
/* The log of a session: outputs that feed a stateful step stay to the end of the job. Merges adjacent ones of `lane`, in
 * tiers of four, into one body, so that n positions take about 4 log4(n) intervals. */
void swisd_log_merge(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane);
/* A CONCAT of items [lo, hi) has ended; takes its body. */
void swisd_log_merged(struct swisd_node *node, const struct swisd_pending_check *check, const struct swisd_event_computed *event);

/* Whether another interval of the lane still needs the body of this one. */
bool swisd_job_body_in_use(const struct swisd_node *node, struct swisd_lane *lane, uint16_t except);
/* Takes an acceptance back: its work is done again. The output is neither freed nor awaited any more. */
void swisd_job_unaccept(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t interval);

/* relief.c: what gives way when a table is full. */
/* Frees an interval of the pool for `item` of this job, at the cost of its highest items; false when there is none. */
bool swisd_job_give_way(struct swisd_node *node, uint8_t slot, uint64_t item);
/* Whether the next answer waits for this item: no reserve is kept from it. */
bool swisd_job_goes_first(const struct swisd_node *node, uint8_t slot, uint64_t item);
/* Whether so few intervals are left that only such items may be computed: the others' results, one here and one there, would
 * take what is left, and cannot be given up again once they are part of the answer. */
bool swisd_job_is_cramped(const struct swisd_node *node);
/* Whether a job stands still for want of room, here or at its workers: then it makes room, or fails. Now and then. */
void swisd_job_relieve(struct swisd_node *node, uint8_t slot);
/* Items that must be in the pipeline together for the lowest to come out: itself and what lies within reach of its halos. */
uint64_t swisd_job_least_window(const struct swisd_job *job);
/* The first item that is not answered. */
uint64_t swisd_job_first_open(const struct swisd_node *node, uint8_t slot);

/* Frees an output wherever it lies. */
void swisd_job_free_output(struct swisd_node *node, uint8_t slot, struct swisd_id owner, struct swisd_body body);

/* Work left, in FLOP. */
uint64_t swisd_job_flops_left(const struct swisd_job *job);
/* Trace record of a piece of work. */
struct swisd_trace *swisd_job_trace(struct swisd_node *node, const struct swisd_job *job, enum swisd_trace_kind kind,
                                    uint32_t step, uint32_t lane, uint64_t lo, uint64_t hi);

#endif
