/* What happened in a lab, on one clock: every recording that was fetched is stepped through the core again, and its traces are
 * dated by this machine's clock. */
#ifndef SWISD_CLI_LAB_TIMELINE_H
#define SWISD_CLI_LAB_TIMELINE_H

#include <stdint.h>

#include "runtime/base/error.h"
#include "scenarios/inventory.h"

struct swisd_lab_timeline {
  const char *directory; /* HOST/recordings lie in it; timeline.txt and clocks.csv are written to it */
  uint32_t host_count, recordings;
  struct swisd_lab_timeline_host {
    const char *name;
    int64_t offset_ns; /* its clock is ours plus this */
    uint64_t error_ns;
  } hosts[SWISD_INVENTORY_HOSTS_MAX];
};

void swisd_lab_timeline_host(struct swisd_lab_timeline *timeline, const char *name, int64_t offset_ns, uint64_t error_ns);
/* Writes both files: "time_s host  what happened", from the first event on. A recording that cannot be replayed is said on
 * stderr and left out. */
int swisd_lab_timeline_write(struct swisd_lab_timeline *timeline, struct swisd_error *error);

#endif
