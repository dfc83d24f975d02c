/* See shard_fetch.h. A fetch goes OPENING (disk) -> DATA (network and disk) -> FINISHING (disk) -> gone. Cancelled or failed, it
 * is gone for the core at once, and in fact when the disk has closed its file. */
#include "runtime/net/shard_fetch.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/net/clock.h"

enum {
  SOURCES_MAX = 4, /* at once: more would share the same downlink */
  ASKS_MAX = 2,    /* ranges asked of one source at once: the next is on its way while one arrives */
  BUFFERS_MAX = 8, /* ranges in memory, per fetch */
  PACE_MS = 250,   /* how often silence and lateness are looked for */
};
static const uint64_t progress_ns = 250 * SWISD_MILLISECOND;
static const uint64_t silent_ns = 3 * SWISD_SECOND;        /* with others to ask instead */
static const uint64_t silent_alone_ns = 15 * SWISD_SECOND; /* the core's own time-outs are shorter: this only tidies up */
static const uint64_t late_ns = SWISD_SECOND;
static const uint64_t busy_ns = 300 * SWISD_MILLISECOND; /* a source without room is asked again after this */

enum phase { PHASE_OPENING, PHASE_DATA, PHASE_FINISHING, PHASE_ENDED };
enum range_state { RANGE_MISSING, RANGE_ASKED, RANGE_WRITING, RANGE_HERE };

struct ask {
  struct swisd_blob *blob; /* NULL: free */
  uint32_t channel, range;
  bool replied, twice;
  uint64_t filled, asked_ns;
};

struct source {
  struct swisd_shard_source at;
  bool lost, gave;
  uint64_t touched_ns, retry_ns;
  struct ask asks[ASKS_MAX];
};

struct fetch {
  struct fetch *next;
  struct swisd_shard_fetches *owner;
  struct swisd_action_fetch action;
  bool has_digest;
  bool alone;   /* only the holder that the core named is asked */
  bool resumed; /* some of it came earlier, from who knows whom */
  uint8_t digest[32];
  enum phase phase;
  struct swisd_partial *partial; /* of the disk thread while jobs are under way */
  uint8_t *ranges;               /* enum range_state */
  uint32_t range_count, missing, here, buffers, jobs;
  uint32_t source_count;
  struct source sources[SOURCES_MAX];
  enum swisd_status last_status; /* of a source that was lost */
  uint64_t told_ns;
  struct event *pace;
};

struct swisd_shard_fetches {
  struct swisd_shard_fetches_options options;
  struct fetch *list;
  uint32_t channel_next;
  struct swisd_shard_fetches_status status;
};

enum job_kind { JOB_OPEN, JOB_WRITE, JOB_FINISH, JOB_CLOSE };
struct job {
  struct swisd_work work; /* first */
  struct fetch *fetch;
  enum job_kind kind;
  uint32_t range;
  struct swisd_blob *blob;
  struct swisd_error error;
};

static void pump(struct fetch *fetch);

/* ---- the disk ---- */

static void on_run(struct swisd_work *work)
{
  struct job *job = (struct job *)work;
  struct fetch *fetch = job->fetch;
  enum swisd_store_status status = SWISD_STORE_OK;
  switch (job->kind) {
  case JOB_OPEN:
    fetch->partial =
      swisd_partial_open(fetch->owner->options.store, fetch->action.shard, fetch->action.bytes, &status, &job->error);
    break;
  case JOB_WRITE:
    status = swisd_partial_write(fetch->partial, job->range, job->blob->data, &job->error);
    break;
  case JOB_FINISH:
    status = swisd_partial_finish(fetch->partial, fetch->has_digest ? fetch->digest : NULL, &job->error);
    fetch->partial = NULL;
    break;
  case JOB_CLOSE:
    swisd_partial_close(fetch->partial);
    fetch->partial = NULL;
    break;
  }
  work->status = (enum swisd_status)status;
}

static void on_done(struct swisd_work *work);

