/* Writing JSON (RFC 8259) piece by piece to a stream, without building a tree.
 * What comes out is always valid: numbers that are not finite become null, bytes that are not UTF-8 become U+FFFD, and
 * keys or values out of order are a bug of the caller (asserted). Write errors stay in the stream: ask ferror(). */
#ifndef SWISD_BASE_JSON_H
#define SWISD_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SWISD_JSON_DEPTH_MAX = 32 };

struct swisd_json {
  FILE *out; /* not owned */
  bool pretty;
  bool after_key;
  uint8_t depth;
  struct {
    char close;
    bool filled;
  } levels[SWISD_JSON_DEPTH_MAX];
};

/* `pretty`: a line per member, indented by two; otherwise one line. */
void swisd_json_start(struct swisd_json *json, FILE *out, bool pretty);

/* A newline after one complete value; asserts that every object and array was ended. `json` may be used for a next value. */
void swisd_json_finish(struct swisd_json *json);

void swisd_json_object(struct swisd_json *json);
void swisd_json_array(struct swisd_json *json);
void swisd_json_end(struct swisd_json *json); /* of the innermost object or array */
void swisd_json_key(struct swisd_json *json, const char *key);

void swisd_json_string(struct swisd_json *json, const char *text);
void swisd_json_text(struct swisd_json *json, const char *text, size_t bytes); /* may hold zero bytes */
void swisd_json_number(struct swisd_json *json, double value);                 /* the shortest form that reads back equal */
void swisd_json_integer(struct swisd_json *json, int64_t value);
void swisd_json_unsigned(struct swisd_json *json, uint64_t value);
void swisd_json_boolean(struct swisd_json *json, bool value);
void swisd_json_null(struct swisd_json *json);

/* A key and its value. */
static inline void swisd_json_member_string(struct swisd_json *json, const char *key, const char *text) /* NULL: null */
{
  swisd_json_key(json, key);
  if (text)
    swisd_json_string(json, text);
  else
    swisd_json_null(json);
}
static inline void swisd_json_member_unsigned(struct swisd_json *json, const char *key, uint64_t value)
{
  swisd_json_key(json, key);
  swisd_json_unsigned(json, value);
}
static inline void swisd_json_member_boolean(struct swisd_json *json, const char *key, bool value)
{
  swisd_json_key(json, key);
  swisd_json_boolean(json, value);
}

#endif
