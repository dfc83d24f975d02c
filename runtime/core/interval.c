/* Interval maps over a shared pool. */
#include "runtime/core/interval.h"

#include "runtime/core/memory.h"
#include "runtime/core/panic.h"

size_t swisd_interval_pool_size(uint16_t max) { return ((size_t)max + 1) * sizeof(struct swisd_interval); }

void swisd_interval_pool_init(struct swisd_interval_pool *pool, void *block, uint16_t max)
{
  pool->list = block;
  pool->max = max;
  pool->free_count = max;
  pool->free_first = max ? 1 : 0;
  memset(pool->list, 0, swisd_interval_pool_size(max));
  for (uint32_t i = 1; i < max; i++)
    pool->list[i].next = (uint16_t)(i + 1);
}

static uint16_t take(struct swisd_interval_pool *pool)
{
  const uint16_t index = pool->free_first;
  if (index == 0)
    return 0;
  pool->free_first = pool->list[index].next;
  pool->free_count--;
  memset(&pool->list[index], 0, sizeof pool->list[index]);
  return index;
}

static void give_back(struct swisd_interval_pool *pool, uint16_t index)
{
  memset(&pool->list[index], 0, sizeof pool->list[index]);
  pool->list[index].next = pool->free_first;
  pool->free_first = index;
  pool->free_count++;
}

static void count(struct swisd_lane *lane, const struct swisd_interval *interval, int sign)
{
  const uint64_t items = sign > 0 ? interval->hi - interval->lo : 0 - (interval->hi - interval->lo);
  if (interval->state == SWISD_INTERVAL_READY)
    lane->ready_items += items;
  if (interval->state >= SWISD_INTERVAL_ACCEPTED)
    lane->accepted_items += items;
  if (interval->wanted)
    lane->wanted_items += items;
  if (interval->wanted && interval->state == SWISD_INTERVAL_READY)
    lane->wanted_ready_items += items;
}

static void unlink(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index)
{
  const struct swisd_interval *interval = &pool->list[index];
  if (interval->previous)
    pool->list[interval->previous].next = interval->next;
  else
    lane->first = interval->next;
  if (interval->next)
    pool->list[interval->next].previous = interval->previous;
  if (lane->hint == index)
    lane->hint = interval->previous;
  for (uint32_t f = 0; f < SWISD_FINGERS; f++)
    if (lane->fingers[f] == index)
      lane->fingers[f] = interval->previous;
  const uint16_t neighbour = interval->next ? interval->next : interval->previous;
  if (lane->ready_from == index)
    lane->ready_from = neighbour;
  if (lane->wanted_from == index)
    lane->wanted_from = neighbour;
  give_back(pool, index);
}

/* An interval has become READY or wanted: none of its kind may lie before the place where the search for them starts. */
static void lower_starts(const struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index)
{
  const struct swisd_interval *interval = &pool->list[index];
  if (interval->state == SWISD_INTERVAL_READY && lane->ready_from && interval->lo < pool->list[lane->ready_from].lo)
    lane->ready_from = index;
  if (interval->wanted && lane->wanted_from && interval->lo < pool->list[lane->wanted_from].lo)
    lane->wanted_from = index;
}

static void link_before(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, uint16_t previous,
                        uint16_t next)
{
  pool->list[index].previous = previous;
  pool->list[index].next = next;
  if (previous)
    pool->list[previous].next = index;
  else
    lane->first = index;
  if (next)
    pool->list[next].previous = index;
}

/* READY ones differ by `wanted`, `urgent` and `failures`; CONSUMED ones are all alike. */
static bool alike(const struct swisd_interval *a, const struct swisd_interval *b)
{
  if (a->state != b->state || a->hi != b->lo)
    return false;
  return a->state == SWISD_INTERVAL_CONSUMED ||
         (a->state == SWISD_INTERVAL_READY && a->wanted == b->wanted && a->urgent == b->urgent && a->failures == b->failures);
}

/* The counts of the lane do not change: the items stay in their state. */
static uint16_t merge(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index)
{
  const uint16_t next = pool->list[index].next;
  if (next && alike(&pool->list[index], &pool->list[next])) {
    pool->list[index].hi = pool->list[next].hi;
    unlink(pool, lane, next);
  }
  const uint16_t previous = pool->list[index].previous;
  if (previous && alike(&pool->list[previous], &pool->list[index])) {
    pool->list[previous].hi = pool->list[index].hi;
    unlink(pool, lane, index);
    return previous;
  }
  return index;
}

static uint64_t distance(const struct swisd_interval *interval, uint64_t item)
{
  return item < interval->lo ? interval->lo - item : item < interval->hi ? 0 : item - interval->hi;
}

