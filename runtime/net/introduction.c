/* See introduction.h. */
#include "runtime/net/introduction.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

#include "runtime/core/message.h"
#include "runtime/wire/big_endian.h"

enum {
  SALT_BYTES = 16,
  SIGNED_BYTES = 16 + SWISD_PUBLIC_KEY_BYTES + SWISD_INTRODUCTION_X25519_BYTES + 2 * SWISD_INTRODUCTION_NONCE_BYTES,
  PLAIN_BYTES = SIGNED_BYTES + SWISD_SIGNATURE_BYTES,
};
_Static_assert(SWISD_INTRODUCTION_BYTES == SWISD_DATAGRAM_HEAD_BYTES + SALT_BYTES + PLAIN_BYTES + SWISD_SEAL_TAG_BYTES, "layout");

int swisd_introducer_open(struct swisd_introducer *introducer, const struct swisd_nodekey *key)
{
  *introducer = (struct swisd_introducer){.key = key};
  introducer->x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
  introducer->cipher = swisd_seal_open();
  size_t bytes = sizeof introducer->x25519_public;
  if (introducer->x25519 && introducer->cipher &&
      EVP_PKEY_get_raw_public_key(introducer->x25519, introducer->x25519_public, &bytes) == 1)
    return 0;
  swisd_introducer_close(introducer);
  return -1;
}

void swisd_introducer_close(struct swisd_introducer *introducer)
{
  EVP_PKEY_free(introducer->x25519);
  swisd_seal_close(introducer->cipher);
  introducer->x25519 = NULL;
  introducer->cipher = NULL;
}

static void put_id(uint8_t *at, struct swisd_id id)
{
  swisd_be64_put(at, id.hi);
  swisd_be64_put(at + 8, id.lo);
}

/* The key that seals one introduction: the salt is random, so no two share one and the nonce can be zero. */
static void sealing_key(const uint8_t join_key[SWISD_JOINKEY_BYTES], const uint8_t salt[SALT_BYTES], struct swisd_id sender,
                        uint8_t key[SWISD_SEAL_KEY_BYTES])
{
  static const char label[] = "swisd introduction"; /* with its zero */
  uint8_t text[sizeof label + SALT_BYTES + 16];
  memcpy(text, label, sizeof label);
  memcpy(text + sizeof label, salt, SALT_BYTES);
  put_id(text + sizeof label + SALT_BYTES, sender);
  HMAC(EVP_sha256(), join_key, SWISD_JOINKEY_BYTES, text, sizeof text, key, NULL);
}

/* What is signed: the head (with sender and counter) and the fields. */
static void signed_text(const uint8_t head[SWISD_DATAGRAM_HEAD_BYTES], const struct swisd_introduction *introduction,
                        uint8_t text[SWISD_DATAGRAM_HEAD_BYTES + SIGNED_BYTES])
{
  uint8_t *at = text;
  memcpy(at, head, SWISD_DATAGRAM_HEAD_BYTES);
  at += SWISD_DATAGRAM_HEAD_BYTES;
  put_id(at, introduction->target);
  at += 16;
  memcpy(at, introduction->public_key, sizeof introduction->public_key);
  at += sizeof introduction->public_key;
  memcpy(at, introduction->x25519, sizeof introduction->x25519);
  at += sizeof introduction->x25519;
  memcpy(at, introduction->nonce, sizeof introduction->nonce);
  at += sizeof introduction->nonce;
  memcpy(at, introduction->answered, sizeof introduction->answered);
}

int swisd_introduction_write(const struct swisd_introducer *introducer, const uint8_t join_key[SWISD_JOINKEY_BYTES],
                             const struct swisd_introduction *introduction, uint8_t out[SWISD_INTRODUCTION_BYTES])
{
  struct swisd_introduction own = *introduction;
  own.sender = introducer->key->id;
  memcpy(own.public_key, introducer->key->public_key, sizeof own.public_key);
  memcpy(own.x25519, introducer->x25519_public, sizeof own.x25519);
  const struct swisd_datagram head = {
    .version = SWISD_PROTOCOL_VERSION, .flags = SWISD_DATAGRAM_INTRODUCTION, .sender = own.sender, .counter = own.counter};
  swisd_datagram_write(&head, out);
  uint8_t *salt = out + SWISD_DATAGRAM_HEAD_BYTES, *plain = salt + SALT_BYTES;
  uint8_t text[SWISD_DATAGRAM_HEAD_BYTES + SIGNED_BYTES], key[SWISD_SEAL_KEY_BYTES];
  signed_text(out, &own, text);
  if (RAND_bytes(salt, SALT_BYTES) != 1 || swisd_nodekey_sign(introducer->key, text, sizeof text, own.signature) != 0)
    return -1;
  memcpy(plain, text + SWISD_DATAGRAM_HEAD_BYTES, SIGNED_BYTES);
  memcpy(plain + SIGNED_BYTES, own.signature, sizeof own.signature);
  sealing_key(join_key, salt, own.sender, key);
  const struct swisd_seal seal = {.key = key, .beside = out, .beside_count = SWISD_DATAGRAM_HEAD_BYTES + SALT_BYTES};
  swisd_seal(introducer->cipher, &seal, plain, PLAIN_BYTES);
  OPENSSL_cleanse(key, sizeof key);
  return 0;
}

