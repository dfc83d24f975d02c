/* A map from 64-bit keys to 64-bit values (an index, or a pointer), iterated in the order of insertion, so that nothing
 * ever depends on hash order. Open addressing over a dense array of entries; grows by doubling; for drivers and tools,
 * not for the core. */
#ifndef SWISD_BASE_MAP_H
#define SWISD_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

struct swisd_map_entry {
  uint64_t key, value;
  bool live;
};

struct swisd_map {
  struct swisd_map_entry *entries; /* in order of insertion, removed ones among them until the next rebuild */
  uint32_t *slots;                 /* entry + 1, 0 = free; slot_count is a power of two */
  uint32_t slot_count;
  uint32_t used; /* entries, live or not */
  uint32_t live;
};

/* A zeroed map is empty and ready. */
void swisd_map_free(struct swisd_map *map); /* leaves it empty and ready */

/* Sets the value of `key`; a key that was there keeps its place in the order. -1 when memory is out: nothing changed. */
int swisd_map_put(struct swisd_map *map, uint64_t key, uint64_t value);

/* Whether `key` is there; if so, *value is set (value may be NULL). */
bool swisd_map_find(const struct swisd_map *map, uint64_t key, uint64_t *value);

/* Removes `key`; whether it was there, and if so its value (may be NULL). */
bool swisd_map_remove(struct swisd_map *map, uint64_t key, uint64_t *value);

/* Iteration: start with *cursor = 0; false at the end. Removing the entry just seen is allowed, putting is not. */
bool swisd_map_next(const struct swisd_map *map, uint32_t *cursor, uint64_t *key, uint64_t *value);

/* The same for values that are pointers; NULL when absent. */
static inline int swisd_map_put_pointer(struct swisd_map *map, uint64_t key, void *pointer)
{
  return swisd_map_put(map, key, (uint64_t)(uintptr_t)pointer);
}

static inline void *swisd_map_find_pointer(const struct swisd_map *map, uint64_t key)
{
  uint64_t value;
  return swisd_map_find(map, key, &value) ? (void *)(uintptr_t)value : 0;
}

#endif