/* Of `index` and the places known, the one nearest to `item`. */
static uint16_t nearest(const struct swisd_interval_pool *pool, const struct swisd_lane *lane, uint16_t index, uint64_t item)
{
  uint64_t least = distance(&pool->list[index], item);
  for (uint32_t f = 0; f <= SWISD_FINGERS; f++) {
    const uint16_t finger = f < SWISD_FINGERS ? lane->fingers[f] : lane->first;
    const uint64_t from = finger ? distance(&pool->list[finger], item) : SWISD_NEVER;
    if (from < least) {
      least = from;
      index = finger;
    }
  }
  return index;
}

/* Callers work at a few places of a lane in turn: what is answered next, what is issued, what is made ready at the end. So a
 * walk that is not there after some steps goes on from the nearest of the places where such walks have ended. */
static uint16_t find_afar(const struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, uint64_t item)
{
  const struct swisd_interval *list = pool->list;
  index = nearest(pool, lane, index, item);
  while (list[index].previous && list[list[index].previous].hi > item)
    index = list[index].previous;
  uint16_t last = index;
  while (index && list[index].hi <= item) {
    last = index;
    index = list[index].next;
  }
  lane->hint = index ? index : last;
  lane->fingers[lane->finger_next] = lane->hint;
  lane->finger_next = (uint8_t)((lane->finger_next + 1u) % SWISD_FINGERS);
  return index;
}

uint16_t swisd_interval_find(const struct swisd_interval_pool *pool, struct swisd_lane *lane, uint64_t item)
{
  const struct swisd_interval *list = pool->list;
  uint16_t index = lane->hint ? lane->hint : lane->first;
  uint32_t steps = 6;
  if (list[index].lo <= item) {
    while (list[index].hi <= item) { /* of entry 0, which is nobody, both are 0 */
      lane->hint = index;
      index = list[index].next;
      if (index == 0)
        return 0;
      if (--steps == 0)
        return find_afar(pool, lane, index, item);
    }
  } else {
    for (uint16_t before; (before = list[index].previous) != 0 && list[before].hi > item; index = before)
      if (--steps == 0)
        return find_afar(pool, lane, index, item);
  }
  lane->hint = index;
  return index;
}

uint16_t swisd_interval_first_ready(const struct swisd_interval_pool *pool, struct swisd_lane *lane)
{
  if (lane->ready_items == 0)
    return 0;
  uint16_t index = lane->ready_from ? lane->ready_from : lane->first;
  while (pool->list[index].state != SWISD_INTERVAL_READY)
    index = pool->list[index].next;
  return lane->ready_from = index;
}

uint16_t swisd_interval_first_wanted(const struct swisd_interval_pool *pool, struct swisd_lane *lane)
{
  if (lane->wanted_items == 0)
    return 0;
  uint16_t index = lane->wanted_from ? lane->wanted_from : lane->first;
  while (!pool->list[index].wanted)
    index = pool->list[index].next;
  return lane->wanted_from = index;
}

uint16_t swisd_interval_add(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint64_t lo, uint64_t hi,
                            enum swisd_interval_state state, bool wanted)
{
  SWISD_ASSERT(lo < hi);
  const uint16_t next = swisd_interval_find(pool, lane, lo);
  uint16_t previous = 0;
  if (next) {
    SWISD_ASSERT(pool->list[next].lo >= hi);
    previous = pool->list[next].previous;
  } else if (lane->hint) {
    previous = lane->hint;
    while (pool->list[previous].next)
      previous = pool->list[previous].next;
  }
  const struct swisd_interval added = {.lo = lo, .hi = hi, .state = (uint8_t)state, .wanted = wanted, .urgent = wanted};
  if (previous && alike(&pool->list[previous], &added)) { /* takes no entry */
    count(lane, &added, 1);
    pool->list[previous].hi = hi;
    return merge(pool, lane, previous);
  }
  const uint16_t index = take(pool);
  if (index == 0)
    return 0;
  struct swisd_interval *interval = &pool->list[index];
  *interval = added;
  link_before(pool, lane, index, previous, next);
  count(lane, interval, 1);
  lower_starts(pool, lane, index);
  return merge(pool, lane, index);
}

uint16_t swisd_interval_split(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, uint64_t at)
{
  struct swisd_interval *interval = &pool->list[index];
  SWISD_ASSERT(interval->lo < at && at < interval->hi);
  const uint16_t second = take(pool);
  if (second == 0)
    return 0;
  pool->list[second] = *interval;
  pool->list[second].lo = at;
  interval->hi = at;
  link_before(pool, lane, second, index, interval->next);
  return second;
}

void swisd_interval_join(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t first, uint16_t second)
{
  struct swisd_interval *a = &pool->list[first];
  const struct swisd_interval *b = &pool->list[second];
  SWISD_ASSERT(a->next == second && a->hi == b->lo);
  SWISD_ASSERT(a->state == SWISD_INTERVAL_ACCEPTED && b->state == SWISD_INTERVAL_ACCEPTED);
  a->hi = b->hi;
  unlink(pool, lane, second);
}

