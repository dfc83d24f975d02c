/* FETCH: shards from a peer's disk and bodies that a peer keeps, in parts of 256 KiB that share the links with everything
 * else; PROGRESS after each part. A peer that died resets the transfer, one that is silent stalls it. */
#include <stdlib.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

enum { PART_BYTES = 256 * 1024 };

static struct transfer *find(struct host *h, uint32_t ticket)
{
  struct transfer *t = h->transfers;
  while (t != NULL && t->action.ticket != ticket)
    t = t->next;
  return t;
}

/* Ends a transfer with this status, `delay_ns` from now. */
static void finish(struct cluster *c, uint32_t host, struct transfer *t, enum swisd_status status, uint64_t delay_ns)
{
  t->status = status;
  t->ending = true;
  cluster_push(c, c->now_ns + delay_ns, ENTRY_FETCHED, host, t->action.ticket, NULL);
}

void transfer_start(struct cluster *c, uint32_t host, const struct swisd_action_fetch *fetch, bool shard)
{
  struct host *h = &c->hosts[host];
  if (fetch->ticket == 0 || find(h, fetch->ticket) != NULL) {
    cluster_fail(c, "node %u fetches with ticket %u, which is in use", host, fetch->ticket);
    return;
  }
  struct transfer *t = calloc(1, sizeof(*t));
  SWISD_ASSERT(t != NULL);
  t->action = *fetch;
  t->shard = shard;
  t->from = cluster_index(c, fetch->from);
  t->next = h->transfers;
  h->transfers = t;
  if (t->from == c->host_count || t->from == host) {
    cluster_fail(c, "node %u fetches from nobody, or from itself", host);
    return;
  }
  t->from_life = c->hosts[t->from].life;
  t->stalled_ns = c->now_ns;
  cluster_push(c, c->now_ns + network_latency_ns(c, host, t->from), ENTRY_FETCH, host, fetch->ticket, NULL);
}

/* The request has reached the peer: has it what is asked for? */
static enum swisd_status open_source(struct cluster *c, struct transfer *t)
{
  struct host *peer = &c->hosts[t->from];
  if (t->shard) {
    if (!cluster_has_shard(c, t->from, t->action.shard))
      return SWISD_ERROR_NOT_FOUND;
  } else {
    struct buffer *whole = bodies_get(&peer->bodies, t->action.body);
    if (whole == NULL)
      return SWISD_ERROR_NOT_FOUND;
    t->body = buffer_slice(whole, t->action.offset, t->action.bytes);
    if (t->body == NULL)
      return SWISD_ERROR_INPUT;
  }
  t->opened = true;
  if (peer->spoil > 0) {
    peer->spoil--;
    t->spoiled = true;
  }
  return SWISD_OK;
}

void transfer_part(struct cluster *c, struct entry *entry)
{
  const uint32_t host = entry->host;
  struct transfer *t = find(&c->hosts[host], (uint32_t)entry->value);
  if (t == NULL || t->ending)
    return;
  const struct host *peer = &c->hosts[t->from];
  const uint64_t latency = network_latency_ns(c, t->from, host);
  if (peer->node == NULL || peer->life != t->from_life) {
    finish(c, host, t, SWISD_ERROR_UNREACHABLE, latency);
    return;
  }
  if (!network_open(c, t->from, host) || !network_open(c, host, t->from)) {
    if (c->now_ns - t->stalled_ns >= NETWORK_STREAM_GIVES_UP_MS * SWISD_MILLISECOND)
      finish(c, host, t, SWISD_ERROR_UNREACHABLE, latency);
    else
      cluster_push(c, c->now_ns + NETWORK_RETRY_MS * SWISD_MILLISECOND, ENTRY_FETCH, host, t->action.ticket, NULL);
    return;
  }
  t->stalled_ns = c->now_ns;
  if (!t->opened) {
    const enum swisd_status status = open_source(c, t);
    if (status == SWISD_ERROR_INPUT)
      cluster_fail(c, "node %u fetches a range outside the body", host);
    if (status != SWISD_OK) {
      finish(c, host, t, status, latency);
      return;
    }
  } else {
    struct swisd_event event = {.kind = SWISD_EVENT_PROGRESS};
    event.u.fetched.ticket = t->action.ticket;
    cluster_step(c, host, &event);
    t = find(&c->hosts[host], (uint32_t)entry->value);
    if (t == NULL || t->ending)
      return;
  }
  const uint64_t left = t->action.bytes - t->done_bytes;
  const uint64_t part = left < PART_BYTES ? left : PART_BYTES;
  uint64_t left_ns, arrive_ns;
  network_carry(c, t->from, host, part, &left_ns, &arrive_ns);
  t->done_bytes += part;
  t->cut_ns = left_ns;
  if (t->done_bytes == t->action.bytes)
    finish(c, host, t, t->spoiled ? SWISD_ERROR_DIGEST : SWISD_OK, arrive_ns - c->now_ns);
  else
    cluster_push(c, left_ns, ENTRY_FETCH, host, t->action.ticket, NULL);
}

/* The last byte has arrived, or the bad news. */
void transfer_end(struct cluster *c, struct entry *entry)
{
  struct host *h = &c->hosts[entry->host];
  struct transfer **link = &h->transfers;
  while (*link != NULL && (*link)->action.ticket != (uint32_t)entry->value)
    link = &(*link)->next;
  struct transfer *t = *link;
  if (t == NULL)
    return;
  *link = t->next;
  struct swisd_event event = {.kind = SWISD_EVENT_FETCHED};
  event.u.fetched.ticket = t->action.ticket;
  event.u.fetched.status = t->status;
  const struct host *peer = &c->hosts[t->from];
  if (t->status == SWISD_OK && (peer->life != t->from_life || peer->node == NULL) && peer->died_ns < t->cut_ns)
    event.u.fetched.status = SWISD_ERROR_UNREACHABLE;
  if (event.u.fetched.status == SWISD_OK && t->shard && !cluster_has_shard(c, entry->host, t->action.shard)) {
    SWISD_ASSERT(h->disk_count < sizeof(h->disk) / sizeof(h->disk[0]));
    h->disk[h->disk_count++] = t->action.shard;
  }
  if (event.u.fetched.status == SWISD_OK && !t->shard)
    event.u.fetched.body = bodies_put(&h->bodies, buffer_ref(t->body));
  buffer_unref(t->body);
  free(t);
  cluster_step(c, entry->host, &event);
}

bool transfer_cancel(struct cluster *c, uint32_t host, uint32_t ticket)
{
  struct transfer *t = find(&c->hosts[host], ticket);
  if (t == NULL)
    return false;
  if (!t->ending)
    finish(c, host, t, SWISD_ERROR_CANCELLED, 0);
  return true;
}

void transfers_clear(struct host *h)
{
  while (h->transfers != NULL) {
    struct transfer *t = h->transfers;
    h->transfers = t->next;
    buffer_unref(t->body);
    free(t);
  }
}
