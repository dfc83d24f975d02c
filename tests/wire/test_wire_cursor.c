/* The bounded cursor, form by form of the MessagePack specification. */
#include <string.h>

#include "runtime/wire/wire_cursor.h"
#include "tests/unit/cmocka_all.h"
#include "tests/wire/golden_message.h"
#include "tests/wire/wire_guard.h"

static uint8_t bytes[1 << 17];

static struct swisd_cursor guarded(size_t count)
{
  const uint8_t *copy = swisd_guard_copy(bytes, count);
  return (struct swisd_cursor){copy, copy + count};
}

/* The bytes of one value of each form: `hex`, then `more` bytes of c0, which are its contents or nils inside it. */
static const struct {
  const char *name, *hex;
  size_t more;
} forms[] = {
  {"fixint", "00", 0},          {"fixint", "7f", 0},
  {"negative fixint", "e0", 0}, {"negative fixint", "ff", 0},
  {"fixmap", "80", 0},          {"fixmap", "81", 2},
  {"fixmap", "8f", 30},         {"fixarray", "90", 0},
  {"fixarray", "9f", 15},       {"fixstr", "a0", 0},
  {"fixstr", "bf", 31},         {"nil", "c0", 0},
  {"false", "c2", 0},           {"true", "c3", 0},
  {"bin 8", "c400", 0},         {"bin 8", "c4ff", 255},
  {"bin 16", "c50100", 256},    {"bin 32", "c600010000", 65536},
  {"ext 8", "c70005", 0},       {"ext 8", "c7ff05", 255},
  {"ext 16", "c8010005", 256},  {"ext 32", "c90001000005", 65536},
  {"float 32", "ca", 4},        {"float 64", "cb", 8},
  {"uint 8", "cc", 1},          {"uint 16", "cd", 2},
  {"uint 32", "ce", 4},         {"uint 64", "cf", 8},
  {"int 8", "d0", 1},           {"int 16", "d1", 2},
  {"int 32", "d2", 4},          {"int 64", "d3", 8},
  {"fixext 1", "d405", 1},      {"fixext 2", "d505", 2},
  {"fixext 4", "d605", 4},      {"fixext 8", "d705", 8},
  {"fixext 16", "d805", 16},    {"str 8", "d9ff", 255},
  {"str 16", "da0100", 256},    {"str 32", "db00010000", 65536},
  {"array 16", "dc0100", 256},  {"array 32", "dd00000101", 257},
  {"map 16", "de0100", 512},    {"map 32", "df00000101", 514},
};

static void a_value_of_each_form_is_stepped_over_and_not_a_byte_more(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    const size_t head = swisd_hex(forms[i].hex, bytes, sizeof bytes), whole = head + forms[i].more;
    memset(bytes + head, 0xc0, forms[i].more + 1);
    struct swisd_cursor cursor = guarded(whole + 1); /* a nil behind it */
    const uint8_t *start = cursor.at;
    if (swisd_cursor_skip(&cursor, 1) != SWISD_WIRE_OK || cursor.at != start + whole)
      fail_msg("%s %s", forms[i].name, forms[i].hex);
    for (size_t cut = 0; cut < whole; cut += whole < 1000 ? 1 : 997) {
      cursor = guarded(cut);
      if (swisd_cursor_skip(&cursor, 1) != SWISD_WIRE_TRUNCATED)
        fail_msg("%s %s cut at %zu", forms[i].name, forms[i].hex, cut);
    }
  }
}

static void every_first_byte_but_c1_begins_some_value(void **state)
{
  (void)state;
  for (unsigned first = 0; first < 256; first++) {
    memset(bytes, 0, 64); /* all lengths 0, all contents zero */
    bytes[0] = (uint8_t)first;
    struct swisd_cursor cursor = guarded(64);
    assert_int_equal(swisd_cursor_skip(&cursor, 1), first == 0xc1 ? SWISD_WIRE_MALFORMED : SWISD_WIRE_OK);
  }
}

