/* The OpenBLAS set: its matrix products, unfolded (im2col) convolution on top of them, and the rest from the portable set. */
#include "kernels/kernels.h"

#ifdef SWISD_HAVE_OPENBLAS
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "kernels/kernels_bug.h"
#include "kernels/simd/simd_set.h"

/* Output pixels unfolded at a time: enough rows for a fast product, few enough to stay in cache. */
enum { UNFOLDED_PIXELS = 256 };

static size_t packed_floats(size_t k, size_t n) { return k * n; }

static void pack(float *packed, const float *w, size_t row_stride, size_t column_stride, size_t k, size_t n)
{
  for (size_t p = 0; p < k; p++)
    for (size_t j = 0; j < n; j++)
      packed[p * n + j] = w[p * row_stride + j * column_stride];
}

static void matmul(size_t m, size_t n, size_t k, const float *x, size_t x_stride, const float *packed, float *y, size_t y_stride,
                   int accumulate)
{
  SWISD_KERNELS_ASSERT(m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && x_stride <= INT_MAX && y_stride <= INT_MAX);
  SWISD_KERNELS_ASSERT(y_stride >= n || m <= 1);
  if (m == 0 || n == 0)
    return;
  if (k == 0) {
    for (size_t i = 0; i < m && !accumulate; i++)
      memset(y + i * y_stride, 0, n * sizeof *y);
    return;
  }
  const float beta = accumulate ? 1 : 0;
  if (m == 1)
    cblas_sgemv(CblasRowMajor, CblasTrans, (int)k, (int)n, 1, packed, (int)n, x, 1, beta, y, 1);
  else
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1, x, (int)x_stride, packed, (int)n, beta, y,
                (int)y_stride);
}

static size_t conv_packed_floats(size_t kernel, size_t channels_in, size_t channels_out)
{
  return kernel * kernel * channels_in * channels_out;
}

static void conv_pack(float *packed, const float *w, size_t kernel, size_t channels_in, size_t channels_out)
{
  memcpy(packed, w, conv_packed_floats(kernel, channels_in, channels_out) * sizeof *w);
}

static size_t conv_scratch_floats(const struct swisd_conv *s)
{
  const size_t pixels = s->height * s->width;
  return (pixels < UNFOLDED_PIXELS ? pixels : UNFOLDED_PIXELS) * s->kernel * s->kernel * s->channels_in;
}

/* The inputs of one output pixel in the order of the weights; x is an item with its context rows. */
static void unfold_pixel(const struct swisd_conv *s, const float *x, size_t row, size_t column, float *out)
{
  const size_t reach = s->kernel / 2, rows_in = s->rows_above + s->height + s->rows_below;
  for (size_t ky = 0; ky < s->kernel; ky++)
    for (size_t kx = 0; kx < s->kernel; kx++, out += s->channels_in) {
      const size_t in = row + s->rows_above + ky - reach, at = column + kx - reach; /* wrap below 0: far above the limits */
      if (in < rows_in && at < s->width)
        memcpy(out, x + (in * s->width + at) * s->channels_in, s->channels_in * sizeof *out);
      else
        memset(out, 0, s->channels_in * sizeof *out);
    }
}

static void conv2d(const struct swisd_conv *s, const float *x, const float *packed, float *y, float *scratch)
{
  swisd_kernels_check_conv(s);
  const size_t k = s->kernel * s->kernel * s->channels_in, pixels = s->height * s->width;
  const size_t item_floats = (s->rows_above + s->height + s->rows_below) * s->width * s->channels_in;
  for (size_t item = 0; item < s->batch; item++, x += item_floats)
    for (size_t first = 0; first < pixels; first += UNFOLDED_PIXELS) {
      const size_t count = pixels - first < UNFOLDED_PIXELS ? pixels - first : UNFOLDED_PIXELS;
      for (size_t i = 0; i < count; i++)
        unfold_pixel(s, x, (first + i) / s->width, (first + i) % s->width, scratch + i * k);
      matmul(count, s->channels_out, k, scratch, k, packed, y, s->channels_out, 0);
      y += count * s->channels_out;
    }
}

static struct swisd_kernels openblas;

static void openblas_build(void)
{
  openblas_set_num_threads(1);
  openblas = *swisd_kernels_portable();
  openblas.name = "openblas";
  openblas.class_name = "none";
  openblas.class_id = SWISD_KERNELS_NO_CLASS;
  openblas.packed_floats = packed_floats;
  openblas.pack = pack;
  openblas.matmul = matmul;
  openblas.conv_packed_floats = conv_packed_floats;
  openblas.conv_pack = conv_pack;
  openblas.conv_scratch_floats = conv_scratch_floats;
  openblas.conv2d = conv2d;
}

const struct swisd_kernels *swisd_kernels_openblas(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, openblas_build);
  return &openblas;
}
#else
const struct swisd_kernels *swisd_kernels_openblas(void) { return NULL; }
#endif
