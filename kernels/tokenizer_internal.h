/* Shared by tokenizer.c and tokenizer_parse.c only. */
#ifndef SWISD_KERNELS_TOKENIZER_INTERNAL_H
#define SWISD_KERNELS_TOKENIZER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/tokenizer.h"
#include "runtime/base/map.h"

enum {
  SWISD_TOKENIZER_AFFIX_MAX = 16,
  SWISD_TOKENIZER_IDS_MAX = 1 << 21,
  SWISD_TOKENIZER_PATTERN_MAX = 16,
  SWISD_TOKENIZER_SPECIALS_MAX = 1024
};
#define SWISD_TOKEN_NONE UINT32_MAX

struct swisd_token {
  char *text; /* owned; NULL: no such id */
  size_t bytes;
  int16_t byte; /* of a token <0xNN>, else -1 */
  bool special;
};

struct swisd_tokenizer {
  struct swisd_token *tokens; /* by id */
  size_t size;
  struct swisd_map by_text; /* hash of the text -> id */
  struct swisd_map merges;  /* left id << 32 | right id -> rank << 32 | merged id */
  bool byte_fallback, fuse_unknown, decodes_bytes;
  uint32_t byte_ids[256]; /* or NONE */
  uint32_t unknown;       /* or NONE */
  uint32_t specials[SWISD_TOKENIZER_SPECIALS_MAX];
  bool special_begins[256]; /* some special token begins with this byte */
  size_t special_count;
  uint32_t before[SWISD_TOKENIZER_AFFIX_MAX], after[SWISD_TOKENIZER_AFFIX_MAX]; /* what the template adds */
  size_t before_count, after_count;
  /* the normalizer: a prefix, then one replacement; the decoder: one replacement, then characters stripped in front */
  char prepend[SWISD_TOKENIZER_PATTERN_MAX], replace_from[SWISD_TOKENIZER_PATTERN_MAX], replace_to[SWISD_TOKENIZER_PATTERN_MAX];
  char unreplace_from[SWISD_TOKENIZER_PATTERN_MAX], unreplace_to[SWISD_TOKENIZER_PATTERN_MAX];
  size_t prepend_bytes, replace_from_bytes, replace_to_bytes, unreplace_from_bytes, unreplace_to_bytes;
  char strip;
  size_t strip_start;
};

/* Bytes of the character that `text` begins with; 0 when it is not UTF-8. `bytes` >= 1. */
size_t swisd_utf8_length(const char *text, size_t bytes);
uint64_t swisd_text_hash(const char *text, size_t bytes);
bool swisd_tokenizer_find(const struct swisd_tokenizer *tokenizer, const char *text, size_t bytes, uint32_t *id);

#endif
