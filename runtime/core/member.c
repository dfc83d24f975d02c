/* The membership table: slots, index, lists and timers. What enters it is decided in news.c.
 *
 * A slot per known member, found by an open-addressing index over ids (linear probing, removal by shifting back, at most
 * half full). Around the table: up[] and down[], arrays of indices from which a random member is drawn in O(1) and over
 * which the probing round runs (swim.c), and timers[], a heap of the moments when a suspect is declared dead or a dead
 * member forgotten. So a message costs O(1), a timer O(log n), and no step walks
 * the table. */
#include "runtime/core/member.h"

#include "runtime/core/members_internal.h"
#include "runtime/core/memory.h"

/* ---- layout ---- */

static uint32_t index_size(uint32_t members_max)
{
  uint32_t size = 16;
  while (size < 2 * members_max)
    size *= 2;
  return size;
}

static void *carve(unsigned char *block, size_t *used, size_t bytes)
{
  void *at = block ? block + *used : NULL;
  *used += (bytes + 15) & ~(size_t)15;
  return at;
}

/* Places every part behind the struct; with a NULL block it only counts. */
static size_t layout(struct swisd_members *members, unsigned char *block, const struct swisd_limits *limits)
{
  size_t used = 0;
  carve(block, &used, sizeof *members);
  members->table = carve(block, &used, limits->members_max * sizeof *members->table);
  members->links = carve(block, &used, limits->members_max * sizeof *members->links);
  members->index = carve(block, &used, index_size(limits->members_max) * sizeof *members->index);
  members->up = carve(block, &used, limits->members_max * sizeof *members->up);
  members->down = carve(block, &used, limits->members_max * sizeof *members->down);
  members->timers = carve(block, &used, limits->members_max * sizeof *members->timers);
  members->rumours.entries = carve(block, &used, limits->rumours_max * sizeof *members->rumours.entries);
  return used;
}

size_t swisd_members_size(const struct swisd_limits *limits)
{
  struct swisd_members members;
  return layout(&members, NULL, limits);
}

/* ---- the index ---- */

static uint32_t id_hash(struct swisd_id id)
{
  uint64_t h = (id.hi ^ id.lo * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xBF58476D1CE4E5B9);
  h = (h ^ h >> 29) * UINT64_C(0x94D049BB133111EB);
  return (uint32_t)(h >> 32);
}

uint32_t swisd_members_lookup(const struct swisd_members *members, struct swisd_id id)
{
  for (uint32_t at = id_hash(id) & members->index_mask; members->index[at]; at = (at + 1) & members->index_mask) {
    const uint32_t slot = members->index[at] - 1u;
    if (swisd_id_equal(members->table[slot].record.id, id))
      return slot;
  }
  return SWISD_MEMBER_NONE;
}

static void index_add(struct swisd_members *members, uint32_t slot)
{
  uint32_t at = id_hash(members->table[slot].record.id) & members->index_mask;
  while (members->index[at])
    at = (at + 1) & members->index_mask;
  members->index[at] = (uint16_t)(slot + 1);
}

/* Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R. */
static void index_remove(struct swisd_members *members, uint32_t slot)
{
  uint32_t hole = id_hash(members->table[slot].record.id) & members->index_mask;
  while (members->index[hole] != slot + 1)
    hole = (hole + 1) & members->index_mask;
  for (uint32_t at = (hole + 1) & members->index_mask; members->index[at]; at = (at + 1) & members->index_mask) {
    const uint32_t home = id_hash(members->table[members->index[at] - 1].record.id) & members->index_mask;
    if (((at - home) & members->index_mask) >= ((at - hole) & members->index_mask)) {
      members->index[hole] = members->index[at];
      hole = at;
    }
  }
  members->index[hole] = 0;
}

/* ---- timers: a binary heap; equal times in the order of ids ---- */

static bool timer_before(const struct swisd_members *members, const struct swisd_config *config, uint16_t a, uint16_t b)
{
  const uint64_t a_ns = swisd_member_timer_ns(&members->table[a], config);
  const uint64_t b_ns = swisd_member_timer_ns(&members->table[b], config);
  return a_ns != b_ns ? a_ns < b_ns : swisd_id_before(members->table[a].record.id, members->table[b].record.id);
}

static void timer_put(struct swisd_members *members, uint32_t at, uint16_t slot)
{
  members->timers[at] = slot;
  members->links[slot].timer = (uint16_t)at;
}

