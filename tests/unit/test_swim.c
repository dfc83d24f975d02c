/* Failure detection: the round of probes, indirect probes, suspicion and how long it lasts, and the node's own health. */
#include "runtime/core/members_internal.h"
#include "tests/unit/one_node.h"

static struct one *among(uint32_t last, bool answer, uint64_t seed)
{
  struct swisd_config config = one_config();
  config.limits = swisd_limits_sim_full;
  config.sync_interval_ns = 100000 * SWISD_SECOND;
  struct one *o = one_new(&config, seed);
  one_start(o, 0, 0, NULL);
  one_populate(o, 2, last, answer);
  return o;
}

static void each_member_is_probed_once_in_a_round_and_never_2n_periods_apart(void **state)
{
  (void)state;
  enum { OTHERS = 20, ROUNDS = 30 };
  struct one *o = among(OTHERS + 1, true, 3);
  uint32_t last_period[OTHERS + 2] = {0}, order_changes = 0, previous[OTHERS] = {0};
  for (uint32_t round = 0; round < ROUNDS; round++) {
    bool probed[OTHERS + 2] = {false};
    for (uint32_t i = 0; i < OTHERS;) {
      one_clear(o);
      one_run(o, 100 * SWISD_MILLISECOND);
      uint32_t at = 0;
      const struct swisd_action_send *ping = one_sent(o, SWISD_MESSAGE_PING, 0, &at);
      if (ping == NULL)
        continue;
      const uint32_t peer = (uint32_t)ping->to.lo, period = round * OTHERS + i + 1;
      assert_false(probed[peer]);
      probed[peer] = true;
      assert_true(period - last_period[peer] <= 2 * OTHERS - 1);
      last_period[peer] = period;
      order_changes += previous[i] != peer;
      previous[i++] = peer;
    }
  }
  assert_true(order_changes > ROUNDS * OTHERS / 2); /* a new order each round */
  one_free(o);
}

static void a_newcomer_is_probed_in_the_running_round(void **state)
{
  (void)state;
  struct one *o = among(31, true, 4);
  one_run(o, 5 * SWISD_SECOND);
  one_clear(o);
  one_populate(o, 40, 40, true);
  one_run(o, 27 * SWISD_SECOND);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_PING, 40), 1);
  one_free(o);
}

static const struct swisd_action_send *first_probe_of(struct one *o, uint32_t peer)
{
  for (uint32_t i = 0; i < 1000; i++) {
    one_clear(o);
    one_run(o, 10 * SWISD_MILLISECOND);
    uint32_t at = 0;
    const struct swisd_action_send *ping = one_sent(o, SWISD_MESSAGE_PING, peer, &at);
    if (ping)
      return ping;
  }
  fail_msg("%u was never probed", peer);
  return NULL;
}

static void a_silent_member_is_probed_through_others_and_then_suspected(void **state)
{
  (void)state;
  struct one *o = among(10, true, 5);
  o->answers[7] = false;
  first_probe_of(o, 7);
  const uint64_t probed_ns = o->actions[0].time_ns;
  one_run_to(o, probed_ns + SWISD_SECOND + 100 * SWISD_MILLISECOND);
  uint32_t at = 0, helpers[8], count = 0;
  for (const struct swisd_action_send *request; (request = one_sent(o, SWISD_MESSAGE_PING_REQ, 0, &at)) != NULL;) {
    assert_int_equal(o->actions[at - 1].time_ns - probed_ns, 500 * SWISD_MILLISECOND);
    assert_true(swisd_id_equal(request->message.u.ping_req.target, one_id(7)));
    assert_int_equal(request->message.u.ping_req.address.bytes[3], 7);
    helpers[count++] = (uint32_t)request->to.lo;
  }
  assert_int_equal(count, 3);
  assert_true(helpers[0] != helpers[1] && helpers[1] != helpers[2] && helpers[0] != helpers[2]);
  assert_true(helpers[0] != 7 && helpers[1] != 7 && helpers[2] != 7);
  assert_int_equal(one_state(o, 7), SWISD_MEMBER_SUSPECT);
  assert_int_equal(one_trace_ns(o, SWISD_TRACE_MEMBER_SUSPECT, 7) - probed_ns, SWISD_SECOND);
  one_free(o);
}

