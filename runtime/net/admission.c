/* See admission.h. */
#include "runtime/net/admission.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "runtime/wire/big_endian.h"

int swisd_admission_open(struct swisd_admission *admission, const char *key_file, struct swisd_error *error)
{
  char line[1024] = "swisd open swarm";
  size_t length = strlen(line);
  if (key_file) {
    FILE *in = fopen(key_file, "re");
    if (!in)
      return swisd_error_set(error, "%s: cannot read the join key: %s", key_file, strerror(errno));
    const bool got = fgets(line, sizeof line, in) != NULL;
    fclose(in);
    length = got ? strcspn(line, "\r\n") : 0;
    if (length < 8 || length > 1000)
      return swisd_error_set(error, "%s: the join key has %zu characters, allowed are 8 to 1000", key_file, length);
  }
  const int digested = EVP_Digest(line, length, admission->key, NULL, EVP_sha256(), NULL);
  OPENSSL_cleanse(line, sizeof line);
  return digested == 1 ? 0 : swisd_error_set(error, "OpenSSL cannot compute SHA-256");
}

int swisd_admission_nonce(uint8_t nonce[SWISD_HELLO_NONCE_BYTES])
{
  return RAND_bytes(nonce, SWISD_HELLO_NONCE_BYTES) == 1 ? 0 : -1;
}

void swisd_admission_prove(const struct swisd_admission *admission, bool dialled, const struct swisd_hello *own,
                           const struct swisd_hello *other, uint8_t proof[SWISD_PROOF_BYTES])
{
  uint8_t text[1 + 2 * (SWISD_HELLO_NONCE_BYTES + 16)];
  uint8_t *at = text;
  *at++ = dialled ? 'd' : 'a';
  const struct swisd_hello *both[2] = {own, other};
  for (int i = 0; i < 2; i++) {
    memcpy(at, both[i]->nonce, SWISD_HELLO_NONCE_BYTES);
    at += SWISD_HELLO_NONCE_BYTES;
    swisd_be64_put(at, both[i]->id.hi);
    swisd_be64_put(at + 8, both[i]->id.lo);
    at += 16;
  }
  HMAC(EVP_sha256(), admission->key, sizeof admission->key, text, sizeof text, proof, NULL);
}

bool swisd_admission_verify(const struct swisd_admission *admission, bool dialled, const struct swisd_hello *own,
                            const struct swisd_hello *other, const uint8_t *proof, size_t bytes)
{
  uint8_t expected[SWISD_PROOF_BYTES];
  if (bytes != sizeof expected || other->nonce_count != SWISD_HELLO_NONCE_BYTES)
    return false;
  swisd_admission_prove(admission, dialled, other, own, expected);
  return CRYPTO_memcmp(expected, proof, sizeof expected) == 0;
}

void swisd_admission_seal(const struct swisd_admission *admission, const uint8_t *bytes, size_t count,
                          uint8_t tag[SWISD_DATAGRAM_TAG_BYTES])
{
  uint8_t whole[32];
  HMAC(EVP_sha256(), admission->key, sizeof admission->key, bytes, count, whole, NULL);
  memcpy(tag, whole, SWISD_DATAGRAM_TAG_BYTES);
}

bool swisd_admission_opens(const struct swisd_admission *admission, const uint8_t *bytes, size_t count, const uint8_t *tag)
{
  uint8_t expected[SWISD_DATAGRAM_TAG_BYTES];
  swisd_admission_seal(admission, bytes, count, expected);
  return CRYPTO_memcmp(expected, tag, sizeof expected) == 0;
}
