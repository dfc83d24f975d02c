/* Joining, full exchanges and healing: what brings tables together that rumours alone would leave apart.
 *
 * A newcomer sends JOIN to its seeds; each answers with SYNC pages of all it knows, and asks for the same. Every
 * sync_interval (longer in large swarms) a node exchanges tables with one random member, which repairs what lost datagrams
 * left behind. The answer to a SYNC leaves out what the pages just showed to be known there, so a newcomer does not send
 * back what it was told.
 *
 * Seeds that no living member owns are tried again with growing pauses, for ever: so a swarm cut in two finds together
 * again, and a node that lost everybody comes back (foca issue 15). Now and then one of the dead is sent a PING that says
 * so; if it lives, it refutes, and both sides exchange their tables. */
#include "runtime/core/members_internal.h"
#include "runtime/core/memory.h"
#include "runtime/core/placement.h"

enum {
  SEEDS_AT_ONCE = 3,
  PAGES_AT_ONCE = 4, /* and then a pause of PAGE_PAUSE_NS: at most about 1 MB/s of pages */
};
#define JOIN_BACKOFF_MIN_NS (SWISD_SECOND / 2)
/* One that knows nobody asks for as long as it takes: whoever is there answers the first time, so what this costs, three
 * datagrams each time, is paid to addresses where nobody is. A link that was gone for a minute must not cost half another. */
#define JOIN_BACKOFF_ALONE_MAX_NS (4 * SWISD_SECOND)
#define JOIN_BACKOFF_MAX_NS (300 * SWISD_SECOND)
#define PAGE_PAUSE_NS (10 * SWISD_MILLISECOND)
#define RECONNECT_NS (10 * SWISD_SECOND)
#define HEAL_PAUSE_NS (5 * SWISD_SECOND)
#define INCOMING_PATIENCE_NS (10 * SWISD_SECOND)

/* `ns` give or take a quarter. */
static uint64_t jittered(struct swisd_node *node, uint64_t ns)
{
  return ns / 1024 * (768 + swisd_philox_below(&node->random[SWISD_RANDOM_GOSSIP], 512));
}

/* memberlist: the interval is stretched by ceil(log2(n) - 5) + 1 past 32 members. */
static uint64_t sync_interval_ns(const struct swisd_node *node)
{
  uint32_t stretch = 1;
  while (node->members->up_count + 1u > 32u << (stretch - 1) && stretch < 12)
    stretch++;
  return node->config.sync_interval_ns * stretch;
}

/* ---- sending pages ---- */

bool swisd_sync_begin(struct swisd_node *node, struct swisd_id to, bool reply_wanted, uint8_t skip)
{
  struct swisd_members *members = node->members;
  struct swisd_pager *free_pager = NULL;
  for (uint32_t i = 0; i < SWISD_PAGERS_MAX; i++) {
    struct swisd_pager *pager = &members->pagers[i];
    if (pager->used && swisd_id_equal(pager->to, to)) {
      if (reply_wanted) { /* asked anew, perhaps by a restarted node: from the beginning */
        pager->reply_wanted = true;
        pager->skip = 0;
        pager->cursor = 0;
      }
      return true;
    }
    if (!pager->used && free_pager == NULL)
      free_pager = pager;
  }
  if (free_pager == NULL)
    return false;
  *free_pager = (struct swisd_pager){.used = true, .reply_wanted = reply_wanted, .skip = skip, .to = to};
  members->pager_count++;
  return true;
}

/* The news of the member at the cursor: none, ALIVE or DEAD alone, or ALIVE with SUSPECT after it, for strangers to both. */
static void page_member(const struct swisd_node *node, const struct swisd_pager *pager, struct swisd_message_sync *page)
{
  const struct swisd_members *members = node->members;
  const struct swisd_member *member = &members->table[pager->cursor];
  if (swisd_id_is_zero(member->record.id) || (pager->skip & members->links[pager->cursor].known_to))
    return;
  if (member->state >= SWISD_MEMBER_DEAD) {
    swisd_rumour_of(node, pager->cursor, member->state, node->config.id, &page->list[page->count++]);
    return;
  }
  swisd_rumour_of(node, pager->cursor, SWISD_MEMBER_ALIVE, node->config.id, &page->list[page->count++]);
  if (member->state == SWISD_MEMBER_SUSPECT)
    swisd_rumour_of(node, pager->cursor, SWISD_MEMBER_SUSPECT, node->config.id, &page->list[page->count++]);
}

