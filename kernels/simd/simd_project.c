/* Inner products in double of a double and a float vector, over SUM_LANES logical lanes like every other sum. */
#include "kernels/simd/simd_set.h"
#include "kernels/simd/simd_vector.h"

enum { WIDE = LANES / 2, WIDE_VECTORS = SUM_LANES / WIDE };

typedef double wide __attribute__((vector_size(4 * SWISD_SIMD_LANES)));
typedef double wide_any __attribute__((vector_size(4 * SWISD_SIMD_LANES), aligned(8), may_alias));
typedef float narrow __attribute__((vector_size(2 * SWISD_SIMD_LANES)));
typedef float narrow_any __attribute__((vector_size(2 * SWISD_SIMD_LANES), aligned(4), may_alias));

struct projection {
  wide product[2 * 16 / SWISD_SIMD_LANES], squares[2 * 16 / SWISD_SIMD_LANES];
};

INLINE void add_lanes(struct projection *sums, const double *s, const float *x)
{
  UNROLL for (size_t j = 0; j < WIDE_VECTORS; j++)
  {
    const wide v = __builtin_convertvector((narrow) * (const narrow_any *)(x + j * WIDE), wide);
    sums->product[j] += *(const wide_any *)(s + j * WIDE) * v;
    sums->squares[j] += v * v;
  }
}

/* In halves, like fold() of simd_vector.h. */
INLINE double fold_wide(const wide *lanes)
{
  wide half[WIDE_VECTORS];
  UNROLL for (size_t j = 0; j < WIDE_VECTORS; j++) half[j] = lanes[j];
  UNROLL for (size_t count = WIDE_VECTORS / 2; count > 0; count /= 2) UNROLL for (size_t j = 0; j < count; j++) half[j] +=
    half[j + count];
  double all[WIDE];
  *(wide_any *)all = half[0];
  UNROLL for (size_t count = WIDE / 2; count > 0; count /= 2) UNROLL for (size_t i = 0; i < count; i++) all[i] += all[i + count];
  return all[0];
}

void SWISD_SIMD(project)(size_t rows, size_t count, const double *s, size_t s_stride, const float *x, size_t x_stride,
                         double sums[2])
{
  struct projection lanes = {{{0}}, {{0}}};
  const size_t whole = count / SUM_LANES * SUM_LANES, rest = count - whole;
  for (size_t row = 0; row < rows; row++, s += s_stride, x += x_stride) {
    for (size_t i = 0; i < whole; i += SUM_LANES)
      add_lanes(&lanes, s + i, x + i);
    if (rest) {
      double tail_s[SUM_LANES] = {0};
      float tail_x[SUM_LANES] = {0};
      for (size_t j = 0; j < rest; j++) {
        tail_s[j] = s[whole + j];
        tail_x[j] = x[whole + j];
      }
      add_lanes(&lanes, tail_s, tail_x);
    }
  }
  sums[0] = fold_wide(lanes.product);
  sums[1] = fold_wide(lanes.squares);
}
