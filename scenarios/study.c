/* From files to trees to structs. The tree only grows: a point of a sweep is a new top over the old values (document_edit.c),
 * so that a message about it points at the line it came from. */
#include "scenarios/study.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/reader.h"
#include "scenarios/sweep.h"

enum { INCLUDE_DEPTH_MAX = 8 };

struct swisd_study {
  struct swisd_sources sources;
  struct swisd_document document;
  struct swisd_complaints complaints;
  struct swisd_reader reader;
  struct swisd_table_cache tables;
  char world[SWISD_SCENARIO_NAME_BYTES];
  uint32_t base;     /* the file with what it includes */
  uint32_t resolved; /* all but the sweep */
  struct swisd_sweep sweep;
};

static const struct swisd_place file_start = {.line = 1, .column = 1, .width = 1};

/* ---- including ---- */

static uint32_t read_text(struct swisd_study *study, uint32_t source, int depth);

/* The tree of an included file; 0 after a complaint at `node`, its path. */
static uint32_t read_include(struct swisd_study *study, uint32_t node, int depth)
{
  struct swisd_reader *r = &study->reader;
  char path[SWISD_SOURCE_NAME_BYTES], why[512];
  const char *text = swisd_document_text(&study->document, node);
  const uint32_t from = study->document.nodes[node].place.source;
  if (study->document.nodes[node].kind != SWISD_NODE_SCALAR || !*text) {
    return 0; /* said when the keys are checked */
  }
  if (depth == INCLUDE_DEPTH_MAX) {
    swisd_reader_complain(r, node, "is nested more than %d deep, or includes itself", INCLUDE_DEPTH_MAX);
    return 0;
  }
  if (!swisd_sources_path(&study->sources, from, text, path, sizeof path)) {
    swisd_reader_complain(r, node, "is too long a path");
    return 0;
  }
  const int source = swisd_sources_add_file(&study->sources, path, why, sizeof why);
  if (source < 0) {
    swisd_reader_complain(r, node, "%s", why);
    return 0;
  }
  return read_text(study, (uint32_t)source, depth + 1);
}

/* The tree of a source with what it includes underneath; 0 after a complaint. */
static uint32_t read_text(struct swisd_study *study, uint32_t source, int depth)
{
  struct swisd_document *d = &study->document;
  struct swisd_reader *r = &study->reader;
  uint32_t own = 0, under = 0;
  struct swisd_place start = file_start;
  start.source = source;
  if (swisd_document_add(d, &study->sources, source, 0, &study->complaints, &own) < 0) {
    return 0;
  }
  if (!own || d->nodes[own].kind != SWISD_NODE_MAP) {
    swisd_complain(&study->complaints, own ? d->nodes[own].place : start, "(the file): %s",
                   own ? "is no map, wanted is a map of keys" : "is empty");
    return 0;
  }
  const struct swisd_document_item *found = swisd_document_find(d, own, "include");
  const uint32_t value = found ? found->value : 0;
  if (!value) {
    return own;
  }
  r->path[0] = '\0'; /* each file has paths of its own */
  swisd_reader_enter(r, "include", -1);
  if (d->nodes[value].kind == SWISD_NODE_LIST) {
    for (uint32_t i = 0; (i = swisd_document_next(d, value, i));) {
      swisd_reader_leave(r, (uint32_t)strlen("include"));
      const uint32_t one = read_include(study, d->items[i].value, depth);
      under = under && one ? swisd_document_overlay(d, under, one) : one ? one : under;
    }
  } else {
    under = read_include(study, value, depth);
  }
  r->path[0] = '\0';
  return under ? swisd_document_overlay(d, under, own) : own;
}

/* ---- the world and what is set ---- */

/* Finds `world`; 0 when there is none of that name (complained of). */
static uint32_t find_world(struct swisd_study *study, const char *world)
{
  const struct swisd_document *d = &study->document;
  const struct swisd_document_item *worlds = swisd_document_find(d, study->base, "worlds");
  char list[192] = "";
  const bool is_map = worlds && d->nodes[worlds->value].kind == SWISD_NODE_MAP;
  for (uint32_t i = 0; is_map && (i = swisd_document_next(d, worlds->value, i));) {
    const char *name = swisd_document_text(d, d->items[i].key);
    if (strcmp(name, world) == 0) {
      return d->items[i].value;
    }
    if (strncmp(name, "x-", 2) != 0) {
      snprintf(list + strlen(list), sizeof list - strlen(list), " %s", name);
    }
  }
  swisd_reader_complain(&study->reader, worlds ? worlds->key : 0, "no world is called '%.63s'; there are:%s", world,
                        *list ? list : " none");
  return 0;
}

