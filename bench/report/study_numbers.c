/* See study_numbers.h. Rows are in order of point, repeat and metric, and numbers have all their digits: the bytes follow from
 * the runs. */
#include "bench/report/study_numbers.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/report/run_table.h"
#include "runtime/base/csv.h"

void swisd_results_run_name(uint64_t hash, uint32_t repeat, char *name, size_t bytes)
{
  snprintf(name, bytes, "%016" PRIx64 "-r%04" PRIu32, hash, repeat);
}

/* ---- reading ---- */

static char *copy(const char *text)
{
  char *made = strdup(text);
  assert(made != NULL);
  return made;
}

static int read_points(const char *directory, struct swisd_results *r, struct swisd_error *error)
{
  struct swisd_run_table table;
  if (swisd_run_table_read(directory, "points.csv", &table, error) != 0)
    return -1;
  if (table.columns < 2 || strcmp(table.names[0], "point") != 0 || strcmp(table.names[1], "hash") != 0) {
    swisd_run_table_free(&table);
    return swisd_error_set(error, "%s/points.csv:1: wanted are the columns point,hash,...", directory);
  }
  r->column_count = table.columns - 2;
  r->point_count = table.rows;
  r->columns = calloc(r->column_count + 1, sizeof *r->columns);
  r->hashes = calloc(r->point_count + 1, sizeof *r->hashes);
  r->values = calloc(r->point_count * r->column_count + 1, sizeof *r->values);
  assert(r->columns != NULL && r->hashes != NULL && r->values != NULL);
  for (size_t c = 0; c < r->column_count; c++)
    r->columns[c] = copy(table.names[c + 2]);
  for (size_t p = 0; p < r->point_count; p++) {
    snprintf(r->hashes[p], sizeof r->hashes[p], "%s", swisd_run_table_text(&table, p, 1));
    for (size_t c = 0; c < r->column_count; c++)
      r->values[p * r->column_count + c] = copy(swisd_run_table_text(&table, p, (int)c + 2));
  }
  swisd_run_table_free(&table);
  return 0;
}

static int read_expects(const char *directory, struct swisd_results *r, struct swisd_error *error)
{
  struct swisd_run_table table;
  char path[SWISD_RESULTS_PATH_BYTES + 32];
  snprintf(path, sizeof path, "%s/expect.csv", directory);
  if (access(path, F_OK) != 0)
    return 0;
  if (swisd_run_table_read(directory, "expect.csv", &table, error) != 0)
    return -1;
  r->expects = calloc(table.rows + 1, sizeof *r->expects);
  assert(r->expects != NULL);
  for (size_t row = 0; row < table.rows && table.columns == 5; row++) {
    struct swisd_scenario_expect *e = &r->expects[r->expect_count];
    snprintf(e->metric, sizeof e->metric, "%s", swisd_run_table_text(&table, row, 0));
    snprintf(e->text, sizeof e->text, "%s", swisd_run_table_text(&table, row, 1));
    e->statistic = (uint8_t)swisd_run_table_number(&table, row, 2);
    e->operation = (uint8_t)swisd_run_table_number(&table, row, 3);
    e->value = swisd_run_table_number(&table, row, 4);
    r->expect_count += swisd_metric_find(e->metric) != NULL;
  }
  swisd_run_table_free(&table);
  return 0;
}

/* Reads "HASH-rNNNN"; the point, or -1 when it is none of these points' runs. */
static int point_of(const struct swisd_results *r, const char *name, uint32_t *repeat)
{
  if (strlen(name) < 19 || name[16] != '-' || name[17] != 'r' || strspn(name + 18, "0123456789") != strlen(name + 18))
    return -1;
  *repeat = (uint32_t)strtoul(name + 18, NULL, 10);
  for (size_t p = 0; p < r->point_count; p++)
    if (strncmp(r->hashes[p], name, 16) == 0)
      return (int)p;
  return -1;
}

static int by_point(const void *left, const void *right)
{
  const struct swisd_results_run *a = left, *b = right;
  if (a->point != b->point)
    return a->point < b->point ? -1 : 1;
  return a->repeat < b->repeat ? -1 : a->repeat > b->repeat;
}

