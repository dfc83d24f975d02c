/* One page that opens from disk, prints, and can be mailed: figures are in it, and no script. */
#include "bench/report/study_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/report/report.h"
#include "runtime/base/json_read.h"

enum { PATH_BYTES = 4400, MANIFEST_BYTES_MAX = 1 << 20, RUNS_DRAWN_MAX = 12, PANELS_MAX = 3, GANTT_BYTES_MAX = 1000000 };

static void put_text(FILE *out, const char *text)
{
  for (; *text; text++) {
    const char *entity = *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
    if (entity != NULL)
      fputs(entity, out);
    else
      fputc(*text, out);
  }
}

static void put_head(FILE *out, const char *name)
{
  fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
        out);
  put_text(out, name);
  fputs("</title>\n<style>\n"
        "body{font:15px/1.5 system-ui,'DejaVu Sans',sans-serif;color:#222;max-width:60em;margin:2em auto;padding:0 1em}\n"
        "h1{font-size:1.6em;margin-bottom:.2em}h2{font-size:1.2em;margin-top:2em;border-bottom:1px solid #ddd}\n"
        "table{border-collapse:collapse;font-size:.92em;font-variant-numeric:tabular-nums}\n"
        "th,td{padding:.25em .8em;text-align:right;border-bottom:1px solid #eee}\n"
        "th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #888}\n"
        "figure{margin:1.5em 0;break-inside:avoid}figure svg{max-width:100%;height:auto}\n"
        "figcaption{color:#666;font-size:.88em}.ok{color:#00764f}.no{color:#b03a00;font-weight:bold}\n"
        ".quiet{color:#666;font-size:.88em}pre{background:#f6f6f6;padding:.8em;overflow-x:auto;font-size:.82em}\n"
        ".wide{overflow-x:auto}\n"
        "@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}pre{white-space:pre-wrap}}\n"
        "</style></head><body>\n",
        out);
}

/* The file at `path` without what stands before `<svg`; nothing when it is not there. */
static void put_figure(FILE *out, const char *folder, const char *name, const char *title)
{
  char path[PATH_BYTES], line[4096];
  snprintf(path, sizeof path, "%s/%s.svg", folder, name);
  FILE *in = fopen(path, "re");
  if (in == NULL)
    return;
  bool begun = false;
  fprintf(out, "<figure role=\"img\" aria-label=\"");
  put_text(out, title);
  fputs("\">\n", out);
  while (fgets(line, sizeof line, in) != NULL) {
    const char *start = begun ? line : strstr(line, "<svg");
    begun = begun || start != NULL;
    if (start != NULL)
      fputs(start, out);
  }
  fclose(in);
  fprintf(out, "<figcaption>Data and script: report/%s.dat, report/%s.gp</figcaption></figure>\n", name, name);
}

/* ---- tables ---- */

static void cell(FILE *out, const struct swisd_metric *metric, double value)
{
  if (metric->dimension == SWISD_DIMENSION_SHARE)
    fprintf(out, "%.1f&nbsp;%%", 100 * value);
  else
    fprintf(out, "%.4g%s", value, metric->dimension == SWISD_DIMENSION_TIME ? "&nbsp;s" : "");
}

static void put_summary(FILE *out, const struct swisd_results *r)
{
  static const char *const columns[] = {"items_per_s",   "goodput_of_bound", "completed", "makespan_s",
                                        "latency_p95_s", "detect_p50_s",     "share_lost"};
  double *values = calloc(r->run_count + 1, sizeof *values);
  if (values == NULL)
    return;
  fputs("<h2>Results</h2>\n<div class=\"wide\"><table><thead><tr><th>point</th><th>n</th>", out);
  bool known[sizeof columns / sizeof columns[0]] = {false}; /* a column that is empty everywhere is left out */
  for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
    for (uint32_t p = 0; p < r->point_count; p++)
      known[c] = known[c] || swisd_results_values(r, p, swisd_metric_find(columns[c]), values, NULL) > 0;
  for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++)
    if (known[c])
      fprintf(out, "<th title=\"%s\">%s</th>", swisd_metric_find(columns[c])->help, columns[c]);
  fputs("</tr></thead><tbody>\n", out);
  for (uint32_t p = 0; p < r->point_count; p++) {
    char label[512];
    size_t runs = 0;
    for (size_t i = 0; i < r->run_count; i++)
      runs += r->runs[i].point == p;
    swisd_results_label(r, p, label, sizeof label);
    fputs("<tr><td>", out);
    put_text(out, *label ? label : "all runs");
    fprintf(out, "</td><td>%zu</td>", runs);
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
      const struct swisd_metric *metric = swisd_metric_find(columns[c]);
      if (!known[c])
        continue;
      const size_t n = swisd_results_values(r, p, metric, values, NULL);
      fputs("<td>", out);
      if (n > 0) {
        const struct swisd_sample_summary s = swisd_statistics_summary(values, n);
        cell(out, metric, s.mean);
        if (s.known) {
          fputs("<br><span class=\"quiet\">", out);
          cell(out, metric, s.lo);
          fputs(" to ", out);
          cell(out, metric, s.hi);
          fputs("</span>", out);
        }
      }
      fputs("</td>", out);
    }
    fputs("</tr>\n", out);
  }
  fputs(
    "</tbody></table></div>\n<p class=\"quiet\">Means with 95 % intervals (Student's t). Every metric: summary.csv; every run: "
    "runs.csv.</p>\n",
    out);
  free(values);
}