static const struct swisd_action_send *last_request(struct one *o)
{
  const struct swisd_action_send *found = NULL, *request;
  for (uint32_t at = 0; (request = one_sent(o, SWISD_MESSAGE_PING_REQ, 0, &at)) != NULL;)
    found = request;
  assert_non_null(found);
  return found;
}

static void an_ack_through_a_helper_saves_the_member_and_one_from_a_stranger_does_not(void **state)
{
  (void)state;
  for (uint32_t by_helper = 0; by_helper < 2; by_helper++) {
    struct one *o = among(10, true, 6);
    o->answers[7] = false;
    first_probe_of(o, 7);
    one_run(o, 600 * SWISD_MILLISECOND);
    const struct swisd_action_send *request = last_request(o);
    struct swisd_message ack = {.type = SWISD_MESSAGE_ACK};
    ack.u.ack.sequence = request->message.u.ping_req.sequence;
    one_message(o, by_helper ? (uint32_t)request->to.lo : 999, &ack);
    one_run(o, SWISD_SECOND);
    assert_int_equal(one_state(o, 7), by_helper ? SWISD_MEMBER_ALIVE : SWISD_MEMBER_SUSPECT);
    one_free(o);
  }
}

static void missing_nacks_are_the_nodes_own_fault(void **state)
{
  (void)state;
  for (uint32_t nacks = 0; nacks <= 3; nacks++) {
    struct one *o = among(10, true, 7);
    o->answers[7] = false;
    first_probe_of(o, 7);
    one_run(o, 600 * SWISD_MILLISECOND);
    uint32_t at = 0;
    for (uint32_t i = 0; i < nacks; i++) {
      const struct swisd_action_send *request = one_sent(o, SWISD_MESSAGE_PING_REQ, 0, &at);
      struct swisd_message nack = {.type = SWISD_MESSAGE_PROBE_NACK};
      nack.u.ping_req.sequence = request->message.u.ping_req.sequence;
      nack.u.ping_req.target = one_id(7);
      one_message(o, (uint32_t)request->to.lo, &nack);
      one_message(o, (uint32_t)request->to.lo, &nack); /* doubled on the way */
    }
    one_run(o, 420 * SWISD_MILLISECOND); /* the end of the interval, not yet that of the next probe */
    assert_int_equal(one_state(o, 7), SWISD_MEMBER_SUSPECT);
    assert_int_equal(one_trace_count(o, SWISD_TRACE_LOCAL_HEALTH, 1) >= 1, 1);
    for (uint32_t i = 0; i < o->trace_count; i++)
      if (o->traces[i].kind == SWISD_TRACE_LOCAL_HEALTH) {
        assert_int_equal(o->traces[i].value, 1 + 3 - nacks);
        break;
      }
    one_free(o);
  }
}

static void an_unwell_node_probes_more_slowly_and_recovers(void **state)
{
  (void)state;
  struct one *o = among(10, true, 8);
  for (uint32_t i = 0; i < 4; i++) { /* refuting itself four times */
    const struct swisd_rumour bad = one_bad_news(SWISD_MEMBER_SUSPECT, 1, one_status(o).incarnation, 5);
    one_tell(o, 5, &bad);
    one_run(o, 210 * SWISD_MILLISECOND);
  }
  assert_true(one_status(o).local_health >= 3);
  uint64_t previous_ns = 0, gaps[8];
  one_clear(o);
  one_run(o, 40 * SWISD_SECOND);
  uint32_t at = 0, count = 0;
  while (one_sent(o, SWISD_MESSAGE_PING, 0, &at) && count < 8) {
    const uint64_t now_ns = o->actions[at - 1].time_ns;
    if (previous_ns)
      gaps[count++] = now_ns - previous_ns;
    previous_ns = now_ns;
  }
  assert_true(gaps[0] >= 3 * SWISD_SECOND); /* interval * (health + 1) */
  assert_int_equal(gaps[7], SWISD_SECOND);
  for (uint32_t i = 1; i < 8; i++)
    assert_true(gaps[i] <= gaps[i - 1]);
  assert_int_equal(one_status(o).local_health, 0);
  one_free(o);
}

static void local_health_stays_within_its_bounds(void **state)
{
  (void)state;
  struct one *o = among(30, false, 9);
  one_run(o, 300 * SWISD_SECOND);
  for (uint32_t i = 0; i < o->trace_count; i++)
    if (o->traces[i].kind == SWISD_TRACE_LOCAL_HEALTH)
      assert_true(o->traces[i].value <= 8);
  assert_int_equal(one_status(o).local_health, 8);
  one_free(o);
}