static int read_runs(const char *directory, struct swisd_results *r, struct swisd_error *error)
{
  char path[SWISD_RESULTS_PATH_BYTES + 300];
  snprintf(path, sizeof path, "%s/runs", directory);
  DIR *folder = opendir(path);
  if (folder == NULL)
    return errno == ENOENT ? 0 : swisd_error_set(error, "%s: %s", path, strerror(errno));
  int status = 0;
  for (const struct dirent *entry; status == 0 && (entry = readdir(folder)) != NULL;) {
    uint32_t repeat;
    const int point = point_of(r, entry->d_name, &repeat);
    if (point < 0)
      continue;
    if ((r->run_count & (r->run_count - 1)) == 0) {
      r->runs = realloc(r->runs, (r->run_count ? 2 * r->run_count : 1) * sizeof *r->runs);
      assert(r->runs != NULL);
    }
    struct swisd_results_run *run = &r->runs[r->run_count++];
    run->point = (uint32_t)point;
    run->repeat = repeat;
    snprintf(path, sizeof path, "%s/runs/%s", directory, entry->d_name);
    status = swisd_run_numbers_read(path, &run->numbers, error);
  }
  closedir(folder);
  if (r->run_count > 0)
    qsort(r->runs, r->run_count, sizeof *r->runs, by_point);
  return status;
}

int swisd_results_read(const char *directory, struct swisd_results *results, struct swisd_error *error)
{
  memset(results, 0, sizeof *results);
  if (read_points(directory, results, error) != 0 || read_expects(directory, results, error) != 0 ||
      read_runs(directory, results, error) != 0) {
    swisd_results_free(results);
    return -1;
  }
  return 0;
}

void swisd_results_free(struct swisd_results *r)
{
  for (size_t c = 0; c < r->column_count; c++)
    free(r->columns[c]);
  for (size_t v = 0; v < r->point_count * r->column_count; v++)
    free(r->values[v]);
  free(r->columns);
  free(r->hashes);
  free(r->values);
  free(r->runs);
  free(r->expects);
  memset(r, 0, sizeof *r);
}

/* ---- questions ---- */

size_t swisd_results_values(const struct swisd_results *r, uint32_t point, const struct swisd_metric *metric, double *values,
                            uint32_t *repeats)
{
  size_t count = 0;
  for (size_t i = 0; i < r->run_count; i++) {
    const double value = r->runs[i].numbers.metrics[metric - swisd_metrics];
    if (r->runs[i].point != point || !isfinite(value))
      continue;
    if (repeats != NULL)
      repeats[count] = r->runs[i].repeat;
    values[count++] = value;
  }
  return count;
}

void swisd_results_label(const struct swisd_results *r, uint32_t point, char *text, size_t bytes)
{
  size_t used = 0;
  text[0] = '\0';
  for (size_t c = 0; c < r->column_count && used < bytes; c++)
    used += (size_t)snprintf(text + used, bytes - used, "%s%s = %s", c > 0 ? ", " : "", r->columns[c],
                             r->values[point * r->column_count + c]);
}

static double statistic_of(const struct swisd_sample_summary *s, uint8_t statistic)
{
  switch ((enum swisd_expect_statistic)statistic) {
  case SWISD_EXPECT_MEDIAN:
    return s->median;
  case SWISD_EXPECT_MIN:
    return s->min;
  case SWISD_EXPECT_MAX:
    return s->max;
  case SWISD_EXPECT_P05:
    return s->p05;
  case SWISD_EXPECT_P95:
    return s->p95;
  default:
    return s->mean;
  }
}

bool swisd_results_meets(const struct swisd_results *r, uint32_t point, const struct swisd_scenario_expect *e, double *got)
{
  double *values = calloc(r->run_count + 1, sizeof *values);
  assert(values != NULL);
  const size_t n = swisd_results_values(r, point, swisd_metric_find(e->metric), values, NULL);
  *got = NAN;
  if (n > 0) {
    const struct swisd_sample_summary s = swisd_statistics_summary(values, n);
    *got = statistic_of(&s, e->statistic);
  }
  free(values);
  switch ((enum swisd_expect_operation)e->operation) {
  case SWISD_EXPECT_AT_MOST:
    return *got <= e->value;
  case SWISD_EXPECT_AT_LEAST:
    return *got >= e->value;
  case SWISD_EXPECT_BELOW:
    return *got < e->value;
  case SWISD_EXPECT_ABOVE:
    return *got > e->value;
  case SWISD_EXPECT_EQUAL:
    return *got >= e->value && *got <= e->value;
  }
  return false;
}

/* ---- writing ---- */

