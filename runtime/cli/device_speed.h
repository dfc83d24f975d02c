/* What this device can do, per kernel class: short runs of the shapes that models are made of. */
#ifndef SWISD_CLI_DEVICE_SPEED_H
#define SWISD_CLI_DEVICE_SPEED_H

#include "kernels/kernels.h"

/* Measures one thread for about a third of a second and fills flops_per_s[SWISD_KERNEL_COUNT]. */
void swisd_device_speed(const struct swisd_kernels *kernels, double flops_per_s[]);

#endif
