/* Scenarios to start from: the files of scenarios/templates, built in. */
#ifndef SWISD_SCENARIOS_TEMPLATES_H
#define SWISD_SCENARIOS_TEMPLATES_H

#include <stddef.h>

struct swisd_template {
  const char *name; /* of the file, without .yml */
  const char *text;
};

extern const struct swisd_template swisd_templates[];
extern const size_t swisd_template_count;

#endif
