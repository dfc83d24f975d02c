/* The files of a run log. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/csv.h"
#include "runtime/base/runlog_internal.h"

int swisd_runlog_make_directory(const char *path, struct swisd_error *error)
{
  char part[4096];
  const size_t length = strlen(path);
  if (length == 0 || length >= sizeof part)
    return swisd_error_set(error, "%.64s: not a usable directory name", path);
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != '\0')
      continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdir(part, 0777) < 0 && errno != EEXIST)
      return swisd_error_set(error, "%s: cannot make this directory: %s", part, strerror(errno));
  }
  struct stat found;
  if (stat(path, &found) < 0 || !S_ISDIR(found.st_mode))
    return swisd_error_set(error, "%s: exists and is not a directory", path);
  return 0;
}

const char *swisd_runlog_outcome_name(enum swisd_runlog_outcome outcome)
{
  static const char *const names[SWISD_RUNLOG_OUTCOME_COUNT] = {"",         "accepted",  "duplicate", "lost",
                                                                "rejected", "cancelled", "replayed"};
  assert(outcome < SWISD_RUNLOG_OUTCOME_COUNT);
  return names[outcome];
}

static double seconds(uint64_t time_ns) { return (double)time_ns * 1e-9; }

/* ---- tasks.csv ---- */

static int task_before(const void *left, const void *right)
{
  const struct swisd_runlog_task_row *a = left, *b = right;
  if (a->start_ns != b->start_ns)
    return a->start_ns < b->start_ns ? -1 : 1;
  if (a->device != b->device)
    return a->device < b->device ? -1 : 1;
  if (a->key.lo != b->key.lo)
    return a->key.lo < b->key.lo ? -1 : 1;
  return (int)a->key.attempt - (int)b->key.attempt;
}

static void write_tasks(struct swisd_runlog *log, FILE *out, uint64_t end_ns)
{
  struct swisd_csv csv;
  swisd_csv_start(&csv, out, "device,class,start_s,end_s,step,lane,lo,hi,outcome,submitter,job,attempt,gflop");
  if (log->task_count > 0)
    qsort(log->tasks, log->task_count, sizeof *log->tasks, task_before);
  for (uint32_t i = 0; i < log->task_count; i++) {
    const struct swisd_runlog_task_row *task = &log->tasks[i];
    uint32_t outcome = 0;
    for (uint32_t o = 1; o < SWISD_RUNLOG_OUTCOME_COUNT; o++)
      if (task->outcome_flop[o] > task->outcome_flop[outcome])
        outcome = o;
    swisd_csv_text(&csv, log->devices[task->device].name);
    swisd_csv_text(&csv, log->devices[task->device].class_name);
    swisd_csv_number(&csv, seconds(task->start_ns));
    swisd_csv_number(&csv, seconds(swisd_runlog_task_end_ns(log, task, end_ns)));
    swisd_csv_unsigned(&csv, task->key.step);
    swisd_csv_unsigned(&csv, task->key.lane);
    swisd_csv_unsigned(&csv, task->key.lo);
    swisd_csv_unsigned(&csv, task->key.hi);
    swisd_csv_text(&csv, swisd_runlog_outcome_name((enum swisd_runlog_outcome)outcome));
    swisd_csv_text(&csv, log->devices[task->key.submitter].name);
    swisd_csv_unsigned(&csv, task->key.job);
    swisd_csv_unsigned(&csv, task->key.attempt);
    swisd_csv_number(&csv, task->flop * 1e-9);
    swisd_csv_row(&csv);
  }
}

/* ---- events.csv ---- */

static int event_before(const void *left, const void *right)
{
  const struct swisd_runlog_event_row *const *a = left, *const *b = right;
  if ((*a)->event.time_ns != (*b)->event.time_ns)
    return (*a)->event.time_ns < (*b)->event.time_ns ? -1 : 1;
  return *a < *b ? -1 : 1; /* both lie in one array: as they were told */
}

static void put_device(const struct swisd_runlog *log, struct swisd_csv *csv, uint32_t device)
{
  swisd_csv_text(csv, device < log->device_count ? log->devices[device].name : "");
}

static void write_events(struct swisd_runlog *log, FILE *out)
{
  struct swisd_csv csv;
  swisd_csv_start(&csv, out, "time_s,event,device,by,step,lane,lo,hi,value");
  const struct swisd_runlog_event_row **order = calloc(log->event_count + 1, sizeof *order);
  assert(order != NULL);
  for (uint32_t i = 0; i < log->event_count; i++)
    order[i] = &log->events[i];
  qsort(order, log->event_count, sizeof *order, event_before);
  for (uint32_t i = 0; i < log->event_count; i++) {
    const struct swisd_runlog_event *event = &order[i]->event;
    swisd_csv_number(&csv, seconds(event->time_ns));
    swisd_csv_text(&csv, order[i]->word);
    put_device(log, &csv, event->device);
    put_device(log, &csv, event->by);
    if (event->has_task) {
      swisd_csv_unsigned(&csv, event->step);
      swisd_csv_unsigned(&csv, event->lane);
      swisd_csv_unsigned(&csv, event->lo);
      swisd_csv_unsigned(&csv, event->hi);
    } else {
      for (int cell = 0; cell < 4; cell++)
        swisd_csv_empty(&csv);
    }
    if (event->has_value)
      swisd_csv_number(&csv, event->value);
    else
      swisd_csv_empty(&csv);
    swisd_csv_row(&csv);
  }
  free(order);
}

