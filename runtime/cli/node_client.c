/* See node_client.h. */
#include "runtime/cli/node_client.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cli/peer_setup.h"
#include "runtime/net/control.h"

enum { PATIENCE_SECONDS = 5 };

static int take(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  struct swisd_node_client *client = (struct swisd_node_client *)taker;
  if (strcmp(name, "json") == 0)
    client->json = true;
  else if (strcmp(name, "watch") == 0)
    client->watch = true;
  else if (snprintf(client->directory, sizeof client->directory, "%s", value) >= (int)sizeof client->directory)
    return swisd_error_set(error, "--data: the path is too long");
  else
    client->directory_given = true;
  return 0;
}

struct swisd_node_client swisd_node_client_default(void)
{
  struct swisd_node_client client = {.taker.take = take};
  swisd_default_directory(client.directory, sizeof client.directory);
  return client;
}

int swisd_node_ask(const char *directory, const char *line, struct swisd_node_answer *answer, struct swisd_error *error)
{
  answer->raw = swisd_control_ask(directory, line, PATIENCE_SECONDS, error);
  if (!answer->raw)
    return -1;
  if (swisd_json_parse(&answer->json, "answer of the node", answer->raw, strlen(answer->raw), error) != 0) {
    free(answer->raw);
    return -1;
  }
  if (swisd_node_true(answer->json.root, "ok"))
    return 0;
  swisd_error_set(error, "the node says: %s", swisd_node_text(answer->json.root, "error"));
  swisd_node_answer_free(answer);
  return -1;
}

void swisd_node_answer_free(struct swisd_node_answer *answer)
{
  swisd_json_free(&answer->json);
  free(answer->raw);
}

bool swisd_node_directories(struct swisd_directory_visitor *visitor)
{
  char first[512], pattern[600];
  const char *temporary = getenv("TMPDIR");
  swisd_default_directory(first, sizeof first);
  const char *const formats[] = {"%s/control", "%s-*/control", "%s/swisd-*/control"};
  bool found = false;
  for (size_t f = 0; f < sizeof formats / sizeof *formats && !found; f++) {
    const char *const where = f < 2 ? first : temporary && *temporary ? temporary : "/tmp";
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
      snprintf(pattern, sizeof pattern, formats[f], where);
    _Pragma("GCC diagnostic pop") glob_t matches;
    if (glob(pattern, 0, NULL, &matches) != 0)
      continue;
    for (size_t i = 0; i < matches.gl_pathc && !found; i++) {
      *strrchr(matches.gl_pathv[i], '/') = '\0';
      found = visitor->visit(visitor, matches.gl_pathv[i]);
    }
    globfree(&matches);
  }
  return found;
}

double swisd_node_number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

const char *swisd_node_text(const json_t *object, const char *key)
{
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

bool swisd_node_true(const json_t *object, const char *key) { return json_is_true(json_object_get(object, key)); }

const json_t *swisd_node_list(const json_t *object, const char *key) { return json_object_get(object, key); }

const char *swisd_human_time(double ns, char text[SWISD_HUMAN_BYTES])
{
  const double s = ns / 1e9;
  if (s < 1e-3)
    snprintf(text, SWISD_HUMAN_BYTES, "%.0f us", ns / 1e3);
  else if (s < 1)
    snprintf(text, SWISD_HUMAN_BYTES, "%.0f ms", ns / 1e6);
  else if (s < 10)
    snprintf(text, SWISD_HUMAN_BYTES, "%.1f s", s);
  else if (s < 120)
    snprintf(text, SWISD_HUMAN_BYTES, "%.0f s", s);
  else if (s < 2 * 3600)
    snprintf(text, SWISD_HUMAN_BYTES, "%d min", (int)(s / 60));
  else if (s < 48 * 3600)
    snprintf(text, SWISD_HUMAN_BYTES, "%d h", (int)(s / 3600));
  else
    snprintf(text, SWISD_HUMAN_BYTES, "%.0f d", s / 86400 < 99999 ? s / 86400 : 99999);
  return text;
}

const char *swisd_human_scaled(double value, const char *unit, char text[SWISD_HUMAN_BYTES])
{
  static const char prefixes[] = {0, 'k', 'M', 'G', 'T', 'P', 'E'};
  size_t p = 0;
  for (; value >= 999.5 && p + 1 < sizeof prefixes; p++)
    value /= 1000;
  const int decimals = p == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  snprintf(text, SWISD_HUMAN_BYTES, "%.*f %.1s%s", decimals, value, p ? &prefixes[p] : "", unit);
  return text;
}
