/* What a node asks of its driver. The array is filled by one step and valid until the next. A step that finds it full
 * leaves the rest undone, in its state, and its deadline is now. */
#ifndef SWISD_CORE_ACTION_H
#define SWISD_CORE_ACTION_H

#include "runtime/core/message.h"
#include "runtime/core/trace.h"
#include "runtime/core/types.h"

/* Numbers are in recordings: append only. */
enum swisd_action_kind {
  SWISD_ACTION_SEND = 1,
  SWISD_ACTION_COMPUTE = 2,
  SWISD_ACTION_CANCEL = 3, /* a COMPUTE or FETCH by ticket; its COMPUTED or FETCHED still comes, with CANCELLED or not */
  SWISD_ACTION_FETCH_SHARD = 4,
  SWISD_ACTION_FETCH_BODY = 5,
  SWISD_ACTION_GRANT = 6,   /* bodies of up to so many bytes may come from this peer beyond earlier grants */
  SWISD_ACTION_DROP = 7,    /* a shard */
  SWISD_ACTION_RELEASE = 8, /* a body */
  SWISD_ACTION_PERSIST = 9,
  SWISD_ACTION_ANSWER = 10,
  SWISD_ACTION_FORGET =
    11, /* the state (KV caches) of a job: all epochs, all steps, also what a program that still runs leaves */
};

/* `to` may be zero: then only the address is known (a seed). A message to the node itself is delivered like any other.
 * The body stays the node's: the driver keeps it alive until it is sent, even when a RELEASE follows. */
struct swisd_action_send {
  struct swisd_id to;
  struct swisd_address address; /* the first known one; family NONE when unknown: use the open link */
  struct swisd_message message;
  struct swisd_body body;
  uint64_t body_offset, body_length; /* the byte range of `body` that is sent; it arrives as a body of its own */
};

/* Numbers are in recordings: append only. */
enum swisd_program {
  SWISD_PROGRAM_RUN = 1,    /* step, lane of the model over items lo..hi: sources -> out_bytes of output or inline bytes */
  SWISD_PROGRAM_CHECK = 2,  /* verify a result (sources[0]) of step, lane against its inputs (the others) */
  SWISD_PROGRAM_COMMIT = 3, /* copy the rows of sources[0] into the job's answer at item lo */
  SWISD_PROGRAM_CONCAT = 4, /* the rows lo..hi of each source, one after the other, as one new body of out_bytes */
};

/* Work on bytes, for a worker thread. The answer is one COMPUTED. Sources are bodies of this node. */
struct swisd_action_compute {
  uint32_t ticket;
  uint8_t program;           /* enum swisd_program */
  uint8_t kernel;            /* enum swisd_kernel_class: what it costs is flops / speed of that class */
  uint8_t verify;            /* CHECK: enum swisd_verify */
  uint8_t flags;             /* enum swisd_task_flags */
  struct swisd_task_key key; /* job, step, lane, items; with STATEFUL also the epoch names the session */
  swisd_model_id model;
  swisd_shard_id shard;
  uint64_t flops, out_bytes;
  uint64_t number; /* COMMIT, CHECK: the driver's name of the job */
  uint8_t source_count;
  struct swisd_source sources[SWISD_SOURCES_MAX];
};

struct swisd_action_fetch {
  uint32_t ticket;
  struct swisd_id from;
  struct swisd_address address;
  swisd_model_id model;   /* SHARD: whose shard it is (its manifest is needed first) */
  swisd_shard_id shard;   /* SHARD */
  uint64_t bytes;         /* SHARD: its size; BODY: bytes of the range */
  struct swisd_body body; /* BODY: as named by its owner */
  uint64_t offset;        /* BODY: start of the range; it arrives as a body of its own */
};

/* Rows of a job's answer, or its end. */
struct swisd_action_answer {
  uint64_t number;
  struct swisd_job_id job;
  enum swisd_status status; /* of the whole job when !more */
  bool more;
  uint64_t lo, hi;             /* items committed (or, TOKENS, spoken) just now */
  struct swisd_inline inlined; /* TOKENS */
};

struct swisd_action {
  enum swisd_action_kind kind;
  union {
    struct swisd_action_send send;
    struct swisd_action_compute compute;
    struct swisd_action_fetch fetch; /* FETCH_SHARD, FETCH_BODY */
    uint32_t ticket;                 /* CANCEL */
    struct {
      struct swisd_id peer;
      uint64_t bytes;
    } grant;
    struct {
      swisd_shard_id shard;
    } drop;
    struct swisd_body release;
    struct {
      uint32_t incarnation;
    } persist;
    struct swisd_action_answer answer;
    struct swisd_job_id forget;
  } u;
};

enum { SWISD_ACTIONS_MAX = 64, SWISD_TRACES_MAX = 256 };

/* Filled by a step; the caller need not clear it. One buffer serves any number of nodes, one after the other. */
struct swisd_actions {
  uint32_t count;
  uint32_t trace_count;
  uint64_t traces_dropped; /* in this step: tracing never changes what a node does */
  struct swisd_action list[SWISD_ACTIONS_MAX];
  struct swisd_trace traces[SWISD_TRACES_MAX];
};

#endif
