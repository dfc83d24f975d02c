/* What the kernels should compute, written as plainly as possible in double: the yardstick of tests/kernels, and the
 * definition to read first. Arguments as in kernels.h. Where a result is a sum of products, `magnitude` (may be NULL) receives
 * the sum of the absolute products: the error of a float sum in any order is at most count * 2^-24 of it, to first order (Higham,
 * "Accuracy and Stability of Numerical Algorithms", 2002, section 4.2). */
#ifndef SWISD_KERNELS_REFERENCE_H
#define SWISD_KERNELS_REFERENCE_H

#include "kernels/kernels.h"

/* y[m][n] = x W, W(p, j) at w[p * row_stride + j * column_stride]. */
void swisd_reference_matmul(size_t m, size_t n, size_t k, const float *x, size_t x_stride, const float *w, size_t row_stride,
                            size_t column_stride, double *y, double *magnitude);
void swisd_reference_conv2d(const struct swisd_conv *shape, const float *x, const float *w, double *y, double *magnitude);
void swisd_reference_average_pool(size_t pixels, size_t channels, const float *x, double *y, double *magnitude);
void swisd_reference_softmax(size_t columns, const float *x, double *y);
void swisd_reference_rmsnorm(size_t columns, const float *x, const float *weight, double epsilon, double *y);
void swisd_reference_swiglu(size_t count, const float *gate, const float *up, double *y);
/* One head of one token. */
void swisd_reference_rope(size_t head_size, const float *x, size_t position, double theta, double *y);
/* y[tokens][heads * head_size], dense; `scratch` holds position + tokens doubles. */
void swisd_reference_attention(const struct swisd_attention *shape, const float *q, const float *k, const float *v, double *y,
                               double *magnitude, double *scratch);

#endif
