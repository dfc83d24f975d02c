/* swisd demo: one scenario in its worlds. While the lab works, simulated swarms run in swisd-sim one after the other, with the
 * lowest priority: it is the lab that must not be disturbed. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/report/report.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/demo.h"

enum { SEEDS_MAX = 32 };

struct demo {
  struct swisd_option_taker taker; /* first */
  const char *scenario, *out, *only, *kernels;
  uint64_t bound_s;
  char executable[SWISD_DEMO_PATH_BYTES], simulator[SWISD_DEMO_PATH_BYTES];
  const char *lab_world;
  char swarm_world[SWISD_SCENARIO_NAME_BYTES];
  uint32_t seeds;
  bool failed;
};

/* The simulations of the swarm. */
static struct {
  const struct demo *demo;
  uint32_t next; /* repeat to be started */
  uint32_t at_once;
  struct swisd_lab_process processes[SEEDS_MAX];
} background;

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct demo *demo = (struct demo *)taker;
  if (strcmp(name, "scenario") == 0)
    demo->scenario = value;
  else if (strcmp(name, "out") == 0)
    demo->out = value;
  else if (strcmp(name, "only") == 0)
    demo->only = value;
  else if (strcmp(name, "lab") == 0)
    demo->lab_world = value;
  else if (strcmp(name, "kernels") == 0)
    demo->kernels = value;
  else
    return swisd_read_unsigned(name, value, 2, 3600, &demo->bound_s, error);
  return 0;
}

static bool wanted(const struct demo *demo, const char *world) { return !demo->only || strcmp(demo->only, world) == 0; }

/* DIR/name under the results; made, and emptied of an earlier demo's. */
static int result_directory(const struct demo *demo, const char *name, char *path, size_t bytes, struct swisd_error *error)
{
  if (snprintf(path, bytes, "%s/%s", demo->out, name) >= (int)bytes)
    return swisd_error_set(error, "--out: the path is too long");
  swisd_lab_remove(path);
  if (mkdir(path, 0755) != 0)
    return swisd_error_set(error, "%s: cannot make the directory: %s", path, strerror(errno));
  return 0;
}

static void swarm_directory(const struct demo *demo, uint32_t repeat, char *path, size_t bytes)
{
  snprintf(path, bytes, "%s/%s-%u", demo->out, demo->swarm_world, repeat);
}

static void start_simulation(const struct demo *demo, uint32_t number)
{
  char directory[SWISD_DEMO_PATH_BYTES], log[SWISD_DEMO_PATH_BYTES + 16], repeat[12];
  struct swisd_error error;
  swarm_directory(demo, number, directory, sizeof directory);
  swisd_lab_remove(directory);
  snprintf(log, sizeof log, "%s.log", directory);
  snprintf(repeat, sizeof repeat, "%u", number);
  const char *const argv[] = {"/usr/bin/nice",   "-n",       "19",   demo->simulator, demo->scenario, "--world",
                              demo->swarm_world, "--repeat", repeat, "--out",         directory,      NULL};
  if (swisd_lab_start(&background.processes[number], argv, log, log, &error) != 0)
    fprintf(stderr, "swisd demo: %s\n", error.text);
}

/* Keeps `at_once` simulations running; how many there are still to wait for. */
static uint32_t simulate_on(void)
{
  if (!background.demo)
    return 0;
  uint32_t running = 0;
  for (uint32_t i = 0; i < background.next; i++)
    running += !swisd_lab_ended(&background.processes[i], 0);
  for (; running < background.at_once && background.next < background.demo->seeds; running++)
    start_simulation(background.demo, background.next++);
  return running + background.demo->seeds - background.next;
}

static void idle(void) { simulate_on(); }

/* ---- finding things ---- */

