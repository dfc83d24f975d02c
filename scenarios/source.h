/* The texts that a scenario was read from: its file, those it includes, and what the command line sets. Places in complaints
 * and in the tree name them by number. */
#ifndef SWISD_SCENARIOS_SOURCE_H
#define SWISD_SCENARIOS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  SWISD_SOURCES_KEPT = 64,
  SWISD_SOURCE_NAME_BYTES = 1024,
  SWISD_SOURCE_BYTES_MAX = 16 * 1024 * 1024, /* of a scenario, and of every table that it names */
};

struct swisd_source_text {
  char name[SWISD_SOURCE_NAME_BYTES]; /* as people know it: a path, or "--set" */
  char *text;                         /* owned; a zero byte follows */
  size_t bytes;
};

struct swisd_sources {
  struct swisd_source_text list[SWISD_SOURCES_KEPT];
  uint32_t count;
};

/* Reads a regular file of at most SWISD_SOURCE_BYTES_MAX into memory of the caller's (malloc), a zero byte behind it. NULL
 * with a reason, worded to follow "key: ", in `why`. */
char *swisd_source_read_file(const char *path, size_t *bytes, char *why, size_t why_bytes);

/* Adds a text (copied). The number of the source, or -1 when there are too many or memory is out. */
int swisd_sources_add(struct swisd_sources *sources, const char *name, const char *text, size_t bytes);
/* Reads a file and adds it; -1 with a reason in `why`. */
int swisd_sources_add_file(struct swisd_sources *sources, const char *path, char *why, size_t why_bytes);
void swisd_sources_free(struct swisd_sources *sources);

/* `path` as seen from the folder of source `number`, into `full`; false when that is too long. */
bool swisd_sources_path(const struct swisd_sources *sources, uint32_t number, const char *path, char *full, size_t full_bytes);

#endif
