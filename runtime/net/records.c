/* See records.h. */
#include "runtime/net/records.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/map.h"
#include "runtime/wire/wire.h"

enum {
  KNOWN_MAX = 2048, /* several times the members of a lab; 180 bytes each */
  WAITING_MAX = 64, /* messages: a node that joins a large swarm gets 16 pages at once */
  RECORD_BYTES_MAX = 512,
  DIGEST_BYTES = 32,
};
static const char label[] = "swisd record"; /* with its zero, before what is signed */

struct known {
  struct swisd_id id;
  uint32_t incarnation, version;
  uint8_t digest[DIGEST_BYTES];
  uint8_t seal[SWISD_RECORD_SEAL_BYTES];
};

/* A message whose records are being verified. */
struct inquiry {
  struct swisd_work work; /* first */
  struct swisd_records *records;
  struct swisd_id from;
  struct swisd_address from_address;
  uint32_t record_count;
  bool good;
  uint8_t seals[SWISD_SEALS_BYTES_MAX];
  struct swisd_message message;
};

struct swisd_records {
  const struct swisd_nodekey *key;
  struct swisd_workers *threads;
  struct swisd_records_host *host;
  struct swisd_map map; /* by the high half of the id */
  uint32_t waiting;
  struct swisd_records_status status;
};

/* ---- records of a message ---- */

bool swisd_records_concern(enum swisd_message_type type)
{
  return type == SWISD_MESSAGE_PING || type == SWISD_MESSAGE_GOSSIP || type == SWISD_MESSAGE_ACK || type == SWISD_MESSAGE_SYNC ||
         type == SWISD_MESSAGE_JOIN;
}

/* Its rumours; JOIN has none. */
static struct swisd_rumour *rumours_of(struct swisd_message *message, uint8_t **count)
{
  switch (message->type) {
  case SWISD_MESSAGE_PING:
  case SWISD_MESSAGE_GOSSIP:
    *count = &message->u.ping.rumours.count;
    return message->u.ping.rumours.list;
  case SWISD_MESSAGE_ACK:
    *count = &message->u.ack.rumours.count;
    return message->u.ack.rumours.list;
  case SWISD_MESSAGE_SYNC:
    *count = &message->u.sync.count;
    return message->u.sync.list;
  default:
    return NULL;
  }
}

/* Pointers to the records of a message, in order. */
static uint32_t collect(struct swisd_message *message, struct swisd_record *out[SWISD_SYNC_RECORDS_MAX])
{
  if (message->type == SWISD_MESSAGE_JOIN) {
    out[0] = &message->u.join.record;
    return 1;
  }
  uint8_t *count = NULL;
  struct swisd_rumour *rumours = rumours_of(message, &count);
  uint32_t found = 0;
  for (uint32_t i = 0; rumours && i < *count; i++)
    if (rumours[i].state == SWISD_MEMBER_ALIVE)
      out[found++] = &rumours[i].record;
  return found;
}

/* What is signed. */
static size_t text_of(const struct swisd_record *record, uint8_t text[sizeof label + RECORD_BYTES_MAX])
{
  size_t count = 0;
  memcpy(text, label, sizeof label);
  if (swisd_wire_encode_record(record, text + sizeof label, RECORD_BYTES_MAX, &count) != SWISD_WIRE_OK)
    return 0;
  return sizeof label + count;
}

static bool digest_of(const struct swisd_record *record, uint8_t digest[DIGEST_BYTES])
{
  uint8_t text[sizeof label + RECORD_BYTES_MAX];
  const size_t count = text_of(record, text);
  return count > 0 && EVP_Digest(text, count, digest, NULL, EVP_sha256(), NULL) == 1;
}

/* ---- what is known ---- */

static struct known *find(const struct swisd_records *records, const struct swisd_record *record)
{
  struct known *known = swisd_map_find_pointer(&records->map, record->id.hi);
  return known && swisd_id_equal(known->id, record->id) ? known : NULL;
}

static bool older(const struct swisd_record *record, const struct known *known)
{
  return record->incarnation != known->incarnation ? record->incarnation < known->incarnation : record->version < known->version;
}

static void forget_the_oldest(struct swisd_records *records)
{
  uint32_t cursor = 0;
  uint64_t key, value;
  if (swisd_map_next(&records->map, &cursor, &key, &value) && swisd_map_remove(&records->map, key, NULL))
    free((struct known *)(uintptr_t)value);
}

/* Keeps the newest of each member: it is the one that the core passes on. */
static struct known *remember(struct swisd_records *records, const struct swisd_record *record,
                              const uint8_t seal[SWISD_RECORD_SEAL_BYTES])
{
  struct known *known = find(records, record);
  uint8_t digest[DIGEST_BYTES];
  if (!digest_of(record, digest))
    return NULL;
  if (!known) {
    if (records->map.live >= KNOWN_MAX)
      forget_the_oldest(records);
    known = swisd_map_find(&records->map, record->id.hi, NULL) ? NULL : calloc(1, sizeof *known);
    if (!known || swisd_map_put_pointer(&records->map, record->id.hi, known) != 0) {
      free(known);
      return NULL;
    }
  } else if (older(record, known)) {
    return known;
  }
  *known = (struct known){.id = record->id, .incarnation = record->incarnation, .version = record->version};
  memcpy(known->digest, digest, sizeof known->digest);
  memcpy(known->seal, seal, sizeof known->seal);
  return known;
}

static bool is_known(const struct swisd_records *records, const struct swisd_record *record)
{
  uint8_t digest[DIGEST_BYTES];
  const struct known *known = find(records, record);
  return known && known->incarnation == record->incarnation && known->version == record->version && digest_of(record, digest) &&
         memcmp(digest, known->digest, sizeof digest) == 0;
}

