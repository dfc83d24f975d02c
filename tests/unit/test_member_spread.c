/* How news gets around: rumours, joining, full exchanges, leaving. */
#include "runtime/core/members_internal.h"
#include "tests/unit/one_node.h"

static struct one *quiet(const struct swisd_limits *limits, uint64_t seed)
{
  struct swisd_config config = one_config();
  config.limits = *limits;
  config.sync_interval_ns = 100000 * SWISD_SECOND;
  struct one *o = one_new(&config, seed);
  one_start(o, 0, 0, NULL);
  return o;
}

static const struct swisd_rumours *rumours_of(const struct swisd_action_send *send)
{
  if (send->message.type == SWISD_MESSAGE_ACK)
    return &send->message.u.ack.rumours;
  const bool has = send->message.type == SWISD_MESSAGE_PING || send->message.type == SWISD_MESSAGE_GOSSIP;
  return has ? &send->message.u.ping.rumours : NULL;
}

/* How often news of that member was sent, and to how many different ones. */
static uint32_t told(const struct one *o, uint32_t subject)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < o->action_count; i++) {
    if (o->actions[i].action.kind != SWISD_ACTION_SEND)
      continue;
    const struct swisd_rumours *rumours = rumours_of(&o->actions[i].action.u.send);
    for (uint32_t r = 0; rumours && r < rumours->count; r++)
      count += swisd_id_equal(rumours->list[r].subject, one_id(subject));
  }
  return count;
}

static void a_rumour_is_sent_as_often_as_the_swarm_is_large_and_then_no_more(void **state)
{
  (void)state;
  static const struct {
    uint32_t others, times;
  } sizes[] = {{5, 4}, {8, 4}, {9, 8}, {50, 8}, {98, 8}, {99, 12}, {400, 12}};
  for (uint32_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    struct one *o = quiet(&swisd_limits_sim_full, 1);
    one_populate(o, 2, sizes[s].others + 1, true);
    while (o->node->members->rumours.count) {
      one_run(o, SWISD_SECOND);
      one_clear(o);
    }
    const struct swisd_rumour news = one_alive(3, 2, 1);
    one_tell(o, 900, &news);
    one_run(o, 20 * SWISD_SECOND);
    assert_int_equal(told(o, 3), sizes[s].times); /* 4 * ceil(log10(n + 1)), n with the node itself */
    one_free(o);
  }
}

static void an_idle_node_gossips_nothing(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 2);
  one_populate(o, 2, 20, true);
  one_run(o, 30 * SWISD_SECOND);
  one_clear(o);
  one_run(o, 60 * SWISD_SECOND);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_GOSSIP, 0), 0);
  assert_int_equal(o->action_count, 60); /* one PING a second */
  one_free(o);
}

static void datagrams_keep_their_size(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 3);
  one_populate(o, 2, 40, false);
  for (uint32_t peer = 2; peer <= 40; peer++) {
    struct swisd_rumour big = one_alive(peer, 1, 2);
    big.record.address_count = SWISD_ADDRESSES_MAX;
    big.record.holding_count = SWISD_HOLDINGS_MAX;
    for (uint32_t i = 0; i < SWISD_HOLDINGS_MAX; i++)
      big.record.holdings[i] = i + 1;
    one_tell(o, peer, &big);
  }
  for (uint32_t peer = 2; peer <= 20; peer++)
    one_unreachable(o, peer);
  one_run(o, 2 * SWISD_SECOND);
  uint32_t fullest = 0;
  for (uint32_t i = 0; i < o->action_count; i++) {
    const struct swisd_rumours *rumours =
      o->actions[i].action.kind == SWISD_ACTION_SEND ? rumours_of(&o->actions[i].action.u.send) : NULL;
    uint32_t bytes = SWISD_DATAGRAM_OVERHEAD_BYTES;
    for (uint32_t r = 0; rumours && r < rumours->count; r++)
      bytes += swisd_rumour_bytes_max(&rumours->list[r]);
    assert_true(bytes <= SWISD_DATAGRAM_BYTES_MAX);
    fullest = bytes > fullest ? bytes : fullest;
  }
  assert_true(fullest > SWISD_DATAGRAM_BYTES_MAX - 360); /* no record more would have fitted */
  one_free(o);
}

