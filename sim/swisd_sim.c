/* swisd-sim: one run of one scenario in simulated devices. The summary goes to stdout, what is wrong to stderr. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenarios/study.h"
#include "sim/simdriver.h"

static const char usage[] =
  "usage: swisd-sim SCENARIO [--world W] [--seed S] [--repeat R] [--out DIR] [--json] [--digest]\n"
  "  --world W      the world of that name in the scenario\n"
  "  --set P=V      another value at a path of the scenario, e.g. links.wifi.latency=5ms; several times\n"
  "  --seed S       instead of the scenario's\n"
  "  --repeat R     which of the scenario's repeats, from 0\n"
  "  --out DIR      run.json, series.csv, tasks.csv and events.csv go there\n"
  "  --json         the summary as JSON\n"
  "  --digest       only the digest of the run: equal for equal seeds\n"
  "  --settle S     devices join and fetch shards for S seconds before the run's time begins, as in the lab\n"
  "  --model NAME   simgrid (default), or formula: transfers without contention\n"
  "  --bucket MS    events happen at multiples of this; 0 (default): exact\n"
  "  --everything   control messages are SimGrid transfers too: slow, for comparison\n"
  "  --serialise    control messages share their sender's uplink\n"
  "  --check        check every node's invariants after each step: slow\n"
  "  --record DIR   a flight recording of each node goes there\n"
  "  --answers FILE with compute: real, the answers of the first submitter's first job as bytes (tokens: u32) go there\n"
  "  --trace        every trace of every node on stderr\n";

enum { SETTINGS_MAX = 64 };

enum option_key {
  KEY_WORLD = 1,
  KEY_SET,
  KEY_SEED,
  KEY_REPEAT,
  KEY_OUT,
  KEY_JSON,
  KEY_DIGEST,
  KEY_SETTLE,
  KEY_MODEL,
  KEY_BUCKET,
  KEY_EVERYTHING,
  KEY_SERIALISE,
  KEY_CHECK,
  KEY_RECORD,
  KEY_ANSWERS,
  KEY_TRACE,
  KEY_HELP
};

struct command {
  const char *scenario, *world, *answers;
  bool has_seed, json, digest;
  uint64_t seed;
  const char *settings[SETTINGS_MAX];
  uint32_t setting_count;
  struct swisd_simdriver_options options;
};

static bool parse_number(const char *text, uint64_t max, uint64_t *number)
{
  char *end;
  errno = 0;
  *number = strtoull(text, &end, 10);
  return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *number <= max;
}

static int complain(const char *what, const char *value)
{
  fprintf(stderr, "swisd-sim: %s%s%s\n%s", what, value == NULL ? "" : ": ", value == NULL ? "" : value, usage);
  return 2;
}

/* 0: go on; otherwise the exit status + 1. */
static int parse_option(struct command *c, int key, const char *value)
{
  uint64_t number = 0;
  switch (key) {
  case KEY_WORLD:
    c->world = value;
    return 0;
  case KEY_SET:
    if (c->setting_count == SETTINGS_MAX)
      return 1 + complain("--set: too many of them", NULL);
    c->settings[c->setting_count++] = value;
    return 0;
  case KEY_SEED:
    c->has_seed = parse_number(value, UINT64_MAX, &c->seed);
    return c->has_seed ? 0 : 1 + complain("--seed is a whole number, not", value);
  case KEY_REPEAT:
    if (!parse_number(value, UINT32_MAX, &number))
      return 1 + complain("--repeat is a whole number, not", value);
    c->options.repeat = (uint32_t)number;
    return 0;
  case KEY_OUT:
    c->options.directory = value;
    return 0;
  case KEY_JSON:
    c->json = true;
    return 0;
  case KEY_DIGEST:
    c->digest = true;
    return 0;
  case KEY_SETTLE:
    if (!parse_number(value, 3600, &number))
      return 1 + complain("--settle is a whole number of seconds up to 3600, not", value);
    c->options.settle_ns = number * SWISD_SECOND;
    return 0;
  case KEY_MODEL:
    if (strcmp(value, "simgrid") != 0 && strcmp(value, "formula") != 0)
      return 1 + complain("--model is simgrid or formula, not", value);
    c->options.model = strcmp(value, "formula") == 0 ? SWISD_SIM_FORMULA : SWISD_SIM_SIMGRID;
    return 0;
  case KEY_BUCKET:
    if (!parse_number(value, 1000, &number))
      return 1 + complain("--bucket is a whole number of milliseconds up to 1000, not", value);
    c->options.quantum_ns = number * SWISD_MILLISECOND;
    return 0;
  case KEY_EVERYTHING:
    c->options.everything = true;
    return 0;
  case KEY_SERIALISE:
    c->options.serialise = true;
    return 0;
  case KEY_CHECK:
    c->options.check = true;
    return 0;
  case KEY_RECORD:
    c->options.record = value;
    return 0;
  case KEY_ANSWERS:
    c->answers = value;
    return 0;
  case KEY_TRACE:
    c->options.trace = stderr;
    return 0;
  case KEY_HELP:
    fputs(usage, stdout);
    return 1;
  default:
    fputs(usage, stderr);
    return 3; /* getopt has said why */
  }
}

