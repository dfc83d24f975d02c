/* Failure detection: SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard (Dadgar, Phillips, Currey, 2017).
 *
 * Once per probe interval the next member of a shuffled round is sent a PING; no ACK within the probe timeout, and
 * `indirect_probes` random others are asked to try (PING_REQ); nothing by the end of the interval, and the member is
 * suspect. The round: up[0..cursor) has been probed, the next one is drawn from the rest, so every member is probed once
 * in n periods and at most 2n - 1 lie between two probes of one.
 *
 * Lifeguard: a node that does badly itself (failed probes, missing NACKs, being suspected) stretches its intervals and
 * timeouts by its local health + 1. A suspicion lasts long at first and shrinks with each independent confirmation. A PING
 * to a suspect carries the suspicion (rumour.c), so that it can refute at once. */
#include "runtime/core/members_internal.h"

/* ---- logarithms, in 16 fractional bits ---- */

enum { LOG2_OF_10 = 217706 };

static uint32_t log2_q16(uint32_t value)
{
  uint32_t whole = 0, fraction = 0;
  SWISD_ASSERT(value > 0);
  while (value >> whole > 1)
    whole++;
  uint64_t x = (uint64_t)value << (31 - whole); /* in [1, 2) with 31 fractional bits; squaring shifts the next bit out */
  for (uint32_t bit = 1u << 15; bit; bit >>= 1) {
    x = x * x >> 31;
    if (x >> 32) {
      x >>= 1;
      fraction |= bit;
    }
  }
  return whole << 16 | fraction;
}

/* ---- suspicion ---- */

uint32_t swisd_suspicion_confirmations(const struct swisd_node *node)
{
  /* Fewer than K others who could confirm: wait for none (memberlist). */
  const uint32_t k = node->config.suspicion_confirmations;
  const uint32_t bounded = k < SWISD_CONFIRMERS_MAX ? k : SWISD_CONFIRMERS_MAX - 1;
  return node->members->up_count < bounded + 1u ? 0 : bounded;
}

uint64_t swisd_suspicion_ns(const struct swisd_node *node, uint32_t confirmations)
{
  const struct swisd_config *config = &node->config;
  const uint32_t k = swisd_suspicion_confirmations(node);
  uint64_t scale_q16 = ((uint64_t)log2_q16(node->members->up_count + 1u) << 16) / LOG2_OF_10; /* log10(n) */
  if (scale_q16 < 1u << 16)
    scale_q16 = 1u << 16;
  const uint64_t min_ns = (config->probe_interval_ns >> 8) * config->suspicion_mult * scale_q16 >> 8;
  if (confirmations >= k)
    return min_ns;
  const uint64_t max_ns = min_ns * (config->suspicion_max_mult ? config->suspicion_max_mult : 1);
  const uint64_t off_ns = (max_ns - min_ns) / log2_q16(k + 1) * log2_q16(confirmations + 1);
  return max_ns - off_ns;
}

void swisd_local_health_change(struct swisd_node *node, int32_t by)
{
  struct swisd_members *members = node->members;
  int32_t health = (int32_t)members->local_health + by;
  if (health < 0)
    health = 0;
  if (health > node->config.local_health_max)
    health = node->config.local_health_max;
  if (health == members->local_health)
    return;
  members->local_health = (uint8_t)health;
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_LOCAL_HEALTH);
  trace->subject = node->config.id;
  trace->value = (uint64_t)health;
}

/* ---- probing ---- */

static uint32_t sequence_next(struct swisd_members *members)
{
  if (++members->sequence == 0)
    members->sequence = 1;
  return members->sequence;
}

static void ping(struct swisd_node *node, struct swisd_id to, const struct swisd_address *address, uint32_t sequence)
{
  struct swisd_message *message =
    address ? swisd_out_send_address(node, to, address, SWISD_MESSAGE_PING) : swisd_out_send(node, to, SWISD_MESSAGE_PING);
  message->u.ping.sequence = sequence;
  message->u.ping.target = to;
  swisd_rumours_fill(node, to, &message->u.ping.rumours);
}

void swisd_members_ask(struct swisd_node *node, struct swisd_id id)
{
  if (node->members->started && !node->members->left)
    ping(node, id, NULL, sequence_next(node->members));
}

