/* One table of units; the first of a dimension is the smallest, and is what its range is printed in when nothing larger fits. */
#include "scenarios/quantity.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/suggest.h"

struct unit {
  uint8_t dimension;
  const char *name;
  double factor;
};

static const struct unit units[] = {
  {SWISD_DIMENSION_TIME, "ns", 1e-9},      {SWISD_DIMENSION_TIME, "us", 1e-6},
  {SWISD_DIMENSION_TIME, "ms", 1e-3},      {SWISD_DIMENSION_TIME, "s", 1},
  {SWISD_DIMENSION_TIME, "min", 60},       {SWISD_DIMENSION_TIME, "h", 3600},
  {SWISD_DIMENSION_TIME, "d", 86400},      {SWISD_DIMENSION_BYTES, "B", 1},
  {SWISD_DIMENSION_BYTES, "kB", 1e3},      {SWISD_DIMENSION_BYTES, "KiB", 1024},
  {SWISD_DIMENSION_BYTES, "MB", 1e6},      {SWISD_DIMENSION_BYTES, "MiB", 1048576},
  {SWISD_DIMENSION_BYTES, "GB", 1e9},      {SWISD_DIMENSION_BYTES, "GiB", 1073741824},
  {SWISD_DIMENSION_BYTES, "TB", 1e12},     {SWISD_DIMENSION_BYTES, "TiB", 1099511627776.0},
  {SWISD_DIMENSION_RATE, "bit", 0.125},    {SWISD_DIMENSION_RATE, "kbit", 125},
  {SWISD_DIMENSION_RATE, "Mbit", 125e3},   {SWISD_DIMENSION_RATE, "Gbit", 125e6},
  {SWISD_DIMENSION_RATE, "bit/s", 0.125},  {SWISD_DIMENSION_RATE, "kbit/s", 125},
  {SWISD_DIMENSION_RATE, "Mbit/s", 125e3}, {SWISD_DIMENSION_RATE, "Gbit/s", 125e6},
  {SWISD_DIMENSION_RATE, "kB/s", 1e3},     {SWISD_DIMENSION_RATE, "MB/s", 1e6},
  {SWISD_DIMENSION_RATE, "GB/s", 1e9},     {SWISD_DIMENSION_SPEED, "flops", 1},
  {SWISD_DIMENSION_SPEED, "kflops", 1e3},  {SWISD_DIMENSION_SPEED, "Mflops", 1e6},
  {SWISD_DIMENSION_SPEED, "Gflops", 1e9},  {SWISD_DIMENSION_SPEED, "Tflops", 1e12},
  {SWISD_DIMENSION_WORK, "flop", 1},       {SWISD_DIMENSION_WORK, "kflop", 1e3},
  {SWISD_DIMENSION_WORK, "Mflop", 1e6},    {SWISD_DIMENSION_WORK, "Gflop", 1e9},
  {SWISD_DIMENSION_WORK, "Tflop", 1e12},   {SWISD_DIMENSION_SHARE, "%", 1e-2},
};
enum { UNIT_COUNT = sizeof units / sizeof units[0] };

static const struct {
  const char *wanted, *example;
} dimensions[SWISD_DIMENSION_COUNT] = {
  [SWISD_DIMENSION_NONE] = {"a number, e.g. 2.5", "2.5"},
  [SWISD_DIMENSION_TIME] = {"a time, e.g. 250 ms", "250 ms"},
  [SWISD_DIMENSION_BYTES] = {"a size, e.g. 4 GiB", "4 GiB"},
  [SWISD_DIMENSION_RATE] = {"a rate, e.g. 40 Mbit", "40 Mbit"},
  [SWISD_DIMENSION_SPEED] = {"a speed, e.g. 24 Gflops", "24 Gflops"},
  [SWISD_DIMENSION_WORK] = {"an amount of work, e.g. 20 Mflop", "20 Mflop"},
  [SWISD_DIMENSION_SHARE] = {"a share, e.g. 5 %", "5 %"},
};

const char *swisd_quantity_wanted(enum swisd_dimension dimension) { return dimensions[dimension].wanted; }

static const struct unit *find_unit(const char *name, enum swisd_dimension dimension)
{
  for (int i = 0; i < UNIT_COUNT; i++) {
    if (units[i].dimension == dimension && strcmp(units[i].name, name) == 0) {
      return &units[i];
    }
  }
  return NULL;
}

static void explain_unit(const char *name, enum swisd_dimension dimension, char *why, size_t why_bytes)
{
  const char *known[UNIT_COUNT];
  char list[160] = "";
  size_t count = 0;
  for (int i = 0; i < UNIT_COUNT; i++) {
    if (units[i].dimension == dimension) {
      known[count++] = units[i].name;
      snprintf(list + strlen(list), sizeof list - strlen(list), " %s", units[i].name);
    }
  }
  const char *near = swisd_suggest(name, known, count);
  if (near) {
    snprintf(why, why_bytes, "unknown unit '%.40s', did you mean '%s'?", name, near);
  } else {
    snprintf(why, why_bytes, "unknown unit '%.40s', known are:%s", name, list);
  }
}

int swisd_quantity_parse(const char *text, enum swisd_dimension dimension, double *value, char *why, size_t why_bytes)
{
  const size_t digits = strspn(text, "+-0123456789.eE");
  char *end = NULL;
  const double number = strtod(text, &end);
  /* strtod also takes hexadecimal numbers, infinities and leading space; they begin with what `digits` stops at. */
  if (digits == 0 || end == text || end > text + digits) {
    snprintf(why, why_bytes, "'%.40s' is not %s", text, dimensions[dimension].wanted);
    return -1;
  }
  const char *name = end + strspn(end, " ");
  if (dimension == SWISD_DIMENSION_NONE) {
    if (*name) {
      snprintf(why, why_bytes, "'%.40s' is not a plain number", text);
      return -1;
    }
    *value = number;
  } else if (!*name) {
    snprintf(why, why_bytes, "needs a unit, e.g. %s", dimensions[dimension].example);
    return -1;
  } else {
    const struct unit *unit = find_unit(name, dimension);
    if (!unit) {
      explain_unit(name, dimension, why, why_bytes);
      return -1;
    }
    *value = number * unit->factor;
  }
  if (!isfinite(*value)) {
    snprintf(why, why_bytes, "'%.40s' is too large", text);
    return -1;
  }
  return 0;
}

int swisd_quantity_parse_whole(const char *text, uint64_t *value, char *why, size_t why_bytes)
{
  char *end = NULL;
  errno = 0;
  const unsigned long long number = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end) {
    snprintf(why, why_bytes, "'%.40s' is not a whole number", text);
    return -1;
  }
  if (errno == ERANGE) {
    snprintf(why, why_bytes, "'%.40s' is too large", text);
    return -1;
  }
  *value = number;
  return 0;
}

void swisd_quantity_format(double value, enum swisd_dimension dimension, char *text, size_t text_bytes)
{
  const struct unit *best = NULL;
  for (int i = 0; i < UNIT_COUNT; i++) {
    if (units[i].dimension == dimension && (!best || (value >= units[i].factor && units[i].factor > best->factor))) {
      best = &units[i];
    }
  }
  snprintf(text, text_bytes, "%.6g%s%s", best ? value / best->factor : value, best ? " " : "", best ? best->name : "");
}

void swisd_quantity_units(enum swisd_dimension dimension, const char *between, char *text, size_t text_bytes)
{
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < UNIT_COUNT; i++) {
    if (units[i].dimension == dimension && used < text_bytes) {
      used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", used ? between : "", units[i].name);
    }
  }
}
