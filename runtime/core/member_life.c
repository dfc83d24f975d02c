/* What happens to the membership from outside: the start, messages, time, signs of life and of death, a clock that jumped,
 * and leaving. What each means for the table is decided in news.c. */
#include "runtime/core/members_internal.h"

/* Members told of a leave. Each tells others in turn; with one datagram in four lost, all eight are with probability 1e-5. */
enum { FAREWELLS = 8 };

void swisd_members_publish(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  members->table[0].record.version++;
  members->links[0].known_to = 0;
  members->epoch++;
  if (members->started && !members->left)
    swisd_rumours_spread_self(node);
}

void swisd_members_unreachable(struct swisd_node *node, struct swisd_id id)
{
  struct swisd_members *members = node->members;
  const uint32_t index = swisd_members_lookup(members, id);
  if (index == SWISD_MEMBER_NONE || index == 0 || !members->started || members->left)
    return;
  if (members->probe.stage != SWISD_PROBE_IDLE && swisd_id_equal(members->probe.target, id))
    members->probe.stage = SWISD_PROBE_IDLE;
  if (members->table[index].state == SWISD_MEMBER_ALIVE) {
    swisd_member_become(node, index, SWISD_MEMBER_SUSPECT, node->config.id, true);
    swisd_probe_nudge(node, index); /* it may live: let it refute at once */
  } else if (members->table[index].state == SWISD_MEMBER_SUSPECT) {
    swisd_member_confirm(node, index, node->config.id);
  }
}

void swisd_members_heard(struct swisd_node *node, struct swisd_id id)
{
  struct swisd_members *members = node->members;
  const uint32_t index = swisd_members_lookup(members, id);
  if (index == SWISD_MEMBER_NONE || index == 0)
    return;
  struct swisd_member *member = &members->table[index];
  if (members->probe.stage != SWISD_PROBE_IDLE && members->probe.index == index &&
      members->probe.generation == member->generation)
    members->probe.heard = true;
  if (member->state != SWISD_MEMBER_SUSPECT)
    return;
  member->heard = true;
  if (member->confirmation_count == 0 && member->confirmers[0] == 0) {
    /* Suspected by this node alone, which now knows better. It may have been a message on its way: probe it next. */
    swisd_member_become(node, index, SWISD_MEMBER_ALIVE, id, false);
    members->verify = (uint16_t)index;
  }
}

/* Suspects whose time is up, and dead ones old enough to be forgotten. */
static void expire(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  while (members->timer_count) {
    const uint16_t index = members->timers[0];
    struct swisd_member *member = &members->table[index];
    if (!swisd_due(node, swisd_member_timer_ns(member, &node->config)))
      return;
    if (member->state != SWISD_MEMBER_SUSPECT) {
      swisd_members_slot_free(node, index);
    } else if (member->heard) {
      swisd_member_become(node, index, SWISD_MEMBER_ALIVE, node->config.id, false);
      members->verify = index;
    } else {
      swisd_member_become(node, index, SWISD_MEMBER_DEAD, node->config.id, true);
    }
  }
}

static void persist(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  if (!members->persist_pending || !swisd_out_room(node, 1))
    return;
  members->persist_pending = false;
  swisd_out_action(node, SWISD_ACTION_PERSIST)->u.persist.incarnation = members->table[0].record.incarnation;
}

void swisd_members_start(struct swisd_node *node, const struct swisd_event_start *start)
{
  struct swisd_members *members = node->members;
  struct swisd_record *self = &members->table[0].record;
  SWISD_ASSERT(!members->started);
  members->started = true;
  self->incarnation = start->incarnation < SWISD_INCARNATION_MAX ? start->incarnation + 1 : SWISD_INCARNATION_MAX;
  self->version++;
  members->persist_pending = true;
  members->table[0].changed_ns = node->now_ns;
  members->sequence = swisd_philox_u32(&node->random[SWISD_RANDOM_PROBE]);
  members->probe_ns = node->now_ns;
  members->rumours.gossip_ns = members->rumours.publish_ns = node->now_ns;
  swisd_sync_start(node, start);
}

