/* See stream.h. Bytes go through three stages on their way out: the queue of control frames (or the host's bodies), the
 * line (booked on the uplink, waiting for their time), the socket; and two on their way in: the arrivals (waiting for their
 * time) and the cutting in frames (frame_cutter.h). Streams that wait for the uplink take turns. */
#include "runtime/net/stream.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/net/frame_cutter.h"

enum {
  READ_BYTES = 256 * 1024,
  CONTROL_BYTES_MAX = 8 << 20,
  LINE_BYTES_MAX = 512 * 1024,         /* taken from queues but not written: what a control frame may wait behind */
  LINE_DELAYED_BYTES_MAX = 16 << 20,   /* the same with an emulated delay: bandwidth times delay must fit */
  PUMP_BYTES_MAX = 4 << 20,            /* written in one go, then others get their turn */
  PIECES_MAX = 32,                     /* segments per writev */
};
static const uint64_t ahead_ns = 20 * SWISD_MILLISECOND; /* reading stops when the downlink is booked this far */
static const uint64_t slack_ns = SWISD_MILLISECOND / 2;  /* a timer's grain: this early counts as on time */

struct segment {
  struct segment *next;
  uint64_t due_ns;
  struct swisd_blob *blob; /* keeps `data` alive; NULL: there is none */
  const uint8_t *data;
  uint32_t data_count, head_count;
  uint32_t sent; /* of head and data together */
  uint8_t head[];
};

struct queue {
  struct segment *first, **end;
  uint64_t bytes;
};

struct swisd_stream {
  struct swisd_stream *next, **link; /* all open streams of the node */
  struct swisd_stream *waiting_next; /* for the uplink */
  struct swisd_streams *streams;
  struct swisd_stream_host *host;
  int fd;
  struct swisd_id peer;
  struct event *readable, *writable, *timer;
  bool connecting, dead, waiting, turn, finishing, finished, ended;
  struct queue control, line, arrivals;
  struct swisd_frame_cutter cutter;
};

struct swisd_streams {
  struct event_base *base;
  struct swisd_linkshape *shape;
  struct swisd_stream *open;
  struct swisd_stream *waiting_first, **waiting_end;
  struct swisd_stream *dead; /* closed, freed when no callback of theirs can be running */
  struct event *uplink, *reaper;
  struct swisd_streams_status status;
  uint8_t buffer[READ_BYTES];
};

static void pump(struct swisd_stream *stream);

/* ---- queues ---- */

static void queue_init(struct queue *queue)
{
  *queue = (struct queue){0};
  queue->end = &queue->first;
}

static uint32_t segment_bytes(const struct segment *segment)
{
  return segment->head_count + segment->data_count;
}

static void queue_push(struct queue *queue, struct segment *segment)
{
  segment->next = NULL;
  *queue->end = segment;
  queue->end = &segment->next;
  queue->bytes += segment_bytes(segment);
}

static struct segment *queue_pop(struct queue *queue)
{
  struct segment *segment = queue->first;
  queue->first = segment->next;
  if (!queue->first)
    queue->end = &queue->first;
  queue->bytes -= segment_bytes(segment);
  return segment;
}

static struct segment *segment_new(uint32_t head_count)
{
  struct segment *segment = calloc(1, sizeof *segment + head_count);
  if (segment)
    segment->head_count = head_count;
  return segment;
}

static void segment_free(struct segment *segment)
{
  swisd_blob_drop(segment->blob);
  free(segment);
}

static void queue_free(struct queue *queue)
{
  while (queue->first)
    segment_free(queue_pop(queue));
}

static void arm(struct event *timer, uint64_t now_ns, uint64_t at_ns)
{
  const uint64_t wait_us = at_ns > now_ns ? (at_ns - now_ns + 999) / 1000 : 0;
  const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
  event_add(timer, &wait);
}

