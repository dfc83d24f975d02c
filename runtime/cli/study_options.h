/* The options that every command on a scenario file takes. */
#ifndef SWISD_CLI_STUDY_OPTIONS_H
#define SWISD_CLI_STUDY_OPTIONS_H

#include "runtime/cli/commands.h"
#include "scenarios/study.h"

enum { SWISD_STUDY_SETTINGS_MAX = 32 };

struct swisd_study_options {
  const char *world;
  const char *settings[SWISD_STUDY_SETTINGS_MAX];
  uint32_t setting_count;
};

extern const struct swisd_cli_option swisd_study_option_table[];

/* Takes --world or --set. */
int swisd_study_option(struct swisd_study_options *options, const char *name, const char *value, struct swisd_error *error);
/* The study of `path` with these options; NULL with `errors`. */
struct swisd_study *swisd_study_open_with(const struct swisd_study_options *options, const char *path,
                                          struct swisd_scenario_errors *errors);

#endif
