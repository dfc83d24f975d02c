#include "runtime/wire/trace_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "runtime/core/message.h"

enum {
  SUBJECT = SWISD_TRACE_HAS_SUBJECT,
  PEER = SWISD_TRACE_HAS_PEER,
  SHARD = SWISD_TRACE_HAS_SHARD,
  JOB = SWISD_TRACE_HAS_JOB,
  TASK = SWISD_TRACE_HAS_JOB | SWISD_TRACE_HAS_TASK,
  VALUE = SWISD_TRACE_HAS_VALUE,
};

static const struct swisd_trace_kind_info kinds[] = {
  [0] = {"unknown", 0, 0, NULL, NULL},
  [SWISD_TRACE_MEMBER_ALIVE] = {"alive", SUBJECT | PEER | VALUE, 0, "from", "incarnation"},
  [SWISD_TRACE_MEMBER_SUSPECT] = {"suspect", SUBJECT | PEER | VALUE, 0, "from", "incarnation"},
  [SWISD_TRACE_MEMBER_DEAD] = {"dead", SUBJECT | PEER | VALUE, 0, "from", "incarnation"},
  [SWISD_TRACE_MEMBER_LEFT] = {"left", SUBJECT | PEER | VALUE, 0, "from", "incarnation"},
  [SWISD_TRACE_REFUTED] = {"refuted", VALUE, 0, NULL, "incarnation"},
  [SWISD_TRACE_PROBE_FAILED] = {"probe failed", SUBJECT, 0, NULL, NULL},
  [SWISD_TRACE_LOCAL_HEALTH] = {"local health", VALUE, 0, NULL, "multiplier"},
  [SWISD_TRACE_SHARD_WANTED] = {"shard wanted", SHARD | PEER, 0, "from", NULL},
  [SWISD_TRACE_SHARD_HELD] = {"shard held", SHARD, 0, NULL, NULL},
  [SWISD_TRACE_SHARD_FAILED] = {"shard failed", SHARD | PEER | VALUE, SWISD_TRACE_VALUE_STATUS, "from", "status"},
  [SWISD_TRACE_SHARD_DROPPED] = {"shard dropped", SHARD, 0, NULL, NULL},
  [SWISD_TRACE_MODEL_KNOWN] = {"model known", SHARD | VALUE, 0, NULL, "shards"},
  [SWISD_TRACE_JOB_SUBMITTED] = {"job submitted", JOB | VALUE, 0, NULL, "number"},
  [SWISD_TRACE_JOB_ANSWERED] = {"job answered", JOB | VALUE, 0, NULL, "number"},
  [SWISD_TRACE_JOB_FAILED] = {"job failed", JOB | VALUE, SWISD_TRACE_VALUE_STATUS, NULL, "status"},
  [SWISD_TRACE_TASK_ISSUED] = {"issued", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_HEDGED] = {"hedged", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_REISSUED] = {"reissued", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_CHECKING] = {"checking", TASK | PEER, 0, "worker", NULL},
  [SWISD_TRACE_TASK_ACCEPTED] = {"accepted", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_DUPLICATE] = {"duplicate", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_LOST] = {"lost", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_REJECTED] = {"rejected", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_CANCELLED] = {"cancelled", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_REPLAYED] = {"replayed", TASK | PEER | VALUE, 0, "worker", "flop"},
  [SWISD_TRACE_TASK_NACKED] = {"nacked", TASK | PEER | VALUE, SWISD_TRACE_VALUE_REASON, "worker", "reason"},
  [SWISD_TRACE_WORKER_OVERDUE] = {"overdue", PEER | VALUE, SWISD_TRACE_VALUE_NS, NULL, "late"},
  [SWISD_TRACE_WORKER_GONE] = {"gone", PEER, 0, NULL, NULL},
  [SWISD_TRACE_SESSION_MOVED] = {"session moved", TASK | PEER | VALUE, 0, "worker", "epoch"},
  [SWISD_TRACE_WORKER_SILENT] = {"silent", PEER | VALUE, SWISD_TRACE_VALUE_NS, NULL, "for"},
  [SWISD_TRACE_WORKER_SPEAKS] = {"speaks again", PEER | VALUE, SWISD_TRACE_VALUE_NS, NULL, "after"},
  [SWISD_TRACE_TASK_QUEUED] = {"queued", TASK | PEER, 0, "submitter", NULL},
  [SWISD_TRACE_TASK_STARTED] = {"started", TASK | PEER, 0, "submitter", NULL},
  [SWISD_TRACE_TASK_COMPUTED] = {"computed", TASK | PEER | VALUE, SWISD_TRACE_VALUE_NS, "submitter", "took"},
  [SWISD_TRACE_TASK_REFUSED] = {"refused", TASK | PEER | VALUE, SWISD_TRACE_VALUE_REASON, "submitter", "reason"},
  [SWISD_TRACE_JOB_EXPIRED] = {"job expired", JOB, 0, NULL, NULL},
  [SWISD_TRACE_TABLE_FULL] = {"table full", VALUE, SWISD_TRACE_VALUE_TABLE, NULL, "table"},
};

const struct swisd_trace_kind_info *swisd_trace_kind_info(uint8_t kind)
{
  return kind < sizeof kinds / sizeof kinds[0] && kinds[kind].name != NULL ? &kinds[kind] : &kinds[0];
}