static void fail(struct swisd_stream *stream, const char *why)
{
  if (!stream->dead && !stream->ended) {
    stream->ended = true;
    stream->host->closed(stream->host, why);
  }
}

/* ---- out ---- */

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
    arm(streams->uplink, now_ns, swisd_linkshape_up_ready_ns(streams->shape));
}

static void stop_waiting(struct swisd_stream *stream)
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

static void on_uplink(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_streams *streams = argument;
  while (streams->waiting_first) {
    const uint64_t now_ns = swisd_clock_now_ns();
    if (swisd_linkshape_up_ready_ns(streams->shape) > now_ns + slack_ns) {
      arm(streams->uplink, now_ns, swisd_linkshape_up_ready_ns(streams->shape));
      return;
    }
    struct swisd_stream *stream = streams->waiting_first;
    stop_waiting(stream);
    stream->turn = true;
    pump(stream);
    stream->turn = false;
  }
}

/* The next frame to go, from the control queue or the host's bodies; NULL when nothing waits. */
static struct segment *take(struct swisd_stream *stream)
{
  if (stream->control.first)
    return queue_pop(&stream->control);
  if (stream->finished)
    return NULL;
  struct swisd_stream_piece piece = {0};
  if (!stream->host->next(stream->host, swisd_linkshape_piece(stream->streams->shape, SWISD_FRAME_CHUNK_BYTES_MAX), &piece))
    return NULL;
  uint8_t head[SWISD_FRAME_HEAD_BYTES + SWISD_FRAME_FIXED_BYTES_MAX];
  const size_t head_count = swisd_frame_write(&piece.frame, head);
  assert(head_count > 0);
  struct segment *segment = segment_new((uint32_t)head_count);
  if (!segment) {
    fail(stream, "out of memory");
    return NULL;
  }
  memcpy(segment->head, head, head_count);
  if (piece.frame.data_count > 0) {
    segment->blob = swisd_blob_keep(piece.blob);
    segment->data = piece.blob->data + piece.offset;
    segment->data_count = piece.frame.data_count;
  }
  return segment;
}

/* Moves frames to the line as far as the uplink allows. */
static void refill(struct swisd_stream *stream, uint64_t now_ns)
{
  struct swisd_linkshape *shape = stream->streams->shape;
  const bool limited = swisd_linkshape_limits_up(shape);
  const uint64_t line_max = shape->delay_ns > 0 ? LINE_DELAYED_BYTES_MAX : LINE_BYTES_MAX;
  while (stream->line.bytes < line_max && !stream->dead) {
    if (limited) {
      const bool others = stream->streams->waiting_first && !stream->turn;
      if (others || swisd_linkshape_up_ready_ns(shape) > now_ns + slack_ns) {
        /* Only those with something to send take turns; asking would take it, so a turn may be idle: harmless. */
        wait_for_uplink(stream, now_ns);
        return;
      }
    }
    struct segment *segment = take(stream);
    if (!segment)
      return;
    segment->due_ns = limited ? swisd_linkshape_book_up(shape, now_ns, segment_bytes(segment)) : now_ns;
    queue_push(&stream->line, segment);
    stream->streams->status.frames_sent++;
    stream->turn = false;
  }
}

