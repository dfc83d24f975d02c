/* See transfers.h. A body goes DATA -> gone; a shard, when its manifest is missing, MANIFEST -> SAVING (the disk) -> and on to
 * shard_fetch.c, which knows it by the same ticket. */
#include "runtime/net/transfers.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/net/clock.h"

enum {
  STALL_SECONDS = 15, /* nothing came for so long: the core's own time-outs are shorter, this one only tidies up */
};
static const uint64_t progress_ns = 250 * SWISD_MILLISECOND;
/* An owner that is awake answers a FETCH_BODY at once, ahead of all data: longer than this it is silent, or so far away that
 * somebody else is the better choice. */
static const struct timeval reply_patience = {.tv_sec = 2};

enum phase { PHASE_MANIFEST, PHASE_DATA, PHASE_SAVING };

struct fetch {
  struct fetch *next;
  struct swisd_transfers *transfers;
  enum swisd_action_kind kind;
  struct swisd_action_fetch action;
  enum phase phase;
  uint32_t channel;
  struct swisd_blob *blob; /* what is coming: the manifest, the shard or the body */
  uint64_t filled;
  bool replied;
  uint64_t told_ns; /* the last PROGRESS */
  struct event *stall;
};

struct swisd_transfers {
  struct swisd_transfers_options options;
  struct fetch *fetches;
  uint32_t channel_next;
  struct swisd_shard_fetches_host shard_host; /* leads back by its place in this struct */
  struct swisd_shard_fetches *shards;
  bool held;
  struct swisd_transfers_status status;
};

/* A manifest on its way to the disk. */
struct save {
  struct swisd_work work; /* first */
  struct swisd_transfers *transfers;
  uint32_t ticket;
  swisd_model_id id;
  struct swisd_blob *blob;
  struct swisd_error error;
};

/* ---- the life of a fetch ---- */

static struct fetch *find_ticket(struct swisd_transfers *transfers, uint32_t ticket)
{
  for (struct fetch *fetch = transfers->fetches; fetch; fetch = fetch->next)
    if (fetch->action.ticket == ticket)
      return fetch;
  return NULL;
}

static struct fetch *find_channel(struct swisd_transfers *transfers, struct swisd_id from, uint32_t channel)
{
  for (struct fetch *fetch = transfers->fetches; fetch; fetch = fetch->next)
    if (fetch->channel == channel && fetch->phase != PHASE_SAVING && swisd_id_equal(fetch->action.from, from))
      return fetch;
  return NULL;
}

static void fetch_free(struct fetch *fetch)
{
  struct fetch **link = &fetch->transfers->fetches;
  while (*link != fetch)
    link = &(*link)->next;
  *link = fetch->next;
  fetch->transfers->status.fetching--;
  event_free(fetch->stall);
  swisd_blob_drop(fetch->blob);
  free(fetch);
}

/* Ends a fetch and tells the core; a body that came is handed over. */
static void finish(struct fetch *fetch, enum swisd_status status)
{
  struct swisd_transfers *transfers = fetch->transfers;
  struct swisd_event event = {.kind = SWISD_EVENT_FETCHED};
  event.u.fetched = (struct swisd_event_fetched){.ticket = fetch->action.ticket, .status = status};
  if (status == SWISD_OK && fetch->kind == SWISD_ACTION_FETCH_BODY) {
    event.u.fetched.body = swisd_bodies_add(transfers->options.bodies, fetch->blob);
    fetch->blob = NULL;
    if (event.u.fetched.body.handle == 0)
      event.u.fetched.status = SWISD_ERROR_SPACE;
    transfers->status.bodies_fetched++;
  } else if (status == SWISD_ERROR_DIGEST) {
    transfers->status.damaged++;
  } else if (status != SWISD_ERROR_CANCELLED) {
    transfers->status.failed++;
  }
  fetch_free(fetch);
  transfers->options.host->event(transfers->options.host, &event);
}

static void touch(struct fetch *fetch)
{
  const struct timeval patience = {.tv_sec = STALL_SECONDS};
  event_add(fetch->stall, &patience);
}

static void on_stall(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  finish(argument, SWISD_ERROR_TIMEOUT);
}