/* `top` with the value at `path`; unchanged after a complaint at `key`. */
static uint32_t set(struct swisd_study *study, uint32_t top, uint32_t key, const char *path, uint32_t value)
{
  char why[256];
  struct swisd_document *d = &study->document;
  const uint32_t made = swisd_document_with(d, top, path, value, d->nodes[key].place, why, sizeof why);
  if (!made) {
    const uint32_t mark = swisd_reader_enter(&study->reader, path, -1);
    swisd_reader_complain(&study->reader, key, "%s", why);
    swisd_reader_leave(&study->reader, mark);
  }
  return made ? made : top;
}

/* The file's own `set:`. */
static uint32_t apply_set(struct swisd_study *study, uint32_t top)
{
  struct swisd_document *d = &study->document;
  const struct swisd_document_item *found = swisd_document_find(d, top, "set");
  const uint32_t map = found ? found->value : 0;
  for (uint32_t i = 0; map && d->nodes[map].kind == SWISD_NODE_MAP && (i = swisd_document_next(d, map, i));) {
    const struct swisd_document_item item = d->items[i];
    char path[256];
    snprintf(path, sizeof path, "%s", swisd_document_text(d, item.key));
    if (strncmp(path, "x-", 2) != 0 && strcmp(path, "<<") != 0) {
      top = set(study, top, item.key, path, item.value);
    }
  }
  return top;
}

/* One "path=value" of the command line. */
static uint32_t apply_setting(struct swisd_study *study, uint32_t top, const char *setting)
{
  struct swisd_document *d = &study->document;
  const size_t length = strcspn(setting, "=");
  const int source = swisd_sources_add(&study->sources, "--set", setting, strlen(setting));
  char path[256];
  struct swisd_place place = file_start;
  place.source = source < 0 ? 0 : (uint32_t)source;
  place.width = length > 0 ? (uint32_t)length : 1;
  if (source < 0 || setting[length] != '=' || length == 0 || length >= sizeof path) {
    swisd_complain(&study->complaints, place, "(the option): %s",
                   source < 0 ? "is one more than can be kept" : "wanted is PATH=VALUE, e.g. links.wifi.latency=5ms");
    return top;
  }
  memcpy(path, setting, length);
  path[length] = '\0';
  uint32_t value = 0;
  if (swisd_document_add(d, &study->sources, (uint32_t)source, length + 1, &study->complaints, &value) < 0) {
    return top;
  }
  const uint32_t key = swisd_document_scalar(d, path, place);
  value = value ? value : swisd_document_scalar(d, "", place);
  return key && value ? set(study, top, key, path, value) : top;
}

/* ---- reading ---- */

static int by_time(const void *left, const void *right)
{
  const struct swisd_scenario_fault *a = left, *b = right;
  if (a->at_ns != b->at_ns) {
    return a->at_ns < b->at_ns ? -1 : 1;
  }
  return a->order < b->order ? -1 : a->order > b->order;
}

static void list_worlds(const struct swisd_study *study, struct swisd_scenario *s)
{
  const struct swisd_document *d = &study->document;
  const struct swisd_document_item *worlds = swisd_document_find(d, study->base, "worlds");
  const bool is_map = worlds && d->nodes[worlds->value].kind == SWISD_NODE_MAP;
  for (uint32_t i = 0; is_map && (i = swisd_document_next(d, worlds->value, i));) {
    const char *name = swisd_document_text(d, d->items[i].key);
    if (strncmp(name, "x-", 2) == 0 || strlen(name) >= SWISD_SCENARIO_NAME_BYTES ||
        !swisd_reader_grow((void **)&s->worlds, s->world_count, sizeof *s->worlds)) {
      continue;
    }
    memcpy(s->worlds[s->world_count++], name, strlen(name) + 1);
  }
}

/* Fills `scenario` from the tree at `top`. */
static void fill(struct swisd_study *study, uint32_t top, struct swisd_scenario *scenario)
{
  struct swisd_reader *r = &study->reader;
  memset(scenario, 0, sizeof *scenario);
  scenario->workload.link = SWISD_SCENARIO_NO_LINK;
  memcpy(scenario->world, study->world, sizeof study->world);
  list_worlds(study, scenario);
  r->scenario = scenario;
  r->root = top;
  r->visits = 0;
  r->path[0] = '\0';
  swisd_reader_map(r, SWISD_SECTION_TOP, top, top, scenario);
  r->scenario = NULL;
  for (uint32_t i = 0; i < scenario->fault_count; i++) {
    scenario->faults[i].order = i;
  }
  if (scenario->fault_count) {
    qsort(scenario->faults, scenario->fault_count, sizeof *scenario->faults, by_time);
  }
}