static int find_programs(struct demo *demo, struct swisd_error *error)
{
  const ssize_t length = readlink("/proc/self/exe", demo->executable, sizeof demo->executable - 1);
  if (length <= 0)
    return swisd_error_set(error, "cannot find this program: %s", strerror(errno));
  demo->executable[length] = '\0';
  snprintf(demo->simulator, sizeof demo->simulator, "%.*s/swisd-sim", (int)(strrchr(demo->executable, '/') - demo->executable),
           demo->executable);
  if (access(demo->simulator, X_OK) != 0) {
    fprintf(stderr, "swisd demo: %s is not there (built without SimGrid): the simulated worlds are left out\n", demo->simulator);
    demo->simulator[0] = '\0';
  }
  return 0;
}

/* The worlds of the file besides the lab's: its twin has its name and -sim, the first other simulated one is the swarm. */
static int find_worlds(struct demo *demo, struct swisd_error *error)
{
  struct swisd_scenario lab, world;
  struct swisd_scenario_errors *errors = malloc(sizeof *errors);
  if (!errors)
    return swisd_error_set(error, "out of memory");
  if (swisd_scenario_read(demo->scenario, demo->lab_world, &lab, errors) != 0) {
    swisd_demo_scenario_wrong(demo->scenario, errors, error);
    free(errors);
    return -1;
  }
  int result = 0;
  if (lab.backend != SWISD_BACKEND_LAB)
    result = swisd_error_set(error, "%s: the world %s is no lab", demo->scenario, demo->lab_world);
  for (uint32_t w = 0; w < lab.world_count && result == 0 && !demo->swarm_world[0]; w++) {
    if (strstr(lab.worlds[w], "-sim") || strcmp(lab.worlds[w], demo->lab_world) == 0)
      continue;
    result = swisd_scenario_read(demo->scenario, lab.worlds[w], &world, errors);
    if (result != 0) {
      swisd_demo_scenario_wrong(demo->scenario, errors, error);
      break;
    }
    if (world.backend == SWISD_BACKEND_SIM) {
      snprintf(demo->swarm_world, sizeof demo->swarm_world, "%s", lab.worlds[w]);
      demo->seeds = world.repeat < SEEDS_MAX ? world.repeat : SEEDS_MAX;
    }
    swisd_scenario_free(&world);
  }
  swisd_scenario_free(&lab);
  free(errors);
  return result;
}

/* ---- the lab and its twin ---- */

static void print_plan(const struct swisd_demo_plan *plan)
{
  printf("%s: %u processes on this machine, which does %.1f GFLOP/s with this model (all cores).\n", plan->scenario.world,
         plan->scenario.device_count, plan->machine_flops_per_s / 1e9);
  printf("  class speeds are multiplied by %.4f, links are as in the scenario:\n", plan->factor);
  double sum = 0;
  for (uint32_t d = 0; d < plan->scenario.device_count; d++) {
    const struct swisd_scenario_class *class = swisd_scenario_class_of(&plan->scenario, d);
    char name[SWISD_SCENARIO_NAME_BYTES + 16];
    swisd_scenario_device_name(&plan->scenario, d, name, sizeof name);
    printf("  %-14s %7.2f GFLOP/s\n", name, class->flops_per_s[SWISD_KERNEL_CONV] / 1e9);
    sum += class->flops_per_s[SWISD_KERNEL_CONV];
  }
  printf("  together %.2f GFLOP/s, %.0f %% of the machine; %" PRIu64 " images %" PRIu64 " times: at best %.1f s with the faults "
         "planned\n",
         sum / 1e9, 100 * sum / plan->machine_flops_per_s, plan->items, plan->passes, (double)plan->bound_ns / 1e9);
  fflush(stdout);
}

static void print_outcome(struct demo *demo, const struct swisd_demo_outcome *outcome)
{
  swisd_runlog_print(stdout, &outcome->summary);
  printf("  predictions: %" PRIu64 " of %" PRIu64 " equal those of one process without a swarm, bit for bit; %.2f %% are right\n",
         outcome->rows_equal, outcome->rows, outcome->right_percent);
  printf("  longest time without an answer: %.2f s\n", (double)outcome->worst_gap_ns / 1e9);
  if (outcome->overrun_percent > 2) {
    printf("  VOID: the machine was too busy, results came %.1f %% of the busy time later than their class would have had them\n",
           outcome->overrun_percent);
    demo->failed = true;
  }
  if (outcome->rows == 0 || outcome->rows_equal != outcome->rows)
    demo->failed = true;
}

