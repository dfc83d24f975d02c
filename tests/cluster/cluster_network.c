/* Messages between hosts. Datagrams are lost, doubled and overtake one another as the network's rates say. Streams keep
 * their order, wait for a blocked or silent peer, and give up after a while, as TCP does: the sender then hears UNREACHABLE.
 * A process that dies resets its links; what it had not quite sent is lost. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "runtime/wire/wire.h"
#include "tests/cluster/inside.h"

enum { FIRST_GRANT_BYTES = 1 << 20 };

uint64_t network_latency_ns(const struct cluster *c, uint32_t from, uint32_t to)
{
  if (from == to)
    return 1000;
  const struct host *a = &c->hosts[from], *b = &c->hosts[to];
  return a->device->latency_ns + b->device->latency_ns + a->delay_ns + b->delay_ns;
}

bool network_open(const struct cluster *c, uint32_t from, uint32_t to)
{
  const struct host *a = &c->hosts[from], *b = &c->hosts[to];
  return a->node != NULL && !a->silent && b->node != NULL && !b->silent &&
         !c->paths[(uint64_t)from * c->host_capacity + to].blocked;
}

void network_carry(struct cluster *c, uint32_t from, uint32_t to, uint64_t bytes, uint64_t *left_ns, uint64_t *arrive_ns)
{
  if (from == to) {
    *left_ns = c->now_ns;
    *arrive_ns = c->now_ns + network_latency_ns(c, from, to);
    return;
  }
  struct host *a = &c->hosts[from], *b = &c->hosts[to];
  const uint64_t start = a->up_free_ns > c->now_ns ? a->up_free_ns : c->now_ns;
  a->up_free_ns = start + (uint64_t)((double)bytes * 1e9 / a->device->up_bytes_per_s);
  *left_ns = a->up_free_ns;
  const uint64_t earliest = start + network_latency_ns(c, from, to);
  const uint64_t begin = b->down_free_ns > earliest ? b->down_free_ns : earliest;
  b->down_free_ns = begin + (uint64_t)((double)bytes * 1e9 / b->device->down_bytes_per_s);
  const uint64_t last = *left_ns + network_latency_ns(c, from, to);
  *arrive_ns = b->down_free_ns > last ? b->down_free_ns : last;
}

void network_drop(struct message_flight *flight)
{
  buffer_unref(flight->body);
  free(flight);
}

/* The host that a SEND means: by identity, or by address alone. */
static uint32_t destination(const struct cluster *c, const struct swisd_action_send *send)
{
  if (!swisd_id_is_zero(send->to))
    return cluster_index(c, send->to);
  if (send->address.family != SWISD_ADDRESS_INDEX)
    return c->host_count;
  const uint8_t *b = send->address.bytes;
  const uint32_t index = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  return index < c->host_count ? index : c->host_count;
}

/* As bytes; NULL, and a failure, when the message breaks a bound. */
static struct message_flight *pack(struct cluster *c, uint32_t from, uint32_t to, const struct swisd_message *message)
{
  uint8_t bytes[SWISD_WIRE_BYTES_MAX];
  size_t count = 0;
  const int status = swisd_wire_encode(message, bytes, sizeof(bytes), &count);
  const bool datagram = swisd_message_is_datagram(message->type);
  if (status != SWISD_WIRE_OK || count != swisd_wire_size(message) || (datagram && count > SWISD_DATAGRAM_BYTES_MAX)) {
    cluster_fail(c, "node %u sends a message %s of %zu bytes that breaks a bound: %s", from,
                 swisd_message_type_name(message->type), count, swisd_wire_status_name(status));
    return NULL;
  }
  struct message_flight *flight = calloc(1, sizeof(*flight) + count);
  SWISD_ASSERT(flight != NULL);
  memcpy(flight->packed, bytes, count);
  flight->bytes = (uint32_t)count;
  flight->from = from;
  flight->from_life = c->hosts[from].life;
  flight->to_life = c->hosts[to].life;
  flight->since_ns = flight->left_ns = c->now_ns;
  flight->datagram = datagram;
  return flight;
}

static struct message_flight *copy(const struct message_flight *flight)
{
  struct message_flight *twin = malloc(sizeof(*flight) + flight->bytes);
  SWISD_ASSERT(twin != NULL);
  memcpy(twin, flight, sizeof(*flight) + flight->bytes);
  if (twin->body != NULL)
    buffer_ref(twin->body);
  return twin;
}

static uint64_t jitter(struct cluster *c, uint64_t most)
{
  return most == 0 ? 0 : (uint64_t)(swisd_philox_unit(&c->network_random) * (double)most);
}

static void launch(struct cluster *c, uint32_t to, struct message_flight *flight)
{
  uint64_t arrive = 0;
  if (flight->datagram) {
    arrive = c->now_ns + network_latency_ns(c, flight->from, to) + jitter(c, c->network.jitter_ns);
  } else {
    const uint64_t bytes = flight->bytes + (flight->body == NULL ? 0 : buffer_bytes(flight->body));
    network_carry(c, flight->from, to, bytes, &flight->left_ns, &arrive);
    arrive += jitter(c, c->network.stream_jitter_ns);
    struct path *path = cluster_path(c, flight->from, to);
    if (c->network.stream_jitter_ns == 0 && arrive < path->last_ns)
      arrive = path->last_ns;
    path->last_ns = arrive;
  }
  cluster_push(c, arrive, ENTRY_MESSAGE, to, 0, flight);
}

