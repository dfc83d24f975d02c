/* What the table of keys is printed as: a reference page, a JSON Schema, and a scenario with its defaults written out. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "scenarios/distribution.h"
#include "scenarios/document.h"
#include "scenarios/metric.h"
#include "scenarios/quantity.h"
#include "scenarios/schema.h"

static bool is_applied(const struct swisd_key *key) { return key->flags & SWISD_KEY_STUDY && key->type != SWISD_KEY_SWEEP; }

static const struct swisd_key *opener_of(enum swisd_section section)
{
  for (size_t i = 0; i < swisd_key_count; i++) {
    if (swisd_keys[i].inner == section && section != SWISD_SECTION_TOP) {
      return &swisd_keys[i];
    }
  }
  return NULL;
}

/* ---- the reference page ---- */

static void print_heading(enum swisd_section section, FILE *out)
{
  char path[128];
  const struct swisd_key *opener = opener_of(section);
  if (section == SWISD_SECTION_TOP) {
    fprintf(out, "## The file itself\n\n");
  } else if (section == SWISD_SECTION_TARGET) {
    fprintf(out,
            "## Devices of a fault\n\n`pi4` are all of a class, `pi4/3` is one of it; a map chooses some; a list adds up.\n\n");
  } else {
    swisd_key_path(opener, path, sizeof path);
    fprintf(out, "## %s%s\n\n%s: %s.\n\n", path,
            opener->type == SWISD_KEY_NAMED  ? ".*"
            : opener->type == SWISD_KEY_LIST ? "[]"
                                             : "",
            opener->type == SWISD_KEY_NAMED  ? "A name each"
            : opener->type == SWISD_KEY_LIST ? "A list"
                                             : "A map",
            opener->help);
  }
}

/* A cell of a Markdown table: bars escaped. */
static void print_cell(const char *text, FILE *out)
{
  for (; *text; text++) {
    fputs(*text == '|' ? "\\" : "", out);
    fputc(*text, out);
  }
}

static void print_keys(enum swisd_section section, FILE *out)
{
  fprintf(out, "| key | takes | default | meaning |\n|---|---|---|---|\n");
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    char wanted[200];
    if (key->section != section) {
      continue;
    }
    swisd_key_wanted(key, wanted, sizeof wanted);
    fprintf(out, "| `%s` | ", key->name);
    print_cell(wanted, out);
    fprintf(out, " | %s | ", key->flags & SWISD_KEY_REQUIRED ? "**required**" : key->fallback ? key->fallback : "");
    print_cell(key->help, out);
    fprintf(out, " |\n");
  }
  fputc('\n', out);
}

static void print_units(FILE *out)
{
  static const struct {
    enum swisd_dimension dimension;
    const char *what;
  } rows[] = {{SWISD_DIMENSION_TIME, "times"},   {SWISD_DIMENSION_BYTES, "sizes"}, {SWISD_DIMENSION_RATE, "rates"},
              {SWISD_DIMENSION_SPEED, "speeds"}, {SWISD_DIMENSION_WORK, "work"},   {SWISD_DIMENSION_SHARE, "shares"}};
  fprintf(out, "## Units\n\nRequired wherever there is a dimension: `250 ms`, not `0.25`.\n\n");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char units[160];
    swisd_quantity_units(rows[i].dimension, ", ", units, sizeof units);
    fprintf(out, "- %s: %s\n", rows[i].what, units);
  }
  fputc('\n', out);
}

static void print_metrics(FILE *out)
{
  fprintf(out, "## Results\n\nWhat `expect:` may ask for, and what the columns of runs.csv and summary.csv are.\n\n"
               "| name | meaning |\n|---|---|\n");
  for (size_t i = 0; i < swisd_metric_count; i++) {
    fprintf(out, "| `%s` | %s |\n", swisd_metrics[i].name, swisd_metrics[i].help);
  }
}

void swisd_schema_print_reference(FILE *out)
{
  fprintf(out, "# Scenario files: every key\n\nMade by `swisd schema --reference` from the table of keys (`schema.c`).\n"
               "`swisd check FILE` says what is wrong with a file, `swisd schema` prints this as a JSON Schema for editors.\n\n"
               "A value is named by its dotted path (`links.wifi.latency`, `faults[0].at`), in messages, in `set:`, in `sweep:`\n"
               "and with `--set`. Keys that begin with `x-` are free. Later wins: included files, the file, its world, `set:`,\n"
               "`--set`, the point of the sweep.\n\n");
  for (int section = 0; section < SWISD_SECTION_COUNT; section++) {
    print_heading((enum swisd_section)section, out);
    print_keys((enum swisd_section)section, out);
  }
  fprintf(
    out, "## Distributions\n\nWherever a key takes a distribution, a plain value is a constant; otherwise a map of one key:\n\n");
  swisd_distribution_print_kinds(out);
  fputc('\n', out);
  print_units(out);
  print_metrics(out);
}

/* ---- the JSON Schema ---- */

