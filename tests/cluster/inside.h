/* What the files of the cluster driver share. Tests include cluster.h only. */
#ifndef SWISD_TESTS_CLUSTER_INSIDE_H
#define SWISD_TESTS_CLUSTER_INSIDE_H

#include <string.h>

#include "runtime/base/philox.h"
#include "tests/cluster/cluster.h"

/* ---- bytes ---- */

/* The contents of bodies. With hashed arithmetic an item is one value that stands for `item_bytes` bytes; with real
 * arithmetic the bytes are there (cluster_real.c), and each byte counts as an item of one byte. */
struct buffer {
  uint32_t refs;
  uint32_t item_bytes;
  uint64_t count; /* items */
  bool real;
  uint64_t values[]; /* real: the bytes */
};
struct buffer *buffer_new(uint64_t count, uint32_t item_bytes); /* refs 1, zero */
struct buffer *buffer_new_real(uint64_t bytes);
static inline uint8_t *buffer_data(struct buffer *b) { return (uint8_t *)b->values; }
struct buffer *buffer_ref(struct buffer *b);
void buffer_unref(struct buffer *b); /* NULL allowed */
/* The byte range as a buffer of its own; NULL unless it lies inside and on the boundaries of items. */
struct buffer *buffer_slice(struct buffer *b, uint64_t offset, uint64_t length);
static inline uint64_t buffer_bytes(const struct buffer *b) { return b->count * b->item_bytes; }

/* The bodies that one process holds. */
struct body_slot {
  uint32_t generation;
  struct buffer *buffer; /* NULL: free */
};
struct bodies {
  struct body_slot *slots;
  uint32_t count, capacity, live;
  uint32_t lives; /* processes before this one: a handle of theirs stays stale */
};
struct swisd_body bodies_put(struct bodies *b, struct buffer *buffer);     /* takes over the reference */
struct buffer *bodies_get(const struct bodies *b, struct swisd_body body); /* borrowed; NULL when it is not live */
bool bodies_release(struct bodies *b, struct swisd_body body);
void bodies_clear(struct bodies *b); /* the process is gone */

