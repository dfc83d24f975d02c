/* See spec.h. */
#include "bench/netlab/spec.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/quantity.h"

enum { VALUE_BYTES = 64 };

static const struct key {
  const char *name;
  enum swisd_dimension dimension;
  size_t offset;
} keys[] = {
  {"up", SWISD_DIMENSION_RATE, offsetof(struct netlab_link, up_bytes_per_s)},
  {"down", SWISD_DIMENSION_RATE, offsetof(struct netlab_link, down_bytes_per_s)},
  {"delay", SWISD_DIMENSION_TIME, offsetof(struct netlab_link, delay_s)},
  {"jitter", SWISD_DIMENSION_TIME, offsetof(struct netlab_link, jitter_s)},
  {"loss", SWISD_DIMENSION_SHARE, offsetof(struct netlab_link, loss)},
};

static int set_key(struct netlab_link *link, const char *pair, size_t bytes, struct swisd_error *error)
{
  const char *equals = memchr(pair, '=', bytes);
  for (size_t k = 0; equals && k < sizeof keys / sizeof *keys; k++) {
    const size_t name_bytes = (size_t)(equals - pair), value_bytes = bytes - name_bytes - 1;
    if (strlen(keys[k].name) != name_bytes || strncmp(keys[k].name, pair, name_bytes) != 0)
      continue;
    char value[VALUE_BYTES], why[128];
    double number;
    snprintf(value, sizeof value, "%.*s", (int)value_bytes, equals + 1);
    if (swisd_quantity_parse(value, keys[k].dimension, &number, why, sizeof why) != 0)
      return swisd_error_set(error, "%s: %s", keys[k].name, why);
    if (number < 0 || (keys[k].dimension == SWISD_DIMENSION_SHARE && number > 1))
      return swisd_error_set(error, "%s: %s is out of range", keys[k].name, value);
    memcpy((char *)link + keys[k].offset, &number, sizeof number);
    return 0;
  }
  return swisd_error_set(error, "%.*s: expected up=, down=, delay=, jitter= or loss=", (int)bytes, pair);
}

static int parse_link(const char *text, struct netlab_link *link, struct swisd_error *error)
{
  *link = (struct netlab_link){0};
  if (strcmp(text, "-") == 0)
    return 0;
  for (const char *at = text;; at++) {
    const size_t bytes = strcspn(at, ",");
    if (set_key(link, at, bytes, error) != 0)
      return -1;
    at += bytes;
    if (*at == '\0')
      return 0;
  }
}

int netlab_links_parse(const char *text, struct netlab_link links[NETLAB_NODES_MAX], size_t *count, struct swisd_error *error)
{
  struct netlab_link link;
  unsigned long copies = 1;
  const char *star = strchr(text, '*');
  if (star) {
    char *end;
    copies = strtoul(text, &end, 10);
    if (end != star || copies == 0)
      return swisd_error_set(error, "%s: before the * belongs a number of nodes", text);
    text = star + 1;
  }
  if (parse_link(text, &link, error) != 0)
    return -1;
  if (copies > NETLAB_NODES_MAX - *count)
    return swisd_error_set(error, "more than %d nodes", NETLAB_NODES_MAX);
  while (copies--)
    links[(*count)++] = link;
  return 0;
}

static int parse_node(const char *word, size_t nodes, size_t *node, struct swisd_error *error)
{
  char *end;
  *node = strtoul(word, &end, 10);
  if (end == word || *end || *node >= nodes)
    return swisd_error_set(error, "%s: not a node; allowed are 0 to %zu", word, nodes - 1);
  return 0;
}

int netlab_change_parse(const char *line, size_t nodes, struct netlab_change *change, struct swisd_error *error)
{
  char verb[16], first[32], second[256];
  *change = (struct netlab_change){0};
  const int words = sscanf(line, "%15s %31s %255s", verb, first, second);
  char *arrow = words >= 2 ? strchr(first, '>') : NULL;
  if (words == 3 && strcmp(verb, "link") == 0) {
    change->kind = NETLAB_CHANGE_LINK;
    return parse_node(first, nodes, &change->a, error) || parse_link(second, &change->link, error) ? -1 : 0;
  }
  const bool cut = words >= 2 && strcmp(verb, "cut") == 0;
  if (!(cut || (words >= 2 && strcmp(verb, "heal") == 0)) || (words == 2) != (arrow != NULL))
    return swisd_error_set(error, "\"%.60s\": expected link NODE LINK, cut A B, cut A>B, heal A B or heal A>B", line);
  change->kind = cut ? NETLAB_CHANGE_CUT : NETLAB_CHANGE_HEAL;
  if (arrow) {
    change->one_way = true;
    *arrow = '\0';
  }
  return parse_node(first, nodes, &change->a, error) || parse_node(arrow ? arrow + 1 : second, nodes, &change->b, error) ? -1 : 0;
}
