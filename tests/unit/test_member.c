/* The table of members: what is news, what is refused, what is remembered, and how the node speaks of itself. */
#include "runtime/core/members_internal.h"
#include "tests/unit/one_node.h"

enum { A = SWISD_MEMBER_ALIVE, S = SWISD_MEMBER_SUSPECT, D = SWISD_MEMBER_DEAD, L = SWISD_MEMBER_LEFT, U = ONE_UNKNOWN };

static struct one *alone(uint64_t seed)
{
  const struct swisd_config config = one_config();
  struct one *o = one_new(&config, seed);
  one_start(o, 0, 0, NULL);
  return o;
}

static void make(struct one *o, uint32_t state, uint32_t peer, uint32_t incarnation)
{
  if (state == U)
    return;
  const struct swisd_rumour alive = one_alive(peer, incarnation, 5);
  one_tell(o, peer, &alive);
  if (state != A) {
    const struct swisd_rumour bad = one_bad_news(state, peer, incarnation, 2);
    one_tell(o, 2, &bad);
  }
  assert_int_equal(one_state(o, peer), state);
}

static void news_is_ordered_by_incarnation_and_state(void **state)
{
  (void)state;
  /* Known at incarnation 2 as `before`; news of `news`, incarnation i; then it is `after`, at incarnation j. */
  static const struct {
    uint8_t before, news, i, after, j;
  } rules[] = {
    {U, A, 2, A, 2}, {U, S, 2, U, 0}, {U, D, 2, U, 0}, {U, L, 2, U, 0}, {A, A, 1, A, 2}, {A, A, 2, A, 2}, {A, A, 3, A, 3},
    {A, S, 1, A, 2}, {A, S, 2, S, 2}, {A, S, 3, S, 3}, {A, D, 1, A, 2}, {A, D, 2, D, 2}, {A, D, 3, D, 3}, {A, L, 1, A, 2},
    {A, L, 2, L, 2}, {A, L, 3, L, 3}, {S, A, 1, S, 2}, {S, A, 2, S, 2}, {S, A, 3, A, 3}, {S, S, 1, S, 2}, {S, S, 2, S, 2},
    {S, S, 3, S, 3}, {S, D, 1, S, 2}, {S, D, 2, D, 2}, {S, D, 3, D, 3}, {S, L, 1, S, 2}, {S, L, 2, L, 2}, {S, L, 3, L, 3},
    {D, A, 1, D, 2}, {D, A, 2, D, 2}, {D, A, 3, A, 3}, {D, S, 1, D, 2}, {D, S, 2, D, 2}, {D, S, 3, D, 2}, {D, D, 1, D, 2},
    {D, D, 2, D, 2}, {D, D, 3, D, 3}, {D, L, 1, D, 2}, {D, L, 2, D, 2}, {D, L, 3, D, 3}, {L, A, 1, L, 2}, {L, A, 2, L, 2},
    {L, A, 3, A, 3}, {L, S, 1, L, 2}, {L, S, 2, L, 2}, {L, S, 3, L, 2}, {L, D, 1, L, 2}, {L, D, 2, L, 2}, {L, D, 3, L, 3},
    {L, L, 1, L, 2}, {L, L, 2, L, 2}, {L, L, 3, L, 3},
  };
  struct one *o = alone(1);
  one_populate(o, 2, 3, true);
  for (uint32_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
    const uint32_t peer = 100 + r;
    make(o, rules[r].before, peer, 2);
    const struct swisd_rumour rumour =
      rules[r].news == A ? one_alive(peer, rules[r].i, 5) : one_bad_news(rules[r].news, peer, rules[r].i, 3);
    one_tell(o, 3, &rumour);
    if (one_state(o, peer) != rules[r].after)
      fail_msg("rule %u: %u, then news %u(%u): is %u", r, rules[r].before, rules[r].news, rules[r].i, one_state(o, peer));
    if (rules[r].after != U)
      assert_int_equal(one_known(o, peer)->incarnation, rules[r].j);
  }
  one_free(o);
}

static void a_newer_version_replaces_the_record_and_an_older_one_does_not(void **state)
{
  (void)state;
  struct one *o = alone(1);
  struct swisd_rumour rumour = one_alive(7, 2, 5);
  one_tell(o, 7, &rumour);
  rumour.record.version = 6;
  rumour.record.kernels_class = 66;
  one_tell(o, 7, &rumour);
  assert_int_equal(one_known(o, 7)->kernels_class, 66);
  rumour.record.version = 4;
  rumour.record.kernels_class = 44;
  one_tell(o, 7, &rumour);
  assert_int_equal(one_known(o, 7)->kernels_class, 66);
  assert_int_equal(one_known(o, 7)->version, 6);
  one_free(o);
}

