/* See links.h. */
#include "runtime/net/links.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/net/allowance.h"
#include "runtime/net/clock.h"
#include "runtime/net/connection.h"
#include "runtime/net/quota.h"
#include "runtime/net/socket_address.h"
#include "runtime/wire/wire.h"

enum {
  PEERS_MAX = 4096,
  PENDING_MAX = 1024,                   /* messages that wait for a stream */
  UNPROVEN_MAX = 256,                   /* accepted connections in their handshake: strangers cannot take more */
};
/* What a proven peer may send before anything was granted: a first task may overtake the news that makes the core grant. */
#define GRANT_BYTES_FIRST (UINT64_C(1) << 20)
#define GRANT_BYTES_MAX (UINT64_C(1) << 32) /* what a peer can have in hand at most; the pool's quota bounds it further */
static const uint64_t redial_ns = 200 * SWISD_MILLISECOND; /* after a failure: a dead peer must not become a busy loop */

struct pending {
  struct pending *next;
  struct swisd_frame frame; /* its data lies behind */
  struct swisd_blob *body;
  uint64_t offset;
  uint8_t data[];
};

struct peer {
  struct peer *next;
  struct swisd_links *links;
  struct swisd_id id; /* zero: only the address is known */
  struct swisd_address address;
  struct swisd_connection *primary, *others, *dialling; /* others: proven, but not sent on */
  struct pending *pending_first, **pending_end;
  uint32_t pending_count;
  uint64_t granted_bytes;
  uint64_t dial_after_ns;
  bool failed; /* told to the host by the timer, never from inside a call of it */
  bool full;
  struct event *timer;
  struct swisd_allowance allowance;
};

struct swisd_links {
  struct swisd_connection_host connection_host; /* first: a connection's host is its links */
  struct swisd_links_options options;
  struct swisd_streams *streams;
  struct peer *peers;
  uint32_t peer_count;
  struct swisd_connection *unproven; /* accepted ones */
  uint32_t unproven_count;
  struct swisd_quota quota;
  struct swisd_message scratch; /* the message being handed on */
  struct swisd_links_status status;
};

static void dial(struct peer *peer);

/* ---- peers ---- */

static struct peer *peer_find(struct swisd_links *links, struct swisd_id id)
{
  for (struct peer *peer = links->peers; peer; peer = peer->next)
    if (swisd_id_equal(peer->id, id))
      return peer;
  return NULL;
}

static void wake(struct peer *peer, uint64_t wait_ns)
{
  const struct timeval wait = {.tv_sec = (time_t)(wait_ns / SWISD_SECOND),
                               .tv_usec = (suseconds_t)(wait_ns % SWISD_SECOND / 1000)};
  event_add(peer->timer, &wait);
}

static void pending_pop(struct peer *peer)
{
  struct pending *pending = peer->pending_first;
  peer->pending_first = pending->next;
  if (!peer->pending_first)
    peer->pending_end = &peer->pending_first;
  peer->pending_count--;
  swisd_blob_drop(pending->body);
  free(pending);
}

static void peer_free(struct peer *peer)
{
  while (peer->pending_first)
    pending_pop(peer);
  if (peer->timer)
    event_free(peer->timer);
  free(peer);
}

/* The timer of a peer tells a failure, or dials again after one. */
static void on_peer_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct peer *peer = argument;
  struct swisd_links *links = peer->links;
  if (peer->failed) {
    peer->failed = false;
    if (!peer->primary && !swisd_id_is_zero(peer->id))
      links->options.host->unreachable(links->options.host, peer->id);
  }
  if (peer->pending_first && !peer->primary && !peer->dialling)
    dial(peer);
}

static struct peer *peer_add(struct swisd_links *links, struct swisd_id id)
{
  struct peer *peer = links->peer_count < PEERS_MAX ? calloc(1, sizeof *peer) : NULL;
  if (!peer)
    return NULL;
  peer->links = links;
  peer->id = id;
  peer->pending_end = &peer->pending_first;
  peer->granted_bytes = GRANT_BYTES_FIRST;
  peer->timer = evtimer_new(links->options.base, on_peer_timer, peer);
  if (!peer->timer) {
    free(peer);
    return NULL;
  }
  peer->next = links->peers;
  links->peers = peer;
  links->peer_count++;
  return peer;
}

