/* A YAML file as a tree that remembers where everything stands.
 *
 * libyaml scans; this adds what a configuration needs and libyaml leaves out: aliases resolved to shared nodes (so that an
 * alias bomb stays small), `<<` merged, duplicate keys refused, and bounds on depth and size. No recursion anywhere.
 * (libfyaml, the pleasanter library, loops for ever on some invalid UTF-8.) */
#ifndef SWISD_SCENARIOS_DOCUMENT_H
#define SWISD_SCENARIOS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/map.h"
#include "scenarios/complaint.h"

enum {
  SWISD_DOCUMENT_DEPTH_MAX = 32,
  SWISD_DOCUMENT_NODES_MAX = 1000000, /* values, keys among them */
  SWISD_DOCUMENT_ITEMS_MAX = 1000000, /* members of maps and lists, merged ones among them */
  SWISD_DOCUMENT_MERGE_MAX = 256,     /* keys of a map that has a `<<`, and of what it merges */
};

enum swisd_node_kind { SWISD_NODE_SCALAR = 0, SWISD_NODE_MAP = 1, SWISD_NODE_LIST = 2 };

/* Nodes are named by their index; 0 is no node. */
struct swisd_document_node {
  uint8_t kind; /* enum swisd_node_kind */
  bool open;    /* its end has not been read: an alias to it would be a loop */
  struct swisd_place place;
  uint32_t text;        /* SCALAR: where its text begins in strings */
  uint32_t first, last; /* items, 0 = none */
};

/* A member of a map, or of a list (key 0). */
struct swisd_document_item {
  uint32_t key, value, next;
};

struct swisd_document {
  struct swisd_document_node *nodes;
  struct swisd_document_item *items;
  char *strings;
  uint32_t node_count, item_count, string_count; /* used; index 0 is nothing */
  uint32_t node_room, item_room, string_room;
  uint32_t root;
};

/* Parses `bytes` of UTF-8. 0 with a tree (root 0: the file is empty), or -1 with a complaint about what ended the reading.
 * Complaints about duplicate keys do not end it. The caller frees the document in both cases. */
int swisd_document_parse(struct swisd_document *document, const char *text, size_t bytes, struct swisd_complaints *complaints);
void swisd_document_free(struct swisd_document *document);

/* The text of a scalar: terminated, with no zero byte inside. */
const char *swisd_document_text(const struct swisd_document *document, uint32_t node);

/* The item of `map` whose key is `key`; NULL if there is none or `map` is no map. */
const struct swisd_document_item *swisd_document_find(const struct swisd_document *document, uint32_t map, const char *key);

/* Iteration over the items of a map or list: start with item 0, ends with 0. */
uint32_t swisd_document_next(const struct swisd_document *document, uint32_t node, uint32_t item);

#endif
