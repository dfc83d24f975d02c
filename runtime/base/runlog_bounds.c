/* What the devices of a run could have done, as they came and went, and where their time went instead. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/runlog_internal.h"

/* ---- B1 ---- */

/* Seconds of full speed of each device between two times, by following the changes. */
static void device_seconds(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns, double *seconds)
{
  struct progress {
    uint64_t since_ns;
    double factor;
  } *progress = calloc(log->device_count + 1, sizeof *progress);
  assert(progress != NULL);
  memset(seconds, 0, log->device_count * sizeof *seconds);
  for (uint32_t i = 0; i <= log->change_count; i++) {
    const bool last = i == log->change_count;
    const uint32_t first = last ? 0 : log->changes[i].device, end = last ? log->device_count : first + 1;
    for (uint32_t d = first; d < end; d++) {
      const uint64_t time_ns = last ? to_ns : log->changes[i].time_ns;
      const uint64_t low = progress[d].since_ns > from_ns ? progress[d].since_ns : from_ns;
      const uint64_t high = time_ns < to_ns ? time_ns : to_ns;
      if (high > low)
        seconds[d] += progress[d].factor * (double)(high - low) * 1e-9;
      if (!last)
        progress[d].since_ns = time_ns, progress[d].factor = log->changes[i].factor;
    }
  }
  free(progress);
}

double swisd_runlog_bound_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns)
{
  double *seconds = calloc(log->device_count + 1, sizeof *seconds);
  struct swisd_bound_capacity *capacities = calloc(log->device_count + 1, sizeof *capacities);
  assert(seconds != NULL && capacities != NULL);
  device_seconds(log, from_ns, to_ns, seconds);
  uint32_t count = 0;
  for (uint32_t d = 0; d < log->device_count; d++) { /* classes lie together: one entry for each run of equal speeds */
    const double *speeds = log->devices[d].flops_per_s;
    if (count == 0 || memcmp(capacities[count - 1].flops_per_s, speeds, sizeof capacities->flops_per_s) != 0)
      memcpy(capacities[count++].flops_per_s, speeds, sizeof capacities->flops_per_s);
    capacities[count - 1].device_s += seconds[d];
  }
  const double items = swisd_bound_fluid_items(capacities, count, log->item_flops);
  free(seconds);
  free(capacities);
  return items;
}

double swisd_runlog_bound_makespan_s(const struct swisd_runlog *log, uint64_t from_ns, double items)
{
  uint64_t span_ns = UINT64_C(1000000000);
  const uint64_t longest_ns = UINT64_C(1) << 60; /* 36 years */
  while (swisd_runlog_bound_items(log, from_ns, from_ns + span_ns) < items) {
    if (span_ns >= longest_ns)
      return INFINITY;
    span_ns *= 2;
  }
  uint64_t low_ns = 0, high_ns = span_ns;
  while (high_ns - low_ns > 1000) { /* to the microsecond */
    const uint64_t middle_ns = low_ns + (high_ns - low_ns) / 2;
    if (swisd_runlog_bound_items(log, from_ns, from_ns + middle_ns) < items)
      low_ns = middle_ns;
    else
      high_ns = middle_ns;
  }
  return (double)high_ns * 1e-9;
}

/* ---- B2, B3: who held what when ---- */

/* A change of a device's speed or of what it holds. */
struct change {
  uint64_t time_ns, shards;
  double factor;
  uint32_t device, order;
  bool of_speed;
};

static int by_device_and_time(const void *left, const void *right)
{
  const struct change *a = left, *b = right;
  if (a->device != b->device)
    return a->device < b->device ? -1 : 1;
  if (a->time_ns != b->time_ns)
    return a->time_ns < b->time_ns ? -1 : 1;
  return a->order < b->order ? -1 : 1;
}

static struct change *changes_of(const struct swisd_runlog *log, uint32_t *count)
{
  *count = log->change_count + log->hold_count;
  struct change *changes = calloc(*count + 1u, sizeof *changes);
  assert(changes != NULL);
  for (uint32_t i = 0; i < log->change_count; i++)
    changes[i] = (struct change){.time_ns = log->changes[i].time_ns,
                                 .factor = log->changes[i].factor,
                                 .device = log->changes[i].device,
                                 .order = i,
                                 .of_speed = true};
  for (uint32_t i = 0; i < log->hold_count; i++)
    changes[log->change_count + i] = (struct change){
      .time_ns = log->holds[i].time_ns, .shards = log->holds[i].shards, .device = log->holds[i].device, .order = i};
  if (*count > 0)
    qsort(changes, *count, sizeof *changes, by_device_and_time);
  return changes;
}

