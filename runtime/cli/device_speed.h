/* What one thread of this device can do, per kernel class: the calibration of kernels/calibrate.h in the core's order. */
#ifndef SWISD_CLI_DEVICE_SPEED_H
#define SWISD_CLI_DEVICE_SPEED_H

#include "kernels/calibrate.h"
#include "runtime/core/types.h"

/* Takes about a third of a second. 0, or -1 when memory is out. */
static inline int swisd_device_speed(const struct swisd_kernels *kernels, double flops_per_s[SWISD_KERNEL_COUNT])
{
  struct swisd_calibration measured;
  if (swisd_kernels_calibrate(kernels, 300 * SWISD_MILLISECOND, NULL, &measured) != 0)
    return -1;
  flops_per_s[SWISD_KERNEL_CONV] = measured.conv_flops_per_s;
  flops_per_s[SWISD_KERNEL_DENSE] = measured.dense_flops_per_s;
  flops_per_s[SWISD_KERNEL_ATTENTION] = measured.attention_flops_per_s;
  return 0;
}

/* The same, measured once and kept in FOLDER/speed (made if missing) for a week and for this kernel set: a node that comes back
 * is of use a third of a second earlier. Real tasks correct it in any case. */
int swisd_device_speed_kept(const char *folder, const struct swisd_kernels *kernels, double flops_per_s[SWISD_KERNEL_COUNT]);

#endif
