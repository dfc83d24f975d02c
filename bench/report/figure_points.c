/* Figures over the points of a sweep: a metric with its interval, and the work issued as stacked bars. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/gnuplot.h"
#include "bench/report/study_report.h"

enum { SERIES_MAX = 12, LABEL_BYTES = 256 };

/* How the points lie: which path is the x axis, and which points make a line. */
struct layout {
  int column; /* -1: no path can be read as numbers, points stand side by side */
  enum swisd_dimension dimension;
  double *x; /* of each point */
  uint32_t *series;
  size_t series_count;
  char names[SERIES_MAX][LABEL_BYTES];
  bool logarithmic;
};

/* Whether all values of a column are quantities of one dimension. */
static bool read_column(const struct swisd_results *r, size_t column, enum swisd_dimension dimension, double *x)
{
  char why[256];
  for (size_t p = 0; p < r->point_count; p++)
    if (swisd_quantity_parse(r->values[p * r->column_count + column], dimension, &x[p], why, sizeof why) < 0)
      return false;
  return true;
}

static void choose_axis(const struct swisd_results *r, struct layout *l)
{
  l->column = -1;
  for (size_t column = 0; column < r->column_count && l->column < 0; column++)
    for (int d = 0; d < SWISD_DIMENSION_COUNT && l->column < 0; d++)
      if (read_column(r, column, (enum swisd_dimension)d, l->x)) {
        l->column = (int)column;
        l->dimension = (enum swisd_dimension)d;
      }
  for (size_t p = 0; l->column < 0 && p < r->point_count; p++)
    l->x[p] = (double)p;
}

/* Points whose other values agree make a line. */
static void choose_series(const struct swisd_results *r, struct layout *l)
{
  for (uint32_t p = 0; p < r->point_count; p++) {
    char name[LABEL_BYTES] = "";
    for (size_t c = 0; c < r->column_count && l->column >= 0; c++)
      if ((int)c != l->column)
        snprintf(name + strlen(name), sizeof name - strlen(name), "%s%.60s = %.60s", *name ? ", " : "", r->columns[c],
                 r->values[p * r->column_count + c]);
    size_t s = 0;
    while (s < l->series_count && strcmp(l->names[s], name) != 0)
      s++;
    if (s == l->series_count && s < SERIES_MAX)
      memcpy(l->names[l->series_count++], name, sizeof name);
    l->series[p] = (uint32_t)(s < SERIES_MAX ? s : SERIES_MAX - 1);
  }
}

static void lay_out(const struct swisd_results *r, struct layout *l)
{
  memset(l, 0, sizeof *l);
  l->x = calloc(r->point_count + 1, sizeof *l->x);
  l->series = calloc(r->point_count + 1, sizeof *l->series);
  assert(l->x != NULL && l->series != NULL);
  choose_axis(r, l);
  choose_series(r, l);
  double least = INFINITY, most = 0;
  for (size_t p = 0; p < r->point_count; p++) {
    least = fmin(least, l->x[p]);
    most = fmax(most, l->x[p]);
  }
  l->logarithmic = l->column >= 0 && least > 0 && most / least > 15;
}

static void forget_layout(struct layout *l)
{
  free(l->x);
  free(l->series);
}

/* Shares are shown in per cent. */
static double shown(const struct swisd_metric *metric, double value)
{
  return metric->dimension == SWISD_DIMENSION_SHARE ? 100 * value : value;
}

static const char *unit_of(const struct swisd_metric *metric)
{
  static const char *const units[SWISD_DIMENSION_COUNT] = {[SWISD_DIMENSION_NONE] = "",
                                                           [SWISD_DIMENSION_TIME] = " (s)",
                                                           [SWISD_DIMENSION_BYTES] = " (bytes)",
                                                           [SWISD_DIMENSION_SHARE] = " (%)"};
  return units[metric->dimension] != NULL ? units[metric->dimension] : "";
}

/* "items_per_s" for people. */
static void words_of(const struct swisd_metric *metric, char *text, size_t bytes)
{
  snprintf(text, bytes, "%s", metric->help);
  text[strcspn(text, ";")] = '\0';
  if (text[0] >= 'a' && text[0] <= 'z')
    text[0] = (char)(text[0] - 'a' + 'A');
}

