/* The statistics of results: means with their intervals, percentiles, paired and unpaired comparisons.
 * Everything takes finite numbers; with too few of them an interval is empty (`known` false), never infinite or NaN. */
#ifndef SWISD_BENCH_STATISTICS_H
#define SWISD_BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct swisd_sample_summary {
  size_t n;
  double mean, sd; /* sd: of the sample, n - 1; 0 for one value */
  bool known;      /* n >= 2: the interval */
  double lo, hi;   /* 95 %, Student's t */
  double min, p05, median, p95, max;
};

/* Of `n` values, n >= 1; sorts them. */
struct swisd_sample_summary swisd_statistics_summary(double *values, size_t n);

/* The p-quantile of sorted values, by linear interpolation (Hyndman and Fan's type 7, as in R). */
double swisd_statistics_percentile(const double *sorted, size_t n, double p);

/* P(T <= t) and its inverse for Student's t of `freedom` degrees, any positive number. */
double swisd_statistics_t_cdf(double t, double freedom);
double swisd_statistics_t_quantile(double p, double freedom);

/* A 95 % percentile interval of the mean, by `resamples` bootstraps under `seed` (Efron and Tibshirani 1993, chapter 13). */
void swisd_statistics_bootstrap(const double *values, size_t n, size_t resamples, uint64_t seed, double *lo, double *hi);

struct swisd_comparison {
  size_t n;          /* pairs; of Welch: both samples together */
  double difference; /* mean of b - a */
  bool known;        /* enough values, and not all differences equal: the rest means something */
  double lo, hi;     /* of the difference, 95 % */
  double t, freedom, p;
  double p_ranks; /* paired: Wilcoxon's signed ranks, normal approximation with correction for ties and continuity; else 1 */
};

/* Pairs a[i], b[i]: Student's paired test. */
struct swisd_comparison swisd_statistics_paired(const double *a, const double *b, size_t n);
/* Two independent samples: Welch's test. */
struct swisd_comparison swisd_statistics_welch(const double *a, size_t a_count, const double *b, size_t b_count);

#endif
