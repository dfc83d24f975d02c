/* Single values: scalars by type, distributions, speeds, sets of devices. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/suggest.h"
#include "scenarios/quantity.h"
#include "scenarios/reader.h"
#include "scenarios/sweep.h"

enum { WHY_BYTES = 256 };

static const char *text_of(const struct swisd_reader *r, uint32_t node) { return swisd_document_text(r->document, node); }

/* The text of `node` if it is a scalar with something in it; otherwise complains that `wanted` is wanted. */
static const char *scalar_text(struct swisd_reader *r, uint32_t node, const char *wanted)
{
  const uint8_t kind = r->document->nodes[node].kind;
  if (kind != SWISD_NODE_SCALAR) {
    swisd_reader_complain(r, node, "is a %s, wanted is %s", kind == SWISD_NODE_MAP ? "map" : "list", wanted);
    return NULL;
  }
  if (!*text_of(r, node)) {
    swisd_reader_complain(r, node, "is empty, wanted is %s", wanted);
    return NULL;
  }
  return text_of(r, node);
}

static void store_whole(const struct swisd_key *key, void *base, uint64_t value)
{
  if (!base || !key->bytes) {
    return;
  }
  const uint8_t u8 = (uint8_t)value;
  const uint16_t u16 = (uint16_t)value;
  const uint32_t u32 = (uint32_t)value;
  const void *from = key->bytes == 1   ? (const void *)&u8
                     : key->bytes == 2 ? (const void *)&u16
                     : key->bytes == 4 ? (const void *)&u32
                                       : (const void *)&value;
  memcpy((char *)base + key->offset, from, key->bytes);
}

static void complain_of_range(struct swisd_reader *r, uint32_t node, double value, double min, double max, enum swisd_dimension d)
{
  char got[32], lowest[32], highest[32];
  swisd_quantity_format(value, d, got, sizeof got);
  swisd_quantity_format(min, d, lowest, sizeof lowest);
  swisd_quantity_format(max, d, highest, sizeof highest);
  if (min == max) {
    swisd_reader_complain(r, node, "%s is out of range, it must be %s", got, lowest);
  } else {
    swisd_reader_complain(r, node, "%s is out of range, from %s to %s is allowed", got, lowest, highest);
  }
}

/* A quantity within bounds from `text`, which stands at `node`; false after a complaint. */
static bool read_quantity(struct swisd_reader *r, uint32_t node, const char *text, enum swisd_dimension dimension, double min,
                          double max, double *value)
{
  char why[WHY_BYTES];
  if (swisd_quantity_parse(text, dimension, value, why, sizeof why) < 0) {
    swisd_reader_complain(r, node, "%s", why);
    return false;
  }
  if (!(*value >= min && *value <= max)) {
    complain_of_range(r, node, *value, min, max, dimension);
    return false;
  }
  return true;
}

static void read_text(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, const char *text, void *base)
{
  const size_t length = strlen(text);
  if (length > key->max) {
    swisd_reader_complain(r, node, "is longer than %.0f bytes", key->max);
  } else if (base && key->bytes) {
    memcpy((char *)base + key->offset, text, length + 1);
  }
}

static void read_choice(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, const char *text, void *base)
{
  char words[160];
  const char *choices[16];
  size_t count = 0;
  char *rest = words;
  snprintf(words, sizeof words, "%s", key->choices);
  for (char *word; count < 16 && (word = strtok_r(rest, " ", &rest));) {
    if (strcmp(word, text) == 0) {
      store_whole(key, base, count);
      return;
    }
    choices[count++] = word;
  }
  const char *near = swisd_suggest(text, choices, count);
  if (near) {
    swisd_reader_complain(r, node, "'%.40s' is not one of: %s; did you mean '%s'?", text, key->choices, near);
  } else {
    swisd_reader_complain(r, node, "'%.40s' is not one of: %s", text, key->choices);
  }
}

