/* See commands.h: the table, and how options are read. */
#include "runtime/cli/commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/suggest.h"
#include "runtime/cli/peer_setup.h"
#include "runtime/cli/study_options.h"

enum { OPTIONS_MAX = 64, WORD_MAX = 40 };

static const struct swisd_cli_option help_option[] = {{"help", NULL, "say this"}, {0}};

/* ---- options ---- */

static void print_usage(const struct swisd_command *command, FILE *out)
{
  fprintf(out, "usage: swisd %s%s%s%s\n\n%s\n", command->name, command->options[0] ? " [OPTION]..." : "",
          command->arguments[0] ? " " : "", command->arguments, command->summary);
  const struct swisd_cli_option *const always[] = {help_option, NULL};
  const struct swisd_cli_option *const *groups[] = {command->options, always};
  fprintf(out, "\noptions:\n");
  for (size_t g = 0; g < 2; g++)
    for (size_t t = 0; groups[g][t]; t++)
      for (const struct swisd_cli_option *o = groups[g][t]; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        fprintf(out, "  %-26s %s\n", left, o->help);
      }
}

static size_t collect(const struct swisd_command *command, struct option *out)
{
  size_t count = 0;
  for (size_t t = 0; command->options[t]; t++)
    for (const struct swisd_cli_option *o = command->options[t]; o->name && count < OPTIONS_MAX; o++)
      out[count++] = (struct option){.name = o->name, .has_arg = o->argument ? required_argument : no_argument, .val = 1};
  out[count++] = (struct option){.name = "help", .has_arg = no_argument, .val = 2};
  out[count] = (struct option){0};
  return count;
}

static int over(int status) { return -(1 + status); }

static int mistake(const struct swisd_command *command, const char *word, bool missing, const struct option *options)
{
  if (missing) {
    fprintf(stderr, "swisd %s: %s needs a value; see swisd %s --help\n", command->name, word, command->name);
    return over(SWISD_EXIT_USAGE);
  }
  char name[WORD_MAX + 1];
  snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
  name[strcspn(name, "=")] = '\0';
  const char *known[OPTIONS_MAX + 1];
  size_t count = 0;
  for (; options[count].name; count++)
    known[count] = options[count].name;
  const char *meant = swisd_suggest(name, known, count);
  fprintf(stderr, "swisd %s: there is no option %s", command->name, word);
  if (meant)
    fprintf(stderr, "; did you mean --%s?\n", meant);
  else
    fprintf(stderr, "; see swisd %s --help\n", command->name);
  return over(SWISD_EXIT_USAGE);
}

int swisd_options_read(const struct swisd_command *command, int argc, char **argv, struct swisd_option_taker *taker)
{
  struct option options[OPTIONS_MAX + 2];
  char letters[2 * OPTIONS_MAX + 2] = ":"; /* options of one letter may be written with one dash */
  collect(command, options);
  for (size_t i = 0; options[i].name; i++)
    if (options[i].name[1] == '\0')
      snprintf(letters + strlen(letters), 3, "%s%s", options[i].name, options[i].has_arg ? ":" : "");
  optind = 1;
  opterr = 0;
  int index = -1, found;
  while ((found = getopt_long(argc, argv, letters, options, &index)) != -1) {
    if (found == 2) {
      print_usage(command, stdout);
      return over(SWISD_EXIT_OK);
    }
    const char letter[2] = {(char)found, '\0'};
    const bool is_letter = found != ':' && found != '?' && strchr(letters, found);
    if (found != 1 && !is_letter)
      return mistake(command, argv[optind - 1], found == ':', options);
    struct swisd_error error;
    if (taker->take(taker, is_letter ? letter : options[index].name, optarg, &error) != 0) {
      fprintf(stderr, "swisd %s: %s\n", command->name, error.text);
      return over(SWISD_EXIT_USAGE);
    }
  }
  const int rest = argc - optind;
  for (int i = 0; i < rest; i++)
    argv[1 + i] = argv[optind + i];
  return rest;
}