static void an_ext_of_each_form_is_read_whole_or_not_at_all(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    const size_t head = swisd_hex(forms[i].hex, bytes, sizeof bytes), whole = head + forms[i].more;
    memset(bytes + head, 0xc0, forms[i].more);
    const uint8_t *contents;
    uint32_t count;
    int8_t type;
    struct swisd_cursor cursor = guarded(whole);
    const int status = swisd_cursor_ext(&cursor, &type, &contents, &count);
    if (strstr(forms[i].name, "ext") == NULL) {
      assert_int_equal(status, SWISD_WIRE_MALFORMED);
      continue;
    }
    assert_int_equal(status, SWISD_WIRE_OK);
    assert_int_equal(type, 5);
    assert_int_equal(count, forms[i].more);
    assert_ptr_equal(contents + count, cursor.end);
    assert_ptr_equal(cursor.at, cursor.end);
    for (size_t cut = 0; cut < whole; cut += whole < 1000 ? 1 : 997) {
      cursor = guarded(cut);
      assert_int_equal(swisd_cursor_ext(&cursor, &type, &contents, &count), SWISD_WIRE_TRUNCATED);
    }
  }
}

static void a_bin_of_each_form_is_read_whole_or_not_at_all(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    const size_t head = swisd_hex(forms[i].hex, bytes, sizeof bytes), whole = head + forms[i].more;
    const uint8_t *contents;
    uint32_t count;
    struct swisd_cursor cursor = guarded(whole);
    const int status = swisd_cursor_bin(&cursor, &contents, &count);
    if (strncmp(forms[i].name, "bin", 3) != 0) {
      assert_int_equal(status, SWISD_WIRE_MALFORMED);
      continue;
    }
    assert_int_equal(status, SWISD_WIRE_OK);
    assert_int_equal(count, forms[i].more);
    assert_ptr_equal(contents + count, cursor.end);
    for (size_t cut = 0; cut < whole; cut += whole < 1000 ? 1 : 997) {
      cursor = guarded(cut);
      assert_int_equal(swisd_cursor_bin(&cursor, &contents, &count), SWISD_WIRE_TRUNCATED);
    }
  }
}

static void a_number_of_each_form_is_read_whole_or_not_at_all(void **state)
{
  (void)state;
  static const struct {
    const char *hex;
    int status;
    uint64_t value;
  } cases[] = {
    {"00", SWISD_WIRE_OK, 0},
    {"7f", SWISD_WIRE_OK, 127},
    {"ccff", SWISD_WIRE_OK, 255},
    {"cdffff", SWISD_WIRE_OK, 65535},
    {"ceffffffff", SWISD_WIRE_OK, UINT32_MAX},
    {"cfffffffffffffffff", SWISD_WIRE_OK, UINT64_MAX},
    {"d07f", SWISD_WIRE_OK, 127},
    {"d17fff", SWISD_WIRE_OK, 32767},
    {"d27fffffff", SWISD_WIRE_OK, INT32_MAX},
    {"d37fffffffffffffff", SWISD_WIRE_OK, INT64_MAX},
    {"cf0102030405060708", SWISD_WIRE_OK, 0x0102030405060708},
    {"ff", SWISD_WIRE_RANGE, 0},
    {"d080", SWISD_WIRE_RANGE, 0},
    {"d18000", SWISD_WIRE_RANGE, 0},
    {"d280000000", SWISD_WIRE_RANGE, 0},
    {"d38000000000000000", SWISD_WIRE_RANGE, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const size_t whole = swisd_hex(cases[i].hex, bytes, sizeof bytes);
    uint64_t value = 0;
    struct swisd_cursor cursor = guarded(whole);
    assert_int_equal(swisd_cursor_number(&cursor, &value), cases[i].status);
    if (cases[i].status == SWISD_WIRE_OK) {
      assert_true(value == cases[i].value);
      assert_ptr_equal(cursor.at, cursor.end);
    }
    for (size_t cut = 0; cut < whole; cut++) {
      cursor = guarded(cut);
      assert_int_equal(swisd_cursor_number(&cursor, &value), SWISD_WIRE_TRUNCATED);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_value_of_each_form_is_stepped_over_and_not_a_byte_more),
    cmocka_unit_test(every_first_byte_but_c1_begins_some_value),
    cmocka_unit_test(an_ext_of_each_form_is_read_whole_or_not_at_all),
    cmocka_unit_test(a_bin_of_each_form_is_read_whole_or_not_at_all),
    cmocka_unit_test(a_number_of_each_form_is_read_whole_or_not_at_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
