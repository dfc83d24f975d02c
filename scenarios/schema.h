/* The one table of scenario keys: type, unit, bounds, default, where the value goes, and what it means.
 * Reader, reference page and tests all work from it; a new key is a new row. */
#ifndef SWISD_SCENARIOS_SCHEMA_H
#define SWISD_SCENARIOS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "scenarios/quantity.h"

/* Maps with a fixed set of keys. Each is filled into one struct, named in schema.c; inner maps fill the struct around them. */
enum swisd_section {
  SWISD_SECTION_TOP = 0,
  SWISD_SECTION_LINK,
  SWISD_SECTION_SITE,
  SWISD_SECTION_DEVICE,
  SWISD_SECTION_SPEED,
  SWISD_SECTION_SAMPLE,
  SWISD_SECTION_CHURN,
  SWISD_SECTION_DAY,
  SWISD_SECTION_FAULT,
  SWISD_SECTION_SLOW,
  SWISD_SECTION_LOSS,
  SWISD_SECTION_FLAP,
  SWISD_SECTION_BANDWIDTH,
  SWISD_SECTION_LIE,
  SWISD_SECTION_CLOCK,
  SWISD_SECTION_TARGET,
  SWISD_SECTION_WORKLOAD,
  SWISD_SECTION_SHAPE,
  SWISD_SECTION_STEP,
  SWISD_SECTION_PLACEMENT,
  SWISD_SECTION_DISTANCES,
  SWISD_SECTION_COUNT,
};

enum swisd_key_type {
  SWISD_KEY_MAP = 0, /* the keys of section `inner` */
  SWISD_KEY_NAMED,   /* a name each -> the keys of `inner` */
  SWISD_KEY_LIST,    /* a list of maps with the keys of `inner` */
  SWISD_KEY_SPEEDS,  /* one speed, or a map with a speed per kernel class */
  SWISD_KEY_TEXT,
  SWISD_KEY_CHOICE, /* one of `choices`; stored as its index */
  SWISD_KEY_WHOLE,
  SWISD_KEY_NUMBER,
  SWISD_KEY_TIME, /* stored in nanoseconds */
  SWISD_KEY_BYTES,
  SWISD_KEY_RATE,
  SWISD_KEY_SPEED,
  SWISD_KEY_WORK,
  SWISD_KEY_SHARE,
  SWISD_KEY_TIME_DISTRIBUTION,
  SWISD_KEY_COUNT_DISTRIBUTION,
  SWISD_KEY_DEVICES,  /* class, class/index, {class, count | share}, or a list of those */
  SWISD_KEY_LINK,     /* the name of a link; stored as its index */
  SWISD_KEY_SITE,     /* the name of a site; stored as its index */
  SWISD_KEY_CLASS,    /* the name of a device class of this scenario; stored as its index */
  SWISD_KEY_FILE,     /* the path of a table */
  SWISD_KEY_FILES,    /* paths of scenario files */
  SWISD_KEY_SETTINGS, /* paths with values */
  SWISD_KEY_SWEEP,
  SWISD_KEY_EXPECT,
  SWISD_KEY_TEXTS, /* a text or a list of texts, each of max + 1 bytes in an array; an empty one ends it */
};

enum swisd_key_flags {
  SWISD_KEY_REQUIRED = 1,
  SWISD_KEY_BASE_ONLY = 2, /* not in a world */
  SWISD_KEY_WHOLLY = 8,    /* a map at the top: left out, its defaults do not apply either */
  SWISD_KEY_STUDY = 4,     /* of a study, not of a run: not part of a resolved point */
  SWISD_KEY_RELOAD = 64,   /* node.yml: may change while the node runs */
};

struct swisd_key {
  uint8_t section; /* enum swisd_section: where the key stands */
  uint8_t type;    /* enum swisd_key_type */
  uint8_t inner;   /* enum swisd_section, of MAP, NAMED, LIST, SPEEDS */
  uint8_t flags;
  const char *name;
  uint16_t offset, bytes; /* of the field; bytes 0: not stored, or stored by the reader itself */
  double min, max;        /* in the unit of swisd_quantity; lengths for TEXT and the count of members for NAMED and LIST */
  const char *fallback;   /* as it would be written in a file; NULL: the zeroed value stays */
  const char *choices;    /* of CHOICE: words separated by spaces */
  const char *help;       /* one line */
};

extern const struct swisd_key swisd_keys[];
extern const size_t swisd_key_count;

/* The row of `name` in `section`, NULL if there is none. */
const struct swisd_key *swisd_key_find(enum swisd_section section, const char *name);

/* The dotted path of a key with * for names and [] for list members ("links.*.latency") into `path`. */
void swisd_key_path(const struct swisd_key *key, char *path, size_t bytes);

/* What the key's value, or a distribution's, is measured in. */
enum swisd_dimension swisd_key_dimension(const struct swisd_key *key);

/* What the key takes, in words ("a time, e.g. 250 ms"; "one of: sim lab"). */
void swisd_key_wanted(const struct swisd_key *key, char *text, size_t bytes);

/* The reference of all keys as a page in Markdown (scenarios/REFERENCE.md). */
void swisd_schema_print_reference(FILE *out);

/* The keys as a JSON Schema (draft 2020-12), for editors. */
void swisd_schema_print_json(FILE *out);

/* The scenario at `top` with its defaults written out, key by key in the order of the table. `whole`: with the keys of the
 * study, such as `sweep:`. `top` has been read without complaint. */
struct swisd_document;
void swisd_schema_print_resolved(const struct swisd_document *document, uint32_t top, bool whole, FILE *out);

#endif