static int parse(struct command *c, int argc, char **argv)
{
  static const struct option options[] = {{"world", required_argument, NULL, KEY_WORLD},
                                          {"seed", required_argument, NULL, KEY_SEED},
                                          {"set", required_argument, NULL, KEY_SET},
                                          {"repeat", required_argument, NULL, KEY_REPEAT},
                                          {"out", required_argument, NULL, KEY_OUT},
                                          {"json", no_argument, NULL, KEY_JSON},
                                          {"digest", no_argument, NULL, KEY_DIGEST},
                                          {"settle", required_argument, NULL, KEY_SETTLE},
                                          {"model", required_argument, NULL, KEY_MODEL},
                                          {"bucket", required_argument, NULL, KEY_BUCKET},
                                          {"everything", no_argument, NULL, KEY_EVERYTHING},
                                          {"serialise", no_argument, NULL, KEY_SERIALISE},
                                          {"check", no_argument, NULL, KEY_CHECK},
                                          {"record", required_argument, NULL, KEY_RECORD},
                                          {"trace", no_argument, NULL, KEY_TRACE},
                                          {"answers", required_argument, NULL, KEY_ANSWERS},
                                          {"help", no_argument, NULL, KEY_HELP},
                                          {NULL, 0, NULL, 0}};
  for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    const int status = parse_option(c, key, optarg);
    if (status != 0)
      return status;
  }
  if (argc - optind != 1)
    return 1 + complain(argc == optind ? "which scenario?" : "one scenario at a time", NULL);
  c->scenario = argv[optind];
  if (c->options.everything && c->options.model == SWISD_SIM_FORMULA)
    return 1 + complain("--everything needs --model simgrid", NULL);
  return 0;
}

static int write_answers(const struct swisd_simdriver *driver, const char *path)
{
  uint64_t bytes = 0;
  const uint8_t *answer = swisd_simdriver_answer(driver, 0, 0, &bytes);
  FILE *out = fopen(path, "we");
  const bool written = out != NULL && answer != NULL && fwrite(answer, 1, bytes, out) == bytes;
  if (out != NULL && fclose(out) == 0 && written)
    return 0;
  fprintf(stderr, "swisd-sim: %s: cannot write: %s\n", path, strerror(errno));
  return -1;
}

static int run(const struct command *c, const struct swisd_scenario *scenario)
{
  struct swisd_error error;
  struct swisd_simdriver *driver = swisd_simdriver_new(scenario, &c->options, &error);
  if (driver == NULL) {
    fprintf(stderr, "%s: %s\n", c->scenario, error.text);
    return 2;
  }
  if (swisd_simdriver_run(driver, &error) < 0) {
    fprintf(stderr, "swisd-sim: %s\n", error.text);
    return 1;
  }
  const struct swisd_runlog_summary summary = swisd_simdriver_summary(driver);
  if (c->digest)
    printf("%016" PRIx64 "\n", summary.digest);
  else if (c->json)
    swisd_runlog_print_json(stdout, &summary);
  else
    swisd_runlog_print(stdout, &summary);
  if (c->answers != NULL && write_answers(driver, c->answers) < 0)
    return 1;
  if (swisd_simdriver_close(driver, &error) < 0) {
    fprintf(stderr, "swisd-sim: %s\n", error.text);
    return 1;
  }
  return summary.jobs_failed > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
  struct command command = {0};
  int status = parse(&command, argc, argv);
  if (status != 0)
    return status - 1;
  command.options.scenario_path = command.scenario;
  static struct swisd_scenario scenario;
  static struct swisd_scenario_errors errors;
  const struct swisd_study_request request = {
    .path = command.scenario, .world = command.world, .settings = command.settings, .setting_count = command.setting_count};
  if (swisd_study_scenario(&request, &scenario, &errors) < 0) {
    fputs(errors.text, stderr);
    return 2;
  }
  if (command.has_seed)
    scenario.seed = command.seed;
  if (command.answers != NULL && scenario.compute != SWISD_COMPUTE_REAL) {
    fprintf(stderr, "swisd-sim: --answers: there are none without compute: real\n");
    return 2;
  }
  status = run(&command, &scenario);
  swisd_scenario_free(&scenario);
  if (fflush(stdout) != 0)
    status = 1;
  _exit(status); /* SimGrid's own end would print a line per activity that is left */
}
