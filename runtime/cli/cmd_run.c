/* swisd run: the runs of a study, those that are missing, several at a time.
 *
 * A run is one process of swisd-sim that writes into runs/.NAME.tmp; when it has ended well its numbers are added and the
 * directory is renamed to runs/NAME, which is atomic: a name without a dot says that all of it is there. So whatever kills
 * whom, the next start goes on with what is missing. Repeats are the outer loop: an interrupted study is balanced. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/commands.h"
#include "runtime/cli/lab.h"
#include "runtime/cli/manifest.h"
#include "runtime/cli/study_options.h"
#include "runtime/cli/study_results.h"

enum { JOBS_MAX = 256, PATH_BYTES = 4400, ARGUMENTS_MAX = 160 };

struct task {
  uint32_t point, repeat;
};

struct child {
  struct swisd_lab_process process;
  struct task task;
};

struct run {
  struct swisd_option_taker taker;
  struct swisd_study_options options;
  char out[SWISD_RESULTS_PATH_BYTES];
  const char *scenario;
  unsigned jobs;
  uint32_t repeat_from, repeat_to; /* of --seeds; to 0: the scenario's */
  uint32_t shard, shards;
  bool mixed, json, quiet;

  struct swisd_study *study;
  struct swisd_scenario first; /* of the first point */
  char simulator[PATH_BYTES];
  uint64_t *hashes; /* of the points */
  struct task *tasks;
  uint32_t task_count, next, finished, found, failed;
  struct child children[JOBS_MAX];
  double started_s;
  int shown; /* tenths of the work that were told, without a terminal */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
  (void)number;
  interrupted = 1;
}

static double now_s(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- options ---- */

static int take_shard(struct run *run, const char *value, struct swisd_error *error)
{
  char *end;
  const unsigned long shard = strtoul(value, &end, 10), shards = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
  if (*end || shard < 1 || shard > shards || shards > 100000)
    return swisd_error_set(error, "--shard: '%s' is not I/N with I from 1 to N, e.g. 2/8", value);
  run->shard = (uint32_t)shard;
  run->shards = (uint32_t)shards;
  return 0;
}

/* "30": repeats 0 to 29; "10..19": those. */
static int take_seeds(struct run *run, const char *value, struct swisd_error *error)
{
  char *end;
  const bool digit = value[0] >= '0' && value[0] <= '9';
  unsigned long from = strtoul(value, &end, 10), to;
  if (digit && strncmp(end, "..", 2) == 0 && end[2] >= '0' && end[2] <= '9') {
    to = strtoul(end + 2, &end, 10) + 1;
  } else {
    to = from;
    from = 0;
  }
  if (!digit || *end || to <= from || to > 1000000)
    return swisd_error_set(error, "--seeds: '%s' is neither a count, e.g. 30, nor a range, e.g. 10..19", value);
  run->repeat_from = (uint32_t)from;
  run->repeat_to = (uint32_t)to;
  return 0;
}

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct run *run = (struct run *)taker;
  uint64_t number = 0;
  if (strcmp(name, "jobs") == 0 || strcmp(name, "j") == 0) {
    const int status = swisd_read_unsigned(name, value, 1, JOBS_MAX, &number, error);
    run->jobs = (unsigned)number;
    return status;
  }
  if (strcmp(name, "out") == 0) {
    snprintf(run->out, sizeof run->out, "%s", value);
    return 0;
  }
  if (strcmp(name, "seeds") == 0)
    return take_seeds(run, value, error);
  if (strcmp(name, "shard") == 0)
    return take_shard(run, value, error);
  if (strcmp(name, "mixed") == 0 || strcmp(name, "json") == 0 || strcmp(name, "quiet") == 0) {
    *(name[0] == 'm' ? &run->mixed : name[0] == 'j' ? &run->json : &run->quiet) = true;
    return 0;
  }
  return swisd_study_option(&run->options, name, value, error);
}

/* ---- the plan ---- */

static void name_of(const struct run *run, struct task task, char *name, size_t bytes)
{
  swisd_results_run_name(run->hashes[task.point], task.repeat, name, bytes);
}

static bool is_finished(const struct run *run, struct task task)
{
  char name[64], path[PATH_BYTES + 80];
  name_of(run, task, name, sizeof name);
  snprintf(path, sizeof path, "%s/runs/%s", run->out, name);
  return access(path, F_OK) == 0;
}

