/* What the files of the driver share. Private to sim. */
#ifndef SWISD_SIM_SIMDRIVER_INTERNAL_H
#define SWISD_SIM_SIMDRIVER_INTERNAL_H

#include "kernels/program.h"
#include "sim/simbodies.h"
#include "sim/simdriver.h"
#include "sim/simmodel.h"

enum {
  SWISD_SIM_DISK_SHARDS_MAX = 64,
  SWISD_SIM_SMALL_BODY_BYTES = 16384, /* up to this a body travels with its message through the queue */
  SWISD_SIM_REQUEST_BYTES = 120,      /* of a FETCH on the wire */
};
/* A stream that cannot go on (a partition) tries again this often, and gives up after this long. */
#define SWISD_SIM_RETRY_NS (200 * SWISD_MILLISECOND)
#define SWISD_SIM_GIVE_UP_NS (8 * SWISD_SECOND)

/* Kinds of events, besides the backend's. */
enum swisd_sim_kind {
  SWISD_SIM_START = SWISD_SIM_KIND_FIRST,
  SWISD_SIM_DEADLINE,    /* number: when it was armed for; another one is stale */
  SWISD_SIM_COMPUTED,    /* number: ticket of a program that took no slot */
  SWISD_SIM_REQUEST,     /* at the owner; peer = who fetches, number = its ticket, turn = the fetcher's */
  SWISD_SIM_FETCHED,     /* number: ticket */
  SWISD_SIM_PROGRESS,    /* number: ticket */
  SWISD_SIM_UNREACHABLE, /* peer */
  SWISD_SIM_EXIT,        /* a leaving process ends */
  SWISD_SIM_FEED,        /* number: a job with room for more input */
  /* not of a node's process */
  SWISD_SIM_STALLED,    /* bytes: a flight whose way is blocked; node = to */
  SWISD_SIM_CHURN,      /* node */
  SWISD_SIM_FAULT,      /* number: index of the fault */
  SWISD_SIM_FAULT_OVER, /* the same */
  SWISD_SIM_SUBMIT,     /* node: a submitter */
};

/* What a job of the backend is for. First member of each. */
enum swisd_sim_operation_kind { SWISD_SIM_COMPUTING, SWISD_SIM_FETCHING, SWISD_SIM_CARRYING };
struct swisd_sim_operation {
  uint8_t kind;
  struct swisd_sim_job *job; /* NULL: not under way in the backend */
};

/* One COMPUTE. */
struct swisd_sim_computing {
  struct swisd_sim_operation operation;
  struct swisd_sim_computing *next;
  struct swisd_action_compute action;
  struct swisd_sim_blob *sources[SWISD_SOURCES_MAX];
  uint64_t started_ns;
  bool cancelled;
};

/* One FETCH. */
struct swisd_sim_fetching {
  struct swisd_sim_operation operation;
  struct swisd_sim_fetching *next;
  struct swisd_action_fetch action;
  bool shard, ending;
  uint32_t from;
  uint64_t since_ns; /* of the request */
  enum swisd_status status;
  struct swisd_sim_blob *blob; /* of a body */
};

/* A message on its way. With `wire: full` behind it lies its encoding, otherwise the used part of the struct. */
struct swisd_sim_flight {
  struct swisd_sim_operation operation;
  uint32_t from, to, to_turn, from_turn;
  uint32_t bytes;      /* behind this struct */
  uint32_t wire_bytes; /* encoded, without the body */
  bool datagram, packed;
  uint64_t since_ns;
  struct swisd_sim_blob *body;
  _Alignas(16) unsigned char content[];
};

/* The state of a stateful step of a job. */
struct swisd_sim_session {
  struct swisd_sim_session *next;
  struct swisd_job_id job;
  uint8_t step, lane;
  uint32_t epoch;
  uint64_t length;
  struct swisd_session *real; /* NULL: modelled */
};

/* A device or a submitter. */
struct swisd_sim_device {
  const struct swisd_scenario_class *device_class; /* NULL: a submitter */
  struct swisd_config config;
  struct swisd_node *node; /* memory for one, always there */
  uint32_t turn;           /* counts the lives of its process */
  bool running, started, frozen, leaving;
  uint16_t link;                          /* index in the scenario's, or SWISD_SCENARIO_NO_LINK */
  double flops_per_s[SWISD_KERNEL_COUNT]; /* of one slot; a submitter: 0 */
  double slow;                            /* times slower */
  double lies;                            /* share of its results that are wrong */
  bool disk_full;                         /* stores no further shard */
  uint32_t cuts;                          /* faults that keep it out of reach of everybody */
  uint64_t partitions[3];                 /* by enum swisd_fault_way: bit sets of the partition faults that it is in */
  uint64_t clock_ns;                      /* what its clock is ahead of the simulation's */
  uint64_t deadline_ns;                   /* armed for; SWISD_NEVER: not */
  uint64_t frozen_since_ns;
  uint64_t steps_now_ns; /* how many steps at one instant: a node that never rests is stuck */
  uint32_t steps_now;
  struct swisd_philox loss, jitter, lie;

