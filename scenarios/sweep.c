/* The keys of a study, which set other keys or ask for results instead of describing a run. */
#include "scenarios/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/suggest.h"
#include "scenarios/metric.h"
#include "scenarios/quantity.h"

static const char *text_of(const struct swisd_reader *r, uint32_t node) { return swisd_document_text(r->document, node); }

static bool is_free(const char *key) { return strncmp(key, "x-", 2) == 0 || strcmp(key, "<<") == 0; }

static bool is_map(struct swisd_reader *r, uint32_t node, const char *wanted)
{
  if (r->document->nodes[node].kind == SWISD_NODE_MAP) {
    return true;
  }
  swisd_reader_complain(r, node, "is no map, wanted is %s", wanted);
  return false;
}

/* A path that may be varied or set: of a known top-level key, and not one of the study's own. */
static bool is_settable(struct swisd_reader *r, uint32_t key)
{
  static const char *const never[] = {"sweep", "set", "include", "worlds", "swisd"};
  const char *path = text_of(r, key);
  char top[64];
  const size_t length = strcspn(path, ".[");
  snprintf(top, sizeof top, "%.*s", (int)(length < sizeof top ? length : sizeof top - 1), path);
  for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
    if (strcmp(top, never[i]) == 0) {
      swisd_reader_complain(r, key, "cannot be set: it is read before anything is set");
      return false;
    }
  }
  if (swisd_key_find(SWISD_SECTION_TOP, top) || strncmp(top, "x-", 2) == 0) {
    return true;
  }
  const char *known[64];
  size_t count = 0;
  for (size_t k = 0; k < swisd_key_count && count < 64; k++) {
    if (swisd_keys[k].section == SWISD_SECTION_TOP) {
      known[count++] = swisd_keys[k].name;
    }
  }
  const char *near = swisd_suggest(top, known, count);
  if (near) {
    swisd_reader_complain(r, key, "the path begins with an unknown key, did you mean '%s%.60s'?", near, path + length);
  } else {
    swisd_reader_complain(r, key, "the path begins with an unknown key; paths are like links.wifi.latency or faults[0].at");
  }
  return false;
}

/* One column; its length, 0 after a complaint. */
static uint32_t read_column(struct swisd_reader *r, const struct swisd_document_item *item, uint32_t axis,
                            struct swisd_sweep *sweep)
{
  const struct swisd_document *d = r->document;
  const char *path = text_of(r, item->key);
  const uint32_t mark = swisd_reader_enter(r, path, -1);
  uint32_t length = 0;
  if (is_settable(r, item->key)) {
    if (d->nodes[item->value].kind != SWISD_NODE_LIST || !d->nodes[item->value].first) {
      swisd_reader_complain(r, item->value, "wanted is a list of values, e.g. [1, 2, 4]");
    } else if (sweep->column_count == SWISD_SWEEP_COLUMNS_MAX) {
      swisd_reader_complain(r, item->key, "is one more than the %d paths allowed", SWISD_SWEEP_COLUMNS_MAX);
    } else {
      for (uint32_t i = 0; (i = swisd_document_next(d, item->value, i));) {
        length++;
      }
      sweep->columns[sweep->column_count++] = (struct swisd_sweep_column){.key = item->key, .list = item->value, .axis = axis};
    }
  }
  swisd_reader_leave(r, mark);
  return length;
}

static void add_axis(struct swisd_reader *r, uint32_t node, uint32_t length, struct swisd_sweep *sweep)
{
  if (length == 0 || sweep->axis_count == SWISD_SWEEP_COLUMNS_MAX) {
    return;
  }
  if (length > SWISD_SWEEP_POINTS_MAX / sweep->points) {
    swisd_reader_complain(r, node, "makes more than %d points", SWISD_SWEEP_POINTS_MAX);
    return;
  }
  sweep->lengths[sweep->axis_count++] = length;
  sweep->points *= length;
}

/* Columns that vary together. */
static void read_zip(struct swisd_reader *r, uint32_t node, struct swisd_sweep *sweep)
{
  const struct swisd_document *d = r->document;
  uint32_t length = 0;
  if (!is_map(r, node, "a map of paths with lists of equal length")) {
    return;
  }
  for (uint32_t i = 0; (i = swisd_document_next(d, node, i));) {
    const struct swisd_document_item item = d->items[i];
    if (is_free(text_of(r, item.key))) {
      continue;
    }
    const uint32_t found = read_column(r, &item, sweep->axis_count, sweep);
    if (length && found && found != length) {
      const uint32_t mark = swisd_reader_enter(r, text_of(r, item.key), -1);
      swisd_reader_complain(r, item.value, "has %u values, the others of this zip have %u", found, length);
      swisd_reader_leave(r, mark);
    }
    length = length ? length : found;
  }
  add_axis(r, node, length, sweep);
}

static void read_zips(struct swisd_reader *r, uint32_t node, struct swisd_sweep *sweep)
{
  const struct swisd_document *d = r->document;
  if (d->nodes[node].kind != SWISD_NODE_LIST) {
    read_zip(r, node, sweep);
    return;
  }
  int64_t index = 0;
  for (uint32_t i = 0; (i = swisd_document_next(d, node, i));) {
    const uint32_t mark = swisd_reader_enter(r, "", index++);
    read_zip(r, d->items[i].value, sweep);
    swisd_reader_leave(r, mark);
  }
}

