/* The words every part of the core shares: identities, addresses, bodies, items of work.
 * Units stand last in each name. Nothing here owns memory. */
#ifndef SWISD_CORE_TYPES_H
#define SWISD_CORE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#define SWISD_NEVER UINT64_MAX
#define SWISD_MILLISECOND UINT64_C(1000000)
#define SWISD_SECOND UINT64_C(1000000000)

/* A node: the first 16 bytes of SHA-256 of its public key, big endian. Zero names nobody. */
struct swisd_id {
  uint64_t hi, lo;
};

static inline bool swisd_id_equal(struct swisd_id a, struct swisd_id b) { return a.hi == b.hi && a.lo == b.lo; }
static inline bool swisd_id_is_zero(struct swisd_id a) { return (a.hi | a.lo) == 0; }
static inline bool swisd_id_before(struct swisd_id a, struct swisd_id b) { return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo; }

/* Where a node listens. The core passes addresses on and never looks inside. */
enum swisd_address_family { SWISD_ADDRESS_NONE = 0, SWISD_ADDRESS_IPV4 = 4, SWISD_ADDRESS_IPV6 = 6, SWISD_ADDRESS_INDEX = 9 };
struct swisd_address {
  uint8_t family;    /* enum swisd_address_family; INDEX: a simulated host, its number big endian in bytes[0..3] */
  uint8_t bytes[16]; /* network order; IPv4 in bytes[0..3], the rest zero */
  uint16_t port;     /* host order */
};

/* Content addresses: the first 8 bytes, big endian, of the SHA-256 of the manifest or of the shard. Zero names nothing. */
typedef uint64_t swisd_model_id;
typedef uint64_t swisd_shard_id;

/* A request of one submitter. `number` = incarnation << 32 | counter: a restarted submitter never reuses one. */
struct swisd_job_id {
  struct swisd_id submitter;
  uint64_t number;
};

static inline bool swisd_job_id_equal(struct swisd_job_id a, struct swisd_job_id b)
{
  return a.number == b.number && swisd_id_equal(a.submitter, b.submitter);
}

/* Bytes that a driver holds for the core: a tensor, a range of rows. The core never sees the bytes.
 * A handle is valid on one node only, and until the core RELEASEs it; its generation makes a stale one harmless, also one that a
 * former process of that node gave out: drivers never repeat a pair. */
struct swisd_body {
  uint32_t handle; /* 0 = no body */
  uint32_t generation;
  uint64_t bytes;
  uint64_t digest; /* first 8 bytes of SHA-256 of the contents; 0 = not computed */
};

/* A range [lo, hi) of the items of one body, wherever it lies. */
struct swisd_source {
  struct swisd_id owner; /* the node that holds `body` */
  struct swisd_body body;
  uint64_t body_lo, body_hi; /* items in the whole body: its bytes are (body_hi - body_lo) * bytes per item */
  uint64_t lo, hi;           /* the items wanted of it; of a lagged edge, both ranges count the items that they serve */
  uint8_t edge;              /* which input edge of the step it serves */
  uint8_t lane;              /* which lane of the edge's from-step made it */
};

/* The classes of arithmetic whose speeds are measured apart. On the wire: append only. */
enum swisd_kernel_class { SWISD_KERNEL_CONV = 0, SWISD_KERNEL_DENSE = 1, SWISD_KERNEL_ATTENTION = 2, SWISD_KERNEL_COUNT = 3 };

/* A piece of a job: items lo..hi of one lane of one step. */
struct swisd_task_key {
  struct swisd_job_id job;
  uint8_t step, lane;
  uint16_t attempt; /* counts the issues of this submitter: matches a RESULT to an issue, distinguishes copies */
  uint32_t epoch;   /* of a stateful step: a worker refuses an older one */
  uint64_t lo, hi;
};

/* What became of something outside the core. */
enum swisd_status {
  SWISD_OK = 0,
  SWISD_ERROR_UNREACHABLE = -1, /* no link to that peer */
  SWISD_ERROR_NOT_FOUND = -2,   /* the peer has no such shard or body */
  SWISD_ERROR_DIGEST = -3,      /* bytes that do not match their digest */
  SWISD_ERROR_SPACE = -4,       /* no memory or disk left within the quota */
  SWISD_ERROR_INPUT = -5,       /* inputs of the wrong size, or a program that cannot run */
  SWISD_ERROR_CHECK = -6,       /* the result is wrong: verification failed */
  SWISD_ERROR_CANCELLED = -7,
  SWISD_ERROR_TIMEOUT = -8,
  SWISD_ERROR_STALE = -9, /* state (KV cache) absent or at another position */
};

/* log2 of a speed in FLOP/s, 8 fractional bits; 0 = unknown. 2^40 FLOP/s is 10240. */
typedef uint16_t swisd_log_rate;

#endif
