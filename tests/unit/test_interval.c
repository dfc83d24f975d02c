/* Interval maps against an array with one state per item. */
#include <string.h>

#include "runtime/base/philox.h"
#include "runtime/core/interval.h"
#include "tests/unit/cmocka_all.h"

enum { ITEMS = 200, POOL = 64 };

struct world {
  struct swisd_interval_pool pool;
  struct swisd_lane lane;
  struct swisd_interval block[POOL + 1];
  uint8_t state[ITEMS];
};

static void compare(struct world *w)
{
  swisd_interval_check(&w->pool, &w->lane);
  uint8_t seen[ITEMS] = {0};
  uint64_t ready = 0, accepted = 0;
  for (uint16_t i = w->lane.first; i; i = w->pool.list[i].next)
    memset(seen + w->pool.list[i].lo, w->pool.list[i].state, w->pool.list[i].hi - w->pool.list[i].lo);
  assert_memory_equal(seen, w->state, ITEMS);
  for (int k = 0; k < ITEMS; k++) {
    ready += w->state[k] == SWISD_INTERVAL_READY;
    accepted += w->state[k] >= SWISD_INTERVAL_ACCEPTED;
  }
  uint16_t first_ready = w->lane.first;
  while (first_ready && w->pool.list[first_ready].state != SWISD_INTERVAL_READY)
    first_ready = w->pool.list[first_ready].next;
  assert_int_equal(swisd_interval_first_ready(&w->pool, &w->lane), first_ready);
  uint16_t first_wanted = w->lane.first;
  while (first_wanted && !w->pool.list[first_wanted].wanted)
    first_wanted = w->pool.list[first_wanted].next;
  assert_int_equal(swisd_interval_first_wanted(&w->pool, &w->lane), first_wanted);
  assert_int_equal(w->lane.ready_items, ready);
  assert_int_equal(w->lane.accepted_items, accepted);
}

static void add_missing(struct world *w, struct swisd_philox *random)
{
  uint64_t lo = swisd_philox_below(random, ITEMS), hi = lo;
  while (hi < ITEMS && hi < lo + 20 && w->state[hi] == 0)
    hi++;
  if (hi > lo && swisd_interval_add(&w->pool, &w->lane, lo, hi, SWISD_INTERVAL_READY, false))
    memset(w->state + lo, SWISD_INTERVAL_READY, hi - lo);
}

static void change_one(struct world *w, struct swisd_philox *random)
{
  const uint64_t item = swisd_philox_below(random, ITEMS);
  uint16_t i = swisd_interval_find(&w->pool, &w->lane, item);
  if (i == 0 || w->pool.list[i].lo > item)
    return;
  const uint64_t lo = w->pool.list[i].lo, hi = w->pool.list[i].hi;
  if (w->pool.list[i].state == SWISD_INTERVAL_READY && hi - lo > 1 && swisd_philox_below(random, 2)) {
    const uint64_t at = lo + 1 + swisd_philox_below(random, (uint32_t)(hi - lo - 1));
    if (swisd_interval_split(&w->pool, &w->lane, i, at) == 0)
      return;
    swisd_interval_become(&w->pool, &w->lane, i, SWISD_INTERVAL_ACCEPTED, false);
    memset(w->state + lo, SWISD_INTERVAL_ACCEPTED, at - lo);
    /* The rest may have a READY neighbour to merge with only after its state is entered again. */
    i = swisd_interval_find(&w->pool, &w->lane, at);
    swisd_interval_become(&w->pool, &w->lane, i, SWISD_INTERVAL_READY, false);
    return;
  }
  if (w->pool.list[i].state == SWISD_INTERVAL_READY && swisd_philox_below(random, 8) == 0) {
    swisd_interval_want(&w->pool, &w->lane, i, !w->pool.list[i].wanted);
    return;
  }
  if (swisd_philox_below(random, 4) == 0) {
    swisd_interval_remove(&w->pool, &w->lane, i);
    memset(w->state + lo, 0, hi - lo);
    return;
  }
  static const uint8_t next[] = {
    0, SWISD_INTERVAL_CHECKING, 0, SWISD_INTERVAL_ACCEPTED, SWISD_INTERVAL_CONSUMED, SWISD_INTERVAL_READY};
  const uint8_t state = next[w->pool.list[i].state];
  swisd_interval_become(&w->pool, &w->lane, i, (enum swisd_interval_state)state, false);
  memset(w->state + lo, state, hi - lo);
}

static void a_map_agrees_with_an_array_of_items_whatever_happens(void **unused)
{
  (void)unused;
  for (uint32_t seed = 1; seed <= 40; seed++) {
    struct world w = {0};
    struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 0);
    swisd_interval_pool_init(&w.pool, w.block, POOL);
    for (int round = 0; round < 600; round++) {
      if (swisd_philox_below(&random, 3) == 0)
        add_missing(&w, &random);
      else
        change_one(&w, &random);
      compare(&w);
      const uint64_t item = swisd_philox_below(&random, ITEMS);
      uint16_t above = w.lane.first;
      while (above && w.pool.list[above].hi <= item)
        above = w.pool.list[above].next;
      assert_int_equal(swisd_interval_find(&w.pool, &w.lane, item), above);
      const uint64_t lo = swisd_philox_below(&random, ITEMS), hi = lo + swisd_philox_below(&random, (uint32_t)(ITEMS - lo));
      bool all = true;
      for (uint64_t k = lo; k < hi; k++)
        all = all && w.state[k] >= SWISD_INTERVAL_ACCEPTED;
      assert_int_equal(swisd_interval_accepted(&w.pool, &w.lane, lo, hi), all);
    }
    swisd_interval_clear(&w.pool, &w.lane);
    assert_int_equal(w.pool.free_count, POOL);
  }
}

static void an_empty_pool_refuses_and_changes_nothing(void **unused)
{
  (void)unused;
  struct world w = {0};
  swisd_interval_pool_init(&w.pool, w.block, 2);
  assert_int_not_equal(swisd_interval_add(&w.pool, &w.lane, 0, 10, SWISD_INTERVAL_READY, false), 0);
  assert_int_not_equal(swisd_interval_add(&w.pool, &w.lane, 20, 30, SWISD_INTERVAL_READY, false), 0);
  assert_int_equal(swisd_interval_add(&w.pool, &w.lane, 40, 50, SWISD_INTERVAL_READY, false), 0);
  assert_int_equal(swisd_interval_split(&w.pool, &w.lane, w.lane.first, 5), 0);
  assert_int_equal(w.lane.ready_items, 20);
  swisd_interval_check(&w.pool, &w.lane);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_map_agrees_with_an_array_of_items_whatever_happens),
    cmocka_unit_test(an_empty_pool_refuses_and_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
