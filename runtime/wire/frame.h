/* What stands around messages: frames on a stream, and the envelope of a datagram. Pure functions over the caller's bytes:
 * no sockets, no memory, no keys. All integers are big endian.
 *
 * A stream is a sequence of frames, in both directions:
 *
 *    0        1        2                                   6                                   10
 *   +--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+----------- - -
 *   |  kind  | flags  |            channel                |            length                 | payload
 *   +--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+----------- - -
 *
 * `length` counts the payload alone. The payload is the fixed fields of its kind, then its data:
 *
 *   kind            channel            fixed fields                                            data (at most)
 *    1 HELLO        0                  -                                                       hello.h (1 KiB)
 *    2 PROOF        0                  -                                                       of the join keys (64 B)
 *    3 MESSAGE      0                  -                                                       wire.h (64 KiB)
 *    4 MESSAGE_BODY the sender's       body bytes u64, digest u64                              wire.h (64 KiB)
 *    5 BODY_DATA    of MESSAGE_BODY    -                                                       256 KiB
 *    6 FETCH_SHARD  the asker's        model u64, shard u64, offset u64, length u64            -
 *    7 FETCH_BODY   the asker's        handle u32, generation u32, offset u64, length u64      -
 *    8 FETCH_MANIFEST the asker's      model u64                                               -
 *    9 FETCH_REPLY  of FETCH_..        status i32, bytes u64, digest u64                       -
 *   10 FETCH_DATA   of FETCH_..        -                                                       256 KiB
 *   11 FETCH_CANCEL of FETCH_..        -                                                       -
 *   12 GRANT        0                  bytes u64                                               -
 *   13 PING         echoed             -                                                       -
 *
 * Frames travel inside TLS. The first frame of each side is HELLO, the second PROOF, those of the side that dialled first;
 * nothing else is accepted before them.
 *
 * Bodies. MESSAGE_BODY announces how many bytes come in BODY_DATA frames of the same channel, whose number the sender picks
 * and does not use again before the body is complete. The message is delivered when all its bytes are there. Frames of
 * several channels and control frames interleave at will; those of one channel stay in order. ABORT in the flags of a
 * BODY_DATA (or FETCH_DATA) means: no more comes, forget what came.
 *
 * Fetches. The asker picks a channel (its ticket) per FETCH_..; the owner answers with one FETCH_REPLY: a status of
 * enum swisd_status, and if that is 0, how many bytes of FETCH_DATA follow and their digest (0: not computed). `length` 0
 * asks for everything from `offset` on. FETCH_CANCEL by the asker ends it; the owner then confirms with an ABORT.
 * The numbers of the two directions are apart: A's tickets, A's bodies, B's tickets and B's bodies may be equal.
 *
 * A PING is answered by a PING with REPLY and the same channel. Frames of unknown kinds below 64 KiB are skipped, unknown flags
 * ignored: both are room for later versions. What is too long for its kind, or too short, breaks the stream: it cannot be
 * found again, so the link ends.
 *
 * A datagram is one sealed message (a type marked D in core/message.h) in an envelope of 44 bytes:
 *
 *    0            2         3        4               20              28                        n - 16        n
 *   +------------+---------+--------+---------------+---------------+------------- - - -------+-------------+
 *   | magic "Sw" | version | flags  | sender id     | counter u64   | message (wire.h)        | tag         |
 *   +------------+---------+--------+---------------+---------------+------------- - - -------+-------------+
 *
 * The message is encrypted, and the tag seals it and the head before it, under a key that only sender and receiver have; the
 * counter is the sender's under that key, so a replayed datagram shows. With INTRODUCTION in the flags the datagram is what
 * two nodes come to such a key by, sealed with the join key; its counter never falls in the sender's whole life (incarnation
 * << 32 | count). What sealing is, and what an introduction contains, is the link's affair (runtime/net). */
#ifndef SWISD_WIRE_FRAME_H
#define SWISD_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core/limits.h"
#include "runtime/core/types.h"
#include "runtime/wire/wire_status.h"

/* Numbers are on the wire: append only. */
enum swisd_frame_kind {
  SWISD_FRAME_HELLO = 1,
  SWISD_FRAME_PROOF = 2,
  SWISD_FRAME_MESSAGE = 3,
  SWISD_FRAME_MESSAGE_BODY = 4,
  SWISD_FRAME_BODY_DATA = 5,
  SWISD_FRAME_FETCH_SHARD = 6,
  SWISD_FRAME_FETCH_BODY = 7,
  SWISD_FRAME_FETCH_MANIFEST = 8,
  SWISD_FRAME_FETCH_REPLY = 9,
  SWISD_FRAME_FETCH_DATA = 10,
  SWISD_FRAME_FETCH_CANCEL = 11,
  SWISD_FRAME_GRANT = 12,
  SWISD_FRAME_PING = 13,
  SWISD_FRAME_KIND_COUNT = 14,
};

