/* Writing CSV (RFC 4180, lines ended by LF): a header row, then rows of as many cells.
 * Cells with comma, quote or newline are quoted; numbers that are not finite become empty cells.
 * A row of another length is a bug of the caller (asserted). Write errors stay in the stream: ask ferror(). */
#ifndef SWISD_BASE_CSV_H
#define SWISD_BASE_CSV_H

#include <stdint.h>
#include <stdio.h>

struct swisd_csv {
  FILE *out; /* not owned */
  uint32_t columns;
  uint32_t cell; /* of the row under way */
};

/* Writes the header: `names` holds the columns' names, separated by commas, as they are to stand in the file. */
void swisd_csv_start(struct swisd_csv *csv, FILE *out, const char *names);

void swisd_csv_text(struct swisd_csv *csv, const char *text);
void swisd_csv_number(struct swisd_csv *csv, double value); /* up to nine digits: what a table needs */
void swisd_csv_integer(struct swisd_csv *csv, int64_t value);
void swisd_csv_unsigned(struct swisd_csv *csv, uint64_t value);
void swisd_csv_empty(struct swisd_csv *csv);
void swisd_csv_row(struct swisd_csv *csv); /* ends the row */

#endif
