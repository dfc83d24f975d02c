/* Peers remembered over restarts: a small text file in the data directory, replaced atomically.
 *
 *   DIRECTORY/peers    swisd-peers 1
 *                      HOST:PORT
 *                      [ADDRESS]:PORT
 *
 * A node that starts asks them as if they had been named with --join, after those that were. Who they are is found out when they
 * answer: an address is a hint. Lines that are none are left out; the file is no place for secrets. */
#ifndef SWISD_NET_REMEMBERED_H
#define SWISD_NET_REMEMBERED_H

#include <stddef.h>

#include "runtime/base/error.h"
#include "runtime/core/types.h"

enum { SWISD_REMEMBERED_MAX = 64, SWISD_REMEMBERED_BYTES_MAX = 8192 };

struct swisd_remembered {
  uint32_t count;
  struct swisd_address list[SWISD_REMEMBERED_MAX];
};

/* From the bytes of a file; what is no address, or comes twice, or is beyond the room, is left out. How many lines were. */
uint32_t swisd_remembered_parse(const char *text, size_t bytes, struct swisd_remembered *peers);
/* From and to DIRECTORY/peers. No file: none. -1 with an error: it cannot be read or written. */
int swisd_remembered_load(const char *directory, struct swisd_remembered *peers, struct swisd_error *error);
int swisd_remembered_save(const char *directory, const struct swisd_remembered *peers, struct swisd_error *error);

/* Whether both name the same addresses, in any order. */
bool swisd_remembered_equal(const struct swisd_remembered *a, const struct swisd_remembered *b);

#endif
