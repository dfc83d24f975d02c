/* What a driver tells a node. Late or doubled events are harmless; events about unknown tickets are ignored.
 * Pointers inside an event need to live only for the duration of the step. */
#ifndef SWISD_CORE_EVENT_H
#define SWISD_CORE_EVENT_H

#include "runtime/core/jobspec.h"
#include "runtime/core/message.h"
#include "runtime/core/types.h"

/* Numbers are in recordings: append only. */
enum swisd_event_kind {
  SWISD_EVENT_START = 1,
  SWISD_EVENT_MESSAGE = 2,
  SWISD_EVENT_DEADLINE = 3, /* swisd_node_deadline_ns() has come */
  SWISD_EVENT_SENT = 4,
  SWISD_EVENT_FETCHED = 5,
  SWISD_EVENT_PROGRESS = 6, /* a transfer advances: its time-out starts anew */
  SWISD_EVENT_WRITABLE = 7,
  SWISD_EVENT_COMPUTED = 8,
  SWISD_EVENT_SUBMITTED = 9,
  SWISD_EVENT_APPENDED = 10,
  SWISD_EVENT_WITHDRAWN = 11,
  SWISD_EVENT_UNREACHABLE = 12, /* the link to a peer broke, or could not be made */
  SWISD_EVENT_LINK = 13,        /* own network path up or down */
  SWISD_EVENT_AVAILABILITY = 14,
  SWISD_EVENT_SHARD_LOST = 15,
  SWISD_EVENT_RESUMED = 16, /* the clock jumped: the lid was closed */
  SWISD_EVENT_STOP = 17,    /* leave: says so to the others */
  SWISD_EVENT_MODEL = 18,   /* a model whose shards all lie here: this node is its first holder */
};

struct swisd_event_start {
  uint32_t incarnation; /* the last one PERSISTed, 0 if none: the node starts above it */
  uint8_t seed_count;
  struct swisd_address seeds[SWISD_SEEDS_MAX];
  uint8_t holding_count; /* shards found on disk, digests verified */
  swisd_shard_id holdings[SWISD_HOLDINGS_MAX];
};

struct swisd_event_message {
  struct swisd_id from;
  struct swisd_address from_address; /* of a datagram: where to answer an unknown sender */
  const struct swisd_message *message;
  struct swisd_body body; /* handle 0 when the message names none; else the node owns it and will RELEASE it */
};

struct swisd_event_fetched { /* FETCHED and PROGRESS */
  uint32_t ticket;
  enum swisd_status status;
  struct swisd_body body; /* of a body fetch that went well: owned by the node */
};

struct swisd_event_computed {
  uint32_t ticket;
  enum swisd_status status;
  uint64_t elapsed_ns;         /* of computing, without waiting */
  struct swisd_body out;       /* handle 0 when the program makes none; owned by the node */
  struct swisd_inline inlined; /* of a program that makes tokens; with STALE: the position reached, u64 little endian */
};

struct swisd_event_submitted {
  uint64_t number; /* the driver's own name of the job, unique while the process lives; ANSWER repeats it */
  const struct swisd_job_spec *spec;
};

/* More input for a job: `items` rows. The node owns `body` from now on. */
struct swisd_event_appended {
  uint64_t number;
  uint64_t items;
  struct swisd_body body;
  bool last; /* no more will come */
};

struct swisd_event_availability {
  uint8_t level_percent; /* of the device's speed that others may use */
};

struct swisd_event {
  enum swisd_event_kind kind;
  union {
    struct swisd_event_start start;
    struct swisd_event_message message;
    struct swisd_event_fetched fetched;
    struct swisd_event_computed computed;
    struct swisd_event_submitted submitted;
    struct swisd_event_appended appended;
    struct swisd_event_availability availability;
    uint64_t withdrawn;   /* WITHDRAWN: the job's number */
    struct swisd_id peer; /* UNREACHABLE, WRITABLE */
    swisd_shard_id shard; /* SHARD_LOST */
    uint64_t gap_ns;      /* RESUMED */
    bool link_up;         /* LINK */
    struct {
      uint32_t ticket;
      enum swisd_status status;
    } sent;
    const struct swisd_message_model *model; /* MODEL */
  } u;
};

#endif