void swisd_members_message(struct swisd_node *node, const struct swisd_event_message *event)
{
  if (!node->members->started || node->members->left || swisd_id_equal(event->from, node->config.id))
    return;
  switch (event->message->type) {
  case SWISD_MESSAGE_PING:
    swisd_probe_ping(node, event);
    break;
  case SWISD_MESSAGE_ACK:
    swisd_probe_ack(node, event);
    break;
  case SWISD_MESSAGE_PING_REQ:
    swisd_probe_request(node, event);
    break;
  case SWISD_MESSAGE_PROBE_NACK:
    swisd_probe_nack(node, event);
    break;
  case SWISD_MESSAGE_GOSSIP:
    if (swisd_id_equal(event->message->u.ping.target, node->config.id))
      swisd_rumours_take(node, &event->message->u.ping.rumours, event->from);
    break;
  case SWISD_MESSAGE_JOIN:
    swisd_sync_join(node, event);
    break;
  case SWISD_MESSAGE_SYNC:
    swisd_sync_page(node, event);
    break;
  default:
    break;
  }
}

void swisd_members_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  persist(node);
  if (!members->started || members->left)
    return;
  if (members->refute_pending)
    swisd_members_refute(node, members->refute_above);
  expire(node);
  swisd_probe_pump(node);
  swisd_sync_pump(node);
  swisd_rumours_pump(node);
  persist(node);
}

uint64_t swisd_members_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  if (members->persist_pending)
    return node->now_ns;
  if (!members->started || members->left)
    return SWISD_NEVER;
  uint64_t deadline_ns = swisd_probe_deadline_ns(node);
  const uint64_t sync_ns = swisd_sync_deadline_ns(node), rumour_ns = swisd_rumours_deadline_ns(node);
  if (sync_ns < deadline_ns)
    deadline_ns = sync_ns;
  if (rumour_ns < deadline_ns)
    deadline_ns = rumour_ns;
  if (members->refute_pending && members->refute_ns < deadline_ns)
    deadline_ns = members->refute_ns;
  if (members->timer_count) {
    const uint64_t timer_ns = swisd_member_timer_ns(&members->table[members->timers[0]], &node->config);
    if (timer_ns < deadline_ns)
      deadline_ns = timer_ns;
  }
  return deadline_ns;
}

void swisd_members_resumed(struct swisd_node *node, uint64_t gap_ns)
{
  struct swisd_members *members = node->members;
  if (!members->started)
    return;
  for (uint32_t i = 1; i < members->count; i++) {
    struct swisd_member *member = &members->table[i];
    if (members->links[i].list == SWISD_LIST_UP && member->state == SWISD_MEMBER_SUSPECT) {
      const uint64_t age_ns = node->now_ns - member->changed_ns, by_ns = gap_ns < age_ns ? gap_ns : age_ns;
      member->changed_ns += by_ns;
      member->suspect_deadline_ns += by_ns;
      swisd_members_timer_moved(members, &node->config, i);
    }
  }
  swisd_probe_forget(node);
  swisd_sync_forget(node);
}

void swisd_members_leave(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  if (!members->started || members->left)
    return;
  uint16_t picks[SWISD_PICKS_MAX];
  const uint32_t count = swisd_members_pick(node, SWISD_RANDOM_GOSSIP, FAREWELLS, SWISD_MEMBER_NONE, false, picks);
  for (uint32_t i = 0; i < count; i++) {
    struct swisd_message_ping *gossip = &swisd_out_send(node, members->table[picks[i]].record.id, SWISD_MESSAGE_GOSSIP)->u.ping;
    gossip->sequence = 0;
    gossip->target = members->table[picks[i]].record.id;
    gossip->rumours.count = 1;
    swisd_rumour_of(node, 0, SWISD_MEMBER_LEFT, node->config.id, &gossip->rumours.list[0]);
  }
  members->left = true;
}
