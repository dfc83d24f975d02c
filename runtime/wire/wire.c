#include "runtime/wire/wire.h"

#include "runtime/wire/message_fields.h"

size_t swisd_wire_size(const struct swisd_message *message)
{
  const struct swisd_fields *fields = swisd_message_fields(message->type);
  return fields == NULL ? 0 : swisd_fields_size(message->type, fields, &message->u);
}

int swisd_wire_encode(const struct swisd_message *message, uint8_t *out, size_t capacity, size_t *written)
{
  const struct swisd_fields *fields = swisd_message_fields(message->type);
  if (fields == NULL)
    return SWISD_WIRE_TYPE;
  struct swisd_pack_buffer buffer = {out, capacity, 0};
  const int status = swisd_fields_pack(&buffer, message->type, fields, &message->u);
  *written = buffer.used;
  return status;
}

int swisd_wire_encode_record(const struct swisd_record *record, uint8_t *out, size_t capacity, size_t *written)
{
  enum { FORM = 1 }; /* of what is signed; a later one gets another number */
  struct swisd_pack_buffer buffer = {out, capacity, 0};
  const int status = swisd_fields_pack(&buffer, FORM, &swisd_record_fields, record);
  *written = buffer.used;
  return status;
}

int swisd_wire_decode(const uint8_t *bytes, size_t count, struct swisd_message *out)
{
  size_t used;
  const int status = swisd_wire_decode_front(bytes, count, out, &used);
  return status == SWISD_WIRE_OK && used != count ? SWISD_WIRE_TRAILING : status;
}

int swisd_wire_decode_front(const uint8_t *bytes, size_t count, struct swisd_message *out, size_t *used)
{
  if (count > SWISD_CONTROL_BYTES_MAX)
    return SWISD_WIRE_OVERSIZED;
  struct swisd_cursor cursor = {bytes, bytes + count};
  uint64_t type;
  uint32_t rest;
  int status = swisd_fields_open(&cursor, &type, &rest);
  if (status != SWISD_WIRE_OK)
    return status;
  const struct swisd_fields *fields = swisd_message_fields(type);
  if (fields == NULL)
    return SWISD_WIRE_TYPE;
  out->type = (enum swisd_message_type)type;
  status = swisd_fields_unpack(&cursor, rest, fields, &out->u);
  *used = count - swisd_cursor_left(&cursor);
  return status;
}

const char *swisd_message_type_name(int type)
{
  switch (type) {
  case SWISD_MESSAGE_PING:
    return "ping";
  case SWISD_MESSAGE_ACK:
    return "ack";
  case SWISD_MESSAGE_PING_REQ:
    return "ping req";
  case SWISD_MESSAGE_PROBE_NACK:
    return "probe nack";
  case SWISD_MESSAGE_GOSSIP:
    return "gossip";
  case SWISD_MESSAGE_JOIN:
    return "join";
  case SWISD_MESSAGE_SYNC:
    return "sync";
  case SWISD_MESSAGE_MODEL:
    return "model";
  case SWISD_MESSAGE_JOB_OPEN:
    return "job open";
  case SWISD_MESSAGE_PULL:
    return "pull";
  case SWISD_MESSAGE_TASK:
    return "task";
  case SWISD_MESSAGE_RESULT:
    return "result";
  case SWISD_MESSAGE_NACK:
    return "nack";
  case SWISD_MESSAGE_CANCEL:
    return "cancel";
  case SWISD_MESSAGE_BODY_FREE:
    return "body free";
  case SWISD_MESSAGE_JOB_CLOSE:
    return "job close";
  default:
    return "unknown";
  }
}
