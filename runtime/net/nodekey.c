/* See nodekey.h. */
#include "runtime/net/nodekey.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "runtime/wire/big_endian.h"

struct swisd_id swisd_nodekey_id_of(const uint8_t public_key[SWISD_PUBLIC_KEY_BYTES])
{
  uint8_t digest[EVP_MAX_MD_SIZE];
  const int digested = EVP_Digest(public_key, SWISD_PUBLIC_KEY_BYTES, digest, NULL, EVP_sha256(), NULL);
  assert(digested == 1);
  return (struct swisd_id){swisd_be64_get(digest), swisd_be64_get(digest + 8)};
}

/* Takes `pkey` over. */
static int adopt(struct swisd_nodekey *key, EVP_PKEY *pkey)
{
  size_t bytes = sizeof key->public_key;
  if (!pkey || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(pkey, key->public_key, &bytes) != 1 || bytes != sizeof key->public_key) {
    EVP_PKEY_free(pkey);
    return -1;
  }
  key->pkey = pkey;
  key->id = swisd_nodekey_id_of(key->public_key);
  return 0;
}

int swisd_nodekey_make(struct swisd_nodekey *key, struct swisd_error *error)
{
  *key = (struct swisd_nodekey){0};
  return adopt(key, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")) == 0 ? 0
                                                                   : swisd_error_set(error, "OpenSSL cannot make an Ed25519 key");
}

/* Without it OpenSSL asks on the terminal. */
static int no_passphrase(char *text, int bytes, int writing, void *argument)
{
  (void)text, (void)bytes, (void)writing, (void)argument;
  return -1;
}

int swisd_nodekey_read(struct swisd_nodekey *key, const char *pem, size_t bytes, struct swisd_error *error)
{
  *key = (struct swisd_nodekey){0};
  BIO *in = BIO_new_mem_buf(pem, (int)bytes);
  EVP_PKEY *pkey = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;
  BIO_free(in);
  if (!pkey)
    return swisd_error_set(error, "not a private key in PEM");
  return adopt(key, pkey) == 0 ? 0 : swisd_error_set(error, "not an Ed25519 key");
}

size_t swisd_nodekey_write(const struct swisd_nodekey *key, char pem[SWISD_NODEKEY_PEM_BYTES_MAX])
{
  BIO *out = BIO_new(BIO_s_secmem());
  size_t bytes = 0;
  if (out && PEM_write_bio_PrivateKey(out, key->pkey, NULL, NULL, 0, NULL, NULL) == 1) {
    char *text;
    const long length = BIO_get_mem_data(out, &text);
    if (length > 0 && length < SWISD_NODEKEY_PEM_BYTES_MAX) {
      bytes = (size_t)length;
      memcpy(pem, text, bytes);
      pem[bytes] = '\0';
    }
  }
  BIO_free(out);
  return bytes;
}

void swisd_nodekey_free(struct swisd_nodekey *key)
{
  EVP_PKEY_free(key->pkey);
  key->pkey = NULL;
}

int swisd_nodekey_sign(const struct swisd_nodekey *key, const uint8_t *bytes, size_t count,
                       uint8_t signature[SWISD_SIGNATURE_BYTES])
{
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t length = SWISD_SIGNATURE_BYTES;
  const bool signed_well = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
                           EVP_DigestSign(context, signature, &length, bytes, count) == 1 && length == SWISD_SIGNATURE_BYTES;
  EVP_MD_CTX_free(context);
  return signed_well ? 0 : -1;
}

bool swisd_nodekey_verify(const uint8_t public_key[SWISD_PUBLIC_KEY_BYTES], const uint8_t *bytes, size_t count,
                          const uint8_t signature[SWISD_SIGNATURE_BYTES])
{
  EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SWISD_PUBLIC_KEY_BYTES);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  const bool holds = pkey && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
                     EVP_DigestVerify(context, signature, SWISD_SIGNATURE_BYTES, bytes, count) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(pkey);
  return holds;
}
