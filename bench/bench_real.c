/* The real numbers of a swarm of processes on this machine.
 *
 *   bench_real SWISD speedup            4 equal processes against 1, and 6 unlike ones against the sum of their solo speeds
 *   bench_real SWISD kill [N [MODEL]]   N times SIGKILL; how long until each interval queued on the victim is accepted
 *   bench_real SWISD silence [N [MODEL]]   the same with SIGSTOP; MODEL: a model folder instead of the project's `fashion`
 *   bench_real SWISD demo [N]           the demonstration's six, N times
 *
 * bars: 3.6 and 85 %; p99 of 1 s and 1.5 s; 0 wrong, goodput of 80 % of the bound. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench_real_recovery.h"
#include "runtime/base/json_read.h"
#include "runtime/cli/lab.h"
#include "runtime/net/clock.h"

enum { NODES_MAX = 8 };

struct lab {
  const char *swisd;
  char root[32];
  uint32_t count;
  struct swisd_lab_process nodes[NODES_MAX];
  char directories[NODES_MAX][64], addresses[NODES_MAX][64], speeds[NODES_MAX][16];
};

static void pause_s(double seconds)
{
  const struct timespec wait = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&wait, NULL);
}

/* Starts node `index`, at its old port when it has had one; it joins two others that are there. */
static void start_node(struct lab *lab, uint32_t index)
{
  struct swisd_error error;
  char log[80];
  snprintf(log, sizeof log, "%s.log", lab->directories[index]);
  const char *port = lab->addresses[index][0] ? strchr(lab->addresses[index], ':') + 1 : "0";
  const char *args[20] = {lab->swisd, "node", "--data", lab->directories[index], "--port", port, "--speed", lab->speeds[index]};
  size_t at = 8;
  for (uint32_t i = 0; i < lab->count && at < 12; i++)
    if (i != index && lab->addresses[i][0]) {
      args[at++] = "--join";
      args[at++] = lab->addresses[i];
    }
  if (swisd_lab_start(&lab->nodes[index], args, NULL, log, &error) != 0 ||
      !swisd_lab_wait_for(lab->directories[index], "/uptime_ns", 0, 10) ||
      !swisd_lab_address(lab->directories[index], lab->addresses[index], sizeof lab->addresses[index])) {
    fprintf(stderr, "bench_real: a node did not start; see %s\n", log);
    exit(2);
  }
}

static void open_lab(struct lab *lab, const char *swisd, uint32_t count, const double gflops[])
{
  *lab = (struct lab){.swisd = swisd, .root = "/tmp/swisd-bench-XXXXXX", .count = count};
  struct swisd_error error;
  if (!mkdtemp(lab->root) || swisd_lab_join_key(lab->root, &error) != 0)
    exit(2);
  for (uint32_t i = 0; i < count; i++) {
    snprintf(lab->directories[i], sizeof lab->directories[i], "%s/%u", lab->root, i);
    snprintf(lab->speeds[i], sizeof lab->speeds[i], "%g", gflops[i]);
    start_node(lab, i);
  }
  if (count > 1 && !swisd_lab_wait_for(lab->directories[0], "/members_alive", count - 1, 10)) {
    fprintf(stderr, "bench_real: the nodes did not meet\n");
    exit(2);
  }
}

static void close_lab(struct lab *lab)
{
  for (uint32_t i = 0; i < lab->count; i++)
    swisd_lab_kill(&lab->nodes[i]);
  swisd_lab_remove(lab->root);
}

/* Images per second of `items` images, as the command says them; 0 when it failed. */
static double classify(struct lab *lab, unsigned items)
{
  struct swisd_lab_process process;
  struct swisd_error error;
  char count[16], log[64], line[512];
  double seconds = 0, rate = 0;
  snprintf(count, sizeof count, "%u", items);
  snprintf(log, sizeof log, "%s/classify.log", lab->root);
  const char *const args[] = {lab->swisd, "classify", "--join", lab->addresses[0], "--items", count, NULL};
  if (swisd_lab_start(&process, args, "/dev/null", log, &error) != 0)
    return 0;
  while (!swisd_lab_ended(&process, 1))
    continue;
  FILE *in = fopen(log, "re");
  while (in && fgets(line, sizeof line, in))
    if (sscanf(line, "%*u images in %lf s", &seconds) == 1)
      rate = (double)items / seconds;
  if (in)
    fclose(in);
  return swisd_lab_exit_status(&process) == 0 ? rate : 0;
}

/* Steady speed: the second of two runs, when everybody holds shards. */
static double speed(const char *swisd, uint32_t count, const double gflops[], double seconds)
{
  struct lab lab;
  double sum = 0;
  for (uint32_t i = 0; i < count; i++)
    sum += gflops[i];
  const unsigned items = (unsigned)(sum * 1e9 / 22.2e6 * seconds); /* 22.2 MFLOP an image */
  open_lab(&lab, swisd, count, gflops);
  classify(&lab, items / 4 + 1);
  const double rate = classify(&lab, items < 10000 ? items : 10000);
  close_lab(&lab);
  return rate;
}

static int speedup(const char *swisd)
{
  static const double equal[4] = {2.5, 2.5, 2.5, 2.5}, unlike[6] = {1.2, 1.2, 1.8, 2, 3, 3.5};
  const double one = speed(swisd, 1, equal, 12), four = speed(swisd, 4, equal, 12);
  printf("1 process: %.1f images/s; 4 equal ones: %.1f; speed-up %.2f (bar 3.6)\n", one, four, four / one);
  double sum = 0;
  for (int i = 0; i < 6; i++)
    sum += speed(swisd, 1, unlike + i, 8);
  const double six = speed(swisd, 6, unlike, 12);
  printf("6 unlike processes: %.1f images/s; sum of their solo speeds %.1f; %.1f %% (bar 85)\n", six, sum, 100 * six / sum);
  return four / one >= 3.6 && six / sum >= 0.85 ? 0 : 1;
}

