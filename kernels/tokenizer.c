/* Byte-pair encoding after a tokenizer.json. Behaviour: huggingface/tokenizers, models/bpe (merge the pair of lowest rank,
 * leftmost first; characters that are no token become their bytes, or else the unknown token), normalizers Prepend and Replace,
 * decoders Replace, ByteFallback, Fuse, Strip. One difference: special tokens are looked for in the text as it was given. */
#include "kernels/tokenizer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/tokenizer_internal.h"

/* ---- UTF-8 ---- */

size_t swisd_utf8_length(const char *text, size_t bytes)
{
  const uint8_t *t = (const uint8_t *)text;
  const size_t length = t[0] < 0x80                   ? 1
                        : t[0] >= 0xc2 && t[0] < 0xe0 ? 2
                        : t[0] >= 0xe0 && t[0] < 0xf0 ? 3
                        : t[0] >= 0xf0 && t[0] < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || length > bytes) {
    return 0;
  }
  for (size_t i = 1; i < length; i++) {
    if ((t[i] & 0xc0) != 0x80) {
      return 0;
    }
  }
  /* no overlong forms, no surrogates, nothing past U+10FFFF */
  const bool wrong = (t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] > 0x9f) || (t[0] == 0xf0 && t[1] < 0x90) ||
                     (t[0] == 0xf4 && t[1] > 0x8f);
  return wrong ? 0 : length;
}

/* ---- looking up ---- */

uint64_t swisd_text_hash(const char *text, size_t bytes)
{
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
  for (size_t i = 0; i < bytes; i++) {
    hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3u;
  }
  return hash;
}

bool swisd_tokenizer_find(const struct swisd_tokenizer *tokenizer, const char *text, size_t bytes, uint32_t *id)
{
  uint64_t value;
  if (!swisd_map_find(&tokenizer->by_text, swisd_text_hash(text, bytes), &value)) {
    return false;
  }
  *id = (uint32_t)value;
  return tokenizer->tokens[value].bytes == bytes && memcmp(tokenizer->tokens[value].text, text, bytes) == 0;
}

size_t swisd_tokenizer_size(const struct swisd_tokenizer *tokenizer) { return tokenizer->size; }

/* ---- encoding ---- */

/* A symbol of the text: a token in a doubly linked list of those that are left. */
struct symbol {
  uint32_t id;
  int32_t previous, next; /* -1 ends */
  bool gone;
};

/* A merge that was possible when it was found; stale when one of the two symbols has changed since. */
struct candidate {
  uint32_t rank, merged;
  int32_t left;
  uint32_t left_id, right_id;
};

struct merger {
  const struct swisd_tokenizer *tokenizer;
  struct symbol *symbols;
  int32_t symbol_count;
  struct candidate *heap; /* least (rank, left) first */
  size_t heap_count;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
  return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static void heap_push(struct merger *merger, struct candidate candidate)
{
  size_t at = merger->heap_count++;
  while (at > 0 && before(&candidate, &merger->heap[(at - 1) / 2])) {
    merger->heap[at] = merger->heap[(at - 1) / 2];
    at = (at - 1) / 2;
  }
  merger->heap[at] = candidate;
}

static struct candidate heap_pop(struct merger *merger)
{
  const struct candidate top = merger->heap[0], last = merger->heap[--merger->heap_count];
  size_t at = 0;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= merger->heap_count) {
      break;
    }
    child += child + 1 < merger->heap_count && before(&merger->heap[child + 1], &merger->heap[child]);
    if (!before(&merger->heap[child], &last)) {
      break;
    }
    merger->heap[at] = merger->heap[child];
    at = child;
  }
  merger->heap[at] = last;
  return top;
}

/* Each merge makes at most two new candidates, so 3 per symbol bound the heap. */
static void consider(struct merger *merger, int32_t left)
{
  const int32_t right = left < 0 ? -1 : merger->symbols[left].next;
  uint64_t value;
  if (right < 0) {
    return;
  }
  const uint32_t a = merger->symbols[left].id, b = merger->symbols[right].id;
  if (swisd_map_find(&merger->tokenizer->merges, (uint64_t)a << 32 | b, &value)) {
    heap_push(merger, (struct candidate){(uint32_t)(value >> 32), (uint32_t)value, left, a, b});
  }
}

