/* News of members: what is newer, and what follows from it.
 *
 * Decided in one place, swisd_members_news(), by the rules of SWIM section 4.2: only the owner raises an incarnation;
 * within one, ALIVE < SUSPECT < DEAD, LEFT; a record is newer by (incarnation, version). News of incarnation i about a
 * member known at j:
 *
 *   ALIVE    i > j: alive, whatever it was.  i = j: a newer version replaces the record; suspicion and death stay.
 *   SUSPECT  i >= j and it is up: suspect; if it is already, at i = j, one more confirmation.  Of the dead: nothing.
 *   DEAD     i >= j and it is up: dead.  In a SYNC it counts as SUSPECT: the sender may have been cut off (memberlist).
 *   LEFT     i >= j and it is up: left.
 *
 * What raises j without a record of that incarnation sets the version to 0, so that the record is taken when it comes.
 * Of a stranger only ALIVE is news: a table filled by obituaries of strangers would be an attack, and remembering them anew
 * on each telling would keep the dead for ever. */
#include "runtime/core/members_internal.h"

/* ---- changes ---- */

static void suspicion_begins(struct swisd_node *node, uint32_t index, struct swisd_id from)
{
  struct swisd_member *member = &node->members->table[index];
  member->heard = false;
  member->confirmation_count = 0;
  member->confirmers[0] = (uint16_t)swisd_members_lookup(node->members, from);
  member->suspect_deadline_ns = node->now_ns + swisd_suspicion_ns(node, 0);
}

void swisd_member_become(struct swisd_node *node, uint32_t index, enum swisd_member_state state, struct swisd_id from,
                         bool spread)
{
  static const enum swisd_trace_kind traces[] = {SWISD_TRACE_MEMBER_ALIVE, SWISD_TRACE_MEMBER_SUSPECT, SWISD_TRACE_MEMBER_DEAD,
                                                 SWISD_TRACE_MEMBER_LEFT};
  struct swisd_members *members = node->members;
  struct swisd_member *member = &members->table[index];
  SWISD_ASSERT(index != 0 && index < members->count);
  const bool was_up = members->links[index].list == SWISD_LIST_UP, up = state <= SWISD_MEMBER_SUSPECT;
  const uint16_t up_before = members->up_count;
  member->state = state;
  member->changed_ns = node->now_ns;
  members->links[index].known_to = 0;
  members->epoch++;
  swisd_members_list_enter(members, index, up ? SWISD_LIST_UP : SWISD_LIST_DOWN);
  if (state == SWISD_MEMBER_SUSPECT)
    suspicion_begins(node, index, from);
  if (state == SWISD_MEMBER_ALIVE)
    swisd_members_timer_clear(members, &node->config, index);
  else
    swisd_members_timer_set(members, &node->config, index);
  if (spread)
    swisd_rumour_push(node, index, from, true);
  else
    swisd_rumour_drop(node, index);
  if (up_before == 0 && members->up_count) /* not at once: those who met at one moment would probe in step for ever */
    members->probe_ns =
      node->now_ns + node->config.probe_interval_ns / 1024 * swisd_philox_below(&node->random[SWISD_RANDOM_PROBE], 1024);
  if (up_before && members->up_count == 0)
    swisd_sync_alone(node);
  struct swisd_trace *trace = swisd_out_trace(node, traces[state]);
  trace->subject = member->record.id;
  trace->peer = from;
  trace->value = member->record.incarnation;
  if (up != was_up)
    swisd_node_member_changed(node, index, up ? SWISD_MEMBER_CAME : SWISD_MEMBER_WENT);
  else
    swisd_node_member_changed(node, index, state == SWISD_MEMBER_SUSPECT ? SWISD_MEMBER_SUSPECTED : SWISD_MEMBER_RECORD);
}

