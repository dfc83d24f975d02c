/* `sweep:` and `expect:`: what is varied between the points of a study, and what must come out of each. */
#ifndef SWISD_SCENARIOS_SWEEP_H
#define SWISD_SCENARIOS_SWEEP_H

#include "scenarios/reader.h"

enum { SWISD_SWEEP_COLUMNS_MAX = 32, SWISD_SWEEP_POINTS_MAX = 100000 };

/* A path that is varied. Columns of one axis vary together. */
struct swisd_sweep_column {
  uint32_t key;  /* node of the path */
  uint32_t list; /* node of its values */
  uint32_t axis;
};

struct swisd_sweep {
  struct swisd_sweep_column columns[SWISD_SWEEP_COLUMNS_MAX];
  uint32_t lengths[SWISD_SWEEP_COLUMNS_MAX]; /* of the axes */
  uint32_t column_count, axis_count;
  uint32_t points; /* 1 when nothing is varied */
};

/* Reads {path: [values], zip: {path: [values], ...}} (or a list of such zips) into `sweep`; NULL: only checks. */
void swisd_sweep_read(struct swisd_reader *reader, uint32_t node, struct swisd_sweep *sweep);
/* The node that column `column` has at point `point`; the last axis varies fastest. */
uint32_t swisd_sweep_value(const struct swisd_sweep *sweep, const struct swisd_document *document, uint32_t point,
                           uint32_t column);

/* {path: value}: checks that it is a map of paths. */
void swisd_reader_settings(struct swisd_reader *reader, uint32_t node);
/* {metric: "[mean] >= 99 %"} into the reader's scenario, if it has one. */
void swisd_reader_expect(struct swisd_reader *reader, uint32_t node);
/* A path of a file, or a list of them. */
void swisd_reader_files(struct swisd_reader *reader, uint32_t node);

#endif