const char *swisd_status_name(int status)
{
  switch (status) {
  case SWISD_OK:
    return "ok";
  case SWISD_ERROR_UNREACHABLE:
    return "unreachable";
  case SWISD_ERROR_NOT_FOUND:
    return "not found";
  case SWISD_ERROR_DIGEST:
    return "digest";
  case SWISD_ERROR_SPACE:
    return "space";
  case SWISD_ERROR_INPUT:
    return "input";
  case SWISD_ERROR_CHECK:
    return "check";
  case SWISD_ERROR_CANCELLED:
    return "cancelled";
  case SWISD_ERROR_TIMEOUT:
    return "timeout";
  case SWISD_ERROR_STALE:
    return "stale";
  default:
    return "unknown";
  }
}

const char *swisd_nack_reason_name(uint64_t reason)
{
  switch (reason) {
  case SWISD_NACK_BUSY:
    return "busy";
  case SWISD_NACK_NOT_HELD:
    return "not held";
  case SWISD_NACK_INPUT_LOST:
    return "input lost";
  case SWISD_NACK_FENCED:
    return "fenced";
  case SWISD_NACK_STATE:
    return "state";
  case SWISD_NACK_FAILED:
    return "failed";
  case SWISD_NACK_CANCELLED:
    return "cancelled";
  case SWISD_NACK_LEAVING:
    return "leaving";
  default:
    return "unknown";
  }
}

const char *swisd_table_name(uint64_t table)
{
  static const char *const names[SWISD_TABLE_COUNT] = {
    [SWISD_TABLE_MEMBERS] = "members",     [SWISD_TABLE_RUMOURS] = "rumours",     [SWISD_TABLE_MODELS] = "models",
    [SWISD_TABLE_JOBS] = "jobs",           [SWISD_TABLE_INTERVALS] = "intervals", [SWISD_TABLE_WORKERS] = "workers",
    [SWISD_TABLE_OPEN_JOBS] = "open jobs", [SWISD_TABLE_QUEUE] = "queue",         [SWISD_TABLE_OUTPUTS] = "outputs",
    [SWISD_TABLE_SEGMENTS] = "segments",   [SWISD_TABLE_FETCHES] = "fetches",
  };
  return table < SWISD_TABLE_COUNT && names[table] != NULL ? names[table] : "unknown";
}

/* ---- one line ---- */

struct line {
  char *out;
  size_t capacity, used; /* used < capacity, always terminated */
  const struct swisd_trace_namer *namer;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  const int count = vsnprintf(line->out + line->used, line->capacity - line->used, format, arguments);
  va_end(arguments);
  const size_t room = line->capacity - line->used - 1;
  line->used += count < 0 ? 0 : (size_t)count < room ? (size_t)count : room;
}

static void add_id(struct line *line, struct swisd_id id)
{
  if (line->namer == NULL)
    add(line, "%08" PRIx64, id.hi >> 32);
  else
    line->used += line->namer->name(line->namer->context, id, line->out + line->used, line->capacity - line->used);
}

static void add_value(struct line *line, const struct swisd_trace_kind_info *info, uint64_t value)
{
  switch (info->value) {
  case SWISD_TRACE_VALUE_NS:
    add(line, "%s %" PRIu64 ".%03" PRIu64 " ms", info->value_name, value / SWISD_MILLISECOND, value / 1000 % 1000);
    break;
  case SWISD_TRACE_VALUE_STATUS:
    add(line, "%s %s", info->value_name, swisd_status_name(value <= INT32_MAX ? -(int)value : 1));
    break;
  case SWISD_TRACE_VALUE_REASON:
    add(line, "%s %s", info->value_name, swisd_nack_reason_name(value));
    break;
  case SWISD_TRACE_VALUE_TABLE:
    add(line, "%s %s", info->value_name, swisd_table_name(value));
    break;
  default:
    add(line, "%s %" PRIu64, info->value_name, value);
  }
}

/* What the record speaks of. */
static void add_objects(struct line *line, const struct swisd_trace *trace, const struct swisd_trace_kind_info *info)
{
  if (info->columns & SUBJECT) {
    add(line, " ");
    add_id(line, trace->subject);
  }
  if ((info->columns & PEER) && info->peer_name == NULL) {
    add(line, " ");
    add_id(line, trace->peer);
  }
  if (info->columns & SHARD)
    add(line, " %016" PRIx64, trace->shard);
  if (info->columns & JOB) {
    add(line, " ");
    add_id(line, trace->key.job.submitter);
    add(line, "/%" PRIu32, (uint32_t)trace->key.job.number);
  }
  if (info->columns & SWISD_TRACE_HAS_TASK)
    add(line, " step %u lane %u items %" PRIu64 "..%" PRIu64, trace->key.step, trace->key.lane, trace->key.lo, trace->key.hi);
}

size_t swisd_trace_text(const struct swisd_trace *trace, struct swisd_id node, const struct swisd_trace_namer *namer, char *out,
                        size_t capacity)
{
  const struct swisd_trace_kind_info *info = swisd_trace_kind_info(trace->kind);
  struct line line = {out, capacity, 0, namer};
  add(&line, "[%4" PRIu64 ".%03" PRIu64 "] ", trace->time_ns / SWISD_SECOND, trace->time_ns / SWISD_MILLISECOND % 1000);
  add_id(&line, node);
  add(&line, " > %s", info->name);
  add_objects(&line, trace, info);
  const bool has_peer = (info->columns & PEER) && info->peer_name != NULL && !swisd_id_is_zero(trace->peer);
  const bool has_value = (info->columns & VALUE) != 0;
  if (has_peer) {
    add(&line, " (%s ", info->peer_name);
    add_id(&line, trace->peer);
  }
  if (has_value) {
    add(&line, has_peer ? ", " : " (");
    add_value(&line, info, trace->value);
  }
  if (has_peer || has_value)
    add(&line, ")");
  return line.used;
}
