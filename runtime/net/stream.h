/* One TCP connection as frames (wire/frame.h) inside TLS (tls.h), with the emulated link between TLS and the socket: what it
 * queues and delays is ciphertext.
 *
 * Sending: control frames wait in a queue and go first; when it is empty the host is asked for the next piece of a body, so
 * that bodies never pile up in copies. What has been sealed is booked on the shape's uplink, waits out the delay and is
 * written when the socket takes it. Receiving: up to 256 KiB per read (a bufferevent would read 4 KiB), booked on the
 * downlink and delayed, then opened and cut in frames; data of bodies is handed on as it comes, never assembled here.
 *
 * A stream never blocks, and closes itself only through the host: on the end of the connection, an error or a frame that
 * cannot be, `closed` is called once, and the host closes it. Closing inside a callback is safe. */
#ifndef SWISD_NET_STREAM_H
#define SWISD_NET_STREAM_H

#include "runtime/net/bodies.h"
#include "runtime/net/linkshape.h"
#include "runtime/net/tls.h"
#include "runtime/wire/frame.h"

struct event_base;
struct swisd_streams; /* what the streams of one node share */
struct swisd_stream;

/* The next piece of a body; it is sealed before the host is asked for another. */
struct swisd_stream_piece {
  struct swisd_frame frame; /* BODY_DATA or FETCH_DATA; data and data_count are set from the blob */
  struct swisd_blob *blob;  /* NULL with data_count 0: a frame without data (ABORT) */
  uint64_t offset;
};

struct swisd_stream_host {
  void (*opened)(struct swisd_stream_host *host, struct swisd_id peer);           /* TLS stands, with whom is known */
  void (*frame)(struct swisd_stream_host *host, const struct swisd_frame *frame); /* whole; its data lives during the call */
  /* Some data of a BODY_DATA or FETCH_DATA frame, or none (an empty or aborting frame). */
  void (*data)(struct swisd_stream_host *host, const struct swisd_frame *head, const uint8_t *bytes, size_t count);
  /* Fills `piece` with at most `bytes_max` bytes of data; false when nothing waits. */
  bool (*next)(struct swisd_stream_host *host, uint32_t bytes_max, struct swisd_stream_piece *piece);
  void (*closed)(struct swisd_stream_host *host, const char *why);
};

/* `tls` outlives them. */
struct swisd_streams *swisd_streams_open(struct event_base *base, struct swisd_linkshape *shape, struct swisd_tls_node *tls);
void swisd_streams_close(struct swisd_streams *streams); /* closes every stream, without telling hosts */
void swisd_streams_kick(struct swisd_streams *streams);  /* silence or a partition began or ended */

/* Takes over `fd`, a nonblocking socket; `connecting`: connect() is under way, and ours is the dialling side. NULL when memory is
 * out (fd is closed). */
struct swisd_stream *swisd_stream_open(struct swisd_streams *streams, int fd, bool connecting, struct swisd_stream_host *host);
void swisd_stream_close(struct swisd_stream *stream);
/* What both ends of an opened stream alone can compute. -1: it cannot be had. */
int swisd_stream_binding(struct swisd_stream *stream, uint8_t binding[SWISD_TLS_BINDING_BYTES]);

/* Queues a control frame; its data is copied. -1: the queue is full (8 MiB), nothing was queued. */
int swisd_stream_send(struct swisd_stream *stream, const struct swisd_frame *frame);
/* `next` has something now. */
void swisd_stream_pump(struct swisd_stream *stream);
/* No more will be sent: the peer sees the end of the stream after what is queued. */
void swisd_stream_finish(struct swisd_stream *stream);
uint64_t swisd_stream_queued_bytes(const struct swisd_stream *stream);

struct swisd_streams_status {
  uint32_t open;
  uint64_t bytes_sent, bytes_received, frames_sent, frames_received;
  uint64_t frames_skipped; /* of unknown kinds */
  uint64_t frames_bad;     /* oversized or malformed: each ended its stream */
  uint64_t tls_broken;     /* bytes that are no TLS, or not of this session: each ended its stream */
};
struct swisd_streams_status swisd_streams_status(const struct swisd_streams *streams);

#endif