static void read_whole(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, const char *text, void *base)
{
  uint64_t value;
  char why[WHY_BYTES];
  if (swisd_quantity_parse_whole(text, &value, why, sizeof why) < 0) {
    swisd_reader_complain(r, node, "%s", why);
  } else if ((double)value < key->min || (double)value > key->max) {
    complain_of_range(r, node, (double)value, key->min, key->max, SWISD_DIMENSION_NONE);
  } else {
    store_whole(key, base, value);
  }
}

static void read_measured(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, const char *text, void *base)
{
  double value;
  if (!read_quantity(r, node, text, swisd_key_dimension(key), key->min, key->max, &value) || !base || !key->bytes) {
    return;
  }
  if (key->type == SWISD_KEY_TIME) {
    store_whole(key, base, (uint64_t)(value * 1e9 + 0.5));
  } else if (key->type == SWISD_KEY_BYTES) {
    store_whole(key, base, (uint64_t)(value + 0.5));
  } else {
    for (size_t i = 0; i < key->bytes / sizeof value; i++) { /* SPEEDS: the same for each kernel class */
      memcpy((char *)base + key->offset + i * sizeof value, &value, sizeof value);
    }
  }
}

/* The index of `name` among `count` names that lie `stride` bytes apart; -1 after a complaint. */
static int find_name(struct swisd_reader *r, uint32_t node, const char *name, const char *what, const void *first, uint32_t count,
                     size_t stride)
{
  const char *near = NULL;
  size_t best = strlen(name) / 3 + 2;
  for (uint32_t i = 0; i < count; i++) {
    const char *known = (const char *)first + i * stride;
    if (strcmp(known, name) == 0) {
      return (int)i;
    }
    const size_t distance = swisd_suggest_distance(name, known);
    near = distance < best ? known : near;
    best = distance < best ? distance : best;
  }
  if (near) {
    swisd_reader_complain(r, node, "no %s is called '%.40s', did you mean '%s'?", what, name, near);
  } else {
    swisd_reader_complain(r, node, "no %s is called '%.40s'", what, name);
  }
  return -1;
}

int swisd_reader_find_class(struct swisd_reader *r, uint32_t node, const char *name)
{
  return find_name(r, node, name, "device class", r->scenario->classes, r->scenario->class_count, sizeof *r->scenario->classes);
}

int swisd_reader_find_link(struct swisd_reader *r, uint32_t node, const char *name)
{
  return find_name(r, node, name, "link", r->scenario->links, r->scenario->link_count, sizeof *r->scenario->links);
}

int swisd_reader_find_site(struct swisd_reader *r, uint32_t node, const char *name)
{
  return find_name(r, node, name, "site", r->scenario->sites, r->scenario->site_count, sizeof *r->scenario->sites);
}

static void read_reference(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, const char *name, void *base)
{
  if (!r->scenario) {
    return;
  }
  const int index = key->type == SWISD_KEY_LINK   ? swisd_reader_find_link(r, node, name)
                    : key->type == SWISD_KEY_SITE ? swisd_reader_find_site(r, node, name)
                                                  : swisd_reader_find_class(r, node, name);
  if (index >= 0) {
    store_whole(key, base, (uint64_t)index);
  }
}

/* A scalar's text, from the file or the table. */
static void read_scalar(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, const char *text, void *base)
{
  switch (key->type) {
  case SWISD_KEY_TEXT:
    read_text(r, key, node, text, base);
    break;
  case SWISD_KEY_CHOICE:
    read_choice(r, key, node, text, base);
    break;
  case SWISD_KEY_WHOLE:
    read_whole(r, key, node, text, base);
    break;
  case SWISD_KEY_LINK:
  case SWISD_KEY_SITE:
  case SWISD_KEY_CLASS:
    read_reference(r, key, node, text, base);
    break;
  case SWISD_KEY_TIME_DISTRIBUTION:
  case SWISD_KEY_COUNT_DISTRIBUTION: {
    struct swisd_distribution constant = {.kind = SWISD_DISTRIBUTION_CONSTANT};
    if (read_quantity(r, node, text, swisd_key_dimension(key), key->min, key->max, &constant.a) && base) {
      memcpy((char *)base + key->offset, &constant, sizeof constant);
    }
    break;
  }
  default:
    read_measured(r, key, node, text, base);
  }
}

