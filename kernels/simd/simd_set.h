/* What the sources of one set share with each other and with the rest of kernels/. Each function is a member of
 * struct swisd_kernels (kernels.h) of the same name, which says what it does. */
#ifndef SWISD_KERNELS_SIMD_SET_H
#define SWISD_KERNELS_SIMD_SET_H

#include "kernels/kernels.h"
#include "kernels/kernels_bug.h"

#define SWISD_SIMD_PASTE_(a, b) swisd_##a##_##b
#define SWISD_SIMD_PASTE(a, b) SWISD_SIMD_PASTE_(a, b)
#define SWISD_SIMD(name) SWISD_SIMD_PASTE(SWISD_SIMD_NAME, name) /* SWISD_SIMD(matmul) is swisd_avx2_fma_matmul */

/* Room for the copied rows of one tile, of the calling thread: not on the stack, because simulated actors have small ones. */
enum { SWISD_SIMD_BLOCK_K = 256, SWISD_SIMD_ROW_PITCH = SWISD_SIMD_BLOCK_K + 16, SWISD_SIMD_TILE_ROWS_MAX = 14 };
#ifdef __wasm__
#define SWISD_SIMD_OF_THREAD /* a Worker is an instance with memory of its own */
#else
#define SWISD_SIMD_OF_THREAD _Thread_local
#endif
extern SWISD_SIMD_OF_THREAD float swisd_simd_scratch[SWISD_SIMD_TILE_ROWS_MAX * SWISD_SIMD_ROW_PITCH];

/* Assert the rules that kernels.h states for a shape. */
void swisd_kernels_check_conv(const struct swisd_conv *shape);
void swisd_kernels_check_attention(const struct swisd_attention *shape);

/* The same for every set. */
void swisd_kernels_rope(size_t tokens, size_t heads, size_t head_size, float *x, size_t x_stride, size_t position, double theta);

#ifdef SWISD_SIMD_NAME
size_t SWISD_SIMD(packed_floats)(size_t k, size_t n);
void SWISD_SIMD(pack)(float *packed, const float *w, size_t row_stride, size_t column_stride, size_t k, size_t n);
void SWISD_SIMD(matmul)(size_t m, size_t n, size_t k, const float *x, size_t x_stride, const float *packed, float *y,
                        size_t y_stride, int accumulate);
size_t SWISD_SIMD(conv_packed_floats)(size_t kernel, size_t channels_in, size_t channels_out);
void SWISD_SIMD(conv_pack)(float *packed, const float *w, size_t kernel, size_t channels_in, size_t channels_out);
size_t SWISD_SIMD(conv_scratch_floats)(const struct swisd_conv *shape);
void SWISD_SIMD(conv2d)(const struct swisd_conv *shape, const float *x, const float *packed, float *y, float *scratch);
void SWISD_SIMD(epilogue)(size_t rows, size_t columns, float *y, size_t y_stride, const float *bias,
                          enum swisd_activation activation);
void SWISD_SIMD(add)(size_t count, float *y, const float *x);
void SWISD_SIMD(maxpool2x2)(size_t batch, size_t height, size_t width, size_t channels, const float *x, float *y);
void SWISD_SIMD(average_pool)(size_t batch, size_t pixels, size_t channels, const float *x, float *y);
void SWISD_SIMD(softmax)(size_t rows, size_t columns, float *y, size_t y_stride);
void SWISD_SIMD(rmsnorm)(size_t rows, size_t columns, const float *x, size_t x_stride, const float *weight, float epsilon,
                         float *y, size_t y_stride);
void SWISD_SIMD(attention)(const struct swisd_attention *shape, const float *q, const float *k, const float *v, float *y,
                           float *scratch);
void SWISD_SIMD(swiglu)(size_t count, float *gate, const float *up);
size_t SWISD_SIMD(argmax)(size_t count, const float *x);
void SWISD_SIMD(project)(size_t rows, size_t count, const double *s, size_t s_stride, const float *x, size_t x_stride,
                         double sums[2]);
#endif

#endif