/* Writes what is due. 1: the socket is full; 0: nothing more is due; -1: the connection is broken. */
static int flush(struct swisd_stream *stream, uint64_t now_ns, size_t *written)
{
  while (stream->line.first && stream->line.first->due_ns <= now_ns + slack_ns) {
    struct iovec pieces[2 * PIECES_MAX];
    int count = 0;
    for (struct segment *s = stream->line.first; s && s->due_ns <= now_ns + slack_ns && count < 2 * PIECES_MAX; s = s->next) {
      const uint32_t head_sent = s->sent < s->head_count ? s->sent : s->head_count;
      if (head_sent < s->head_count)
        pieces[count++] = (struct iovec){.iov_base = s->head + head_sent, .iov_len = s->head_count - head_sent};
      const uint32_t data_sent = s->sent - head_sent;
      if (data_sent < s->data_count && count < 2 * PIECES_MAX)
        pieces[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)(s->data + data_sent),
                                         .iov_len = s->data_count - data_sent};
    }
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    if (sent < 0)
      return errno == EAGAIN || errno == EINTR ? 1 : -1;
    *written += (size_t)sent;
    stream->streams->status.bytes_sent += (uint64_t)sent;
    while (sent > 0) {
      struct segment *s = stream->line.first;
      const uint32_t left = segment_bytes(s) - s->sent;
      if ((size_t)sent < left) {
        s->sent += (uint32_t)sent;
        break;
      }
      sent -= left;
      segment_free(queue_pop(&stream->line));
    }
    if (*written >= PUMP_BYTES_MAX)
      return 1;
  }
  return 0;
}

static void pump(struct swisd_stream *stream)
{
  if (stream->dead || stream->ended || stream->connecting || swisd_linkshape_stops(stream->streams->shape, stream->peer))
    return;
  size_t written = 0;
  for (;;) {
    const uint64_t now_ns = swisd_clock_now_ns();
    refill(stream, now_ns);
    if (stream->dead || stream->ended)
      return;
    const bool due = stream->line.first && stream->line.first->due_ns <= now_ns + slack_ns;
    if (!due) {
      if (stream->line.first)
        arm(stream->timer, now_ns, stream->line.first->due_ns);
      break;
    }
    const int result = flush(stream, now_ns, &written);
    if (result < 0) {
      fail(stream, strerror(errno));
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

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_stream *stream = argument;
  if (stream->connecting) {
    int cause = 0;
    socklen_t length = sizeof cause;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &length);
    if (cause != 0) {
      fail(stream, strerror(cause));
      return;
    }
    stream->connecting = false;
    event_add(stream->readable, NULL);
    stream->host->opened(stream->host);
  }
  pump(stream);
}

/* ---- in ---- */

static void on_frame(struct swisd_frame_cutter *cutter, const struct swisd_frame *frame)
{
  struct swisd_stream *stream = (struct swisd_stream *)((char *)cutter - offsetof(struct swisd_stream, cutter));
  stream->streams->status.frames_received++;
  stream->host->frame(stream->host, frame);
}

static void on_data(struct swisd_frame_cutter *cutter, const struct swisd_frame *head, const uint8_t *bytes, size_t count)
{
  struct swisd_stream *stream = (struct swisd_stream *)((char *)cutter - offsetof(struct swisd_stream, cutter));
  stream->host->data(stream->host, head, bytes, count);
}

static void cut(struct swisd_stream *stream, const uint8_t *bytes, size_t count)
{
  const int status = swisd_frame_cutter_feed(&stream->cutter, bytes, count);
  stream->streams->status.frames_skipped += stream->cutter.skipped;
  stream->cutter.skipped = 0;
  if (status == SWISD_WIRE_OK || stream->dead)
    return;
  stream->streams->status.frames_bad++;
  fail(stream, swisd_wire_status_name(status));
}

/* Delivers what has arrived through the emulated link. */
static void deliver(struct swisd_stream *stream)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  while (stream->arrivals.first && stream->arrivals.first->due_ns <= now_ns + slack_ns && !stream->dead && !stream->ended) {
    struct segment *segment = queue_pop(&stream->arrivals);
    if (segment->head_count == 0)
      fail(stream, "closed by the peer");
    else
      cut(stream, segment->head, segment->head_count);
    segment_free(segment);
  }
}

