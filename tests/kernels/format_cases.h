/* Small valid files of each format, for tests and mutations. */
#ifndef SWISD_TESTS_KERNELS_FORMAT_CASES_H
#define SWISD_TESTS_KERNELS_FORMAT_CASES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "tests/kernels/model_cases.h"

#define CASE_DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* Two steps, three lanes; every key of a classifier. 4 * (9*2*3 + 3) = 228 bytes for each lane of step 0. */
static const char case_manifest[] =
  "{\"format\": \"swisd-model/1\", \"name\": \"case\", \"task\": \"classify\", \"x-note\": [1, {\"free\": true}],\n"
  " \"input\": {\"type\": \"u8\", \"shape\": [6, 4, 2]}, \"labels\": [\"a\", \"b\"],\n"
  " \"steps\": [\n"
  "  {\"name\": \"convolution\", \"verify\": \"hash\",\n"
  "   \"edges\": [{\"from\": \"input\", \"map\": \"rows\", \"combine\": \"concat\"}],\n"
  "   \"ops\": [{\"op\": \"scale\", \"by\": 0.5}, {\"op\": \"conv2d\", \"out\": 6, \"kernel\": 3, \"bias\": true, "
  "\"activation\": \"relu\", \"split\": \"rows\"},\n"
  "            {\"op\": \"maxpool2\"}, {\"op\": \"average_pool\"}],\n"
  "   \"lanes\": [{\"shard\": \"" CASE_DIGEST "\", \"bytes\": 228, \"block\": [0, 3]}, {\"shard\": \"" CASE_DIGEST
  "\", \"bytes\": 228, \"block\": [3, 6]}]},\n"
  "  {\"name\": \"dense\", \"verify\": \"freivalds\",\n"
  "   \"edges\": [{\"from\": 0, \"map\": \"rows\", \"combine\": \"concat\"}],\n"
  "   \"ops\": [{\"op\": \"dense\", \"out\": 2, \"bias\": true}],\n"
  "   \"lanes\": [{\"shard\": \"" CASE_DIGEST "\", \"bytes\": 56}]}]}\n";

/* A decoder of three stages: every key of one. hidden 4, ffn 6, 2 heads of 2, 1 kv head, vocab 5; 8+16+8+8+16+72 floats a layer.
 */
static const char case_decoder[] =
  "{\"format\": \"swisd-model/1\", \"name\": \"decoder\", \"task\": \"decode\", \"input\": {\"type\": \"token\", \"shape\": [1, "
  "1, 1]},\n"
  " \"llama\": {\"hidden\": 4, \"ffn\": 6, \"heads\": 2, \"kv_heads\": 1, \"head_size\": 2, \"vocab\": 5, \"context\": 16, "
  "\"rope_theta\": 10000,\n"
  "  \"epsilon\": 1e-5, \"bos\": 1, \"eos\": 2},\n"
  " \"steps\": [\n"
  "  {\"name\": \"1\", \"verify\": \"none\", \"edges\": [{\"from\": 2, \"map\": \"lagged\", \"width\": 1, \"combine\": "
  "\"concat\"}],\n"
  "   \"ops\": [{\"op\": \"embed\"}], \"lanes\": [{\"shard\": \"" CASE_DIGEST "\", \"bytes\": 80}]},\n"
  "  {\"name\": \"2\", \"verify\": \"none\", \"edges\": [{\"from\": 0, \"map\": \"rows\", \"combine\": \"concat\"}],\n"
  "   \"ops\": [{\"op\": \"layers\", \"first\": 0, \"count\": 2}], \"lanes\": [{\"shard\": \"" CASE_DIGEST
  "\", \"bytes\": 1024}]},\n"
  "  {\"name\": \"3\", \"verify\": \"none\", \"edges\": [{\"from\": 1, \"map\": \"rows\", \"combine\": \"concat\"}],\n"
  "   \"ops\": [{\"op\": \"rmsnorm\"}, {\"op\": \"head\", \"tied\": false}], \"lanes\": [{\"shard\": \"" CASE_DIGEST
  "\", \"bytes\": 96}]}]}\n";

