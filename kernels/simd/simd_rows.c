/* Everything element by element or row by row. Nothing here fuses, so both classes give the same bits. */
#include "kernels/simd/simd_set.h"
#include "kernels/simd/simd_vector.h"

/* e^x within 2 units in the last place for x in [-87, 88]; 0 below, e^88 above.
 * x = n ln 2 + r, |r| <= 0.35; the Taylor series to r^7 leaves out 6e-9. Adding 1.5 * 2^23 rounds to the nearest integer and
 * leaves it in the low bits. ln2_high has 10 significant bits, so n * LN2_HIGH is exact. */
INLINE vec exponential(vec x)
{
  const float rounder = 0x1.8p23f, log2_e = 0x1.715476p0f, ln2_high = 0x1.63p-1f, ln2_low = -0x1.bd0106p-13f;
  const bits under = (bits)(x < splat(-87));
  x = choose((bits)(x > splat(88)), splat(88), x);
  const vec shifted = x * splat(log2_e) + splat(rounder), n = shifted - splat(rounder);
  const vec r = (x - n * splat(ln2_high)) - n * splat(ln2_low);
  vec sum = splat(1.0f / 5040);
  sum = sum * r + splat(1.0f / 720);
  sum = sum * r + splat(1.0f / 120);
  sum = sum * r + splat(1.0f / 24);
  sum = sum * r + splat(1.0f / 6);
  sum = sum * r + splat(0.5f);
  sum = sum * r * r + r + splat(1);
  const bits scale = ((bits)shifted - (bits)splat(rounder) + 127) << 23;
  return choose(under, (vec){0}, sum * (vec)scale);
}

INLINE vec activate(vec x, enum swisd_activation activation)
{
  return activation == SWISD_ACTIVATION_RELU ? choose((bits)(x < (vec){0}), (vec){0}, x) : x;
}

INLINE void epilogue_row(size_t columns, float *y, const float *bias, enum swisd_activation activation)
{
  size_t i = 0;
  for (; i + LANES <= columns; i += LANES)
    store(y + i, activate(bias ? load(y + i) + load(bias + i) : load(y + i), activation));
  const size_t rest = columns - i;
  if (rest) {
    const vec v = load_part(y + i, rest, 0);
    store_part(y + i, activate(bias ? v + load_part(bias + i, rest, 0) : v, activation), rest);
  }
}

void SWISD_SIMD(epilogue)(size_t rows, size_t columns, float *y, size_t y_stride, const float *bias,
                          enum swisd_activation activation)
{
  SWISD_KERNELS_ASSERT(activation == SWISD_ACTIVATION_NONE || activation == SWISD_ACTIVATION_RELU);
  for (size_t row = 0; row < rows; row++)
    epilogue_row(columns, y + row * y_stride, bias, activation);
}

void SWISD_SIMD(add)(size_t count, float *y, const float *x)
{
  size_t i = 0;
  for (; i + LANES <= count; i += LANES)
    store(y + i, load(y + i) + load(x + i));
  for (; i < count; i++)
    y[i] += x[i];
}

/* y = the lane-wise larger of four pixels. */
INLINE void pool_pixel(size_t channels, const float *x, size_t right, size_t down, float *y)
{
  size_t c = 0;
  for (; c + LANES <= channels; c += LANES, x += LANES)
    store(y + c, larger(larger(load(x), load(x + right)), larger(load(x + down), load(x + down + right))));
  const size_t rest = channels - c;
  if (rest) {
    const vec top = larger(load_part(x, rest, 0), load_part(x + right, rest, 0));
    store_part(y + c, larger(top, larger(load_part(x + down, rest, 0), load_part(x + down + right, rest, 0))), rest);
  }
}

void SWISD_SIMD(maxpool2x2)(size_t batch, size_t height, size_t width, size_t channels, const float *x, float *y)
{
  for (size_t item = 0; item < batch; item++)
    for (size_t row = 0; row < height / 2; row++)
      for (size_t column = 0; column < width / 2; column++, y += channels)
        pool_pixel(channels, x + ((item * height + 2 * row) * width + 2 * column) * channels, channels, width * channels, y);
}