int swisd_cli_fail(int status, const struct swisd_error *error)
{
  fprintf(stderr, "swisd: %s\n", error->text);
  return status;
}

/* ---- the table ---- */

static const struct swisd_cli_option status_options[] = {
  {"data", "DIR", "data directory of the node"},
  {"watch", NULL, "again every second, with what happens per second, until Ctrl-C"},
  {"json", NULL, "the whole status as one JSON object per line"},
  {0}};
static const struct swisd_cli_option top_options[] = {{"data", "DIR", "data directory of the node"}, {0}};
static const struct swisd_cli_option explain_options[] = {
  {"data", "DIR", "data directory of the node to ask; without it, every node of yours on this machine"},
  {"json", NULL, "the whole explanation as one JSON object"},
  {0}};
static const struct swisd_cli_option fault_options[] = {{"data", "DIR", "data directory of the node"}, {0}};
static const struct swisd_cli_option keygen_options[] = {
  {"key-file", "FILE", "the join key's file ($SWISD_KEY_FILE, or join.key of this user)"},
  {"rotate", NULL, "put a new join key in front; the former stays valid beside it"},
  {"retire", NULL, "then, when every node has both: leave the first one only"},
  {"data", "DIR", "also make the identity of a node with that data directory"},
  {0}};
static const struct swisd_cli_option replay_options[] = {
  {"trace", NULL, "print what happened, line by line"}, {"repeat", "N", "replay N times (for timing)"}, {0}};
static const struct swisd_cli_option bench_options[] = {
  {"json", NULL, "as one JSON object"},
  {"kernels", "SET", "portable, openblas, or the name of one set; else all", "portable openblas"},
  {0}};
static const struct swisd_cli_option demo_options[] = {
  {"scenario", "FILE", "scenario with a lab world and simulated ones (scenarios/demo.yml)"},
  {"lab", "WORLD", "which world is played by real processes (six)"},
  {"out", "DIR", "where results and figures go (demo-results)"},
  {"only", "WORLD", "run just one world of the scenario"},
  {"seconds", "N", "bound of the real run instead of the scenario's"},
  {"kernels", "SET", "portable (default: same bits everywhere) or openblas", "portable openblas"},
  {0}};
static const struct swisd_cli_option lab_options[] = {{"out", "DIR", "down: where logs and recordings go (lab-results)"}, {0}};
static const struct swisd_cli_option init_options[] = {
  {"template", "NAME", "which one (churn)"}, {"list", NULL, "say which there are"}, {0}};
static const struct swisd_cli_option check_options[] = {
  {"resolved", NULL, "print it with everything applied and every default written out"}, {0}};
static const struct swisd_cli_option run_options[] = {
  {"j", "N", "runs at once (as many as there are processors)"},
  {"jobs", "N", "the same"},
  {"seeds", "N", "this many repeats instead of the scenario's, or those of a range: 10..19"},
  {"out", "DIR", "where the results go (results/NAME); what is finished there is not run again"},
  {"shard", "I/N", "only every N-th run, from the I-th on: for several machines; see swisd merge"},
  {"mixed", NULL, "also into results of another version of this program"},
  {"json", NULL, "the summary as JSON"},
  {"quiet", NULL, "no progress"},
  {0}};
static const struct swisd_cli_option compare_options[] = {
  {"metric", "NAME", "this one only"}, {"all", NULL, "every metric"}, {"json", NULL, "as JSON"}, {0}};
static const struct swisd_cli_option export_options[] = {{"ndjson", NULL, "a JSON object per run and line"}, {0}};
static const struct swisd_cli_option merge_options[] = {{"json", NULL, "the summary as JSON"}, {0}};
static const struct swisd_cli_option schema_options[] = {{"reference", NULL, "as a page to read"}, {0}};

#define OPTIONS(...) \
  (const struct swisd_cli_option *const[]) { __VA_ARGS__, NULL }
static const struct swisd_cli_option *const no_options[] = {NULL};

