/* SHA-256 by OpenSSL's EVP interface. */
#include "runtime/store/digest.h"

#include <assert.h>
#include <openssl/evp.h>

void swisd_digest(const void *bytes, size_t byte_count, uint8_t out[32])
{
  unsigned length = 0;
  const int done = EVP_Digest(bytes, byte_count, out, &length, EVP_sha256(), NULL);
  assert(done == 1 && length == 32); /* fails only without memory for its context */
}

struct swisd_digest_stream *swisd_digest_begin(void)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
    EVP_MD_CTX_free(context);
    context = NULL;
  }
  return (struct swisd_digest_stream *)context;
}

void swisd_digest_add(struct swisd_digest_stream *stream, const void *bytes, size_t byte_count)
{
  const int done = EVP_DigestUpdate((EVP_MD_CTX *)stream, bytes, byte_count);
  assert(done == 1);
}

void swisd_digest_end(struct swisd_digest_stream *stream, uint8_t out[32])
{
  if (out) {
    unsigned length = 0;
    const int done = EVP_DigestFinal_ex((EVP_MD_CTX *)stream, out, &length);
    assert(done == 1 && length == 32);
  }
  EVP_MD_CTX_free((EVP_MD_CTX *)stream);
}

uint64_t swisd_digest_short(const void *bytes, size_t byte_count)
{
  uint8_t digest[32];
  uint64_t id = 0;
  swisd_digest(bytes, byte_count, digest);
  for (int i = 0; i < 8; i++) {
    id = id << 8 | digest[i];
  }
  return id;
}
