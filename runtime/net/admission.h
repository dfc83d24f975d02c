/* Who may take part: those who hold a join key of the swarm.
 *
 * A key file has one line, or two while keys are being changed: all nodes get the new key beside the old one, then all lose
 * the old one; at each moment any two nodes have one in common. A line is 64 hexadecimal digits (what `swisd keygen` makes) or
 * a passphrase, which is stretched by scrypt because strangers can try passphrases at leisure once they have seen a proof.
 *
 * Streams: each side proves its keys by HMAC-SHA256 over its role, what only the two ends of this TLS session can compute,
 * and both ids: a proof serves neither another session nor the other direction. Whoever dialled proves first, so a stranger
 * who knocks is shown none. Datagrams: the join key seals introductions alone (introduction.h). */
#ifndef SWISD_NET_ADMISSION_H
#define SWISD_NET_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"
#include "runtime/core/types.h"
#include "runtime/net/tls.h"

enum {
  SWISD_JOINKEY_BYTES = 32,
  SWISD_JOINKEYS_MAX = 2,
  SWISD_PROOF_BYTES = 32,
  SWISD_PROOFS_BYTES_MAX = SWISD_JOINKEYS_MAX * SWISD_PROOF_BYTES,
};

struct swisd_admission {
  uint32_t count; /* at least one */
  uint8_t keys[SWISD_JOINKEYS_MAX][SWISD_JOINKEY_BYTES];
};

/* Reads a key file. -1 with `error` that says where: not there, readable by everybody, no key in it. `admission` is only
 * changed on success. */
int swisd_admission_open(struct swisd_admission *admission, const char *key_file, struct swisd_error *error);
/* Makes a key file with one new key, mode 0600, whole or not at all. 1: there is one already, which stays. -1 with `error`. */
int swisd_admission_create(const char *key_file, struct swisd_error *error);
/* Rotation, first step: a new key goes in front, the former first one becomes the second. `retire`: second step, only the
 * first line stays. -1 with `error`. */
int swisd_admission_rotate(const char *key_file, bool retire, struct swisd_error *error);

/* Names a key without telling it: equal keys have equal marks. */
uint64_t swisd_admission_mark(const struct swisd_admission *admission, uint32_t key);
bool swisd_admission_has(const struct swisd_admission *admission, uint64_t mark);

struct swisd_admission_claim {
  bool dialled; /* the prover opened the connection */
  struct swisd_id prover, verifier;
  uint8_t binding[SWISD_TLS_BINDING_BYTES];
};
/* One proof per key; returns their bytes. */
size_t swisd_admission_prove(const struct swisd_admission *admission, const struct swisd_admission_claim *claim,
                             uint8_t proofs[SWISD_PROOFS_BYTES_MAX]);
/* Which of our keys a peer's proofs show; -1: none. */
int swisd_admission_verify(const struct swisd_admission *admission, const struct swisd_admission_claim *claim,
                           const uint8_t *proofs, size_t bytes);

#endif
