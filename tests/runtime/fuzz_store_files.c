/* libFuzzer target: what stands behind the bytes of a partial file. Built with -DSWISD_FUZZ=ON (preset `fuzz`).
 * The first two bytes say how large the shard is; its id is 1. Half of the inputs get the right digest, so that what is behind
 * that door is seen, too. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/store/digest.h"
#include "runtime/store/partial.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
  if (count < 3)
    return 0;
  const uint64_t shard_bytes = ((uint64_t)bytes[0] << 8 | bytes[1]) * (SWISD_RANGE_BYTES / 16);
  count -= 3;
  uint8_t *trailer = malloc(count ? count : 1);
  memcpy(trailer, bytes + 3, count);
  if (bytes[2] & 1 && count >= 8) {
    const uint64_t sum = swisd_digest_short(trailer, count - 8);
    for (size_t i = 0; i < 8; i++)
      trailer[count - 8 + i] = (uint8_t)(sum >> 8 * i);
  }
  const uint8_t *bitmap;
  if (swisd_partial_trailer_read(trailer, count, 1, shard_bytes, &bitmap) == 0) {
    const uint64_t ranges = (shard_bytes + SWISD_RANGE_BYTES - 1) / SWISD_RANGE_BYTES;
    unsigned here = 0;
    for (uint64_t i = 0; i < ranges; i++)
      here += bitmap[i / 8] >> i % 8 & 1;
    assert(here <= ranges && bitmap + (ranges + 7) / 8 + 8 == trailer + count);
  }
  free(trailer);
  return 0;
}