bool swisd_member_confirm(struct swisd_node *node, uint32_t index, struct swisd_id from)
{
  struct swisd_members *members = node->members;
  struct swisd_member *member = &members->table[index];
  SWISD_ASSERT(member->state == SWISD_MEMBER_SUSPECT);
  const uint32_t confirmer = swisd_members_lookup(members, from);
  if (confirmer == SWISD_MEMBER_NONE || confirmer == index || member->confirmation_count >= swisd_suspicion_confirmations(node))
    return false;
  for (uint32_t i = 0; i <= member->confirmation_count; i++)
    if (member->confirmers[i] == confirmer)
      return false;
  member->confirmers[++member->confirmation_count] = (uint16_t)confirmer;
  member->suspect_deadline_ns = member->changed_ns + swisd_suspicion_ns(node, member->confirmation_count);
  swisd_members_timer_moved(members, &node->config, index);
  swisd_rumour_push(node, index, from, true);
  return true;
}

/* ---- news of others ---- */

static bool alive(struct swisd_node *node, uint32_t index, const struct swisd_rumour *rumour, struct swisd_id sender, bool spread)
{
  struct swisd_member *member = &node->members->table[index];
  const bool reborn = rumour->incarnation > member->record.incarnation;
  if (rumour->incarnation < member->record.incarnation || (!reborn && rumour->record.version <= member->record.version))
    return false;
  if (!reborn && member->state >= SWISD_MEMBER_DEAD)
    return false;
  const bool was_dead = member->state == SWISD_MEMBER_DEAD;
  member->record = rumour->record;
  node->members->links[index].known_to = 0;
  node->members->epoch++;
  if (reborn && member->state != SWISD_MEMBER_ALIVE) {
    swisd_member_become(node, index, SWISD_MEMBER_ALIVE, sender, spread);
    if (was_dead && swisd_id_equal(sender, member->record.id))
      swisd_sync_heal(node, index);
    return true;
  }
  if (spread && member->state == SWISD_MEMBER_ALIVE)
    swisd_rumour_push(node, index, sender, false);
  swisd_node_member_changed(node, index, SWISD_MEMBER_RECORD);
  return true;
}

/* The record is of an older incarnation than the news. */
static bool raise_incarnation(struct swisd_node *node, uint32_t index, uint32_t incarnation)
{
  struct swisd_record *record = &node->members->table[index].record;
  if (incarnation <= record->incarnation)
    return false;
  record->incarnation = incarnation;
  record->version = 0;
  node->members->links[index].known_to = 0;
  return true;
}

static bool suspected(struct swisd_node *node, uint32_t index, uint32_t incarnation, struct swisd_id from, bool spread)
{
  const struct swisd_member *member = &node->members->table[index];
  if (incarnation < member->record.incarnation || member->state >= SWISD_MEMBER_DEAD)
    return false;
  const bool raised = raise_incarnation(node, index, incarnation);
  if (member->state == SWISD_MEMBER_SUSPECT && !raised)
    return swisd_member_confirm(node, index, from);
  if (!raised && swisd_id_equal(from, node->config.id))
    return false; /* the echo of a suspicion that this node has withdrawn */
  swisd_member_become(node, index, SWISD_MEMBER_SUSPECT, from, spread);
  return true;
}

static bool gone(struct swisd_node *node, uint32_t index, const struct swisd_rumour *rumour, bool spread)
{
  const struct swisd_member *member = &node->members->table[index];
  if (rumour->incarnation < member->record.incarnation)
    return false;
  const bool raised = raise_incarnation(node, index, rumour->incarnation);
  if (member->state >= SWISD_MEMBER_DEAD)
    return raised;
  swisd_member_become(node, index, rumour->state, rumour->from, spread);
  return true;
}

/* ---- news of the node itself ---- */

