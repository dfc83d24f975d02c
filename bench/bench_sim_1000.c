/* The simulator at a thousand nodes, all in full view of each other: 980 devices that come and go, 20 submitters, 60 simulated
 * seconds of 250 ms tasks.
 *
 *   bench_sim_1000 [SEED]
 *
 * Bars: at most 40 s of CPU and 1 GiB. */
#include <stdio.h>
#include <string.h>

#include "bench/bench_sim_run.h"

/* Sessions of 10 minutes, absences of 2: in a minute one device in ten leaves. Work and links as in the demonstration. */
static const char text[] = "swisd: 1\n"
                           "name: thousand\n"
                           "duration: 60 s\n"
                           "warmup: 10 s\n"
                           "seed: 1\n"
                           "links:\n"
                           "  wire: {latency: 0.5 ms, bandwidth: 1 Gbit}\n"
                           "  wifi: {latency: {lognormal: {median: 4 ms, sigma: 0.4}}, bandwidth: 200 Mbit, loss: 0.5 %}\n"
                           "devices:\n"
                           "  pi4:       {count: 400, link: wire}\n"
                           "  pi5:       {count: 250, link: wire}\n"
                           "  phone-mid: {count: 250, link: wifi}\n"
                           "  n100:      {count: 80, link: wire}\n"
                           "churn:\n"
                           "  pi4: &come-and-go {uptime: {exponential: 10 min}, downtime: {exponential: 2 min}}\n"
                           "  pi5: *come-and-go\n"
                           "  phone-mid: *come-and-go\n"
                           "  n100: *come-and-go\n"
                           "workload:\n"
                           "  shape:\n"
                           "    input: 768 B\n"
                           "    steps:\n"
                           "      - {kernel: conv, work: 231 Mflop, output: 16384 B, weights: 7.2 MB}\n"
                           "      - {kernel: conv, work: 231 Mflop, output: 16384 B, weights: 7.2 MB}\n"
                           "      - {kernel: conv, work: 231 Mflop, output: 16384 B, weights: 7.2 MB}\n"
                           "      - {kernel: conv, work: 231 Mflop, output: 768 B, weights: 7.2 MB}\n"
                           "  items: 100000000\n"
                           "  submitters: 20\n"
                           "  link: wire\n";

int main(int argc, char **argv)
{
  static struct swisd_scenario scenario;
  static struct swisd_scenario_errors errors;
  if (swisd_scenario_parse("thousand", text, strlen(text), NULL, &scenario, &errors) < 0) {
    fputs(errors.text, stderr);
    return 2;
  }
  bench_sim_seed(argc, argv, &scenario);
  bench_sim_run(&scenario, "thousand", 40, 1024);
}
