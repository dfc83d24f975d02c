/* What leaves a node as a message arrives as that message: round trips, golden bytes, sizes, bounds. */
#include <stdio.h>
#include <string.h>

#include "runtime/wire/frame.h"
#include "runtime/wire/message_fields.h"
#include "runtime/wire/wire.h"
#include "tests/unit/cmocka_all.h"
#include "tests/wire/golden_message.h"
#include "tests/wire/random_message.h"
#include "tests/wire/wire_guard.h"

enum { ROUNDS = 2000 };

static struct swisd_message sent, got, before;
static uint8_t bytes[SWISD_WIRE_BYTES_MAX], again[SWISD_WIRE_BYTES_MAX];

static size_t encode(const struct swisd_message *message)
{
  size_t count = 0;
  assert_int_equal(swisd_wire_encode(message, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
  return count;
}

static void a_random_message_of_each_type_comes_back_equal_in_every_field(void **state)
{
  (void)state;
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    struct swisd_philox random = swisd_philox_stream(11, 0, t, 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
      swisd_random_message(&random, swisd_message_types[t], &sent);
      const size_t count = encode(&sent);
      memset(&got, 0, sizeof got);
      assert_int_equal(swisd_wire_decode(swisd_guard_copy(bytes, count), count, &got), SWISD_WIRE_OK);
      if (memcmp(&sent, &got, sizeof sent) != 0)
        fail_msg("%s of round %u came back changed", swisd_message_type_name((int)sent.type), round);
    }
  }
}

static void the_size_is_what_the_encoder_writes_and_less_room_is_refused(void **state)
{
  (void)state;
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    struct swisd_philox random = swisd_philox_stream(12, 0, t, 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
      swisd_random_message(&random, swisd_message_types[t], &sent);
      const size_t count = encode(&sent);
      assert_int_equal(swisd_wire_size(&sent), count);
      size_t written;
      const size_t less = swisd_philox_below(&random, (uint32_t)count);
      assert_int_equal(swisd_wire_encode(&sent, swisd_guard_copy(bytes, less), less, &written), SWISD_WIRE_SPACE);
      assert_int_equal(swisd_wire_encode(&sent, swisd_guard_copy(bytes, count), count, &written), SWISD_WIRE_OK);
    }
  }
}

static void the_bytes_of_each_type_are_the_golden_ones(void **state)
{
  (void)state;
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    const size_t golden = swisd_golden_bytes(swisd_message_types[t], again, sizeof again);
    assert_int_not_equal(golden, 0);
    swisd_golden_message(swisd_message_types[t], &sent);
    const size_t count = encode(&sent);
    for (size_t i = 0; i < count || i < golden; i++)
      if (i >= count || i >= golden || bytes[i] != again[i])
        fail_msg("%s: byte %zu of %zu differs", swisd_message_type_name((int)sent.type), i, golden);
    memset(&got, 0, sizeof got);
    assert_int_equal(swisd_wire_decode(again, golden, &got), SWISD_WIRE_OK);
    assert_memory_equal(&sent, &got, sizeof sent);
  }
}

static void equal_messages_have_equal_digests_whatever_lies_in_the_unused_rest(void **state)
{
  (void)state;
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    struct swisd_philox random = swisd_philox_stream(13, 0, t, 0);
    const struct swisd_fields *fields = swisd_message_fields(swisd_message_types[t]);
    memset(&before, 0, sizeof before);
    uint64_t last = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
      swisd_random_message(&random, swisd_message_types[t], &sent);
      const size_t count = encode(&sent);
      memset(&got, 0xa5, sizeof got);
      assert_int_equal(swisd_wire_decode(bytes, count, &got), SWISD_WIRE_OK);
      const uint64_t digest = swisd_fields_digest(7, fields, &sent.u);
      assert_true(digest == swisd_fields_digest(7, fields, &got.u));
      assert_true((digest == last) == (memcmp(&sent, &before, sizeof sent) == 0)); /* small ones may be drawn twice */
      before = sent;
      last = digest;
      /* Any byte of the encoding that can change without breaking it changes the digest. */
      bytes[swisd_philox_below(&random, (uint32_t)count)] ^= 1;
      if (swisd_wire_decode(bytes, count, &got) == SWISD_WIRE_OK && got.type == sent.type)
        assert_true(digest != swisd_fields_digest(7, fields, &got.u));
    }
  }
}

