/* Reading JSON: values by pointer, and errors that name the right place. */
#include "runtime/base/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka_all.h"

static const char text[] = "{\n"
                           "  \"model\": {\"layers\": [4, 8.5, {\"deep/key\": \"yes\"}], \"n\\u0061me\": \"tiny\"},\n"
                           "  \"skip\": \"a } ] \\\" , : b\",\n"
                           "  \"big\": 300\n"
                           "}\n";

static void open_text(struct swisd_json_file *file)
{
  struct swisd_error error;
  assert_int_equal(swisd_json_parse(file, "m.json", text, strlen(text), &error), 0);
}

static void values_are_found_by_pointer(void **state)
{
  (void)state;
  struct swisd_json_file file;
  struct swisd_error error;
  int64_t integer;
  double number;
  const char *string;
  open_text(&file);
  assert_int_equal(swisd_json_get_integer(&file, "/model/layers/0", 0, 10, &integer, &error), 0);
  assert_int_equal(integer, 4);
  assert_int_equal(swisd_json_get_number(&file, "/model/layers/1", 0, 10, &number, &error), 0);
  assert_true(number == 8.5);
  assert_int_equal(swisd_json_get_string(&file, "/model/layers/2/deep~1key", &string, &error), 0);
  assert_string_equal(string, "yes");
  assert_int_equal(swisd_json_get_string(&file, "/model/name", &string, &error), 0);
  assert_string_equal(string, "tiny");
  assert_ptr_equal(swisd_json_find(&file, ""), file.root);
  assert_null(swisd_json_find(&file, "/model/layers/3"));
  assert_null(swisd_json_find(&file, "/model/layers/x"));
  assert_null(swisd_json_find(&file, "/model/layers/0/y"));
  swisd_json_free(&file);
}

static void errors_name_line_column_and_key(void **state)
{
  (void)state;
  struct swisd_json_file file;
  struct swisd_error error;
  int64_t integer;
  double number;
  const char *string;
  open_text(&file);
  assert_int_equal(swisd_json_get_integer(&file, "/big", 0, 255, &integer, &error), -1);
  assert_string_equal(error.text, "m.json:4:10: big: is out of range, a whole number from 0 to 255 is wanted");
  assert_int_equal(swisd_json_get_integer(&file, "/model/layers/1", 0, 9, &integer, &error), -1);
  assert_string_equal(error.text, "m.json:2:27: model/layers/1: is of another type, a whole number from 0 to 9 is wanted");
  assert_int_equal(swisd_json_get_string(&file, "/model/layers/2/deep~1other", &string, &error), -1);
  assert_string_equal(error.text, "m.json:2:32: model/layers/2/deep~1other: is missing, a string is wanted");
  assert_int_equal(swisd_json_get_number(&file, "/model/name", 0, 1, &number, &error), -1);
  assert_string_equal(error.text, "m.json:2:67: model/name: is of another type, a number from 0 to 1 is wanted");
  assert_int_equal(swisd_json_get_string(&file, "/nothing", &string, &error), -1);
  assert_string_equal(error.text, "m.json:1:1: nothing: is missing, a string is wanted");
  swisd_json_free(&file);
}

static void expect_refused(const char *bad, const char *wanted)
{
  struct swisd_json_file file;
  struct swisd_error error;
  assert_int_equal(swisd_json_parse(&file, "m.json", bad, strlen(bad), &error), -1);
  if (!strstr(error.text, wanted)) {
    fail_msg("no \"%s\" in \"%s\"", wanted, error.text);
  }
  assert_null(file.root);
  assert_null(file.text);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
  (void)state;
  expect_refused("{\n  \"a\": 1,,\n}", "m.json:2:10: not JSON: ");
  expect_refused("", "m.json:1:");
  expect_refused("{\"a\": 1, \"a\": 2}", "duplicate");
  expect_refused("\"\xFF\"", "m.json:1:");
  char deep[5000];
  memset(deep, '[', sizeof deep);
  deep[sizeof deep - 1] = '\0';
  expect_refused(deep, "depth");
}

static void a_file_is_read_up_to_its_bound(void **state)
{
  (void)state;
  char path[] = "/tmp/test_json_read_XXXXXX";
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
  struct swisd_json_file file;
  struct swisd_error error;
  assert_int_equal(swisd_json_read(&file, path, strlen(text), &error), 0);
  assert_int_equal(file.bytes, strlen(text));
  swisd_json_free(&file);
  assert_int_equal(swisd_json_read(&file, path, strlen(text) - 1, &error), -1);
  assert_non_null(strstr(error.text, ": larger than "));
  unlink(path);
  assert_int_equal(swisd_json_read(&file, path, 100, &error), -1);
  assert_non_null(strstr(error.text, "No such file"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(values_are_found_by_pointer),
    cmocka_unit_test(errors_name_line_column_and_key),
    cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
    cmocka_unit_test(a_file_is_read_up_to_its_bound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
