/* Trees made from trees. Nodes are never changed once read, because aliases share them: a changed map is a new one that
 * refers to the old values. */
#include <stdlib.h>
#include <string.h>

#include "scenarios/document.h"

enum { PATH_DEPTH_MAX = 16, WORD_BYTES = 128 };

uint32_t swisd_document_scalar(struct swisd_document *d, const char *text, struct swisd_place place)
{
  const uint32_t node = swisd_document_new_node(d, SWISD_NODE_SCALAR, place);
  return node && swisd_document_set_text(d, node, text, strlen(text)) == 0 ? node : 0;
}

uint32_t swisd_document_overlay(struct swisd_document *d, uint32_t under, uint32_t over)
{
  const uint32_t map = swisd_document_new_node(d, SWISD_NODE_MAP, d->nodes[over ? over : under].place);
  const uint32_t layers[2] = {under, over};
  for (int layer = 0; map && layer < 2; layer++) {
    if (!layers[layer] || d->nodes[layers[layer]].kind != SWISD_NODE_MAP) {
      continue;
    }
    for (uint32_t i = d->nodes[layers[layer]].first; i; i = d->items[i].next) {
      const struct swisd_document_item item = d->items[i];
      const bool replaced = layer == 0 && over && swisd_document_find(d, over, swisd_document_text(d, item.key));
      if (!replaced && swisd_document_append(d, map, item.key, item.value) < 0) {
        return 0;
      }
    }
  }
  return map;
}

/* ---- paths ---- */

/* One step of a path: a name, or the number of a list's member. */
struct step {
  char name[WORD_BYTES];
  int64_t index; /* -1: a name */
};

/* Takes the next step off `*path`. False when it is not well formed. */
static bool take_step(const char **path, struct step *step)
{
  const char *p = *path;
  if (*p == '[') {
    char *end;
    step->index = strtoll(p + 1, &end, 10);
    if (p[1] < '0' || p[1] > '9' || *end != ']' || end - p > 12) {
      return false;
    }
    p = end + 1;
  } else {
    const size_t length = strcspn(p, ".[");
    if (length == 0 || length >= sizeof step->name) {
      return false;
    }
    memcpy(step->name, p, length);
    step->name[length] = '\0';
    step->index = -1;
    p += length;
  }
  if (*p == '.') {
    p++;
    if (!*p || *p == '.' || *p == '[') {
      return false;
    }
  } else if (*p && *p != '[') {
    return false;
  }
  *path = p;
  return true;
}

/* The item of `node` that a step leads to; 0 when there is none. */
static uint32_t item_at(const struct swisd_document *d, uint32_t node, const struct step *step)
{
  int64_t number = 0;
  for (uint32_t i = d->nodes[node].first; i; i = d->items[i].next, number++) {
    if (step->index >= 0 ? number == step->index : strcmp(swisd_document_text(d, d->items[i].key), step->name) == 0) {
      return i;
    }
  }
  return 0;
}

uint32_t swisd_document_at(const struct swisd_document *d, uint32_t map, const char *path)
{
  struct step step;
  while (map && *path && take_step(&path, &step)) {
    const uint8_t wanted = step.index >= 0 ? SWISD_NODE_LIST : SWISD_NODE_MAP;
    const uint32_t item = d->nodes[map].kind == wanted ? item_at(d, map, &step) : 0;
    map = item ? d->items[item].value : 0;
  }
  return *path ? 0 : map;
}

/* A copy of `node` (a map or list) in which `step` leads to `value`. */
static uint32_t copy_with(struct swisd_document *d, uint32_t node, const struct step *step, uint32_t value,
                          struct swisd_place place)
{
  const uint32_t changed = node ? item_at(d, node, step) : 0;
  const uint32_t copy = swisd_document_new_node(d, node ? (enum swisd_node_kind)d->nodes[node].kind : SWISD_NODE_MAP,
                                                node ? d->nodes[node].place : place);
  for (uint32_t i = node && copy ? d->nodes[node].first : 0; i; i = d->items[i].next) {
    const struct swisd_document_item item = d->items[i];
    if (swisd_document_append(d, copy, item.key, i == changed ? value : item.value) < 0) {
      return 0;
    }
  }
  if (copy && !changed) {
    const uint32_t key = swisd_document_scalar(d, step->name, place);
    if (!key || swisd_document_append(d, copy, key, value) < 0) {
      return 0;
    }
  }
  return copy;
}

