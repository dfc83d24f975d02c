/* The flight recorder: what was written down is what is read, and damage is told by name. */
#include <string.h>

#include "runtime/wire/big_endian.h"
#include "runtime/wire/record.h"
#include "tests/unit/cmocka_all.h"
#include "tests/wire/golden_message.h"
#include "tests/wire/random_event.h"
#include "tests/wire/random_message.h"
#include "tests/wire/wire_guard.h"

static uint8_t bytes[SWISD_RECORD_ENTRY_BYTES_MAX + SWISD_RECORD_MAGIC_BYTES];
static struct swisd_record_entry entry;
static struct swisd_event event;
static struct swisd_random_pointed pointed;
static struct swisd_actions actions;

static int read_entry(size_t count, bool first, size_t *used)
{
  bool is_first = first;
  const int status = swisd_record_read(swisd_guard_copy(bytes, count), count, &is_first, &entry, used);
  if (status == SWISD_WIRE_OK)
    assert_false(is_first);
  else
    assert_int_equal(is_first, first);
  return status;
}

static void an_event_of_each_kind_comes_back_equal_in_every_field(void **state)
{
  (void)state;
  for (int kind = 1; kind <= SWISD_EVENT_KINDS; kind++) {
    struct swisd_philox random = swisd_philox_stream(51, 0, (uint32_t)kind, 0);
    for (unsigned round = 0; round < 500; round++) {
      size_t count = 0, used = 0;
      const uint64_t now_ns = swisd_random_number(&random, 64);
      swisd_random_event(&random, (enum swisd_event_kind)kind, &event, &pointed);
      assert_int_equal(swisd_record_write_event(&event, now_ns, bytes, SWISD_RECORD_ENTRY_BYTES_MAX, &count), SWISD_WIRE_OK);
      memset(&entry, 0, sizeof entry);
      assert_int_equal(read_entry(count, false, &used), SWISD_WIRE_OK);
      assert_int_equal(used, count);
      assert_int_equal(entry.kind, SWISD_RECORD_EVENT);
      assert_true(entry.now_ns == now_ns);
      if (kind == SWISD_EVENT_MESSAGE) {
        assert_memory_equal(entry.event.u.message.message, &pointed.message, sizeof pointed.message);
        entry.event.u.message.message = &pointed.message;
      } else if (kind == SWISD_EVENT_SUBMITTED) {
        assert_memory_equal(entry.event.u.submitted.spec, &pointed.spec, sizeof pointed.spec);
        entry.event.u.submitted.spec = &pointed.spec;
      } else if (kind == SWISD_EVENT_MODEL) {
        assert_memory_equal(entry.event.u.model, &pointed.model, sizeof pointed.model);
        entry.event.u.model = &pointed.model;
      }
      if (memcmp(&entry.event, &event, sizeof event) != 0)
        fail_msg("%s of round %u came back changed", swisd_event_kind_name(kind), round);
    }
  }
}

