/* A reader of the run log's CSV files. */
#include "bench/report/run_table.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path, struct swisd_error *error)
{
  FILE *in = fopen(path, "rb");
  if (in == NULL) {
    swisd_error_set(error, "%s: cannot be read: %s", path, strerror(errno));
    return NULL;
  }
  size_t size = 0, capacity = 1 << 16;
  char *text = malloc(capacity);
  while (text) {
    size += fread(text + size, 1, capacity - size - 1, in);
    if (size + 1 < capacity)
      break;
    char *larger = realloc(text, capacity *= 2);
    if (larger == NULL)
      free(text);
    text = larger;
  }
  if (text == NULL)
    swisd_error_set(error, "%s: too large for memory", path);
  else
    text[size] = '\0';
  fclose(in);
  return text;
}

static size_t count_of(const char *text, char c)
{
  size_t count = 0;
  for (; *text; text++)
    count += *text == c;
  return count;
}

/* Takes the quotes off the cell that begins at `line`, in place; where it ends, NULL when the quotes do not. */
static char *unquote(char *line)
{
  char *to = line, *from = line + 1;
  for (; *from; from++) {
    if (*from == '"' && from[1] != '"')
      break;
    from += *from == '"';
    *to++ = *from;
  }
  if (*from == '\0')
    return NULL;
  *to = '\0';
  return from + 1;
}

/* Cuts one line into exactly `columns` cells. */
static int cut(char *line, char **cells, size_t columns)
{
  for (size_t c = 0; c < columns; c++) {
    cells[c] = line;
    char *end = *line == '"' ? unquote(line) : line + strcspn(line, ",\"");
    if (end == NULL || *end != (c + 1 == columns ? '\0' : ','))
      return -1;
    *end = '\0';
    line = end + 1;
  }
  return 0;
}

/* How many cells a line has: commas outside quotes, and one. */
static size_t cells_of(const char *line)
{
  size_t count = 1;
  bool quoted = false;
  for (; *line; line++) {
    quoted ^= *line == '"';
    count += *line == ',' && !quoted;
  }
  return count;
}

int swisd_run_table_read(const char *directory, const char *file, struct swisd_run_table *table, struct swisd_error *error)
{
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", directory, file);
  memset(table, 0, sizeof *table);
  table->text = read_file(path, error);
  if (table->text == NULL)
    return -1;
  const size_t lines = count_of(table->text, '\n');
  char *end = strchr(table->text, '\n');
  if (end)
    *end = '\0';
  table->columns = cells_of(table->text);
  table->names = calloc(table->columns, sizeof *table->names);
  table->cells = calloc(lines * table->columns + 1, sizeof *table->cells);
  if (end == NULL || table->names == NULL || table->cells == NULL || cut(table->text, table->names, table->columns) != 0) {
    swisd_run_table_free(table);
    return swisd_error_set(error, "%s:1: a header is expected", path);
  }
  for (char *line = end + 1; *line; line = end + 1) {
    end = strchr(line, '\n');
    if (end)
      *end = '\0';
    if (end == NULL || cut(line, table->cells + table->rows * table->columns, table->columns) != 0) {
      const size_t number = table->rows + 2, columns = table->columns;
      swisd_run_table_free(table);
      return swisd_error_set(error, "%s:%zu: a row of %zu cells is expected", path, number, columns);
    }
    table->rows++;
  }
  return 0;
}

void swisd_run_table_free(struct swisd_run_table *table)
{
  free(table->text);
  free(table->names);
  free(table->cells);
  memset(table, 0, sizeof *table);
}

int swisd_run_table_column(const struct swisd_run_table *table, const char *name, struct swisd_error *error)
{
  for (size_t c = 0; c < table->columns; c++)
    if (strcmp(table->names[c], name) == 0)
      return (int)c;
  return swisd_error_set(error, "the run log has no column '%s'", name);
}

const char *swisd_run_table_text(const struct swisd_run_table *table, size_t row, int column)
{
  return table->cells[row * table->columns + (size_t)column];
}

double swisd_run_table_number(const struct swisd_run_table *table, size_t row, int column)
{
  const char *text = swisd_run_table_text(table, row, column);
  char *end;
  const double value = strtod(text, &end);
  return end == text || *end ? NAN : value;
}
