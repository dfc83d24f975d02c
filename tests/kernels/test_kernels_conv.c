/* Convolution of every set against the reference, and strips with a halo against the whole image. */
#include "tests/kernels/kernel_cases.h"

#include "kernels/reference.h"

static const struct swisd_conv shapes[] = {
  {.batch = 1, .height = 1, .width = 1, .channels_in = 1, .channels_out = 1, .kernel = 1},
  {.batch = 1, .height = 1, .width = 1, .channels_in = 1, .channels_out = 1, .kernel = 3},
  {.batch = 2, .height = 5, .width = 7, .channels_in = 3, .channels_out = 5, .kernel = 3},
  {.batch = 1, .height = 28, .width = 28, .channels_in = 1, .channels_out = 32, .kernel = 3},
  {.batch = 3, .height = 14, .width = 14, .channels_in = 16, .channels_out = 24, .kernel = 3},
  {.batch = 1, .height = 9, .width = 31, .channels_in = 90, .channels_out = 33, .kernel = 3}, /* 270 inputs a kernel row */
  {.batch = 1, .height = 3, .width = 5, .channels_in = 300, .channels_out = 17, .kernel = 3}, /* rows far apart */
  {.batch = 2, .height = 11, .width = 13, .channels_in = 4, .channels_out = 8, .kernel = 5},
  {.batch = 1, .height = 2, .width = 3, .channels_in = 2, .channels_out = 3, .kernel = 7}, /* kernel larger than the image */
  {.batch = 2, .height = 6, .width = 10, .channels_in = 40, .channels_out = 64, .kernel = 1},
  {.batch = 2, .height = 4, .width = 6, .channels_in = 8, .channels_out = 16, .kernel = 3, .rows_above = 1},
  {.batch = 2, .height = 4, .width = 6, .channels_in = 8, .channels_out = 16, .kernel = 5, .rows_above = 1, .rows_below = 2},
};

static size_t rows_in(const struct swisd_conv *s) { return s->rows_above + s->height + s->rows_below; }

/* The output of `shape`; `input` and `weights` are dense. */
static float *convolve(const struct swisd_kernels *set, const struct swisd_conv *s, const float *input, const float *weights)
{
  float *packed = case_room(set->conv_packed_floats(s->kernel, s->channels_in, s->channels_out));
  float *y = case_room(s->batch * s->height * s->width * s->channels_out);
  float *scratch = case_room(set->conv_scratch_floats(s));
  set->conv_pack(packed, weights, s->kernel, s->channels_in, s->channels_out);
  set->conv2d(s, input, packed, y, scratch);
  return y;
}

static const float *image(const struct swisd_conv *s)
{
  return case_floats(s->batch * rows_in(s) * s->width * s->channels_in, 11);
}

static const float *kernel_weights(const struct swisd_conv *s)
{
  return case_floats(s->kernel * s->kernel * s->channels_in * s->channels_out, 12);
}

static void every_set_convolves_like_the_reference_within_the_bound_of_a_sum(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
      const struct swisd_conv *s = &shapes[c];
      const size_t outputs = s->batch * s->height * s->width * s->channels_out, taps = s->kernel * s->kernel * s->channels_in;
      const float *x = image(s), *w = kernel_weights(s), *y = convolve(set, s, x, w);
      double *want = case_doubles(outputs), *magnitude = case_doubles(outputs);
      swisd_reference_conv2d(s, x, w, want, magnitude);
      for (size_t o = 0; o < outputs; o++)
        case_within("convolution", set->name, o, y[o], want[o], (double)(taps + s->kernel) * CASE_U * magnitude[o] + 1e-37);
      case_free();
    }
}

static void the_sets_of_one_class_convolve_to_the_same_bits(void **state)
{
  (void)state;
  for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
    const struct swisd_conv *s = &shapes[c];
    const float *x = image(s), *w = kernel_weights(s), *bits[3] = {NULL};
    const struct swisd_kernels *set;
    for (size_t i = 0; (set = case_portable(i)); i++) {
      const float *y = convolve(set, s, x, w);
      if (bits[set->class_id])
        case_same_bits("convolution", set->name, y, bits[set->class_id], s->batch * s->height * s->width * s->channels_out);
      else
        bits[set->class_id] = y;
    }
    case_free();
  }
}

/* Cuts the image into strips of `rows` output rows, gives each the halo a swarm would send, and compares. */
static void check_strips(const struct swisd_kernels *set, const struct swisd_conv *s, size_t rows)
{
  const float *x = image(s), *w = kernel_weights(s), *whole = convolve(set, s, x, w);
  const size_t reach = s->kernel / 2, row_in = s->width * s->channels_in, row_out = s->width * s->channels_out;
  for (size_t first = 0; first < s->height; first += rows) {
    struct swisd_conv strip = *s;
    strip.height = s->height - first < rows ? s->height - first : rows;
    const size_t below = s->height - first - strip.height;
    strip.rows_above = first < reach ? first : reach;
    strip.rows_below = below < reach ? below : reach;
    const float *y = convolve(set, &strip, x + (first - strip.rows_above) * row_in, w);
    case_same_bits("strip", set->name, y, whole + first * row_out, strip.height * row_out);
  }
  case_free();
}

static void strips_with_their_halo_equal_the_whole_image_bit_for_bit(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = case_portable(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++)
      for (size_t rows = 1; rows <= 4; rows++)
        if (shapes[c].batch == 1 && shapes[c].rows_above + shapes[c].rows_below == 0)
          check_strips(set, &shapes[c], rows);
}

static void an_image_has_the_same_bits_alone_and_in_a_batch(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = case_portable(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
      const struct swisd_conv *s = &shapes[c];
      struct swisd_conv one = *s;
      one.batch = 1;
      const float *x = image(s), *w = kernel_weights(s), *whole = convolve(set, s, x, w);
      const size_t in = rows_in(s) * s->width * s->channels_in, out = s->height * s->width * s->channels_out;
      for (size_t item = 0; item < s->batch; item++)
        case_same_bits("image", set->name, convolve(set, &one, x + item * in, w), whole + item * out, out);
      case_free();
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_set_convolves_like_the_reference_within_the_bound_of_a_sum),
    cmocka_unit_test(the_sets_of_one_class_convolve_to_the_same_bits),
    cmocka_unit_test(strips_with_their_halo_equal_the_whole_image_bit_for_bit),
    cmocka_unit_test(an_image_has_the_same_bits_alone_and_in_a_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