static void peer_remove(struct peer *peer)
{
  struct peer **link = &peer->links->peers;
  while (*link != peer)
    link = &(*link)->next;
  *link = peer->next;
  peer->links->peer_count--;
  peer_free(peer);
}

/* What could not be delivered is gone, and the host hears of it soon. */
static void peer_fail(struct peer *peer)
{
  peer->links->status.messages_dropped += peer->pending_count;
  while (peer->pending_first)
    pending_pop(peer);
  peer->failed = true;
  wake(peer, 0);
}

/* ---- connections ---- */

static void dial(struct peer *peer)
{
  struct swisd_links *links = peer->links;
  const uint64_t now_ns = swisd_clock_now_ns();
  if (now_ns < peer->dial_after_ns) {
    wake(peer, peer->dial_after_ns - now_ns);
    return;
  }
  struct sockaddr_storage to;
  const socklen_t length = swisd_address_to_socket(&peer->address, &to);
  const int fd = length > 0 ? socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
  links->status.dialled++;
  if (fd < 0 || (connect(fd, (struct sockaddr *)&to, length) != 0 && errno != EINPROGRESS)) {
    if (fd >= 0)
      close(fd);
    links->status.dial_failed++;
    peer->dial_after_ns = now_ns + redial_ns;
    peer_fail(peer);
    return;
  }
  peer->dialling = swisd_connection_open(links->options.base, links->streams, fd, true, peer->id, &links->options.hello,
                                         links->options.admission, &links->connection_host);
  if (!peer->dialling)
    peer_fail(peer);
}

static bool list_remove(struct swisd_connection **list, struct swisd_connection *connection)
{
  for (; *list; list = &(*list)->next) {
    if (*list != connection)
      continue;
    *list = connection->next;
    connection->next = NULL;
    return true;
  }
  return false;
}

static struct peer *peer_dialling(struct swisd_links *links, const struct swisd_connection *connection)
{
  for (struct peer *peer = links->peers; peer; peer = peer->next)
    if (peer->dialling == connection)
      return peer;
  return NULL;
}

static void flush_pending(struct peer *peer)
{
  while (peer->pending_first) {
    struct pending *pending = peer->pending_first;
    if (swisd_connection_send(peer->primary, &pending->frame, pending->body, pending->offset) != 0)
      peer->links->status.messages_dropped++;
    pending_pop(peer);
  }
}

/* Everything waiting for `from`, of whom only the address was known, now waits for `to`. */
static void merge(struct peer *from, struct peer *to)
{
  if (from->pending_first) {
    *to->pending_end = from->pending_first;
    to->pending_end = from->pending_end;
    to->pending_count += from->pending_count;
    from->pending_first = NULL;
    from->pending_end = &from->pending_first;
    from->pending_count = 0;
  }
  peer_remove(from);
}

/* Of two streams that stand, which is sent on: see links.h. */
static bool preferred(const struct swisd_connection *newer, const struct swisd_connection *older)
{
  if (newer->dialled == older->dialled)
    return true; /* the peer came back */
  const struct swisd_connection *ours = newer->dialled ? newer : older;
  const bool we_are_first = swisd_id_before(newer->own.id, newer->theirs.id);
  return (we_are_first ? ours : (newer->dialled ? older : newer)) == newer;
}

static void on_proven(struct swisd_connection_host *host, struct swisd_connection *connection)
{
  struct swisd_links *links = (struct swisd_links *)host;
  struct peer *peer = peer_find(links, connection->theirs.id);
  if (connection->dialled) {
    struct peer *from = peer_dialling(links, connection);
    from->dialling = NULL;
    if (!peer && swisd_id_is_zero(from->id)) {
      from->id = connection->theirs.id;
      peer = from;
    } else if (from != peer) {
      merge(from, peer);
    }
  } else {
    list_remove(&links->unproven, connection);
    links->unproven_count--;
    links->status.accepted++;
    swisd_quota_proven(&links->quota, &connection->from);
    if (!peer)
      peer = peer_add(links, connection->theirs.id);
    if (!peer) {
      swisd_connection_close(connection);
      return;
    }
  }
  if (!peer->primary) {
    peer->primary = connection;
  } else if (preferred(connection, peer->primary)) {
    swisd_connection_retire(peer->primary);
    peer->primary->next = peer->others;
    peer->others = peer->primary;
    peer->primary = connection;
  } else {
    swisd_connection_retire(connection);
    connection->next = peer->others;
    peer->others = connection;
  }
  flush_pending(peer);
}

