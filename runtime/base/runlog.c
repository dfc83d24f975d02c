/* Collecting a run and joining what worker and submitter say of one task. Everything grows in plain arrays; a task is found
 * by looking back through its device's latest ones. Writing is in runlog_write.c, reckoning in runlog_bounds.c. */
#include "runtime/base/runlog_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Outcomes come right after their tasks in a simulation; in the lab, after all tasks of the run have been told. */
enum { LOOK_BACK = 4096 };

struct swisd_runlog *swisd_runlog_open(const char *directory, struct swisd_error *error)
{
  struct swisd_runlog *log = calloc(1, sizeof *log);
  if (log == NULL) {
    swisd_error_set(error, "no memory for the run log");
    return NULL;
  }
  log->period_ns = UINT64_C(1000000000);
  if (directory == NULL)
    return log;
  if (swisd_runlog_make_directory(directory, error) < 0 || (log->directory = strdup(directory)) == NULL) {
    free(log);
    return NULL;
  }
  return log;
}

void swisd_runlog_discard(struct swisd_runlog *log)
{
  free(log->directory);
  free(log->devices);
  free(log->changes);
  free(log->holds);
  free(log->tasks);
  free(log->answers);
  free(log->events);
  free(log->samples);
  free(log);
}

void swisd_runlog_period(struct swisd_runlog *log, uint64_t period_ns)
{
  assert(period_ns > 0 && log->sample_count == 0);
  log->period_ns = period_ns;
}

void swisd_runlog_skip_tasks(struct swisd_runlog *log) { log->skip_tasks = true; }

/* Room for one more element of an array that doubles. Out of memory ends the process: a run without its log is worth
 * nothing, and no peer decides how much is logged. */
static void *grow(void *array, uint32_t count, uint32_t *capacity, size_t size)
{
  if (count < *capacity)
    return array;
  *capacity = *capacity == 0 ? 256 : *capacity * 2;
  void *larger = realloc(array, *capacity * size);
  if (larger == NULL) {
    fputs("run log: out of memory\n", stderr);
    abort();
  }
  return larger;
}

uint32_t swisd_runlog_device(struct swisd_runlog *log, const char *name, const char *class_name,
                             const double flops_per_s[SWISD_RUNLOG_KERNELS])
{
  log->devices = grow(log->devices, log->device_count, &log->device_capacity, sizeof *log->devices);
  struct swisd_runlog_device_row *device = &log->devices[log->device_count];
  *device = (struct swisd_runlog_device_row){0};
  snprintf(device->name, sizeof device->name, "%s", name);
  snprintf(device->class_name, sizeof device->class_name, "%s", class_name);
  memcpy(device->flops_per_s, flops_per_s, sizeof device->flops_per_s);
  return log->device_count++;
}

void swisd_runlog_speed(struct swisd_runlog *log, uint32_t device, uint64_t time_ns, double factor)
{
  assert(device < log->device_count && factor >= 0);
  log->changes = grow(log->changes, log->change_count, &log->change_capacity, sizeof *log->changes);
  log->changes[log->change_count++] = (struct swisd_runlog_change_row){.device = device, .time_ns = time_ns, .factor = factor};
}

void swisd_runlog_item_flops(struct swisd_runlog *log, const double flops_per_item[SWISD_RUNLOG_KERNELS])
{
  memcpy(log->item_flops, flops_per_item, sizeof log->item_flops);
}

uint32_t swisd_runlog_shard(struct swisd_runlog *log, uint32_t kernel, double flops_per_item, double bytes)
{
  assert(kernel < SWISD_RUNLOG_KERNELS && log->shard_count < SWISD_RUNLOG_SHARDS_MAX);
  log->shards[log->shard_count] = (struct swisd_bound_shard){.kernel = (uint8_t)kernel, .flops = flops_per_item, .bytes = bytes};
  return log->shard_count++;
}

void swisd_runlog_item_bytes(struct swisd_runlog *log, double up_bytes, double down_bytes)
{
  log->up_bytes_per_item = up_bytes;
  log->down_bytes_per_item = down_bytes;
}

void swisd_runlog_memory(struct swisd_runlog *log, uint32_t device, double bytes)
{
  assert(device < log->device_count);
  log->devices[device].memory_bytes = bytes;
}

void swisd_runlog_link(struct swisd_runlog *log, uint32_t device, double up_bytes_per_s, double down_bytes_per_s)
{
  assert(device < log->device_count);
  log->devices[device].up_bytes_per_s = up_bytes_per_s;
  log->devices[device].down_bytes_per_s = down_bytes_per_s;
}

