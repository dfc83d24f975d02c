/* Bytes that travel behind an encoded message: seals of its records (records.h). */
#ifndef SWISD_NET_TRAILER_H
#define SWISD_NET_TRAILER_H

#include <stddef.h>
#include <stdint.h>

enum { SWISD_TRAILER_BYTES_MAX = 2048 };

struct swisd_trailer {
  const uint8_t *bytes;
  size_t count; /* at most SWISD_TRAILER_BYTES_MAX */
};

#endif