/* ---- faults ---- */

static void get_id(const struct lab *lab, uint32_t node, struct swisd_id *id)
{
  unsigned long long hi = 0, lo = 0;
  char text[64];
  if (swisd_lab_status_text(lab->directories[node], "/id", text, sizeof text))
    sscanf(text, "%16llx%16llx", &hi, &lo);
  *id = (struct swisd_id){hi, lo};
}

static int faults(const char *swisd, bool silence, uint32_t count, const char *model)
{
  static const double gflops[NODES_MAX] = {2, 2, 2, 2, 2, 2, 2, 2};
  struct lab lab;
  struct swisd_lab_process process;
  struct swisd_error error;
  struct swisd_recovery_fault *list = calloc(count, sizeof *list);
  char record[64], log[64];
  open_lab(&lab, swisd, NODES_MAX, gflops);
  snprintf(record, sizeof record, "%s/submitter.rec", lab.root);
  snprintf(log, sizeof log, "%s/classify.log", lab.root);
  const char *const args[] = {swisd,
                              "classify",
                              "--join",
                              lab.addresses[0],
                              "--join",
                              lab.addresses[1],
                              "--repeat",
                              "400",
                              "--record",
                              record,
                              model ? "--model" : NULL,
                              model,
                              NULL};
  if (!list || swisd_lab_start(&process, args, "/dev/null", log, &error) != 0)
    return 2;
  pause_s(6); /* until everybody holds shards and is at work */
  for (uint32_t f = 0; f < count; f++) {
    const uint32_t victim = (f * 5 + 3) % NODES_MAX;
    get_id(&lab, victim, &list[f].victim);
    list[f].time_ns = swisd_clock_now_ns();
    if (silence)
      swisd_lab_signal(&lab.nodes[victim], SIGSTOP);
    else
      swisd_lab_kill(&lab.nodes[victim]);
    pause_s(silence ? 7 : 2.5); /* declared dead, its work done by others */
    if (silence)
      swisd_lab_signal(&lab.nodes[victim], SIGCONT);
    else
      start_node(&lab, victim);
    pause_s(2.5); /* back at work */
    if (swisd_lab_ended(&process, 0)) {
      fprintf(stderr, "bench_real: the submitter ended after %u faults; see %s\n", f + 1, log);
      return 1;
    }
  }
  swisd_lab_signal(&process, SIGINT);
  if (!swisd_lab_ended(&process, 10))
    swisd_lab_kill(&process);
  const int status = swisd_recovery_print(record, list, count, silence ? 1.5 : 1.0);
  close_lab(&lab);
  free(list);
  return status;
}

/* ---- the demonstration ---- */

static int demo(const char *swisd, uint32_t count)
{
  char root[] = "/tmp/swisd-bench-XXXXXX", path[64], log[64];
  uint32_t right = 0;
  double worst = 1e9, sum = 0;
  if (!mkdtemp(root))
    return 2;
  snprintf(path, sizeof path, "%s/six/run.json", root);
  snprintf(log, sizeof log, "%s/demo.log", root);
  for (uint32_t i = 0; i < count; i++) {
    struct swisd_lab_process process;
    struct swisd_error error;
    struct swisd_json_file run;
    double share = 0;
    char bound[32] = "nothing";
    const char *const args[] = {swisd, "demo", "--only", "six", "--out", root, NULL};
    if (swisd_lab_start(&process, args, log, log, &error) != 0)
      return 2;
    while (!swisd_lab_ended(&process, 1))
      continue;
    const bool good = swisd_lab_exit_status(&process) == 0 && swisd_json_read(&run, path, 1 << 20, &error) == 0;
    if (good) {
      share = json_number_value(swisd_json_find(&run, "/goodput_of_bound"));
      snprintf(bound, sizeof bound, "%s", json_string_value(swisd_json_find(&run, "/bound")));
      swisd_json_free(&run);
      right++;
    }
    printf("run %2u: %s, goodput %.1f %% of %s\n", i + 1, good ? "right, every recording replays" : "WRONG or failed",
           100 * share, bound);
    fflush(stdout);
    worst = share < worst ? share : worst;
    sum += share;
  }
  printf("%u of %u runs right; goodput %.1f %% of its bound on average, %.1f %% at worst (bar 80)\n", right, count,
         100 * sum / count, 100 * worst);
  if (right == count)
    swisd_lab_remove(root);
  return right == count && worst >= 0.8 ? 0 : 1;
}

int main(int argc, char **argv)
{
  const char *what = argc > 2 ? argv[2] : "";
  const long count = argc > 3 ? atol(argv[3]) : strcmp(what, "demo") == 0 ? 20 : 200;
  if (count >= 1 && count <= 100000) {
    if (strcmp(what, "speedup") == 0)
      return speedup(argv[1]);
    if (strcmp(what, "kill") == 0 || strcmp(what, "silence") == 0)
      return faults(argv[1], what[0] == 's', (uint32_t)count, argc > 4 ? argv[4] : NULL);
    if (strcmp(what, "demo") == 0)
      return demo(argv[1], (uint32_t)count);
  }
  fprintf(stderr, "usage: bench_real SWISD speedup | kill [N [MODEL]] | silence [N [MODEL]] | demo [N]\n");
  return 2;
}