void swisd_runlog_holds(struct swisd_runlog *log, uint32_t device, uint64_t time_ns, uint64_t shards)
{
  assert(device < log->device_count);
  log->holds = grow(log->holds, log->hold_count, &log->hold_capacity, sizeof *log->holds);
  log->holds[log->hold_count++] = (struct swisd_runlog_hold_row){.device = device, .time_ns = time_ns, .shards = shards};
}

/* ---- tasks ---- */

/* The newest task of `device` that covers the key's items; NULL when there is none among the latest ones. */
static struct swisd_runlog_task_row *task_of(struct swisd_runlog *log, uint32_t device, const struct swisd_runlog_key *key)
{
  if (device >= log->device_count)
    return NULL;
  uint32_t index = log->devices[device].task_last;
  for (int back = 0; index != 0 && back < LOOK_BACK; back++) {
    struct swisd_runlog_task_row *task = &log->tasks[index - 1];
    if (task->key.submitter == key->submitter && task->key.job == key->job && task->key.step == key->step &&
        task->key.lane == key->lane && task->key.lo <= key->lo && key->hi <= task->key.hi)
      return task;
    index = task->previous;
  }
  return NULL;
}

void swisd_runlog_task_start(struct swisd_runlog *log, uint32_t device, const struct swisd_runlog_key *key, uint64_t time_ns,
                             double flop)
{
  assert(device < log->device_count && key->submitter < log->device_count);
  if (log->skip_tasks)
    return;
  log->tasks = grow(log->tasks, log->task_count, &log->task_capacity, sizeof *log->tasks);
  struct swisd_runlog_task_row *task = &log->tasks[log->task_count++];
  *task = (struct swisd_runlog_task_row){
    .key = *key, .device = device, .start_ns = time_ns, .flop = flop, .previous = log->devices[device].task_last};
  log->devices[device].task_last = log->task_count;
}

void swisd_runlog_task_end(struct swisd_runlog *log, uint32_t device, const struct swisd_runlog_key *key, uint64_t time_ns)
{
  struct swisd_runlog_task_row *task = task_of(log, device, key);
  if (task == NULL || task->ended)
    return;
  task->ended = true;
  task->end_ns = time_ns;
}

static struct swisd_runlog_sample_row *sample_at(struct swisd_runlog *log, uint64_t time_ns)
{
  const uint64_t index = time_ns / log->period_ns;
  assert(index < 100000000); /* a hundred million rows are no run but a clock gone wrong */
  while (log->sample_count <= index) {
    log->samples = grow(log->samples, log->sample_count, &log->sample_capacity, sizeof *log->samples);
    log->samples[log->sample_count++] = (struct swisd_runlog_sample_row){0};
  }
  return &log->samples[index];
}

void swisd_runlog_task_outcome(struct swisd_runlog *log, uint32_t device, const struct swisd_runlog_key *key,
                               enum swisd_runlog_outcome outcome, uint64_t time_ns, double flop)
{
  assert(outcome > SWISD_RUNLOG_UNKNOWN && outcome < SWISD_RUNLOG_OUTCOME_COUNT && key->submitter < log->device_count);
  sample_at(log, time_ns)->flop[outcome] += flop;
  struct swisd_runlog_task_row *task = task_of(log, device, key);
  if (task != NULL)
    task->outcome_flop[outcome] += (float)flop;
}

void swisd_runlog_items_answered(struct swisd_runlog *log, uint64_t time_ns, uint64_t items)
{
  sample_at(log, time_ns)->items += items;
  log->answers = grow(log->answers, log->answer_count, &log->answer_capacity, sizeof *log->answers);
  log->answers[log->answer_count++] = (struct swisd_runlog_answer_row){.time_ns = time_ns, .items = items};
}

void swisd_runlog_event(struct swisd_runlog *log, const struct swisd_runlog_event *event)
{
  log->events = grow(log->events, log->event_count, &log->event_capacity, sizeof *log->events);
  struct swisd_runlog_event_row *entry = &log->events[log->event_count++];
  entry->event = *event;
  snprintf(entry->word, sizeof entry->word, "%s", event->event);
}

uint64_t swisd_runlog_items_between(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns)
{
  uint64_t items = 0;
  for (uint32_t i = 0; i < log->answer_count; i++)
    if (log->answers[i].time_ns >= from_ns && log->answers[i].time_ns < to_ns)
      items += log->answers[i].items;
  return items;
}