static void a_change_of_state_goes_ahead_of_changed_records(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 4);
  one_populate(o, 2, 60, true);
  one_run(o, 60 * SWISD_SECOND);
  assert_int_equal(o->node->members->rumours.count, 0);
  o->node->members->rumours.gossip_ns = o->now_ns + SWISD_SECOND;
  for (uint32_t peer = 2; peer <= 60; peer++) {
    const struct swisd_rumour record = one_alive(peer, 1, 2);
    one_tell(o, peer, &record);
  }
  const struct swisd_rumour dead = one_bad_news(SWISD_MEMBER_DEAD, 30, 1, 5);
  one_tell(o, 5, &dead);
  one_clear(o);
  one_run(o, 1100 * SWISD_MILLISECOND);
  for (uint32_t i = 0; i < o->action_count; i++)
    if (o->actions[i].action.kind == SWISD_ACTION_SEND && rumours_of(&o->actions[i].action.u.send)->count) {
      const struct swisd_rumour *first = &rumours_of(&o->actions[i].action.u.send)->list[0];
      assert_true(first->state == SWISD_MEMBER_DEAD && swisd_id_equal(first->subject, one_id(30)));
      one_free(o);
      return;
    }
  fail();
}

static void a_full_queue_lets_go_what_was_sent_most_and_counts(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_tiny, 5);
  one_populate(o, 2, 9, false); /* more news than the six entries */
  assert_true(one_status(o).table_full[SWISD_TABLE_RUMOURS] >= 1);
  assert_int_equal(o->node->members->rumours.count, swisd_limits_tiny.rumours_max);
  one_run(o, 500 * SWISD_MILLISECOND);
  one_clear(o);
  const struct swisd_rumour news = one_alive(9, 3, 1);
  one_tell(o, 9, &news);
  one_run(o, 200 * SWISD_MILLISECOND);
  assert_true(told(o, 9) >= 1);
  one_free(o);
}

static void own_changes_are_spread_together_when_they_come_fast(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 6);
  one_populate(o, 2, 31, true);
  while (o->node->members->rumours.count) {
    one_run(o, SWISD_SECOND);
    one_clear(o);
  }
  const uint32_t version = one_known(o, 1)->version;
  for (uint32_t i = 0; i < 50; i++) {
    swisd_members_publish(o->node); /* as when shards arrive one after the other */
    one_run(o, SWISD_MILLISECOND);
  }
  assert_int_equal(one_known(o, 1)->version, version + 50);
  one_run(o, 10 * SWISD_SECOND);
  assert_true(told(o, 1) >= 8 && told(o, 1) <= 16); /* once at first, once for the rest */
  one_free(o);
}

static void own_changes_wait_longer_in_a_larger_swarm(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_sim_full, 6);
  one_populate(o, 2, 320, true);
  while (o->node->members->rumours.count) {
    one_run(o, SWISD_SECOND);
    one_clear(o);
  }
  for (uint32_t i = 0; i < 2; i++) {
    swisd_members_publish(o->node);
    one_run(o, 250 * SWISD_MILLISECOND);
    const struct swisd_members *members = o->node->members;
    assert_true(members->links[0].rumour != SWISD_MEMBER_NONE);
    assert_true(members->rumours.entries[members->links[0].rumour].transmits >= 3 * (i + 1)); /* not begun anew */
  }
  one_run(o, 10 * SWISD_SECOND);
  assert_int_equal(told(o, 1), 2 * 12); /* the second time after 319 / 32 gossip intervals */
  one_free(o);
}

static void recently_dead_members_hear_of_their_death(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 7);
  one_populate(o, 2, 5, true);
  one_run(o, 10 * SWISD_SECOND);
  one_clear(o);
  const struct swisd_rumour dead = one_bad_news(SWISD_MEMBER_DEAD, 4, 1, 5);
  one_tell(o, 5, &dead);
  one_run(o, 15 * SWISD_SECOND);
  uint32_t at = 0, heard = 0;
  const struct swisd_action_send *send;
  while ((send = one_sent(o, SWISD_MESSAGE_PING, 4, &at)) != NULL)
    heard += send->message.u.ping.rumours.count && send->message.u.ping.rumours.list[0].state == SWISD_MEMBER_DEAD;
  for (at = 0; (send = one_sent(o, SWISD_MESSAGE_GOSSIP, 4, &at)) != NULL;)
    heard += send->message.u.ping.rumours.count && send->message.u.ping.rumours.list[0].state == SWISD_MEMBER_DEAD;
  assert_true(heard >= 1);
  one_free(o);
}

/* ---- joining ---- */

