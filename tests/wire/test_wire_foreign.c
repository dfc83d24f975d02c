/* Bytes from strangers: whatever they are, decoding reads only them, ends at once, and says what is wrong.
 * msgpack-c's own unpacker is the oracle: what we accept, it reads too, and reads the same. */
#include <msgpack.h>
#include <stdio.h>
#include <string.h>

#include "runtime/wire/message_fields.h"
#include "runtime/wire/wire.h"
#include "tests/unit/cmocka_all.h"
#include "tests/wire/golden_message.h"
#include "tests/wire/random_message.h"
#include "tests/wire/wire_guard.h"

static struct swisd_message message, got;
static uint8_t bytes[SWISD_CONTROL_BYTES_MAX + 1], again[SWISD_WIRE_BYTES_MAX];

static int decode(size_t count) { return swisd_wire_decode(swisd_guard_copy(bytes, count), count, &got); }

static size_t encode(const struct swisd_message *from)
{
  size_t count = 0;
  assert_int_equal(swisd_wire_encode(from, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
  return count;
}

/* ---- the oracle ---- */

/* Whether `ours` (our encoding of what was decoded) says the same as `theirs` (what was decoded), but for fields that we do
 * not know and therefore leave out at the end of arrays. */
static bool agrees(const msgpack_object *theirs, const msgpack_object *ours)
{
  if (theirs->type != ours->type)
    return false;
  switch (ours->type) {
  case MSGPACK_OBJECT_NIL:
    return true;
  case MSGPACK_OBJECT_BOOLEAN:
    return theirs->via.boolean == ours->via.boolean;
  case MSGPACK_OBJECT_POSITIVE_INTEGER:
    return theirs->via.u64 == ours->via.u64;
  case MSGPACK_OBJECT_BIN:
    return theirs->via.bin.size == ours->via.bin.size && memcmp(theirs->via.bin.ptr, ours->via.bin.ptr, ours->via.bin.size) == 0;
  case MSGPACK_OBJECT_EXT:
    return theirs->via.ext.type == ours->via.ext.type && theirs->via.ext.size == ours->via.ext.size &&
           memcmp(theirs->via.ext.ptr, ours->via.ext.ptr, ours->via.ext.size) == 0;
  case MSGPACK_OBJECT_ARRAY:
    if (theirs->via.array.size < ours->via.array.size)
      return false;
    for (uint32_t i = 0; i < ours->via.array.size; i++)
      if (!agrees(&theirs->via.array.ptr[i], &ours->via.array.ptr[i]))
        return false;
    return true;
  default:
    return false;
  }
}

static void unpack(msgpack_unpacked *into, const uint8_t *from, size_t count)
{
  size_t offset = 0;
  msgpack_unpacked_init(into);
  assert_int_equal(msgpack_unpack_next(into, (const char *)from, count, &offset), MSGPACK_UNPACK_SUCCESS);
  assert_int_equal(offset, count);
}

/* `got` was decoded from the first `count` of `bytes`. */
static void check_against_oracle(size_t count)
{
  size_t written;
  msgpack_unpacked theirs, ours;
  unpack(&theirs, bytes, count);
  assert_int_equal(swisd_wire_encode(&got, again, sizeof again, &written), SWISD_WIRE_OK);
  unpack(&ours, again, written);
  if (!agrees(&theirs.data, &ours.data))
    fail_msg("%s was read differently", swisd_message_type_name((int)got.type));
  msgpack_unpacked_destroy(&theirs);
  msgpack_unpacked_destroy(&ours);
}

/* ---- damaged and random bytes ---- */

static void a_message_cut_at_any_length_is_truncated(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(21, 0, 0, 0);
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++)
    for (unsigned round = 0; round < 20; round++) {
      if (round == 0)
        swisd_golden_message(swisd_message_types[t], &message);
      else
        swisd_random_message(&random, swisd_message_types[t], &message);
      const size_t count = encode(&message);
      for (size_t cut = 0; cut < count; cut++)
        if (decode(cut) != SWISD_WIRE_TRUNCATED)
          fail_msg("%s cut at %zu of %zu", swisd_message_type_name((int)message.type), cut, count);
    }
}

static void bytes_behind_the_end_are_refused(void **state)
{
  (void)state;
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    swisd_golden_message(swisd_message_types[t], &message);
    const size_t count = encode(&message);
    bytes[count] = 0xc0;
    assert_int_equal(decode(count + 1), SWISD_WIRE_TRAILING);
  }
}

