/* Measured inputs that a scenario names: availability traces, latency matrices, tables of devices. Read once, shared by all
 * scenarios that name them (points of a sweep), and counted: the last one to let go frees it. */
#ifndef SWISD_SCENARIOS_TABLE_H
#define SWISD_SCENARIOS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum swisd_table_kind { SWISD_TABLE_AVAILABILITY = 0, SWISD_TABLE_MATRIX, SWISD_TABLE_DEVICES };

enum {
  SWISD_TABLE_NODES_MAX = 1000000,
  SWISD_TABLE_SPANS_MAX = 4000000,
  SWISD_TABLE_PLACES_MAX = 2000,
};

/* A time during which a host of a trace was up. */
struct swisd_table_span {
  double from_s, to_s;
};

/* Hosts of a trace; those of host i are spans[first[i]] .. spans[first[i + 1] - 1], by time, apart from each other. */
struct swisd_table_availability {
  uint32_t host_count, span_count;
  uint32_t *first;
  struct swisd_table_span *spans;
  double end_s; /* the last time in the file */
};

/* Round trips between places, in the file's unit; what was missing (not above 0) is the median of the others. */
struct swisd_table_matrix {
  uint32_t places;
  float *values; /* places * places */
};

/* Rows of a table of devices: a value each, and how many devices share it. */
struct swisd_table_devices {
  uint32_t row_count;
  double *values;
  double *sums; /* of the weights up to and with each row */
};

struct swisd_measured {
  uint32_t references;
  uint8_t kind; /* enum swisd_table_kind */
  union {
    struct swisd_table_availability availability;
    struct swisd_table_matrix matrix;
    struct swisd_table_devices devices;
  } u;
};

/* What a text is to be read as. */
struct swisd_table_request {
  enum swisd_table_kind kind;
  const char *value, *weight; /* DEVICES: names of columns; weight NULL: all rows alike */
};

/* A table with one reference; NULL with the line (from 1) and a reason, worded to follow "file:line: ". */
struct swisd_measured *swisd_table_parse(const struct swisd_table_request *request, const char *text, size_t bytes,
                                         uint32_t *line, char *why, size_t why_bytes);
struct swisd_measured *swisd_table_keep(struct swisd_measured *table);
void swisd_table_release(struct swisd_measured *table); /* NULL is allowed */

#endif
