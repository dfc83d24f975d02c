/* Inside of the scenario reader: what reader.c (maps, sections, cross-checks) and reader_value.c (single values) share. */
#ifndef SWISD_SCENARIOS_READER_H
#define SWISD_SCENARIOS_READER_H

#include <stdbool.h>

#include "scenarios/complaint.h"
#include "scenarios/document.h"
#include "scenarios/scenario.h"
#include "scenarios/schema.h"

/* Tables that were read for this file, by what was asked for. */
struct swisd_table_cache {
  char (*keys)[SWISD_SOURCE_NAME_BYTES];
  struct swisd_measured **tables;
  uint32_t count;
};

struct swisd_reader {
  const struct swisd_document *document;
  struct swisd_sources *sources;
  struct swisd_table_cache *tables;
  uint32_t root; /* the map that is read as the top; other maps of that section are worlds */
  struct swisd_complaints *complaints;
  struct swisd_scenario *scenario; /* to fill; NULL: only check (no names to look up, no required keys at the top) */
  char path[192];                  /* dotted, of the value under way */
  uint32_t visits;                 /* values read so far, aliases counted each time */
  const struct swisd_key *keys;    /* another table than the scenario's; NULL: that one */
  size_t key_count;
  /* Of another table: where a member of a NAMED map or LIST is stored, inside `base`; NULL when nothing is to be stored. `node`:
   * its name, or itself. */
  void *(*element)(struct swisd_reader *reader, enum swisd_section section, uint32_t node);
  void *base;
};

enum { SWISD_READER_VISITS_MAX = 500000 };

/* Complains about `node` under the current path: "path: text". */
__attribute__((format(printf, 3, 4))) void swisd_reader_complain(struct swisd_reader *reader, uint32_t node, const char *format,
                                                                 ...);

/* Goes one step down in the path; returns what leave() takes. `index` -1: a name, otherwise "[index]". */
uint32_t swisd_reader_enter(struct swisd_reader *reader, const char *name, int64_t index);
void swisd_reader_leave(struct swisd_reader *reader, uint32_t mark);

/* Reads a map whose keys are those of `section` into `base` (NULL: checks only). `node` 0: absent, defaults apply.
 * `place`: the node that a missing key is reported at. */
void swisd_reader_map(struct swisd_reader *reader, enum swisd_section section, uint32_t node, uint32_t place, void *base);

/* Checks each world of the file, storing nothing. */
void swisd_reader_check_worlds(struct swisd_reader *reader);

/* Reads a value that is no MAP, NAMED or LIST into the field of `key` in `base` (NULL: checks only). */
void swisd_reader_value(struct swisd_reader *reader, const struct swisd_key *key, uint32_t node, void *base);

/* The same for the default of `key`. */
void swisd_reader_fallback(struct swisd_reader *reader, const struct swisd_key *key, void *base);

/* Index of a class or link by name; -1 after a complaint at `node` that suggests a near one. */
int swisd_reader_find_class(struct swisd_reader *reader, uint32_t node, const char *name);
int swisd_reader_find_link(struct swisd_reader *reader, uint32_t node, const char *name);
int swisd_reader_find_site(struct swisd_reader *reader, uint32_t node, const char *name);

/* The table that the value of `item` names, kept by the reader's scenario; NULL after a complaint, and when nothing is stored. */
const struct swisd_measured *swisd_reader_table(struct swisd_reader *reader, const struct swisd_document_item *item,
                                                const struct swisd_table_request *request);
void swisd_table_cache_free(struct swisd_table_cache *cache);

/* A growing array: room for one more past `count`; false when memory is out. */
bool swisd_reader_grow(void **array, uint32_t count, size_t element_bytes);

#endif