void network_send(struct cluster *c, uint32_t from, const struct swisd_action_send *send)
{
  const uint32_t to = destination(c, send);
  if (to == c->host_count) {
    cluster_fail(c, "node %u sends message %d to nobody", from, send->message.type);
    return;
  }
  const bool datagram = swisd_message_is_datagram(send->message.type);
  struct buffer *body = NULL;
  if (send->body.handle != 0) {
    struct buffer *whole = bodies_get(&c->hosts[from].bodies, send->body);
    body = whole == NULL || datagram ? NULL : buffer_slice(whole, send->body_offset, send->body_length);
    if (body == NULL) {
      cluster_fail(c, "node %u sends message %d with a body that it does not have, or a range outside it", from,
                   send->message.type);
      return;
    }
  }
  struct message_flight *flight = pack(c, from, to, &send->message);
  if (flight == NULL) {
    buffer_unref(body);
    return;
  }
  flight->body = body;
  const struct cluster_network *n = &c->network;
  if (from != to && cluster_chance(&c->network_random, datagram ? n->loss : n->stream_loss)) {
    network_drop(flight);
    return;
  }
  if (from != to && cluster_chance(&c->network_random, datagram ? n->duplicate : n->stream_duplicate))
    launch(c, to, copy(flight));
  launch(c, to, flight);
}

static void unreachable(struct cluster *c, uint32_t host, uint32_t life, uint32_t peer)
{
  const struct host *h = &c->hosts[host];
  if (h->node != NULL && h->life == life)
    cluster_push(c, c->now_ns + network_latency_ns(c, peer, host), ENTRY_UNREACHABLE, host, peer, NULL);
}

/* A stream that cannot go on now: it tries again, and gives up in the end. */
static void wait_or_give_up(struct cluster *c, uint32_t to, struct message_flight *flight)
{
  if (c->now_ns - flight->since_ns < NETWORK_STREAM_GIVES_UP_MS * SWISD_MILLISECOND) {
    cluster_push(c, c->now_ns + NETWORK_RETRY_MS * SWISD_MILLISECOND, ENTRY_MESSAGE, to, 0, flight);
    return;
  }
  unreachable(c, flight->from, flight->from_life, to);
  network_drop(flight);
}

/* Bodies are pooled within what the receiving core has granted to the sender; more is refused, with its message, as the
 * runtime does. A first task may overtake the news that makes the core grant. */
static bool is_granted(struct cluster *c, uint32_t to, const struct message_flight *flight)
{
  struct path *path = cluster_path(c, flight->from, to);
  if (flight->body == NULL || flight->from == to)
    return true;
  if (path->granted_to_life != c->hosts[to].life || path->granted_from_life != flight->from_life) {
    path->granted_to_life = c->hosts[to].life;
    path->granted_from_life = flight->from_life;
    path->granted_bytes = FIRST_GRANT_BYTES;
  }
  const uint64_t bytes = buffer_bytes(flight->body);
  if (bytes > path->granted_bytes)
    return false;
  path->granted_bytes -= bytes;
  return true;
}

void network_grant(struct cluster *c, uint32_t host, struct swisd_id peer, uint64_t bytes)
{
  const uint32_t from = cluster_index(c, peer);
  if (from == c->host_count) {
    cluster_fail(c, "node %u grants to nobody", host);
    return;
  }
  struct path *path = cluster_path(c, from, host);
  if (path->granted_to_life != c->hosts[host].life || path->granted_from_life != c->hosts[from].life) {
    path->granted_to_life = c->hosts[host].life;
    path->granted_from_life = c->hosts[from].life;
    path->granted_bytes = FIRST_GRANT_BYTES;
  }
  path->granted_bytes += bytes;
}

void network_arrive(struct cluster *c, struct entry *entry)
{
  struct message_flight *flight = entry->data;
  const uint32_t to = entry->host;
  struct host *h = &c->hosts[to];
  const struct host *sender = &c->hosts[flight->from];
  const bool cut_off = sender->life != flight->from_life && sender->died_ns < flight->left_ns;
  const bool blocked = cluster_path(c, flight->from, to)->blocked;
  if (cut_off || (flight->datagram && (h->node == NULL || h->silent || blocked))) {
    network_drop(flight);
    return;
  }
  if (!flight->datagram && (blocked || h->silent)) {
    wait_or_give_up(c, to, flight);
    return;
  }
  if (!flight->datagram && (h->node == NULL || h->life != flight->to_life)) {
    if (h->node == NULL)
      unreachable(c, flight->from, flight->from_life, to);
    network_drop(flight);
    return;
  }
  if (swisd_wire_decode(flight->packed, flight->bytes, c->message) != SWISD_WIRE_OK) {
    cluster_fail(c, "node %u cannot read a message of node %u", to, flight->from);
    network_drop(flight);
    return;
  }
  if (!is_granted(c, to, flight)) {
    c->refused++;
    network_drop(flight);
    return;
  }
  struct swisd_event event = {.kind = SWISD_EVENT_MESSAGE};
  event.u.message.from = cluster_id(c, flight->from);
  event.u.message.from_address = sender->config.addresses[0];
  event.u.message.message = c->message;
  if (flight->body != NULL)
    event.u.message.body = bodies_put(&h->bodies, buffer_ref(flight->body));
  if (!flight->datagram && flight->from != to)
    cluster_path(c, flight->from, to)->linked = cluster_path(c, to, flight->from)->linked = true;
  cluster_step(c, to, &event);
  network_drop(flight);
}

void network_reset_links(struct cluster *c, uint32_t host)
{
  for (uint32_t peer = 0; peer < c->host_count; peer++) {
    struct path *there = cluster_path(c, peer, host), *back = cluster_path(c, host, peer);
    if (there->linked && !back->blocked)
      unreachable(c, peer, c->hosts[peer].life, host);
    there->linked = back->linked = false;
    there->last_ns = back->last_ns = 0;
  }
}
