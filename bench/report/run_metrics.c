/* Events are walked once, in their order of time, with the state of each device by name. */
#include "bench/report/run_metrics.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/run_table.h"
#include "bench/report/statistics.h"
#include "runtime/base/csv.h"
#include "runtime/base/json_read.h"
#include "runtime/base/map.h"
#include "runtime/base/runlog.h"

enum { RUN_JSON_BYTES_MAX = 1 << 20 };

/* ---- events ---- */

struct times {
  double *list;
  size_t count, room;
};

static void add_time(struct times *times, double value)
{
  if (times->count == times->room) {
    times->room = times->room ? 2 * times->room : 64;
    times->list = realloc(times->list, times->room * sizeof *times->list);
    assert(times->list != NULL);
  }
  times->list[times->count++] = value;
}

static uint64_t hash_of(const char *text, double value)
{
  uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)value * UINT64_C(0x9E3779B97F4A7C15);
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash;
}

/* What is known while events are walked. Values of the maps are times in nanoseconds. */
struct walk {
  struct swisd_map down;      /* device: since when it is down or silent, and nobody has said so; 0: it has been said */
  struct swisd_map submitted; /* job */
  struct times detect, latency;
  double false_suspicions;
};

static void see(struct walk *w, const char *event, const char *device, double time_s, double value)
{
  const uint64_t key = hash_of(device, 0), time_ns = (uint64_t)(time_s * 1e9) + 1;
  uint64_t since_ns;
  if (strcmp(event, SWISD_RUNLOG_KILL) == 0 || strcmp(event, SWISD_RUNLOG_SILENCE) == 0) {
    swisd_map_put(&w->down, key, time_ns);
  } else if (strcmp(event, SWISD_RUNLOG_LEAVE) == 0 || strcmp(event, "cut") == 0 || strcmp(event, SWISD_RUNLOG_PARTITION) == 0) {
    swisd_map_put(&w->down, key, 0); /* no fault that must be detected, but a suspicion of it is none that is false */
  } else if (strcmp(event, SWISD_RUNLOG_RETURN) == 0) {
    swisd_map_remove(&w->down, key, NULL);
  } else if (strcmp(event, SWISD_RUNLOG_SUSPECT) == 0 || strcmp(event, SWISD_RUNLOG_DEAD) == 0) {
    if (!swisd_map_find(&w->down, key, &since_ns)) {
      w->false_suspicions += strcmp(event, SWISD_RUNLOG_SUSPECT) == 0;
    } else if (since_ns > 0) {
      add_time(&w->detect, (double)(time_ns - since_ns) * 1e-9);
      swisd_map_put(&w->down, key, 0);
    }
  } else if (strcmp(event, SWISD_RUNLOG_SUBMITTED) == 0) {
    swisd_map_put(&w->submitted, hash_of(device, value), time_ns);
  } else if (strcmp(event, SWISD_RUNLOG_ANSWERED) == 0 && swisd_map_remove(&w->submitted, hash_of(device, value), &since_ns)) {
    add_time(&w->latency, (double)(time_ns - since_ns) * 1e-9);
  }
}

static void set(struct swisd_run_numbers *numbers, const char *name, double value)
{
  const struct swisd_metric *metric = swisd_metric_find(name);
  assert(metric != NULL);
  numbers->metrics[metric - swisd_metrics] = value;
}

static void put_times(struct swisd_run_numbers *numbers, struct walk *w)
{
  if (w->detect.count > 0) {
    const struct swisd_sample_summary s = swisd_statistics_summary(w->detect.list, w->detect.count);
    set(numbers, "detect_p50_s", s.median);
    set(numbers, "detect_p95_s", s.p95);
  }
  if (w->latency.count > 0) {
    const struct swisd_sample_summary s = swisd_statistics_summary(w->latency.list, w->latency.count);
    set(numbers, "latency_mean_s", s.mean);
    set(numbers, "latency_p50_s", s.median);
    set(numbers, "latency_p95_s", s.p95);
    set(numbers, "latency_max_s", s.max);
  }
  set(numbers, "false_suspicions", w->false_suspicions);
}

