/* The wording of traces: stable, because stories are compared with it. */
#include <stdio.h>
#include <string.h>

#include "runtime/core/message.h"
#include "runtime/wire/trace_text.h"
#include "tests/unit/cmocka_all.h"

static const struct swisd_id nobody;

static struct swisd_id node(uint64_t number) { return (struct swisd_id){number << 32, 1}; }

/* Node 7 is called "7". */
static size_t small_name(void *context, struct swisd_id id, char *out, size_t capacity)
{
  (void)context;
  const int count = snprintf(out, capacity, "%u", (unsigned)(id.hi >> 32));
  return count < 0 ? 0 : (size_t)count < capacity ? (size_t)count : capacity - 1;
}

static const struct swisd_trace_namer namer = {small_name, NULL};

static struct swisd_trace some_trace(uint8_t kind, uint64_t value)
{
  return (struct swisd_trace){
    .time_ns = 120345678901,
    .kind = kind,
    .peer = node(2),
    .subject = node(7),
    .key = {.job = {node(4), UINT64_C(3) << 32 | 9}, .step = 1, .lane = 2, .attempt = 5, .epoch = 6, .lo = 64, .hi = 96},
    .shard = 0x0123456789abcdef,
    .value = value};
}

static void each_kind_has_its_stable_line(void **state)
{
  (void)state;
  static const struct {
    uint8_t kind;
    uint64_t value;
    const char *text;
  } cases[] = {
    {SWISD_TRACE_MEMBER_ALIVE, 2, "alive 7 (from 2, incarnation 2)"},
    {SWISD_TRACE_MEMBER_SUSPECT, 2, "suspect 7 (from 2, incarnation 2)"},
    {SWISD_TRACE_MEMBER_DEAD, 2, "dead 7 (from 2, incarnation 2)"},
    {SWISD_TRACE_MEMBER_LEFT, 2, "left 7 (from 2, incarnation 2)"},
    {SWISD_TRACE_REFUTED, 3, "refuted (incarnation 3)"},
    {SWISD_TRACE_PROBE_FAILED, 0, "probe failed 7"},
    {SWISD_TRACE_LOCAL_HEALTH, 4, "local health (multiplier 4)"},
    {SWISD_TRACE_SHARD_WANTED, 0, "shard wanted 0123456789abcdef (from 2)"},
    {SWISD_TRACE_SHARD_HELD, 0, "shard held 0123456789abcdef"},
    {SWISD_TRACE_SHARD_FAILED, -SWISD_ERROR_DIGEST, "shard failed 0123456789abcdef (from 2, status digest)"},
    {SWISD_TRACE_SHARD_DROPPED, 0, "shard dropped 0123456789abcdef"},
    {SWISD_TRACE_MODEL_KNOWN, 12, "model known 0123456789abcdef (shards 12)"},
    {SWISD_TRACE_JOB_SUBMITTED, 1, "job submitted 4/9 (number 1)"},
    {SWISD_TRACE_JOB_ANSWERED, 1, "job answered 4/9 (number 1)"},
    {SWISD_TRACE_JOB_FAILED, -SWISD_ERROR_TIMEOUT, "job failed 4/9 (status timeout)"},
    {SWISD_TRACE_TASK_ISSUED, 1000, "issued 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_HEDGED, 1000, "hedged 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_REISSUED, 1000, "reissued 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_CHECKING, 0, "checking 4/9 step 1 lane 2 items 64..96 (worker 2)"},
    {SWISD_TRACE_TASK_ACCEPTED, 1000, "accepted 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_DUPLICATE, 1000, "duplicate 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_LOST, 1000, "lost 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_REJECTED, 1000, "rejected 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_CANCELLED, 1000, "cancelled 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_REPLAYED, 1000, "replayed 4/9 step 1 lane 2 items 64..96 (worker 2, flop 1000)"},
    {SWISD_TRACE_TASK_NACKED, SWISD_NACK_BUSY, "nacked 4/9 step 1 lane 2 items 64..96 (worker 2, reason busy)"},
    {SWISD_TRACE_WORKER_OVERDUE, 12345678, "overdue 2 (late 12.345 ms)"},
    {SWISD_TRACE_WORKER_GONE, 0, "gone 2"},
    {SWISD_TRACE_WORKER_SILENT, 12345678, "silent 2 (for 12.345 ms)"},
    {SWISD_TRACE_WORKER_SPEAKS, 12345678, "speaks again 2 (after 12.345 ms)"},
    {SWISD_TRACE_SESSION_MOVED, 6, "session moved 4/9 step 1 lane 2 items 64..96 (worker 2, epoch 6)"},
    {SWISD_TRACE_TASK_QUEUED, 0, "queued 4/9 step 1 lane 2 items 64..96 (submitter 2)"},
    {SWISD_TRACE_TASK_STARTED, 0, "started 4/9 step 1 lane 2 items 64..96 (submitter 2)"},
    {SWISD_TRACE_TASK_COMPUTED, 250000999, "computed 4/9 step 1 lane 2 items 64..96 (submitter 2, took 250.000 ms)"},
    {SWISD_TRACE_TASK_REFUSED, SWISD_NACK_NOT_HELD, "refused 4/9 step 1 lane 2 items 64..96 (submitter 2, reason not held)"},
    {SWISD_TRACE_JOB_EXPIRED, 0, "job expired 4/9"},
    {SWISD_TRACE_TABLE_FULL, SWISD_TABLE_OPEN_JOBS, "table full (table open jobs)"},
    {99, 0, "unknown"},
    {0, 0, "unknown"},
  };
  unsigned named = 0;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char expected[SWISD_TRACE_TEXT_BYTES_MAX], got[SWISD_TRACE_TEXT_BYTES_MAX];
    const struct swisd_trace trace = some_trace(cases[i].kind, cases[i].value);
    snprintf(expected, sizeof expected, "[ 120.345] 3 > %s", cases[i].text);
    const size_t count = swisd_trace_text(&trace, node(3), &namer, got, sizeof got);
    assert_string_equal(got, expected);
    assert_int_equal(count, strlen(expected));
    named += strcmp(swisd_trace_kind_info(cases[i].kind)->name, "unknown") != 0;
  }
  unsigned kinds = 0;
  for (unsigned kind = 0; kind < 256; kind++)
    kinds += strcmp(swisd_trace_kind_info((uint8_t)kind)->name, "unknown") != 0;
  assert_int_equal(kinds, named); /* the table above has them all */
}

static void nobody_is_not_named_and_ids_without_names_are_eight_digits(void **state)
{
  (void)state;
  char got[SWISD_TRACE_TEXT_BYTES_MAX];
  struct swisd_trace trace = some_trace(SWISD_TRACE_MEMBER_SUSPECT, 2);
  trace.peer = nobody;
  trace.time_ns = 12345 * SWISD_SECOND;
  swisd_trace_text(&trace, (struct swisd_id){0xfedcba9876543210, 1}, NULL, got, sizeof got);
  assert_string_equal(got, "[12345.000] fedcba98 > suspect 00000007 (incarnation 2)");
  trace.kind = SWISD_TRACE_SHARD_WANTED;
  swisd_trace_text(&trace, node(3), &namer, got, sizeof got);
  assert_string_equal(got, "[12345.000] 3 > shard wanted 0123456789abcdef");
}

static void a_line_is_cut_where_the_room_ends(void **state)
{
  (void)state;
  char whole[SWISD_TRACE_TEXT_BYTES_MAX], got[SWISD_TRACE_TEXT_BYTES_MAX];
  struct swisd_trace trace = some_trace(SWISD_TRACE_TASK_REJECTED, UINT64_MAX);
  trace.time_ns = trace.key.lo = trace.key.hi = UINT64_MAX;
  const size_t length = swisd_trace_text(&trace, node(3), &namer, whole, sizeof whole);
  assert_true(length < sizeof whole - 3 * 24);
  for (size_t capacity = 1; capacity <= length; capacity++) {
    memset(got, 0x7f, sizeof got);
    assert_int_equal(swisd_trace_text(&trace, node(3), &namer, got, capacity), capacity - 1);
    assert_int_equal(strlen(got), capacity - 1);
    assert_memory_equal(got, whole, capacity - 1);
    assert_int_equal(got[capacity], 0x7f);
  }
}

static void every_number_of_an_enum_has_a_name_of_its_own(void **state)
{
  (void)state;
  for (int status = SWISD_OK; status >= SWISD_ERROR_STALE; status--) {
    assert_string_not_equal(swisd_status_name(status), "unknown");
    for (int other = SWISD_OK; other > status; other--)
      assert_string_not_equal(swisd_status_name(status), swisd_status_name(other));
  }
  for (unsigned reason = SWISD_NACK_BUSY; reason <= SWISD_NACK_LEAVING; reason++)
    assert_string_not_equal(swisd_nack_reason_name(reason), "unknown");
  for (unsigned table = SWISD_TABLE_MEMBERS; table < SWISD_TABLE_COUNT; table++)
    assert_string_not_equal(swisd_table_name(table), "unknown");
  assert_string_equal(swisd_status_name(1), "unknown");
  assert_string_equal(swisd_nack_reason_name(UINT64_MAX), "unknown");
  assert_string_equal(swisd_table_name(UINT64_MAX), "unknown");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_kind_has_its_stable_line),
    cmocka_unit_test(nobody_is_not_named_and_ids_without_names_are_eight_digits),
    cmocka_unit_test(a_line_is_cut_where_the_room_ends),
    cmocka_unit_test(every_number_of_an_enum_has_a_name_of_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
