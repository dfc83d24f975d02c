/* See serving.h. */
#include "runtime/net/serving.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/net/clock.h"

enum {
  WAITING_MAX = 1024, /* askers waiting for the disk */
  KEEP_SECONDS = 10,  /* a shard nobody asked for in this time leaves the memory */
};

struct asker {
  struct asker *next;
  struct swisd_id from;
  uint32_t channel;
  uint64_t offset, length;
};

/* A file, in memory or on its way there. */
struct file {
  struct swisd_work work; /* first; under way while `loading` */
  struct file *next;
  struct swisd_serving *serving;
  enum swisd_store_kind kind;
  uint64_t id;
  bool loading;
  struct swisd_blob *blob;
  uint64_t used_ns;
  struct asker *askers;
  void *bytes; /* of the disk thread until done */
  size_t byte_count;
  struct swisd_error error;
};

struct swisd_serving {
  struct swisd_serving_options options;
  struct file *files;
  uint32_t waiting;
  struct event *tidy;
  struct swisd_serving_status status;
};

static void reply(struct swisd_serving *serving, struct swisd_id to, uint32_t channel, enum swisd_status status, uint64_t bytes)
{
  struct swisd_frame frame = {.kind = SWISD_FRAME_FETCH_REPLY, .channel = channel};
  frame.u.fetch_reply.status = status;
  frame.u.fetch_reply.bytes = bytes;
  serving->status.refused += status != SWISD_OK;
  swisd_links_send_frame(serving->options.links, to, NULL, &frame);
}

/* Bytes offset .. offset + length of `blob` (length 0: all from there on); whether they exist. */
static bool serve(struct swisd_serving *serving, struct swisd_id to, uint32_t channel, struct swisd_blob *blob, uint64_t offset,
                  uint64_t length)
{
  const bool within = offset <= blob->bytes && length <= blob->bytes - offset;
  struct swisd_blob *slice = within ? swisd_blob_slice(blob, offset, length > 0 ? length : blob->bytes - offset) : NULL;
  if (!slice) {
    reply(serving, to, channel, within ? SWISD_ERROR_SPACE : SWISD_ERROR_INPUT, 0);
    return false;
  }
  reply(serving, to, channel, SWISD_OK, slice->bytes);
  if (slice->bytes > 0)
    swisd_links_send_data(serving->options.links, to, channel, slice);
  serving->status.bytes += slice->bytes;
  swisd_blob_drop(slice);
  return true;
}

static void file_remove(struct file *file)
{
  struct file **link = &file->serving->files;
  while (*link != file)
    link = &(*link)->next;
  *link = file->next;
  swisd_blob_drop(file->blob);
  while (file->askers) {
    struct asker *asker = file->askers;
    file->askers = asker->next;
    free(asker);
  }
  free(file->bytes);
  free(file);
}

static void on_load(struct swisd_work *work)
{
  struct file *file = (struct file *)work;
  work->status = (enum swisd_status)swisd_store_load(file->serving->options.store, file->kind, file->id, &file->bytes,
                                                     &file->byte_count, &file->error);
}

static void on_loaded(struct swisd_work *work)
{
  struct file *file = (struct file *)work;
  struct swisd_serving *serving = file->serving;
  file->loading = false;
  if (work->status == SWISD_OK) {
    file->blob = swisd_blob_adopt(serving->options.shards, file->bytes, file->byte_count);
    file->bytes = NULL;
    if (!file->blob)
      work->status = SWISD_ERROR_SPACE;
  }
  while (file->askers) {
    struct asker *asker = file->askers;
    file->askers = asker->next;
    serving->waiting--;
    if (!file->blob)
      reply(serving, asker->from, asker->channel, work->status == SWISD_ERROR_DIGEST ? SWISD_ERROR_NOT_FOUND : work->status, 0);
    else if (serve(serving, asker->from, asker->channel, file->blob, asker->offset, asker->length))
      *(file->kind == SWISD_STORE_SHARD ? &serving->status.shards : &serving->status.manifests) += 1;
    free(asker);
  }
  if (file->blob)
    return;
  if (work->status == SWISD_ERROR_DIGEST) {
    swisd_log_limited(SWISD_LOG_WARN, "net", "a file in the store was damaged and is gone: %s", file->error.text);
    if (file->kind == SWISD_STORE_SHARD)
      serving->options.host->shard_damaged(serving->options.host, file->id);
  }
  file_remove(file);
}

