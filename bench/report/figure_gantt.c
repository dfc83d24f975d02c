/* Who computed what when. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/faults.h"
#include "bench/report/gnuplot.h"
#include "bench/report/report.h"
#include "bench/report/run_table.h"

enum { DEVICES_MAX = 24, MARKS_MAX = 64 };

static const struct {
  const char *outcome, *colour;
} outcomes[] = {
  {"accepted", "#0072b2"}, {"duplicate", "#e69f00"}, {"lost", "#d55e00"}, {"cancelled", "#999999"},
  {"replayed", "#56b4e9"}, {"rejected", "#cc79a7"},  {"", "#cccccc"},
};
enum { OUTCOMES = sizeof outcomes / sizeof outcomes[0] };

struct rows {
  char names[DEVICES_MAX][48], classes[DEVICES_MAX][48];
  size_t count;
};

/* The row of a device, in order of first appearance; DEVICES_MAX when there are too many. */
static size_t row_of(struct rows *rows, const char *name, const char *class_name)
{
  size_t i = 0;
  while (i < rows->count && strcmp(rows->names[i], name) != 0)
    i++;
  if (i == rows->count && i < DEVICES_MAX) {
    snprintf(rows->names[i], sizeof rows->names[i], "%.47s", name);
    snprintf(rows->classes[i], sizeof rows->classes[i], "%.47s", class_name);
    rows->count++;
  }
  return i;
}

static int compare_names(const void *a, const void *b) { return strcmp(a, b); }

/* Devices by name, so that both panels have the same order. */
static int find_devices(const struct swisd_run_table *table, struct rows *rows, struct swisd_error *error)
{
  const int device = swisd_run_table_column(table, "device", error), class_name = swisd_run_table_column(table, "class", error);
  if (device < 0 || class_name < 0)
    return -1;
  struct rows found = {.count = 0};
  for (size_t r = 0; r < table->rows; r++)
    row_of(&found, swisd_run_table_text(table, r, device), swisd_run_table_text(table, r, class_name));
  *rows = found;
  qsort(rows->names, rows->count, sizeof rows->names[0], compare_names);
  for (size_t i = 0; i < rows->count; i++)
    for (size_t f = 0; f < found.count; f++)
      if (strcmp(rows->names[i], found.names[f]) == 0)
        memcpy(rows->classes[i], found.classes[f], sizeof rows->classes[i]);
  return 0;
}

static int write_tasks(const char *directory, const char *name, size_t panel, const struct swisd_run_table *table,
                       struct rows *rows, double *end_s, struct swisd_error *error)
{
  char suffix[32];
  snprintf(suffix, sizeof suffix, "-%zu.dat", panel);
  FILE *out = swisd_gnuplot_file(directory, name, suffix, error);
  if (out == NULL)
    return -1;
  const int device = swisd_run_table_column(table, "device", error), start = swisd_run_table_column(table, "start_s", error),
            end = swisd_run_table_column(table, "end_s", error), outcome = swisd_run_table_column(table, "outcome", error);
  int status = device < 0 || start < 0 || end < 0 || outcome < 0 ? -1 : 0;
  for (size_t o = 0; status == 0 && o < OUTCOMES; o++) {
    fprintf(out, "# start_s end_s device_row : %s\n0 0 -9\n", outcomes[o].outcome[0] ? outcomes[o].outcome : "unknown");
    for (size_t r = 0; r < table->rows; r++) {
      const double from_s = swisd_run_table_number(table, r, start), to_s = swisd_run_table_number(table, r, end);
      const size_t row = row_of(rows, swisd_run_table_text(table, r, device), "");
      if (strcmp(swisd_run_table_text(table, r, outcome), outcomes[o].outcome) != 0 || row >= DEVICES_MAX || isnan(from_s) ||
          isnan(to_s))
        continue;
      fprintf(out, "%.6g %.6g %zu\n", from_s, to_s, row);
      *end_s = to_s > *end_s ? to_s : *end_s;
    }
    fprintf(out, "\n\n");
  }
  if (swisd_gnuplot_close(out, name, error) != 0)
    return -1;
  return status;
}