/* Distributions that have a shape: their value is a map of two parameters. */
static const struct shaped {
  uint8_t kind;
  const char *scale, *shape; /* names of the parameters; `mean` may stand for the scale */
  double shape_min, shape_max;
} shaped[] = {
  {SWISD_DISTRIBUTION_WEIBULL, "scale", "shape", 0.05, 100},
  {SWISD_DISTRIBUTION_LOGNORMAL, "median", "sigma", 0, 10},
  {SWISD_DISTRIBUTION_GAMMA, "scale", "shape", 0.01, 1000},
  {SWISD_DISTRIBUTION_PARETO, "least", "shape", 0.05, 100},
};

static bool read_parameter(struct swisd_reader *r, const struct swisd_document_item *item, enum swisd_dimension dimension,
                           double min, double max, double *value)
{
  const uint32_t mark = swisd_reader_enter(r, text_of(r, item->key), -1);
  const char *text = scalar_text(r, item->value, swisd_quantity_wanted(dimension));
  const bool ok = text && read_quantity(r, item->value, text, dimension, min, max, value);
  swisd_reader_leave(r, mark);
  return ok;
}

static bool read_shaped(struct swisd_reader *r, const struct swisd_key *key, const struct shaped *s, uint32_t node,
                        struct swisd_distribution *d)
{
  const struct swisd_document_item *shape = swisd_document_find(r->document, node, s->shape);
  const struct swisd_document_item *scale = swisd_document_find(r->document, node, s->scale);
  const struct swisd_document_item *mean = swisd_document_find(r->document, node, "mean");
  uint32_t members = 0;
  if (r->document->nodes[node].kind == SWISD_NODE_MAP) {
    for (uint32_t i = 0; (i = swisd_document_next(r->document, node, i));) {
      members++;
    }
  }
  if (members != 2 || !shape || !scale == !mean) {
    const char *unit = swisd_key_dimension(key) == SWISD_DIMENSION_TIME ? " min" : "";
    swisd_reader_complain(r, node, "takes two parameters, {%s: 4%s, %s: 0.6} or {mean: 4%s, %s: 0.6}", s->scale, unit, s->shape,
                          unit, s->shape);
    return false;
  }
  const bool shape_ok = read_parameter(r, shape, SWISD_DIMENSION_NONE, s->shape_min, s->shape_max, &d->b);
  const bool scale_ok = read_parameter(r, scale ? scale : mean, swisd_key_dimension(key), key->min, key->max, &d->a);
  if (shape_ok && scale_ok && mean) {
    const struct swisd_distribution unit = {.kind = d->kind, .a = 1, .b = d->b};
    const double mean_of_unit = swisd_distribution_mean(&unit);
    if (!(mean_of_unit < 1e300)) {
      swisd_reader_complain(r, shape->value, "has no mean with this shape: give %s instead, or a larger shape", s->scale);
      return false;
    }
    d->a /= mean_of_unit;
  }
  return shape_ok && scale_ok;
}

