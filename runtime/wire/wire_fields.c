/* The walk over field tables, and the four things done on the way. walk() is compiled once per visitor: it and the visitor's
 * functions are inlined into each other, so that a table costs little more than hand-written code.
 *
 * No recursion: nested structs and lists stand on a small stack, one level per array of the wire. */
#include "runtime/wire/wire_fields.h"

#include <msgpack.h>
#include <string.h>

#include "runtime/core/types.h"
#include "runtime/wire/big_endian.h"

#define INLINE static inline __attribute__((always_inline))

/* Plain memory access at an offset: the walk knows no types. */
INLINE uint64_t load(const uint8_t *base, size_t offset, uint8_t kind)
{
  uint16_t u16;
  uint32_t u32;
  uint64_t u64;
  switch (kind) {
  case SWISD_FIELD_U8: return base[offset];
  case SWISD_FIELD_U16: memcpy(&u16, base + offset, sizeof u16); return u16;
  case SWISD_FIELD_U32: memcpy(&u32, base + offset, sizeof u32); return u32;
  default: memcpy(&u64, base + offset, sizeof u64); return u64;
  }
}

INLINE void store(uint8_t *base, size_t offset, uint8_t kind, uint64_t value)
{
  const uint16_t u16 = (uint16_t)value;
  const uint32_t u32 = (uint32_t)value;
  switch (kind) {
  case SWISD_FIELD_U8: base[offset] = (uint8_t)value; break;
  case SWISD_FIELD_U16: memcpy(base + offset, &u16, sizeof u16); break;
  case SWISD_FIELD_U32: memcpy(base + offset, &u32, sizeof u32); break;
  default: memcpy(base + offset, &value, sizeof value); break;
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
  case SWISD_ADDRESS_IPV4: case SWISD_ADDRESS_INDEX: return 4;
  case SWISD_ADDRESS_IPV6: return 16;
  default: return 0;
  }
}

INLINE bool is_present(const struct swisd_field *field, const uint8_t *base)
{
  return field->presence == SWISD_FIELD_ALWAYS
         || (base[field->selector] == field->value) == (field->presence == SWISD_FIELD_WHEN);
}

/* Values in the array of a struct, its tag apart. */
static uint32_t values_of(const struct swisd_fields *fields, const uint8_t *base)
{
  uint32_t count = 0;
  for (const struct swisd_field *field = fields->list; field < fields->list + fields->count; field++)
    if (!fields->conditional || is_present(field, base))
      count += field->kind == SWISD_FIELD_SPAN ? 2 : 1;
  return count;
}

/* ---- the walk ---- */

struct level {
  const struct swisd_fields *fields;
  const struct swisd_field *next;
  size_t base;            /* offset of the struct from the root */
  uint32_t elements_left; /* of the list, this one included; 1 for a struct */
  uint32_t stride;
  uint32_t values_left;   /* in this struct's array, as its head said */
};

/* What is done on the way. Each returns SWISD_WIRE_OK or a negative status, which ends the walk. Offsets count from the root.
 * `root` is NULL for nobody: visitors that write keep the same memory in their context. */
struct visitor {
  int (*open)(void *context, const struct swisd_fields *fields, size_t base, uint32_t *values); /* a struct begins */
  int (*list)(void *context, const struct swisd_field *field, size_t counter, uint32_t *count); /* a list begins */
  int (*leaf)(void *context, const struct swisd_field *field, size_t base);
  int (*close)(void *context, const struct swisd_fields *fields, size_t base, uint32_t values); /* a struct ends */
};

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
      } else if (top-- == stack) {
        return SWISD_WIRE_OK;
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
  case SWISD_FIELD_BOOL: case SWISD_FIELD_STATUS:
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
  case SWISD_FIELD_BYTES: case SWISD_FIELD_ALONG:
    count = sizing->root[base + field->other];
    sizing->bytes += 2 + count;
    return count <= field->max ? SWISD_WIRE_OK : SWISD_WIRE_RANGE;
  default:
    sizing->bytes += number_bytes(load(at, 0, field->kind));
  }
  return SWISD_WIRE_OK;
}

INLINE int size_close(void *context, const struct swisd_fields *fields, size_t base, uint32_t values)
{
  (void)context, (void)fields, (void)base, (void)values;
  return SWISD_WIRE_OK;
}

