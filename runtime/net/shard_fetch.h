/* Fetching shards: in ranges, from several holders at once, into a partial file on disk.
 *
 * The core names one holder; the driver asks the others that it knows of for other ranges of the same shard. A holder that
 * dies, refuses or falls silent loses its ranges to the rest; the fetch fails only when nobody is left. What has come stays on
 * disk, so that the next attempt goes on from there, in this process or a later one.
 *
 * Memory is bounded, whatever a shard's size: a range is asked for only when there is a buffer for it, and a buffer is free again
 * when its bytes are on disk. When nothing is left to ask for, ranges that are late are asked for a second time.
 *
 * If the whole does not match its digest, one of several holders lied, and nobody knows which: it is fetched again from the
 * one that the core named, alone, and if that is wrong, too, the core hears of DIGEST and knows whom to avoid. */
#ifndef SWISD_NET_SHARD_FETCH_H
#define SWISD_NET_SHARD_FETCH_H

#include "runtime/core/action.h"
#include "runtime/net/bodies.h"
#include "runtime/net/links.h"
#include "runtime/net/workers.h"
#include "runtime/store/partial.h"

struct swisd_shard_fetches;

struct swisd_shard_source {
  struct swisd_id id;
  struct swisd_address address;
};

struct swisd_shard_fetches_host {
  void (*ended)(struct swisd_shard_fetches_host *host, uint32_t ticket, enum swisd_status status, const struct swisd_error *why);
  void (*progress)(struct swisd_shard_fetches_host *host, uint32_t ticket);
  /* Members that say they have the shard; how many of them were written to `sources`. */
  uint32_t (*sources)(struct swisd_shard_fetches_host *host, swisd_shard_id shard, struct swisd_shard_source *sources,
                      uint32_t max);
};

struct swisd_shard_fetches_options {
  struct event_base *base;
  struct swisd_links *links;
  struct swisd_store *store;
  struct swisd_workers *disk;   /* one thread: its order is what keeps partial files safe */
  struct swisd_bodies *buffers; /* for ranges under way */
  struct swisd_shard_fetches_host *host;
};

enum { SWISD_SHARD_CHANNEL = 1u << 30 }; /* channels of these fetches have this bit */

struct swisd_shard_fetches *swisd_shard_fetches_open(const struct swisd_shard_fetches_options *options);
void swisd_shard_fetches_close(struct swisd_shard_fetches *fetches); /* after `disk` is closed */

/* `digest`: the shard's SHA-256 when its manifest is known, else NULL. SPACE when memory is out: then `ended` will not come. */
enum swisd_status swisd_shard_fetch_start(struct swisd_shard_fetches *fetches, const struct swisd_action_fetch *action,
                                          const uint8_t digest[32]);
void swisd_shard_fetch_cancel(struct swisd_shard_fetches *fetches, uint32_t ticket); /* unknown ones are ignored */
void swisd_shard_fetches_unreachable(struct swisd_shard_fetches *fetches, struct swisd_id peer);
void swisd_shard_fetches_frame(struct swisd_shard_fetches *fetches, struct swisd_id from, const struct swisd_frame *frame);
void swisd_shard_fetches_data(struct swisd_shard_fetches *fetches, struct swisd_id from, const struct swisd_frame *head,
                              const uint8_t *bytes, size_t count);

struct swisd_shard_fetches_status {
  uint32_t fetching;
  uint64_t bytes;        /* received */
  uint64_t resumed;      /* fetches that found a part of the shard on disk */
  uint64_t shared;       /* fetches that more than one holder gave to */
  uint64_t recalled;     /* shards that lay here already, in the cache */
  uint64_t sources_lost; /* holders that died, refused or fell silent meanwhile */
  uint64_t asked_twice;  /* ranges */
};
struct swisd_shard_fetches_status swisd_shard_fetches_status(const struct swisd_shard_fetches *fetches);

#endif
