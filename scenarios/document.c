/* Events of libyaml are turned into nodes by a loop over an explicit stack of open maps and lists. */
#include "scenarios/document.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct frame {
  uint32_t node;
  uint32_t key; /* of a map: the key that waits for its value, 0 = a key comes next */
};

struct builder {
  struct swisd_document *document;
  struct swisd_complaints *complaints;
  struct frame frames[SWISD_DOCUMENT_DEPTH_MAX];
  uint32_t depth;
  uint32_t source, root;
  uint32_t columns;         /* of the first line that come before the text */
  struct swisd_map anchors; /* hash of the name -> node */
  bool ended;               /* the one document has been read */
};

static uint64_t hash_text(const char *text)
{
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
  for (; *text; text++) {
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  }
  return hash;
}

/* Room for one more element past `count`. */
static int reserve(void **array, uint32_t *room, uint32_t count, uint32_t more, size_t size)
{
  if (count + more <= *room) {
    return 0;
  }
  uint32_t wanted = *room ? *room : 64;
  while (wanted < count + more) {
    wanted *= 2; /* counts stay far below 2^31: files are bounded */
  }
  void *grown = realloc(*array, wanted * size);
  if (!grown) {
    return -1;
  }
  *array = grown;
  *room = wanted;
  return 0;
}

static struct swisd_place place_of(const struct builder *b, yaml_mark_t start, yaml_mark_t end)
{
  struct swisd_place place = {
    .line = (uint32_t)start.line + 1, .column = (uint32_t)start.column + 1, .width = 1, .source = b->source};
  place.column += start.line == 0 ? b->columns : 0;
  if (end.line == start.line && end.column > start.column) {
    place.width = (uint32_t)(end.column - start.column);
  }
  return place;
}

uint32_t swisd_document_new_node(struct swisd_document *d, enum swisd_node_kind kind, struct swisd_place place)
{
  if (d->node_count >= SWISD_DOCUMENT_NODES_MAX ||
      reserve((void **)&d->nodes, &d->node_room, d->node_count, 1, sizeof *d->nodes) < 0) {
    return 0;
  }
  d->nodes[d->node_count] = (struct swisd_document_node){.kind = (uint8_t)kind, .place = place};
  return d->node_count++;
}

int swisd_document_append(struct swisd_document *d, uint32_t node, uint32_t key, uint32_t value)
{
  if (d->item_count >= SWISD_DOCUMENT_ITEMS_MAX ||
      reserve((void **)&d->items, &d->item_room, d->item_count, 1, sizeof *d->items) < 0) {
    return -1;
  }
  d->items[d->item_count] = (struct swisd_document_item){.key = key, .value = value};
  struct swisd_document_node *n = &d->nodes[node];
  if (n->last) {
    d->items[n->last].next = d->item_count;
  } else {
    n->first = d->item_count;
  }
  n->last = d->item_count++;
  return 0;
}

int swisd_document_set_text(struct swisd_document *d, uint32_t node, const char *text, size_t length)
{
  if (reserve((void **)&d->strings, &d->string_room, d->string_count, (uint32_t)length + 1, 1) < 0) {
    return -1;
  }
  memcpy(d->strings + d->string_count, text, length);
  d->strings[d->string_count + length] = '\0';
  d->nodes[node].text = d->string_count;
  d->string_count += (uint32_t)length + 1;
  return 0;
}

/* A new node, or 0 after a complaint. */
static uint32_t add_node(struct builder *b, enum swisd_node_kind kind, struct swisd_place place)
{
  const uint32_t node = swisd_document_new_node(b->document, kind, place);
  if (node) {
    b->document->nodes[node].open = kind != SWISD_NODE_SCALAR;
  } else {
    swisd_complain(b->complaints, place, "(the file): more than %d values, or no memory", SWISD_DOCUMENT_NODES_MAX);
  }
  return node;
}

