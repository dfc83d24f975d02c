/* Everything that is not a product: bias, activations, pooling, normalisation, softmax, rotation, argmax. */
#include "tests/kernels/kernel_cases.h"

#include "kernels/reference.h"

static const size_t counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64, 100, 255, 256, 1000};

/* EXP_BOUND: the kernels' e^x for x <= 0, relative; measured at most 1.8e-7 (3 u), the sum and the division of
 * softmax included. */
#define EXP_BOUND (4 * CASE_U)

static void epilogue_adds_the_bias_and_clips_exactly_and_leaves_the_gaps(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(counts); c++)
      for (int mode = 0; mode < 4; mode++) {
        const size_t columns = counts[c], stride = columns + 3, rows = 3;
        const float *bias = mode & 1 ? case_floats(columns, 2) : NULL, *before = case_floats(rows * stride, 1);
        float *y = case_floats(rows * stride, 1), *want = case_floats(rows * stride, 1);
        set->epilogue(rows, columns, y, stride, bias, mode & 2 ? SWISD_ACTIVATION_RELU : SWISD_ACTIVATION_NONE);
        for (size_t row = 0; row < rows; row++)
          for (size_t j = 0; j < columns; j++) {
            const float sum = before[row * stride + j] + (bias ? bias[j] : 0);
            want[row * stride + j] = mode & 2 && sum < 0 ? 0 : sum;
          }
        case_same_bits("epilogue", set->name, y, want, rows * stride);
        case_free();
      }
}

static void relu_lets_nan_through_so_that_a_broken_result_shows(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    float y[20];
    for (size_t j = 0; j < 20; j++)
      y[j] = NAN;
    set->epilogue(1, 20, y, 20, NULL, SWISD_ACTIVATION_RELU);
    for (size_t j = 0; j < 20; j++)
      assert_true(isnan(y[j]));
  }
}

static void add_is_exact(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(counts); c++) {
      const float *x = case_floats(counts[c], 1);
      float *y = case_floats(counts[c], 2), *want = case_floats(counts[c], 2);
      for (size_t j = 0; j < counts[c]; j++)
        want[j] += x[j];
      set->add(counts[c], y, x);
      case_same_bits("add", set->name, y, want, counts[c]);
      case_free();
    }
}

static void maxpool_takes_the_largest_of_each_block_and_drops_odd_edges(void **state)
{
  (void)state;
  const size_t sizes[][3] = {{2, 2, 1}, {28, 28, 32}, {7, 5, 3}, {3, 4, 17}, {14, 14, 24}, {2, 9, 40}};
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t s = 0; s < CASE_COUNT(sizes); s++) {
      const size_t height = sizes[s][0], width = sizes[s][1], channels = sizes[s][2], batch = 2, row = width * channels;
      const size_t outputs = batch * (height / 2) * (width / 2) * channels;
      const float *x = case_floats(batch * height * row, 1);
      float *y = case_room(outputs), *want = case_room(outputs), *at = want;
      for (size_t item = 0; item < batch; item++)
        for (size_t h = 0; h < height / 2; h++)
          for (size_t w = 0; w < width / 2; w++)
            for (size_t c = 0; c < channels; c++) {
              const float *p = x + (item * height + 2 * h) * row + 2 * w * channels + c;
              *at++ = fmaxf(fmaxf(p[0], p[channels]), fmaxf(p[row], p[row + channels]));
            }
      set->maxpool2x2(batch, height, width, channels, x, y);
      case_same_bits("maxpool", set->name, y, want, outputs);
      case_free();
    }
}

static void average_pool_is_within_the_bound_of_a_sum(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(counts); c++) {
      const size_t channels = counts[c], pixels = 49, batch = 2;
      const float *x = case_floats(batch * pixels * channels, 1);
      float *y = case_room(batch * channels);
      double *want = case_doubles(channels), *magnitude = case_doubles(channels);
      set->average_pool(batch, pixels, channels, x, y);
      for (size_t item = 0; item < batch; item++) {
        swisd_reference_average_pool(pixels, channels, x + item * pixels * channels, want, magnitude);
        for (size_t j = 0; j < channels; j++)
          case_within("average", set->name, j, y[item * channels + j], want[j], ((double)pixels + 1) * CASE_U * magnitude[j]);
      }
      case_free();
    }
}