static void a_suspect_of_an_incarnation_whose_record_is_unknown_takes_the_record_and_stays_suspect(void **state)
{
  (void)state;
  struct one *o = alone(1);
  one_populate(o, 2, 6, true);
  const struct swisd_rumour before = one_alive(7, 1, 9);
  one_tell(o, 7, &before);
  const struct swisd_rumour bad = one_bad_news(S, 7, 4, 2);
  one_tell(o, 2, &bad);
  const struct swisd_rumour alive = one_alive(7, 4, 1);
  one_tell(o, 2, &alive);
  assert_int_equal(one_state(o, 7), S);
  assert_int_equal(one_known(o, 7)->version, 1);
  one_free(o);
}

static void news_that_makes_no_sense_is_refused_and_counted(void **state)
{
  (void)state;
  struct one *o = alone(1);
  one_populate(o, 2, 2, true);
  struct swisd_rumour bad[9];
  for (uint32_t i = 0; i < 9; i++)
    bad[i] = one_alive(9, 1, 1);
  bad[0].state = 4;
  bad[1].subject = bad[1].record.id = (struct swisd_id){0, 0};
  bad[2].record.id = one_id(8);
  bad[3].record.incarnation = 2;
  bad[4].record.address_count = SWISD_ADDRESSES_MAX + 1;
  bad[5].record.holding_count = SWISD_HOLDINGS_MAX + 1;
  bad[6].record.holding_count = 1; /* of shard zero */
  bad[7].incarnation = bad[7].record.incarnation = SWISD_INCARNATION_MAX + 1;
  bad[8].state = S, bad[8].incarnation = UINT32_MAX;
  for (uint32_t i = 0; i < 9; i++) {
    one_tell(o, 2, &bad[i]);
    assert_int_equal(swisd_members_refused(o->node), i + 1);
  }
  assert_int_equal(one_state(o, 9), U);
  one_free(o);
}

static void more_rumours_than_a_message_can_hold_are_not_read(void **state)
{
  (void)state;
  struct one *o = alone(1);
  struct swisd_message message = {.type = SWISD_MESSAGE_GOSSIP};
  message.u.ping.target = one_id(1);
  for (uint32_t i = 0; i < SWISD_RUMOURS_MAX; i++)
    message.u.ping.rumours.list[i] = one_alive(20 + i, 1, 1);
  message.u.ping.rumours.count = 255;
  one_message(o, 20, &message);
  assert_int_equal(swisd_members_up(o->node), SWISD_RUMOURS_MAX);
  struct swisd_message page = {.type = SWISD_MESSAGE_SYNC};
  for (uint32_t i = 0; i < SWISD_SYNC_RECORDS_MAX; i++)
    page.u.sync.list[i] = one_alive(50 + i, 1, 1);
  page.u.sync.count = 255;
  page.u.sync.reply_wanted = page.u.sync.last = true;
  one_message(o, 50, &page);
  assert_int_equal(swisd_members_up(o->node), SWISD_RUMOURS_MAX + SWISD_SYNC_RECORDS_MAX);
  one_free(o);
}

/* ---- the node itself ---- */

static uint32_t persisted(const struct one *o)
{
  for (uint32_t i = o->action_count; i-- > 0;)
    if (o->actions[i].action.kind == SWISD_ACTION_PERSIST)
      return o->actions[i].action.u.persist.incarnation;
  return 0;
}

static void a_start_is_a_new_incarnation_above_the_persisted_one(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = one_new(&config, 1);
  one_start(o, 41, 0, NULL);
  assert_int_equal(persisted(o), 42);
  assert_int_equal(one_status(o).incarnation, 42);
  one_start(o, 7, 0, NULL); /* a doubled event changes nothing */
  assert_int_equal(one_status(o).incarnation, 42);
  one_free(o);
}

static void a_suspected_node_refutes_with_a_higher_incarnation(void **state)
{
  (void)state;
  static const uint8_t states[] = {S, D, L};
  for (uint32_t i = 0; i < 3; i++) {
    struct one *o = alone(1);
    one_populate(o, 2, 9, true);
    const struct swisd_rumour stale = one_bad_news(states[i], 1, 0, 5), fresh = one_bad_news(states[i], 1, 7, 5);
    one_tell(o, 5, &stale);
    assert_int_equal(one_status(o).incarnation, 1);
    one_clear(o);
    one_tell(o, 5, &fresh);
    assert_int_equal(one_status(o).incarnation, 8);
    assert_int_equal(persisted(o), 8);
    assert_int_equal(one_status(o).local_health, 1);
    assert_int_equal(one_trace_count(o, SWISD_TRACE_REFUTED, 1), 1);
    assert_int_equal(one_state(o, 1), A);
    one_free(o);
  }
}

