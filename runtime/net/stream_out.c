/* The way out of a stream: control frames go first, then the host is asked for the next piece of a body; both are sealed, and
 * the ciphertext is booked on the uplink, waits out the delay and is written when the socket takes it. Streams that wait for
 * the uplink take turns. */
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "runtime/net/clock.h"
#include "runtime/net/stream_internal.h"

enum {
  LINE_BYTES_MAX = 512 * 1024,       /* taken from queues but not written: what a control frame may wait behind */
  LINE_DELAYED_BYTES_MAX = 16 << 20, /* the same with an emulated delay: bandwidth times delay must fit */
  PUMP_BYTES_MAX = 4 << 20,          /* written in one go, then others get their turn */
  PIECES_MAX = 64,                   /* segments per system call */
  SEALED_EXTRA_BYTES = 64,           /* more than what sealing adds to one record (22) */
};

/* ---- sealing ---- */

int swisd_stream_seal_out(struct swisd_tls_host *host, const uint8_t *bytes, size_t count)
{
  struct swisd_stream *stream = (struct swisd_stream *)host;
  struct swisd_segment *segment = stream->filling;
  if (segment && segment->capacity - segment->count < count) {
    swisd_stream_close_segment(stream, swisd_clock_now_ns());
    segment = NULL;
  }
  if (!segment) {
    const uint32_t wanted = stream->sealing_left + (stream->sealing_left / SWISD_STREAM_RECORD_BYTES + 1) * SEALED_EXTRA_BYTES;
    uint32_t capacity = wanted < SWISD_SEGMENT_BYTES ? wanted : SWISD_SEGMENT_BYTES;
    if (capacity < count)
      capacity = (uint32_t)count;
    segment = stream->filling = swisd_segment_new(&stream->streams->pool, capacity);
    if (!segment)
      return -1;
  }
  memcpy(segment->bytes + segment->count, bytes, count);
  segment->count += (uint32_t)count;
  stream->sealing_left -= stream->sealing_left < count ? stream->sealing_left : (uint32_t)count;
  return 0;
}

void swisd_stream_close_segment(struct swisd_stream *stream, uint64_t now_ns)
{
  struct swisd_segment *segment = stream->filling;
  struct swisd_linkshape *shape = stream->streams->shape;
  if (!segment)
    return;
  stream->filling = NULL;
  segment->due_ns = swisd_linkshape_limits_up(shape) ? swisd_linkshape_book_up(shape, now_ns, segment->count) : now_ns;
  swisd_segment_push(&stream->line, segment);
}

static int seal(struct swisd_stream *stream, const uint8_t *bytes, size_t count)
{
  if (count == 0 || swisd_tls_write(stream->tls, bytes, count) == 0)
    return 0;
  swisd_stream_fail(stream, swisd_tls_why(stream->tls));
  return -1;
}

/* As many waiting control frames as fit go in one record; one that is longer goes alone. */
static int seal_control(struct swisd_stream *stream)
{
  struct swisd_streams *streams = stream->streams;
  struct swisd_segment *first = stream->control.first;
  size_t count = 0;
  int result = 0;
  if (first->count > sizeof streams->gathered) {
    stream->sealing_left = first->count;
    result = seal(stream, first->bytes, first->count);
    if (!stream->dead)
      swisd_segment_free(&streams->pool, swisd_segment_pop(&stream->control));
    streams->status.frames_sent++;
    return result;
  }
  while (stream->control.first && count + stream->control.first->count <= sizeof streams->gathered) {
    struct swisd_segment *frame = swisd_segment_pop(&stream->control);
    memcpy(streams->gathered + count, frame->bytes, frame->count);
    count += frame->count;
    swisd_segment_free(&streams->pool, frame);
    streams->status.frames_sent++;
  }
  stream->sealing_left = (uint32_t)count;
  return seal(stream, streams->gathered, count);
}

static int seal_piece(struct swisd_stream *stream, const struct swisd_stream_piece *piece)
{
  struct swisd_streams *streams = stream->streams;
  const size_t head = swisd_frame_write(&piece->frame, streams->gathered);
  const uint32_t data = piece->frame.data_count;
  assert(head > 0);
  const uint8_t *from = data > 0 ? piece->blob->data + piece->offset : NULL;
  /* The first record takes the head and as much of the data as fits; the rest is sealed from where it lies. */
  const uint32_t beside = data < sizeof streams->gathered - head ? data : (uint32_t)(sizeof streams->gathered - head);
  if (beside > 0)
    memcpy(streams->gathered + head, from, beside);
  stream->sealing_left = (uint32_t)head + data;
  streams->status.frames_sent++;
  if (seal(stream, streams->gathered, head + beside) != 0)
    return -1;
  return data > beside ? seal(stream, from + beside, data - beside) : 0;
}

/* Seals what is to go next. 1: done; 0: nothing waits; -1: the stream failed. */
static int seal_next(struct swisd_stream *stream)
{
  if (stream->control.first)
    return seal_control(stream) == 0 ? 1 : -1;
  if (stream->finished)
    return 0;
  struct swisd_stream_piece piece = {0};
  if (!stream->host->next(stream->host, swisd_linkshape_piece(stream->streams->shape, SWISD_FRAME_CHUNK_BYTES_MAX), &piece))
    return 0;
  return seal_piece(stream, &piece) == 0 ? 1 : -1;
}

