/* The commands of `swisd`: one table, one way to read options, one way to fail.
 *
 * Data goes to stdout, talk to stderr. Exit status 0: done; 1: it ran and failed, or the answer is no; 2: the command line or
 * a file it names is wrong, nothing was started. */
#ifndef SWISD_CLI_COMMANDS_H
#define SWISD_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum { SWISD_EXIT_OK = 0, SWISD_EXIT_FAILED = 1, SWISD_EXIT_USAGE = 2 };

struct swisd_cli_option {
  const char *name;     /* without the dashes; NULL ends a table */
  const char *argument; /* what it takes, in capitals; NULL: nothing */
  const char *help;
  const char *values; /* the words it may be, between spaces, for completion; NULL: it is no such word */
};

struct swisd_command {
  const char *name;
  const char *arguments; /* behind the options, for the usage line */
  const char *summary;
  const struct swisd_cli_option *const *options; /* tables, NULL ends the list */
  int (*run)(const struct swisd_command *command, int argc, char **argv);
  bool hidden;       /* not listed */
  const char *words; /* what its first argument may be, between spaces, for completion; NULL: something else */
};

/* All commands; a NULL name ends the table. */
extern const struct swisd_command swisd_commands[];

/* Takes one option; `value` is NULL when it takes none. 0, or -1 with `error`. */
struct swisd_option_taker {
  int (*take)(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error);
};

/* Reads the options of `argv` (argv[0] is the command) and leaves the other arguments in argv[1..]; returns how many there
 * are, or -(1 + exit status) when the command is over: help was asked for and printed, or a mistake was reported. */
int swisd_options_read(const struct swisd_command *command, int argc, char **argv, struct swisd_option_taker *taker);

/* Prints "swisd: " and the error; returns SWISD_EXIT_USAGE or SWISD_EXIT_FAILED, as given. */
int swisd_cli_fail(int status, const struct swisd_error *error);

/* The commands' functions. */
int swisd_command_init(const struct swisd_command *command, int argc, char **argv);
int swisd_command_check(const struct swisd_command *command, int argc, char **argv);
int swisd_command_run(const struct swisd_command *command, int argc, char **argv);
int swisd_command_report(const struct swisd_command *command, int argc, char **argv);
int swisd_command_compare(const struct swisd_command *command, int argc, char **argv);
int swisd_command_export(const struct swisd_command *command, int argc, char **argv);
int swisd_command_merge(const struct swisd_command *command, int argc, char **argv);
int swisd_command_schema(const struct swisd_command *command, int argc, char **argv);
int swisd_command_node(const struct swisd_command *command, int argc, char **argv);
int swisd_command_keygen(const struct swisd_command *command, int argc, char **argv);
int swisd_command_classify(const struct swisd_command *command, int argc, char **argv);
int swisd_command_ask(const struct swisd_command *command, int argc, char **argv);
int swisd_command_filter(const struct swisd_command *command, int argc, char **argv);
int swisd_command_bench(const struct swisd_command *command, int argc, char **argv);
int swisd_command_status(const struct swisd_command *command, int argc, char **argv);
int swisd_command_top(const struct swisd_command *command, int argc, char **argv);
int swisd_command_explain(const struct swisd_command *command, int argc, char **argv);
int swisd_command_lab(const struct swisd_command *command, int argc, char **argv);
int swisd_command_completion(const struct swisd_command *command, int argc, char **argv);
int swisd_command_fault(const struct swisd_command *command, int argc, char **argv);
int swisd_command_replay(const struct swisd_command *command, int argc, char **argv);
int swisd_command_demo(const struct swisd_command *command, int argc, char **argv);
int swisd_command_help(const struct swisd_command *command, int argc, char **argv);
int swisd_command_version(const struct swisd_command *command, int argc, char **argv);

/* ---- values of options ---- */

int swisd_read_unsigned(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value,
                        struct swisd_error *error);
/* With units: "250 ms", "2s", "40 Mbit/s", "8 MiB"; the units allowed are in the error. */
int swisd_read_time(const char *option, const char *text, uint64_t *ns, struct swisd_error *error);
int swisd_read_rate(const char *option, const char *text, double *bytes_per_s, struct swisd_error *error);
int swisd_read_bytes(const char *option, const char *text, uint64_t *bytes, struct swisd_error *error);
/* "2.5" or "conv=2.5,dense=1.2,attention=0.8", in GFLOP/s; kernel classes not named stay as they are. */
int swisd_read_speeds(const char *option, const char *text, double flops_per_s[], struct swisd_error *error);

#endif
