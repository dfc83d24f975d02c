/* What a node says it holds when it starts: shards of its store, as many as it may have in memory, the ones it used last.
 *
 * Names and sizes are looked at, so that a node with gigabytes on a slow disk is there at once; whether the files are whole is
 * found out meanwhile by the disk thread, and before any byte is computed with or given away. */
#ifndef SWISD_NET_HOLDINGS_H
#define SWISD_NET_HOLDINGS_H

#include "runtime/core/limits.h"
#include "runtime/core/types.h"
#include "runtime/net/workers.h"
#include "runtime/store/shard_store.h"

struct swisd_holdings_host {
  void (*lost)(struct swisd_holdings_host *host, swisd_shard_id shard); /* its file was damaged, and is gone */
};

/* Up to SWISD_HOLDINGS_MAX ids into `holdings`, together at most `bytes_max`; what else lies among the held goes to the cache. */
uint8_t swisd_holdings_choose(struct swisd_store *store, uint64_t bytes_max, swisd_shard_id *holdings);

/* Has them read through, one after the other, on `disk`. */
void swisd_holdings_check(struct swisd_store *store, struct swisd_workers *disk, struct swisd_holdings_host *host,
                          const swisd_shard_id *holdings, uint8_t count);

#endif
