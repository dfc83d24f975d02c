/* See study_results.h. */
#include "runtime/cli/study_results.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/csv.h"
#include "runtime/base/json.h"
#include "scenarios/source.h"

enum { PATH_BYTES = 4400 };

/* ---- files ---- */

static FILE *open_file(const char *directory, const char *name, struct swisd_error *error)
{
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/.%s.tmp", directory, name);
  FILE *out = fopen(path, "we");
  if (!out)
    swisd_error_set(error, "%.300s: cannot write: %s", path, strerror(errno));
  return out;
}

static int close_file(FILE *out, const char *directory, const char *name, struct swisd_error *error)
{
  char path[PATH_BYTES], temporary[PATH_BYTES];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  snprintf(temporary, sizeof temporary, "%s/.%s.tmp", directory, name);
  const bool bad = ferror(out) != 0;
  if ((fclose(out) != 0) | bad || rename(temporary, path) != 0)
    return swisd_error_set(error, "%.300s: cannot write: %s", path, strerror(errno));
  return 0;
}

static int write_points(struct swisd_study *study, const char *directory, struct swisd_error *error)
{
  FILE *out = open_file(directory, "points.csv", error);
  if (!out)
    return -1;
  struct swisd_csv csv = {.out = out, .columns = 2 + swisd_study_columns(study)};
  fputs("point,hash", out);
  for (uint32_t c = 0; c < swisd_study_columns(study); c++)
    fprintf(out, ",%s", swisd_study_column(study, c));
  fputc('\n', out);
  for (uint32_t point = 0; point < swisd_study_points(study); point++) {
    char hash[24];
    snprintf(hash, sizeof hash, "%016" PRIx64, swisd_study_point_hash(study, point));
    swisd_csv_unsigned(&csv, point);
    swisd_csv_text(&csv, hash);
    for (uint32_t c = 0; c < swisd_study_columns(study); c++) {
      char *value = swisd_study_value(study, point, c);
      swisd_csv_text(&csv, value);
      free(value);
    }
    swisd_csv_row(&csv);
  }
  return close_file(out, directory, "points.csv", error);
}

static int write_expects(const struct swisd_scenario *scenario, const char *directory, struct swisd_error *error)
{
  FILE *out = open_file(directory, "expect.csv", error);
  if (!out)
    return -1;
  struct swisd_csv csv;
  swisd_csv_start(&csv, out, "metric,text,statistic,operation,value");
  for (uint32_t i = 0; i < scenario->expect_count; i++) {
    const struct swisd_scenario_expect *e = &scenario->expects[i];
    swisd_csv_text(&csv, e->metric);
    swisd_csv_text(&csv, e->text);
    swisd_csv_unsigned(&csv, e->statistic);
    swisd_csv_unsigned(&csv, e->operation);
    swisd_csv_number(&csv, e->value);
    swisd_csv_row(&csv);
  }
  return close_file(out, directory, "expect.csv", error);
}

static int make_directories(const char *path, struct swisd_error *error)
{
  char part[PATH_BYTES];
  snprintf(part, sizeof part, "%s/runs", path);
  for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
    if (slash)
      *slash = '\0';
    if (mkdir(part, 0777) < 0 && errno != EEXIST)
      return swisd_error_set(error, "%.300s: cannot make this directory: %s", part, strerror(errno));
    if (!slash)
      return 0;
    *slash = '/';
  }
}

int swisd_study_write(struct swisd_study *study, const struct swisd_scenario *first, const char *scenario, const char *directory,
                      struct swisd_error *error)
{
  char why[512];
  size_t bytes = 0;
  if (make_directories(directory, error) != 0 || write_points(study, directory, error) != 0 ||
      write_expects(first, directory, error) != 0)
    return -1;
  FILE *out = open_file(directory, "resolved.yml", error);
  if (!out)
    return -1;
  fprintf(out, "# Made from %s by swisd run: everything applied, every default written out.\n", scenario);
  swisd_study_print(study, SWISD_STUDY_WHOLE, out);
  if (close_file(out, directory, "resolved.yml", error) != 0)
    return -1;
  char *text = swisd_source_read_file(scenario, &bytes, why, sizeof why);
  if (!text)
    return swisd_error_set(error, "%s", why);
  out = open_file(directory, "scenario.yml", error);
  if (out)
    fwrite(text, 1, bytes, out);
  free(text);
  return out ? close_file(out, directory, "scenario.yml", error) : -1;
}

int swisd_results_refresh(const char *directory, struct swisd_results *results, struct swisd_error *error)
{
  if (swisd_results_read(directory, results, error) != 0)
    return -1;
  if (swisd_results_write(directory, results, error) != 0) {
    swisd_results_free(results);
    return -1;
  }
  return 0;
}

/* Two levels and the top: runs hold no deeper trees. */
static void remove_level(const char *path, int levels)
{
  DIR *folder = levels > 0 ? opendir(path) : NULL;
  for (const struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
    char *inside;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
        asprintf(&inside, "%s/%s", path, entry->d_name) < 0)
      continue;
    if (unlink(inside) != 0)
      remove_level(inside, levels - 1);
    free(inside);
  }
  if (folder)
    closedir(folder);
  rmdir(path);
}

