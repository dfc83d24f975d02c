/* What a run is measured by: the numbers of run.json that reports, comparisons and `expect:` may name, each with its unit. */
#ifndef SWISD_SCENARIOS_METRIC_H
#define SWISD_SCENARIOS_METRIC_H

#include <stdbool.h>
#include <stddef.h>

#include "scenarios/quantity.h"

enum swisd_metric_better { SWISD_METRIC_NEITHER = 0, SWISD_METRIC_MORE, SWISD_METRIC_LESS };

struct swisd_metric {
  const char *name; /* in run.json, runs.csv, summary.csv */
  enum swisd_dimension dimension;
  enum swisd_metric_better better;
  bool costs; /* differs between two runs of one seed (CPU time): kept out of summaries */
  const char *help;
};

extern const struct swisd_metric swisd_metrics[];
extern const size_t swisd_metric_count;

/* NULL when there is none of that name. */
const struct swisd_metric *swisd_metric_find(const char *name);
/* The nearest name to a mistyped one; NULL when none is near. */
const char *swisd_metric_suggest(const char *name);

#endif
