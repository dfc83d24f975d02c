/* One description of a struct's fields that sizes, packs, unpacks and digests it, so that the four cannot disagree.
 *
 * A table lists the fields in the order of the wire, each with its kind, its place in the struct and its bounds; tables nest,
 * at most SWISD_FIELDS_DEPTH_MAX deep. A value on the wire is [tag, field, field, ...]: the tag is the type of a message, the
 * kind of an event, or a version. The macros take names and types from the struct itself: a wrong one does not compile, and
 * the bound of a list is the length of its array.
 *
 * All functions keep to the bounds for their own structs as well: a count beyond its array is refused, never followed. */
#ifndef SWISD_WIRE_WIRE_FIELDS_H
#define SWISD_WIRE_WIRE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/wire/wire_cursor.h"

enum { SWISD_FIELDS_DEPTH_MAX = 5 };

enum swisd_field_kind {
  SWISD_FIELD_U8,
  SWISD_FIELD_U16,
  SWISD_FIELD_U32,
  SWISD_FIELD_U64, /* min .. max */
  SWISD_FIELD_BOOL,
  SWISD_FIELD_STATUS,  /* enum swisd_status, negated on the wire */
  SWISD_FIELD_ID,      /* bin 16, zero as nil, which min = 1 forbids */
  SWISD_FIELD_ADDRESS, /* ext */
  SWISD_FIELD_SPAN,    /* two u64, lo <= hi, sent as lo and hi - lo: two values */
  SWISD_FIELD_BYTES,   /* bin of up to max bytes, counted by a u8 */
  SWISD_FIELD_ALONG,   /* bin of as many bytes as an earlier LIST has elements */
  SWISD_FIELD_STRUCT,  /* array of the fields of another table */
  SWISD_FIELD_LIST,    /* array of up to max elements, counted by a u8 */
};

enum swisd_field_presence { SWISD_FIELD_ALWAYS, SWISD_FIELD_WHEN, SWISD_FIELD_UNLESS };

struct swisd_fields;

struct swisd_field {
  uint8_t kind;     /* enum swisd_field_kind */
  uint8_t presence; /* enum swisd_field_presence: WHEN or UNLESS the u8 at `selector` equals `value` */
  uint8_t value;
  uint8_t min;
  uint16_t selector;
  uint16_t offset; /* in the struct */
  uint16_t other;  /* SPAN: offset of hi. BYTES, ALONG, LIST: offset of the u8 that counts */
  uint16_t stride; /* LIST: bytes from one element to the next */
  uint32_t max;    /* numbers: the greatest allowed, 0 = any that fits. BYTES, ALONG, LIST: the length of the array */
  const struct swisd_fields *of; /* STRUCT, LIST */
};

struct swisd_fields {
  const struct swisd_field *list;
  uint8_t count;
  bool bare;        /* the only field stands for the whole: no array around it. For elements of a LIST */
  bool conditional; /* some field is not ALWAYS there */
  /* Optional. After unpacking: sets what was not sent because it follows from what was. */
  void (*complete)(void *base);
  /* Optional. Whether fields agree with each other: asked before packing and after unpacking. */
  bool (*valid)(const void *base);
};

#define SWISD_FIELD_PLACE(type, member) .offset = offsetof(type, member)
#define SWISD_FIELD_WIDTH(type, member)                 \
  (sizeof(((type *)0)->member) == 1   ? SWISD_FIELD_U8  \
   : sizeof(((type *)0)->member) == 2 ? SWISD_FIELD_U16 \
   : sizeof(((type *)0)->member) == 4 ? SWISD_FIELD_U32 \
                                      : SWISD_FIELD_U64)
#define SWISD_FIELD_COUNTER(type, member) \
  .other = offsetof(type, member) + 0 * sizeof(char[sizeof(((type *)0)->member) == 1 ? 1 : -1])
#define SWISD_FIELD_LENGTH(type, member) (sizeof(((type *)0)->member) / sizeof(((type *)0)->member[0]))

/* The macros below make one row each; `...` takes SWISD_WHEN() or SWISD_UNLESS(), or nothing. */
#define SWISD_NUMBER(type, member, ...)                                                   \
  {                                                                                       \
    .kind = SWISD_FIELD_WIDTH(type, member), SWISD_FIELD_PLACE(type, member), __VA_ARGS__ \
  }
#define SWISD_NUMBER_IN(type, member, least, most)                                                          \
  {                                                                                                         \
    .kind = SWISD_FIELD_WIDTH(type, member), SWISD_FIELD_PLACE(type, member), .min = (least), .max = (most) \
  }
#define SWISD_BOOL(type, member)                              \
  {                                                           \
    .kind = SWISD_FIELD_BOOL, SWISD_FIELD_PLACE(type, member) \
  }
