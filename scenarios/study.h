/* A scenario file with all that belongs to it: what it includes, the world chosen, what the command line sets, and the points
 * of its sweep, each of which is a scenario of its own.
 *
 * The order in which values come about, later ones winning: included files, the file itself, the world, the file's `set:`,
 * `--set`, the point of the sweep. A top-level key is replaced whole; single values are reached by `set:` and by paths. */
#ifndef SWISD_SCENARIOS_STUDY_H
#define SWISD_SCENARIOS_STUDY_H

#include <stdio.h>

#include "scenarios/scenario.h"

struct swisd_study;

struct swisd_study_request {
  const char *path;            /* of the file; the name in messages when `text` is given */
  const char *text;            /* NULL: read the file */
  size_t bytes;                /* of text */
  const char *world;           /* NULL: the base */
  const char *const *settings; /* "path=value", value in YAML */
  uint32_t setting_count;
};

/* Reads and checks everything, every point included. NULL with all that is wrong in `errors`. */
struct swisd_study *swisd_study_open(const struct swisd_study_request *request, struct swisd_scenario_errors *errors);
void swisd_study_free(struct swisd_study *study);

uint32_t swisd_study_points(const struct swisd_study *study); /* at least 1 */
/* Fills the scenario of a point; the caller frees it. 0, or -1 with `errors`. */
int swisd_study_point(struct swisd_study *study, uint32_t point, struct swisd_scenario *scenario,
                      struct swisd_scenario_errors *errors);

/* What is varied: dotted paths, and at a point their values as they would be written in a file (to be freed). */
uint32_t swisd_study_columns(const struct swisd_study *study);
const char *swisd_study_column(const struct swisd_study *study, uint32_t column);
char *swisd_study_value(const struct swisd_study *study, uint32_t point, uint32_t column);

/* The scenario with everything applied and every default written out: a file that reads back the same. `point`
 * SWISD_STUDY_WHOLE: all points, with `sweep:` in it. */
#define SWISD_STUDY_WHOLE UINT32_MAX
void swisd_study_print(struct swisd_study *study, uint32_t point, FILE *out);
/* A number that stands for what a point computes: equal for equal scenarios, whatever their names, repeats and expectations. */
uint64_t swisd_study_point_hash(struct swisd_study *study, uint32_t point);

/* One scenario without its sweep, as a driver wants it: `request` with its settings applied. 0, or -1 with `errors`. */
int swisd_study_scenario(const struct swisd_study_request *request, struct swisd_scenario *scenario,
                         struct swisd_scenario_errors *errors);

#endif