void swisd_probe_nudge(struct swisd_node *node, uint32_t index)
{
  if (swisd_out_room(node, 1))
    ping(node, node->members->table[index].record.id, NULL, sequence_next(node->members));
}

/* The next of the round, moved into its probed part. */
static uint32_t next_target(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  SWISD_ASSERT(members->up_count > 0);
  uint32_t verify = members->verify;
  members->verify = SWISD_MEMBER_NONE;
  if (verify != SWISD_MEMBER_NONE && members->links[verify].list != SWISD_LIST_UP)
    verify = SWISD_MEMBER_NONE;
  if (verify != SWISD_MEMBER_NONE && members->links[verify].position < members->probe_cursor)
    return verify;
  if (members->probe_cursor >= members->up_count)
    members->probe_cursor = 0;
  const uint32_t left = members->up_count - members->probe_cursor;
  uint32_t at = members->probe_cursor + swisd_philox_below(&node->random[SWISD_RANDOM_PROBE], left);
  if (verify != SWISD_MEMBER_NONE)
    at = members->links[verify].position;
  const uint16_t chosen = members->up[at], other = members->up[members->probe_cursor];
  members->up[at] = other;
  members->links[other].position = (uint16_t)at;
  members->up[members->probe_cursor] = chosen;
  members->links[chosen].position = members->probe_cursor++;
  return chosen;
}

static void probe_begin(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  const uint32_t index = next_target(node);
  const uint64_t stretch = members->local_health + 1u;
  const uint64_t interval_ns = node->config.probe_interval_ns * stretch;
  members->probe = (struct swisd_probe){.stage = SWISD_PROBE_DIRECT,
                                        .index = (uint16_t)index,
                                        .generation = members->table[index].generation,
                                        .target = members->table[index].record.id,
                                        .sequence = sequence_next(members),
                                        .started_ns = node->now_ns,
                                        .timeout_ns = node->now_ns + node->config.probe_timeout_ns * stretch,
                                        .end_ns = node->now_ns + interval_ns};
  members->probe_ns = members->probe.end_ns;
  ping(node, members->probe.target, NULL, members->probe.sequence);
}

static void probe_indirectly(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  struct swisd_probe *probe = &members->probe;
  uint16_t helpers[SWISD_PICKS_MAX];
  uint32_t wanted = node->config.indirect_probes;
  if (wanted > SWISD_HELPERS_MAX)
    wanted = SWISD_HELPERS_MAX;
  const uint32_t count = swisd_members_pick(node, SWISD_RANDOM_PROBE, wanted, probe->index, false, helpers);
  const struct swisd_record *target = &members->table[probe->index].record;
  probe->stage = SWISD_PROBE_INDIRECT;
  for (uint32_t i = 0; i < count; i++) {
    const struct swisd_member *helper = &members->table[helpers[i]];
    if (helper->state != SWISD_MEMBER_ALIVE)
      continue;
    probe->helpers[probe->helper_count++] = helper->record.id;
    struct swisd_message_ping_req *request = &swisd_out_send(node, helper->record.id, SWISD_MESSAGE_PING_REQ)->u.ping_req;
    request->sequence = probe->sequence;
    request->target = probe->target;
    request->address = target->address_count ? target->addresses[0] : (struct swisd_address){.family = SWISD_ADDRESS_NONE};
  }
}

static void probe_failed(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  struct swisd_probe *probe = &members->probe;
  int32_t missing = 0;
  for (uint32_t i = 0; i < probe->helper_count; i++)
    missing += !(probe->nacks >> i & 1);
  probe->stage = SWISD_PROBE_IDLE;
  swisd_local_health_change(node, 1 + missing);
  swisd_out_trace(node, SWISD_TRACE_PROBE_FAILED)->subject = probe->target;
  const struct swisd_member *member = &members->table[probe->index];
  if (member->state == SWISD_MEMBER_ALIVE)
    swisd_member_become(node, probe->index, SWISD_MEMBER_SUSPECT, node->config.id, true);
  else if (member->state == SWISD_MEMBER_SUSPECT)
    swisd_member_confirm(node, probe->index, node->config.id);
}