static int run_lab(struct demo *demo, const char *directory, double *makespan_s, struct swisd_error *error)
{
  struct swisd_demo_plan *plan = calloc(1, sizeof *plan);
  struct swisd_demo_lab *lab = calloc(1, sizeof *lab);
  struct swisd_demo_outcome outcome = {0};
  char path[SWISD_DEMO_PATH_BYTES];
  int result = -1;
  if (!plan || !lab) {
    swisd_error_set(error, "out of memory");
  } else if (swisd_demo_plan_make(plan, demo->scenario, demo->lab_world, demo->bound_s * SWISD_SECOND,
                                  swisd_kernels_by_name(demo->kernels), error) == 0) {
    print_plan(plan);
    snprintf(path, sizeof path, "%s/%s-sim.yml", demo->out, demo->lab_world);
    *lab = (struct swisd_demo_lab){.executable = demo->executable, .directory = directory, .kernels = demo->kernels};
    result = swisd_demo_plan_write(plan, path, error);
    if (result == 0 && wanted(demo, demo->lab_world)) {
      result = swisd_demo_lab_run(lab, plan, idle, error);
      if (result == 0)
        result = swisd_demo_log_make(lab, plan, &outcome, error);
      if (result == 0)
        print_outcome(demo, &outcome);
      *makespan_s = outcome.summary.makespan_s;
    }
  }
  if (plan)
    swisd_demo_plan_free(plan);
  free(plan);
  free(lab);
  return result;
}

/* One run of swisd-sim, its summary on our stdout. */
static void simulate(struct demo *demo, const char *scenario, const char *directory)
{
  struct swisd_lab_process process;
  struct swisd_error error;
  const char *const argv[] = {demo->simulator, scenario, "--out", directory, NULL};
  fflush(stdout);
  if (swisd_lab_start(&process, argv, NULL, NULL, &error) != 0) {
    fprintf(stderr, "swisd demo: %s\n", error.text);
    demo->failed = true;
    return;
  }
  while (!swisd_lab_ended(&process, 1))
    continue;
  demo->failed = demo->failed || swisd_lab_exit_status(&process) != 0;
}

static void finish_swarm(struct demo *demo)
{
  const long cores = sysconf(_SC_NPROCESSORS_ONLN); /* the lab is done: all of them are free */
  background.at_once = cores > 1 ? (uint32_t)cores : 1;
  for (uint32_t left, before = UINT32_MAX; (left = simulate_on()) > 0; before = left) {
    if (left != before)
      fprintf(stderr, "simulating %s: %u of %u runs to go\n", demo->swarm_world, left, demo->seeds);
    const struct timespec wait = {.tv_nsec = 50000000};
    nanosleep(&wait, NULL);
  }
  for (uint32_t i = 0; i < demo->seeds; i++) {
    char path[SWISD_DEMO_PATH_BYTES + 16], line[512];
    demo->failed = demo->failed || swisd_lab_exit_status(&background.processes[i]) != 0;
    swarm_directory(demo, i, path, SWISD_DEMO_PATH_BYTES);
    strcat(path, ".log");
    FILE *in = fopen(path, "re");
    printf("%s, repeat %u:\n", demo->swarm_world, i);
    while (in && fgets(line, sizeof line, in))
      fputs(line, stdout);
    if (in)
      fclose(in);
  }
}

/* ---- figures ---- */