/* With a row of two, x and 0, softmax gives e^x / (1 + e^x): for x far below 0 that is e^x itself. */
static void the_exponential_of_softmax_is_within_its_bound_over_its_whole_range(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = case_portable(i)); i++) {
    double worst = 0;
    for (int step = 0; step <= 70000; step++) {
      float row[2] = {-86.99f + (float)step * 0.001f, 0};
      const double want = exp(row[0]) / (1 + exp(row[0]));
      set->softmax(1, 2, row, 2);
      worst = fmax(worst, fabs(row[0] / want - 1));
    }
    if (!(worst <= EXP_BOUND))
      fail_msg("%s: relative error %g", set->name, worst);
    float below[2] = {-87.5f, 0};
    set->softmax(1, 2, below, 2);
    assert_true(below[0] == 0 && below[1] == 1);
  }
}

static void softmax_is_within_its_bound_and_survives_large_inputs(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(counts); c++)
      for (int scale = 1; scale <= 10000; scale *= 10) {
        const size_t columns = counts[c];
        float *x = case_floats(columns, 1), *y = case_room(columns);
        double *want = case_doubles(columns);
        for (size_t j = 0; j < columns; j++)
          y[j] = x[j] *= (float)scale;
        set->softmax(1, columns, y, columns);
        swisd_reference_softmax(columns, x, want);
        /* e^x errs, and so does its argument x - max (by u of itself, at most 87); then a sum and a division. */
        for (size_t j = 0; j < columns; j++)
          case_within("softmax", set->name, j, y[j], want[j],
                      want[j] * (2 * EXP_BOUND + (2 * fmin(2 * scale, 87) + (double)columns / 16 + 8) * CASE_U) + 2e-38);
        case_free();
      }
}

static void rmsnorm_is_within_its_bound_and_may_work_in_place(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(counts); c++) {
      const size_t columns = counts[c], stride = columns + 1, rows = 3;
      float *x = case_floats(rows * stride, 1), *y = case_floats(rows * stride, 3);
      const float *weight = case_floats(columns, 2);
      double *want = case_doubles(columns);
      set->rmsnorm(rows, columns, x, stride, weight, 1e-5f, y, stride);
      for (size_t row = 0; row < rows; row++) {
        swisd_reference_rmsnorm(columns, x + row * stride, weight, 1e-5f, want);
        for (size_t j = 0; j < columns; j++)
          case_within("rmsnorm", set->name, j, y[row * stride + j], want[j],
                      fabs(want[j]) * ((double)columns / 16 + 10) * CASE_U);
      }
      set->rmsnorm(rows, columns, x, stride, weight, 1e-5f, x, stride);
      for (size_t row = 0; row < rows; row++)
        case_same_bits("rmsnorm in place", set->name, x + row * stride, y + row * stride, columns);
      case_free();
    }
}

static void swiglu_is_within_its_bound_for_gates_of_any_size(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(counts); c++)
      for (int scale = 1; scale <= 1000; scale *= 10) {
        float *gate = case_floats(counts[c], 1), *y = case_room(counts[c]);
        const float *up = case_floats(counts[c], 2);
        double *want = case_doubles(counts[c]);
        for (size_t j = 0; j < counts[c]; j++)
          y[j] = gate[j] *= (float)scale;
        set->swiglu(counts[c], y, up);
        swisd_reference_swiglu(counts[c], gate, up, want);
        for (size_t j = 0; j < counts[c]; j++) /* below -88 the gate is shut: less than 1000 e^-88 remains */
          case_within("swiglu", set->name, j, y[j], want[j], fabs(want[j]) * (EXP_BOUND + 4 * CASE_U) + 1e-35);
        case_free();
      }
}

