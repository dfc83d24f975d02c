/* The faults of a run, as the figures mark them. */
#ifndef SWISD_BENCH_FAULTS_H
#define SWISD_BENCH_FAULTS_H

#include <stddef.h>

#include "runtime/base/error.h"

struct swisd_fault_mark {
  double time_s;
  char word[16]; /* "kill", "silence", "slow", "return", "leave" */
  char device[32];
};

/* Reads them from events.csv, by time, at most `max`; `count` says how many there were. 0 or -1. */
int swisd_fault_marks_read(const char *directory, struct swisd_fault_mark *marks, size_t max, size_t *count,
                           struct swisd_error *error);
/* The colour of a fault, "#rrggbb". */
const char *swisd_fault_colour(const char *word);

#endif
