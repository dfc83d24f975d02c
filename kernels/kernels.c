/* Which sets of kernels this build and this processor have. */
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels_bug.h"

/* The sets that the build compiles from kernels/simd for this architecture (CMakeLists.txt), fastest first within a class.
 * Class "fma" comes first: it is at least as fast, and on processors whose additions and multiplications share pipes up to
 * twice as fast. Class "nofma" is there for swarms with members that have no fused multiply-add (README.md). */
#if defined(__x86_64__)
extern const struct swisd_kernels swisd_avx512_fma_kernels, swisd_avx2_fma_kernels;
extern const struct swisd_kernels swisd_avx512_kernels, swisd_avx2_kernels, swisd_sse2_kernels;
static const struct swisd_kernels *const sets[] = {
  &swisd_avx512_fma_kernels, &swisd_avx2_fma_kernels, &swisd_avx512_kernels, &swisd_avx2_kernels, &swisd_sse2_kernels,
};

static int processor_runs(const struct swisd_kernels *set)
{
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2"), fma = avx2 && __builtin_cpu_supports("fma");
  const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  if (set == &swisd_sse2_kernels)
    return 1;
  if (set == &swisd_avx2_kernels)
    return avx2;
  if (set == &swisd_avx2_fma_kernels)
    return fma;
  if (set == &swisd_avx512_kernels)
    return avx512;
  return avx512 && fma;
}
#else
#if defined(__aarch64__)
extern const struct swisd_kernels swisd_neon_fma_kernels, swisd_neon_kernels;
static const struct swisd_kernels *const sets[] = {&swisd_neon_fma_kernels, &swisd_neon_kernels};
#else
extern const struct swisd_kernels swisd_generic_kernels;
static const struct swisd_kernels *const sets[] = {&swisd_generic_kernels};
#endif

static int processor_runs(const struct swisd_kernels *set) { return set != NULL; }
#endif

const struct swisd_kernels *swisd_kernels_at(size_t index)
{
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (processor_runs(sets[i]) && index-- == 0)
      return sets[i];
  return index == 0 ? swisd_kernels_openblas() : NULL;
}

const struct swisd_kernels *swisd_kernels_portable(void) { return swisd_kernels_at(0); }

static const struct swisd_kernels *first_of_class(enum swisd_kernels_class class_id)
{
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    if (set->class_id == class_id)
      return set;
  return NULL;
}

const struct swisd_kernels *swisd_kernels_by_name(const char *name)
{
  if (!strcmp(name, "portable"))
    return swisd_kernels_portable();
  if (!strcmp(name, "portable-fma"))
    return first_of_class(SWISD_KERNELS_FMA);
  if (!strcmp(name, "portable-nofma"))
    return first_of_class(SWISD_KERNELS_NOFMA);
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)) && strcmp(set->name, name) != 0; i++)
    ;
  return set;
}

_Noreturn void swisd_kernels_bug(const char *file, int line, const char *text)
{
  fprintf(stderr, "%s:%d: bug in the use of the kernels: %s\n", file, line, text);
  abort();
}
