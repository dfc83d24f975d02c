/* Links to other nodes: at most one working stream per peer, dialled when there is something to say, accepted when they dial.
 *
 * A stream begins with TLS, HELLO and PROOF from both sides; only then does it count. If two nodes dial each other at the same
 * moment, both streams may come to stand: each side then sends on the one that the smaller id opened and lets the other run
 * dry, so nothing is lost. A peer that comes back (a new stream although one stands) replaces its old stream in the same way.
 *
 * What is sent before a stream stands waits, within bounds. A peer whose last stream breaks, or that cannot be reached, is
 * told to the host at once (UNREACHABLE): this is how a killed process is noticed in a round trip. */
#ifndef SWISD_NET_LINKS_H
#define SWISD_NET_LINKS_H

#include "runtime/core/message.h"
#include "runtime/net/admission.h"
#include "runtime/net/bodies.h"
#include "runtime/net/stream.h"
#include "runtime/net/trailer.h"
#include "runtime/wire/hello.h"

struct swisd_links;

struct swisd_links_host {
  /* A message of a peer and what lay behind it; `body` is the host's from now on (NULL: the message names none). */
  void (*message)(struct swisd_links_host *host, struct swisd_id from, const struct swisd_message *message,
                  const struct swisd_trailer *trailer, struct swisd_blob *body);
  void (*unreachable)(struct swisd_links_host *host, struct swisd_id peer);
  void (*writable)(struct swisd_links_host *host, struct swisd_id peer); /* after its queue was full */
  /* A FETCH_.. frame of a peer, or the answer to one of ours; see transfer.h. */
  void (*fetch_frame)(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *frame);
  void (*fetch_data)(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *head, const uint8_t *bytes,
                     size_t count);
};

struct swisd_links_options {
  struct event_base *base;
  struct swisd_linkshape *shape;
  struct swisd_bodies *bodies;
  struct swisd_tls_node *tls; /* outlives the links, as does: */
  const struct swisd_admission *admission;
  struct swisd_hello hello; /* ours */
  struct swisd_links_host *host;
};

struct swisd_links *swisd_links_open(const struct swisd_links_options *options);
void swisd_links_close(struct swisd_links *links);
void swisd_links_set_incarnation(struct swisd_links *links, uint32_t incarnation); /* for the HELLOs to come */

/* Takes over an accepted, nonblocking socket; one beyond the quota of its address is closed before anything is read. */
void swisd_links_accept(struct swisd_links *links, int fd, const struct swisd_address *from);

/* Sends `message` and, behind it, `trailer` (NULL: nothing), with bytes [offset, offset + length) of `body` unless it is NULL
 * (referenced until sent). `to` may be zero: then whoever answers at `address` gets it. Nothing is promised: a message that
 * cannot be queued is dropped and counted. */
void swisd_links_send(struct swisd_links *links, struct swisd_id to, const struct swisd_address *address,
                      const struct swisd_message *message, const struct swisd_trailer *trailer, struct swisd_blob *body,
                      uint64_t offset, uint64_t length);
/* Bodies of up to `bytes` more may come from this peer with messages. */
void swisd_links_grant(struct swisd_links *links, struct swisd_id peer, uint64_t bytes);

/* For transfers: a control frame to a peer (dialled if need be), and data of a blob on a channel behind it. */
void swisd_links_send_frame(struct swisd_links *links, struct swisd_id to, const struct swisd_address *address,
                            const struct swisd_frame *frame);
void swisd_links_send_data(struct swisd_links *links, struct swisd_id to, uint32_t channel, struct swisd_blob *blob);
void swisd_links_cancel_data(struct swisd_links *links, struct swisd_id to, uint32_t channel);

/* The join keys changed: streams that were admitted by a key that is gone end. */
void swisd_links_readmit(struct swisd_links *links);
/* The emulated link's rules changed: silence, partition. */
void swisd_links_kick(struct swisd_links *links);

struct swisd_links_status {
  struct swisd_streams_status streams;
  uint64_t dialled, dial_failed, accepted, refused; /* refused: wrong key, wrong version, no HELLO in time */
  uint64_t over_quota; /* connections closed before TLS, see quota.h */
  uint64_t messages_sent, messages_received, messages_dropped, messages_bad;
  uint64_t messages_limited; /* more of their type than a peer may send, see allowance.h */
  uint64_t bodies_sent, bodies_received, body_bytes_sent, body_bytes_received;
  uint64_t bodies_refused; /* beyond grants or quota */
};
struct swisd_links_status swisd_links_status(const struct swisd_links *links);

#endif