static void relays_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  for (uint32_t i = 0; i < SWISD_RELAYS_MAX && members->relay_count; i++) {
    struct swisd_relay *relay = &members->relays[i];
    if (relay->used && !relay->nacked && swisd_due(node, relay->nack_ns) && swisd_out_room(node, 1)) {
      struct swisd_message *nack =
        swisd_out_send_address(node, relay->requester, &relay->requester_address, SWISD_MESSAGE_PROBE_NACK);
      nack->u.ping_req.sequence = relay->sequence_theirs;
      nack->u.ping_req.target = relay->target;
      nack->u.ping_req.address = (struct swisd_address){.family = SWISD_ADDRESS_NONE};
      relay->nacked = true;
    }
    if (relay->used && swisd_due(node, relay->end_ns)) {
      relay->used = false;
      members->relay_count--;
    }
  }
}

void swisd_probe_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  struct swisd_probe *probe = &members->probe;
  if (members->relay_count)
    relays_pump(node);
  if (probe->stage != SWISD_PROBE_IDLE &&
      (members->table[probe->index].generation != probe->generation || members->links[probe->index].list != SWISD_LIST_UP))
    probe->stage = SWISD_PROBE_IDLE; /* it is dead, or forgotten, by the word of others */
  if (probe->stage == SWISD_PROBE_DIRECT && swisd_due(node, probe->timeout_ns) && !probe->heard &&
      swisd_out_room(node, node->config.indirect_probes))
    probe_indirectly(node);
  if (probe->stage != SWISD_PROBE_IDLE && swisd_due(node, probe->end_ns)) {
    if (probe->heard)
      probe->stage = SWISD_PROBE_IDLE;
    else
      probe_failed(node);
  }
  if (probe->stage == SWISD_PROBE_IDLE && members->up_count && swisd_due(node, members->probe_ns) && swisd_out_room(node, 1))
    probe_begin(node);
}

uint64_t swisd_probe_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  const struct swisd_probe *probe = &members->probe;
  uint64_t deadline_ns = SWISD_NEVER;
  if (probe->stage == SWISD_PROBE_DIRECT && !probe->heard)
    deadline_ns = probe->timeout_ns < probe->end_ns ? probe->timeout_ns : probe->end_ns;
  else if (probe->stage != SWISD_PROBE_IDLE)
    deadline_ns = probe->end_ns;
  else if (members->up_count)
    deadline_ns = members->probe_ns;
  for (uint32_t i = 0; i < SWISD_RELAYS_MAX && members->relay_count; i++) {
    const struct swisd_relay *relay = &members->relays[i];
    const uint64_t due_ns = relay->nacked ? relay->end_ns : relay->nack_ns;
    if (relay->used && due_ns < deadline_ns)
      deadline_ns = due_ns;
  }
  return deadline_ns;
}

void swisd_probe_forget(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  members->probe.stage = SWISD_PROBE_IDLE;
  members->probe_ns = node->now_ns;
  for (uint32_t i = 0; i < SWISD_RELAYS_MAX; i++)
    members->relays[i].used = false;
  members->relay_count = 0;
}

/* ---- messages ---- */

/* An answer goes back to where the question came from; over a stream, or in tests, to the known address. */
static struct swisd_message *answer(struct swisd_node *node, const struct swisd_event_message *event,
                                    enum swisd_message_type type)
{
  if (event->from_address.family == SWISD_ADDRESS_NONE)
    return swisd_out_send(node, event->from, type);
  return swisd_out_send_address(node, event->from, &event->from_address, type);
}

void swisd_probe_ping(struct swisd_node *node, const struct swisd_event_message *event)
{
  const struct swisd_message_ping *request = &event->message->u.ping;
  if (!swisd_id_equal(request->target, node->config.id))
    return;
  swisd_rumours_take(node, &request->rumours, event->from);
  struct swisd_message_ack *ack = &answer(node, event, SWISD_MESSAGE_ACK)->u.ack;
  ack->sequence = request->sequence;
  ack->incarnation = node->members->table[0].record.incarnation;
  swisd_rumours_fill(node, event->from, &ack->rumours);
}

static bool is_helper(const struct swisd_probe *probe, struct swisd_id id, uint32_t *at)
{
  for (*at = 0; *at < probe->helper_count; ++*at)
    if (swisd_id_equal(probe->helpers[*at], id))
      return true;
  return false;
}

