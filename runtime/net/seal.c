/* See seal.h. */
#include "runtime/net/seal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#include "runtime/wire/big_endian.h"

enum { NONCE_BYTES = 12 };

struct evp_cipher_ctx_st *swisd_seal_open(void)
{
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (context && EVP_CipherInit_ex2(context, EVP_chacha20_poly1305(), NULL, NULL, 1, NULL) == 1)
    return context;
  EVP_CIPHER_CTX_free(context);
  return NULL;
}

void swisd_seal_close(struct evp_cipher_ctx_st *context) { EVP_CIPHER_CTX_free(context); }

static bool begin(EVP_CIPHER_CTX *context, const struct swisd_seal *seal, int encrypt)
{
  uint8_t nonce[NONCE_BYTES] = {0};
  int count;
  swisd_be64_put(nonce + NONCE_BYTES - 8, seal->counter);
  return EVP_CipherInit_ex2(context, NULL, seal->key, nonce, encrypt, NULL) == 1 &&
         EVP_CipherUpdate(context, NULL, &count, seal->beside, (int)seal->beside_count) == 1;
}

void swisd_seal(struct evp_cipher_ctx_st *context, const struct swisd_seal *seal, uint8_t *bytes, size_t count)
{
  int done, rest;
  const bool sealed = begin(context, seal, 1) && EVP_CipherUpdate(context, bytes, &done, bytes, (int)count) == 1 &&
                      EVP_CipherFinal_ex(context, bytes + done, &rest) == 1 &&
                      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SWISD_SEAL_TAG_BYTES, bytes + count) == 1;
  assert(sealed); /* a context that exists has no way to fail; sending plaintext instead is none */
}

bool swisd_unseal(struct evp_cipher_ctx_st *context, const struct swisd_seal *seal, const uint8_t *bytes, size_t count,
                  uint8_t *out)
{
  uint8_t tag[SWISD_SEAL_TAG_BYTES];
  int done, rest;
  memcpy(tag, bytes + count, sizeof tag);
  return begin(context, seal, 0) && EVP_CipherUpdate(context, out, &done, bytes, (int)count) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SWISD_SEAL_TAG_BYTES, tag) == 1 &&
         EVP_CipherFinal_ex(context, out + done, &rest) == 1;
}

bool swisd_window_take(struct swisd_window *window, uint64_t counter)
{
  if (counter == 0 || counter + SWISD_WINDOW_BITS <= window->highest)
    return false;
  const uint64_t word = counter / 64;
  if (counter > window->highest) {
    const uint64_t last = window->highest / 64;
    const uint64_t steps = word - last < SWISD_WINDOW_WORDS ? word - last : SWISD_WINDOW_WORDS;
    for (uint64_t i = 1; i <= steps; i++)
      window->words[(last + i) % SWISD_WINDOW_WORDS] = 0;
    window->highest = counter;
  }
  const uint64_t bit = UINT64_C(1) << counter % 64;
  uint64_t *const at = &window->words[word % SWISD_WINDOW_WORDS];
  if (*at & bit)
    return false;
  *at |= bit;
  return true;
}