static bool submit(struct fetch *fetch, enum job_kind kind, uint32_t range, struct swisd_blob *blob)
{
  struct job *job = calloc(1, sizeof *job);
  if (!job)
    return false;
  *job = (struct job){.work = {.run = on_run, .done = on_done}, .fetch = fetch, .kind = kind, .range = range, .blob = blob};
  fetch->jobs++;
  swisd_workers_submit(fetch->owner->options.disk, &job->work);
  return true;
}

/* ---- the life of a fetch ---- */

static void ask_free(struct fetch *fetch, struct ask *ask)
{
  swisd_blob_drop(ask->blob);
  fetch->buffers--;
  *ask = (struct ask){0};
}

static void fetch_free(struct fetch *fetch)
{
  struct fetch **link = &fetch->owner->list;
  while (*link != fetch)
    link = &(*link)->next;
  *link = fetch->next;
  for (uint32_t s = 0; s < fetch->source_count; s++)
    for (int a = 0; a < ASKS_MAX; a++)
      if (fetch->sources[s].asks[a].blob)
        ask_free(fetch, &fetch->sources[s].asks[a]);
  swisd_partial_close(fetch->partial);
  event_free(fetch->pace);
  free(fetch->ranges);
  free(fetch);
}

static void send_cancel(struct fetch *fetch, const struct source *source, const struct ask *ask)
{
  const struct swisd_frame frame = {.kind = SWISD_FRAME_FETCH_CANCEL, .channel = ask->channel};
  swisd_links_send_frame(fetch->owner->options.links, source->at.id, &source->at.address, &frame);
}

/* Over for the core; the file is closed behind what the disk still has to do. */
static void end(struct fetch *fetch, enum swisd_status status, const struct swisd_error *why)
{
  struct swisd_shard_fetches *owner = fetch->owner;
  static const struct swisd_error nothing;
  assert(fetch->phase != PHASE_ENDED);
  fetch->phase = PHASE_ENDED;
  owner->status.fetching--;
  for (uint32_t s = 0; s < fetch->source_count; s++)
    for (int a = 0; a < ASKS_MAX; a++)
      if (fetch->sources[s].asks[a].blob) {
        send_cancel(fetch, &fetch->sources[s], &fetch->sources[s].asks[a]);
        ask_free(fetch, &fetch->sources[s].asks[a]);
      }
  event_del(fetch->pace);
  const uint32_t ticket = fetch->action.ticket;
  const bool by_disk = fetch->jobs > 0 || fetch->partial;
  if (!by_disk || !submit(fetch, JOB_CLOSE, 0, NULL))
    if (fetch->jobs == 0)
      fetch_free(fetch);
  owner->options.host->ended(owner->options.host, ticket, status, why ? why : &nothing);
}

static uint32_t givers(const struct fetch *fetch)
{
  uint32_t count = 0;
  for (uint32_t s = 0; s < fetch->source_count; s++)
    count += fetch->sources[s].gave;
  return count;
}

/* All ranges are on disk. */
static void finish(struct fetch *fetch)
{
  fetch->phase = PHASE_FINISHING;
  event_del(fetch->pace);
  if (!submit(fetch, JOB_FINISH, 0, NULL))
    end(fetch, SWISD_ERROR_SPACE, NULL);
}

static void begin_data(struct fetch *fetch)
{
  free(fetch->ranges);
  fetch->range_count = swisd_partial_range_count(fetch->partial);
  fetch->ranges = calloc(fetch->range_count, 1);
  if (!fetch->ranges) {
    end(fetch, SWISD_ERROR_SPACE, NULL);
    return;
  }
  fetch->here = 0;
  for (uint32_t i = 0; i < fetch->range_count; i++)
    if (swisd_partial_has(fetch->partial, i)) {
      fetch->ranges[i] = RANGE_HERE;
      fetch->here++;
    }
  fetch->missing = fetch->range_count - fetch->here;
  fetch->resumed = fetch->here > 0;
  fetch->owner->status.resumed += fetch->resumed;
  fetch->phase = PHASE_DATA;
  if (fetch->here == fetch->range_count) /* the process ended between the last range and the digest */
    finish(fetch);
  else
    pump(fetch);
}