/* One holder for each stretch of time in which a device held the same at the same speed; the caller frees them. */
static struct swisd_bound_holder *holders_of(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns, uint32_t *count)
{
  uint32_t change_count;
  struct change *changes = changes_of(log, &change_count);
  struct swisd_bound_holder *holders = calloc(change_count + 1u, sizeof *holders);
  assert(holders != NULL);
  double factor = 0;
  uint64_t shards = 0;
  *count = 0;
  for (uint32_t i = 0; i < change_count; i++) {
    const struct change *change = &changes[i];
    if (i == 0 || change->device != changes[i - 1].device)
      factor = 0, shards = 0;
    factor = change->of_speed ? change->factor : factor;
    shards = change->of_speed ? shards : change->shards;
    const bool last = i + 1 == change_count || changes[i + 1].device != change->device;
    const uint64_t low_ns = change->time_ns > from_ns ? change->time_ns : from_ns;
    const uint64_t high_ns = !last && changes[i + 1].time_ns < to_ns ? changes[i + 1].time_ns : to_ns;
    if (high_ns <= low_ns || factor <= 0)
      continue;
    struct swisd_bound_holder *holder = &holders[(*count)++];
    *holder = (struct swisd_bound_holder){.device_s = factor * (double)(high_ns - low_ns) * 1e-9, .holds = shards};
    memcpy(holder->flops_per_s, log->devices[change->device].flops_per_s, sizeof holder->flops_per_s);
  }
  free(changes);
  return holders;
}

double swisd_runlog_bound_placement_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns)
{
  uint32_t count;
  struct swisd_bound_holder *holders = holders_of(log, from_ns, to_ns, &count);
  const double items = swisd_bound_placement_items(holders, count, log->shards, log->shard_count);
  free(holders);
  return items;
}

double swisd_runlog_bound_memory_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns)
{
  double *seconds = calloc(log->device_count + 1, sizeof *seconds);
  struct swisd_bound_holder *devices = calloc(log->device_count + 1, sizeof *devices);
  assert(seconds != NULL && devices != NULL);
  device_seconds(log, from_ns, to_ns, seconds);
  for (uint32_t d = 0; d < log->device_count; d++) {
    devices[d] = (struct swisd_bound_holder){.device_s = seconds[d], .memory_bytes = log->devices[d].memory_bytes};
    memcpy(devices[d].flops_per_s, log->devices[d].flops_per_s, sizeof devices[d].flops_per_s);
  }
  const double items = swisd_bound_memory_items(devices, log->device_count, log->shards, log->shard_count);
  free(seconds);
  free(devices);
  return items;
}

/* ---- B4 ---- */

static bool works(const struct swisd_runlog_device_row *device)
{
  double sum = 0;
  for (uint32_t k = 0; k < SWISD_RUNLOG_KERNELS; k++)
    sum += device->flops_per_s[k];
  return sum > 0;
}

/* Items that a link of `bytes_per_s` carries in `seconds`; a slow device's link is as fast as ever. */
static double carried(double bytes_per_s, double bytes_per_item, double seconds)
{
  return bytes_per_s > 0 && bytes_per_item > 0 ? bytes_per_s * seconds / bytes_per_item : INFINITY;
}

double swisd_runlog_bound_network_items(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns)
{
  struct progress {
    uint64_t since_ns;
    bool up;
    double seconds;
  } *progress = calloc(log->device_count + 1, sizeof *progress);
  assert(progress != NULL);
  for (uint32_t i = 0; i < log->change_count + log->device_count; i++) {
    const bool ends = i >= log->change_count;
    const uint32_t d = ends ? i - log->change_count : log->changes[i].device;
    const uint64_t time_ns = ends ? to_ns : log->changes[i].time_ns;
    const uint64_t low_ns = progress[d].since_ns > from_ns ? progress[d].since_ns : from_ns;
    const uint64_t high_ns = time_ns < to_ns ? time_ns : to_ns;
    if (progress[d].up && high_ns > low_ns)
      progress[d].seconds += (double)(high_ns - low_ns) * 1e-9;
    progress[d].since_ns = time_ns;
    progress[d].up = !ends && log->changes[i].factor > 0;
  }
  double submitters = 0, workers_in = 0, workers_out = 0;
  for (uint32_t d = 0; d < log->device_count; d++) {
    const struct swisd_runlog_device_row *device = &log->devices[d];
    const double s = progress[d].seconds;
    if (s <= 0)
      continue;
    if (works(device)) {
      workers_in += carried(device->down_bytes_per_s, log->up_bytes_per_item, s);
      workers_out += carried(device->up_bytes_per_s, log->down_bytes_per_item, s);
    } else {
      submitters += fmin(carried(device->up_bytes_per_s, log->up_bytes_per_item, s),
                         carried(device->down_bytes_per_s, log->down_bytes_per_item, s));
    }
  }
  free(progress);
  return fmin(submitters, fmin(workers_in, workers_out));
}

