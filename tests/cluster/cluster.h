/* A swarm in memory and in virtual time, for tests: N nodes of the real core, one heap of events ordered by (time, sequence),
 * a network that loses, doubles, delays and parts on command, and devices that die, fall silent, slow down and come back.
 *
 * A story reads like one:
 *
 *   struct cluster *c = cluster_new(1, NULL);
 *   cluster_add(c, 4, &cluster_pi);
 *   cluster_run(c, 5 * SWISD_SECOND);
 *   cluster_kill(c, 2);
 *   cluster_run(c, 10 * SWISD_SECOND);
 *   cluster_expect(c, "[...] 0 > dead 2 ...\n");
 *
 * The driver checks what no node can see of itself, at every step: each body it handed out is released exactly once, each
 * ticket answered once, every message survives the wire and keeps its bounds, every row that is committed equals the
 * reference, and is committed once. The first thing that is wrong stops the run: cluster_failure() says what.
 *
 * Arithmetic is a hash by default: what a task makes of an item is a pure function of (model, step, lane, item, inputs), so
 * every answer can be checked exactly however the work was cut, copied or moved. A stateful step is a hash chain. */
#ifndef SWISD_TESTS_CLUSTER_H
#define SWISD_TESTS_CLUSTER_H

#include "runtime/core/node.h"

struct cluster;

/* What devices of one kind can do. */
struct cluster_class {
  const char *name;
  double flops_per_s[SWISD_KERNEL_COUNT];
  uint64_t memory_bytes, body_bytes_max;
  double up_bytes_per_s, down_bytes_per_s;
  uint64_t latency_ns; /* one way, from the device to the middle of the network */
  uint8_t slots;
  bool works;
};
extern const struct cluster_class cluster_pi, cluster_phone, cluster_laptop, cluster_submitter;

/* What the network does to messages; all zero: nothing. Rates are shares of messages. */
struct cluster_network {
  double loss, duplicate;               /* of datagrams */
  double stream_loss, stream_duplicate; /* of messages on streams: links that break and are made anew */
  uint64_t jitter_ns;                   /* each datagram is late by up to this: they overtake one another */
  uint64_t stream_jitter_ns;            /* the same for streams */
};

/* `function` is called when an assertion fails, in the core or here; unless it jumps away the process ends. NULL: none. */
void cluster_on_panic(void (*function)(const char *file, int line, const char *text));

/* ---- a cluster ---- */

/* Empty. `limits` NULL: swisd_limits_lab. Equal seeds and calls give equal runs. */
struct cluster *cluster_new(uint64_t seed, const struct swisd_limits *limits);
void cluster_free(struct cluster *c);

struct swisd_config *cluster_config(struct cluster *c);      /* of the nodes added from now on; speeds come from the class */
struct cluster_network *cluster_network(struct cluster *c);  /* from now on */
void cluster_check_every(struct cluster *c, uint32_t steps); /* swisd_node_check() after every so manieth step; 0 = never */

/* Adds and starts `count` nodes; returns the number of the first. Nodes are numbered from 0. Each knows the first three
 * nodes of the cluster as seeds, or those of cluster_seeds(). */
uint32_t cluster_add(struct cluster *c, uint32_t count, const struct cluster_class *device);
void cluster_seeds(struct cluster *c, uint32_t count, const uint32_t *nodes);

uint64_t cluster_now(const struct cluster *c); /* virtual nanoseconds since the beginning */
void cluster_run(struct cluster *c, uint64_t duration_ns);
/* Runs until `condition` holds, asked after each event, or `duration_ns` is over; whether it held. */
bool cluster_run_until(struct cluster *c, bool (*condition)(struct cluster *c, void *context), void *context,
                       uint64_t duration_ns);