static void more_bytes_than_a_control_frame_are_oversized(void **state)
{
  (void)state;
  memset(bytes, 0, sizeof bytes);
  assert_int_equal(swisd_wire_decode(bytes, SWISD_CONTROL_BYTES_MAX + 1, &got), SWISD_WIRE_OVERSIZED);
}

static void promises_of_gigabytes_are_refused_at_once(void **state)
{
  (void)state;
  static const char *const bombs[] = {
    "ddffffffff",
    "dd0fffffff",
    "dcffff",
    "9f",
    "dfffffffff",
    "c6ffffffff",
    "c9ffffffff05",
    "dbffffffff",
    "9205ddffffffff",           /* in place of a field */
    "9505 00 c0 90 ddffffffff", /* in a field that we do not know */
    "9505 00 c0 90 dfffffffff",
    "9505 00 c0 90 c6ffffffff",
    "9505 00 c0 90 9f9f9f9f9f9f9f9f9f",
  };
  for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
    const int status = decode(swisd_hex(bombs[i], bytes, sizeof bytes));
    if (status != SWISD_WIRE_TRUNCATED && status != SWISD_WIRE_MALFORMED)
      fail_msg("%s: %s", bombs[i], swisd_wire_status_name(status));
  }
  /* Nesting as deep as a frame allows, in an unknown field: no recursion, so no stack to exhaust. */
  const size_t head = swisd_hex("9505 00 c0 90", bytes, sizeof bytes);
  memset(bytes + head, 0x91, SWISD_CONTROL_BYTES_MAX - head);
  bytes[SWISD_CONTROL_BYTES_MAX - 1] = 0xc0;
  assert_int_equal(decode(SWISD_CONTROL_BYTES_MAX), SWISD_WIRE_OK);
  bytes[SWISD_CONTROL_BYTES_MAX - 1] = 0x91;
  assert_int_equal(decode(SWISD_CONTROL_BYTES_MAX), SWISD_WIRE_TRUNCATED);
}

static void random_bytes_never_crash_and_hardly_ever_mean_anything(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(22, 0, 0, 0);
  unsigned seen[SWISD_WIRE_STATUS_COUNT] = {0};
  for (unsigned round = 0; round < 200000; round++) {
    const size_t count = swisd_philox_below(&random, 64);
    for (size_t i = 0; i < count; i++)
      bytes[i] = (uint8_t)swisd_philox_u32(&random);
    if (count > 2 && round % 2 != 0) { /* half of them get past the type */
      bytes[0] = (uint8_t)(0x90 | swisd_philox_below(&random, 16));
      bytes[1] = (uint8_t)swisd_message_types[swisd_philox_below(&random, SWISD_MESSAGE_TYPES)];
    }
    const int status = decode(count);
    if (status == SWISD_WIRE_OK)
      check_against_oracle(count);
    seen[-status]++;
  }
  assert_true(seen[-SWISD_WIRE_MALFORMED] > 0 && seen[-SWISD_WIRE_TRUNCATED] > 0 && seen[-SWISD_WIRE_RANGE] > 0);
}

static void mutated_messages_are_refused_or_read_as_the_oracle_reads_them(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(23, 0, 0, 0);
  unsigned accepted = 0;
  for (unsigned round = 0; round < 200000; round++) {
    if (round % 8 == 0)
      swisd_random_message(&random, swisd_message_types[swisd_philox_below(&random, SWISD_MESSAGE_TYPES)], &message);
    size_t count = encode(&message);
    const unsigned edits = 1 + swisd_philox_below(&random, 3);
    for (unsigned i = 0; i < edits; i++) {
      const size_t at = swisd_philox_below(&random, (uint32_t)count);
      switch (swisd_philox_below(&random, 3)) {
      case 0:
        bytes[at] ^= (uint8_t)(1u << swisd_philox_below(&random, 8));
        break;
      case 1:
        bytes[at] = (uint8_t)swisd_philox_u32(&random);
        break;
      default: /* a byte is lost */
        memmove(bytes + at, bytes + at + 1, count - at - 1);
        count -= count > 1;
      }
    }
    if (decode(count) == SWISD_WIRE_OK) {
      accepted++;
      check_against_oracle(count);
    }
  }
  assert_true(accepted > 10000);
}

/* ---- what later versions may do ---- */

