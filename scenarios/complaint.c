/* The source line is cut to a window around the place, and bytes that a terminal might obey are shown as '?'. */
#include "scenarios/complaint.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 100, LEAD = 60 }; /* characters shown of a line; of them before the place in a long line */

void swisd_complain(struct swisd_complaints *complaints, struct swisd_place place, const char *format, ...)
{
  if (complaints->kept == SWISD_COMPLAINTS_KEPT) {
    complaints->count++;
    return;
  }
  char *text = complaints->list[complaints->kept].text;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, SWISD_COMPLAINT_BYTES, format, arguments);
  va_end(arguments);
  for (char *c = text; *c; c++) {
    *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c;
  }
  for (uint32_t i = 0; i < complaints->kept; i++) {
    const struct swisd_place *other = &complaints->list[i].place;
    if (other->source == place.source && other->line == place.line && other->column == place.column &&
        strcmp(complaints->list[i].text, text) == 0) {
      return;
    }
  }
  complaints->list[complaints->kept].place = place;
  complaints->kept++;
  complaints->count++;
}

static int by_place(const void *left, const void *right)
{
  const struct swisd_complaint *a = left, *b = right;
  if (a->place.source != b->place.source) {
    return a->place.source < b->place.source ? -1 : 1;
  }
  if (a->place.line != b->place.line) {
    return a->place.line < b->place.line ? -1 : 1;
  }
  if (a->place.column != b->place.column) {
    return a->place.column < b->place.column ? -1 : 1;
  }
  return strcmp(a->text, b->text);
}

static void append(struct swisd_scenario_errors *errors, const char *text, size_t bytes)
{
  const size_t room = sizeof errors->text - 1 - errors->used;
  bytes = bytes < room ? bytes : room;
  memcpy(errors->text + errors->used, text, bytes);
  errors->used += (uint32_t)bytes;
  errors->text[errors->used] = '\0';
}

__attribute__((format(printf, 2, 3))) static void append_format(struct swisd_scenario_errors *errors, const char *format, ...)
{
  char text[SWISD_COMPLAINT_BYTES + 512];
  va_list arguments;
  va_start(arguments, format);
  const int used = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  append(errors, text, used < (int)sizeof text ? (size_t)used : sizeof text - 1);
}

/* Bytes of the line break at `c`, 0 if there is none: those that YAML 1.1 knows, so that lines count as in libyaml. */
static size_t line_break(const char *c, const char *end)
{
  if (*c == '\r' && c + 1 < end && c[1] == '\n') {
    return 2;
  }
  if (*c == '\n' || *c == '\r') {
    return 1;
  }
  if (end - c >= 2 && memcmp(c, "\xC2\x85", 2) == 0) {
    return 2;
  }
  return end - c >= 3 && (memcmp(c, "\xE2\x80\xA8", 3) == 0 || memcmp(c, "\xE2\x80\xA9", 3) == 0) ? 3 : 0;
}

/* The next character: past the byte at `c` and what continues it. */
static const char *next_character(const char *c, const char *end)
{
  for (c++; c < end && ((unsigned char)*c & 0xC0) == 0x80; c++) {
  }
  return c;
}

static void show_line(struct swisd_scenario_errors *errors, struct swisd_place place, const char *line, const char *end)
{
  const uint32_t skipped = place.column > LEAD + 20 ? place.column - LEAD : 0;
  for (uint32_t i = 0; i < skipped && line < end && !line_break(line, end); i++) {
    line = next_character(line, end);
  }
  append_format(errors, "%6u | %s", place.line, skipped ? "..." : "");
  uint32_t shown = 0;
  while (shown < WINDOW && line < end && !line_break(line, end)) {
    const char *next = next_character(line, end);
    const bool obeyed = (unsigned char)*line < 0x20 || *line == 0x7F || ((unsigned char)*line & 0xC0) == 0x80;
    append(errors, obeyed ? "?" : line, obeyed ? 1 : (size_t)(next - line));
    line = next;
    shown++;
  }
  const uint32_t before = place.column - 1 - skipped;
  const uint32_t width = place.width == 0 ? 1 : place.width > WINDOW ? WINDOW : place.width;
  append_format(errors, "\n       | %s%*s^", skipped ? "   " : "", (int)before, "");
  for (uint32_t i = 1; i < width && before + i < shown; i++) {
    append(errors, "~", 1);
  }
  append(errors, "\n", 1);
}

void swisd_complaints_render(struct swisd_complaints *complaints, const struct swisd_sources *sources,
                             struct swisd_scenario_errors *errors)
{
  memset(errors, 0, sizeof *errors);
  errors->count = complaints->count;
  qsort(complaints->list, complaints->kept, sizeof complaints->list[0], by_place);
  const struct swisd_source_text *source = NULL;
  const char *line = NULL, *end = NULL;
  uint32_t number = 1;
  for (uint32_t i = 0; i < complaints->kept; i++) {
    const struct swisd_place place = complaints->list[i].place;
    if (source != &sources->list[place.source]) {
      source = &sources->list[place.source];
      line = source->text;
      end = line + source->bytes;
      number = 1;
    }
    append_format(errors, "%.200s:%u:%u: %s\n", source->name, place.line, place.column, complaints->list[i].text);
    while (number < place.line && line < end) {
      const size_t step = line_break(line, end);
      number += step > 0;
      line += step ? step : 1;
    }
    if (number == place.line && line < end) {
      show_line(errors, place, line, end);
    }
  }
  if (complaints->count > complaints->kept) {
    append_format(errors, "(and %u more)\n", complaints->count - complaints->kept);
  }
}
