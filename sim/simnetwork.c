/* Messages between simulated processes. Datagrams are lost by the links' rates and wherever nobody listens. Streams wait:
 * for a silent process in its kernel's buffers, at a partition by trying again until they give up, as TCP does, and then
 * the sender hears UNREACHABLE. A process that dies resets its streams, so its peers know after one latency. */
#include <stdlib.h>
#include <string.h>

#include "runtime/core/panic.h"
#include "runtime/wire/wire.h"
#include "sim/simdriver_internal.h"

/* What IP and UDP, or IP, TCP and our framing, add to a message. */
enum { DATAGRAM_OVERHEAD_BYTES = 28, STREAM_OVERHEAD_BYTES = 52 };

bool swisd_simnetwork_reaches(const struct swisd_simdriver *d, uint32_t from, uint32_t to)
{
  const struct swisd_sim_device *a = &d->devices[from], *b = &d->devices[to];
  return from == to || (a->cuts == 0 && b->cuts == 0 && a->partitions[SWISD_WAY_BOTH] == b->partitions[SWISD_WAY_BOTH] &&
                        (a->partitions[SWISD_WAY_OUT] & ~b->partitions[SWISD_WAY_OUT]) == 0 &&
                        (b->partitions[SWISD_WAY_IN] & ~a->partitions[SWISD_WAY_IN]) == 0);
}

/* What is acknowledged needs both ways. */
bool swisd_simnetwork_open(const struct swisd_simdriver *d, uint32_t a, uint32_t b)
{
  return swisd_simnetwork_reaches(d, a, b) && swisd_simnetwork_reaches(d, b, a);
}

/* ---- links in use ---- */

static void set_linked(struct swisd_simdriver *d, uint32_t a, uint32_t b, bool linked)
{
  const uint64_t bit = (uint64_t)a * d->node_count + b;
  if (linked)
    d->linked[bit / 8] |= (uint8_t)(1u << bit % 8);
  else
    d->linked[bit / 8] &= (uint8_t) ~(1u << bit % 8);
}

static bool is_linked(const struct swisd_simdriver *d, uint32_t a, uint32_t b)
{
  const uint64_t bit = (uint64_t)a * d->node_count + b;
  return d->linked[bit / 8] >> bit % 8 & 1;
}

void swisd_simnetwork_unreachable(struct swisd_simdriver *d, uint32_t node, uint32_t turn, uint32_t peer)
{
  const uint64_t heard_ns = swisd_simdriver_now(d) + swisd_sim_latency_ns(d->sim, peer, node);
  if (d->devices[node].running && d->devices[node].turn == turn)
    swisd_simdriver_at(d, heard_ns, SWISD_SIM_UNREACHABLE, node, peer, 0);
}

void swisd_simnetwork_reset(struct swisd_simdriver *d, uint32_t node)
{
  for (uint32_t peer = 0; peer < d->node_count; peer++) {
    if (!is_linked(d, node, peer))
      continue;
    set_linked(d, node, peer, false);
    set_linked(d, peer, node, false);
    if (swisd_simnetwork_open(d, node, peer))
      swisd_simnetwork_unreachable(d, peer, d->devices[peer].turn, node);
  }
}

/* ---- packing ---- */

/* Bytes of the struct that mean something: lists stand last in every message, and only their counted elements do. */
static size_t used_bytes(const struct swisd_message *m)
{
#define UP_TO(field, count) (offsetof(struct swisd_message, u.field) + (count) * sizeof(m->u.field[0]))
#define WHOLE(member) (offsetof(struct swisd_message, u) + sizeof(m->u.member))
  switch (m->type) {
  case SWISD_MESSAGE_PING:
  case SWISD_MESSAGE_GOSSIP:
    return UP_TO(ping.rumours.list, m->u.ping.rumours.count);
  case SWISD_MESSAGE_ACK:
    return UP_TO(ack.rumours.list, m->u.ack.rumours.count);
  case SWISD_MESSAGE_SYNC:
    return UP_TO(sync.list, m->u.sync.count);
  case SWISD_MESSAGE_MODEL:
    return UP_TO(model.shards, m->u.model.shard_count);
  case SWISD_MESSAGE_JOB_OPEN:
    return UP_TO(job_open.lanes, m->u.job_open.lane_count);
  case SWISD_MESSAGE_BODY_FREE:
    return UP_TO(body_free.bodies, m->u.body_free.count);
  case SWISD_MESSAGE_TASK:
    return UP_TO(task.sources, m->u.task.source_count);
  case SWISD_MESSAGE_PULL:
    return UP_TO(pull.holdings, m->u.pull.holding_count);
  case SWISD_MESSAGE_RESULT:
    return WHOLE(result);
  case SWISD_MESSAGE_NACK:
    return WHOLE(nack);
  case SWISD_MESSAGE_CANCEL:
    return WHOLE(cancel);
  case SWISD_MESSAGE_PING_REQ:
  case SWISD_MESSAGE_PROBE_NACK:
    return WHOLE(ping_req);
  default:
    return sizeof *m;
  }
#undef UP_TO
#undef WHOLE
}