static void pack_novelty(msgpack_packer *packer, uint32_t which)
{
  switch (which % 7) {
  case 0:
    msgpack_pack_double(packer, 0.5);
    break;
  case 1:
    msgpack_pack_str(packer, 5), msgpack_pack_str_body(packer, "later", 5);
    break;
  case 2: /* {-7: [nil]} */
    msgpack_pack_map(packer, 1), msgpack_pack_int(packer, -7), msgpack_pack_array(packer, 1), msgpack_pack_nil(packer);
    break;
  case 3:
    msgpack_pack_ext(packer, 3, 99), msgpack_pack_ext_body(packer, "abc", 3);
    break;
  case 4:
    msgpack_pack_bin(packer, 300), msgpack_pack_bin_body(packer, bytes, 300);
    break;
  case 5:
    msgpack_pack_float(packer, 1.5f);
    break;
  default:
    msgpack_pack_array(packer, 2), msgpack_pack_array(packer, 0), msgpack_pack_true(packer);
    break;
  }
}

/* Packs `object`, the array of a struct, again, with one to three values more in it and in each struct inside. */
static void pack_extended(msgpack_packer *packer, const msgpack_object *object, uint32_t first, const struct swisd_fields *fields,
                          const uint8_t *base, struct swisd_philox *random)
{
  const uint32_t more = 1 + swisd_philox_below(random, 3);
  const msgpack_object *value = object->via.array.ptr;
  msgpack_pack_array(packer, object->via.array.size + more);
  for (uint32_t i = 0; i < first; i++)
    msgpack_pack_object(packer, *value++);
  for (const struct swisd_field *field = fields->list; field < fields->list + fields->count; field++) {
    if (field->presence != SWISD_FIELD_ALWAYS && (base[field->selector] == field->value) != (field->presence == SWISD_FIELD_WHEN))
      continue;
    if (field->kind == SWISD_FIELD_STRUCT) {
      pack_extended(packer, value++, 0, field->of, base + field->offset, random);
    } else if (field->kind == SWISD_FIELD_LIST && !field->of->bare) {
      msgpack_pack_array(packer, value->via.array.size);
      for (uint32_t i = 0; i < value->via.array.size; i++)
        pack_extended(packer, &value->via.array.ptr[i], 0, field->of, base + field->offset + i * field->stride, random);
      value++;
    } else {
      msgpack_pack_object(packer, *value++);
      if (field->kind == SWISD_FIELD_SPAN)
        msgpack_pack_object(packer, *value++);
    }
  }
  for (uint32_t i = 0; i < more; i++)
    pack_novelty(packer, swisd_philox_u32(random));
}

static void fields_appended_by_a_later_version_are_ignored_at_every_level(void **state)
{
  (void)state;
  for (unsigned t = 0; t < SWISD_MESSAGE_TYPES; t++) {
    struct swisd_philox random = swisd_philox_stream(24, 0, t, 0);
    for (unsigned round = 0; round < 300; round++) {
      swisd_random_message(&random, swisd_message_types[t], &message);
      msgpack_unpacked plain;
      msgpack_sbuffer extended;
      const size_t count = encode(&message);
      unpack(&plain, bytes, count);
      msgpack_sbuffer_init(&extended);
      msgpack_packer packer;
      msgpack_packer_init(&packer, &extended, msgpack_sbuffer_write);
      pack_extended(&packer, &plain.data, 1, swisd_message_fields(message.type), (const uint8_t *)&message.u, &random);
      assert_true(extended.size > count && extended.size <= SWISD_CONTROL_BYTES_MAX);
      memcpy(bytes, extended.data, extended.size);
      memset(&got, 0, sizeof got);
      assert_int_equal(decode(extended.size), SWISD_WIRE_OK);
      assert_memory_equal(&message, &got, sizeof message);
      check_against_oracle(extended.size);
      for (size_t cut = 0; cut < extended.size; cut += 1 + round)
        assert_int_equal(decode(cut), SWISD_WIRE_TRUNCATED);
      msgpack_unpacked_destroy(&plain);
      msgpack_sbuffer_destroy(&extended);
    }
  }
}

static void numbers_of_any_width_and_signedness_are_the_same_number(void **state)
{
  (void)state;
  static const char *const wide[] = {"94 05 05 c0 90",
                                     "94 05 cc05 c0 90",
                                     "94 cd0005 cd0005 c0 dc0000",
                                     "dc0004 05 ce00000005 c0 90",
                                     "dd00000004 05 cf0000000000000005 c0 dd00000000",
                                     "94 d005 d005 c0 90",
                                     "94 05 d10005 c0 90",
                                     "94 05 d200000005 c0 90",
                                     "94 05 d30000000000000005 c0 90"};
  for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
    assert_int_equal(decode(swisd_hex(wide[i], bytes, sizeof bytes)), SWISD_WIRE_OK);
    assert_int_equal(got.type, SWISD_MESSAGE_GOSSIP);
    assert_int_equal(got.u.ping.sequence, 5);
    assert_int_equal(got.u.ping.rumours.count, 0);
  }
}