void swisd_remove_tree(const char *path) { remove_level(path, 4); }

/* ---- for people ---- */

void swisd_metric_text(const struct swisd_metric *metric, double value, char *text, size_t bytes)
{
  if (!isfinite(value))
    snprintf(text, bytes, "-");
  else if (metric->dimension == SWISD_DIMENSION_SHARE)
    snprintf(text, bytes, "%.1f %%", 100 * value);
  else if (metric->dimension == SWISD_DIMENSION_TIME)
    snprintf(text, bytes, "%.4g s", value);
  else if (metric->dimension == SWISD_DIMENSION_BYTES)
    swisd_quantity_format(value, SWISD_DIMENSION_BYTES, text, bytes);
  else
    snprintf(text, bytes, "%.5g", value);
}

static const char *const shown[] = {"items_per_s",     "goodput_of_bound",        "completed",    "makespan_s",
                                    "latency_p50_s",   "latency_p95_s",           "detect_p50_s", "share_lost",
                                    "share_duplicate", "message_bytes_per_node_s"};

static void print_metric(const struct swisd_results *r, uint32_t point, const struct swisd_metric *metric, double *values)
{
  char mean[40], lo[40], hi[40];
  const size_t n = swisd_results_values(r, point, metric, values, NULL);
  if (n == 0)
    return;
  const struct swisd_sample_summary s = swisd_statistics_summary(values, n);
  swisd_metric_text(metric, s.mean, mean, sizeof mean);
  swisd_metric_text(metric, s.lo, lo, sizeof lo);
  swisd_metric_text(metric, s.hi, hi, sizeof hi);
  if (s.known)
    printf("  %-26s %12s   [%s, %s]   n = %zu\n", metric->name, mean, lo, hi, n);
  else
    printf("  %-26s %12s   n = %zu\n", metric->name, mean, n);
}

void swisd_results_print(const struct swisd_results *r)
{
  double *values = calloc(r->run_count + 1, sizeof *values);
  for (uint32_t point = 0; values && point < r->point_count; point++) {
    char label[512];
    swisd_results_label(r, point, label, sizeof label);
    if (*label)
      printf("point %u: %s\n", point, label);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
      print_metric(r, point, swisd_metric_find(shown[i]), values);
  }
  if (r->run_count > 0)
    printf("means with 95 %% intervals; every metric is in summary.csv\n");
  free(values);
}

static void put_summary(struct swisd_json *json, const struct swisd_sample_summary *s)
{
  const struct {
    const char *key;
    double value;
  } numbers[] = {{"mean", s->mean},
                 {"sd", s->sd},
                 {"ci_lo", s->known ? s->lo : NAN},
                 {"ci_hi", s->known ? s->hi : NAN},
                 {"min", s->min},
                 {"p05", s->p05},
                 {"p50", s->median},
                 {"p95", s->p95},
                 {"max", s->max}};
  swisd_json_object(json);
  swisd_json_key(json, "n");
  swisd_json_unsigned(json, s->n);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    swisd_json_key(json, numbers[i].key);
    swisd_json_number(json, numbers[i].value); /* what is not known becomes null */
  }
  swisd_json_end(json);
}

void swisd_results_print_json(const struct swisd_results *r)
{
  struct swisd_json json;
  double *values = calloc(r->run_count + 1, sizeof *values);
  swisd_json_start(&json, stdout, true);
  swisd_json_array(&json);
  for (uint32_t point = 0; values && point < r->point_count; point++) {
    swisd_json_object(&json);
    swisd_json_key(&json, "point");
    swisd_json_unsigned(&json, point);
    swisd_json_key(&json, "values");
    swisd_json_object(&json);
    for (size_t c = 0; c < r->column_count; c++) {
      swisd_json_key(&json, r->columns[c]);
      swisd_json_string(&json, r->values[point * r->column_count + c]);
    }
    swisd_json_end(&json);
    swisd_json_key(&json, "metrics");
    swisd_json_object(&json);
    for (size_t m = 0; m < swisd_metric_count; m++) {
      const size_t n = swisd_results_values(r, point, &swisd_metrics[m], values, NULL);
      if (n == 0)
        continue;
      const struct swisd_sample_summary s = swisd_statistics_summary(values, n);
      swisd_json_key(&json, swisd_metrics[m].name);
      put_summary(&json, &s);
    }
    swisd_json_end(&json);
    swisd_json_end(&json);
  }
  swisd_json_end(&json);
  swisd_json_finish(&json);
  free(values);
}

unsigned swisd_results_judge(const struct swisd_results *r)
{
  unsigned failed = 0;
  for (size_t i = 0; i < r->expect_count; i++)
    for (uint32_t point = 0; point < r->point_count; point++) {
      double got;
      char text[40], label[512];
      const struct swisd_scenario_expect *e = &r->expects[i];
      const bool holds = swisd_results_meets(r, point, e, &got);
      failed += !holds;
      swisd_metric_text(swisd_metric_find(e->metric), got, text, sizeof text);
      swisd_results_label(r, point, label, sizeof label);
      fprintf(stderr, "%s  expect %s %s: %s%s%s%s\n", holds ? "ok    " : "FAILED", e->metric, e->text, text, *label ? " (" : "",
              label, *label ? ")" : "");
    }
  return failed;
}