void swisd_members_refute(struct swisd_node *node, uint32_t above)
{
  struct swisd_members *members = node->members;
  struct swisd_record *self = &members->table[0].record;
  if (above > members->refute_above || !members->refute_pending)
    members->refute_above = above;
  members->refute_pending = members->refute_above >= self->incarnation && members->refute_above < SWISD_INCARNATION_MAX;
  if (!members->refute_pending || !swisd_due(node, members->refute_ns))
    return;
  members->refute_pending = false;
  members->refute_ns = node->now_ns + node->config.gossip_interval_ns;
  self->incarnation = members->refute_above + 1;
  self->version++;
  members->links[0].known_to = 0;
  members->persist_pending = true;
  swisd_rumour_push(node, 0, self->id, true);
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_REFUTED);
  trace->subject = self->id;
  trace->value = self->incarnation;
}

static void of_itself(struct swisd_node *node, const struct swisd_rumour *rumour)
{
  const struct swisd_record *self = &node->members->table[0].record;
  if (node->members->left)
    return;
  if (rumour->state == SWISD_MEMBER_ALIVE) {
    /* Its own past, of which it has forgotten the end (or somebody with the same identity). */
    if (rumour->incarnation > self->incarnation ||
        (rumour->incarnation == self->incarnation && rumour->record.version > self->version))
      swisd_members_refute(node, rumour->incarnation);
  } else if (rumour->incarnation >= self->incarnation) {
    const uint32_t before = self->incarnation;
    swisd_members_refute(node, rumour->incarnation);
    if (self->incarnation != before)
      swisd_local_health_change(node, 1); /* Lifeguard: being suspected may be one's own fault */
  } else {
    swisd_rumours_spread_self(node); /* somebody has missed the refutation */
  }
}

/* ---- the one door ---- */

static bool sound(const struct swisd_rumour *rumour)
{
  if (rumour->state > SWISD_MEMBER_LEFT || swisd_id_is_zero(rumour->subject) || rumour->incarnation > SWISD_INCARNATION_MAX)
    return false;
  if (rumour->state != SWISD_MEMBER_ALIVE)
    return true;
  const struct swisd_record *record = &rumour->record;
  if (!swisd_id_equal(record->id, rumour->subject) || record->incarnation != rumour->incarnation ||
      record->address_count > SWISD_ADDRESSES_MAX || record->holding_count > SWISD_HOLDINGS_MAX)
    return false;
  for (uint32_t i = 0; i < record->holding_count; i++)
    if (record->holdings[i] == 0)
      return false;
  return true;
}

bool swisd_members_news(struct swisd_node *node, const struct swisd_rumour *rumour, struct swisd_id sender, bool sync)
{
  struct swisd_members *members = node->members;
  if (!sound(rumour)) {
    members->refused++;
    return false;
  }
  if (swisd_id_equal(rumour->subject, node->config.id)) {
    of_itself(node, rumour);
    return false;
  }
  /* What a newcomer is told, and what fills half the queue, is known to most: spreading it again would be a storm. */
  const bool spread = !sync || (members->joined && members->rumours.count < node->config.limits.rumours_max / 2);
  uint32_t index = swisd_members_lookup(members, rumour->subject);
  if (index == SWISD_MEMBER_NONE) {
    if (rumour->state != SWISD_MEMBER_ALIVE)
      return false;
    index = swisd_members_slot_take(members, &rumour->record);
    if (index == SWISD_MEMBER_NONE) {
      swisd_out_table_full(node, SWISD_TABLE_MEMBERS);
      return false;
    }
    swisd_member_become(node, index, SWISD_MEMBER_ALIVE, sender, spread);
    return true;
  }
  switch (rumour->state) {
  case SWISD_MEMBER_ALIVE:
    return alive(node, index, rumour, sender, spread);
  case SWISD_MEMBER_SUSPECT:
    return suspected(node, index, rumour->incarnation, rumour->from, spread);
  case SWISD_MEMBER_DEAD:
    return sync ? suspected(node, index, rumour->incarnation, sender, spread) : gone(node, index, rumour, spread);
  default:
    return gone(node, index, rumour, spread);
  }
}
