/* IDX data sets: plain and gzipped read the same; damage of any kind is named. */
#include "tests/kernels/format_cases.h"

#include <unistd.h>

#include "kernels/dataset.h"

static void plain_and_gzipped_files_read_the_same(void **state)
{
  (void)state;
  for (int gzip = 0; gzip < 2; gzip++) {
    uint8_t file[256];
    struct swisd_dataset dataset;
    struct swisd_error error = {""};
    assert_int_equal(swisd_dataset_parse(file, case_idx(file, gzip), "case", &dataset, &error), 0);
    assert_int_equal(dataset.item_count, 3);
    assert_int_equal(dataset.item_bytes, 4);
    assert_int_equal(dataset.dimension_count, 3);
    for (uint8_t i = 0; i < 12; i++) {
      assert_int_equal(dataset.bytes[i], i + 1);
    }
    swisd_dataset_free(&dataset);
  }
}

static void a_file_cut_off_anywhere_or_with_bytes_left_over_is_refused(void **state)
{
  (void)state;
  for (int gzip = 0; gzip < 2; gzip++) {
    uint8_t file[256] = {0};
    struct swisd_dataset dataset;
    struct swisd_error error = {""};
    const size_t count = case_idx(file, gzip);
    for (size_t length = 0; length < count; length++) {
      uint8_t *exact = malloc(length + 1);
      memcpy(exact, file, length);
      assert_int_equal(swisd_dataset_parse(exact, length, "case", &dataset, &error), -1);
      free(exact);
    }
    if (!gzip) {
      assert_int_equal(swisd_dataset_parse(file, count + 1, "case", &dataset, &error), -1);
      assert_non_null(strstr(error.text, "1 bytes more"));
    }
    file[count - 6] ^= 1; /* gzip: its checksum */
    assert_int_equal(swisd_dataset_parse(file, count, "case", &dataset, &error), gzip ? -1 : 0);
    swisd_dataset_free(&dataset);
  }
}

static void headers_with_mistakes_are_refused_with_their_reason(void **state)
{
  (void)state;
  static const struct {
    size_t at;
    uint8_t value;
    const char *reason;
  } cases[] = {{0, 1, "not an IDX file"},  {2, 0x0d, "only unsigned bytes"}, {3, 0, "0 dimensions"}, {3, 5, "5 dimensions"},
               {7, 0, "dimension 0 is 0"}, {4, 0xff, "dimension"},           {7, 4, "truncated"},    {8, 0x40, "dimension"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t file[256];
    struct swisd_dataset dataset;
    struct swisd_error error = {""};
    const size_t count = case_idx(file, false);
    file[cases[i].at] = cases[i].value;
    assert_int_equal(swisd_dataset_parse(file, count, "case", &dataset, &error), -1);
    if (!strstr(error.text, cases[i].reason)) {
      fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].reason);
    }
  }
}

static void a_missing_data_set_names_the_package(void **state)
{
  (void)state;
  struct swisd_dataset dataset;
  struct swisd_error error = {""};
  assert_int_equal(swisd_dataset_read(SWISD_FASHION_FOLDER "/none.gz", &dataset, &error), -1);
  assert_non_null(strstr(error.text, "dataset-fashion-mnist"));
  assert_int_equal(swisd_dataset_read("no/such/file", &dataset, &error), -1);
  assert_null(strstr(error.text, "package"));
  assert_int_equal(swisd_dataset_read("/", &dataset, &error), -1);
}

static void the_real_data_set_has_its_10000_images(void **state)
{
  (void)state;
  struct swisd_dataset images, labels;
  struct swisd_error error = {""};
  if (access(SWISD_FASHION_FOLDER, R_OK)) {
    print_message("skipped: no %s\n", SWISD_FASHION_FOLDER);
    skip_for_lack();
  }
  assert_int_equal(swisd_dataset_read(SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz", &images, &error), 0);
  assert_int_equal(swisd_dataset_read(SWISD_FASHION_FOLDER "/t10k-labels-idx1-ubyte.gz", &labels, &error), 0);
  assert_int_equal(images.item_count, 10000);
  assert_int_equal(images.item_bytes, 784);
  assert_int_equal(labels.item_count, 10000);
  assert_int_equal(labels.item_bytes, 1);
  assert_int_equal(labels.bytes[0], 9);
  swisd_dataset_free(&images);
  swisd_dataset_free(&labels);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(plain_and_gzipped_files_read_the_same),
    cmocka_unit_test(a_file_cut_off_anywhere_or_with_bytes_left_over_is_refused),
    cmocka_unit_test(headers_with_mistakes_are_refused_with_their_reason),
    cmocka_unit_test(a_missing_data_set_names_the_package),
    cmocka_unit_test(the_real_data_set_has_its_10000_images),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
