#include "bench/bench_sim_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/simdriver.h"

void bench_sim_seed(int argc, char **argv, struct swisd_scenario *scenario)
{
  if (argc > 1)
    scenario->seed = strtoull(argv[1], NULL, 10);
}

void bench_sim_run(const struct swisd_scenario *scenario, const char *scenario_path, double cpu_s_max, double rss_mib_max)
{
  struct swisd_error error;
  const struct swisd_simdriver_options options = {.scenario_path = scenario_path};
  struct swisd_simdriver *driver = swisd_simdriver_new(scenario, &options, &error);
  if (driver == NULL || swisd_simdriver_run(driver, &error) < 0) {
    fprintf(stderr, "%s\n", error.text);
    _exit(2);
  }
  const struct swisd_runlog_summary s = swisd_simdriver_summary(driver);
  swisd_runlog_print(stdout, &s);
  const double rss_mib = (double)s.rss_bytes_max / 1048576;
  const bool good = s.cpu_s <= cpu_s_max && rss_mib <= rss_mib_max;
  printf("%u devices, %u submitters, %.0f simulated s: %.2f s CPU (at most %.0f), %.0f MiB (at most %.0f), "
         "%.1f microseconds CPU per control message: %s\n",
         s.devices, s.submitters, s.duration_s, s.cpu_s, cpu_s_max, rss_mib, rss_mib_max,
         s.cpu_s * 1e6 / (double)(s.messages > 0 ? s.messages : 1), good ? "within the bars" : "BEYOND THE BARS");
  fflush(stdout);
  _exit(good ? 0 : 1);
}
