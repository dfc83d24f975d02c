/* swisd status and swisd fault: talk to the running node of a data directory through its control socket. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json_read.h"
#include "runtime/cli/peer_setup.h"
#include "runtime/net/control.h"

enum { PATIENCE_SECONDS = 5 };

struct client_options {
  struct swisd_option_taker taker; /* first */
  char directory[512];
  bool json;
};

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct client_options *options = (struct client_options *)taker;
  if (strcmp(name, "json") == 0)
    options->json = true;
  else if (snprintf(options->directory, sizeof options->directory, "%s", value) >= (int)sizeof options->directory)
    return swisd_error_set(error, "--data: the path is too long");
  return 0;
}

static uint64_t number(const struct swisd_json_file *status, const char *pointer)
{
  const json_t *value = swisd_json_find(status, pointer);
  return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

static const char *text(const struct swisd_json_file *status, const char *pointer)
{
  const char *value = json_string_value(swisd_json_find(status, pointer));
  return value ? value : "";
}

static void print_status(const struct swisd_json_file *s)
{
  printf("node      %.8s %s on %s, incarnation %" PRIu64 ", up %.0f s\n", text(s, "/id"), text(s, "/name"), text(s, "/address"),
         number(s, "/incarnation"), (double)number(s, "/uptime_ns") / 1e9);
  printf("swarm     %" PRIu64 " alive, %" PRIu64 " suspect, %" PRIu64 " dead\n", number(s, "/members_alive"),
         number(s, "/members_suspect"), number(s, "/members_dead"));
  printf("holds     %" PRIu64 " shards, %.1f MB packed; fetched %" PRIu64 ", served %" PRIu64 "\n", number(s, "/holdings"),
         (double)number(s, "/model_memory_bytes") / 1e6, number(s, "/shards_fetched"), number(s, "/shards_served"));
  printf("work      %" PRIu64 " programs done, %" PRIu64 " running, %" PRIu64 " queued (%.2f s), busy %.1f s\n",
         number(s, "/programs_completed"), number(s, "/computing"), number(s, "/queued"), (double)number(s, "/queue_ns") / 1e9,
         (double)number(s, "/busy_ns") / 1e9);
  printf("jobs      %" PRIu64 " own, %" PRIu64 " of others\n", number(s, "/jobs"), number(s, "/open_jobs"));
  printf("links     %" PRIu64 " streams, %.1f MB out, %.1f MB in; %" PRIu64 " datagrams out, %" PRIu64 " in\n",
         number(s, "/streams"), (double)number(s, "/stream_bytes_sent") / 1e6, (double)number(s, "/stream_bytes_received") / 1e6,
         number(s, "/datagrams_sent"), number(s, "/datagrams_received"));
  printf("refused   %" PRIu64 " connections, %" PRIu64 " frames, %" PRIu64 " messages, %" PRIu64 " bodies, %" PRIu64
         " datagrams, %" PRIu64 " forged\n",
         number(s, "/connections_refused"), number(s, "/frames_bad"), number(s, "/messages_bad"), number(s, "/bodies_refused"),
         number(s, "/datagrams_bad"), number(s, "/datagrams_forged"));
  const json_t *members = swisd_json_find(s, "/members");
  for (size_t i = 0; i < json_array_size(members); i++) {
    const json_t *member = json_array_get(members, i);
    const char *state = json_string_value(json_object_get(member, "state"));
    const char *address = json_string_value(json_object_get(member, "address"));
    printf("member    %.8s %-7s %-21s incarnation %lld, %lld shards%s\n", json_string_value(json_object_get(member, "id")), state,
           address ? address : "", (long long)json_integer_value(json_object_get(member, "incarnation")),
           (long long)json_integer_value(json_object_get(member, "holdings")),
           json_is_true(json_object_get(member, "works")) ? "" : ", does not work");
  }
}

/* The node's answer to `line`, parsed; exit status, 0 when `answer` is to be freed. */
static int ask(const struct client_options *options, const char *line, char **raw, struct swisd_json_file *answer)
{
  struct swisd_error error;
  *raw = swisd_control_ask(options->directory, line, PATIENCE_SECONDS, &error);
  if (!*raw)
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  if (swisd_json_parse(answer, "answer of the node", *raw, strlen(*raw), &error) != 0) {
    free(*raw);
    return swisd_cli_fail(SWISD_EXIT_FAILED, &error);
  }
  if (!json_is_true(swisd_json_find(answer, "/ok"))) {
    fprintf(stderr, "swisd: the node says: %s\n", text(answer, "/error"));
    swisd_json_free(answer);
    free(*raw);
    return SWISD_EXIT_FAILED;
  }
  return SWISD_EXIT_OK;
}

int swisd_command_status(const struct swisd_command *command, int argc, char **argv)
{
  struct client_options options = {.taker.take = take};
  swisd_default_directory(options.directory, sizeof options.directory);
  const int rest = swisd_options_read(command, argc, argv, &options.taker);
  if (rest < 0)
    return -rest - 1;
  char *raw;
  struct swisd_json_file answer;
  const int status = ask(&options, "{\"command\":\"status\"}", &raw, &answer);
  if (status != SWISD_EXIT_OK)
    return status;
  if (options.json)
    printf("%s\n", raw);
  else
    print_status(&answer);
  swisd_json_free(&answer);
  free(raw);
  return SWISD_EXIT_OK;
}

int swisd_command_fault(const struct swisd_command *command, int argc, char **argv)
{
  static const struct { const char *word, *argument; } faults[] = {
      {"stop", NULL}, {"silence", NULL}, {"resume", NULL}, {"slow", "factor"}, {"loss", "share"}};
  struct client_options options = {.taker.take = take};
  swisd_default_directory(options.directory, sizeof options.directory);
  const int rest = swisd_options_read(command, argc, argv, &options.taker);
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
  char *raw;
  struct swisd_json_file answer;
  const int status = ask(&options, line, &raw, &answer);
  if (status == SWISD_EXIT_OK) {
    swisd_json_free(&answer);
    free(raw);
  }
  return status;
}
