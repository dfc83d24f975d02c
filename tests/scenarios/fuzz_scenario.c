/* libFuzzer target: any bytes are read, with and without a world, and nothing breaks. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "scenarios/study.h"

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
  const char *const settings[] = {"devices.pi4.count=3", "faults[0].at=1 s"};
  const struct swisd_study_request request = {.path = "fuzz.yml",
                                              .text = size ? (const char *)data : "",
                                              .bytes = size,
                                              .settings = settings,
                                              .setting_count = data && size % 3};
  struct swisd_study *study = swisd_study_open(&request, &errors);
  if (!study && errors.count == 0) {
    abort();
  }
  if (study) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (out) {
      swisd_study_print(study, SWISD_STUDY_WHOLE, out);
      fclose(out);
    }
    free(text);
  }
  swisd_study_free(study);
  return 0;
}