static bool read_uniform(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, struct swisd_distribution *d)
{
  const struct swisd_document *document = r->document;
  const uint32_t first = document->nodes[node].first, second = first ? document->items[first].next : 0;
  if (document->nodes[node].kind != SWISD_NODE_LIST || !second || document->items[second].next) {
    swisd_reader_complain(r, node, "takes a list of two, e.g. %s",
                          swisd_key_dimension(key) == SWISD_DIMENSION_TIME ? "[1 s, 3 s]" : "[1, 3]");
    return false;
  }
  double *ends[2] = {&d->a, &d->b};
  const uint32_t values[2] = {document->items[first].value, document->items[second].value};
  for (int i = 0; i < 2; i++) {
    const char *text = scalar_text(r, values[i], swisd_quantity_wanted(swisd_key_dimension(key)));
    if (!text || !read_quantity(r, values[i], text, swisd_key_dimension(key), key->min, key->max, ends[i])) {
      return false;
    }
  }
  if (d->a > d->b) {
    swisd_reader_complain(r, node, "goes from the larger to the smaller");
    return false;
  }
  return true;
}

static bool read_kind(struct swisd_reader *r, const struct swisd_key *key, const struct swisd_document_item *item,
                      struct swisd_distribution *d)
{
  d->kind = SWISD_DISTRIBUTION_NONE;
  const char *name = text_of(r, item->key);
  const char *known[SWISD_DISTRIBUTION_POISSON];
  size_t count = 0;
  const bool counts = key->type == SWISD_KEY_COUNT_DISTRIBUTION;
  for (int kind = SWISD_DISTRIBUTION_CONSTANT; kind <= (counts ? SWISD_DISTRIBUTION_POISSON : SWISD_DISTRIBUTION_PARETO);
       kind++) {
    known[count] = swisd_distribution_name((enum swisd_distribution_kind)kind);
    if (strcmp(name, known[count++]) == 0) {
      d->kind = (uint8_t)kind;
    }
  }
  switch (d->kind) {
  case SWISD_DISTRIBUTION_NONE: {
    if (strcmp(name, "poisson") == 0) {
      swisd_reader_complain(r, item->key, "counts, and this is a time: a Poisson process has {exponential: ...} gaps");
      return false;
    }
    const char *near = swisd_suggest(name, known, count);
    swisd_reader_complain(r, item->key, "'%.40s' is no distribution, %s%s%s", name, near ? "did you mean '" : "known are: ",
                          near ? near : "constant uniform exponential weibull lognormal gamma pareto", near ? "'?" : "");
    return false;
  }
  case SWISD_DISTRIBUTION_CONSTANT:
  case SWISD_DISTRIBUTION_EXPONENTIAL:
  case SWISD_DISTRIBUTION_POISSON:
    return read_parameter(r, item, swisd_key_dimension(key), key->min, key->max, &d->a);
  default:
    break;
  }
  const uint32_t mark = swisd_reader_enter(r, name, -1);
  bool ok = d->kind == SWISD_DISTRIBUTION_UNIFORM && read_uniform(r, key, item->value, d);
  for (size_t i = 0; i < sizeof shaped / sizeof shaped[0]; i++) {
    if (shaped[i].kind == d->kind) {
      ok = read_shaped(r, key, &shaped[i], item->value, d);
    }
  }
  swisd_reader_leave(r, mark);
  return ok;
}

static void read_distribution(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, void *base)
{
  const struct swisd_document *document = r->document;
  const uint32_t item = document->nodes[node].first;
  if (!item || document->items[item].next) {
    swisd_reader_complain(r, node, "a distribution is a map of one key, e.g. {exponential: 4 min}");
    return;
  }
  struct swisd_distribution d = {.kind = SWISD_DISTRIBUTION_NONE};
  if (read_kind(r, key, &document->items[item], &d) && base) {
    memcpy((char *)base + key->offset, &d, sizeof d);
  }
}

static void add_target(struct swisd_reader *r, uint32_t node, struct swisd_scenario_fault *fault,
                       struct swisd_scenario_target target)
{
  struct swisd_scenario *s = r->scenario;
  if (!swisd_reader_grow((void **)&s->targets, s->target_count, sizeof *s->targets)) {
    swisd_reader_complain(r, node, "no memory for more devices");
    return;
  }
  s->targets[s->target_count++] = target;
  fault->target_count++;
}