static void ask(struct fetch *fetch)
{
  struct swisd_transfers *transfers = fetch->transfers;
  fetch->channel = transfers->channel_next++ % SWISD_SHARD_CHANNEL;
  fetch->replied = false;
  struct swisd_frame frame = {.channel = fetch->channel};
  if (fetch->phase == PHASE_MANIFEST) {
    frame.kind = SWISD_FRAME_FETCH_MANIFEST;
    frame.u.fetch_manifest.model = fetch->action.model;
  } else {
    frame.kind = SWISD_FRAME_FETCH_BODY;
    frame.u.fetch_body.handle = fetch->action.body.handle;
    frame.u.fetch_body.generation = fetch->action.body.generation;
    frame.u.fetch_body.offset = fetch->action.offset;
    frame.u.fetch_body.length = fetch->action.bytes;
  }
  if (fetch->kind == SWISD_ACTION_FETCH_BODY)
    event_add(fetch->stall, &reply_patience);
  else
    touch(fetch);
  swisd_links_send_frame(transfers->options.links, fetch->action.from, &fetch->action.address, &frame);
}

static void start_body(struct fetch *fetch)
{
  fetch->phase = PHASE_DATA;
  fetch->blob = swisd_blob_new(fetch->transfers->options.bodies, fetch->action.bytes);
  if (fetch->blob)
    ask(fetch);
  else
    finish(fetch, SWISD_ERROR_SPACE);
}

/* ---- shards ---- */

/* Says once that the disk is full, and once that it no longer is. */
static void note_disk(struct swisd_transfers *transfers, enum swisd_status status, const char *why)
{
  if (status == SWISD_ERROR_SPACE && !transfers->status.disk_full) {
    transfers->status.disk_full = true;
    swisd_log(SWISD_LOG_WARN, "net", "no room: fetching stops, and is tried again from time to time: %s", why);
  } else if (status == SWISD_OK && transfers->status.disk_full) {
    transfers->status.disk_full = false;
    swisd_log(SWISD_LOG_INFO, "net", "there is room again: fetching goes on");
  }
}

static void tell_ended(struct swisd_transfers *transfers, uint32_t ticket, enum swisd_status status)
{
  struct swisd_event event = {.kind = SWISD_EVENT_FETCHED};
  event.u.fetched = (struct swisd_event_fetched){.ticket = ticket, .status = status};
  transfers->options.host->event(transfers->options.host, &event);
}

static struct swisd_transfers *of_shard_host(struct swisd_shard_fetches_host *host)
{
  return (struct swisd_transfers *)(void *)((char *)host - offsetof(struct swisd_transfers, shard_host));
}

static void on_shard_ended(struct swisd_shard_fetches_host *host, uint32_t ticket, enum swisd_status status,
                           const struct swisd_error *why)
{
  struct swisd_transfers *transfers = of_shard_host(host);
  note_disk(transfers, status, why->text);
  if (status != SWISD_OK && status != SWISD_ERROR_SPACE && why->text[0])
    swisd_log_limited(SWISD_LOG_WARN, "net", "a shard could not be kept: %s", why->text);
  transfers->status.shards_fetched += status == SWISD_OK;
  transfers->status.damaged += status == SWISD_ERROR_DIGEST;
  transfers->status.failed += status != SWISD_OK && status != SWISD_ERROR_DIGEST && status != SWISD_ERROR_CANCELLED;
  tell_ended(transfers, ticket, status);
}

static void on_shard_progress(struct swisd_shard_fetches_host *host, uint32_t ticket)
{
  struct swisd_transfers *transfers = of_shard_host(host);
  struct swisd_event event = {.kind = SWISD_EVENT_PROGRESS};
  event.u.fetched.ticket = ticket;
  transfers->options.host->event(transfers->options.host, &event);
}

static uint32_t on_shard_sources(struct swisd_shard_fetches_host *host, swisd_shard_id shard, struct swisd_shard_source *sources,
                                 uint32_t max)
{
  struct swisd_transfers_host *own = of_shard_host(host)->options.host;
  return own->sources ? own->sources(own, shard, sources, max) : 0;
}

static const uint8_t *digest_of(const struct swisd_model *model, swisd_shard_id shard)
{
  for (unsigned s = 0; model && s < model->step_count; s++)
    for (unsigned l = 0; l < model->steps[s].lane_count; l++)
      if (model->steps[s].lanes[l].shard == shard)
        return model->steps[s].lanes[l].digest;
  return NULL;
}

static void start_shard(struct swisd_transfers *transfers, const struct swisd_action_fetch *action)
{
  static const struct swisd_error nothing;
  const struct swisd_model *model = swisd_models_find(transfers->options.models, action->model);
  if (swisd_shard_fetch_start(transfers->shards, action, digest_of(model, action->shard)) != SWISD_OK)
    on_shard_ended(&transfers->shard_host, action->ticket, SWISD_ERROR_SPACE, &nothing);
}