static int add_item(struct builder *b, uint32_t node, uint32_t key, uint32_t value)
{
  const int status = swisd_document_append(b->document, node, key, value);
  if (status < 0) {
    swisd_complain(b->complaints, b->document->nodes[value].place,
                   "(the file): more than %d members of maps and lists, or no memory", SWISD_DOCUMENT_ITEMS_MAX);
  }
  return status;
}

/* Puts a finished or opened value where it belongs: as the root, as a key, under a key, or into a list. */
static int attach(struct builder *b, uint32_t node)
{
  struct swisd_document *d = b->document;
  if (b->depth == 0) {
    b->root = node;
    return 0;
  }
  struct frame *frame = &b->frames[b->depth - 1];
  if (d->nodes[frame->node].kind == SWISD_NODE_MAP && !frame->key) {
    if (d->nodes[node].kind != SWISD_NODE_SCALAR) {
      swisd_complain(b->complaints, d->nodes[node].place, "(a key): is a map or a list, only words can be keys");
      return -1;
    }
    frame->key = node;
    return 0;
  }
  const uint32_t key = frame->key;
  frame->key = 0;
  return add_item(b, frame->node, key, node);
}

static int set_anchor(struct builder *b, const yaml_char_t *anchor, uint32_t node)
{
  return anchor ? swisd_map_put(&b->anchors, hash_text((const char *)anchor), node) : 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
  const struct swisd_place place = place_of(b, event->start_mark, event->end_mark);
  const size_t length = event->data.scalar.length;
  if (memchr(event->data.scalar.value, '\0', length)) {
    swisd_complain(b->complaints, place, "(a value): holds a zero byte");
    return -1;
  }
  const uint32_t node = add_node(b, SWISD_NODE_SCALAR, place);
  if (!node || swisd_document_set_text(b->document, node, (const char *)event->data.scalar.value, length) < 0) {
    return -1;
  }
  b->document->nodes[node].quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  return set_anchor(b, event->data.scalar.anchor, node) < 0 ? -1 : attach(b, node);
}

static int on_open(struct builder *b, enum swisd_node_kind kind, const yaml_char_t *anchor, const yaml_event_t *event)
{
  struct swisd_place place = place_of(b, event->start_mark, event->end_mark);
  place.width = 1;
  if (b->depth == SWISD_DOCUMENT_DEPTH_MAX) {
    swisd_complain(b->complaints, place, "(a value): nested more than %d deep", SWISD_DOCUMENT_DEPTH_MAX);
    return -1;
  }
  const uint32_t node = add_node(b, kind, place);
  if (!node || set_anchor(b, anchor, node) < 0 || attach(b, node) < 0) {
    return -1;
  }
  b->frames[b->depth++] = (struct frame){.node = node};
  return 0;
}

static void complain_of_duplicates(struct builder *b, uint32_t map)
{
  struct swisd_document *d = b->document;
  struct swisd_map seen = {0};
  for (uint32_t i = d->nodes[map].first; i; i = d->items[i].next) {
    const char *key = swisd_document_text(d, d->items[i].key);
    uint64_t first;
    if (!swisd_map_find(&seen, hash_text(key), &first)) {
      swisd_map_put(&seen, hash_text(key), d->items[i].key);
    } else if (strcmp(key, swisd_document_text(d, (uint32_t)first)) == 0) {
      swisd_complain(b->complaints, d->nodes[d->items[i].key].place, "%s: given twice, first in line %u", key,
                     d->nodes[first].place.line);
    }
  }
  swisd_map_free(&seen);
}

/* Adds to `map` the members of `source` that it does not have; `seen` counts the keys of both. */
static int merge(struct builder *b, uint32_t map, uint32_t source, uint32_t *seen)
{
  struct swisd_document *d = b->document;
  for (uint32_t i = d->nodes[source].first; i; i = d->items[i].next) {
    const struct swisd_document_item item = d->items[i];
    const char *key = swisd_document_text(d, item.key);
    if (++*seen > SWISD_DOCUMENT_MERGE_MAX) {
      swisd_complain(b->complaints, d->nodes[map].place, "<<: merges more than %d keys", SWISD_DOCUMENT_MERGE_MAX);
      return -1;
    }
    if (strcmp(key, "<<") == 0 || swisd_document_find(d, map, key)) {
      continue;
    }
    if (add_item(b, map, item.key, item.value) < 0) {
      return -1;
    }
  }
  return 0;
}

