/* Who vouches for a member's record: its owner. Each record that travels (ALIVE in PING, ACK, GOSSIP and SYNC, and JOIN) has a
 * seal beside it, the owner's public key and its signature of the encoded record; seals follow the message that they belong
 * to, in the order of its records. So a member can pass on what others say of themselves, and cannot change it.
 *
 * The core never sees seals: what it hears is verified, what it says is sealed here on the way out. Records that were verified
 * once are remembered and cost a hash; others are verified on a thread, and their message comes back when that is done, late
 * like any message may be. A record that nobody vouches for is not passed on: the core makes one when it hears that a member
 * is suspected in an incarnation whose record has not come yet. */
#ifndef SWISD_NET_RECORDS_H
#define SWISD_NET_RECORDS_H

#include "runtime/core/message.h"
#include "runtime/net/nodekey.h"
#include "runtime/net/workers.h"

enum { SWISD_SEALS_BYTES_MAX = SWISD_SYNC_RECORDS_MAX * SWISD_RECORD_SEAL_BYTES };
_Static_assert((int)SWISD_RECORD_SEAL_BYTES == SWISD_PUBLIC_KEY_BYTES + SWISD_SIGNATURE_BYTES, "what the core leaves room for");
_Static_assert((int)SWISD_RUMOURS_MAX <= (int)SWISD_SYNC_RECORDS_MAX, "seals of any message fit");

struct swisd_records;

struct swisd_records_host {
  /* A message that had to wait for its records. */
  void (*verified)(struct swisd_records_host *host, struct swisd_id from, const struct swisd_address *from_address,
                   const struct swisd_message *message);
};

/* `key` and `threads` outlive it, but `threads` is closed first: that gives everything back. NULL when memory is out. */
struct swisd_records *swisd_records_open(const struct swisd_nodekey *key, struct swisd_workers *threads,
                                         struct swisd_records_host *host);
void swisd_records_close(struct swisd_records *records);

/* Whether messages of this type carry records. */
bool swisd_records_concern(enum swisd_message_type type);
/* The seals of a message's records; those that nobody vouches for are taken out of it. Returns the bytes of the seals. */
size_t swisd_records_seal(struct swisd_records *records, struct swisd_message *message, uint8_t seals[SWISD_SEALS_BYTES_MAX]);

enum swisd_records_verdict {
  SWISD_RECORDS_GOOD,  /* go on with it */
  SWISD_RECORDS_LATER, /* it was copied, and comes back through `verified` if all is well */
  SWISD_RECORDS_BAD,   /* seals missing or too many, or too much is being verified: forget it */
};
enum swisd_records_verdict swisd_records_check(struct swisd_records *records, struct swisd_id from,
                                               const struct swisd_address *from_address, const struct swisd_message *message,
                                               const uint8_t *seals, size_t bytes);

struct swisd_records_status {
  uint64_t signed_own, verified, forged; /* forged: the signature, or the key's id, does not fit */
  uint64_t unsealed;                     /* messages whose seals are not those of their records */
  uint64_t crowded;                      /* messages dropped because too many were waiting */
  uint64_t unvouched;                    /* records not passed on */
};
struct swisd_records_status swisd_records_status(const struct swisd_records *records);

#endif
