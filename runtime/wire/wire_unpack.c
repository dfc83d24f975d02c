/* Foreign bytes to structs, by our own cursor. */
#include "runtime/wire/big_endian.h"
#include "runtime/wire/wire_walk.h"

struct unpacking {
  uint8_t *root;
  struct swisd_cursor cursor;
};

INLINE int unpack_open(void *context, const struct swisd_fields *fields, size_t base, uint32_t *values)
{
  (void)fields, (void)base;
  return swisd_cursor_array(&((struct unpacking *)context)->cursor, values);
}

INLINE int unpack_list(void *context, const struct swisd_field *field, size_t counter, uint32_t *count)
{
  struct unpacking *unpacking = context;
  const int status = swisd_cursor_array(&unpacking->cursor, count);
  if (status != SWISD_WIRE_OK)
    return status;
  if (*count > field->max)
    return SWISD_WIRE_RANGE;
  unpacking->root[counter] = (uint8_t)*count;
  return SWISD_WIRE_OK;
}

static int unpack_id(struct swisd_cursor *cursor, const struct swisd_field *field, uint8_t *at)
{
  struct swisd_id id = {0, 0};
  if (!swisd_cursor_nil(cursor)) {
    const uint8_t *bytes;
    uint32_t count;
    const int status = swisd_cursor_bin(cursor, &bytes, &count);
    if (status != SWISD_WIRE_OK)
      return status;
    if (count != sizeof id)
      return SWISD_WIRE_RANGE;
    id = (struct swisd_id){swisd_be64_get(bytes), swisd_be64_get(bytes + 8)};
    if (swisd_id_is_zero(id)) /* one way to say nobody is enough */
      return SWISD_WIRE_RANGE;
  } else if (field->min != 0) {
    return SWISD_WIRE_RANGE;
  }
  memcpy(at, &id, sizeof id);
  return SWISD_WIRE_OK;
}

static int unpack_address(struct swisd_cursor *cursor, uint8_t *at)
{
  struct swisd_address address = {0};
  if (!swisd_cursor_nil(cursor)) {
    const uint8_t *bytes;
    uint32_t count;
    int8_t type;
    const int status = swisd_cursor_ext(cursor, &type, &bytes, &count);
    if (status != SWISD_WIRE_OK)
      return status;
    if (address_bytes(type) == 0 || count != address_bytes(type) + 2)
      return SWISD_WIRE_RANGE;
    address.family = (uint8_t)type;
    memcpy(address.bytes, bytes, count - 2);
    address.port = swisd_be16_get(bytes + count - 2);
  }
  memcpy(at, &address, sizeof address);
  return SWISD_WIRE_OK;
}

static int unpack_span(struct unpacking *unpacking, const struct swisd_field *field, size_t base)
{
  uint64_t lo, length;
  int status = swisd_cursor_number(&unpacking->cursor, &lo);
  if (status == SWISD_WIRE_OK)
    status = swisd_cursor_number(&unpacking->cursor, &length);
  if (status != SWISD_WIRE_OK)
    return status;
  if (length > UINT64_MAX - lo)
    return SWISD_WIRE_RANGE;
  store(unpacking->root, base + field->offset, SWISD_FIELD_U64, lo);
  store(unpacking->root, base + field->other, SWISD_FIELD_U64, lo + length);
  return SWISD_WIRE_OK;
}

static int unpack_bytes(struct unpacking *unpacking, const struct swisd_field *field, size_t base)
{
  const uint8_t *bytes;
  uint32_t count;
  const int status = swisd_cursor_bin(&unpacking->cursor, &bytes, &count);
  if (status != SWISD_WIRE_OK)
    return status;
  uint8_t *counter = unpacking->root + base + field->other;
  if (count > field->max || (field->kind == SWISD_FIELD_ALONG && count != *counter))
    return SWISD_WIRE_RANGE;
  *counter = (uint8_t)count;
  memcpy(unpacking->root + base + field->offset, bytes, count);
  return SWISD_WIRE_OK;
}

INLINE int unpack_leaf(void *context, const struct swisd_field *field, size_t base)
{
  struct unpacking *unpacking = context;
  struct swisd_cursor *cursor = &unpacking->cursor;
  uint8_t *at = unpacking->root + base + field->offset;
  bool flag = false;
  uint64_t value = 0;
  int32_t negated;
  int status;
  switch (field->kind) {
  case SWISD_FIELD_BOOL:
    status = swisd_cursor_bool(cursor, &flag);
    *at = flag;
    return status;
  case SWISD_FIELD_STATUS:
    status = swisd_cursor_number(cursor, &value);
    if (status == SWISD_WIRE_OK && value > -SWISD_ERROR_STALE)
      return SWISD_WIRE_RANGE;
    negated = -(int32_t)value;
    memcpy(at, &negated, sizeof negated);
    return status;
  case SWISD_FIELD_ID:
    return unpack_id(cursor, field, at);
  case SWISD_FIELD_ADDRESS:
    return unpack_address(cursor, at);
  case SWISD_FIELD_SPAN:
    return unpack_span(unpacking, field, base);
  case SWISD_FIELD_BYTES:
  case SWISD_FIELD_ALONG:
    return unpack_bytes(unpacking, field, base);
  default:
    status = swisd_cursor_number(cursor, &value);
    if (status != SWISD_WIRE_OK)
      return status;
    if (!in_range(field, value))
      return SWISD_WIRE_RANGE;
    store(at, 0, field->kind, value);
    return SWISD_WIRE_OK;
  }
}

/* What is left in the array was appended by a later version. */
INLINE int unpack_close(void *context, const struct swisd_fields *fields, size_t base, uint32_t values)
{
  struct unpacking *unpacking = context;
  if (values > 0) {
    const int status = swisd_cursor_skip(&unpacking->cursor, values);
    if (status != SWISD_WIRE_OK)
      return status;
  }
  if (fields->complete != NULL)
    fields->complete(unpacking->root + base);
  return fields->valid == NULL || fields->valid(unpacking->root + base) ? SWISD_WIRE_OK : SWISD_WIRE_RANGE;
}

int swisd_fields_open(struct swisd_cursor *cursor, uint64_t *tag, uint32_t *rest)
{
  uint32_t values;
  const int status = swisd_cursor_array(cursor, &values);
  if (status != SWISD_WIRE_OK)
    return status;
  if (values == 0)
    return SWISD_WIRE_MALFORMED;
  *rest = values - 1;
  return swisd_cursor_number(cursor, tag);
}

int swisd_fields_unpack(struct swisd_cursor *cursor, uint32_t rest, const struct swisd_fields *fields, void *base)
{
  static const struct visitor visitor = {unpack_open, unpack_list, unpack_leaf, unpack_close};
  struct unpacking unpacking = {base, *cursor};
  const int status = walk(fields, base, rest, &visitor, &unpacking);
  *cursor = unpacking.cursor;
  return status;
}