static struct swisd_sim_flight *flight_new(size_t content_bytes)
{
  struct swisd_sim_flight *flight = malloc(sizeof *flight + content_bytes);
  SWISD_ASSERT(flight != NULL);
  memset(flight, 0, sizeof *flight);
  flight->operation.kind = SWISD_SIM_CARRYING;
  flight->bytes = (uint32_t)content_bytes;
  return flight;
}

static struct swisd_sim_flight *pack(struct swisd_simdriver *d, const struct swisd_message *message)
{
  struct swisd_sim_flight *flight;
  if (d->packed) {
    uint8_t bytes[SWISD_WIRE_BYTES_MAX];
    size_t count = 0;
    SWISD_ASSERT(swisd_wire_encode(message, bytes, sizeof bytes, &count) == SWISD_WIRE_OK);
    flight = flight_new(count);
    memcpy(flight->content, bytes, count);
    flight->wire_bytes = (uint32_t)count;
  } else {
    flight = flight_new(used_bytes(message));
    memcpy(flight->content, message, flight->bytes);
    flight->wire_bytes = (uint32_t)swisd_wire_size(message);
  }
  flight->packed = d->packed;
  flight->datagram = swisd_message_is_datagram(message->type);
  flight->wire_bytes += swisd_message_seal_bytes(message);
  SWISD_ASSERT(flight->wire_bytes > 0 && (!flight->datagram || flight->wire_bytes <= SWISD_DATAGRAM_BYTES_MAX));
  return flight;
}

void swisd_simnetwork_drop(struct swisd_sim_flight *flight)
{
  swisd_sim_blob_drop(flight->body);
  free(flight);
}

/* ---- sending ---- */

/* The node that a SEND means: by identity, or by address alone. */
static uint32_t destination(const struct swisd_simdriver *d, const struct swisd_action_send *send)
{
  if (!swisd_id_is_zero(send->to))
    return swisd_simdriver_index(d, send->to);
  if (send->address.family != SWISD_ADDRESS_INDEX)
    return d->node_count;
  const uint8_t *b = send->address.bytes;
  const uint32_t index = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  return index < d->node_count ? index : d->node_count;
}

static double loss_of(const struct swisd_simdriver *d, uint32_t node)
{
  const uint16_t link = d->devices[node].link;
  return link == SWISD_SCENARIO_NO_LINK ? 0 : d->link_loss[link];
}

static bool is_lost(struct swisd_simdriver *d, uint32_t from, uint32_t to)
{
  const double kept = (1 - loss_of(d, from)) * (1 - loss_of(d, to));
  return kept < 1 && swisd_philox_unit(&d->devices[from].loss) >= kept;
}

static uint64_t jitter_ns(struct swisd_simdriver *d, uint32_t from, uint32_t to)
{
  uint64_t sum_ns = 0;
  const uint32_t ends[2] = {from, to};
  for (int i = 0; i < 2; i++) {
    const uint16_t link = d->devices[ends[i]].link;
    if (link != SWISD_SCENARIO_NO_LINK && d->scenario->links[link].jitter_s.kind != SWISD_DISTRIBUTION_NONE)
      sum_ns += swisd_distribution_draw_ns(&d->scenario->links[link].jitter_s, &d->devices[from].jitter);
  }
  return sum_ns;
}

/* Puts a flight on its way through the queue, or with a large body as a transfer. */
static void take_off(struct swisd_simdriver *d, struct swisd_sim_flight *flight)
{
  const uint32_t from = flight->from, to = flight->to;
  const uint64_t body_bytes = flight->body == NULL ? 0 : flight->body->bytes;
  const uint32_t overhead = flight->datagram ? DATAGRAM_OVERHEAD_BYTES : STREAM_OVERHEAD_BYTES;
  if (from == to || body_bytes <= SWISD_SIM_SMALL_BODY_BYTES) {
    const uint64_t extra_ns = from == to ? 0 : jitter_ns(d, from, to);
    swisd_sim_send(d->sim, from, to, flight->to_turn, (double)(flight->wire_bytes + overhead + body_bytes), extra_ns,
                   (unsigned char *)flight);
    return;
  }
  if (!d->devices[to].running) { /* nobody accepts the stream */
    swisd_simnetwork_unreachable(d, from, flight->from_turn, to);
    swisd_simnetwork_drop(flight);
    return;
  }
  flight->operation.job = swisd_sim_bulk(d->sim, from, to, (double)(flight->wire_bytes + overhead + body_bytes));
  flight->operation.job->operation = &flight->operation;
}

static void stall(struct swisd_simdriver *d, struct swisd_sim_flight *flight)
{
  const struct swisd_sim_event event = {.time_ns = swisd_simdriver_now(d) + SWISD_SIM_RETRY_NS,
                                        .kind = SWISD_SIM_STALLED,
                                        .node = flight->to,
                                        .peer = flight->from,
                                        .u.bytes = (unsigned char *)flight};
  swisd_sim_at(d->sim, &event);
}