/* `<<: *base` or `<<: [*base, *other]`: a map's own members win, then the earlier source. */
static int merge_all(struct builder *b, uint32_t map)
{
  struct swisd_document *d = b->document;
  const struct swisd_document_item *found = swisd_document_find(d, map, "<<");
  if (!found) {
    return 0;
  }
  const uint32_t source = found->value;
  uint32_t seen = 0;
  for (uint32_t i = d->nodes[map].first; i; i = d->items[i].next) {
    seen++;
  }
  if (d->nodes[source].kind == SWISD_NODE_MAP) {
    return merge(b, map, source, &seen);
  }
  bool maps_only = d->nodes[source].kind == SWISD_NODE_LIST;
  for (uint32_t i = d->nodes[source].first; maps_only && i; i = d->items[i].next) {
    maps_only = d->nodes[d->items[i].value].kind == SWISD_NODE_MAP;
    if (maps_only && merge(b, map, d->items[i].value, &seen) < 0) {
      return -1;
    }
  }
  if (!maps_only) {
    swisd_complain(b->complaints, d->nodes[source].place, "<<: takes a map, or a list of maps");
  }
  return maps_only ? 0 : -1;
}

static int on_close(struct builder *b)
{
  const uint32_t node = b->frames[--b->depth].node;
  b->document->nodes[node].open = false;
  if (b->document->nodes[node].kind == SWISD_NODE_MAP) {
    complain_of_duplicates(b, node);
    return merge_all(b, node);
  }
  return 0;
}

static int on_alias(struct builder *b, const yaml_event_t *event)
{
  const char *name = (const char *)event->data.alias.anchor;
  const struct swisd_place place = place_of(b, event->start_mark, event->end_mark);
  uint64_t node;
  if (!swisd_map_find(&b->anchors, hash_text(name), &node)) {
    swisd_complain(b->complaints, place, "*%s: no anchor of that name stands before it", name);
    return -1;
  }
  if (b->document->nodes[node].open) {
    swisd_complain(b->complaints, place, "*%s: refers to what it is part of", name);
    return -1;
  }
  return attach(b, (uint32_t)node);
}

static int refuse(struct builder *b, const yaml_event_t *event, const char *what)
{
  swisd_complain(b->complaints, place_of(b, event->start_mark, event->end_mark), "%s", what);
  return -1;
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    return b->ended ? refuse(b, event, "---: a second document begins, a scenario is one") : 0;
  case YAML_DOCUMENT_END_EVENT:
    b->ended = true;
    return 0;
  case YAML_SCALAR_EVENT:
    return event->data.scalar.tag ? refuse(b, event, "(a value): has a tag, none are known") : on_scalar(b, event);
  case YAML_MAPPING_START_EVENT:
    return event->data.mapping_start.tag ? refuse(b, event, "(a value): has a tag, none are known")
                                         : on_open(b, SWISD_NODE_MAP, event->data.mapping_start.anchor, event);
  case YAML_SEQUENCE_START_EVENT:
    return event->data.sequence_start.tag ? refuse(b, event, "(a value): has a tag, none are known")
                                          : on_open(b, SWISD_NODE_LIST, event->data.sequence_start.anchor, event);
  case YAML_MAPPING_END_EVENT:
  case YAML_SEQUENCE_END_EVENT:
    return on_close(b);
  case YAML_ALIAS_EVENT:
    return on_alias(b, event);
  default:
    return 0;
  }
}