struct swisd_records *swisd_records_open(const struct swisd_nodekey *key, struct swisd_workers *threads,
                                         struct swisd_records_host *host)
{
  struct swisd_records *records = calloc(1, sizeof *records);
  if (records)
    *records = (struct swisd_records){.key = key, .threads = threads, .host = host};
  return records;
}

void swisd_records_close(struct swisd_records *records)
{
  if (!records)
    return;
  while (records->map.live > 0)
    forget_the_oldest(records);
  swisd_map_free(&records->map);
  free(records);
}

/* ---- out ---- */

/* The node's own record changes with what it holds: signed when it is said first, 17 microseconds. */
static const struct known *sign(struct swisd_records *records, const struct swisd_record *record)
{
  uint8_t text[sizeof label + RECORD_BYTES_MAX], seal[SWISD_RECORD_SEAL_BYTES];
  const size_t count = text_of(record, text);
  memcpy(seal, records->key->public_key, SWISD_PUBLIC_KEY_BYTES);
  if (count == 0 || swisd_nodekey_sign(records->key, text, count, seal + SWISD_PUBLIC_KEY_BYTES) != 0)
    return NULL;
  records->status.signed_own++;
  return remember(records, record, seal);
}

static bool seal_one(struct swisd_records *records, const struct swisd_record *record, uint8_t *seals, size_t *bytes)
{
  const struct known *known = is_known(records, record)                      ? find(records, record)
                              : swisd_id_equal(record->id, records->key->id) ? sign(records, record)
                                                                             : NULL;
  if (!known || known->incarnation != record->incarnation || known->version != record->version)
    return false;
  memcpy(seals + *bytes, known->seal, sizeof known->seal);
  *bytes += sizeof known->seal;
  return true;
}

size_t swisd_records_seal(struct swisd_records *records, struct swisd_message *message, uint8_t seals[SWISD_SEALS_BYTES_MAX])
{
  size_t bytes = 0;
  uint8_t *count = NULL;
  if (message->type == SWISD_MESSAGE_JOIN)
    return seal_one(records, &message->u.join.record, seals, &bytes) ? bytes : 0;
  struct swisd_rumour *rumours = rumours_of(message, &count);
  uint8_t kept = 0;
  for (uint32_t i = 0; rumours && i < *count; i++) {
    if (rumours[i].state == SWISD_MEMBER_ALIVE && !seal_one(records, &rumours[i].record, seals, &bytes)) {
      records->status.unvouched++;
      continue;
    }
    if (kept != i)
      rumours[kept] = rumours[i];
    kept++;
  }
  if (rumours)
    *count = kept;
  return bytes;
}

/* ---- in ---- */

/* On a thread. */
static void run_inquiry(struct swisd_work *work)
{
  struct inquiry *inquiry = (struct inquiry *)work;
  struct swisd_record *list[SWISD_SYNC_RECORDS_MAX];
  inquiry->record_count = collect(&inquiry->message, list);
  inquiry->good = true;
  for (uint32_t i = 0; i < inquiry->record_count && inquiry->good; i++) {
    uint8_t text[sizeof label + RECORD_BYTES_MAX];
    const uint8_t *seal = inquiry->seals + (size_t)i * SWISD_RECORD_SEAL_BYTES;
    const size_t count = text_of(list[i], text);
    inquiry->good = count > 0 && swisd_id_equal(swisd_nodekey_id_of(seal), list[i]->id) &&
                    swisd_nodekey_verify(seal, text, count, seal + SWISD_PUBLIC_KEY_BYTES);
  }
  work->status = SWISD_OK;
}

static void inquiry_done(struct swisd_work *work)
{
  struct inquiry *inquiry = (struct inquiry *)work;
  struct swisd_records *records = inquiry->records;
  records->waiting--;
  if (work->status == SWISD_OK && inquiry->good) {
    struct swisd_record *list[SWISD_SYNC_RECORDS_MAX];
    collect(&inquiry->message, list);
    records->status.verified += inquiry->record_count;
    for (uint32_t i = 0; i < inquiry->record_count; i++)
      remember(records, list[i], inquiry->seals + (size_t)i * SWISD_RECORD_SEAL_BYTES);
    records->host->verified(records->host, inquiry->from, &inquiry->from_address, &inquiry->message);
  } else if (work->status == SWISD_OK) {
    records->status.forged++;
  }
  free(inquiry);
}

enum swisd_records_verdict swisd_records_check(struct swisd_records *records, struct swisd_id from,
                                               const struct swisd_address *from_address, const struct swisd_message *message,
                                               const uint8_t *seals, size_t bytes)
{
  struct swisd_record *list[SWISD_SYNC_RECORDS_MAX];
  const uint32_t count = collect((struct swisd_message *)(uintptr_t)message, list);
  if (bytes != (size_t)count * SWISD_RECORD_SEAL_BYTES) {
    records->status.unsealed++;
    return SWISD_RECORDS_BAD;
  }
  uint32_t known = 0;
  while (known < count && is_known(records, list[known]))
    known++;
  if (known == count)
    return SWISD_RECORDS_GOOD;
  struct inquiry *inquiry = records->waiting < WAITING_MAX ? calloc(1, sizeof *inquiry) : NULL;
  if (!inquiry) {
    records->status.crowded++;
    return SWISD_RECORDS_BAD;
  }
  *inquiry = (struct inquiry){
    .work = {.run = run_inquiry, .done = inquiry_done}, .records = records, .from = from, .from_address = *from_address};
  inquiry->message = *message;
  memcpy(inquiry->seals, seals, bytes);
  records->waiting++;
  swisd_workers_submit(records->threads, &inquiry->work);
  return SWISD_RECORDS_LATER;
}

struct swisd_records_status swisd_records_status(const struct swisd_records *records) { return records->status; }
