/* HELLO: the first frame each side sends on a stream. Who it is, which protocol versions it speaks, where it listens.
 *
 * Data of a HELLO frame, MessagePack: [version min, version max, features, id, incarnation, addresses]. Trailing fields
 * that this version does not know are ignored. That the id is the speaker's is the link's affair (runtime/net). */
#ifndef SWISD_WIRE_HELLO_H
#define SWISD_WIRE_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core/limits.h"
#include "runtime/core/message.h"
#include "runtime/core/types.h"
#include "runtime/wire/wire_status.h"

enum { SWISD_PROTOCOL_VERSION_MIN = 1 };

/* Numbers are on the wire: append only. A feature is used when both sides name it. */
enum swisd_hello_features {
  SWISD_HELLO_DATAGRAMS = 1, /* listens for datagrams at the ports of its addresses */
};

struct swisd_hello {
  uint32_t version_min, version_max;
  uint64_t features; /* enum swisd_hello_features; bits unknown here are passed on */
  struct swisd_id id;
  uint32_t incarnation;
  uint8_t address_count;
  struct swisd_address addresses[SWISD_ADDRESSES_MAX]; /* none: outbound only */
};

/* A HELLO of this build: its versions; everything else zero. */
struct swisd_hello swisd_hello_default(void);

/* Statuses as swisd_wire_encode() and swisd_wire_decode(). Also SWISD_WIRE_RANGE: id zero, or version_min > version_max. */
int swisd_hello_encode(const struct swisd_hello *hello, uint8_t *out, size_t capacity, size_t *written);
int swisd_hello_decode(const uint8_t *bytes, size_t count, struct swisd_hello *out);

/* The version both speak: the highest in common. SWISD_WIRE_OK with `*version` set, or SWISD_WIRE_VERSION. */
int swisd_hello_negotiate(const struct swisd_hello *ours, const struct swisd_hello *theirs, uint32_t *version);

#endif
