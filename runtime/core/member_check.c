/* The invariants of the membership, walked after every step in tests. */
#include "runtime/core/members_internal.h"

static void check_slot(const struct swisd_node *node, uint32_t index)
{
  const struct swisd_members *members = node->members;
  const struct swisd_member *member = &members->table[index];
  const struct swisd_member_links *links = &members->links[index];
  const struct swisd_record *record = &member->record;
  SWISD_ASSERT(record->incarnation <= SWISD_INCARNATION_MAX);
  SWISD_ASSERT(record->address_count <= SWISD_ADDRESSES_MAX && record->holding_count <= SWISD_HOLDINGS_MAX);
  SWISD_ASSERT(swisd_members_lookup(members, record->id) == index); /* and so no id twice */
  SWISD_ASSERT(member->state <= SWISD_MEMBER_LEFT);
  const bool up = member->state <= SWISD_MEMBER_SUSPECT;
  if (index == 0) {
    SWISD_ASSERT(links->list == SWISD_LIST_NONE && member->state == SWISD_MEMBER_ALIVE);
  } else {
    SWISD_ASSERT(links->list == (up ? SWISD_LIST_UP : SWISD_LIST_DOWN));
    SWISD_ASSERT(links->position < (up ? members->up_count : members->down_count));
    SWISD_ASSERT((up ? members->up : members->down)[links->position] == index);
  }
  SWISD_ASSERT((links->timer == SWISD_MEMBER_NONE) == (member->state == SWISD_MEMBER_ALIVE));
  if (links->timer != SWISD_MEMBER_NONE)
    SWISD_ASSERT(links->timer < members->timer_count && members->timers[links->timer] == index);
  if (member->state == SWISD_MEMBER_SUSPECT) {
    SWISD_ASSERT(member->confirmation_count < SWISD_CONFIRMERS_MAX);
    SWISD_ASSERT(member->suspect_deadline_ns >= member->changed_ns);
    for (uint32_t i = 1; i <= member->confirmation_count; i++)
      SWISD_ASSERT(member->confirmers[i] < members->max && member->confirmers[i] != index);
  }
  if (links->rumour != SWISD_MEMBER_NONE)
    SWISD_ASSERT(members->rumours.entries[links->rumour].member == index);
}

static void check_table(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  uint32_t used = 0, free_slots = 0, indexed = 0;
  SWISD_ASSERT(members->count >= 1 && members->count <= members->max);
  for (uint32_t i = 0; i < members->count; i++) {
    if (swisd_id_is_zero(members->table[i].record.id))
      continue;
    used++;
    check_slot(node, i);
  }
  for (uint32_t i = members->free_first; i != SWISD_MEMBER_NONE; i = members->links[i].position) {
    SWISD_ASSERT(i < members->count && swisd_id_is_zero(members->table[i].record.id));
    SWISD_ASSERT(members->links[i].list == SWISD_LIST_NONE && members->links[i].timer == SWISD_MEMBER_NONE);
    SWISD_ASSERT(++free_slots <= members->count);
  }
  for (uint32_t i = 0; i <= members->index_mask; i++)
    indexed += members->index[i] != 0;
  SWISD_ASSERT(used == indexed && used + free_slots == members->count);
  SWISD_ASSERT(used == 1u + members->up_count + members->down_count);
  SWISD_ASSERT(members->probe_cursor <= members->up_count);
}

static void check_timers(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  for (uint32_t i = 1; i < members->timer_count; i++) {
    const struct swisd_member *parent = &members->table[members->timers[(i - 1) / 2]];
    const struct swisd_member *child = &members->table[members->timers[i]];
    SWISD_ASSERT(swisd_member_timer_ns(parent, &node->config) <= swisd_member_timer_ns(child, &node->config));
  }
}

static void check_rumours(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  const struct swisd_rumour_queue *queue = &members->rumours;
  uint32_t waiting = 0, free_entries = 0;
  for (uint32_t t = 0; t <= SWISD_TRANSMITS_MAX; t++) {
    SWISD_ASSERT((queue->filled >> t & 1) == (queue->first[t] != SWISD_MEMBER_NONE));
    uint16_t before = SWISD_MEMBER_NONE;
    for (uint16_t at = queue->first[t]; at != SWISD_MEMBER_NONE; at = queue->entries[at].after) {
      const struct swisd_rumour_entry *entry = &queue->entries[at];
      SWISD_ASSERT(entry->transmits == t && entry->before == before);
      SWISD_ASSERT(entry->member < members->count && members->links[entry->member].rumour == at);
      SWISD_ASSERT(++waiting <= node->config.limits.rumours_max);
      before = at;
    }
    SWISD_ASSERT(queue->last[t] == before);
  }
  for (uint16_t at = queue->free_first; at != SWISD_MEMBER_NONE; at = queue->entries[at].after)
    SWISD_ASSERT(++free_entries <= node->config.limits.rumours_max);
  SWISD_ASSERT(waiting == queue->count && waiting + free_entries == node->config.limits.rumours_max);
}

void swisd_members_check(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  check_table(node);
  check_timers(node);
  check_rumours(node);
  SWISD_ASSERT(swisd_id_equal(members->table[0].record.id, node->config.id));
  SWISD_ASSERT(!members->started || members->table[0].record.incarnation > 0);
  SWISD_ASSERT(members->local_health <= node->config.local_health_max);
  SWISD_ASSERT(members->probe.helper_count <= SWISD_HELPERS_MAX);
  uint32_t relays = 0, pagers = 0;
  for (uint32_t i = 0; i < SWISD_RELAYS_MAX; i++)
    relays += members->relays[i].used;
  for (uint32_t i = 0; i < SWISD_PAGERS_MAX; i++)
    pagers += members->pagers[i].used;
  SWISD_ASSERT(relays == members->relay_count && pagers == members->pager_count);
}
