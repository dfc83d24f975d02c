/* Dissemination: rumours ride on PING and ACK, and go out by GOSSIP to a few random members once per gossip interval while
 * there are any. An idle swarm gossips nothing.
 *
 * The queue has at most one entry per member: what is sent is what the table says at that moment, so newer news replaces
 * older. The entry that was sent least goes first (SWIM section 4.1), each is sent retransmit_mult * ceil(log10(n + 1))
 * times (memberlist), and when the queue is full the one that was sent most gives way. Changes of state enter in front of
 * mere changes of records, so that a storm of the latter does not slow detection. */
#include "runtime/core/members_internal.h"

/* ---- the queue ---- */

void swisd_rumours_init(struct swisd_node *node)
{
  struct swisd_rumour_queue *queue = &node->members->rumours;
  for (uint32_t t = 0; t <= SWISD_TRANSMITS_MAX; t++)
    queue->first[t] = queue->last[t] = SWISD_MEMBER_NONE;
  const uint16_t max = node->config.limits.rumours_max;
  for (uint16_t i = 0; i < max; i++)
    queue->entries[i].after = (uint16_t)(i + 1 < max ? i + 1 : SWISD_MEMBER_NONE);
  queue->free_first = 0;
}

static void unlink_entry(struct swisd_rumour_queue *queue, uint16_t at)
{
  const struct swisd_rumour_entry *entry = &queue->entries[at];
  const uint8_t t = entry->transmits;
  if (entry->before == SWISD_MEMBER_NONE)
    queue->first[t] = entry->after;
  else
    queue->entries[entry->before].after = entry->after;
  if (entry->after == SWISD_MEMBER_NONE)
    queue->last[t] = entry->before;
  else
    queue->entries[entry->after].before = entry->before;
  if (queue->first[t] == SWISD_MEMBER_NONE)
    queue->filled &= ~(UINT64_C(1) << t);
}

static void link_entry(struct swisd_rumour_queue *queue, uint16_t at, uint8_t transmits, bool front)
{
  struct swisd_rumour_entry *entry = &queue->entries[at];
  entry->transmits = transmits;
  entry->before = front ? SWISD_MEMBER_NONE : queue->last[transmits];
  entry->after = front ? queue->first[transmits] : SWISD_MEMBER_NONE;
  if (entry->before == SWISD_MEMBER_NONE)
    queue->first[transmits] = at;
  else
    queue->entries[entry->before].after = at;
  if (entry->after == SWISD_MEMBER_NONE)
    queue->last[transmits] = at;
  else
    queue->entries[entry->after].before = at;
  queue->filled |= UINT64_C(1) << transmits;
}

void swisd_rumour_drop(struct swisd_node *node, uint32_t index)
{
  struct swisd_rumour_queue *queue = &node->members->rumours;
  const uint16_t at = node->members->links[index].rumour;
  if (at == SWISD_MEMBER_NONE)
    return;
  unlink_entry(queue, at);
  queue->entries[at].after = queue->free_first;
  queue->free_first = at;
  queue->count--;
  node->members->links[index].rumour = SWISD_MEMBER_NONE;
}

void swisd_rumour_push(struct swisd_node *node, uint32_t index, struct swisd_id from, bool urgent)
{
  struct swisd_members *members = node->members;
  struct swisd_rumour_queue *queue = &members->rumours;
  uint16_t at = members->links[index].rumour;
  if (at != SWISD_MEMBER_NONE) {
    unlink_entry(queue, at);
  } else {
    if (queue->free_first == SWISD_MEMBER_NONE) {
      const int most = 63 - __builtin_clzll(queue->filled);
      const uint16_t out = most ? queue->first[most] : queue->last[0]; /* the oldest; of unsent ones, what is not urgent */
      swisd_rumour_drop(node, queue->entries[out].member);
      swisd_out_table_full(node, SWISD_TABLE_RUMOURS);
    }
    at = queue->free_first;
    queue->free_first = queue->entries[at].after;
    queue->count++;
    members->links[index].rumour = at;
  }
  queue->entries[at].member = (uint16_t)index;
  queue->entries[at].from = from;
  link_entry(queue, at, 0, urgent);
}

uint32_t swisd_rumour_transmits(const struct swisd_node *node)
{
  uint32_t digits = 0; /* ceil(log10(n + 1)), n = everybody that is up */
  for (uint64_t power = 1; power < node->members->up_count + 2u; power *= 10)
    digits++;
  const uint32_t transmits = digits * node->config.retransmit_mult;
  return transmits < 1 ? 1 : transmits > SWISD_TRANSMITS_MAX ? SWISD_TRANSMITS_MAX : transmits;
}

/* ---- into and out of messages ---- */

void swisd_rumour_of(const struct swisd_node *node, uint32_t index, enum swisd_member_state state, struct swisd_id from,
                     struct swisd_rumour *out)
{
  const struct swisd_member *member = &node->members->table[index];
  out->state = (uint8_t)state;
  out->subject = member->record.id;
  out->incarnation = member->record.incarnation;
  out->from = from;
  if (state == SWISD_MEMBER_ALIVE)
    out->record = member->record;
}

/* Who the table knows to suspect it first. */
static struct swisd_id accuser(const struct swisd_node *node, const struct swisd_member *member)
{
  const uint16_t index = member->confirmers[0];
  return member->state == SWISD_MEMBER_SUSPECT && index != SWISD_MEMBER_NONE ? node->members->table[index].record.id
                                                                             : node->config.id;
}

