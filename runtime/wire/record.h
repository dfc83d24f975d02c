/* The flight recorder: everything a node was told, so that a run can be replayed. The core is pure, so configuration, seed and
 * events are the run; a digest of the actions behind each event says at once where a replay goes another way.
 *
 * A recording is a magic of 8 bytes, then entries: length u32 big endian, then so many bytes of MessagePack values:
 *
 *   1, format version, seed, [config version, fields of struct swisd_config]       once, first
 *   2, now_ns, [kind, fields of the event], maybe [tag, what the event points to]  before each step
 *   3, digest of the actions                                                       after each step
 *
 * An event is written before its step, so that the last one before a crash is there; a recording may end anywhere.
 * Functions write to and read from the caller's memory; files are the driver's affair. Recordings are foreign bytes too. */
#ifndef SWISD_WIRE_RECORD_H
#define SWISD_WIRE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core/action.h"
#include "runtime/core/config.h"
#include "runtime/core/event.h"
#include "runtime/wire/wire_status.h"

enum {
  SWISD_RECORD_VERSION = 1,
  SWISD_RECORD_MAGIC_BYTES = 8,
  /* No entry is longer, its head included (tests/wire: the largest of each kind). */
  SWISD_RECORD_ENTRY_BYTES_MAX = 16384,
};

/* Each appends one entry at `out`: SWISD_WIRE_OK with `*written` set; SWISD_WIRE_SPACE (never with ENTRY_BYTES_MAX + MAGIC_BYTES
 * of room); SWISD_WIRE_RANGE or _TYPE for what no core would take: a count beyond its array, an unknown kind. */
int swisd_record_write_start(const struct swisd_config *config, uint64_t seed, uint8_t *out, size_t capacity, size_t *written);
int swisd_record_write_event(const struct swisd_event *event, uint64_t now_ns, uint8_t *out, size_t capacity, size_t *written);
int swisd_record_write_digest(uint64_t digest, uint8_t *out, size_t capacity, size_t *written);

/* Equal actions, equal digest, on every device. All fields of all actions count, messages included; traces do not. */
uint64_t swisd_actions_digest(const struct swisd_actions *actions);

enum swisd_record_kind { SWISD_RECORD_START = 1, SWISD_RECORD_EVENT = 2, SWISD_RECORD_DIGEST = 3 };

/* One entry, read. Not to be moved while in use: `event` points into it. */
struct swisd_record_entry {
  uint8_t kind;  /* enum swisd_record_kind: says which of the rest is set */
  uint64_t seed; /* START */
  struct swisd_config config;
  uint64_t now_ns; /* EVENT */
  struct swisd_event event;
  uint64_t digest; /* DIGEST */
  union {
    struct swisd_message message;
    struct swisd_job_spec spec;
    struct swisd_message_model model;
  } pointed; /* what event.u points to */
};

/* Reads the entry at the start of `bytes`; the first call of a recording sees the magic and has `*first` true, which it clears.
 * SWISD_WIRE_OK: `*used` bytes were read. SWISD_WIRE_MORE: `*used` are needed in all; at the end of a file this says that
 * the recording was cut off there. _FOREIGN, _VERSION; _OVERSIZED, _TRUNCATED, _MALFORMED, _RANGE, _TYPE, _TRAILING: the bytes
 * are damaged. */
int swisd_record_read(const uint8_t *bytes, size_t count, bool *first, struct swisd_record_entry *out, size_t *used);

/* "start", "message" and so on; "unknown" for any other number. */
const char *swisd_event_kind_name(int kind);
const char *swisd_action_kind_name(int kind);

#endif