const char *cluster_failure(const struct cluster *c); /* NULL as long as nothing is wrong */
void cluster_fail(struct cluster *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t cluster_digest(const struct cluster *c);  /* of everything that has happened */
uint64_t cluster_refused(const struct cluster *c); /* bodies beyond what their receivers had granted: lost with their messages */
uint64_t cluster_steps(const struct cluster *c);

const struct swisd_node *cluster_node(const struct cluster *c, uint32_t node); /* NULL when not running */
struct swisd_id cluster_id(const struct cluster *c, uint32_t node);
uint32_t cluster_count(const struct cluster *c);
bool cluster_is_running(const struct cluster *c, uint32_t node); /* its process exists: silent ones too */
bool cluster_is_silent(const struct cluster *c, uint32_t node);
bool cluster_in_reach(const struct cluster *c, uint32_t a, uint32_t b); /* both run and hear each other, and neither is leaving */
/* How many nodes `node` takes for alive or suspect, without itself. */
uint32_t cluster_sees(const struct cluster *c, uint32_t node);
bool cluster_all_see(const struct cluster *c, uint32_t count); /* every running node sees exactly `count` others, all alive */

/* ---- what goes wrong ---- */

void cluster_kill(struct cluster *c, uint32_t node);                /* SIGKILL: its peers' links are reset */
void cluster_silence(struct cluster *c, uint32_t node);             /* SIGSTOP, a closed lid: no answer, no reset */
void cluster_wake(struct cluster *c, uint32_t node);                /* undoes silence; the node notices that its clock jumped */
void cluster_restart(struct cluster *c, uint32_t node);             /* of a killed or silent one: same identity, disk kept */
void cluster_slow(struct cluster *c, uint32_t node, double factor); /* 1 = as its class says */
void cluster_leave(struct cluster *c, uint32_t node);               /* STOP; the process ends a second later */
void cluster_block(struct cluster *c, uint32_t from, uint32_t to, bool blocked); /* one way */
void cluster_part(struct cluster *c, uint64_t nodes);          /* those of the bit set hear each other and nobody else does */
void cluster_heal(struct cluster *c);                          /* undoes every block */
void cluster_lie(struct cluster *c, uint32_t node, bool lies); /* it returns wrong results */
void cluster_spoil_fetches(struct cluster *c, uint32_t node, uint32_t count);    /* the next ones from it arrive damaged */
void cluster_lose_shard(struct cluster *c, uint32_t node, swisd_shard_id shard); /* the file is gone from its disk */
void cluster_delay_node(struct cluster *c, uint32_t node, uint64_t extra_ns);    /* that much more latency, each way; 0 ends it */

/* ---- models and jobs ---- */

struct cluster_model;

/* Dense or convolution layers over rows: `steps` steps of `lanes` shards each, joined by concatenation, or, in every second
 * step, by reduction. */
struct cluster_model *cluster_model_rows(struct cluster *c, uint32_t steps, uint32_t lanes, uint64_t flops_per_item);
/* `steps` convolutions over strips, `strips` to an image, each strip needing its neighbours. */
struct cluster_model *cluster_model_strips(struct cluster *c, uint32_t steps, uint32_t strips, uint64_t flops_per_item);
/* A decoder of `stages` stateful stages; the last makes tokens. One token in `end_one_in` ends the text; 0: none does. */
struct cluster_model *cluster_model_decoder(struct cluster *c, uint32_t stages, uint64_t flops_per_item, uint32_t end_one_in);
struct swisd_job_spec *cluster_model_spec(struct cluster_model *model); /* may be changed before the first job */
uint32_t cluster_model_shards(const struct cluster_model *model, swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX]);
void cluster_model_item_bytes(struct cluster_model *model, uint32_t bytes);  /* of inputs and results, but for tokens */
void cluster_model_bytes(struct cluster_model *model, uint64_t shard_bytes); /* of each shard; before it is given */

/* All its shards lie at that node, which says so now or, when it has not started yet, as soon as it has; and again after each
 * restart, as long as none of them is lost. */
void cluster_give(struct cluster *c, uint32_t node, const struct cluster_model *model);
bool cluster_has_shard(const struct cluster *c, uint32_t node, swisd_shard_id shard); /* on its disk */

/* Submits a job with `items` inputs at once (a decoder: the prompt); returns its number. */
uint64_t cluster_submit(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items);
/* The same, open: `items` may be 0, more follow. */
uint64_t cluster_submit_open(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items);
void cluster_append(struct cluster *c, uint64_t number, uint64_t items, bool last);
void cluster_withdraw(struct cluster *c, uint64_t number);

struct cluster_job_view {
  uint32_t node;
  struct cluster_model *model;
  bool ended, submitter_died, withdrawn;
  enum swisd_status status;  /* when ended */
  uint64_t items, answered;  /* inputs, or tokens expected; answered so far */
  uint64_t start_ns, end_ns; /* end: of the last ANSWER */
};
bool cluster_job(const struct cluster *c, uint64_t number, struct cluster_job_view *out);
/* What lane `lane` of all steps must make of an item: of a step of tokens, the token. */
uint64_t cluster_reference(const struct cluster *c, uint64_t number, uint32_t lane, uint64_t item);
uint64_t cluster_job_count(const struct cluster *c); /* numbers run from 1 */
/* Runs until the job has ended; false when `duration_ns` was over first or something is wrong. */
bool cluster_run_job(struct cluster *c, uint64_t number, uint64_t duration_ns);
/* Runs until no node holds a body any more and no lease is open, at most `duration_ns`; what is left then is a failure. */
bool cluster_settle(struct cluster *c, uint64_t duration_ns);

/* ---- the trace ---- */

/* Keeps the text of these kinds from now on (a list ended by 0); without a call none is kept. CLUSTER_TRACE_ACTIONS among
 * them keeps also what each node is told and what it asks for. */
enum { CLUSTER_TRACE_ACTIONS = 255 };
void cluster_trace(struct cluster *c, const uint8_t *kinds);
const char *cluster_trace_text(const struct cluster *c);
void cluster_trace_clear(struct cluster *c);
/* Every trace of every node, as it happens, beside the kept text. */
void cluster_watch(struct cluster *c, void (*see)(void *context, uint32_t node, uint64_t now_ns, const struct swisd_trace *trace),
                   void *context);

#endif
