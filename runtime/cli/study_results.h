/* What the commands on results share: the files of a study besides its runs, and what a person reads of them. */
#ifndef SWISD_CLI_STUDY_RESULTS_H
#define SWISD_CLI_STUDY_RESULTS_H

#include "bench/report/study_numbers.h"
#include "scenarios/study.h"

/* Makes `directory` with runs/ in it, and writes points.csv, expect.csv, resolved.yml and the scenario byte for byte. */
int swisd_study_write(struct swisd_study *study, const struct swisd_scenario *first, const char *scenario, const char *directory,
                      struct swisd_error *error);

/* A table per point on stdout: the metrics that matter, each with its interval; or all as one JSON array. */
void swisd_results_print(const struct swisd_results *results);
void swisd_results_print_json(const struct swisd_results *results);

/* Says of each expectation whether it holds, on stderr; how many do not. */
unsigned swisd_results_judge(const struct swisd_results *results);

/* "12.3 %", "1.5 s", "123.4": a value of a metric for people. */
void swisd_metric_text(const struct swisd_metric *metric, double value, char *text, size_t bytes);

/* Reads the results of `directory`, writes runs.csv and summary.csv anew; `results` stays the caller's. */
int swisd_results_refresh(const char *directory, struct swisd_results *results, struct swisd_error *error);

/* Removes a directory and all in it; nothing there is no error. */
void swisd_remove_tree(const char *path);

#endif
