/* Rotary position embedding (Su et al., "RoFormer", 2021), the same for every set: the angles are computed in double by
 * functions that give the same bits everywhere, so all devices turn by the same floats. */
#include "kernels/simd/simd_set.h"
#include "kernels/sincos.h"
#include "runtime/base/elementary.h"

/* x[i], x[i + half] turned by the angle of pair i. */
static void turn_head(size_t half, float *x, const float *cosine, const float *sine)
{
  for (size_t i = 0; i < half; i++) {
    const float a = x[i], b = x[i + half];
    x[i] = a * cosine[i] - b * sine[i];
    x[i + half] = b * cosine[i] + a * sine[i];
  }
}

void swisd_kernels_rope(size_t tokens, size_t heads, size_t head_size, float *x, size_t x_stride, size_t position, double theta)
{
  SWISD_KERNELS_ASSERT(head_size >= 2 && head_size % 2 == 0 && head_size <= SWISD_ROPE_HEAD_SIZE_MAX);
  SWISD_KERNELS_ASSERT(theta >= 1 && theta <= 1e12 && position + tokens < 1u << 24);
  float cosine[SWISD_ROPE_HEAD_SIZE_MAX / 2], sine[SWISD_ROPE_HEAD_SIZE_MAX / 2];
  const size_t half = head_size / 2;
  const double ratio = swisd_math_exp(-swisd_math_log(theta) / (double)half);
  for (size_t token = 0; token < tokens; token++, x += x_stride) {
    double frequency = 1; /* theta^(-i / half); the repeated product loses at most half * 2^-53 */
    for (size_t i = 0; i < half; i++, frequency *= ratio) {
      double s, c;
      swisd_sincos((double)(position + token) * frequency, &s, &c);
      sine[i] = (float)s, cosine[i] = (float)c;
    }
    for (size_t head = 0; head < heads; head++)
      turn_head(half, x + head * head_size, cosine, sine);
  }
}
