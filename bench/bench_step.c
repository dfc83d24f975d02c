/* How fast the core is: replays recordings (of the demo: results/demo/six/ *.rec) and times swisd_node_step alone, without
 * the decoding of events. Two readings of the clock a step are measured too and taken off. Usage: bench_step FILE.rec... */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/net/clock.h"
#include "runtime/net/replay.h"

enum { REPLAYS = 21 };

static int compare(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double clock_seconds(void)
{
  enum { READINGS = 1000000 };
  const uint64_t from_ns = swisd_clock_now_ns();
  for (int i = 0; i < READINGS; i++)
    (void)swisd_clock_now_ns();
  return (double)(swisd_clock_now_ns() - from_ns) * 1e-9 / READINGS;
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "usage: bench_step FILE.rec...\n");
    return 2;
  }
  const double reading_s = clock_seconds();
  double seconds_all = 0, steps_all = 0;
  printf("%-40s %10s %10s %14s\n", "recording", "steps", "ns/step", "steps/s");
  for (int f = 1; f < argc; f++) {
    double seconds[REPLAYS];
    struct swisd_replay_result result;
    struct swisd_error error;
    for (int r = 0; r < REPLAYS; r++) {
      if (swisd_replay_run(argv[f], NULL, &result, &error) != 0) {
        fprintf(stderr, "bench_step: %s\n", error.text);
        return 1;
      }
      seconds[r] = result.step_seconds - (double)result.steps * reading_s;
    }
    qsort(seconds, REPLAYS, sizeof seconds[0], compare);
    if (result.first_differing) {
      fprintf(stderr, "bench_step: %s: other actions than recorded in step %llu: made by another program?\n", argv[f],
              (unsigned long long)result.first_differing);
      return 1;
    }
    const double median_s = seconds[REPLAYS / 2], steps = (double)result.steps;
    printf("%-40s %10.0f %10.0f %14.0f\n", argv[f], steps, median_s * 1e9 / steps, steps / median_s);
    seconds_all += median_s;
    steps_all += steps;
  }
  printf("all: %.0f steps/s (median of %d replays each; the bar is 1,000,000)\n", steps_all / seconds_all, REPLAYS);
  return 0;
}
