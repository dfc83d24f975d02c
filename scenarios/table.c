/* Readers of the three kinds. They take bytes of strangers: every count is bounded, every number checked. */
#include "scenarios/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text walked line by line. */
struct walk {
  const char *at, *end; /* what is left */
  uint32_t line;        /* the number of the one taken last */
  char *why;
  size_t why_bytes;
};

struct piece {
  const char *from, *to;
};

static bool take_line(struct walk *w, struct piece *line)
{
  while (w->at < w->end) {
    const char *stop = memchr(w->at, '\n', (size_t)(w->end - w->at));
    line->from = w->at;
    line->to = stop ? stop : w->end;
    w->at = stop ? stop + 1 : w->end;
    w->line++;
    if (line->to > line->from && line->to[-1] == '\r') {
      line->to--;
    }
    if (line->to > line->from && *line->from != '#') {
      return true;
    }
  }
  return false;
}

/* The next cell of a line, up to `separator`; cells may stand in double quotes. False at the end. */
static bool take_cell(struct piece *line, char separator, struct piece *cell)
{
  if (!line->from) {
    return false;
  }
  const char *p = line->from;
  if (p < line->to && *p == '"') {
    const char *close = memchr(p + 1, '"', (size_t)(line->to - p - 1));
    *cell = (struct piece){p + 1, close ? close : line->to};
    p = close ? close + 1 : line->to;
  } else {
    cell->from = p;
    cell->to = NULL;
  }
  const char *stop = memchr(p, separator, (size_t)(line->to - p));
  if (!cell->to) {
    cell->to = stop ? stop : line->to;
  }
  line->from = stop ? stop + 1 : NULL;
  return true;
}

/* Plain decimal numbers, the usual case of long files, are read here; the rest by strtod. */
static bool read_number(struct piece cell, double *value)
{
  while (cell.from < cell.to && *cell.from == ' ') {
    cell.from++;
  }
  uint64_t digits = 0;
  const char *p = cell.from;
  for (; p < cell.to && *p >= '0' && *p <= '9' && p - cell.from < 18; p++) {
    digits = digits * 10 + (uint64_t)(*p - '0');
  }
  if (p == cell.to && p > cell.from) {
    *value = (double)digits;
    return true;
  }
  char text[64], *end;
  const size_t length = (size_t)(cell.to - cell.from);
  if (length == 0 || length >= sizeof text) {
    return false;
  }
  memcpy(text, cell.from, length);
  text[length] = '\0';
  *value = strtod(text, &end);
  return end != text && end[strspn(end, " ")] == '\0' && isfinite(*value);
}

static bool refuse(const struct walk *w, const char *what)
{
  snprintf(w->why, w->why_bytes, "%s", what);
  return false;
}

/* Room for one more past `count`, doubling. */
static bool grow(void **array, uint32_t count, size_t element_bytes)
{
  if (count & (count - 1)) {
    return true;
  }
  void *grown = realloc(*array, (count ? (size_t)count * 2 : 1) * element_bytes);
  *array = grown ? grown : *array;
  return grown != NULL;
}

/* ---- availability ---- */

static bool add_host(struct walk *w, struct swisd_table_availability *a)
{
  if (a->host_count == SWISD_TABLE_NODES_MAX || !grow((void **)&a->first, a->host_count, sizeof *a->first)) {
    return refuse(w, "more than 1000000 hosts, or no memory");
  }
  a->first[a->host_count++] = a->span_count;
  return true;
}

static bool add_span(struct walk *w, struct swisd_table_availability *a, double from_s, double to_s)
{
  if (!(from_s >= 0 && to_s >= from_s)) {
    return refuse(w, "a session ends before it starts, or starts before 0");
  }
  if (a->span_count == SWISD_TABLE_SPANS_MAX || !grow((void **)&a->spans, a->span_count, sizeof *a->spans)) {
    return refuse(w, "more than 4000000 sessions, or no memory");
  }
  const bool follows = a->span_count > a->first[a->host_count - 1];
  if (follows && from_s < a->spans[a->span_count - 1].to_s) {
    return refuse(w, "sessions of a host are not in order of time, or overlap");
  }
  a->spans[a->span_count++] = (struct swisd_table_span){from_s, to_s};
  a->end_s = to_s > a->end_s ? to_s : a->end_s;
  return true;
}