/* Puts bytes, or the end of the stream when there are none, in line behind the emulated link. */
static void arrive(struct swisd_stream *stream, const uint8_t *bytes, uint32_t count)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  struct segment *segment = segment_new(count);
  if (!segment) {
    fail(stream, "out of memory");
    return;
  }
  memcpy(segment->head, bytes, count);
  segment->due_ns = swisd_linkshape_book_down(stream->streams->shape, now_ns, count);
  queue_push(&stream->arrivals, segment);
  if (count == 0 || swisd_linkshape_down_ready_ns(stream->streams->shape) > now_ns + ahead_ns)
    event_del(stream->readable); /* on_timer() reads on */
  arm(stream->timer, now_ns, stream->arrivals.first->due_ns);
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_stream *stream = argument;
  struct swisd_streams *streams = stream->streams;
  if (swisd_linkshape_stops(streams->shape, stream->peer)) {
    event_del(stream->readable); /* swisd_streams_kick() adds it again */
    return;
  }
  const bool limited = swisd_linkshape_limits_down(streams->shape);
  const ssize_t got = read(fd, streams->buffer, limited ? READ_BYTES / 8 : READ_BYTES);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR)
      fail(stream, strerror(errno));
    return;
  }
  streams->status.bytes_received += (uint64_t)got;
  if (limited)
    arrive(stream, streams->buffer, (uint32_t)got);
  else if (got == 0)
    fail(stream, "closed by the peer");
  else
    cut(stream, streams->buffer, (size_t)got);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_stream *stream = argument;
  struct swisd_linkshape *shape = stream->streams->shape;
  if (swisd_linkshape_stops(shape, stream->peer))
    return;
  deliver(stream);
  if (!stream->dead)
    pump(stream);
  if (stream->dead || stream->ended)
    return;
  const uint64_t now_ns = swisd_clock_now_ns();
  if (!event_pending(stream->readable, EV_READ, NULL) && swisd_linkshape_down_ready_ns(shape) <= now_ns + ahead_ns)
    event_add(stream->readable, NULL);
  uint64_t wake_ns = UINT64_MAX; /* pump() armed the timer for the line alone */
  if (stream->arrivals.first)
    wake_ns = stream->arrivals.first->due_ns;
  if (stream->line.first && !event_pending(stream->writable, EV_WRITE, NULL) && stream->line.first->due_ns < wake_ns)
    wake_ns = stream->line.first->due_ns;
  if (wake_ns == UINT64_MAX && !event_pending(stream->readable, EV_READ, NULL))
    wake_ns = swisd_linkshape_down_ready_ns(shape);
  if (wake_ns != UINT64_MAX)
    arm(stream->timer, now_ns, wake_ns);
}

/* ---- life ---- */

static void on_reaper(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_streams *streams = argument;
  while (streams->dead) {
    struct swisd_stream *stream = streams->dead;
    streams->dead = stream->next;
    swisd_frame_cutter_free(&stream->cutter);
    free(stream);
  }
}

struct swisd_streams *swisd_streams_open(struct event_base *base, struct swisd_linkshape *shape)
{
  struct swisd_streams *streams = calloc(1, sizeof *streams);
  if (!streams)
    return NULL;
  streams->base = base;
  streams->shape = shape;
  streams->waiting_end = &streams->waiting_first;
  streams->uplink = evtimer_new(base, on_uplink, streams);
  streams->reaper = evtimer_new(base, on_reaper, streams);
  if (!streams->uplink || !streams->reaper) {
    swisd_streams_close(streams);
    return NULL;
  }
  return streams;
}

void swisd_streams_close(struct swisd_streams *streams)
{
  if (!streams)
    return;
  while (streams->open)
    swisd_stream_close(streams->open);
  on_reaper(-1, 0, streams);
  if (streams->uplink)
    event_free(streams->uplink);
  if (streams->reaper)
    event_free(streams->reaper);
  free(streams);
}

void swisd_streams_kick(struct swisd_streams *streams)
{
  for (struct swisd_stream *stream = streams->open; stream; stream = stream->next) {
    if (stream->connecting || swisd_linkshape_stops(streams->shape, stream->peer))
      continue;
    event_add(stream->readable, NULL);
    event_active(stream->timer, EV_TIMEOUT, 0);
  }
}

