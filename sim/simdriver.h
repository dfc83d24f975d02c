/* The core in simulated devices: N nodes over the backend, enacting one run of a scenario.
 *
 * Nodes are numbered: the scenario's devices first, then its submitters. Everything random comes from (seed, repeat), so a
 * run of one seed is always the same; swisd_simdriver_digest() says so. */
#ifndef SWISD_SIM_SIMDRIVER_H
#define SWISD_SIM_SIMDRIVER_H

#include "runtime/base/error.h"
#include "runtime/base/runlog.h"
#include "runtime/core/node.h"
#include "scenarios/scenario.h"
#include "sim/backend.h"

struct swisd_simdriver_options {
  const char *scenario_path; /* names in the scenario are looked for beside it */
  const char *directory;     /* where the run log goes; NULL: nowhere */
  uint32_t repeat;
  enum swisd_sim_fluid_kind model;
  uint64_t settle_ns;  /* devices join and fetch shards for so long before the run's time begins */
  uint64_t quantum_ns; /* of the backend */
  bool everything;     /* messages as transfers, too */
  bool serialise;      /* messages share their sender's uplink */
  bool check;          /* swisd_node_check() after every step: slow */
  const char *record;  /* directory for flight recordings, a file per node and life; NULL: none */
  FILE *trace;         /* every trace of every node as text; NULL: none */
};

struct swisd_simdriver;

/* Builds the world of a scenario, which must outlive it. One per process. NULL with `error` set: a model that cannot be had,
 * a policy that does not exist, a directory that cannot be written. */
struct swisd_simdriver *swisd_simdriver_new(const struct swisd_scenario *scenario, const struct swisd_simdriver_options *options,
                                            struct swisd_error *error);

/* Runs it to the scenario's duration, or until all jobs have ended. Once. 0, or -1 with `error` set (a recording that could
 * not be written). */
int swisd_simdriver_run(struct swisd_simdriver *driver, struct swisd_error *error);

/* What it came to. Names stay the scenario's. */
struct swisd_runlog_summary swisd_simdriver_summary(struct swisd_simdriver *driver);

/* With `compute: real`: the answers of a submitter's job, item after item; NULL when there is none. Tokens: u32 each, the
 * prompt first. Valid until free. */
const uint8_t *swisd_simdriver_answer(const struct swisd_simdriver *driver, uint32_t submitter, uint32_t job, uint64_t *bytes);

uint64_t swisd_simdriver_digest(const struct swisd_simdriver *driver);

/* Writes the run log, if there is a directory for it, and frees everything. */
int swisd_simdriver_close(struct swisd_simdriver *driver, struct swisd_error *error);

#endif
