#include "runtime/wire/record.h"

#include <string.h>

#include "runtime/wire/big_endian.h"
#include "runtime/wire/event_fields.h"
#include "runtime/wire/message_fields.h"

static const uint8_t magic[SWISD_RECORD_MAGIC_BYTES] = {'S', 'w', 'i', 's', 'D', 'r', 'e', 'c'};

enum { LENGTH_BYTES = 4, SPEC_TAG = 1, CONFIG_TAG = 1 };

/* ---- writing ---- */

/* An entry begins behind `prefix` bytes of the buffer, with room for its length and with its kind. */
static int begin(struct swisd_pack_buffer *buffer, size_t prefix, enum swisd_record_kind kind)
{
  if (buffer->capacity < prefix + LENGTH_BYTES)
    return SWISD_WIRE_SPACE;
  buffer->used = prefix + LENGTH_BYTES;
  return swisd_pack_number(buffer, kind);
}

static void end(struct swisd_pack_buffer *buffer, size_t prefix)
{
  swisd_be32_put(buffer->bytes + prefix, (uint32_t)(buffer->used - prefix - LENGTH_BYTES));
}

int swisd_record_write_start(const struct swisd_config *config, uint64_t seed, uint8_t *out, size_t capacity, size_t *written)
{
  struct swisd_pack_buffer buffer = {out, capacity, 0};
  int status = begin(&buffer, sizeof magic, SWISD_RECORD_START);
  if (status == SWISD_WIRE_OK)
    status = swisd_pack_number(&buffer, SWISD_RECORD_VERSION);
  if (status == SWISD_WIRE_OK)
    status = swisd_pack_number(&buffer, seed);
  if (status == SWISD_WIRE_OK)
    status = swisd_fields_pack(&buffer, CONFIG_TAG, &swisd_config_fields, config);
  if (status != SWISD_WIRE_OK)
    return status;
  memcpy(out, magic, sizeof magic);
  end(&buffer, sizeof magic);
  *written = buffer.used;
  return SWISD_WIRE_OK;
}

/* What the event points to: its table, its tag and where it lies. NULL when it points to nothing. */
static const struct swisd_fields *pointed(const struct swisd_event *event, uint32_t *tag, const void **base)
{
  switch (event->kind) {
  case SWISD_EVENT_MESSAGE:
    *tag = event->u.message.message->type;
    *base = &event->u.message.message->u;
    return swisd_message_fields(*tag);
  case SWISD_EVENT_SUBMITTED:
    *tag = SPEC_TAG;
    *base = event->u.submitted.spec;
    return &swisd_job_spec_fields;
  case SWISD_EVENT_MODEL:
    *tag = SWISD_MESSAGE_MODEL;
    *base = event->u.model;
    return swisd_message_fields(SWISD_MESSAGE_MODEL);
  default:
    return NULL;
  }
}

static bool points(enum swisd_event_kind kind)
{
  return kind == SWISD_EVENT_MESSAGE || kind == SWISD_EVENT_SUBMITTED || kind == SWISD_EVENT_MODEL;
}

int swisd_record_write_event(const struct swisd_event *event, uint64_t now_ns, uint8_t *out, size_t capacity, size_t *written)
{
  struct swisd_pack_buffer buffer = {out, capacity, 0};
  const struct swisd_fields *fields = swisd_event_fields(event->kind), *more = NULL;
  const void *base = NULL;
  uint32_t tag = 0;
  if (fields == NULL)
    return SWISD_WIRE_TYPE;
  if (points(event->kind)) {
    more = pointed(event, &tag, &base);
    if (more == NULL)
      return SWISD_WIRE_TYPE;
  }
  int status = begin(&buffer, 0, SWISD_RECORD_EVENT);
  if (status == SWISD_WIRE_OK)
    status = swisd_pack_number(&buffer, now_ns);
  if (status == SWISD_WIRE_OK)
    status = swisd_fields_pack(&buffer, event->kind, fields, event);
  if (status == SWISD_WIRE_OK && more != NULL)
    status = swisd_fields_pack(&buffer, tag, more, base);
  if (status != SWISD_WIRE_OK)
    return status;
  end(&buffer, 0);
  *written = buffer.used;
  return SWISD_WIRE_OK;
}

