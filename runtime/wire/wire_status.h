/* What can be wrong with foreign bytes, or with the room for our own. One set of names for messages, frames, datagrams and
 * recordings, so that a driver counts refusals in one table: counters[-status]. */
#ifndef SWISD_WIRE_WIRE_STATUS_H
#define SWISD_WIRE_WIRE_STATUS_H

enum swisd_wire_status {
  SWISD_WIRE_OK = 0,
  SWISD_WIRE_MORE = 1,          /* frames and recordings: not all of it is there yet */
  SWISD_WIRE_SKIP = 2,          /* frames: of a kind made after this version; count it and go on behind it */
  SWISD_WIRE_TRUNCATED = -1,    /* the bytes end inside a value */
  SWISD_WIRE_OVERSIZED = -2,    /* more bytes than anything of this kind may have */
  SWISD_WIRE_MALFORMED = -3,    /* not MessagePack, or a value of another kind than expected, or too few fields */
  SWISD_WIRE_RANGE = -4,        /* a count, an enum or a number outside its bounds */
  SWISD_WIRE_TYPE = -5,         /* a message, event or option unknown to this version */
  SWISD_WIRE_VERSION = -6,      /* no protocol version in common */
  SWISD_WIRE_TRAILING = -7,     /* bytes behind the end of a message */
  SWISD_WIRE_FOREIGN = -8,      /* not SwISD's: another magic */
  SWISD_WIRE_SPACE = -9,        /* encoding: the caller's buffer is too small */
  SWISD_WIRE_STATUS_COUNT = 10, /* of the negative ones and OK */
};

/* "ok", "more", "truncated" and so on: stable, lower-case, for logs and metrics. "unknown status" for any other number. */
const char *swisd_wire_status_name(int status);

#endif
