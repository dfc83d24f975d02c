/* The beacon's datagram: opened by who has the join key, by nobody else, and by nothing that is one bit off. */
#include "runtime/net/beacon.h"

#include <string.h>

#include "runtime/base/philox.h"
#include "runtime/net/socket_address.h"
#include "tests/unit/cmocka_all.h"

static const struct swisd_admission ours = {.count = 2,
                                            .keys = {"the new join key of these tests", "the old join key of these tests"}};
static const struct swisd_admission older = {.count = 1, .keys = {"the old join key of these tests"}};
static const struct swisd_admission others = {.count = 1, .keys = {"some other swarm's join key"}};
static const struct swisd_id id = {1, 2};
static const struct swisd_address address = {.family = SWISD_ADDRESS_IPV4, .bytes = {10, 0, 0, 7}, .port = 7117};

static bool reads(const struct swisd_admission *admission, const uint8_t *bytes, size_t count)
{
  struct swisd_id from;
  struct swisd_address at;
  return swisd_beacon_read(admission, bytes, count, &from, &at) && swisd_id_equal(from, id) && swisd_address_equal(&at, &address);
}

static void who_has_a_key_in_common_can_read_it_and_nobody_else(void **state)
{
  (void)state;
  uint8_t bytes[SWISD_BEACON_BYTES], again[SWISD_BEACON_BYTES];
  assert_int_equal(swisd_beacon_write(&ours, id, &address, bytes), 0);
  assert_true(reads(&ours, bytes, sizeof bytes));
  assert_false(reads(&older, bytes, sizeof bytes)); /* the first key seals */
  assert_false(reads(&others, bytes, sizeof bytes));
  assert_int_equal(swisd_beacon_write(&older, id, &address, again), 0);
  assert_true(reads(&ours, again, sizeof again)); /* keys are being changed */
  assert_int_equal(swisd_beacon_write(&ours, id, &address, again), 0);
  assert_memory_not_equal(bytes + 8, again + 8, sizeof bytes - 8); /* who listens cannot tell that it is the same node */
}

static void one_wrong_bit_or_byte_more_or_less_makes_it_nothing(void **state)
{
  (void)state;
  uint8_t bytes[SWISD_BEACON_BYTES + 1] = {0};
  assert_int_equal(swisd_beacon_write(&ours, id, &address, bytes), 0);
  for (size_t bit = 0; bit < 8 * SWISD_BEACON_BYTES; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(reads(&ours, bytes, SWISD_BEACON_BYTES));
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (size_t count = 0; count < SWISD_BEACON_BYTES; count++)
    assert_false(reads(&ours, bytes, count));
  assert_false(reads(&ours, bytes, SWISD_BEACON_BYTES + 1));
  assert_true(reads(&ours, bytes, SWISD_BEACON_BYTES));
}

static void an_address_that_none_can_have_is_refused(void **state)
{
  (void)state;
  uint8_t bytes[SWISD_BEACON_BYTES];
  struct swisd_id from;
  struct swisd_address at, none = {.family = SWISD_ADDRESS_NONE, .port = 7};
  assert_int_equal(swisd_beacon_write(&ours, id, &none, bytes), 0);
  assert_true(swisd_beacon_read(&ours, bytes, sizeof bytes, &from, &at)); /* where it comes from, with this port */
  assert_int_equal(at.port, 7);
  none.port = 0;
  assert_int_equal(swisd_beacon_write(&ours, id, &none, bytes), 0);
  assert_false(swisd_beacon_read(&ours, bytes, sizeof bytes, &from, &at));
  none = (struct swisd_address){.family = SWISD_ADDRESS_INDEX, .port = 7};
  assert_int_equal(swisd_beacon_write(&ours, id, &none, bytes), 0);
  assert_false(swisd_beacon_read(&ours, bytes, sizeof bytes, &from, &at));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(who_has_a_key_in_common_can_read_it_and_nobody_else),
    cmocka_unit_test(one_wrong_bit_or_byte_more_or_less_makes_it_nothing),
    cmocka_unit_test(an_address_that_none_can_have_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
