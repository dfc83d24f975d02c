/* See lab_hosts.h. Each step is one small shell script; values come in as quoted words, $1 and on. */
#include "runtime/cli/lab_hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/cli/lab.h"

enum { COMMAND_BYTES = 8192 };

void swisd_lab_host_of(struct swisd_lab_host *lab, const struct swisd_inventory *inventory, uint32_t index)
{
  *lab = (struct swisd_lab_host){.inventory = inventory, .host = &inventory->hosts[index]};
  size_t count = 0;
  while (count < SWISD_INVENTORY_SSH_MAX && inventory->ssh[count][0]) {
    lab->ssh_options[count] = inventory->ssh[count];
    count++;
  }
  lab->remote = (struct swisd_remote){.name = lab->host->name, .destination = lab->host->ssh, .ssh_options = lab->ssh_options};
}

/* `sh -c SCRIPT lab DIRECTORY PROGRAM WORD...`: in the script $1 is the lab's directory, $2 the program, $3 and on `words`. */
static int script(const struct swisd_lab_host *lab, const char *text, const char *const *words, char command[COMMAND_BYTES],
                  struct swisd_error *error)
{
  const struct swisd_inventory *inventory = lab->inventory;
  char program[2 * SWISD_INVENTORY_PATH_BYTES];
  if (inventory->push[0])
    snprintf(program, sizeof program, "./swisd"); /* in the lab's directory */
  else
    snprintf(program, sizeof program, "%s", inventory->program);
  snprintf(command, COMMAND_BYTES, "sh -c");
  bool fits = swisd_remote_quote(command, COMMAND_BYTES, text) && swisd_remote_quote(command, COMMAND_BYTES, "lab") &&
              swisd_remote_quote(command, COMMAND_BYTES, inventory->directory) &&
              swisd_remote_quote(command, COMMAND_BYTES, program);
  for (size_t i = 0; fits && words && words[i]; i++)
    fits = swisd_remote_quote(command, COMMAND_BYTES, words[i]);
  return fits ? 0 : swisd_error_set(error, "%s: the command is too long", lab->host->name);
}

static int run(const struct swisd_lab_host *lab, const char *text, const char *const *words, const char *input,
               const char *output, double seconds, struct swisd_error *error)
{
  char command[COMMAND_BYTES];
  if (script(lab, text, words, command, error) != 0)
    return -1;
  return swisd_remote_run(&lab->remote, command, input, output, seconds, error);
}

/* ---- the steps ---- */

static int send_file(const struct swisd_lab_host *lab, const char *from, const char *to, const char *mode, double seconds,
                     struct swisd_error *error)
{
  /* Beside it first: a program that runs is replaced, not written over. */
  const char *const words[] = {to, mode, NULL};
  return run(lab, "umask 077 && cd \"$1\" && cat > \"$3.new\" && chmod \"$4\" \"$3.new\" && mv -f \"$3.new\" \"$3\"", words, from,
             NULL, seconds, error);
}

int swisd_lab_host_prepare(const struct swisd_lab_host *lab, struct swisd_error *error)
{
  const struct swisd_inventory *inventory = lab->inventory;
  const char *config = lab->host->config[0] ? lab->host->config : inventory->config;
  if (run(lab, "umask 077 && mkdir -p \"$1/recordings\" && cd \"$1\" && rm -f node.yml", NULL, NULL, NULL, 30, error) != 0 ||
      send_file(lab, inventory->key_file, "join.key", "600", 30, error) != 0)
    return -1;
  if (inventory->push[0] && send_file(lab, inventory->push, "swisd", "755", 120, error) != 0)
    return -1;
  return config[0] ? send_file(lab, config, "node.yml", "600", 30, error) : 0;
}

/* The node goes on when ssh ends: its own session, nothing of ours open. Its process id is in node.pid. */
static const char start_script[] =
  "cd \"$1\" || exit 1\n"
  "program=$2 name=$3 address=$4 port=$5 join=$6\n"
  "if [ -f node.pid ] && grep -qs '^State:[[:space:]]*[^ZX]' \"/proc/$(cat node.pid)/status\"; then exit 0; fi\n"
  "set -- node --data data --key-file join.key --name \"$name\" --listen \"$address\" --port \"$port\"\n"
  "[ ! -f node.yml ] || set -- \"$@\" --config node.yml\n"
  "[ -z \"$join\" ] || set -- \"$@\" --join \"$join\"\n"
  "set -- \"$@\" --record \"recordings/$(ls recordings | wc -l).rec\"\n"
  "setsid \"$program\" \"$@\" >>node.log 2>&1 </dev/null &\n"
  "echo $! >node.pid\n"
  "for i in $(seq 100); do\n"
  "  if \"$program\" status --data data --json >/dev/null 2>&1; then exit 0; fi\n"
  "  if ! kill -0 \"$(cat node.pid)\" 2>/dev/null; then break; fi\n"
  "  sleep 0.1\n"
  "done\n"
  "tail -n 1 node.log >&2\n"
  "exit 1\n";

