/* Messages as MessagePack bytes, and back.
 *
 * A message is one array: [type, field, field, ...]; a struct inside is an array of its fields, a list an array of its
 * elements. Numbers are unsigned integers of any width; an id is bin 16 (zero: nil); an address ext (type = family, data =
 * address bytes, then port; none: nil); a range lo..hi is two numbers, lo and hi - lo. Fields behind the known ones are ignored,
 * at every level, so a later version may append; nothing is ever reordered or removed. message_fields.c is the whole
 * description: sizing, encoding, decoding and digests all walk its tables, and so cannot disagree.
 *
 * Nothing is allocated, in either direction. */
#ifndef SWISD_WIRE_WIRE_H
#define SWISD_WIRE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/core/message.h"
#include "runtime/wire/wire_status.h"

/* No encoded message is longer (tests/wire: the largest of each type). SWISD_CONTROL_BYTES_MAX, the bound for what a peer may
 * send, is higher: room for fields of later versions. */
enum { SWISD_WIRE_BYTES_MAX = 8192 };

/* Bytes that swisd_wire_encode() would write; 0 for a message that it would refuse because of its type or of a count. */
size_t swisd_wire_size(const struct swisd_message *message);

/* Writes `message` to `out`. SWISD_WIRE_OK with `*written` set; else nothing usable was written: SWISD_WIRE_SPACE (`capacity`
 * is too small), _TYPE, or _RANGE (a field outside the bounds that decoding checks: a bug of the caller). */
int swisd_wire_encode(const struct swisd_message *message, uint8_t *out, size_t capacity, size_t *written);

/* Reads the message that `bytes` are. Foreign bytes welcome. On SWISD_WIRE_OK all fields of `out->type`'s member of the union
 * are set; of lists only the counted elements are, of rumours that are not ALIVE the record is not. Otherwise `out` holds
 * nothing meaningful and the status says why: _TRUNCATED, _OVERSIZED (beyond SWISD_CONTROL_BYTES_MAX), _MALFORMED, _RANGE,
 * _TYPE, _TRAILING. */
int swisd_wire_decode(const uint8_t *bytes, size_t count, struct swisd_message *out);

/* The same where something else follows the message: `*used` bytes are the message's. */
int swisd_wire_decode_front(const uint8_t *bytes, size_t count, struct swisd_message *out, size_t *used);

/* A record by itself, always the same bytes for the same record: what its owner signs. Statuses as swisd_wire_encode(). */
int swisd_wire_encode_record(const struct swisd_record *record, uint8_t *out, size_t capacity, size_t *written);

/* "ping", "job open" and so on; "unknown" for any other number. */
const char *swisd_message_type_name(int type);

#endif