struct swisd_stream *swisd_stream_open(struct swisd_streams *streams, int fd, bool connecting, struct swisd_stream_host *host)
{
  struct swisd_stream *stream = calloc(1, sizeof *stream);
  if (!stream) {
    close(fd);
    return NULL;
  }
  *stream = (struct swisd_stream){.streams = streams, .host = host, .fd = fd, .connecting = connecting};
  stream->cutter = (struct swisd_frame_cutter){.frame = on_frame, .data = on_data};
  queue_init(&stream->control);
  queue_init(&stream->line);
  queue_init(&stream->arrivals);
  stream->next = streams->open;
  stream->link = &streams->open;
  if (stream->next)
    stream->next->link = &stream->next;
  streams->open = stream;
  streams->status.open++;
  const int one = 1, unsent_bytes = 128 * 1024; /* more unsent bytes in the kernel only make control frames wait */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
  stream->readable = event_new(streams->base, fd, EV_READ | EV_PERSIST, on_readable, stream);
  stream->writable = event_new(streams->base, fd, EV_WRITE, on_writable, stream);
  stream->timer = evtimer_new(streams->base, on_timer, stream);
  if (!stream->readable || !stream->writable || !stream->timer ||
      event_add(connecting ? stream->writable : stream->readable, NULL) != 0) {
    swisd_stream_close(stream);
    return NULL;
  }
  return stream;
}

void swisd_stream_close(struct swisd_stream *stream)
{
  if (!stream || stream->dead)
    return;
  struct swisd_streams *streams = stream->streams;
  stop_waiting(stream);
  stream->dead = stream->cutter.stop = true;
  *stream->link = stream->next;
  if (stream->next)
    stream->next->link = stream->link;
  streams->status.open--;
  struct event *events[] = {stream->readable, stream->writable, stream->timer};
  for (size_t i = 0; i < sizeof events / sizeof *events; i++)
    if (events[i])
      event_free(events[i]);
  close(stream->fd);
  queue_free(&stream->control);
  queue_free(&stream->line);
  queue_free(&stream->arrivals);
  stream->next = streams->dead;
  streams->dead = stream;
  event_active(streams->reaper, EV_TIMEOUT, 0);
}

void swisd_stream_set_peer(struct swisd_stream *stream, struct swisd_id peer)
{
  stream->peer = peer;
}

int swisd_stream_send(struct swisd_stream *stream, const struct swisd_frame *frame)
{
  if (stream->dead || stream->finished || stream->control.bytes > CONTROL_BYTES_MAX)
    return -1;
  uint8_t head[SWISD_FRAME_HEAD_BYTES + SWISD_FRAME_FIXED_BYTES_MAX];
  const size_t head_count = swisd_frame_write(frame, head);
  assert(head_count > 0);
  struct segment *segment = segment_new((uint32_t)head_count + frame->data_count);
  if (!segment)
    return -1;
  memcpy(segment->head, head, head_count);
  if (frame->data_count > 0)
    memcpy(segment->head + head_count, frame->data, frame->data_count);
  queue_push(&stream->control, segment);
  swisd_stream_pump(stream);
  return 0;
}

void swisd_stream_pump(struct swisd_stream *stream)
{
  /* Later, not now: one step of the core sends several frames, and they leave in one system call. */
  if (!stream->dead && !stream->connecting && !event_pending(stream->writable, EV_WRITE, NULL))
    event_active(stream->writable, EV_WRITE, 0);
}

void swisd_stream_finish(struct swisd_stream *stream)
{
  stream->finishing = true;
  swisd_stream_pump(stream);
}

uint64_t swisd_stream_queued_bytes(const struct swisd_stream *stream)
{
  return stream->control.bytes + stream->line.bytes;
}

struct swisd_streams_status swisd_streams_status(const struct swisd_streams *streams)
{
  return streams->status;
}