static void configuration_and_seed_come_back_equal(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(52, 0, 0, 0);
  for (unsigned round = 0; round < 2000; round++) {
    struct swisd_config config;
    size_t count = 0, used = 0;
    const uint64_t seed = swisd_random_number(&random, 64);
    swisd_random_config(&random, &config);
    assert_int_equal(swisd_record_write_start(&config, seed, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
    memset(&entry, 0, sizeof entry);
    assert_int_equal(read_entry(count, true, &used), SWISD_WIRE_OK);
    assert_int_equal(used, count);
    assert_int_equal(entry.kind, SWISD_RECORD_START);
    assert_true(entry.seed == seed);
    assert_memory_equal(&entry.config, &config, sizeof config);
  }
}

static void a_whole_recording_is_walked_and_may_end_anywhere(void **state)
{
  (void)state;
  enum { ENTRIES = 400 };
  static uint8_t file[ENTRIES * 1024];
  static size_t ends[ENTRIES + 1];
  struct swisd_philox random = swisd_philox_stream(53, 0, 0, 0);
  struct swisd_config config;
  size_t length = 0;
  unsigned entries = 0;
  swisd_random_config(&random, &config);
  assert_int_equal(swisd_record_write_start(&config, 7, bytes, sizeof bytes, &length), SWISD_WIRE_OK);
  memcpy(file, bytes, length);
  ends[entries++] = length;
  while (entries < ENTRIES && length + SWISD_RECORD_ENTRY_BYTES_MAX < sizeof file) {
    size_t count = 0;
    if (entries % 2 != 0) {
      swisd_random_event(&random, (enum swisd_event_kind)(1 + swisd_philox_below(&random, SWISD_EVENT_KINDS)), &event, &pointed);
      assert_int_equal(swisd_record_write_event(&event, entries, file + length, sizeof file - length, &count), SWISD_WIRE_OK);
    } else {
      assert_int_equal(swisd_record_write_digest(entries, file + length, sizeof file - length, &count), SWISD_WIRE_OK);
    }
    length += count;
    ends[entries++] = length;
  }
  for (unsigned tail = 0; tail < 200; tail++) {
    const size_t available = tail == 0 ? length : swisd_philox_below(&random, (uint32_t)length);
    bool first = true;
    size_t at = 0, used = 0;
    unsigned seen = 0;
    while (swisd_record_read(file + at, available - at, &first, &entry, &used) == SWISD_WIRE_OK) {
      at += used;
      assert_int_equal(at, ends[seen]);
      if (seen != 0 && seen % 2 == 0)
        assert_true(entry.kind == SWISD_RECORD_DIGEST && entry.digest == seen);
      seen++;
    }
    assert_int_equal(swisd_record_read(file + at, available - at, &first, &entry, &used), SWISD_WIRE_MORE);
    assert_true(at + used > available);
    assert_true(seen == entries || ends[seen] > available);
  }
}

static void less_room_than_an_entry_needs_is_refused(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(54, 0, 0, 0);
  struct swisd_config config;
  size_t count = 0, written;
  for (int kind = 1; kind <= SWISD_EVENT_KINDS; kind++) {
    swisd_random_event(&random, (enum swisd_event_kind)kind, &event, &pointed);
    assert_int_equal(swisd_record_write_event(&event, 5, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
    for (size_t room = 0; room < count; room += 1 + count / 50)
      assert_int_equal(swisd_record_write_event(&event, 5, swisd_guard_copy(bytes, room), room, &written), SWISD_WIRE_SPACE);
  }
  swisd_random_config(&random, &config);
  assert_int_equal(swisd_record_write_start(&config, 5, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
  for (size_t room = 0; room < count; room++)
    assert_int_equal(swisd_record_write_start(&config, 5, swisd_guard_copy(bytes, room), room, &written), SWISD_WIRE_SPACE);
  assert_int_equal(swisd_record_write_digest(UINT64_MAX, bytes, 13, &written), SWISD_WIRE_SPACE);
  assert_int_equal(swisd_record_write_digest(UINT64_MAX, bytes, 14, &written), SWISD_WIRE_OK);
}

static void no_entry_is_longer_than_the_bound(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(55, 0, 0, 0);
  size_t count = 0;
  swisd_random_event(&random, SWISD_EVENT_SUBMITTED, &event, &pointed);
  memset(&pointed.spec, 0xff, sizeof pointed.spec);
  pointed.spec.step_count = SWISD_STEPS_MAX;
  pointed.spec.lane_count = SWISD_LANES_MAX;
  for (unsigned s = 0; s < SWISD_STEPS_MAX; s++)
    pointed.spec.steps[s].edge_count = SWISD_EDGES_MAX;
  assert_int_equal(swisd_record_write_event(&event, UINT64_MAX, bytes, SWISD_RECORD_ENTRY_BYTES_MAX / 2, &count), SWISD_WIRE_OK);
  swisd_random_event(&random, SWISD_EVENT_MESSAGE, &event, &pointed);
  size_t largest = 0;
  for (unsigned round = 0; round < 20000; round++) { /* test_wire_messages has the bound of each type */
    swisd_random_message(&random, round % 2 ? SWISD_MESSAGE_SYNC : SWISD_MESSAGE_MODEL, &pointed.message);
    assert_int_equal(swisd_record_write_event(&event, UINT64_MAX, bytes, SWISD_RECORD_ENTRY_BYTES_MAX, &count), SWISD_WIRE_OK);
    largest = count > largest ? count : largest;
  }
  assert_true(largest > 1000);
}

static void what_no_core_would_take_is_not_written(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(56, 0, 0, 0);
  size_t written;
  swisd_random_event(&random, SWISD_EVENT_SUBMITTED, &event, &pointed);
  pointed.spec.step_count = SWISD_STEPS_MAX + 1;
  assert_int_equal(swisd_record_write_event(&event, 5, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  swisd_random_event(&random, SWISD_EVENT_MESSAGE, &event, &pointed);
  pointed.message.type = (enum swisd_message_type)0;
  assert_int_equal(swisd_record_write_event(&event, 5, bytes, sizeof bytes, &written), SWISD_WIRE_TYPE);
  event.kind = (enum swisd_event_kind)(SWISD_EVENT_KINDS + 1);
  assert_int_equal(swisd_record_write_event(&event, 5, bytes, sizeof bytes, &written), SWISD_WIRE_TYPE);
}

static void a_damaged_recording_is_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    bool first;
    int status;
    const char *hex;
  } cases[] = {
    {false, SWISD_WIRE_OK, "00000004 02 05 91 03"},
    {false, SWISD_WIRE_OK, "00000002 03 07"},
    {false, SWISD_WIRE_OVERSIZED, "00003ffd"},
    {false, SWISD_WIRE_OVERSIZED, "ffffffff"},
    {false, SWISD_WIRE_TRUNCATED, "00000000"},
    {false, SWISD_WIRE_TRUNCATED, "00000003 02 05 91"},
    {false, SWISD_WIRE_TRUNCATED, "00000007 02 05 ddffffffff"},
    {false, SWISD_WIRE_TRAILING, "00000003 03 07 00"},
    {false, SWISD_WIRE_TYPE, "00000002 04 07"},                       /* an unknown entry */
    {false, SWISD_WIRE_TYPE, "00000004 02 05 91 13"},                 /* an unknown event */
    {false, SWISD_WIRE_TYPE, "00000002 01 01"},                       /* a second start */
    {true, SWISD_WIRE_TYPE, "5377697344726563 00000002 03 07"},       /* no start */
    {true, SWISD_WIRE_VERSION, "5377697344726563 00000003 01 02 00"}, /* of a later format */
    {true, SWISD_WIRE_VERSION, "5377697344726563 00000005 01 01 00 91 02"},
    {true, SWISD_WIRE_FOREIGN, "5377697344726564 00000002 03 07"},
    {true, SWISD_WIRE_FOREIGN, "00"},
    {true, SWISD_WIRE_MORE, "5377"},
    {false, SWISD_WIRE_MALFORMED, "00000005 02 05 92 04 07"},
    {false, SWISD_WIRE_RANGE, "00000006 02 05 93 04 07 0a"}, /* SENT with status -10 */
    {false, SWISD_WIRE_OK, "00000006 02 05 93 04 07 09"},
    {false, SWISD_WIRE_OK, "0000000c 02 05 92 09 07 96 01 00 90 90 00 00"},   /* SUBMITTED, an empty job */
    {false, SWISD_WIRE_TYPE, "0000000c 02 05 92 09 07 96 02 00 90 90 00 00"}, /* of a later form */
    {false, SWISD_WIRE_TYPE, "00000009 02 05 91 12 93 09 01 00 90"},          /* MODEL that is none */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t used, count = swisd_hex(cases[i].hex, bytes, sizeof bytes);
    const int status = read_entry(count, cases[i].first, &used);
    if (status != cases[i].status)
      fail_msg("%s: %s, not %s", cases[i].hex, swisd_wire_status_name(status), swisd_wire_status_name(cases[i].status));
  }
}

static void mutated_recordings_never_crash_and_what_is_read_can_be_written(void **state)
{
  (void)state;
  static uint8_t out[sizeof bytes];
  struct swisd_philox random = swisd_philox_stream(57, 0, 0, 0);
  unsigned accepted = 0;
  for (unsigned round = 0; round < 100000; round++) {
    size_t count = 0, used = 0, written = 0;
    swisd_random_event(&random, (enum swisd_event_kind)(1 + round % SWISD_EVENT_KINDS), &event, &pointed);
    assert_int_equal(swisd_record_write_event(&event, 5, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
    const unsigned edits = 1 + swisd_philox_below(&random, 3);
    for (unsigned i = 0; i < edits; i++)
      bytes[4 + swisd_philox_below(&random, (uint32_t)count - 4)] = (uint8_t)swisd_philox_u32(&random);
    if (read_entry(count, false, &used) == SWISD_WIRE_OK && entry.kind == SWISD_RECORD_EVENT) {
      accepted++;
      assert_int_equal(swisd_record_write_event(&entry.event, entry.now_ns, out, sizeof out, &written), SWISD_WIRE_OK);
    }
  }
  assert_true(accepted > 10000);
}

static void a_digest_of_actions_sees_every_field_of_every_kind(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(58, 0, 0, 0);
  for (int kind = 1; kind <= SWISD_ACTION_KINDS; kind++) {
    for (unsigned round = 0; round < 200; round++) {
      struct swisd_philox here = random, twin = random;
      memset(&actions, 0xa5, sizeof actions);
      actions.count = 1;
      swisd_random_action(&here, (enum swisd_action_kind)kind, &actions.list[0]);
      const uint64_t digest = swisd_actions_digest(&actions);
      memset(&actions, 0x5a, sizeof actions);
      actions.count = 1;
      swisd_random_action(&twin, (enum swisd_action_kind)kind, &actions.list[0]);
      assert_true(swisd_actions_digest(&actions) == digest);
      /* Each byte that is not zero belongs to some field that counts. (Messages have their own test; some of their bytes
       * follow from others.) */
      uint8_t *raw = (uint8_t *)&actions.list[0];
      for (unsigned tries = 0; tries < 400; tries++) {
        const size_t at = swisd_philox_below(&here, sizeof actions.list[0]);
        const bool in_message = kind == SWISD_ACTION_SEND && at >= offsetof(struct swisd_action, u.send.message.u) &&
                                at < offsetof(struct swisd_action, u.send.body);
        if (raw[at] == 0 || in_message)
          continue;
        const uint8_t kept = raw[at];
        raw[at] = 0;
        if (swisd_actions_digest(&actions) == digest)
          fail_msg("%s does not see byte %zu", swisd_action_kind_name(kind), at);
        raw[at] = kept;
      }
      random = here;
    }
  }
}

static void a_digest_of_actions_sees_their_number_and_order(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(59, 0, 0, 0);
  memset(&actions, 0, sizeof actions);
  actions.count = 2;
  swisd_random_action(&random, SWISD_ACTION_RELEASE, &actions.list[0]);
  swisd_random_action(&random, SWISD_ACTION_GRANT, &actions.list[1]);
  const uint64_t digest = swisd_actions_digest(&actions);
  actions.trace_count = 3; /* tracing does not count */
  assert_true(swisd_actions_digest(&actions) == digest);
  const struct swisd_action first = actions.list[0];
  actions.list[0] = actions.list[1];
  actions.list[1] = first;
  assert_true(swisd_actions_digest(&actions) != digest);
  actions.count = 1;
  assert_true(swisd_actions_digest(&actions) != digest);
  actions.count = 0;
  assert_true(swisd_actions_digest(&actions) != digest);
}

/* As in test_wire_messages: when one fails, append the new field to its table in event_fields.c and to random_event.c. */
static void no_struct_has_grown_behind_the_back_of_its_table(void **state)
{
  (void)state;
  const struct {
    const char *name;
    size_t size, expected;
  } structs[] = {
    {"limits", sizeof(struct swisd_limits), 22},
    {"config", sizeof(struct swisd_config), 304},
    {"event_start", sizeof(struct swisd_event_start), 296},
    {"event_message", sizeof(struct swisd_event_message), 72},
    {"event_fetched", sizeof(struct swisd_event_fetched), 32},
    {"event_computed", sizeof(struct swisd_event_computed), 112},
    {"event_submitted", sizeof(struct swisd_event_submitted), 16},
    {"event_appended", sizeof(struct swisd_event_appended), 48},
    {"edge_spec", sizeof(struct swisd_edge_spec), 12},
    {"step_spec", sizeof(struct swisd_step_spec), 56},
    {"lane_spec", sizeof(struct swisd_lane_spec), 24},
    {"job_spec", sizeof(struct swisd_job_spec), 2464},
    {"action_send", sizeof(struct swisd_action_send), 5112},
    {"action_compute", sizeof(struct swisd_action_compute), 1384},
    {"action_fetch", sizeof(struct swisd_action_fetch), 104},
    {"action_answer", sizeof(struct swisd_action_answer), 128},
  };
  if (sizeof(void *) != 8)
    skip();
  bool equal = true;
  for (size_t i = 0; i < sizeof structs / sizeof structs[0]; i++)
    if (structs[i].size != structs[i].expected) {
      print_message("%s has %zu bytes, not %zu\n", structs[i].name, structs[i].size, structs[i].expected);
      equal = false;
    }
  assert_true(equal);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_event_of_each_kind_comes_back_equal_in_every_field),
    cmocka_unit_test(configuration_and_seed_come_back_equal),
    cmocka_unit_test(a_whole_recording_is_walked_and_may_end_anywhere),
    cmocka_unit_test(less_room_than_an_entry_needs_is_refused),
    cmocka_unit_test(no_entry_is_longer_than_the_bound),
    cmocka_unit_test(what_no_core_would_take_is_not_written),
    cmocka_unit_test(a_damaged_recording_is_refused_by_name),
    cmocka_unit_test(mutated_recordings_never_crash_and_what_is_read_can_be_written),
    cmocka_unit_test(a_digest_of_actions_sees_every_field_of_every_kind),
    cmocka_unit_test(a_digest_of_actions_sees_their_number_and_order),
    cmocka_unit_test(no_struct_has_grown_behind_the_back_of_its_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