static void put_expectations(FILE *out, const struct swisd_results *r)
{
  if (r->expect_count == 0)
    return;
  fputs("<h2>Expectations</h2>\n<table><thead><tr><th>expected</th><th>point</th><th>found</th><th></th></tr></thead><tbody>\n",
        out);
  for (size_t e = 0; e < r->expect_count; e++)
    for (uint32_t p = 0; p < r->point_count; p++) {
      double got;
      char label[512];
      const struct swisd_metric *metric = swisd_metric_find(r->expects[e].metric);
      const bool holds = swisd_results_meets(r, p, &r->expects[e], &got);
      swisd_results_label(r, p, label, sizeof label);
      fprintf(out, "<tr><td>%s ", r->expects[e].metric);
      put_text(out, r->expects[e].text);
      fputs("</td><td>", out);
      put_text(out, *label ? label : "all runs");
      fputs("</td><td>", out);
      if (isfinite(got))
        cell(out, metric, got);
      fprintf(out, "</td><td class=\"%s\">%s</td></tr>\n", holds ? "ok" : "no", holds ? "holds" : "does not hold");
    }
  fputs("</tbody></table>\n", out);
}

/* ---- where it came from ---- */

static void put_value(FILE *out, const struct swisd_json_file *file, const char *pointer, const char *word)
{
  const json_t *value = swisd_json_find(file, pointer);
  if (!json_is_string(value) && !json_is_integer(value))
    return;
  fprintf(out, "<tr><td>%s</td><td>", word);
  if (json_is_string(value))
    put_text(out, json_string_value(value));
  else
    fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
  fputs("</td></tr>\n", out);
}

