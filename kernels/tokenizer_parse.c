/* tokenizer.json -> tables. What is not understood is an error: a tokenizer that is nearly right gives nearly right text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tokenizer_internal.h"
#include "runtime/base/json_read.h"

enum { TEXT_BYTES_MAX = 4096 };

struct parse {
  struct swisd_json_file file;
  struct swisd_tokenizer *tokenizer;
  struct swisd_error *error;
};

static const char *type_of(const json_t *value)
{
  const char *type = json_string_value(json_object_get(value, "type"));
  return type ? type : "";
}

/* A short text into a fixed array. */
static int copy_pattern(struct parse *parse, const char *pointer, const json_t *value, char *out, size_t *bytes)
{
  if (!json_is_string(value) || json_string_length(value) > SWISD_TOKENIZER_PATTERN_MAX) {
    return swisd_json_error(&parse->file, pointer, parse->error, "a text of at most %d bytes is wanted",
                            SWISD_TOKENIZER_PATTERN_MAX);
  }
  *bytes = json_string_length(value);
  memcpy(out, json_string_value(value), *bytes);
  return 0;
}

static int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static int16_t byte_of(const char *text, size_t bytes)
{
  if (bytes != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>' || hex_digit(text[3]) < 0 || hex_digit(text[4]) < 0) {
    return -1;
  }
  return (int16_t)(16 * hex_digit(text[3]) + hex_digit(text[4]));
}

static int add_token(struct parse *parse, const char *pointer, const char *text, size_t bytes, uint32_t id)
{
  struct swisd_tokenizer *t = parse->tokenizer;
  uint32_t known;
  if (id < t->size && t->tokens[id].text) {
    const bool same = t->tokens[id].bytes == bytes && memcmp(t->tokens[id].text, text, bytes) == 0;
    return same ? 0 : swisd_json_error(&parse->file, pointer, parse->error, "id %u has two texts", id);
  }
  if (id >= t->size || bytes == 0 || bytes > TEXT_BYTES_MAX || swisd_tokenizer_find(t, text, bytes, &known) ||
      swisd_map_find(&t->by_text, swisd_text_hash(text, bytes), NULL)) {
    return swisd_json_error(&parse->file, pointer, parse->error,
                            "token %u: a text of 1 to %d bytes, that no other has, is wanted", id, TEXT_BYTES_MAX);
  }
  t->tokens[id] = (struct swisd_token){.text = malloc(bytes), .bytes = bytes, .byte = byte_of(text, bytes)};
  if (!t->tokens[id].text || swisd_map_put(&t->by_text, swisd_text_hash(text, bytes), id)) {
    return swisd_error_set(parse->error, "%s: no memory", parse->file.name);
  }
  memcpy(t->tokens[id].text, text, bytes);
  if (t->tokens[id].byte >= 0) {
    t->byte_ids[t->tokens[id].byte] = id;
  }
  return 0;
}

static bool get_id(const json_t *value, uint32_t *id)
{
  const json_int_t number = json_integer_value(value);
  *id = (uint32_t)number;
  return json_is_integer(value) && number >= 0 && number < SWISD_TOKENIZER_IDS_MAX;
}