static void the_answer_to_an_accusing_ping_is_the_refutation(void **state)
{
  (void)state;
  struct one *o = alone(1);
  one_populate(o, 2, 9, true);
  one_run(o, 3 * SWISD_SECOND);
  one_clear(o);
  struct swisd_message ping = {.type = SWISD_MESSAGE_PING};
  ping.u.ping.target = one_id(1);
  ping.u.ping.sequence = 77;
  ping.u.ping.rumours.count = 1;
  ping.u.ping.rumours.list[0] = one_bad_news(S, 1, 1, 5);
  one_message(o, 5, &ping);
  uint32_t at = 0;
  const struct swisd_action_send *ack = one_sent(o, SWISD_MESSAGE_ACK, 5, &at);
  assert_non_null(ack);
  assert_int_equal(ack->message.u.ack.sequence, 77);
  assert_int_equal(ack->message.u.ack.incarnation, 2);
  assert_true(ack->message.u.ack.rumours.count >= 1);
  const struct swisd_rumour *first = &ack->message.u.ack.rumours.list[0];
  assert_true(first->state == A && swisd_id_equal(first->subject, one_id(1)) && first->record.incarnation == 2);
  one_free(o);
}

static void a_node_that_forgot_its_past_goes_above_it_and_blames_itself_for_nothing(void **state)
{
  (void)state;
  struct one *o = alone(1);
  one_populate(o, 2, 3, true);
  const struct swisd_rumour past = one_alive(1, 9, 1);
  one_tell(o, 2, &past);
  assert_int_equal(one_status(o).incarnation, 10);
  assert_int_equal(one_status(o).local_health, 0);
  const struct swisd_rumour twin = one_alive(1, 10, 1000);
  one_run(o, SWISD_SECOND);
  one_tell(o, 2, &twin);
  assert_int_equal(one_status(o).incarnation, 11);
  one_free(o);
}

static void two_nodes_of_one_identity_cannot_drive_each_other_in_circles(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = alone(1);
  one_populate(o, 2, 3, true);
  one_clear(o);
  const uint64_t end = o->now_ns + SWISD_SECOND;
  while (o->now_ns < end) {
    const struct swisd_rumour twin = one_alive(1, one_status(o).incarnation + 1, 1);
    one_tell(o, 2, &twin);
    one_run(o, SWISD_MILLISECOND);
  }
  assert_true(one_action_count(o, SWISD_ACTION_PERSIST) <= SWISD_SECOND / config.gossip_interval_ns + 1);
  assert_true(one_action_count(o, SWISD_ACTION_PERSIST) >= 4);
  one_free(o);
}

static void the_numbers_of_incarnations_cannot_be_used_up(void **state)
{
  (void)state;
  struct one *o = alone(1);
  one_populate(o, 2, 3, true);
  for (uint32_t i = 0; i < 3; i++) {
    const struct swisd_rumour bad = one_bad_news(S, 1, SWISD_INCARNATION_MAX - 1 + i, 2);
    one_tell(o, 2, &bad);
    one_run(o, SWISD_SECOND);
  }
  assert_int_equal(one_status(o).incarnation, SWISD_INCARNATION_MAX);
  one_free(o);
}

/* ---- remembering and forgetting ---- */

static void the_dead_are_remembered_against_ghosts_and_then_forgotten(void **state)
{
  (void)state;
  struct swisd_config config = one_config();
  config.dead_keep_ns = 40 * SWISD_SECOND;
  struct one *o = one_new(&config, 1);
  one_start(o, 0, 0, NULL);
  one_populate(o, 2, 5, true);
  one_populate(o, 9, 9, false);
  const struct swisd_rumour dead = one_bad_news(D, 9, 1, 2), ghost = one_alive(9, 1, 50);
  one_tell(o, 2, &dead);
  const uint64_t died_ns = o->now_ns;
  while (o->now_ns + SWISD_SECOND < died_ns + config.dead_keep_ns) {
    one_tell(o, 3, &ghost);
    assert_int_equal(one_state(o, 9), D);
    assert_int_equal(one_known(o, 9)->version, 1);
    one_run(o, SWISD_SECOND);
  }
  one_run(o, 2 * SWISD_SECOND);
  assert_int_equal(one_state(o, 9), U);
  one_free(o);
}

