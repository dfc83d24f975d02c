/* Products of every set against the reference over a table of shapes, and the promises of the portable sets. */
#include "tests/kernels/kernel_cases.h"

#include "kernels/reference.h"

struct shape {
  size_t m, n, k;
};

/* One, ragged, prime, and either side of each boundary inside the kernels: 4, 8, 16 lanes, panels of 8, 16, 32, tiles of 4, 6, 14
 * rows, blocks of 256, groups of 256 columns. */
static const struct shape shapes[] = {
  {1, 1, 1},      {1, 7, 3},      {2, 16, 16},   {3, 17, 31},   {4, 4, 4},     {5, 33, 255},   {6, 64, 256},   {7, 8, 257},
  {13, 31, 511},  {14, 32, 512},  {15, 47, 513}, {29, 65, 300}, {64, 128, 64}, {97, 101, 103}, {1, 300, 1000}, {2, 1, 2000},
  {12, 257, 129}, {31, 96, 1031}, {3, 600, 520}, {8, 12, 40},   {9, 15, 1},    {10, 24, 77},   {11, 40, 33},   {16, 48, 288},
};

/* SUM_BOUND: a float sum of `count` products in any order, plus the addition to what was there. */
static double sum_bound(size_t count, double magnitude, double before)
{
  return (double)(count + 1) * CASE_U * (magnitude + fabs(before)) + 1e-37;
}

static void check_shape(const struct swisd_kernels *set, const struct shape *s, int transposed, int accumulate)
{
  const size_t x_stride = s->k + 3, y_stride = s->n + 2;
  const size_t row_stride = transposed ? 1 : s->n + 1, column_stride = transposed ? s->k + 2 : 1;
  const float *x = case_floats(s->m * x_stride, 1), *w = case_floats((s->k + 2) * (s->n + 2), 2);
  float *packed = case_room(set->packed_floats(s->k, s->n)), *y = case_floats(s->m * y_stride, 3);
  const float *before = case_floats(s->m * y_stride, 3);
  double *want = case_doubles(s->m * s->n), *magnitude = case_doubles(s->m * s->n);
  set->pack(packed, w, row_stride, column_stride, s->k, s->n);
  set->matmul(s->m, s->n, s->k, x, x_stride, packed, y, y_stride, accumulate);
  swisd_reference_matmul(s->m, s->n, s->k, x, x_stride, w, row_stride, column_stride, want, magnitude);
  char what[80];
  snprintf(what, sizeof what, "%zu x %zu x %zu%s%s", s->m, s->n, s->k, transposed ? " transposed" : "", accumulate ? " +=" : "");
  for (size_t i = 0; i < s->m; i++) {
    for (size_t j = 0; j < s->n; j++) {
      const double old = accumulate ? before[i * y_stride + j] : 0;
      case_within(what, set->name, i * s->n + j, y[i * y_stride + j], want[i * s->n + j] + old,
                  sum_bound(s->k, magnitude[i * s->n + j], old));
    }
    case_same_bits("between the rows", set->name, y + i * y_stride + s->n, before + i * y_stride + s->n, y_stride - s->n);
  }
  case_free();
}

static void every_set_multiplies_like_the_reference_within_the_bound_of_a_sum(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++)
      for (int mode = 0; mode < 4; mode++)
        check_shape(set, &shapes[c], mode & 1, mode >> 1);
}

/* y[m][n] of the set, dense. */
static float *product(const struct swisd_kernels *set, const struct shape *s)
{
  const float *x = case_floats(s->m * s->k, 4), *w = case_floats(s->k * s->n, 5);
  float *packed = case_room(set->packed_floats(s->k, s->n)), *y = case_room(s->m * s->n);
  set->pack(packed, w, s->n, 1, s->k, s->n);
  set->matmul(s->m, s->n, s->k, x, s->k, packed, y, s->n, 0);
  return y;
}

