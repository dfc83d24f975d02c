/* libFuzzer target: any bytes are read, with and without a world, and nothing breaks. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "scenarios/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct swisd_scenario_errors errors;
  struct swisd_scenario scenario;
  const char *const worlds[] = {NULL, "six"};
  for (int i = 0; i < 2; i++) {
    const int status = swisd_scenario_parse("fuzz.yml", (const char *)data, size, worlds[i], &scenario, &errors);
    if ((status == 0) != (errors.count == 0) || (status == 0 && scenario.device_count == 0)) {
      abort();
    }
    swisd_scenario_free(&scenario);
  }
  return 0;
}