/* Does not match its digest: whose fault was it? */
static void on_digest(struct fetch *fetch, const struct swisd_error *why)
{
  const bool blameless = !fetch->alone && (fetch->resumed || givers(fetch) > 1 || !fetch->sources[0].gave);
  if (!blameless || fetch->sources[0].lost) {
    end(fetch, blameless ? SWISD_ERROR_TIMEOUT : SWISD_ERROR_DIGEST, why);
    return;
  }
  fetch->alone = true;
  fetch->source_count = 1;
  fetch->sources[0].gave = false;
  fetch->phase = PHASE_OPENING;
  if (!submit(fetch, JOB_OPEN, 0, NULL))
    end(fetch, SWISD_ERROR_SPACE, NULL);
}

static void after_write(struct fetch *fetch, struct job *job)
{
  fetch->ranges[job->range] = RANGE_HERE;
  fetch->here++;
  if (fetch->here < fetch->range_count) {
    pump(fetch);
    return;
  }
  fetch->owner->status.shared += givers(fetch) > 1;
  finish(fetch);
}

static void on_done(struct swisd_work *work)
{
  struct job *job = (struct job *)work;
  struct fetch *fetch = job->fetch;
  fetch->jobs--;
  if (job->blob) {
    swisd_blob_drop(job->blob);
    fetch->buffers--;
  }
  if (work->status == SWISD_ERROR_CANCELLED) {
    /* the disk thread is being closed, and everything here will be */
  } else if (fetch->phase == PHASE_ENDED) {
    if (fetch->jobs == 0)
      fetch_free(fetch);
  } else if (work->status == SWISD_ERROR_DIGEST && job->kind == JOB_FINISH) {
    on_digest(fetch, &job->error);
  } else if (work->status != SWISD_OK) {
    end(fetch, work->status, &job->error);
  } else if (job->kind == JOB_OPEN && !fetch->partial) {
    fetch->owner->status.recalled++;
    end(fetch, SWISD_OK, NULL);
  } else if (job->kind == JOB_OPEN) {
    begin_data(fetch);
  } else if (job->kind == JOB_WRITE) {
    after_write(fetch, job);
  } else if (job->kind == JOB_FINISH) {
    end(fetch, SWISD_OK, NULL);
  }
  free(job);
}

/* ---- asking ---- */

static bool is_known(const struct fetch *fetch, struct swisd_id id)
{
  for (uint32_t s = 0; s < fetch->source_count; s++)
    if (swisd_id_equal(fetch->sources[s].at.id, id))
      return true;
  return false;
}

/* More holders, as far as there is use for them. One that was lost gives its place to another. */
static void look_for_sources(struct fetch *fetch)
{
  struct swisd_shard_source found[2 * SOURCES_MAX];
  if (fetch->alone || fetch->missing == 0)
    return;
  struct swisd_shard_fetches_host *host = fetch->owner->options.host;
  const uint32_t count = host->sources(host, fetch->action.shard, found, 2 * SOURCES_MAX);
  for (uint32_t i = 0; i < count; i++) {
    if (is_known(fetch, found[i].id))
      continue;
    uint32_t at = fetch->source_count;
    if (at == SOURCES_MAX) /* place 0 is the core's choice: what it did counts when the digest is wrong */
      for (at = 1; at < SOURCES_MAX && (!fetch->sources[at].lost || fetch->sources[at].gave); at++) {
      }
    if (at == SOURCES_MAX)
      return;
    fetch->sources[at] = (struct source){.at = found[i], .touched_ns = swisd_clock_now_ns()};
    fetch->source_count += at == fetch->source_count;
  }
}

