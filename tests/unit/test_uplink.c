/* The bound on input bytes under way: what it lets through, how it grows, how it shrinks. */
#include <string.h>

#include "runtime/core/types.h"
#include "runtime/core/uplink.h"
#include "tests/unit/cmocka_all.h"

#define MIB (UINT64_C(1) << 20)

static struct swisd_uplink fresh(void)
{
  struct swisd_uplink u;
  memset(&u, 0xa5, sizeof u);
  swisd_uplink_init(&u);
  return u;
}

static void one_task_gets_no_more_than_a_quarter(void **state)
{
  (void)state;
  const struct swisd_uplink u = fresh();
  assert_int_equal(swisd_uplink_room(&u, false), u.bound_bytes / 4);
}

static void a_full_uplink_has_room_for_rescues_only_and_then_for_none(void **state)
{
  (void)state;
  struct swisd_uplink u = fresh();
  swisd_uplink_sent(&u, u.bound_bytes);
  assert_int_equal(swisd_uplink_room(&u, false), 0);
  assert_true(swisd_uplink_room(&u, true) > 0);
  swisd_uplink_sent(&u, u.bound_bytes);
  assert_int_equal(swisd_uplink_room(&u, true), 0);
}

static void who_waited_for_room_is_told_when_there_is_some(void **state)
{
  (void)state;
  struct swisd_uplink u = fresh();
  swisd_uplink_sent(&u, MIB);
  assert_false(swisd_uplink_ended(&u, MIB / 2)); /* there was room before */
  swisd_uplink_sent(&u, u.bound_bytes);
  assert_false(swisd_uplink_ended(&u, 0)); /* nothing has changed */
  assert_true(swisd_uplink_ended(&u, MIB));
}

static void a_bound_that_is_reached_doubles_with_each_round(void **state)
{
  (void)state;
  struct swisd_uplink u = fresh();
  const uint64_t first = u.bound_bytes;
  swisd_uplink_sent(&u, first);
  for (uint32_t i = 0; i < 8; i++)
    swisd_uplink_came(&u, first / 8);
  assert_int_equal(u.bound_bytes, 2 * first);
}

static void a_bound_that_is_not_reached_stays(void **state)
{
  (void)state;
  struct swisd_uplink u = fresh();
  const uint64_t first = u.bound_bytes;
  swisd_uplink_sent(&u, MIB);
  swisd_uplink_came(&u, MIB);
  assert_int_equal(u.bound_bytes, first);
}

static void what_is_missed_halves_what_was_reached_once_in_a_round(void **state)
{
  (void)state;
  struct swisd_uplink u = fresh();
  swisd_uplink_sent(&u, 8 * MIB);
  swisd_uplink_missed(&u, 5 * SWISD_SECOND);
  assert_int_equal(u.bound_bytes, 4 * MIB);
  swisd_uplink_missed(&u, 5 * SWISD_SECOND + SWISD_MILLISECOND); /* of the same round */
  assert_int_equal(u.bound_bytes, 4 * MIB);
  swisd_uplink_missed(&u, 8 * SWISD_SECOND);
  assert_int_equal(u.bound_bytes, 2 * MIB);
}

static void the_bound_never_shuts_and_recovers_even_when_it_is_not_reached(void **state)
{
  (void)state;
  struct swisd_uplink u = fresh();
  const uint64_t first = u.bound_bytes;
  for (uint64_t round = 1; round <= 100; round++)
    swisd_uplink_missed(&u, 3 * round * SWISD_SECOND);
  const uint64_t least = u.bound_bytes;
  assert_true(least >= 64 * 1024 && least < first);
  for (uint32_t i = 0; i < 1000 && u.bound_bytes < first; i++)
    swisd_uplink_came(&u, MIB / 4);
  assert_true(u.bound_bytes >= first);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(one_task_gets_no_more_than_a_quarter),
    cmocka_unit_test(a_full_uplink_has_room_for_rescues_only_and_then_for_none),
    cmocka_unit_test(who_waited_for_room_is_told_when_there_is_some),
    cmocka_unit_test(a_bound_that_is_reached_doubles_with_each_round),
    cmocka_unit_test(a_bound_that_is_not_reached_stays),
    cmocka_unit_test(what_is_missed_halves_what_was_reached_once_in_a_round),
    cmocka_unit_test(the_bound_never_shuts_and_recovers_even_when_it_is_not_reached),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
