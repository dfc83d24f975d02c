/* See frame_cutter.h. */
#include "runtime/net/frame_cutter.h"

#include <stdlib.h>
#include <string.h>

static bool is_data(const struct swisd_frame *frame)
{
  return frame->kind == SWISD_FRAME_BODY_DATA || frame->kind == SWISD_FRAME_FETCH_DATA;
}

/* Keeps `count` bytes until the frame they begin, `need` bytes long, is whole. */
static int keep(struct swisd_frame_cutter *cutter, const uint8_t *bytes, size_t count, size_t need)
{
  if (cutter->partial_capacity < need) {
    uint8_t *larger = realloc(cutter->partial, need);
    if (!larger)
      return SWISD_WIRE_SPACE;
    cutter->partial = larger;
    cutter->partial_capacity = need;
  }
  memcpy(cutter->partial + cutter->partial_count, bytes, count);
  cutter->partial_count += count;
  cutter->partial_need = need;
  return SWISD_WIRE_OK;
}

static void forget(struct swisd_frame_cutter *cutter)
{
  cutter->partial_count = 0;
  enum { KEPT_CAPACITY = 1024 }; /* a large frame is rare; its room is not kept for each idle link */
  if (cutter->partial_capacity > KEPT_CAPACITY)
    swisd_frame_cutter_free(cutter);
}

/* Looks at what begins at `bytes`; *used is how many of them are done with. MORE: not enough yet, nothing was used. */
static int look(struct swisd_frame_cutter *cutter, const uint8_t *bytes, size_t count, size_t *used, size_t *need)
{
  struct swisd_frame frame;
  const int status = swisd_frame_parse(bytes, count, &frame, used);
  *need = *used;
  if (status == SWISD_WIRE_MORE && count >= SWISD_FRAME_HEAD_BYTES && is_data(&frame)) {
    cutter->head = frame;
    cutter->head.data = NULL;
    cutter->data_left = frame.data_count;
    *used = SWISD_FRAME_HEAD_BYTES;
    return SWISD_WIRE_OK;
  }
  if (status == SWISD_WIRE_SKIP) {
    cutter->skipped++;
    return SWISD_WIRE_OK;
  }
  if (status != SWISD_WIRE_OK)
    return status;
  if (is_data(&frame))
    cutter->data(cutter, &frame, frame.data, frame.data_count);
  else
    cutter->frame(cutter, &frame);
  return SWISD_WIRE_OK;
}

int swisd_frame_cutter_feed(struct swisd_frame_cutter *cutter, const uint8_t *bytes, size_t count)
{
  while (count > 0 && !cutter->stop) {
    size_t used, need;
    if (cutter->data_left > 0) {
      used = count < cutter->data_left ? count : cutter->data_left;
      cutter->data_left -= (uint32_t)used;
      cutter->data(cutter, &cutter->head, bytes, used);
    } else if (cutter->partial_count > 0) {
      const size_t missing = cutter->partial_need - cutter->partial_count;
      used = count < missing ? count : missing;
      int status = keep(cutter, bytes, used, cutter->partial_need);
      size_t done = 0;
      if (status == SWISD_WIRE_OK && cutter->partial_count == cutter->partial_need) {
        status = look(cutter, cutter->partial, cutter->partial_count, &done, &need);
        if (status == SWISD_WIRE_OK)
          forget(cutter);
        else if (status == SWISD_WIRE_MORE)
          status = keep(cutter, bytes, 0, need);
      }
      if (status < 0)
        return status;
    } else {
      const int status = look(cutter, bytes, count, &used, &need);
      if (status < 0)
        return status;
      if (status == SWISD_WIRE_MORE)
        return keep(cutter, bytes, count, need);
    }
    bytes += used;
    count -= used;
  }
  return SWISD_WIRE_OK;
}

void swisd_frame_cutter_free(struct swisd_frame_cutter *cutter)
{
  free(cutter->partial);
  cutter->partial = NULL;
  cutter->partial_capacity = cutter->partial_count = 0;
}
