/* Throughput over time, with its bound and the faults. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/faults.h"
#include "bench/report/gnuplot.h"
#include "bench/report/report.h"
#include "bench/report/run_table.h"
#include "runtime/base/json_read.h"

enum { MARKS_MAX = 12 }; /* more than these are churn: drawn as the count of devices up, not one by one */

/* Sums of one second over the runs of a panel. */
struct sample {
  double items, items_min, items_max, bound, up;
  size_t runs;
};

struct series {
  struct sample *list;
  size_t count;
};

static int add_run(struct series *series, const char *directory, struct swisd_error *error)
{
  struct swisd_run_table table;
  if (swisd_run_table_read(directory, "series.csv", &table, error) != 0)
    return -1;
  const int items = swisd_run_table_column(&table, "items_per_s", error),
            up = swisd_run_table_column(&table, "devices_up", error),
            bound = swisd_run_table_column(&table, "bound_items_per_s", error);
  int status = items < 0 || up < 0 || bound < 0 ? -1 : 0;
  if (status == 0 && table.rows > series->count) {
    struct sample *larger = realloc(series->list, table.rows * sizeof *larger);
    if (larger == NULL) {
      status = swisd_error_set(error, "%s: too large for memory", directory);
    } else {
      memset(larger + series->count, 0, (table.rows - series->count) * sizeof *larger);
      series->list = larger;
      series->count = table.rows;
    }
  }
  for (size_t row = 0; status == 0 && row < table.rows; row++) {
    struct sample *sample = &series->list[row];
    const double value = swisd_run_table_number(&table, row, items), limit = swisd_run_table_number(&table, row, bound);
    sample->items += value;
    sample->items_min = sample->runs == 0 || value < sample->items_min ? value : sample->items_min;
    sample->items_max = sample->runs == 0 || value > sample->items_max ? value : sample->items_max;
    sample->bound += isnan(limit) ? 0 : limit;
    sample->up += swisd_run_table_number(&table, row, up);
    sample->runs++;
  }
  swisd_run_table_free(&table);
  return status;
}

static int write_data(const char *directory, const char *name, size_t panel, const struct series *series,
                      struct swisd_error *error)
{
  char suffix[32];
  snprintf(suffix, sizeof suffix, "-%zu.dat", panel);
  FILE *out = swisd_gnuplot_file(directory, name, suffix, error);
  if (out == NULL)
    return -1;
  fprintf(out, "# time_s items_per_s items_min items_max bound_items_per_s devices_up\n");
  for (size_t i = 0; i < series->count; i++) {
    const struct sample *s = &series->list[i];
    const double runs = (double)s->runs;
    fprintf(out, "%zu.5 %.6g %.6g %.6g %.6g %.6g\n", i, s->items / runs, s->items_min, s->items_max, s->bound / runs,
            s->up / runs);
  }
  return swisd_gnuplot_close(out, name, error);
}

static int mark_faults(FILE *script, const char *directory, struct swisd_error *error)
{
  struct swisd_fault_mark marks[MARKS_MAX];
  size_t count;
  if (swisd_fault_marks_read(directory, marks, MARKS_MAX, &count, error) != 0)
    return -1;
  for (size_t m = 0; m < count && count <= MARKS_MAX; m++) {
    const char *colour = swisd_fault_colour(marks[m].word);
    char text[64];
    snprintf(text, sizeof text, "%s %s", marks[m].word, marks[m].device);
    fprintf(script, "set arrow %zu from first %.6g, graph 0 to first %.6g, graph 1 nohead lw 1.4 dt 2 lc rgb '%s'\n", m + 1,
            marks[m].time_s, marks[m].time_s, colour);
    fprintf(script, "set label %zu ", m + 1);
    swisd_gnuplot_quote(script, text);
    fprintf(script, " at first %.6g, graph %.2f offset 0.4,0 font ',9' tc rgb '%s' front\n", marks[m].time_s,
            0.97 - 0.075 * (double)(m % 3), colour);
  }
  return 0;
}