void swisd_sweep_read(struct swisd_reader *r, uint32_t node, struct swisd_sweep *sweep)
{
  struct swisd_sweep ignored;
  sweep = sweep ? sweep : &ignored;
  sweep->column_count = sweep->axis_count = 0;
  sweep->points = 1;
  const struct swisd_document *d = r->document;
  if (!node || !is_map(r, node, "a map of paths with lists of values")) {
    return;
  }
  for (uint32_t i = 0; (i = swisd_document_next(d, node, i));) {
    const struct swisd_document_item item = d->items[i];
    const char *path = text_of(r, item.key);
    if (is_free(path)) {
      continue;
    }
    if (strcmp(path, "zip") == 0) {
      const uint32_t mark = swisd_reader_enter(r, path, -1);
      read_zips(r, item.value, sweep);
      swisd_reader_leave(r, mark);
    } else {
      add_axis(r, item.key, read_column(r, &item, sweep->axis_count, sweep), sweep);
    }
  }
}

uint32_t swisd_sweep_value(const struct swisd_sweep *sweep, const struct swisd_document *d, uint32_t point, uint32_t column)
{
  uint32_t index = 0;
  for (uint32_t axis = sweep->axis_count; axis-- > 0;) {
    index = point % sweep->lengths[axis];
    point /= sweep->lengths[axis];
    if (axis == sweep->columns[column].axis) {
      break;
    }
  }
  uint32_t item = d->nodes[sweep->columns[column].list].first;
  while (index-- > 0 && item) {
    item = d->items[item].next;
  }
  return item ? d->items[item].value : 0;
}

void swisd_reader_settings(struct swisd_reader *r, uint32_t node)
{
  const struct swisd_document *d = r->document;
  if (!is_map(r, node, "a map of paths with values")) {
    return;
  }
  for (uint32_t i = 0; (i = swisd_document_next(d, node, i));) {
    const struct swisd_document_item item = d->items[i];
    if (!is_free(text_of(r, item.key))) {
      const uint32_t mark = swisd_reader_enter(r, text_of(r, item.key), -1);
      is_settable(r, item.key);
      swisd_reader_leave(r, mark);
    }
  }
}

void swisd_reader_files(struct swisd_reader *r, uint32_t node)
{
  const struct swisd_document *d = r->document;
  const uint8_t kind = d->nodes[node].kind;
  if (kind == SWISD_NODE_MAP || (kind == SWISD_NODE_SCALAR && !*text_of(r, node))) {
    swisd_reader_complain(r, node, "is %s, wanted is the path of a scenario file, or a list of them",
                          kind == SWISD_NODE_MAP ? "a map" : "empty");
  }
  int64_t index = 0;
  for (uint32_t i = 0; kind == SWISD_NODE_LIST && (i = swisd_document_next(d, node, i)); index++) {
    const uint32_t value = d->items[i].value;
    if (d->nodes[value].kind != SWISD_NODE_SCALAR || !*text_of(r, value)) {
      const uint32_t mark = swisd_reader_enter(r, "", index);
      swisd_reader_complain(r, value, "wanted is the path of a scenario file");
      swisd_reader_leave(r, mark);
    }
  }
}

/* ---- expectations ---- */

static const char *const statistics[] = {"mean", "median", "min", "max", "p05", "p95"};
static const char *const operators[] = {"<=", ">=", "<", ">", "=="};

static const char *skip_spaces(const char *p) { return p + strspn(p, " "); }

/* The index of the word that `*p` begins with, or -1; moves past it. */
static int take_word(const char **p, const char *const *words, int count)
{
  for (int i = 0; i < count; i++) {
    const size_t length = strlen(words[i]);
    if (strncmp(*p, words[i], length) == 0) {
      *p = skip_spaces(*p + length);
      return i;
    }
  }
  return -1;
}

static void read_expectation(struct swisd_reader *r, const struct swisd_document_item *item)
{
  struct swisd_scenario_expect e = {.statistic = SWISD_EXPECT_MEAN};
  const char *name = text_of(r, item->key);
  const struct swisd_metric *metric = swisd_metric_find(name);
  if (!metric) {
    const char *near = swisd_metric_suggest(name);
    swisd_reader_complain(r, item->key, "no result is called so%s%s%s",
                          near ? ", did you mean '" : "; see swisd schema --metrics", near ? near : "", near ? "'?" : "");
    return;
  }
  const bool scalar = r->document->nodes[item->value].kind == SWISD_NODE_SCALAR;
  const char *p = scalar ? skip_spaces(text_of(r, item->value)) : "";
  const int statistic = take_word(&p, statistics, 6), operation = take_word(&p, operators, 5);
  if (operation < 0) {
    swisd_reader_complain(r, item->value, "wanted is a comparison, e.g. '>= 99 %%' or 'p95 < 3 s'");
    return;
  }
  char why[256];
  if (swisd_quantity_parse(p, metric->dimension, &e.value, why, sizeof why) < 0) {
    swisd_reader_complain(r, item->value, "%s", why);
    return;
  }
  struct swisd_scenario *s = r->scenario;
  if (!s || !swisd_reader_grow((void **)&s->expects, s->expect_count, sizeof *s->expects)) {
    return;
  }
  snprintf(e.metric, sizeof e.metric, "%s", name);
  snprintf(e.text, sizeof e.text, "%s", text_of(r, item->value));
  e.statistic = (uint8_t)(statistic < 0 ? SWISD_EXPECT_MEAN : statistic);
  e.operation = (uint8_t)operation;
  s->expects[s->expect_count++] = e;
}

void swisd_reader_expect(struct swisd_reader *r, uint32_t node)
{
  const struct swisd_document *d = r->document;
  if (!is_map(r, node, "a map of results with comparisons")) {
    return;
  }
  for (uint32_t i = 0; (i = swisd_document_next(d, node, i));) {
    const struct swisd_document_item item = d->items[i];
    if (!is_free(text_of(r, item.key))) {
      const uint32_t mark = swisd_reader_enter(r, text_of(r, item.key), -1);
      read_expectation(r, &item);
      swisd_reader_leave(r, mark);
    }
  }
}
