/* Traces as text and as columns: the one place where a record of core/trace.h gets words. Wording is stable and lower-case;
 * stories in the tests compare it.
 *
 *   [ 120.345] 3 > suspect 7 (from 2, incarnation 2)
 *   [ 121.002] 0 > hedged 0/1 step 2 lane 0 items 64..96 (worker 5, flop 1200000)
 *
 * seconds of the node's clock, the node, what happened to whom, and in brackets the rest. A job is submitter/count. */
#ifndef SWISD_WIRE_TRACE_TEXT_H
#define SWISD_WIRE_TRACE_TEXT_H

#include <stddef.h>

#include "runtime/core/trace.h"

/* Which fields of a trace mean something, besides time and kind. */
enum swisd_trace_columns {
  SWISD_TRACE_HAS_SUBJECT = 1,
  SWISD_TRACE_HAS_PEER = 2, /* may still be zero: nobody in particular */
  SWISD_TRACE_HAS_SHARD = 4,
  SWISD_TRACE_HAS_JOB = 8,   /* key.job */
  SWISD_TRACE_HAS_TASK = 16, /* the rest of key */
  SWISD_TRACE_HAS_VALUE = 32,
};

/* What `value` is, and so how it is written. */
enum swisd_trace_value {
  SWISD_TRACE_VALUE_NUMBER = 0,
  SWISD_TRACE_VALUE_NS,     /* written in milliseconds */
  SWISD_TRACE_VALUE_STATUS, /* a negated enum swisd_status, by name */
  SWISD_TRACE_VALUE_REASON, /* an enum swisd_nack_reason, by name */
  SWISD_TRACE_VALUE_TABLE,  /* an enum swisd_table, by name */
};

/* One row for CSV headers, NDJSON keys and text. */
struct swisd_trace_kind_info {
  const char *name;       /* "suspect", "probe failed"; NULL for a kind that does not exist */
  uint8_t columns;        /* enum swisd_trace_columns */
  uint8_t value;          /* enum swisd_trace_value */
  const char *peer_name;  /* "from", "worker"; NULL: the peer is what the record speaks of, like a subject */
  const char *value_name; /* "incarnation", "flop" */
};

/* The row of a kind; for numbers that are no kind, a row named "unknown" without columns. Never NULL. */
const struct swisd_trace_kind_info *swisd_trace_kind_info(uint8_t kind);

/* Writes a name for `id` to `out` (`capacity` > 0 bytes, always terminated) and returns its length without the terminator. */
struct swisd_trace_namer {
  size_t (*name)(void *context, struct swisd_id id, char *out, size_t capacity);
  void *context;
};

enum { SWISD_TRACE_TEXT_BYTES_MAX = 320 }; /* with names of up to 24 bytes nothing is cut */

/* One line, without line feed, cut to `capacity` > 0 bytes with the terminator. `node` is who says it. `namer` NULL: ids are
 * their first 8 hexadecimal digits. Returns the length. */
size_t swisd_trace_text(const struct swisd_trace *trace, struct swisd_id node, const struct swisd_trace_namer *namer, char *out,
                        size_t capacity);

/* Names of enums, stable and lower-case: "ok", "unreachable"; "busy", "not held"; "members". "unknown" for other numbers. */
const char *swisd_status_name(int status);
const char *swisd_nack_reason_name(uint64_t reason);
const char *swisd_table_name(uint64_t table);

#endif
