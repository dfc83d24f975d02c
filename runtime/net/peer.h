/* A peer: one node of the core on sockets, disks and threads. One libevent loop per process steps the core with what happens
 * and carries out what it wants; it never blocks (disks and arithmetic have threads) and never polls.
 *
 * Every event is given to the core with the time of CLOCK_BOOTTIME. When the loop itself stood still (a closed lid, SIGSTOP),
 * the core hears RESUMED first, so that nobody is blamed for the gap. */
#ifndef SWISD_NET_PEER_H
#define SWISD_NET_PEER_H

#include <event2/event.h>

#include "kernels/kernels.h"
#include "runtime/base/error.h"
#include "runtime/core/node.h"
#include "runtime/net/availability.h"
#include "runtime/net/beacon.h"
#include "runtime/net/bodies.h"
#include "runtime/net/datagrams.h"
#include "runtime/net/ledger.h"
#include "runtime/net/links.h"
#include "runtime/net/linkshape.h"
#include "runtime/net/models.h"
#include "runtime/net/records.h"
#include "runtime/net/serving.h"
#include "runtime/net/transfers.h"
#include "runtime/net/workers.h"

struct swisd_peer;

/* AUTO: when it listens beyond this machine. */
enum swisd_peer_beacon { SWISD_BEACON_AUTO = 0, SWISD_BEACON_ON = 1, SWISD_BEACON_OFF = 2 };

struct swisd_peer_options {
  const char *data_directory;
  const char *key_file;    /* the swarm's join key; needed */
  const char *record_file; /* NULL: events are not recorded */
  const char *name;        /* for the status; NULL: none */
  const char *class_name;
  struct swisd_address listen;                        /* port 0: any free one */
  struct swisd_address advertise;                     /* family NONE: what it listens on */
  uint8_t seed_count;
  struct swisd_address seeds[SWISD_SEEDS_MAX];
  struct swisd_config config;                         /* id and addresses are filled in here */
  const struct swisd_kernels *kernels;
  bool withhold;                                      /* hold results back to the class speeds below */
  double flops_per_s[SWISD_KERNEL_COUNT];
  double up_bytes_per_s, down_bytes_per_s;            /* emulated link; 0: as it is */
  uint64_t delay_ns;                                  /* each way */
  uint64_t disk_bytes;                                /* quota of the store; 0: none */
  struct swisd_availability_rules rest;               /* when the device rests; zeroed: never */
  uint8_t beacon;                                     /* enum swisd_peer_beacon: whether it says by multicast where it is */
  const char *device_root;                            /* where /proc and /sys are looked for; NULL: there */
};
/* Everything off, the default configuration, loopback with any port, the portable kernels. */
struct swisd_peer_options swisd_peer_options_default(void);

/* Locks the data directory, binds the port (streams and datagrams), reads the store, starts the threads. NULL with `error`
 * that says what could not be had. Strings in `options` outlive the peer. */
struct swisd_peer *swisd_peer_open(const struct swisd_peer_options *options, struct swisd_error *error);
/* Joins the threads and gives everything back. */
void swisd_peer_close(struct swisd_peer *peer);

/* Runs until swisd_peer_stop() has taken its course, or swisd_peer_break(). */
void swisd_peer_run(struct swisd_peer *peer);
/* Leaves in good order: takes no more work, finishes what it has (for SWISD_PEER_DRAIN_MS at most: then it is handed back by
 * leaving), tells the others, ends the loop. Once more: skips the finishing. Safe from any callback of the loop. */
enum { SWISD_PEER_DRAIN_MS = 3000 };
void swisd_peer_stop(struct swisd_peer *peer);
/* Other rules for resting, another disk quota: what may change while the node runs. */
void swisd_peer_set_rest(struct swisd_peer *peer, const struct swisd_availability_rules *rules);
void swisd_peer_set_disk(struct swisd_peer *peer, uint64_t disk_bytes);
void swisd_peer_break(struct swisd_peer *peer); /* ends the loop as it is; run() may be called again */

