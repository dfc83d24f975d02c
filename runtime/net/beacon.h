/* Finding nodes of the same swarm on a LAN: each says now and then, by multicast, where it is; who hears it introduces itself.
 *
 * Datagram to 239.255.83.119:7118, never routed further (TTL 1), 75 bytes: "SwBeacn1", salt 16, then sealed by ChaCha20-Poly1305
 * under HMAC-SHA256(join key, "swisd beacon", salt): id 16, family 1 (0: the address it comes from), address 16, port 2 (big
 * endian); tag 16. Others learn that a node of some swarm is there, not which one or whose.
 *
 * What it says is a hint: a beacon that is replayed leads to an introduction that fails. Three in the first seconds, then one in
 * half a minute; no more than 100 a second are opened. */
#ifndef SWISD_NET_BEACON_H
#define SWISD_NET_BEACON_H

#include "runtime/net/admission.h"

struct event_base;
struct swisd_beacon;

enum { SWISD_BEACON_BYTES = 75, SWISD_BEACON_PORT = 7118 };

struct swisd_beacon_host {
  void (*found)(struct swisd_beacon_host *host, struct swisd_id id, const struct swisd_address *address);
};

struct swisd_beacon_options {
  struct event_base *base;
  const struct swisd_admission *admission; /* outlives the beacon; may change */
  struct swisd_id id;
  struct swisd_address listen;    /* its IPv4 interface is used; of 0.0.0.0 and IPv6: all that can multicast */
  struct swisd_address advertise; /* said when it is a certain one, else the receiver takes where it comes from */
  struct swisd_beacon_host *host;
};

/* NULL with `error`: no multicast here. The node works without. */
struct swisd_beacon *swisd_beacon_open(const struct swisd_beacon_options *options, struct swisd_error *error);
void swisd_beacon_close(struct swisd_beacon *beacon); /* NULL is fine */

struct swisd_beacon_status {
  uint64_t sent, received; /* received: of this swarm, from others */
  uint64_t strange;        /* not a beacon, or of another swarm, or too many */
};
struct swisd_beacon_status swisd_beacon_status(const struct swisd_beacon *beacon); /* NULL is fine */

/* Seals one under the first join key; -1: OpenSSL has no randomness or memory. */
int swisd_beacon_write(const struct swisd_admission *admission, struct swisd_id id, const struct swisd_address *address,
                       uint8_t out[SWISD_BEACON_BYTES]);
/* Opens one; false: none, or of another swarm. Family NONE in `address`: where it came from, with this port. */
bool swisd_beacon_read(const struct swisd_admission *admission, const uint8_t *bytes, size_t count, struct swisd_id *id,
                       struct swisd_address *address);

#endif
