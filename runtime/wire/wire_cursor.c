#include "runtime/wire/wire_cursor.h"

#include "runtime/wire/big_endian.h"

/* First bytes, as the specification names them. */
enum {
  FIXMAP = 0x80,
  FIXARRAY = 0x90,
  FIXSTR = 0xa0,
  NIL = 0xc0,
  NEVER_USED = 0xc1,
  FALSE_BYTE = 0xc2,
  TRUE_BYTE = 0xc3,
  BIN8 = 0xc4,
  BIN16 = 0xc5,
  BIN32 = 0xc6,
  EXT8 = 0xc7,
  EXT16 = 0xc8,
  EXT32 = 0xc9,
  FLOAT32 = 0xca,
  FLOAT64 = 0xcb,
  UINT8 = 0xcc,
  UINT64 = 0xcf,
  INT8 = 0xd0,
  INT64 = 0xd3,
  FIXEXT1 = 0xd4,
  FIXEXT16 = 0xd8,
  STR8 = 0xd9,
  STR16 = 0xda,
  STR32 = 0xdb,
  ARRAY16 = 0xdc,
  ARRAY32 = 0xdd,
  MAP16 = 0xde,
  MAP32 = 0xdf,
  NEGATIVE_FIXINT = 0xe0,
};

/* The big-endian number of 1, 2, 4 or 8 bytes at `at`. */
static uint64_t wide(const uint8_t *at, size_t width)
{
  switch (width) {
  case 1:
    return *at;
  case 2:
    return swisd_be16_get(at);
  case 4:
    return swisd_be32_get(at);
  default:
    return swisd_be64_get(at);
  }
}

/* Reads a length of `width` bytes behind a first byte, plus `extra` (the type byte of an ext), and checks that so many bytes
 * are there. Leaves the cursor on the first of them. */
static int take_length(struct swisd_cursor *cursor, size_t width, size_t extra, uint32_t *count)
{
  if (swisd_cursor_left(cursor) < 1 + width + extra)
    return SWISD_WIRE_TRUNCATED;
  *count = (uint32_t)wide(cursor->at + 1, width);
  cursor->at += 1 + width + extra;
  return *count <= swisd_cursor_left(cursor) ? SWISD_WIRE_OK : SWISD_WIRE_TRUNCATED;
}

int swisd_cursor_number(struct swisd_cursor *cursor, uint64_t *value)
{
  if (cursor->at == cursor->end)
    return SWISD_WIRE_TRUNCATED;
  const uint8_t first = *cursor->at;
  if (first < FIXMAP) {
    *value = first;
    cursor->at++;
    return SWISD_WIRE_OK;
  }
  if (first < UINT8 || first > INT64)
    return first >= NEGATIVE_FIXINT ? SWISD_WIRE_RANGE : SWISD_WIRE_MALFORMED;
  const size_t width = (size_t)1 << (first & 3); /* cc cd ce cf and d0 d1 d2 d3 */
  if (swisd_cursor_left(cursor) < 1 + width)
    return SWISD_WIRE_TRUNCATED;
  *value = wide(cursor->at + 1, width);
  if (first >= INT8 && (*value >> (8 * width - 1)) != 0)
    return SWISD_WIRE_RANGE;
  cursor->at += 1 + width;
  return SWISD_WIRE_OK;
}

int swisd_cursor_bool(struct swisd_cursor *cursor, bool *value)
{
  if (cursor->at == cursor->end)
    return SWISD_WIRE_TRUNCATED;
  if (*cursor->at != FALSE_BYTE && *cursor->at != TRUE_BYTE)
    return SWISD_WIRE_MALFORMED;
  *value = *cursor->at++ == TRUE_BYTE;
  return SWISD_WIRE_OK;
}

int swisd_cursor_array(struct swisd_cursor *cursor, uint32_t *count)
{
  if (cursor->at == cursor->end)
    return SWISD_WIRE_TRUNCATED;
  const uint8_t first = *cursor->at;
  if ((first & 0xf0) == FIXARRAY) {
    *count = first & 0x0f;
    cursor->at++;
    return *count <= swisd_cursor_left(cursor) ? SWISD_WIRE_OK : SWISD_WIRE_TRUNCATED;
  }
  if (first != ARRAY16 && first != ARRAY32)
    return SWISD_WIRE_MALFORMED;
  return take_length(cursor, first == ARRAY16 ? 2 : 4, 0, count); /* an element takes a byte at least */
}