static const char *section_name(enum swisd_section section, char *name, size_t bytes)
{
  const struct swisd_key *opener = opener_of(section);
  snprintf(name, bytes, "%s", section == SWISD_SECTION_TARGET ? "target" : opener ? opener->name : "scenario");
  if (opener && section == SWISD_SECTION_SPEED) {
    snprintf(name, bytes, "speeds");
  }
  return name;
}

static void put_type(struct swisd_json *json, const char *type)
{
  swisd_json_key(json, "type");
  swisd_json_string(json, type);
}

static void put_reference(struct swisd_json *json, enum swisd_section section)
{
  char name[64], reference[96];
  snprintf(reference, sizeof reference, "#/$defs/%s", section_name(section, name, sizeof name));
  swisd_json_key(json, "$ref");
  swisd_json_string(json, reference);
}

static void put_quantity(struct swisd_json *json, enum swisd_dimension dimension)
{
  char units[160], pattern[256];
  swisd_quantity_units(dimension, "|", units, sizeof units);
  snprintf(pattern, sizeof pattern, "^[-+0-9.eE]+ *(%s)$", units);
  put_type(json, "string");
  swisd_json_key(json, "pattern");
  swisd_json_string(json, pattern);
}

static void put_choices(struct swisd_json *json, const char *choices)
{
  swisd_json_key(json, "enum");
  swisd_json_array(json);
  for (const char *word = choices; *word;) {
    const size_t length = strcspn(word, " ");
    swisd_json_text(json, word, length);
    word += length + (word[length] == ' ');
  }
  swisd_json_end(json);
}

static void put_bounds(struct swisd_json *json, const struct swisd_key *key)
{
  swisd_json_key(json, "minimum");
  swisd_json_number(json, key->min);
  swisd_json_key(json, "maximum");
  swisd_json_number(json, key->max);
}

/* What a value may be, into the open object. */
static void put_value(struct swisd_json *json, const struct swisd_key *key)
{
  const enum swisd_section inner = (enum swisd_section)key->inner;
  switch (key->type) {
  case SWISD_KEY_MAP:
    put_reference(json, inner);
    break;
  case SWISD_KEY_NAMED:
    put_type(json, "object");
    swisd_json_key(json, "additionalProperties");
    swisd_json_object(json);
    put_reference(json, inner);
    swisd_json_end(json);
    break;
  case SWISD_KEY_LIST:
    put_type(json, "array");
    swisd_json_key(json, "items");
    swisd_json_object(json);
    put_reference(json, inner);
    swisd_json_end(json);
    break;
  case SWISD_KEY_CHOICE:
    put_choices(json, key->choices);
    break;
  case SWISD_KEY_WHOLE:
    put_type(json, "integer");
    put_bounds(json, key);
    break;
  case SWISD_KEY_NUMBER:
    put_type(json, "number");
    put_bounds(json, key);
    break;
  case SWISD_KEY_TEXT:
    put_type(json, "string");
    swisd_json_key(json, "maxLength");
    swisd_json_number(json, key->max);
    break;
  case SWISD_KEY_LINK:
  case SWISD_KEY_CLASS:
    put_type(json, "string");
    break;
  case SWISD_KEY_TIME:
  case SWISD_KEY_BYTES:
  case SWISD_KEY_RATE:
  case SWISD_KEY_SPEED:
  case SWISD_KEY_WORK:
  case SWISD_KEY_SHARE:
    put_quantity(json, swisd_key_dimension(key));
    break;
  default: /* several forms: what they are is said in words */
    swisd_json_key(json, "type");
    swisd_json_array(json);
    swisd_json_string(json, "string");
    swisd_json_string(json, "number");
    swisd_json_string(json, "object");
    swisd_json_string(json, "array");
    swisd_json_end(json);
  }
}

static void put_key(struct swisd_json *json, const struct swisd_key *key)
{
  char wanted[200], text[512];
  swisd_key_wanted(key, wanted, sizeof wanted);
  snprintf(text, sizeof text, "%s; %s", key->help, wanted);
  swisd_json_key(json, key->name);
  swisd_json_object(json);
  put_value(json, key);
  swisd_json_key(json, "description");
  swisd_json_string(json, text);
  if (key->fallback) {
    char *end;
    swisd_json_key(json, "default");
    const double number = strtod(key->fallback, &end);
    if (*end || key->type == SWISD_KEY_CHOICE) {
      swisd_json_string(json, key->fallback);
    } else {
      swisd_json_number(json, number);
    }
  }
  swisd_json_end(json);
}

