#include "runtime/wire/hello.h"

#include "runtime/wire/message_fields.h"

static bool hello_valid(const void *base)
{
  const struct swisd_hello *hello = base;
  return hello->version_min <= hello->version_max;
}

/* version_min is the tag of the array, not a field. */
static const struct swisd_field hello_rows[] = {
  SWISD_NUMBER(struct swisd_hello, version_max),
  SWISD_NUMBER(struct swisd_hello, features),
  SWISD_SOMEBODY(struct swisd_hello, id),
  SWISD_NUMBER(struct swisd_hello, incarnation),
  SWISD_LIST(struct swisd_hello, addresses, address_count, swisd_address_bare),
};
static const struct swisd_fields hello_fields = SWISD_FIELDS(hello_rows, .valid = hello_valid);

struct swisd_hello swisd_hello_default(void)
{
  return (struct swisd_hello){.version_min = SWISD_PROTOCOL_VERSION_MIN, .version_max = SWISD_PROTOCOL_VERSION};
}

int swisd_hello_encode(const struct swisd_hello *hello, uint8_t *out, size_t capacity, size_t *written)
{
  struct swisd_pack_buffer buffer = {out, capacity, 0};
  const int status = swisd_fields_pack(&buffer, hello->version_min, &hello_fields, hello);
  *written = buffer.used;
  return status;
}

int swisd_hello_decode(const uint8_t *bytes, size_t count, struct swisd_hello *out)
{
  struct swisd_cursor cursor = {bytes, bytes + count};
  uint64_t version_min;
  uint32_t rest;
  int status = swisd_fields_open(&cursor, &version_min, &rest);
  if (status != SWISD_WIRE_OK)
    return status;
  if (version_min == 0 || version_min > UINT32_MAX)
    return SWISD_WIRE_RANGE;
  out->version_min = (uint32_t)version_min;
  status = swisd_fields_unpack(&cursor, rest, &hello_fields, out);
  if (status == SWISD_WIRE_OK && swisd_cursor_left(&cursor) != 0)
    return SWISD_WIRE_TRAILING;
  return status;
}

int swisd_hello_negotiate(const struct swisd_hello *ours, const struct swisd_hello *theirs, uint32_t *version)
{
  const uint32_t highest = ours->version_max < theirs->version_max ? ours->version_max : theirs->version_max;
  if (highest < ours->version_min || highest < theirs->version_min)
    return SWISD_WIRE_VERSION;
  *version = highest;
  return SWISD_WIRE_OK;
}