static int mark_faults(FILE *script, const char *directory, struct rows *rows, struct swisd_error *error)
{
  struct swisd_fault_mark marks[MARKS_MAX];
  size_t count;
  if (swisd_fault_marks_read(directory, marks, MARKS_MAX, &count, error) != 0)
    return -1;
  for (size_t m = 0; m < count && m < MARKS_MAX; m++) {
    size_t row = 0;
    while (row < rows->count && strcmp(rows->names[row], marks[m].device) != 0)
      row++;
    if (row == rows->count)
      continue;
    const char *colour = swisd_fault_colour(marks[m].word);
    fprintf(script, "set arrow from first %.6g, first %.3f to first %.6g, first %.3f nohead front lc rgb '%s' lw 2.5\n",
            marks[m].time_s, (double)row - 0.48, marks[m].time_s, (double)row + 0.48, colour);
    fprintf(script, "set label ");
    swisd_gnuplot_quote(script, marks[m].word);
    fprintf(script, " at first %.6g, first %.3f offset 0.2,0 font ',9:Bold' tc rgb '%s' front\n", marks[m].time_s,
            (double)row + 0.42, colour);
  }
  return 0;
}

static void plot(FILE *script, const char *name, size_t number, const struct swisd_report_panel *panel, const struct rows *rows,
                 double end_s, bool with_key)
{
  fprintf(script, "set label ");
  swisd_gnuplot_quote(script, panel->title);
  fprintf(script, " at graph 0, graph 1.04 font ',11' tc rgb '#222222'\nset ytics (");
  for (size_t i = 0; i < rows->count; i++) {
    char text[128];
    snprintf(text, sizeof text, "%.47s %.47s", rows->names[i],
             strcmp(rows->names[i], rows->classes[i]) == 0 ? "" : rows->classes[i]);
    fprintf(script, i ? ", " : "");
    swisd_gnuplot_quote(script, text);
    fprintf(script, " %zu", i);
  }
  fprintf(script, ")\nset xrange [0:%.6g]\nset yrange [%.2f:-0.7]\nset xlabel 'time (s)'\nset %s\nplot ", end_s * 1.02,
          (double)rows->count - 0.3,
          with_key ? "key at screen 0.98, screen 0.93 right top horizontal font ',9' samplen 1.5" : "key off");
  for (size_t o = 0; o < OUTCOMES; o++)
    fprintf(script,
            "%s'%s-%zu.dat' index %zu using 1:3:1:2:($3-0.36):($3+0.36) with boxxyerror fs solid 0.85 border lc rgb '#ffffff' fc "
            "rgb '%s' title '%s'",
            o ? ", \\\n  " : "", name, number, o, outcomes[o].colour, outcomes[o].outcome[0] ? outcomes[o].outcome : "cut off");
  fprintf(script, "\n");
}

int swisd_report_gantt(const char *directory, const char *name, const char *title, const struct swisd_report_panel *panels,
                       size_t panel_count, struct swisd_error *error)
{
  FILE *script = swisd_gnuplot_file(directory, name, ".gp", error);
  if (script == NULL)
    return -1;
  struct rows rows[8];
  double end_s = 1;
  size_t rows_max = 1;
  int status = panel_count > 0 && panel_count <= 8 ? 0 : swisd_error_set(error, "a Gantt chart takes 1 to 8 panels");
  for (size_t p = 0; status == 0 && p < panel_count; p++) {
    struct swisd_run_table table;
    if ((status = swisd_run_table_read(panels[p].directories[0], "tasks.csv", &table, error)) != 0)
      break;
    status = find_devices(&table, &rows[p], error);
    if (status == 0)
      status = write_tasks(directory, name, p, &table, &rows[p], &end_s, error);
    if (status == 0 && rows[p].count > rows_max)
      rows_max = rows[p].count;
    swisd_run_table_free(&table);
  }
  const double height = 170 + 44 * (double)rows_max;
  swisd_gnuplot_head(script, name, 760 * (int)(panel_count ? panel_count : 1), (int)height);
  fprintf(script, "unset grid\nset multiplot layout 1,%zu margins %.3f,0.985,%.3f,%.3f spacing %.3f,0\n", panel_count,
          0.2 / (double)(panel_count ? panel_count : 1), 62 / height, 1 - 84 / height,
          0.2 / (double)(panel_count ? panel_count : 1));
  for (size_t p = 0; status == 0 && p < panel_count; p++) {
    fprintf(script, "unset arrow\nunset label\n");
    if (p == 0) {
      fprintf(script, "set label ");
      swisd_gnuplot_quote(script, title);
      fprintf(script, " at screen 0.01, screen %.3f font 'DejaVu Sans Bold,14' tc rgb '#000000'\n", 1 - 24 / height);
    }
    status = mark_faults(script, panels[p].directories[0], &rows[p], error);
    if (status == 0)
      plot(script, name, p, &panels[p], &rows[p], end_s, p == 0);
  }
  fprintf(script, "unset multiplot\n");
  if (swisd_gnuplot_close(script, name, error) != 0 || status != 0)
    return -1;
  return swisd_gnuplot_run(directory, name, error);
}
