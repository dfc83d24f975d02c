/* Frames and datagram envelopes: see frame.h for the layout. One row per kind says all that the parser and the writer know
 * of it; only the fixed fields themselves are spelled out, once for each direction. */
#include "runtime/wire/frame.h"

#include "runtime/core/message.h"
#include "runtime/wire/big_endian.h"
#include "runtime/wire/hello.h"

static const struct {
  const char *name;
  uint32_t fixed_bytes, data_bytes_max;
} kinds[SWISD_FRAME_KIND_COUNT] = {
  [0] = {"unknown", 0, SWISD_CONTROL_BYTES_MAX}, /* of later versions */
  [SWISD_FRAME_HELLO] = {"hello", 0, SWISD_FRAME_HELLO_BYTES_MAX},
  [SWISD_FRAME_PROOF] = {"proof", 0, SWISD_FRAME_PROOF_BYTES_MAX},
  [SWISD_FRAME_MESSAGE] = {"message", 0, SWISD_CONTROL_BYTES_MAX},
  [SWISD_FRAME_MESSAGE_BODY] = {"message body", 16, SWISD_CONTROL_BYTES_MAX},
  [SWISD_FRAME_BODY_DATA] = {"body data", 0, SWISD_FRAME_CHUNK_BYTES_MAX},
  [SWISD_FRAME_FETCH_SHARD] = {"fetch shard", 32, 0},
  [SWISD_FRAME_FETCH_BODY] = {"fetch body", 24, 0},
  [SWISD_FRAME_FETCH_MANIFEST] = {"fetch manifest", 8, 0},
  [SWISD_FRAME_FETCH_REPLY] = {"fetch reply", 20, 0},
  [SWISD_FRAME_FETCH_DATA] = {"fetch data", 0, SWISD_FRAME_CHUNK_BYTES_MAX},
  [SWISD_FRAME_FETCH_CANCEL] = {"fetch cancel", 0, 0},
  [SWISD_FRAME_GRANT] = {"grant", 8, 0},
  [SWISD_FRAME_PING] = {"ping", 0, 0},
};

static uint8_t known(uint8_t kind) { return kind < SWISD_FRAME_KIND_COUNT ? kind : 0; }

const char *swisd_frame_kind_name(uint8_t kind) { return kinds[known(kind)].name; }

static int read_fixed(const uint8_t *at, struct swisd_frame *out)
{
  switch (out->kind) {
  case SWISD_FRAME_MESSAGE_BODY:
    out->u.body.bytes = swisd_be64_get(at);
    out->u.body.digest = swisd_be64_get(at + 8);
    break;
  case SWISD_FRAME_FETCH_SHARD:
    out->u.fetch_shard.model = swisd_be64_get(at);
    out->u.fetch_shard.shard = swisd_be64_get(at + 8);
    out->u.fetch_shard.offset = swisd_be64_get(at + 16);
    out->u.fetch_shard.length = swisd_be64_get(at + 24);
    break;
  case SWISD_FRAME_FETCH_BODY:
    out->u.fetch_body.handle = swisd_be32_get(at);
    out->u.fetch_body.generation = swisd_be32_get(at + 4);
    out->u.fetch_body.offset = swisd_be64_get(at + 8);
    out->u.fetch_body.length = swisd_be64_get(at + 16);
    break;
  case SWISD_FRAME_FETCH_MANIFEST:
    out->u.fetch_manifest.model = swisd_be64_get(at);
    break;
  case SWISD_FRAME_FETCH_REPLY:
    out->u.fetch_reply.status = (int32_t)swisd_be32_get(at);
    out->u.fetch_reply.bytes = swisd_be64_get(at + 4);
    out->u.fetch_reply.digest = swisd_be64_get(at + 12);
    if (out->u.fetch_reply.status > SWISD_OK || out->u.fetch_reply.status < SWISD_ERROR_STALE)
      return SWISD_WIRE_RANGE;
    break;
  case SWISD_FRAME_GRANT:
    out->u.grant.bytes = swisd_be64_get(at);
    break;
  }
  return SWISD_WIRE_OK;
}

int swisd_frame_parse(const uint8_t *bytes, size_t count, struct swisd_frame *out, size_t *used)
{
  if (count < SWISD_FRAME_HEAD_BYTES) {
    *used = SWISD_FRAME_HEAD_BYTES;
    return SWISD_WIRE_MORE;
  }
  const uint8_t kind = known(bytes[0]);
  const uint32_t length = swisd_be32_get(bytes + 6), fixed = kinds[kind].fixed_bytes;
  if (length < fixed)
    return SWISD_WIRE_TRUNCATED;
  if (length - fixed > kinds[kind].data_bytes_max)
    return SWISD_WIRE_OVERSIZED;
  out->kind = bytes[0];
  out->flags = bytes[1];
  out->channel = swisd_be32_get(bytes + 2);
  out->data = NULL;
  out->data_count = length - fixed;
  *used = SWISD_FRAME_HEAD_BYTES + (size_t)length;
  if (count < *used)
    return SWISD_WIRE_MORE;
  if (kind == 0)
    return SWISD_WIRE_SKIP;
  if (out->data_count != 0)
    out->data = bytes + SWISD_FRAME_HEAD_BYTES + fixed;
  return read_fixed(bytes + SWISD_FRAME_HEAD_BYTES, out);
}

