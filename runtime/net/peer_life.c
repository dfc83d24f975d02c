/* What a peer does besides its work: it rests when its device should, remembers whom it knows, and leaves in good order. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/net/clock.h"
#include "runtime/net/peer_internal.h"
#include "runtime/net/socket_address.h"

enum {
  FAREWELL_MS = 150, /* from STOP to the end of the loop: news of it must leave, and wait out a link's delay */
  DRAIN_LOOK_MS = 10,
  REMEMBER_SECONDS = 60,
  REMEMBER_FIRST_SECONDS = 5, /* a node that lives shorter has learnt nothing */
};

static const uint64_t KNOCK_NS = 200 * SWISD_MILLISECOND;

/* ---- resting ---- */

static void set_speed(struct swisd_peer *peer)
{
  const double share = peer->availability_percent > 0 ? peer->availability_percent / 100.0 : 1;
  swisd_workers_slow(peer->workers, peer->slow_factor / share);
}

void swisd_peer_slow(struct swisd_peer *peer, double factor)
{
  peer->slow_factor = factor;
  set_speed(peer);
}

static void on_availability(struct swisd_availability_host *host, uint8_t level_percent, const char *why)
{
  struct swisd_peer *peer = ((struct swisd_peer_availability_host *)host)->peer;
  if (level_percent == peer->availability_percent)
    return;
  if (level_percent == 0)
    swisd_log(SWISD_LOG_INFO, "availability", "resting: %s", why);
  else if (level_percent < 100)
    swisd_log(SWISD_LOG_INFO, "availability", "working at %u %% of the speed: %s", level_percent, why);
  else
    swisd_log(SWISD_LOG_INFO, "availability", "working again");
  peer->availability_percent = level_percent;
  snprintf(peer->availability_why, sizeof peer->availability_why, "%s", level_percent < 100 ? why : "");
  set_speed(peer);
  swisd_transfers_hold(peer->transfers, level_percent == 0);
  if (peer->stopping)
    return;
  struct swisd_event event = {.kind = SWISD_EVENT_AVAILABILITY};
  event.u.availability.level_percent = level_percent;
  swisd_peer_post(peer, &event);
}

void swisd_peer_set_rest(struct swisd_peer *peer, const struct swisd_availability_rules *rules)
{
  swisd_availability_change(peer->availability, rules);
}

void swisd_peer_set_disk(struct swisd_peer *peer, uint64_t disk_bytes) { swisd_store_limit(peer->store, disk_bytes); }

/* ---- remembering ---- */

void swisd_peer_add_remembered(struct swisd_peer *peer, struct swisd_event_start *start)
{
  struct swisd_error error;
  if (swisd_remembered_load(peer->identity.directory, &peer->remembered, &error) != 0)
    swisd_log(SWISD_LOG_WARN, "net", "%s", error.text);
  const uint32_t count = peer->remembered.count;
  const uint32_t first = count > 0 ? (uint32_t)(peer->start_ns / 1000 % count) : 0; /* other ones each time */
  for (uint32_t i = 0; i < count && start->seed_count < SWISD_SEEDS_MAX; i++) {
    const struct swisd_address *address = &peer->remembered.list[(first + i) % count];
    bool known = swisd_address_equal(address, &peer->options.advertise);
    for (uint8_t s = 0; s < start->seed_count; s++)
      known |= swisd_address_equal(address, &start->seeds[s]);
    if (!known)
      start->seeds[start->seed_count++] = *address;
  }
  if (start->seed_count > peer->options.seed_count)
    swisd_log(SWISD_LOG_INFO, "net", "asking %u of the peers remembered from the last time",
              (unsigned)(start->seed_count - peer->options.seed_count));
}

/* Writes down who is there; when nobody is, the old list is worth more than none. */
static void remember(struct swisd_peer *peer)
{
  struct swisd_remembered now = {0};
  struct swisd_member_view member;
  struct swisd_error error;
  for (uint32_t i = 1; now.count < SWISD_REMEMBERED_MAX && swisd_node_member(peer->node, i, &member); i++)
    if (member.state == SWISD_MEMBER_ALIVE && member.record->address_count > 0 && (member.record->flags & SWISD_RECORD_WORKS) &&
        !(member.record->flags & SWISD_RECORD_OUTBOUND_ONLY))
      now.list[now.count++] = member.record->addresses[0];
  if (now.count == 0 || swisd_remembered_equal(&now, &peer->remembered))
    return;
  peer->remembered = now;
  if (swisd_remembered_save(peer->identity.directory, &now, &error) != 0)
    swisd_log_limited(SWISD_LOG_WARN, "net", "the peers cannot be remembered: %s", error.text);
}

static void on_remember(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_peer *peer = argument;
  const struct timeval later = {.tv_sec = REMEMBER_SECONDS};
  remember(peer);
  event_add(peer->remember_timer, &later);
}

/* ---- finding others on a LAN ---- */

/* Somebody of this swarm is near and not known: it gets what a seed would get. Not more than a few a second: whoever is left out
 * now will be heard again. */