/* Lifeguard: max(min, max - (max - min) * log(C + 1) / log(K + 1)), min = 4 * max(1, log10 n) * 1 s, max = 6 * min, K = 3. */
static void a_suspicion_lasts_as_lifeguard_says_for_every_number_of_confirmations(void **state)
{
  (void)state;
  static const struct {
    uint32_t n;
    double seconds[6];
  } expected[] = {
    {10, {24.0, 14.0, 8.1504, 4.0, 4.0, 4.0}},
    {100, {48.0, 28.0, 16.3008, 8.0, 8.0, 8.0}},
    {1000, {72.0, 42.0, 24.4511, 12.0, 12.0, 12.0}},
    {4, {4.0, 4.0, 4.0, 4.0, 4.0, 4.0}}, /* too few who could confirm: none is waited for */
  };
  for (uint32_t e = 0; e < 4; e++)
    for (uint32_t confirmations = 0; confirmations < 6; confirmations++) {
      struct one *o = among(expected[e].n, true, 10);
      one_run(o, SWISD_SECOND);
      o->answers[3] = false;
      one_clear(o);
      for (uint32_t from = 0; from <= confirmations; from++) {
        const struct swisd_rumour bad = one_bad_news(SWISD_MEMBER_SUSPECT, 3, 1, from < expected[e].n - 3 ? 4 + from : 4);
        one_tell(o, 2, &bad);
        one_tell(o, 2, &bad); /* the same voice twice is one */
      }
      const uint64_t suspected_ns = one_trace_ns(o, SWISD_TRACE_MEMBER_SUSPECT, 3);
      for (uint32_t quarter = 0; quarter < 320 && one_state(o, 3) == SWISD_MEMBER_SUSPECT; quarter++) {
        /* This node's own probe of it would be one confirmation more. */
        struct swisd_probe *probe = &o->node->members->probe;
        if (probe->stage != SWISD_PROBE_IDLE && swisd_id_equal(probe->target, one_id(3)))
          probe->stage = SWISD_PROBE_IDLE;
        o->action_count = 0;
        one_run(o, 250 * SWISD_MILLISECOND);
      }
      const double lasted = (double)(one_trace_ns(o, SWISD_TRACE_MEMBER_DEAD, 3) - suspected_ns) * 1e-9;
      const double off = lasted - expected[e].seconds[confirmations];
      if (off < -0.01 || off > 0.01)
        fail_msg("n = %u, %u confirmations: %f s instead of %f", expected[e].n, confirmations, lasted,
                 expected[e].seconds[confirmations]);
      one_free(o);
    }
}

static void a_ping_to_a_suspect_says_so_first(void **state)
{
  (void)state;
  struct one *o = among(6, true, 11);
  const struct swisd_rumour bad = one_bad_news(SWISD_MEMBER_SUSPECT, 4, 1, 2);
  one_tell(o, 2, &bad);
  one_run(o, 3 * SWISD_SECOND); /* rumours are spread by now */
  const struct swisd_action_send *ping = first_probe_of(o, 4);
  assert_true(ping->message.u.ping.rumours.count >= 1);
  const struct swisd_rumour *first = &ping->message.u.ping.rumours.list[0];
  assert_int_equal(first->state, SWISD_MEMBER_SUSPECT);
  assert_true(swisd_id_equal(first->subject, one_id(4)) && first->incarnation == 1);
  one_free(o);
}

/* ---- helping others ---- */

static uint32_t ask_for_help(struct one *o, uint32_t requester, uint32_t target, uint32_t sequence)
{
  struct swisd_message request = {.type = SWISD_MESSAGE_PING_REQ};
  request.u.ping_req.sequence = sequence;
  request.u.ping_req.target = one_id(target);
  request.u.ping_req.address = one_address(target);
  one_clear(o);
  one_message(o, requester, &request);
  uint32_t at = 0;
  const struct swisd_action_send *ping = one_sent(o, SWISD_MESSAGE_PING, target, &at);
  assert_non_null(ping);
  assert_int_equal(ping->address.bytes[3], target);
  return ping->message.u.ping.sequence;
}

