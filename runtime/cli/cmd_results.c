/* swisd compare, export and merge: results directories after the runs. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report/study_report.h"
#include "runtime/base/csv.h"
#include "runtime/base/json.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/manifest.h"
#include "runtime/cli/study_results.h"
#include "scenarios/source.h"

enum { PATH_BYTES = 4400 };

/* ---- compare ---- */

struct compare {
  struct swisd_option_taker taker;
  bool json, all;
  const struct swisd_metric *metric; /* NULL: those that matter */
  struct swisd_results a, b;
  double *a_values, *b_values;
  uint32_t *a_repeats, *b_repeats;
  struct swisd_json writer;
};

static int take_compare(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct compare *c = (struct compare *)taker;
  if (strcmp(name, "json") == 0 || strcmp(name, "all") == 0) {
    *(name[0] == 'j' ? &c->json : &c->all) = true;
    return 0;
  }
  c->metric = swisd_metric_find(value);
  if (c->metric)
    return 0;
  const char *near = swisd_metric_suggest(value);
  return swisd_error_set(error, "--metric: no result is called '%.60s'%s%s%s", value, near ? "; did you mean " : "",
                         near ? near : "", near ? "?" : "");
}

/* Brings the values of both sides in line: those of repeats that both have come first, as pairs. Returns how many pairs. */
static size_t pair(struct compare *c, size_t a_count, size_t b_count)
{
  size_t pairs = 0;
  for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
    if (c->a_repeats[i] == c->b_repeats[j]) {
      c->a_values[pairs] = c->a_values[i++];
      c->b_values[pairs++] = c->b_values[j++];
    } else if (c->a_repeats[i] < c->b_repeats[j]) {
      i++;
    } else {
      j++;
    }
  }
  return pairs;
}

static const char *verdict(const struct swisd_metric *metric, const struct swisd_comparison *d)
{
  if (!d->known)
    return d->difference < 0 || d->difference > 0 ? "always the same difference" : "equal";
  if (d->lo <= 0 && d->hi >= 0)
    return "no difference seen";
  if (metric->better == SWISD_METRIC_NEITHER)
    return d->difference > 0 ? "B is higher" : "B is lower";
  return (d->difference > 0) == (metric->better == SWISD_METRIC_MORE) ? "B is better" : "B is worse";
}

static void print_json(struct compare *c, const char *label, const struct swisd_metric *metric, const double *numbers,
                       const struct swisd_comparison *d, bool paired)
{
  static const char *const keys[] = {"a_mean", "b_mean", "difference", "ci_lo", "ci_hi", "p", "p_ranks"};
  struct swisd_json *json = &c->writer;
  swisd_json_object(json);
  swisd_json_key(json, "point");
  swisd_json_string(json, label);
  swisd_json_key(json, "metric");
  swisd_json_string(json, metric->name);
  swisd_json_key(json, "paired");
  swisd_json_boolean(json, paired);
  swisd_json_key(json, "n");
  swisd_json_unsigned(json, d->n);
  for (int i = 0; i < 7; i++) {
    swisd_json_key(json, keys[i]);
    swisd_json_number(json, numbers[i]);
  }
  swisd_json_key(json, "verdict");
  swisd_json_string(json, verdict(metric, d));
  swisd_json_end(json);
}

static void print_text(const struct swisd_metric *metric, const double *numbers, const struct swisd_comparison *d, bool paired)
{
  char text[5][40], percent[24] = "";
  for (int i = 0; i < 5; i++)
    swisd_metric_text(metric, numbers[i], text[i], sizeof text[i]);
  if (numbers[0] > 0 || numbers[0] < 0)
    snprintf(percent, sizeof percent, " (%+.1f %%)", 100 * d->difference / fabs(numbers[0]));
  if (d->known)
    printf("  %-24s %11s %11s   %s%s  [%s, %s]  p = %.2g  %s%zu: %s\n", metric->name, text[0], text[1], text[2], percent, text[3],
           text[4], d->p, paired ? "pairs " : "n = ", d->n, verdict(metric, d));
  else
    printf("  %-24s %11s %11s   %s%s  n = %zu: %s\n", metric->name, text[0], text[1], text[2], percent, d->n, verdict(metric, d));
}