/* Repeats outside, points inside; of a shard every n-th. */
static int plan(struct run *run, struct swisd_error *error)
{
  const uint32_t points = swisd_study_points(run->study);
  if (run->repeat_to == 0)
    run->repeat_to = run->first.repeat;
  const uint64_t all = (uint64_t)points * (run->repeat_to - run->repeat_from);
  if (all > 10000000)
    return swisd_error_set(error, "%" PRIu64 " runs: at most 10000000 are allowed", all);
  run->hashes = calloc(points, sizeof *run->hashes);
  run->tasks = calloc(all, sizeof *run->tasks);
  if (!run->hashes || !run->tasks)
    return swisd_error_set(error, "out of memory");
  for (uint32_t point = 0; point < points; point++)
    run->hashes[point] = swisd_study_point_hash(run->study, point);
  uint64_t index = 0;
  for (uint32_t repeat = run->repeat_from; repeat < run->repeat_to; repeat++)
    for (uint32_t point = 0; point < points; point++)
      if (index++ % run->shards == run->shard - 1)
        run->tasks[run->task_count++] = (struct task){point, repeat};
  return 0;
}

static int find_simulator(struct run *run, struct swisd_error *error)
{
  char self[PATH_BYTES - 16];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0)
    return swisd_error_set(error, "cannot find out where this program is: %s", strerror(errno));
  self[length] = '\0';
  snprintf(run->simulator, sizeof run->simulator, "%.*s/swisd-sim", (int)(strrchr(self, '/') - self), self);
  if (access(run->simulator, X_OK) != 0)
    return swisd_error_set(error, "%.300s is not there: this was built without SimGrid, and only measures and serves",
                           run->simulator);
  return 0;
}

/* ---- children ---- */

static void start_child(struct run *run, struct child *child, struct task task)
{
  char name[64], directory[PATH_BYTES + 80], log[PATH_BYTES + 100], errors[PATH_BYTES + 100], repeat[16];
  char *settings[SWISD_STUDY_SETTINGS_MAX * 2];
  const char *argv[ARGUMENTS_MAX] = {run->simulator, run->scenario};
  uint32_t count = 2, made = 0;
  struct swisd_error error;
  name_of(run, task, name, sizeof name);
  snprintf(directory, sizeof directory, "%s/runs/.%s.tmp", run->out, name);
  snprintf(log, sizeof log, "%s/log.txt", directory);
  snprintf(errors, sizeof errors, "%s/errors.txt", directory);
  snprintf(repeat, sizeof repeat, "%" PRIu32, task.repeat);
  if (run->options.world) {
    argv[count++] = "--world";
    argv[count++] = run->options.world;
  }
  for (uint32_t i = 0; i < run->options.setting_count; i++) {
    argv[count++] = "--set";
    argv[count++] = run->options.settings[i];
  }
  for (uint32_t c = 0; c < swisd_study_columns(run->study); c++) {
    char *value = swisd_study_value(run->study, task.point, c);
    if (asprintf(&settings[made], "%s=%s", swisd_study_column(run->study, c), value) < 0)
      abort();
    free(value);
    argv[count++] = "--set";
    argv[count++] = settings[made++];
  }
  const char *const rest[] = {"--repeat", repeat, "--out", directory};
  for (int i = 0; i < 4; i++)
    argv[count++] = rest[i];
  swisd_remove_tree(directory);
  child->task = task;
  if (mkdir(directory, 0777) < 0 || swisd_lab_start(&child->process, argv, log, errors, &error) != 0) {
    fprintf(stderr, "swisd run: %s: cannot start a run: %s\n", directory, strerror(errno));
    interrupted = 1;
    run->failed++;
  }
  for (uint32_t i = 0; i < made; i++)
    free(settings[i]);
}

/* The last line of a file, for a message. */
static void last_line(const char *path, char *line, size_t bytes)
{
  char text[512];
  FILE *in = fopen(path, "re");
  snprintf(line, bytes, "it said nothing");
  while (in && fgets(text, sizeof text, in)) {
    text[strcspn(text, "\n")] = '\0';
    if (*text)
      snprintf(line, bytes, "%s", text);
  }
  if (in)
    fclose(in);
}