static void decoding_leaves_what_no_handler_reads_untouched(void **state)
{
  (void)state;
  swisd_golden_message(SWISD_MESSAGE_ACK, &sent); /* one rumour, not ALIVE */
  const size_t count = encode(&sent);
  memset(&got, 0xa5, sizeof got);
  assert_int_equal(swisd_wire_decode(bytes, count, &got), SWISD_WIRE_OK);
  const uint8_t *record = (const uint8_t *)&got.u.ack.rumours.list[0].record;
  const uint8_t *end = (const uint8_t *)(&got.u.ack.rumours + 1);
  for (const uint8_t *at = record; at < end; at++)
    assert_int_equal(*at, 0xa5);
}

static void a_probe_nack_has_no_address_and_only_a_lost_input_names_a_source(void **state)
{
  (void)state;
  swisd_golden_message(SWISD_MESSAGE_PROBE_NACK, &sent);
  memset(&sent.u.ping_req.address, 0xa5, sizeof sent.u.ping_req.address);
  size_t count = encode(&sent);
  memset(&got, 0xa5, sizeof got);
  assert_int_equal(swisd_wire_decode(bytes, count, &got), SWISD_WIRE_OK);
  assert_int_equal(got.u.ping_req.address.family, SWISD_ADDRESS_NONE);
  swisd_golden_message(SWISD_MESSAGE_NACK, &sent);
  sent.u.nack.reason = SWISD_NACK_BUSY;
  count = encode(&sent);
  memset(&got, 0xa5, sizeof got);
  assert_int_equal(swisd_wire_decode(bytes, count, &got), SWISD_WIRE_OK);
  static const struct swisd_source nothing;
  assert_memory_equal(&got.u.nack.lost, &nothing, sizeof nothing);
}

static void a_rumour_adds_at_most_what_the_core_reckons(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(14, 0, 0, 0);
  static struct swisd_message with, without;
  for (unsigned round = 0; round < 50 * ROUNDS; round++) {
    swisd_random_message(&random, SWISD_MESSAGE_GOSSIP, &without);
    if (without.u.ping.rumours.count == SWISD_RUMOURS_MAX)
      continue;
    with = without;
    struct swisd_rumour *rumour = &with.u.ping.rumours.list[with.u.ping.rumours.count++];
    swisd_random_rumour(&random, rumour);
    const size_t adds = swisd_wire_size(&with) - swisd_wire_size(&without);
    if (adds > swisd_rumour_bytes_max(rumour))
      fail_msg("round %u: %zu bytes, reckoned %u", round, adds, swisd_rumour_bytes_max(rumour));
  }
}

/* The longest that each field can get. */
static void swell(struct swisd_rumour *rumour)
{
  struct swisd_record *record = &rumour->record;
  const struct swisd_id id = {UINT64_MAX, UINT64_MAX};
  memset(rumour, 0xff, sizeof *rumour);
  rumour->state = SWISD_MEMBER_ALIVE;
  rumour->subject = rumour->from = record->id = id;
  record->address_count = SWISD_ADDRESSES_MAX;
  record->holding_count = SWISD_HOLDINGS_MAX;
  for (unsigned i = 0; i < SWISD_ADDRESSES_MAX; i++)
    record->addresses[i].family = SWISD_ADDRESS_IPV6;
}