/* libyaml's own complaint. Its reader reports a byte offset and leaves the mark at the start. */
static void complain_of_yaml(struct builder *b, const yaml_parser_t *parser, const char *text, size_t bytes)
{
  struct swisd_place place = place_of(b, parser->problem_mark, parser->problem_mark);
  if (parser->error == YAML_READER_ERROR) {
    place.line = place.column = 1;
    place.source = b->source;
    for (size_t i = 0; i < bytes && i < parser->problem_offset; i++) {
      const bool newline = text[i] == '\n';
      place.line += newline;
      place.column = newline ? 1 : place.column + (((unsigned char)text[i] & 0xC0) != 0x80);
    }
    swisd_complain(b->complaints, place, "(the file): not UTF-8 text: %s", parser->problem);
    return;
  }
  if (parser->context) {
    swisd_complain(b->complaints, place, "(the file): broken YAML: %s, %s that begins in line %zu", parser->problem,
                   parser->context, parser->context_mark.line + 1);
  } else {
    swisd_complain(b->complaints, place, "(the file): broken YAML: %s", parser->problem ? parser->problem : "no memory");
  }
}

int swisd_document_start(struct swisd_document *document)
{
  *document = (struct swisd_document){.node_count = 1, .item_count = 1, .string_count = 1};
  /* strings[0] is the empty text of everything that is no scalar; node 0 and item 0 are nothing. */
  if (reserve((void **)&document->strings, &document->string_room, 0, 1, 1) < 0 ||
      reserve((void **)&document->nodes, &document->node_room, 0, 1, sizeof *document->nodes) < 0 ||
      reserve((void **)&document->items, &document->item_room, 0, 1, sizeof *document->items) < 0) {
    return -1;
  }
  document->strings[0] = '\0';
  document->nodes[0] = (struct swisd_document_node){0};
  document->items[0] = (struct swisd_document_item){0};
  return 0;
}

int swisd_document_add(struct swisd_document *document, const struct swisd_sources *sources, uint32_t source, size_t from,
                       struct swisd_complaints *complaints, uint32_t *root)
{
  struct builder b = {.document = document, .complaints = complaints, .source = source, .columns = (uint32_t)from};
  const struct swisd_place start = {.line = 1, .column = b.columns + 1, .width = 1, .source = source};
  const char *text = sources->list[source].text + from;
  const size_t bytes = sources->list[source].bytes - from;
  const uint32_t complaints_before = complaints->count;
  yaml_parser_t parser;
  *root = 0;
  if (bytes > INT_MAX / 4 || !yaml_parser_initialize(&parser)) {
    swisd_complain(complaints, start, "(the file): too large, or no memory");
    return -1;
  }
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
  int status = 0;
  for (bool more = true; more && status == 0;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&parser, &event)) {
      complain_of_yaml(&b, &parser, text, bytes);
      status = -1;
      break;
    }
    more = event.type != YAML_STREAM_END_EVENT;
    status = on_event(&b, &event);
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  swisd_map_free(&b.anchors);
  if (status < 0 && complaints->count == complaints_before) {
    swisd_complain(complaints, start, "(the file): no memory");
  }
  *root = b.root;
  return status;
}

void swisd_document_free(struct swisd_document *document)
{
  free(document->nodes);
  free(document->items);
  free(document->strings);
  *document = (struct swisd_document){0};
}

const char *swisd_document_text(const struct swisd_document *document, uint32_t node)
{
  return document->strings + document->nodes[node].text;
}

const struct swisd_document_item *swisd_document_find(const struct swisd_document *document, uint32_t map, const char *key)
{
  if (!map || document->nodes[map].kind != SWISD_NODE_MAP) {
    return NULL;
  }
  for (uint32_t i = document->nodes[map].first; i; i = document->items[i].next) {
    if (strcmp(swisd_document_text(document, document->items[i].key), key) == 0) {
      return &document->items[i];
    }
  }
  return NULL;
}

uint32_t swisd_document_next(const struct swisd_document *document, uint32_t node, uint32_t item)
{
  return item ? document->items[item].next : document->nodes[node].first;
}
