/* libFuzzer: any bytes as a stream of frames, as a datagram, and as a HELLO. */
#include <stdlib.h>
#include <string.h>

#include "runtime/wire/frame.h"
#include "runtime/wire/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
  size_t at = 0, used = 0;
  struct swisd_frame frame;
  for (;;) {
    const int status = swisd_frame_parse(data + at, count - at, &frame, &used);
    if (status != SWISD_WIRE_OK && status != SWISD_WIRE_SKIP)
      break;
    uint8_t head[SWISD_FRAME_HEAD_BYTES + SWISD_FRAME_FIXED_BYTES_MAX];
    if (status == SWISD_WIRE_OK) {
      const size_t written = swisd_frame_write(&frame, head);
      if (written + frame.data_count != used || memcmp(head, data + at, written) != 0)
        abort();
      if (frame.data_count != 0 && (frame.data < data + at || frame.data + frame.data_count != data + at + used))
        abort();
    }
    at += used;
  }
  struct swisd_datagram datagram;
  if (swisd_datagram_parse(data, count, &datagram) == SWISD_WIRE_OK &&
      datagram.message + datagram.message_count + SWISD_DATAGRAM_TAG_BYTES != data + count)
    abort();
  struct swisd_hello hello;
  uint8_t bytes[SWISD_FRAME_HELLO_BYTES_MAX];
  if (swisd_hello_decode(data, count, &hello) == SWISD_WIRE_OK &&
      swisd_hello_encode(&hello, bytes, sizeof bytes, &used) != SWISD_WIRE_OK)
    abort();
  return 0;
}
