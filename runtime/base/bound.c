/* The bound is a small linear programme: share each device's time among the kernel classes so that the scarcest class is
 * served best. Its dual is easier: give each class a price q (summing to one per item); a device earns at most the price of
 * its best class; no division of labour makes more items than all devices can earn. The least such value over all prices is
 * the bound (strong duality), and it is convex in q, so nested ternary search over the two free prices finds it. */
#include "runtime/base/bound.h"

#include <assert.h>
#include <math.h>

struct problem {
  const struct swisd_bound_capacity *capacities;
  uint32_t count;
  const double *flops;               /* per item */
  uint8_t used[SWISD_BOUND_KERNELS]; /* the classes that an item needs */
  uint32_t used_count;
};

/* 60 thirds shrink the interval to 3e-11 of a price: far below the nine digits that are printed. */
enum { SEARCH_STEPS = 60 };

static double earned(const struct problem *p, const double *prices)
{
  double sum = 0;
  for (uint32_t c = 0; c < p->count; c++) {
    double best = 0;
    for (uint32_t u = 0; u < p->used_count; u++) {
      const uint8_t kernel = p->used[u];
      const double earns = p->capacities[c].flops_per_s[kernel] * prices[u] / p->flops[kernel];
      best = earns > best ? earns : best;
    }
    sum += best * p->capacities[c].device_s;
  }
  return sum;
}

/* With prices[0] fixed and the rest of `budget` shared by the last two. */
static double least_of_two(const struct problem *p, double *prices, double budget)
{
  const uint32_t a = p->used_count - 2, b = p->used_count - 1;
  double low = 0, high = budget, best = INFINITY;
  for (int i = 0; i < SEARCH_STEPS; i++) {
    const double left = low + (high - low) / 3, right = high - (high - low) / 3;
    prices[a] = left, prices[b] = budget - left;
    const double at_left = earned(p, prices);
    prices[a] = right, prices[b] = budget - right;
    const double at_right = earned(p, prices);
    best = fmin(best, fmin(at_left, at_right));
    if (at_left <= at_right)
      high = right;
    else
      low = left;
  }
  return best;
}

static double least_of_three(const struct problem *p, double *prices)
{
  double low = 0, high = 1, best = INFINITY;
  for (int i = 0; i < SEARCH_STEPS; i++) {
    const double left = low + (high - low) / 3, right = high - (high - low) / 3;
    prices[0] = left;
    const double at_left = least_of_two(p, prices, 1 - left);
    prices[0] = right;
    const double at_right = least_of_two(p, prices, 1 - right);
    best = fmin(best, fmin(at_left, at_right));
    if (at_left <= at_right)
      high = right;
    else
      low = left;
  }
  return best;
}

double swisd_bound_fluid_items(const struct swisd_bound_capacity *capacities, uint32_t count,
                               const double flops_per_item[SWISD_BOUND_KERNELS])
{
  static_assert(SWISD_BOUND_KERNELS == 3, "the search has two free prices");
  struct problem p = {.capacities = capacities, .count = count, .flops = flops_per_item};
  for (uint8_t kernel = 0; kernel < SWISD_BOUND_KERNELS; kernel++)
    if (flops_per_item[kernel] > 0)
      p.used[p.used_count++] = kernel;
  double prices[SWISD_BOUND_KERNELS] = {1, 0, 0};
  switch (p.used_count) {
  case 0:
    return INFINITY;
  case 1:
    return earned(&p, prices);
  case 2:
    return least_of_two(&p, prices, 1);
  default:
    return least_of_three(&p, prices);
  }
}
