/* swisd status: what the node of a data directory sees and does, once or again and again. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/status_print.h"

/* One round: prints the status; `before` is what the last round left, NULL in the first, and is replaced. */
static int round_of(const struct swisd_node_client *client, struct swisd_node_answer *before, bool *has_before)
{
  struct swisd_node_answer answer;
  struct swisd_error error;
  if (swisd_node_ask(client->directory, "{\"command\":\"status\"}", &answer, &error) != 0)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  const bool terminal = isatty(STDOUT_FILENO);
  const struct swisd_status_style style = {.colour = terminal, .rows_max = 64};
  if (client->json) {
    printf("%s\n", answer.raw);
  } else {
    if (client->watch && terminal)
      printf("\x1b[H\x1b[2J");
    swisd_status_print(stdout, answer.json.root, *has_before ? before->json.root : NULL, &style);
    if (client->watch && !terminal)
      printf("\n");
  }
  fflush(stdout);
  if (*has_before)
    swisd_node_answer_free(before);
  *before = answer;
  *has_before = true;
  return ferror(stdout) ? SWISD_EXIT_FAILED : SWISD_EXIT_OK;
}

int swisd_command_status(const struct swisd_command *command, int argc, char **argv)
{
  struct swisd_node_client client = swisd_node_client_default();
  const int rest = swisd_options_read(command, argc, argv, &client.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest > 0) {
    fprintf(stderr, "swisd status: %s: no argument is expected\n", argv[1]);
    return SWISD_EXIT_USAGE;
  }
  struct swisd_node_answer before;
  bool has_before = false;
  int status;
  while ((status = round_of(&client, &before, &has_before)) == SWISD_EXIT_OK && client.watch) {
    const struct timespec second = {.tv_sec = 1};
    nanosleep(&second, NULL);
  }
  if (has_before)
    swisd_node_answer_free(&before);
  return status;
}
