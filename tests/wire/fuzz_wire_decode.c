/* libFuzzer: any bytes as a message. What is accepted must be readable by msgpack-c too, can be encoded again, and comes back
 * equal by its digest. */
#include <msgpack.h>
#include <stdlib.h>

#include "runtime/wire/message_fields.h"
#include "runtime/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

static void must(int condition)
{
  if (!condition)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
  static struct swisd_message message, twin;
  static uint8_t bytes[SWISD_WIRE_BYTES_MAX];
  if (swisd_wire_decode(data, count, &message) != SWISD_WIRE_OK)
    return 0;
  msgpack_unpacked oracle;
  size_t offset = 0, written = 0;
  msgpack_unpacked_init(&oracle);
  /* msgpack-c has a depth limit where we have none: fields that we skip may be deeper than it goes. */
  const msgpack_unpack_return result = msgpack_unpack_next(&oracle, (const char *)data, count, &offset);
  must(result == MSGPACK_UNPACK_NOMEM_ERROR || (result == MSGPACK_UNPACK_SUCCESS && offset == count));
  msgpack_unpacked_destroy(&oracle);
  must(swisd_wire_encode(&message, bytes, sizeof bytes, &written) == SWISD_WIRE_OK);
  must(written == swisd_wire_size(&message));
  must(swisd_wire_decode(bytes, written, &twin) == SWISD_WIRE_OK);
  const struct swisd_fields *fields = swisd_message_fields(message.type);
  must(swisd_fields_digest(0, fields, &message.u) == swisd_fields_digest(0, fields, &twin.u));
  return 0;
}
