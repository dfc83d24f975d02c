/* safetensors: values of each float type; headers that lie about lengths, offsets or shapes are refused. */
#include "tests/kernels/format_cases.h"

#include "kernels/safetensors.h"

static void tensors_are_found_by_name_with_their_values(void **state)
{
  (void)state;
  uint8_t bytes[512];
  struct swisd_safetensors file;
  struct swisd_error error = {""};
  float values[4];
  assert_int_equal(swisd_safetensors_parse(bytes, case_safetensors(bytes), "case", &file, &error), 0);
  assert_int_equal(file.tensor_count, 3);
  const struct swisd_tensor *full = swisd_safetensors_find(&file, "full");
  assert_int_equal(full->dimension_count, 2);
  assert_int_equal(swisd_tensor_floats(full, values, 4), 0);
  assert_true(values[0] == 1 && values[1] == -2 && values[2] == 0.5f && values[3] == 1e30f);
  assert_int_equal(swisd_tensor_floats(full, values, 3), -1);
  assert_int_equal(swisd_tensor_floats(swisd_safetensors_find(&file, "half"), values, 3), 0);
  assert_true(values[0] == 1 && values[1] == -2.5f && values[2] == 0x1p-24f);
  assert_int_equal(swisd_tensor_floats(swisd_safetensors_find(&file, "brain"), values, 1), 0);
  assert_true(values[0] == -1);
  assert_null(swisd_safetensors_find(&file, "other"));
  swisd_safetensors_close(&file);
}

static void every_half_precision_number_is_exact(void **state)
{
  (void)state;
  for (uint32_t bits = 0; bits < 65536; bits++) {
    const uint16_t half = (uint16_t)bits;
    const struct swisd_tensor tensor = {.type = SWISD_TENSOR_F16, .bytes = (const uint8_t *)&half, .byte_count = 2};
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    float value;
    assert_int_equal(swisd_tensor_floats(&tensor, &value, 1), 0);
    if (exponent == 31) {
      assert_true(fraction ? isnan(value) : isinf(value) && (value < 0) == (half >> 15));
    } else {
      assert_true((double)value == (half >> 15 ? -size : size));
    }
  }
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
  (void)state;
  uint8_t bytes[512];
  struct swisd_safetensors file;
  struct swisd_error error = {""};
  const size_t count = case_safetensors(bytes);
  for (size_t length = 0; length < count; length++) {
    uint8_t *exact = malloc(length + 1);
    memcpy(exact, bytes, length);
    assert_int_equal(swisd_safetensors_parse(exact, length, "case", &file, &error), -1);
    free(exact);
  }
}

static void headers_that_lie_are_refused_with_their_reason(void **state)
{
  (void)state;
  static const struct {
    const char *right, *wrong, *reason;
  } cases[] = {{"[16, 22]", "[14, 20]", "overlap or hole"},
               {"[16, 22]", "[16, 99]", "outside"},
               {"[16, 22]", "[22, 16]", "outside"},
               {"[16, 22]", "[16]     ", "outside"},
               {"[3]", "[4]", "its shape needs"},
               {"[3]", "[9]", "its shape needs"},
               {"\"F16\"", "\"Q16\"", "not known"},
               {"[2, 2]", "[-2,2]", "no number"},
               {"[2, 2]", "[1,[]]", "no number"},
               {"[2, 2]", "9     ", "a list"},
               {"\"half\"", "\"full\"", "duplicate"},
               {"[22, 24]", "[20, 22]", "overlap or hole"},
               {"\"BF16\", \"shape\": [1], \"data_offsets\": [22, 24]", "\"BF16\", \"shape\": [0], \"data_offsets\": [22, 22]",
                "after the last tensor"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t bytes[512], changed[600];
    struct swisd_safetensors file;
    struct swisd_error error = {""};
    const size_t count = case_safetensors(bytes), right = strlen(cases[i].right), wrong = strlen(cases[i].wrong);
    const uint8_t *at = memmem(bytes, count, cases[i].right, right);
    assert_non_null(at);
    const size_t before = (size_t)(at - bytes);
    memcpy(changed, bytes, before);
    memcpy(changed + before, cases[i].wrong, wrong);
    memcpy(changed + before + wrong, at + right, count - before - right);
    const uint64_t header = count - 32 + wrong - right;
    memcpy(changed, &header, 8);
    assert_int_equal(swisd_safetensors_parse(changed, count + wrong - right, "case", &file, &error), -1);
    if (!strstr(error.text, cases[i].reason)) {
      fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].wrong, error.text, cases[i].reason);
    }
  }
}

static void a_missing_file_is_named(void **state)
{
  (void)state;
  struct swisd_safetensors file;
  struct swisd_error error = {""};
  assert_int_equal(swisd_safetensors_open("no/such/file", &file, &error), -1);
  assert_non_null(strstr(error.text, "no/such/file"));
  assert_int_equal(swisd_safetensors_open("/", &file, &error), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(tensors_are_found_by_name_with_their_values),
    cmocka_unit_test(every_half_precision_number_is_exact),
    cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
    cmocka_unit_test(headers_that_lie_are_refused_with_their_reason),
    cmocka_unit_test(a_missing_file_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
