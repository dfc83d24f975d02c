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
#include <stdio.h>

#include "runtime/base/map.h"
#include "scenarios/complaint.h"
#include "scenarios/source.h"

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
  bool quoted;  /* SCALAR: written in quotes */
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

/* Makes an empty document; -1 when memory is out. The caller frees it in both cases. */
int swisd_document_start(struct swisd_document *document);

/* Parses the UTF-8 of `sources->list[source]` from byte `from` on (an offset within its first line) and adds its tree; `root`
 * is its top (0: there is nothing in it). 0, or -1 with a complaint about what ended the reading. Complaints about duplicate
 * keys do not end it. Anchors do not reach from one text into another. */
int swisd_document_add(struct swisd_document *document, const struct swisd_sources *sources, uint32_t source, size_t from,
                       struct swisd_complaints *complaints, uint32_t *root);
void swisd_document_free(struct swisd_document *document);

/* The text of a scalar: terminated, with no zero byte inside. */
const char *swisd_document_text(const struct swisd_document *document, uint32_t node);

/* The item of `map` whose key is `key`; NULL if there is none or `map` is no map. */
const struct swisd_document_item *swisd_document_find(const struct swisd_document *document, uint32_t map, const char *key);

/* Iteration over the items of a map or list: start with item 0, ends with 0. */
uint32_t swisd_document_next(const struct swisd_document *document, uint32_t node, uint32_t item);

/* ---- editing (document_edit.c): nothing that was there changes, since aliases may share it ---- */

/* The bricks: a node of nothing yet (0: too many, or no memory), a member more, the text of a scalar. */
uint32_t swisd_document_new_node(struct swisd_document *document, enum swisd_node_kind kind, struct swisd_place place);
int swisd_document_append(struct swisd_document *document, uint32_t node, uint32_t key, uint32_t value);
int swisd_document_set_text(struct swisd_document *document, uint32_t node, const char *text, size_t length);

/* A scalar of its own; 0 when memory is out. */
uint32_t swisd_document_scalar(struct swisd_document *document, const char *text, struct swisd_place place);

/* A map with the members of `over`, and those of `under` that `over` lacks; either may be 0. 0 when memory is out. */
uint32_t swisd_document_overlay(struct swisd_document *document, uint32_t under, uint32_t over);

/* A copy of `map` in which the value at the dotted `path` ("a.b[2].c") is `value`; maps on the way that are missing are made.
 * 0 with a reason, worded to follow "path: ", in `why`. `place`: where new keys are said to stand. */
uint32_t swisd_document_with(struct swisd_document *document, uint32_t map, const char *path, uint32_t value,
                             struct swisd_place place, char *why, size_t why_bytes);

/* The value at a dotted path, 0 if there is none. */
uint32_t swisd_document_at(const struct swisd_document *document, uint32_t map, const char *path);

/* Prints a value in YAML's flow style ("{a: 1, b: [x, 'y: z']}"), on one line. */
void swisd_document_print(const struct swisd_document *document, uint32_t node, FILE *out);

#endif