/* ---- series.csv ---- */

static uint32_t up_at(const struct swisd_runlog *log, uint64_t time_ns)
{
  bool *up = calloc(log->device_count + 1, sizeof *up);
  assert(up != NULL);
  for (uint32_t i = 0; i < log->change_count; i++)
    if (log->changes[i].time_ns <= time_ns)
      up[log->changes[i].device] = log->changes[i].factor > 0;
  uint32_t count = 0;
  for (uint32_t d = 0; d < log->device_count; d++) {
    bool works = false;
    for (uint32_t k = 0; k < SWISD_RUNLOG_KERNELS; k++)
      works = works || log->devices[d].flops_per_s[k] > 0;
    count += works && up[d];
  }
  free(up);
  return count;
}

static void write_series(struct swisd_runlog *log, FILE *out, uint64_t end_ns)
{
  struct swisd_csv csv;
  swisd_csv_start(&csv, out, "time_s,items_per_s,accepted_gflops,duplicate_gflops,lost_gflops,devices_up,bound_items_per_s");
  const struct swisd_runlog_sample_row nothing = {0};
  for (uint64_t i = 0; i * log->period_ns < end_ns; i++) {
    const struct swisd_runlog_sample_row *sample = i < log->sample_count ? &log->samples[i] : &nothing;
    const uint64_t from_ns = i * log->period_ns;
    const uint64_t to_ns = from_ns + log->period_ns < end_ns ? from_ns + log->period_ns : end_ns;
    const double span_s = seconds(to_ns - from_ns);
    swisd_csv_number(&csv, seconds(from_ns));
    swisd_csv_number(&csv, (double)sample->items / span_s);
    swisd_csv_number(&csv, sample->flop[SWISD_RUNLOG_ACCEPTED] * 1e-9 / span_s);
    swisd_csv_number(&csv, sample->flop[SWISD_RUNLOG_DUPLICATE] * 1e-9 / span_s);
    swisd_csv_number(&csv, sample->flop[SWISD_RUNLOG_LOST] * 1e-9 / span_s);
    swisd_csv_unsigned(&csv, up_at(log, from_ns));
    swisd_csv_number(&csv, swisd_runlog_bound_items(log, from_ns, to_ns) / span_s);
    swisd_csv_row(&csv);
  }
}

/* ---- all of them ---- */

enum file { RUN_JSON, SERIES_CSV, TASKS_CSV, EVENTS_CSV, FILE_COUNT };

static int write_file(struct swisd_runlog *log, enum file file, const struct swisd_runlog_summary *summary, uint64_t end_ns,
                      struct swisd_error *error)
{
  static const char *const names[FILE_COUNT] = {"run.json", "series.csv", "tasks.csv", "events.csv"};
  char path[4200], temporary[4200];
  snprintf(path, sizeof path, "%s/%s", log->directory, names[file]);
  snprintf(temporary, sizeof temporary, "%s/.%s.tmp", log->directory, names[file]);
  FILE *out = fopen(temporary, "w");
  if (out == NULL)
    return swisd_error_set(error, "%s: cannot write: %s", temporary, strerror(errno));
  switch (file) {
  case RUN_JSON:
    swisd_runlog_print_json(out, summary);
    break;
  case SERIES_CSV:
    write_series(log, out, end_ns);
    break;
  case TASKS_CSV:
    write_tasks(log, out, end_ns);
    break;
  case EVENTS_CSV:
    write_events(log, out);
    break;
  case FILE_COUNT:
    break;
  }
  const bool bad = ferror(out) != 0;
  if ((fclose(out) != 0) | bad || rename(temporary, path) < 0) {
    const int reason = errno;
    unlink(temporary);
    return swisd_error_set(error, "%s: cannot write: %s", path, strerror(reason));
  }
  return 0;
}

int swisd_runlog_close(struct swisd_runlog *log, const struct swisd_runlog_summary *summary, uint64_t end_ns,
                       struct swisd_error *error)
{
  int status = 0;
  /* run.json last: its presence says that the others are whole */
  static const enum file order[] = {SERIES_CSV, TASKS_CSV, EVENTS_CSV, RUN_JSON};
  for (size_t i = 0; log->directory != NULL && i < FILE_COUNT && status == 0; i++)
    status = write_file(log, order[i], summary, end_ns, error);
  swisd_runlog_discard(log);
  return status;
}