void SWISD_SIMD(average_pool)(size_t batch, size_t pixels, size_t channels, const float *x, float *y)
{
  SWISD_KERNELS_ASSERT(pixels > 0 && pixels < 1u << 24);
  for (size_t item = 0; item < batch; item++, x += pixels * channels, y += channels)
    for (size_t c = 0; c < channels; c += LANES) {
      const size_t width = channels - c < LANES ? channels - c : LANES;
      vec sum = {0};
      for (size_t pixel = 0; pixel < pixels; pixel++) {
        const float *at = x + pixel * channels + c;
        sum += width == LANES ? load(at) : load_part(at, width, 0);
      }
      store_part(y + c, sum / splat((float)pixels), width);
    }
}

static float row_max(size_t count, const float *x)
{
  struct lanes best;
  UNROLL for (size_t j = 0; j < SUM_VECTORS; j++) best.v[j] = splat(-__builtin_inff());
  size_t i = 0;
  for (; i + SUM_LANES <= count; i += SUM_LANES)
    UNROLL for (size_t j = 0; j < SUM_VECTORS; j++) best.v[j] = larger(best.v[j], load(x + i + j * LANES));
  float all[SUM_LANES], top = -__builtin_inff();
  UNROLL for (size_t j = 0; j < SUM_VECTORS; j++) store(all + j * LANES, best.v[j]);
  for (size_t lane = 0; lane < SUM_LANES; lane++)
    top = all[lane] > top ? all[lane] : top;
  for (; i < count; i++)
    top = x[i] > top ? x[i] : top;
  return top;
}

/* Adds x, or its squares, over the logical lanes. */
INLINE float row_sum(size_t count, const float *x, int squares)
{
  struct lanes sum = {{{0}}};
  float tail[SUM_LANES] = {0};
  for (size_t i = 0; i < count; i += SUM_LANES) {
    const float *at = x + i;
    if (count - i < SUM_LANES) {
      for (size_t j = 0; j < count - i; j++)
        tail[j] = at[j];
      at = tail;
    }
    UNROLL for (size_t j = 0; j < SUM_VECTORS; j++)
    {
      const vec v = load(at + j * LANES);
      sum.v[j] += squares ? v * v : v;
    }
  }
  return fold(sum);
}

static void softmax_row(size_t columns, float *y)
{
  const vec top = splat(row_max(columns, y));
  size_t i = 0;
  for (; i + LANES <= columns; i += LANES)
    store(y + i, exponential(load(y + i) - top));
  if (i < columns)
    store_part(y + i, exponential(load_part(y + i, columns - i, 0) - top), columns - i);
  const float sum = row_sum(columns, y, 0);
  for (i = 0; i + LANES <= columns; i += LANES)
    store(y + i, load(y + i) / splat(sum));
  for (; i < columns; i++)
    y[i] /= sum;
}

void SWISD_SIMD(softmax)(size_t rows, size_t columns, float *y, size_t y_stride)
{
  SWISD_KERNELS_ASSERT(columns > 0);
  for (size_t row = 0; row < rows; row++)
    softmax_row(columns, y + row * y_stride);
}

void SWISD_SIMD(rmsnorm)(size_t rows, size_t columns, const float *x, size_t x_stride, const float *weight, float epsilon,
                         float *y, size_t y_stride)
{
  SWISD_KERNELS_ASSERT(columns > 0 && columns < 1u << 24);
  for (size_t row = 0; row < rows; row++, x += x_stride, y += y_stride) {
    const float scale = 1 / __builtin_sqrtf(row_sum(columns, x, 1) / (float)columns + epsilon);
    size_t i = 0;
    for (; i + LANES <= columns; i += LANES)
      store(y + i, load(x + i) * splat(scale) * load(weight + i));
    for (; i < columns; i++)
      y[i] = x[i] * scale * weight[i];
  }
}

void SWISD_SIMD(swiglu)(size_t count, float *gate, const float *up)
{
  for (size_t i = 0; i < count; i += LANES) {
    const size_t width = count - i < LANES ? count - i : LANES;
    const vec g = width == LANES ? load(gate + i) : load_part(gate + i, width, 0);
    const vec u = width == LANES ? load(up + i) : load_part(up + i, width, 0);
    const vec out = g / (splat(1) + exponential(-g)) * u;
    if (width == LANES)
      store(gate + i, out);
    else
      store_part(gate + i, out, width);
  }
}

size_t SWISD_SIMD(argmax)(size_t count, const float *x)
{
  SWISD_KERNELS_ASSERT(count > 0);
  const float top = row_max(count, x);
  for (size_t i = 0; i < count; i++)
    if (x[i] == top)
      return i;
  return 0; /* nothing but NaN */
}