#define SWISD_STATUS(type, member)                                                                                            \
  {                                                                                                                           \
    .kind = SWISD_FIELD_STATUS + 0 * sizeof(char[sizeof(((type *)0)->member) == 4 ? 1 : -1]), SWISD_FIELD_PLACE(type, member) \
  }
#define SWISD_ANYBODY(type, member, ...)                                 \
  {                                                                      \
    .kind = SWISD_FIELD_ID, SWISD_FIELD_PLACE(type, member), __VA_ARGS__ \
  }
#define SWISD_SOMEBODY(type, member, ...)                                          \
  {                                                                                \
    .kind = SWISD_FIELD_ID, SWISD_FIELD_PLACE(type, member), .min = 1, __VA_ARGS__ \
  }
#define SWISD_ADDRESS(type, member)                              \
  {                                                              \
    .kind = SWISD_FIELD_ADDRESS, SWISD_FIELD_PLACE(type, member) \
  }
#define SWISD_SPAN(type, lo, hi)                                                       \
  {                                                                                    \
    .kind = SWISD_FIELD_SPAN, SWISD_FIELD_PLACE(type, lo), .other = offsetof(type, hi) \
  }
#define SWISD_BYTES(type, member, counter)                                                          \
  {                                                                                                 \
    .kind = SWISD_FIELD_BYTES, SWISD_FIELD_PLACE(type, member), SWISD_FIELD_COUNTER(type, counter), \
    .max = SWISD_FIELD_LENGTH(type, member)                                                         \
  }
#define SWISD_ALONG(type, member, counter)                                                          \
  {                                                                                                 \
    .kind = SWISD_FIELD_ALONG, SWISD_FIELD_PLACE(type, member), SWISD_FIELD_COUNTER(type, counter), \
    .max = SWISD_FIELD_LENGTH(type, member)                                                         \
  }
#define SWISD_STRUCT(type, member, table, ...)                                               \
  {                                                                                          \
    .kind = SWISD_FIELD_STRUCT, SWISD_FIELD_PLACE(type, member), .of = &(table), __VA_ARGS__ \
  }
#define SWISD_LIST(type, member, counter, table)                                                      \
  {                                                                                                   \
    .kind = SWISD_FIELD_LIST, SWISD_FIELD_PLACE(type, member), SWISD_FIELD_COUNTER(type, counter),    \
    .stride = sizeof(((type *)0)->member[0]), .max = SWISD_FIELD_LENGTH(type, member), .of = &(table) \
  }
#define SWISD_WHEN(type, member, number) .presence = SWISD_FIELD_WHEN, .selector = offsetof(type, member), .value = (number)
#define SWISD_UNLESS(type, member, number) .presence = SWISD_FIELD_UNLESS, .selector = offsetof(type, member), .value = (number)
#define SWISD_FIELDS(rows, ...)                                            \
  {                                                                        \
    .list = (rows), .count = sizeof(rows) / sizeof((rows)[0]), __VA_ARGS__ \
  }

/* Where packed bytes go: the caller's memory. */
struct swisd_pack_buffer {
  uint8_t *bytes;
  size_t capacity, used;
};

/* Appends [tag, fields of `base`]. SWISD_WIRE_OK, _SPACE or _RANGE; `used` means something only after OK. */
int swisd_fields_pack(struct swisd_pack_buffer *buffer, uint32_t tag, const struct swisd_fields *fields, const void *base);
/* Appends one number. */
int swisd_pack_number(struct swisd_pack_buffer *buffer, uint64_t number);

/* The bytes that swisd_fields_pack() would append; 0 when a count is beyond its bound. */
size_t swisd_fields_size(uint32_t tag, const struct swisd_fields *fields, const void *base);

/* Reading goes in two steps, as the tag says which table follows. `rest` counts the values behind the tag. */
int swisd_fields_open(struct swisd_cursor *cursor, uint64_t *tag, uint32_t *rest);
/* Fills the struct at `base`; of lists and bytes only what is counted. Steps over `rest` values in all. */
int swisd_fields_unpack(struct swisd_cursor *cursor, uint32_t rest, const struct swisd_fields *fields, void *base);

/* Mixes all fields into `digest`: equal structs give equal digests on every device, whatever lies in their padding or behind
 * the counted elements. Not cryptographic. Counts beyond their bounds are cut there. */
uint64_t swisd_fields_digest(uint64_t digest, const struct swisd_fields *fields, const void *base);
/* Mixes one number: the step of which digests are made. */
static inline uint64_t swisd_digest_mix(uint64_t digest, uint64_t number)
{
  digest = (digest ^ number) * UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / golden ratio: odd, so that nothing is lost */
  return digest ^ digest >> 32;
}

#endif