/* Vocabulary and added tokens; the table is as long as the largest id says, but ids must be nearly dense. */
static int read_vocabulary(struct parse *parse)
{
  struct swisd_tokenizer *t = parse->tokenizer;
  json_t *vocab = swisd_json_find(&parse->file, "/model/vocab"), *added = swisd_json_find(&parse->file, "/added_tokens"), *value;
  const char *key;
  size_t index, key_bytes;
  uint32_t id, largest = 0;
  if (!json_is_object(vocab) || json_object_size(vocab) < 1 || (added && !json_is_array(added))) {
    return swisd_json_error(&parse->file, "/model/vocab", parse->error, "an object of tokens is wanted");
  }
  json_object_keylen_foreach(vocab, key, key_bytes, value)
  {
    if (!get_id(value, &id)) {
      return swisd_json_error(&parse->file, "/model/vocab", parse->error, "ids are 0 to %d", SWISD_TOKENIZER_IDS_MAX - 1);
    }
    largest = id > largest ? id : largest;
  }
  json_array_foreach(added, index, value)
  {
    if (!get_id(json_object_get(value, "id"), &id) || !json_is_string(json_object_get(value, "content"))) {
      return swisd_json_error(&parse->file, "/added_tokens", parse->error, "each has an id, 0 to %d, and a content",
                              SWISD_TOKENIZER_IDS_MAX - 1);
    }
    largest = id > largest ? id : largest;
  }
  t->size = (size_t)largest + 1;
  t->tokens = t->size <= 4 * (json_object_size(vocab) + json_array_size(added)) ? calloc(t->size, sizeof *t->tokens) : NULL;
  if (!t->tokens) {
    t->size = 0;
    return swisd_json_error(&parse->file, "/model/vocab", parse->error, "ids up to %u for %zu tokens, or no memory", largest,
                            json_object_size(vocab));
  }
  json_object_keylen_foreach(vocab, key, key_bytes, value)
  {
    get_id(value, &id);
    if (add_token(parse, "/model/vocab", key, key_bytes, id)) {
      return -1;
    }
  }
  json_array_foreach(added, index, value)
  {
    const json_t *content = json_object_get(value, "content");
    get_id(json_object_get(value, "id"), &id);
    if (add_token(parse, "/added_tokens", json_string_value(content), json_string_length(content), id)) {
      return -1;
    }
    if (json_is_true(json_object_get(value, "lstrip")) || json_is_true(json_object_get(value, "rstrip")) ||
        json_is_true(json_object_get(value, "single_word")) || t->special_count == SWISD_TOKENIZER_SPECIALS_MAX) {
      return swisd_json_error(&parse->file, "/added_tokens", parse->error,
                              "at most %d, without lstrip, rstrip and single_word, are known", SWISD_TOKENIZER_SPECIALS_MAX);
    }
    t->tokens[id].special = json_is_true(json_object_get(value, "special"));
    t->specials[t->special_count++] = id;
    t->special_begins[(uint8_t)t->tokens[id].text[0]] = true;
  }
  return 0;
}

/* One merge, "left right" or ["left", "right"]: both and their sum are tokens. */
static int read_merge(struct parse *parse, const json_t *merge, uint32_t rank)
{
  struct swisd_tokenizer *t = parse->tokenizer;
  const char *left = json_string_value(merge), *right = left ? strchr(left, ' ') : NULL;
  size_t left_bytes = right ? (size_t)(right - left) : 0, right_bytes = right ? strlen(++right) : 0;
  if (json_array_size(merge) == 2) {
    left = json_string_value(json_array_get(merge, 0));
    right = json_string_value(json_array_get(merge, 1));
    left_bytes = left ? strlen(left) : 0;
    right_bytes = right ? strlen(right) : 0;
  }
  char sum[2 * TEXT_BYTES_MAX];
  uint32_t a, b, merged;
  if (!left || !right || left_bytes > TEXT_BYTES_MAX || right_bytes > TEXT_BYTES_MAX ||
      !swisd_tokenizer_find(t, left, left_bytes, &a) || !swisd_tokenizer_find(t, right, right_bytes, &b)) {
    return swisd_json_error(&parse->file, "/model/merges", parse->error, "merge %u: two tokens of the vocabulary are wanted",
                            rank);
  }
  memcpy(sum, left, left_bytes);
  memcpy(sum + left_bytes, right, right_bytes);
  if (!swisd_tokenizer_find(t, sum, left_bytes + right_bytes, &merged)) {
    return swisd_json_error(&parse->file, "/model/merges", parse->error, "merge %u: what it makes is not in the vocabulary",
                            rank);
  }
  const uint64_t pair = (uint64_t)a << 32 | b;
  if (!swisd_map_find(&t->merges, pair, NULL) && swisd_map_put(&t->merges, pair, (uint64_t)rank << 32 | merged)) {
    return swisd_error_set(parse->error, "%s: no memory", parse->file.name);
  }
  return 0;
}

/* null, absent, false, or an empty text: a feature that is off. */
static bool is_off(const json_t *value)
{
  return !value || json_is_null(value) || json_is_false(value) || (json_is_string(value) && json_string_length(value) == 0);
}