static void axis_label(const struct swisd_results *r, const struct layout *l, char *text, size_t bytes)
{
  static const char *const units[SWISD_DIMENSION_COUNT] = {"",          " (s)",    " (bytes)", " (bytes/s)",
                                                           " (flop/s)", " (flop)", " (share)"};
  if (l->column >= 0)
    snprintf(text, bytes, "%s%s", r->columns[l->column], r->point_count > 10 ? units[l->dimension] : "");
  else
    snprintf(text, bytes, "%s", "point");
}

static int write_points(const char *directory, const char *name, const struct swisd_results *r, const struct layout *l,
                        const struct swisd_metric *metric, double *means, size_t *n_min, size_t *n_max, struct swisd_error *error)
{
  FILE *out = swisd_gnuplot_file(directory, name, ".dat", error);
  double *values = calloc(r->run_count + 1, sizeof *values);
  assert(values != NULL);
  *n_min = SIZE_MAX;
  *n_max = 0;
  if (out != NULL)
    fprintf(out, "# x mean lo hi n point\n");
  for (size_t s = 0; out != NULL && s < l->series_count; s++) {
    for (uint32_t p = 0; p < r->point_count; p++) {
      const size_t n = l->series[p] == s ? swisd_results_values(r, p, metric, values, NULL) : 0;
      if (l->series[p] == s)
        means[p] = NAN;
      if (n == 0)
        continue;
      const struct swisd_sample_summary summary = swisd_statistics_summary(values, n);
      means[p] = summary.mean;
      *n_min = n < *n_min ? n : *n_min;
      *n_max = n > *n_max ? n : *n_max;
      fprintf(out, "%.9g %.9g %.9g %.9g %zu %u\n", l->x[p], shown(metric, summary.mean), shown(metric, summary.lo),
              shown(metric, summary.hi), n, p);
    }
    fprintf(out, "\n\n");
  }
  free(values);
  return out == NULL ? -1 : swisd_gnuplot_close(out, name, error);
}

/* The values of a point under the last two parts of their paths, for a title that must fit. */
static void short_label(const struct swisd_results *r, uint32_t point, char *text, size_t bytes)
{
  size_t used = 0;
  text[0] = '\0';
  for (size_t c = 0; c < r->column_count && used < bytes; c++) {
    const char *path = r->columns[c], *from = path + strlen(path);
    for (int dots = 0; from > path && (dots += from[-1] == '.') < 2;)
      from--;
    used +=
      (size_t)snprintf(text + used, bytes - used, "%s%s = %s", c > 0 ? ", " : "", from, r->values[point * r->column_count + c]);
  }
}

/* Where points stand, under what was written in the scenario; nothing when they are too many to be read. */
static void value_tics(FILE *script, const struct swisd_results *r, const struct layout *l)
{
  double seen[12];
  size_t count = 0;
  for (uint32_t p = 0; p < r->point_count && count <= 10; p++) {
    size_t i = 0;
    while (i < count && (seen[i] < l->x[p] || seen[i] > l->x[p]))
      i++;
    if (i == count)
      seen[count++] = l->x[p];
  }
  if (count > 10)
    return;
  fprintf(script, "set xtics (");
  for (size_t i = 0; i < count; i++)
    for (uint32_t p = 0; p < r->point_count; p++)
      if (l->x[p] >= seen[i] && l->x[p] <= seen[i]) {
        fprintf(script, i > 0 ? ", " : "");
        swisd_gnuplot_quote(script, r->values[p * r->column_count + (size_t)l->column]);
        fprintf(script, " %.9g", seen[i]);
        break;
      }
  fprintf(script, ")\n");
}

static void axis_range(FILE *script, const struct swisd_results *r, const struct layout *l)
{
  double least = INFINITY, most = -INFINITY;
  for (uint32_t p = 0; p < r->point_count; p++) {
    least = fmin(least, l->x[p]);
    most = fmax(most, l->x[p]);
  }
  const double room = most > least ? 0.05 * (most - least) : 1;
  if (l->logarithmic)
    fprintf(script, "set logscale x\nset xrange [%.9g:%.9g]\n", least / 1.25, most * 1.25);
  else
    fprintf(script, "set xrange [%.9g:%.9g]\n", least - room, most + room);
}