static void on_closed(struct swisd_connection_host *host, struct swisd_connection *connection, const char *why, bool refused)
{
  struct swisd_links *links = (struct swisd_links *)host;
  if (refused) {
    links->status.refused++;
    swisd_log_limited(SWISD_LOG_WARN, "net", "a connection was refused: %s", why);
  }
  struct peer *peer = peer_dialling(links, connection);
  if (peer) {
    peer->dialling = NULL;
    links->status.dial_failed++;
    peer->dial_after_ns = swisd_clock_now_ns() + redial_ns;
    swisd_log(SWISD_LOG_DEBUG, "net", "a peer cannot be reached: %s", why);
    if (peer->primary)
      flush_pending(peer);
    else
      peer_fail(peer);
  } else if (!connection->proven) {
    if (list_remove(&links->unproven, connection)) {
      links->unproven_count--;
      swisd_quota_failed(&links->quota, &connection->from);
    }
  } else if ((peer = peer_find(links, connection->theirs.id)) != NULL && !list_remove(&peer->others, connection)) {
    assert(peer->primary == connection);
    peer->primary = peer->others;
    if (peer->primary) {
      peer->others = peer->primary->next;
      peer->primary->next = NULL;
    } else if (!peer->dialling) {
      peer_fail(peer);
    }
    peer->full = false;
  }
  swisd_connection_close(connection);
}

static void on_message(struct swisd_connection_host *host, struct swisd_connection *connection, const uint8_t *bytes,
                       size_t count, struct swisd_blob *body)
{
  struct swisd_links *links = (struct swisd_links *)host;
  size_t used = 0;
  const int status = swisd_wire_decode_front(bytes, count, &links->scratch, &used);
  if (status != SWISD_WIRE_OK) {
    links->status.messages_bad++;
    swisd_log_limited(SWISD_LOG_WARN, "net", "a message could not be read: %s", swisd_wire_status_name(status));
    swisd_blob_drop(body);
    return;
  }
  struct peer *peer = peer_find(links, connection->theirs.id);
  if (peer && !swisd_allowance_take(&peer->allowance, links->scratch.type, swisd_clock_now_ns())) {
    links->status.messages_limited++;
    swisd_blob_drop(body);
    return;
  }
  links->status.messages_received++;
  if (body) {
    links->status.bodies_received++;
    links->status.body_bytes_received += body->bytes;
  }
  const struct swisd_trailer trailer = {bytes + used, count - used};
  links->options.host->message(links->options.host, connection->theirs.id, &links->scratch, &trailer, body);
}

static struct swisd_blob *on_admit(struct swisd_connection_host *host, struct swisd_connection *connection, uint64_t bytes)
{
  struct swisd_links *links = (struct swisd_links *)host;
  struct peer *peer = peer_find(links, connection->theirs.id);
  struct swisd_blob *blob = peer && bytes <= peer->granted_bytes ? swisd_blob_new(links->options.bodies, bytes) : NULL;
  if (blob) {
    peer->granted_bytes -= bytes;
  } else {
    links->status.bodies_refused++;
    swisd_log_limited(SWISD_LOG_WARN, "net", "a body of %llu bytes was refused: beyond what was granted",
                      (unsigned long long)bytes);
  }
  return blob;
}

static void on_fetch_frame(struct swisd_connection_host *host, struct swisd_connection *connection,
                           const struct swisd_frame *frame)
{
  struct swisd_links *links = (struct swisd_links *)host;
  links->options.host->fetch_frame(links->options.host, connection->theirs.id, frame);
}

static void on_fetch_data(struct swisd_connection_host *host, struct swisd_connection *connection, const struct swisd_frame *head,
                          const uint8_t *bytes, size_t count)
{
  struct swisd_links *links = (struct swisd_links *)host;
  links->options.host->fetch_data(links->options.host, connection->theirs.id, head, bytes, count);
}

static void on_drained(struct swisd_connection_host *host, struct swisd_connection *connection)
{
  struct swisd_links *links = (struct swisd_links *)host;
  struct peer *peer = connection->proven ? peer_find(links, connection->theirs.id) : NULL;
  if (!peer || !peer->full || peer->primary != connection)
    return;
  peer->full = false;
  links->options.host->writable(links->options.host, peer->id);
}

