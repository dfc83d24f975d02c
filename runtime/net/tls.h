/* TLS 1.3 between two nodes, without sockets: ciphertext goes in and comes out as bytes in memory, so that the emulated link
 * can hold and delay it, and so that reads are as large as the stream likes (libevent's own TLS reads 4 KiB at a time).
 *
 * Both sides show a self-made certificate for their Ed25519 key. No authority is asked: the peer is the id of its key
 * (nodekey.h), and whoever dialled compares that with whom it meant. That the peer may take part at all is shown later, inside
 * (admission.h). No resumption, no early data, no renegotiation; sending keys are renewed every 64 GiB. */
#ifndef SWISD_NET_TLS_H
#define SWISD_NET_TLS_H

#include "runtime/net/nodekey.h"

struct swisd_tls_node; /* what all sessions of a node share: its certificate and settings */
struct swisd_tls;      /* one session */

/* `key` outlives it. NULL with `error`. */
struct swisd_tls_node *swisd_tls_node_open(const struct swisd_nodekey *key, struct swisd_error *error);
void swisd_tls_node_close(struct swisd_tls_node *node);

struct swisd_tls_host {
  /* Ciphertext to be sent, at most one record (about 16 KiB) at a time; -1: memory is out, the session ends. */
  int (*out)(struct swisd_tls_host *host, const uint8_t *bytes, size_t count);
};

/* NULL when memory is out. */
struct swisd_tls *swisd_tls_open(struct swisd_tls_node *node, bool dialled, struct swisd_tls_host *host);
void swisd_tls_close(struct swisd_tls *tls);

/* The dialling side begins. -1: see swisd_tls_why(). */
int swisd_tls_start(struct swisd_tls *tls);

/* Received ciphertext: call swisd_tls_read() until it returns 0 before the next bytes, or the end of `bytes`' life. */
void swisd_tls_feed(struct swisd_tls *tls, const uint8_t *bytes, size_t count);
/* Plaintext: how many bytes were put in `out`; 0: all that was fed is used up; -1: the session is broken or was closed. */
int swisd_tls_read(struct swisd_tls *tls, uint8_t *out, size_t capacity);
/* Seals `count` bytes, all of them, through `out` of the host. -1: broken. Only once secured. */
int swisd_tls_write(struct swisd_tls *tls, const uint8_t *bytes, size_t count);

/* Whether the handshake is done; then the peer's id is known, and so is what both ends alone can compute. */
bool swisd_tls_secured(const struct swisd_tls *tls);
struct swisd_id swisd_tls_peer(const struct swisd_tls *tls);
enum { SWISD_TLS_BINDING_BYTES = 32 };
int swisd_tls_binding(struct swisd_tls *tls, uint8_t binding[SWISD_TLS_BINDING_BYTES]);

/* What broke it, for a log; never NULL. */
const char *swisd_tls_why(const struct swisd_tls *tls);

#endif
