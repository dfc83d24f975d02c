/* The messages between nodes, as structs. `runtime/wire` turns them into bytes, in the lab and in simulation alike.
 *
 * A message may name one body, which the driver carries beside it. Types marked D travel as datagrams and never name a
 * body; the others take a stream. Any message may be lost (streams break), doubled or late: every handler bears it. */
#ifndef SWISD_CORE_MESSAGE_H
#define SWISD_CORE_MESSAGE_H

#include "runtime/core/jobspec.h"
#include "runtime/core/limits.h"
#include "runtime/core/types.h"

#define SWISD_PROTOCOL_VERSION 1

/* Numbers are on the wire: append only. */
enum swisd_message_type {
  SWISD_MESSAGE_PING = 1,       /* D */
  SWISD_MESSAGE_ACK = 2,        /* D */
  SWISD_MESSAGE_PING_REQ = 3,   /* D: please probe `target` for me */
  SWISD_MESSAGE_PROBE_NACK = 4, /* D: the helper has not heard from the target yet (Lifeguard) */
  SWISD_MESSAGE_GOSSIP = 5,     /* D */
  SWISD_MESSAGE_JOIN = 6,       /* D: to a seed's address */
  SWISD_MESSAGE_SYNC = 7,       /* records, page by page */
  SWISD_MESSAGE_MODEL = 8,      /* what shards a model has */
  SWISD_MESSAGE_JOB_OPEN = 20,
  SWISD_MESSAGE_PULL = 21,
  SWISD_MESSAGE_TASK = 22,   /* may name a body */
  SWISD_MESSAGE_RESULT = 23, /* may name a body */
  SWISD_MESSAGE_NACK = 24,
  SWISD_MESSAGE_CANCEL = 25,
  SWISD_MESSAGE_BODY_FREE = 26,
  SWISD_MESSAGE_JOB_CLOSE = 27,
};

/* ---- membership ---- */

enum swisd_member_state { SWISD_MEMBER_ALIVE = 0, SWISD_MEMBER_SUSPECT = 1, SWISD_MEMBER_DEAD = 2, SWISD_MEMBER_LEFT = 3 };

enum swisd_holding_flags { SWISD_HOLDING_HOME = 1, SWISD_HOLDING_DROPPING = 2 };

enum swisd_record_flags { SWISD_RECORD_WORKS = 1, SWISD_RECORD_OUTBOUND_ONLY = 2 };

/* What a node says of itself; only its owner writes it. Last writer wins by (incarnation, version). */
struct swisd_record {
  struct swisd_id id;
  uint32_t incarnation; /* raised by a restart and by a refutation */
  uint32_t version;     /* raised by any other change */
  struct swisd_address addresses[SWISD_ADDRESSES_MAX];
  uint8_t address_count;
  uint8_t flags;
  uint8_t holding_count;
  uint32_t kernels_class;
  swisd_log_rate rates[SWISD_KERNEL_COUNT];
  uint8_t holding_flags[SWISD_HOLDINGS_MAX]; /* enum swisd_holding_flags */
  swisd_shard_id holdings[SWISD_HOLDINGS_MAX];
};

/* One piece of news. ALIVE carries the whole record (whose incarnation is `incarnation`); the others name only the subject,
 * and their `record` is not sent. */
struct swisd_rumour {
  uint8_t state; /* enum swisd_member_state */
  struct swisd_id subject;
  uint32_t incarnation;
  struct swisd_id from; /* who suspects, or who declares dead: Lifeguard counts independent confirmations */
  struct swisd_record record;
};

struct swisd_rumours {
  uint8_t count;
  struct swisd_rumour list[SWISD_RUMOURS_MAX];
};

struct swisd_message_ping { /* PING, and GOSSIP with sequence 0 */
  uint32_t sequence;
  struct swisd_id target; /* a node that finds another id here answers nothing: the address has a new owner */
  struct swisd_rumours rumours;
};

struct swisd_message_ack {
  uint32_t sequence;
  uint32_t incarnation;
  struct swisd_rumours rumours;
};

