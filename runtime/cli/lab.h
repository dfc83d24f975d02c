/* Processes of a lab on this machine: started, signalled, waited for, and never left behind: the kernel kills them when
 * whoever started them dies. */
#ifndef SWISD_CLI_LAB_H
#define SWISD_CLI_LAB_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/base/error.h"

struct swisd_lab_process {
  pid_t pid; /* 0: not running */
  int status; /* of waitpid(), once it has ended; so are these: */
  double cpu_seconds;
  long rss_kib_max;
};

/* Starts argv[0] (a path; argv ends with NULL) with stdout and stderr in files, NULL: where ours go. */
int swisd_lab_start(struct swisd_lab_process *process, const char *const *argv, const char *stdout_file, const char *stderr_file,
                    struct swisd_error *error);
void swisd_lab_signal(const struct swisd_lab_process *process, int signal_number);
/* Whether it has ended, waiting up to `seconds` for it. */
bool swisd_lab_ended(struct swisd_lab_process *process, double seconds);
/* Its exit status, 128 + signal when it was killed; only after it has ended. */
int swisd_lab_exit_status(const struct swisd_lab_process *process);
/* A line of /proc/PID/status in MiB, "VmRSS" or "VmHWM"; 0 when it is not running. */
double swisd_lab_memory_mib(const struct swisd_lab_process *process, const char *line_name);
/* SIGKILL, also for a stopped one, and waits for it. */
void swisd_lab_kill(struct swisd_lab_process *process);

/* Makes a join key in `directory` and names it to every process that is started from here on (SWISD_KEY_FILE). */
int swisd_lab_join_key(const char *directory, struct swisd_error *error);

/* A number out of the status of the node in `directory` ("/members_alive"); -1 when there is no answer. */
double swisd_lab_status_number(const char *directory, const char *pointer);
/* A text out of it ("/id"); false when there is none. */
bool swisd_lab_status_text(const char *directory, const char *pointer, char *text, size_t bytes);
/* The address it listens on, as HOST:PORT; false when there is no answer. */
bool swisd_lab_address(const char *directory, char *text, size_t bytes);
/* Waits until that number of the status is at least `least`; false when it is not within `seconds`. */
bool swisd_lab_wait_for(const char *directory, const char *pointer, double least, double seconds);
/* Sends a command to the node; whether it was taken. */
bool swisd_lab_command(const char *directory, const char *line);

/* Removes a directory and everything in it. */
void swisd_lab_remove(const char *directory);

#endif