/* "Items answered per second are highest, 1730, at churn.pi4.uptime = 16 min": a sentence about what is seen. */
static void make_title(const struct swisd_results *r, const struct swisd_metric *metric, const double *means, char *title,
                       size_t bytes)
{
  char words[160], label[LABEL_BYTES], value[48];
  const double sign = metric->better == SWISD_METRIC_LESS ? -1 : 1;
  uint32_t best = 0;
  bool found = false;
  for (uint32_t p = 0; p < r->point_count; p++)
    if (isfinite(means[p]) && (!found || sign * means[p] > sign * means[best])) {
      best = p;
      found = true;
    }
  words_of(metric, words, sizeof words);
  short_label(r, best, label, sizeof label);
  snprintf(value, sizeof value, metric->dimension == SWISD_DIMENSION_SHARE ? "%.3g %%" : "%.4g", shown(metric, means[best]));
  if (*label)
    snprintf(title, bytes, "%s: %s, %s, at %s", words, sign > 0 ? "highest" : "lowest", value, label);
  else
    snprintf(title, bytes, "%s: %s", words, value);
}

static void plot_series(FILE *script, const char *name, const struct layout *l)
{
  static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222", "#999999"};
  fprintf(script, "plot ");
  for (size_t s = 0; s < l->series_count; s++) {
    const char *colour = colours[s % (sizeof colours / sizeof colours[0])];
    if (l->column >= 0)
      fprintf(script, "%s'%s.dat' index %zu using 1:3:4 with filledcurves fc rgb '%s' fs transparent solid 0.15, \\\n  ",
              s > 0 ? "  " : "", name, s, colour);
    fprintf(script, "'%s.dat' index %zu using 1:2:3:4 with yerrorbars pt 7 ps 0.7 lw 1.4 lc rgb '%s', \\\n", name, s, colour);
    fprintf(script, "  '' index %zu using 1:2 with %s lw 2 lc rgb '%s' title ", s,
            l->column >= 0 ? "lines" : "points pt 7 ps 0.7", colour);
    swisd_gnuplot_quote(script, l->names[s]);
    fprintf(script, s + 1 < l->series_count ? ", \\\n" : "\n");
  }
}

static void point_tics(FILE *script, const struct swisd_results *r)
{
  fprintf(script, "set xrange [-0.5:%zu.5]\nset xtics rotate by -20 (", r->point_count - 1);
  for (uint32_t p = 0; p < r->point_count; p++) {
    char label[LABEL_BYTES];
    short_label(r, p, label, sizeof label);
    fprintf(script, "%s", p > 0 ? ", " : "");
    swisd_gnuplot_quote(script, *label ? label : "all runs");
    fprintf(script, " %u", p);
  }
  fprintf(script, ")\n");
}

int swisd_report_metric(const char *directory, const char *name, const struct swisd_results *r, const struct swisd_metric *metric,
                        char *title, size_t title_bytes, struct swisd_error *error)
{
  struct layout l;
  size_t n_min, n_max;
  char words[160], axis[160], note[96];
  double *means = calloc(r->point_count + 1, sizeof *means);
  assert(means != NULL);
  lay_out(r, &l);
  int status = write_points(directory, name, r, &l, metric, means, &n_min, &n_max, error);
  FILE *script = status == 0 && n_max > 0 ? swisd_gnuplot_file(directory, name, ".gp", error) : NULL;
  if (script != NULL) {
    make_title(r, metric, means, title, title_bytes);
    words_of(metric, words, sizeof words);
    axis_label(r, &l, axis, sizeof axis);
    snprintf(note, sizeof note, n_min == n_max ? "mean and 95 %% interval, n = %zu" : "mean and 95 %% interval, n = %zu to %zu",
             n_min, n_max);
    swisd_gnuplot_head(script, name, 820, 440);
    fprintf(script, "set lmargin 11\nset tmargin 4.5\nset label 1 ");
    swisd_gnuplot_quote(script, title);
    fprintf(script, " at graph 0, graph 1.14 font 'DejaVu Sans Bold,12'\nset label 2 ");
    swisd_gnuplot_quote(script, note);
    fprintf(script, " at graph 0, graph 1.06 font ',10' tc rgb '#666666'\nset ylabel ");
    snprintf(words + strlen(words), sizeof words - strlen(words), "%s", unit_of(metric));
    swisd_gnuplot_quote(script, words);
    fprintf(script, "\nset xlabel ");
    swisd_gnuplot_quote(script, axis);
    fprintf(script, "\nset yrange [0:%s]\n", metric->dimension == SWISD_DIMENSION_SHARE ? "105" : "*");
    if (l.column < 0) {
      point_tics(script, r);
    } else {
      axis_range(script, r, &l);
      value_tics(script, r, &l);
    }
    fprintf(script, "set key bottom right\n");
    plot_series(script, name, &l);
    status = swisd_gnuplot_close(script, name, error) == 0 ? swisd_gnuplot_run(directory, name, error) : -1;
  } else if (status == 0) {
    status = n_max > 0 ? -1 : 1;
  }
  forget_layout(&l);
  free(means);
  return status;
}

