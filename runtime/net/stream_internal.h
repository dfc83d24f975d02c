/* A stream as its own files see it: stream.c (life), stream_out.c (frames -> TLS -> line -> socket), stream_in.c (socket ->
 * arrivals -> TLS -> frames). */
#ifndef SWISD_NET_STREAM_INTERNAL_H
#define SWISD_NET_STREAM_INTERNAL_H

#include "runtime/net/frame_cutter.h"
#include "runtime/net/segment.h"
#include "runtime/net/stream.h"

struct event;

enum {
  SWISD_STREAM_READ_BYTES = 256 * 1024,
  SWISD_STREAM_RECORD_BYTES = 16 * 1024, /* plaintext of one TLS record */
};
static const uint64_t swisd_stream_ahead_ns = 20 * SWISD_MILLISECOND; /* reading stops when the downlink is booked this far */
static const uint64_t swisd_stream_slack_ns = SWISD_MILLISECOND / 2;  /* a timer's grain: this early counts as on time */

struct swisd_stream {
  struct swisd_tls_host tls_host;    /* first: a session's host is its stream */
  struct swisd_stream *next, **link; /* all open streams of the node */
  struct swisd_stream *waiting_next; /* for the uplink */
  struct swisd_streams *streams;
  struct swisd_stream_host *host;
  struct swisd_tls *tls;
  int fd;
  struct swisd_id peer;
  struct event *readable, *writable, *timer;
  bool connecting, dead, waiting, turn, finishing, finished, ended;
  struct swisd_segment_queue control;        /* frames as they are, not yet sealed */
  struct swisd_segment_queue line, arrivals; /* ciphertext, booked on the emulated link */
  struct swisd_segment *filling;             /* takes ciphertext, not yet on the line */
  uint32_t sealing_left;                     /* of what is being sealed: how large `filling` had best be */
  struct swisd_frame_cutter cutter;
};

struct swisd_streams {
  struct event_base *base;
  struct swisd_linkshape *shape;
  struct swisd_tls_node *tls;
  struct swisd_stream *open;
  struct swisd_stream *waiting_first, **waiting_end;
  struct swisd_stream *dead; /* closed, freed when no callback of theirs can be running */
  struct event *uplink, *reaper;
  struct swisd_segment_pool pool;
  struct swisd_streams_status status;
  uint8_t received[SWISD_STREAM_READ_BYTES];
  uint8_t opened[SWISD_STREAM_RECORD_BYTES];
  uint8_t gathered[SWISD_STREAM_RECORD_BYTES]; /* small frames that go in one record */
};

/* Tells the host once. */
void swisd_stream_fail(struct swisd_stream *stream, const char *why);
void swisd_stream_arm(struct event *timer, uint64_t now_ns, uint64_t at_ns);

int swisd_stream_seal_out(struct swisd_tls_host *host, const uint8_t *bytes, size_t count); /* of the session */
/* What was sealed goes on the line. */
void swisd_stream_close_segment(struct swisd_stream *stream, uint64_t now_ns);
/* Moves what can be moved: frames to the line, the line to the socket. */
void swisd_stream_push_on(struct swisd_stream *stream);
void swisd_stream_stop_waiting(struct swisd_stream *stream);
void swisd_stream_on_uplink(struct swisd_streams *streams);

void swisd_stream_receive(struct swisd_stream *stream);
/* Hands on what has waited out the emulated link. */
void swisd_stream_deliver(struct swisd_stream *stream);
/* The session's first words, once the connection stands. */
void swisd_stream_begin(struct swisd_stream *stream);

#endif
