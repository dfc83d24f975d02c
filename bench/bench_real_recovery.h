/* From a submitter's recording: how long work that was queued on a victim took to be accepted after the fault. */
#ifndef SWISD_BENCH_BENCH_REAL_RECOVERY_H
#define SWISD_BENCH_BENCH_REAL_RECOVERY_H

#include "runtime/core/types.h"

struct swisd_recovery_fault {
  struct swisd_id victim;
  uint64_t time_ns; /* CLOCK_BOOTTIME, like the recording */
};

/* Prints the distribution over all intervals of all faults; 0 when its 99th percentile is at most `bar_s`. */
int swisd_recovery_print(const char *recording, const struct swisd_recovery_fault *faults, uint32_t count, double bar_s);

#endif
