/* swisd replay: the core, stepped through a recording. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cli/commands.h"
#include "runtime/net/replay.h"
#include "runtime/wire/trace_text.h"

struct replay_options {
  struct swisd_option_taker taker; /* first */
  bool trace;
  uint64_t repeat;
};

struct printer {
  struct swisd_replay_host host; /* first */
  struct swisd_id id;
};

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct replay_options *options = (struct replay_options *)taker;
  if (strcmp(name, "trace") == 0) {
    options->trace = true;
    return 0;
  }
  return swisd_read_unsigned(name, value, 1, 100000, &options->repeat, error);
}

static void print_traces(struct swisd_replay_host *host, const struct swisd_node *node, const struct swisd_event *event,
                         uint64_t now_ns, const struct swisd_actions *actions)
{
  (void)host, (void)event, (void)now_ns;
  struct swisd_node_status status;
  if (actions->trace_count > 0)
    swisd_node_status(node, &status);
  for (uint32_t i = 0; i < actions->trace_count; i++) {
    char line[SWISD_TRACE_TEXT_BYTES_MAX];
    swisd_trace_text(&actions->traces[i], status.id, NULL, line, sizeof line);
    puts(line);
  }
}

int swisd_command_replay(const struct swisd_command *command, int argc, char **argv)
{
  struct replay_options options = {.taker.take = take, .repeat = 1};
  const int rest = swisd_options_read(command, argc, argv, &options.taker);
  if (rest < 0)
    return -rest - 1;
  if (rest != 1) {
    fprintf(stderr, "swisd replay: one recording is expected\n");
    return SWISD_EXIT_USAGE;
  }
  struct printer printer = {.host.step = print_traces};
  struct swisd_replay_result result;
  struct swisd_error error;
  uint64_t steps = 0;
  double seconds = 0;
  for (uint64_t i = 0; i < options.repeat; i++) {
    if (swisd_replay_run(argv[1], options.trace && i == 0 ? &printer.host : NULL, &result, &error) != 0)
      return swisd_cli_fail(SWISD_EXIT_USAGE, &error);
    steps += result.steps;
    seconds += result.step_seconds;
  }
  fprintf(stderr, "%" PRIu64 " steps, %" PRIu64 " actions over %.1f s; the recording is %s; %.2f million steps per second\n",
          result.steps, result.actions, (double)(result.last_ns - result.first_ns) / 1e9, result.end,
          seconds > 0 ? (double)steps / seconds / 1e6 : 0);
  if (result.first_differing) {
    printf("differs at step %" PRIu64 "\n", result.first_differing);
    return SWISD_EXIT_FAILED;
  }
  printf("same actions in %" PRIu64 " of %" PRIu64 " steps\n", result.compared, result.compared);
  return SWISD_EXIT_OK;
}