/* Godfrey's format: id TAB n TAB start end start end ... */
static bool read_avt_line(struct walk *w, struct piece line, struct swisd_table_availability *a)
{
  double wanted, count = 0, from_s, to_s;
  struct piece cell;
  if (!take_cell(&line, '\t', &cell) || !take_cell(&line, '\t', &cell) || !read_number(cell, &wanted)) {
    return refuse(w, "wanted is: id, tab, number of sessions, tab, start end start end ...");
  }
  if (!add_host(w, a)) {
    return false;
  }
  while (line.from && (line.from < line.to)) {
    while (line.from < line.to && (*line.from == ' ' || *line.from == '\t')) {
      line.from++;
    }
    if (line.from == line.to) {
      break;
    }
    if (!take_cell(&line, ' ', &cell) || !read_number(cell, &from_s) || !take_cell(&line, ' ', &cell) ||
        !read_number(cell, &to_s)) {
      return refuse(w, "start and end of a session are two numbers");
    }
    if (!add_span(w, a, from_s, to_s)) {
      return false;
    }
    count++;
  }
  return (count >= wanted && count <= wanted) || refuse(w, "has another number of sessions than it says");
}

/* A CSV of sessions, sorted by host and time: node,up_s,down_s (when it came up, when it went). */
static bool read_session(struct walk *w, struct piece line, struct swisd_table_availability *a, struct piece *host)
{
  struct piece name, cell;
  double from_s, to_s;
  if (!take_cell(&line, ',', &name) || !take_cell(&line, ',', &cell) || !read_number(cell, &from_s) ||
      !take_cell(&line, ',', &cell) || !read_number(cell, &to_s)) {
    return refuse(w, "wanted is: node,up_s,down_s");
  }
  const size_t length = (size_t)(name.to - name.from);
  const bool same = a->host_count > 0 && (size_t)(host->to - host->from) == length && memcmp(host->from, name.from, length) == 0;
  *host = name;
  return (same || add_host(w, a)) && add_span(w, a, from_s, to_s);
}

static bool read_availability(struct walk *w, struct swisd_table_availability *a)
{
  struct piece line, host = {0};
  if (!take_line(w, &line)) {
    return refuse(w, "is empty");
  }
  const bool csv = memchr(line.from, ',', (size_t)(line.to - line.from)) != NULL;
  for (bool more = !csv || take_line(w, &line); more; more = take_line(w, &line)) {
    if (csv ? !read_session(w, line, a, &host) : !read_avt_line(w, line, a)) {
      return false;
    }
  }
  if (a->host_count == 0 || !grow((void **)&a->first, a->host_count, sizeof *a->first)) {
    return refuse(w, "holds no host");
  }
  a->first[a->host_count] = a->span_count;
  return true;
}

/* ---- matrices ---- */

static int by_value(const void *left, const void *right)
{
  const float a = *(const float *)left, b = *(const float *)right;
  return a < b ? -1 : a > b;
}

/* Missing values become the median of the known ones. */
static bool fill_gaps(struct walk *w, struct swisd_table_matrix *m)
{
  const size_t count = (size_t)m->places * m->places;
  float *known = malloc(count * sizeof *known);
  size_t known_count = 0;
  for (size_t i = 0; known && i < count; i++) {
    if (m->values[i] > 0) {
      known[known_count++] = m->values[i];
    }
  }
  if (known_count == 0) {
    free(known);
    return refuse(w, "holds no value above 0");
  }
  qsort(known, known_count, sizeof *known, by_value);
  for (size_t i = 0; i < count; i++) {
    if (!(m->values[i] > 0)) {
      m->values[i] = i / m->places == i % m->places ? 0 : known[known_count / 2];
    }
  }
  free(known);
  return true;
}

static bool read_matrix(struct walk *w, struct swisd_table_matrix *m)
{
  struct piece line, cell;
  uint32_t count = 0, rows = 0;
  while (take_line(w, &line)) {
    uint32_t columns = 0;
    const char separator = memchr(line.from, '\t', (size_t)(line.to - line.from))  ? '\t'
                           : memchr(line.from, ',', (size_t)(line.to - line.from)) ? ','
                                                                                   : ' ';
    while (take_cell(&line, separator, &cell)) {
      double value;
      if (cell.from == cell.to && !line.from) {
        break; /* a separator ends the line */
      }
      if (!read_number(cell, &value) || value < 0 || value > 1e9) {
        return refuse(w, "wanted are numbers, as many in a line as there are lines");
      }
      if (++columns > SWISD_TABLE_PLACES_MAX || !grow((void **)&m->values, count, sizeof *m->values)) {
        return refuse(w, "more than 2000 places, or no memory");
      }
      m->values[count++] = (float)value;
    }
    m->places = rows == 0 ? columns : m->places;
    if (columns != m->places || ++rows > m->places) {
      return refuse(w, "is no square: another number of values than in the first line, or too many lines");
    }
  }
  if (rows == 0 || rows != m->places) {
    return refuse(w, "is no square: fewer lines than values in a line");
  }
  return fill_gaps(w, m);
}

