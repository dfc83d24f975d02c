/* Frames on a stream and envelopes of datagrams. */
#include <string.h>

#include "runtime/base/philox.h"
#include "runtime/core/message.h"
#include "runtime/wire/frame.h"
#include "tests/unit/cmocka_all.h"
#include "tests/wire/golden_message.h"
#include "tests/wire/wire_guard.h"

enum { HEAD = SWISD_FRAME_HEAD_BYTES };

static uint8_t bytes[2 * SWISD_FRAME_BYTES_MAX];

static int parse(size_t count, struct swisd_frame *out, size_t *used)
{
  return swisd_frame_parse(swisd_guard_copy(bytes, count), count, out, used);
}

/* One of each kind, with the bytes it must always have before its data. */
static const struct {
  struct swisd_frame frame;
  const char *hex;
} golden[] = {
  {{.kind = SWISD_FRAME_HELLO, .data_count = 3}, "01 00 00000000 00000003"},
  {{.kind = SWISD_FRAME_PROOF, .data_count = 32}, "02 00 00000000 00000020"},
  {{.kind = SWISD_FRAME_MESSAGE, .data_count = 65536}, "03 00 00000000 00010000"},
  {{.kind = SWISD_FRAME_MESSAGE_BODY, .channel = 7, .u.body = {131072, 0x0102030405060708}, .data_count = 5},
   "04 00 00000007 00000015 0000000000020000 0102030405060708"},
  {{.kind = SWISD_FRAME_BODY_DATA, .channel = 7, .data_count = 262144}, "05 00 00000007 00040000"},
  {{.kind = SWISD_FRAME_BODY_DATA, .flags = SWISD_FRAME_ABORT, .channel = 0xfffffffe}, "05 01 fffffffe 00000000"},
  {{.kind = SWISD_FRAME_FETCH_SHARD, .channel = 9, .u.fetch_shard = {1, 2, 3, 4}},
   "06 00 00000009 00000020 0000000000000001 0000000000000002 0000000000000003 0000000000000004"},
  {{.kind = SWISD_FRAME_FETCH_BODY, .channel = 9, .u.fetch_body = {1, 2, 3, 4}},
   "07 00 00000009 00000018 00000001 00000002 0000000000000003 0000000000000004"},
  {{.kind = SWISD_FRAME_FETCH_MANIFEST, .channel = 9, .u.fetch_manifest = {5}}, "08 00 00000009 00000008 0000000000000005"},
  {{.kind = SWISD_FRAME_FETCH_REPLY, .channel = 9, .u.fetch_reply = {SWISD_ERROR_NOT_FOUND, 6, 7}},
   "09 00 00000009 00000014 fffffffe 0000000000000006 0000000000000007"},
  {{.kind = SWISD_FRAME_FETCH_DATA, .channel = 9, .data_count = 1}, "0a 00 00000009 00000001"},
  {{.kind = SWISD_FRAME_FETCH_CANCEL, .channel = 9}, "0b 00 00000009 00000000"},
  {{.kind = SWISD_FRAME_GRANT, .u.grant = {1048576}}, "0c 00 00000000 00000008 0000000000100000"},
  {{.kind = SWISD_FRAME_PING, .flags = SWISD_FRAME_REPLY, .channel = 3}, "0d 01 00000003 00000000"},
};
enum { GOLDEN = sizeof golden / sizeof golden[0] };

static void each_frame_is_written_as_documented_and_read_back(void **state)
{
  (void)state;
  for (size_t i = 0; i < GOLDEN; i++) {
    uint8_t expected[HEAD + SWISD_FRAME_FIXED_BYTES_MAX];
    struct swisd_frame got;
    size_t used = 0;
    memset(&got, 0, sizeof got);
    memset(bytes, 0xdd, sizeof bytes);
    const size_t head = swisd_frame_write(&golden[i].frame, bytes);
    assert_int_equal(head, swisd_hex(golden[i].hex, expected, sizeof expected));
    assert_memory_equal(bytes, expected, head);
    const size_t count = head + golden[i].frame.data_count;
    assert_int_equal(parse(count, &got, &used), SWISD_WIRE_OK);
    assert_int_equal(used, count);
    assert_int_equal(got.kind, golden[i].frame.kind);
    assert_int_equal(got.flags, golden[i].frame.flags);
    assert_int_equal(got.channel, golden[i].frame.channel);
    assert_int_equal(got.data_count, golden[i].frame.data_count);
    assert_memory_equal(&got.u, &golden[i].frame.u, sizeof got.u);
    assert_true((got.data == NULL) == (got.data_count == 0));
    for (uint32_t j = 0; j < got.data_count; j++)
      assert_int_equal(got.data[j], 0xdd);
  }
}

