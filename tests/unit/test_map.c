/* The map against a naive list, under random operations, and its promise about order. */
#include "runtime/base/map.h"

#include <stdlib.h>

#include "runtime/base/philox.h"
#include "tests/unit/cmocka_all.h"

enum { KEYS = 200, STEPS = 20000 };

/* The model: keys in order of insertion. */
struct list {
  uint64_t keys[KEYS], values[KEYS];
  uint32_t count;
};

static int list_index(const struct list *list, uint64_t key)
{
  for (uint32_t i = 0; i < list->count; i++) {
    if (list->keys[i] == key) {
      return (int)i;
    }
  }
  return -1;
}

static void list_put(struct list *list, uint64_t key, uint64_t value)
{
  int i = list_index(list, key);
  if (i < 0) {
    i = (int)list->count++;
  }
  list->keys[i] = key;
  list->values[i] = value;
}

static void list_remove(struct list *list, int index)
{
  list->count--;
  for (uint32_t i = (uint32_t)index; i < list->count; i++) {
    list->keys[i] = list->keys[i + 1];
    list->values[i] = list->values[i + 1];
  }
}

static void check_equal(const struct swisd_map *map, const struct list *list)
{
  uint32_t cursor = 0, i = 0;
  uint64_t key, value;
  assert_int_equal(map->live, list->count);
  while (swisd_map_next(map, &cursor, &key, &value)) {
    assert_true(i < list->count && key == list->keys[i] && value == list->values[i]);
    i++;
  }
  assert_int_equal(i, list->count);
}

static void random_operations_agree_with_a_list_in_content_and_order(void **state)
{
  (void)state;
  struct swisd_map map = {0};
  struct list list = {.count = 0};
  struct swisd_philox stream = swisd_philox_stream(1, 0, 0, 0);
  for (int step = 0; step < STEPS; step++) {
    /* Multiples of 2^40 and small numbers: both halves of a key matter. */
    const uint32_t pick = swisd_philox_below(&stream, KEYS);
    const uint64_t key = pick & 1 ? (uint64_t)pick << 40 : pick;
    const int index = list_index(&list, key);
    uint64_t value = 0;
    if (swisd_philox_below(&stream, 5) < 3) {
      value = swisd_philox_u64(&stream);
      assert_int_equal(swisd_map_put(&map, key, value), 0);
      list_put(&list, key, value);
    } else {
      assert_int_equal(swisd_map_remove(&map, key, &value), index >= 0);
      if (index >= 0) {
        assert_true(value == list.values[index]);
        list_remove(&list, index);
      }
    }
    assert_int_equal(swisd_map_find(&map, key, NULL), list_index(&list, key) >= 0);
    if (step % 50 == 0) {
      check_equal(&map, &list);
    }
  }
  check_equal(&map, &list);
  swisd_map_free(&map);
}

static void an_entry_may_be_removed_while_it_is_visited(void **state)
{
  (void)state;
  struct swisd_map map = {0};
  for (uint64_t key = 0; key < 100; key++) {
    assert_int_equal(swisd_map_put(&map, key, key * 10), 0);
  }
  uint32_t cursor = 0, visited = 0;
  uint64_t key, value;
  while (swisd_map_next(&map, &cursor, &key, &value)) {
    assert_int_equal(key, visited++);
    assert_true(key % 3 != 0 || swisd_map_remove(&map, key, NULL));
  }
  assert_int_equal(visited, 100);
  assert_int_equal(map.live, 66);
  assert_false(swisd_map_find(&map, 99, NULL));
  assert_true(swisd_map_find(&map, 98, &value) && value == 980);
  swisd_map_free(&map);
}

static void constant_turnover_does_not_grow_the_map(void **state)
{
  (void)state;
  struct swisd_map map = {0};
  for (uint64_t key = 0; key < 100000; key++) {
    assert_int_equal(swisd_map_put(&map, key, 0), 0);
    assert_true(key < 5 || swisd_map_remove(&map, key - 5, NULL));
  }
  assert_true(map.slot_count <= 64);
  swisd_map_free(&map);
}

static void an_empty_map_answers_and_a_freed_one_is_empty(void **state)
{
  (void)state;
  struct swisd_map map = {0};
  uint32_t cursor = 0;
  uint64_t key, value;
  assert_false(swisd_map_find(&map, 1, NULL));
  assert_false(swisd_map_remove(&map, 1, NULL));
  assert_false(swisd_map_next(&map, &cursor, &key, &value));
  assert_int_equal(swisd_map_put_pointer(&map, 1, &map), 0);
  assert_ptr_equal(swisd_map_find_pointer(&map, 1), &map);
  swisd_map_free(&map);
  assert_null(swisd_map_find_pointer(&map, 1));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(random_operations_agree_with_a_list_in_content_and_order),
    cmocka_unit_test(an_entry_may_be_removed_while_it_is_visited),
    cmocka_unit_test(constant_turnover_does_not_grow_the_map),
    cmocka_unit_test(an_empty_map_answers_and_a_freed_one_is_empty),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