static void merge_all(struct merger *merger)
{
  for (int32_t i = 0; i + 1 < merger->symbol_count; i++) {
    consider(merger, i);
  }
  while (merger->heap_count > 0) {
    const struct candidate best = heap_pop(merger);
    struct symbol *left = &merger->symbols[best.left];
    if (left->gone || left->id != best.left_id || left->next < 0 || merger->symbols[left->next].id != best.right_id) {
      continue;
    }
    struct symbol *right = &merger->symbols[left->next];
    left->id = best.merged;
    left->next = right->next;
    right->gone = true;
    if (left->next >= 0) {
      merger->symbols[left->next].previous = best.left;
    }
    consider(merger, left->previous);
    consider(merger, best.left);
  }
}

/* A character as a token, as its bytes, or as the unknown token. */
static void push_character(struct merger *merger, const char *text, size_t bytes, bool *unknown)
{
  const struct swisd_tokenizer *tokenizer = merger->tokenizer;
  uint32_t ids[4], count = 1;
  bool known = swisd_tokenizer_find(tokenizer, text, bytes, &ids[0]);
  if (!known && tokenizer->byte_fallback) {
    known = true;
    count = (uint32_t)bytes;
    for (size_t i = 0; i < bytes; i++) {
      ids[i] = tokenizer->byte_ids[(uint8_t)text[i]];
      known &= ids[i] != SWISD_TOKEN_NONE;
    }
  }
  if (!known) {
    ids[0] = tokenizer->unknown;
    count = (*unknown && tokenizer->fuse_unknown) || tokenizer->unknown == SWISD_TOKEN_NONE
              ? 0
              : 1; /* none: dropped, as the reference does */
  }
  *unknown = !known;
  for (uint32_t i = 0; i < count; i++) {
    const int32_t at = merger->symbol_count++;
    merger->symbols[at] = (struct symbol){.id = ids[i], .previous = at - 1, .next = -1};
    if (at > 0) {
      merger->symbols[at - 1].next = at;
    }
  }
}

struct output {
  uint32_t *tokens;
  size_t count, max;
  bool full;
};

static void put(struct output *output, uint32_t token)
{
  if (output->count < output->max) {
    output->tokens[output->count++] = token;
  } else {
    output->full = true;
  }
}

/* Normalizes: the prefix, then the replacement of each occurrence. `out` has room for the worst case. */
static size_t normalize(const struct swisd_tokenizer *tokenizer, const char *text, size_t bytes, char *out)
{
  size_t n = 0;
  memcpy(out, tokenizer->prepend, tokenizer->prepend_bytes);
  n = tokenizer->prepend_bytes;
  for (size_t i = 0; i < bytes;) {
    const size_t pattern = tokenizer->replace_from_bytes;
    if (pattern && bytes - i >= pattern && memcmp(text + i, tokenizer->replace_from, pattern) == 0) {
      memcpy(out + n, tokenizer->replace_to, tokenizer->replace_to_bytes);
      n += tokenizer->replace_to_bytes;
      i += pattern;
    } else {
      out[n++] = text[i++];
    }
  }
  return n;
}

/* Text between special tokens. */
static int encode_piece(const struct swisd_tokenizer *tokenizer, const char *text, size_t bytes, struct output *output,
                        struct swisd_error *error)
{
  if (bytes == 0) {
    return 0;
  }
  const size_t room = tokenizer->prepend_bytes + bytes * (1 + tokenizer->replace_to_bytes);
  char *normal = malloc(room);
  const size_t length = normal ? normalize(tokenizer, text, bytes, normal) : 0;
  struct merger merger = {.tokenizer = tokenizer,
                          .symbols = calloc(length + 1, sizeof *merger.symbols),
                          .heap = calloc(3 * length + 1, sizeof *merger.heap)};
  int status = 0;
  if (!normal || !merger.symbols || !merger.heap) {
    status = swisd_error_set(error, "no memory to encode %zu bytes", bytes);
  }
  bool unknown = false;
  for (size_t i = 0; status == 0 && i < length;) {
    const size_t character = swisd_utf8_length(normal + i, length - i);
    if (character == 0) {
      status = swisd_error_set(error, "byte %zu of the text is not UTF-8", i);
      break;
    }
    push_character(&merger, normal + i, character, &unknown);
    i += character;
  }
  if (status == 0) {
    merge_all(&merger);
    for (int32_t i = merger.symbol_count ? 0 : -1; i >= 0; i = merger.symbols[i].next) {
      put(output, merger.symbols[i].id);
    }
  }
  free(normal);
  free(merger.symbols);
  free(merger.heap);
  return status;
}

/* The longest special token that the text begins with. */
static bool special_at(const struct swisd_tokenizer *tokenizer, const char *text, size_t bytes, uint32_t *id)
{
  size_t longest = 0;
  for (size_t i = 0; tokenizer->special_begins[(uint8_t)*text] && i < tokenizer->special_count; i++) {
    const struct swisd_token *token = &tokenizer->tokens[tokenizer->specials[i]];
    if (token->bytes > longest && token->bytes <= bytes && memcmp(token->text, text, token->bytes) == 0) {
      longest = token->bytes;
      *id = tokenizer->specials[i];
    }
  }
  return longest > 0;
}

