/* Tables that a scenario names: found beside the file that names them, read once per study. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/reader.h"

static const struct swisd_measured *keep(struct swisd_reader *r, uint32_t node, struct swisd_measured *table)
{
  struct swisd_scenario *s = r->scenario;
  if (!swisd_reader_grow((void **)&s->tables, s->table_count, sizeof *s->tables)) {
    swisd_reader_complain(r, node, "no memory");
    return NULL;
  }
  s->tables[s->table_count++] = swisd_table_keep(table);
  return table;
}

/* Says where in the table's own file it is wrong. */
static void complain_in_table(struct swisd_reader *r, uint32_t node, const char *path, const char *text, size_t bytes,
                              uint32_t line, const char *why)
{
  const int source = swisd_sources_add(r->sources, path, text, bytes);
  if (source < 0) {
    swisd_reader_complain(r, node, "%.400s:%u: %s", path, line, why);
    return;
  }
  const struct swisd_place place = {.line = line, .column = 1, .width = 1, .source = (uint32_t)source};
  swisd_complain(r->complaints, place, "%s: %s", r->path, why);
}

static struct swisd_measured *read_table(struct swisd_reader *r, uint32_t node, const char *path,
                                         const struct swisd_table_request *request)
{
  char why[512];
  size_t bytes = 0;
  uint32_t line = 1;
  char *text = swisd_source_read_file(path, &bytes, why, sizeof why);
  if (!text) {
    swisd_reader_complain(r, node, "%s", why);
    return NULL;
  }
  struct swisd_measured *table = swisd_table_parse(request, text, bytes, &line, why, sizeof why);
  if (!table) {
    complain_in_table(r, node, path, text, bytes, line, why);
  }
  free(text);
  return table;
}

static const struct swisd_measured *find_table(struct swisd_reader *r, uint32_t node, const struct swisd_table_request *request)
{
  const struct swisd_document_node *n = &r->document->nodes[node];
  const char *name = n->kind == SWISD_NODE_SCALAR ? swisd_document_text(r->document, node) : "";
  char path[SWISD_SOURCE_NAME_BYTES], key[SWISD_SOURCE_NAME_BYTES];
  if (!r->scenario || !*name) {
    return NULL;
  }
  const bool fits = swisd_sources_path(r->sources, n->place.source, name, path, sizeof path);
  const int used = snprintf(key, sizeof key, "%d %s|%s|%s", (int)request->kind, request->value ? request->value : "",
                            request->weight ? request->weight : "", path);
  if (!fits || used < 0 || (size_t)used >= sizeof key) {
    swisd_reader_complain(r, node, "is too long a path");
    return NULL;
  }
  struct swisd_table_cache *cache = r->tables;
  for (uint32_t i = 0; i < cache->count; i++) {
    if (strcmp(cache->keys[i], key) == 0) {
      return keep(r, node, cache->tables[i]);
    }
  }
  struct swisd_measured *table = read_table(r, node, path, request);
  if (!table || !swisd_reader_grow((void **)&cache->keys, cache->count, sizeof *cache->keys) ||
      !swisd_reader_grow((void **)&cache->tables, cache->count, sizeof *cache->tables)) {
    swisd_table_release(table);
    return NULL;
  }
  memcpy(cache->keys[cache->count], key, sizeof key);
  cache->tables[cache->count++] = table;
  return keep(r, node, table);
}

const struct swisd_measured *swisd_reader_table(struct swisd_reader *r, const struct swisd_document_item *item,
                                                const struct swisd_table_request *request)
{
  const uint32_t mark = swisd_reader_enter(r, swisd_document_text(r->document, item->key), -1);
  const struct swisd_measured *table = find_table(r, item->value, request);
  swisd_reader_leave(r, mark);
  return table;
}

void swisd_table_cache_free(struct swisd_table_cache *cache)
{
  for (uint32_t i = 0; i < cache->count; i++) {
    swisd_table_release(cache->tables[i]);
  }
  free(cache->keys);
  free(cache->tables);
  *cache = (struct swisd_table_cache){0};
}