/* ---- life ---- */

struct swisd_links *swisd_links_open(const struct swisd_links_options *options)
{
  struct swisd_links *links = calloc(1, sizeof *links);
  if (!links)
    return NULL;
  links->options = *options;
  links->connection_host =
      (struct swisd_connection_host){.proven = on_proven, .message = on_message, .admit = on_admit,
                                     .fetch_frame = on_fetch_frame, .fetch_data = on_fetch_data, .drained = on_drained,
                                     .closed = on_closed};
  links->streams = swisd_streams_open(options->base, options->shape, options->tls);
  if (!links->streams) {
    free(links);
    return NULL;
  }
  return links;
}

static void close_list(struct swisd_connection *list)
{
  while (list) {
    struct swisd_connection *connection = list;
    list = connection->next;
    swisd_connection_close(connection);
  }
}

void swisd_links_close(struct swisd_links *links)
{
  if (!links)
    return;
  while (links->peers) {
    struct peer *peer = links->peers;
    links->peers = peer->next;
    if (peer->primary)
      swisd_connection_close(peer->primary);
    if (peer->dialling)
      swisd_connection_close(peer->dialling);
    close_list(peer->others);
    peer_free(peer);
  }
  close_list(links->unproven);
  swisd_streams_close(links->streams);
  free(links);
}

void swisd_links_set_incarnation(struct swisd_links *links, uint32_t incarnation)
{
  links->options.hello.incarnation = incarnation;
}

/* A reset, not an orderly end: nothing of it stays here, and the stranger's system is told at once. */
static void turn_away(struct swisd_links *links, int fd)
{
  const struct linger none = {.l_onoff = 1};
  links->status.over_quota++;
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(fd);
}

/* The one that has been in its handshake longest makes room: strangers at many addresses cannot keep a member out. */
static void drop_the_oldest(struct swisd_links *links)
{
  struct swisd_connection *oldest = links->unproven;
  while (oldest->next)
    oldest = oldest->next;
  on_closed(&links->connection_host, oldest, "too many connections in their handshake", true);
}

void swisd_links_accept(struct swisd_links *links, int fd, const struct swisd_address *from)
{
  if (!swisd_quota_open(&links->quota, from, swisd_clock_now_ns())) {
    turn_away(links, fd);
    return;
  }
  if (links->unproven_count >= UNPROVEN_MAX)
    drop_the_oldest(links);
  struct swisd_connection *connection =
      swisd_connection_open(links->options.base, links->streams, fd, false, (struct swisd_id){0}, &links->options.hello,
                            links->options.admission, &links->connection_host);
  if (!connection) {
    swisd_quota_failed(&links->quota, from);
    return;
  }
  connection->from = *from;
  connection->next = links->unproven;
  links->unproven = connection;
  links->unproven_count++;
}

/* ---- sending ---- */

static bool names_address(const struct swisd_connection *connection, const struct swisd_address *address)
{
  for (uint32_t i = 0; i < connection->theirs.address_count; i++)
    if (swisd_address_equal(&connection->theirs.addresses[i], address))
      return true;
  return false;
}

/* The peer that is meant: by id, or when that is zero by address. */
static struct peer *peer_meant(struct swisd_links *links, struct swisd_id to, const struct swisd_address *address)
{
  struct peer *peer = NULL;
  if (!swisd_id_is_zero(to)) {
    peer = peer_find(links, to);
  } else {
    for (peer = links->peers; peer; peer = peer->next)
      if ((peer->primary && names_address(peer->primary, address)) || swisd_address_equal(&peer->address, address))
        break;
  }
  if (!peer)
    peer = peer_add(links, to);
  if (peer && address && address->family != SWISD_ADDRESS_NONE)
    peer->address = *address;
  return peer;
}

static void send_or_wait(struct swisd_links *links, struct peer *peer, const struct swisd_frame *frame, struct swisd_blob *body,
                         uint64_t offset)
{
  if (peer->primary) {
    if (swisd_connection_send(peer->primary, frame, body, offset) != 0) {
      links->status.messages_dropped++;
      peer->full = true;
    }
    return;
  }
  struct pending *pending = peer->pending_count < PENDING_MAX ? calloc(1, sizeof *pending + frame->data_count) : NULL;
  if (!pending) {
    links->status.messages_dropped++;
    return;
  }
  pending->frame = *frame;
  if (frame->data_count > 0)
    memcpy(pending->data, frame->data, frame->data_count);
  pending->frame.data = pending->data;
  pending->body = body ? swisd_blob_keep(body) : NULL;
  pending->offset = offset;
  *peer->pending_end = pending;
  peer->pending_end = &pending->next;
  peer->pending_count++;
  if (!peer->dialling)
    dial(peer);
}

