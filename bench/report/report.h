/* Figures of runs, by gnuplot. A run is a directory that runtime/base/runlog.h has written.
 *
 * House style: a bold title that is a sentence, units on every axis, colours of Okabe and Ito (safe for colour-blind
 * readers), no frame. `directory` gets NAME.svg, NAME.gp and NAME-*.dat. */
#ifndef SWISD_BENCH_REPORT_H
#define SWISD_BENCH_REPORT_H

#include <stddef.h>

#include "runtime/base/error.h"

/* One panel: a run, or several runs of one world (seeds) of which the mean and the range are drawn. */
struct swisd_report_panel {
  const char *title;              /* "six processes on loopback" */
  const char *const *directories; /* of the runs */
  size_t directory_count;
  const char *item; /* what is counted: "images" */
};

/* Items per second over time, its bound, the devices up, and the faults marked; a panel below the other.
 * 0, or -1 with `error` set (no such run, malformed CSV with file and line, no gnuplot). */
int swisd_report_throughput(const char *directory, const char *name, const char *title, const struct swisd_report_panel *panels,
                            size_t panel_count, struct swisd_error *error);

/* Who computed what when: a row per device, a box per task coloured by what became of it, faults marked; panels side by
 * side on one time scale. Uses the first run of each panel. */
int swisd_report_gantt(const char *directory, const char *name, const char *title, const struct swisd_report_panel *panels,
                       size_t panel_count, struct swisd_error *error);

#endif
