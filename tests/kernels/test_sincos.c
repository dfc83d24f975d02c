/* Sine and cosine over the range of token positions, against libm. */
#include "tests/kernels/kernel_cases.h"

#include "kernels/sincos.h"

static void sine_and_cosine_are_within_their_bound_up_to_2_to_the_24(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(7, 0, 0, 0);
  for (int i = 0; i < 300000; i++) {
    const double unit = swisd_philox_unit(&random), range = ldexp(1, (int)swisd_philox_below(&random, 30) - 5);
    const double x = unit * range;
    double s, c;
    swisd_sincos(x, &s, &c);
    if (!(fabs(s - sin(x)) < 1e-14 && fabs(c - cos(x)) < 1e-14))
      fail_msg("x = %a: sine off by %g, cosine by %g", x, s - sin(x), c - cos(x));
  }
}

static void near_multiples_of_a_quarter_turn_both_keep_their_bound(void **state)
{
  (void)state;
  for (int n = 0; n < 10000000; n += 997)
    for (int side = -1; side <= 1; side++) {
      const double x = fabs(n * 1.57079632679489661923 + side * 1e-9);
      double s, c;
      swisd_sincos(x, &s, &c);
      if (!(fabs(s - sin(x)) < 1e-14 && fabs(c - cos(x)) < 1e-14))
        fail_msg("x = %a: sine off by %g, cosine by %g", x, s - sin(x), c - cos(x));
    }
}

static void zero_is_exact(void **state)
{
  (void)state;
  double s, c;
  swisd_sincos(0, &s, &c);
  assert_true(s == 0 && c == 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(sine_and_cosine_are_within_their_bound_up_to_2_to_the_24),
    cmocka_unit_test(near_multiples_of_a_quarter_turn_both_keep_their_bound),
    cmocka_unit_test(zero_is_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