static void serve_file(struct swisd_serving *serving, struct swisd_id from, uint32_t channel, enum swisd_store_kind kind,
                       uint64_t id, uint64_t offset, uint64_t length)
{
  struct file *file = serving->files;
  while (file && (file->id != id || file->kind != kind))
    file = file->next;
  if (file && !file->loading) {
    file->used_ns = swisd_clock_now_ns();
    if (serve(serving, from, channel, file->blob, offset, length))
      *(kind == SWISD_STORE_SHARD ? &serving->status.shards : &serving->status.manifests) += 1;
    return;
  }
  struct asker *asker = serving->waiting < WAITING_MAX ? calloc(1, sizeof *asker) : NULL;
  if (asker && !file && (file = calloc(1, sizeof *file)) != NULL) {
    *file = (struct file){.work = {.run = on_load, .done = on_loaded}, .next = serving->files, .serving = serving, .kind = kind,
                          .id = id, .loading = true, .used_ns = swisd_clock_now_ns()};
    serving->files = file;
    swisd_workers_submit(serving->options.disk, &file->work);
  }
  if (!asker || !file) {
    free(asker);
    reply(serving, from, channel, SWISD_ERROR_SPACE, 0);
    return;
  }
  *asker = (struct asker){.next = file->askers, .from = from, .channel = channel, .offset = offset, .length = length};
  file->askers = asker;
  serving->waiting++;
  const struct timeval later = {.tv_sec = KEEP_SECONDS};
  if (!evtimer_pending(serving->tidy, NULL))
    event_add(serving->tidy, &later);
}

/* Lets go of what nobody has asked for lately; runs only while there is something. */
static void on_tidy(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_serving *serving = argument;
  const uint64_t now_ns = swisd_clock_now_ns();
  for (struct file *file = serving->files, *next; file; file = next) {
    next = file->next;
    if (!file->loading && now_ns - file->used_ns >= KEEP_SECONDS * SWISD_SECOND)
      file_remove(file);
  }
  const struct timeval later = {.tv_sec = KEEP_SECONDS};
  if (serving->files)
    event_add(serving->tidy, &later);
}

void swisd_serving_frame(struct swisd_serving *serving, struct swisd_id from, const struct swisd_frame *frame)
{
  switch (frame->kind) {
  case SWISD_FRAME_FETCH_SHARD:
    serve_file(serving, from, frame->channel, SWISD_STORE_SHARD, frame->u.fetch_shard.shard, frame->u.fetch_shard.offset,
               frame->u.fetch_shard.length);
    break;
  case SWISD_FRAME_FETCH_MANIFEST:
    serve_file(serving, from, frame->channel, SWISD_STORE_MANIFEST, frame->u.fetch_manifest.model, 0, 0);
    break;
  case SWISD_FRAME_FETCH_BODY: {
    const struct swisd_body body = {.handle = frame->u.fetch_body.handle, .generation = frame->u.fetch_body.generation};
    struct swisd_blob *blob = swisd_bodies_find(serving->options.bodies, body);
    if (!blob)
      reply(serving, from, frame->channel, SWISD_ERROR_NOT_FOUND, 0);
    else if (serve(serving, from, frame->channel, blob, frame->u.fetch_body.offset, frame->u.fetch_body.length))
      serving->status.bodies++;
    break;
  }
  case SWISD_FRAME_FETCH_CANCEL:
    swisd_links_cancel_data(serving->options.links, from, frame->channel);
    break;
  default:
    break;
  }
}

struct swisd_serving *swisd_serving_open(const struct swisd_serving_options *options)
{
  struct swisd_serving *serving = calloc(1, sizeof *serving);
  if (!serving)
    return NULL;
  serving->options = *options;
  serving->tidy = evtimer_new(options->base, on_tidy, serving);
  if (!serving->tidy) {
    free(serving);
    return NULL;
  }
  return serving;
}

void swisd_serving_close(struct swisd_serving *serving)
{
  if (!serving)
    return;
  while (serving->files)
    file_remove(serving->files);
  event_free(serving->tidy);
  free(serving);
}

struct swisd_serving_status swisd_serving_status(const struct swisd_serving *serving)
{
  return serving->status;
}
