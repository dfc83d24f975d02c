/* libFuzzer: any bytes as a recording. Each event that is read can be written again. */
#include <stdlib.h>

#include "runtime/wire/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
  static struct swisd_record_entry entry;
  static uint8_t bytes[SWISD_RECORD_ENTRY_BYTES_MAX];
  if (count == 0)
    return 0;
  bool first = data[0] & 1; /* half of the inputs begin in the middle of a recording */
  size_t at = 1, used = 0, written = 0;
  while (swisd_record_read(data + at, count - at, &first, &entry, &used) == SWISD_WIRE_OK) {
    at += used;
    if (entry.kind == SWISD_RECORD_EVENT &&
        swisd_record_write_event(&entry.event, entry.now_ns, bytes, sizeof bytes, &written) != SWISD_WIRE_OK)
      abort();
  }
  return 0;
}