static void the_sets_of_one_class_give_the_same_bits(void **state)
{
  (void)state;
  for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
    const struct swisd_kernels *set, *first[3] = {NULL};
    const float *bits[3] = {NULL};
    for (size_t i = 0; (set = case_portable(i)); i++) {
      const float *y = product(set, &shapes[c]);
      if (first[set->class_id])
        case_same_bits(first[set->class_id]->name, set->name, y, bits[set->class_id], shapes[c].m * shapes[c].n);
      else
        first[set->class_id] = set, bits[set->class_id] = y;
    }
    case_free();
  }
}

static void the_classes_differ_or_else_one_of_them_is_mislabelled(void **state)
{
  (void)state;
  const struct swisd_kernels *fma = swisd_kernels_by_name("portable-fma"), *nofma = swisd_kernels_by_name("portable-nofma");
  assert_non_null(nofma);
  if (!fma) {
    print_message("this processor has no fused multiply-add: one class only\n");
    skip();
  }
  const struct shape s = {5, 33, 255};
  assert_memory_not_equal(product(fma, &s), product(nofma, &s), s.m * s.n * sizeof(float));
  case_free();
}

static void a_row_has_the_same_bits_wherever_the_batch_is_cut(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = case_portable(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
      const struct shape *s = &shapes[c];
      const float *whole = product(set, s), *x = case_floats(s->m * s->k, 4), *w = case_floats(s->k * s->n, 5);
      float *packed = case_room(set->packed_floats(s->k, s->n)), *y = case_room(s->m * s->n);
      set->pack(packed, w, s->n, 1, s->k, s->n);
      for (size_t piece = 1; piece <= 5 && piece <= s->m; piece += 2) { /* rows one by one, by threes, by fives */
        for (size_t row = 0; row < s->m; row += piece)
          set->matmul(s->m - row < piece ? s->m - row : piece, s->n, s->k, x + row * s->k, s->k, packed, y + row * s->n, s->n, 0);
        case_same_bits("in pieces", set->name, y, whole, s->m * s->n);
      }
      case_free();
    }
}

static void a_column_has_the_same_bits_in_a_narrower_shard(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = case_portable(i)); i++) {
    const struct shape s = {5, 101, 300};
    const float *whole = product(set, &s), *x = case_floats(s.m * s.k, 4), *w = case_floats(s.k * s.n, 5);
    float *packed = case_room(set->packed_floats(s.k, s.n)), *y = case_room(s.m * s.n);
    for (size_t j = 0; j < s.n; j += 37) {
      const size_t columns = s.n - j < 37 ? s.n - j : 37;
      set->pack(packed, w + j, s.n, 1, s.k, columns);
      set->matmul(s.m, columns, s.k, x, s.k, packed, y + j, s.n, 0);
    }
    case_same_bits("in shards", set->name, y, whole, s.m * s.n);
    case_free();
  }
}

static void an_empty_sum_is_zero_and_no_rows_touch_nothing(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    float y[6] = {1, 2, 3, 4, 5, 6}, nothing[1] = {0};
    set->matmul(0, 2, 1, nothing, 1, nothing, y, 3, 0);
    set->matmul(2, 2, 0, nothing, 0, nothing, y, 3, 1);
    assert_true(y[0] == 1 && y[1] == 2 && y[3] == 4 && y[4] == 5);
    set->matmul(2, 2, 0, nothing, 0, nothing, y, 3, 0);
    assert_true(y[0] == 0 && y[1] == 0 && y[2] == 3 && y[3] == 0 && y[4] == 0 && y[5] == 6);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_set_multiplies_like_the_reference_within_the_bound_of_a_sum),
    cmocka_unit_test(the_sets_of_one_class_give_the_same_bits),
    cmocka_unit_test(the_classes_differ_or_else_one_of_them_is_mislabelled),
    cmocka_unit_test(a_row_has_the_same_bits_wherever_the_batch_is_cut),
    cmocka_unit_test(a_column_has_the_same_bits_in_a_narrower_shard),
    cmocka_unit_test(an_empty_sum_is_zero_and_no_rows_touch_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
