/* What happened per second lately, so that a page just opened has something to draw. */
#ifndef SWISD_WEB_HISTORY_H
#define SWISD_WEB_HISTORY_H

#include <stdio.h>

#include "runtime/net/peer.h"

enum { SWISD_HISTORY_SAMPLES = 300 };

struct swisd_history_sample {
  uint64_t time_ns;                                         /* of the node's uptime */
  uint64_t items, flops, computed, busy_ns, received, sent; /* counters, not differences */
};

struct swisd_history {
  struct swisd_history_sample samples[SWISD_HISTORY_SAMPLES]; /* a ring */
  uint64_t count;                                             /* ever taken */
};

void swisd_history_take(struct swisd_history *history, const struct swisd_peer *peer);
/* All samples, oldest first, as a JSON array of arrays [seconds, items, flops, computed, busy_s, received, sent], one line. */
void swisd_history_print(const struct swisd_history *history, FILE *out);

#endif