/* Its numbers, and the rename that says it is there. */
static void end_child(struct run *run, struct child *child)
{
  char name[64], from[PATH_BYTES + 80], to[PATH_BYTES + 100];
  struct swisd_run_numbers numbers;
  struct swisd_error error = {""};
  const int status = swisd_lab_exit_status(&child->process);
  child->process.pid = 0;
  name_of(run, child->task, name, sizeof name);
  snprintf(from, sizeof from, "%s/runs/.%s.tmp", run->out, name);
  snprintf(to, sizeof to, "%s/runs/%s", run->out, name);
  if (interrupted && status >= 128) {
    swisd_remove_tree(from);
    return;
  }
  /* 1: it ran, and jobs of it failed, which is a result. */
  if (status <= 1 && swisd_run_numbers_make(from, &numbers, &error) == 0 &&
      swisd_run_numbers_write(from, &numbers, &error) == 0 && rename(from, to) == 0) {
    run->finished++;
    return;
  }
  run->failed++;
  snprintf(to, sizeof to, "%s/errors.txt", from);
  if (!*error.text)
    last_line(to, error.text, sizeof error.text);
  fprintf(stderr, "\nswisd run: point %" PRIu32 ", repeat %" PRIu32 " failed (exit status %d): %s\n  see %s\n", child->task.point,
          child->task.repeat, status, error.text, from);
}

/* ---- progress ---- */

