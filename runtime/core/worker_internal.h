/* The worker's tables, shared by worker.c (messages, leases, credits) and queue.c (tasks). */
#ifndef SWISD_CORE_WORKER_INTERNAL_H
#define SWISD_CORE_WORKER_INTERNAL_H

#include "runtime/core/internal.h"
#include "runtime/core/rate.h"

/* A job of somebody else (or of this node) that may bring work. */
struct swisd_open_job {
  bool used;
  uint8_t credits; /* granted and not yet used */
  uint8_t lane_count;
  bool backlog; /* some lane held here has ready work */
  bool granted; /* its task bodies may come */
  struct swisd_job_id id;
  swisd_model_id model;
  uint64_t lease_deadline_ns, credit_deadline_ns;
  uint64_t served_flops;            /* least served first */
  uint16_t queued;                  /* its tasks here */
  uint64_t touched_ns;              /* when it came, or a task of it came or ended */
  uint32_t epochs[SWISD_STEPS_MAX]; /* the highest seen: an older one is fenced off */
  swisd_shard_id shards[SWISD_OPEN_LANES_MAX];
};

enum swisd_queued_state { SWISD_QUEUED_FREE = 0, SWISD_QUEUED_WAITING, SWISD_QUEUED_READY, SWISD_QUEUED_RUNNING };

/* Where one input of a queued task is. */
struct swisd_input {
  uint32_t ticket;      /* of the FETCH under way, 0 = none */
  uint64_t deadline_ns; /* of the FETCH */
  uint8_t extended;     /* how often the deadline was put off, because the owner lives */
  bool owned;           /* `body` was fetched or attached, or its owner has let it go: released with the task */
  bool here;
  struct swisd_body body; /* local */
  uint64_t body_lo, body_hi;
};

struct swisd_queued {
  uint8_t state;
  bool cancelled;
  uint64_t sequence; /* order of arrival */
  uint64_t cost_ns;
  uint64_t started_ns; /* until it is RUNNING: when it came */
  uint32_t ticket;     /* RUNNING */
  struct swisd_message_task task;
  struct swisd_input inputs[SWISD_SOURCES_MAX];
};

/* A result kept for later steps. */
struct swisd_output {
  bool used;
  struct swisd_job_id job;
  struct swisd_body body;
  uint64_t since_ns;
};

struct swisd_worker {
  struct swisd_open_job *jobs;
  struct swisd_queued *queue;
  struct swisd_output *outputs;
  struct swisd_speed speed[SWISD_KERNEL_COUNT];
  uint64_t sequence_next;
  uint16_t queued, running, output_count, fetching;
  uint16_t borrowed;          /* inputs of queued tasks that are here and not owned */
  uint64_t body_bytes;        /* inputs and outputs held */
  uint64_t task_ns;           /* what a task costs, on average; not rescues, which are small */
  uint64_t held_until_ns;     /* a slot is kept free for a rescue whose inputs are on their way; 0: none */
  uint64_t input_wait_ns;     /* from the arrival of a task until its inputs are here, lately */
  uint64_t submitters_rtt_ns; /* the longest round trip to one */
  uint64_t lease_due_ns;      /* the next lease or credit to look at */
  uint64_t grant_again_ns;    /* when the credits given so far will no longer keep others from getting one */
  uint8_t availability_percent;
  bool grant_due; /* look whether to grant credits */
  bool start_due; /* look whether to start tasks or fetches */
};

/* queue.c */
void swisd_queue_task(struct swisd_node *node, const struct swisd_event_message *event);
void swisd_queue_cancel(struct swisd_node *node, struct swisd_id from, const struct swisd_message_cancel *cancel);
bool swisd_queue_computed(struct swisd_node *node, const struct swisd_event_computed *event);
bool swisd_queue_fetched(struct swisd_node *node, const struct swisd_event_fetched *event);
void swisd_queue_drop_job(struct swisd_node *node, struct swisd_job_id job);
void swisd_queue_pump(struct swisd_node *node);
/* A body is to be released. When a queued task reads it, the body is that task's from now on, and the answer is true. */
bool swisd_queue_keeps(struct swisd_node *node, struct swisd_body body);
/* What a queued task has still to compute. */
uint64_t swisd_queued_left_ns(const struct swisd_node *node, const struct swisd_queued *queued);
/* Work of other jobs that runs before the next task of this one: before the first that is here, or else all there is and what
 * credits given lately to others may still bring. */
uint64_t swisd_queue_ahead_ns(const struct swisd_node *node, const struct swisd_open_job *job);
uint64_t swisd_queue_deadline_ns(const struct swisd_node *node);

/* worker.c */
struct swisd_open_job *swisd_open_job_find(struct swisd_node *node, struct swisd_job_id id);
/* Whose turn it is for a credit; NULL when nobody's. */
struct swisd_open_job *swisd_worker_next_grant(struct swisd_node *node);
/* Gives up the output that has been kept longest, if that is long enough; false when none is. */
bool swisd_worker_evict(struct swisd_node *node);
/* The work that credits given lately to other jobs than `except` may still become. */
uint64_t swisd_worker_promised_ns(const struct swisd_node *node, const struct swisd_open_job *except);
void swisd_worker_granted(struct swisd_node *node, struct swisd_open_job *job);

#endif
