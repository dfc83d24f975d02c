/* Sealing of single datagrams: ChaCha20-Poly1305 with a key of 32 bytes and a counter of 64 bits that its owner never uses
 * twice under one key, and a window that lets each counter in once. */
#ifndef SWISD_NET_SEAL_H
#define SWISD_NET_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SWISD_SEAL_KEY_BYTES = 32, SWISD_SEAL_TAG_BYTES = 16 };

struct evp_cipher_ctx_st; /* OpenSSL's EVP_CIPHER_CTX: scratch, one per thread */

struct evp_cipher_ctx_st *swisd_seal_open(void); /* NULL when memory is out */
void swisd_seal_close(struct evp_cipher_ctx_st *context);

struct swisd_seal {
  const uint8_t *key; /* SWISD_SEAL_KEY_BYTES */
  uint64_t counter;
  const uint8_t *beside; /* authenticated, not encrypted */
  size_t beside_count;
};
/* Encrypts `count` bytes in place; the tag goes behind them. */
void swisd_seal(struct evp_cipher_ctx_st *context, const struct swisd_seal *seal, uint8_t *bytes, size_t count);
/* Decrypts `count` bytes (and the tag behind them) into `out`, which may be `bytes`. False: forged, `out` is garbage. */
bool swisd_unseal(struct evp_cipher_ctx_st *context, const struct swisd_seal *seal, const uint8_t *bytes, size_t count,
                  uint8_t *out);

/* The last 1,024 counters of one sender (RFC 6479). All zero at first; counters begin at 1. */
enum { SWISD_WINDOW_BITS = 1024, SWISD_WINDOW_WORDS = SWISD_WINDOW_BITS / 64 + 1 };
struct swisd_window {
  uint64_t highest;
  uint64_t words[SWISD_WINDOW_WORDS];
};
/* Whether `counter` is new: not seen, and not older than the window. Only authenticated ones are asked for: it is marked. */
bool swisd_window_take(struct swisd_window *window, uint64_t counter);

#endif
