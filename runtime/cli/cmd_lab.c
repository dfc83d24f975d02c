/* swisd lab: a swarm on other machines, started, disturbed, watched and ended over ssh, from one inventory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/json_read.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/lab_hosts.h"
#include "runtime/cli/lab_timeline.h"
#include "runtime/net/clock.h"

enum { STATUS_BYTES = 1 << 20, PATH_BYTES = 1024, HOSTS_AT_ONCE = 16 };

struct lab_options {
  struct swisd_option_taker taker; /* first */
  const char *out;
};

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  (void)name, (void)error;
  ((struct lab_options *)taker)->out = value;
  return 0;
}

static void say_error(const struct swisd_error *error) { fprintf(stderr, "swisd lab: %s\n", error->text); }

static const struct swisd_inventory_host *find(const struct swisd_inventory *inventory, const char *name, uint32_t *index)
{
  for (*index = 0; *index < inventory->host_count; (*index)++)
    if (strcmp(inventory->hosts[*index].name, name) == 0)
      return &inventory->hosts[*index];
  fprintf(stderr, "swisd lab: %s: no such host in the inventory\n", name);
  return NULL;
}

/* Where a host that starts can join: the first one; that one itself the second, when it comes back. NULL: there is no other. */
static const char *join_address(const struct swisd_inventory *inventory, uint32_t index, char text[160])
{
  if (inventory->host_count == 1)
    return NULL;
  const struct swisd_inventory_host *other = &inventory->hosts[index == 0];
  snprintf(text, 160, strchr(other->address, ':') ? "[%s]:%u" : "%s:%u", other->address, other->port);
  return text;
}

/* ---- up ---- */

static int bring_up(const struct swisd_inventory *inventory, uint32_t index)
{
  struct swisd_lab_host lab;
  struct swisd_error error;
  struct swisd_remote_clock clock;
  char join[160];
  swisd_lab_host_of(&lab, inventory, index);
  const uint64_t start_ns = swisd_clock_now_ns();
  if (swisd_lab_host_prepare(&lab, &error) != 0 || swisd_lab_host_clock(&lab, &clock, &error) != 0 ||
      swisd_lab_host_start(&lab, index ? join_address(inventory, index, join) : NULL, &error) != 0) {
    say_error(&error);
    return -1;
  }
  fprintf(stderr, "swisd lab: %s is up, %s:%u, after %.1f s; clock known within %.1f ms\n", lab.host->name, lab.host->address,
          lab.host->port, (double)(swisd_clock_now_ns() - start_ns) / 1e9, (double)clock.error_ns / 1e6);
  return 0;
}

