/* The elementary functions against libm within 1e-12 relative, their special values, and fixed bits. */
#include "runtime/base/elementary.h"

#include <math.h>
#include <string.h>

#include "runtime/base/philox.h"
#include "tests/unit/cmocka_all.h"

enum { SAMPLES = 20000 };

static double relative_error(double got, double wanted) { return wanted == 0 ? fabs(got) : fabs(got - wanted) / fabs(wanted); }

static double between(struct swisd_philox *stream, double lo, double hi) { return lo + (hi - lo) * swisd_philox_unit(stream); }

static void log_agrees_with_libm_over_the_whole_range(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(1, 0, 0, 0);
  double worst = 0;
  for (int i = 0; i < SAMPLES; i++) {
    const double wide = ldexp(between(&stream, 1, 2), (int)swisd_philox_below(&stream, 2096) - 1073);
    const double near_one = between(&stream, 0.6, 1.6);
    worst = fmax(worst, relative_error(swisd_math_log(wide), log(wide)));
    worst = fmax(worst, relative_error(swisd_math_log(near_one), log(near_one)));
  }
  assert_true(worst < 1e-13);
  assert_true(relative_error(swisd_math_log(1 + 0x1p-50), log(1 + 0x1p-50)) < 1e-13);
}

static void exp_agrees_with_libm_over_the_whole_range(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(2, 0, 0, 0);
  double worst = 0;
  for (int i = 0; i < SAMPLES; i++) {
    const double x = between(&stream, -708, 709.7);
    worst = fmax(worst, relative_error(swisd_math_exp(x), exp(x)));
  }
  assert_true(worst < 1e-13);
  assert_true(fabs(swisd_math_exp(-740) - exp(-740)) <= 0x1p-1074); /* subnormal: within a unit in the last place */
}

static void pow_agrees_with_libm(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(3, 0, 0, 0);
  double worst = 0;
  for (int i = 0; i < SAMPLES; i++) {
    const double x = ldexp(between(&stream, 1, 2), (int)swisd_philox_below(&stream, 60) - 30), y = between(&stream, -20, 20);
    worst = fmax(worst, relative_error(swisd_math_pow(x, y), pow(x, y)));
  }
  assert_true(worst < 1e-12);
}

static void gamma_agrees_with_libm(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(4, 0, 0, 0);
  double worst = 0;
  for (int i = 0; i < SAMPLES; i++) {
    const double x = i % 2 ? between(&stream, 0.01, 5) : between(&stream, 0.01, 171);
    worst = fmax(worst, relative_error(swisd_math_gamma(x), tgamma(x)));
  }
  assert_true(worst < 1e-12);
  assert_true(relative_error(swisd_math_gamma(11), 3628800) < 1e-13);
}

/* Phi(z), of which the quantile is the inverse. */
static double normal_probability(double z) { return 0.5 * erfc(-z / sqrt(2)); }

static void the_normal_quantile_inverts_the_normal_distribution(void **state)
{
  (void)state;
  for (int i = 1; i < SAMPLES; i++) {
    const double p = (double)i / SAMPLES;
    assert_true(fabs(normal_probability(swisd_math_normal_quantile(p)) - p) < 1e-14);
  }
  for (double p = 1e-4; p > 1e-300; p /= 7) {
    const double z = swisd_math_normal_quantile(p);
    assert_true(relative_error(normal_probability(z), p) < 1e-11);
    assert_true(p < 1e-15 || relative_error(swisd_math_normal_quantile(1 - p), -z) < 1e-3);
  }
}

static void special_values_are_those_of_c(void **state)
{
  (void)state;
  assert_true(isinf(swisd_math_log(0)) && swisd_math_log(0) < 0);
  assert_true(isnan(swisd_math_log(-1)) && isnan(swisd_math_log(NAN)));
  assert_true(isinf(swisd_math_log(INFINITY)));
  assert_true(swisd_math_log(1) == 0);
  assert_true(swisd_math_exp(0) == 1 && swisd_math_exp(-1000) == 0);
  assert_true(isinf(swisd_math_exp(710)) && isnan(swisd_math_exp(NAN)));
  assert_true(swisd_math_exp(-INFINITY) == 0 && isinf(swisd_math_exp(INFINITY)));
  assert_true(swisd_math_pow(0, 2) == 0 && swisd_math_pow(0, 0) == 1 && isinf(swisd_math_pow(0, -1)));
  assert_true(isinf(swisd_math_gamma(172)) && isnan(swisd_math_gamma(0)) && isnan(swisd_math_gamma(-1)));
  assert_true(isinf(swisd_math_normal_quantile(0)) && isinf(swisd_math_normal_quantile(1)));
  assert_true(isnan(swisd_math_normal_quantile(2)) && swisd_math_normal_quantile(0.5) == 0);
}

/* The same bits on every machine: a hash over many results, fixed when it was first computed (x86-64, gcc 12). */
static void the_bits_of_ten_thousand_results_are_the_known_ones(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(5, 0, 0, 0);
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (int i = 0; i < 10000; i++) {
    const double u = swisd_philox_unit(&stream);
    const double results[] = {swisd_math_log(u), swisd_math_exp(30 * u - 15), swisd_math_pow(u, 1 / (u + 0.1)),
                              swisd_math_gamma(20 * u + 0.1), swisd_math_normal_quantile(u)};
    for (int j = 0; j < 5; j++) {
      uint64_t bits;
      memcpy(&bits, &results[j], sizeof bits);
      hash = (hash ^ bits) * UINT64_C(0x100000001b3);
    }
  }
  assert_int_equal(hash, UINT64_C(0xaaa1099749880e3c));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(log_agrees_with_libm_over_the_whole_range),
    cmocka_unit_test(exp_agrees_with_libm_over_the_whole_range),
    cmocka_unit_test(pow_agrees_with_libm),
    cmocka_unit_test(gamma_agrees_with_libm),
    cmocka_unit_test(the_normal_quantile_inverts_the_normal_distribution),
    cmocka_unit_test(special_values_are_those_of_c),
    cmocka_unit_test(the_bits_of_ten_thousand_results_are_the_known_ones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