enum swisd_frame_flags {
  SWISD_FRAME_ABORT = 1, /* BODY_DATA, FETCH_DATA */
  SWISD_FRAME_REPLY = 1, /* PING */
};

enum {
  SWISD_FRAME_HEAD_BYTES = 10,
  SWISD_FRAME_FIXED_BYTES_MAX = 32, /* the longest fixed fields: FETCH_SHARD */
  SWISD_FRAME_HELLO_BYTES_MAX = 1024,
  SWISD_FRAME_PROOF_BYTES_MAX = 64,
  SWISD_FRAME_CHUNK_BYTES_MAX = 256 * 1024,
  /* No frame is longer: a receive buffer of this size always gets on. */
  SWISD_FRAME_BYTES_MAX = SWISD_FRAME_HEAD_BYTES + SWISD_FRAME_CHUNK_BYTES_MAX,
};

struct swisd_frame {
  uint8_t kind; /* enum swisd_frame_kind */
  uint8_t flags;
  uint32_t channel;
  union {
    struct {
      uint64_t bytes, digest;
    } body; /* MESSAGE_BODY */
    struct {
      uint64_t model, shard, offset, length;
    } fetch_shard;
    struct {
      uint32_t handle, generation;
      uint64_t offset, length;
    } fetch_body;
    struct {
      uint64_t model;
    } fetch_manifest;
    struct {
      int32_t status;
      uint64_t bytes, digest;
    } fetch_reply; /* enum swisd_status */
    struct {
      uint64_t bytes;
    } grant;
  } u;
  const uint8_t *data; /* behind the fixed fields; parsing: lies in the caller's bytes; NULL when there is none (yet) */
  uint32_t data_count;
};

/* Reads the frame at the start of `bytes`. Returns
 *   SWISD_WIRE_OK         `out` is filled; the frame takes `*used` bytes.
 *   SWISD_WIRE_MORE       the frame takes `*used` bytes in all (HEAD_BYTES while even that is unknown) and is within its
 *                         bounds. When `count` >= SWISD_FRAME_HEAD_BYTES, `out` has kind, flags, channel and data_count
 *                         already, so that a driver can let the data of BODY_DATA and FETCH_DATA run straight to its place.
 *   SWISD_WIRE_SKIP       the frame is whole, of an unknown kind, and takes `*used` bytes.
 *   SWISD_WIRE_OVERSIZED  longer than its kind allows; known from the head alone, so nothing need be buffered for it.
 *   SWISD_WIRE_TRUNCATED  shorter than its fixed fields.
 *   SWISD_WIRE_RANGE      a FETCH_REPLY whose status is none of enum swisd_status.
 * `*used` is set in the first three cases. */
int swisd_frame_parse(const uint8_t *bytes, size_t count, struct swisd_frame *out, size_t *used);

/* Writes head and fixed fields; the `data_count` bytes of data are to follow, from wherever they lie (`data` is not read).
 * Returns the bytes written, at least SWISD_FRAME_HEAD_BYTES; 0 when the kind is unknown or `data_count` beyond its bound. */
size_t swisd_frame_write(const struct swisd_frame *frame, uint8_t out[SWISD_FRAME_HEAD_BYTES + SWISD_FRAME_FIXED_BYTES_MAX]);

/* "hello", "message body" and so on; "unknown" for any other number. */
const char *swisd_frame_kind_name(uint8_t kind);

enum {
  SWISD_DATAGRAM_HEAD_BYTES = 28,
  SWISD_DATAGRAM_TAG_BYTES = 16,
  SWISD_DATAGRAM_MESSAGE_BYTES_MAX = SWISD_DATAGRAM_BYTES_MAX - SWISD_DATAGRAM_HEAD_BYTES - SWISD_DATAGRAM_TAG_BYTES,
};

enum swisd_datagram_flags { SWISD_DATAGRAM_INTRODUCTION = 1 };

struct swisd_datagram {
  uint8_t version; /* writing: SWISD_PROTOCOL_VERSION unless another was agreed on */
  uint8_t flags;   /* enum swisd_datagram_flags; unknown ones are ignored */
  struct swisd_id sender;
  uint64_t counter;
  /* parsing only; all lie in the caller's bytes */
  const uint8_t *message; /* sealed */
  size_t message_count;
  const uint8_t *tag; /* SWISD_DATAGRAM_TAG_BYTES, right behind the message */
};

/* Takes a datagram apart; the tag is not checked (do that before believing anything). SWISD_WIRE_OK, _TRUNCATED (no room for
 * envelope and one byte), _OVERSIZED (beyond SWISD_DATAGRAM_BYTES_MAX), _FOREIGN, _VERSION, or _RANGE (sender zero). */
int swisd_datagram_parse(const uint8_t *bytes, size_t count, struct swisd_datagram *out);

/* Writes the head; message and tag are to follow. */
void swisd_datagram_write(const struct swisd_datagram *datagram, uint8_t out[SWISD_DATAGRAM_HEAD_BYTES]);

#endif
