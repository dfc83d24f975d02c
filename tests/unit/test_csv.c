/* What the CSV writer puts out, byte for byte. */
#include "runtime/base/csv.h"

#include <math.h>
#include <stdlib.h>

#include "tests/unit/cmocka_all.h"

static void rows_hold_their_cells_quoted_where_needed(void **state)
{
  (void)state;
  char *text;
  size_t bytes;
  FILE *stream = open_memstream(&text, &bytes);
  struct swisd_csv csv;
  swisd_csv_start(&csv, stream, "name,time_s,count,note");
  swisd_csv_text(&csv, "pi4/3");
  swisd_csv_number(&csv, 0.25);
  swisd_csv_unsigned(&csv, UINT64_MAX);
  swisd_csv_text(&csv, "a, \"b\"\nc");
  swisd_csv_row(&csv);
  swisd_csv_text(&csv, "");
  swisd_csv_number(&csv, NAN);
  swisd_csv_integer(&csv, -7);
  swisd_csv_empty(&csv);
  swisd_csv_row(&csv);
  fclose(stream);
  assert_string_equal(text, "name,time_s,count,note\n"
                            "pi4/3,0.25,18446744073709551615,\"a, \"\"b\"\"\nc\"\n"
                            ",,-7,\n");
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_hold_their_cells_quoted_where_needed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
