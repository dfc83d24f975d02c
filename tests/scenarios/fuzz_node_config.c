/* libFuzzer target: any bytes as a node.yml. Built with -DSWISD_FUZZ=ON (preset `fuzz`). */
#include <stdlib.h>

#include "scenarios/node_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
  static struct swisd_scenario_errors errors;
  struct swisd_node_config config;
  const int status = swisd_node_config_parse("fuzz.yml", bytes ? (const char *)bytes : "", count, &config, &errors);
  if ((status == 0) != (errors.count == 0) || config.join_count > SWISD_SEEDS_MAX) {
    abort();
  }
  return 0;
}