uint16_t swisd_interval_become(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index,
                               enum swisd_interval_state state, bool wanted)
{
  struct swisd_interval *interval = &pool->list[index];
  SWISD_ASSERT(interval->state != SWISD_INTERVAL_FREE && state != SWISD_INTERVAL_FREE);
  count(lane, interval, -1);
  interval->state = (uint8_t)state;
  interval->wanted = wanted;
  interval->waits = false;
  interval->urgent = state != SWISD_INTERVAL_CONSUMED && (interval->urgent || (state == SWISD_INTERVAL_READY && wanted));
  if (state == SWISD_INTERVAL_READY || state == SWISD_INTERVAL_CONSUMED) {
    interval->copy_count = 0;
    interval->ticket = 0;
    interval->partner = 0;
    interval->owner = (struct swisd_id){0, 0};
    memset(&interval->body, 0, sizeof interval->body);
    interval->body_lo = interval->body_hi = 0;
  }
  if (state != SWISD_INTERVAL_ISSUED)
    interval->copy_count = 0;
  count(lane, interval, 1);
  lower_starts(pool, lane, index);
  return merge(pool, lane, index);
}

void swisd_interval_want(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, bool wanted)
{
  count(lane, &pool->list[index], -1);
  pool->list[index].wanted = wanted;
  pool->list[index].waits = false;
  count(lane, &pool->list[index], 1);
  lower_starts(pool, lane, index);
}

void swisd_interval_remove(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index)
{
  count(lane, &pool->list[index], -1);
  unlink(pool, lane, index);
}

void swisd_interval_trim(struct swisd_interval_pool *pool, struct swisd_lane *lane, uint16_t index, uint64_t at)
{
  struct swisd_interval *interval = &pool->list[index];
  SWISD_ASSERT(interval->state == SWISD_INTERVAL_READY && interval->lo < at && at < interval->hi);
  count(lane, interval, -1);
  interval->hi = at;
  count(lane, interval, 1);
}

void swisd_interval_clear(struct swisd_interval_pool *pool, struct swisd_lane *lane)
{
  while (lane->first)
    swisd_interval_remove(pool, lane, lane->first);
  lane->hint = lane->ready_from = lane->wanted_from = 0;
  memset(lane->fingers, 0, sizeof lane->fingers);
}

bool swisd_interval_accepted(const struct swisd_interval_pool *pool, struct swisd_lane *lane, uint64_t lo, uint64_t hi)
{
  for (uint16_t index = swisd_interval_find(pool, lane, lo); lo < hi; index = pool->list[index].next) {
    if (index == 0 || pool->list[index].lo > lo || pool->list[index].state < SWISD_INTERVAL_ACCEPTED)
      return false;
    lo = pool->list[index].hi;
  }
  return true;
}

void swisd_interval_check(const struct swisd_interval_pool *pool, const struct swisd_lane *lane)
{
  struct swisd_lane sum = {0};
  uint16_t previous = 0;
  bool may_be_ready = lane->ready_from == 0, may_be_wanted = lane->wanted_from == 0;
  for (uint16_t index = lane->first; index; index = pool->list[index].next) {
    const struct swisd_interval *interval = &pool->list[index];
    SWISD_ASSERT(interval->lo < interval->hi);
    SWISD_ASSERT(interval->previous == previous);
    SWISD_ASSERT(!previous || pool->list[previous].hi <= interval->lo);
    SWISD_ASSERT(interval->state >= SWISD_INTERVAL_READY && interval->state <= SWISD_INTERVAL_CONSUMED);
    SWISD_ASSERT((interval->state == SWISD_INTERVAL_ISSUED) == (interval->copy_count > 0));
    SWISD_ASSERT(interval->copy_count <= SWISD_COPIES_MAX);
    SWISD_ASSERT(!interval->wanted || interval->state <= SWISD_INTERVAL_ISSUED);
    may_be_ready = may_be_ready || index == lane->ready_from;
    may_be_wanted = may_be_wanted || index == lane->wanted_from;
    SWISD_ASSERT(may_be_ready || interval->state != SWISD_INTERVAL_READY);
    SWISD_ASSERT(may_be_wanted || !interval->wanted);
    SWISD_ASSERT(!interval->waits || (interval->state == SWISD_INTERVAL_ISSUED && !interval->wanted));
    count(&sum, interval, 1);
    previous = index;
  }
  SWISD_ASSERT(sum.ready_items == lane->ready_items);
  SWISD_ASSERT(sum.wanted_items == lane->wanted_items && sum.wanted_ready_items == lane->wanted_ready_items);
  SWISD_ASSERT(sum.accepted_items == lane->accepted_items);
}
