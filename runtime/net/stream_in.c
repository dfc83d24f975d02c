/* The way into a stream: up to 256 KiB per read, booked on the downlink and delayed, then opened by TLS record by record and
 * cut in frames; data of bodies is handed on as it comes, never assembled here. */
#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/net/stream_internal.h"

static void cut(struct swisd_stream *stream, const uint8_t *bytes, size_t count)
{
  const int status = swisd_frame_cutter_feed(&stream->cutter, bytes, count);
  stream->streams->status.frames_skipped += stream->cutter.skipped;
  stream->cutter.skipped = 0;
  if (status == SWISD_WIRE_OK || stream->dead)
    return;
  stream->streams->status.frames_bad++;
  swisd_stream_fail(stream, swisd_wire_status_name(status));
}

/* What the session has to say itself (its handshake, an alert) goes on the line. */
static void answer(struct swisd_stream *stream)
{
  if (!stream->filling)
    return;
  swisd_stream_close_segment(stream, swisd_clock_now_ns());
  swisd_stream_push_on(stream);
}

static void secured(struct swisd_stream *stream)
{
  stream->peer = swisd_tls_peer(stream->tls);
  stream->host->opened(stream->host, stream->peer);
}

void swisd_stream_begin(struct swisd_stream *stream)
{
  stream->sealing_left = 0;
  if (swisd_tls_start(stream->tls) != 0)
    swisd_stream_fail(stream, swisd_tls_why(stream->tls));
  else
    answer(stream);
}

/* Ciphertext that is through the emulated link. */
static void take_in(struct swisd_stream *stream, const uint8_t *bytes, size_t count)
{
  struct swisd_streams *streams = stream->streams;
  bool was_secured = swisd_tls_secured(stream->tls);
  swisd_tls_feed(stream->tls, bytes, count);
  for (;;) {
    stream->sealing_left = 0;
    const int got = swisd_tls_read(stream->tls, streams->opened, sizeof streams->opened);
    answer(stream);
    if (stream->dead || stream->ended)
      return;
    if (got >= 0 && !was_secured && swisd_tls_secured(stream->tls)) {
      was_secured = true;
      secured(stream);
      if (stream->dead || stream->ended)
        return;
    }
    if (got == 0)
      return;
    if (got < 0) {
      streams->status.tls_broken++;
      swisd_stream_fail(stream, swisd_tls_why(stream->tls));
      return;
    }
    cut(stream, streams->opened, (size_t)got);
    if (stream->dead || stream->ended)
      return;
  }
}

void swisd_stream_deliver(struct swisd_stream *stream)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  while (!stream->dead && !stream->ended && stream->arrivals.first &&
         stream->arrivals.first->due_ns <= now_ns + swisd_stream_slack_ns) {
    struct swisd_segment *segment = swisd_segment_pop(&stream->arrivals);
    if (segment->count == 0)
      swisd_stream_fail(stream, "closed by the peer");
    else
      take_in(stream, segment->bytes, segment->count);
    swisd_segment_free(&stream->streams->pool, segment);
  }
}

/* Puts bytes, or the end of the stream when there are none, in line behind the emulated link. */
static void arrive(struct swisd_stream *stream, const uint8_t *bytes, uint32_t count)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  struct swisd_segment *segment = swisd_segment_new(&stream->streams->pool, count);
  if (!segment) {
    swisd_stream_fail(stream, "out of memory");
    return;
  }
  memcpy(segment->bytes, bytes, count);
  segment->count = count;
  segment->due_ns = swisd_linkshape_book_down(stream->streams->shape, now_ns, count);
  swisd_segment_push(&stream->arrivals, segment);
  if (count == 0 || swisd_linkshape_down_ready_ns(stream->streams->shape) > now_ns + swisd_stream_ahead_ns)
    event_del(stream->readable); /* the timer reads on */
  swisd_stream_arm(stream->timer, now_ns, stream->arrivals.first->due_ns);
}

void swisd_stream_receive(struct swisd_stream *stream)
{
  struct swisd_streams *streams = stream->streams;
  if (stream->ended)
    return;
  if (swisd_linkshape_stops(streams->shape, stream->peer)) {
    event_del(stream->readable); /* swisd_streams_kick() adds it again */
    return;
  }
  const bool limited = swisd_linkshape_limits_down(streams->shape);
  const ssize_t got = read(stream->fd, streams->received, limited ? SWISD_STREAM_READ_BYTES / 8 : SWISD_STREAM_READ_BYTES);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR)
      swisd_stream_fail(stream, strerror(errno));
    return;
  }
  streams->status.bytes_received += (uint64_t)got;
  if (limited)
    arrive(stream, streams->received, (uint32_t)got);
  else if (got == 0)
    swisd_stream_fail(stream, "closed by the peer");
  else
    take_in(stream, streams->received, (size_t)got);
}
