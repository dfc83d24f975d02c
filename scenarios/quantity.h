/* Numbers with units, as people write them: "250 ms", "1.5GiB", "40 Mbit", "9 Gflops", "5 %".
 * A unit is required wherever there is a dimension: a bare 5 is a mistake waiting to be misread. */
#ifndef SWISD_SCENARIOS_QUANTITY_H
#define SWISD_SCENARIOS_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

/* What is measured, and the unit of the value in memory. */
enum swisd_dimension {
  SWISD_DIMENSION_NONE = 0, /* a plain number */
  SWISD_DIMENSION_TIME,     /* seconds */
  SWISD_DIMENSION_BYTES,
  SWISD_DIMENSION_RATE,  /* bytes per second; written in bits or bytes */
  SWISD_DIMENSION_SPEED, /* FLOP per second */
  SWISD_DIMENSION_WORK,  /* FLOP */
  SWISD_DIMENSION_SHARE, /* 0..1; written in per cent */
  SWISD_DIMENSION_COUNT,
};

/* Parses the whole of `text`. 0, or -1 with a reason in `why`, worded to follow "key: ". Never infinite or NaN. */
int swisd_quantity_parse(const char *text, enum swisd_dimension dimension, double *value, char *why, size_t why_bytes);

/* A whole number, 0 .. 2^64 - 1, exactly. */
int swisd_quantity_parse_whole(const char *text, uint64_t *value, char *why, size_t why_bytes);

/* The shortest readable form, "250 ms"; parses back to about the same value. */
void swisd_quantity_format(double value, enum swisd_dimension dimension, char *text, size_t text_bytes);

/* "a time, e.g. 250 ms" */
const char *swisd_quantity_wanted(enum swisd_dimension dimension);

/* The names of its units, smallest first, with `between` between them. */
void swisd_quantity_units(enum swisd_dimension dimension, const char *between, char *text, size_t text_bytes);

#endif