/* Columns of a CSV header, quoted where a path asks for it. */
static void start(struct swisd_csv *csv, FILE *out, const struct swisd_results *r, const char *before, const char *after)
{
  uint32_t columns = 1;
  fputs(before, out);
  for (const char *c = before; *c; c++)
    columns += *c == ',';
  for (size_t c = 0; c < r->column_count; c++, columns++)
    fprintf(out, ",%s", r->columns[c]);
  fprintf(out, "%s", after);
  for (const char *c = after; *c; c++)
    columns += *c == ',';
  *csv = (struct swisd_csv){.out = out, .columns = columns};
}

/* All seventeen digits: what is read back is what was written. */
static void put_exact(struct swisd_csv *csv, double value)
{
  char text[40];
  snprintf(text, sizeof text, "%.17g", value);
  if (isfinite(value))
    swisd_csv_text(csv, text);
  else
    swisd_csv_empty(csv);
}

static void write_runs(FILE *out, const struct swisd_results *r)
{
  struct swisd_csv csv;
  char names[4096] = ",seed,digest";
  for (size_t m = 0; m < swisd_metric_count; m++)
    snprintf(names + strlen(names), sizeof names - strlen(names), ",%s", swisd_metrics[m].name);
  start(&csv, out, r, "point,repeat", names);
  fputc('\n', out);
  for (size_t i = 0; i < r->run_count; i++) {
    const struct swisd_results_run *run = &r->runs[i];
    swisd_csv_unsigned(&csv, run->point);
    swisd_csv_unsigned(&csv, run->repeat);
    for (size_t c = 0; c < r->column_count; c++)
      swisd_csv_text(&csv, r->values[run->point * r->column_count + c]);
    swisd_csv_unsigned(&csv, run->numbers.seed);
    swisd_csv_text(&csv, run->numbers.digest);
    for (size_t m = 0; m < swisd_metric_count; m++)
      put_exact(&csv, run->numbers.metrics[m]);
    swisd_csv_row(&csv);
  }
}

static void write_summary(FILE *out, const struct swisd_results *r)
{
  struct swisd_csv csv;
  double *values = calloc(r->run_count + 1, sizeof *values);
  assert(values != NULL);
  start(&csv, out, r, "point", ",metric,n,mean,sd,ci_lo,ci_hi,min,p05,p50,p95,max");
  fputc('\n', out);
  for (uint32_t point = 0; point < r->point_count; point++)
    for (size_t m = 0; m < swisd_metric_count; m++) {
      const size_t n = swisd_metrics[m].costs ? 0 : swisd_results_values(r, point, &swisd_metrics[m], values, NULL);
      if (n == 0)
        continue;
      const struct swisd_sample_summary s = swisd_statistics_summary(values, n);
      const double numbers[] = {s.mean, s.sd, s.known ? s.lo : NAN, s.known ? s.hi : NAN, s.min, s.p05, s.median, s.p95, s.max};
      swisd_csv_unsigned(&csv, point);
      for (size_t c = 0; c < r->column_count; c++)
        swisd_csv_text(&csv, r->values[point * r->column_count + c]);
      swisd_csv_text(&csv, swisd_metrics[m].name);
      swisd_csv_unsigned(&csv, s.n);
      for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        put_exact(&csv, numbers[i]);
      swisd_csv_row(&csv);
    }
  free(values);
}

static int write_file(const char *directory, const char *name, void (*write)(FILE *, const struct swisd_results *),
                      const struct swisd_results *r, struct swisd_error *error)
{
  char path[SWISD_RESULTS_PATH_BYTES + 64], temporary[SWISD_RESULTS_PATH_BYTES + 64];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  snprintf(temporary, sizeof temporary, "%s/.%s.tmp", directory, name);
  FILE *out = fopen(temporary, "we");
  if (out == NULL)
    return swisd_error_set(error, "%.300s: cannot write: %s", temporary, strerror(errno));
  write(out, r);
  const bool bad = ferror(out) != 0;
  if ((fclose(out) != 0) | bad || rename(temporary, path) != 0)
    return swisd_error_set(error, "%.300s: cannot write: %s", path, strerror(errno));
  return 0;
}

int swisd_results_write(const char *directory, const struct swisd_results *results, struct swisd_error *error)
{
  return write_file(directory, "runs.csv", write_runs, results, error) != 0 ||
             write_file(directory, "summary.csv", write_summary, results, error) != 0
           ? -1
           : 0;
}