static bool ask_for(struct fetch *fetch, struct source *source, uint32_t range)
{
  struct swisd_shard_fetches *owner = fetch->owner;
  struct ask *ask = source->asks;
  while (ask < source->asks + ASKS_MAX && ask->blob)
    ask++;
  if (ask == source->asks + ASKS_MAX || fetch->buffers == BUFFERS_MAX)
    return false;
  struct swisd_blob *blob = swisd_blob_new(owner->options.buffers, swisd_partial_range_bytes(fetch->partial, range));
  if (!blob)
    return false;
  fetch->buffers++;
  const uint64_t now_ns = swisd_clock_now_ns();
  *ask = (struct ask){.blob = blob, .range = range, .channel = SWISD_SHARD_CHANNEL | owner->channel_next, .asked_ns = now_ns};
  owner->channel_next = (owner->channel_next + 1) % SWISD_SHARD_CHANNEL;
  source->touched_ns = now_ns;
  fetch->missing -= fetch->ranges[range] == RANGE_MISSING;
  fetch->ranges[range] = RANGE_ASKED;
  struct swisd_frame frame = {.kind = SWISD_FRAME_FETCH_SHARD, .channel = ask->channel};
  frame.u.fetch_shard.model = fetch->action.model;
  frame.u.fetch_shard.shard = fetch->action.shard;
  frame.u.fetch_shard.offset = (uint64_t)range * SWISD_RANGE_BYTES;
  frame.u.fetch_shard.length = blob->bytes;
  swisd_links_send_frame(owner->options.links, source->at.id, &source->at.address, &frame);
  return true;
}

static bool is_idle(const struct source *source)
{
  for (int a = 0; a < ASKS_MAX; a++)
    if (source->asks[a].blob)
      return false;
  return true;
}

/* Everything is asked for, and somebody has nothing to do: the range that is late longest, once more. */
static void ask_twice(struct fetch *fetch, struct source *idle, uint64_t now_ns)
{
  struct ask *late = NULL;
  for (uint32_t s = 0; s < fetch->source_count; s++)
    for (int a = 0; a < ASKS_MAX; a++) {
      struct ask *ask = &fetch->sources[s].asks[a];
      if (ask->blob && !ask->twice && now_ns - ask->asked_ns > late_ns && (!late || ask->asked_ns < late->asked_ns))
        late = ask;
    }
  if (!late || !ask_for(fetch, idle, late->range))
    return;
  late->twice = true;
  for (int a = 0; a < ASKS_MAX; a++)
    idle->asks[a].twice |= idle->asks[a].blob && idle->asks[a].range == late->range;
  fetch->owner->status.asked_twice++;
}

static void pump(struct fetch *fetch)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  uint32_t range = 0, live = 0;
  look_for_sources(fetch);
  for (int round = 0; round < ASKS_MAX; round++)
    for (uint32_t s = 0; s < fetch->source_count; s++) {
      struct source *source = &fetch->sources[s];
      if (source->lost || source->retry_ns > now_ns)
        continue;
      while (range < fetch->range_count && fetch->ranges[range] != RANGE_MISSING)
        range++;
      if (range < fetch->range_count)
        ask_for(fetch, source, range);
      else if (is_idle(source))
        ask_twice(fetch, source, now_ns);
    }
  for (uint32_t s = 0; s < fetch->source_count; s++)
    live += !fetch->sources[s].lost;
  if (live == 0 && fetch->here < fetch->range_count && fetch->jobs == 0) {
    end(fetch, fetch->last_status, NULL);
    return;
  }
  const struct timeval pace = {.tv_usec = PACE_MS * 1000};
  if (!event_pending(fetch->pace, EV_TIMEOUT, NULL))
    event_add(fetch->pace, &pace);
}

static bool is_asked_elsewhere(const struct fetch *fetch, const struct ask *but)
{
  for (uint32_t s = 0; s < fetch->source_count; s++)
    for (int a = 0; a < ASKS_MAX; a++) {
      const struct ask *ask = &fetch->sources[s].asks[a];
      if (ask != but && ask->blob && ask->range == but->range)
        return true;
    }
  return false;
}

/* Its range is to be had from somebody else. */
static void take_back(struct fetch *fetch, struct ask *ask)
{
  if (fetch->ranges[ask->range] == RANGE_ASKED && !is_asked_elsewhere(fetch, ask)) {
    fetch->ranges[ask->range] = RANGE_MISSING;
    fetch->missing++;
  }
  ask_free(fetch, ask);
}

