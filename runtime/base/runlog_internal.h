/* The run log as its own two files see it: runlog.c collects, runlog_write.c writes. */
#ifndef SWISD_BASE_RUNLOG_INTERNAL_H
#define SWISD_BASE_RUNLOG_INTERNAL_H

#include "runtime/base/bound.h"
#include "runtime/base/runlog.h"

struct runlog_device {
  char name[SWISD_RUNLOG_NAME_BYTES], class_name[SWISD_RUNLOG_NAME_BYTES];
  double flops_per_s[SWISD_RUNLOG_KERNELS];
};

struct runlog_change {
  uint64_t time_ns;
  double factor;
  uint32_t device;
};

struct runlog_task {
  struct swisd_runlog_key key;
  uint32_t device;
  bool started, ended;
  uint64_t start_ns, end_ns;
  double flop;
  float outcome_flop[SWISD_RUNLOG_OUTCOME_COUNT];
};

struct runlog_answer {
  uint64_t time_ns, items;
};

struct runlog_event {
  struct swisd_runlog_event event; /* `event.event` is the caller's: use `word` */
  char word[16];
};

struct runlog_sample {
  uint64_t items;
  double flop[SWISD_RUNLOG_OUTCOME_COUNT];
};

struct swisd_runlog {
  char *directory; /* NULL: only counting */
  uint64_t period_ns;
  bool skip_tasks;
  double item_flops[SWISD_RUNLOG_KERNELS];
  struct runlog_device *devices;
  struct runlog_change *changes; /* per device in order of time */
  struct runlog_task *tasks;
  struct runlog_answer *answers;
  struct runlog_event *events;
  struct runlog_sample *samples;
  uint32_t *table; /* of task indices + 1, by key; a power of two */
  uint32_t device_count, change_count, task_count, answer_count, event_count, sample_count;
  uint32_t device_capacity, change_capacity, task_capacity, answer_capacity, event_capacity, sample_capacity;
  uint32_t table_size;
};

int swisd_runlog_make_directory(const char *path, struct swisd_error *error); /* with its parents */
void swisd_runlog_free(struct swisd_runlog *log);

#endif