static void an_unknown_type_is_told_apart_from_damage(void **state)
{
  (void)state;
  static const char *const unknown[] = {"91 63", "92 00 c0", "92 09 01", "92 1c 01", "92 cdffff 01", "92 cfffffffffffffffff 01",
                                        "91 10"};
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
    assert_int_equal(decode(swisd_hex(unknown[i], bytes, sizeof bytes)), SWISD_WIRE_TYPE);
  assert_int_equal(decode(swisd_hex("90", bytes, sizeof bytes)), SWISD_WIRE_MALFORMED);
  assert_int_equal(decode(swisd_hex("81 05 00", bytes, sizeof bytes)), SWISD_WIRE_MALFORMED);
  assert_int_equal(decode(swisd_hex("05", bytes, sizeof bytes)), SWISD_WIRE_MALFORMED);
}

/* ---- what each field refuses ---- */

#define ID_A "c410 0102030405060708 1112131415161718"
#define NOBODY "c410 0000000000000000 0000000000000000"
#define JOB "92" ID_A "05"

#define BODY "94 00 00 00 00"
#define NINE "000000000000000000"
#define SIXTY_FOUR NINE NINE NINE NINE NINE NINE NINE "00"

static const struct {
  const char *what, *hex;
  int status;
} cases[] = {
  {"a gossip as it should be", "94 05 00 c0 90", SWISD_WIRE_OK},
  {"a float for a number", "94 05 ca3f800000 c0 90", SWISD_WIRE_MALFORMED},
  {"a NaN for a number", "94 05 cb7ff8000000000000 c0 90", SWISD_WIRE_MALFORMED},
  {"a string for a number", "94 05 a135 c0 90", SWISD_WIRE_MALFORMED},
  {"a bool for a number", "94 05 c3 c0 90", SWISD_WIRE_MALFORMED},
  {"a negative number", "94 05 ff c0 90", SWISD_WIRE_RANGE},
  {"a wide negative number", "94 05 d1ffff c0 90", SWISD_WIRE_RANGE},
  {"a number wider than its field", "94 05 cf0000000100000000 c0 90", SWISD_WIRE_RANGE},
  {"the byte that is never used", "94 05 c1 c0 90", SWISD_WIRE_MALFORMED},
  {"the same in an unknown field", "95 05 00 c0 90 c1", SWISD_WIRE_MALFORMED},
  {"a field too few", "93 05 00 c0", SWISD_WIRE_MALFORMED},
  {"a map for a list", "94 05 00 c0 80", SWISD_WIRE_MALFORMED},
  {"an id of 15 bytes", "94 05 00 c40f 010203040506070811121314151617 90", SWISD_WIRE_RANGE},
  {"an id as a string", "94 05 00 b0 01020304050607081112131415161718 90", SWISD_WIRE_MALFORMED},
  {"nobody spelled out", "94 05 00" NOBODY "90", SWISD_WIRE_RANGE},
  {"nobody where somebody must be", "93 04 07 c0", SWISD_WIRE_RANGE},
  {"a job of nobody", "92 1b 92 c0 05", SWISD_WIRE_RANGE},
  {"a job as it should be", "92 1b" JOB, SWISD_WIRE_OK},
  {"17 rumours", "94 05 00 c0 dc0011 c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0", SWISD_WIRE_RANGE},
  {"a rumour as it should be", "94 05 00 c0 91 94 01 c0" ID_A "02", SWISD_WIRE_OK},
  {"a member state of 4", "94 05 00 c0 91 94 04 c0" ID_A "02", SWISD_WIRE_RANGE},
  {"a suspect nobody", "94 05 00 c0 91 94 01 c0 c0 02", SWISD_WIRE_RANGE},
  {"a rumour that is alive without a record", "94 05 00 c0 91 94 00 c0" ID_A "02", SWISD_WIRE_MALFORMED},
  {"a bool that is a number", "94 07 01 c2 90", SWISD_WIRE_MALFORMED},
  {"a sync as it should be", "94 07 c3 c2 90", SWISD_WIRE_OK},
  {"an address as it should be", "94 03 07" ID_A "c70604 c0a80109 1ce8", SWISD_WIRE_OK},
  {"an address of 5 bytes", "94 03 07" ID_A "c70504 c0a80109 1c", SWISD_WIRE_RANGE},
  {"an address of family 5", "94 03 07" ID_A "c70605 c0a80109 1ce8", SWISD_WIRE_RANGE},
  {"an address of family -4", "94 03 07" ID_A "c706fc c0a80109 1ce8", SWISD_WIRE_RANGE},
  {"an address of family 0", "94 03 07" ID_A "c70200 1ce8", SWISD_WIRE_RANGE},
  {"an address as a bin", "94 03 07" ID_A "c406 c0a80109 1ce8", SWISD_WIRE_MALFORMED},
  {"a cancel as it should be", "93 19 97" JOB "0f 3f 01 00 05 02 c0", SWISD_WIRE_OK},
  {"a step of 16", "93 19 97" JOB "10 3f 01 00 05 02 c0", SWISD_WIRE_RANGE},
  {"a lane of 64", "93 19 97" JOB "0f 40 01 00 05 02 c0", SWISD_WIRE_RANGE},
  {"items past the last number", "93 19 97" JOB "0f 3f 01 00 cfffffffffffffffff 01 c0", SWISD_WIRE_RANGE},
  {"a model of no name", "94 08 00 01 90", SWISD_WIRE_RANGE},
  {"a shard of no name", "94 08 01 01 91 94 00 01 01 00", SWISD_WIRE_RANGE},
  {"a kernel of 3", "94 08 01 01 91 94 01 01 01 03", SWISD_WIRE_RANGE},
  {"a kernel of 2", "94 08 01 01 91 94 01 01 01 02", SWISD_WIRE_OK},
  {"a backlog of 65", "95 14" JOB "01 01 91 94 00 00 41 01", SWISD_WIRE_RANGE},
  {"a refusal without a reason", "95 18 97" JOB "00 00 00 00 00 00 00 00 00", SWISD_WIRE_RANGE},
  {"a refusal of reason 9", "95 18 97" JOB "00 00 00 00 00 00 09 00 00", SWISD_WIRE_RANGE},
  {"a refusal that it is busy", "95 18 97" JOB "00 00 00 00 00 00 01 00 00", SWISD_WIRE_OK},
  {"a lost input without a source", "95 18 97" JOB "00 00 00 00 00 00 03 00 00", SWISD_WIRE_MALFORMED},
  {"64 bytes inline", "98 17 97" JOB "00 00 00 00 00 00 00 00 00 00" BODY "c440" SIXTY_FOUR, SWISD_WIRE_OK},
  {"65 bytes inline", "98 17 97" JOB "00 00 00 00 00 00 00 00 00 00" BODY "c441" SIXTY_FOUR "00", SWISD_WIRE_RANGE},
  {"a record as it should be", "92 06 99" ID_A "00 00 00 00 93 00 00 00 90 91 07 c401 02", SWISD_WIRE_OK},
  {"flags for 2 of 1 holding", "92 06 99" ID_A "00 00 00 00 93 00 00 00 90 91 07 c402 0202", SWISD_WIRE_RANGE},
  {"5 addresses", "92 06 99" ID_A "00 00 00 00 93 00 00 00 95 c0c0c0c0c0 90 c400", SWISD_WIRE_RANGE},
  {"rates of two kernel classes", "92 06 99" ID_A "00 00 00 00 92 00 00 90 90 c400", SWISD_WIRE_MALFORMED},
};

static void a_value_outside_its_bounds_is_named(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const size_t count = swisd_hex(cases[i].hex, bytes, sizeof bytes);
    const int status = decode(count);
    if (status != cases[i].status)
      fail_msg("%s: %s, not %s", cases[i].what, swisd_wire_status_name(status), swisd_wire_status_name(cases[i].status));
    if (status == SWISD_WIRE_OK)
      check_against_oracle(count);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_message_cut_at_any_length_is_truncated),
    cmocka_unit_test(bytes_behind_the_end_are_refused),
    cmocka_unit_test(more_bytes_than_a_control_frame_are_oversized),
    cmocka_unit_test(promises_of_gigabytes_are_refused_at_once),
    cmocka_unit_test(random_bytes_never_crash_and_hardly_ever_mean_anything),
    cmocka_unit_test(mutated_messages_are_refused_or_read_as_the_oracle_reads_them),
    cmocka_unit_test(fields_appended_by_a_later_version_are_ignored_at_every_level),
    cmocka_unit_test(numbers_of_any_width_and_signedness_are_the_same_number),
    cmocka_unit_test(an_unknown_type_is_told_apart_from_damage),
    cmocka_unit_test(a_value_outside_its_bounds_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