/* ---- turns on the uplink ---- */

static void wait_for_uplink(struct swisd_stream *stream, uint64_t now_ns)
{
  struct swisd_streams *streams = stream->streams;
  if (!stream->waiting) {
    stream->waiting = true;
    stream->waiting_next = NULL;
    *streams->waiting_end = stream;
    streams->waiting_end = &stream->waiting_next;
  }
  if (!evtimer_pending(streams->uplink, NULL))
    swisd_stream_arm(streams->uplink, now_ns, swisd_linkshape_up_ready_ns(streams->shape));
}

void swisd_stream_stop_waiting(struct swisd_stream *stream)
{
  struct swisd_streams *streams = stream->streams;
  if (!stream->waiting)
    return;
  for (struct swisd_stream **link = &streams->waiting_first; *link; link = &(*link)->waiting_next) {
    if (*link != stream)
      continue;
    *link = stream->waiting_next;
    if (!*link)
      streams->waiting_end = link;
    break;
  }
  stream->waiting = false;
}

void swisd_stream_on_uplink(struct swisd_streams *streams)
{
  while (streams->waiting_first) {
    const uint64_t now_ns = swisd_clock_now_ns();
    if (swisd_linkshape_up_ready_ns(streams->shape) > now_ns + swisd_stream_slack_ns) {
      swisd_stream_arm(streams->uplink, now_ns, swisd_linkshape_up_ready_ns(streams->shape));
      return;
    }
    struct swisd_stream *stream = streams->waiting_first;
    swisd_stream_stop_waiting(stream);
    stream->turn = true;
    swisd_stream_push_on(stream);
    stream->turn = false;
  }
}

/* ---- the line ---- */

/* Seals frames as far as the uplink allows. */
static void refill(struct swisd_stream *stream, uint64_t now_ns)
{
  struct swisd_linkshape *shape = stream->streams->shape;
  const bool limited = swisd_linkshape_limits_up(shape);
  const uint64_t line_max = shape->delay_ns > 0 ? LINE_DELAYED_BYTES_MAX : LINE_BYTES_MAX;
  while (stream->line.bytes < line_max) {
    if (limited) {
      const bool others = stream->streams->waiting_first && !stream->turn;
      if (others || swisd_linkshape_up_ready_ns(shape) > now_ns + swisd_stream_slack_ns) {
        /* Only those with something to send take turns; asking would take it, so a turn may be idle: harmless. */
        wait_for_uplink(stream, now_ns);
        return;
      }
    }
    const int sealed = seal_next(stream);
    if (stream->dead || stream->ended)
      return;
    swisd_stream_close_segment(stream, now_ns);
    if (sealed <= 0)
      return;
    stream->turn = false;
  }
}

static bool due(const struct swisd_segment *segment, uint64_t now_ns)
{
  return segment && segment->due_ns <= now_ns + swisd_stream_slack_ns;
}

/* Writes what is due. 1: the socket is full; 0: nothing more is due; -1: the connection is broken. */
static int flush(struct swisd_stream *stream, uint64_t now_ns, size_t *written)
{
  struct swisd_streams *streams = stream->streams;
  while (due(stream->line.first, now_ns)) {
    struct iovec pieces[PIECES_MAX];
    int count = 0;
    for (struct swisd_segment *s = stream->line.first; due(s, now_ns) && count < PIECES_MAX; s = s->next)
      pieces[count++] = (struct iovec){.iov_base = s->bytes + s->sent, .iov_len = s->count - s->sent};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    if (sent < 0)
      return errno == EAGAIN || errno == EINTR ? 1 : -1;
    *written += (size_t)sent;
    streams->status.bytes_sent += (uint64_t)sent;
    while (sent > 0) {
      struct swisd_segment *s = stream->line.first;
      const uint32_t left = s->count - s->sent;
      if ((size_t)sent < left) {
        s->sent += (uint32_t)sent;
        break;
      }
      sent -= left;
      swisd_segment_free(&streams->pool, swisd_segment_pop(&stream->line));
    }
    if (*written >= PUMP_BYTES_MAX)
      return 1;
  }
  return 0;
}

void swisd_stream_push_on(struct swisd_stream *stream)
{
  if (stream->dead || stream->ended || stream->connecting || swisd_linkshape_stops(stream->streams->shape, stream->peer))
    return;
  size_t written = 0;
  for (;;) {
    const uint64_t now_ns = swisd_clock_now_ns();
    if (swisd_tls_secured(stream->tls))
      refill(stream, now_ns);
    if (stream->dead || stream->ended)
      return;
    if (!due(stream->line.first, now_ns)) {
      if (stream->line.first)
        swisd_stream_arm(stream->timer, now_ns, stream->line.first->due_ns);
      break;
    }
    const int result = flush(stream, now_ns, &written);
    if (result < 0) {
      swisd_stream_fail(stream, strerror(errno));
      return;
    }
    if (result > 0) {
      event_add(stream->writable, NULL);
      return;
    }
  }
  if (stream->finishing && !stream->finished && !stream->line.first && !stream->control.first && !stream->waiting) {
    stream->finished = true;
    shutdown(stream->fd, SHUT_WR);
  }
}