void swisd_links_send(struct swisd_links *links, struct swisd_id to, const struct swisd_address *address,
                      const struct swisd_message *message, const struct swisd_trailer *trailer, struct swisd_blob *body,
                      uint64_t offset, uint64_t length)
{
  uint8_t bytes[SWISD_WIRE_BYTES_MAX + SWISD_TRAILER_BYTES_MAX];
  size_t count = 0;
  const int status = swisd_wire_encode(message, bytes, SWISD_WIRE_BYTES_MAX, &count);
  if (status == SWISD_WIRE_OK && trailer && trailer->count > 0) {
    assert(trailer->count <= SWISD_TRAILER_BYTES_MAX);
    memcpy(bytes + count, trailer->bytes, trailer->count);
    count += trailer->count;
  }
  struct peer *peer = status == SWISD_WIRE_OK ? peer_meant(links, to, address) : NULL;
  if (!peer) {
    swisd_log_limited(SWISD_LOG_WARN, "net", "a message (%s) was not sent: %s", swisd_message_type_name(message->type),
                      status == SWISD_WIRE_OK ? "too many peers" : swisd_wire_status_name(status));
    links->status.messages_dropped++;
    return;
  }
  struct swisd_frame frame = {.kind = SWISD_FRAME_MESSAGE, .data = bytes, .data_count = (uint32_t)count};
  if (body) {
    frame.kind = SWISD_FRAME_MESSAGE_BODY;
    frame.u.body.bytes = length;
    links->status.bodies_sent++;
    links->status.body_bytes_sent += length;
  }
  links->status.messages_sent++;
  send_or_wait(links, peer, &frame, body, offset);
}

void swisd_links_grant(struct swisd_links *links, struct swisd_id id, uint64_t bytes)
{
  struct peer *peer = peer_find(links, id);
  if (!peer)
    peer = peer_add(links, id);
  if (!peer)
    return;
  peer->granted_bytes = bytes < GRANT_BYTES_MAX - peer->granted_bytes ? peer->granted_bytes + bytes : GRANT_BYTES_MAX;
}

void swisd_links_send_frame(struct swisd_links *links, struct swisd_id to, const struct swisd_address *address,
                            const struct swisd_frame *frame)
{
  struct peer *peer = peer_meant(links, to, address);
  if (peer)
    send_or_wait(links, peer, frame, NULL, 0);
}

void swisd_links_send_data(struct swisd_links *links, struct swisd_id to, uint32_t channel, struct swisd_blob *blob)
{
  struct peer *peer = peer_find(links, to);
  if (peer && peer->primary)
    swisd_connection_send_data(peer->primary, channel, blob);
}

void swisd_links_cancel_data(struct swisd_links *links, struct swisd_id to, uint32_t channel)
{
  struct peer *peer = peer_find(links, to);
  if (peer && peer->primary)
    swisd_connection_cancel_data(peer->primary, channel);
}

/* Ends the first stream of the peer that no key admits any more; whether there was one. */
static bool expel(struct swisd_links *links, struct peer *peer)
{
  struct swisd_connection *connections[] = {peer->primary, peer->others};
  for (size_t i = 0; i < 2; i++)
    for (struct swisd_connection *connection = connections[i]; connection; connection = connection->next)
      if (!swisd_admission_has(links->options.admission, connection->admitted_by)) {
        on_closed(&links->connection_host, connection, "its join key is not valid any more", true);
        return true;
      }
  return false;
}

void swisd_links_readmit(struct swisd_links *links)
{
  for (struct peer *peer = links->peers; peer; peer = peer->next)
    while (expel(links, peer))
      ;
}

void swisd_links_kick(struct swisd_links *links)
{
  swisd_streams_kick(links->streams);
}

struct swisd_links_status swisd_links_status(const struct swisd_links *links)
{
  struct swisd_links_status status = links->status;
  status.streams = swisd_streams_status(links->streams);
  return status;
}
