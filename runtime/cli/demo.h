/* The parts of `swisd demo`: scaling a scenario to this machine, enacting it with processes, and making a run log of what
 * their recordings say. */
#ifndef SWISD_CLI_DEMO_H
#define SWISD_CLI_DEMO_H

#include "kernels/model.h"
#include "runtime/base/runlog.h"
#include "runtime/cli/lab.h"
#include "runtime/net/peer.h"
#include "scenarios/scenario.h"

enum { SWISD_DEMO_DEVICES_MAX = 64, SWISD_DEMO_FAULTS_MAX = 256, SWISD_DEMO_INCARNATIONS_MAX = 8, SWISD_DEMO_PATH_BYTES = 640 };

/* One thing done to one device. */
struct swisd_demo_fault {
  uint64_t at_ns;   /* planned, from the submission */
  uint64_t done_ns; /* when it was done, CLOCK_BOOTTIME */
  uint8_t kind;     /* enum swisd_fault_kind */
  uint32_t device;
  double factor;
};

/* The lab world, made to fit this machine. */
struct swisd_demo_plan {
  struct swisd_scenario scenario; /* of the lab world; speeds scaled */
  double factor;                  /* what the class speeds were multiplied by */
  double machine_flops_per_s;     /* measured, all cores */
  uint64_t items, passes;         /* in the data; times the stream goes through it */
  uint64_t bound_ns;              /* B1 of the whole run, faults counted in */
  double item_flops[SWISD_KERNEL_COUNT];
  struct swisd_bundle bundle;
  uint32_t fault_count;
  struct swisd_demo_fault faults[SWISD_DEMO_FAULTS_MAX]; /* by time */
};

/* Reads the lab world `world` of `path`, measures the machine and scales the class speeds, all by one factor, so that a whole
 * number of passes takes as long as the scenario's bound and the speeds add up to at most 40 % of the machine. `bound_ns`
 * replaces the scenario's when not 0. -1 with `error`. */
int swisd_demo_plan_make(struct swisd_demo_plan *plan, const char *path, const char *world, uint64_t bound_ns,
                         const struct swisd_kernels *kernels, struct swisd_error *error);
/* Says on stderr all that is wrong with a scenario; `error` sums it up. */
void swisd_demo_scenario_wrong(const char *path, const struct swisd_scenario_errors *errors, struct swisd_error *error);
void swisd_demo_plan_free(struct swisd_demo_plan *plan);
/* What a device's speed is multiplied by once this was done to it. */
double swisd_demo_speed_after(const struct swisd_demo_fault *fault);
/* A scenario file for swisd-sim with the same devices, speeds, links, faults and work. */
int swisd_demo_plan_write(const struct swisd_demo_plan *plan, const char *path, struct swisd_error *error);

/* What came of it. */
struct swisd_demo_outcome {
  struct swisd_runlog_summary summary;
  uint64_t submit_ns;
  uint64_t rows_equal, rows; /* compared with one process */
  double right_percent;
  double overrun_percent;    /* of the busy time: above 2 the run says nothing about its classes */
  uint64_t worst_gap_ns;     /* the longest time without an answer */
};

/* The lab: processes, their directories under `directory`. */
struct swisd_demo_lab {
  const struct swisd_demo_plan *plan;
  const char *executable, *directory, *kernels;
  const char *raw; /* a file for the rows of the answer; NULL: none */
  char seed_address[64];
  struct swisd_lab_process devices[SWISD_DEMO_DEVICES_MAX], submitter;
  uint32_t incarnations[SWISD_DEMO_DEVICES_MAX]; /* recordings of each */
  bool frozen[SWISD_DEMO_DEVICES_MAX];
  double cpu_seconds;
  uint64_t busy_ns, overrun_ns; /* of those that lived to the end */
};

/* Runs the plan; `idle` (may be NULL) is called every few milliseconds. -1 with `error` when it could not be run; a run whose
 * answers are wrong is a run. Everything it started has ended when it returns. */
int swisd_demo_lab_run(struct swisd_demo_lab *lab, struct swisd_demo_plan *plan, void (*idle)(void), struct swisd_error *error);

/* Paths inside the lab's directory. */
void swisd_demo_recording(const struct swisd_demo_lab *lab, uint32_t device, uint32_t incarnation, char *path, size_t bytes);
void swisd_demo_submitter_recording(const struct swisd_demo_lab *lab, char *path, size_t bytes);

/* Steps the core through every recording, writes the run log to lab->directory and fills `outcome`. Prints who died when and
 * what was done about it on stdout. -1 with `error`. */
int swisd_demo_log_make(const struct swisd_demo_lab *lab, const struct swisd_demo_plan *plan, struct swisd_demo_outcome *outcome,
                        struct swisd_error *error);

#endif