static double mean_of(const double *values, size_t n)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += values[i];
  return n ? sum / (double)n : NAN;
}

static void compare_metric(struct compare *c, const struct swisd_metric *metric, uint32_t a_point, uint32_t b_point, bool paired,
                           const char *label)
{
  size_t a_count = swisd_results_values(&c->a, a_point, metric, c->a_values, c->a_repeats);
  size_t b_count = swisd_results_values(&c->b, b_point, metric, c->b_values, c->b_repeats);
  if (a_count == 0 || b_count == 0)
    return;
  const size_t pairs = paired ? pair(c, a_count, b_count) : 0;
  if (paired && pairs == 0)
    return;
  a_count = paired ? pairs : a_count;
  b_count = paired ? pairs : b_count;
  const struct swisd_comparison d = paired ? swisd_statistics_paired(c->a_values, c->b_values, pairs)
                                           : swisd_statistics_welch(c->a_values, a_count, c->b_values, b_count);
  const double numbers[] = {
    mean_of(c->a_values, a_count), mean_of(c->b_values, b_count),      d.difference, d.known ? d.lo : NAN, d.known ? d.hi : NAN,
    d.known ? d.p : NAN,           d.known && paired ? d.p_ranks : NAN};
  if (c->json)
    print_json(c, label, metric, numbers, &d, paired);
  else
    print_text(metric, numbers, &d, paired);
}

static bool is_shown(const struct compare *c, const struct swisd_metric *metric)
{
  static const char *const shown[] = {"items_per_s",     "goodput_of_bound",        "makespan_s",   "completed",
                                      "latency_p50_s",   "latency_p95_s",           "detect_p50_s", "share_lost",
                                      "share_duplicate", "message_bytes_per_node_s"};
  if (c->metric)
    return c->metric == metric;
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
    if (strcmp(metric->name, shown[i]) == 0)
      return true;
  return c->all && !metric->costs;
}

/* The point of B that stands for a point of A: with the same values; alone, it is the one. -1: none. */
static int match(const struct compare *c, uint32_t a_point, const char *label)
{
  char other[512];
  if (c->a.point_count == 1 && c->b.point_count == 1)
    return 0;
  for (uint32_t p = 0; p < c->b.point_count; p++) {
    swisd_results_label(&c->b, p, other, sizeof other);
    if (strcmp(label, other) == 0)
      return (int)p;
  }
  (void)a_point;
  return -1;
}

static unsigned compare_points(struct compare *c, bool paired)
{
  unsigned matched = 0;
  for (uint32_t a_point = 0; a_point < c->a.point_count; a_point++) {
    char label[512];
    swisd_results_label(&c->a, a_point, label, sizeof label);
    const int b_point = match(c, a_point, label);
    if (b_point < 0) {
      fprintf(stderr, "swisd compare: no counterpart: %s\n", label);
      continue;
    }
    matched++;
    if (!c->json)
      printf("%s%s  %-24s %11s %11s   difference [95 %% interval]\n", label, *label ? "\n" : "", "", "A", "B");
    for (size_t m = 0; m < swisd_metric_count; m++)
      if (is_shown(c, &swisd_metrics[m]))
        compare_metric(c, &swisd_metrics[m], a_point, (uint32_t)b_point, paired, label);
  }
  return matched;
}

/* Equal seeds make equal worlds, which is what pairs are for. */
static bool seeds_agree(const struct compare *c)
{
  return c->a.run_count > 0 && c->b.run_count > 0 && c->a.runs[0].numbers.seed == c->b.runs[0].numbers.seed;
}