/* One page; the pager ends with its last one. */
static void send_page(struct swisd_node *node, struct swisd_pager *pager)
{
  struct swisd_members *members = node->members;
  struct swisd_message_sync *page = &swisd_out_send(node, pager->to, SWISD_MESSAGE_SYNC)->u.sync;
  page->count = 0;
  while (pager->cursor < members->count && page->count + 2 <= SWISD_SYNC_RECORDS_MAX) {
    page_member(node, pager, page);
    pager->cursor++;
  }
  page->last = pager->cursor >= members->count;
  page->reply_wanted = pager->reply_wanted;
  if (!page->last)
    return;
  for (uint32_t i = 0; i < SWISD_INCOMING_MAX; i++)
    if (pager->skip >> i & 1)
      members->incoming[i].used = false; /* answered */
  pager->used = false;
  members->pager_count--;
  swisd_placement_synced(node, pager->to);
}

static void pages_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  if (members->pager_count == 0 || !swisd_due(node, members->page_ns))
    return;
  members->page_ns = node->now_ns + PAGE_PAUSE_NS;
  for (uint32_t turn = 0; turn < SWISD_PAGERS_MAX && members->pager_count; turn++) {
    struct swisd_pager *pager = &members->pagers[members->pager_turn % SWISD_PAGERS_MAX];
    for (uint32_t i = 0; i < PAGES_AT_ONCE && pager->used; i++) {
      if (!swisd_out_room(node, 1))
        return; /* this one goes on next time */
      send_page(node, pager);
    }
    members->pager_turn = (uint8_t)((members->pager_turn + 1) % SWISD_PAGERS_MAX);
  }
}

/* ---- taking pages ---- */

/* The bit of the exchange with `from`; 0 when too many are under way: then the answer leaves nothing out. */
static uint8_t incoming_bit(struct swisd_node *node, struct swisd_id from)
{
  struct swisd_members *members = node->members;
  uint32_t chosen = SWISD_INCOMING_MAX;
  for (uint32_t i = 0; i < SWISD_INCOMING_MAX; i++) {
    struct swisd_incoming *incoming = &members->incoming[i];
    if (incoming->used && swisd_id_equal(incoming->from, from)) {
      incoming->heard_ns = node->now_ns;
      return (uint8_t)(1u << i);
    }
    if (chosen == SWISD_INCOMING_MAX && (!incoming->used || swisd_due(node, incoming->heard_ns + INCOMING_PATIENCE_NS)))
      chosen = i;
  }
  if (chosen == SWISD_INCOMING_MAX)
    return 0;
  const uint8_t bit = (uint8_t)(1u << chosen);
  for (uint32_t i = 0; i < SWISD_PAGERS_MAX; i++)
    members->pagers[i].skip &= (uint8_t)~bit;
  for (uint32_t i = 0; i < members->count; i++)
    members->links[i].known_to &= (uint8_t)~bit;
  members->incoming[chosen] = (struct swisd_incoming){.used = true, .from = from, .heard_ns = node->now_ns};
  return bit;
}

/* Whether the sender of this entry knows all that this node knows of its subject. */
static bool knows_it_all(const struct swisd_member *member, const struct swisd_rumour *rumour)
{
  if (member->record.incarnation != rumour->incarnation)
    return false;
  if (rumour->state == SWISD_MEMBER_ALIVE)
    return member->state == SWISD_MEMBER_ALIVE && member->record.version == rumour->record.version;
  return member->state == rumour->state;
}

void swisd_sync_page(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_members *members = node->members;
  const struct swisd_message_sync *page = &event->message->u.sync;
  const uint32_t count = page->count <= SWISD_SYNC_RECORDS_MAX ? page->count : SWISD_SYNC_RECORDS_MAX;
  const uint8_t bit = page->reply_wanted ? incoming_bit(node, event->from) : 0;
  for (uint32_t i = 0; i < count; i++) {
    swisd_members_news(node, &page->list[i], event->from, true);
    const uint32_t index = swisd_members_lookup(members, page->list[i].subject);
    if (bit && index != SWISD_MEMBER_NONE && knows_it_all(&members->table[index], &page->list[i]))
      members->links[index].known_to |= bit;
  }
  if (!page->last)
    return;
  members->joined = true;
  if (page->reply_wanted && swisd_members_lookup(members, event->from) != SWISD_MEMBER_NONE)
    swisd_sync_begin(node, event->from, false, bit);
}

void swisd_sync_join(struct swisd_node *node, const struct swisd_event_message *event)
{
  const struct swisd_record *record = &event->message->u.join.record;
  struct swisd_rumour rumour = {.state = SWISD_MEMBER_ALIVE, .subject = event->from, .from = event->from};
  rumour.incarnation = record->incarnation;
  rumour.record = *record;
  swisd_members_news(node, &rumour, event->from, false);
  const struct swisd_member *member = swisd_member_find(node, event->from);
  if (member) /* otherwise it was refused; one thought dead is told so, and comes again with a higher incarnation */
    swisd_sync_begin(node, event->from, true, 0);
}

/* ---- joining ---- */

