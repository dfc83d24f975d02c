/* What a run leaves behind, in one format for every driver (simulator, lab): plain numbers and names, no core types.
 *
 * A directory with four files; times in seconds from the start of the run, six digits; empty = not known or not meant:
 *   run.json    the summary: one flat object, keys as in struct swisd_runlog_summary, plus shares and the bound that applies
 *   series.csv  one row per second: time_s, items_per_s, accepted_gflops, duplicate_gflops, lost_gflops, devices_up,
 *               bound_items_per_s (the fluid bound of the devices that were up, DESIGN section 6)
 *   tasks.csv   one row per piece of computing, by start: device, class, start_s, end_s, step, lane, lo, hi, outcome,
 *               submitter, job, attempt, gflop
 *   events.csv  faults and what the swarm made of them, by time: time_s, event, device, by, step, lane, lo, hi, value
 *
 * A worker knows when a task ran and its submitter what became of it: both tell the log, in order of time, and the log joins
 * them by worker, step, lane and items. In the lab whoever merges the recordings of the processes feeds one log.
 * Nothing is written before close, so a log costs memory: about 96 bytes a task. */
#ifndef SWISD_BASE_RUNLOG_H
#define SWISD_BASE_RUNLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/base/error.h"

enum { SWISD_RUNLOG_KERNELS = 3, SWISD_RUNLOG_NAME_BYTES = 64, SWISD_RUNLOG_SHARDS_MAX = 64 };
#define SWISD_RUNLOG_NOBODY UINT32_MAX

/* The order is the one of the accounting in DESIGN section 6. */
enum swisd_runlog_outcome {
  SWISD_RUNLOG_UNKNOWN = 0, /* the run ended first */
  SWISD_RUNLOG_ACCEPTED,
  SWISD_RUNLOG_DUPLICATE,
  SWISD_RUNLOG_LOST, /* with its worker */
  SWISD_RUNLOG_REJECTED,
  SWISD_RUNLOG_CANCELLED,
  SWISD_RUNLOG_REPLAYED,
  SWISD_RUNLOG_OUTCOME_COUNT,
};
const char *swisd_runlog_outcome_name(enum swisd_runlog_outcome outcome); /* "accepted", ...; "" for UNKNOWN */

/* Names one issue of a piece of work. */
struct swisd_runlog_key {
  uint32_t submitter; /* device index */
  uint64_t job;       /* its number at the submitter */
  uint8_t step, lane;
  uint16_t attempt;
  uint64_t lo, hi;
};

/* The words of the column `event`; a driver may use others, but figures and reports look for these. */
#define SWISD_RUNLOG_KILL "kill"           /* device; also churn */
#define SWISD_RUNLOG_LEAVE "leave"         /* device goes in good order */
#define SWISD_RUNLOG_SILENCE "silence"     /* device */
#define SWISD_RUNLOG_SLOW "slow"           /* device; value = how many times slower */
#define SWISD_RUNLOG_RETURN "return"       /* device */
#define SWISD_RUNLOG_LOSS "loss"           /* value = share of datagrams */
#define SWISD_RUNLOG_PARTITION "partition" /* device */
#define SWISD_RUNLOG_SUSPECT "suspect"     /* device, by whom */
#define SWISD_RUNLOG_DEAD "dead"           /* device, by whom */
#define SWISD_RUNLOG_OVERDUE "overdue"     /* device, by its submitter */
#define SWISD_RUNLOG_HEDGE "hedge"         /* device = the rescuer, by the submitter; step .. hi; value = GFLOP */
#define SWISD_RUNLOG_REISSUE "reissue"     /* the same */
#define SWISD_RUNLOG_MOVED "moved"         /* a session's new primary, by the submitter; value = epoch */
#define SWISD_RUNLOG_SUBMITTED "submitted" /* device = the submitter; value = job number */
#define SWISD_RUNLOG_ANSWERED "answered"   /* device = the submitter; value = job number */
#define SWISD_RUNLOG_FAILED "failed"       /* the same */