/* Strips with every key of one: halo edges, add, to_u8. */
static const char case_strips[] = "{\"format\": \"swisd-model/1\", \"name\": \"strips\", \"task\": \"strips\", \"period\": 4, "
                                  "\"input\": {\"type\": \"u8\", \"shape\": [2, 8, 1]},\n"
                                  " \"steps\": [\n"
                                  "  {\"name\": \"1\", \"verify\": \"none\", \"edges\": [{\"from\": \"input\", \"map\": "
                                  "\"halo\", \"width\": 1, \"combine\": \"concat\"},\n"
                                  "    {\"from\": \"input\", \"map\": \"rows\", \"combine\": \"concat\"}],\n"
                                  "   \"ops\": [{\"op\": \"conv2d\", \"out\": 1, \"kernel\": 5, \"bias\": true}, {\"op\": "
                                  "\"add\", \"edge\": 1, \"by\": 0.25}, {\"op\": \"to_u8\", \"by\": 255}],\n"
                                  "   \"lanes\": [{\"shard\": \"" CASE_DIGEST "\", \"bytes\": 104}]}]}\n";

/* A tokenizer with byte fallback for a few bytes, merges in both spellings, a prefix and special tokens. */
static const char case_tokenizer[] =
  "{\"version\": \"1.0\", \"added_tokens\": [{\"id\": 0, \"content\": \"<unk>\", \"special\": true}, {\"id\": 1, \"content\": "
  "\"<s>\", \"special\": true},\n"
  "  {\"id\": 2, \"content\": \"</s>\", \"special\": true}],\n"
  " \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"\\u2581\"},\n"
  "  {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\\u2581\"}]}, \"pre_tokenizer\": null,\n"
  " \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}, "
  "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}]},\n"
  " \"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"\\u2581\"}, "
  "\"content\": \" \"}, {\"type\": \"ByteFallback\"},\n"
  "  {\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]},\n"
  " \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": \"<unk>\", \"fuse_unk\": true, \"byte_fallback\": true,\n"
  "  \"vocab\": {\"<unk>\": 0, \"<s>\": 1, \"</s>\": 2, \"<0xC3>\": 3, \"<0xA9>\": 4, \"\\u2581\": 5, \"a\": 6, \"b\": 7, \"c\": "
  "8, \"ab\": 9, \"bc\": 10,\n"
  "   \"abc\": 11, \"\\u2581a\": 12, \"aa\": 13, \"aaa\": 14, \"<0xFF>\": 15},\n"
  "  \"merges\": [\"b c\", [\"a\", \"b\"], \"\\u2581 a\", \"a bc\", \"a a\", \"aa a\"]}}\n";

/* Header and data of three tensors: F32 [2, 2], F16 [3], BF16 [1]. Returns the length. */
static inline size_t case_safetensors(uint8_t out[512])
{
  static const char header[] =
    "{\"__metadata__\": {\"format\": \"pt\"}, \"half\": {\"dtype\": \"F16\", \"shape\": [3], \"data_offsets\": [16, 22]},"
    " \"full\": {\"dtype\": \"F32\", \"shape\": [2, 2], \"data_offsets\": [0, 16]},"
    " \"brain\": {\"dtype\": \"BF16\", \"shape\": [1], \"data_offsets\": [22, 24]}}";
  const float full[4] = {1, -2, 0.5f, 1e30f};
  const uint16_t half[3] = {0x3c00, 0xc100, 0x0001}, brain[1] = {0xbf80};
  const uint64_t length = sizeof header - 1;
  memcpy(out, &length, 8);
  memcpy(out + 8, header, length);
  memcpy(out + 8 + length, full, 16);
  memcpy(out + 24 + length, half, 6);
  memcpy(out + 30 + length, brain, 2);
  return 32 + length;
}

/* 3 items of 2 x 2: plain, or gzipped. */
static inline size_t case_idx(uint8_t out[256], bool gzip)
{
  static const uint8_t plain[] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  if (!gzip) {
    memcpy(out, plain, sizeof plain);
    return sizeof plain;
  }
  z_stream stream = {0};
  uint8_t input[sizeof plain];
  memcpy(input, plain, sizeof plain);
  assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = input;
  stream.avail_in = sizeof input;
  stream.next_out = out;
  stream.avail_out = 256;
  assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
  const size_t length = 256 - stream.avail_out;
  deflateEnd(&stream);
  return length;
}

#endif
