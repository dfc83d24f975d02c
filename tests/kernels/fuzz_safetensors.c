/* libFuzzer target: safetensors. Built with -DSWISD_FUZZ=ON (preset `fuzz`). */
#include "tests/kernels/fuzz_bodies.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
  fuzz_safetensors(bytes, count);
  return 0;
}
