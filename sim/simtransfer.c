/* FETCH: a request goes to the owner, which answers from its disk or its bodies; small bodies travel through the queue, the
 * others and all shards as transfers. An owner that is down refuses, one that is silent keeps the request in its kernel's
 * buffers, one behind a partition is given up after a while. */
#include <stdlib.h>

#include "runtime/core/panic.h"
#include "sim/simdriver_internal.h"

#define PROGRESS_NS SWISD_SECOND

static struct swisd_sim_fetching *find(const struct swisd_sim_device *device, uint32_t ticket)
{
  struct swisd_sim_fetching *f = device->fetching;
  while (f != NULL && f->action.ticket != ticket)
    f = f->next;
  return f;
}

static void discard(struct swisd_sim_fetching *f)
{
  swisd_sim_blob_drop(f->blob);
  free(f);
}

bool swisd_simtransfer_on_disk(const struct swisd_sim_device *device, swisd_shard_id shard)
{
  for (uint32_t i = 0; i < device->disk_count; i++)
    if (device->disk[i] == shard)
      return true;
  return false;
}

/* FETCHED with this status comes `delay_ns` from now. */
static void finish(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_fetching *f, enum swisd_status status,
                   uint64_t delay_ns)
{
  f->status = status;
  f->ending = true;
  swisd_simdriver_at(d, swisd_simdriver_now(d) + delay_ns, SWISD_SIM_FETCHED, node, f->from, f->action.ticket);
}

static void request(struct swisd_simdriver *d, uint32_t node, const struct swisd_sim_fetching *f, uint64_t delay_ns)
{
  const struct swisd_sim_event event = {.time_ns = swisd_simdriver_now(d) + delay_ns,
                                        .kind = SWISD_SIM_REQUEST,
                                        .node = f->from,
                                        .peer = node,
                                        .turn = d->devices[node].turn,
                                        .u.number = f->action.ticket};
  swisd_sim_at(d->sim, &event);
}

void swisd_simtransfer_start(struct swisd_simdriver *d, uint32_t node, const struct swisd_action_fetch *fetch, bool shard)
{
  struct swisd_sim_device *device = &d->devices[node];
  SWISD_ASSERT(fetch->ticket != 0 && find(device, fetch->ticket) == NULL);
  struct swisd_sim_fetching *f = calloc(1, sizeof *f);
  SWISD_ASSERT(f != NULL);
  *f = (struct swisd_sim_fetching){.operation = {.kind = SWISD_SIM_FETCHING},
                                   .next = device->fetching,
                                   .action = *fetch,
                                   .shard = shard,
                                   .from = swisd_simdriver_index(d, fetch->from),
                                   .since_ns = swisd_simdriver_now(d)};
  device->fetching = f;
  SWISD_ASSERT(f->from != d->node_count && f->from != node);
  d->messages++;
  d->message_bytes += SWISD_SIM_REQUEST_BYTES;
  request(d, node, f, swisd_sim_latency_ns(d->sim, node, f->from));
}

/* The request is at the owner: what does it give? */
static enum swisd_status open_source(struct swisd_simdriver *d, struct swisd_sim_fetching *f)
{
  const struct swisd_sim_device *owner = &d->devices[f->from];
  if (f->shard)
    return swisd_simtransfer_on_disk(owner, f->action.shard) ? SWISD_OK : SWISD_ERROR_NOT_FOUND;
  struct swisd_sim_blob *whole = swisd_sim_bodies_find(&owner->bodies, f->action.body);
  if (whole == NULL)
    return SWISD_ERROR_NOT_FOUND;
  if (f->action.offset > whole->bytes || f->action.bytes > whole->bytes - f->action.offset)
    return SWISD_ERROR_INPUT;
  f->blob = swisd_sim_blob_slice(whole, f->action.offset, f->action.bytes);
  return SWISD_OK;
}

static void begin_transfer(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_fetching *f)
{
  d->bodies++;
  d->body_bytes += f->action.bytes;
  f->operation.job = swisd_sim_bulk(d->sim, f->from, node, (double)f->action.bytes);
  f->operation.job->operation = &f->operation;
  swisd_simdriver_at(d, swisd_simdriver_now(d) + PROGRESS_NS, SWISD_SIM_PROGRESS, node, f->from, f->action.ticket);
}

