/* The rows, in the order of columns. */
#include "scenarios/metric.h"

#include <string.h>

#include "runtime/base/suggest.h"

#define MORE SWISD_METRIC_MORE
#define LESS SWISD_METRIC_LESS
#define NEITHER SWISD_METRIC_NEITHER
#define NONE SWISD_DIMENSION_NONE
#define TIME SWISD_DIMENSION_TIME
#define SHARE SWISD_DIMENSION_SHARE
#define BYTES SWISD_DIMENSION_BYTES

const struct swisd_metric swisd_metrics[] = {
  {"items_per_s", NONE, MORE, false, "items answered per second; warm-up left out"},
  {"goodput_of_bound", SHARE, MORE, false, "items per second against the smallest bound"},
  {"goodput_of_fluid", SHARE, MORE, false, "items per second against the fluid bound"},
  {"bound_items_per_s", NONE, NEITHER, false, "the smallest bound"},
  {"makespan_s", TIME, LESS, false, "first submission to last answer; empty when not all was answered"},
  {"jobs", NONE, NEITHER, false, "jobs of all submitters"},
  {"jobs_answered", NONE, MORE, false, "jobs answered in full"},
  {"jobs_failed", NONE, LESS, false, "jobs that ended without an answer"},
  {"items_wanted", NONE, NEITHER, false, "items of all jobs"},
  {"items_answered", NONE, MORE, false, "items answered"},
  {"items_wrong", NONE, LESS, false, "answered items that a liar has spoilt (simulation only)"},
  {"completed", SHARE, MORE, false, "jobs answered, of all"},
  {"latency_mean_s", TIME, LESS, false, "submission to answer of a job, mean"},
  {"latency_p50_s", TIME, LESS, false, "the same, median"},
  {"latency_p95_s", TIME, LESS, false, "the same, 95th percentile"},
  {"latency_max_s", TIME, LESS, false, "the same, longest"},
  {"departures", NONE, NEITHER, false, "devices that went, or were killed"},
  {"returns", NONE, NEITHER, false, "devices that came back"},
  {"hedges", NONE, NEITHER, false, "tasks issued a second time because their worker was overdue"},
  {"reissues", NONE, NEITHER, false, "tasks issued again because their worker was lost"},
  {"detect_p50_s", TIME, LESS, false, "fault to first suspicion, median"},
  {"detect_p95_s", TIME, LESS, false, "the same, 95th percentile"},
  {"false_suspicions", NONE, LESS, false, "devices suspected that were up"},
  {"share_accepted", SHARE, MORE, false, "of the work issued: what became an answer"},
  {"share_duplicate", SHARE, LESS, false, "of the work issued: done twice"},
  {"share_lost", SHARE, LESS, false, "of the work issued: lost with its worker"},
  {"share_rejected", SHARE, LESS, false, "of the work issued: wrong"},
  {"share_cancelled", SHARE, LESS, false, "of the work issued: called off"},
  {"share_replayed", SHARE, LESS, false, "of the work issued: made again from what was left"},
  {"messages", NONE, LESS, false, "control messages"},
  {"message_bytes", BYTES, LESS, false, "their bytes"},
  {"message_bytes_per_node_s", NONE, LESS, false, "bytes of control per node and second"},
  {"bodies", NONE, NEITHER, false, "tensors and weights carried"},
  {"body_bytes", BYTES, LESS, false, "their bytes"},
  {"duration_s", TIME, NEITHER, false, "of the run, on its own clock"},
  {"cpu_s", TIME, LESS, true, "processor time of the simulator, or of all processes of a lab"},
  {"rss_bytes_max", BYTES, LESS, true, "its memory"},
};
const size_t swisd_metric_count = sizeof swisd_metrics / sizeof swisd_metrics[0];

const struct swisd_metric *swisd_metric_find(const char *name)
{
  for (size_t i = 0; i < swisd_metric_count; i++) {
    if (strcmp(swisd_metrics[i].name, name) == 0) {
      return &swisd_metrics[i];
    }
  }
  return NULL;
}

const char *swisd_metric_suggest(const char *name)
{
  const char *known[sizeof swisd_metrics / sizeof swisd_metrics[0]];
  for (size_t i = 0; i < swisd_metric_count; i++) {
    known[i] = swisd_metrics[i].name;
  }
  return swisd_suggest(name, known, swisd_metric_count);
}