/* The tree of a point. */
static uint32_t tree_of(struct swisd_study *study, uint32_t point)
{
  uint32_t top = study->resolved;
  for (uint32_t c = 0; c < study->sweep.column_count; c++) {
    const uint32_t key = study->sweep.columns[c].key;
    const uint32_t value = swisd_sweep_value(&study->sweep, &study->document, point, c);
    char path[256];
    snprintf(path, sizeof path, "%s", swisd_document_text(&study->document, key));
    top = value ? set(study, top, key, path, value) : top; /* 0: a zip of unequal lists, which has been said */
  }
  return top;
}

/* Forgets nodes made since, so that points do not fill the tree. */
static void rewind_document(struct swisd_document *d, const struct swisd_document *before)
{
  d->node_count = before->node_count;
  d->item_count = before->item_count;
  d->string_count = before->string_count;
}

static void read_base(struct swisd_study *study, const struct swisd_study_request *request)
{
  struct swisd_reader *r = &study->reader;
  study->base = read_text(study, 0, 0);
  if (!study->base) {
    return;
  }
  study->document.root = r->root = study->base;
  swisd_reader_map(r, SWISD_SECTION_TOP, study->base, study->base, NULL);
  swisd_reader_check_worlds(r);
  r->path[0] = '\0';
  r->visits = 0;
  study->resolved = study->base;
  const uint32_t world = request->world ? find_world(study, request->world) : 0;
  if (world && study->document.nodes[world].kind == SWISD_NODE_MAP) {
    snprintf(study->world, sizeof study->world, "%s", request->world);
    study->resolved = swisd_document_overlay(&study->document, study->base, world);
  }
  if ((request->world && !*study->world) || !study->resolved) {
    study->resolved = 0; /* said above, or by check_worlds() */
    return;
  }
  study->resolved = apply_set(study, study->resolved);
  for (uint32_t i = 0; i < request->setting_count; i++) {
    study->resolved = apply_setting(study, study->resolved, request->settings[i]);
  }
}

/* A study with its files read, its base and worlds checked and everything but the sweep applied. */
static struct swisd_study *open_study(const struct swisd_study_request *request, struct swisd_scenario_errors *errors)
{
  struct swisd_study *study = calloc(1, sizeof *study);
  assert(study);
  study->sweep.points = 1;
  study->reader = (struct swisd_reader){
    .document = &study->document, .complaints = &study->complaints, .sources = &study->sources, .tables = &study->tables};
  char why[512] = "no memory";
  const int source = request->text ? swisd_sources_add(&study->sources, request->path, request->text, request->bytes)
                                   : swisd_sources_add_file(&study->sources, request->path, why, sizeof why);
  if (source < 0 || swisd_document_start(&study->document) < 0) {
    const size_t path_length = strlen(request->path);
    const bool named = strncmp(why, request->path, path_length) == 0 && strncmp(why + path_length, ": ", 2) == 0;
    errors->count = 1;
    errors->used = (uint32_t)snprintf(errors->text, sizeof errors->text, "%.4000s:1:1: (the file): %s\n", request->path,
                                      why + (named ? path_length + 2 : 0));
    swisd_study_free(study);
    return NULL;
  }
  read_base(study, request);
  return study;
}

/* Renders what was complained of; whether there was nothing. */
static bool is_clean(struct swisd_study *study, struct swisd_scenario_errors *errors)
{
  swisd_complaints_render(&study->complaints, &study->sources, errors);
  return errors->count == 0;
}