size_t swisd_fields_size(uint32_t tag, const struct swisd_fields *fields, const void *base)
{
  static const struct visitor visitor = {size_open, size_list, size_leaf, size_close};
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
  return packed(msgpack_pack_ext(packer, count + 2, (int8_t)address.family) != 0
                || msgpack_pack_ext_body(packer, bytes, count + 2) != 0);
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
  case SWISD_FIELD_BYTES: case SWISD_FIELD_ALONG:
    value = packing->root[base + field->other];
    return value <= field->max ? pack_bin(packer, at, (uint32_t)value) : SWISD_WIRE_RANGE;
  default:
    value = load(at, 0, field->kind);
    return in_range(field, value) ? packed(msgpack_pack_uint64(packer, value)) : SWISD_WIRE_RANGE;
  }
}

INLINE int pack_close(void *context, const struct swisd_fields *fields, size_t base, uint32_t values)
{
  (void)context, (void)fields, (void)base, (void)values;
  return SWISD_WIRE_OK;
}

int swisd_fields_pack(struct swisd_pack_buffer *buffer, uint32_t tag, const struct swisd_fields *fields, const void *base)
{
  static const struct visitor visitor = {pack_open, pack_list, pack_leaf, pack_close};
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

/* ---- unpack, by our own cursor ---- */

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
  case SWISD_FIELD_BYTES: case SWISD_FIELD_ALONG:
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

/* ---- digest ---- */

struct digesting {
  const uint8_t *root;
  uint64_t digest;
};

INLINE int digest_open(void *context, const struct swisd_fields *fields, size_t base, uint32_t *values)
{
  *values = values_of(fields, ((struct digesting *)context)->root + base);
  return SWISD_WIRE_OK;
}

INLINE int digest_list(void *context, const struct swisd_field *field, size_t counter, uint32_t *count)
{
  struct digesting *digesting = context;
  *count = digesting->root[counter];
  digesting->digest = swisd_digest_mix(digesting->digest, *count);
  if (*count > field->max)
    *count = field->max;
  return SWISD_WIRE_OK;
}

static uint64_t digest_bytes(uint64_t digest, const uint8_t *bytes, size_t count)
{
  for (; count >= 8; bytes += 8, count -= 8)
    digest = swisd_digest_mix(digest, swisd_be64_get(bytes));
  uint64_t last = 0;
  for (size_t i = 0; i < count; i++)
    last = last << 8 | bytes[i];
  return count == 0 ? digest : swisd_digest_mix(digest, last);
}

INLINE int digest_leaf(void *context, const struct swisd_field *field, size_t base)
{
  struct digesting *digesting = context;
  const uint8_t *at = digesting->root + base + field->offset;
  uint64_t digest = digesting->digest;
  struct swisd_address address;
  uint32_t count;
  int32_t status;
  switch (field->kind) {
  case SWISD_FIELD_BOOL:
    digest = swisd_digest_mix(digest, *at != 0);
    break;
  case SWISD_FIELD_STATUS:
    memcpy(&status, at, sizeof status);
    digest = swisd_digest_mix(digest, (uint32_t)status);
    break;
  case SWISD_FIELD_ID:
    digest = swisd_digest_mix(digest, load(at, 0, SWISD_FIELD_U64));
    digest = swisd_digest_mix(digest, load(at, 8, SWISD_FIELD_U64));
    break;
  case SWISD_FIELD_ADDRESS:
    memcpy(&address, at, sizeof address);
    digest = swisd_digest_mix(digest, address.family);
    count = address_bytes(address.family);
    if (count != 0)
      digest = swisd_digest_mix(digest_bytes(digest, address.bytes, count), address.port);
    break;
  case SWISD_FIELD_SPAN:
    digest = swisd_digest_mix(digest, load(at, 0, SWISD_FIELD_U64));
    digest = swisd_digest_mix(digest, load(digesting->root, base + field->other, SWISD_FIELD_U64));
    break;
  case SWISD_FIELD_BYTES: case SWISD_FIELD_ALONG:
    count = digesting->root[base + field->other];
    digest = digest_bytes(swisd_digest_mix(digest, count), at, count <= field->max ? count : field->max);
    break;
  default:
    digest = swisd_digest_mix(digest, load(at, 0, field->kind));
  }
  digesting->digest = digest;
  return SWISD_WIRE_OK;
}

uint64_t swisd_fields_digest(uint64_t digest, const struct swisd_fields *fields, const void *base)
{
  static const struct visitor visitor = {digest_open, digest_list, digest_leaf, size_close};
  struct digesting digesting = {base, digest};
  (void)walk(fields, base, values_of(fields, base), &visitor, &digesting);
  return digesting.digest;
}
