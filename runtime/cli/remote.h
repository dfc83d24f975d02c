/* A host that is reached by ssh: commands run there, files sent and fetched, and its clock compared with ours. Uses the ssh
 * of this machine with the user's own configuration and keys; never asks for a password. */
#ifndef SWISD_CLI_REMOTE_H
#define SWISD_CLI_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct swisd_remote {
  const char *name;               /* in messages */
  const char *destination;        /* as ssh takes it: host or user@host */
  const char *const *ssh_options; /* more arguments for ssh, ending in NULL; or NULL */
};

/* Offset of a remote CLOCK_BOOTTIME: theirs = ours + offset_ns, within error_ns. */
struct swisd_remote_clock {
  int64_t offset_ns;
  uint64_t error_ns; /* half of the shortest round trip */
};

/* Appends `text` to a command as one word of a POSIX shell; false when there is no room. */
bool swisd_remote_quote(char *command, size_t bytes, const char *text);

/* Runs a shell command there. Its standard input is the file `input` (NULL: nothing), its standard output goes to the file
 * `output` (NULL: nowhere). -1 with `error`, which has the last line that it wrote to standard error, when ssh fails or the
 * command does not end in 0 within `seconds`. */
int swisd_remote_run(const struct swisd_remote *remote, const char *command, const char *input, const char *output,
                     double seconds, struct swisd_error *error);
/* The same; what it writes comes back as text, cut at `bytes` - 1. */
int swisd_remote_ask(const struct swisd_remote *remote, const char *command, char *answer, size_t bytes, double seconds,
                     struct swisd_error *error);

/* Compares clocks over `rounds` round trips; `command` runs `swisd lab clock` there, which answers each line with its time. */
int swisd_remote_compare_clocks(const struct swisd_remote *remote, const char *command, unsigned rounds,
                                struct swisd_remote_clock *clock, struct swisd_error *error);

#endif
