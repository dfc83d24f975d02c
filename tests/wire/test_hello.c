/* HELLO: who is there, and which version both speak. */
#include <string.h>

#include "runtime/wire/frame.h"
#include "runtime/wire/hello.h"
#include "tests/unit/cmocka_all.h"
#include "tests/wire/golden_message.h"
#include "tests/wire/random_message.h"
#include "tests/wire/wire_guard.h"

static uint8_t bytes[SWISD_FRAME_HELLO_BYTES_MAX];

static void random_fill(struct swisd_philox *random, struct swisd_hello *hello)
{
  memset(hello, 0, sizeof *hello);
  hello->version_min = 1 + (uint32_t)swisd_random_number(random, 8);
  hello->version_max = hello->version_min + (uint32_t)swisd_random_number(random, 16);
  hello->features = swisd_random_number(random, 64);
  hello->id = swisd_random_id(random);
  hello->incarnation = (uint32_t)swisd_random_number(random, 32);
  hello->address_count = swisd_random_count(random, SWISD_ADDRESSES_MAX);
  for (unsigned i = 0; i < hello->address_count; i++)
    hello->addresses[i] = swisd_random_address(random);
}

static void a_hello_comes_back_equal_and_is_truncated_at_every_cut(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(41, 0, 0, 0);
  for (unsigned round = 0; round < 2000; round++) {
    struct swisd_hello sent, got;
    size_t count = 0;
    random_fill(&random, &sent);
    memset(&got, 0, sizeof got);
    assert_int_equal(swisd_hello_encode(&sent, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
    assert_int_equal(swisd_hello_decode(swisd_guard_copy(bytes, count), count, &got), SWISD_WIRE_OK);
    assert_memory_equal(&sent, &got, sizeof sent);
    for (size_t cut = 0; cut < count; cut++)
      assert_int_equal(swisd_hello_decode(swisd_guard_copy(bytes, cut), cut, &got), SWISD_WIRE_TRUNCATED);
    assert_int_equal(swisd_hello_encode(&sent, bytes, count - 1, &count), SWISD_WIRE_SPACE);
  }
}

static void the_bytes_of_a_hello_are_the_golden_ones(void **state)
{
  (void)state;
  struct swisd_hello hello = swisd_hello_default();
  uint8_t expected[64];
  size_t count = 0;
  hello.id = (struct swisd_id){0x0102030405060708, 0x1112131415161718};
  hello.features = SWISD_HELLO_DATAGRAMS;
  hello.incarnation = 3;
  hello.address_count = 1;
  hello.addresses[0] = (struct swisd_address){.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}, .port = 7400};
  assert_int_equal(swisd_hello_encode(&hello, bytes, sizeof bytes, &count), SWISD_WIRE_OK);
  assert_int_equal(count, swisd_hex("96 01 01 01 c410 0102030405060708 1112131415161718 03 91 c70604 7f000001 1ce8",
                                    expected, sizeof expected));
  assert_memory_equal(bytes, expected, count);
}

static void a_hello_of_a_later_version_is_understood_as_far_as_it_goes(void **state)
{
  (void)state;
  struct swisd_hello got;
  const size_t count = swisd_hex("98 01 09 cf8000000000000001 c410 0102030405060708 1112131415161718 03 90 "
                                 "81a16101 cb3fe0000000000000",
                                 bytes, sizeof bytes);
  assert_int_equal(swisd_hello_decode(bytes, count, &got), SWISD_WIRE_OK);
  assert_int_equal(got.version_max, 9);
  assert_true(got.features == 0x8000000000000001);
}

static void a_hello_that_cannot_be_is_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    const char *hex;
    int status;
  } cases[] = {
    {"96 01 01 00 c410 0102030405060708 1112131415161718 03 90", SWISD_WIRE_OK},
    {"96 00 01 00 c410 0102030405060708 1112131415161718 03 90", SWISD_WIRE_RANGE},                 /* version 0 */
    {"96 cf0000000100000001 01 00 c410 0102030405060708 1112131415161718 03 90", SWISD_WIRE_RANGE}, /* version 2^32 + 1 */
    {"96 02 01 00 c410 0102030405060708 1112131415161718 03 90", SWISD_WIRE_RANGE},                 /* from 2 to 1 */
    {"96 01 01 00 c0 03 90", SWISD_WIRE_RANGE},                                                     /* nobody */
    {"96 01 01 00 c410 0102030405060708 1112131415161718 03 95 c0c0c0c0c0", SWISD_WIRE_RANGE},      /* 5 addresses */
    {"95 01 01 00 c410 0102030405060708 1112131415161718 03", SWISD_WIRE_MALFORMED},
    {"96 01 01 00 c410 0102030405060708 1112131415161718 03 90 00", SWISD_WIRE_TRAILING},
    {"ddffffffff", SWISD_WIRE_TRUNCATED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct swisd_hello got;
    const size_t count = swisd_hex(cases[i].hex, bytes, sizeof bytes);
    assert_int_equal(swisd_hello_decode(swisd_guard_copy(bytes, count), count, &got), cases[i].status);
  }
}

static void the_highest_version_in_common_is_spoken(void **state)
{
  (void)state;
  static const struct {
    uint32_t our_min, our_max, their_min, their_max, version;
  } cases[] = {
    {1, 1, 1, 1, 1}, {1, 3, 2, 5, 3}, {2, 5, 1, 3, 3}, {1, 9, 4, 4, 4}, {1, 1, 2, 3, 0}, {4, 6, 1, 3, 0}, {3, 3, 3, 4, 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct swisd_hello ours = swisd_hello_default(), theirs = ours;
    uint32_t version = 0;
    ours.version_min = cases[i].our_min, ours.version_max = cases[i].our_max;
    theirs.version_min = cases[i].their_min, theirs.version_max = cases[i].their_max;
    const int expected = cases[i].version != 0 ? SWISD_WIRE_OK : SWISD_WIRE_VERSION;
    assert_int_equal(swisd_hello_negotiate(&ours, &theirs, &version), expected);
    assert_int_equal(version, cases[i].version);
  }
}

static void the_longest_hello_fits_its_frame(void **state)
{
  (void)state;
  struct swisd_hello hello;
  size_t count = 0;
  memset(&hello, 0xff, sizeof hello);
  hello.address_count = SWISD_ADDRESSES_MAX;
  for (unsigned i = 0; i < SWISD_ADDRESSES_MAX; i++)
    hello.addresses[i].family = SWISD_ADDRESS_IPV6;
  assert_int_equal(swisd_hello_encode(&hello, bytes, SWISD_FRAME_HELLO_BYTES_MAX, &count), SWISD_WIRE_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_hello_comes_back_equal_and_is_truncated_at_every_cut),
    cmocka_unit_test(the_bytes_of_a_hello_are_the_golden_ones),
    cmocka_unit_test(a_hello_of_a_later_version_is_understood_as_far_as_it_goes),
    cmocka_unit_test(a_hello_that_cannot_be_is_refused_by_name),
    cmocka_unit_test(the_highest_version_in_common_is_spoken),
    cmocka_unit_test(the_longest_hello_fits_its_frame),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