void swisd_members_timer_moved(struct swisd_members *members, const struct swisd_config *config, uint32_t slot)
{
  uint32_t at = members->links[slot].timer;
  while (at && timer_before(members, config, (uint16_t)slot, members->timers[(at - 1) / 2])) {
    timer_put(members, at, members->timers[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child + 1 < members->timer_count && timer_before(members, config, members->timers[child + 1], members->timers[child]))
      child++;
    if (child >= members->timer_count || !timer_before(members, config, members->timers[child], (uint16_t)slot))
      break;
    timer_put(members, at, members->timers[child]);
    at = child;
  }
  timer_put(members, at, (uint16_t)slot);
}

void swisd_members_timer_set(struct swisd_members *members, const struct swisd_config *config, uint32_t slot)
{
  if (members->links[slot].timer == SWISD_MEMBER_NONE)
    timer_put(members, members->timer_count++, (uint16_t)slot);
  swisd_members_timer_moved(members, config, slot);
}

void swisd_members_timer_clear(struct swisd_members *members, const struct swisd_config *config, uint32_t slot)
{
  const uint16_t at = members->links[slot].timer;
  if (at == SWISD_MEMBER_NONE)
    return;
  members->links[slot].timer = SWISD_MEMBER_NONE;
  const uint16_t last = members->timers[--members->timer_count];
  if (last != slot) {
    timer_put(members, at, last);
    swisd_members_timer_moved(members, config, last);
  }
}

/* ---- up[] and down[] ---- */

static void list_put(struct swisd_members *members, uint16_t *list, uint32_t at, uint16_t slot)
{
  list[at] = slot;
  members->links[slot].position = (uint16_t)at;
}

static void list_leave(struct swisd_members *members, uint32_t slot)
{
  struct swisd_member_links *links = &members->links[slot];
  uint32_t hole = links->position;
  if (links->list == SWISD_LIST_UP) {
    if (hole < members->probe_cursor) { /* keep what has been probed in front */
      list_put(members, members->up, hole, members->up[--members->probe_cursor]);
      hole = members->probe_cursor;
    }
    if (hole != --members->up_count) /* else up[hole] has just moved away */
      list_put(members, members->up, hole, members->up[members->up_count]);
  } else if (links->list == SWISD_LIST_DOWN) {
    list_put(members, members->down, hole, members->down[--members->down_count]);
  }
  links->list = SWISD_LIST_NONE;
}

void swisd_members_list_enter(struct swisd_members *members, uint32_t slot, enum swisd_member_list list)
{
  if (members->links[slot].list == list)
    return;
  list_leave(members, slot);
  members->links[slot].list = (uint8_t)list;
  if (list == SWISD_LIST_UP)
    list_put(members, members->up, members->up_count++, (uint16_t)slot);
  else
    list_put(members, members->down, members->down_count++, (uint16_t)slot);
}

/* ---- slots ---- */

/* A slot's memory is first touched here, so that a table costs what is in it. */
uint32_t swisd_members_slot_take(struct swisd_members *members, const struct swisd_record *record)
{
  uint32_t slot = members->free_first;
  uint32_t generation = 0;
  if (slot != SWISD_MEMBER_NONE) {
    members->free_first = members->links[slot].position;
    generation = members->table[slot].generation + 1;
  } else if (members->count < members->max) {
    slot = members->count++;
  } else {
    return SWISD_MEMBER_NONE;
  }
  memset(&members->table[slot], 0, sizeof members->table[slot]);
  members->table[slot].record = *record;
  members->table[slot].generation = generation;
  members->links[slot] = (struct swisd_member_links){
    .position = SWISD_MEMBER_NONE, .timer = SWISD_MEMBER_NONE, .rumour = SWISD_MEMBER_NONE, .list = SWISD_LIST_NONE};
  index_add(members, slot);
  return slot;
}

void swisd_members_slot_free(struct swisd_node *node, uint32_t slot)
{
  struct swisd_members *members = node->members;
  swisd_rumour_drop(node, slot);
  swisd_members_timer_clear(members, &node->config, slot);
  list_leave(members, slot);
  index_remove(members, slot);
  memset(&members->table[slot].record, 0, sizeof members->table[slot].record);
  members->table[slot].state = SWISD_MEMBER_LEFT;
  members->links[slot].position = members->free_first;
  members->free_first = (uint16_t)slot;
}

void swisd_members_init(struct swisd_node *node, void *block)
{
  struct swisd_members *members = block;
  const struct swisd_config *config = &node->config;
  SWISD_ASSERT(config->limits.members_max >= 2 && config->limits.members_max < SWISD_MEMBER_NONE);
  SWISD_ASSERT(config->limits.rumours_max >= 1 && config->limits.rumours_max < SWISD_MEMBER_NONE);
  node->members = members;
  memset(members, 0, sizeof *members);
  layout(members, block, &config->limits);
  members->max = config->limits.members_max;
  members->free_first = members->verify = SWISD_MEMBER_NONE;
  const uint32_t size = index_size(members->max);
  members->index_mask = size - 1;
  memset(members->index, 0, size * sizeof *members->index);
  swisd_rumours_init(node);
  struct swisd_record self = {.id = config->id, .address_count = config->address_count, .kernels_class = config->kernels_class};
  self.flags = config->works ? SWISD_RECORD_WORKS : 0;
  memcpy(self.addresses, config->addresses, config->address_count * sizeof self.addresses[0]);
  memcpy(self.rates, config->rates, sizeof self.rates);
  const uint32_t slot = swisd_members_slot_take(members, &self);
  SWISD_ASSERT(slot == 0);
}

/* ---- the public view ---- */

const struct swisd_member *swisd_member_peek_id(const struct swisd_node *node, struct swisd_id id)
{
  const uint32_t index = swisd_members_lookup(node->members, id);
  return index == SWISD_MEMBER_NONE ? NULL : &node->members->table[index];
}

const struct swisd_member *swisd_member_peek(const struct swisd_node *node, uint32_t index)
{
  SWISD_ASSERT(index < node->members->count);
  return &node->members->table[index];
}

struct swisd_member *swisd_member_find(struct swisd_node *node, struct swisd_id id)
{
  const uint32_t index = swisd_members_lookup(node->members, id);
  return index == SWISD_MEMBER_NONE ? NULL : &node->members->table[index];
}

struct swisd_member *swisd_member_at(struct swisd_node *node, uint32_t index)
{
  SWISD_ASSERT(index < node->members->count);
  return &node->members->table[index];
}

uint32_t swisd_member_count(const struct swisd_node *node) { return node->members->count; }

uint32_t swisd_member_index(const struct swisd_node *node, const struct swisd_member *member)
{
  return (uint32_t)(member - node->members->table);
}

uint32_t swisd_members_up(const struct swisd_node *node) { return node->members->up_count; }
uint8_t swisd_members_local_health(const struct swisd_node *node) { return node->members->local_health; }
uint64_t swisd_members_refused(const struct swisd_node *node) { return node->members->refused; }

uint32_t swisd_member_random(struct swisd_node *node, uint32_t purpose)
{
  const struct swisd_members *members = node->members;
  return members->up_count ? members->up[swisd_philox_below(&node->random[purpose], members->up_count)] : SWISD_MEMBER_NONE;
}

uint32_t swisd_members_pick(struct swisd_node *node, uint32_t purpose, uint32_t wanted, uint32_t except, bool dead_too,
                            uint16_t *picks)
{
  const struct swisd_members *members = node->members;
  /* However many have died, at least half of the draws are of those who are up. */
  const uint32_t dead_pool = !dead_too ? 0 : members->down_count <= members->up_count ? members->down_count : members->up_count;
  const uint32_t pool = members->up_count + dead_pool;
  uint32_t count = 0;
  if (wanted > SWISD_PICKS_MAX)
    wanted = SWISD_PICKS_MAX;
  if (wanted > pool)
    wanted = pool;
  /* Rejection: each draw is good with a probability of at least 1 in `wanted` as long as any choice is left among those who
   * are up; when luck fails all the same, one datagram fewer goes out. */
  for (uint32_t draw = 0; draw < 6 * wanted && count < wanted; draw++) {
    const uint32_t at = swisd_philox_below(&node->random[purpose], pool);
    const uint16_t slot =
      at < members->up_count ? members->up[at] : members->down[swisd_philox_below(&node->random[purpose], members->down_count)];
    const struct swisd_member *member = &members->table[slot];
    bool good = slot != except;
    if (at >= members->up_count)
      good = good && member->state == SWISD_MEMBER_DEAD && node->now_ns - member->changed_ns < SWISD_GOSSIP_TO_DEAD_NS;
    for (uint32_t i = 0; i < count; i++)
      good = good && picks[i] != slot;
    if (good)
      picks[count++] = slot;
  }
  return count;
}
