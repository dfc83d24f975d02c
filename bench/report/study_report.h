/* The report of a study: figures over its points, and one self-contained HTML page with all of them. */
#ifndef SWISD_BENCH_STUDY_REPORT_H
#define SWISD_BENCH_STUDY_REPORT_H

#include "bench/report/study_numbers.h"

/* A metric at every point, with its 95 % interval, as NAME.svg, .gp and .dat in `directory`. What is varied is the x axis
 * where it can be read as numbers; of several paths the other ones make a line each. `title` receives the sentence on top.
 * 1: there is nothing to draw. 0, or -1 with `error`. */
int swisd_report_metric(const char *directory, const char *name, const struct swisd_results *results,
                        const struct swisd_metric *metric, char *title, size_t title_bytes, struct swisd_error *error);

/* What became of the work that was issued, a bar per point. The same returns. */
int swisd_report_work(const char *directory, const char *name, const struct swisd_results *results, char *title,
                      size_t title_bytes, struct swisd_error *error);

/* Writes `results_directory`/report: figures with data and script, and index.html, which needs none of them. -1 with `error`;
 * without gnuplot the page has tables alone, and says so. `path` receives the page's. */
int swisd_report_study(const char *results_directory, const struct swisd_results *results, char *path, size_t path_bytes,
                       struct swisd_error *error);

#endif