uint32_t swisd_document_with(struct swisd_document *d, uint32_t map, const char *path, uint32_t value, struct swisd_place place,
                             char *why, size_t why_bytes)
{
  struct step steps[PATH_DEPTH_MAX];
  uint32_t nodes[PATH_DEPTH_MAX + 1] = {map};
  int depth = 0;
  for (const char *rest = path; *rest || depth == 0; depth++) {
    if (depth == PATH_DEPTH_MAX || !take_step(&rest, &steps[depth])) {
      snprintf(why, why_bytes, "is no path, e.g. links.wifi.latency or faults[0].at");
      return 0;
    }
    const uint32_t node = nodes[depth];
    const bool in_list = steps[depth].index >= 0;
    if (node && d->nodes[node].kind != (in_list ? SWISD_NODE_LIST : SWISD_NODE_MAP)) {
      snprintf(why, why_bytes, "cannot be set: what stands before %s%.60s is no %s", in_list ? "[" : "'",
               in_list ? "...]" : steps[depth].name, in_list ? "list" : "map");
      return 0;
    }
    const uint32_t item = node ? item_at(d, node, &steps[depth]) : 0;
    if (in_list && !item) {
      snprintf(why, why_bytes, "cannot be set: the list has no member [%lld]", (long long)steps[depth].index);
      return 0;
    }
    nodes[depth + 1] = item ? d->items[item].value : 0;
  }
  while (value && depth-- > 0) {
    value = copy_with(d, nodes[depth], &steps[depth], value, place);
  }
  if (!value) {
    snprintf(why, why_bytes, "cannot be set: no memory, or more than %d values", SWISD_DOCUMENT_NODES_MAX);
  }
  return value;
}

/* ---- printing ---- */

/* Whether a plain scalar would be read back as something else than this text. */
static bool needs_quotes(const char *text)
{
  static const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./%+- ";
  const size_t length = strlen(text);
  return length == 0 || strspn(text, letters) != length || text[0] == ' ' || text[length - 1] == ' ' || text[0] == '%' ||
         (text[0] == '-' && (length == 1 || text[1] == ' ' || text[1] == '-')) || strncmp(text, "...", 3) == 0;
}

static void print_text(const char *text, FILE *out)
{
  if (!needs_quotes(text)) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c < 0x20 || *c == 0x7F) {
      fprintf(out, "\\x%02X", *c);
    } else {
      if (*c == '"' || *c == '\\') {
        fputc('\\', out);
      }
      fputc(*c, out);
    }
  }
  fputc('"', out);
}

/* Bounded by the depth of what was read. */
void swisd_document_print(const struct swisd_document *d, uint32_t node, FILE *out)
{
  const uint8_t kind = d->nodes[node].kind;
  if (kind == SWISD_NODE_SCALAR) {
    print_text(swisd_document_text(d, node), out);
    return;
  }
  fputc(kind == SWISD_NODE_MAP ? '{' : '[', out);
  bool first = true;
  for (uint32_t i = d->nodes[node].first; i; i = d->items[i].next) {
    const char *key = kind == SWISD_NODE_MAP ? swisd_document_text(d, d->items[i].key) : "";
    if (kind == SWISD_NODE_MAP && strcmp(key, "<<") == 0) {
      continue;
    }
    fputs(first ? "" : ", ", out);
    first = false;
    if (kind == SWISD_NODE_MAP) {
      print_text(key, out);
      fputs(": ", out);
    }
    swisd_document_print(d, d->items[i].value, out);
  }
  fputc(kind == SWISD_NODE_MAP ? '}' : ']', out);
}
