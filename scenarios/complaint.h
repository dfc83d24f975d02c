/* Mistakes found in a file, gathered while it is read and rendered at the end in the order of their places, each with its
 * source line and a caret. Said twice (a value reached through two aliases), a complaint counts once. */
#ifndef SWISD_SCENARIOS_COMPLAINT_H
#define SWISD_SCENARIOS_COMPLAINT_H

#include <stddef.h>
#include <stdint.h>

#include "scenarios/scenario.h"
#include "scenarios/source.h"

enum { SWISD_COMPLAINTS_KEPT = 100, SWISD_COMPLAINT_BYTES = 320 };

/* Where: in which text; line and column count from 1, the column in characters. */
struct swisd_place {
  uint32_t line, column;
  uint32_t width;  /* characters to underline, at least 1 */
  uint32_t source; /* which text (scenarios/source.h), 0 = the scenario's own */
};

struct swisd_complaint {
  struct swisd_place place;
  char text[SWISD_COMPLAINT_BYTES]; /* "key: what is wrong, what is allowed" */
};

struct swisd_complaints {
  uint32_t count; /* all */
  uint32_t kept;
  struct swisd_complaint list[SWISD_COMPLAINTS_KEPT];
};

__attribute__((format(printf, 3, 4))) void swisd_complain(struct swisd_complaints *complaints, struct swisd_place place,
                                                          const char *format, ...);

/* Renders all into `errors`, by source and place. */
void swisd_complaints_render(struct swisd_complaints *complaints, const struct swisd_sources *sources,
                             struct swisd_scenario_errors *errors);

#endif