static void a_newcomer_asks_its_seeds_three_at_a_time_and_more_seldom_while_nobody_answers(void **state)
{
  (void)state;
  const uint32_t seeds[] = {2, 3, 4, 5, 6};
  const struct swisd_config config = one_config();
  struct one *o = one_new(&config, 1);
  one_start(o, 0, 5, seeds);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_JOIN, 0), 3);
  uint32_t asked[7] = {0};
  one_run(o, SWISD_SECOND);
  uint32_t at = 0;
  for (const struct swisd_action_send *join; (join = one_sent(o, SWISD_MESSAGE_JOIN, 0, &at)) != NULL;) {
    assert_true(swisd_id_is_zero(join->to));
    assert_true(swisd_id_equal(join->message.u.join.record.id, one_id(1)));
    asked[join->address.bytes[3]]++;
  }
  for (uint32_t seed = 2; seed <= 6; seed++)
    assert_true(asked[seed] >= 1);
  one_clear(o);
  one_run(o, 600 * SWISD_SECOND);
  const uint32_t count = one_sent_count(o, SWISD_MESSAGE_JOIN, 0);
  assert_true(count >= 3 * 120 && count <= 3 * 200); /* every 4 s at last, for ever */
  one_free(o);
}

static void a_seed_that_is_a_living_member_is_not_asked_again_and_a_lost_one_is(void **state)
{
  (void)state;
  const uint32_t seeds[] = {1, 2, 3}; /* itself among them, as in a list that all share */
  const struct swisd_config config = one_config();
  struct one *o = one_new(&config, 1);
  one_start(o, 0, 3, seeds);
  one_populate(o, 2, 3, true);
  struct swisd_message page = {.type = SWISD_MESSAGE_SYNC, .u.sync = {.last = true}};
  one_message(o, 2, &page);
  one_clear(o);
  one_run(o, 400 * SWISD_SECOND);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_JOIN, 0), 0);
  const struct swisd_rumour dead = one_bad_news(SWISD_MEMBER_DEAD, 3, 1, 2);
  one_clear(o);
  one_tell(o, 2, &dead);
  one_run(o, 400 * SWISD_SECOND); /* every five minutes */
  assert_true(one_sent_count(o, SWISD_MESSAGE_JOIN, 0) >= 1);
  const struct swisd_rumour dead_too = one_bad_news(SWISD_MEMBER_DEAD, 2, 1, 2);
  one_clear(o);
  o->answers[2] = false;
  one_tell(o, 2, &dead_too); /* nobody is left */
  one_run(o, 2 * SWISD_SECOND);
  assert_true(one_sent_count(o, SWISD_MESSAGE_JOIN, 0) >= 2);
  one_free(o);
}

static void a_seed_answers_a_join_with_pages_of_all_it_knows(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 8);
  one_populate(o, 2, 50, true);
  const struct swisd_rumour suspect = one_bad_news(SWISD_MEMBER_SUSPECT, 10, 1, 2);
  const struct swisd_rumour dead = one_bad_news(SWISD_MEMBER_DEAD, 11, 1, 2);
  one_tell(o, 2, &suspect);
  one_tell(o, 2, &dead);
  one_clear(o);
  struct swisd_message join = {.type = SWISD_MESSAGE_JOIN, .u.join.record = one_record(99, 1, 1)};
  one_message(o, 99, &join);
  one_run(o, SWISD_SECOND);
  bool named[100] = {false}, suspected = false, ended = false;
  uint32_t at = 0, pages = 0;
  for (const struct swisd_action_send *send; (send = one_sent(o, SWISD_MESSAGE_SYNC, 99, &at)) != NULL; pages++) {
    const struct swisd_message_sync *page = &send->message.u.sync;
    assert_true(page->reply_wanted && !ended && page->count <= SWISD_SYNC_RECORDS_MAX);
    ended = page->last;
    for (uint32_t i = 0; i < page->count; i++) {
      named[page->list[i].subject.lo] = true;
      if (page->list[i].subject.lo == 11)
        assert_int_equal(page->list[i].state, SWISD_MEMBER_DEAD);
      suspected |= page->list[i].subject.lo == 10 && page->list[i].state == SWISD_MEMBER_SUSPECT && named[10];
    }
  }
  assert_true(ended && suspected && pages <= 5);
  for (uint32_t peer = 1; peer <= 50; peer++)
    assert_true(named[peer]);
  assert_int_equal(one_state(o, 99), SWISD_MEMBER_ALIVE);
  assert_true(told(o, 99) >= 1); /* and tells the others of it */
  one_free(o);
}

