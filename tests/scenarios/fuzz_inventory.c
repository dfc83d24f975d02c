/* libFuzzer target: any bytes as an inventory. Built with -DSWISD_FUZZ=ON (preset `fuzz`). */
#include <stdlib.h>

#include "scenarios/inventory.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
  static struct swisd_scenario_errors errors;
  static struct swisd_inventory inventory;
  const int status = swisd_inventory_parse("fuzz.yml", bytes ? (const char *)bytes : "", count, &inventory, &errors);
  if ((status == 0) != (errors.count == 0) || inventory.host_count > SWISD_INVENTORY_HOSTS_MAX) {
    abort();
  }
  return 0;
}