struct swisd_message_ping_req { /* PING_REQ and, without address, PROBE_NACK */
  uint32_t sequence;
  struct swisd_id target;
  struct swisd_address address;
};

struct swisd_message_join {
  struct swisd_record record;
};

/* A page of all that the sender knows. The receiver of a page with `reply_wanted` answers with pages of its own. */
struct swisd_message_sync {
  bool reply_wanted;
  bool last; /* of this exchange */
  uint8_t count;
  struct swisd_rumour list[SWISD_SYNC_RECORDS_MAX];
};

struct swisd_model_shard {
  swisd_shard_id shard;
  uint64_t bytes;
  uint64_t flops_per_item; /* its share of the model's work: placement weighs coverage by it */
  uint8_t kernel;
};

struct swisd_message_model {
  swisd_model_id model;
  uint8_t hops; /* still to go */
  uint8_t shard_count;
  struct swisd_model_shard shards[SWISD_MODEL_SHARDS_MAX];
};

/* ---- jobs ---- */

struct swisd_open_lane {
  uint8_t step, lane;
  uint8_t backlog; /* 1 + log2 of the ready work in FLOP, 0 = none */
  swisd_shard_id shard;
};

/* "I have work." Also the lease: a worker that hears none for `lease_ns` forgets the job. */
struct swisd_message_job_open {
  struct swisd_job_id job;
  swisd_model_id model;
  uint32_t lease_ms;
  uint8_t lane_count;
  struct swisd_open_lane lanes[SWISD_OPEN_LANES_MAX];
};

/* "I have room." Credits lapse when unused for config.credit_ns. */
struct swisd_message_pull {
  struct swisd_job_id job;
  uint8_t credits;
  swisd_log_rate rates[SWISD_KERNEL_COUNT];
  uint32_t queue_ms; /* work already queued here; 0 only when there is none at all */
  uint8_t holding_count;
  swisd_shard_id holdings[SWISD_HOLDINGS_MAX];
};

enum swisd_task_flags {
  SWISD_TASK_RETURN = 1, /* send the output with the RESULT; otherwise keep it until BODY_FREE */
  SWISD_TASK_RESCUE = 2, /* ahead of the queue, and beyond its bound by one */
  SWISD_TASK_REPLAY = 4, /* rebuild state: outputs of these items are known already */
  SWISD_TASK_TOKENS = 8,
  SWISD_TASK_STATEFUL = 16,
};

struct swisd_message_task {
  struct swisd_task_key key;
  swisd_model_id model;
  swisd_shard_id shard;
  uint8_t kernel, flags;
  uint64_t flops;     /* of the whole task */
  uint64_t out_bytes; /* of the whole task */
  uint8_t source_count;
  struct swisd_source sources[SWISD_SOURCES_MAX]; /* an owner equal to the sender with handle 0: the body of this message */
};

struct swisd_inline {
  uint8_t count;
  uint8_t bytes[SWISD_INLINE_BYTES_MAX]; /* TOKENS: token u32 little endian, then 1 if it ends the text */
};

struct swisd_message_result {
  struct swisd_task_key key;
  uint64_t compute_ns;      /* on the worker's clock */
  uint64_t flops;           /* what was computed: the submitter's own estimate of the worker's speed */
  uint32_t queue_ms;        /* work of other jobs ahead of the next task of this one */
  uint8_t credits;          /* new ones, for this job */
  struct swisd_body output; /* kept at the worker, or (with RETURN) the body of this message */
  struct swisd_inline inlined;
};

/* Numbers are on the wire: append only. */
enum swisd_nack_reason {
  SWISD_NACK_BUSY = 1,       /* the queue is full: come back after delay_ms, or when pulled */
  SWISD_NACK_NOT_HELD = 2,   /* the shard is not here (any more) */
  SWISD_NACK_INPUT_LOST = 3, /* the source `lost` could not be had */
  SWISD_NACK_FENCED = 4,     /* a newer epoch was seen */
  SWISD_NACK_STATE = 5,      /* no state at this position: replay from the log */
  SWISD_NACK_FAILED = 6,     /* the program failed here */
  SWISD_NACK_CANCELLED = 7,  /* was cancelled before it ran */
  SWISD_NACK_LEAVING = 8,
};

