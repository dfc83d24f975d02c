/* Parsing is jansson's; finding where a value stands is a small scan over text that is known to be valid JSON. */
#include "runtime/base/json_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES = 256 };

static int parse(struct swisd_json_file *file, struct swisd_error *error)
{
  json_error_t e;
  file->root = json_loadb(file->text, file->bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
  if (!file->root) {
    swisd_error_set(error, "%s:%d:%d: not JSON: %s", file->name, e.line < 1 ? 1 : e.line, e.column < 1 ? 1 : e.column, e.text);
    swisd_json_free(file);
    return -1;
  }
  return 0;
}

int swisd_json_parse(struct swisd_json_file *file, const char *name, const char *text, size_t bytes, struct swisd_error *error)
{
  memset(file, 0, sizeof *file);
  snprintf(file->name, sizeof file->name, "%s", name);
  file->text = malloc(bytes + 1);
  if (!file->text) {
    return swisd_error_set(error, "%s: no memory for %zu bytes", name, bytes);
  }
  memcpy(file->text, text, bytes);
  file->text[bytes] = '\0';
  file->bytes = bytes;
  return parse(file, error);
}

int swisd_json_read(struct swisd_json_file *file, const char *path, size_t bytes_max, struct swisd_error *error)
{
  memset(file, 0, sizeof *file);
  snprintf(file->name, sizeof file->name, "%s", path);
  FILE *in = fopen(path, "rb");
  if (!in) {
    return swisd_error_set(error, "%s: cannot be read: %s", path, strerror(errno));
  }
  size_t room = 0;
  do {
    room = room ? room * 2 : 65536;
    room = room > bytes_max + 1 ? bytes_max + 1 : room;
    char *text = realloc(file->text, room + 1);
    if (!text) {
      break;
    }
    file->text = text;
    file->bytes += fread(file->text + file->bytes, 1, room - file->bytes, in);
  } while (file->bytes == room && room <= bytes_max);
  const bool failed = ferror(in);
  fclose(in);
  if (failed || !file->text || file->bytes > bytes_max) {
    const bool too_large = !failed && file->bytes > bytes_max;
    swisd_json_free(file);
    return too_large ? swisd_error_set(error, "%s: larger than %zu bytes", path, bytes_max)
                     : swisd_error_set(error, "%s: cannot be read", path);
  }
  file->text[file->bytes] = '\0';
  return parse(file, error);
}

void swisd_json_free(struct swisd_json_file *file)
{
  json_decref(file->root);
  free(file->text);
  file->root = NULL;
  file->text = NULL;
  file->bytes = 0;
}

/* Takes the next token of a pointer ("/a~1b/0" -> "a/b", "0"); NULL at its end. An overlong token matches nothing. */
static const char *next_token(const char *pointer, char token[TOKEN_BYTES])
{
  if (*pointer != '/') {
    return NULL;
  }
  size_t used = 0;
  for (pointer++; *pointer && *pointer != '/'; pointer++) {
    char c = *pointer;
    if (c == '~' && (pointer[1] == '0' || pointer[1] == '1')) {
      c = *++pointer == '0' ? '~' : '/';
    }
    if (used + 1 < TOKEN_BYTES) {
      token[used++] = c;
    }
  }
  token[used] = '\0';
  return pointer;
}

static bool token_index(const char *token, size_t *index)
{
  char *end;
  errno = 0;
  const unsigned long long value = strtoull(token, &end, 10);
  *index = (size_t)value;
  return *token >= '0' && *token <= '9' && *end == '\0' && errno == 0;
}

static json_t *child_of(json_t *value, const char *token)
{
  size_t index;
  if (json_is_object(value)) {
    return json_object_get(value, token);
  }
  return json_is_array(value) && token_index(token, &index) ? json_array_get(value, index) : NULL;
}

json_t *swisd_json_find(const struct swisd_json_file *file, const char *pointer)
{
  char token[TOKEN_BYTES];
  json_t *value = file->root;
  while (value && (pointer = next_token(pointer, token))) {
    value = child_of(value, token);
  }
  return value;
}

static const char *skip_space(const char *c) { return c + strspn(c, " \t\r\n"); }

static const char *skip_string(const char *c)
{
  for (c++; *c && *c != '"'; c++) {
    c += *c == '\\' && c[1];
  }
  return *c ? c + 1 : c;
}

/* Past the value that begins at `c`. */
static const char *skip_value(const char *c)
{
  size_t depth = 0;
  do {
    c = skip_space(c);
    if (*c == '"') {
      c = skip_string(c);
    } else if (*c == '{' || *c == '[') {
      depth++;
      c++;
    } else if (*c == '}' || *c == ']') {
      depth--;
      c++;
    } else if (*c == ',' || *c == ':') {
      c++;
    } else {
      c += strcspn(c, " \t\r\n,:]}");
    }
  } while (*c && depth > 0);
  return c;
}

static bool key_is(const char *quoted, const char *end, const char *token)
{
  json_t *key = json_loadb(quoted, (size_t)(end - quoted), JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL);
  const bool same = json_is_string(key) && strcmp(json_string_value(key), token) == 0;
  json_decref(key);
  return same;
}

/* Where the child named `token` of the value at `c` begins; NULL if there is none. */
static const char *locate_child(const char *c, const char *token)
{
  const bool object = *c == '{';
  size_t wanted = 0;
  if (!object && (*c != '[' || !token_index(token, &wanted))) {
    return NULL;
  }
  c = skip_space(c + 1);
  for (size_t index = 0; *c && *c != '}' && *c != ']'; index++) {
    bool found = index == wanted;
    if (object) {
      const char *end = skip_string(c);
      found = key_is(c, end, token);
      c = skip_space(skip_space(end) + 1); /* past the colon */
    }
    if (found) {
      return c;
    }
    c = skip_space(skip_value(c));
    c = *c == ',' ? skip_space(c + 1) : c;
  }
  return NULL;
}

int swisd_json_error(const struct swisd_json_file *file, const char *pointer, struct swisd_error *error, const char *format, ...)
{
  char token[TOKEN_BYTES], what[256];
  const char *place = skip_space(file->text);
  for (const char *rest = pointer; (rest = next_token(rest, token));) {
    const char *child = locate_child(place, token);
    if (!child) {
      break;
    }
    place = child;
  }
  int line = 1, column = 1;
  for (const char *c = file->text; c < place; c++) {
    column = *c == '\n' ? 1 : column + 1;
    line += *c == '\n';
  }
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  return swisd_error_set(error, "%s:%d:%d: %s: %s", file->name, line, column, *pointer == '/' ? pointer + 1 : "(the file)", what);
}

int swisd_json_get_integer(const struct swisd_json_file *file, const char *pointer, int64_t min, int64_t max, int64_t *value,
                           struct swisd_error *error)
{
  const json_t *found = swisd_json_find(file, pointer);
  if (!json_is_integer(found) || json_integer_value(found) < min || json_integer_value(found) > max) {
    return swisd_json_error(file, pointer, error, "%s, a whole number from %lld to %lld is wanted",
                            !found                   ? "is missing"
                            : json_is_integer(found) ? "is out of range"
                                                     : "is of another type",
                            (long long)min, (long long)max);
  }
  *value = json_integer_value(found);
  return 0;
}

int swisd_json_get_number(const struct swisd_json_file *file, const char *pointer, double min, double max, double *value,
                          struct swisd_error *error)
{
  const json_t *found = swisd_json_find(file, pointer);
  if (!json_is_number(found) || json_number_value(found) < min || json_number_value(found) > max) {
    return swisd_json_error(file, pointer, error, "%s, a number from %g to %g is wanted",
                            !found                  ? "is missing"
                            : json_is_number(found) ? "is out of range"
                                                    : "is of another type",
                            min, max);
  }
  *value = json_number_value(found);
  return 0;
}

int swisd_json_get_string(const struct swisd_json_file *file, const char *pointer, const char **value, struct swisd_error *error)
{
  const json_t *found = swisd_json_find(file, pointer);
  if (!json_is_string(found)) {
    return swisd_json_error(file, pointer, error, "%s, a string is wanted", found ? "is of another type" : "is missing");
  }
  *value = json_string_value(found);
  return 0;
}