static void the_bound_of_a_rumour_holds_for_the_largest_one(void **state)
{
  (void)state;
  swisd_golden_message(SWISD_MESSAGE_GOSSIP, &sent);
  const size_t bare = swisd_wire_size(&sent);
  struct swisd_rumour *rumour = &sent.u.ping.rumours.list[0];
  for (uint8_t addresses = 0; addresses <= SWISD_ADDRESSES_MAX; addresses++)
    for (uint8_t holdings = 0; holdings <= SWISD_HOLDINGS_MAX; holdings++) {
      swell(rumour);
      rumour->record.address_count = addresses;
      rumour->record.holding_count = holdings;
      sent.u.ping.rumours.count = 1;
      assert_true(swisd_wire_size(&sent) - bare <= swisd_rumour_bytes_max(rumour));
    }
  rumour->state = SWISD_MEMBER_DEAD;
  assert_true(swisd_wire_size(&sent) - bare <= swisd_rumour_bytes_max(rumour));
}

static void a_ping_filled_up_by_the_bound_fits_a_datagram(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(15, 0, 0, 0);
  unsigned full = 0;
  for (unsigned round = 0; round < 4 * ROUNDS; round++) {
    static struct swisd_message ping;
    memset(&ping, 0, sizeof ping);
    ping.type = round & 1 ? SWISD_MESSAGE_PING : SWISD_MESSAGE_ACK;
    struct swisd_rumours *rumours = round & 1 ? &ping.u.ping.rumours : &ping.u.ack.rumours;
    if (round & 1) {
      ping.u.ping.sequence = UINT32_MAX;
      ping.u.ping.target = swisd_random_id(&random);
    } else {
      ping.u.ack.sequence = ping.u.ack.incarnation = UINT32_MAX;
    }
    const size_t bare = swisd_wire_size(&ping);
    uint32_t left = SWISD_DATAGRAM_BYTES_MAX - SWISD_DATAGRAM_OVERHEAD_BYTES;
    while (rumours->count < SWISD_RUMOURS_MAX) {
      struct swisd_rumour *rumour = &rumours->list[rumours->count];
      if (round % 8 < 2)
        swell(rumour);
      else
        swisd_random_rumour(&random, rumour);
      if (swisd_rumour_bytes_max(rumour) > left)
        break;
      left -= swisd_rumour_bytes_max(rumour);
      rumours->count++;
    }
    full += rumours->count < SWISD_RUMOURS_MAX;
    assert_true(swisd_wire_size(&ping) <= SWISD_DATAGRAM_BYTES_MAX - SWISD_DATAGRAM_OVERHEAD_BYTES + bare);
    assert_true(swisd_wire_size(&ping) <= SWISD_DATAGRAM_MESSAGE_BYTES_MAX);
  }
  assert_true(full > ROUNDS); /* or nothing was tried */
}

static void the_largest_of_each_type_is_within_the_bound_and_datagram_types_within_a_datagram(void **state)
{
  (void)state;
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    struct swisd_philox random = swisd_philox_stream(16, 0, t, 0);
    size_t largest = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
      swisd_random_message(&random, swisd_message_types[t], &sent);
      const size_t size = swisd_wire_size(&sent);
      largest = size > largest ? size : largest;
    }
    assert_true(largest <= SWISD_WIRE_BYTES_MAX);
  }
  static struct swisd_message sync = {.type = SWISD_MESSAGE_SYNC, .u.sync.count = SWISD_SYNC_RECORDS_MAX};
  for (unsigned i = 0; i < SWISD_SYNC_RECORDS_MAX; i++)
    swell(&sync.u.sync.list[i]);
  assert_true(swisd_wire_size(&sync) > 4096 && swisd_wire_size(&sync) <= SWISD_WIRE_BYTES_MAX);
  static struct swisd_message join = {.type = SWISD_MESSAGE_JOIN};
  join.u.join.record = sync.u.sync.list[0].record;
  assert_true(swisd_wire_size(&join) <= SWISD_DATAGRAM_MESSAGE_BYTES_MAX);
}

