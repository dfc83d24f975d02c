/* Small models with random weights, pieces cut at random, and where the shared data lies: for the tests of models and programs.
 */
#ifndef SWISD_TESTS_KERNELS_MODEL_CASES_H
#define SWISD_TESTS_KERNELS_MODEL_CASES_H

#include <stdint.h>

#include "tests/unit/cmocka_all.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/local.h"
#include "kernels/model_cut.h"
#include "kernels/program.h"
#include "runtime/base/philox.h"

/* Floats that the tensors of a model's operations are cut from: enough for the small models here. */
enum { CASE_WEIGHTS = 1 << 17 };

static inline struct swisd_philox case_random(uint32_t purpose) { return swisd_philox_stream(20240607, 0, 0, purpose); }

/* In -1/2 .. 1/2. malloc'ed. */
static inline float *case_weights(size_t count, uint32_t purpose)
{
  struct swisd_philox random = case_random(purpose);
  float *weights = malloc(count * sizeof *weights);
  assert_non_null(weights);
  for (size_t i = 0; i < count; i++) {
    weights[i] = (float)swisd_philox_unit(&random) - 0.5f;
  }
  return weights;
}

/* Gives every operation its tensors from one array of random floats, and cuts. */
static inline void case_cut(struct swisd_bundle *bundle, uint32_t purpose)
{
  static float *weights;
  struct swisd_tensors tensors;
  struct swisd_error error = {""};
  weights = case_weights(CASE_WEIGHTS, purpose);
  for (unsigned s = 0; s < SWISD_MODEL_STEPS_MAX; s++) {
    for (unsigned i = 0; i < SWISD_MODEL_OPS_MAX; i++) {
      tensors.of[s][i] = weights + 997 * ((s * SWISD_MODEL_OPS_MAX + i) % 32);
    }
  }
  if (swisd_model_cut(bundle, &tensors, &error)) {
    fail_msg("%s", error.text);
  }
  free(weights);
}

/* Where data shared between projects lies; NULL, with one line, when it is absent. */
static inline const char *case_shared(const char *what, char path[4096])
{
  const char *root = getenv("SWISD_SHARED");
  snprintf(path, 4096, "%s/%s", root ? root : "../shared", what);
  FILE *file = fopen(path, "rb");
  if (!file) {
    print_message("skipped: no %s (SWISD_SHARED names another place)\n", path);
    return NULL;
  }
  fclose(file);
  return path;
}

#endif