static int walk_events(const char *directory, struct swisd_run_numbers *numbers, struct swisd_error *error)
{
  struct swisd_run_table table;
  if (swisd_run_table_read(directory, "events.csv", &table, error) != 0)
    return -1;
  const int time = swisd_run_table_column(&table, "time_s", error), event = swisd_run_table_column(&table, "event", error),
            device = swisd_run_table_column(&table, "device", error), value = swisd_run_table_column(&table, "value", error);
  const bool whole = time >= 0 && event >= 0 && device >= 0 && value >= 0;
  struct walk w = {0};
  for (size_t row = 0; whole && row < table.rows; row++) {
    const double number = swisd_run_table_number(&table, row, value);
    see(&w, swisd_run_table_text(&table, row, event), swisd_run_table_text(&table, row, device),
        swisd_run_table_number(&table, row, time), isnan(number) ? 0 : number);
  }
  if (whole)
    put_times(numbers, &w);
  swisd_map_free(&w.down);
  swisd_map_free(&w.submitted);
  free(w.detect.list);
  free(w.latency.list);
  swisd_run_table_free(&table);
  return whole ? 0 : -1;
}

/* ---- run.json ---- */

static double number_in(const struct swisd_json_file *file, const char *name)
{
  char pointer[96];
  snprintf(pointer, sizeof pointer, "/%s", name);
  const json_t *value = swisd_json_find(file, pointer);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

int swisd_run_numbers_make(const char *directory, struct swisd_run_numbers *numbers, struct swisd_error *error)
{
  assert(swisd_metric_count <= SWISD_RUN_METRICS_MAX);
  char path[4200];
  struct swisd_json_file file;
  snprintf(path, sizeof path, "%s/run.json", directory);
  memset(numbers, 0, sizeof *numbers);
  if (swisd_json_read(&file, path, RUN_JSON_BYTES_MAX, error) != 0)
    return -1;
  for (size_t m = 0; m < swisd_metric_count; m++)
    numbers->metrics[m] = number_in(&file, swisd_metrics[m].name);
  const json_t *digest = swisd_json_find(&file, "/digest"), *seed = swisd_json_find(&file, "/seed");
  snprintf(numbers->digest, sizeof numbers->digest, "%s", json_is_string(digest) ? json_string_value(digest) : "");
  numbers->seed = json_is_integer(seed) ? (uint64_t)json_integer_value(seed) : 0;
  const double jobs = number_in(&file, "jobs"), nodes = number_in(&file, "devices") + number_in(&file, "submitters");
  const double duration_s = number_in(&file, "duration_s");
  if (jobs > 0)
    set(numbers, "completed", number_in(&file, "jobs_answered") / jobs);
  if (nodes > 0 && duration_s > 0)
    set(numbers, "message_bytes_per_node_s", number_in(&file, "message_bytes") / nodes / duration_s);
  swisd_json_free(&file);
  return walk_events(directory, numbers, error);
}

/* ---- numbers.csv ---- */

int swisd_run_numbers_write(const char *directory, const struct swisd_run_numbers *numbers, struct swisd_error *error)
{
  char path[4200];
  snprintf(path, sizeof path, "%s/numbers.csv", directory);
  FILE *out = fopen(path, "we");
  if (out == NULL)
    return swisd_error_set(error, "%s: cannot write: %s", path, strerror(errno));
  fprintf(out, "name,value\ndigest,%s\nseed,%" PRIu64 "\n", numbers->digest, numbers->seed);
  for (size_t m = 0; m < swisd_metric_count; m++)
    if (isfinite(numbers->metrics[m]))
      fprintf(out, "%s,%.17g\n", swisd_metrics[m].name, numbers->metrics[m]);
    else
      fprintf(out, "%s,\n", swisd_metrics[m].name);
  const bool bad = ferror(out) != 0;
  if ((fclose(out) != 0) | bad)
    return swisd_error_set(error, "%s: cannot write: %s", path, strerror(errno));
  return 0;
}

int swisd_run_numbers_read(const char *directory, struct swisd_run_numbers *numbers, struct swisd_error *error)
{
  struct swisd_run_table table;
  memset(numbers, 0, sizeof *numbers);
  for (size_t m = 0; m < SWISD_RUN_METRICS_MAX; m++)
    numbers->metrics[m] = NAN;
  if (swisd_run_table_read(directory, "numbers.csv", &table, error) != 0)
    return -1;
  for (size_t row = 0; row < table.rows && table.columns == 2; row++) {
    const char *name = swisd_run_table_text(&table, row, 0), *value = swisd_run_table_text(&table, row, 1);
    const struct swisd_metric *metric = swisd_metric_find(name);
    if (strcmp(name, "digest") == 0)
      snprintf(numbers->digest, sizeof numbers->digest, "%s", value);
    else if (strcmp(name, "seed") == 0)
      numbers->seed = strtoull(value, NULL, 10);
    else if (metric != NULL)
      numbers->metrics[metric - swisd_metrics] = swisd_run_table_number(&table, row, 1);
  }
  swisd_run_table_free(&table);
  return 0;
}
