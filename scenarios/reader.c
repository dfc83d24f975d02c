/* The walk over a scenario's tree by the table of keys.
 *
 * It runs twice with the same functions: first over the base and every world without a place to store (all mistakes that
 * can be seen in one value or one map), then over the keys that hold for the wanted world, storing and looking up names.
 * What both passes find is said once (complaint.h). The walk recurses along the table, which nests five deep. */
#include "scenarios/reader.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/suggest.h"
#include "scenarios/classes.h"

void swisd_reader_complain(struct swisd_reader *r, uint32_t node, const char *format, ...)
{
  char text[SWISD_COMPLAINT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  const struct swisd_place start = {.line = 1, .column = 1, .width = 1};
  swisd_complain(r->complaints, node ? r->document->nodes[node].place : start, "%s: %s", *r->path ? r->path : "(the file)", text);
}

uint32_t swisd_reader_enter(struct swisd_reader *r, const char *name, int64_t index)
{
  const size_t mark = strlen(r->path), room = sizeof r->path - mark;
  if (index >= 0) {
    snprintf(r->path + mark, room, "[%lld]", (long long)index);
  } else {
    snprintf(r->path + mark, room, "%s%.64s", mark ? "." : "", name);
  }
  return (uint32_t)mark;
}

void swisd_reader_leave(struct swisd_reader *r, uint32_t mark) { r->path[mark] = '\0'; }

/* Doubles at each power of two. */
bool swisd_reader_grow(void **array, uint32_t count, size_t element_bytes)
{
  if (count & (count - 1)) {
    return true;
  }
  void *grown = realloc(*array, (count ? (size_t)count * 2 : 1) * element_bytes);
  if (grown) {
    *array = grown;
  }
  return grown != NULL;
}

/* Whether one more value may be read; an alias bomb is stopped here. */
static bool visit(struct swisd_reader *r, uint32_t node)
{
  if (r->visits == SWISD_READER_VISITS_MAX) {
    r->path[0] = '\0';
    swisd_reader_complain(r, node, "more than %d values once its aliases are followed", SWISD_READER_VISITS_MAX);
  }
  return ++r->visits <= SWISD_READER_VISITS_MAX;
}

static bool is_free_key(const char *key) { return strncmp(key, "x-", 2) == 0 || strcmp(key, "<<") == 0; }

static const struct swisd_document_item *given(const struct swisd_reader *r, uint32_t map, const char *key)
{
  return swisd_document_find(r->document, map, key);
}

/* The rows that the file is read by. */
static const struct swisd_key *rows(const struct swisd_reader *r, size_t *count)
{
  *count = r->keys ? r->key_count : swisd_key_count;
  return r->keys ? r->keys : swisd_keys;
}

static const struct swisd_key *row_of(const struct swisd_reader *r, enum swisd_section section, const char *name)
{
  size_t count;
  const struct swisd_key *keys = rows(r, &count);
  for (size_t k = 0; k < count; k++) {
    if (keys[k].section == section && strcmp(keys[k].name, name) == 0) {
      return &keys[k];
    }
  }
  return NULL;
}

static void complain_of_unknown_keys(struct swisd_reader *r, enum swisd_section section, uint32_t map)
{
  const bool in_world = section == SWISD_SECTION_TOP && map != r->root;
  for (uint32_t i = 0; (i = swisd_document_next(r->document, map, i));) {
    const uint32_t node = r->document->items[i].key;
    const char *name = swisd_document_text(r->document, node);
    const struct swisd_key *key = row_of(r, section, name);
    if (is_free_key(name) || (key && !(in_world && key->flags & SWISD_KEY_BASE_ONLY))) {
      continue;
    }
    const uint32_t mark = swisd_reader_enter(r, name, -1);
    if (key) {
      swisd_reader_complain(r, node, "cannot differ between worlds");
      swisd_reader_leave(r, mark);
      continue;
    }
    const char *known[32];
    char list[192] = "";
    size_t count = 0, row_count;
    const struct swisd_key *keys = rows(r, &row_count);
    for (size_t k = 0; k < row_count && count < 32; k++) {
      if (keys[k].section == section) {
        known[count++] = keys[k].name;
        snprintf(list + strlen(list), sizeof list - strlen(list), " %s", keys[k].name);
      }
    }
    const char *near = swisd_suggest(name, known, count);
    if (near) {
      swisd_reader_complain(r, node, "unknown key, did you mean '%s'?", near);
    } else {
      swisd_reader_complain(r, node, "unknown key, known here are:%s", list);
    }
    swisd_reader_leave(r, mark);
  }
}

static bool is_name(const char *name)
{
  const size_t length = strlen(name);
  return length > 0 && length < SWISD_SCENARIO_NAME_BYTES &&
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

/* Complains unless the key of a NAMED map can be a name: it becomes part of paths and of file names. */
static void check_name(struct swisd_reader *r, uint32_t node)
{
  if (!is_name(swisd_document_text(r->document, node))) {
    swisd_reader_complain(r, node, "a name is 1 to 63 letters, digits, - or _");
  }
}

/* Where the member of a NAMED map or LIST is stored; NULL when nothing is to be stored. `node`: its name, or itself. */
static void *element_of(struct swisd_reader *r, enum swisd_section section, uint32_t node)
{
  struct swisd_scenario *s = r->scenario;
  const char *name = swisd_document_text(r->document, node);
  if (r->keys) {
    return r->element && (is_name(name) || r->document->nodes[node].kind == SWISD_NODE_MAP) ? r->element(r, section, node) : NULL;
  }
  if (!s || (section != SWISD_SECTION_FAULT && section != SWISD_SECTION_STEP && !is_name(name))) {
    return NULL;
  }
  if (section == SWISD_SECTION_CHURN) {
    const int index = swisd_reader_find_class(r, node, name);
    return index < 0 ? NULL : &s->classes[index];
  }
  if (section == SWISD_SECTION_STEP) {
    return &s->workload.steps[s->workload.step_count++];
  }
  if (section == SWISD_SECTION_LINK && swisd_reader_grow((void **)&s->links, s->link_count, sizeof *s->links)) {
    struct swisd_scenario_link *link = &s->links[s->link_count++];
    *link = (struct swisd_scenario_link){.loss = 0};
    memcpy(link->name, name, strlen(name) + 1);
    return link;
  }
  if (section == SWISD_SECTION_SITE && swisd_reader_grow((void **)&s->sites, s->site_count, sizeof *s->sites)) {
    struct swisd_scenario_site *site = &s->sites[s->site_count++];
    *site = (struct swisd_scenario_site){.first = 0};
    memcpy(site->name, name, strlen(name) + 1);
    return site;
  }
  if (section == SWISD_SECTION_DEVICE && swisd_reader_grow((void **)&s->classes, s->class_count, sizeof *s->classes)) {
    struct swisd_scenario_class *c = &s->classes[s->class_count++];
    *c = (struct swisd_scenario_class){.link = SWISD_SCENARIO_NO_LINK, .site = SWISD_SCENARIO_NO_LINK, .faster = 1};
    memcpy(c->name, name, strlen(name) + 1);
    return c;
  }
  if (section == SWISD_SECTION_FAULT && swisd_reader_grow((void **)&s->faults, s->fault_count, sizeof *s->faults)) {
    struct swisd_scenario_fault *fault = &s->faults[s->fault_count++];
    *fault = (struct swisd_scenario_fault){.for_ns = SWISD_NEVER, .target_first = s->target_count};
    return fault;
  }
  swisd_reader_complain(r, node, "no memory");
  return NULL;
}

/* The members of a NAMED map or a LIST. */
static void read_members(struct swisd_reader *r, const struct swisd_key *key, uint32_t node)
{
  const bool named = key->type == SWISD_KEY_NAMED;
  const struct swisd_document_node *n = &r->document->nodes[node];
  const bool empty = n->kind == SWISD_NODE_SCALAR && !*swisd_document_text(r->document, node);
  if (!empty && n->kind != (named ? SWISD_NODE_MAP : SWISD_NODE_LIST)) {
    char wanted[64];
    swisd_key_wanted(key, wanted, sizeof wanted);
    swisd_reader_complain(r, node, "is no %s, wanted is %s", named ? "map" : "list", wanted);
    return;
  }
  uint32_t count = 0;
  for (uint32_t i = empty ? 0 : n->first; i && visit(r, node); i = r->document->items[i].next) {
    const struct swisd_document_item item = r->document->items[i];
    const char *name = named ? swisd_document_text(r->document, item.key) : "";
    if (named && is_free_key(name)) {
      continue;
    }
    if (++count > key->max) {
      swisd_reader_complain(r, item.value, "more than %.0f members", key->max);
      return;
    }
    const uint32_t place = named ? item.key : item.value;
    const uint32_t mark = swisd_reader_enter(r, name, named ? -1 : (int64_t)count - 1);
    if (named) {
      check_name(r, item.key);
    }
    void *base = element_of(r, (enum swisd_section)key->inner, place);
    swisd_reader_map(r, (enum swisd_section)key->inner, item.value, place, base);
    swisd_reader_leave(r, mark);
  }
  if (count < key->min) {
    swisd_reader_complain(r, node, "is empty, wanted is at least one");
  }
}

static void finish_link(struct swisd_reader *r, uint32_t map, struct swisd_scenario_link *link)
{
  const struct swisd_document_item *both = given(r, map, "bandwidth");
  if (both && (given(r, map, "up") || given(r, map, "down"))) {
    swisd_reader_complain(r, both->key, "bandwidth excludes up and down");
  } else if (both && link) {
    link->down_bytes_per_s = link->up_bytes_per_s;
  }
}

static void finish_site(struct swisd_reader *r, uint32_t map, struct swisd_scenario_site *site)
{
  const struct swisd_document_item *both = given(r, map, "bandwidth");
  if (both && (given(r, map, "up") || given(r, map, "down"))) {
    swisd_reader_complain(r, both->key, "bandwidth excludes up and down");
  } else if (both && site) {
    site->down_bytes_per_s = site->up_bytes_per_s;
  }
}

static void finish_device(struct swisd_reader *r, uint32_t map, uint32_t place, struct swisd_scenario_class *c)
{
  const struct swisd_document_item *named = given(r, map, "class");
  const bool usable = named && r->document->nodes[named->value].kind == SWISD_NODE_SCALAR;
  const uint32_t name_node = usable ? named->value : place;
  const struct swisd_builtin_class *builtin = swisd_builtin_class(swisd_document_text(r->document, name_node));
  if (usable && !builtin) {
    const char *names[64];
    size_t count = 0;
    for (; count < swisd_builtin_class_count && count < 64; count++) {
      names[count] = swisd_builtin_classes[count].name;
    }
    const char *near = swisd_suggest(swisd_document_text(r->document, name_node), names, count);
    swisd_reader_complain(r, name_node, "no built-in class has this name%s%s%s", near ? ", did you mean '" : "", near ? near : "",
                          near ? "'?" : "");
    return;
  }
  static const char *const from_builtin[] = {"speed", "memory"};
  const struct swisd_document_item *sample = given(r, map, "sample");
  if (sample && given(r, map, "speed")) {
    swisd_reader_complain(r, sample->key, "speed and sample exclude each other");
  }
  for (int i = 0; i < 2; i++) {
    if (!given(r, map, from_builtin[i]) && !builtin && !(i == 0 && sample)) {
      const uint32_t mark = swisd_reader_enter(r, from_builtin[i], -1);
      swisd_reader_complain(r, place, "is missing, and this is no built-in class");
      swisd_reader_leave(r, mark);
    }
  }
  if (!c || !builtin) {
    return;
  }
  for (int i = 0; i < SWISD_KERNEL_COUNT && !given(r, map, "speed") && !sample; i++) {
    c->flops_per_s[i] = builtin->flops_per_s;
  }
  c->memory_bytes = given(r, map, "memory") ? c->memory_bytes : (uint64_t)builtin->memory_bytes;
}

static void divide(struct swisd_distribution *d, double factor)
{
  d->a /= factor;
  if (d->kind == SWISD_DISTRIBUTION_UNIFORM) {
    d->b /= factor;
  }
}

static void finish_churn(struct swisd_reader *r, uint32_t map, uint32_t place, struct swisd_scenario_class *c)
{
  const struct swisd_document_item *trace = given(r, map, "trace"), *from = given(r, map, "from");
  static const char *const drawn[] = {"uptime", "downtime", "day"};
  for (int i = 0; i < 3 && trace; i++) {
    const struct swisd_document_item *other = given(r, map, drawn[i]);
    if (other) {
      swisd_reader_complain(r, other->key, "trace excludes %s", drawn[i]);
    }
  }
  if (!trace && !given(r, map, "uptime")) {
    swisd_reader_complain(r, place, "wanted is either uptime or trace");
  }
  if (from && !trace) {
    swisd_reader_complain(r, from->key, "is a time in a trace, and there is none");
  }
  if (c && c->faster > 0) {
    divide(&c->uptime_s, c->faster);
    divide(&c->downtime_s, c->faster);
    c->day_period_ns = given(r, map, "day") ? (uint64_t)((double)c->day_period_ns / c->faster) : 0;
    c->day_peak_ns = (uint64_t)((double)c->day_peak_ns / c->faster);
  }
  if (c && trace) {
    const struct swisd_table_request request = {.kind = SWISD_TABLE_AVAILABILITY};
    c->trace = swisd_reader_table(r, trace, &request);
    const double from_s = (double)c->trace_from_ns * 1e-9;
    if (c->trace && from && from_s >= c->trace->u.availability.end_s) {
      swisd_reader_complain(r, from->value, "is past the end of the trace (%.0f s)", c->trace->u.availability.end_s);
    }
  }
}

/* The speed of a class that is drawn from a table: its mean. */
static void finish_sample(struct swisd_reader *r, uint32_t map, struct swisd_scenario_class *c)
{
  const struct swisd_document_item *table = given(r, map, "table");
  if (!c || !table || !*c->sample_column) {
    return;
  }
  const struct swisd_table_request request = {
    .kind = SWISD_TABLE_DEVICES, .value = c->sample_column, .weight = *c->sample_weight ? c->sample_weight : NULL};
  c->sample = swisd_reader_table(r, table, &request);
  double sum = 0, before = 0;
  for (uint32_t i = 0; c->sample && i < c->sample->u.devices.row_count; i++) {
    sum += c->sample->u.devices.values[i] * (c->sample->u.devices.sums[i] - before);
    before = c->sample->u.devices.sums[i];
  }
  for (int k = 0; k < SWISD_KERNEL_COUNT && c->sample; k++) {
    c->flops_per_s[k] = sum / before * c->sample_unit;
  }
}

static void finish_distances(struct swisd_reader *r, uint32_t map, struct swisd_scenario *s)
{
  const struct swisd_document_item *matrix = given(r, map, "matrix");
  const struct swisd_table_request request = {.kind = SWISD_TABLE_MATRIX};
  if (s && matrix) {
    s->distances = swisd_reader_table(r, matrix, &request);
  }
}

static void complain_if_given(struct swisd_reader *r, uint32_t map, const char *key, const char *why)
{
  const struct swisd_document_item *item = given(r, map, key);
  if (item) {
    swisd_reader_complain(r, item->key, "%s", why);
  }
}

static void finish_fault(struct swisd_reader *r, uint32_t map, uint32_t place, struct swisd_scenario_fault *fault)
{
  static const char *const kinds[] = {
    "kill", "silence",   "slow", "return", "loss",      "partition", "cut",
    "flap", "bandwidth", "lie",  "clock",  "disk_full", "demand"}; /* as enum swisd_fault_kind */
  int found = 0, last = 0;
  for (int kind = 0; kind < SWISD_FAULT_KIND_COUNT; kind++) {
    if (given(r, map, kinds[kind])) {
      found++;
      last = kind;
    }
  }
  if (found != 1) {
    swisd_reader_complain(r, place,
                          "has %s of: kill silence slow return loss partition cut flap bandwidth lie clock disk_full "
                          "demand; wanted is one",
                          found ? "several" : "none");
  }
  if (fault) {
    fault->kind = (uint8_t)last;
  }
  if (given(r, map, "return") || given(r, map, "clock")) {
    complain_if_given(r, map, "for", "this is not undone");
  }
  if (!given(r, map, "partition")) {
    complain_if_given(r, map, "way", "is of a partition");
  }
  if (given(r, map, "loss") || given(r, map, "bandwidth") || given(r, map, "demand") || given(r, map, "partition")) {
    complain_if_given(r, map, "within", "is for faults that hit devices one by one");
  }
  if (fault && r->scenario->duration_ns && fault->at_ns > r->scenario->duration_ns) {
    swisd_reader_complain(r, given(r, map, "at")->value, "happens after the end (duration)");
  }
}

static void finish_shape(struct swisd_reader *r, uint32_t place)
{
  uint32_t lanes = 0;
  for (uint32_t i = 0; r->scenario && i < r->scenario->workload.step_count; i++) {
    lanes += r->scenario->workload.steps[i].lanes;
  }
  if (lanes > SWISD_LANES_MAX) {
    swisd_reader_complain(r, place, "has %u lanes in all its steps, at most %d are allowed", lanes, SWISD_LANES_MAX);
  }
}

static void finish_workload(struct swisd_reader *r, uint32_t map, uint32_t place, struct swisd_scenario *s)
{
  if (!given(r, map, "model") == !given(r, map, "shape")) {
    swisd_reader_complain(r, place, "wanted is either model or shape");
  }
  const struct swisd_document_item *bound = given(r, map, "bound"), *repeat = given(r, map, "repeat");
  const struct swisd_document_item *size = given(r, map, "size");
  if (size && (bound || repeat)) {
    swisd_reader_complain(r, size->key, "size excludes repeat and bound");
  }
  if (bound && repeat) {
    swisd_reader_complain(r, bound->key, "bound and repeat exclude each other");
  }
  if (s && !bound && !repeat) {
    s->workload.repeat = 1;
  }
}

enum { PLACES_MAX = 100000 };

static void finish_top(struct swisd_reader *r, uint32_t map, struct swisd_scenario *s)
{
  uint32_t first = 0;
  for (uint32_t i = 0; i < s->class_count; i++) {
    s->classes[i].first = first;
    first += s->classes[i].count;
  }
  s->device_count = first;
  uint64_t places = 0;
  for (uint32_t i = 0; i < s->site_count; i++) {
    s->sites[i].first = (uint32_t)places;
    places += s->sites[i].count;
  }
  if (places > PLACES_MAX) {
    swisd_reader_enter(r, "sites", -1);
    swisd_reader_complain(r, given(r, map, "sites")->key, "more than %d places", PLACES_MAX);
    swisd_reader_leave(r, 0);
  }
  const struct swisd_document_item *warmup = given(r, map, "warmup");
  if (s->duration_ns && s->warmup_ns >= s->duration_ns && warmup) {
    swisd_reader_enter(r, "warmup", -1);
    swisd_reader_complain(r, warmup->value, "is not shorter than duration");
    swisd_reader_leave(r, 0);
  }
  if (!given(r, map, "wire")) {
    s->wire = s->device_count > 1000 ? SWISD_WIRE_SIZED : SWISD_WIRE_FULL;
  }
  const struct swisd_document_item *name = given(r, r->root, "name");
  if (*s->name && !is_name(s->name)) {
    swisd_reader_enter(r, "name", -1);
    check_name(r, name->value);
    swisd_reader_leave(r, 0);
  }
}

/* What is to be seen only when all keys of a map have been read. */
static void finish(struct swisd_reader *r, enum swisd_section section, uint32_t map, uint32_t place, void *base)
{
  switch (section) {
  case SWISD_SECTION_LINK:
    finish_link(r, map, base);
    break;
  case SWISD_SECTION_SITE:
    finish_site(r, map, base);
    break;
  case SWISD_SECTION_DEVICE:
    finish_device(r, map, place, base);
    break;
  case SWISD_SECTION_CHURN:
    finish_churn(r, map, place, base);
    break;
  case SWISD_SECTION_SAMPLE:
    finish_sample(r, map, base);
    break;
  case SWISD_SECTION_DISTANCES:
    finish_distances(r, map, base);
    break;
  case SWISD_SECTION_FAULT:
    finish_fault(r, map, place, base);
    break;
  case SWISD_SECTION_SHAPE:
    finish_shape(r, place);
    break;
  case SWISD_SECTION_WORKLOAD:
    finish_workload(r, map, place, base);
    break;
  case SWISD_SECTION_TOP:
    if (base) {
      finish_top(r, map, base);
    }
    break;
  default:
    break;
  }
}

static void complain_of_missing(struct swisd_reader *r, const struct swisd_key *key, uint32_t place)
{
  char wanted[160], worlds[192] = "";
  const struct swisd_document_item *item = given(r, r->root, "worlds");
  for (uint32_t i = 0; key->section == SWISD_SECTION_TOP && item && (i = swisd_document_next(r->document, item->value, i));) {
    if (r->document->nodes[item->value].kind == SWISD_NODE_MAP) {
      snprintf(worlds + strlen(worlds), sizeof worlds - strlen(worlds), "%s %.63s",
               *worlds ? "" : "; worlds of this file:", swisd_document_text(r->document, r->document->items[i].key));
    }
  }
  swisd_key_wanted(key, wanted, sizeof wanted);
  swisd_reader_complain(r, place, "is missing, wanted is %s%s", wanted, worlds);
}

/* Worlds are not members of the base: swisd_reader_check_worlds() and the caller read them. */
static bool is_worlds(const struct swisd_key *key) { return key->type == SWISD_KEY_NAMED && key->inner == SWISD_SECTION_TOP; }

static void read_key(struct swisd_reader *r, const struct swisd_key *key, const struct swisd_document_item *item, void *base)
{
  if (key->type == SWISD_KEY_MAP) {
    swisd_reader_map(r, (enum swisd_section)key->inner, item->value, item->key, base);
  } else if (key->type == SWISD_KEY_NAMED || key->type == SWISD_KEY_LIST) {
    read_members(r, key, item->value);
  } else {
    swisd_reader_value(r, key, item->value, base);
  }
}

/* Required keys are missed at the top only when a world is resolved: the base alone need not be whole. */
static void read_absent(struct swisd_reader *r, const struct swisd_key *key, uint32_t place, void *base)
{
  if (key->flags & SWISD_KEY_REQUIRED) {
    if (r->scenario || key->section != SWISD_SECTION_TOP) {
      complain_of_missing(r, key, place);
    }
  } else if (key->fallback && base) {
    swisd_reader_fallback(r, key, base);
  } else if (key->type == SWISD_KEY_MAP && key->section == SWISD_SECTION_TOP && base && !(key->flags & SWISD_KEY_WHOLLY)) {
    swisd_reader_map(r, (enum swisd_section)key->inner, 0, place, base); /* the defaults of its keys */
  }
}

void swisd_reader_map(struct swisd_reader *r, enum swisd_section section, uint32_t node, uint32_t place, void *base)
{
  if (!visit(r, place)) {
    return;
  }
  if (node && r->document->nodes[node].kind != SWISD_NODE_MAP) {
    swisd_reader_complain(r, node, "is no map, wanted is a map of keys");
    return;
  }
  if (node) {
    complain_of_unknown_keys(r, section, node);
  }
  size_t count;
  const struct swisd_key *keys = rows(r, &count);
  for (size_t k = 0; k < count; k++) {
    const struct swisd_key *key = &keys[k];
    if (key->section != section || is_worlds(key)) {
      continue;
    }
    const struct swisd_document_item *item = given(r, node, key->name);
    const uint32_t mark = swisd_reader_enter(r, key->name, -1);
    if (item) {
      read_key(r, key, item, base);
    } else {
      read_absent(r, key, place, base);
    }
    swisd_reader_leave(r, mark);
  }
  if (node) {
    finish(r, section, node, place, base);
  }
}

void swisd_reader_check_worlds(struct swisd_reader *r)
{
  const struct swisd_document_item *worlds = given(r, r->root, "worlds");
  if (!worlds) {
    return;
  }
  uint32_t count = 0;
  const struct swisd_key *key = swisd_key_find(SWISD_SECTION_TOP, "worlds");
  uint32_t mark = swisd_reader_enter(r, "worlds", -1);
  if (r->document->nodes[worlds->value].kind != SWISD_NODE_MAP) {
    swisd_reader_complain(r, worlds->value, "is no map, wanted is a map of names");
    swisd_reader_leave(r, mark);
    return;
  }
  swisd_reader_leave(r, mark);
  for (uint32_t i = 0; (i = swisd_document_next(r->document, worlds->value, i));) {
    const struct swisd_document_item world = r->document->items[i];
    const char *name = swisd_document_text(r->document, world.key);
    if (is_free_key(name)) {
      continue;
    }
    mark = swisd_reader_enter(r, "worlds", -1);
    swisd_reader_enter(r, name, -1);
    check_name(r, world.key);
    const bool is_map = r->document->nodes[world.value].kind == SWISD_NODE_MAP;
    if (!is_map) {
      swisd_reader_complain(r, world.value, "is no map, wanted is a map of keys");
    }
    if (++count > key->max) {
      swisd_reader_complain(r, world.key, "is one more than the %.0f worlds allowed", key->max);
      return;
    }
    swisd_reader_leave(r, mark);
    /* Under the path of the base, since that is what its values will be known by. */
    if (is_map) {
      swisd_reader_map(r, SWISD_SECTION_TOP, world.value, world.key, NULL);
    }
  }
}