/* ---- saving ---- */

static void on_save(struct swisd_work *work)
{
  struct save *save = (struct save *)work;
  work->status = (enum swisd_status)swisd_store_save(save->transfers->options.store, SWISD_STORE_MANIFEST, save->id,
                                                     save->blob->data, (size_t)save->blob->bytes, &save->error);
}

static void on_saved(struct swisd_work *work)
{
  struct save *save = (struct save *)work;
  struct swisd_transfers *transfers = save->transfers;
  enum swisd_status status = work->status;
  if (status != SWISD_ERROR_CANCELLED)
    note_disk(transfers, status, save->error.text);
  struct fetch *fetch = find_ticket(transfers, save->ticket);
  if (status == SWISD_OK)
    status =
      swisd_models_add_manifest(transfers->options.models, save->id, save->blob->data, (size_t)save->blob->bytes, &save->error);
  if (status != SWISD_OK && status != SWISD_ERROR_CANCELLED && status != SWISD_ERROR_SPACE)
    swisd_log_limited(SWISD_LOG_WARN, "net", "a manifest could not be kept: %s", save->error.text);
  if (fetch && status == SWISD_OK) {
    const struct swisd_action_fetch action = fetch->action;
    fetch_free(fetch);
    start_shard(transfers, &action);
  } else if (fetch) {
    finish(fetch, status);
  }
  swisd_blob_drop(save->blob);
  free(save);
}

/* All bytes are here. */
static void complete(struct fetch *fetch)
{
  if (fetch->kind == SWISD_ACTION_FETCH_BODY) {
    finish(fetch, SWISD_OK);
    return;
  }
  struct save *save = calloc(1, sizeof *save);
  if (!save) {
    finish(fetch, SWISD_ERROR_SPACE);
    return;
  }
  *save = (struct save){.work = {.run = on_save, .done = on_saved, .ticket = fetch->action.ticket},
                        .transfers = fetch->transfers,
                        .ticket = fetch->action.ticket,
                        .id = fetch->action.model,
                        .blob = swisd_blob_keep(fetch->blob)};
  fetch->phase = PHASE_SAVING;
  event_del(fetch->stall);
  swisd_workers_submit(fetch->transfers->options.disk, &save->work);
}

/* ---- what comes ---- */

void swisd_transfers_frame(struct swisd_transfers *transfers, struct swisd_id from, const struct swisd_frame *frame)
{
  if (frame->channel & SWISD_SHARD_CHANNEL) {
    swisd_shard_fetches_frame(transfers->shards, from, frame);
    return;
  }
  struct fetch *fetch = find_channel(transfers, from, frame->channel);
  if (!fetch || fetch->replied)
    return; /* cancelled meanwhile */
  fetch->replied = true;
  touch(fetch);
  const uint64_t bytes = frame->u.fetch_reply.bytes;
  if (frame->u.fetch_reply.status != SWISD_OK) {
    finish(fetch, (enum swisd_status)frame->u.fetch_reply.status);
    return;
  }
  if (fetch->phase == PHASE_MANIFEST) {
    fetch->filled = 0;
    fetch->blob = bytes > 0 && bytes <= SWISD_MODEL_MANIFEST_BYTES_MAX ? swisd_blob_new(transfers->options.buffers, bytes) : NULL;
    if (!fetch->blob)
      finish(fetch, SWISD_ERROR_SPACE);
  } else if (bytes != fetch->blob->bytes - fetch->filled) {
    finish(fetch, SWISD_ERROR_DIGEST); /* another size: it cannot be what was asked for */
  } else if (bytes == 0) {
    complete(fetch);
  }
}

static void tell_progress(struct fetch *fetch)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  if (now_ns - fetch->told_ns < progress_ns)
    return;
  fetch->told_ns = now_ns;
  struct swisd_event event = {.kind = SWISD_EVENT_PROGRESS};
  event.u.fetched.ticket = fetch->action.ticket;
  fetch->transfers->options.host->event(fetch->transfers->options.host, &event);
}

