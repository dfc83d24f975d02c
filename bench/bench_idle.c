/* What a node costs that has nothing to do: CPU and memory of three that have met and hold shards, over a while.
 * usage: bench_idle SWISD [SECONDS]     (SWISD: the path of the command)   bar: 1 % of a core, 20 MiB resident */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/lab.h"

enum { NODES = 3 };

static double cpu_seconds(pid_t pid)
{
  char path[64], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *in = fopen(path, "re");
  unsigned long user = 0, kernel = 0;
  if (in && fgets(line, sizeof line, in) && strrchr(line, ')'))
    sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
  if (in)
    fclose(in);
  return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static int measure(struct swisd_lab_process nodes[NODES], double seconds)
{
  double before[NODES], worst_cpu = 0, worst_mib = 0;
  for (int i = 0; i < NODES; i++)
    before[i] = cpu_seconds(nodes[i].pid);
  const struct timespec wait = {.tv_sec = (time_t)seconds};
  nanosleep(&wait, NULL);
  printf("%-6s %10s %14s\n", "node", "CPU", "resident");
  for (int i = 0; i < NODES; i++) {
    const double cpu = 100 * (cpu_seconds(nodes[i].pid) - before[i]) / seconds, mib = swisd_lab_memory_mib(&nodes[i], "VmRSS");
    printf("%-6d %8.2f %% %10.1f MiB\n", i, cpu, mib);
    worst_cpu = cpu > worst_cpu ? cpu : worst_cpu;
    worst_mib = mib > worst_mib ? mib : worst_mib;
  }
  printf("worst over %.0f s: %.2f %% of a core (bar 1), %.1f MiB (bar 20)\n", seconds, worst_cpu, worst_mib);
  return worst_cpu <= 1 && worst_mib <= 20 ? 0 : 1;
}

int main(int argc, char **argv)
{
  const double seconds = argc > 2 ? atof(argv[2]) : 20;
  if (argc < 2 || seconds < 1) {
    fprintf(stderr, "usage: bench_idle SWISD [SECONDS]\n");
    return 2;
  }
  char root[] = "/tmp/swisd-bench-XXXXXX", directory[NODES][64], seed[64] = "", log[256];
  struct swisd_lab_process nodes[NODES] = {0}, classify;
  struct swisd_error error = {""};
  int status = mkdtemp(root) && swisd_lab_join_key(root, &error) == 0 ? 0 : 2;
  for (int i = 0; i < NODES && status == 0; i++) {
    snprintf(directory[i], sizeof directory[i], "%s/%d", root, i);
    snprintf(log, sizeof log, "%s.log", directory[i]);
    const char *const args[] = {argv[1], "node", "--data", directory[i], "--port", "0", "--speed", "5", seed[0] ? "--join" : NULL,
                                seed,    NULL};
    if (swisd_lab_start(&nodes[i], args, NULL, log, &error) != 0 || !swisd_lab_wait_for(directory[i], "/uptime_ns", 0, 10) ||
        (i == 0 && !swisd_lab_address(directory[0], seed, sizeof seed)))
      status = 2;
  }
  if (status == 0 && swisd_lab_wait_for(directory[0], "/members_alive", NODES - 1, 10)) {
    const char *const args[] = {argv[1], "classify", "--join", seed, "--items", "200", NULL}; /* so that they hold something */
    if (swisd_lab_start(&classify, args, "/dev/null", "/dev/null", &error) == 0 && !swisd_lab_ended(&classify, 60))
      swisd_lab_kill(&classify);
    status = measure(nodes, seconds);
  } else {
    fprintf(stderr, "bench_idle: the nodes did not start %s\n", error.text);
    status = 2;
  }
  for (int i = 0; i < NODES; i++)
    swisd_lab_kill(&nodes[i]);
  swisd_lab_remove(root);
  return status;
}
