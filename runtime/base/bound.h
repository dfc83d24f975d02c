/* B1, the fluid bound of DESIGN section 6: how many items the capacity that was there could have made, were work divisible
 * at will and moving it free. From nominal speeds alone, never from a scheduler's estimates. */
#ifndef SWISD_BASE_BOUND_H
#define SWISD_BASE_BOUND_H

#include <stdint.h>

enum { SWISD_BOUND_KERNELS = 3 };

/* Devices of equal speeds, taken together. */
struct swisd_bound_capacity {
  double flops_per_s[SWISD_BOUND_KERNELS]; /* of one device, by kernel class */
  double device_s;                         /* seconds of full speed, summed over the devices */
};

/* The most items, each of `flops_per_item` by kernel class, that the capacities can make: exact for unlike devices, since
 * each does what it is comparatively best at. Infinity when an item takes no work. */
double swisd_bound_fluid_items(const struct swisd_bound_capacity *capacities, uint32_t count,
                               const double flops_per_item[SWISD_BOUND_KERNELS]);

#endif