/* "pi4": all of a class. "pi4/3": one device of it. */
static void read_device_name(struct swisd_reader *r, uint32_t node, const char *text, struct swisd_scenario_fault *fault)
{
  const char *slash = strchr(text, '/');
  char name[SWISD_SCENARIO_NAME_BYTES];
  uint64_t index = 0;
  char why[WHY_BYTES];
  snprintf(name, sizeof name, "%.*s", slash ? (int)(slash - text) : (int)strlen(text), text);
  if (slash && swisd_quantity_parse_whole(slash + 1, &index, why, sizeof why) < 0) {
    swisd_reader_complain(r, node, "'%.40s' is not a device, e.g. pi4/0", text);
    return;
  }
  const int found = r->scenario ? swisd_reader_find_class(r, node, name) : -1;
  if (found < 0) {
    return;
  }
  const struct swisd_scenario_class *c = &r->scenario->classes[found];
  if (c->count == 0) {
    return; /* its count is wrong, which has been said */
  }
  if (index >= c->count) {
    swisd_reader_complain(r, node, "'%.40s': there are %s/0 to %s/%u", text, c->name, c->name, c->count - 1);
  } else if (fault) {
    add_target(
      r, node, fault,
      (struct swisd_scenario_target){
        .class_index = (uint16_t)found, .site = SWISD_SCENARIO_NO_LINK, .first = (uint32_t)index, .count = slash ? 1 : c->count});
  }
}

/* {class: pi4, count: 2} or {class: pi4, share: 5 %}. */
static void read_device_choice(struct swisd_reader *r, uint32_t node, struct swisd_scenario_fault *fault)
{
  struct swisd_scenario_target target = {.class_index = UINT16_MAX, .site = SWISD_SCENARIO_NO_LINK};
  swisd_reader_map(r, SWISD_SECTION_TARGET, node, node, &target);
  const struct swisd_document_item *count = swisd_document_find(r->document, node, "count");
  const struct swisd_document_item *share = swisd_document_find(r->document, node, "share");
  if (count && share) {
    swisd_reader_complain(r, share->key, "count and share exclude each other");
    return;
  }
  const bool by_class = swisd_document_find(r->document, node, "class"), by_site = swisd_document_find(r->document, node, "site");
  if (by_class == by_site) {
    swisd_reader_complain(r, node, "wanted is either class or site, e.g. {class: pi4, count: 2}");
    return;
  }
  if (!r->scenario || (target.class_index == UINT16_MAX && target.site == SWISD_SCENARIO_NO_LINK)) {
    return;
  }
  /* How many there are to choose from: devices of a class, or places of a site. */
  const uint32_t all = by_site ? r->scenario->sites[target.site].count : r->scenario->classes[target.class_index].count;
  const char *name = by_site ? r->scenario->sites[target.site].name : r->scenario->classes[target.class_index].name;
  if (all == 0) {
    return;
  }
  target.random = count || share;
  double part = 0;
  char why[WHY_BYTES];
  if (share && r->document->nodes[share->value].kind == SWISD_NODE_SCALAR &&
      swisd_quantity_parse(text_of(r, share->value), SWISD_DIMENSION_SHARE, &part, why, sizeof why) == 0 && part >= 0 &&
      part <= 1) {
    target.count = (uint32_t)(part * all + 0.5);
    target.count += target.count == 0 && part > 0;
  }
  if (!target.random) {
    target.count = all;
  }
  if (target.count > all) {
    swisd_reader_complain(r, node, "wants %u %s, '%s' has %u", target.count, by_site ? "places" : "devices", name, all);
  } else if (fault && target.count > 0) {
    add_target(r, node, fault, target);
  }
}

