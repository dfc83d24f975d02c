/* What all sets share besides arithmetic: the rules of shapes, and the scratch of a thread. Freestanding. */
#include "kernels/simd/simd_set.h"

SWISD_SIMD_OF_THREAD float swisd_simd_scratch[SWISD_SIMD_TILE_ROWS_MAX * SWISD_SIMD_ROW_PITCH] __attribute__((aligned(64)));

void swisd_kernels_check_conv(const struct swisd_conv *s)
{
  SWISD_KERNELS_ASSERT(s->kernel % 2 == 1 && s->kernel <= SWISD_CONV_KERNEL_MAX);
  SWISD_KERNELS_ASSERT(s->rows_above <= s->kernel / 2 && s->rows_below <= s->kernel / 2);
}

void swisd_kernels_check_attention(const struct swisd_attention *s)
{
  SWISD_KERNELS_ASSERT(s->head_size > 0 && s->kv_heads > 0 && s->heads % s->kv_heads == 0);
  SWISD_KERNELS_ASSERT(s->q_stride >= s->heads * s->head_size || s->tokens <= 1);
  SWISD_KERNELS_ASSERT(s->y_stride >= s->heads * s->head_size || s->tokens <= 1);
  SWISD_KERNELS_ASSERT(s->kv_stride >= s->kv_heads * s->head_size || s->position + s->tokens <= 1);
}
