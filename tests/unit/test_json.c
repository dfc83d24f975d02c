/* What the JSON writer puts out, byte for byte. */
#include "runtime/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"

struct capture {
  struct swisd_json json;
  FILE *stream;
  char *text;
  size_t bytes;
};

static void begin(struct capture *c, bool pretty)
{
  c->stream = open_memstream(&c->text, &c->bytes);
  assert_non_null(c->stream);
  swisd_json_start(&c->json, c->stream, pretty);
}

static void expect(struct capture *c, const char *wanted)
{
  swisd_json_finish(&c->json);
  fclose(c->stream);
  assert_string_equal(c->text, wanted);
  free(c->text);
}

static void an_object_of_everything_reads_as_written(void **state)
{
  (void)state;
  struct capture c;
  begin(&c, false);
  swisd_json_object(&c.json);
  swisd_json_key(&c.json, "empty");
  swisd_json_array(&c.json);
  swisd_json_end(&c.json);
  swisd_json_key(&c.json, "list");
  swisd_json_array(&c.json);
  swisd_json_integer(&c.json, INT64_MIN);
  swisd_json_unsigned(&c.json, UINT64_MAX);
  swisd_json_boolean(&c.json, true);
  swisd_json_null(&c.json);
  swisd_json_object(&c.json);
  swisd_json_end(&c.json);
  swisd_json_end(&c.json);
  swisd_json_key(&c.json, "last");
  swisd_json_string(&c.json, "x");
  swisd_json_end(&c.json);
  expect(&c, "{\"empty\":[],\"list\":[-9223372036854775808,18446744073709551615,true,null,{}],\"last\":\"x\"}\n");
}

static void pretty_output_is_indented_by_two(void **state)
{
  (void)state;
  struct capture c;
  begin(&c, true);
  swisd_json_object(&c.json);
  swisd_json_key(&c.json, "a");
  swisd_json_array(&c.json);
  swisd_json_integer(&c.json, 1);
  swisd_json_integer(&c.json, 2);
  swisd_json_end(&c.json);
  swisd_json_key(&c.json, "b");
  swisd_json_object(&c.json);
  swisd_json_end(&c.json);
  swisd_json_end(&c.json);
  expect(&c, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}\n");
}

static void check_number(double value, const char *wanted)
{
  struct capture c;
  begin(&c, false);
  swisd_json_number(&c.json, value);
  expect(&c, wanted);
}

static void numbers_are_short_and_read_back_equal(void **state)
{
  (void)state;
  check_number(0.1, "0.1\n");
  check_number(1.0 / 3, "0.3333333333333333\n");
  check_number(0.1 + 0.2, "0.30000000000000004\n");
  check_number(1e300, "1e+300\n");
  check_number(-2, "-2\n");
}

static void numbers_that_are_not_finite_become_null(void **state)
{
  (void)state;
  check_number(NAN, "null\n");
  check_number(INFINITY, "null\n");
  check_number(-INFINITY, "null\n");
}

static void check_text(const char *bytes, size_t count, const char *wanted)
{
  struct capture c;
  begin(&c, false);
  swisd_json_text(&c.json, bytes, count);
  expect(&c, wanted);
}

static void strings_are_escaped_as_the_rfc_wants(void **state)
{
  (void)state;
  check_text("\"\\/\b\f\n\r\t\x01\x7f", 10, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f\"\n");
  check_text("a\0b", 3, "\"a\\u0000b\"\n");
  check_text("gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\x9D", 11, "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x90\x9D\"\n");
}

static void bytes_that_are_not_utf8_become_the_replacement_character(void **state)
{
  (void)state;
#define R "\xEF\xBF\xBD"
  check_text("\xFF", 1, "\"" R "\"\n");
  check_text("\xC0\x80", 2, "\"" R R "\"\n");             /* overlong */
  check_text("\xED\xA0\x80", 3, "\"" R R R "\"\n");       /* surrogate */
  check_text("\xF4\x90\x80\x80", 4, "\"" R R R R "\"\n"); /* past U+10FFFF */
  check_text("\xE2\x82", 2, "\"" R R "\"\n");             /* cut short */
  check_text("\xC3(", 2, "\"" R "(\"\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_object_of_everything_reads_as_written),
    cmocka_unit_test(pretty_output_is_indented_by_two),
    cmocka_unit_test(numbers_are_short_and_read_back_equal),
    cmocka_unit_test(numbers_that_are_not_finite_become_null),
    cmocka_unit_test(strings_are_escaped_as_the_rfc_wants),
    cmocka_unit_test(bytes_that_are_not_utf8_become_the_replacement_character),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