static void a_frame_that_is_not_all_there_says_how_much_it_needs(void **state)
{
  (void)state;
  for (size_t i = 0; i < GOLDEN; i++) {
    const size_t head = swisd_frame_write(&golden[i].frame, bytes), count = head + golden[i].frame.data_count;
    for (size_t cut = 0; cut < count; cut += cut < 64 ? 1 : 4001) {
      struct swisd_frame got;
      size_t used = 0;
      memset(&got, 0xa5, sizeof got);
      assert_int_equal(parse(cut, &got, &used), SWISD_WIRE_MORE);
      assert_int_equal(used, cut < HEAD ? HEAD : count);
      if (cut >= HEAD) {
        assert_int_equal(got.kind, golden[i].frame.kind);
        assert_int_equal(got.channel, golden[i].frame.channel);
        assert_int_equal(got.data_count, golden[i].frame.data_count);
        assert_null(got.data);
      }
    }
  }
}

static void a_frame_too_long_for_its_kind_is_refused_by_its_head_alone(void **state)
{
  (void)state;
  for (size_t i = 0; i < GOLDEN; i++) {
    struct swisd_frame got;
    size_t used;
    swisd_frame_write(&golden[i].frame, bytes);
    memset(bytes + 6, 0xff, 4);
    assert_int_equal(parse(HEAD, &got, &used), SWISD_WIRE_OVERSIZED);
    memcpy(bytes + 6, "\x00\x04\x00\x21", 4); /* one byte past the longest of all */
    assert_int_equal(parse(HEAD, &got, &used), SWISD_WIRE_OVERSIZED);
  }
}

static void a_frame_shorter_than_its_fixed_fields_is_refused(void **state)
{
  (void)state;
  for (size_t i = 0; i < GOLDEN; i++) {
    struct swisd_frame got;
    size_t used;
    const size_t fixed = swisd_frame_write(&golden[i].frame, bytes) - HEAD;
    memset(bytes + 6, 0, 4);
    for (size_t length = 0; length < fixed; length++) {
      bytes[9] = (uint8_t)length;
      assert_int_equal(parse(HEAD + length, &got, &used), SWISD_WIRE_TRUNCATED);
    }
  }
}

static void a_frame_with_data_beyond_its_bound_is_not_written(void **state)
{
  (void)state;
  static const struct {
    uint8_t kind;
    uint32_t most;
  } bounds[] = {
    {SWISD_FRAME_HELLO, 1024},         {SWISD_FRAME_PROOF, 64},         {SWISD_FRAME_MESSAGE, 65536},
    {SWISD_FRAME_MESSAGE_BODY, 65536}, {SWISD_FRAME_BODY_DATA, 262144}, {SWISD_FRAME_FETCH_DATA, 262144},
    {SWISD_FRAME_FETCH_SHARD, 0},      {SWISD_FRAME_PING, 0},
  };
  for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
    struct swisd_frame frame = {.kind = bounds[i].kind, .data_count = bounds[i].most};
    assert_true(swisd_frame_write(&frame, bytes) >= HEAD);
    frame.data_count++;
    assert_int_equal(swisd_frame_write(&frame, bytes), 0);
  }
  struct swisd_frame unknown = {.kind = 0};
  assert_int_equal(swisd_frame_write(&unknown, bytes), 0);
  unknown.kind = SWISD_FRAME_KIND_COUNT;
  assert_int_equal(swisd_frame_write(&unknown, bytes), 0);
}