struct swisd_runlog_event {
  uint64_t time_ns;
  const char *event;   /* one word; copied */
  uint32_t device, by; /* SWISD_RUNLOG_NOBODY: empty */
  bool has_task;       /* step, lane, lo, hi are meant */
  uint8_t step, lane;
  uint64_t lo, hi;
  bool has_value;
  double value;
};

struct swisd_runlog_summary {
  const char *scenario, *world, *backend, *policy; /* NULL: "" */
  uint64_t seed;
  uint32_t repeat;
  uint64_t digest;   /* of the run; 0: the driver has none */
  double duration_s; /* how long the run took on its own clock */
  uint32_t devices, submitters, departures, returns;
  uint64_t jobs, jobs_answered, jobs_failed;
  uint64_t items_wanted, items_answered;
  uint64_t items_wrong; /* of the answered, rows that a liar has spoilt; only a simulator knows */
  double makespan_s; /* first submission to last answer; 0: not all were answered */
  /* the measured window: warm-up left out, and for finished workloads what comes after the last answer */
  double window_from_s, window_to_s;
  double items_per_s;             /* answered in the window */
  double bound_fluid_items_per_s; /* B1; 0 in any bound: not computed */
  double bound_fluid_makespan_s;
  double bound_memory_items_per_s;    /* B2 */
  double bound_placement_items_per_s; /* B3 */
  double bound_network_items_per_s;   /* B4 */
  /* FLOP: issued = the six classes + under way */
  double flop_issued, flop_accepted, flop_duplicate, flop_lost, flop_rejected, flop_cancelled, flop_replayed, flop_under_way;
  /* Where the devices' time in the window went, as shares of B1: work executed, by what became of it (UNKNOWN: unfinished),
   * and the rest. Work that was issued and never begun costs no time and is not in here. */
  bool share_known; /* false: tasks were not logged */
  double share[SWISD_RUNLOG_OUTCOME_COUNT], share_idle;
  uint64_t hedges, reissues;
  uint64_t messages, message_bytes; /* control, without bodies */
  uint64_t bodies, body_bytes;
  double cpu_s; /* of this process; in the lab the sum of all */
  uint64_t rss_bytes_max;
};

struct swisd_runlog;

/* A log that will be written to `directory` (made if missing; NULL: nothing is written, only counted). Owned by the caller
 * until close. NULL with `error` set when the directory cannot be made. */
struct swisd_runlog *swisd_runlog_open(const char *directory, struct swisd_error *error);
/* Sampling period of series.csv; one second unless set before the first sample. */
void swisd_runlog_period(struct swisd_runlog *log, uint64_t period_ns);
/* Without rows for tasks.csv (large simulations): it is written with its header alone. */
void swisd_runlog_skip_tasks(struct swisd_runlog *log);

/* The next device, numbered from 0 in order of calls; submitters are devices that do not work (rates all 0).
 * `flops_per_s`: nominal speed per kernel class (enum swisd_kernel_class). Down until swisd_runlog_speed() says otherwise. */
uint32_t swisd_runlog_device(struct swisd_runlog *log, const char *name, const char *class_name,
                             const double flops_per_s[SWISD_RUNLOG_KERNELS]);
/* From `time_ns` on the device runs at `factor` of its nominal speed: 1 up, 0 gone or silent, 0.125 slow. Per device in
 * order of time. This is "the churn that happened" of the bounds. */
void swisd_runlog_speed(struct swisd_runlog *log, uint32_t device, uint64_t time_ns, double factor);
/* The work of one item, per kernel class, all steps and lanes together: for the bounds and the series. */
void swisd_runlog_item_flops(struct swisd_runlog *log, const double flops_per_item[SWISD_RUNLOG_KERNELS]);