static void what_is_outside_its_bounds_is_not_encoded(void **state)
{
  (void)state;
  size_t written;
  swisd_golden_message(SWISD_MESSAGE_TASK, &sent);
  sent.u.task.source_count = SWISD_SOURCES_MAX + 1;
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  assert_int_equal(swisd_wire_size(&sent), 0);
  swisd_golden_message(SWISD_MESSAGE_RESULT, &sent);
  sent.u.result.inlined.count = SWISD_INLINE_BYTES_MAX + 1;
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  assert_int_equal(swisd_wire_size(&sent), 0);
  swisd_golden_message(SWISD_MESSAGE_CANCEL, &sent);
  sent.u.cancel.key.step = SWISD_STEPS_MAX;
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  swisd_golden_message(SWISD_MESSAGE_CANCEL, &sent);
  sent.u.cancel.key.hi = sent.u.cancel.key.lo - 1;
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  swisd_golden_message(SWISD_MESSAGE_JOB_CLOSE, &sent);
  sent.u.job_close.job.submitter = (struct swisd_id){0, 0};
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  swisd_golden_message(SWISD_MESSAGE_PING_REQ, &sent);
  sent.u.ping_req.address.family = 5;
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  swisd_golden_message(SWISD_MESSAGE_PING, &sent);
  sent.u.ping.rumours.list[0].incarnation++;
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_RANGE);
  sent.type = (enum swisd_message_type)99;
  assert_int_equal(swisd_wire_encode(&sent, bytes, sizeof bytes, &written), SWISD_WIRE_TYPE);
  assert_int_equal(swisd_wire_size(&sent), 0);
}

/* A field added to a struct and forgotten in its table would be lost in silence: so the sizes are pinned here. When one fails:
 * append the field to the table in message_fields.c, to random_message.c and to golden_message.c, then change the number. */
static void no_struct_has_grown_behind_the_back_of_its_table(void **state)
{
  (void)state;
  const struct {
    const char *name;
    size_t size, expected;
  } structs[] = {
    {"record", sizeof(struct swisd_record), 264},
    {"rumour", sizeof(struct swisd_rumour), 312},
    {"ping", sizeof(struct swisd_message_ping), 5024},
    {"ack", sizeof(struct swisd_message_ack), 5008},
    {"ping_req", sizeof(struct swisd_message_ping_req), 48},
    {"sync", sizeof(struct swisd_message_sync), 5000},
    {"model_shard", sizeof(struct swisd_model_shard), 32},
    {"model", sizeof(struct swisd_message_model), 2064},
    {"open_lane", sizeof(struct swisd_open_lane), 16},
    {"job_open", sizeof(struct swisd_message_job_open), 296},
    {"pull", sizeof(struct swisd_message_pull), 168},
    {"task_key", sizeof(struct swisd_task_key), 48},
    {"source", sizeof(struct swisd_source), 80},
    {"body", sizeof(struct swisd_body), 24},
    {"task", sizeof(struct swisd_message_task), 1376},
    {"result", sizeof(struct swisd_message_result), 168},
    {"nack", sizeof(struct swisd_message_nack), 144},
    {"body_free", sizeof(struct swisd_message_body_free), 800},
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
    cmocka_unit_test(a_random_message_of_each_type_comes_back_equal_in_every_field),
    cmocka_unit_test(the_size_is_what_the_encoder_writes_and_less_room_is_refused),
    cmocka_unit_test(the_bytes_of_each_type_are_the_golden_ones),
    cmocka_unit_test(equal_messages_have_equal_digests_whatever_lies_in_the_unused_rest),
    cmocka_unit_test(decoding_leaves_what_no_handler_reads_untouched),
    cmocka_unit_test(a_probe_nack_has_no_address_and_only_a_lost_input_names_a_source),
    cmocka_unit_test(a_rumour_adds_at_most_what_the_core_reckons),
    cmocka_unit_test(the_bound_of_a_rumour_holds_for_the_largest_one),
    cmocka_unit_test(a_ping_filled_up_by_the_bound_fits_a_datagram),
    cmocka_unit_test(the_largest_of_each_type_is_within_the_bound_and_datagram_types_within_a_datagram),
    cmocka_unit_test(what_is_outside_its_bounds_is_not_encoded),
    cmocka_unit_test(no_struct_has_grown_behind_the_back_of_its_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
