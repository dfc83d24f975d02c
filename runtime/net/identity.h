/* Who a node is, kept in its data directory: an Ed25519 key and the last incarnation.
 *
 *   DIRECTORY/lock         held with flock() while a process runs, whose number it holds: two nodes never share an identity
 *   DIRECTORY/key.pem      the private key, made on first use, mode 0600
 *   DIRECTORY/incarnation  a decimal number, replaced atomically
 *
 * The node's id is the first 16 bytes of SHA-256 of the public key (DESIGN section 11). */
#ifndef SWISD_NET_IDENTITY_H
#define SWISD_NET_IDENTITY_H

#include "runtime/base/error.h"
#include "runtime/net/nodekey.h"

struct swisd_identity {
  char directory[512];
  int lock_fd;
  struct swisd_id id;       /* of the key */
  uint32_t incarnation;     /* the last one written, 0 if none */
  struct swisd_nodekey key;
};

/* Locks `directory` (made if missing, with its parents), and reads or makes the identity in it. -1 with `error` set: no
 * such place, another node runs there, a file that is not what it should be, a full disk. */
int swisd_identity_open(struct swisd_identity *identity, const char *directory, struct swisd_error *error);
void swisd_identity_close(struct swisd_identity *identity);

/* Keeps an incarnation across restarts. -1 with `error` set when it cannot be written: the old one then stays. */
int swisd_identity_persist(struct swisd_identity *identity, uint32_t incarnation, struct swisd_error *error);

/* The id as 32 hexadecimal digits; `text` holds 33 bytes. */
void swisd_id_text(struct swisd_id id, char *text);

#endif