const struct swisd_command swisd_commands[] = {
  {"init", "[DIR]", "Write a commented scenario to start from.", OPTIONS(init_options), swisd_command_init, false},
  {"check", "SCENARIO", "Say all that is wrong with a scenario, or what it will run.",
   OPTIONS(swisd_study_option_table, check_options), swisd_command_check, false},
  {"run", "SCENARIO", "Run what is missing of a scenario's runs, and sum up.", OPTIONS(swisd_study_option_table, run_options),
   swisd_command_run, false},
  {"report", "RESULTS", "Figures, tables and one page with all of them: RESULTS/report/index.html.", no_options,
   swisd_command_report, false},
  {"compare", "RESULTS RESULTS", "What is different between two studies, run by run of equal seeds.", OPTIONS(compare_options),
   swisd_command_compare, false},
  {"export", "RESULTS", "Every number of every run, one per row, as CSV.", OPTIONS(export_options), swisd_command_export, false},
  {"merge", "RESULTS PART...", "Put the results of several machines together.", OPTIONS(merge_options), swisd_command_merge,
   false},
  {"schema", "", "The keys of scenario files, as a JSON Schema for editors.", OPTIONS(schema_options), swisd_command_schema,
   false},
  {"node", "", "Take part in a swarm: hold shards, compute for others, until Ctrl-C.",
   OPTIONS(swisd_peer_options_common, swisd_peer_options_node), swisd_command_node, false},
  {"classify", "[IMAGES.idx.gz]", "Classify images with the swarm; without a file, the test images of Fashion-MNIST.",
   OPTIONS(swisd_peer_options_common, swisd_peer_options_classify), swisd_command_classify, false},
  {"ask", "--model DIR [PROMPT]", "Let a language model, cut in stages over the swarm, go on with a text.",
   OPTIONS(swisd_peer_options_common, swisd_peer_options_ask), swisd_command_ask, false},
  {"filter", "IMAGE.pgm", "Take the noise out of a grey image, in strips, with the swarm. The image goes to stdout.",
   OPTIONS(swisd_peer_options_common, swisd_peer_options_filter), swisd_command_filter, false},
  {"bench", "", "Measure this device: what `swisd node` would advertise.", OPTIONS(bench_options), swisd_command_bench, false},
  {"keygen", "", "Make the swarm's join key, or the identity of a node; change the join key.", OPTIONS(keygen_options),
   swisd_command_keygen, false},
  {"status", "", "What the node of a data directory is doing.", OPTIONS(status_options), swisd_command_status, false},
  {"top", "", "The devices and jobs a node sees, on the whole terminal, redrawn every second.", OPTIONS(top_options),
   swisd_command_top, false},
  {"explain", "[JOB | latest]", "Why the tasks of a job went where they went, and what it waits for; without JOB, lists jobs.",
   OPTIONS(explain_options), swisd_command_explain, false, "latest"},
  {"fault", "stop | slow FACTOR | silence | resume | loss SHARE",
   "Make the running node of a data directory misbehave, for experiments.", OPTIONS(fault_options), swisd_command_fault, false,
   "stop slow silence resume loss"},
  {"replay", "RECORDING", "Step the core through a recording and compare its actions, bit for bit.", OPTIONS(replay_options),
   swisd_command_replay, false},
  {"demo", "", "One scenario in two worlds: 200 simulated devices, and six real processes that die while they work.",
   OPTIONS(demo_options), swisd_command_demo, false},
  {"lab", "up | status | fault | down INVENTORY [HOST KIND [X]]",
   "A swarm on other machines, started, disturbed and ended over ssh; their recordings on one clock.", OPTIONS(lab_options),
   swisd_command_lab, false, "up status fault down"},
  {"completion", "bash", "Print a completion script: source <(swisd completion bash).", no_options, swisd_command_completion,
   false, "bash"},
  {"help", "[COMMAND]", "Say what a command does.", no_options, swisd_command_help, false},
  {"version", "", "Say which version this is.", no_options, swisd_command_version, false},
  {0},
};
