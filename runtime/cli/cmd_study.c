/* swisd init, check and schema: scenario files before anything runs. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/suggest.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/study_options.h"
#include "scenarios/schema.h"
#include "scenarios/study.h"
#include "scenarios/templates.h"

/* ---- init ---- */

struct init {
  struct swisd_option_taker taker;
  const char *template;
  bool list;
};

static int take_init(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct init *init = (struct init *)taker;
  (void)error;
  if (strcmp(name, "list") == 0)
    init->list = true;
  else
    init->template = value;
  return 0;
}

static const struct swisd_template *find_template(const char *name)
{
  const char *known[64];
  for (size_t i = 0; i < swisd_template_count && i < 64; i++) {
    known[i] = swisd_templates[i].name;
    if (strcmp(known[i], name) == 0)
      return &swisd_templates[i];
  }
  const char *near = swisd_suggest(name, known, swisd_template_count < 64 ? swisd_template_count : 64);
  fprintf(stderr, "swisd init: there is no template %s", name);
  if (near)
    fprintf(stderr, "; did you mean %s?\n", near);
  else
    fprintf(stderr, "; swisd init --list names them\n");
  return NULL;
}

/* The first line of a template without its "# ". */
static void list_templates(void)
{
  for (size_t i = 0; i < swisd_template_count; i++) {
    const char *text = swisd_templates[i].text + strspn(swisd_templates[i].text, "# ");
    printf("%-12s %.*s\n", swisd_templates[i].name, (int)strcspn(text, "\n"), text);
  }
}

int swisd_command_init(const struct swisd_command *command, int argc, char **argv)
{
  struct init init = {.taker = {take_init}, .template = "churn"};
  const int count = swisd_options_read(command, argc, argv, &init.taker);
  if (count < 0)
    return -count - 1;
  if (init.list) {
    list_templates();
    return SWISD_EXIT_OK;
  }
  const struct swisd_template *template = find_template(init.template);
  if (!template)
    return SWISD_EXIT_USAGE;
  char path[4096];
  const char *folder = count > 0 ? argv[1] : ".";
  if (mkdir(folder, 0777) < 0 && errno != EEXIST) {
    fprintf(stderr, "swisd init: %s: %s\n", folder, strerror(errno));
    return SWISD_EXIT_USAGE;
  }
  snprintf(path, sizeof path, "%s%s%s.yml", count > 0 ? folder : "", count > 0 ? "/" : "", template->name);
  FILE *out = fopen(path, "wxe"); /* what is there is somebody's work */
  if (!out || fputs(template->text, out) < 0 || fclose(out) != 0) {
    fprintf(stderr, "swisd init: %s: %s\n", path, strerror(errno));
    return SWISD_EXIT_USAGE;
  }
  fprintf(stderr, "%s written. Next: swisd check %s\n", path, path);
  return SWISD_EXIT_OK;
}

/* ---- check ---- */

struct check {
  struct swisd_option_taker taker;
  struct swisd_study_options study;
  bool resolved;
};

static int take_check(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct check *check = (struct check *)taker;
  if (strcmp(name, "resolved") == 0) {
    check->resolved = true;
    return 0;
  }
  return swisd_study_option(&check->study, name, value, error);
}

/* "duration: 2 min, 20 devices in 2 classes, 1 submitter" of the first point. */
static void describe(const struct swisd_scenario *s)
{
  char duration[32];
  swisd_quantity_format((double)s->duration_ns / 1e9, SWISD_DIMENSION_TIME, duration, sizeof duration);
  printf("%s%s%s: %s in %s, %u device%s in %u class%s, %u submitter%s, %u fault%s\n", s->name, *s->world ? "/" : "", s->world,
         duration, s->backend == SWISD_BACKEND_SIM ? "simulation" : "the lab", s->device_count, s->device_count == 1 ? "" : "s",
         s->class_count, s->class_count == 1 ? "" : "es", s->workload.submitters, s->workload.submitters == 1 ? "" : "s",
         s->fault_count, s->fault_count == 1 ? "" : "s");
}

static void print_points(struct swisd_study *study)
{
  const uint32_t points = swisd_study_points(study);
  for (uint32_t point = 0; point < points && point < 20 && swisd_study_columns(study) > 0; point++) {
    printf("  point %u:", point);
    for (uint32_t c = 0; c < swisd_study_columns(study); c++) {
      char *value = swisd_study_value(study, point, c);
      printf("%s %s = %s", c > 0 ? "," : "", swisd_study_column(study, c), value);
      free(value);
    }
    putchar('\n');
  }
  if (points > 20)
    printf("  ... and %u points more\n", points - 20);
}

int swisd_command_check(const struct swisd_command *command, int argc, char **argv)
{
  struct check check = {.taker = {take_check}};
  const int count = swisd_options_read(command, argc, argv, &check.taker);
  if (count < 0)
    return -count - 1;
  if (count != 1) {
    fprintf(stderr, "swisd check: which scenario? One file is wanted.\n");
    return SWISD_EXIT_USAGE;
  }
  static struct swisd_scenario_errors errors;
  struct swisd_study *study = swisd_study_open_with(&check.study, argv[1], &errors);
  struct swisd_scenario first;
  if (!study || swisd_study_point(study, 0, &first, &errors) < 0) {
    fprintf(stderr, "%s%u mistake%s\n", errors.text, errors.count, errors.count == 1 ? "" : "s");
    swisd_study_free(study);
    return SWISD_EXIT_USAGE;
  }
  if (check.resolved) {
    swisd_study_print(study, SWISD_STUDY_WHOLE, stdout);
  } else {
    const uint32_t points = swisd_study_points(study);
    describe(&first);
    printf("%u point%s x %u repeat%s = %" PRIu64 " runs\n", points, points == 1 ? "" : "s", first.repeat,
           first.repeat == 1 ? "" : "s", (uint64_t)points * first.repeat);
    print_points(study);
    if (first.world_count > 0 && !*first.world) {
      printf("worlds (--world):");
      for (uint32_t w = 0; w < first.world_count; w++)
        printf(" %s", first.worlds[w]);
      putchar('\n');
    }
  }
  swisd_scenario_free(&first);
  swisd_study_free(study);
  return SWISD_EXIT_OK;
}

/* ---- schema ---- */

struct schema {
  struct swisd_option_taker taker;
  bool reference;
};

static int take_schema(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  (void)name, (void)value, (void)error;
  ((struct schema *)taker)->reference = true;
  return 0;
}

int swisd_command_schema(const struct swisd_command *command, int argc, char **argv)
{
  struct schema schema = {.taker = {take_schema}};
  const int count = swisd_options_read(command, argc, argv, &schema.taker);
  if (count < 0)
    return -count - 1;
  if (schema.reference)
    swisd_schema_print_reference(stdout);
  else
    swisd_schema_print_json(stdout);
  return SWISD_EXIT_OK;
}