static int read_model(struct parse *parse)
{
  static const char *const refused[] = {"/model/dropout", "/model/continuing_subword_prefix", "/model/end_of_word_suffix",
                                        "/model/ignore_merges", "/pre_tokenizer"};
  struct swisd_tokenizer *t = parse->tokenizer;
  const char *type = type_of(swisd_json_find(&parse->file, "/model"));
  if (strcmp(type, "BPE") != 0) {
    return swisd_json_error(&parse->file, "/model/type", parse->error, "`%.40s`: only `BPE` is known", type);
  }
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    if (!is_off(swisd_json_find(&parse->file, refused[i]))) {
      return swisd_json_error(&parse->file, refused[i], parse->error, "is not known here; null is wanted");
    }
  }
  if (read_vocabulary(parse)) {
    return -1;
  }
  t->byte_fallback = json_is_true(swisd_json_find(&parse->file, "/model/byte_fallback"));
  t->fuse_unknown = json_is_true(swisd_json_find(&parse->file, "/model/fuse_unk"));
  const json_t *unknown = swisd_json_find(&parse->file, "/model/unk_token"),
               *merges = swisd_json_find(&parse->file, "/model/merges");
  if (!is_off(unknown) && (!json_is_string(unknown) ||
                           !swisd_tokenizer_find(t, json_string_value(unknown), json_string_length(unknown), &t->unknown))) {
    return swisd_json_error(&parse->file, "/model/unk_token", parse->error, "a token of the vocabulary is wanted");
  }
  if (!json_is_array(merges)) {
    return swisd_json_error(&parse->file, "/model/merges", parse->error, "a list is wanted");
  }
  for (size_t i = 0; i < json_array_size(merges); i++) {
    if (read_merge(parse, json_array_get(merges, i), (uint32_t)i)) {
      return -1;
    }
  }
  return 0;
}

/* Steps of a Sequence, or the one that stands alone. */
static size_t step_count(const json_t *value, const char *list)
{
  return json_is_null(value) || !value             ? 0
         : strcmp(type_of(value), "Sequence") == 0 ? json_array_size(json_object_get(value, list))
                                                   : 1;
}

static const json_t *step_at(const json_t *value, const char *list, size_t index)
{
  return strcmp(type_of(value), "Sequence") == 0 ? json_array_get(json_object_get(value, list), index) : value;
}

static int read_replace(struct parse *parse, const char *pointer, const json_t *step, char *from, size_t *from_bytes, char *to,
                        size_t *to_bytes)
{
  const json_t *pattern = json_object_get(json_object_get(step, "pattern"), "String");
  if (copy_pattern(parse, pointer, pattern, from, from_bytes) ||
      copy_pattern(parse, pointer, json_object_get(step, "content"), to, to_bytes)) {
    return -1;
  }
  return *from_bytes ? 0 : swisd_json_error(&parse->file, pointer, parse->error, "Replace of an empty text");
}

/* Prepend, then Replace; each at most once, in this order. */
static int read_normalizer(struct parse *parse)
{
  struct swisd_tokenizer *t = parse->tokenizer;
  const json_t *value = swisd_json_find(&parse->file, "/normalizer");
  int stage = 0;
  for (size_t i = 0; i < step_count(value, "normalizers"); i++) {
    const json_t *step = step_at(value, "normalizers", i);
    int status;
    if (stage < 1 && strcmp(type_of(step), "Prepend") == 0) {
      stage = 1;
      status = copy_pattern(parse, "/normalizer", json_object_get(step, "prepend"), t->prepend, &t->prepend_bytes);
    } else if (stage < 2 && strcmp(type_of(step), "Replace") == 0) {
      stage = 2;
      status =
        read_replace(parse, "/normalizer", step, t->replace_from, &t->replace_from_bytes, t->replace_to, &t->replace_to_bytes);
    } else {
      status = swisd_json_error(&parse->file, "/normalizer", parse->error, "`%.40s` here: known are Prepend, then Replace",
                                type_of(step));
    }
    if (status) {
      return -1;
    }
  }
  return 0;
}