struct swisd_message_nack {
  struct swisd_task_key key;
  uint8_t reason;
  uint32_t delay_ms;
  uint64_t state_items; /* STATE: how many positions the worker has */
  struct swisd_source lost;
};

struct swisd_message_cancel {
  struct swisd_task_key key;
  struct swisd_id source; /* zero: in any case; else only if it still waits for an input that lies there */
};

struct swisd_message_body_free {
  struct swisd_job_id job;
  uint8_t count;
  struct swisd_body bodies[SWISD_RELEASES_MAX];
};

struct swisd_message_job_close {
  struct swisd_job_id job;
};

struct swisd_message {
  enum swisd_message_type type;
  union {
    struct swisd_message_ping ping; /* PING, GOSSIP */
    struct swisd_message_ack ack;
    struct swisd_message_ping_req ping_req; /* PING_REQ, PROBE_NACK */
    struct swisd_message_join join;
    struct swisd_message_sync sync;
    struct swisd_message_model model;
    struct swisd_message_job_open job_open;
    struct swisd_message_pull pull;
    struct swisd_message_task task;
    struct swisd_message_result result;
    struct swisd_message_nack nack;
    struct swisd_message_cancel cancel;
    struct swisd_message_body_free body_free;
    struct swisd_message_job_close job_close;
  } u;
};

/* What a driver lays beside each record so that others can tell that its owner wrote it: a public key and a signature. */
enum { SWISD_RECORD_SEAL_BYTES = 96 };
/* An upper bound of what one rumour adds to a datagram, so that the core can fill it up: proved against the encoder in
 * tests/wire. 48 for the rumour itself; of a record 40, 22 each address, 11 each holding, and its seal. */
static inline uint32_t swisd_rumour_bytes_max(const struct swisd_rumour *rumour)
{
  if (rumour->state != SWISD_MEMBER_ALIVE)
    return 48;
  return 48 + 40 + 22u * rumour->record.address_count + 11u * rumour->record.holding_count + SWISD_RECORD_SEAL_BYTES;
}
static inline uint32_t swisd_rumours_alive(const struct swisd_rumour *list, uint32_t count)
{
  uint32_t alive = 0;
  for (uint32_t i = 0; i < count; i++)
    alive += list[i].state == SWISD_MEMBER_ALIVE;
  return alive;
}
/* What the seals of a message's records take, for drivers that do not make them. */
static inline uint32_t swisd_message_seal_bytes(const struct swisd_message *message)
{
  switch (message->type) {
  case SWISD_MESSAGE_PING:
  case SWISD_MESSAGE_GOSSIP:
    return SWISD_RECORD_SEAL_BYTES * swisd_rumours_alive(message->u.ping.rumours.list, message->u.ping.rumours.count);
  case SWISD_MESSAGE_ACK:
    return SWISD_RECORD_SEAL_BYTES * swisd_rumours_alive(message->u.ack.rumours.list, message->u.ack.rumours.count);
  case SWISD_MESSAGE_SYNC:
    return SWISD_RECORD_SEAL_BYTES * swisd_rumours_alive(message->u.sync.list, message->u.sync.count);
  case SWISD_MESSAGE_JOIN:
    return SWISD_RECORD_SEAL_BYTES;
  default:
    return 0;
  }
}
/* What a PING, ACK or GOSSIP without rumours takes at most, with what the links add to a datagram. */
enum { SWISD_DATAGRAM_OVERHEAD_BYTES = 120 };

/* Whether messages of this type travel as datagrams. */
static inline bool swisd_message_is_datagram(enum swisd_message_type type) { return type <= SWISD_MESSAGE_JOIN; }

#endif