void swisd_simnetwork_send(struct swisd_simdriver *d, uint32_t from, const struct swisd_action_send *send)
{
  const uint32_t to = destination(d, send);
  if (to == d->node_count)
    return; /* an address nobody has */
  struct swisd_sim_flight *flight = pack(d, &send->message);
  flight->from = from;
  flight->to = to;
  flight->from_turn = d->devices[from].turn;
  flight->to_turn = d->devices[to].turn;
  flight->since_ns = swisd_simdriver_now(d);
  if (send->body.handle != 0) {
    struct swisd_sim_blob *whole = swisd_sim_bodies_find(&d->devices[from].bodies, send->body);
    SWISD_ASSERT(whole != NULL && !flight->datagram && send->body_offset <= whole->bytes &&
                 send->body_length <= whole->bytes - send->body_offset);
    flight->body = swisd_sim_blob_slice(whole, send->body_offset, send->body_length);
    d->bodies++;
    d->body_bytes += send->body_length;
  }
  d->messages++;
  d->message_bytes += flight->wire_bytes + (flight->datagram ? DATAGRAM_OVERHEAD_BYTES : STREAM_OVERHEAD_BYTES);
  if (flight->datagram && from != to && (!swisd_simnetwork_reaches(d, from, to) || is_lost(d, from, to))) {
    swisd_simnetwork_drop(flight);
    return;
  }
  if (!flight->datagram && !swisd_simnetwork_open(d, from, to)) {
    stall(d, flight);
    return;
  }
  if (!flight->datagram && from != to) {
    set_linked(d, from, to, true);
    set_linked(d, to, from, true);
  }
  take_off(d, flight);
}

void swisd_simnetwork_stalled(struct swisd_simdriver *d, const struct swisd_sim_event *event)
{
  struct swisd_sim_flight *flight = (struct swisd_sim_flight *)event->u.bytes;
  const struct swisd_sim_device *sender = &d->devices[flight->from];
  if (!sender->running || sender->turn != flight->from_turn) {
    swisd_simnetwork_drop(flight);
  } else if (swisd_simnetwork_open(d, flight->from, flight->to)) {
    take_off(d, flight);
  } else if (swisd_simdriver_now(d) - flight->since_ns < SWISD_SIM_GIVE_UP_NS) {
    stall(d, flight);
  } else {
    swisd_simnetwork_unreachable(d, flight->from, flight->from_turn, flight->to);
    swisd_simnetwork_drop(flight);
  }
}

void swisd_simnetwork_cut(struct swisd_simdriver *d, struct swisd_sim_flight *flight)
{
  flight->operation.job = NULL;
  stall(d, flight);
}

/* ---- arriving ---- */

static void deliver(struct swisd_simdriver *d, struct swisd_sim_flight *flight)
{
  struct swisd_event event = {.kind = SWISD_EVENT_MESSAGE};
  struct swisd_event_message *message = &event.u.message;
  message->from = swisd_simdriver_id(d, flight->from);
  message->from_address = swisd_simdriver_address(flight->from);
  message->message = &d->message; /* a whole struct: the core may copy all of it */
  if (flight->packed)
    SWISD_ASSERT(swisd_wire_decode(flight->content, flight->bytes, &d->message) == SWISD_WIRE_OK);
  else
    memcpy(&d->message, flight->content, flight->bytes);
  if (flight->body != NULL) {
    message->body = swisd_sim_bodies_add(&d->devices[flight->to].bodies, flight->body);
    flight->body = NULL;
  }
  swisd_simdriver_step(d, flight->to, &event);
  swisd_simnetwork_drop(flight);
}

static void arrived(struct swisd_simdriver *d, struct swisd_sim_flight *flight, const struct swisd_sim_event *event)
{
  struct swisd_sim_device *device = &d->devices[flight->to];
  if (!device->running || (!flight->datagram && flight->to_turn != device->turn)) {
    if (!device->running && !flight->datagram && swisd_simnetwork_open(d, flight->from, flight->to))
      swisd_simnetwork_unreachable(d, flight->from, flight->from_turn, flight->to);
    swisd_simnetwork_drop(flight);
  } else if (flight->datagram && !swisd_simnetwork_reaches(d, flight->from, flight->to)) {
    swisd_simnetwork_drop(flight); /* a partition began while it was under way */
  } else if (!flight->datagram && !swisd_simnetwork_open(d, flight->from, flight->to)) {
    stall(d, flight);
  } else if (device->frozen && flight->datagram) {
    swisd_simnetwork_drop(flight);
  } else if (device->frozen) {
    swisd_simlife_hold(d, event);
  } else {
    deliver(d, flight);
  }
}

void swisd_simnetwork_arrive(struct swisd_simdriver *d, const struct swisd_sim_event *event)
{
  arrived(d, (struct swisd_sim_flight *)event->u.bytes, event);
}

void swisd_simnetwork_carried(struct swisd_simdriver *d, struct swisd_sim_flight *flight)
{
  flight->operation.job = NULL;
  const struct swisd_sim_event event = {.time_ns = swisd_simdriver_now(d),
                                        .kind = SWISD_SIM_MESSAGE,
                                        .node = flight->to,
                                        .peer = flight->from,
                                        .turn = flight->to_turn,
                                        .u.bytes = (unsigned char *)flight};
  arrived(d, flight, &event);
}