static void format_span(double seconds, char *text, size_t bytes)
{
  const unsigned long s = seconds > 0 ? (unsigned long)(seconds + 0.5) : 0;
  if (s >= 3600)
    snprintf(text, bytes, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(text, bytes, "%lu:%02lu", s / 60, s % 60);
}

static void show_progress(struct run *run, bool last)
{
  const uint32_t done = run->finished + run->found, all = run->task_count;
  const bool terminal = isatty(STDERR_FILENO);
  const int tenth = all ? (int)(10 * done / all) : 10;
  if (run->quiet || all == 0 || (!terminal && tenth == run->shown))
    return;
  char bar[24], eta[32];
  const double elapsed_s = now_s() - run->started_s;
  for (int i = 0; i < 22; i++)
    bar[i] = (uint32_t)i * all < 22 * done ? '#' : '-';
  bar[22] = '\0';
  format_span(run->finished ? elapsed_s / run->finished * (all - done) : 0, eta, sizeof eta);
  fprintf(stderr, "%s%s  [%s]  %" PRIu32 "/%" PRIu32 "  %" PRIu32 " %%  %s %s", terminal ? "\r" : "", run->first.name, bar, done,
          all, 100 * done / all, done == all ? "took" : "ETA",
          done == all     ? ""
          : run->finished ? eta
                          : "?");
  if (done == all) {
    format_span(elapsed_s, eta, sizeof eta);
    fprintf(stderr, "%s", eta);
  }
  fprintf(stderr, terminal && !last && done < all ? "   " : "\n");
  run->shown = tenth;
}

/* ---- the work ---- */

static unsigned busy(const struct run *run)
{
  unsigned count = 0;
  for (unsigned i = 0; i < run->jobs; i++)
    count += run->children[i].process.pid > 0;
  return count;
}

/* Starts what is missing on every free place. */
static void fill(struct run *run)
{
  for (unsigned i = 0; i < run->jobs && !interrupted; i++) {
    while (run->children[i].process.pid == 0 && run->next < run->task_count && !interrupted) {
      const struct task task = run->tasks[run->next++];
      if (!is_finished(run, task))
        start_child(run, &run->children[i], task);
    }
  }
}

static void work(struct run *run)
{
  const struct sigaction action = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_DFL};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  run->started_s = now_s();
  run->shown = -1;
  for (uint32_t i = 0; i < run->task_count; i++)
    run->found += is_finished(run, run->tasks[i]);
  for (bool told = false;;) {
    fill(run);
    if (busy(run) == 0)
      break;
    if (interrupted && !told) {
      told = true;
      for (unsigned i = 0; i < run->jobs; i++)
        if (run->children[i].process.pid > 0)
          swisd_lab_signal(&run->children[i].process, SIGKILL);
    }
    bool changed = false;
    for (unsigned i = 0; i < run->jobs; i++)
      if (run->children[i].process.pid > 0 && swisd_lab_ended(&run->children[i].process, 0)) {
        end_child(run, &run->children[i]);
        changed = true;
      }
    if (changed)
      show_progress(run, false);
    else
      nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
  show_progress(run, true);
  sigaction(SIGINT, &ignore, NULL);
  sigaction(SIGTERM, &ignore, NULL);
}

/* ---- around it ---- */

/* One swisd run at a time in a directory; the lock goes with the process. */
static int lock(const struct run *run, struct swisd_error *error)
{
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/.lock", run->out);
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
    return swisd_error_set(error, "%.300s: another swisd run is at work here", run->out);
  return 0;
}

static int check_program(const struct run *run, struct swisd_manifest *own, struct swisd_error *error)
{
  struct swisd_manifest theirs;
  if (swisd_manifest_own(run->simulator, own, error) != 0)
    return -1;
  const int found = swisd_manifest_read(run->out, &theirs, error);
  if (found < 0)
    return -1;
  if (found == 0 && !run->mixed && !swisd_manifest_agree(own, &theirs))
    return swisd_error_set(error,
                           "%.200s was made by swisd %s commit %s (%016" PRIx64 "), this is %s commit %s (%016" PRIx64
                           "): take another --out, or --mixed if you mean it",
                           run->out, theirs.version, theirs.commit, theirs.program, own->version, own->commit, own->program);
  return 0;
}

static int write_manifest(const struct run *run, const struct swisd_manifest *own, int argc, char **argv,
                          struct swisd_error *error)
{
  const struct swisd_manifest_run about = {.scenario = run->scenario,
                                           .world = run->options.world,
                                           .argc = argc,
                                           .argv = argv,
                                           .seed = run->first.seed,
                                           .points = swisd_study_points(run->study),
                                           .repeats = run->repeat_to,
                                           .runs_finished = run->finished + run->found,
                                           .runs_planned = run->task_count};
  return swisd_manifest_write(run->out, own, &about, error);
}

static int report(struct run *run)
{
  struct swisd_results results;
  struct swisd_error error;
  if (swisd_results_refresh(run->out, &results, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  if (run->json)
    swisd_results_print_json(&results);
  else
    swisd_results_print(&results);
  const uint32_t left = run->task_count - run->finished - run->found;
  unsigned unmet = 0;
  if (left > 0)
    fprintf(stderr, "%s: %" PRIu32 " of %" PRIu32 " runs are missing%s; the same command goes on with them\n", run->out, left,
            run->task_count, interrupted ? " (interrupted)" : "");
  else if (run->shards == 1)
    unmet = swisd_results_judge(&results);
  fprintf(stderr, "results: %s\n", run->out);
  swisd_results_free(&results);
  return left > 0 || unmet > 0 || run->failed > 0 ? SWISD_EXIT_FAILED : SWISD_EXIT_OK;
}

static int prepare(struct run *run, struct swisd_manifest *own, struct swisd_error *error)
{
  if (run->first.backend != SWISD_BACKEND_SIM)
    return swisd_error_set(error, "%s: backend: lab: swisd demo plays it; swisd run simulates", run->scenario);
  if (!*run->out)
    snprintf(run->out, sizeof run->out, "results/%s%s%s", run->first.name, *run->first.world ? "-" : "", run->first.world);
  if (find_simulator(run, error) != 0 || check_program(run, own, error) != 0 || plan(run, error) != 0)
    return -1;
  return swisd_study_write(run->study, &run->first, run->scenario, run->out, error) != 0 || lock(run, error) != 0 ? -1 : 0;
}

int swisd_command_run(const struct swisd_command *command, int argc, char **argv)
{
  static struct run run;
  static struct swisd_scenario_errors errors;
  struct swisd_manifest own;
  struct swisd_error error;
  static char name[] = "swisd";
  char *line[64] = {name};
  int words = 1;
  for (; words <= argc && words < 64; words++)
    line[words] = argv[words - 1];
  run = (struct run){.taker = {take}, .shard = 1, .shards = 1};
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  run.jobs = processors > 0 && processors <= JOBS_MAX ? (unsigned)processors : 1;
  const int count = swisd_options_read(command, argc, argv, &run.taker);
  if (count < 0)
    return -count - 1;
  if (count != 1) {
    fprintf(stderr, "swisd run: which scenario? One file is wanted.\n");
    return SWISD_EXIT_USAGE;
  }
  run.scenario = argv[1];
  run.study = swisd_study_open_with(&run.options, run.scenario, &errors);
  if (!run.study || swisd_study_point(run.study, 0, &run.first, &errors) < 0) {
    fprintf(stderr, "%s", errors.text);
    return SWISD_EXIT_USAGE;
  }
  if (prepare(&run, &own, &error) != 0 || write_manifest(&run, &own, words, line, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
  work(&run);
  int status = write_manifest(&run, &own, words, line, &error) != 0 ? swisd_cli_fail(SWISD_EXIT_FAILED, &error) : report(&run);
  swisd_scenario_free(&run.first);
  swisd_study_free(run.study);
  free(run.tasks);
  free(run.hashes);
  return status;
}
