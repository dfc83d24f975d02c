/* Datagrams: the small messages of membership, on the same port number as streams, each sealed with a key that only its sender
 * and its receiver have (pairs.h), and sent through the emulated link, which so holds ciphertext. The first one to a node waits
 * until both have introduced themselves (contacts.h). Lost ones are the core's business; bad ones are counted and, but for a
 * few a second that may come from a session before a restart, never answered. */
#ifndef SWISD_NET_DATAGRAMS_H
#define SWISD_NET_DATAGRAMS_H

#include "runtime/core/message.h"
#include "runtime/net/linkshape.h"
#include "runtime/net/pairs.h"
#include "runtime/net/trailer.h"
#include "runtime/wire/wire_status.h"

struct event_base;
struct swisd_datagrams;

struct swisd_datagrams_host {
  void (*datagram)(struct swisd_datagrams_host *host, struct swisd_id from, const struct swisd_address *from_address,
                   const struct swisd_message *message, const struct swisd_trailer *trailer);
};

struct swisd_datagrams_options {
  struct event_base *base;
  struct swisd_linkshape *shape;
  const struct swisd_nodekey *key;         /* these three outlive the datagrams */
  const struct swisd_admission *admission;
  struct swisd_datagrams_host *host;
  uint32_t incarnation; /* of the last life on this disk */
};

/* Takes over `fd`, a bound, nonblocking UDP socket. NULL when memory is out. */
struct swisd_datagrams *swisd_datagrams_open(const struct swisd_datagrams_options *options, int fd);
void swisd_datagrams_close(struct swisd_datagrams *datagrams);
void swisd_datagrams_set_incarnation(struct swisd_datagrams *datagrams, uint32_t incarnation);
void swisd_datagrams_readmit(struct swisd_datagrams *datagrams); /* the join keys changed */

/* `to` may be zero (a seed); the address decides where it goes. `trailer` follows the message; NULL: nothing. */
void swisd_datagrams_send(struct swisd_datagrams *datagrams, struct swisd_id to, const struct swisd_address *address,
                          const struct swisd_message *message, const struct swisd_trailer *trailer);

struct swisd_datagrams_status {
  uint64_t sent, received, bytes_sent, bytes_received;
  uint64_t send_failed;                         /* refused by the system, or by a full emulated link */
  uint64_t introduced;                          /* nodes met */
  uint64_t unanswered;                          /* introductions given up; the messages that waited are dropped */
  uint64_t strange;                             /* sealed with a key not known here */
  uint64_t other_key;                           /* introductions under another join key */
  uint64_t forged, replayed, ignored;           /* see pairs.h */
  uint64_t limited;                             /* more of its type than a peer may send */
  uint32_t pairs;                               /* nodes that a key is shared with */
  uint64_t bad[SWISD_WIRE_STATUS_COUNT];        /* by -status */
};
struct swisd_datagrams_status swisd_datagrams_status(const struct swisd_datagrams *datagrams);

#endif