/* Replace, ByteFallback, Fuse, Strip; each at most once, in this order. */
static int read_decoder(struct parse *parse)
{
  static const char *const known[] = {"Replace", "ByteFallback", "Fuse", "Strip"};
  struct swisd_tokenizer *t = parse->tokenizer;
  const json_t *value = swisd_json_find(&parse->file, "/decoder");
  size_t next = 0;
  for (size_t i = 0; i < step_count(value, "decoders"); i++) {
    const json_t *step = step_at(value, "decoders", i);
    while (next < 4 && strcmp(type_of(step), known[next]) != 0) {
      next++;
    }
    if (next == 4) {
      return swisd_json_error(&parse->file, "/decoder", parse->error,
                              "`%.40s` here: known are Replace, ByteFallback, Fuse, Strip in this order", type_of(step));
    }
    if (next == 0 && read_replace(parse, "/decoder", step, t->unreplace_from, &t->unreplace_from_bytes, t->unreplace_to,
                                  &t->unreplace_to_bytes)) {
      return -1;
    }
    t->decodes_bytes |= next == 1;
    if (next == 3) {
      char strip[SWISD_TOKENIZER_PATTERN_MAX];
      size_t bytes = 0;
      const json_int_t start = json_integer_value(json_object_get(step, "start"));
      if (copy_pattern(parse, "/decoder", json_object_get(step, "content"), strip, &bytes)) {
        return -1;
      }
      if (bytes != 1 || start < 0 || start > 16 || json_integer_value(json_object_get(step, "stop")) != 0) {
        return swisd_json_error(&parse->file, "/decoder", parse->error, "Strip: one byte, 0 to 16 times in front, is known");
      }
      t->strip = strip[0];
      t->strip_start = (size_t)start;
    }
    next++;
  }
  return 0;
}

/* A template for one sequence: special tokens, the text, special tokens. */
static int read_template(struct parse *parse)
{
  struct swisd_tokenizer *t = parse->tokenizer;
  const json_t *value = swisd_json_find(&parse->file, "/post_processor");
  bool text = false;
  if (is_off(value)) {
    return 0;
  }
  if (strcmp(type_of(value), "TemplateProcessing") != 0) {
    return swisd_json_error(&parse->file, "/post_processor", parse->error, "`%.40s`: only TemplateProcessing is known",
                            type_of(value));
  }
  const json_t *single = json_object_get(value, "single");
  for (size_t i = 0; i < json_array_size(single); i++) {
    const json_t *part = json_array_get(single, i), *token = json_object_get(json_object_get(part, "SpecialToken"), "id");
    size_t *count = text ? &t->after_count : &t->before_count;
    uint32_t id;
    if (!token && json_object_get(part, "Sequence") && !text) {
      text = true;
      continue;
    }
    if (!json_is_string(token) || *count == SWISD_TOKENIZER_AFFIX_MAX ||
        !swisd_tokenizer_find(t, json_string_value(token), json_string_length(token), &id)) {
      return swisd_json_error(&parse->file, "/post_processor/single", parse->error,
                              "part %zu: one Sequence, and known special tokens, are wanted", i);
    }
    (text ? t->after : t->before)[(*count)++] = id;
  }
  return text ? 0 : swisd_json_error(&parse->file, "/post_processor/single", parse->error, "no Sequence in it");
}

static struct swisd_tokenizer *build(struct parse *parse)
{
  struct swisd_tokenizer *t = calloc(1, sizeof *t);
  parse->tokenizer = t;
  if (!t) {
    swisd_error_set(parse->error, "%s: no memory", parse->file.name);
  } else {
    memset(t->byte_ids, 0xff, sizeof t->byte_ids);
    t->unknown = SWISD_TOKEN_NONE;
    if (read_model(parse) || read_normalizer(parse) || read_decoder(parse) || read_template(parse)) {
      swisd_tokenizer_free(t);
      t = NULL;
    }
  }
  swisd_json_free(&parse->file);
  return t;
}

struct swisd_tokenizer *swisd_tokenizer_parse(const char *json, size_t json_bytes, const char *name, struct swisd_error *error)
{
  struct parse parse = {.error = error};
  if (json_bytes > SWISD_TOKENIZER_BYTES_MAX) {
    swisd_error_set(error, "%s: %zu bytes, at most %zu are read", name, json_bytes, SWISD_TOKENIZER_BYTES_MAX);
    return NULL;
  }
  return swisd_json_parse(&parse.file, name, json, json_bytes, error) ? NULL : build(&parse);
}

struct swisd_tokenizer *swisd_tokenizer_read(const char *path, struct swisd_error *error)
{
  struct parse parse = {.error = error};
  return swisd_json_read(&parse.file, path, SWISD_TOKENIZER_BYTES_MAX, error) ? NULL : build(&parse);
}

void swisd_tokenizer_free(struct swisd_tokenizer *tokenizer)
{
  if (!tokenizer) {
    return;
  }
  for (size_t i = 0; i < tokenizer->size; i++) {
    free(tokenizer->tokens[i].text);
  }
  free(tokenizer->tokens);
  swisd_map_free(&tokenizer->by_text);
  swisd_map_free(&tokenizer->merges);
  free(tokenizer);
}