  uint32_t incarnation; /* persisted, like the disk */
  uint32_t disk_count;
  swisd_shard_id disk[SWISD_SIM_DISK_SHARDS_MAX];

  struct swisd_sim_bodies bodies;
  struct swisd_sim_computing *computing;
  struct swisd_sim_fetching *fetching;
  struct swisd_sim_session *sessions;

  struct swisd_sim_event *held; /* while frozen: what waits in its kernel's buffers */
  uint32_t held_count, held_capacity;

  struct swisd_scenario_churn churn;
  bool down_by_churn, down_by_fault;
  bool told_suspect, told_dead; /* since it last came or went: the log wants the first voice only */
  FILE *record;
};

/* A job of a submitter. */
struct swisd_sim_run_job {
  uint64_t number;
  uint64_t items, given, answered;   /* tokens: items = the bound */
  uint64_t block_items, *block_left; /* input is appended in blocks; unanswered items of each */
  uint32_t blocks;                   /* that have some left */
  bool submitted, ended;
  enum swisd_status status;
  uint64_t start_ns, end_ns;
  struct swisd_job_account account; /* when it ended */
  uint8_t *answer;                  /* real: rows, or tokens */
  uint64_t answer_bytes, answer_tokens;
};

struct swisd_sim_submitter {
  uint32_t job_next; /* of jobs[]: to be submitted next */
  struct swisd_philox arrivals;
  struct swisd_sim_run_job *jobs;
};

struct swisd_simdriver {
  struct swisd_sim_handler handler;      /* first */
  const struct swisd_scenario *scenario; /* `unrolled` */
  const struct swisd_scenario *file;     /* the caller's, as it was read */
  struct swisd_scenario unrolled;        /* of this repeat */
  struct swisd_simdriver_options options;
  struct swisd_sim *sim;
  struct swisd_sim_host *hosts, *sites;
  struct swisd_sim_device *devices;
  uint32_t device_count, submitter_count, node_count;
  struct swisd_sim_model model;
  bool packed;             /* wire: full */
  double *link_loss;       /* of each link, now */
  uint32_t *fault_devices; /* room for a list */
  uint8_t *linked;         /* bit [a * node_count + b]: a stream between them has been used since both started */

  struct swisd_sim_submitter *submitters;
  uint32_t jobs_each, jobs_left;
  uint8_t *inputs; /* real: the items of the data, one after another */
  uint64_t input_count;

  struct swisd_runlog *log;
  uint64_t digest, steps;
  uint64_t messages, message_bytes, bodies, body_bytes, hedges, reissues, departures, returns, wrong_items;
  uint64_t first_submit_ns, last_answer_ns;
  uint64_t end_ns;
  struct swisd_error error; /* of a recording */
  bool failed;

  struct swisd_message message; /* unpacked */
  struct swisd_actions actions;
};

/* ---- simdriver.c ---- */
static inline uint64_t swisd_sim_hash(uint64_t hash, uint64_t value)
{
  hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
  return hash ^ hash >> 32;
}
struct swisd_id swisd_simdriver_id(const struct swisd_simdriver *d, uint32_t node);
uint32_t swisd_simdriver_index(const struct swisd_simdriver *d, struct swisd_id id); /* node_count: none of ours */
void swisd_simdriver_step(struct swisd_simdriver *d, uint32_t node, const struct swisd_event *event);
/* An event of `node`'s present life. */
void swisd_simdriver_at(struct swisd_simdriver *d, uint64_t time_ns, uint32_t kind, uint32_t node, uint32_t peer,
                        uint64_t number);
struct swisd_address swisd_simdriver_address(uint32_t node);
static inline uint64_t swisd_simdriver_now(const struct swisd_simdriver *d) { return swisd_sim_now_ns(d->sim); }
/* A time of the simulation on the scenario's clock, which the log uses; what comes before its beginning counts as 0. */
static inline uint64_t swisd_simdriver_since(const struct swisd_simdriver *d, uint64_t time_ns)
{
  return time_ns > d->options.settle_ns ? time_ns - d->options.settle_ns : 0;
}

/* ---- simlife.c: processes come and go ---- */
void swisd_simlife_prepare(struct swisd_simdriver *d); /* what the scenario will do */
void swisd_simlife_start(struct swisd_simdriver *d, uint32_t node);
void swisd_simlife_exit(struct swisd_simdriver *d, uint32_t node); /* after it has left */
void swisd_simlife_churn(struct swisd_simdriver *d, uint32_t node);
void swisd_simlife_fault(struct swisd_simdriver *d, uint32_t index, bool over);
void swisd_simlife_hold(struct swisd_simdriver *d, const struct swisd_sim_event *event); /* until it thaws */
void swisd_simlife_discard(struct swisd_sim_event *event);                               /* gives back what an event owns */
void swisd_simlife_free(struct swisd_simdriver *d, uint32_t node);

