/* Sine and cosine in IEEE double `+ - *` only (contraction off), so that every device computes the same bits, like
 * runtime/base/elementary.h. Freestanding. */
#ifndef SWISD_KERNELS_SINCOS_H
#define SWISD_KERNELS_SINCOS_H

/* 0 <= x < 2^24; absolute error below 1e-14 (tests/kernels/test_sincos.c). */
void swisd_sincos(double x, double *sine, double *cosine);

#endif
