/* A place in MessagePack bytes that somebody else wrote. Every read is bounded by `end`, takes no memory, calls no callback,
 * and on failure returns a negative enum swisd_wire_status, after which the cursor is to be thrown away.
 * Format: MessagePack specification, 2017-08-09 edition (bin, str and ext apart). Integers are taken in any width.
 * Why not msgpack-c's unpacker: it allocates, and the five bytes dd ff ff ff ff make it reserve gigabytes. */
#ifndef SWISD_WIRE_WIRE_CURSOR_H
#define SWISD_WIRE_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/wire/wire_status.h"

struct swisd_cursor {
  const uint8_t *at, *end;
};

static inline size_t swisd_cursor_left(const struct swisd_cursor *cursor) { return (size_t)(cursor->end - cursor->at); }

/* A number that is not negative, whether it was written as signed or not. _TRUNCATED, _MALFORMED (not an integer), _RANGE. */
int swisd_cursor_number(struct swisd_cursor *cursor, uint64_t *value);
/* true or false. _TRUNCATED, _MALFORMED. */
int swisd_cursor_bool(struct swisd_cursor *cursor, bool *value);
/* The head of an array; its elements come next. _TRUNCATED also when there are fewer bytes left than elements. */
int swisd_cursor_array(struct swisd_cursor *cursor, uint32_t *count);
/* A bin; `*bytes` stays in the cursor's bytes. _TRUNCATED, _MALFORMED. */
int swisd_cursor_bin(struct swisd_cursor *cursor, const uint8_t **bytes, uint32_t *count);
/* An ext. _TRUNCATED, _MALFORMED. */
int swisd_cursor_ext(struct swisd_cursor *cursor, int8_t *type, const uint8_t **bytes, uint32_t *count);
/* Steps over a nil, if that is what comes next. */
bool swisd_cursor_nil(struct swisd_cursor *cursor);
/* Steps over `count` values of any kind, with all that is in them, however deep. _TRUNCATED, _MALFORMED (the byte c1). */
int swisd_cursor_skip(struct swisd_cursor *cursor, uint32_t count);

#endif
