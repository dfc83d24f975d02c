/* Cuts a stream of bytes, as it comes from a socket, in frames. Control frames are handed on whole; data of bodies is handed
 * on as it comes, so that no more than one control frame (64 KiB) is ever kept here, and only while it is incomplete. */
#ifndef SWISD_NET_FRAME_CUTTER_H
#define SWISD_NET_FRAME_CUTTER_H

#include <stdbool.h>

#include "runtime/wire/frame.h"

struct swisd_frame_cutter {
  /* set by the owner */
  void (*frame)(struct swisd_frame_cutter *cutter, const struct swisd_frame *frame);
  /* Some or all data of a BODY_DATA or FETCH_DATA frame; once with none for a frame without data. */
  void (*data)(struct swisd_frame_cutter *cutter, const struct swisd_frame *head, const uint8_t *bytes, size_t count);
  uint64_t skipped; /* frames of unknown kinds */
  bool stop;        /* set by the owner, inside a callback too: nothing more is handed on */
  /* of the cutter; all zero at first */
  struct swisd_frame head; /* of the data frame under way */
  uint32_t data_left;
  uint8_t *partial; /* an incomplete control frame or head */
  size_t partial_count, partial_need, partial_capacity;
};

/* Takes `count` bytes. SWISD_WIRE_OK, or why the stream cannot go on (a negative enum swisd_wire_status; SWISD_WIRE_SPACE:
 * memory is out). */
int swisd_frame_cutter_feed(struct swisd_frame_cutter *cutter, const uint8_t *bytes, size_t count);
void swisd_frame_cutter_free(struct swisd_frame_cutter *cutter);

#endif