int64_t swisd_tokenizer_encode(const struct swisd_tokenizer *tokenizer, const char *text, size_t text_bytes, uint32_t *tokens,
                               size_t token_max, struct swisd_error *error)
{
  struct output output = {.tokens = tokens, .max = token_max};
  if (text_bytes > SWISD_TOKENIZER_TEXT_MAX) {
    return swisd_error_set(error, "a text of %zu bytes, at most %d are encoded", text_bytes, SWISD_TOKENIZER_TEXT_MAX);
  }
  for (size_t i = 0; i < tokenizer->before_count; i++) {
    put(&output, tokenizer->before[i]);
  }
  size_t begin = 0;
  for (size_t i = 0; i < text_bytes;) {
    uint32_t special;
    if (!special_at(tokenizer, text + i, text_bytes - i, &special)) {
      i++;
      continue;
    }
    if (encode_piece(tokenizer, text + begin, i - begin, &output, error)) {
      return -1;
    }
    put(&output, special);
    i += tokenizer->tokens[special].bytes;
    begin = i;
  }
  if (encode_piece(tokenizer, text + begin, text_bytes - begin, &output, error)) {
    return -1;
  }
  for (size_t i = 0; i < tokenizer->after_count; i++) {
    put(&output, tokenizer->after[i]);
  }
  if (output.full) {
    return swisd_error_set(error, "more than %zu tokens", token_max);
  }
  return (int64_t)output.count;
}

/* ---- decoding ---- */

struct text_out {
  char *text;
  size_t bytes, max; /* max counts the terminating 0 */
};

static void append(struct text_out *out, const char *text, size_t bytes)
{
  const size_t room = out->max > out->bytes + 1 ? out->max - out->bytes - 1 : 0;
  const size_t taken = bytes < room ? bytes : room;
  memcpy(out->text + out->bytes, text, taken);
  out->bytes += taken;
}

/* Bytes that stood for themselves: one text if they are UTF-8, else a replacement character for each. */
static void flush_bytes(struct text_out *out, const char *bytes, size_t count)
{
  size_t i = 0;
  while (i < count) {
    const size_t length = swisd_utf8_length(bytes + i, count - i);
    if (length == 0) {
      break;
    }
    i += length;
  }
  if (i == count) {
    append(out, bytes, count);
    return;
  }
  for (i = 0; i < count; i++) {
    append(out, "\xef\xbf\xbd", 3);
  }
}

static void append_token(const struct swisd_tokenizer *tokenizer, const struct swisd_token *token, struct text_out *out)
{
  const size_t pattern = tokenizer->unreplace_from_bytes;
  for (size_t i = 0; i < token->bytes;) {
    if (pattern && token->bytes - i >= pattern && memcmp(token->text + i, tokenizer->unreplace_from, pattern) == 0) {
      append(out, tokenizer->unreplace_to, tokenizer->unreplace_to_bytes);
      i += pattern;
    } else {
      append(out, token->text + i++, 1);
    }
  }
}

int64_t swisd_tokenizer_decode(const struct swisd_tokenizer *tokenizer, const uint32_t *tokens, size_t token_count, int special,
                               char *text, size_t text_max, struct swisd_error *error)
{
  struct text_out out = {.text = text, .max = text_max};
  char bytes[256];
  size_t byte_count = 0;
  for (size_t i = 0; i < token_count; i++) {
    if (tokens[i] >= tokenizer->size || !tokenizer->tokens[tokens[i]].text) {
      return swisd_error_set(error, "token %u is not in the vocabulary of %zu", tokens[i], tokenizer->size);
    }
    const struct swisd_token *token = &tokenizer->tokens[tokens[i]];
    if (token->byte >= 0 && tokenizer->decodes_bytes && byte_count < sizeof bytes) {
      bytes[byte_count++] = (char)token->byte;
      continue;
    }
    flush_bytes(&out, bytes, byte_count);
    byte_count = 0;
    if (special || !token->special) {
      append_token(tokenizer, token, &out);
    }
  }
  flush_bytes(&out, bytes, byte_count);
  size_t strip = 0;
  while (strip < tokenizer->strip_start && strip < out.bytes && text[strip] == tokenizer->strip) {
    strip++;
  }
  memmove(text, text + strip, out.bytes - strip);
  if (text_max) {
    text[out.bytes - strip] = '\0';
  }
  return (int64_t)(out.bytes - strip);
}
