/* See serving.h. */
#include "runtime/net/serving.h"

#include <stdlib.h>

#include "kernels/model.h"
#include "runtime/base/log.h"

enum {
  WAITING_MAX = 256, /* askers waiting for the disk */
};

/* A range that somebody waits for. */
struct reading {
  struct swisd_work work; /* first */
  struct swisd_serving *serving;
  enum swisd_store_kind kind;
  uint64_t id;
  struct swisd_id from;
  uint32_t channel;
  uint64_t offset, total; /* total: of the file */
  struct swisd_blob *blob;
  size_t got;
  struct swisd_error error;
};

struct swisd_serving {
  struct swisd_serving_options options;
  uint32_t waiting;
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

static void on_read(struct swisd_work *work)
{
  struct reading *reading = (struct reading *)work;
  work->status = (enum swisd_status)swisd_store_read(reading->serving->options.store, reading->kind, reading->id, reading->offset,
                                                     (size_t)reading->blob->bytes, reading->blob->data, &reading->got,
                                                     &reading->total, &reading->error);
}

static void on_reading_done(struct swisd_work *work)
{
  struct reading *reading = (struct reading *)work;
  struct swisd_serving *serving = reading->serving;
  serving->waiting--;
  if (work->status == SWISD_OK && reading->got == 0) {
    reply(serving, reading->from, reading->channel, SWISD_OK, 0); /* asked for what stands behind the end */
  } else if (work->status == SWISD_OK) {
    if (serve(serving, reading->from, reading->channel, reading->blob, 0, reading->got))
      *(reading->kind == SWISD_STORE_SHARD ? &serving->status.shards : &serving->status.manifests) += 1;
  } else if (work->status != SWISD_ERROR_CANCELLED) {
    reply(serving, reading->from, reading->channel, work->status == SWISD_ERROR_DIGEST ? SWISD_ERROR_NOT_FOUND : work->status, 0);
  }
  if (work->status == SWISD_ERROR_DIGEST) {
    swisd_log_limited(SWISD_LOG_WARN, "net", "a file in the store was damaged and is gone: %s", reading->error.text);
    if (reading->kind == SWISD_STORE_SHARD)
      serving->options.host->shard_damaged(serving->options.host, reading->id);
  }
  swisd_blob_drop(reading->blob);
  free(reading);
}

static void serve_file(struct swisd_serving *serving, struct swisd_id from, uint32_t channel, enum swisd_store_kind kind,
                       uint64_t id, uint64_t offset, uint64_t length)
{
  struct reading *reading = serving->waiting < WAITING_MAX ? calloc(1, sizeof *reading) : NULL;
  if (length == 0 || length > SWISD_SERVED_BYTES_MAX)
    length = SWISD_SERVED_BYTES_MAX;
  struct swisd_blob *blob = reading ? swisd_blob_new(serving->options.buffers, length) : NULL;
  if (!blob) {
    free(reading);
    reply(serving, from, channel, SWISD_ERROR_SPACE, 0);
    return;
  }
  *reading = (struct reading){.work = {.run = on_read, .done = on_reading_done},
                              .serving = serving,
                              .kind = kind,
                              .id = id,
                              .from = from,
                              .channel = channel,
                              .offset = offset,
                              .blob = blob};
  serving->waiting++;
  swisd_workers_submit(serving->options.disk, &reading->work);
}

void swisd_serving_frame(struct swisd_serving *serving, struct swisd_id from, const struct swisd_frame *frame)
{
  switch (frame->kind) {
  case SWISD_FRAME_FETCH_SHARD:
    serve_file(serving, from, frame->channel, SWISD_STORE_SHARD, frame->u.fetch_shard.shard, frame->u.fetch_shard.offset,
               frame->u.fetch_shard.length);
    break;
  case SWISD_FRAME_FETCH_MANIFEST:
    serve_file(serving, from, frame->channel, SWISD_STORE_MANIFEST, frame->u.fetch_manifest.model, 0,
               SWISD_MODEL_MANIFEST_BYTES_MAX);
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
  if (serving)
    serving->options = *options;
  return serving;
}

void swisd_serving_close(struct swisd_serving *serving) { free(serving); }

struct swisd_serving_status swisd_serving_status(const struct swisd_serving *serving) { return serving->status; }
