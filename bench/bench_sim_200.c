/* The simulator on the demonstration's swarm: 200 unlike devices that come and go, 2 simulated minutes of 250 ms tasks.
 *
 *   bench_sim_200 [SEED]        from the project's root
 *
 * Bar: at most 10 s of CPU. */
#include <stdio.h>

#include "bench/bench_sim_run.h"

int main(int argc, char **argv)
{
  static const char path[] = "scenarios/demo.yml";
  static struct swisd_scenario scenario;
  static struct swisd_scenario_errors errors;
  if (swisd_scenario_read(path, "swarm", &scenario, &errors) < 0) {
    fputs(errors.text, stderr);
    return 2;
  }
  bench_sim_seed(argc, argv, &scenario);
  bench_sim_run(&scenario, path, 10, 1024);
}
