/* The run log as its own files see it: runlog.c collects, runlog_bounds.c reckons, runlog_write.c writes. */
#ifndef SWISD_BASE_RUNLOG_INTERNAL_H
#define SWISD_BASE_RUNLOG_INTERNAL_H

#include "runtime/base/bound_shards.h"
#include "runtime/base/runlog.h"

struct swisd_runlog_device_row {
  char name[SWISD_RUNLOG_NAME_BYTES], class_name[SWISD_RUNLOG_NAME_BYTES];
  double flops_per_s[SWISD_RUNLOG_KERNELS];
  double memory_bytes, up_bytes_per_s, down_bytes_per_s; /* 0: without limit */
  uint32_t task_last;                                    /* index + 1 */
};

struct swisd_runlog_change_row {
  uint64_t time_ns;
  double factor;
  uint32_t device;
};

struct swisd_runlog_hold_row {
  uint64_t time_ns, shards;
  uint32_t device;
};

struct swisd_runlog_task_row {
  struct swisd_runlog_key key;
  uint32_t device;
  uint32_t previous; /* of this device: index + 1 */
  bool ended;
  uint64_t start_ns, end_ns;
  double flop;
  float outcome_flop[SWISD_RUNLOG_OUTCOME_COUNT];
};

struct swisd_runlog_answer_row {
  uint64_t time_ns, items;
};

struct swisd_runlog_event_row {
  struct swisd_runlog_event event; /* `event.event` is the caller's: use `word` */
  char word[16];
};

struct swisd_runlog_sample_row {
  uint64_t items;
  double flop[SWISD_RUNLOG_OUTCOME_COUNT];
};

struct swisd_runlog {
  char *directory; /* NULL: only counting */
  uint64_t period_ns;
  bool skip_tasks;
  double item_flops[SWISD_RUNLOG_KERNELS];
  double up_bytes_per_item, down_bytes_per_item; /* 0: not known */
  uint32_t shard_count;
  struct swisd_bound_shard shards[SWISD_RUNLOG_SHARDS_MAX];
  struct swisd_runlog_device_row *devices;
  struct swisd_runlog_change_row *changes; /* per device in order of time */
  struct swisd_runlog_hold_row *holds;     /* the same */
  struct swisd_runlog_task_row *tasks;
  struct swisd_runlog_answer_row *answers;
  struct swisd_runlog_event_row *events;
  struct swisd_runlog_sample_row *samples;
  uint32_t device_count, change_count, hold_count, task_count, answer_count, event_count, sample_count;
  uint32_t device_capacity, change_capacity, hold_capacity, task_capacity, answer_capacity, event_capacity, sample_capacity;
};

/* When a task ended: as told, or with its device, or with the run. */
uint64_t swisd_runlog_task_end_ns(const struct swisd_runlog *log, const struct swisd_runlog_task_row *task, uint64_t end_ns);
int swisd_runlog_make_directory(const char *path, struct swisd_error *error); /* with its parents */

#endif