/* ": 92 % of its bound (B3 placement)", the mean over the runs, or nothing where a run has no bound. */
static void describe_goodput(const struct swisd_report_panel *panel, char *text, size_t bytes)
{
  double sum = 0;
  char first[32] = "";
  text[0] = '\0';
  for (size_t d = 0; d < panel->directory_count; d++) {
    char path[4200];
    struct swisd_json_file run;
    struct swisd_error error;
    const char *name = "";
    double share = 0;
    snprintf(path, sizeof path, "%s/run.json", panel->directories[d]);
    if (swisd_json_read(&run, path, 1 << 20, &error) != 0)
      return;
    const bool has = swisd_json_get_number(&run, "/goodput_of_bound", 0, 1e9, &share, &error) == 0 &&
                     swisd_json_get_string(&run, "/bound", &name, &error) == 0;
    if (has && d == 0)
      snprintf(first, sizeof first, "%s", name);
    const bool same = has && strcmp(first, name) == 0;
    swisd_json_free(&run);
    if (!has)
      return;
    if (!same)
      snprintf(first, sizeof first, "the least of B1 to B4");
    sum += share;
  }
  if (panel->directory_count > 0)
    snprintf(text, bytes, ": %.1f %% of its bound (%s)", 100 * sum / (double)panel->directory_count, first);
}

static int panel(FILE *script, const char *directory, const char *name, size_t number, const char *heading,
                 const struct swisd_report_panel *panel, struct swisd_error *error)
{
  struct series series = {0};
  int status = 0;
  for (size_t d = 0; status == 0 && d < panel->directory_count; d++)
    status = add_run(&series, panel->directories[d], error);
  if (status == 0)
    status = write_data(directory, name, number, &series, error);
  if (status == 0) {
    fprintf(script, "unset arrow\nunset label\n");
    if (heading) {
      fprintf(script, "set label 99 ");
      swisd_gnuplot_quote(script, heading);
      fprintf(script, " at character 2, screen 0.975 font 'DejaVu Sans Bold,14' tc rgb '#000000'\n");
    }
    status = mark_faults(script, panel->directories[0], error);
  }
  double up_max = 1;
  for (size_t i = 0; i < series.count; i++)
    if (series.list[i].up / (double)series.list[i].runs > up_max)
      up_max = series.list[i].up / (double)series.list[i].runs;
  if (status == 0) {
    char title[320], goodput[96];
    describe_goodput(panel, goodput, sizeof goodput);
    snprintf(title, sizeof title, "%s (n = %zu run%s)%s", panel->title, panel->directory_count,
             panel->directory_count == 1 ? "" : "s", goodput);
    fprintf(script, "set label 100 ");
    swisd_gnuplot_quote(script, title);
    fprintf(script, " at graph 0, graph 1.15 font ',11' tc rgb '#222222'\n");
    fprintf(script, "set xrange [0:%zu]\nset yrange [0:*]\nset y2range [0:%.6g]\nset y2tics textcolor rgb '#999999'\n",
            series.count, up_max * 1.6);
    fprintf(script, "set xlabel 'time (s)'\nset ylabel '%s per second'\nset y2label 'devices up' textcolor rgb '#999999'\n",
            panel->item);
    fprintf(script,
            "set key %s\nplot '%s-%zu.dat' using 1:3:4 with filledcurves fc rgb '#0072b2' fs transparent solid 0.2, \\\n"
            "  '' using 1:6 axes x1y2 with steps lw 1.2 lc rgb '#bbbbbb' title 'devices up', \\\n"
            "  '' using 1:5 with steps lw 1.6 dt 3 lc rgb '#222222' title 'fluid bound of what was up', \\\n"
            "  '' using 1:2 with lines lw 2 lc rgb '#0072b2' title 'answered'\n",
            "at graph 1, graph 1.09 right horizontal font ',9' samplen 2", name, number);
  }
  free(series.list);
  return status;
}

int swisd_report_throughput(const char *directory, const char *name, const char *title, const struct swisd_report_panel *panels,
                            size_t panel_count, struct swisd_error *error)
{
  FILE *script = swisd_gnuplot_file(directory, name, ".gp", error);
  if (script == NULL)
    return -1;
  swisd_gnuplot_head(script, name, 960, 60 + 290 * (int)panel_count);
  const double height = 60 + 290 * (double)panel_count;
  fprintf(script, "set multiplot layout %zu,1 margins 0.08,0.92,%.3f,%.3f spacing 0,%.3f\n", panel_count, 55 / height,
          1 - 90 / height, 107 / height);
  int status = 0;
  for (size_t p = 0; status == 0 && p < panel_count; p++)
    status = panel(script, directory, name, p, p == 0 ? title : NULL, &panels[p], error);
  fprintf(script, "unset multiplot\n");
  if (swisd_gnuplot_close(script, name, error) != 0 || status != 0)
    return -1;
  return swisd_gnuplot_run(directory, name, error);
}
