/* Calibration, by a clock of our own and by the real one. */
#include "tests/kernels/kernel_cases.h"

#include "kernels/calibrate.h"

#include <time.h>

static uint64_t fake_now, fake_calls, fake_hiccup;

/* One millisecond passes between two looks at the clock; at the `fake_hiccup`th look, a second. */
static uint64_t fake_clock(void) { return fake_now += ++fake_calls == fake_hiccup ? 1000000000 : 1000000; }

/* Of one run of each class, from the shapes in calibrate.h. */
static const double conv_flops = 2.0 * 28 * 28 * 9 * 32 * 32, dense_flops = 2.0 * 64 * 512 * 512;
static const double token_flops = 2.0 * 1024 * 1024 + 4.0 * 512 * 512;

static void rates_are_operations_over_time(void **state)
{
  (void)state;
  struct swisd_calibration c;
  fake_calls = fake_hiccup = 0;
  assert_int_equal(swisd_kernels_calibrate(swisd_kernels_portable(), 0, fake_clock, &c), 0);
  assert_true(fabs(c.conv_flops_per_s / (conv_flops * 1000) - 1) < 1e-9);
  assert_true(fabs(c.dense_flops_per_s / (dense_flops * 1000) - 1) < 1e-9);
  assert_true(fabs(c.attention_flops_per_s / (token_flops * 1000) - 1) < 1e-9);
}

static void a_short_disturbance_does_not_count(void **state)
{
  (void)state;
  struct swisd_calibration c;
  fake_calls = 0, fake_hiccup = 10; /* in the middle of the convolutions */
  assert_int_equal(swisd_kernels_calibrate(swisd_kernels_portable(), 0, fake_clock, &c), 0);
  assert_true(fake_calls > fake_hiccup);
  assert_true(fabs(c.conv_flops_per_s / (conv_flops * 1000) - 1) < 1e-9);
}

static void it_ends_soon_after_its_duration_with_plausible_rates(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    struct timespec start, end;
    struct swisd_calibration c = {0};
    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(swisd_kernels_calibrate(set, 60000000, NULL, &c), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    print_message("%s: conv %.1f, dense %.1f, attention %.1f GFLOP/s in %.0f ms\n", set->name, c.conv_flops_per_s * 1e-9,
                  c.dense_flops_per_s * 1e-9, c.attention_flops_per_s * 1e-9, seconds * 1e3);
    assert_true(seconds < 10); /* a loaded machine, a sanitizer: but not without end */
    assert_true(c.conv_flops_per_s > 1e6 && c.conv_flops_per_s < 1e13);
    assert_true(c.dense_flops_per_s > 1e6 && c.dense_flops_per_s < 1e13);
    assert_true(c.attention_flops_per_s > 1e6 && c.attention_flops_per_s < 1e13);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(rates_are_operations_over_time),
    cmocka_unit_test(a_short_disturbance_does_not_count),
    cmocka_unit_test(it_ends_soon_after_its_duration_with_plausible_rates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
