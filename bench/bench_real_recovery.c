/* See bench_real_recovery.h. The recording is stepped through the core once more, and its traces say who was given what, and
 * when which items were accepted. */
#include "bench/bench_real_recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/net/replay.h"

struct issue {
  struct swisd_id worker;
  struct swisd_task_key key;
  uint64_t from_ns, until_ns; /* until: its outcome */
};

struct accepted {
  uint64_t time_ns, lo, hi;
  uint8_t step, lane;
};

struct history {
  struct swisd_replay_host host; /* first */
  struct issue *issues;
  struct accepted *accepted;
  size_t issue_count, issue_capacity, accepted_count, accepted_capacity;
};

static void *room(void *list, size_t count, size_t *capacity, size_t size)
{
  if (count < *capacity)
    return list;
  *capacity = *capacity ? *capacity * 2 : 1024;
  list = realloc(list, *capacity * size);
  if (!list)
    exit(2);
  return list;
}

static void note(struct history *h, const struct swisd_trace *trace)
{
  switch (trace->kind) {
  case SWISD_TRACE_TASK_ISSUED:
  case SWISD_TRACE_TASK_HEDGED:
  case SWISD_TRACE_TASK_REISSUED:
    h->issues = room(h->issues, h->issue_count, &h->issue_capacity, sizeof *h->issues);
    h->issues[h->issue_count++] =
        (struct issue){.worker = trace->peer, .key = trace->key, .from_ns = trace->time_ns, .until_ns = UINT64_MAX};
    return;
  case SWISD_TRACE_TASK_ACCEPTED:
    h->accepted = room(h->accepted, h->accepted_count, &h->accepted_capacity, sizeof *h->accepted);
    h->accepted[h->accepted_count++] = (struct accepted){.time_ns = trace->time_ns, .lo = trace->key.lo, .hi = trace->key.hi,
                                                         .step = trace->key.step, .lane = trace->key.lane};
    return;
  case SWISD_TRACE_TASK_CANCELLED:
  case SWISD_TRACE_TASK_DUPLICATE:
  case SWISD_TRACE_TASK_REJECTED:
    /* Newest first: attempts wrap. */
    for (size_t i = h->issue_count; i-- > 0 && trace->time_ns - h->issues[i].from_ns < 120 * SWISD_SECOND;)
      if (h->issues[i].until_ns == UINT64_MAX && h->issues[i].key.step == trace->key.step &&
          h->issues[i].key.lane == trace->key.lane &&
          h->issues[i].key.lo == trace->key.lo && swisd_id_equal(h->issues[i].worker, trace->peer)) {
        h->issues[i].until_ns = trace->time_ns;
        return;
      }
    return;
  default:
    return;
  }
}

static void on_step(struct swisd_replay_host *host, const struct swisd_node *node, const struct swisd_event *event,
                    uint64_t now_ns, const struct swisd_actions *actions)
{
  (void)node, (void)event, (void)now_ns;
  for (uint32_t i = 0; i < actions->trace_count; i++)
    note((struct history *)host, &actions->traces[i]);
}

/* When all items of an issue had been accepted, counting from its issue on; UINT64_MAX: never. */
static uint64_t accepted_at(const struct history *h, const struct issue *issue)
{
  uint64_t left = issue->key.hi - issue->key.lo;
  for (size_t i = 0; i < h->accepted_count; i++) {
    const struct accepted *a = &h->accepted[i];
    if (a->time_ns < issue->from_ns || a->step != issue->key.step || a->lane != issue->key.lane)
      continue;
    const uint64_t lo = a->lo > issue->key.lo ? a->lo : issue->key.lo, hi = a->hi < issue->key.hi ? a->hi : issue->key.hi;
    if (lo >= hi)
      continue;
    left = hi - lo < left ? left - (hi - lo) : 0;
    if (left == 0)
      return a->time_ns;
  }
  return UINT64_MAX;
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int swisd_recovery_print(const char *recording, const struct swisd_recovery_fault *faults, uint32_t count, double bar_s)
{
  struct history h = {.host.step = on_step};
  struct swisd_replay_result result;
  struct swisd_error error;
  if (swisd_replay_run(recording, &h.host, &result, &error) != 0) {
    fprintf(stderr, "%s\n", error.text);
    return 2;
  }
  double *times = malloc((h.issue_count + 1) * sizeof *times);
  size_t n = 0;
  uint64_t never = 0;
  for (uint32_t f = 0; times && f < count; f++)
    for (size_t i = 0; i < h.issue_count; i++) {
      const struct issue *issue = &h.issues[i];
      if (!swisd_id_equal(issue->worker, faults[f].victim) || issue->from_ns > faults[f].time_ns ||
          issue->until_ns <= faults[f].time_ns || faults[f].time_ns - issue->from_ns > 60 * SWISD_SECOND)
        continue;
      const uint64_t at_ns = accepted_at(&h, issue);
      if (at_ns == UINT64_MAX)
        never++;
      else if (at_ns > faults[f].time_ns && n < h.issue_count)
        times[n++] = (double)(at_ns - faults[f].time_ns) * 1e-9;
    }
  int status = 1;
  if (n > 0) {
    qsort(times, n, sizeof *times, by_value);
    const double p99 = times[(n - 1) * 99 / 100];
    printf("%u faults, %zu intervals queued on their victims: median %.3f s, p90 %.3f s, p99 %.3f s (bar %.1f), worst %.3f s; "
           "never accepted %llu\n",
           count, n, times[n / 2], times[(n - 1) * 9 / 10], p99, bar_s, times[n - 1], (unsigned long long)never);
    status = p99 <= bar_s && never == 0 ? 0 : 1;
  }
  free(times);
  free(h.issues);
  free(h.accepted);
  return status;
}