static void a_full_table_refuses_newcomers_and_counts_until_a_dead_one_is_forgotten(void **state)
{
  (void)state;
  struct swisd_config config = one_config();
  config.limits = swisd_limits_tiny;
  struct one *o = one_new(&config, 1);
  one_start(o, 0, 0, NULL);
  one_populate(o, 2, swisd_limits_tiny.members_max, true); /* with the node itself: all slots */
  const struct swisd_rumour newcomer = one_alive(99, 1, 1);
  one_tell(o, 2, &newcomer);
  assert_int_equal(one_state(o, 99), U);
  assert_int_equal(one_status(o).table_full[SWISD_TABLE_MEMBERS], 1);
  const struct swisd_rumour dead = one_bad_news(D, 5, 1, 2);
  one_tell(o, 2, &dead);
  one_tell(o, 2, &newcomer);
  assert_int_equal(one_state(o, 99), U);
  one_run(o, config.dead_keep_ns + SWISD_SECOND);
  one_tell(o, 2, &newcomer);
  assert_int_equal(one_state(o, 99), A);
  one_free(o);
}

static void the_same_id_is_never_two_members(void **state)
{
  (void)state;
  struct one *o = alone(1);
  for (uint32_t incarnation = 1; incarnation < 20; incarnation++) {
    const struct swisd_rumour alive = one_alive(5, incarnation, 1), dead = one_bad_news(D, 5, incarnation, 5);
    one_tell(o, 5, &alive);
    if (incarnation % 3 == 0)
      one_tell(o, 5, &dead);
  }
  uint32_t slots = 0;
  struct swisd_member_view view;
  for (uint32_t i = 0; swisd_node_member(o->node, i, &view); i++)
    slots += swisd_id_equal(view.record->id, one_id(5));
  assert_int_equal(slots, 1);
  assert_int_equal(swisd_members_up(o->node), 1);
  one_free(o);
}

/* Ten thousand pieces of news about more nodes than fit; one_step() checks every invariant after each. */
static void any_order_of_news_leaves_the_table_consistent(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    struct swisd_config config = one_config();
    config.limits = swisd_limits_tiny;
    config.dead_keep_ns = 2 * SWISD_SECOND;
    struct one *o = one_new(&config, seed);
    struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 9);
    one_start(o, 0, 0, NULL);
    uint32_t most = 0;
    for (uint32_t i = 0; i < 1000; i++) {
      const uint32_t peer = 1 + swisd_philox_below(&random, 24), incarnation = 1 + swisd_philox_below(&random, 1 + i / 50);
      const uint32_t kind = swisd_philox_below(&random, 6), from = 2 + swisd_philox_below(&random, 20);
      const struct swisd_rumour rumour =
        kind < 3 ? one_alive(peer, incarnation, 1 + i) : one_bad_news(kind - 2, peer, incarnation, from);
      one_clear(o);
      one_tell(o, from, &rumour);
      if (i % 10 == 0)
        one_unreachable(o, peer);
      one_run(o, swisd_philox_below(&random, 100) * SWISD_MILLISECOND);
      most = swisd_members_up(o->node) > most ? swisd_members_up(o->node) : most;
    }
    assert_int_equal(most, swisd_limits_tiny.members_max - 1);
    one_free(o);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(news_is_ordered_by_incarnation_and_state),
    cmocka_unit_test(a_newer_version_replaces_the_record_and_an_older_one_does_not),
    cmocka_unit_test(a_suspect_of_an_incarnation_whose_record_is_unknown_takes_the_record_and_stays_suspect),
    cmocka_unit_test(news_that_makes_no_sense_is_refused_and_counted),
    cmocka_unit_test(more_rumours_than_a_message_can_hold_are_not_read),
    cmocka_unit_test(a_start_is_a_new_incarnation_above_the_persisted_one),
    cmocka_unit_test(a_suspected_node_refutes_with_a_higher_incarnation),
    cmocka_unit_test(the_answer_to_an_accusing_ping_is_the_refutation),
    cmocka_unit_test(a_node_that_forgot_its_past_goes_above_it_and_blames_itself_for_nothing),
    cmocka_unit_test(two_nodes_of_one_identity_cannot_drive_each_other_in_circles),
    cmocka_unit_test(the_numbers_of_incarnations_cannot_be_used_up),
    cmocka_unit_test(the_dead_are_remembered_against_ghosts_and_then_forgotten),
    cmocka_unit_test(a_full_table_refuses_newcomers_and_counts_until_a_dead_one_is_forgotten),
    cmocka_unit_test(the_same_id_is_never_two_members),
    cmocka_unit_test(any_order_of_news_leaves_the_table_consistent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
