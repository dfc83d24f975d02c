/* Distances by hand, and which word is suggested for which mistake. */
#include "runtime/base/suggest.h"

#include <string.h>

#include "tests/unit/cmocka_all.h"

static void a_distance_counts_edits(void **state)
{
  (void)state;
  assert_int_equal(swisd_suggest_distance("", ""), 0);
  assert_int_equal(swisd_suggest_distance("seed", ""), 4);
  assert_int_equal(swisd_suggest_distance("sede", "seed"), 1); /* a swap */
  assert_int_equal(swisd_suggest_distance("sed", "seed"), 1);
  assert_int_equal(swisd_suggest_distance("latancy", "latency"), 1);
  assert_int_equal(swisd_suggest_distance("GFlops", "Gflops"), 0);
  assert_int_equal(swisd_suggest_distance("kitten", "sitting"), 3);
  char longer[101] = {0};
  memset(longer, 'a', 100);
  assert_int_equal(swisd_suggest_distance(longer, "a"), 100);
}

static void the_nearest_word_is_suggested_unless_all_are_far(void **state)
{
  (void)state;
  const char *const known[] = {"seed", "repeat", "duration", "links"};
  assert_string_equal(swisd_suggest("sede", known, 4), "seed");
  assert_string_equal(swisd_suggest("link", known, 4), "links");
  assert_string_equal(swisd_suggest("durration", known, 4), "duration");
  assert_null(swisd_suggest("gossip", known, 4));
  assert_null(swisd_suggest("", known, 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_distance_counts_edits),
    cmocka_unit_test(the_nearest_word_is_suggested_unless_all_are_far),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
