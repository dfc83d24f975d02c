/* Helpers of the kernel tests: random inputs at awkward addresses, and comparison against the double reference. */
#ifndef SWISD_TESTS_KERNEL_CASES_H
#define SWISD_TESTS_KERNEL_CASES_H

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"

#include "kernels/kernels.h"
#include "runtime/base/philox.h"

#define CASE_U 0x1p-24 /* unit roundoff of float */
#define CASE_COUNT(array) (sizeof(array) / sizeof *(array))

static void *case_blocks[256];
static size_t case_block_count;

/* `count` floats at an address that is a multiple of 4 only, ending where the block ends so that a sanitizer sees the first
 * float too far. Freed by case_free. */
static inline float *case_room(size_t count)
{
  float *block = malloc((count + 1) * sizeof *block);
  assert_non_null(block);
  assert_true(case_block_count < CASE_COUNT(case_blocks));
  case_blocks[case_block_count++] = block;
  for (size_t i = 0; i <= count; i++)
    block[i] = -12345;
  return block + 1;
}

/* The same, uniform in (-1, 1). */
static inline float *case_floats(size_t count, uint32_t stream)
{
  float *x = case_room(count);
  struct swisd_philox random = swisd_philox_stream(2024, 0, stream, 0);
  for (size_t i = 0; i < count; i++)
    x[i] = (float)(2 * swisd_philox_unit(&random) - 1);
  return x;
}

static inline double *case_doubles(size_t count)
{
  return (double *)(void *)(case_room(2 * count + 1) + 1); /* + 1: back to a multiple of 8 */
}

static inline void case_free(void)
{
  while (case_block_count)
    free(case_blocks[--case_block_count]);
}

/* Fails unless |y - want| <= bound(i) for each i. */
static inline void case_within(const char *what, const char *set, size_t i, double y, double want, double bound)
{
  if (!(fabs(y - want) <= bound))
    fail_msg("%s, %s, output %zu: %.9g instead of %.9g, bound %.3g", what, set, i, y, want, bound);
}

static inline void case_same_bits(const char *what, const char *set, const float *y, const float *want, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (memcmp(y + i, want + i, sizeof *y) != 0)
      fail_msg("%s, %s, output %zu: %a instead of %a", what, set, i, (double)y[i], (double)want[i]);
}

/* Sets with a class: index 0, 1, ...; NULL past the end. */
static inline const struct swisd_kernels *case_portable(size_t index)
{
  const struct swisd_kernels *set = swisd_kernels_at(index);
  return set && set->class_id != SWISD_KERNELS_NO_CLASS ? set : NULL;
}

#endif