static void rope_turns_like_the_reference_and_each_token_alone_like_all_together(void **state)
{
  (void)state;
  const size_t sizes[] = {2, 8, 32, 64, 128, 512};
  const size_t positions[] = {0, 1, 2047, 131071};
  const struct swisd_kernels *set = swisd_kernels_portable();
  for (size_t s = 0; s < CASE_COUNT(sizes); s++)
    for (size_t p = 0; p < CASE_COUNT(positions); p++) {
      const size_t tokens = 3, heads = 2, stride = heads * sizes[s] + 5;
      const float *before = case_floats(tokens * stride, 1);
      float *y = case_floats(tokens * stride, 1), *alone = case_floats(tokens * stride, 1);
      double *want = case_doubles(sizes[s]);
      set->rope(tokens, heads, sizes[s], y, stride, positions[p], 10000);
      for (size_t token = 0; token < tokens; token++) {
        set->rope(1, heads, sizes[s], alone + token * stride, stride, positions[p] + token, 10000);
        for (size_t head = 0; head < heads; head++) {
          const size_t at = token * stride + head * sizes[s];
          swisd_reference_rope(sizes[s], before + at, positions[p] + token, 10000, want);
          for (size_t j = 0; j < sizes[s]; j++) /* inputs below 1: three roundings of float, and the angle in double */
            case_within("rope", set->name, j, y[at + j], want[j], 4 * CASE_U);
        }
      }
      case_same_bits("one token at a time", set->name, alone, y, tokens * stride);
      case_free();
    }
}

static void argmax_is_the_first_of_the_largest_and_never_nan(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    for (size_t c = 0; c < CASE_COUNT(counts); c++)
      for (size_t at = 0; at < counts[c]; at++) {
        float *x = case_floats(counts[c], 1);
        for (size_t j = 0; j < at; j++)
          x[j] = j ? 6.9999995f : NAN; /* the float below 7 */
        x[at] = 7;
        x[counts[c] - 1] = 7;
        assert_int_equal(set->argmax(counts[c], x), at);
        case_free();
      }
    const float nothing[3] = {NAN, NAN, NAN}, least[3] = {NAN, -INFINITY, -INFINITY};
    assert_int_equal(set->argmax(3, nothing), 0);
    assert_int_equal(set->argmax(3, least), 1);
  }
}

/* Runs the operation that `what` names on the same input. */
static float *rows_of(const struct swisd_kernels *set, const char *what, size_t columns)
{
  const size_t rows = 3;
  float *y = case_floats(rows * columns, 1), *other = case_floats(rows * columns, 2);
  if (!strcmp(what, "softmax"))
    set->softmax(rows, columns, y, columns);
  else if (!strcmp(what, "rmsnorm"))
    set->rmsnorm(rows, columns, y, columns, other, 1e-6f, y, columns);
  else if (!strcmp(what, "swiglu"))
    set->swiglu(rows * columns, y, other);
  else {
    set->average_pool(1, rows, columns, y, other);
    return other;
  }
  return y;
}

static void rows_have_the_same_bits_in_every_set_of_either_class(void **state)
{
  (void)state;
  static const char *const operations[] = {"softmax", "rmsnorm", "swiglu", "average_pool"};
  for (size_t o = 0; o < CASE_COUNT(operations); o++)
    for (size_t c = 0; c < CASE_COUNT(counts); c++) {
      const struct swisd_kernels *set;
      const float *want = rows_of(swisd_kernels_portable(), operations[o], counts[c]);
      for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
        case_same_bits(operations[o], set->name, rows_of(set, operations[o], counts[c]), want,
                       (strcmp(operations[o], "average_pool") ? 3 : 1) * counts[c]);
      case_free();
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(epilogue_adds_the_bias_and_clips_exactly_and_leaves_the_gaps),
    cmocka_unit_test(relu_lets_nan_through_so_that_a_broken_result_shows),
    cmocka_unit_test(add_is_exact),
    cmocka_unit_test(maxpool_takes_the_largest_of_each_block_and_drops_odd_edges),
    cmocka_unit_test(average_pool_is_within_the_bound_of_a_sum),
    cmocka_unit_test(the_exponential_of_softmax_is_within_its_bound_over_its_whole_range),
    cmocka_unit_test(softmax_is_within_its_bound_and_survives_large_inputs),
    cmocka_unit_test(rmsnorm_is_within_its_bound_and_may_work_in_place),
    cmocka_unit_test(swiglu_is_within_its_bound_for_gates_of_any_size),
    cmocka_unit_test(rope_turns_like_the_reference_and_each_token_alone_like_all_together),
    cmocka_unit_test(argmax_is_the_first_of_the_largest_and_never_nan),
    cmocka_unit_test(rows_have_the_same_bits_in_every_set_of_either_class),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
