/* The program that kernels_foreign.sh builds for other processors: each set must have the digest of its class. */
#include "tests/kernels/kernels_digest.h"

static int wrong(const struct swisd_kernels *set)
{
  return kernels_digest(set) != (set->class_id == SWISD_KERNELS_FMA ? KERNELS_DIGEST_FMA : KERNELS_DIGEST_NOFMA);
}

#ifdef __wasm__
extern const struct swisd_kernels swisd_wasm_kernels;

__attribute__((export_name("check"))) int check(void) { return wrong(&swisd_wasm_kernels); }
#else
#include <stdio.h>

int main(void)
{
  const struct swisd_kernels *set;
  int failures = 0;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    const int failed = wrong(set);
    printf("%s: %s\n", set->name, failed ? "other bits than its class" : "the bits of its class");
    failures += failed;
  }
  return failures != 0;
}
#endif
