/* The numbers of one run, by the table of scenarios/metric.h: from its run.json, and from its events what that does not say
 * (latencies of jobs, times to detect a fault). */
#ifndef SWISD_BENCH_RUN_METRICS_H
#define SWISD_BENCH_RUN_METRICS_H

#include "runtime/base/error.h"
#include "scenarios/metric.h"

enum { SWISD_RUN_METRICS_MAX = 96 };

/* What a run came to. A metric that is not known is NaN in memory and an empty cell in every file. */
struct swisd_run_numbers {
  char digest[20];
  uint64_t seed;
  double metrics[SWISD_RUN_METRICS_MAX]; /* in the order of swisd_metrics */
};

/* Reads run.json and events.csv of a run's `directory`. 0, or -1 with `error`. */
int swisd_run_numbers_make(const char *directory, struct swisd_run_numbers *numbers, struct swisd_error *error);

/* Writes them as numbers.csv (name,value) there, and reads that. */
int swisd_run_numbers_write(const char *directory, const struct swisd_run_numbers *numbers, struct swisd_error *error);
int swisd_run_numbers_read(const char *directory, struct swisd_run_numbers *numbers, struct swisd_error *error);

#endif
