/* The results of a study: a directory of plain files.
 *
 *   points.csv    a row per point of the sweep: point, hash, and the values that are varied
 *   expect.csv    what must come out: metric, text, statistic, operation, value
 *   runs/HASH-rNNNN/   a finished run each: what its driver wrote, numbers.csv, log.txt. Its existence says that it is whole
 *   runs.csv      a row per finished run: point, repeat, the varied values, seed, digest, every metric
 *   summary.csv   a row per point and metric: n, mean, sd, the 95 % interval, percentiles. The same runs give the same bytes
 * manifest.json, scenario.yml and resolved.yml are the command's (runtime/cli/manifest.h). */
#ifndef SWISD_BENCH_STUDY_NUMBERS_H
#define SWISD_BENCH_STUDY_NUMBERS_H

#include <stdio.h>

#include "bench/report/run_metrics.h"
#include "bench/report/statistics.h"
#include "scenarios/scenario.h"

enum { SWISD_RESULTS_PATH_BYTES = 4096 };

struct swisd_results_run {
  uint32_t point, repeat;
  struct swisd_run_numbers numbers;
};

struct swisd_results {
  size_t column_count, point_count, run_count, expect_count;
  char **columns;                 /* paths that are varied */
  char (*hashes)[20];             /* of the points */
  char **values;                  /* [point * column_count + column] */
  struct swisd_results_run *runs; /* by point, then repeat */
  struct swisd_scenario_expect *expects;
};

/* Reads points.csv, expect.csv (if there) and the numbers of every run of these points. 0, or -1 with `error`. */
int swisd_results_read(const char *directory, struct swisd_results *results, struct swisd_error *error);
void swisd_results_free(struct swisd_results *results);

/* Writes runs.csv and summary.csv, each whole or not at all. */
int swisd_results_write(const char *directory, const struct swisd_results *results, struct swisd_error *error);

/* The known values of a metric at a point into `values` (room for run_count); how many. `repeats` (may be NULL): of which. */
size_t swisd_results_values(const struct swisd_results *results, uint32_t point, const struct swisd_metric *metric,
                            double *values, uint32_t *repeats);

/* "churn.pi4.uptime = 4 min, seed = 7" of a point; "" when nothing is varied. */
void swisd_results_label(const struct swisd_results *results, uint32_t point, char *text, size_t bytes);

/* Whether an expectation holds at a point; false too when the metric has no value there. `got`: the statistic. */
bool swisd_results_meets(const struct swisd_results *results, uint32_t point, const struct swisd_scenario_expect *expect,
                         double *got);

/* The name of a run's directory inside runs/. */
void swisd_results_run_name(uint64_t hash, uint32_t repeat, char *name, size_t bytes);

#endif
