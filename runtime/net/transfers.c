/* See transfers.h. A fetch goes MANIFEST (shards of unknown models) -> DATA -> SAVING (shards) -> gone. */
#include "runtime/net/transfers.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/net/clock.h"

enum {
  PARTIALS_MAX = 4,      /* shards half here */
  STALL_SECONDS = 15,    /* nothing came for so long: the core's own time-outs are shorter, this one only tidies up */
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

struct partial {
  swisd_shard_id shard;
  struct swisd_blob *blob;
  uint64_t filled;
};

struct swisd_transfers {
  struct swisd_transfers_options options;
  struct fetch *fetches;
  uint32_t channel_next;
  struct partial partials[PARTIALS_MAX];
  uint32_t partial_next;
  struct swisd_transfers_status status;
};

/* Bytes on their way to the disk. */
struct save {
  struct swisd_work work; /* first */
  struct swisd_transfers *transfers;
  uint32_t ticket;
  enum swisd_store_kind kind;
  uint64_t id;
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

static void remember_partial(struct swisd_transfers *transfers, struct fetch *fetch)
{
  struct partial *partial = &transfers->partials[transfers->partial_next++ % PARTIALS_MAX];
  swisd_blob_drop(partial->blob);
  *partial = (struct partial){.shard = fetch->action.shard, .blob = fetch->blob, .filled = fetch->filled};
  fetch->blob = NULL;
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
  } else if (status == SWISD_OK) {
    transfers->status.shards_fetched++;
  } else if (status == SWISD_ERROR_DIGEST) {
    transfers->status.damaged++;
  } else if (status != SWISD_ERROR_CANCELLED) {
    transfers->status.failed++;
  }
  const bool interrupted = status == SWISD_ERROR_UNREACHABLE || status == SWISD_ERROR_TIMEOUT || status == SWISD_ERROR_CANCELLED;
  if (interrupted && fetch->kind == SWISD_ACTION_FETCH_SHARD && fetch->phase == PHASE_DATA && fetch->filled > 0)
    remember_partial(transfers, fetch);
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
  fetch->channel = transfers->channel_next++;
  fetch->replied = false;
  struct swisd_frame frame = {.channel = fetch->channel};
  if (fetch->phase == PHASE_MANIFEST) {
    frame.kind = SWISD_FRAME_FETCH_MANIFEST;
    frame.u.fetch_manifest.model = fetch->action.model;
  } else if (fetch->kind == SWISD_ACTION_FETCH_SHARD) {
    frame.kind = SWISD_FRAME_FETCH_SHARD;
    frame.u.fetch_shard.model = fetch->action.model;
    frame.u.fetch_shard.shard = fetch->action.shard;
    frame.u.fetch_shard.offset = fetch->filled;
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

/* Room for a shard, or what an earlier fetch has left of it. */
static bool find_room(struct fetch *fetch)
{
  struct swisd_transfers *transfers = fetch->transfers;
  for (uint32_t i = 0; i < PARTIALS_MAX; i++) {
    struct partial *partial = &transfers->partials[i];
    if (!partial->blob || partial->shard != fetch->action.shard || partial->blob->bytes != fetch->action.bytes)
      continue;
    fetch->blob = partial->blob;
    fetch->filled = partial->filled;
    partial->blob = NULL;
    transfers->status.resumed++;
    return true;
  }
  fetch->blob = swisd_blob_new(transfers->options.shards, fetch->action.bytes);
  return fetch->blob != NULL;
}

static void start_data(struct fetch *fetch)
{
  fetch->phase = PHASE_DATA;
  fetch->filled = 0;
  if (fetch->kind == SWISD_ACTION_FETCH_SHARD) {
    if (!find_room(fetch)) {
      finish(fetch, SWISD_ERROR_SPACE);
      return;
    }
  } else {
    fetch->blob = swisd_blob_new(fetch->transfers->options.bodies, fetch->action.bytes);
    if (!fetch->blob) {
      finish(fetch, SWISD_ERROR_SPACE);
      return;
    }
  }
  ask(fetch);
}

/* ---- saving ---- */

static void on_save(struct swisd_work *work)
{
  struct save *save = (struct save *)work;
  work->status = (enum swisd_status)swisd_store_save(save->transfers->options.store, save->kind, save->id, save->blob->data,
                                                     (size_t)save->blob->bytes, &save->error);
}

static void on_saved(struct swisd_work *work)
{
  struct save *save = (struct save *)work;
  struct swisd_transfers *transfers = save->transfers;
  if (work->status != SWISD_OK && work->status != SWISD_ERROR_CANCELLED)
    swisd_log_limited(SWISD_LOG_WARN, "net", "a %s could not be kept: %s",
                      save->kind == SWISD_STORE_SHARD ? "shard" : "manifest", save->error.text);
  struct fetch *fetch = find_ticket(transfers, save->ticket);
  if (fetch && save->kind == SWISD_STORE_SHARD) {
    finish(fetch, work->status);
  } else if (fetch) {
    enum swisd_status status = work->status;
    if (status == SWISD_OK)
      status = swisd_models_add_manifest(transfers->options.models, save->id, save->blob->data, (size_t)save->blob->bytes,
                                         &save->error);
    if (status == SWISD_OK) {
      swisd_blob_drop(fetch->blob);
      fetch->blob = NULL;
      start_data(fetch);
    } else {
      finish(fetch, status);
    }
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
  const bool manifest = fetch->phase == PHASE_MANIFEST;
  *save = (struct save){.work = {.run = on_save, .done = on_saved, .ticket = fetch->action.ticket},
                        .transfers = fetch->transfers, .ticket = fetch->action.ticket,
                        .kind = manifest ? SWISD_STORE_MANIFEST : SWISD_STORE_SHARD,
                        .id = manifest ? fetch->action.model : fetch->action.shard, .blob = swisd_blob_keep(fetch->blob)};
  fetch->phase = PHASE_SAVING;
  event_del(fetch->stall);
  swisd_workers_submit(fetch->transfers->options.disk, &save->work);
}

/* ---- what comes ---- */

void swisd_transfers_frame(struct swisd_transfers *transfers, struct swisd_id from, const struct swisd_frame *frame)
{
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
    fetch->blob = bytes > 0 && bytes <= SWISD_MODEL_MANIFEST_BYTES_MAX ? swisd_blob_new(transfers->options.shards, bytes) : NULL;
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

void swisd_transfers_fetch(struct swisd_transfers *transfers, enum swisd_action_kind kind,
                           const struct swisd_action_fetch *action)
{
  struct fetch *fetch = calloc(1, sizeof *fetch);
  struct event *stall = fetch ? evtimer_new(transfers->options.base, on_stall, fetch) : NULL;
  if (!stall) {
    free(fetch);
    struct swisd_event event = {.kind = SWISD_EVENT_FETCHED};
    event.u.fetched = (struct swisd_event_fetched){.ticket = action->ticket, .status = SWISD_ERROR_SPACE};
    transfers->options.host->event(transfers->options.host, &event);
    return;
  }
  fetch->transfers = transfers;
  fetch->kind = kind;
  fetch->action = *action;
  fetch->stall = stall;
  fetch->next = transfers->fetches;
  transfers->fetches = fetch;
  transfers->status.fetching++;
  if (kind == SWISD_ACTION_FETCH_SHARD && !swisd_models_find(transfers->options.models, action->model)) {
    fetch->phase = PHASE_MANIFEST;
    ask(fetch);
  } else {
    start_data(fetch);
  }
}

void swisd_transfers_cancel(struct swisd_transfers *transfers, uint32_t ticket)
{
  struct fetch *fetch = find_ticket(transfers, ticket);
  if (!fetch || fetch->phase == PHASE_SAVING)
    return; /* it will be here in a moment */
  const struct swisd_frame frame = {.kind = SWISD_FRAME_FETCH_CANCEL, .channel = fetch->channel};
  swisd_links_send_frame(transfers->options.links, fetch->action.from, &fetch->action.address, &frame);
  finish(fetch, SWISD_ERROR_CANCELLED);
}

void swisd_transfers_unreachable(struct swisd_transfers *transfers, struct swisd_id peer)
{
  for (struct fetch *fetch = transfers->fetches, *next; fetch; fetch = next) {
    next = fetch->next;
    if (fetch->phase != PHASE_SAVING && swisd_id_equal(fetch->action.from, peer))
      finish(fetch, SWISD_ERROR_UNREACHABLE);
  }
}

struct swisd_transfers *swisd_transfers_open(const struct swisd_transfers_options *options)
{
  struct swisd_transfers *transfers = calloc(1, sizeof *transfers);
  if (transfers)
    transfers->options = *options;
  return transfers;
}

void swisd_transfers_close(struct swisd_transfers *transfers)
{
  if (!transfers)
    return;
  while (transfers->fetches)
    fetch_free(transfers->fetches);
  for (uint32_t i = 0; i < PARTIALS_MAX; i++)
    swisd_blob_drop(transfers->partials[i].blob);
  free(transfers);
}

struct swisd_transfers_status swisd_transfers_status(const struct swisd_transfers *transfers)
{
  return transfers->status;
}