void swisd_rumours_fill(struct swisd_node *node, struct swisd_id to, struct swisd_rumours *out)
{
  struct swisd_members *members = node->members;
  struct swisd_rumour_queue *queue = &members->rumours;
  const uint32_t limit = swisd_rumour_transmits(node);
  uint32_t room = SWISD_DATAGRAM_BYTES_MAX - SWISD_DATAGRAM_OVERHEAD_BYTES;
  const uint32_t receiver = swisd_members_lookup(members, to);
  out->count = 0;
  if (receiver != SWISD_MEMBER_NONE && receiver != 0 && members->table[receiver].state != SWISD_MEMBER_ALIVE) {
    const struct swisd_member *member = &members->table[receiver];
    swisd_rumour_of(node, receiver, member->state, accuser(node, member), &out->list[out->count]);
    room -= swisd_rumour_bytes_max(&out->list[out->count++]);
  }
  /* Choose first, count afterwards: an entry that moves to the next list must not be met again there. Looking at a bounded
   * number keeps this O(1). */
  uint16_t chosen[SWISD_RUMOURS_MAX];
  uint32_t chosen_count = 0, looks = 2 * SWISD_RUMOURS_MAX;
  for (uint64_t lists = queue->filled; lists && out->count < SWISD_RUMOURS_MAX && looks; lists &= lists - 1) {
    const int t = __builtin_ctzll(lists);
    uint16_t after = queue->first[t];
    while (after != SWISD_MEMBER_NONE && out->count < SWISD_RUMOURS_MAX && looks) {
      const uint16_t at = after;
      const struct swisd_rumour_entry *entry = &queue->entries[at];
      after = entry->after;
      looks--;
      struct swisd_rumour *rumour = &out->list[out->count];
      if (entry->member == receiver)
        continue; /* it knows its own record, and what else it must know stands in front */
      rumour->state = members->table[entry->member].state;
      rumour->record.address_count = members->table[entry->member].record.address_count;
      rumour->record.holding_count = members->table[entry->member].record.holding_count;
      const uint32_t bytes = swisd_rumour_bytes_max(rumour);
      if (bytes > room)
        continue;
      swisd_rumour_of(node, entry->member, members->table[entry->member].state, entry->from, rumour);
      room -= bytes;
      out->count++;
      chosen[chosen_count++] = at;
    }
  }
  /* What goes to a suspect is most likely lost: after a few deaths in a small swarm, all transmissions of a rumour may go to the
   * dead, and the living hear of it by the next SYNC only, seconds later. So those do not count. */
  if (receiver != SWISD_MEMBER_NONE && members->table[receiver].state == SWISD_MEMBER_SUSPECT)
    chosen_count = 0;
  for (uint32_t i = 0; i < chosen_count; i++) {
    struct swisd_rumour_entry *entry = &queue->entries[chosen[i]];
    if (entry->transmits + 1u >= limit) {
      swisd_rumour_drop(node, entry->member);
    } else {
      unlink_entry(queue, chosen[i]);
      link_entry(queue, chosen[i], (uint8_t)(entry->transmits + 1), false);
    }
  }
}

void swisd_rumours_take(struct swisd_node *node, const struct swisd_rumours *rumours, struct swisd_id sender)
{
  const uint32_t count = rumours->count <= SWISD_RUMOURS_MAX ? rumours->count : SWISD_RUMOURS_MAX;
  for (uint32_t i = 0; i < count; i++)
    swisd_members_news(node, &rumours->list[i], sender, false);
}

/* ---- rounds ---- */

void swisd_rumours_spread_self(struct swisd_node *node) { node->members->rumours.publish_pending = true; }

/* Own records go out no more often than the swarm can bear: a gossip interval apart up to 32 members, and proportionally
 * longer beyond, so that each node hears of about 160 new records a second at most. */
static void publish(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  struct swisd_rumour_queue *queue = &members->rumours;
  if (!queue->publish_pending || !swisd_due(node, queue->publish_ns))
    return;
  queue->publish_pending = false;
  const uint64_t stretch = members->up_count > 32 ? members->up_count : 32;
  queue->publish_ns = node->now_ns + node->config.gossip_interval_ns * stretch / 32;
  swisd_rumour_push(node, 0, node->config.id, false);
}

void swisd_rumours_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  struct swisd_rumour_queue *queue = &members->rumours;
  publish(node);
  if (queue->count == 0 || members->up_count == 0 || !swisd_due(node, queue->gossip_ns) ||
      !swisd_out_room(node, node->config.gossip_fanout))
    return;
  queue->gossip_ns = node->now_ns + node->config.gossip_interval_ns;
  uint16_t picks[SWISD_PICKS_MAX];
  const uint32_t count =
    swisd_members_pick(node, SWISD_RANDOM_GOSSIP, node->config.gossip_fanout, SWISD_MEMBER_NONE, true, picks);
  for (uint32_t i = 0; i < count && queue->count; i++) {
    const struct swisd_id to = members->table[picks[i]].record.id;
    struct swisd_message_ping *gossip = &swisd_out_send(node, to, SWISD_MESSAGE_GOSSIP)->u.ping;
    gossip->sequence = 0;
    gossip->target = to;
    swisd_rumours_fill(node, to, &gossip->rumours);
    if (gossip->rumours.count == 0)
      node->actions->count--; /* nothing but its own record to tell it */
  }
}

uint64_t swisd_rumours_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  const struct swisd_rumour_queue *queue = &members->rumours;
  uint64_t deadline_ns = queue->count && members->up_count ? queue->gossip_ns : SWISD_NEVER;
  if (queue->publish_pending && queue->publish_ns < deadline_ns)
    deadline_ns = queue->publish_ns;
  return deadline_ns;
}