static void lose_source(struct fetch *fetch, struct source *source, enum swisd_status status)
{
  source->lost = true;
  fetch->last_status = status;
  fetch->owner->status.sources_lost++;
  for (int a = 0; a < ASKS_MAX; a++)
    if (source->asks[a].blob)
      take_back(fetch, &source->asks[a]);
}

static void on_pace(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct fetch *fetch = argument;
  const uint64_t now_ns = swisd_clock_now_ns();
  uint32_t live = 0;
  for (uint32_t s = 0; s < fetch->source_count; s++)
    live += !fetch->sources[s].lost;
  for (uint32_t s = 0; s < fetch->source_count; s++) {
    struct source *source = &fetch->sources[s];
    if (!source->lost && !is_idle(source) && now_ns - source->touched_ns > (live > 1 ? silent_ns : silent_alone_ns)) {
      for (int a = 0; a < ASKS_MAX; a++)
        if (source->asks[a].blob)
          send_cancel(fetch, source, &source->asks[a]);
      lose_source(fetch, source, SWISD_ERROR_TIMEOUT);
      live--;
    }
  }
  pump(fetch);
}

/* ---- what comes ---- */

static struct ask *find(struct swisd_shard_fetches *fetches, struct swisd_id from, uint32_t channel, struct fetch **fetch,
                        struct source **source)
{
  for (*fetch = fetches->list; *fetch; *fetch = (*fetch)->next)
    for (uint32_t s = 0; s < (*fetch)->source_count; s++) {
      *source = &(*fetch)->sources[s];
      for (int a = 0; a < ASKS_MAX && swisd_id_equal((*source)->at.id, from); a++)
        if ((*source)->asks[a].blob && (*source)->asks[a].channel == channel)
          return &(*source)->asks[a];
    }
  return NULL;
}

void swisd_shard_fetches_frame(struct swisd_shard_fetches *fetches, struct swisd_id from, const struct swisd_frame *frame)
{
  struct fetch *fetch;
  struct source *source;
  struct ask *ask = find(fetches, from, frame->channel, &fetch, &source);
  if (!ask || ask->replied)
    return; /* cancelled meanwhile */
  ask->replied = true;
  source->touched_ns = swisd_clock_now_ns();
  const enum swisd_status status = (enum swisd_status)frame->u.fetch_reply.status;
  if (status == SWISD_OK && frame->u.fetch_reply.bytes == ask->blob->bytes)
    return;
  if (status == SWISD_ERROR_SPACE) { /* too many ask at once */
    source->retry_ns = source->touched_ns + busy_ns;
    take_back(fetch, ask);
  } else {
    lose_source(fetch, source, status == SWISD_OK ? SWISD_ERROR_DIGEST : status);
  }
  pump(fetch);
}

static void tell_progress(struct fetch *fetch, uint64_t now_ns)
{
  if (now_ns - fetch->told_ns < progress_ns)
    return;
  fetch->told_ns = now_ns;
  fetch->owner->options.host->progress(fetch->owner->options.host, fetch->action.ticket);
}

/* A range is here: to the disk with it, unless the other of two was faster. */
static void range_complete(struct fetch *fetch, struct source *source, struct ask *ask)
{
  const uint32_t range = ask->range;
  struct swisd_blob *blob = ask->blob;
  source->gave = true;
  *ask = (struct ask){0};
  for (uint32_t s = 0; s < fetch->source_count; s++)
    for (int a = 0; a < ASKS_MAX; a++) {
      struct ask *other = &fetch->sources[s].asks[a];
      if (!other->blob || other->range != range)
        continue;
      send_cancel(fetch, &fetch->sources[s], other);
      ask_free(fetch, other);
    }
  fetch->ranges[range] = RANGE_WRITING;
  if (!submit(fetch, JOB_WRITE, range, blob)) {
    swisd_blob_drop(blob);
    fetch->buffers--;
    end(fetch, SWISD_ERROR_SPACE, NULL);
    return;
  }
  pump(fetch);
}

