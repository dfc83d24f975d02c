/* libFuzzer target: dataset. Built with -DSWISD_FUZZ=ON (preset `fuzz`). */
#include "tests/kernels/fuzz_bodies.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
  fuzz_dataset(bytes, count);
  return 0;
}
