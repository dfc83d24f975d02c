/* Fetching from other nodes: bodies here, shards by shard_fetch.h. The manifest of an unknown model comes before its shard. */
#ifndef SWISD_NET_TRANSFERS_H
#define SWISD_NET_TRANSFERS_H

#include "runtime/core/action.h"
#include "runtime/core/event.h"
#include "runtime/net/bodies.h"
#include "runtime/net/links.h"
#include "runtime/net/models.h"
#include "runtime/net/shard_fetch.h"
#include "runtime/net/workers.h"

struct swisd_transfers;

struct swisd_transfers_host {
  /* FETCHED and PROGRESS; the event lives during the call. May come from inside swisd_transfers_fetch(). */
  void (*event)(struct swisd_transfers_host *host, const struct swisd_event *event);
  /* Members that say they have a shard; how many were written. */
  uint32_t (*sources)(struct swisd_transfers_host *host, swisd_shard_id shard, struct swisd_shard_source *sources, uint32_t max);
};

struct swisd_transfers_options {
  struct event_base *base;
  struct swisd_links *links;
  struct swisd_bodies *bodies;
  struct swisd_models *models;
  struct swisd_store *store;
  struct swisd_workers *disk;   /* one thread, no throttle */
  struct swisd_bodies *buffers; /* the pool for ranges of shards on their way in */
  struct swisd_transfers_host *host;
};

struct swisd_transfers *swisd_transfers_open(const struct swisd_transfers_options *options);
void swisd_transfers_close(struct swisd_transfers *transfers); /* after `disk` is closed */

void swisd_transfers_fetch(struct swisd_transfers *transfers, enum swisd_action_kind kind,
                           const struct swisd_action_fetch *fetch);
void swisd_transfers_cancel(struct swisd_transfers *transfers, uint32_t ticket); /* unknown tickets are ignored */
/* While held, no shard is fetched: each attempt ends in SPACE at once, after which the core waits before the next. */
void swisd_transfers_hold(struct swisd_transfers *transfers, bool hold);
void swisd_transfers_unreachable(struct swisd_transfers *transfers, struct swisd_id peer);

/* FETCH_REPLY and FETCH_DATA, as the links hand them on. */
void swisd_transfers_frame(struct swisd_transfers *transfers, struct swisd_id from, const struct swisd_frame *frame);
void swisd_transfers_data(struct swisd_transfers *transfers, struct swisd_id from, const struct swisd_frame *head,
                          const uint8_t *bytes, size_t count);

struct swisd_transfers_status {
  uint32_t fetching;
  uint64_t shards_fetched, bodies_fetched, bytes_fetched;
  struct swisd_shard_fetches_status shards;
  uint64_t damaged; /* shards and manifests whose digest was wrong */
  uint64_t failed;  /* fetches that ended in another error */
  bool disk_full;   /* the last shard or manifest did not fit */
};
struct swisd_transfers_status swisd_transfers_status(const struct swisd_transfers *transfers);

#endif