void swisd_shard_fetches_data(struct swisd_shard_fetches *fetches, struct swisd_id from, const struct swisd_frame *head,
                              const uint8_t *bytes, size_t count)
{
  struct fetch *fetch;
  struct source *source;
  struct ask *ask = find(fetches, from, head->channel, &fetch, &source);
  if (!ask)
    return;
  const uint64_t now_ns = swisd_clock_now_ns();
  if ((head->flags & SWISD_FRAME_ABORT) || !ask->replied || count > ask->blob->bytes - ask->filled) {
    lose_source(fetch, source, head->flags & SWISD_FRAME_ABORT ? SWISD_ERROR_NOT_FOUND : SWISD_ERROR_DIGEST);
    pump(fetch);
    return;
  }
  if (count > 0)
    memcpy(ask->blob->data + ask->filled, bytes, count);
  ask->filled += count;
  fetches->status.bytes += count;
  source->touched_ns = now_ns;
  const uint32_t ticket = fetch->action.ticket;
  if (ask->filled == ask->blob->bytes)
    range_complete(fetch, source, ask);
  for (fetch = fetches->list; fetch; fetch = fetch->next)
    if (fetch->phase != PHASE_ENDED && fetch->action.ticket == ticket) {
      tell_progress(fetch, now_ns);
      return;
    }
}

/* ---- what is asked of it ---- */

enum swisd_status swisd_shard_fetch_start(struct swisd_shard_fetches *fetches, const struct swisd_action_fetch *action,
                                          const uint8_t digest[32])
{
  struct fetch *fetch = calloc(1, sizeof *fetch);
  if (!fetch)
    return SWISD_ERROR_SPACE;
  fetch->owner = fetches;
  fetch->action = *action;
  fetch->last_status = SWISD_ERROR_UNREACHABLE;
  if (digest) {
    fetch->has_digest = true;
    memcpy(fetch->digest, digest, sizeof fetch->digest);
  }
  fetch->source_count = 1;
  fetch->sources[0] = (struct source){.at = {.id = action->from, .address = action->address}};
  fetch->pace = evtimer_new(fetches->options.base, on_pace, fetch);
  if (!fetch->pace || !submit(fetch, JOB_OPEN, 0, NULL)) {
    if (fetch->pace)
      event_free(fetch->pace);
    free(fetch);
    return SWISD_ERROR_SPACE;
  }
  fetch->next = fetches->list;
  fetches->list = fetch;
  fetches->status.fetching++;
  return SWISD_OK;
}

void swisd_shard_fetch_cancel(struct swisd_shard_fetches *fetches, uint32_t ticket)
{
  for (struct fetch *fetch = fetches->list; fetch; fetch = fetch->next)
    if (fetch->action.ticket == ticket && (fetch->phase == PHASE_OPENING || fetch->phase == PHASE_DATA)) {
      end(fetch, SWISD_ERROR_CANCELLED, NULL);
      return;
    }
}

void swisd_shard_fetches_unreachable(struct swisd_shard_fetches *fetches, struct swisd_id peer)
{
  for (struct fetch *fetch = fetches->list, *next; fetch; fetch = next) {
    next = fetch->next;
    for (uint32_t s = 0; s < fetch->source_count; s++) {
      struct source *source = &fetch->sources[s];
      if (fetch->phase != PHASE_DATA || source->lost || is_idle(source) || !swisd_id_equal(source->at.id, peer))
        continue;
      lose_source(fetch, source, SWISD_ERROR_UNREACHABLE);
      pump(fetch);
      break;
    }
  }
}

struct swisd_shard_fetches *swisd_shard_fetches_open(const struct swisd_shard_fetches_options *options)
{
  struct swisd_shard_fetches *fetches = calloc(1, sizeof *fetches);
  if (fetches)
    fetches->options = *options;
  return fetches;
}

void swisd_shard_fetches_close(struct swisd_shard_fetches *fetches)
{
  if (!fetches)
    return;
  while (fetches->list)
    fetch_free(fetches->list);
  free(fetches);
}

struct swisd_shard_fetches_status swisd_shard_fetches_status(const struct swisd_shard_fetches *fetches)
{
  return fetches->status;
}
