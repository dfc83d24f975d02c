/* swisd fault: makes the running node of a data directory misbehave, for experiments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/node_client.h"

int swisd_command_fault(const struct swisd_command *command, int argc, char **argv)
{
  static const struct {
    const char *word, *argument;
  } faults[] = {{"stop", NULL}, {"silence", NULL}, {"resume", NULL}, {"slow", "factor"}, {"loss", "share"}};
  struct swisd_node_client client = swisd_node_client_default();
  const int rest = swisd_options_read(command, argc, argv, &client.taker);
  if (rest < 0)
    return -rest - 1;
  char line[128] = "";
  for (size_t i = 0; i < sizeof faults / sizeof *faults && rest > 0; i++) {
    if (strcmp(argv[1], faults[i].word) != 0 || rest != (faults[i].argument ? 2 : 1))
      continue;
    char *end = NULL;
    const double value = faults[i].argument ? strtod(argv[2], &end) : 0;
    if (end && (*end != '\0' || end == argv[2]))
      continue;
    if (faults[i].argument)
      snprintf(line, sizeof line, "{\"command\":\"%s\",\"%s\":%.17g}", faults[i].word, faults[i].argument, value);
    else
      snprintf(line, sizeof line, "{\"command\":\"%s\"}", faults[i].word);
  }
  if (!line[0]) {
    fprintf(stderr, "swisd fault: allowed are: %s\n", command->arguments);
    return SWISD_EXIT_USAGE;
  }
  struct swisd_node_answer answer;
  struct swisd_error error;
  if (swisd_node_ask(client.directory, line, &answer, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  swisd_node_answer_free(&answer);
  return SWISD_EXIT_OK;
}