int swisd_record_write_digest(uint64_t digest, uint8_t *out, size_t capacity, size_t *written)
{
  struct swisd_pack_buffer buffer = {out, capacity, 0};
  int status = begin(&buffer, 0, SWISD_RECORD_DIGEST);
  if (status == SWISD_WIRE_OK)
    status = swisd_pack_number(&buffer, digest);
  if (status != SWISD_WIRE_OK)
    return status;
  end(&buffer, 0);
  *written = buffer.used;
  return SWISD_WIRE_OK;
}

/* ---- digests ---- */

uint64_t swisd_actions_digest(const struct swisd_actions *actions)
{
  uint64_t digest = swisd_digest_mix(0, actions->count);
  for (uint32_t i = 0; i < actions->count && i < SWISD_ACTIONS_MAX; i++) {
    const struct swisd_action *action = &actions->list[i];
    const struct swisd_fields *fields = swisd_action_fields(action->kind);
    digest = swisd_digest_mix(digest, action->kind);
    if (fields != NULL)
      digest = swisd_fields_digest(digest, fields, action);
    if (action->kind != SWISD_ACTION_SEND)
      continue;
    const struct swisd_message *message = &action->u.send.message;
    fields = swisd_message_fields(message->type);
    digest = swisd_digest_mix(digest, message->type);
    if (fields != NULL)
      digest = swisd_fields_digest(digest, fields, &message->u);
  }
  return digest;
}

/* ---- reading ---- */

static int read_start(struct swisd_cursor *cursor, struct swisd_record_entry *out)
{
  uint64_t version, tag;
  uint32_t rest;
  int status = swisd_cursor_number(cursor, &version);
  if (status != SWISD_WIRE_OK)
    return status;
  if (version != SWISD_RECORD_VERSION)
    return SWISD_WIRE_VERSION;
  status = swisd_cursor_number(cursor, &out->seed);
  if (status == SWISD_WIRE_OK)
    status = swisd_fields_open(cursor, &tag, &rest);
  if (status != SWISD_WIRE_OK)
    return status;
  return tag == CONFIG_TAG ? swisd_fields_unpack(cursor, rest, &swisd_config_fields, &out->config) : SWISD_WIRE_VERSION;
}

static int read_pointed(struct swisd_cursor *cursor, struct swisd_record_entry *out)
{
  uint64_t tag;
  uint32_t rest;
  const int status = swisd_fields_open(cursor, &tag, &rest);
  if (status != SWISD_WIRE_OK)
    return status;
  struct swisd_event *event = &out->event;
  switch (event->kind) {
  case SWISD_EVENT_MESSAGE:
    if (swisd_message_fields(tag) == NULL)
      return SWISD_WIRE_TYPE;
    out->pointed.message.type = (enum swisd_message_type)tag;
    event->u.message.message = &out->pointed.message;
    return swisd_fields_unpack(cursor, rest, swisd_message_fields(tag), &out->pointed.message.u);
  case SWISD_EVENT_SUBMITTED:
    if (tag != SPEC_TAG)
      return SWISD_WIRE_TYPE;
    event->u.submitted.spec = &out->pointed.spec;
    return swisd_fields_unpack(cursor, rest, &swisd_job_spec_fields, &out->pointed.spec);
  default:
    if (tag != SWISD_MESSAGE_MODEL)
      return SWISD_WIRE_TYPE;
    event->u.model = &out->pointed.model;
    return swisd_fields_unpack(cursor, rest, swisd_message_fields(tag), &out->pointed.model);
  }
}

static int read_event(struct swisd_cursor *cursor, struct swisd_record_entry *out)
{
  uint64_t kind;
  uint32_t rest;
  int status = swisd_cursor_number(cursor, &out->now_ns);
  if (status == SWISD_WIRE_OK)
    status = swisd_fields_open(cursor, &kind, &rest);
  if (status != SWISD_WIRE_OK)
    return status;
  const struct swisd_fields *fields = swisd_event_fields(kind);
  if (fields == NULL)
    return SWISD_WIRE_TYPE;
  out->event.kind = (enum swisd_event_kind)kind;
  status = swisd_fields_unpack(cursor, rest, fields, &out->event);
  return status == SWISD_WIRE_OK && points(out->event.kind) ? read_pointed(cursor, out) : status;
}