static void a_frame_of_a_later_version_is_stepped_over(void **state)
{
  (void)state;
  struct swisd_frame got;
  size_t used = 0, count = swisd_hex("c8 ff 00000001 00000005 0102030405 0d 00 00000003 00000000", bytes, sizeof bytes);
  assert_int_equal(parse(12, &got, &used), SWISD_WIRE_MORE);
  assert_int_equal(parse(count, &got, &used), SWISD_WIRE_SKIP);
  assert_int_equal(used, 15);
  assert_int_equal(got.kind, 0xc8);
  assert_int_equal(swisd_frame_parse(bytes + used, count - used, &got, &used), SWISD_WIRE_OK);
  assert_int_equal(got.kind, SWISD_FRAME_PING);
  swisd_hex("c8 ff 00000001 00010001", bytes, sizeof bytes);
  assert_int_equal(parse(HEAD, &got, &used), SWISD_WIRE_OVERSIZED);
}

static void a_reply_with_a_status_that_does_not_exist_is_refused(void **state)
{
  (void)state;
  struct swisd_frame frame = {.kind = SWISD_FRAME_FETCH_REPLY}, got;
  size_t used;
  for (int32_t status = -20; status < 5; status++) {
    frame.u.fetch_reply.status = status;
    const size_t count = swisd_frame_write(&frame, bytes);
    const bool exists = status <= SWISD_OK && status >= SWISD_ERROR_STALE;
    assert_int_equal(parse(count, &got, &used), exists ? SWISD_WIRE_OK : SWISD_WIRE_RANGE);
  }
}

static void a_stream_cut_into_random_pieces_gives_the_same_frames(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(31, 0, 0, 0);
  enum { FRAMES = 300 };
  static uint8_t stream[FRAMES * 128];
  uint8_t kinds[FRAMES];
  size_t length = 0, at = 0, arrived = 0;
  for (int i = 0; i < FRAMES; i++) {
    struct swisd_frame frame = golden[swisd_philox_below(&random, GOLDEN)].frame;
    if (frame.data_count > 64)
      frame.data_count = swisd_philox_below(&random, 65);
    kinds[i] = frame.kind;
    length += swisd_frame_write(&frame, stream + length);
    for (uint32_t j = 0; j < frame.data_count; j++)
      stream[length++] = (uint8_t)swisd_philox_u32(&random);
  }
  int frames = 0;
  while (at < length) {
    struct swisd_frame got;
    size_t used = 0;
    const int status = swisd_frame_parse(swisd_guard_copy(stream + at, arrived - at), arrived - at, &got, &used);
    if (status == SWISD_WIRE_MORE) {
      assert_true(arrived < length);
      arrived += 1 + swisd_philox_below(&random, 40);
      arrived = arrived < length ? arrived : length;
      continue;
    }
    assert_int_equal(status, SWISD_WIRE_OK);
    assert_int_equal(got.kind, kinds[frames++]);
    at += used;
  }
  assert_int_equal(frames, FRAMES);
}

/* ---- datagrams ---- */

static size_t datagram(size_t message_count)
{
  const struct swisd_datagram head = {
    .version = SWISD_PROTOCOL_VERSION, .sender = {0x0102030405060708, 0x1112131415161718}, .counter = UINT64_C(3) << 32 | 9};
  memset(bytes, 0xee, sizeof bytes);
  swisd_datagram_write(&head, bytes);
  return SWISD_DATAGRAM_HEAD_BYTES + message_count + SWISD_DATAGRAM_TAG_BYTES;
}

static int parse_datagram(size_t count, struct swisd_datagram *out)
{
  return swisd_datagram_parse(swisd_guard_copy(bytes, count), count, out);
}

