/* One stream to one peer: HELLO and PROOF, then messages, bodies and fetches in both directions.
 *
 * Inside TLS, whoever dialled says HELLO and proves the join key; only then does the other do the same. Until both have, nothing
 * else is said or heard, and all of it has five seconds.
 *
 * Bodies leave in pieces of at most 256 KiB, the channels of messages and those of fetches taking turns, so that a shard of
 * many megabytes does not hold up the rows of a task. Bodies that come with messages are put together here and handed on
 * with their message; those beyond what the host admits are received and thrown away. */
#ifndef SWISD_NET_CONNECTION_H
#define SWISD_NET_CONNECTION_H

#include "runtime/net/admission.h"
#include "runtime/net/stream.h"
#include "runtime/wire/hello.h"

struct event;
struct event_base;
struct swisd_connection;

struct swisd_connection_host {
  void (*proven)(struct swisd_connection_host *host, struct swisd_connection *connection);
  /* The encoded message; `body` is the host's, NULL when there is none. */
  void (*message)(struct swisd_connection_host *host, struct swisd_connection *connection, const uint8_t *bytes, size_t count,
                  struct swisd_blob *body);
  /* Room for a body of `bytes` that comes with a message: a blob, or NULL when it is refused. */
  struct swisd_blob *(*admit)(struct swisd_connection_host *host, struct swisd_connection *connection, uint64_t bytes);
  void (*fetch_frame)(struct swisd_connection_host *host, struct swisd_connection *connection, const struct swisd_frame *frame);
  void (*fetch_data)(struct swisd_connection_host *host, struct swisd_connection *connection, const struct swisd_frame *head,
                     const uint8_t *bytes, size_t count);
  void (*drained)(struct swisd_connection_host *host, struct swisd_connection *connection); /* all is handed to the socket */
  /* Over; `refused`: it was never proven, through the peer's fault. The host calls swisd_connection_close(). */
  void (*closed)(struct swisd_connection_host *host, struct swisd_connection *connection, const char *why, bool refused);
};

struct outgoing_body;
struct incoming_body;

struct swisd_connection {
  struct swisd_stream_host stream_host; /* first: a stream's host is its connection */
  struct swisd_connection *next;        /* the host's, to keep it in a list */
  struct swisd_id dialled_id;           /* whom we meant to reach; zero: whoever is there */
  struct swisd_address from;            /* the host's: where an accepted one came from */
  bool dialled, proven, retired;
  struct swisd_hello own, theirs; /* `theirs` is set when proven (its id from the end of TLS's handshake on) */
  uint64_t admitted_by;           /* mark of the join key that the peer has proven */
  /* private */
  struct swisd_connection_host *host;
  const struct swisd_admission *admission;
  struct swisd_stream *stream;
  struct event *timer; /* for the handshake; later for retirement */
  bool greeted;        /* HELLO has come */
  uint8_t binding[SWISD_TLS_BINDING_BYTES];
  bool fetch_turn, closing;
  uint32_t channel_next;
  uint32_t outgoing_count, incoming_count;
  struct outgoing_body *messages_first, **messages_end, *fetches_first, **fetches_end;
  struct incoming_body *incoming;
};

/* Takes over `fd`. `hello` is ours. NULL when it cannot be set up. */
struct swisd_connection *swisd_connection_open(struct event_base *base, struct swisd_streams *streams, int fd, bool dialled,
                                               struct swisd_id dialled_id, const struct swisd_hello *hello,
                                               const struct swisd_admission *admission, struct swisd_connection_host *host);
void swisd_connection_close(struct swisd_connection *connection);

/* A proven connection sends. -1: its queues are full. For MESSAGE_BODY the channel is set here and the bytes
 * [offset, offset + frame->u.body.bytes) of `body` follow. */
int swisd_connection_send(struct swisd_connection *connection, const struct swisd_frame *frame, struct swisd_blob *body,
                          uint64_t offset);
/* FETCH_DATA of all of `blob` on `channel`. */
int swisd_connection_send_data(struct swisd_connection *connection, uint32_t channel, struct swisd_blob *blob);
void swisd_connection_cancel_data(struct swisd_connection *connection, uint32_t channel);
/* Another connection took its place: it sends what is queued and then ends its side. */
void swisd_connection_retire(struct swisd_connection *connection);

#endif