/* ---- simnetwork.c: messages ---- */
void swisd_simnetwork_send(struct swisd_simdriver *d, uint32_t from, const struct swisd_action_send *send);
void swisd_simnetwork_arrive(struct swisd_simdriver *d, const struct swisd_sim_event *event);
void swisd_simnetwork_stalled(struct swisd_simdriver *d, const struct swisd_sim_event *event);
void swisd_simnetwork_carried(struct swisd_simdriver *d, struct swisd_sim_flight *flight); /* with its body, to its end */
void swisd_simnetwork_cut(struct swisd_simdriver *d, struct swisd_sim_flight *flight); /* its job was cancelled: way blocked */
void swisd_simnetwork_drop(struct swisd_sim_flight *flight);
void swisd_simnetwork_reset(struct swisd_simdriver *d, uint32_t node); /* its process died: peers hear of it */
void swisd_simnetwork_unreachable(struct swisd_simdriver *d, uint32_t node, uint32_t turn, uint32_t peer);
bool swisd_simnetwork_open(const struct swisd_simdriver *d, uint32_t a, uint32_t b);        /* no partition between them */
bool swisd_simnetwork_reaches(const struct swisd_simdriver *d, uint32_t from, uint32_t to); /* this way */

/* ---- simtransfer.c: fetches ---- */
void swisd_simtransfer_start(struct swisd_simdriver *d, uint32_t node, const struct swisd_action_fetch *fetch, bool shard);
void swisd_simtransfer_request(struct swisd_simdriver *d, const struct swisd_sim_event *event);
void swisd_simtransfer_fetched(struct swisd_simdriver *d, uint32_t node, uint32_t ticket);
void swisd_simtransfer_progress(struct swisd_simdriver *d, uint32_t node, uint32_t ticket);
bool swisd_simtransfer_cancel(struct swisd_simdriver *d, uint32_t node, uint32_t ticket);
/* Its source died, or (not `now`) cannot be heard any more. */
void swisd_simtransfer_broken(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_fetching *f, bool now);
void swisd_simtransfer_clear(struct swisd_sim_device *device);
bool swisd_simtransfer_on_disk(const struct swisd_sim_device *device, swisd_shard_id shard);

/* ---- simcompute.c: programs ---- */
void swisd_simcompute_start(struct swisd_simdriver *d, uint32_t node, const struct swisd_action_compute *action);
void swisd_simcompute_ended(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_computing *computing);
void swisd_simcompute_quick(struct swisd_simdriver *d, uint32_t node, uint32_t ticket);
bool swisd_simcompute_cancel(struct swisd_simdriver *d, uint32_t node, uint32_t ticket);
void swisd_simcompute_forget(struct swisd_sim_device *device, struct swisd_job_id job);
void swisd_simcompute_clear(struct swisd_simdriver *d, uint32_t node); /* the process is gone */

/* ---- simprogram.c: what programs make ---- */
/* Fills status, out and inlined. */
void swisd_simprogram_run(struct swisd_simdriver *d, uint32_t node, const struct swisd_sim_computing *computing,
                          struct swisd_event_computed *out);

/* ---- simjobs.c: the workload ---- */
int swisd_simjobs_open(struct swisd_simdriver *d, struct swisd_error *error);
void swisd_simjobs_prepare(struct swisd_simdriver *d);
void swisd_simjobs_submit(struct swisd_simdriver *d, uint32_t node);
void swisd_simjobs_feed(struct swisd_simdriver *d, uint32_t node, uint64_t number);
void swisd_simjobs_answer(struct swisd_simdriver *d, uint32_t node, const struct swisd_action_answer *answer);
/* Where row `item` of a job's answer goes; NULL when it has no rows. */
uint8_t *swisd_simjobs_row(struct swisd_simdriver *d, uint32_t node, uint64_t number, uint64_t item);
void swisd_simjobs_close(struct swisd_simdriver *d);

/* ---- simreport.c: what the log is told ---- */
void swisd_simreport_open(struct swisd_simdriver *d);
void swisd_simreport_traces(struct swisd_simdriver *d, uint32_t node);
/* A time on a node's own clock, as the simulation and the log count it. */
uint64_t swisd_simreport_time(const struct swisd_simdriver *d, uint32_t node, uint64_t node_ns);
void swisd_simreport_speed(struct swisd_simdriver *d, uint32_t node); /* its speed may have changed */
void swisd_simreport_holds(struct swisd_simdriver *d, uint32_t node); /* its disk has changed */
void swisd_simreport_event(struct swisd_simdriver *d, const char *event, uint32_t node, double value); /* value 0: none */
struct swisd_runlog_key swisd_simreport_key(const struct swisd_simdriver *d, const struct swisd_task_key *key);

#endif
