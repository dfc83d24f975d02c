/* See stream.h: the life of streams, their events and timers. */
#include "runtime/net/stream.h"

#include <assert.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/net/stream_internal.h"

enum { CONTROL_BYTES_MAX = 8 << 20 };

void swisd_stream_arm(struct event *timer, uint64_t now_ns, uint64_t at_ns)
{
  const uint64_t wait_us = at_ns > now_ns ? (at_ns - now_ns + 999) / 1000 : 0;
  const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
  event_add(timer, &wait);
}

void swisd_stream_fail(struct swisd_stream *stream, const char *why)
{
  if (stream->dead || stream->ended)
    return;
  stream->ended = true;
  stream->host->closed(stream->host, why);
}

/* ---- events ---- */

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

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  swisd_stream_receive(argument);
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
      swisd_stream_fail(stream, strerror(cause));
      return;
    }
    stream->connecting = false;
    event_add(stream->readable, NULL);
    swisd_stream_begin(stream);
  }
  swisd_stream_push_on(stream);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_stream *stream = argument;
  struct swisd_linkshape *shape = stream->streams->shape;
  if (swisd_linkshape_stops(shape, stream->peer))
    return;
  swisd_stream_deliver(stream);
  if (!stream->dead)
    swisd_stream_push_on(stream);
  if (stream->dead || stream->ended)
    return;
  const uint64_t now_ns = swisd_clock_now_ns();
  if (!event_pending(stream->readable, EV_READ, NULL) && swisd_linkshape_down_ready_ns(shape) <= now_ns + swisd_stream_ahead_ns)
    event_add(stream->readable, NULL);
  uint64_t wake_ns = UINT64_MAX; /* pushing on armed the timer for the line alone */
  if (stream->arrivals.first)
    wake_ns = stream->arrivals.first->due_ns;
  if (stream->line.first && !event_pending(stream->writable, EV_WRITE, NULL) && stream->line.first->due_ns < wake_ns)
    wake_ns = stream->line.first->due_ns;
  if (wake_ns == UINT64_MAX && !event_pending(stream->readable, EV_READ, NULL))
    wake_ns = swisd_linkshape_down_ready_ns(shape);
  if (wake_ns != UINT64_MAX)
    swisd_stream_arm(stream->timer, now_ns, wake_ns);
}

static void on_uplink(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  swisd_stream_on_uplink(argument);
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
    swisd_tls_close(stream->tls);
    free(stream);
  }
}

struct swisd_streams *swisd_streams_open(struct event_base *base, struct swisd_linkshape *shape, struct swisd_tls_node *tls)
{
  struct swisd_streams *streams = calloc(1, sizeof *streams);
  if (!streams)
    return NULL;
  streams->base = base;
  streams->shape = shape;
  streams->tls = tls;
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
  swisd_segment_pool_free(&streams->pool);
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
  stream->tls_host.out = swisd_stream_seal_out;
  stream->cutter = (struct swisd_frame_cutter){.frame = on_frame, .data = on_data};
  swisd_segment_queue_init(&stream->control);
  swisd_segment_queue_init(&stream->line);
  swisd_segment_queue_init(&stream->arrivals);
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
  stream->tls = swisd_tls_open(streams->tls, connecting, &stream->tls_host);
  if (!stream->tls || !stream->readable || !stream->writable || !stream->timer ||
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
  swisd_stream_stop_waiting(stream);
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
  swisd_segment_queue_free(&streams->pool, &stream->control);
  swisd_segment_queue_free(&streams->pool, &stream->line);
  swisd_segment_queue_free(&streams->pool, &stream->arrivals);
  if (stream->filling)
    swisd_segment_free(&streams->pool, stream->filling);
  stream->filling = NULL;
  stream->next = streams->dead;
  streams->dead = stream;
  event_active(streams->reaper, EV_TIMEOUT, 0);
}

int swisd_stream_binding(struct swisd_stream *stream, uint8_t binding[SWISD_TLS_BINDING_BYTES])
{
  return swisd_tls_binding(stream->tls, binding);
}

int swisd_stream_send(struct swisd_stream *stream, const struct swisd_frame *frame)
{
  if (stream->dead || stream->finished || stream->control.bytes > CONTROL_BYTES_MAX)
    return -1;
  uint8_t head[SWISD_FRAME_HEAD_BYTES + SWISD_FRAME_FIXED_BYTES_MAX];
  const size_t head_count = swisd_frame_write(frame, head);
  assert(head_count > 0);
  struct swisd_segment *segment = swisd_segment_new(&stream->streams->pool, (uint32_t)head_count + frame->data_count);
  if (!segment)
    return -1;
  segment->count = segment->capacity;
  memcpy(segment->bytes, head, head_count);
  if (frame->data_count > 0)
    memcpy(segment->bytes + head_count, frame->data, frame->data_count);
  swisd_segment_push(&stream->control, segment);
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

uint64_t swisd_stream_queued_bytes(const struct swisd_stream *stream) { return stream->control.bytes + stream->line.bytes; }

struct swisd_streams_status swisd_streams_status(const struct swisd_streams *streams) { return streams->status; }
