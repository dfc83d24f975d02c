/* The writer keeps one closing bracket and one "has members" flag per open level: all that commas and newlines need. */
#include "runtime/base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void swisd_json_start(struct swisd_json *json, FILE *out, bool pretty)
{
  memset(json, 0, sizeof *json);
  json->out = out;
  json->pretty = pretty;
}

void swisd_json_finish(struct swisd_json *json)
{
  assert(json->depth == 0 && !json->after_key);
  putc('\n', json->out);
}

static void newline(struct swisd_json *json)
{
  if (json->pretty) {
    fprintf(json->out, "\n%*s", json->depth * 2, "");
  }
}

/* Whatever stands between the last value and the next one. */
static void separate(struct swisd_json *json)
{
  if (json->after_key) {
    json->after_key = false;
    return;
  }
  if (json->depth == 0) {
    return;
  }
  if (json->levels[json->depth - 1].filled) {
    putc(',', json->out);
  }
  json->levels[json->depth - 1].filled = true;
  newline(json);
}

static void before_value(struct swisd_json *json)
{
  assert(json->depth == 0 || json->levels[json->depth - 1].close == ']' || json->after_key);
  separate(json);
}

static void open_level(struct swisd_json *json, char open, char close)
{
  before_value(json);
  assert(json->depth < SWISD_JSON_DEPTH_MAX);
  putc(open, json->out);
  json->levels[json->depth].close = close;
  json->levels[json->depth].filled = false;
  json->depth++;
}

void swisd_json_object(struct swisd_json *json) { open_level(json, '{', '}'); }
void swisd_json_array(struct swisd_json *json) { open_level(json, '[', ']'); }

void swisd_json_end(struct swisd_json *json)
{
  assert(json->depth > 0 && !json->after_key);
  json->depth--;
  if (json->levels[json->depth].filled) {
    newline(json);
  }
  putc(json->levels[json->depth].close, json->out);
}

/* Bytes of the UTF-8 sequence at `text`, 0 if there is no valid one (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const unsigned char *text, size_t bytes)
{
  const unsigned char c = text[0];
  const size_t length = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
  if (length == 0 || length > bytes) {
    return 0;
  }
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xC0) != 0x80) {
      return 0;
    }
  }
  if ((c == 0xE0 && text[1] < 0xA0) || (c == 0xED && text[1] > 0x9F) || (c == 0xF0 && text[1] < 0x90) ||
      (c == 0xF4 && text[1] > 0x8F)) {
    return 0;
  }
  return length;
}

static void write_quoted(FILE *out, const char *text, size_t bytes)
{
  static const char escapes[] = {
    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
  putc('"', out);
  for (size_t i = 0; i < bytes;) {
    const unsigned char c = (unsigned char)text[i];
    const size_t length = utf8_length((const unsigned char *)text + i, bytes - i);
    if (length == 0) {
      fputs("\xEF\xBF\xBD", out);
      i++;
      continue;
    }
    if (c < sizeof escapes && escapes[c]) {
      putc('\\', out);
      putc(escapes[c], out);
    } else if (c < 0x20 || c == 0x7F) {
      fprintf(out, "\\u%04x", c);
    } else {
      fwrite(text + i, 1, length, out);
    }
    i += length;
  }
  putc('"', out);
}

void swisd_json_key(struct swisd_json *json, const char *key)
{
  assert(json->depth > 0 && json->levels[json->depth - 1].close == '}' && !json->after_key);
  separate(json);
  write_quoted(json->out, key, strlen(key));
  fputs(json->pretty ? ": " : ":", json->out);
  json->after_key = true;
}

void swisd_json_text(struct swisd_json *json, const char *text, size_t bytes)
{
  before_value(json);
  write_quoted(json->out, text, bytes);
}

void swisd_json_string(struct swisd_json *json, const char *text) { swisd_json_text(json, text, strlen(text)); }

void swisd_json_number(struct swisd_json *json, double value)
{
  if (!isfinite(value)) {
    swisd_json_null(json);
    return;
  }
  char text[32];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (strtod(text, NULL) == value) {
      break;
    }
  }
  before_value(json);
  fputs(text, json->out);
}

void swisd_json_integer(struct swisd_json *json, int64_t value)
{
  before_value(json);
  fprintf(json->out, "%" PRId64, value);
}

void swisd_json_unsigned(struct swisd_json *json, uint64_t value)
{
  before_value(json);
  fprintf(json->out, "%" PRIu64, value);
}

void swisd_json_boolean(struct swisd_json *json, bool value)
{
  before_value(json);
  fputs(value ? "true" : "false", json->out);
}

void swisd_json_null(struct swisd_json *json)
{
  before_value(json);
  fputs("null", json->out);
}
