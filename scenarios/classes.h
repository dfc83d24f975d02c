/* Built-in device classes: what typical small devices do, with the evidence for each figure. A scenario that names one
 * of them needs to give no speed and no memory. */
#ifndef SWISD_SCENARIOS_CLASSES_H
#define SWISD_SCENARIOS_CLASSES_H

#include <stddef.h>

struct swisd_builtin_class {
  const char *name;
  double flops_per_s; /* single precision matrix product, all cores */
  double memory_bytes;
  const char *device, *source;
};

extern const struct swisd_builtin_class swisd_builtin_classes[];
extern const size_t swisd_builtin_class_count;

/* NULL when there is none of that name. */
const struct swisd_builtin_class *swisd_builtin_class(const char *name);

#endif