int swisd_cursor_bin(struct swisd_cursor *cursor, const uint8_t **bytes, uint32_t *count)
{
  if (cursor->at == cursor->end)
    return SWISD_WIRE_TRUNCATED;
  const uint8_t first = *cursor->at;
  if (first < BIN8 || first > BIN32)
    return SWISD_WIRE_MALFORMED;
  const int status = take_length(cursor, (size_t)1 << (first - BIN8), 0, count);
  if (status != SWISD_WIRE_OK)
    return status;
  *bytes = cursor->at;
  cursor->at += *count;
  return SWISD_WIRE_OK;
}

int swisd_cursor_ext(struct swisd_cursor *cursor, int8_t *type, const uint8_t **bytes, uint32_t *count)
{
  if (cursor->at == cursor->end)
    return SWISD_WIRE_TRUNCATED;
  const uint8_t first = *cursor->at;
  if (first >= EXT8 && first <= EXT32) {
    const int status = take_length(cursor, (size_t)1 << (first - EXT8), 1, count);
    if (status != SWISD_WIRE_OK)
      return status;
  } else if (first >= FIXEXT1 && first <= FIXEXT16) {
    *count = 1u << (first - FIXEXT1);
    if (swisd_cursor_left(cursor) < 2 + (size_t)*count)
      return SWISD_WIRE_TRUNCATED;
    cursor->at += 2;
  } else {
    return SWISD_WIRE_MALFORMED;
  }
  *type = (int8_t)cursor->at[-1];
  *bytes = cursor->at;
  cursor->at += *count;
  return SWISD_WIRE_OK;
}

bool swisd_cursor_nil(struct swisd_cursor *cursor)
{
  if (cursor->at == cursor->end || *cursor->at != NIL)
    return false;
  cursor->at++;
  return true;
}

/* Steps over the first byte of a value and what belongs to it alone; `*inside` values that it contains come next. */
static int skip_one(struct swisd_cursor *cursor, uint64_t *inside)
{
  const uint8_t first = *cursor->at;
  uint32_t count = 0;
  int status = SWISD_WIRE_OK;
  size_t width = 0;
  *inside = 0;
  if (first < FIXMAP || first >= NEGATIVE_FIXINT || first == NIL || first == FALSE_BYTE || first == TRUE_BYTE) {
    cursor->at++;
  } else if (first < FIXSTR) {
    *inside = (first & 0x0f) * (first < FIXARRAY ? 2u : 1u);
    cursor->at++;
  } else if (first >= ARRAY16) {
    status = take_length(cursor, first & 1 ? 4 : 2, 0, &count);
    *inside = count * (first >= MAP16 ? UINT64_C(2) : UINT64_C(1));
  } else if (first < NIL) {
    width = 1 + (first & 0x1fu);
  } else if (first <= BIN32) {
    if (first == NEVER_USED)
      return SWISD_WIRE_MALFORMED;
    status = take_length(cursor, (size_t)1 << (first - BIN8), 0, &count);
    width = count;
  } else if (first <= EXT32) {
    status = take_length(cursor, (size_t)1 << (first - EXT8), 1, &count);
    width = count;
  } else if (first <= FLOAT64) {
    width = first == FLOAT32 ? 5 : 9;
  } else if (first <= INT64) {
    width = 1 + ((size_t)1 << (first & 3));
  } else if (first <= FIXEXT16) {
    width = 2 + ((size_t)1 << (first - FIXEXT1));
  } else {
    status = take_length(cursor, (size_t)1 << (first - STR8), 0, &count);
    width = count;
  }
  if (status != SWISD_WIRE_OK)
    return status;
  if (width > swisd_cursor_left(cursor))
    return SWISD_WIRE_TRUNCATED;
  cursor->at += width;
  return SWISD_WIRE_OK;
}

int swisd_cursor_skip(struct swisd_cursor *cursor, uint32_t count)
{
  /* A value takes a byte at least. So when more values are owed than bytes are left, the end cannot be reached: nested
   * promises are refused at once, and the loop runs no longer than there are bytes. */
  uint64_t owed = count, inside;
  while (owed > 0) {
    if (owed > swisd_cursor_left(cursor))
      return SWISD_WIRE_TRUNCATED;
    const int status = skip_one(cursor, &inside);
    if (status != SWISD_WIRE_OK)
      return status;
    owed += inside - 1;
  }
  return SWISD_WIRE_OK;
}
