/* Files of settings that are no scenarios (node.yml, inventories), read by the scenarios' machinery from a table of their own:
 * units, bounds, `x-` keys, every mistake at once with its line, column and caret. */
#ifndef SWISD_SCENARIOS_SETTINGS_H
#define SWISD_SCENARIOS_SETTINGS_H

#include "scenarios/reader.h"

/* One kind of file. Its sections have numbers from SWISD_SETTINGS_SECTION on, which scenarios do not use. */
enum { SWISD_SETTINGS_SECTION = 200 };

struct swisd_settings {
  const struct swisd_key *keys;
  size_t key_count;
  uint8_t top; /* section of the file's own keys */
  /* Where a member of a NAMED map or LIST is stored; NULL where the table has none. See swisd_reader.element. */
  void *(*element)(struct swisd_reader *reader, enum swisd_section section, uint32_t node);
  /* After the values are in `base`: paths, checks across keys. May be NULL. */
  void (*finish)(struct swisd_reader *reader, void *base);
};

/* Reads `path`, or `text` under the name of a file, into `base`, which the caller has filled with what holds where nothing is
 * given. 0, or -1 with at least one error. */
int swisd_settings_read(const struct swisd_settings *settings, const char *path, void *base,
                        struct swisd_scenario_errors *errors);
int swisd_settings_parse(const struct swisd_settings *settings, const char *name, const char *text, size_t bytes, void *base,
                         struct swisd_scenario_errors *errors);

/* Makes a path that was written relative to the file relative to where we run. `path` holds `bytes`; empty stays empty. */
void swisd_settings_path(struct swisd_reader *reader, char *path, size_t bytes);

#endif
