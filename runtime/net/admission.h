/* Who may take part: those who hold the swarm's join key. The whole of today's protection lies in this file, so that the
 * links can be made safe (TLS, pairwise keys) by replacing it.
 *
 * Streams: each side proves the key by HMAC-SHA256 over its role, both nonces and both ids, so that a proof serves neither
 * another connection nor the other direction. Datagrams: a 16-byte tag over the whole datagram. Nothing is encrypted, and
 * whoever holds the key can speak for anybody: use it on a loopback or in a closed network. */
#ifndef SWISD_NET_ADMISSION_H
#define SWISD_NET_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/wire/frame.h"
#include "runtime/wire/hello.h"

enum { SWISD_PROOF_BYTES = 32 };

struct swisd_admission {
  uint8_t key[32];
};

/* From the first line of a file (8 to 1,000 characters); NULL: the open key that every swarm without one uses. */
int swisd_admission_open(struct swisd_admission *admission, const char *key_file, struct swisd_error *error);

/* A new nonce; -1 when the system has no randomness. */
int swisd_admission_nonce(uint8_t nonce[SWISD_HELLO_NONCE_BYTES]);

/* What the sender of `own`, who has received `other`, proves. `dialled`: the prover opened the connection. */
void swisd_admission_prove(const struct swisd_admission *admission, bool dialled, const struct swisd_hello *own,
                           const struct swisd_hello *other, uint8_t proof[SWISD_PROOF_BYTES]);
/* Whether `proof` of `other` to `own` holds; `dialled`: `other` opened the connection. */
bool swisd_admission_verify(const struct swisd_admission *admission, bool dialled, const struct swisd_hello *own,
                            const struct swisd_hello *other, const uint8_t *proof, size_t bytes);

void swisd_admission_seal(const struct swisd_admission *admission, const uint8_t *bytes, size_t count,
                          uint8_t tag[SWISD_DATAGRAM_TAG_BYTES]);
bool swisd_admission_opens(const struct swisd_admission *admission, const uint8_t *bytes, size_t count, const uint8_t *tag);

#endif
