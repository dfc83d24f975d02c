/* Answering the fetches of other nodes: bodies from the pool, shards and manifests from the store.
 *
 * Files are read by a thread of its own, a range at a time: a FETCH_SHARD is answered with at most SWISD_SERVED_BYTES_MAX, so
 * what an asker can make this node hold in memory is bounded, and whoever wants the rest asks again. A file's digest is verified
 * before the first byte of it is given away. */
#ifndef SWISD_NET_SERVING_H
#define SWISD_NET_SERVING_H

#include "runtime/net/bodies.h"
#include "runtime/net/links.h"
#include "runtime/net/workers.h"
#include "runtime/store/shard_store.h"

struct swisd_serving;

struct swisd_serving_host {
  void (*shard_damaged)(struct swisd_serving_host *host, swisd_shard_id shard); /* its file is gone */
};

enum { SWISD_SERVED_BYTES_MAX = 4 << 20 };

struct swisd_serving_options {
  struct event_base *base;
  struct swisd_links *links;
  struct swisd_bodies *bodies;  /* those that may be fetched */
  struct swisd_bodies *buffers; /* the pool for ranges on their way out */
  struct swisd_store *store;
  struct swisd_workers *disk; /* one thread, no throttle */
  struct swisd_serving_host *host;
};

struct swisd_serving *swisd_serving_open(const struct swisd_serving_options *options);
void swisd_serving_close(struct swisd_serving *serving); /* after `disk` is closed */

/* FETCH_SHARD, FETCH_BODY, FETCH_MANIFEST and FETCH_CANCEL, as the links hand them on. */
void swisd_serving_frame(struct swisd_serving *serving, struct swisd_id from, const struct swisd_frame *frame);

struct swisd_serving_status {
  uint64_t shards, bodies, manifests, bytes; /* answered with data */
  uint64_t refused;                          /* answered with a status */
};
struct swisd_serving_status swisd_serving_status(const struct swisd_serving *serving);

#endif