static void relay_ack(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_members *members = node->members;
  for (uint32_t i = 0; i < SWISD_RELAYS_MAX && members->relay_count; i++) {
    struct swisd_relay *relay = &members->relays[i];
    if (!relay->used || relay->sequence_ours != event->message->u.ack.sequence || !swisd_id_equal(relay->target, event->from))
      continue;
    struct swisd_message_ack *ack =
      &swisd_out_send_address(node, relay->requester, &relay->requester_address, SWISD_MESSAGE_ACK)->u.ack;
    ack->sequence = relay->sequence_theirs;
    ack->incarnation = event->message->u.ack.incarnation;
    swisd_rumours_fill(node, relay->requester, &ack->rumours);
    relay->used = false;
    members->relay_count--;
    return;
  }
}

void swisd_probe_ack(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_members *members = node->members;
  struct swisd_probe *probe = &members->probe;
  const struct swisd_message_ack *ack = &event->message->u.ack;
  swisd_rumours_take(node, &ack->rumours, event->from);
  if (probe->stage == SWISD_PROBE_IDLE || ack->sequence != probe->sequence) {
    relay_ack(node, event);
    return;
  }
  uint32_t helper;
  const bool direct = swisd_id_equal(event->from, probe->target);
  if (!direct && !is_helper(probe, event->from, &helper))
    return;
  probe->stage = SWISD_PROBE_IDLE;
  swisd_local_health_change(node, -1);
  struct swisd_member *member = &members->table[probe->index];
  if (member->generation != probe->generation)
    return;
  if (direct) {
    const uint64_t sample_ns = node->now_ns - probe->started_ns;
    const int64_t rtt_ns = (int64_t)(sample_ns < UINT32_MAX ? sample_ns : UINT32_MAX);
    member->rtt_ns = member->rtt_ns ? (uint32_t)(member->rtt_ns + (rtt_ns - (int64_t)member->rtt_ns) / 8) : (uint32_t)rtt_ns;
  } else {
    swisd_members_heard(node, probe->target);
  }
}

void swisd_probe_request(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_members *members = node->members;
  const struct swisd_message_ping_req *request = &event->message->u.ping_req;
  if (swisd_id_is_zero(request->target))
    return;
  if (swisd_id_equal(request->target, node->config.id)) {
    struct swisd_message_ack *ack = &answer(node, event, SWISD_MESSAGE_ACK)->u.ack;
    ack->sequence = request->sequence;
    ack->incarnation = members->table[0].record.incarnation;
    swisd_rumours_fill(node, event->from, &ack->rumours);
    return;
  }
  struct swisd_relay *relay = &members->relays[0];
  for (uint32_t i = 0; i < SWISD_RELAYS_MAX; i++) { /* a free one, else the oldest gives way */
    if (!members->relays[i].used) {
      relay = &members->relays[i];
      break;
    }
    if (members->relays[i].end_ns < relay->end_ns)
      relay = &members->relays[i];
  }
  members->relay_count += !relay->used;
  const struct swisd_member *requester = swisd_member_find(node, event->from);
  *relay = (struct swisd_relay){.used = true,
                                .requester = event->from,
                                .target = request->target,
                                .requester_address = event->from_address,
                                .sequence_theirs = request->sequence,
                                .sequence_ours = sequence_next(members),
                                .nack_ns = node->now_ns + node->config.probe_timeout_ns / 5 * 4, /* Lifeguard: 80 % */
                                .end_ns = node->now_ns + node->config.probe_interval_ns};
  if (relay->requester_address.family == SWISD_ADDRESS_NONE && requester && requester->record.address_count)
    relay->requester_address = requester->record.addresses[0];
  const bool addressed = request->address.family != SWISD_ADDRESS_NONE;
  ping(node, request->target, addressed ? &request->address : NULL, relay->sequence_ours);
}

void swisd_probe_nack(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_probe *probe = &node->members->probe;
  uint32_t helper;
  if (probe->stage == SWISD_PROBE_INDIRECT && event->message->u.ping_req.sequence == probe->sequence &&
      swisd_id_equal(event->message->u.ping_req.target, probe->target) && is_helper(probe, event->from, &helper))
    probe->nacks |= (uint8_t)(1u << helper);
}
