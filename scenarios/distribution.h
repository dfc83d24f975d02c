/* Random quantities of a scenario: session times, gaps between requests, latencies.
 * Drawing uses IEEE + - * / and square root only, with the project's own exp and log (runtime/base/elementary.h), so one
 * stream gives the same values on every device and C library. */
#ifndef SWISD_SCENARIOS_DISTRIBUTION_H
#define SWISD_SCENARIOS_DISTRIBUTION_H

#include <stdint.h>
#include <stdio.h>

#include "runtime/base/philox.h"

enum swisd_distribution_kind {
  SWISD_DISTRIBUTION_NONE = 0,    /* not given: the event never happens */
  SWISD_DISTRIBUTION_CONSTANT,    /* a */
  SWISD_DISTRIBUTION_UNIFORM,     /* between a and b */
  SWISD_DISTRIBUTION_EXPONENTIAL, /* mean a */
  SWISD_DISTRIBUTION_WEIBULL,     /* scale a (lambda), shape b (k) */
  SWISD_DISTRIBUTION_LOGNORMAL,   /* median a (exp mu), sigma b */
  SWISD_DISTRIBUTION_GAMMA,       /* scale a (theta), shape b (k) */
  SWISD_DISTRIBUTION_PARETO,      /* least value a, shape b (alpha) */
  SWISD_DISTRIBUTION_POISSON,     /* a count of mean a */
};

struct swisd_distribution {
  uint8_t kind; /* enum swisd_distribution_kind */
  double a, b;  /* in the unit of the quantity: seconds for times */
};

enum { SWISD_DISTRIBUTION_POISSON_MEAN_MAX = 1000000 };

/* One value of `d`, never negative, infinite for NONE. Takes a few words from `stream` (two for most kinds). */
double swisd_distribution_draw(const struct swisd_distribution *d, struct swisd_philox *stream);

/* The same for a time in seconds, rounded to nanoseconds; UINT64_MAX for NONE and for what does not fit. */
uint64_t swisd_distribution_draw_ns(const struct swisd_distribution *d, struct swisd_philox *stream);

/* The mean; infinite for NONE, and for a Pareto of shape 1 or less. */
double swisd_distribution_mean(const struct swisd_distribution *d);

/* "constant", "weibull", ... */
const char *swisd_distribution_name(enum swisd_distribution_kind kind);

/* The kinds and how they are written, as a list in Markdown. */
void swisd_distribution_print_kinds(FILE *out);

#endif