size_t swisd_frame_write(const struct swisd_frame *frame, uint8_t out[SWISD_FRAME_HEAD_BYTES + SWISD_FRAME_FIXED_BYTES_MAX])
{
  const uint8_t kind = known(frame->kind);
  if (kind == 0 || frame->data_count > kinds[kind].data_bytes_max)
    return 0;
  out[0] = kind;
  out[1] = frame->flags;
  swisd_be32_put(out + 2, frame->channel);
  swisd_be32_put(out + 6, kinds[kind].fixed_bytes + frame->data_count);
  uint8_t *at = out + SWISD_FRAME_HEAD_BYTES;
  switch (kind) {
  case SWISD_FRAME_MESSAGE_BODY:
    swisd_be64_put(at, frame->u.body.bytes);
    swisd_be64_put(at + 8, frame->u.body.digest);
    break;
  case SWISD_FRAME_FETCH_SHARD:
    swisd_be64_put(at, frame->u.fetch_shard.model);
    swisd_be64_put(at + 8, frame->u.fetch_shard.shard);
    swisd_be64_put(at + 16, frame->u.fetch_shard.offset);
    swisd_be64_put(at + 24, frame->u.fetch_shard.length);
    break;
  case SWISD_FRAME_FETCH_BODY:
    swisd_be32_put(at, frame->u.fetch_body.handle);
    swisd_be32_put(at + 4, frame->u.fetch_body.generation);
    swisd_be64_put(at + 8, frame->u.fetch_body.offset);
    swisd_be64_put(at + 16, frame->u.fetch_body.length);
    break;
  case SWISD_FRAME_FETCH_MANIFEST:
    swisd_be64_put(at, frame->u.fetch_manifest.model);
    break;
  case SWISD_FRAME_FETCH_REPLY:
    swisd_be32_put(at, (uint32_t)frame->u.fetch_reply.status);
    swisd_be64_put(at + 4, frame->u.fetch_reply.bytes);
    swisd_be64_put(at + 12, frame->u.fetch_reply.digest);
    break;
  case SWISD_FRAME_GRANT:
    swisd_be64_put(at, frame->u.grant.bytes);
    break;
  }
  return SWISD_FRAME_HEAD_BYTES + kinds[kind].fixed_bytes;
}

/* "Sw": a stray packet of another protocol is told apart before anything else is looked at. */
enum { MAGIC_0 = 'S', MAGIC_1 = 'w' };

int swisd_datagram_parse(const uint8_t *bytes, size_t count, struct swisd_datagram *out)
{
  if (count <= SWISD_DATAGRAM_HEAD_BYTES + SWISD_DATAGRAM_TAG_BYTES)
    return SWISD_WIRE_TRUNCATED;
  if (count > SWISD_DATAGRAM_BYTES_MAX)
    return SWISD_WIRE_OVERSIZED;
  if (bytes[0] != MAGIC_0 || bytes[1] != MAGIC_1)
    return SWISD_WIRE_FOREIGN;
  out->version = bytes[2];
  if (out->version < SWISD_PROTOCOL_VERSION_MIN || out->version > SWISD_PROTOCOL_VERSION)
    return SWISD_WIRE_VERSION;
  out->flags = bytes[3];
  out->sender = (struct swisd_id){swisd_be64_get(bytes + 4), swisd_be64_get(bytes + 12)};
  if (swisd_id_is_zero(out->sender))
    return SWISD_WIRE_RANGE;
  out->counter = swisd_be64_get(bytes + 20);
  out->message = bytes + SWISD_DATAGRAM_HEAD_BYTES;
  out->message_count = count - SWISD_DATAGRAM_HEAD_BYTES - SWISD_DATAGRAM_TAG_BYTES;
  out->tag = bytes + count - SWISD_DATAGRAM_TAG_BYTES;
  return SWISD_WIRE_OK;
}

void swisd_datagram_write(const struct swisd_datagram *datagram, uint8_t out[SWISD_DATAGRAM_HEAD_BYTES])
{
  out[0] = MAGIC_0;
  out[1] = MAGIC_1;
  out[2] = datagram->version;
  out[3] = datagram->flags;
  swisd_be64_put(out + 4, datagram->sender.hi);
  swisd_be64_put(out + 12, datagram->sender.lo);
  swisd_be64_put(out + 20, datagram->counter);
}
