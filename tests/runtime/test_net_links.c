/* Links between two nodes in one process, over loopback: what is said arrives once and whole, strangers and liars do no harm,
 * and the emulated link takes the time it should. */
#include <string.h>

#include "runtime/net/clock.h"
#include "tests/runtime/net_pair.h"

static void messages_and_bodies_arrive_in_order_and_whole(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  struct swisd_blob *blob = patterned(pair.a.bodies, (3 << 20) + 17);
  for (uint64_t i = 0; i < 100; i++)
    say(&pair.a, &pair.b, i, NULL);
  swisd_links_grant(pair.b.links, pair.a.id, 4 << 20);
  say(&pair.a, &pair.b, 100, blob);
  pair.b.wanted = 101;
  run(&pair, 5);
  assert_int_equal(pair.b.count, 101);
  for (uint64_t i = 0; i < 101; i++)
    assert_int_equal(pair.b.numbers[i], i);
  assert_non_null(pair.b.body);
  assert_int_equal(pair.b.body->bytes, blob->bytes);
  assert_memory_equal(pair.b.body->data, blob->data, blob->bytes);
  swisd_blob_drop(blob);
  close_pair(&pair);
}

static void a_body_beyond_its_grant_is_refused_and_counted(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  struct swisd_blob *blob = patterned(pair.a.bodies, 3 << 20);
  say(&pair.a, &pair.b, 1, blob); /* nothing was granted but the first megabyte */
  say(&pair.a, &pair.b, 2, NULL);
  pair.b.wanted = 1;
  run(&pair, 5);
  struct swisd_blob *small = patterned(pair.a.bodies, 1000);
  say(&pair.a, &pair.b, 3, small); /* behind the refused one, on the same link */
  pair.b.wanted = 2;
  run(&pair, 5);
  assert_int_equal(pair.b.count, 2);
  assert_int_equal(pair.b.numbers[0], 2);
  assert_int_equal(pair.b.numbers[1], 3);
  assert_int_equal(swisd_links_status(pair.b.links).bodies_refused, 1);
  assert_int_equal(swisd_links_status(pair.b.links).streams.frames_bad, 0);
  swisd_blob_drop(blob);
  swisd_blob_drop(small);
  close_pair(&pair);
}

static void two_nodes_that_dial_at_once_lose_nothing(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  for (uint64_t i = 0; i < 50; i++) {
    say(&pair.a, &pair.b, i, NULL);
    say(&pair.b, &pair.a, i, NULL);
  }
  for (int i = 0; i < 100 && pair.a.count + pair.b.count < 100; i++)
    run(&pair, 0.05);
  for (uint64_t i = 50; i < 60; i++) {
    say(&pair.a, &pair.b, i, NULL);
    say(&pair.b, &pair.a, i, NULL);
  }
  for (int i = 0; i < 100 && pair.a.count + pair.b.count < 120; i++)
    run(&pair, 0.05);
  assert_int_equal(pair.a.count, 60);
  assert_int_equal(pair.b.count, 60);
  run(&pair, 1.2); /* the superfluous one has ended */
  settle(&pair, 1);
  assert_int_equal(swisd_links_status(pair.a.links).streams.open, 1);
  assert_int_equal(pair.a.unreachable + pair.b.unreachable, 0);
  say(&pair.a, &pair.b, 60, NULL);
  pair.b.wanted = 61;
  run(&pair, 1);
  assert_int_equal(pair.b.count, 61);
  close_pair(&pair);
}

static void another_join_key_does_not_get_in(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  pair.a.admission.keys[0][0] ^= 1;
  say(&pair.a, &pair.b, 1, NULL);
  run(&pair, 2);
  assert_int_equal(pair.b.count, 0);
  assert_true(pair.a.unreachable > 0);
  assert_true(swisd_links_status(pair.b.links).refused > 0);
  close_pair(&pair);
}

static void somebody_else_at_an_address_is_not_taken_for_the_peer(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  struct side meant = {.id = {9, 9}, .address = pair.b.address};
  say(&pair.a, &meant, 1, NULL);
  run(&pair, 2);
  assert_int_equal(pair.b.count, 0);
  assert_int_equal(pair.a.unreachable, 1);
  close_pair(&pair);
}

