/* Blobs and their names: counted, bounded by a quota, harmless when stale. */
#include "runtime/net/bodies.h"

#include <string.h>

#include "tests/unit/cmocka_all.h"

static void a_body_lives_until_its_last_user_is_done(void **state)
{
  (void)state;
  struct swisd_bodies *pool = swisd_bodies_open(1000);
  struct swisd_blob *blob = swisd_blob_new(pool, 600);
  memset(blob->data, 7, 600);
  const struct swisd_body body = swisd_bodies_add(pool, blob);
  assert_true(body.handle != 0);
  assert_int_equal(body.bytes, 600);
  struct swisd_blob *kept = swisd_blob_keep(swisd_bodies_find(pool, body));
  assert_true(swisd_bodies_release(pool, body));
  assert_null(swisd_bodies_find(pool, body));
  assert_int_equal(kept->data[599], 7);
  assert_int_equal(swisd_bodies_status(pool).used_bytes, 600);
  swisd_blob_drop(kept);
  assert_int_equal(swisd_bodies_status(pool).used_bytes, 0);
  swisd_bodies_close(pool);
}

static void a_stale_name_finds_nothing_even_when_its_slot_is_taken_again(void **state)
{
  (void)state;
  struct swisd_bodies *pool = swisd_bodies_open(1000);
  const struct swisd_body first = swisd_bodies_add(pool, swisd_blob_new(pool, 10));
  assert_true(swisd_bodies_release(pool, first));
  const struct swisd_body second = swisd_bodies_add(pool, swisd_blob_new(pool, 10));
  assert_int_equal(first.handle, second.handle);
  assert_null(swisd_bodies_find(pool, first));
  assert_non_null(swisd_bodies_find(pool, second));
  assert_false(swisd_bodies_release(pool, first));
  assert_non_null(swisd_bodies_find(pool, second));
  assert_null(swisd_bodies_find(pool, (struct swisd_body){.handle = 999, .generation = 1}));
  swisd_bodies_close(pool);
}

static void a_name_that_a_former_process_gave_out_finds_nothing(void **state)
{
  (void)state;
  struct swisd_bodies *former = swisd_bodies_open(1000), *pool = swisd_bodies_open(1000);
  const struct swisd_body theirs = swisd_bodies_add(former, swisd_blob_new(former, 10));
  const struct swisd_body ours = swisd_bodies_add(pool, swisd_blob_new(pool, 10));
  assert_int_equal(theirs.handle, ours.handle);
  assert_null(swisd_bodies_find(pool, theirs));
  swisd_bodies_close(former);
  swisd_bodies_close(pool);
}

static void the_quota_holds_and_refusals_are_counted(void **state)
{
  (void)state;
  struct swisd_bodies *pool = swisd_bodies_open(1000);
  struct swisd_blob *first = swisd_blob_new(pool, 700);
  assert_null(swisd_blob_new(pool, 301));
  assert_null(swisd_blob_new(pool, UINT64_MAX));
  struct swisd_blob *second = swisd_blob_new(pool, 300);
  assert_non_null(second);
  struct swisd_blob *empty = swisd_blob_new(pool, 0);
  assert_non_null(empty);
  assert_int_equal(swisd_bodies_status(pool).refused, 2);
  assert_int_equal(swisd_bodies_status(pool).peak_bytes, 1000);
  swisd_blob_drop(first);
  swisd_blob_drop(second);
  swisd_blob_drop(empty);
  swisd_bodies_close(pool);
}

static void a_slice_keeps_the_whole_alive_and_costs_nothing(void **state)
{
  (void)state;
  struct swisd_bodies *pool = swisd_bodies_open(100);
  struct swisd_blob *whole = swisd_blob_new(pool, 100);
  for (uint8_t i = 0; i < 100; i++)
    whole->data[i] = i;
  struct swisd_blob *slice = swisd_blob_slice(whole, 40, 20);
  struct swisd_blob *inner = swisd_blob_slice(slice, 5, 10);
  swisd_blob_drop(whole);
  swisd_blob_drop(slice);
  assert_int_equal(inner->data[0], 45);
  assert_int_equal(inner->bytes, 10);
  assert_int_equal(swisd_bodies_status(pool).used_bytes, 100);
  swisd_blob_drop(inner);
  assert_int_equal(swisd_bodies_status(pool).used_bytes, 0);
  swisd_bodies_close(pool);
}

static void a_closed_pool_waits_for_blobs_still_in_use(void **state)
{
  (void)state;
  struct swisd_bodies *pool = swisd_bodies_open(100);
  struct swisd_blob *blob = swisd_blob_new(pool, 50);
  struct swisd_blob *slice = swisd_blob_slice(blob, 0, 10);
  swisd_bodies_add(pool, blob);
  swisd_bodies_close(pool);
  slice->data[0] = 1; /* under the address sanitizer this is the test */
  swisd_blob_drop(slice);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_body_lives_until_its_last_user_is_done),
      cmocka_unit_test(a_stale_name_finds_nothing_even_when_its_slot_is_taken_again),
      cmocka_unit_test(a_name_that_a_former_process_gave_out_finds_nothing),
      cmocka_unit_test(the_quota_holds_and_refusals_are_counted),
      cmocka_unit_test(a_slice_keeps_the_whole_alive_and_costs_nothing),
      cmocka_unit_test(a_closed_pool_waits_for_blobs_still_in_use),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