/* Reads the join key file again (rotation): links that a key stood for which is gone end. -1 with `error`: all is as it was. */
int swisd_peer_reload_keys(struct swisd_peer *peer, struct swisd_error *error);

struct event_base *swisd_peer_base(struct swisd_peer *peer);
const struct swisd_node *swisd_peer_node(const struct swisd_peer *peer);
const struct swisd_peer_options *swisd_peer_options(const struct swisd_peer *peer);
struct swisd_id swisd_peer_id(const struct swisd_peer *peer);
struct swisd_address swisd_peer_address(const struct swisd_peer *peer); /* where it listens */

/* ---- jobs ---- */

/* Who waits for an answer. Embedded in the caller's struct; lives until the job has ended. */
struct swisd_peer_job {
  /* Rows lo..hi are in `rows` now (NULL for tokens), or the job has ended (!answer->more). Called from the loop. */
  void (*answer)(struct swisd_peer_job *job, const struct swisd_action_answer *answer);
  /* set by swisd_peer_submit() */
  uint64_t number;
  uint32_t row_bytes;
  const uint8_t *rows; /* items_max * row_bytes, filled as items are committed; valid until `answer` says the end */
};

/* Makes this node the first holder of a model: its shards go to the store, and the swarm hears of it. -1 with `error`. */
int swisd_peer_add_model(struct swisd_peer *peer, struct swisd_bundle *bundle, struct swisd_error *error);
/* Submits a job of at most `items_max` items with a model that was added. -1 with `error`. */
int swisd_peer_submit(struct swisd_peer *peer, struct swisd_peer_job *job, swisd_model_id model, uint64_t items_max,
                      struct swisd_error *error);
/* More input: `items` items in `blob`, from a pool of the caller or of swisd_peer_bodies(); the reference is taken over. */
void swisd_peer_append(struct swisd_peer *peer, struct swisd_peer_job *job, uint64_t items, struct swisd_blob *blob, bool last);
void swisd_peer_withdraw(struct swisd_peer *peer, struct swisd_peer_job *job);
struct swisd_bodies *swisd_peer_inputs(struct swisd_peer *peer); /* for input: bounded by this machine alone */

/* ---- faults, for experiments ---- */

void swisd_peer_slow(struct swisd_peer *peer, double factor); /* everything takes `factor` times as long; 1: as it was */
void swisd_peer_silence(struct swisd_peer *peer, bool silent); /* nothing comes, nothing goes, nothing is reset */
void swisd_peer_loss(struct swisd_peer *peer, double share);   /* of received datagrams */
/* Traffic with exactly these peers stops; none: it flows again. -1: more than SWISD_LINKSHAPE_CUTS_MAX. */
int swisd_peer_cut(struct swisd_peer *peer, const struct swisd_id *peers, uint32_t count);

/* ---- a snapshot, for status pages ---- */

struct swisd_peer_status {
  uint64_t uptime_ns;
  struct swisd_node_status node;
  struct swisd_bodies_status bodies;
  struct swisd_workers_status workers;
  struct swisd_links_status links;
  struct swisd_datagrams_status datagrams;
  struct swisd_records_status records;
  struct swisd_transfers_status transfers;
  struct swisd_serving_status serving;
  struct swisd_store_usage store;
  uint64_t steps, actions, resumed, recorded_bytes;
  uint64_t datagrams_dropped; /* by the emulated link */
  uint64_t model_memory_bytes;
  bool silent, stopping;
  struct swisd_beacon_status beacon;
  uint8_t availability_percent;
  char availability_why[SWISD_WHY_BYTES]; /* which rule keeps it below 100 */
};
void swisd_peer_status(const struct swisd_peer *peer, struct swisd_peer_status *out);
/* What its traces came to; see ledger.h. */
const struct swisd_ledger *swisd_peer_ledger(const struct swisd_peer *peer);

/* Whoever wants to see what happens inside: called with the traces of each step. NULL: nobody. */
struct swisd_peer_watcher {
  void (*traces)(struct swisd_peer_watcher *watcher, const struct swisd_trace *traces, uint32_t count);
};
void swisd_peer_watch(struct swisd_peer *peer, struct swisd_peer_watcher *watcher);

#endif