/* A living member listens there; or, before the first full exchange, this node itself does. */
static bool address_is_known(const struct swisd_node *node, const struct swisd_address *address)
{
  const struct swisd_members *members = node->members;
  const uint32_t count = members->joined ? members->count : 1;
  for (uint32_t i = 0; i < count; i++) {
    const struct swisd_member *member = &members->table[i];
    for (uint32_t k = 0; swisd_member_is_up(member) && k < member->record.address_count; k++) {
      const struct swisd_address *other = &member->record.addresses[k];
      if (other->family == address->family && other->port == address->port &&
          memcmp(other->bytes, address->bytes, sizeof other->bytes) == 0)
        return true;
    }
  }
  return false;
}

static void join_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  if (members->seed_count == 0 || !swisd_due(node, members->join_ns) || !swisd_out_room(node, SEEDS_AT_ONCE))
    return;
  uint32_t sent = 0, looked = 0;
  for (; looked < members->seed_count && sent < SEEDS_AT_ONCE; looked++) {
    const struct swisd_address *seed = &members->seeds[members->seed_next];
    members->seed_next = (uint8_t)((members->seed_next + 1) % members->seed_count);
    if (address_is_known(node, seed))
      continue;
    swisd_out_send_address(node, (struct swisd_id){0, 0}, seed, SWISD_MESSAGE_JOIN)->u.join.record = members->table[0].record;
    sent++;
  }
  const uint64_t max_ns = members->up_count == 0 || !members->joined ? JOIN_BACKOFF_ALONE_MAX_NS : JOIN_BACKOFF_MAX_NS;
  if (members->join_backoff_ns > max_ns)
    members->join_backoff_ns = max_ns;
  members->join_ns = node->now_ns + jittered(node, members->join_backoff_ns);
  members->join_backoff_ns *= 2;
}

void swisd_sync_alone(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  members->join_backoff_ns = JOIN_BACKOFF_MIN_NS;
  members->join_ns = node->now_ns;
}

void swisd_sync_start(struct swisd_node *node, const struct swisd_event_start *start)
{
  struct swisd_members *members = node->members;
  members->seed_count = start->seed_count <= SWISD_SEEDS_MAX ? start->seed_count : SWISD_SEEDS_MAX;
  memcpy(members->seeds, start->seeds, members->seed_count * sizeof members->seeds[0]);
  if (members->seed_count) /* not all newcomers at the same one */
    members->seed_next = (uint8_t)swisd_philox_below(&node->random[SWISD_RANDOM_GOSSIP], members->seed_count);
  members->joined = members->seed_count == 0;
  members->join_backoff_ns = JOIN_BACKOFF_MIN_NS;
  members->join_ns = members->page_ns = members->heal_ns = node->now_ns;
  members->sync_ns = node->now_ns + jittered(node, node->config.sync_interval_ns);
  members->reconnect_ns = node->now_ns + jittered(node, RECONNECT_NS);
}

/* ---- now and then ---- */

static void sync_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  if (members->up_count == 0 || !swisd_due(node, members->sync_ns))
    return;
  members->sync_ns = node->now_ns + jittered(node, sync_interval_ns(node));
  const uint32_t index = swisd_member_random(node, SWISD_RANDOM_GOSSIP);
  swisd_sync_begin(node, members->table[index].record.id, true, 0);
}

static void reconnect_pump(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  if (members->down_count == 0 || !swisd_due(node, members->reconnect_ns))
    return;
  members->reconnect_ns = node->now_ns + jittered(node, RECONNECT_NS);
  const uint16_t index = members->down[swisd_philox_below(&node->random[SWISD_RANDOM_GOSSIP], members->down_count)];
  if (members->table[index].state == SWISD_MEMBER_DEAD)
    swisd_probe_nudge(node, index);
}

void swisd_sync_heal(struct swisd_node *node, uint32_t index)
{
  struct swisd_members *members = node->members;
  if (swisd_due(node, members->heal_ns) && swisd_sync_begin(node, members->table[index].record.id, true, 0))
    members->heal_ns = node->now_ns + HEAL_PAUSE_NS;
}

void swisd_sync_forget(struct swisd_node *node)
{
  struct swisd_members *members = node->members;
  for (uint32_t i = 0; i < SWISD_PAGERS_MAX; i++)
    members->pagers[i].used = false;
  members->pager_count = 0;
  members->sync_ns = node->now_ns; /* much may have happened meanwhile */
  swisd_sync_alone(node);
}

void swisd_sync_pump(struct swisd_node *node)
{
  join_pump(node);
  sync_pump(node);
  pages_pump(node);
  reconnect_pump(node);
}

uint64_t swisd_sync_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_members *members = node->members;
  uint64_t deadline_ns = members->seed_count ? members->join_ns : SWISD_NEVER;
  if (members->up_count && members->sync_ns < deadline_ns)
    deadline_ns = members->sync_ns;
  if (members->pager_count && members->page_ns < deadline_ns)
    deadline_ns = members->page_ns;
  if (members->down_count && members->reconnect_ns < deadline_ns)
    deadline_ns = members->reconnect_ns;
  return deadline_ns;
}
