/* swisd bench: what this device can do, per kernel class and kernel set. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/device_speed.h"
#include "runtime/core/types.h"

struct bench_options {
  struct swisd_option_taker taker; /* first */
  bool json;
  const struct swisd_kernels *kernels;
};

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct bench_options *options = (struct bench_options *)taker;
  if (strcmp(name, "json") == 0) {
    options->json = true;
    return 0;
  }
  options->kernels = swisd_kernels_by_name(value);
  return options->kernels ? 0 : swisd_error_set(error, "--kernels %s: not on this device; allowed are portable and openblas",
                                                value);
}

static void print_json(const struct swisd_kernels *kernels, const double speeds[])
{
  static const char *const names[SWISD_KERNEL_COUNT] = {"conv_gflops", "dense_gflops", "attention_gflops"};
  struct swisd_json json;
  swisd_json_start(&json, stdout, false);
  swisd_json_object(&json);
  swisd_json_key(&json, "kernels");
  swisd_json_string(&json, kernels->name);
  swisd_json_key(&json, "class");
  swisd_json_string(&json, kernels->class_name);
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++) {
    swisd_json_key(&json, names[k]);
    swisd_json_number(&json, speeds[k] / 1e9);
  }
  swisd_json_end(&json);
  swisd_json_finish(&json);
}

int swisd_command_bench(const struct swisd_command *command, int argc, char **argv)
{
  struct bench_options options = {.taker.take = take};
  const int rest = swisd_options_read(command, argc, argv, &options.taker);
  if (rest < 0)
    return -rest - 1;
  const struct swisd_kernels *first = options.kernels ? options.kernels : swisd_kernels_portable();
  const struct swisd_kernels *second = options.kernels ? NULL : swisd_kernels_openblas();
  double speeds[SWISD_KERNEL_COUNT], own[SWISD_KERNEL_COUNT] = {0};
  if (!options.json)
    printf("%-22s %-8s %10s %10s %10s   GFLOP/s, one thread\n", "kernels", "class", "conv", "dense", "attention");
  for (const struct swisd_kernels *kernels = first; kernels; kernels = kernels == first ? second : NULL) {
    if (swisd_device_speed(kernels, speeds) != 0) {
      fprintf(stderr, "swisd bench: out of memory\n");
      return SWISD_EXIT_FAILED;
    }
    if (kernels == first)
      memcpy(own, speeds, sizeof own);
    if (options.json)
      print_json(kernels, speeds);
    else
      printf("%-22s %-8s %10.2f %10.2f %10.2f\n", kernels->name, kernels->class_name, speeds[0] / 1e9, speeds[1] / 1e9,
             speeds[2] / 1e9);
  }
  if (!options.json)
    printf("\nfor a scenario:\n"
           "devices: {this-device: {count: 1, speed: {conv: %.2f Gflops, dense: %.2f Gflops, attention: %.2f Gflops}}}\n",
           own[0] / 1e9, own[1] / 1e9, own[2] / 1e9);
  return SWISD_EXIT_OK;
}
