/* Statistics against known values: tables of Student's t, and R's sleep data (Student 1908) by t.test and wilcox.test. */
#include <math.h>

#include "bench/report/statistics.h"
#include "tests/unit/cmocka_all.h"

static const double first[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
static const double second[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

static void near(double got, double wanted, double tolerance)
{
  if (!(fabs(got - wanted) <= tolerance))
    fail_msg("%.10g, wanted is %.10g", got, wanted);
}

static void quantiles_of_student_are_those_of_the_tables(void **state)
{
  (void)state;
  near(swisd_statistics_t_quantile(0.975, 1), 12.7062047362, 1e-8);
  near(swisd_statistics_t_quantile(0.975, 4), 2.7764451052, 1e-9);
  near(swisd_statistics_t_quantile(0.975, 10), 2.2281388520, 1e-9);
  near(swisd_statistics_t_quantile(0.975, 29), 2.0452296421, 1e-9);
  near(swisd_statistics_t_quantile(0.975, 1000), 1.9623390808, 1e-9);
  near(swisd_statistics_t_quantile(0.05, 10), -1.8124611228, 1e-9);
  near(swisd_statistics_t_cdf(0, 3), 0.5, 1e-15);
  near(swisd_statistics_t_cdf(2.2281388520, 10), 0.975, 1e-10);
}

static void a_summary_has_mean_deviation_interval_and_percentiles(void **state)
{
  (void)state;
  double values[] = {10, 1, 9, 2, 8, 3, 7, 4, 6, 5};
  const struct swisd_sample_summary s = swisd_statistics_summary(values, 10);
  near(s.mean, 5.5, 1e-12);
  near(s.sd, 3.0276503541, 1e-9);
  near(s.lo, 5.5 - 2.1658506, 1e-6);
  near(s.hi, 5.5 + 2.1658506, 1e-6);
  near(s.p05, 1.45, 1e-12);
  near(s.median, 5.5, 1e-12);
  near(s.p95, 9.55, 1e-12);
  assert_true(s.known && s.n == 10);
  near(s.min, 1, 0);
  near(s.max, 10, 0);
}

static void one_value_has_no_interval_and_nothing_is_nan(void **state)
{
  (void)state;
  double one[] = {3};
  const struct swisd_sample_summary s = swisd_statistics_summary(one, 1);
  assert_false(s.known);
  near(s.lo, 3, 0);
  near(s.p95, 3, 0);
  near(s.sd, 0, 0);
  const struct swisd_comparison none = swisd_statistics_paired(one, one, 1), nothing = swisd_statistics_paired(one, one, 0);
  assert_true(!none.known && !nothing.known);
  near(none.p, 1, 0);
  near(none.p_ranks, 1, 0);
  const double same[] = {2, 2, 2}, other[] = {5, 5, 5};
  const struct swisd_comparison constant = swisd_statistics_paired(same, other, 3);
  near(constant.difference, 3, 0);
  assert_true(!constant.known && isfinite(constant.t));
  assert_true(isfinite(swisd_statistics_welch(same, 3, other, 3).p));
}

static void paired_and_welch_tests_agree_with_r(void **state)
{
  (void)state;
  const struct swisd_comparison paired = swisd_statistics_paired(first, second, 10);
  near(paired.difference, 1.58, 1e-12);
  near(paired.t, 4.0621277, 1e-6);
  near(paired.freedom, 9, 0);
  near(paired.p, 0.00283289, 1e-7);
  near(paired.lo, 0.7001142, 1e-6);
  near(paired.hi, 2.4598858, 1e-6);
  near(paired.p_ranks, 0.009090698, 1e-6);
  const struct swisd_comparison welch = swisd_statistics_welch(first, 10, second, 10);
  near(welch.t, 1.8608135, 1e-6);
  near(welch.freedom, 17.776473, 1e-5);
  near(welch.p, 0.07939414, 1e-7);
  near(welch.lo, -0.2054832, 1e-6);
  near(welch.hi, 3.3654832, 1e-6);
}

static void a_bootstrap_is_near_the_t_interval_and_the_same_each_time(void **state)
{
  (void)state;
  double values[200], sorted[200];
  for (int i = 0; i < 200; i++)
    values[i] = sorted[i] = sin(i * 1.7) + i % 7;
  const struct swisd_sample_summary s = swisd_statistics_summary(sorted, 200);
  double lo, hi, again_lo, again_hi;
  swisd_statistics_bootstrap(values, 200, 4000, 1, &lo, &hi);
  swisd_statistics_bootstrap(values, 200, 4000, 1, &again_lo, &again_hi);
  near(lo, again_lo, 0);
  near(hi, again_hi, 0);
  near(lo, s.lo, 0.05 * (s.hi - s.lo));
  near(hi, s.hi, 0.05 * (s.hi - s.lo));
}

/* Of many samples of a known mean, 95 % of the intervals hold it. */
static void intervals_cover_what_they_promise(void **state)
{
  (void)state;
  unsigned covered = 0;
  uint64_t x = 88172645463325252u;
  for (int trial = 0; trial < 4000; trial++) {
    double values[5];
    for (int i = 0; i < 5; i++) {
      values[i] = 0;
      for (int k = 0; k < 12; k++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        values[i] += (double)(x >> 11) * 0x1p-53 - 0.5;
      }
    }
    const struct swisd_sample_summary s = swisd_statistics_summary(values, 5);
    covered += s.lo <= 0 && s.hi >= 0;
  }
  assert_in_range(covered, 3740, 3860);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(quantiles_of_student_are_those_of_the_tables),
    cmocka_unit_test(a_summary_has_mean_deviation_interval_and_percentiles),
    cmocka_unit_test(one_value_has_no_interval_and_nothing_is_nan),
    cmocka_unit_test(paired_and_welch_tests_agree_with_r),
    cmocka_unit_test(a_bootstrap_is_near_the_t_interval_and_the_same_each_time),
    cmocka_unit_test(intervals_cover_what_they_promise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
