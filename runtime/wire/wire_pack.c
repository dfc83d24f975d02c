/* Structs to bytes: how many (sizing), and which (packing, by msgpack-c's packer into the caller's memory). */
#include <msgpack.h>

#include "runtime/wire/big_endian.h"
#include "runtime/wire/wire_walk.h"

/* ---- size ---- */

struct sizing {
  const uint8_t *root;
  size_t bytes;
};

INLINE size_t number_bytes(uint64_t value)
{
  return value < 128 ? 1 : value <= UINT8_MAX ? 2 : value <= UINT16_MAX ? 3 : value <= UINT32_MAX ? 5 : 9;
}

INLINE size_t array_head_bytes(uint32_t count) { return count < 16 ? 1 : count <= UINT16_MAX ? 3 : 5; }

INLINE int size_open(void *context, const struct swisd_fields *fields, size_t base, uint32_t *values)
{
  struct sizing *sizing = context;
  *values = values_of(fields, sizing->root + base);
  sizing->bytes += array_head_bytes(*values);
  return SWISD_WIRE_OK;
}

INLINE int size_list(void *context, const struct swisd_field *field, size_t counter, uint32_t *count)
{
  struct sizing *sizing = context;
  *count = sizing->root[counter];
  sizing->bytes += array_head_bytes(*count);
  return *count <= field->max ? SWISD_WIRE_OK : SWISD_WIRE_RANGE;
}

INLINE int size_leaf(void *context, const struct swisd_field *field, size_t base)
{
  struct sizing *sizing = context;
  const uint8_t *at = sizing->root + base + field->offset;
  uint32_t count;
  uint64_t lo;
  switch (field->kind) {
  case SWISD_FIELD_BOOL:
  case SWISD_FIELD_STATUS:
    sizing->bytes += 1;
    break;
  case SWISD_FIELD_ID:
    sizing->bytes += load(at, 0, SWISD_FIELD_U64) == 0 && load(at, 8, SWISD_FIELD_U64) == 0 ? 1 : 2 + sizeof(struct swisd_id);
    break;
  case SWISD_FIELD_ADDRESS:
    count = address_bytes(at[offsetof(struct swisd_address, family)]);
    sizing->bytes += count == 0 ? 1 : 3 + count + 2;
    break;
  case SWISD_FIELD_SPAN:
    lo = load(at, 0, SWISD_FIELD_U64);
    sizing->bytes += number_bytes(lo) + number_bytes(load(sizing->root, base + field->other, SWISD_FIELD_U64) - lo);
    break;
  case SWISD_FIELD_BYTES:
  case SWISD_FIELD_ALONG:
    count = sizing->root[base + field->other];
    sizing->bytes += 2 + count;
    return count <= field->max ? SWISD_WIRE_OK : SWISD_WIRE_RANGE;
  default:
    sizing->bytes += number_bytes(load(at, 0, field->kind));
  }
  return SWISD_WIRE_OK;
}

size_t swisd_fields_size(uint32_t tag, const struct swisd_fields *fields, const void *base)
{
  static const struct visitor visitor = {size_open, size_list, size_leaf, close_nothing};
  const uint32_t values = values_of(fields, base);
  struct sizing sizing = {base, array_head_bytes(1 + values) + number_bytes(tag)};
  return walk(fields, base, values, &visitor, &sizing) == SWISD_WIRE_OK ? sizing.bytes : 0;
}

/* ---- pack, by msgpack-c ---- */

struct packing {
  const uint8_t *root;
  msgpack_packer packer;
};

/* msgpack-c's packer hands over each piece: -1 refuses it. */
INLINE int buffer_append(void *data, const char *bytes, size_t count)
{
  struct swisd_pack_buffer *buffer = data;
  if (count > buffer->capacity - buffer->used)
    return -1;
  memcpy(buffer->bytes + buffer->used, bytes, count);
  buffer->used += count;
  return 0;
}

INLINE int packed(int result) { return result == 0 ? SWISD_WIRE_OK : SWISD_WIRE_SPACE; }

INLINE int pack_bin(msgpack_packer *packer, const void *bytes, uint32_t count)
{
  return packed(msgpack_pack_bin(packer, count) != 0 || msgpack_pack_bin_body(packer, bytes, count) != 0);
}

