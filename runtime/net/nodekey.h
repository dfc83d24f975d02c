/* The Ed25519 key that a node is known by: its id is the first 16 bytes of SHA-256 of the public half (DESIGN section 11), so
 * whoever signs with the private half is the node, and nobody can choose an id. */
#ifndef SWISD_NET_NODEKEY_H
#define SWISD_NET_NODEKEY_H

#include <stddef.h>

#include "runtime/base/error.h"
#include "runtime/core/types.h"

enum { SWISD_PUBLIC_KEY_BYTES = 32, SWISD_SIGNATURE_BYTES = 64, SWISD_NODEKEY_PEM_BYTES_MAX = 256 };

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

struct swisd_nodekey {
  struct evp_pkey_st *pkey; /* NULL: none */
  uint8_t public_key[SWISD_PUBLIC_KEY_BYTES];
  struct swisd_id id;
};

/* The id that belongs to a public key. */
struct swisd_id swisd_nodekey_id_of(const uint8_t public_key[SWISD_PUBLIC_KEY_BYTES]);

/* A new key. -1 with `error`: OpenSSL has no Ed25519 or no randomness. */
int swisd_nodekey_make(struct swisd_nodekey *key, struct swisd_error *error);
/* From the text of a private key in PEM, and back; writing returns the bytes written, 0 when they do not fit. */
int swisd_nodekey_read(struct swisd_nodekey *key, const char *pem, size_t bytes, struct swisd_error *error);
size_t swisd_nodekey_write(const struct swisd_nodekey *key, char pem[SWISD_NODEKEY_PEM_BYTES_MAX]);
void swisd_nodekey_free(struct swisd_nodekey *key);

/* -1 when memory is out. Both may be called on any thread. */
int swisd_nodekey_sign(const struct swisd_nodekey *key, const uint8_t *bytes, size_t count,
                       uint8_t signature[SWISD_SIGNATURE_BYTES]);
bool swisd_nodekey_verify(const uint8_t public_key[SWISD_PUBLIC_KEY_BYTES], const uint8_t *bytes, size_t count,
                          const uint8_t signature[SWISD_SIGNATURE_BYTES]);

#endif