/* ---- where the work went ---- */

static const struct {
  const char *metric, *word, *colour;
} classes[] = {{"share_accepted", "became an answer", "#009e73"},
               {"share_duplicate", "done twice", "#e69f00"},
               {"share_replayed", "made again", "#56b4e9"},
               {"share_cancelled", "called off", "#999999"},
               {"share_rejected", "wrong", "#cc79a7"},
               {"share_lost", "lost with its worker", "#d55e00"}};
enum { CLASSES = sizeof classes / sizeof classes[0] };

int swisd_report_work(const char *directory, const char *name, const struct swisd_results *r, char *title, size_t title_bytes,
                      struct swisd_error *error)
{
  double *values = calloc(r->run_count + 1, sizeof *values), worst = INFINITY;
  assert(values != NULL);
  char label[LABEL_BYTES], worst_label[LABEL_BYTES] = "";
  FILE *out = swisd_gnuplot_file(directory, name, ".dat", error);
  for (uint32_t p = 0; out != NULL && p < r->point_count; p++) {
    short_label(r, p, label, sizeof label);
    fprintf(out, "\"%s\"", *label ? label : "all runs");
    for (int c = 0; c < CLASSES; c++) {
      const size_t n = swisd_results_values(r, p, swisd_metric_find(classes[c].metric), values, NULL);
      const double mean = n > 0 ? swisd_statistics_summary(values, n).mean : 0;
      fprintf(out, " %.6g", 100 * mean);
      if (c == 0 && n > 0 && mean < worst) {
        worst = mean;
        short_label(r, p, worst_label, sizeof worst_label);
      }
    }
    fputc('\n', out);
  }
  free(values);
  if (out == NULL || swisd_gnuplot_close(out, name, error) != 0)
    return -1;
  if (!isfinite(worst))
    return 1;
  FILE *script = swisd_gnuplot_file(directory, name, ".gp", error);
  if (script == NULL)
    return -1;
  snprintf(title, title_bytes, "Of the work issued, at least %.3g %% became an answer%s%s", 100 * worst,
           *worst_label ? "; least at " : "", worst_label);
  swisd_gnuplot_head(script, name, 820, 440);
  fprintf(script, "set lmargin 9\nset tmargin 4.5\nset label 1 ");
  swisd_gnuplot_quote(script, title);
  fprintf(script,
          " at graph 0, graph 1.14 font 'DejaVu Sans Bold,12'\n"
          "set label 2 'mean over the runs of each point' at graph 0, graph 1.06 font ',10' tc rgb '#666666'\n"
          "set style data histograms\nset style histogram rowstacked\nset style fill solid 0.9 noborder\nset boxwidth 0.7\n"
          "set yrange [0:100]\nset ylabel 'of the work issued (%%)'\nset xtics rotate by -20\n"
          "set key outside right top font ',9'\nplot ");
  for (int c = 0; c < CLASSES; c++)
    fprintf(script, "%s'%s.dat' using %d%s lc rgb '%s' title '%s'", c > 0 ? ", \\\n  " : "", name, c + 2,
            c == 0 ? ":xtic(1)" : "", classes[c].colour, classes[c].word);
  fputc('\n', script);
  return swisd_gnuplot_close(script, name, error) == 0 ? swisd_gnuplot_run(directory, name, error) : -1;
}