static void a_peer_that_goes_is_told_at_once(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  say(&pair.a, &pair.b, 1, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  assert_int_equal(pair.b.count, 1);
  close_side(&pair.b);
  const uint64_t start_ns = swisd_clock_now_ns();
  run(&pair, 2);
  assert_int_equal(pair.a.unreachable, 1);
  assert_true(swisd_clock_now_ns() - start_ns < 500 * SWISD_MILLISECOND);
  say(&pair.a, &pair.b, 2, NULL); /* nobody listens any more */
  run(&pair, 2);
  assert_int_equal(pair.a.unreachable, 2);
  open_side(&pair.b, pair.base);
  close_pair(&pair);
}

static void a_frame_that_cannot_be_ends_that_link_alone(void **state)
{
  (void)state;
  static const uint8_t oversized[] = {SWISD_FRAME_MESSAGE, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff};
  static const uint8_t unannounced[] = {SWISD_FRAME_BODY_DATA, 0, 0, 0, 0, 5, 0, 0, 0, 1, 'x'};
  static const uint8_t nonsense[] = {SWISD_FRAME_MESSAGE, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0xdd, 0xff, 0xff, 0xff};
  static const uint8_t unknown[] = {99, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3};
  struct pair pair;
  open_pair(&pair);
  say(&pair.a, &pair.b, 1, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  struct { const uint8_t *bytes; size_t count; bool ends; } cases[] = {
      {oversized, sizeof oversized, true}, {unannounced, sizeof unannounced, true}, {nonsense, sizeof nonsense, false},
      {unknown, sizeof unknown, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hand hand;
    hand_open(&hand, &pair);
    assert_true(hand_introduce(&hand, hand.key.id, &pair.a.admission) > 0);
    assert_int_equal(swisd_links_status(pair.b.links).streams.open, 2);
    assert_int_equal(swisd_tls_write(hand.tls, cases[i].bytes, cases[i].count), 0);
    if (cases[i].ends)
      settle(&pair, 1);
    else
      run(&pair, 0.2); /* nothing ends */
    assert_int_equal(swisd_links_status(pair.b.links).streams.open, cases[i].ends ? 1 : 2);
    hand_close(&hand);
    settle(&pair, 1);
  }
  assert_int_equal(swisd_links_status(pair.b.links).streams.frames_bad, 1);
  assert_int_equal(swisd_links_status(pair.b.links).messages_bad, 1);
  assert_int_equal(swisd_links_status(pair.b.links).streams.frames_skipped, 1);
  say(&pair.a, &pair.b, 2, NULL);
  pair.b.wanted = 2;
  run(&pair, 2);
  assert_int_equal(pair.b.count, 2);
  close_pair(&pair);
}

static void nobody_speaks_in_the_name_of_another(void **state)
{
  (void)state;
  struct pair pair;
  struct hand hand;
  open_pair(&pair);
  hand_open(&hand, &pair);
  assert_int_equal(hand_introduce(&hand, pair.a.id, &pair.a.admission), -1);
  hand_close(&hand);
  assert_int_equal(swisd_links_status(pair.b.links).refused, 1);
  assert_int_equal(swisd_links_status(pair.b.links).accepted, 0);
  close_pair(&pair);
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void an_emulated_link_has_its_rate_and_its_delay(void **state)
{
  (void)state;
  static const uint64_t message_ns_max = 60 * SWISD_MILLISECOND, body_ns_max = 340 * SWISD_MILLISECOND;
  struct pair pair;
  open_pair(&pair);
  pair.a.shape.up_bytes_per_s = 2e6;
  pair.a.shape.delay_ns = 20 * SWISD_MILLISECOND;
  pair.b.shape.delay_ns = 10 * SWISD_MILLISECOND;
  say(&pair.a, &pair.b, 0, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  struct swisd_blob *blob = patterned(pair.a.bodies, 500000);
  /* A busy machine only adds: the least of a few rounds is what the link does. Nothing may ever come too early. */
  uint64_t message_ns = UINT64_MAX, body_ns = UINT64_MAX;
  for (uint32_t round = 0; round < 8 && (round == 0 || message_ns > message_ns_max || body_ns > body_ns_max); round++) {
    const uint32_t before = pair.b.count;
    const uint64_t start_ns = swisd_clock_now_ns();
    say(&pair.a, &pair.b, 1, blob);
    say(&pair.a, &pair.b, 2, NULL);
    pair.b.wanted = before + 1;
    run(&pair, 5);
    message_ns = least(message_ns, swisd_clock_now_ns() - start_ns);
    pair.b.wanted = before + 2;
    run(&pair, 5);
    body_ns = least(body_ns, swisd_clock_now_ns() - start_ns);
    assert_int_equal(pair.b.count, before + 2);
    assert_int_equal(pair.b.numbers[before], 2); /* control goes before the body */
    swisd_links_grant(pair.b.links, pair.a.id, 500000);
  }
  assert_in_range(message_ns, 30 * SWISD_MILLISECOND, message_ns_max);
  assert_in_range(body_ns, 270 * SWISD_MILLISECOND, body_ns_max);
  assert_memory_equal(pair.b.body->data, blob->data, blob->bytes);
  swisd_blob_drop(blob);
  close_pair(&pair);
}

static void silence_loses_nothing_that_was_said(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  say(&pair.a, &pair.b, 0, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  pair.b.shape.silent = true;
  swisd_links_kick(pair.b.links);
  for (uint64_t i = 1; i < 10; i++)
    say(&pair.a, &pair.b, i, NULL);
  say(&pair.b, &pair.a, 1, NULL);
  pair.b.wanted = 10;
  run(&pair, 0.2);
  assert_int_equal(pair.b.count, 1);
  assert_int_equal(pair.a.count, 0);
  assert_int_equal(pair.a.unreachable, 0);
  pair.b.shape.silent = false;
  swisd_links_kick(pair.b.links);
  run(&pair, 2);
  pair.a.wanted = 1;
  if (pair.a.count == 0)
    run(&pair, 2);
  assert_int_equal(pair.b.count, 10);
  assert_int_equal(pair.a.count, 1);
  close_pair(&pair);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_and_bodies_arrive_in_order_and_whole),
      cmocka_unit_test(a_body_beyond_its_grant_is_refused_and_counted),
      cmocka_unit_test(two_nodes_that_dial_at_once_lose_nothing),
      cmocka_unit_test(another_join_key_does_not_get_in),
      cmocka_unit_test(somebody_else_at_an_address_is_not_taken_for_the_peer),
      cmocka_unit_test(a_peer_that_goes_is_told_at_once),
      cmocka_unit_test(a_frame_that_cannot_be_ends_that_link_alone),
      cmocka_unit_test(nobody_speaks_in_the_name_of_another),
      cmocka_unit_test(an_emulated_link_has_its_rate_and_its_delay),
      cmocka_unit_test(silence_loses_nothing_that_was_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