static void a_join_in_another_name_is_refused(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 9);
  one_populate(o, 2, 3, true);
  struct swisd_message join = {.type = SWISD_MESSAGE_JOIN, .u.join.record = one_record(98, 1, 1)};
  one_clear(o);
  one_message(o, 99, &join);
  one_run(o, SWISD_SECOND);
  assert_int_equal(one_state(o, 98), ONE_UNKNOWN);
  assert_int_equal(one_state(o, 99), ONE_UNKNOWN);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_SYNC, 0), 0);
  one_free(o);
}

static void a_node_that_lost_its_incarnation_is_told_of_its_past_when_it_joins(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 10);
  one_populate(o, 2, 3, true);
  const struct swisd_rumour past = one_alive(99, 7, 3), dead = one_bad_news(SWISD_MEMBER_DEAD, 99, 7, 2);
  one_tell(o, 2, &past);
  one_tell(o, 2, &dead);
  one_clear(o);
  struct swisd_message join = {.type = SWISD_MESSAGE_JOIN, .u.join.record = one_record(99, 1, 1)};
  one_message(o, 99, &join);
  one_run(o, SWISD_SECOND);
  bool said = false;
  uint32_t at = 0;
  for (const struct swisd_action_send *send; (send = one_sent(o, SWISD_MESSAGE_SYNC, 99, &at)) != NULL;)
    for (uint32_t i = 0; i < send->message.u.sync.count; i++)
      said |= send->message.u.sync.list[i].subject.lo == 99 && send->message.u.sync.list[i].incarnation == 7;
  assert_true(said);
  one_free(o);
}

/* Pages from `from` about members first..last, the last of which ends the exchange. */
static void give_pages(struct one *o, uint32_t from, uint32_t first, uint32_t last)
{
  struct swisd_message page = {.type = SWISD_MESSAGE_SYNC};
  struct swisd_message_sync *sync = &page.u.sync;
  sync->reply_wanted = true;
  for (uint32_t peer = first; peer <= last; peer++) {
    sync->list[sync->count++] = one_alive(peer, 1, 1);
    sync->last = peer == last;
    if (sync->count == SWISD_SYNC_RECORDS_MAX || sync->last) {
      one_message(o, from, &page);
      sync->count = 0;
    }
  }
}

static void the_answer_to_a_sync_leaves_out_what_is_known_there(void **state)
{
  (void)state;
  const uint32_t seeds[] = {2};
  struct swisd_config config = one_config();
  config.sync_interval_ns = 100000 * SWISD_SECOND;
  struct one *o = one_new(&config, 1);
  one_start(o, 0, 1, seeds);
  one_populate(o, 100, 103, true); /* known here alone */
  one_clear(o);
  give_pages(o, 2, 2, 60);
  one_run(o, SWISD_SECOND);
  uint32_t at = 0, entries = 0;
  bool named[200] = {false};
  for (const struct swisd_action_send *send; (send = one_sent(o, SWISD_MESSAGE_SYNC, 2, &at)) != NULL;)
    for (uint32_t i = 0; i < send->message.u.sync.count; i++, entries++)
      named[send->message.u.sync.list[i].subject.lo] = true;
  assert_int_equal(entries, 5);
  assert_true(named[1] && named[100] && named[101] && named[102] && named[103]);
  assert_int_equal(swisd_members_up(o->node), 63);
  assert_int_equal(told(o, 30), 0); /* and a newcomer does not gossip what it was told */
  one_free(o);
}

static void dead_in_a_sync_counts_as_suspect(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 11);
  one_populate(o, 2, 9, true);
  struct swisd_message page = {.type = SWISD_MESSAGE_SYNC, .u.sync = {.count = 2}};
  page.u.sync.list[0] = one_bad_news(SWISD_MEMBER_DEAD, 5, 1, 3);
  page.u.sync.list[1] = one_bad_news(SWISD_MEMBER_LEFT, 6, 1, 6);
  one_message(o, 3, &page);
  assert_int_equal(one_state(o, 5), SWISD_MEMBER_SUSPECT);
  assert_int_equal(one_state(o, 6), SWISD_MEMBER_LEFT);
  one_free(o);
}

static void tables_are_exchanged_now_and_then_with_somebody(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = one_new(&config, 1);
  one_start(o, 0, 0, NULL);
  one_populate(o, 2, 12, true);
  one_run(o, 60 * SWISD_SECOND);
  one_clear(o);
  one_run(o, 600 * SWISD_SECOND);
  const uint32_t count = one_sent_count(o, SWISD_MESSAGE_SYNC, 0);
  assert_true(count >= 15 && count <= 25); /* every 30 s, one page each */
  uint32_t peers = 0;
  for (uint32_t peer = 2; peer <= 12; peer++)
    peers += one_sent_count(o, SWISD_MESSAGE_SYNC, peer) > 0;
  assert_true(peers >= 5);
  one_free(o);
}

