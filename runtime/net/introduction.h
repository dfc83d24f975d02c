/* How two nodes come to a key for datagrams that only they have: one introduction each way.
 *
 *   A -> B   who A is (its Ed25519 key), an X25519 key, a nonce; signed by A
 *   B -> A   the same of B, and A's nonce; signed by B
 *   both     keys = HKDF(X25519, both nonces, both ids, join key): one for each direction
 *
 * The join key seals the introductions, so strangers cannot make a node sign or verify anything. The X25519 keys live as long
 * as the process: what was sealed cannot be opened later with the keys on disk. A recorded introduction is worth nothing:
 * its answer opens no session without the X25519 key, and B uses a session only when A has spoken in it (pairs.h).
 *
 * Datagram (flags INTRODUCTION), 236 bytes: head (frame.h; its counter rises over the sender's whole life), salt 16, then
 * sealed under HMAC-SHA256(join key, salt, sender): target id 16 (zero: whoever is there), Ed25519 key 32, X25519 key 32, nonce
 * 16, nonce that is answered 16 (zero: none), signature 64 of all that before it and of head; tag 16. */
#ifndef SWISD_NET_INTRODUCTION_H
#define SWISD_NET_INTRODUCTION_H

#include "runtime/net/admission.h"
#include "runtime/net/nodekey.h"
#include "runtime/net/seal.h"
#include "runtime/wire/frame.h"

enum {
  SWISD_INTRODUCTION_NONCE_BYTES = 16,
  SWISD_INTRODUCTION_X25519_BYTES = 32,
  SWISD_INTRODUCTION_BYTES = SWISD_DATAGRAM_HEAD_BYTES + 16 + 176 + SWISD_SEAL_TAG_BYTES,
};

struct swisd_introduction {
  struct swisd_id sender, target;
  uint64_t counter;
  uint8_t public_key[SWISD_PUBLIC_KEY_BYTES];
  uint8_t x25519[SWISD_INTRODUCTION_X25519_BYTES];
  uint8_t nonce[SWISD_INTRODUCTION_NONCE_BYTES], answered[SWISD_INTRODUCTION_NONCE_BYTES];
  uint8_t signature[SWISD_SIGNATURE_BYTES];
  uint8_t signed_head[SWISD_DATAGRAM_HEAD_BYTES]; /* of the datagram it came in */
};

struct swisd_introducer {
  const struct swisd_nodekey *key;
  struct evp_pkey_st *x25519; /* of this process */
  uint8_t x25519_public[SWISD_INTRODUCTION_X25519_BYTES];
  struct evp_cipher_ctx_st *cipher;
};
/* -1 when OpenSSL gives no key. `key` outlives it. */
int swisd_introducer_open(struct swisd_introducer *introducer, const struct swisd_nodekey *key);
void swisd_introducer_close(struct swisd_introducer *introducer);

/* Signs and seals; target, counter, nonce and answered are set, the rest is ours. -1: OpenSSL has no randomness or memory. */
int swisd_introduction_write(const struct swisd_introducer *introducer, const uint8_t join_key[SWISD_JOINKEY_BYTES],
                             const struct swisd_introduction *introduction, uint8_t out[SWISD_INTRODUCTION_BYTES]);
/* Opens a datagram that was parsed: which join key it was sealed with; -1: with none, or not of the right length. The
 * signature is not yet looked at. */
int swisd_introduction_read(const struct swisd_introducer *introducer, const struct swisd_admission *admission,
                            const struct swisd_datagram *datagram, const uint8_t *bytes, size_t count,
                            struct swisd_introduction *out);
/* Whether it was made by whom it names. */
bool swisd_introduction_holds(const struct swisd_introduction *introduction);

struct swisd_introduced_keys {
  uint8_t send[SWISD_SEAL_KEY_BYTES], receive[SWISD_SEAL_KEY_BYTES];
};
/* The keys with the sender of `theirs`, to whom we sent `own_nonce`; `began`: ours was the first. -1: a bad X25519 key. */
int swisd_introduction_agree(const struct swisd_introducer *introducer, const uint8_t join_key[SWISD_JOINKEY_BYTES],
                             const struct swisd_introduction *theirs, const uint8_t own_nonce[SWISD_INTRODUCTION_NONCE_BYTES],
                             bool began, struct swisd_introduced_keys *keys);

#endif
