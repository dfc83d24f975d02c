/* Linear probing at a load of at most one half. Removal shifts later entries of the run back, so no slot is ever a
 * tombstone; the dense array keeps its holes until it is rebuilt, which happens when it is full. */
#include "runtime/base/map.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS_MIN = 16 };

/* The finalizer of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit. */
static uint32_t hash(uint64_t key)
{
  key ^= key >> 33;
  key *= UINT64_C(0xff51afd7ed558ccd);
  key ^= key >> 33;
  key *= UINT64_C(0xc4ceb9fe1a85ec53);
  return (uint32_t)(key ^ key >> 33);
}

/* The slot that holds `key`, or the free one where it belongs. */
static uint32_t slot_of(const struct swisd_map *map, uint64_t key)
{
  const uint32_t mask = map->slot_count - 1;
  uint32_t slot = hash(key) & mask;
  while (map->slots[slot] && map->entries[map->slots[slot] - 1].key != key) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

/* Room for one more entry: drops removed ones, and doubles when the live ones fill more than a quarter of the slots. */
static int rebuild(struct swisd_map *map)
{
  uint32_t slot_count = map->slot_count ? map->slot_count : SLOTS_MIN;
  if (map->live >= slot_count / 4) {
    if (slot_count > UINT32_MAX / 2) {
      return -1;
    }
    slot_count *= 2;
  }
  struct swisd_map next = {.slot_count = slot_count};
  next.entries = malloc((size_t)slot_count / 2 * sizeof *next.entries);
  next.slots = calloc(slot_count, sizeof *next.slots);
  if (!next.entries || !next.slots) {
    swisd_map_free(&next);
    return -1;
  }
  for (uint32_t i = 0; i < map->used; i++) {
    if (map->entries[i].live) {
      next.entries[next.used] = map->entries[i];
      next.slots[slot_of(&next, map->entries[i].key)] = ++next.used;
    }
  }
  next.live = next.used;
  swisd_map_free(map);
  *map = next;
  return 0;
}

void swisd_map_free(struct swisd_map *map)
{
  free(map->entries);
  free(map->slots);
  *map = (struct swisd_map){0};
}

int swisd_map_put(struct swisd_map *map, uint64_t key, uint64_t value)
{
  if (map->slot_count) {
    const uint32_t entry = map->slots[slot_of(map, key)];
    if (entry) {
      map->entries[entry - 1].value = value;
      return 0;
    }
  }
  if (map->used == map->slot_count / 2 && rebuild(map) < 0) {
    return -1;
  }
  map->entries[map->used] = (struct swisd_map_entry){.key = key, .value = value, .live = true};
  map->slots[slot_of(map, key)] = ++map->used;
  map->live++;
  return 0;
}

bool swisd_map_find(const struct swisd_map *map, uint64_t key, uint64_t *value)
{
  const uint32_t entry = map->slot_count ? map->slots[slot_of(map, key)] : 0;
  if (entry && value) {
    *value = map->entries[entry - 1].value;
  }
  return entry != 0;
}

bool swisd_map_remove(struct swisd_map *map, uint64_t key, uint64_t *value)
{
  if (!swisd_map_find(map, key, value)) {
    return false;
  }
  const uint32_t mask = map->slot_count - 1;
  uint32_t hole = slot_of(map, key);
  map->entries[map->slots[hole] - 1].live = false;
  map->live--;
  map->slots[hole] = 0;
  for (uint32_t slot = (hole + 1) & mask; map->slots[slot]; slot = (slot + 1) & mask) {
    const uint32_t wanted = hash(map->entries[map->slots[slot] - 1].key) & mask;
    if (((slot - wanted) & mask) >= ((slot - hole) & mask)) {
      map->slots[hole] = map->slots[slot];
      map->slots[slot] = 0;
      hole = slot;
    }
  }
  return true;
}

bool swisd_map_next(const struct swisd_map *map, uint32_t *cursor, uint64_t *key, uint64_t *value)
{
  while (*cursor < map->used) {
    const struct swisd_map_entry *entry = &map->entries[(*cursor)++];
    if (entry->live) {
      *key = entry->key;
      *value = entry->value;
      return true;
    }
  }
  return false;
}