int swisd_lab_host_start(const struct swisd_lab_host *lab, const char *join, struct swisd_error *error)
{
  char port[12];
  snprintf(port, sizeof port, "%u", lab->host->port);
  const char *const words[] = {lab->host->name, lab->host->address, port, join ? join : "", NULL};
  return run(lab, start_script, words, NULL, NULL, 40, error);
}

int swisd_lab_host_status(const struct swisd_lab_host *lab, char *json, size_t bytes, struct swisd_error *error)
{
  char command[COMMAND_BYTES];
  if (script(lab, "cd \"$1\" && exec \"$2\" status --data data --json", NULL, command, error) != 0)
    return -1;
  return swisd_remote_ask(&lab->remote, command, json, bytes, 20, error);
}

/* Scripts of the faults; those that the node itself plays go to `swisd fault`. */
static const struct {
  const char *kind;
  bool takes_value;
  const char *script;
} faults[] = {
  {"kill", false, "cd \"$1\" && kill -KILL \"$(cat node.pid)\" && rm -f node.pid"},
  {"silence", false, "cd \"$1\" && kill -STOP \"$(cat node.pid)\""},
  {"continue", false, "cd \"$1\" && kill -CONT \"$(cat node.pid)\""},
  {"slow", true, "cd \"$1\" && exec \"$2\" fault --data data slow \"$3\""},
  {"loss", true, "cd \"$1\" && exec \"$2\" fault --data data loss \"$3\""},
  {"resume", false, "cd \"$1\" && exec \"$2\" fault --data data resume"},
};

int swisd_lab_host_fault(const struct swisd_lab_host *lab, const char *kind, const char *value, struct swisd_error *error)
{
  if (strcmp(kind, "stop") == 0)
    return swisd_lab_host_stop(lab, error);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    if (strcmp(faults[i].kind, kind) != 0)
      continue;
    if (faults[i].takes_value != (value != NULL))
      return swisd_error_set(error, "%s %s", kind, value ? "takes no value" : "needs a value, as in: slow 8, loss 0.1");
    const char *const words[] = {value, NULL};
    return run(lab, faults[i].script, words, NULL, NULL, 20, error);
  }
  return swisd_error_set(error, "%s: no such fault; allowed: kill silence continue stop start slow loss resume", kind);
}

int swisd_lab_host_stop(const struct swisd_lab_host *lab, struct swisd_error *error)
{
  return run(lab,
             "cd \"$1\" 2>/dev/null || exit 0\n[ -f node.pid ] || exit 0\npid=$(cat node.pid)\n"
             "kill -CONT $pid 2>/dev/null; kill -TERM $pid 2>/dev/null\n"
             "for i in $(seq 50); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done\n"
             "kill -KILL $pid 2>/dev/null; rm -f node.pid; exit 0",
             NULL, NULL, NULL, 30, error);
}

int swisd_lab_host_collect(const struct swisd_lab_host *lab, const char *directory, struct swisd_error *error)
{
  char archive[SWISD_INVENTORY_PATH_BYTES + 128];
  mkdir(directory, 0755);
  snprintf(archive, sizeof archive, "%s/collected.tar", directory);
  if (run(lab, "cd \"$1\" && tar -cf - node.log recordings", NULL, NULL, archive, 600, error) != 0)
    return -1;
  const char *const argv[] = {"/bin/tar", "-xf", archive, "-C", directory, NULL};
  struct swisd_lab_process tar;
  if (swisd_lab_start(&tar, argv, NULL, NULL, error) != 0)
    return -1;
  if (!swisd_lab_ended(&tar, 600) || swisd_lab_exit_status(&tar) != 0)
    return swisd_error_set(error, "%.300s: cannot be unpacked", archive);
  remove(archive);
  return run(lab, "cd \"$1\" && rm -rf node.log recordings/*", NULL, NULL, NULL, 60, error);
}

int swisd_lab_host_clock(const struct swisd_lab_host *lab, struct swisd_remote_clock *clock, struct swisd_error *error)
{
  char command[COMMAND_BYTES];
  if (script(lab, "cd \"$1\" && exec \"$2\" lab clock", NULL, command, error) != 0)
    return -1;
  return swisd_remote_compare_clocks(&lab->remote, command, 16, clock, error);
}