static int read_entry(struct swisd_cursor *cursor, bool first, struct swisd_record_entry *out)
{
  uint64_t kind;
  const int status = swisd_cursor_number(cursor, &kind);
  if (status != SWISD_WIRE_OK)
    return status;
  if (first != (kind == SWISD_RECORD_START))
    return SWISD_WIRE_TYPE;
  out->kind = (uint8_t)kind;
  switch (kind) {
  case SWISD_RECORD_START:
    return read_start(cursor, out);
  case SWISD_RECORD_EVENT:
    return read_event(cursor, out);
  case SWISD_RECORD_DIGEST:
    return swisd_cursor_number(cursor, &out->digest);
  default:
    return SWISD_WIRE_TYPE;
  }
}

int swisd_record_read(const uint8_t *bytes, size_t count, bool *first, struct swisd_record_entry *out, size_t *used)
{
  const size_t prefix = *first ? sizeof magic : 0;
  if (memcmp(bytes, magic, count < prefix ? count : prefix) != 0)
    return SWISD_WIRE_FOREIGN;
  *used = prefix + LENGTH_BYTES;
  if (count < *used)
    return SWISD_WIRE_MORE;
  const uint32_t length = swisd_be32_get(bytes + prefix);
  if (length > SWISD_RECORD_ENTRY_BYTES_MAX - LENGTH_BYTES)
    return SWISD_WIRE_OVERSIZED;
  *used += length;
  if (count < *used)
    return SWISD_WIRE_MORE;
  struct swisd_cursor cursor = {bytes + prefix + LENGTH_BYTES, bytes + *used};
  const int status = read_entry(&cursor, *first, out);
  if (status == SWISD_WIRE_OK && swisd_cursor_left(&cursor) != 0)
    return SWISD_WIRE_TRAILING;
  if (status == SWISD_WIRE_OK)
    *first = false;
  return status;
}

const char *swisd_event_kind_name(int kind)
{
  static const char *const names[] = {
    [SWISD_EVENT_START] = "start",
    [SWISD_EVENT_MESSAGE] = "message",
    [SWISD_EVENT_DEADLINE] = "deadline",
    [SWISD_EVENT_SENT] = "sent",
    [SWISD_EVENT_FETCHED] = "fetched",
    [SWISD_EVENT_PROGRESS] = "progress",
    [SWISD_EVENT_WRITABLE] = "writable",
    [SWISD_EVENT_COMPUTED] = "computed",
    [SWISD_EVENT_SUBMITTED] = "submitted",
    [SWISD_EVENT_APPENDED] = "appended",
    [SWISD_EVENT_WITHDRAWN] = "withdrawn",
    [SWISD_EVENT_UNREACHABLE] = "unreachable",
    [SWISD_EVENT_LINK] = "link",
    [SWISD_EVENT_AVAILABILITY] = "availability",
    [SWISD_EVENT_SHARD_LOST] = "shard lost",
    [SWISD_EVENT_RESUMED] = "resumed",
    [SWISD_EVENT_STOP] = "stop",
    [SWISD_EVENT_MODEL] = "model",
  };
  return kind > 0 && (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

const char *swisd_action_kind_name(int kind)
{
  static const char *const names[] = {
    [SWISD_ACTION_SEND] = "send",
    [SWISD_ACTION_COMPUTE] = "compute",
    [SWISD_ACTION_CANCEL] = "cancel",
    [SWISD_ACTION_FETCH_SHARD] = "fetch shard",
    [SWISD_ACTION_FETCH_BODY] = "fetch body",
    [SWISD_ACTION_GRANT] = "grant",
    [SWISD_ACTION_DROP] = "drop",
    [SWISD_ACTION_RELEASE] = "release",
    [SWISD_ACTION_PERSIST] = "persist",
    [SWISD_ACTION_ANSWER] = "answer",
    [SWISD_ACTION_FORGET] = "forget",
  };
  return kind > 0 && (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}
