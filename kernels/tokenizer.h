/* Text to tokens and back, after a `tokenizer.json` of Hugging Face's tokenizers: byte-pair encoding with byte fallback, as
 * Llama-like models use it. Understood: model BPE (vocab, merges as strings or pairs, byte_fallback, unk_token), normalizers
 * Prepend and Replace, decoders Replace, ByteFallback, Fuse and Strip, a template that puts tokens before and after. Anything
 * else (pre-tokenizers, byte-level alphabets, dropout) is refused by name: no silent difference from the reference. */
#ifndef SWISD_KERNELS_TOKENIZER_H
#define SWISD_KERNELS_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct swisd_tokenizer;

#define SWISD_TOKENIZER_BYTES_MAX ((size_t)64 << 20)
enum { SWISD_TOKENIZER_TEXT_MAX = 1 << 20 };

/* From the bytes of a tokenizer.json; `name` stands for it in errors. NULL with an error. */
struct swisd_tokenizer *swisd_tokenizer_parse(const char *json, size_t json_bytes, const char *name, struct swisd_error *error);
struct swisd_tokenizer *swisd_tokenizer_read(const char *path, struct swisd_error *error);
void swisd_tokenizer_free(struct swisd_tokenizer *tokenizer);
size_t swisd_tokenizer_size(const struct swisd_tokenizer *tokenizer); /* ids are below it */

/* Tokens of `text`, with those that the template adds in front and behind. Special tokens written out in the text become
 * that token. Returns how many, or -1: text too long, bytes that are not UTF-8, more than token_max. */
int64_t swisd_tokenizer_encode(const struct swisd_tokenizer *tokenizer, const char *text, size_t text_bytes, uint32_t *tokens,
                               size_t token_max, struct swisd_error *error);

/* Text of all tokens together, terminated, cut at text_max; returns its length without the 0, or -1 for an id that is not
 * known. Special tokens are left out unless `special`. */
int64_t swisd_tokenizer_decode(const struct swisd_tokenizer *tokenizer, const uint32_t *tokens, size_t token_count, int special,
                               char *text, size_t text_max, struct swisd_error *error);

#endif
