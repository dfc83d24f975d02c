/* See lab.h. */
#include "runtime/cli/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/json_read.h"
#include "runtime/net/admission.h"
#include "runtime/net/clock.h"
#include "runtime/net/control.h"

static const long poll_ns = 5000000;

/* In the child, before exec: only what is safe there. */
static void become(const char *const *argv, pid_t parent, int out, int err)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) /* it died before the line above */
    _exit(127);
  if (out >= 0)
    dup2(out, STDOUT_FILENO);
  if (err >= 0)
    dup2(err, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execv(argv[0], (char *const *)(uintptr_t)argv);
  _exit(127);
}

static int open_output(const char *path) { return path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1; }

int swisd_lab_start(struct swisd_lab_process *process, const char *const *argv, const char *stdout_file, const char *stderr_file,
                    struct swisd_error *error)
{
  *process = (struct swisd_lab_process){0};
  const int out = open_output(stdout_file), err = open_output(stderr_file);
  if ((stdout_file && out < 0) || (stderr_file && err < 0)) {
    swisd_error_set(error, "%s: cannot write: %s", stdout_file && out < 0 ? stdout_file : stderr_file, strerror(errno));
  } else {
    const pid_t parent = getpid();
    fflush(NULL);
    process->pid = fork();
    if (process->pid == 0)
      become(argv, parent, out, err);
    if (process->pid < 0) {
      process->pid = 0;
      swisd_error_set(error, "%s: cannot start: %s", argv[0], strerror(errno));
    }
  }
  if (out >= 0)
    close(out);
  if (err >= 0)
    close(err);
  return process->pid > 0 ? 0 : -1;
}

int swisd_lab_join_key(const char *directory, struct swisd_error *error)
{
  char path[512];
  if (snprintf(path, sizeof path, "%s/join.key", directory) >= (int)sizeof path)
    return swisd_error_set(error, "%s: the path is too long", directory);
  if (swisd_admission_create(path, error) < 0)
    return -1;
  return setenv("SWISD_KEY_FILE", path, 1) == 0 ? 0 : swisd_error_set(error, "out of memory");
}

void swisd_lab_signal(const struct swisd_lab_process *process, int signal_number)
{
  if (process->pid > 0)
    kill(process->pid, signal_number);
}

/* Reaps it if it has ended (or, `wait`, when it does). */
static bool reap(struct swisd_lab_process *process, bool wait)
{
  struct rusage usage;
  if (wait4(process->pid, &process->status, wait ? 0 : WNOHANG, &usage) != process->pid)
    return false;
  process->pid = 0;
  process->cpu_seconds =
    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  process->rss_kib_max = usage.ru_maxrss;
  return true;
}

static void pause_a_little(void)
{
  const struct timespec wait = {.tv_nsec = poll_ns};
  nanosleep(&wait, NULL);
}

bool swisd_lab_ended(struct swisd_lab_process *process, double seconds)
{
  const uint64_t until_ns = swisd_clock_now_ns() + (uint64_t)(seconds * 1e9);
  while (process->pid > 0) {
    if (reap(process, false))
      break;
    if (swisd_clock_now_ns() >= until_ns)
      return false;
    pause_a_little();
  }
  return true;
}

int swisd_lab_exit_status(const struct swisd_lab_process *process)
{
  return WIFEXITED(process->status) ? WEXITSTATUS(process->status) : 128 + WTERMSIG(process->status);
}

double swisd_lab_memory_mib(const struct swisd_lab_process *process, const char *line_name)
{
  char path[64], line[256];
  double kib = 0;
  const size_t length = strlen(line_name);
  snprintf(path, sizeof path, "/proc/%d/status", (int)process->pid);
  FILE *in = process->pid > 0 ? fopen(path, "re") : NULL;
  while (in && fgets(line, sizeof line, in))
    if (strncmp(line, line_name, length) == 0 && line[length] == ':')
      kib = atof(line + length + 1);
  if (in)
    fclose(in);
  return kib / 1024;
}

void swisd_lab_kill(struct swisd_lab_process *process)
{
  if (process->pid <= 0)
    return;
  kill(process->pid, SIGKILL);
  reap(process, true);
}

/* The answer to one line, parsed; false when there is none. */
static bool ask(const char *directory, const char *line, struct swisd_json_file *answer)
{
  struct swisd_error error;
  char *text = swisd_control_ask(directory, line, 2, &error);
  const bool parsed = text && swisd_json_parse(answer, "answer", text, strlen(text), &error) == 0;
  free(text);
  return parsed;
}

double swisd_lab_status_number(const char *directory, const char *pointer)
{
  struct swisd_json_file answer;
  if (!ask(directory, "{\"command\":\"status\"}", &answer))
    return -1;
  const json_t *value = swisd_json_find(&answer, pointer);
  const double number = json_is_number(value) ? json_number_value(value) : -1;
  swisd_json_free(&answer);
  return number;
}

bool swisd_lab_status_text(const char *directory, const char *pointer, char *text, size_t bytes)
{
  struct swisd_json_file answer;
  if (!ask(directory, "{\"command\":\"status\"}", &answer))
    return false;
  const char *value = json_string_value(swisd_json_find(&answer, pointer));
  if (value)
    snprintf(text, bytes, "%s", value);
  swisd_json_free(&answer);
  return value != NULL;
}

bool swisd_lab_address(const char *directory, char *text, size_t bytes)
{
  return swisd_lab_status_text(directory, "/address", text, bytes);
}

bool swisd_lab_wait_for(const char *directory, const char *pointer, double least, double seconds)
{
  const uint64_t until_ns = swisd_clock_now_ns() + (uint64_t)(seconds * 1e9);
  while (swisd_lab_status_number(directory, pointer) < least) {
    if (swisd_clock_now_ns() >= until_ns)
      return false;
    pause_a_little();
  }
  return true;
}

bool swisd_lab_command(const char *directory, const char *line)
{
  struct swisd_json_file answer;
  if (!ask(directory, line, &answer))
    return false;
  const bool taken = json_is_true(swisd_json_find(&answer, "/ok"));
  swisd_json_free(&answer);
  return taken;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
  (void)status, (void)kind, (void)walk;
  remove(path);
  return 0;
}

void swisd_lab_remove(const char *directory) { nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS); }