static void a_member_thought_dead_that_speaks_is_exchanged_tables_with(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 12);
  one_populate(o, 2, 9, true);
  const struct swisd_rumour dead = one_bad_news(SWISD_MEMBER_DEAD, 5, 1, 3), again = one_alive(5, 2, 1);
  one_tell(o, 3, &dead);
  one_clear(o);
  one_tell(o, 5, &again);
  one_run(o, SWISD_SECOND);
  assert_int_equal(one_state(o, 5), SWISD_MEMBER_ALIVE);
  assert_true(one_sent_count(o, SWISD_MESSAGE_SYNC, 5) >= 1);
  one_free(o);
}

static void more_joins_than_can_be_served_at_once_are_borne(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_sim_full, 13);
  for (uint32_t peer = 2; peer < 200; peer++) {
    struct swisd_message join = {.type = SWISD_MESSAGE_JOIN, .u.join.record = one_record(peer, 1, 1)};
    one_message(o, peer, &join);
    one_message(o, peer, &join);
  }
  assert_int_equal(swisd_members_up(o->node), 198);
  one_run(o, SWISD_SECOND);
  uint32_t served = 0;
  for (uint32_t peer = 2; peer < 200; peer++)
    served += one_sent_count(o, SWISD_MESSAGE_SYNC, peer) > 0;
  assert_true(served >= SWISD_PAGERS_MAX);
  one_free(o);
}

static void a_node_that_leaves_tells_several_and_falls_silent(void **state)
{
  (void)state;
  struct one *o = quiet(&swisd_limits_lab, 14);
  one_populate(o, 2, 30, true);
  one_run(o, 5 * SWISD_SECOND);
  one_clear(o);
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_STOP});
  uint32_t at = 0, count = 0;
  for (const struct swisd_action_send *send; (send = one_sent(o, SWISD_MESSAGE_GOSSIP, 0, &at)) != NULL; count++) {
    const struct swisd_rumour *left = &send->message.u.ping.rumours.list[0];
    assert_true(left->state == SWISD_MEMBER_LEFT && swisd_id_equal(left->subject, one_id(1)) && left->incarnation == 1);
  }
  assert_int_equal(count, 8);
  assert_true(swisd_members_deadline_ns(o->node) == SWISD_NEVER);
  one_clear(o);
  const struct swisd_rumour bad = one_bad_news(SWISD_MEMBER_SUSPECT, 1, 1, 3);
  one_tell(o, 3, &bad); /* it does not deny it */
  one_run(o, 100 * SWISD_SECOND);
  assert_int_equal(one_status(o).incarnation, 1);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_PING, 0) + one_sent_count(o, SWISD_MESSAGE_GOSSIP, 0), 0);
  one_free(o);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_rumour_is_sent_as_often_as_the_swarm_is_large_and_then_no_more),
    cmocka_unit_test(an_idle_node_gossips_nothing),
    cmocka_unit_test(datagrams_keep_their_size),
    cmocka_unit_test(a_change_of_state_goes_ahead_of_changed_records),
    cmocka_unit_test(a_full_queue_lets_go_what_was_sent_most_and_counts),
    cmocka_unit_test(own_changes_are_spread_together_when_they_come_fast),
    cmocka_unit_test(own_changes_wait_longer_in_a_larger_swarm),
    cmocka_unit_test(recently_dead_members_hear_of_their_death),
    cmocka_unit_test(a_newcomer_asks_its_seeds_three_at_a_time_and_more_seldom_while_nobody_answers),
    cmocka_unit_test(a_seed_that_is_a_living_member_is_not_asked_again_and_a_lost_one_is),
    cmocka_unit_test(a_seed_answers_a_join_with_pages_of_all_it_knows),
    cmocka_unit_test(a_join_in_another_name_is_refused),
    cmocka_unit_test(a_node_that_lost_its_incarnation_is_told_of_its_past_when_it_joins),
    cmocka_unit_test(the_answer_to_a_sync_leaves_out_what_is_known_there),
    cmocka_unit_test(dead_in_a_sync_counts_as_suspect),
    cmocka_unit_test(tables_are_exchanged_now_and_then_with_somebody),
    cmocka_unit_test(a_member_thought_dead_that_speaks_is_exchanged_tables_with),
    cmocka_unit_test(more_joins_than_can_be_served_at_once_are_borne),
    cmocka_unit_test(a_node_that_leaves_tells_several_and_falls_silent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
