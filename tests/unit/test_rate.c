/* Speeds as fixed-point logarithms, and their averages. */
#include "runtime/base/philox.h"
#include "runtime/core/rate.h"
#include "tests/unit/cmocka_all.h"

static void log2_and_exp2_undo_each_other(void **unused)
{
  (void)unused;
  for (uint64_t value = 3; value < UINT64_C(1) << 60; value = value * 9 / 8 + 1) {
    const double back = (double)swisd_rate_exp2(swisd_rate_log2(value));
    assert_true(back > (double)value * 0.997 - 1 && back < (double)value * 1.003 + 1);
  }
  assert_int_equal(swisd_rate_log2(1), 0);
  assert_int_equal(swisd_rate_log2(UINT64_C(1) << 40), 40 * SWISD_RATE_ONE);
  assert_int_equal(swisd_rate_exp2(33 * SWISD_RATE_ONE), UINT64_C(1) << 33);
  assert_true(swisd_rate_exp2(UINT32_MAX) == UINT64_MAX);
}

static void time_and_work_are_inverse_at_any_speed(void **unused)
{
  (void)unused;
  const swisd_log_rate rate = swisd_rate_log2(UINT64_C(24000000000));
  const uint64_t ns = swisd_rate_ns(UINT64_C(6000000000), rate);
  assert_in_range(ns, UINT64_C(249000000), UINT64_C(251000000));
  assert_in_range(swisd_rate_flops(ns, rate), UINT64_C(5990000000), UINT64_C(6010000000));
  assert_int_equal(swisd_rate_ns(UINT64_MAX, 1), UINT64_C(3600000000000));
  assert_int_equal(swisd_rate_ns(0, rate), 1);
}

static void an_eightfold_step_is_followed_within_five_tasks_to_ten_percent(void **unused)
{
  (void)unused;
  for (int direction = -1; direction <= 1; direction += 2) {
    struct swisd_speed speed;
    const uint64_t before = UINT64_C(8000000000), after = direction > 0 ? before * 8 : before / 8;
    swisd_speed_init(&speed, swisd_rate_log2(before));
    for (int task = 0; task < 20; task++)
      swisd_speed_measured(&speed, before / 4, 250000000);
    for (int task = 0; task < 5; task++)
      swisd_speed_measured(&speed, after / 4, 250000000);
    const double estimate = (double)swisd_rate_exp2(swisd_speed_fast(&speed));
    assert_true(estimate > 0.9 * (double)after && estimate < 1.1 * (double)after);
  }
}

static void no_measurement_makes_a_speed_that_is_not_one(void **unused)
{
  (void)unused;
  struct swisd_speed speed;
  swisd_speed_init(&speed, 0);
  struct swisd_philox random = swisd_philox_stream(1, 0, 0, 0);
  for (int task = 0; task < 10000; task++) {
    const uint32_t shift_flops = swisd_philox_below(&random, 64), shift_ns = swisd_philox_below(&random, 64);
    const uint64_t flops = swisd_philox_u64(&random) >> shift_flops, ns = swisd_philox_u64(&random) >> shift_ns;
    swisd_speed_measured(&speed, flops, ns);
    assert_in_range(speed.fast, 0, 64 << 16);
    assert_in_range(speed.slow, 0, 64 << 16);
    assert_true(speed.deviation >= 0);
    assert_true(swisd_rate_ns(1000000, swisd_speed_fast(&speed)) >= 1);
    assert_true(swisd_speed_margin_ns(&speed, 1000000) <= 3000001);
  }
}

static void a_steady_worker_gets_a_small_margin(void **unused)
{
  (void)unused;
  struct swisd_speed speed;
  swisd_speed_init(&speed, swisd_rate_log2(UINT64_C(1000000000)));
  for (int task = 0; task < 40; task++)
    swisd_speed_measured(&speed, 250000000, 250000000);
  assert_true(swisd_speed_margin_ns(&speed, 250000000) < 5000000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(log2_and_exp2_undo_each_other),
    cmocka_unit_test(time_and_work_are_inverse_at_any_speed),
    cmocka_unit_test(an_eightfold_step_is_followed_within_five_tasks_to_ten_percent),
    cmocka_unit_test(no_measurement_makes_a_speed_that_is_not_one),
    cmocka_unit_test(a_steady_worker_gets_a_small_margin),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