/* ---- devices ---- */

static int find_column(struct piece line, const char *name)
{
  struct piece cell;
  for (int column = 0; take_cell(&line, ',', &cell); column++) {
    if (strlen(name) == (size_t)(cell.to - cell.from) && memcmp(name, cell.from, strlen(name)) == 0) {
      return column;
    }
  }
  return -1;
}

static bool number_in(struct piece line, int column, double *value)
{
  struct piece cell = {0};
  for (int i = 0; i <= column; i++) {
    if (!take_cell(&line, ',', &cell)) {
      return false;
    }
  }
  return read_number(cell, value);
}

static bool read_devices(struct walk *w, const struct swisd_table_request *request, struct swisd_table_devices *t)
{
  struct piece line;
  if (!take_line(w, &line)) {
    return refuse(w, "is empty");
  }
  const int value_column = find_column(line, request->value);
  const int weight_column = request->weight ? find_column(line, request->weight) : -1;
  if (value_column < 0 || (request->weight && weight_column < 0)) {
    snprintf(w->why, w->why_bytes, "has no column '%.40s'", value_column < 0 ? request->value : request->weight);
    return false;
  }
  double sum = 0;
  while (take_line(w, &line)) {
    double value, weight = 1;
    if (!number_in(line, value_column, &value) || (weight_column >= 0 && !number_in(line, weight_column, &weight)) ||
        weight < 0) {
      return refuse(w, "a number is missing or wrong in one of the columns that are used");
    }
    if (!(value > 0 && weight > 0)) {
      continue; /* a device of no speed, or none of them */
    }
    if (t->row_count == SWISD_TABLE_NODES_MAX || !grow((void **)&t->values, t->row_count, sizeof *t->values) ||
        !grow((void **)&t->sums, t->row_count, sizeof *t->sums)) {
      return refuse(w, "more than 1000000 rows, or no memory");
    }
    sum += weight;
    t->values[t->row_count] = value;
    t->sums[t->row_count++] = sum;
  }
  return t->row_count > 0 || refuse(w, "holds no row with a value above 0");
}

/* ---- all ---- */

struct swisd_measured *swisd_table_parse(const struct swisd_table_request *request, const char *text, size_t bytes,
                                         uint32_t *line, char *why, size_t why_bytes)
{
  struct walk w = {.at = text, .end = text + bytes, .why = why, .why_bytes = why_bytes};
  struct swisd_measured *table = calloc(1, sizeof *table);
  bool read = false;
  snprintf(why, why_bytes, "no memory");
  if (table) {
    table->references = 1;
    table->kind = (uint8_t)request->kind;
    switch (request->kind) {
    case SWISD_TABLE_AVAILABILITY:
      read = read_availability(&w, &table->u.availability);
      break;
    case SWISD_TABLE_MATRIX:
      read = read_matrix(&w, &table->u.matrix);
      break;
    case SWISD_TABLE_DEVICES:
      read = read_devices(&w, request, &table->u.devices);
      break;
    }
  }
  *line = w.line ? w.line : 1;
  if (!read) {
    swisd_table_release(table);
    return NULL;
  }
  return table;
}

struct swisd_measured *swisd_table_keep(struct swisd_measured *table)
{
  table->references++;
  return table;
}

void swisd_table_release(struct swisd_measured *table)
{
  if (!table || --table->references > 0) {
    return;
  }
  switch ((enum swisd_table_kind)table->kind) {
  case SWISD_TABLE_AVAILABILITY:
    free(table->u.availability.first);
    free(table->u.availability.spans);
    break;
  case SWISD_TABLE_MATRIX:
    free(table->u.matrix.values);
    break;
  case SWISD_TABLE_DEVICES:
    free(table->u.devices.values);
    free(table->u.devices.sums);
    break;
  }
  free(table);
}
