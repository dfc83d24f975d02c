/* See study_options.h. */
#include "runtime/cli/study_options.h"

#include <string.h>

const struct swisd_cli_option swisd_study_option_table[] = {
  {"world", "NAME", "the world of that name in the file"},
  {"set", "PATH=VALUE", "another value, e.g. links.wifi.latency=5ms; may be given several times"},
  {0}};

int swisd_study_option(struct swisd_study_options *options, const char *name, const char *value, struct swisd_error *error)
{
  if (strcmp(name, "world") == 0) {
    options->world = value;
    return 0;
  }
  if (options->setting_count == SWISD_STUDY_SETTINGS_MAX)
    return swisd_error_set(error, "--set: more than %d of them", SWISD_STUDY_SETTINGS_MAX);
  options->settings[options->setting_count++] = value;
  return 0;
}

struct swisd_study *swisd_study_open_with(const struct swisd_study_options *options, const char *path,
                                          struct swisd_scenario_errors *errors)
{
  const struct swisd_study_request request = {
    .path = path, .world = options->world, .settings = options->settings, .setting_count = options->setting_count};
  return swisd_study_open(&request, errors);
}