static void read_device(struct swisd_reader *r, uint32_t node, struct swisd_scenario_fault *fault)
{
  if (r->document->nodes[node].kind == SWISD_NODE_MAP) {
    read_device_choice(r, node, fault);
    return;
  }
  const char *text = scalar_text(r, node, "a device, e.g. pi4/0, or {class: pi4, count: 2}");
  if (text) {
    read_device_name(r, node, text, fault);
  }
}

static void read_devices(struct swisd_reader *r, uint32_t node, struct swisd_scenario_fault *fault)
{
  const struct swisd_document *document = r->document;
  if (document->nodes[node].kind != SWISD_NODE_LIST) {
    read_device(r, node, fault);
    return;
  }
  if (!document->nodes[node].first) {
    swisd_reader_complain(r, node, "names no device");
  }
  int64_t index = 0;
  for (uint32_t item = 0; (item = swisd_document_next(document, node, item));) {
    const uint32_t mark = swisd_reader_enter(r, "", index++);
    read_device(r, document->items[item].value, fault);
    swisd_reader_leave(r, mark);
  }
}

/* A text, or a list of texts, into an array. */
static void read_texts(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, void *base)
{
  const size_t stride = (size_t)key->max + 1, room = key->bytes / stride;
  const bool is_list = r->document->nodes[node].kind == SWISD_NODE_LIST;
  size_t count = 0;
  for (uint32_t i = 0; !is_list || (i = swisd_document_next(r->document, node, i));) {
    const uint32_t at = is_list ? r->document->items[i].value : node;
    const uint32_t mark = is_list ? swisd_reader_enter(r, "", (int64_t)count) : (uint32_t)strlen(r->path);
    const char *text = scalar_text(r, at, is_list ? "a text" : "a text, or a list of them");
    if (count == room) {
      swisd_reader_complain(r, at, "is one more than the %zu allowed", room);
    } else if (text) {
      read_text(r, key, at, text, base ? (char *)base + count * stride : NULL);
    }
    swisd_reader_leave(r, mark);
    if (!is_list || count++ == room) {
      return;
    }
  }
}

void swisd_reader_value(struct swisd_reader *r, const struct swisd_key *key, uint32_t node, void *base)
{
  const uint8_t kind = r->document->nodes[node].kind;
  if (key->type == SWISD_KEY_DEVICES) {
    read_devices(r, node, base);
  } else if (key->type == SWISD_KEY_TEXTS) {
    read_texts(r, key, node, base);
  } else if (key->type == SWISD_KEY_FILES) {
    swisd_reader_files(r, node);
  } else if (key->type == SWISD_KEY_FILE) {
    char wanted[160];
    swisd_key_wanted(key, wanted, sizeof wanted);
    const char *path = scalar_text(r, node, wanted);
    if (path && strlen(path) > key->max) {
      swisd_reader_complain(r, node, "is longer than %.0f bytes", key->max);
    }
  } else if (key->type == SWISD_KEY_SETTINGS) {
    swisd_reader_settings(r, node);
  } else if (key->type == SWISD_KEY_SWEEP) {
    swisd_sweep_read(r, node, NULL);
  } else if (key->type == SWISD_KEY_EXPECT) {
    swisd_reader_expect(r, node);
  } else if ((key->type == SWISD_KEY_TIME_DISTRIBUTION || key->type == SWISD_KEY_COUNT_DISTRIBUTION) && kind == SWISD_NODE_MAP) {
    read_distribution(r, key, node, base);
  } else if (key->type == SWISD_KEY_SPEEDS && kind == SWISD_NODE_MAP) {
    swisd_reader_map(r, (enum swisd_section)key->inner, node, node, base);
  } else {
    char wanted[160];
    swisd_key_wanted(key, wanted, sizeof wanted);
    const char *text = scalar_text(r, node, wanted);
    if (text) {
      read_scalar(r, key, node, text, base);
    }
  }
}

void swisd_reader_fallback(struct swisd_reader *r, const struct swisd_key *key, void *base)
{
  read_scalar(r, key, r->root, key->fallback, base);
}
