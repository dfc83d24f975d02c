/* The command `swisd`: finds the command of the table and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/suggest.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/manifest.h"

static const struct swisd_command *find(const char *name)
{
  for (const struct swisd_command *command = swisd_commands; command->name; command++)
    if (strcmp(command->name, name) == 0)
      return command;
  return NULL;
}

static int unknown(const char *name)
{
  const char *known[32];
  size_t count = 0;
  for (; swisd_commands[count].name && count < sizeof known / sizeof *known; count++)
    known[count] = swisd_commands[count].name;
  const char *meant = swisd_suggest(name, known, count);
  fprintf(stderr, "swisd: there is no command %s", name);
  if (meant)
    fprintf(stderr, "; did you mean swisd %s?\n", meant);
  else
    fprintf(stderr, "; see swisd help\n");
  return SWISD_EXIT_USAGE;
}

int swisd_command_help(const struct swisd_command *command, int argc, char **argv)
{
  (void)command;
  if (argc > 1 && strcmp(argv[1], "--help") != 0) {
    const struct swisd_command *about = find(argv[1]);
    if (!about)
      return unknown(argv[1]);
    char help[] = "--help";
    char *arguments[] = {argv[1], help, NULL};
    return about->run(about, 2, arguments);
  }
  printf("swisd: inference by a swarm of small devices that come and go\n\nusage: swisd COMMAND [OPTION]... [ARGUMENT]...\n\n");
  for (const struct swisd_command *each = swisd_commands; each->name; each++)
    if (!each->hidden)
      printf("  %-10s %s\n", each->name, each->summary);
  printf("\nswisd help COMMAND says more. A first try, in four terminals:\n"
         "  swisd node\n  swisd node --join 127.0.0.1:7117\n  swisd node --join 127.0.0.1:7117\n  swisd classify\n");
  return SWISD_EXIT_OK;
}

int swisd_command_version(const struct swisd_command *command, int argc, char **argv)
{
  (void)command, (void)argc, (void)argv;
  printf("swisd %s (%s)\n", SWISD_VERSION, swisd_commit);
  return SWISD_EXIT_OK;
}

int main(int argc, char **argv)
{
  signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of writing, not the end; */
  signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow */
  setvbuf(stderr, NULL, _IOLBF, 1024);
  const char *name = argc > 1 ? argv[1] : "help";
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    name = "help";
  if (strcmp(name, "--version") == 0)
    name = "version";
  const struct swisd_command *command = find(name);
  if (!command)
    return unknown(name);
  const int status = command->run(command, argc > 1 ? argc - 1 : 1, argc > 1 ? argv + 1 : argv);
  if (fflush(stdout) != 0 && status == SWISD_EXIT_OK) {
    perror("swisd: cannot write the output");
    return SWISD_EXIT_FAILED;
  }
  return status;
}