void swisd_simtransfer_request(struct swisd_simdriver *d, const struct swisd_sim_event *event)
{
  const uint32_t node = event->peer;
  struct swisd_sim_device *device = &d->devices[node], *owner = &d->devices[event->node];
  struct swisd_sim_fetching *f = device->running && device->turn == event->turn ? find(device, (uint32_t)event->u.number) : NULL;
  if (f == NULL || f->ending)
    return; /* cancelled, or the fetcher is gone */
  const uint64_t latency_ns = swisd_sim_latency_ns(d->sim, f->from, node);
  if (!swisd_simnetwork_open(d, node, f->from)) {
    if (swisd_simdriver_now(d) - f->since_ns >= SWISD_SIM_GIVE_UP_NS)
      finish(d, node, f, SWISD_ERROR_UNREACHABLE, 0);
    else
      request(d, node, f, SWISD_SIM_RETRY_NS);
  } else if (!owner->running) {
    finish(d, node, f, SWISD_ERROR_UNREACHABLE, latency_ns);
  } else if (owner->frozen) {
    swisd_simlife_hold(d, event);
  } else {
    const enum swisd_status status = open_source(d, f);
    if (status != SWISD_OK)
      finish(d, node, f, status, latency_ns);
    else if (f->shard || f->action.bytes > SWISD_SIM_SMALL_BODY_BYTES)
      begin_transfer(d, node, f);
    else
      finish(d, node, f, SWISD_OK,
             latency_ns + (uint64_t)((double)f->action.bytes / swisd_sim_bandwidth(d->sim, f->from, node) * 1e9));
  }
}

void swisd_simtransfer_progress(struct swisd_simdriver *d, uint32_t node, uint32_t ticket)
{
  struct swisd_sim_fetching *f = find(&d->devices[node], ticket);
  if (f == NULL || f->ending || f->operation.job == NULL)
    return;
  swisd_simdriver_at(d, swisd_simdriver_now(d) + PROGRESS_NS, SWISD_SIM_PROGRESS, node, f->from, ticket);
  if (d->devices[f->from].frozen)
    return;
  const struct swisd_event event = {.kind = SWISD_EVENT_PROGRESS, .u.fetched.ticket = ticket};
  swisd_simdriver_step(d, node, &event);
}

/* The bytes are there, or the bad news. */
void swisd_simtransfer_fetched(struct swisd_simdriver *d, uint32_t node, uint32_t ticket)
{
  struct swisd_sim_device *device = &d->devices[node];
  struct swisd_sim_fetching **link = &device->fetching;
  while (*link != NULL && (*link)->action.ticket != ticket)
    link = &(*link)->next;
  struct swisd_sim_fetching *f = *link;
  if (f == NULL)
    return;
  *link = f->next;
  struct swisd_event event = {.kind = SWISD_EVENT_FETCHED, .u.fetched = {.ticket = ticket, .status = f->status}};
  if (f->status == SWISD_OK && f->shard && !swisd_simtransfer_on_disk(device, f->action.shard)) {
    if (device->disk_count < SWISD_SIM_DISK_SHARDS_MAX && !device->disk_full)
      device->disk[device->disk_count++] = f->action.shard;
    else
      event.u.fetched.status = SWISD_ERROR_SPACE;
    swisd_simreport_holds(d, node);
  }
  if (f->status == SWISD_OK && !f->shard) {
    event.u.fetched.body = swisd_sim_bodies_add(&device->bodies, f->blob);
    f->blob = NULL;
  }
  discard(f);
  swisd_simdriver_step(d, node, &event);
}

bool swisd_simtransfer_cancel(struct swisd_simdriver *d, uint32_t node, uint32_t ticket)
{
  struct swisd_sim_fetching *f = find(&d->devices[node], ticket);
  if (f == NULL)
    return false;
  if (f->ending)
    return true;
  if (f->operation.job != NULL)
    swisd_sim_cancel(d->sim, f->operation.job);
  f->operation.job = NULL;
  finish(d, node, f, SWISD_ERROR_CANCELLED, 0);
  return true;
}

void swisd_simtransfer_broken(struct swisd_simdriver *d, uint32_t node, struct swisd_sim_fetching *f, bool now)
{
  f->operation.job = NULL;
  finish(d, node, f, SWISD_ERROR_UNREACHABLE, now ? swisd_sim_latency_ns(d->sim, f->from, node) : SWISD_SIM_GIVE_UP_NS);
}

void swisd_simtransfer_clear(struct swisd_sim_device *device)
{
  while (device->fetching != NULL) {
    struct swisd_sim_fetching *f = device->fetching;
    device->fetching = f->next;
    discard(f);
  }
}