static void take_apart(const uint8_t plain[PLAIN_BYTES], struct swisd_introduction *out)
{
  const uint8_t *at = plain;
  out->target = (struct swisd_id){swisd_be64_get(at), swisd_be64_get(at + 8)};
  at += 16;
  memcpy(out->public_key, at, sizeof out->public_key);
  at += sizeof out->public_key;
  memcpy(out->x25519, at, sizeof out->x25519);
  at += sizeof out->x25519;
  memcpy(out->nonce, at, sizeof out->nonce);
  at += sizeof out->nonce;
  memcpy(out->answered, at, sizeof out->answered);
  at += sizeof out->answered;
  memcpy(out->signature, at, sizeof out->signature);
}

int swisd_introduction_read(const struct swisd_introducer *introducer, const struct swisd_admission *admission,
                            const struct swisd_datagram *datagram, const uint8_t *bytes, size_t count,
                            struct swisd_introduction *out)
{
  if (count != SWISD_INTRODUCTION_BYTES)
    return -1;
  const uint8_t *salt = bytes + SWISD_DATAGRAM_HEAD_BYTES;
  for (uint32_t i = 0; i < admission->count; i++) {
    uint8_t key[SWISD_SEAL_KEY_BYTES], plain[PLAIN_BYTES];
    sealing_key(admission->keys[i], salt, datagram->sender, key);
    const struct swisd_seal seal = {.key = key, .beside = bytes, .beside_count = SWISD_DATAGRAM_HEAD_BYTES + SALT_BYTES};
    const bool opened = swisd_unseal(introducer->cipher, &seal, salt + SALT_BYTES, PLAIN_BYTES, plain);
    OPENSSL_cleanse(key, sizeof key);
    if (!opened)
      continue;
    take_apart(plain, out);
    out->sender = datagram->sender;
    out->counter = datagram->counter;
    memcpy(out->signed_head, bytes, sizeof out->signed_head);
    return (int)i;
  }
  return -1;
}

bool swisd_introduction_holds(const struct swisd_introduction *introduction)
{
  uint8_t text[SWISD_DATAGRAM_HEAD_BYTES + SIGNED_BYTES];
  signed_text(introduction->signed_head, introduction, text);
  return swisd_id_equal(swisd_nodekey_id_of(introduction->public_key), introduction->sender) &&
         swisd_nodekey_verify(introduction->public_key, text, sizeof text, introduction->signature);
}

static int exchange(const struct swisd_introducer *introducer, const uint8_t *theirs, uint8_t secret[32])
{
  EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, SWISD_INTRODUCTION_X25519_BYTES);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(introducer->x25519, NULL);
  size_t bytes = 32;
  /* A public key of small order gives zero, which OpenSSL refuses (RFC 7748 section 6.1). */
  const bool derived = peer && context && EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
                       EVP_PKEY_derive(context, secret, &bytes) == 1 && bytes == 32;
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(peer);
  return derived ? 0 : -1;
}

static int expand(const uint8_t *join_key, uint8_t *secret, uint8_t *info, size_t info_bytes, uint8_t *out, size_t bytes)
{
  char digest[] = "SHA256";
  uint8_t salt[SWISD_JOINKEY_BYTES];
  memcpy(salt, join_key, sizeof salt);
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, 32),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof salt),
                                   OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, info_bytes),
                                   OSSL_PARAM_construct_end()};
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
  EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
  const bool derived = context && EVP_KDF_derive(context, out, bytes, parameters) == 1;
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  OPENSSL_cleanse(salt, sizeof salt);
  return derived ? 0 : -1;
}

int swisd_introduction_agree(const struct swisd_introducer *introducer, const uint8_t join_key[SWISD_JOINKEY_BYTES],
                             const struct swisd_introduction *theirs, const uint8_t own_nonce[SWISD_INTRODUCTION_NONCE_BYTES],
                             bool began, struct swisd_introduced_keys *keys)
{
  static const char label[] = "swisd datagrams"; /* with its zero */
  uint8_t secret[32], info[sizeof label + 2 * (SWISD_INTRODUCTION_NONCE_BYTES + 16)], both[2 * SWISD_SEAL_KEY_BYTES];
  uint8_t *at = info;
  memcpy(at, label, sizeof label);
  at += sizeof label;
  for (int turn = 0; turn < 2; turn++) { /* whoever began stands first */
    const bool ours = (turn == 0) == began;
    memcpy(at, ours ? own_nonce : theirs->nonce, SWISD_INTRODUCTION_NONCE_BYTES);
    put_id(at + SWISD_INTRODUCTION_NONCE_BYTES, ours ? introducer->key->id : theirs->sender);
    at += SWISD_INTRODUCTION_NONCE_BYTES + 16;
  }
  if (exchange(introducer, theirs->x25519, secret) != 0 || expand(join_key, secret, info, sizeof info, both, sizeof both) != 0)
    return -1;
  memcpy(began ? keys->send : keys->receive, both, SWISD_SEAL_KEY_BYTES);
  memcpy(began ? keys->receive : keys->send, both + SWISD_SEAL_KEY_BYTES, SWISD_SEAL_KEY_BYTES);
  OPENSSL_cleanse(secret, sizeof secret);
  OPENSSL_cleanse(both, sizeof both);
  return 0;
}
