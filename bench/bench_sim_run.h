/* One simulation, measured: what the benchmarks of the simulator share. */
#ifndef SWISD_BENCH_SIM_RUN_H
#define SWISD_BENCH_SIM_RUN_H

#include "scenarios/scenario.h"

/* Runs `scenario` once and prints its summary, then a line of the CPU time and memory against their bars. The exit status: 0
 * within the bars, 1 beyond them, 2 when there was nothing to measure. Ends with _exit(), as SimGrid wants it. */
_Noreturn void bench_sim_run(const struct swisd_scenario *scenario, const char *scenario_path, double cpu_s_max,
                             double rss_mib_max);

/* A seed from argv[1], if there is one. */
void bench_sim_seed(int argc, char **argv, struct swisd_scenario *scenario);

#endif