/* For B2 and B3: the next shard of the model, numbered from 0, with its work per item; what a device has room for; and which
 * shards (bit s) it holds from `time_ns` on, per device in order of time. */
uint32_t swisd_runlog_shard(struct swisd_runlog *log, uint32_t kernel, double flops_per_item, double bytes);
void swisd_runlog_memory(struct swisd_runlog *log, uint32_t device, double bytes); /* 0: without limit */
void swisd_runlog_holds(struct swisd_runlog *log, uint32_t device, uint64_t time_ns, uint64_t shards);
/* For B4: what crosses a submitter's link per item, and how fast links are (0: without limit). */
void swisd_runlog_item_bytes(struct swisd_runlog *log, double up_bytes, double down_bytes);
void swisd_runlog_link(struct swisd_runlog *log, uint32_t device, double up_bytes_per_s, double down_bytes_per_s);

/* The worker's side: a program has begun, has ended. */
void swisd_runlog_task_start(struct swisd_runlog *log, uint32_t device, const struct swisd_runlog_key *key, uint64_t time_ns,
                             double flop);
void swisd_runlog_task_end(struct swisd_runlog *log, uint32_t device, const struct swisd_runlog_key *key, uint64_t time_ns);
/* The submitter's side: `flop` of what `device` was to compute ended in this class. The key's items may be a part of the
 * issue, and its attempt does not matter. Parts of one issue may end in several classes: the row shows the one with the most
 * FLOP, the series counts each. NOBODY, or a task that never started: the series alone. */
void swisd_runlog_task_outcome(struct swisd_runlog *log, uint32_t device, const struct swisd_runlog_key *key,
                               enum swisd_runlog_outcome outcome, uint64_t time_ns, double flop);
void swisd_runlog_items_answered(struct swisd_runlog *log, uint64_t time_ns, uint64_t items);
void swisd_runlog_event(struct swisd_runlog *log, const struct swisd_runlog_event *event);

/* B1, the fluid bound: the most items that the devices, as they came and went, could have made between two times; exact for
 * unlike kernel classes (each device does what it is comparatively best at). */
double swisd_runlog_bound_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns);
/* The same for B2 (memory), B3 (the placement that happened) and B4: inputs up and results down over the submitters' links,
 * and over all workers' links together. Infinite: this does not bound. */
double swisd_runlog_bound_memory_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns);
double swisd_runlog_bound_placement_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns);
double swisd_runlog_bound_network_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns);
/* Fills the summary's bounds per second, and its shares, for the window between two times. */
void swisd_runlog_reckon(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns, struct swisd_runlog_summary *summary);
/* B1 as a time: when `items` could have been done at the earliest, starting at `from_ns`; infinity if never, given that all
 * stays as it is after the last change. */
double swisd_runlog_bound_makespan_s(const struct swisd_runlog *log, uint64_t from_ns, double items);
/* Items answered between two times. */
uint64_t swisd_runlog_items_between(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns);

/* The smallest bound that is set, and its name ("B1 fluid", ...); 0 and "none" when there is none. */
double swisd_runlog_bound(const struct swisd_runlog_summary *summary, const char **name);
/* A few lines for people: what was answered, makespan, goodput against its bound, where the rest went, what it cost. */
void swisd_runlog_print(FILE *out, const struct swisd_runlog_summary *summary);
/* The object of run.json, on one line per key. */
void swisd_runlog_print_json(FILE *out, const struct swisd_runlog_summary *summary);

/* Writes the files (to a temporary name first, so that a file is whole or absent) and frees the log. `end_ns` closes the
 * series. 0, or -1 with `error` set; the log is freed all the same. */
int swisd_runlog_close(struct swisd_runlog *log, const struct swisd_runlog_summary *summary, uint64_t end_ns,
                       struct swisd_error *error);

void swisd_runlog_discard(struct swisd_runlog *log); /* frees it, writing nothing */

#endif
