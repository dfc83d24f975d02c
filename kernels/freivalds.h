/* Checks a product without computing it: y = x W is right if r . y = s . x, where r is a secret random vector and s = W r was
 * computed once. A row costs k + n multiply-adds instead of k n: 0.4 % of the time at 4096 x 4096, but a fifth to a half of a
 * convolution of 64 or 32 channels (bench_kernels).
 *
 * Source: Freivalds, "Probabilistic machines can use less running time", IFIP 1977; precomputed s: Tramer and Boneh, "Slalom",
 * ICLR 2019, section 3.2. Floats make r . y - s . x small, not zero, so the check passes when
 *
 *   |r . y - s . x| <= 64 u max(sqrt(n) rms(W) |x|, |y|) + a little for underflow,    u = 2^-24, |.| the Euclidean norm,
 *
 * both sides in double. Without |y| this is the tolerance of DESIGN section 6, sqrt(n) |x| = sqrt(k n) rms(x); the two terms
 * agree when the signs in a sum are mixed, and |y| covers sums whose terms share a sign, where honest rounding errors grow
 * with the sum (test_freivalds.c has one that the first term alone rejects). Honest products are measured to stay below a
 * quarter of the bound whatever set computed them.
 *
 * What a wrong row risks: r(j) = +-(0.75 .. 1.25), so an error e in one output is found for certain when |e| is 2.7 times the
 * tolerance; an error vector chosen without knowing r slips through with probability at most 2 tolerance / max|e(j)|. Two
 * checks with different seeds multiply these. Whoever knows r can forge: the seed never leaves the checker. */
#ifndef SWISD_KERNELS_FREIVALDS_H
#define SWISD_KERNELS_FREIVALDS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

struct swisd_freivalds {
  size_t k, n;
  double weight_scale; /* sqrt(n) rms(W) */
  const double *r;     /* n */
  const double *s;     /* k */
};

/* Bytes of the block that `swisd_freivalds_init` keeps; 8-byte aligned. */
size_t swisd_freivalds_bytes(size_t k, size_t n);

/* Draws r from (seed, shard) and computes s for W[k][n], W(p, j) at w[p * row_stride + j * column_stride]; k, n >= 1. `block`
 * stays the caller's and must outlive the check; w is not kept. The weights of a convolution, HWIO, are
 * W[kernel * kernel * channels_in][channels_out] with strides (channels_out, 1). */
void swisd_freivalds_init(struct swisd_freivalds *check, void *block, uint64_t seed, uint32_t shard, const float *w,
                          size_t row_stride, size_t column_stride, size_t k, size_t n);

/* Index of the first row of y[m][n] that is not x W, m when all rows pass. A row with anything not finite does not pass. */
size_t swisd_freivalds_check(const struct swisd_freivalds *check, size_t m, const float *x, size_t x_stride, const float *y,
                             size_t y_stride);

/* The same for a convolution (before bias and activation): index of the first wrong output pixel, batch * height * width when
 * all pass. */
size_t swisd_freivalds_check_conv(const struct swisd_freivalds *check, const struct swisd_conv *shape, const float *x,
                                  const float *y);

#endif
