/* See holdings.h. */
#include "runtime/net/holdings.h"

#include <stdlib.h>

#include "runtime/base/log.h"

static int compare_used(const void *a, const void *b)
{
  const struct swisd_store_entry *x = a, *y = b;
  if (x->used_s != y->used_s)
    return x->used_s > y->used_s ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

uint8_t swisd_holdings_choose(struct swisd_store *store, uint64_t bytes_max, swisd_shard_id *holdings)
{
  const size_t there = swisd_store_list(store, SWISD_STORE_SHARD, NULL, 0);
  struct swisd_store_entry *entries = there ? calloc(there, sizeof *entries) : NULL;
  if (!entries)
    return 0;
  size_t count = swisd_store_list(store, SWISD_STORE_SHARD, entries, there);
  count = count < there ? count : there;
  qsort(entries, count, sizeof *entries, compare_used);
  uint64_t bytes = 0;
  uint8_t chosen = 0;
  for (size_t i = 0; i < count; i++) {
    struct swisd_error error;
    if (chosen < SWISD_HOLDINGS_MAX && entries[i].bytes <= bytes_max - bytes) {
      bytes += entries[i].bytes;
      holdings[chosen++] = entries[i].id;
    } else if (swisd_store_retire(store, entries[i].id, &error) != SWISD_STORE_OK) {
      swisd_log_limited(SWISD_LOG_WARN, "net", "a shard could not be put away: %s", error.text);
    }
  }
  free(entries);
  return chosen;
}

struct check {
  struct swisd_work work; /* first */
  struct swisd_store *store;
  struct swisd_holdings_host *host;
  swisd_shard_id shard;
  struct swisd_error error;
};

static void on_check(struct swisd_work *work)
{
  struct check *check = (struct check *)work;
  work->status = (enum swisd_status)swisd_store_verify(check->store, SWISD_STORE_SHARD, check->shard, &check->error);
}

static void on_checked(struct swisd_work *work)
{
  struct check *check = (struct check *)work;
  if (work->status != SWISD_OK && work->status != SWISD_ERROR_CANCELLED) {
    swisd_log_limited(SWISD_LOG_WARN, "net", "a shard is not held any more: %s", check->error.text);
    check->host->lost(check->host, check->shard);
  }
  free(check);
}

void swisd_holdings_check(struct swisd_store *store, struct swisd_workers *disk, struct swisd_holdings_host *host,
                          const swisd_shard_id *holdings, uint8_t count)
{
  for (uint8_t i = 0; i < count; i++) {
    struct check *check = calloc(1, sizeof *check);
    if (!check)
      return; /* they are verified when they are used */
    *check = (struct check){.work = {.run = on_check, .done = on_checked}, .store = store, .host = host, .shard = holdings[i]};
    swisd_workers_submit(disk, &check->work);
  }
}
