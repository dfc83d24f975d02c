#include "tests/wire/wire_guard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint8_t *swisd_guard_copy(const void *bytes, size_t count)
{
  static uint8_t *fence;
  if (fence == NULL) {
    uint8_t *map = mmap(NULL, SWISD_GUARD_BYTES_MAX + 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + SWISD_GUARD_BYTES_MAX, 65536, PROT_NONE) != 0)
      abort();
    fence = map + SWISD_GUARD_BYTES_MAX;
  }
  if (count > SWISD_GUARD_BYTES_MAX)
    abort();
  if (count != 0)
    memcpy(fence - count, bytes, count);
  return fence - count;
}