/* Waits for one of the children; how many of them failed: 0 or 1. */
static uint32_t one_ended(void)
{
  int status;
  return wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

/* The first host, which the others join; then all others side by side, a process each. */
static int command_up(const struct swisd_inventory *inventory)
{
  uint32_t failed = bring_up(inventory, 0) != 0, running = 0;
  for (uint32_t i = 1; i < inventory->host_count; i++) {
    if (running == HOSTS_AT_ONCE)
      failed += one_ended(), running--;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
      _exit(bring_up(inventory, i) != 0);
    running += child > 0;
    failed += child < 0;
  }
  for (; running; running--)
    failed += one_ended();
  if (failed)
    fprintf(stderr, "swisd lab: %u of %u hosts did not come up\n", failed, inventory->host_count);
  return failed ? SWISD_EXIT_FAILED : SWISD_EXIT_OK;
}

/* ---- status ---- */

static double number(const struct swisd_json_file *json, const char *pointer)
{
  const json_t *value = swisd_json_find(json, pointer);
  return json_is_number(value) ? json_number_value(value) : 0;
}

static int command_status(const struct swisd_inventory *inventory)
{
  static char text[STATUS_BYTES];
  uint32_t silent = 0;
  printf("%-16s %-24s %-10s %8s %8s %10s\n", "host", "address", "node", "alive", "dead", "up");
  for (uint32_t i = 0; i < inventory->host_count; i++) {
    struct swisd_lab_host lab;
    struct swisd_error error;
    struct swisd_json_file json;
    swisd_lab_host_of(&lab, inventory, i);
    if (swisd_lab_host_status(&lab, text, sizeof text, &error) != 0 ||
        swisd_json_parse(&json, lab.host->name, text, strlen(text), &error) != 0) {
      silent++;
      printf("%-16s %-24s down: %s\n", lab.host->name, lab.host->address, error.text);
      continue;
    }
    const char *id = json_string_value(swisd_json_find(&json, "/id"));
    printf("%-16s %-24s %-10.8s %8.0f %8.0f %8.0f s\n", lab.host->name, lab.host->address, id ? id : "?",
           number(&json, "/members_alive"), number(&json, "/members_dead"), number(&json, "/uptime_ns") / 1e9);
    swisd_json_free(&json);
  }
  return silent ? SWISD_EXIT_FAILED : SWISD_EXIT_OK;
}

/* ---- fault ---- */

static int command_fault(const struct swisd_inventory *inventory, const char *name, const char *kind, const char *value)
{
  uint32_t index;
  struct swisd_lab_host lab;
  struct swisd_error error;
  char join[160];
  if (!find(inventory, name, &index))
    return SWISD_EXIT_USAGE;
  swisd_lab_host_of(&lab, inventory, index);
  const bool starts = strcmp(kind, "start") == 0;
  const char *to = join_address(inventory, index, join);
  if ((starts ? swisd_lab_host_start(&lab, to, &error) : swisd_lab_host_fault(&lab, kind, value, &error)) != 0) {
    say_error(&error);
    return SWISD_EXIT_FAILED;
  }
  return SWISD_EXIT_OK;
}

/* ---- down ---- */

static int command_down(const struct swisd_inventory *inventory, const char *out)
{
  struct swisd_error error;
  struct swisd_lab_timeline timeline = {.directory = out};
  uint32_t failed = 0;
  struct stat there;
  if (mkdir(out, 0755) != 0 && (stat(out, &there) != 0 || !S_ISDIR(there.st_mode))) {
    fprintf(stderr, "swisd lab: %s: cannot be made\n", out);
    return SWISD_EXIT_USAGE;
  }
  for (uint32_t i = 0; i < inventory->host_count; i++) {
    struct swisd_lab_host lab;
    struct swisd_remote_clock clock;
    char directory[PATH_BYTES];
    swisd_lab_host_of(&lab, inventory, i);
    snprintf(directory, sizeof directory, "%s/%s", out, lab.host->name);
    if (swisd_lab_host_stop(&lab, &error) != 0 || swisd_lab_host_clock(&lab, &clock, &error) != 0 ||
        swisd_lab_host_collect(&lab, directory, &error) != 0) {
      failed++;
      say_error(&error);
      continue;
    }
    swisd_lab_timeline_host(&timeline, lab.host->name, clock.offset_ns, clock.error_ns);
  }
  if (swisd_lab_timeline_write(&timeline, &error) != 0) {
    say_error(&error);
    return SWISD_EXIT_FAILED;
  }
  fprintf(stderr, "swisd lab: %u recordings; %s/timeline.txt has what happened on one clock\n", timeline.recordings, out);
  return failed ? SWISD_EXIT_FAILED : SWISD_EXIT_OK;
}

/* ---- clock: the far end of a comparison ---- */

static int command_clock(void)
{
  int byte;
  while ((byte = getchar()) != EOF)
    if (byte == '\n') {
      printf("%" PRIu64 "\n", swisd_clock_now_ns());
      fflush(stdout);
    }
  return SWISD_EXIT_OK;
}

static const char wanted[] = "swisd lab: expected one of\n"
                             "  up INVENTORY                     send program, key and settings; start a node on every host\n"
                             "  status INVENTORY                 one line per host\n"
                             "  fault INVENTORY HOST KIND [X]    kill silence continue stop start; slow X, loss X, resume\n"
                             "  down INVENTORY                   end them; fetch logs and recordings; one timeline\n";

int swisd_command_lab(const struct swisd_command *command, int argc, char **argv)
{
  struct lab_options options = {.taker.take = take, .out = "lab-results"};
  const int rest = swisd_options_read(command, argc, argv, &options.taker);
  if (rest < 0)
    return -rest - 1;
  const char *verb = rest > 0 ? argv[1] : "";
  if (strcmp(verb, "clock") == 0 && rest == 1)
    return command_clock();
  const bool fault = strcmp(verb, "fault") == 0;
  const bool known = fault || strcmp(verb, "up") == 0 || strcmp(verb, "status") == 0 || strcmp(verb, "down") == 0;
  if (!known || (fault ? rest < 4 || rest > 5 : rest != 2)) {
    fputs(wanted, stderr);
    return SWISD_EXIT_USAGE;
  }
  static struct swisd_inventory inventory;
  struct swisd_scenario_errors errors = {0};
  if (swisd_inventory_read(argv[2], &inventory, &errors) != 0) {
    fputs(errors.text, stderr);
    return SWISD_EXIT_USAGE;
  }
  if (fault)
    return command_fault(&inventory, argv[3], argv[4], rest == 5 ? argv[5] : NULL);
  return verb[0] == 'u'   ? command_up(&inventory)
         : verb[0] == 's' ? command_status(&inventory)
                          : command_down(&inventory, options.out);
}
