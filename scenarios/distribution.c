/* Inversion wherever there is a closed form: one uniform per value, so streams stay aligned when a parameter changes. */
#include "scenarios/distribution.h"

#include <assert.h>
#include <math.h>

#include "runtime/base/elementary.h"

/* Uniform in (0, 1): an inverse may take the log of it, or of 1 minus it. */
static double open_unit(struct swisd_philox *stream) { return ((double)(swisd_philox_u64(stream) >> 12) + 0.5) * 0x1p-52; }

/* Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000); a shape below 1 is raised by
 * one and the value scaled by u^(1/shape) (their section 6). The loop accepts more than 95 % of its candidates. */
static double draw_gamma(double shape, struct swisd_philox *stream)
{
  const double boost = shape < 1 ? swisd_math_pow(open_unit(stream), 1 / shape) : 1;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (int attempt = 0; attempt < 1000; attempt++) {
    const double x = swisd_math_normal_quantile(open_unit(stream));
    const double root = 1 + c * x, v = root * root * root;
    if (root > 0 && swisd_math_log(open_unit(stream)) < 0.5 * x * x + d - d * v + d * swisd_math_log(v)) {
      return d * v * boost;
    }
  }
  return d * boost; /* 0.05^1000: unreachable, and every loop is bounded */
}

/* Inversion by adding up, in pieces whose e^-mean is still a normal number; a sum of Poisson counts is one. The work grows
 * with the mean, which the schema bounds. */
static double draw_poisson(double mean, struct swisd_philox *stream)
{
  enum { PIECE = 500 };
  double count = 0;
  for (double left = mean; left > 0; left -= PIECE) {
    const double piece = left < PIECE ? left : PIECE, u = swisd_philox_unit(stream);
    double chance = swisd_math_exp(-piece), sum = chance;
    int k = 0;
    for (; sum <= u && k < 3 * PIECE; k++) {
      chance *= piece / (k + 1);
      sum += chance;
    }
    count += k;
  }
  return count;
}

double swisd_distribution_draw(const struct swisd_distribution *d, struct swisd_philox *stream)
{
  switch ((enum swisd_distribution_kind)d->kind) {
  case SWISD_DISTRIBUTION_NONE:
    return INFINITY;
  case SWISD_DISTRIBUTION_CONSTANT:
    return d->a;
  case SWISD_DISTRIBUTION_UNIFORM:
    return d->a + (d->b - d->a) * swisd_philox_unit(stream);
  case SWISD_DISTRIBUTION_EXPONENTIAL:
    return -d->a * swisd_math_log(open_unit(stream));
  case SWISD_DISTRIBUTION_WEIBULL:
    return d->a * swisd_math_pow(-swisd_math_log(open_unit(stream)), 1 / d->b);
  case SWISD_DISTRIBUTION_LOGNORMAL:
    return d->a * swisd_math_exp(d->b * swisd_math_normal_quantile(open_unit(stream)));
  case SWISD_DISTRIBUTION_GAMMA:
    return d->a * draw_gamma(d->b, stream);
  case SWISD_DISTRIBUTION_PARETO:
    return d->a * swisd_math_pow(open_unit(stream), -1 / d->b);
  case SWISD_DISTRIBUTION_POISSON:
    return draw_poisson(d->a, stream);
  }
  assert(!"a distribution of no kind");
  return INFINITY;
}

uint64_t swisd_distribution_draw_ns(const struct swisd_distribution *d, struct swisd_philox *stream)
{
  const double ns = swisd_distribution_draw(d, stream) * 1e9;
  return ns < 0x1p63 ? (uint64_t)(ns + 0.5) : UINT64_MAX;
}

double swisd_distribution_mean(const struct swisd_distribution *d)
{
  switch ((enum swisd_distribution_kind)d->kind) {
  case SWISD_DISTRIBUTION_NONE:
    return INFINITY;
  case SWISD_DISTRIBUTION_CONSTANT:
  case SWISD_DISTRIBUTION_EXPONENTIAL:
  case SWISD_DISTRIBUTION_POISSON:
    return d->a;
  case SWISD_DISTRIBUTION_UNIFORM:
    return (d->a + d->b) / 2;
  case SWISD_DISTRIBUTION_WEIBULL:
    return d->a * swisd_math_gamma(1 + 1 / d->b);
  case SWISD_DISTRIBUTION_LOGNORMAL:
    return d->a * swisd_math_exp(d->b * d->b / 2);
  case SWISD_DISTRIBUTION_GAMMA:
    return d->a * d->b;
  case SWISD_DISTRIBUTION_PARETO:
    return d->b > 1 ? d->a * d->b / (d->b - 1) : INFINITY;
  }
  assert(!"a distribution of no kind");
  return INFINITY;
}

static const struct {
  const char *name, *example, *meaning;
} kinds[] = {
  {"none", "", ""},
  {"constant", "{constant: 4 min}", "always this"},
  {"uniform", "{uniform: [1 s, 3 s]}", "between the two, all alike"},
  {"exponential", "{exponential: 4 min}", "of this mean; the gaps of a Poisson process"},
  {"weibull", "{weibull: {scale: 4 min, shape: 0.6}}", "`mean` may stand for `scale`"},
  {"lognormal", "{lognormal: {median: 5 ms, sigma: 0.5}}", "`mean` may stand for `median`"},
  {"gamma", "{gamma: {scale: 2 s, shape: 3}}", "`mean` may stand for `scale`"},
  {"pareto", "{pareto: {least: 10 s, shape: 1.5}}", "`mean` may stand for `least` when the shape is above 1"},
  {"poisson", "{poisson: 100}", "counts only"},
};

const char *swisd_distribution_name(enum swisd_distribution_kind kind) { return kinds[kind].name; }

void swisd_distribution_print_kinds(FILE *out)
{
  for (int kind = SWISD_DISTRIBUTION_CONSTANT; kind <= SWISD_DISTRIBUTION_POISSON; kind++) {
    fprintf(out, "- `%s`: %s\n", kinds[kind].example, kinds[kind].meaning);
  }
}