struct swisd_study *swisd_study_open(const struct swisd_study_request *request, struct swisd_scenario_errors *errors)
{
  struct swisd_study *study = open_study(request, errors);
  if (!study) {
    return NULL;
  }
  const struct swisd_document_item *sweep =
    study->resolved ? swisd_document_find(&study->document, study->resolved, "sweep") : NULL;
  if (sweep) {
    swisd_reader_enter(&study->reader, "sweep", -1);
    swisd_sweep_read(&study->reader, sweep->value, &study->sweep);
    swisd_reader_leave(&study->reader, 0);
  }
  for (uint32_t point = 0; study->resolved && point < study->sweep.points; point++) {
    const struct swisd_document before = study->document;
    struct swisd_scenario scenario;
    fill(study, tree_of(study, point), &scenario);
    swisd_scenario_free(&scenario);
    if (study->complaints.count == 0) {
      rewind_document(&study->document, &before);
    } else if (study->complaints.count >= SWISD_COMPLAINTS_KEPT) {
      break;
    }
  }
  if (!is_clean(study, errors)) {
    swisd_study_free(study);
    return NULL;
  }
  return study;
}

int swisd_study_scenario(const struct swisd_study_request *request, struct swisd_scenario *scenario,
                         struct swisd_scenario_errors *errors)
{
  memset(scenario, 0, sizeof *scenario);
  struct swisd_study *study = open_study(request, errors);
  if (!study) {
    return -1;
  }
  if (study->resolved) {
    fill(study, study->resolved, scenario);
  }
  const bool clean = is_clean(study, errors);
  if (!clean) {
    swisd_scenario_free(scenario);
  }
  swisd_study_free(study);
  return clean ? 0 : -1;
}

void swisd_study_free(struct swisd_study *study)
{
  if (study) {
    swisd_document_free(&study->document);
    swisd_sources_free(&study->sources);
    swisd_table_cache_free(&study->tables);
    free(study);
  }
}

/* ---- points ---- */

uint32_t swisd_study_points(const struct swisd_study *study) { return study->sweep.points; }

int swisd_study_point(struct swisd_study *study, uint32_t point, struct swisd_scenario *scenario,
                      struct swisd_scenario_errors *errors)
{
  const struct swisd_document before = study->document;
  fill(study, tree_of(study, point), scenario);
  const bool clean = is_clean(study, errors);
  rewind_document(&study->document, &before);
  if (!clean) {
    swisd_scenario_free(scenario);
  }
  return clean ? 0 : -1;
}

uint32_t swisd_study_columns(const struct swisd_study *study) { return study->sweep.column_count; }

const char *swisd_study_column(const struct swisd_study *study, uint32_t column)
{
  return swisd_document_text(&study->document, study->sweep.columns[column].key);
}

char *swisd_study_value(const struct swisd_study *study, uint32_t point, uint32_t column)
{
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  assert(out);
  swisd_document_print(&study->document, swisd_sweep_value(&study->sweep, &study->document, point, column), out);
  fclose(out);
  return text;
}

void swisd_study_print(struct swisd_study *study, uint32_t point, FILE *out)
{
  const struct swisd_document before = study->document;
  const bool whole = point == SWISD_STUDY_WHOLE;
  swisd_schema_print_resolved(&study->document, whole ? study->resolved : tree_of(study, point), whole, out);
  rewind_document(&study->document, &before);
}

uint64_t swisd_study_point_hash(struct swisd_study *study, uint32_t point)
{
  /* What does not change what a run computes stands in for itself. */
  static const char *const same[] = {"name", "repeat", "expect"};
  const struct swisd_document before = study->document;
  struct swisd_document *d = &study->document;
  uint32_t top = tree_of(study, point);
  for (size_t i = 0; i < sizeof same / sizeof same[0] && top; i++) {
    const uint32_t nothing = swisd_document_scalar(d, "-", file_start);
    char why[64];
    top = nothing ? swisd_document_with(d, top, same[i], nothing, file_start, why, sizeof why) : 0;
  }
  assert(top);
  char *text = NULL;
  size_t bytes;
  FILE *out = open_memstream(&text, &bytes);
  assert(out);
  swisd_schema_print_resolved(d, top, false, out);
  fclose(out);
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (size_t i = 0; i < bytes; i++) {
    hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
  }
  free(text);
  rewind_document(d, &before);
  return hash;
}

/* ---- a scenario alone ---- */

int swisd_scenario_parse(const char *name, const char *text, size_t bytes, const char *world, struct swisd_scenario *scenario,
                         struct swisd_scenario_errors *errors)
{
  const struct swisd_study_request request = {.path = name, .text = text ? text : "", .bytes = bytes, .world = world};
  return swisd_study_scenario(&request, scenario, errors);
}

int swisd_scenario_read(const char *path, const char *world, struct swisd_scenario *scenario,
                        struct swisd_scenario_errors *errors)
{
  const struct swisd_study_request request = {.path = path, .world = world};
  return swisd_study_scenario(&request, scenario, errors);
}