INLINE int pack_open(void *context, const struct swisd_fields *fields, size_t base, uint32_t *values)
{
  struct packing *packing = context;
  if (fields->valid != NULL && !fields->valid(packing->root + base))
    return SWISD_WIRE_RANGE;
  *values = values_of(fields, packing->root + base);
  return packed(msgpack_pack_array(&packing->packer, *values));
}

INLINE int pack_list(void *context, const struct swisd_field *field, size_t counter, uint32_t *count)
{
  struct packing *packing = context;
  *count = packing->root[counter];
  return *count <= field->max ? packed(msgpack_pack_array(&packing->packer, *count)) : SWISD_WIRE_RANGE;
}

static int pack_id(msgpack_packer *packer, const struct swisd_field *field, const uint8_t *at)
{
  struct swisd_id id;
  uint8_t bytes[sizeof id];
  memcpy(&id, at, sizeof id);
  if (swisd_id_is_zero(id))
    return field->min == 0 ? packed(msgpack_pack_nil(packer)) : SWISD_WIRE_RANGE;
  swisd_be64_put(bytes, id.hi);
  swisd_be64_put(bytes + 8, id.lo);
  return pack_bin(packer, bytes, sizeof bytes);
}

static int pack_address(msgpack_packer *packer, const uint8_t *at)
{
  struct swisd_address address;
  uint8_t bytes[sizeof address.bytes + 2];
  memcpy(&address, at, sizeof address);
  if (address.family == SWISD_ADDRESS_NONE)
    return packed(msgpack_pack_nil(packer));
  const uint32_t count = address_bytes(address.family);
  if (count == 0)
    return SWISD_WIRE_RANGE;
  memcpy(bytes, address.bytes, count);
  swisd_be16_put(bytes + count, address.port);
  return packed(msgpack_pack_ext(packer, count + 2, (int8_t)address.family) != 0 ||
                msgpack_pack_ext_body(packer, bytes, count + 2) != 0);
}

INLINE int pack_leaf(void *context, const struct swisd_field *field, size_t base)
{
  struct packing *packing = context;
  msgpack_packer *packer = &packing->packer;
  const uint8_t *at = packing->root + base + field->offset;
  uint64_t value, other;
  int32_t status;
  switch (field->kind) {
  case SWISD_FIELD_BOOL:
    return packed(*at != 0 ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
  case SWISD_FIELD_STATUS:
    memcpy(&status, at, sizeof status);
    if (status > SWISD_OK || status < SWISD_ERROR_STALE)
      return SWISD_WIRE_RANGE;
    return packed(msgpack_pack_uint32(packer, (uint32_t)-status));
  case SWISD_FIELD_ID:
    return pack_id(packer, field, at);
  case SWISD_FIELD_ADDRESS:
    return pack_address(packer, at);
  case SWISD_FIELD_SPAN:
    value = load(at, 0, SWISD_FIELD_U64);
    other = load(packing->root, base + field->other, SWISD_FIELD_U64);
    if (value > other)
      return SWISD_WIRE_RANGE;
    return packed(msgpack_pack_uint64(packer, value) != 0 || msgpack_pack_uint64(packer, other - value) != 0);
  case SWISD_FIELD_BYTES:
  case SWISD_FIELD_ALONG:
    value = packing->root[base + field->other];
    return value <= field->max ? pack_bin(packer, at, (uint32_t)value) : SWISD_WIRE_RANGE;
  default:
    value = load(at, 0, field->kind);
    return in_range(field, value) ? packed(msgpack_pack_uint64(packer, value)) : SWISD_WIRE_RANGE;
  }
}

int swisd_fields_pack(struct swisd_pack_buffer *buffer, uint32_t tag, const struct swisd_fields *fields, const void *base)
{
  static const struct visitor visitor = {pack_open, pack_list, pack_leaf, close_nothing};
  struct packing packing = {.root = base};
  msgpack_packer_init(&packing.packer, buffer, buffer_append);
  const uint32_t values = values_of(fields, base);
  if (fields->valid != NULL && !fields->valid(base))
    return SWISD_WIRE_RANGE;
  if (msgpack_pack_array(&packing.packer, 1 + values) != 0 || msgpack_pack_uint32(&packing.packer, tag) != 0)
    return SWISD_WIRE_SPACE;
  return walk(fields, base, values, &visitor, &packing);
}

int swisd_pack_number(struct swisd_pack_buffer *buffer, uint64_t number)
{
  msgpack_packer packer;
  msgpack_packer_init(&packer, buffer, buffer_append);
  return packed(msgpack_pack_uint64(&packer, number));
}
