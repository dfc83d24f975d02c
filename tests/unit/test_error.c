/* An error line is formatted, cut where it must be, and returns the status of its caller. */
#include "runtime/base/error.h"

#include <string.h>

#include "tests/unit/cmocka_all.h"

static void an_error_holds_its_line_and_stands_for_minus_one(void **state)
{
  (void)state;
  struct swisd_error error;
  assert_int_equal(swisd_error_set(&error, "%s:%d: %s", "a.yml", 3, "too many"), -1);
  assert_string_equal(error.text, "a.yml:3: too many");
}

static void a_line_that_is_too_long_is_cut_and_terminated(void **state)
{
  (void)state;
  struct swisd_error error;
  memset(&error, 'x', sizeof error);
  swisd_error_set(&error, "%2000d", 1);
  assert_int_equal(strlen(error.text), sizeof error.text - 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_error_holds_its_line_and_stands_for_minus_one),
    cmocka_unit_test(a_line_that_is_too_long_is_cut_and_terminated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