static void a_datagram_is_written_as_documented_and_read_back(void **state)
{
  (void)state;
  uint8_t expected[SWISD_DATAGRAM_HEAD_BYTES];
  struct swisd_datagram got;
  const size_t count = datagram(100);
  swisd_hex("5377 01 00 0102030405060708 1112131415161718 0000000300000009", expected, sizeof expected);
  assert_memory_equal(bytes, expected, sizeof expected);
  assert_int_equal(swisd_datagram_parse(bytes, count, &got), SWISD_WIRE_OK);
  assert_int_equal(got.version, SWISD_PROTOCOL_VERSION);
  assert_true(got.sender.hi == 0x0102030405060708 && got.sender.lo == 0x1112131415161718);
  assert_true(got.counter == (UINT64_C(3) << 32 | 9));
  assert_ptr_equal(got.message, bytes + SWISD_DATAGRAM_HEAD_BYTES);
  assert_int_equal(got.message_count, 100);
  assert_ptr_equal(got.tag, bytes + SWISD_DATAGRAM_HEAD_BYTES + 100);
}

static void a_datagram_of_the_wrong_size_magic_version_or_sender_is_refused_by_name(void **state)
{
  (void)state;
  struct swisd_datagram got;
  size_t count = datagram(1);
  assert_int_equal(parse_datagram(count, &got), SWISD_WIRE_OK);
  for (size_t cut = 0; cut < count; cut++)
    assert_int_equal(parse_datagram(cut, &got), SWISD_WIRE_TRUNCATED);
  count = datagram(SWISD_DATAGRAM_MESSAGE_BYTES_MAX);
  assert_int_equal(count, SWISD_DATAGRAM_BYTES_MAX);
  assert_int_equal(parse_datagram(count, &got), SWISD_WIRE_OK);
  assert_int_equal(parse_datagram(count + 1, &got), SWISD_WIRE_OVERSIZED);
  bytes[1] = 'W';
  assert_int_equal(parse_datagram(count, &got), SWISD_WIRE_FOREIGN);
  datagram(1);
  bytes[2] = 0;
  assert_int_equal(parse_datagram(count, &got), SWISD_WIRE_VERSION);
  bytes[2] = SWISD_PROTOCOL_VERSION + 1;
  assert_int_equal(parse_datagram(count, &got), SWISD_WIRE_VERSION);
  datagram(1);
  memset(bytes + 4, 0, 16);
  assert_int_equal(parse_datagram(count, &got), SWISD_WIRE_RANGE);
}

static void random_bytes_are_neither_frame_nor_datagram_nor_a_crash(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(32, 0, 0, 0);
  unsigned whole = 0;
  for (unsigned round = 0; round < 200000; round++) {
    const size_t count = swisd_philox_below(&random, 80);
    for (size_t i = 0; i < count; i++)
      bytes[i] = (uint8_t)swisd_philox_u32(&random);
    if (round % 2 != 0 && count >= HEAD) {
      bytes[0] = (uint8_t)swisd_philox_below(&random, SWISD_FRAME_KIND_COUNT + 1);
      memset(bytes + 6, 0, 3);
    }
    struct swisd_frame frame;
    struct swisd_datagram got;
    size_t used = 0;
    const int status = parse(count, &frame, &used);
    if (status == SWISD_WIRE_OK || status == SWISD_WIRE_SKIP) {
      assert_true(used <= count && used >= HEAD);
      whole++;
    }
    if (status == SWISD_WIRE_MORE)
      assert_true(used > count && used <= SWISD_FRAME_BYTES_MAX);
    (void)parse_datagram(count, &got);
  }
  assert_true(whole > 1000);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_frame_is_written_as_documented_and_read_back),
    cmocka_unit_test(a_frame_that_is_not_all_there_says_how_much_it_needs),
    cmocka_unit_test(a_frame_too_long_for_its_kind_is_refused_by_its_head_alone),
    cmocka_unit_test(a_frame_shorter_than_its_fixed_fields_is_refused),
    cmocka_unit_test(a_frame_with_data_beyond_its_bound_is_not_written),
    cmocka_unit_test(a_frame_of_a_later_version_is_stepped_over),
    cmocka_unit_test(a_reply_with_a_status_that_does_not_exist_is_refused),
    cmocka_unit_test(a_stream_cut_into_random_pieces_gives_the_same_frames),
    cmocka_unit_test(a_datagram_is_written_as_documented_and_read_back),
    cmocka_unit_test(a_datagram_of_the_wrong_size_magic_version_or_sender_is_refused_by_name),
    cmocka_unit_test(random_bytes_are_neither_frame_nor_datagram_nor_a_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