static void a_helper_pings_the_target_and_relays_its_ack(void **state)
{
  (void)state;
  struct one *o = among(6, true, 12);
  const uint32_t sequence = ask_for_help(o, 5, 99, 1234); /* a target that it does not know itself */
  struct swisd_message ack = {.type = SWISD_MESSAGE_ACK};
  ack.u.ack.sequence = sequence;
  ack.u.ack.incarnation = 7;
  one_message(o, 98, &ack); /* somebody else's */
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_ACK, 5), 0);
  one_message(o, 99, &ack);
  uint32_t at = 0;
  const struct swisd_action_send *relayed = one_sent(o, SWISD_MESSAGE_ACK, 5, &at);
  assert_non_null(relayed);
  assert_int_equal(relayed->message.u.ack.sequence, 1234);
  assert_int_equal(relayed->message.u.ack.incarnation, 7);
  one_run(o, 2 * SWISD_SECOND);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_PROBE_NACK, 0), 0);
  one_free(o);
}

static void a_helper_says_at_four_fifths_of_the_timeout_that_it_heard_nothing_yet(void **state)
{
  (void)state;
  struct one *o = among(6, true, 13);
  const uint32_t sequence = ask_for_help(o, 5, 99, 1234);
  const uint64_t asked_ns = o->now_ns;
  one_run(o, 600 * SWISD_MILLISECOND);
  uint32_t at = 0;
  const struct swisd_action_send *nack = one_sent(o, SWISD_MESSAGE_PROBE_NACK, 5, &at);
  assert_non_null(nack);
  assert_int_equal(o->actions[at - 1].time_ns - asked_ns, 400 * SWISD_MILLISECOND);
  assert_int_equal(nack->message.u.ping_req.sequence, 1234);
  struct swisd_message ack = {.type = SWISD_MESSAGE_ACK};
  ack.u.ack.sequence = sequence;
  one_message(o, 99, &ack); /* late, but within the interval */
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_ACK, 5), 1);
  one_free(o);
}

static void a_flood_of_requests_for_help_is_borne(void **state)
{
  (void)state;
  struct one *o = among(6, true, 14);
  for (uint32_t i = 0; i < 100; i++)
    ask_for_help(o, 5, 50 + i % 40, i);
  one_run(o, 2 * SWISD_SECOND);
  assert_true(one_sent_count(o, SWISD_MESSAGE_PROBE_NACK, 5) <= SWISD_RELAYS_MAX);
  one_free(o);
}

static void a_ping_for_somebody_else_is_not_answered(void **state)
{
  (void)state;
  struct one *o = among(6, true, 15);
  struct swisd_message ping = {.type = SWISD_MESSAGE_PING};
  ping.u.ping.target = one_id(2);
  one_clear(o);
  one_message(o, 5, &ping);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_ACK, 0), 0);
  one_free(o);
}

static void a_stranger_is_answered_at_the_address_it_wrote_from(void **state)
{
  (void)state;
  struct one *o = among(6, true, 16);
  struct swisd_message ping = {.type = SWISD_MESSAGE_PING};
  ping.u.ping.target = one_id(1);
  one_clear(o);
  one_message(o, 77, &ping);
  uint32_t at = 0;
  const struct swisd_action_send *ack = one_sent(o, SWISD_MESSAGE_ACK, 77, &at);
  assert_non_null(ack);
  assert_int_equal(ack->address.bytes[3], 77);
  assert_int_equal(one_state(o, 77), ONE_UNKNOWN);
  one_free(o);
}

/* ---- other signs of life and death ---- */

static void a_broken_link_makes_suspect_at_once_and_a_word_makes_good(void **state)
{
  (void)state;
  struct one *o = among(9, true, 17);
  o->answers[4] = false;
  one_clear(o);
  one_unreachable(o, 4);
  assert_int_equal(one_state(o, 4), SWISD_MEMBER_SUSPECT);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_PING, 4), 1); /* which carries the suspicion: it may refute at once */
  struct swisd_message pull = {.type = SWISD_MESSAGE_PULL};
  one_message(o, 4, &pull);
  assert_int_equal(one_state(o, 4), SWISD_MEMBER_ALIVE);
  one_clear(o);
  one_run(o, SWISD_SECOND + SWISD_MILLISECOND);
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_PING, 4), 1); /* it may have been its last word: probed next */
  one_run(o, 1500 * SWISD_MILLISECOND);
  assert_int_equal(one_state(o, 4), SWISD_MEMBER_SUSPECT);
  one_free(o);
}