int swisd_command_compare(const struct swisd_command *command, int argc, char **argv)
{
  static struct compare c;
  struct swisd_error error;
  c = (struct compare){.taker = {take_compare}};
  const int count = swisd_options_read(command, argc, argv, &c.taker);
  if (count < 0)
    return -count - 1;
  if (count != 2) {
    fprintf(stderr, "swisd compare: two results directories are wanted, e.g. results/a results/b\n");
    return SWISD_EXIT_USAGE;
  }
  if (swisd_results_read(argv[1], &c.a, &error) != 0 || swisd_results_read(argv[2], &c.b, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  const size_t room = c.a.run_count + c.b.run_count + 1;
  c.a_values = calloc(room, sizeof *c.a_values);
  c.b_values = calloc(room, sizeof *c.b_values);
  c.a_repeats = calloc(room, sizeof *c.a_repeats);
  c.b_repeats = calloc(room, sizeof *c.b_repeats);
  const bool paired = seeds_agree(&c);
  if (!paired)
    fprintf(stderr, "swisd compare: the seeds differ, so nothing is paired: compared as independent samples (Welch)\n");
  if (c.json) {
    swisd_json_start(&c.writer, stdout, true);
    swisd_json_array(&c.writer);
  } else {
    printf("A: %s   B: %s   differences are B - A\n", argv[1], argv[2]);
  }
  const unsigned matched = compare_points(&c, paired);
  if (c.json) {
    swisd_json_end(&c.writer);
    swisd_json_finish(&c.writer);
  }
  free(c.a_values);
  free(c.b_values);
  free(c.a_repeats);
  free(c.b_repeats);
  swisd_results_free(&c.a);
  swisd_results_free(&c.b);
  return matched > 0 ? SWISD_EXIT_OK : SWISD_EXIT_FAILED;
}

/* ---- report ---- */

struct report {
  struct swisd_option_taker taker;
};

static int take_report(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  (void)taker, (void)value;
  return swisd_error_set(error, "--%s means nothing here", name);
}

int swisd_command_report(const struct swisd_command *command, int argc, char **argv)
{
  struct report report = {.taker = {take_report}};
  struct swisd_results results;
  struct swisd_error error;
  char path[PATH_BYTES + 32];
  const int count = swisd_options_read(command, argc, argv, &report.taker);
  if (count < 0)
    return -count - 1;
  if (count != 1) {
    fprintf(stderr, "swisd report: one results directory is wanted\n");
    return SWISD_EXIT_USAGE;
  }
  for (size_t length = strlen(argv[1]); length > 1 && argv[1][length - 1] == '/'; length--)
    argv[1][length - 1] = '\0';
  if (swisd_results_read(argv[1], &results, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  const int status = swisd_report_study(argv[1], &results, path, sizeof path, &error);
  swisd_results_free(&results);
  if (status != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  printf("%s\n", path);
  return SWISD_EXIT_OK;
}

/* ---- export ---- */

struct export
{
  struct swisd_option_taker taker;
  bool ndjson;
};

static int take_export(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  (void)name, (void)value, (void)error;
  ((struct export *)taker)->ndjson = true;
  return 0;
}

static void export_csv(const struct swisd_results *r)
{
  struct swisd_csv csv = {.out = stdout, .columns = (uint32_t)r->column_count + 5};
  printf("point,repeat,seed");
  for (size_t c = 0; c < r->column_count; c++)
    printf(",%s", r->columns[c]);
  printf(",metric,value\n");
  for (size_t i = 0; i < r->run_count; i++)
    for (size_t m = 0; m < swisd_metric_count; m++) {
      const struct swisd_results_run *run = &r->runs[i];
      if (!isfinite(run->numbers.metrics[m]))
        continue;
      swisd_csv_unsigned(&csv, run->point);
      swisd_csv_unsigned(&csv, run->repeat);
      swisd_csv_unsigned(&csv, run->numbers.seed);
      for (size_t c = 0; c < r->column_count; c++)
        swisd_csv_text(&csv, r->values[run->point * r->column_count + c]);
      swisd_csv_text(&csv, swisd_metrics[m].name);
      swisd_csv_number(&csv, run->numbers.metrics[m]);
      swisd_csv_row(&csv);
    }
}

/* A run per line. */
static void export_ndjson(const struct swisd_results *r)
{
  for (size_t i = 0; i < r->run_count; i++) {
    struct swisd_json json;
    const struct swisd_results_run *run = &r->runs[i];
    swisd_json_start(&json, stdout, false);
    swisd_json_object(&json);
    swisd_json_key(&json, "point");
    swisd_json_unsigned(&json, run->point);
    swisd_json_key(&json, "repeat");
    swisd_json_unsigned(&json, run->repeat);
    swisd_json_key(&json, "seed");
    swisd_json_unsigned(&json, run->numbers.seed);
    swisd_json_key(&json, "digest");
    swisd_json_string(&json, run->numbers.digest);
    for (size_t c = 0; c < r->column_count; c++) {
      swisd_json_key(&json, r->columns[c]);
      swisd_json_string(&json, r->values[run->point * r->column_count + c]);
    }
    for (size_t m = 0; m < swisd_metric_count; m++) {
      swisd_json_key(&json, swisd_metrics[m].name);
      swisd_json_number(&json, run->numbers.metrics[m]); /* not known: null */
    }
    swisd_json_end(&json);
    swisd_json_finish(&json);
  }
}

int swisd_command_export(const struct swisd_command *command, int argc, char **argv)
{
  struct export export = {.taker = {take_export}};
  struct swisd_results results;
  struct swisd_error error;
  const int count = swisd_options_read(command, argc, argv, &export.taker);
  if (count < 0)
    return -count - 1;
  if (count != 1) {
    fprintf(stderr, "swisd export: one results directory is wanted\n");
    return SWISD_EXIT_USAGE;
  }
  if (swisd_results_read(argv[1], &results, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  if (export.ndjson)
    export_ndjson(&results);
  else
    export_csv(&results);
  swisd_results_free(&results);
  return SWISD_EXIT_OK;
}

/* ---- merge ---- */

static int copy_file(const char *from, const char *to, struct swisd_error *error)
{
  static char bytes[1 << 16];
  FILE *in = fopen(from, "rbe"), *out = in ? fopen(to, "wbe") : NULL;
  bool bad = !in || !out;
  for (size_t got; !bad && (got = fread(bytes, 1, sizeof bytes, in)) > 0;)
    bad = fwrite(bytes, 1, got, out) != got;
  bad = bad || ferror(in);
  if (in)
    fclose(in);
  if (out && fclose(out) != 0)
    bad = true;
  return bad ? swisd_error_set(error, "%.200s to %.200s: cannot copy: %s", from, to, strerror(errno)) : 0;
}

/* A run's directory holds files alone. Copied under another name and renamed: there as a whole, or not. */
static int copy_run(const char *from, const char *to_folder, const char *name, struct swisd_error *error)
{
  char to[PATH_BYTES], temporary[PATH_BYTES];
  snprintf(to, sizeof to, "%s/runs/%s", to_folder, name);
  snprintf(temporary, sizeof temporary, "%s/runs/.%s.tmp", to_folder, name);
  swisd_remove_tree(temporary);
  DIR *folder = mkdir(temporary, 0777) == 0 ? opendir(from) : NULL;
  if (!folder)
    return swisd_error_set(error, "%.300s: cannot copy: %s", from, strerror(errno));
  int status = 0;
  for (const struct dirent *entry; status == 0 && (entry = readdir(folder)) != NULL;) {
    char one[2 * PATH_BYTES], other[2 * PATH_BYTES];
    struct stat found;
    snprintf(one, sizeof one, "%s/%s", from, entry->d_name);
    snprintf(other, sizeof other, "%s/%s", temporary, entry->d_name);
    if (stat(one, &found) == 0 && S_ISREG(found.st_mode))
      status = copy_file(one, other, error);
  }
  closedir(folder);
  if (status == 0 && rename(temporary, to) != 0)
    status = swisd_error_set(error, "%.300s: cannot write: %s", to, strerror(errno));
  return status;
}

/* The same run in two places must have come to the same. */
static int agree(const char *one, const char *other, struct swisd_error *error)
{
  struct swisd_run_numbers a, b;
  if (swisd_run_numbers_read(one, &a, error) != 0 || swisd_run_numbers_read(other, &b, error) != 0)
    return -1;
  return strcmp(a.digest, b.digest) == 0
           ? 0
           : swisd_error_set(error, "%.200s and %.200s are the same run with different digests: %s, %s", one, other, a.digest,
                             b.digest);
}

static int merge_runs(const char *out, const char *part, unsigned *added, struct swisd_error *error)
{
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/runs", part);
  DIR *folder = opendir(path);
  if (!folder)
    return swisd_error_set(error, "%.300s: %s", path, strerror(errno));
  int status = 0;
  for (const struct dirent *entry; status == 0 && (entry = readdir(folder)) != NULL;) {
    char from[PATH_BYTES + 260], to[PATH_BYTES + 260];
    if (entry->d_name[0] == '.')
      continue;
    snprintf(from, sizeof from, "%s/runs/%s", part, entry->d_name);
    snprintf(to, sizeof to, "%s/runs/%s", out, entry->d_name);
    if (access(to, F_OK) == 0) {
      status = agree(from, to, error);
    } else {
      status = copy_run(from, out, entry->d_name, error);
      *added += status == 0;
    }
  }
  closedir(folder);
  return status;
}

/* The first part's description becomes the whole's. */
static int describe(const char *out, const char *part, struct swisd_error *error)
{
  static const char *const files[] = {"points.csv", "expect.csv", "resolved.yml", "scenario.yml", "manifest.json"};
  char from[PATH_BYTES], to[PATH_BYTES];
  snprintf(to, sizeof to, "%s/runs", out);
  if ((mkdir(out, 0777) < 0 && errno != EEXIST) || (mkdir(to, 0777) < 0 && errno != EEXIST))
    return swisd_error_set(error, "%.300s: cannot make this directory: %s", to, strerror(errno));
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(from, sizeof from, "%s/%s", part, files[i]);
    snprintf(to, sizeof to, "%s/%s", out, files[i]);
    if (copy_file(from, to, error) != 0)
      return -1;
  }
  return 0;
}

/* Whether a part is of the same study by the same program. */
static int check_part(const char *out, const char *part, struct swisd_error *error)
{
  struct swisd_manifest a, b;
  char one[PATH_BYTES], other[PATH_BYTES], why[512];
  size_t one_bytes = 0, other_bytes = 0;
  const int found_a = swisd_manifest_read(out, &a, error), found_b = found_a < 0 ? -1 : swisd_manifest_read(part, &b, error);
  if (found_a < 0 || found_b < 0)
    return -1;
  if (found_a > 0 || found_b > 0)
    return swisd_error_set(error, "%.300s has no manifest.json: is it a results directory?", found_a > 0 ? out : part);
  if (!swisd_manifest_agree(&a, &b))
    return swisd_error_set(error, "%.200s and %.200s were made by different programs (commits %s, %s)", out, part, a.commit,
                           b.commit);
  snprintf(one, sizeof one, "%s/points.csv", out);
  snprintf(other, sizeof other, "%s/points.csv", part);
  char *first = swisd_source_read_file(one, &one_bytes, why, sizeof why);
  char *second = first ? swisd_source_read_file(other, &other_bytes, why, sizeof why) : NULL;
  const bool same = first && second && one_bytes == other_bytes && memcmp(first, second, one_bytes) == 0;
  const bool read = first && second;
  free(first);
  free(second);
  if (!read)
    return swisd_error_set(error, "%s", why);
  return same ? 0 : swisd_error_set(error, "%.200s and %.200s are of different studies: their points differ", out, part);
}

struct merge {
  struct swisd_option_taker taker;
  bool json;
};

static int take_merge(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  (void)name, (void)value, (void)error;
  ((struct merge *)taker)->json = true;
  return 0;
}

int swisd_command_merge(const struct swisd_command *command, int argc, char **argv)
{
  struct merge merge = {.taker = {take_merge}};
  struct swisd_results results;
  struct swisd_error error;
  unsigned added = 0;
  const int count = swisd_options_read(command, argc, argv, &merge.taker);
  if (count < 0)
    return -count - 1;
  if (count < 2) {
    fprintf(stderr, "swisd merge: wanted are the directory to fill and those to take from, e.g. results/all part1 part2\n");
    return SWISD_EXIT_USAGE;
  }
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/manifest.json", argv[1]);
  if (access(path, F_OK) != 0 && describe(argv[1], argv[2], &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  for (int i = 2; i <= count; i++)
    if (check_part(argv[1], argv[i], &error) != 0)
      return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  for (int i = 2; i <= count; i++)
    if (merge_runs(argv[1], argv[i], &added, &error) != 0)
      return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  if (swisd_results_refresh(argv[1], &results, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  if (merge.json)
    swisd_results_print_json(&results);
  else
    swisd_results_print(&results);
  const unsigned unmet = swisd_results_judge(&results);
  fprintf(stderr, "results: %s, %u runs added, %zu in all\n", argv[1], added, results.run_count);
  swisd_results_free(&results);
  return unmet > 0 ? SWISD_EXIT_FAILED : SWISD_EXIT_OK;
}
