/* Reading the CSV files of a run: small tables, kept as text cells, columns by name. */
#ifndef SWISD_BENCH_RUN_TABLE_H
#define SWISD_BENCH_RUN_TABLE_H

#include <stddef.h>

#include "runtime/base/error.h"

struct swisd_run_table {
  char *text;   /* the file, cut into cells in place */
  char **cells; /* rows * columns, without the header */
  char **names; /* columns */
  size_t rows, columns;
};

/* Reads `directory`/`file`. Cells may stand in quotes (RFC 4180), without line breaks. A row of another length is an
 * error that says file and line. 0 or -1. */
int swisd_run_table_read(const char *directory, const char *file, struct swisd_run_table *table, struct swisd_error *error);
void swisd_run_table_free(struct swisd_run_table *table);

/* The column of this name; -1 with `error` set when there is none. */
int swisd_run_table_column(const struct swisd_run_table *table, const char *name, struct swisd_error *error);
const char *swisd_run_table_text(const struct swisd_run_table *table, size_t row, int column);
/* A number; NaN for an empty cell. */
double swisd_run_table_number(const struct swisd_run_table *table, size_t row, int column);

#endif
