/* Philox4x32-10 against the known answers of Random123 1.14 (tests/kat_vectors), and the promises about streams. */
#include "runtime/base/philox.h"

#include "tests/unit/cmocka_all.h"

static void check_block(const uint32_t counter[4], const uint32_t key[2], const uint32_t wanted[4])
{
  uint32_t out[4];
  swisd_philox_block(key, counter, out);
  assert_memory_equal(out, wanted, sizeof out);
}

static void blocks_equal_the_known_answers_of_random123(void **state)
{
  (void)state;
  check_block((const uint32_t[4]){0, 0, 0, 0}, (const uint32_t[2]){0, 0},
              (const uint32_t[4]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  check_block((const uint32_t[4]){0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, (const uint32_t[2]){0xffffffff, 0xffffffff},
              (const uint32_t[4]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  check_block((const uint32_t[4]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, (const uint32_t[2]){0xa4093822, 0x299f31d0},
              (const uint32_t[4]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void streams_that_differ_in_any_coordinate_differ(void **state)
{
  (void)state;
  struct swisd_philox streams[] = {
    swisd_philox_stream(1, 2, 3, 4), swisd_philox_stream(2, 2, 3, 4), swisd_philox_stream(1 | UINT64_C(1) << 32, 2, 3, 4),
    swisd_philox_stream(1, 3, 3, 4), swisd_philox_stream(1, 2, 4, 4), swisd_philox_stream(1, 2, 3, 5),
  };
  enum { COUNT = sizeof streams / sizeof streams[0] };
  uint64_t first[COUNT];
  for (int i = 0; i < COUNT; i++) {
    first[i] = swisd_philox_u64(&streams[i]);
    for (int j = 0; j < i; j++) {
      assert_int_not_equal(first[i], first[j]);
    }
  }
}

static void a_stream_is_its_blocks_in_order(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(UINT64_C(0x123456789abcdef0), 7, 8, 9);
  for (uint32_t block = 0; block < 3; block++) {
    uint32_t out[4];
    swisd_philox_block((const uint32_t[2]){0x9abcdef0, 0x12345678}, (const uint32_t[4]){block, 9, 8, 7}, out);
    for (int word = 0; word < 4; word++) {
      assert_int_equal(swisd_philox_u32(&stream), out[word]);
    }
  }
}

static void units_lie_in_the_unit_interval_and_average_one_half(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(5, 0, 0, 0);
  double sum = 0;
  for (int i = 0; i < 100000; i++) {
    const double u = swisd_philox_unit(&stream);
    assert_true(u >= 0 && u < 1);
    sum += u;
  }
  assert_true(sum / 100000 > 0.495 && sum / 100000 < 0.505); /* 5.5 standard errors */
}

static void numbers_below_a_bound_reach_all_of_it_and_no_more(void **state)
{
  (void)state;
  struct swisd_philox stream = swisd_philox_stream(6, 0, 0, 0);
  unsigned seen[7] = {0};
  for (int i = 0; i < 7000; i++) {
    const uint32_t value = swisd_philox_below(&stream, 7);
    assert_true(value < 7);
    seen[value]++;
  }
  for (int i = 0; i < 7; i++) {
    assert_in_range(seen[i], 800, 1200);
  }
  assert_int_equal(swisd_philox_below(&stream, 0), 0);
  assert_int_equal(swisd_philox_below(&stream, 1), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(blocks_equal_the_known_answers_of_random123),
    cmocka_unit_test(streams_that_differ_in_any_coordinate_differ),
    cmocka_unit_test(a_stream_is_its_blocks_in_order),
    cmocka_unit_test(units_lie_in_the_unit_interval_and_average_one_half),
    cmocka_unit_test(numbers_below_a_bound_reach_all_of_it_and_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
