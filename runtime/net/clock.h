/* The one clock of the runtime: nanoseconds since boot, suspended time included, so that a closed lid shows as a jump.
 * The loop reads it at the start of each callback; nothing else in the runtime asks for the time. */
#ifndef SWISD_NET_CLOCK_H
#define SWISD_NET_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t swisd_clock_now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Time spent suspended since boot: the boot clock runs on meanwhile, the monotonic one does not. */
static inline uint64_t swisd_clock_suspended_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t monotonic_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
  return swisd_clock_now_ns() - monotonic_ns; /* read second: never less */
}

#endif
