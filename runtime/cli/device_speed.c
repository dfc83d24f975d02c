/* See device_speed.h. */
#include "runtime/cli/device_speed.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/core/types.h"

static const double seconds_per_class = 0.1;

static double thread_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static float *filled(size_t count)
{
  float *values = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
  if (values)
    for (size_t i = 0; i < count; i++)
      values[i] = (float)(i % 17) * 0.0625f - 0.5f;
  return values;
}

/* FLOP/s of x[m][k] * W[k][n]. */
static double matmul_speed(const struct swisd_kernels *kernels, size_t m, size_t n, size_t k)
{
  float *x = filled(m * k), *w = filled(k * n), *y = filled(m * n), *packed = filled(kernels->packed_floats(k, n));
  double speed = 0;
  if (x && w && y && packed) {
    kernels->pack(packed, w, n, 1, k, n);
    const double start = thread_seconds();
    double spent = 0;
    for (uint64_t runs = 1; spent < seconds_per_class; runs++) {
      kernels->matmul(m, n, k, x, k, packed, y, n, 0);
      spent = thread_seconds() - start;
      speed = 2.0 * (double)(m * n * k) * (double)runs / spent;
    }
  }
  free(x), free(w), free(y), free(packed);
  return speed;
}

static double conv_speed(const struct swisd_kernels *kernels)
{
  const struct swisd_conv shape = {.batch = 4, .height = 14, .width = 14, .channels_in = 32, .channels_out = 64, .kernel = 3};
  const size_t weights = 9 * shape.channels_in * shape.channels_out, pixels = shape.batch * shape.height * shape.width;
  float *x = filled(pixels * shape.channels_in), *w = filled(weights), *y = filled(pixels * shape.channels_out);
  float *packed = filled(kernels->conv_packed_floats(3, shape.channels_in, shape.channels_out));
  float *scratch = filled(kernels->conv_scratch_floats(&shape) + 1);
  double speed = 0;
  if (x && w && y && packed && scratch) {
    kernels->conv_pack(packed, w, 3, shape.channels_in, shape.channels_out);
    const double start = thread_seconds();
    double spent = 0;
    for (uint64_t runs = 1; spent < seconds_per_class; runs++) {
      kernels->conv2d(&shape, x, packed, y, scratch);
      spent = thread_seconds() - start;
      speed = 2.0 * (double)(pixels * weights) * (double)runs / spent;
    }
  }
  free(x), free(w), free(y), free(packed), free(scratch);
  return speed;
}

void swisd_device_speed(const struct swisd_kernels *kernels, double flops_per_s[])
{
  flops_per_s[SWISD_KERNEL_CONV] = conv_speed(kernels);
  flops_per_s[SWISD_KERNEL_DENSE] = matmul_speed(kernels, 32, 512, 512);
  flops_per_s[SWISD_KERNEL_ATTENTION] = matmul_speed(kernels, 1, 1024, 1024); /* decoding is one row at a time */
}