static void put_origin(FILE *out, const char *directory)
{
  char path[PATH_BYTES], line[2048];
  struct swisd_json_file file;
  struct swisd_error ignored;
  fputs("<h2>How it was made</h2>\n<table><tbody>\n", out);
  snprintf(path, sizeof path, "%s/manifest.json", directory);
  if (swisd_json_read(&file, path, MANIFEST_BYTES_MAX, &ignored) == 0) {
    static const char *const rows[][2] = {{"/version", "version"}, {"/commit", "commit"},   {"/compiler", "compiler"},
                                          {"/kernels", "kernels"}, {"/machine", "machine"}, {"/scenario", "scenario"},
                                          {"/world", "world"},     {"/seed", "seed"},       {"/runs_finished", "runs"},
                                          {"/written", "written"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
      put_value(out, &file, rows[i][0], rows[i][1]);
    fputs("<tr><td>command</td><td>", out);
    const json_t *command = swisd_json_find(&file, "/command");
    for (size_t i = 0; i < json_array_size(command); i++) {
      put_text(out, json_is_string(json_array_get(command, i)) ? json_string_value(json_array_get(command, i)) : "");
      fputc(' ', out);
    }
    fputs("</td></tr>\n", out);
    swisd_json_free(&file);
  }
  fputs("</tbody></table>\n<details><summary>The scenario, with its defaults</summary><pre>", out);
  snprintf(path, sizeof path, "%s/resolved.yml", directory);
  FILE *in = fopen(path, "re");
  while (in != NULL && fgets(line, sizeof line, in) != NULL)
    put_text(out, line);
  if (in != NULL)
    fclose(in);
  fputs("</pre></details>\n", out);
}

/* ---- figures ---- */

/* Time runs of up to three points, spread over the sweep. */
static int draw_time(const char *directory, const char *folder, const struct swisd_results *r, struct swisd_error *error)
{
  static char paths[PANELS_MAX][RUNS_DRAWN_MAX][PATH_BYTES], labels[PANELS_MAX][512];
  const char *directories[PANELS_MAX][RUNS_DRAWN_MAX];
  struct swisd_report_panel panels[PANELS_MAX];
  size_t count = 0;
  for (size_t i = 0; i < PANELS_MAX && i < r->point_count; i++) {
    const uint32_t point = (uint32_t)(r->point_count <= PANELS_MAX ? i : i * (r->point_count - 1) / (PANELS_MAX - 1));
    size_t runs = 0;
    for (size_t run = 0; run < r->run_count && runs < RUNS_DRAWN_MAX; run++)
      if (r->runs[run].point == point) {
        snprintf(paths[count][runs], PATH_BYTES, "%s/runs/%s-r%04" PRIu32, directory, r->hashes[point], r->runs[run].repeat);
        directories[count][runs] = paths[count][runs];
        runs++;
      }
    if (runs == 0)
      continue;
    swisd_results_label(r, point, labels[count], sizeof labels[count]);
    panels[count] = (struct swisd_report_panel){*labels[count] ? labels[count] : "all runs", directories[count], runs, "items"};
    count++;
  }
  if (count == 0)
    return 1;
  if (swisd_report_throughput(folder, "throughput", "What was answered over time, against what the devices that were up could do",
                              panels, count, error) != 0)
    return -1;
  char tasks[PATH_BYTES];
  struct stat found;
  snprintf(tasks, sizeof tasks, "%.4300s/tasks.csv", directories[0][0]);
  if (stat(tasks, &found) != 0 || found.st_size > GANTT_BYTES_MAX)
    return 0; /* more boxes than a page should hold */
  panels[0].directory_count = 1;
  return swisd_report_gantt(folder, "gantt", "Who computed what, and what became of it, in the first run", panels, 1, error);
}

static void draw(FILE *out, const char *directory, const char *folder, const struct swisd_results *r)
{
  static const char *const figures[] = {"items_per_s",   "goodput_of_bound", "makespan_s",
                                        "latency_p95_s", "detect_p50_s",     "message_bytes_per_node_s"};
  struct swisd_error error = {""};
  char title[512] = "";
  fputs("<h2>Figures</h2>\n", out);
  for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++) {
    const int status = swisd_report_metric(folder, figures[f], r, swisd_metric_find(figures[f]), title, sizeof title, &error);
    if (status == 0)
      put_figure(out, folder, figures[f], title);
    else if (status < 0)
      break;
  }
  if (*error.text == '\0' && swisd_report_work(folder, "work", r, title, sizeof title, &error) == 0)
    put_figure(out, folder, "work", title);
  if (*error.text == '\0' && draw_time(directory, folder, r, &error) == 0) {
    put_figure(out, folder, "throughput", "Items answered over time");
    put_figure(out, folder, "gantt", "Tasks over time");
  }
  if (*error.text != '\0') {
    fputs("<p class=\"no\">", out);
    put_text(out, error.text);
    fputs("</p>\n", out);
  }
}

int swisd_report_study(const char *directory, const struct swisd_results *results, char *path, size_t path_bytes,
                       struct swisd_error *error)
{
  char folder[PATH_BYTES - 64], temporary[PATH_BYTES];
  snprintf(folder, sizeof folder, "%s/report", directory);
  if (mkdir(folder, 0777) < 0 && errno != EEXIST)
    return swisd_error_set(error, "%.300s: cannot make this directory: %s", folder, strerror(errno));
  snprintf(path, path_bytes, "%s/index.html", folder);
  snprintf(temporary, sizeof temporary, "%s/.index.html.tmp", folder);
  FILE *out = fopen(temporary, "we");
  if (out == NULL)
    return swisd_error_set(error, "%.300s: cannot write: %s", temporary, strerror(errno));
  const char *slash = strrchr(directory, '/');
  const char *name = slash != NULL && slash[1] != '\0' ? slash + 1 : directory;
  put_head(out, name);
  fputs("<h1>", out);
  put_text(out, name);
  fprintf(out, "</h1>\n<p class=\"quiet\">%zu point%s, %zu runs</p>\n", results->point_count,
          results->point_count == 1 ? "" : "s", results->run_count);
  put_summary(out, results);
  put_expectations(out, results);
  draw(out, directory, folder, results);
  put_origin(out, directory);
  fputs("</body></html>\n", out);
  const bool bad = ferror(out) != 0;
  if ((fclose(out) != 0) | bad || rename(temporary, path) != 0)
    return swisd_error_set(error, "%.300s: cannot write: %s", path, strerror(errno));
  return 0;
}