static void on_found(struct swisd_beacon_host *host, struct swisd_id id, const struct swisd_address *address)
{
  struct swisd_peer *peer = ((struct swisd_peer_beacon_host *)host)->peer;
  const uint64_t now_ns = swisd_clock_now_ns();
  struct swisd_member_view member, self;
  if (peer->stopping || now_ns - peer->knock_ns < KNOCK_NS || !swisd_node_member(peer->node, 0, &self) ||
      (swisd_node_find_member(peer->node, id, &member) && member.state == SWISD_MEMBER_ALIVE))
    return;
  peer->knock_ns = now_ns;
  struct swisd_action_send join = {.to = id, .address = *address, .message = {.type = SWISD_MESSAGE_JOIN}};
  join.message.u.join.record = *self.record;
  swisd_peer_send(peer, &join);
}

static bool wants_beacon(const struct swisd_peer *peer)
{
  const struct swisd_address *listen = &peer->options.listen;
  static const uint8_t loopback6[16] = {[15] = 1};
  const bool local = (listen->family == SWISD_ADDRESS_IPV4 && listen->bytes[0] == 127) ||
                     (listen->family == SWISD_ADDRESS_IPV6 && memcmp(listen->bytes, loopback6, sizeof loopback6) == 0);
  return peer->options.beacon == SWISD_BEACON_ON ||
         (peer->options.beacon == SWISD_BEACON_AUTO && !local && peer->options.config.works);
}

static void open_beacon(struct swisd_peer *peer)
{
  struct swisd_error error;
  if (!wants_beacon(peer))
    return;
  peer->beacon_host = (struct swisd_peer_beacon_host){{.found = on_found}, peer};
  const struct swisd_beacon_options options = {.base = peer->base,
                                               .admission = &peer->admission,
                                               .id = peer->identity.id,
                                               .listen = peer->address,
                                               .advertise = peer->options.advertise,
                                               .host = &peer->beacon_host.host};
  peer->beacon = swisd_beacon_open(&options, &error);
  if (!peer->beacon)
    swisd_log(SWISD_LOG_INFO, "net", "no multicast here (%s): others on this network are found by --join alone", error.text);
}

/* ---- leaving ---- */

static void arm_stop_timer(struct swisd_peer *peer, uint64_t wait_us)
{
  const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
  if (event_add(peer->stop_timer, &wait) != 0)
    swisd_peer_break(peer);
}

static void say_farewell(struct swisd_peer *peer)
{
  peer->farewell = true;
  const struct swisd_event event = {.kind = SWISD_EVENT_STOP};
  swisd_peer_post(peer, &event);
  arm_stop_timer(peer, FAREWELL_MS * 1000 + peer->shape.delay_ns / 1000);
}

static void on_stop_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_peer *peer = argument;
  if (peer->farewell) {
    swisd_peer_break(peer);
    return;
  }
  struct swisd_node_status status;
  swisd_node_status(peer->node, &status);
  const uint16_t under_way = (uint16_t)(status.queued > status.computing ? status.queued : status.computing);
  if (under_way > 0 && swisd_clock_now_ns() < peer->drain_end_ns) {
    arm_stop_timer(peer, DRAIN_LOOK_MS * 1000);
    return;
  }
  if (under_way > 0)
    swisd_log(SWISD_LOG_INFO, "net", "%u tasks are handed back unfinished", under_way);
  say_farewell(peer);
}

void swisd_peer_stop(struct swisd_peer *peer)
{
  if (peer->farewell)
    return;
  if (peer->stopping) {
    say_farewell(peer);
    return;
  }
  peer->stopping = true;
  remember(peer);
  struct swisd_event event = {.kind = SWISD_EVENT_AVAILABILITY}; /* no more credits: the queue runs dry */
  swisd_peer_post(peer, &event);
  peer->drain_end_ns = swisd_clock_now_ns() + SWISD_PEER_DRAIN_MS * SWISD_MILLISECOND;
  on_stop_timer(-1, 0, peer);
}

/* ---- opening and closing ---- */

int swisd_peer_life_open(struct swisd_peer *peer, struct swisd_error *error)
{
  const struct timeval first = {.tv_sec = REMEMBER_FIRST_SECONDS};
  peer->slow_factor = 1;
  peer->availability_percent = 100;
  peer->availability_host = (struct swisd_peer_availability_host){{.changed = on_availability}, peer};
  peer->stop_timer = evtimer_new(peer->base, on_stop_timer, peer);
  peer->remember_timer = evtimer_new(peer->base, on_remember, peer);
  if (peer->stop_timer && peer->remember_timer && event_add(peer->remember_timer, &first) == 0)
    peer->availability = swisd_availability_open(peer->base, peer->options.device_root ? peer->options.device_root : "",
                                                 &peer->options.rest, &peer->availability_host.host);
  open_beacon(peer);
  return peer->availability ? 0 : swisd_error_set(error, "out of memory");
}

void swisd_peer_life_close(struct swisd_peer *peer)
{
  swisd_availability_close(peer->availability);
  swisd_beacon_close(peer->beacon);
  if (peer->stop_timer)
    event_free(peer->stop_timer);
  if (peer->remember_timer)
    event_free(peer->remember_timer);
}