/* What a section may hold, into the open object. At the top nothing is required: an included file may have it. */
static void put_section(struct swisd_json *json, enum swisd_section section)
{
  put_type(json, "object");
  swisd_json_key(json, "properties");
  swisd_json_object(json);
  size_t required = 0;
  for (size_t i = 0; i < swisd_key_count; i++) {
    if (swisd_keys[i].section == section) {
      put_key(json, &swisd_keys[i]);
      required += section != SWISD_SECTION_TOP && swisd_keys[i].flags & SWISD_KEY_REQUIRED;
    }
  }
  swisd_json_end(json);
  if (required) {
    swisd_json_key(json, "required");
    swisd_json_array(json);
    for (size_t i = 0; i < swisd_key_count; i++) {
      if (swisd_keys[i].section == section && swisd_keys[i].flags & SWISD_KEY_REQUIRED) {
        swisd_json_string(json, swisd_keys[i].name);
      }
    }
    swisd_json_end(json);
  }
  swisd_json_key(json, "patternProperties");
  swisd_json_object(json);
  swisd_json_key(json, "^x-");
  swisd_json_boolean(json, true);
  swisd_json_end(json);
  swisd_json_key(json, "additionalProperties");
  swisd_json_boolean(json, false);
}

void swisd_schema_print_json(FILE *out)
{
  struct swisd_json json;
  swisd_json_start(&json, out, true);
  swisd_json_object(&json);
  swisd_json_key(&json, "$schema");
  swisd_json_string(&json, "https://json-schema.org/draft/2020-12/schema");
  swisd_json_key(&json, "title");
  swisd_json_string(&json, "SwISD scenario");
  put_reference(&json, SWISD_SECTION_TOP);
  swisd_json_key(&json, "$defs");
  swisd_json_object(&json);
  for (int section = 0; section < SWISD_SECTION_COUNT; section++) {
    char name[64];
    swisd_json_key(&json, section_name((enum swisd_section)section, name, sizeof name));
    swisd_json_object(&json);
    put_section(&json, (enum swisd_section)section);
    swisd_json_end(&json);
  }
  swisd_json_end(&json);
  swisd_json_end(&json);
  swisd_json_finish(&json);
}

/* ---- a scenario with its defaults ---- */

static void print_flow(const struct swisd_document *d, enum swisd_section section, uint32_t node, FILE *out);

/* The members of a NAMED map or a LIST, each on a line. */
static void print_members(const struct swisd_document *d, const struct swisd_key *key, uint32_t node, int depth, FILE *out)
{
  for (uint32_t i = 0; node && (i = swisd_document_next(d, node, i));) {
    const struct swisd_document_item item = d->items[i];
    const char *name = key->type == SWISD_KEY_NAMED ? swisd_document_text(d, item.key) : "-";
    if (strncmp(name, "x-", 2) == 0 || strcmp(name, "<<") == 0) {
      continue;
    }
    fprintf(out, "%*s%s%s ", 2 * depth, "", name, key->type == SWISD_KEY_NAMED ? ":" : "");
    print_flow(d, (enum swisd_section)key->inner, item.value, out);
    fputc('\n', out);
  }
}

/* The keys of a section on one line. */
static void print_flow(const struct swisd_document *d, enum swisd_section section, uint32_t node, FILE *out)
{
  const char *comma = "";
  fputc('{', out);
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    const struct swisd_document_item *item = key->section == section ? swisd_document_find(d, node, key->name) : NULL;
    if (key->section != section || (!item && !key->fallback)) {
      continue;
    }
    fprintf(out, "%s%s: ", comma, key->name);
    comma = ", ";
    if (!item) {
      fputs(key->fallback, out);
    } else if (key->type == SWISD_KEY_MAP) {
      print_flow(d, (enum swisd_section)key->inner, item->value, out);
    } else {
      swisd_document_print(d, item->value, out);
    }
  }
  fputc('}', out);
}

static void print_block(const struct swisd_document *d, enum swisd_section section, uint32_t node, bool whole, int depth,
                        FILE *out)
{
  for (size_t i = 0; i < swisd_key_count; i++) {
    const struct swisd_key *key = &swisd_keys[i];
    if (key->section != section || is_applied(key) || (key->type == SWISD_KEY_SWEEP && !whole)) {
      continue;
    }
    const struct swisd_document_item *item = swisd_document_find(d, node, key->name);
    const bool inner = key->type == SWISD_KEY_MAP || key->type == SWISD_KEY_NAMED || key->type == SWISD_KEY_LIST;
    if (!item && !key->fallback &&
        (key->type != SWISD_KEY_MAP || section != SWISD_SECTION_TOP || key->flags & SWISD_KEY_WHOLLY)) {
      continue;
    }
    fprintf(out, "%*s%s:", 2 * depth, "", key->name);
    if (!inner) {
      fputc(' ', out);
      if (item) {
        swisd_document_print(d, item->value, out);
      } else {
        fputs(key->fallback, out);
      }
    }
    fputc('\n', out);
    if (key->type == SWISD_KEY_MAP) {
      print_block(d, (enum swisd_section)key->inner, item ? item->value : 0, whole, depth + 1, out);
    } else if (inner) {
      print_members(d, key, item->value, depth + 1, out);
    }
  }
}

void swisd_schema_print_resolved(const struct swisd_document *document, uint32_t top, bool whole, FILE *out)
{
  print_block(document, SWISD_SECTION_TOP, top, whole, 0, out);
}
