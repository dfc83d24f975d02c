/* Attention of new tokens over a key-value cache: for each token and head the scores of all earlier positions, softmax, and
 * the weighted sum of the values. A score is summed over logical lanes, a value over the positions in order, so the number of
 * tokens in a call changes nothing. */
#include "kernels/simd/simd_set.h"
#include "kernels/simd/simd_vector.h"

INLINE float dot(size_t count, const float *a, const float *b)
{
  struct lanes sum = {{{0}}};
  size_t i = 0;
  for (; i + SUM_LANES <= count; i += SUM_LANES)
    UNROLL for (size_t j = 0; j < SUM_VECTORS; j++) sum.v[j] =
      mul_add(load(a + i + j * LANES), load(b + i + j * LANES), sum.v[j]);
  if (i < count) {
    float tail_a[SUM_LANES] = {0}, tail_b[SUM_LANES] = {0};
    for (size_t j = 0; j < count - i; j++) {
      tail_a[j] = a[i + j];
      tail_b[j] = b[i + j];
    }
    UNROLL for (size_t j = 0; j < SUM_VECTORS; j++) sum.v[j] =
      mul_add(load(tail_a + j * LANES), load(tail_b + j * LANES), sum.v[j]);
  }
  return fold(sum);
}

/* y[vectors * LANES] = sum over the positions of weight * v. */
INLINE void weigh(const size_t vectors, size_t positions, const float *weights, const float *v, size_t v_stride, float *y)
{
  vec sum[4];
  UNROLL for (size_t j = 0; j < vectors; j++) sum[j] = (vec){0};
  for (size_t p = 0; p < positions; p++, v += v_stride) {
    const vec weight = splat(weights[p]);
    UNROLL for (size_t j = 0; j < vectors; j++) sum[j] = mul_add(weight, load(v + j * LANES), sum[j]);
  }
  UNROLL for (size_t j = 0; j < vectors; j++) store(y + j * LANES, sum[j]);
}

static void weigh_head(size_t head_size, size_t positions, const float *weights, const float *v, size_t v_stride, float *y)
{
  size_t i = 0;
  for (; i + 4 * LANES <= head_size; i += 4 * LANES)
    weigh(4, positions, weights, v + i, v_stride, y + i);
  for (; i + LANES <= head_size; i += LANES)
    weigh(1, positions, weights, v + i, v_stride, y + i);
  if (i < head_size) {
    vec sum = {0};
    for (size_t p = 0; p < positions; p++)
      sum = mul_add(splat(weights[p]), load_part(v + p * v_stride + i, head_size - i, 0), sum);
    store_part(y + i, sum, head_size - i);
  }
}

void SWISD_SIMD(attention)(const struct swisd_attention *s, const float *q, const float *k, const float *v, float *y,
                           float *scratch)
{
  swisd_kernels_check_attention(s);
  const float scale = 1 / __builtin_sqrtf((float)s->head_size);
  const size_t group = s->heads / s->kv_heads;
  for (size_t token = 0; token < s->tokens; token++, q += s->q_stride, y += s->y_stride) {
    const size_t positions = s->position + token + 1;
    for (size_t head = 0; head < s->heads; head++) {
      const float *query = q + head * s->head_size;
      const size_t cache = head / group * s->head_size;
      for (size_t p = 0; p < positions; p++)
        scratch[p] = dot(s->head_size, query, k + p * s->kv_stride + cache) * scale;
      SWISD_SIMD(softmax)(1, positions, scratch, positions);
      weigh_head(s->head_size, positions, scratch, v + cache, s->kv_stride, y + head * s->head_size);
    }
  }
}
