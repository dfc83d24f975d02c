/* How fast this device computes, alone: the prior of its rates until real tasks have been measured, and what a scenario's
 * device speeds are scaled by. One thread. */
#ifndef SWISD_KERNELS_CALIBRATE_H
#define SWISD_KERNELS_CALIBRATE_H

#include <stdint.h>

#include "kernels/kernels.h"

/* Floating-point operations per second of each kernel class (a multiply-add is two). */
struct swisd_calibration {
  double conv_flops_per_s;      /* 3 x 3 convolution, 32 channels, 28 x 28 pixels */
  double dense_flops_per_s;     /* 64 rows times 512 x 512 weights */
  double attention_flops_per_s; /* one token: a row times 1024 x 1024 weights, and attention over 512 positions */
};

/* Measures `set` for about `duration_ns` (200 ms is enough), a third for each class, by the clock `now_ns` (NULL: the monotonic
 * clock). The median over slices is reported, so that a short disturbance does not count. 0, or -1 when memory is short. */
int swisd_kernels_calibrate(const struct swisd_kernels *set, uint64_t duration_ns, uint64_t (*now_ns)(void),
                            struct swisd_calibration *out);

#endif
