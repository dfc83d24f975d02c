/* SHA-256 by OpenSSL's EVP interface. */
#include "runtime/store/digest.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18 };

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

static uint64_t beginning(const uint8_t digest[32])
{
  uint64_t id = 0;
  for (int i = 0; i < 8; i++) {
    id = id << 8 | digest[i];
  }
  return id;
}

uint64_t swisd_digest_short(const void *bytes, size_t byte_count)
{
  uint8_t digest[32];
  swisd_digest(bytes, byte_count, digest);
  return beginning(digest);
}

int swisd_digest_file(int file, uint64_t byte_count, uint64_t *id, uint8_t out[32])
{
  uint8_t digest[32], *piece = malloc(READ_BYTES);
  struct swisd_digest_stream *stream = piece ? swisd_digest_begin() : NULL;
  int code = stream ? 0 : ENOMEM;
  for (uint64_t left = byte_count; left && !code;) {
    const ssize_t got = read(file, piece, left < READ_BYTES ? (size_t)left : READ_BYTES);
    if (got > 0) {
      swisd_digest_add(stream, piece, (size_t)got);
      left -= (uint64_t)got;
    } else if (got == 0 || errno != EINTR) {
      code = got ? errno : EIO;
    }
  }
  if (stream) {
    swisd_digest_end(stream, out ? out : digest);
    *id = beginning(out ? out : digest);
  }
  free(piece);
  errno = code;
  return code ? -1 : 0;
}
