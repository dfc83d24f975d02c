/* Cells go straight to the stream; the writer only counts them. */
#include "runtime/base/csv.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

void swisd_csv_start(struct swisd_csv *csv, FILE *out, const char *names)
{
  csv->out = out;
  csv->cell = 0;
  csv->columns = 1;
  for (const char *c = names; *c; c++) {
    csv->columns += *c == ',';
  }
  fprintf(out, "%s\n", names);
}

static void next_cell(struct swisd_csv *csv)
{
  assert(csv->cell < csv->columns);
  if (csv->cell++ > 0) {
    putc(',', csv->out);
  }
}

void swisd_csv_text(struct swisd_csv *csv, const char *text)
{
  next_cell(csv);
  if (!text[strcspn(text, ",\"\r\n")]) {
    fputs(text, csv->out);
    return;
  }
  putc('"', csv->out);
  for (const char *c = text; *c; c++) {
    if (*c == '"') {
      putc('"', csv->out);
    }
    putc(*c, csv->out);
  }
  putc('"', csv->out);
}

void swisd_csv_number(struct swisd_csv *csv, double value)
{
  next_cell(csv);
  if (isfinite(value)) {
    fprintf(csv->out, "%.9g", value);
  }
}

void swisd_csv_integer(struct swisd_csv *csv, int64_t value)
{
  next_cell(csv);
  fprintf(csv->out, "%" PRId64, value);
}

void swisd_csv_unsigned(struct swisd_csv *csv, uint64_t value)
{
  next_cell(csv);
  fprintf(csv->out, "%" PRIu64, value);
}

void swisd_csv_empty(struct swisd_csv *csv) { next_cell(csv); }

void swisd_csv_row(struct swisd_csv *csv)
{
  assert(csv->cell == csv->columns);
  csv->cell = 0;
  putc('\n', csv->out);
}