/* ---- where the devices' time went ---- */

uint64_t swisd_runlog_task_end_ns(const struct swisd_runlog *log, const struct swisd_runlog_task_row *task, uint64_t end_ns)
{
  if (task->ended)
    return task->end_ns;
  for (uint32_t i = 0; i < log->change_count; i++) {
    const struct swisd_runlog_change_row *change = &log->changes[i];
    if (change->device == task->device && change->factor <= 0 && change->time_ns >= task->start_ns)
      return change->time_ns < end_ns ? change->time_ns : end_ns;
  }
  return end_ns;
}

/* FLOP of a task that were executed between two times. What was cut short, or cancelled, was done at nominal speed as far as it
 * went; a whole task took that long at least. */
static double executed(const struct swisd_runlog *log, const struct swisd_runlog_task_row *task, uint64_t from_ns, uint64_t to_ns)
{
  const uint64_t end_ns = swisd_runlog_task_end_ns(log, task, to_ns);
  const uint64_t low_ns = task->start_ns > from_ns ? task->start_ns : from_ns, high_ns = end_ns < to_ns ? end_ns : to_ns;
  if (high_ns <= low_ns)
    return 0;
  double speed = 0;
  for (uint32_t k = 0; k < SWISD_RUNLOG_KERNELS; k++)
    speed = fmax(speed, log->devices[task->device].flops_per_s[k]);
  const double whole_s = (double)(end_ns - task->start_ns) * 1e-9, part_s = (double)(high_ns - low_ns) * 1e-9;
  return fmin(task->flop, whole_s * speed) * part_s / whole_s;
}

/* Adds a task's work to the classes in which its parts ended. */
static void add_executed(double flop, const struct swisd_runlog_task_row *task, double sums[SWISD_RUNLOG_OUTCOME_COUNT])
{
  double parts[SWISD_RUNLOG_OUTCOME_COUNT], known = 0;
  for (uint32_t o = 0; o < SWISD_RUNLOG_OUTCOME_COUNT; o++)
    parts[o] = (double)task->outcome_flop[o];
  parts[SWISD_RUNLOG_ACCEPTED] = fmax(0, parts[SWISD_RUNLOG_ACCEPTED] - parts[SWISD_RUNLOG_REPLAYED]);
  for (uint32_t o = 1; o < SWISD_RUNLOG_OUTCOME_COUNT; o++)
    known += parts[o];
  parts[SWISD_RUNLOG_UNKNOWN] = fmax(0, task->flop - known);
  known += parts[SWISD_RUNLOG_UNKNOWN];
  for (uint32_t o = 0; o < SWISD_RUNLOG_OUTCOME_COUNT && known > 0; o++)
    sums[o] += flop * parts[o] / known;
}

static void divide_time(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns, double items,
                        struct swisd_runlog_summary *summary)
{
  double sums[SWISD_RUNLOG_OUTCOME_COUNT] = {0}, item = 0;
  for (uint32_t k = 0; k < SWISD_RUNLOG_KERNELS; k++)
    item += log->item_flops[k];
  summary->share_known = !log->skip_tasks && items > 0 && isfinite(items);
  if (!summary->share_known)
    return;
  for (uint32_t i = 0; i < log->task_count; i++)
    add_executed(executed(log, &log->tasks[i], from_ns, to_ns), &log->tasks[i], sums);
  summary->share_idle = 1;
  for (uint32_t o = 0; o < SWISD_RUNLOG_OUTCOME_COUNT; o++) {
    summary->share[o] = sums[o] / (items * item);
    summary->share_idle -= summary->share[o];
  }
  summary->share_idle = fmax(0, summary->share_idle); /* nominal speeds are not exact: then nothing is left */
}

void swisd_runlog_reckon(const struct swisd_runlog *log, uint64_t from_ns, uint64_t to_ns, struct swisd_runlog_summary *summary)
{
  assert(to_ns > from_ns);
  const double span_s = (double)(to_ns - from_ns) * 1e-9;
  const double fluid = swisd_runlog_bound_items(log, from_ns, to_ns);
  summary->bound_fluid_items_per_s = isfinite(fluid) ? fluid / span_s : 0;
  if (log->shard_count > 0) {
    const double memory = swisd_runlog_bound_memory_items(log, from_ns, to_ns);
    const double placement = swisd_runlog_bound_placement_items(log, from_ns, to_ns);
    summary->bound_memory_items_per_s = isfinite(memory) ? memory / span_s : 0;
    summary->bound_placement_items_per_s = isfinite(placement) ? placement / span_s : 0;
  }
  const double network = swisd_runlog_bound_network_items(log, from_ns, to_ns);
  summary->bound_network_items_per_s = isfinite(network) ? network / span_s : 0;
  divide_time(log, from_ns, to_ns, fluid, summary);
}
