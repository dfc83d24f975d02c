#include "kernels/freivalds.h"

#include <math.h>

#include "kernels/kernels_bug.h"
#include "kernels/simd/simd_set.h"
#include "runtime/base/philox.h"

enum { PURPOSE = 0x46726569 };

/* Four times the largest honest residual measured over the shapes of test_freivalds.c, and still below 1e-3 of a row's rms at
 * k = n = 4096. */
static const double tolerance = 64 * 0x1p-24;

size_t swisd_freivalds_bytes(size_t k, size_t n) { return (k + n) * sizeof(double); }

void swisd_freivalds_init(struct swisd_freivalds *check, void *block, uint64_t seed, uint32_t shard, const float *w,
                          size_t row_stride, size_t column_stride, size_t k, size_t n)
{
  SWISD_KERNELS_ASSERT(k > 0 && n > 0);
  double *s = block, *r = s + k;
  struct swisd_philox random = swisd_philox_stream(seed, 0, shard, PURPOSE);
  for (size_t j = 0; j < n; j++) {
    const uint32_t draw = swisd_philox_u32(&random);
    const double size = 0.75 + (draw >> 1) * 0x1p-32; /* below 1.25 */
    r[j] = draw & 1 ? size : -size;
  }
  double squares = 0;
  for (size_t p = 0; p < k; p++) {
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
      const double weight = w[p * row_stride + j * column_stride];
      sum += weight * r[j];
      squares += weight * weight;
    }
    s[p] = sum;
  }
  *check = (struct swisd_freivalds){.k = k, .n = n, .weight_scale = sqrt(squares / (double)k), .r = r, .s = s};
}

/* Whether the row y fits the input with s . x = in[0] and x . x = in[1]. */
static int row_passes(const struct swisd_kernels *kernels, const struct swisd_freivalds *check, const double in[2],
                      const float *y)
{
  double out[2];
  kernels->project(1, check->n, check->r, 0, y, 0, out);
  const double expected = check->weight_scale * sqrt(in[1]), claimed = sqrt(out[1]);
  const double underflow = (double)check->k * (double)check->n * 0x1p-149;
  const double bound = tolerance * fmax(expected, claimed) + underflow;
  return isfinite(bound) && fabs(out[0] - in[0]) <= bound;
}

size_t swisd_freivalds_check(const struct swisd_freivalds *check, size_t m, const float *x, size_t x_stride, const float *y,
                             size_t y_stride)
{
  const struct swisd_kernels *kernels = swisd_kernels_portable();
  for (size_t i = 0; i < m; i++) {
    double in[2];
    kernels->project(1, check->k, check->s, 0, x + i * x_stride, 0, in);
    if (!row_passes(kernels, check, in, y + i * y_stride))
      return i;
  }
  return m;
}

/* The inputs of one output pixel under one kernel row are consecutive; they and the kernel rows are cut at the edges of the
 * image. x is the item with its context rows. */
static void pixel_sums(const struct swisd_kernels *kernels, const struct swisd_freivalds *check, const struct swisd_conv *c,
                       const float *x, size_t row, size_t column, double sums[2])
{
  const size_t reach = c->kernel / 2, rows_in = c->rows_above + c->height + c->rows_below, centre = row + c->rows_above;
  const size_t above = centre < reach ? centre : reach, below = rows_in - 1 - centre < reach ? rows_in - 1 - centre : reach;
  const size_t left = column < reach ? column : reach, right = c->width - 1 - column < reach ? c->width - 1 - column : reach;
  const size_t first_tap = (reach - above) * c->kernel + reach - left;
  kernels->project(above + 1 + below, (left + 1 + right) * c->channels_in, check->s + first_tap * c->channels_in,
                   c->kernel * c->channels_in, x + ((centre - above) * c->width + column - left) * c->channels_in,
                   c->width * c->channels_in, sums);
}

size_t swisd_freivalds_check_conv(const struct swisd_freivalds *check, const struct swisd_conv *c, const float *x, const float *y)
{
  const struct swisd_kernels *kernels = swisd_kernels_portable();
  swisd_kernels_check_conv(c);
  SWISD_KERNELS_ASSERT(check->k == c->kernel * c->kernel * c->channels_in && check->n == c->channels_out);
  const size_t item_floats = (c->rows_above + c->height + c->rows_below) * c->width * c->channels_in;
  size_t pixel = 0;
  for (size_t item = 0; item < c->batch; item++)
    for (size_t row = 0; row < c->height; row++)
      for (size_t column = 0; column < c->width; column++, pixel++) {
        double in[2];
        pixel_sums(kernels, check, c, x + item * item_floats, row, column, in);
        if (!row_passes(kernels, check, in, y + pixel * c->channels_out))
          return pixel;
      }
  return pixel;
}
