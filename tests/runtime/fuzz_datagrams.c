/* libFuzzer: any bytes as a datagram to a node that shares a key with another. The first byte says who made it: a stranger (as
 * it is), a holder of the join key (an introduction of which everything inside the seal is the fuzzer's), or the other node
 * (the fuzzer's message, sealed). */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/net/pairs.h"
#include "runtime/wire/big_endian.h"
#include "runtime/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

static struct swisd_nodekey keys[2];
static struct swisd_admission admission = {.count = 1, .keys = {"the join key of this fuzzer"}};
static struct swisd_pairs *node, *other;
static struct evp_cipher_ctx_st *cipher;
static uint64_t now_ns = 1000 * SWISD_SECOND;

static enum swisd_pairs_kind give(struct swisd_pairs *to, const uint8_t *bytes, size_t count, struct swisd_pairs_opened *out)
{
  struct swisd_datagram datagram;
  if (swisd_datagram_parse(bytes, count, &datagram) != SWISD_WIRE_OK)
    return SWISD_PAIRS_IGNORED;
  return swisd_pairs_take(to, &datagram, bytes, count, now_ns, out);
}

static void meet(void)
{
  uint8_t bytes[SWISD_INTRODUCTION_BYTES];
  struct swisd_pairs_opened opened, back;
  if (swisd_pairs_introduce(other, keys[0].id, 0, 1, now_ns, bytes) == 0 ||
      give(node, bytes, sizeof bytes, &opened) != SWISD_PAIRS_ANSWER ||
      give(other, opened.bytes, opened.count, &back) != SWISD_PAIRS_MET)
    abort();
}

static void open_nodes(void)
{
  struct swisd_error error;
  for (int i = 0; i < 2; i++)
    if (swisd_nodekey_make(&keys[i], &error) != 0)
      abort();
  node = swisd_pairs_open(&keys[0], &admission, 1);
  other = swisd_pairs_open(&keys[1], &admission, 1);
  cipher = swisd_seal_open();
  if (!node || !other || !cipher)
    abort();
  meet();
}

/* As introduction.c seals; here again, because there only what is well made is sealed. */
static void from_a_member(const uint8_t *data, size_t count)
{
  static const char label[] = "swisd introduction";
  uint8_t bytes[SWISD_INTRODUCTION_BYTES] = {0}, text[sizeof label + 32], key[32];
  const size_t plain_bytes = SWISD_INTRODUCTION_BYTES - SWISD_DATAGRAM_HEAD_BYTES - 16 - SWISD_SEAL_TAG_BYTES;
  struct swisd_datagram head = {.version = 1, .flags = SWISD_DATAGRAM_INTRODUCTION, .sender = {7, 7}, .counter = count};
  if (count > 0 && data[0] & 1)
    head.sender = keys[1].id;
  swisd_datagram_write(&head, bytes);
  uint8_t *plain = bytes + SWISD_DATAGRAM_HEAD_BYTES + 16;
  memcpy(plain, data, count < plain_bytes ? count : plain_bytes);
  if (count > 1 && data[1] & 1) { /* for us */
    swisd_be64_put(plain, keys[0].id.hi);
    swisd_be64_put(plain + 8, keys[0].id.lo);
  }
  memcpy(text, label, sizeof label);
  memset(text + sizeof label, 0, 16);
  swisd_be64_put(text + sizeof label + 16, head.sender.hi);
  swisd_be64_put(text + sizeof label + 24, head.sender.lo);
  HMAC(EVP_sha256(), admission.keys[0], SWISD_JOINKEY_BYTES, text, sizeof text, key, NULL);
  const struct swisd_seal seal = {.key = key, .beside = bytes, .beside_count = SWISD_DATAGRAM_HEAD_BYTES + 16};
  swisd_seal(cipher, &seal, plain, plain_bytes);
  struct swisd_pairs_opened opened;
  const enum swisd_pairs_kind kind = give(node, bytes, sizeof bytes, &opened);
  if (kind == SWISD_PAIRS_MET || kind == SWISD_PAIRS_MESSAGE || kind == SWISD_PAIRS_OTHER_KEY)
    abort();
}

static void from_the_other(const uint8_t *data, size_t count)
{
  static struct swisd_message message;
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX];
  bool doubtful;
  const size_t fits = count < SWISD_DATAGRAM_MESSAGE_BYTES_MAX ? count : SWISD_DATAGRAM_MESSAGE_BYTES_MAX;
  if (fits == 0)
    return;
  memcpy(bytes + SWISD_DATAGRAM_HEAD_BYTES, data, fits);
  const size_t sealed = swisd_pairs_seal(other, keys[0].id, now_ns, bytes, fits, &doubtful);
  struct swisd_pairs_opened opened;
  if (sealed != fits + SWISD_DATAGRAM_HEAD_BYTES + SWISD_DATAGRAM_TAG_BYTES ||
      give(node, bytes, sealed, &opened) != SWISD_PAIRS_MESSAGE || opened.count != fits || memcmp(opened.bytes, data, fits) != 0)
    abort();
  if (swisd_wire_decode(opened.bytes, opened.count, &message) == SWISD_WIRE_OK)
    swisd_pairs_allow(node, opened.sender, message.type, now_ns);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
  if (!node)
    open_nodes();
  now_ns += SWISD_MILLISECOND;
  if (count == 0)
    return 0;
  struct swisd_pairs_opened opened;
  switch (data[0] % 3) {
  case 0: {
    const enum swisd_pairs_kind kind = give(node, data + 1, count - 1, &opened);
    if (kind == SWISD_PAIRS_MESSAGE || kind == SWISD_PAIRS_ANSWER || kind == SWISD_PAIRS_MET)
      abort();
    break;
  }
  case 1:
    from_a_member(data + 1, count - 1);
    break;
  default:
    from_the_other(data + 1, count - 1);
    break;
  }
  return 0;
}