static void a_suspicion_by_others_stands_when_heard_but_ends_in_life(void **state)
{
  (void)state;
  struct one *o = among(9, true, 18);
  const struct swisd_rumour bad = one_bad_news(SWISD_MEMBER_SUSPECT, 4, 1, 2);
  one_tell(o, 2, &bad);
  struct swisd_message pull = {.type = SWISD_MESSAGE_PULL};
  one_message(o, 4, &pull);
  assert_int_equal(one_state(o, 4), SWISD_MEMBER_SUSPECT);
  one_run(o, 30 * SWISD_SECOND);
  assert_int_equal(one_state(o, 4), SWISD_MEMBER_ALIVE);
  assert_int_equal(one_trace_count(o, SWISD_TRACE_MEMBER_DEAD, 0), 0);
  one_free(o);
}

static void a_clock_that_jumped_blames_nobody(void **state)
{
  (void)state;
  struct one *o = among(9, true, 19);
  o->answers[7] = false;
  first_probe_of(o, 7); /* in the middle of a probe the lid is closed for an hour */
  o->answers[4] = false;
  const struct swisd_rumour bad = one_bad_news(SWISD_MEMBER_SUSPECT, 4, 1, 2);
  one_tell(o, 2, &bad);
  o->now_ns += 3600 * SWISD_SECOND;
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_RESUMED, .u.gap_ns = 3600 * SWISD_SECOND});
  one_run(o, 10 * SWISD_MILLISECOND);
  assert_int_equal(one_state(o, 7), SWISD_MEMBER_ALIVE);
  assert_int_equal(one_state(o, 4), SWISD_MEMBER_SUSPECT);
  assert_int_equal(one_status(o).local_health, 0);
  one_run(o, 40 * SWISD_SECOND);
  assert_int_equal(one_state(o, 4), SWISD_MEMBER_DEAD);
  one_free(o);
}

static void the_round_trip_is_measured(void **state)
{
  (void)state;
  struct one *o = among(3, false, 20);
  for (uint32_t i = 0; i < 40; i++) {
    const struct swisd_action_send *ping = first_probe_of(o, 2);
    struct swisd_message ack = {.type = SWISD_MESSAGE_ACK};
    ack.u.ack.sequence = ping->message.u.ping.sequence;
    o->now_ns = o->actions[0].time_ns + 30 * SWISD_MILLISECOND;
    one_message(o, 2, &ack);
  }
  assert_int_equal(swisd_member_peek_id(o->node, one_id(2))->rtt_ns, 30 * SWISD_MILLISECOND);
  one_free(o);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_member_is_probed_once_in_a_round_and_never_2n_periods_apart),
    cmocka_unit_test(a_newcomer_is_probed_in_the_running_round),
    cmocka_unit_test(a_silent_member_is_probed_through_others_and_then_suspected),
    cmocka_unit_test(an_ack_through_a_helper_saves_the_member_and_one_from_a_stranger_does_not),
    cmocka_unit_test(missing_nacks_are_the_nodes_own_fault),
    cmocka_unit_test(an_unwell_node_probes_more_slowly_and_recovers),
    cmocka_unit_test(local_health_stays_within_its_bounds),
    cmocka_unit_test(a_suspicion_lasts_as_lifeguard_says_for_every_number_of_confirmations),
    cmocka_unit_test(a_ping_to_a_suspect_says_so_first),
    cmocka_unit_test(a_helper_pings_the_target_and_relays_its_ack),
    cmocka_unit_test(a_helper_says_at_four_fifths_of_the_timeout_that_it_heard_nothing_yet),
    cmocka_unit_test(a_flood_of_requests_for_help_is_borne),
    cmocka_unit_test(a_ping_for_somebody_else_is_not_answered),
    cmocka_unit_test(a_stranger_is_answered_at_the_address_it_wrote_from),
    cmocka_unit_test(a_broken_link_makes_suspect_at_once_and_a_word_makes_good),
    cmocka_unit_test(a_suspicion_by_others_stands_when_heard_but_ends_in_life),
    cmocka_unit_test(a_clock_that_jumped_blames_nobody),
    cmocka_unit_test(the_round_trip_is_measured),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
