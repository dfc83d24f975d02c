/* Checked against R's values in tests/unit/test_statistics.c. */
#include "bench/report/statistics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "runtime/base/philox.h"

/* ---- Student's t ---- */

/* The continued fraction of the incomplete beta function, by Lentz's method (Press et al., Numerical Recipes, 6.4). */
static double beta_fraction(double x, double a, double b)
{
  enum { STEPS = 300 };
  const double tiny = 1e-300;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double h = d;
  for (int m = 1; m <= STEPS; m++) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    const double terms[2] = {even, odd};
    double factor = 1;
    for (int i = 0; i < 2; i++) {
      d = 1 + terms[i] * d;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      c = 1 + terms[i] / c;
      c = fabs(c) < tiny ? tiny : c;
      factor = c * d;
      h *= factor;
    }
    if (fabs(factor - 1) < 1e-15)
      break;
  }
  return h;
}

static double incomplete_beta(double x, double a, double b)
{
  if (x <= 0)
    return 0;
  if (x >= 1)
    return 1;
  const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a : 1 - front * beta_fraction(1 - x, b, a) / b;
}

double swisd_statistics_t_cdf(double t, double freedom)
{
  const double tail = incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

/* Bisection: the function is monotone, and 200 halvings leave nothing. */
double swisd_statistics_t_quantile(double p, double freedom)
{
  assert(p > 0 && p < 1 && freedom > 0);
  double lo = -1e6, hi = 1e6;
  for (int i = 0; i < 200; i++) {
    const double middle = (lo + hi) / 2;
    if (swisd_statistics_t_cdf(middle, freedom) < p)
      lo = middle;
    else
      hi = middle;
  }
  return (lo + hi) / 2;
}

/* ---- one sample ---- */

static int by_value(const void *left, const void *right)
{
  const double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

double swisd_statistics_percentile(const double *sorted, size_t n, double p)
{
  assert(n > 0);
  const double at = p * (double)(n - 1);
  const size_t below = (size_t)at;
  if (below + 1 >= n)
    return sorted[n - 1];
  return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static void moments(const double *values, size_t n, double *mean, double *sd)
{
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++)
    sum += values[i];
  *mean = sum / (double)n;
  for (size_t i = 0; i < n; i++)
    squares += (values[i] - *mean) * (values[i] - *mean);
  *sd = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
}

struct swisd_sample_summary swisd_statistics_summary(double *values, size_t n)
{
  assert(n > 0);
  struct swisd_sample_summary s = {.n = n};
  qsort(values, n, sizeof *values, by_value);
  moments(values, n, &s.mean, &s.sd);
  s.known = n > 1;
  const double half = s.known ? swisd_statistics_t_quantile(0.975, (double)(n - 1)) * s.sd / sqrt((double)n) : 0;
  s.lo = s.mean - half;
  s.hi = s.mean + half;
  s.min = values[0];
  s.p05 = swisd_statistics_percentile(values, n, 0.05);
  s.median = swisd_statistics_percentile(values, n, 0.5);
  s.p95 = swisd_statistics_percentile(values, n, 0.95);
  s.max = values[n - 1];
  return s;
}

void swisd_statistics_bootstrap(const double *values, size_t n, size_t resamples, uint64_t seed, double *lo, double *hi)
{
  assert(n > 0 && n <= UINT32_MAX && resamples > 0);
  double *means = calloc(resamples, sizeof *means);
  assert(means != NULL);
  struct swisd_philox stream = swisd_philox_stream(seed, 0, 0, 1);
  for (size_t r = 0; r < resamples; r++) {
    for (size_t i = 0; i < n; i++)
      means[r] += values[swisd_philox_below(&stream, (uint32_t)n)];
    means[r] /= (double)n;
  }
  qsort(means, resamples, sizeof *means, by_value);
  *lo = swisd_statistics_percentile(means, resamples, 0.025);
  *hi = swisd_statistics_percentile(means, resamples, 0.975);
  free(means);
}

/* ---- two samples ---- */

static void finish(struct swisd_comparison *c, double error)
{
  c->known = error > 0 && c->freedom > 0;
  c->p = 1;
  c->lo = c->hi = c->difference;
  if (!c->known)
    return;
  const double half = swisd_statistics_t_quantile(0.975, c->freedom) * error;
  c->t = c->difference / error;
  c->p = 2 * swisd_statistics_t_cdf(-fabs(c->t), c->freedom);
  c->lo = c->difference - half;
  c->hi = c->difference + half;
}

static int by_size(const void *left, const void *right)
{
  const double a = fabs(*(const double *)left), b = fabs(*(const double *)right);
  return a < b ? -1 : a > b;
}

/* Wilcoxon 1945; differences of zero are left out, ties share their mean rank. */
static double signed_ranks(double *differences, size_t n)
{
  size_t used = 0;
  for (size_t i = 0; i < n; i++)
    if (differences[i] < 0 || differences[i] > 0)
      differences[used++] = differences[i];
  if (used == 0)
    return 1;
  qsort(differences, used, sizeof *differences, by_size);
  double sum = 0, ties = 0;
  for (size_t i = 0; i < used;) {
    size_t j = i;
    while (j < used && fabs(differences[j]) <= fabs(differences[i]))
      j++;
    const double rank = ((double)i + 1 + (double)j) / 2, count = (double)(j - i);
    ties += count * count * count - count;
    for (; i < j; i++)
      sum += differences[i] > 0 ? rank : 0;
  }
  const double m = (double)used, mean = m * (m + 1) / 4;
  const double sd = sqrt(m * (m + 1) * (2 * m + 1) / 24 - ties / 48);
  const double away = fabs(sum - mean) - 0.5;
  return sd > 0 && away > 0 ? erfc(away / sd / sqrt(2)) : 1;
}

struct swisd_comparison swisd_statistics_paired(const double *a, const double *b, size_t n)
{
  struct swisd_comparison c = {.n = n, .p = 1, .p_ranks = 1};
  if (n == 0)
    return c;
  double *differences = calloc(n, sizeof *differences), sd;
  assert(differences != NULL);
  for (size_t i = 0; i < n; i++)
    differences[i] = b[i] - a[i];
  moments(differences, n, &c.difference, &sd);
  c.freedom = (double)n - 1;
  finish(&c, sd / sqrt((double)n));
  c.p_ranks = signed_ranks(differences, n);
  free(differences);
  return c;
}

struct swisd_comparison swisd_statistics_welch(const double *a, size_t a_count, const double *b, size_t b_count)
{
  struct swisd_comparison c = {.n = a_count + b_count, .p = 1, .p_ranks = 1};
  if (a_count == 0 || b_count == 0)
    return c;
  double a_mean, a_sd, b_mean, b_sd;
  moments(a, a_count, &a_mean, &a_sd);
  moments(b, b_count, &b_mean, &b_sd);
  const double a_error = a_sd * a_sd / (double)a_count, b_error = b_sd * b_sd / (double)b_count, both = a_error + b_error;
  c.difference = b_mean - a_mean;
  if (a_count > 1 && b_count > 1 && both > 0)
    c.freedom = both * both / (a_error * a_error / (double)(a_count - 1) + b_error * b_error / (double)(b_count - 1));
  finish(&c, sqrt(both));
  return c;
}
