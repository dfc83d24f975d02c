/* Structs to digests: all that counts of a struct, and nothing of its padding. */
#include "runtime/wire/big_endian.h"
#include "runtime/wire/wire_walk.h"

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
  case SWISD_FIELD_BYTES:
  case SWISD_FIELD_ALONG:
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
  static const struct visitor visitor = {digest_open, digest_list, digest_leaf, close_nothing};
  struct digesting digesting = {base, digest};
  (void)walk(fields, base, values_of(fields, base), &visitor, &digesting);
  return digesting.digest;
}