/* A hash whose every input bit moves every output bit (the finaliser of SplitMix64). */
static inline uint64_t mix(uint64_t h, uint64_t v)
{
  h = (h ^ v) + UINT64_C(0x9E3779B97F4A7C15);
  h = (h ^ h >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  h = (h ^ h >> 27) * UINT64_C(0x94D049BB133111EB);
  return h ^ h >> 31;
}

/* What real bytes count as when they are compared with a reference. */
static inline uint64_t bytes_value(const uint8_t *bytes, uint64_t count)
{
  uint64_t h = count;
  for (uint64_t i = 0; i < count; i += 8) {
    uint64_t word = 0;
    memcpy(&word, bytes + i, count - i < 8 ? count - i : 8);
    h = mix(h, word);
  }
  return h;
}

/* ---- the heap ---- */

enum entry_kind {
  ENTRY_START = 1,
  ENTRY_DEADLINE,
  ENTRY_MESSAGE,
  ENTRY_COMPUTED,
  ENTRY_FETCH,   /* the next part of a transfer */
  ENTRY_FETCHED, /* its end, good or bad */
  ENTRY_UNREACHABLE,
  ENTRY_EXIT, /* a leaving process ends */
};
struct entry {
  uint64_t time_ns, sequence;
  uint32_t kind, host, life; /* an entry of an earlier life of its host is dropped */
  uint64_t value;
  void *data;
};
struct heap {
  struct entry *list;
  uint32_t count, capacity;
};
void heap_push(struct heap *h, struct entry entry);
struct entry heap_pop(struct heap *h); /* count > 0 */

/* ---- hosts ---- */

struct message_flight { /* one message between two nodes */
  uint32_t from, from_life, to_life;
  uint64_t left_ns;  /* when its last byte left the sender */
  uint64_t since_ns; /* when it was sent: a stream gives up after a while */
  bool datagram;
  struct buffer *body; /* or NULL */
  uint32_t bytes;
  uint8_t packed[];
};

struct computing { /* one COMPUTE */
  struct swisd_action_compute action;
  struct buffer *sources[SWISD_SOURCES_MAX];
  uint64_t sequence; /* of its entry in the heap: others are stale */
  uint64_t started_ns, end_ns;
  bool running, cancelled;
  bool forgotten; /* FORGET came while it ran */
  struct computing *next;
};

struct transfer { /* one FETCH */
  struct swisd_action_fetch action;
  bool shard;
  uint32_t from, from_life;
  uint64_t done_bytes, stalled_ns;
  uint64_t cut_ns; /* when the last byte left the peer: if it dies earlier, the transfer fails */
  struct buffer *body;
  enum swisd_status status; /* once `ending` */
  bool opened, ending, spoiled;
  struct transfer *next;
};

struct session { /* the state of a stateful step */
  struct swisd_job_id job;
  uint8_t step, lane;
  uint32_t epoch;
  uint64_t length, capacity;
  uint64_t *chain; /* after each position */
  struct swisd_session *real;
  const struct real *owner; /* of `real` */
  struct session *next;
};
void session_free(struct session *s);

struct host {
  const struct cluster_class *device;
  struct swisd_config config;
  struct swisd_node *node; /* NULL when not running */
  uint32_t life;           /* counts starts */
  bool started, silent, leaving, lies;
  const struct cluster_model *brings[8]; /* models that this device's user has put there */
  uint32_t bring_count;
  uint64_t silent_since_ns;
  uint64_t died_ns;
  uint64_t clock_offset_ns; /* no two devices agree on the time */
  double slow;
  uint64_t delay_ns;
  uint32_t spoil;
  uint64_t deadline_ns, deadline_sequence;
  uint64_t up_free_ns, down_free_ns;

  uint32_t incarnation; /* persisted */
  swisd_shard_id disk[256];
  uint32_t disk_count;

  struct bodies bodies;
  struct computing *computes; /* in order of arrival */
  struct transfer *transfers;
  struct session *sessions;
  struct entry *held; /* while silent */
  uint32_t held_count, held_capacity, held_datagrams;
  uint32_t steps_now; /* at one instant: a node that never rests is stuck */
  uint64_t steps_now_ns;
};

/* From one host to another. */
struct path {
  uint64_t last_ns;       /* arrival of the latest stream message */
  uint64_t granted_bytes; /* that bodies on this path may still have; of these two processes */
  uint32_t granted_from_life, granted_to_life;
  uint32_t credits, credit_life; /* that `to` gave `from`, in this life of `from`: cluster_oracle.c */
  bool linked, blocked;
};

/* Arithmetic on bytes, by kernels/program.h; set by cluster_real.c, so that the driver itself needs no kernels. */
struct real {
  enum swisd_status (*run)(const struct real *real, struct session *session, const struct computing *k, struct buffer *out,
                           struct swisd_inline *inlined);
  enum swisd_status (*check)(const struct real *real, const struct computing *k);
  void (*session_free)(struct swisd_session *session);
  void (*free)(struct real *real);
};

struct cluster_model {
  struct cluster_model *next;
  struct real *real; /* NULL: hashed */
  struct swisd_job_spec spec;
  struct swisd_message_model manifest;
  uint64_t salt;
  uint32_t end_one_in;
};

struct job {
  struct cluster_job_view view;
  uint32_t life; /* of the submitter */
  uint64_t salt;
  uint64_t given;                       /* inputs so far */
  uint64_t prompt;                      /* decoder: all of them */
  uint64_t capacity;                    /* items there is room for */
  uint64_t chain[SWISD_STEPS_MAX];      /* of stateful steps, while the reference is made */
  uint64_t *reference[SWISD_LANES_MAX]; /* per lane of all steps, per item */
  uint8_t *committed[SWISD_LANES_MAX];  /* how often */
  uint8_t *answered;                    /* per item */
};

struct cluster {
  uint64_t seed, now_ns, sequence, steps, digest;
  uint64_t refused; /* messages whose body was beyond what its receiver had granted */
  struct swisd_config config;
  struct cluster_network network;
  struct swisd_philox network_random, device_random;
  uint32_t check_every, check_countdown;
  uint32_t seeds[SWISD_SEEDS_MAX], seed_count;

  struct heap heap;
  struct host *hosts;
  uint32_t host_count, host_capacity;
  struct path *paths; /* [from * host_capacity + to] */
  struct cluster_model *models;
  uint32_t model_count;
  struct job *jobs;
  uint32_t job_count, job_capacity;
  struct swisd_actions *actions;
  struct swisd_message *message; /* unpacked */

  bool kinds[256]; /* kept in the trace */
  char *trace;
  uint64_t trace_bytes, trace_capacity;
  struct note *notes; /* cluster_oracle.c */
  void (*see)(void *context, uint32_t node, uint64_t now_ns, const struct swisd_trace *trace);
  void *see_context;
  char failure[512];
};

static inline struct path *cluster_path(struct cluster *c, uint32_t from, uint32_t to)
{
  return &c->paths[(uint64_t)from * c->host_capacity + to];
}
uint32_t cluster_index(const struct cluster *c, struct swisd_id id); /* host_count when it is none of ours */
uint64_t cluster_push(struct cluster *c, uint64_t time_ns, uint32_t kind, uint32_t host, uint64_t value, void *data);
void cluster_step(struct cluster *c, uint32_t host, const struct swisd_event *event);
bool cluster_chance(struct swisd_philox *random, double p);

/* cluster_oracle.c */
void oracle_step(struct cluster *c, uint32_t host, const struct swisd_event *event, const struct swisd_actions *actions);
void oracle_free(struct cluster *c);

/* cluster_network.c */
void network_send(struct cluster *c, uint32_t from, const struct swisd_action_send *send);
void network_grant(struct cluster *c, uint32_t host, struct swisd_id peer, uint64_t bytes);
void network_arrive(struct cluster *c, struct entry *entry);
void network_reset_links(struct cluster *c, uint32_t host);
void network_drop(struct message_flight *flight);
uint64_t network_latency_ns(const struct cluster *c, uint32_t from, uint32_t to);
/* Whether a byte that leaves `from` now reaches `to`. */
bool network_open(const struct cluster *c, uint32_t from, uint32_t to);
/* Takes `bytes` through the uplink of `from` and the downlink of `to`; sets when the last byte leaves and when it arrives. */
void network_carry(struct cluster *c, uint32_t from, uint32_t to, uint64_t bytes, uint64_t *left_ns, uint64_t *arrive_ns);
enum { NETWORK_STREAM_GIVES_UP_MS = 8000, NETWORK_RETRY_MS = 200 };

/* cluster_transfer.c */
void transfer_start(struct cluster *c, uint32_t host, const struct swisd_action_fetch *fetch, bool shard);
void transfer_part(struct cluster *c, struct entry *entry);
void transfer_end(struct cluster *c, struct entry *entry);
bool transfer_cancel(struct cluster *c, uint32_t host, uint32_t ticket);
void transfers_clear(struct host *h);

/* cluster_compute.c */
void compute_start(struct cluster *c, uint32_t host, const struct swisd_action_compute *action);
void compute_end(struct cluster *c, struct entry *entry);
bool compute_cancel(struct cluster *c, uint32_t host, uint32_t ticket);
void compute_forget(struct cluster *c, uint32_t host, struct swisd_job_id job); /* its sessions */
/* What is left of running work takes `factor` times as long from now on; the last `shift_ns` did not count. */
void compute_rescale(struct cluster *c, uint32_t host, double factor, uint64_t shift_ns);
void computes_clear(struct host *h);

/* cluster_models.c */
void models_tell(struct cluster *c, uint32_t host); /* MODEL for each model that it brings and has whole */

/* cluster_jobs.c */
/* Submits a job whose input is `input` (the reference is taken over) and whose reference is there already. */
uint64_t job_submit_known(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items, struct buffer *input,
                          uint64_t *const reference[SWISD_LANES_MAX], uint64_t reference_items);
const struct cluster_model *model_find(const struct cluster *c, swisd_model_id id);
struct job *job_find(struct cluster *c, uint64_t number);
uint64_t job_input(const struct job *job, uint64_t item);
void job_answer(struct cluster *c, uint32_t host, const struct swisd_action_answer *answer);
/* A row of a sink has been copied into the answer. */
void job_commit(struct cluster *c, uint32_t host, uint64_t number, uint32_t step, uint32_t lane, uint64_t item, uint64_t value);
void jobs_check_accounts(struct cluster *c, uint32_t host);
void jobs_submitter_died(struct cluster *c, uint32_t host);
void jobs_free(struct cluster *c);

/* cluster_arithmetic.c: what a task makes of an item */
/* The value of input `item` of edge `e` of a step, made of lane `lane` of the edge's from-step; false when it is not here. */
typedef bool (*arithmetic_input)(void *context, uint32_t edge, uint32_t lane, uint64_t item, uint64_t *value);
/* The items that item `i` needs by this edge. */
void arithmetic_range(const struct swisd_edge_spec *edge, uint64_t i, uint64_t *lo, uint64_t *hi);
bool arithmetic_gather(const struct cluster_model *model, uint32_t step, uint32_t lane, uint64_t item, arithmetic_input input,
                       void *context, uint64_t *value);
uint64_t arithmetic_token(const struct cluster_model *model, uint64_t value);
bool arithmetic_ends(const struct cluster_model *model, uint64_t token); /* the text */

/* cluster_trace.c */
void trace_step(struct cluster *c, uint32_t host, const struct swisd_event *event, const struct swisd_actions *actions);

#endif
