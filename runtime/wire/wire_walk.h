/* The walk over a field table, for the four files that do something on the way. walk() is compiled once per visitor: it and the
 * visitor's functions are inlined into each other, so that a table costs little more than hand-written code.
 *
 * No recursion: nested structs and lists stand on a small stack, one level per array of the wire. Included by wire_pack.c,
 * wire_unpack.c and wire_digest.c alone; its names are file-local there. */
#ifndef SWISD_WIRE_WIRE_WALK_H
#define SWISD_WIRE_WIRE_WALK_H

#include <string.h>

#include "runtime/core/types.h"
#include "runtime/wire/wire_fields.h"

#define INLINE static inline __attribute__((always_inline))

/* Plain memory access at an offset: the walk knows no types. */
INLINE uint64_t load(const uint8_t *base, size_t offset, uint8_t kind)
{
  uint16_t u16;
  uint32_t u32;
  uint64_t u64;
  switch (kind) {
  case SWISD_FIELD_U8:
    return base[offset];
  case SWISD_FIELD_U16:
    memcpy(&u16, base + offset, sizeof u16);
    return u16;
  case SWISD_FIELD_U32:
    memcpy(&u32, base + offset, sizeof u32);
    return u32;
  default:
    memcpy(&u64, base + offset, sizeof u64);
    return u64;
  }
}

INLINE void store(uint8_t *base, size_t offset, uint8_t kind, uint64_t value)
{
  const uint16_t u16 = (uint16_t)value;
  const uint32_t u32 = (uint32_t)value;
  switch (kind) {
  case SWISD_FIELD_U8:
    base[offset] = (uint8_t)value;
    break;
  case SWISD_FIELD_U16:
    memcpy(base + offset, &u16, sizeof u16);
    break;
  case SWISD_FIELD_U32:
    memcpy(base + offset, &u32, sizeof u32);
    break;
  default:
    memcpy(base + offset, &value, sizeof value);
    break;
  }
}

INLINE bool in_range(const struct swisd_field *field, uint64_t value)
{
  static const uint64_t fits[] = {UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX};
  return value >= field->min && value <= (field->max != 0 ? field->max : fits[field->kind]);
}

/* On the wire an address is its bytes, then its port. 0 for a family unknown here. */
INLINE uint32_t address_bytes(int family)
{
  switch (family) {
  case SWISD_ADDRESS_IPV4:
  case SWISD_ADDRESS_INDEX:
    return 4;
  case SWISD_ADDRESS_IPV6:
    return 16;
  default:
    return 0;
  }
}

INLINE bool is_present(const struct swisd_field *field, const uint8_t *base)
{
  return field->presence == SWISD_FIELD_ALWAYS ||
         (base[field->selector] == field->value) == (field->presence == SWISD_FIELD_WHEN);
}

/* Values in the array of a struct, its tag apart. */
static inline uint32_t values_of(const struct swisd_fields *fields, const uint8_t *base)
{
  uint32_t count = 0;
  for (const struct swisd_field *field = fields->list; field < fields->list + fields->count; field++)
    if (!fields->conditional || is_present(field, base))
      count += field->kind == SWISD_FIELD_SPAN ? 2 : 1;
  return count;
}

struct level {
  const struct swisd_fields *fields;
  const struct swisd_field *next;
  size_t base;            /* offset of the struct from the root */
  uint32_t elements_left; /* of the list, this one included; 1 for a struct */
  uint32_t stride;
  uint32_t values_left; /* in this struct's array, as its head said */
};

/* What is done on the way. Each returns SWISD_WIRE_OK or a negative status, which ends the walk. Offsets count from the root.
 * A visitor that writes does so before the walk looks: it keeps the same memory, writable, in its context. */
struct visitor {
  int (*open)(void *context, const struct swisd_fields *fields, size_t base, uint32_t *values); /* a struct begins */
  int (*list)(void *context, const struct swisd_field *field, size_t counter, uint32_t *count); /* a list begins */
  int (*leaf)(void *context, const struct swisd_field *field, size_t base);
  int (*close)(void *context, const struct swisd_fields *fields, size_t base, uint32_t values); /* a struct ends */
};

INLINE int close_nothing(void *context, const struct swisd_fields *fields, size_t base, uint32_t values)
{
  (void)context, (void)fields, (void)base, (void)values;
  return SWISD_WIRE_OK;
}

INLINE int enter(struct level *level, const struct visitor *visitor, void *context)
{
  level->next = level->fields->list;
  return visitor->open(context, level->fields, level->base, &level->values_left);
}

INLINE int walk_list(const struct swisd_field *field, struct level **top, const struct visitor *visitor, void *context)
{
  const size_t base = (*top)->base;
  uint32_t count = 0;
  int status = visitor->list(context, field, base + field->other, &count);
  if (status != SWISD_WIRE_OK || count == 0)
    return status;
  if (field->of->bare) {
    for (uint32_t i = 0; i < count && status == SWISD_WIRE_OK; i++)
      status = visitor->leaf(context, field->of->list, base + field->offset + (size_t)i * field->stride);
    return status;
  }
  struct level *level = ++*top;
  level->fields = field->of;
  level->base = base + field->offset;
  level->elements_left = count;
  level->stride = field->stride;
  return enter(level, visitor, context);
}

/* Visits all fields of the struct `fields` at `root`, whose array has `values` values left. */
INLINE int walk(const struct swisd_fields *fields, const uint8_t *root, uint32_t values, const struct visitor *visitor,
                void *context)
{
  struct level stack[SWISD_FIELDS_DEPTH_MAX], *top = stack;
  int status = SWISD_WIRE_OK;
  *top = (struct level){fields, fields->list, 0, 1, 0, values};
  while (status == SWISD_WIRE_OK) {
    const struct swisd_field *field = top->next;
    if (field == top->fields->list + top->fields->count) {
      status = visitor->close(context, top->fields, top->base, top->values_left);
      if (status != SWISD_WIRE_OK)
        return status;
      if (--top->elements_left > 0) {
        top->base += top->stride;
        status = enter(top, visitor, context);
      } else if (top == stack) {
        return SWISD_WIRE_OK;
      } else {
        top--;
      }
      continue;
    }
    top->next++;
    if (!is_present(field, root + top->base))
      continue;
    const uint32_t takes = field->kind == SWISD_FIELD_SPAN ? 2 : 1;
    if (top->values_left < takes)
      return SWISD_WIRE_MALFORMED;
    top->values_left -= takes;
    if (field->kind < SWISD_FIELD_STRUCT) {
      status = visitor->leaf(context, field, top->base);
    } else if (field->kind == SWISD_FIELD_LIST) {
      status = walk_list(field, &top, visitor, context);
    } else {
      struct level *level = top + 1;
      level->fields = field->of;
      level->base = top->base + field->offset;
      level->elements_left = 1;
      top = level;
      status = enter(level, visitor, context);
    }
  }
  return status;
}

#endif