static void draw(struct demo *demo, const char *lab_directory, const char *twin_directory)
{
  char paths[SEEDS_MAX][SWISD_DEMO_PATH_BYTES];
  const char *swarm[SEEDS_MAX];
  struct swisd_report_panel panels[3];
  size_t count = 0;
  if (demo->simulator[0] && demo->swarm_world[0] && wanted(demo, demo->swarm_world)) {
    for (uint32_t i = 0; i < demo->seeds; i++) {
      swarm_directory(demo, i, paths[i], sizeof paths[i]);
      swarm[i] = paths[i];
    }
    panels[count++] = (struct swisd_report_panel){"the swarm, simulated", swarm, demo->seeds, "tiles"};
  }
  const size_t first_six = count;
  if (lab_directory)
    panels[count++] = (struct swisd_report_panel){"six processes on loopback", &lab_directory, 1, "images"};
  if (twin_directory)
    panels[count++] = (struct swisd_report_panel){"the same six, simulated", &twin_directory, 1, "images"};
  struct swisd_error error;
  const char *made[2];
  size_t made_count = 0;
  if (count > 0) {
    if (swisd_report_throughput(demo->out, "throughput", "Work goes on while devices die", panels, count, &error) == 0)
      made[made_count++] = "throughput.svg";
    else
      fprintf(stderr, "swisd demo: %s\n", error.text);
  }
  if (count > first_six) {
    if (swisd_report_gantt(demo->out, "gantt", "What a dead device had begun, others finish", panels + first_six,
                           count - first_six, &error) == 0)
      made[made_count++] = "gantt.svg";
    else
      fprintf(stderr, "swisd demo: %s\n", error.text);
  }
  for (size_t i = 0; i < made_count; i++)
    printf("%s %s/%s", i == 0 ? "figures:" : " and", demo->out, made[i]);
  printf("%s\n", made_count > 0 ? "; the tables of each run lie beside them" : "no figures");
}

static int run(struct demo *demo, struct swisd_error *error)
{
  char lab[SWISD_DEMO_PATH_BYTES], twin_name[80], twin[SWISD_DEMO_PATH_BYTES], scenario[SWISD_DEMO_PATH_BYTES + 8];
  if (find_programs(demo, error) != 0 || find_worlds(demo, error) != 0)
    return -1;
  if (mkdir(demo->out, 0755) != 0 && errno != EEXIST)
    return swisd_error_set(error, "%s: cannot make the directory: %s", demo->out, strerror(errno));
  snprintf(twin_name, sizeof twin_name, "%s-sim", demo->lab_world);
  if (result_directory(demo, demo->lab_world, lab, sizeof lab, error) != 0 ||
      result_directory(demo, twin_name, twin, sizeof twin, error) != 0)
    return -1;
  const bool sims = demo->simulator[0] != '\0';
  if (sims && demo->swarm_world[0] && wanted(demo, demo->swarm_world))
    background.demo = demo, background.at_once = 1;
  const bool with_lab = wanted(demo, demo->lab_world), with_twin = sims && wanted(demo, twin_name);
  double makespan_s = 0;
  if ((with_lab || with_twin) && run_lab(demo, lab, &makespan_s, error) != 0) {
    for (uint32_t i = 0; i < background.next; i++)
      swisd_lab_kill(&background.processes[i]);
    return -1;
  }
  if (with_twin) {
    printf("\n%s: the same six, simulated\n", twin_name);
    snprintf(scenario, sizeof scenario, "%s/%s.yml", demo->out, twin_name);
    simulate(demo, scenario, twin);
  }
  if (background.demo)
    finish_swarm(demo);
  draw(demo, with_lab ? lab : NULL, with_twin ? twin : NULL);
  return 0;
}

int swisd_command_demo(const struct swisd_command *command, int argc, char **argv)
{
  static struct demo demo = {.taker.take = take, .out = "demo-results", .lab_world = "six", .kernels = "portable"};
  char scenario[SWISD_DEMO_PATH_BYTES];
  struct swisd_error error;
  snprintf(scenario, sizeof scenario, "%s/scenarios/demo.yml", SWISD_SOURCE_DIRECTORY);
  demo.scenario = scenario;
  const int rest = swisd_options_read(command, argc, argv, &demo.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 0 || !swisd_kernels_by_name(demo.kernels)) {
    fprintf(stderr, rest > 0 ? "swisd demo: %s: no argument is expected\n" : "swisd demo: --kernels %s: not on this device\n",
            rest > 0 ? argv[1] : demo.kernels);
    return SWISD_EXIT_USAGE;
  }
  if (run(&demo, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  return demo.failed ? SWISD_EXIT_FAILED : SWISD_EXIT_OK;
}
