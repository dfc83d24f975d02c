/* libFuzzer target: any bytes are read as a trace, as a matrix and as a table of devices, and nothing breaks. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const struct swisd_table_request requests[] = {
    {.kind = SWISD_TABLE_AVAILABILITY}, {.kind = SWISD_TABLE_MATRIX}, {.kind = SWISD_TABLE_DEVICES, .value = "a", .weight = "b"}};
  char *text = malloc(size + 1);
  if (!text) {
    return 0;
  }
  memcpy(text, data, size);
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    char why[512] = "";
    uint32_t line = 0;
    struct swisd_measured *table = swisd_table_parse(&requests[i], text, size, &line, why, sizeof why);
    if (!table && (!*why || line == 0)) {
      abort();
    }
    swisd_table_release(table);
  }
  free(text);
  return 0;
}