void swisd_transfers_data(struct swisd_transfers *transfers, struct swisd_id from, const struct swisd_frame *head,
                          const uint8_t *bytes, size_t count)
{
  if (head->channel & SWISD_SHARD_CHANNEL) {
    swisd_shard_fetches_data(transfers->shards, from, head, bytes, count);
    return;
  }
  struct fetch *fetch = find_channel(transfers, from, head->channel);
  if (!fetch)
    return;
  if (head->flags & SWISD_FRAME_ABORT) {
    finish(fetch, SWISD_ERROR_NOT_FOUND);
    return;
  }
  if (!fetch->replied || !fetch->blob || count > fetch->blob->bytes - fetch->filled) {
    finish(fetch, SWISD_ERROR_DIGEST);
    return;
  }
  if (count > 0)
    memcpy(fetch->blob->data + fetch->filled, bytes, count);
  fetch->filled += count;
  transfers->status.bytes_fetched += count;
  if (fetch->filled == fetch->blob->bytes) {
    complete(fetch);
    return;
  }
  touch(fetch);
  tell_progress(fetch);
}

/* ---- what the core asks ---- */

void swisd_transfers_hold(struct swisd_transfers *transfers, bool hold) { transfers->held = hold; }

void swisd_transfers_fetch(struct swisd_transfers *transfers, enum swisd_action_kind kind,
                           const struct swisd_action_fetch *action)
{
  if (kind == SWISD_ACTION_FETCH_SHARD && transfers->held) {
    tell_ended(transfers, action->ticket, SWISD_ERROR_SPACE);
    return;
  }
  if (kind == SWISD_ACTION_FETCH_SHARD && swisd_models_find(transfers->options.models, action->model)) {
    start_shard(transfers, action);
    return;
  }
  struct fetch *fetch = calloc(1, sizeof *fetch);
  struct event *stall = fetch ? evtimer_new(transfers->options.base, on_stall, fetch) : NULL;
  if (!stall) {
    free(fetch);
    tell_ended(transfers, action->ticket, SWISD_ERROR_SPACE);
    return;
  }
  fetch->transfers = transfers;
  fetch->kind = kind;
  fetch->action = *action;
  fetch->stall = stall;
  fetch->next = transfers->fetches;
  transfers->fetches = fetch;
  transfers->status.fetching++;
  if (kind == SWISD_ACTION_FETCH_BODY) {
    start_body(fetch);
    return;
  }
  fetch->phase = PHASE_MANIFEST;
  ask(fetch);
}

void swisd_transfers_cancel(struct swisd_transfers *transfers, uint32_t ticket)
{
  swisd_shard_fetch_cancel(transfers->shards, ticket);
  struct fetch *fetch = find_ticket(transfers, ticket);
  if (!fetch || fetch->phase == PHASE_SAVING)
    return; /* it will be here in a moment */
  const struct swisd_frame frame = {.kind = SWISD_FRAME_FETCH_CANCEL, .channel = fetch->channel};
  swisd_links_send_frame(transfers->options.links, fetch->action.from, &fetch->action.address, &frame);
  finish(fetch, SWISD_ERROR_CANCELLED);
}

void swisd_transfers_unreachable(struct swisd_transfers *transfers, struct swisd_id peer)
{
  swisd_shard_fetches_unreachable(transfers->shards, peer);
  for (struct fetch *fetch = transfers->fetches, *next; fetch; fetch = next) {
    next = fetch->next;
    if (fetch->phase != PHASE_SAVING && swisd_id_equal(fetch->action.from, peer))
      finish(fetch, SWISD_ERROR_UNREACHABLE);
  }
}

struct swisd_transfers *swisd_transfers_open(const struct swisd_transfers_options *options)
{
  struct swisd_transfers *transfers = calloc(1, sizeof *transfers);
  if (!transfers)
    return NULL;
  transfers->options = *options;
  transfers->shard_host =
    (struct swisd_shard_fetches_host){.ended = on_shard_ended, .progress = on_shard_progress, .sources = on_shard_sources};
  const struct swisd_shard_fetches_options shards = {.base = options->base,
                                                     .links = options->links,
                                                     .store = options->store,
                                                     .disk = options->disk,
                                                     .buffers = options->buffers,
                                                     .host = &transfers->shard_host};
  transfers->shards = swisd_shard_fetches_open(&shards);
  if (!transfers->shards) {
    free(transfers);
    return NULL;
  }
  return transfers;
}

void swisd_transfers_close(struct swisd_transfers *transfers)
{
  if (!transfers)
    return;
  while (transfers->fetches)
    fetch_free(transfers->fetches);
  swisd_shard_fetches_close(transfers->shards);
  free(transfers);
}

struct swisd_transfers_status swisd_transfers_status(const struct swisd_transfers *transfers)
{
  struct swisd_transfers_status status = transfers->status;
  status.shards = swisd_shard_fetches_status(transfers->shards);
  status.fetching += status.shards.fetching;
  status.bytes_fetched += status.shards.bytes;
  return status;
}
