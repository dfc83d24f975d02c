/* Stories of membership: joining, dying, being suspected wrongly, leaving, coming back, being cut off. */
#include "tests/cluster/story.h"

static void nodes_join_through_several_seeds_and_all_see_all(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(1, NULL);
  cluster_add(c, 12, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  story_is_well(c);
  assert_true(cluster_all_see(c, 11));
  story_end(c, NULL);
}

static void a_dead_seed_keeps_nobody_out(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(2, NULL);
  cluster_add(c, 5, &cluster_pi);
  cluster_run(c, 5 * SWISD_SECOND);
  cluster_kill(c, 0);
  cluster_silence(c, 1);
  cluster_add(c, 2, &cluster_phone);
  cluster_run(c, 40 * SWISD_SECOND);
  story_is_well(c);
  assert_true(cluster_all_see(c, 4));
  story_end(c, NULL);
}

static void two_swarms_that_share_no_seed_stay_apart_until_one_node_knows_both(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(3, NULL);
  const uint32_t first[] = {0}, second[] = {3}, both[] = {0, 3};
  cluster_seeds(c, 1, first);
  cluster_add(c, 3, &cluster_pi);
  cluster_run(c, SWISD_SECOND);
  cluster_seeds(c, 1, second);
  cluster_add(c, 3, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  assert_true(cluster_all_see(c, 2));
  cluster_seeds(c, 2, both);
  cluster_add(c, 1, &cluster_pi);
  cluster_run(c, 90 * SWISD_SECOND); /* three exchanges of tables */
  story_is_well(c);
  assert_true(cluster_all_see(c, 6));
  story_end(c, NULL);
}

static void a_killed_node_is_suspected_at_once_and_dead_within_seconds(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(4, NULL);
  struct tally *t = story_tally(c);
  cluster_add(c, 8, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  story_forget(t);
  cluster_kill(c, 5);
  cluster_run(c, 20 * SWISD_SECOND);
  story_is_well(c);
  assert_true(t->of[SWISD_TRACE_MEMBER_SUSPECT][5] > 0);
  assert_true(cluster_all_see(c, 6));
  assert_int_equal(t->seen[SWISD_TRACE_MEMBER_DEAD], t->of[SWISD_TRACE_MEMBER_DEAD][5]);
  story_end(c, t);
}

static void a_silent_node_is_dead_within_seconds_too_and_nobody_else_is(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(5, NULL);
  struct tally *t = story_tally(c);
  cluster_add(c, 8, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  story_forget(t);
  cluster_silence(c, 5);
  cluster_run(c, 25 * SWISD_SECOND);
  story_is_well(c);
  assert_true(cluster_all_see(c, 6));
  assert_true(t->of[SWISD_TRACE_MEMBER_DEAD][5] >= 7);
  assert_int_equal(t->seen[SWISD_TRACE_MEMBER_DEAD], t->of[SWISD_TRACE_MEMBER_DEAD][5]);
  story_end(c, t);
}

static void a_node_that_is_late_refutes_its_suspicion_and_is_not_declared_dead(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(6, NULL);
  struct tally *t = story_tally(c);
  cluster_add(c, 8, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  story_forget(t);
  cluster_delay_node(c, 3, 1200 * SWISD_MILLISECOND);
  cluster_run(c, 4 * SWISD_SECOND);
  cluster_delay_node(c, 3, 0);
  cluster_run(c, 20 * SWISD_SECOND);
  story_is_well(c);
  assert_true(t->of[SWISD_TRACE_MEMBER_SUSPECT][3] > 0);
  assert_true(t->seen[SWISD_TRACE_REFUTED] > 0);
  assert_int_equal(t->seen[SWISD_TRACE_MEMBER_DEAD], 0);
  assert_true(cluster_all_see(c, 7));
  story_end(c, t);
}

static void a_node_that_leaves_is_not_suspected_by_anybody(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(7, NULL);
  struct tally *t = story_tally(c);
  cluster_add(c, 8, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  story_forget(t);
  cluster_leave(c, 4);
  cluster_run(c, 5 * SWISD_SECOND);
  story_is_well(c);
  assert_int_equal(t->of[SWISD_TRACE_MEMBER_LEFT][4], 7);
  assert_int_equal(t->seen[SWISD_TRACE_MEMBER_SUSPECT] + t->seen[SWISD_TRACE_MEMBER_DEAD], 0);
  assert_true(cluster_all_see(c, 6));
  story_end(c, t);
}

static uint32_t incarnation_seen(const struct cluster *c, uint32_t by, uint32_t node)
{
  struct swisd_member_view view;
  return swisd_node_find_member(cluster_node(c, by), cluster_id(c, node), &view) ? view.record->incarnation : 0;
}

static void a_restarted_node_is_a_new_incarnation_and_its_ghost_never_returns(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(8, NULL);
  cluster_add(c, 8, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  const uint32_t before = incarnation_seen(c, 0, 5);
  cluster_kill(c, 5);
  cluster_run(c, 25 * SWISD_SECOND);
  assert_true(cluster_all_see(c, 6));
  cluster_restart(c, 5);
  cluster_run(c, 10 * SWISD_SECOND);
  assert_true(cluster_all_see(c, 7));
  assert_true(incarnation_seen(c, 0, 5) > before);
  cluster_kill(c, 5);
  cluster_run(c, 25 * SWISD_SECOND);
  for (uint32_t second = 0; second < 120; second++) {
    cluster_run(c, SWISD_SECOND);
    assert_true(cluster_all_see(c, 6));
  }
  story_end(c, NULL);
}

static void a_node_that_restarts_before_anybody_missed_it_is_not_taken_for_dead(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(9, NULL);
  struct tally *t = story_tally(c);
  cluster_add(c, 8, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  story_forget(t);
  const uint32_t before = incarnation_seen(c, 0, 2);
  cluster_kill(c, 2);
  cluster_run(c, 50 * SWISD_MILLISECOND);
  cluster_restart(c, 2);
  cluster_run(c, 20 * SWISD_SECOND);
  story_is_well(c);
  assert_int_equal(t->of[SWISD_TRACE_MEMBER_DEAD][2], 0);
  assert_true(cluster_all_see(c, 7));
  assert_true(incarnation_seen(c, 0, 2) > before);
  story_end(c, t);
}

static void a_swarm_cut_in_two_goes_on_as_two_and_is_one_again_when_healed(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(10, NULL);
  cluster_add(c, 10, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  cluster_part(c, 0x3e); /* 1 to 5 */
  cluster_run(c, 30 * SWISD_SECOND);
  assert_true(cluster_all_see(c, 4));
  cluster_heal(c);
  cluster_run(c, 60 * SWISD_SECOND);
  story_is_well(c);
  assert_true(cluster_all_see(c, 9));
  story_end(c, NULL);
}

static void a_swarm_cut_in_two_for_ten_minutes_heals_as_well(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(11, NULL);
  cluster_check_every(c, 16);
  cluster_add(c, 6, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  cluster_part(c, 0x38);
  cluster_run(c, 600 * SWISD_SECOND);
  assert_true(cluster_all_see(c, 2));
  cluster_heal(c);
  cluster_run(c, 400 * SWISD_SECOND); /* the dead are long forgotten: only the seeds, asked every five minutes, lead back */
  story_is_well(c);
  assert_true(cluster_all_see(c, 5));
  story_end(c, NULL);
}

static void a_node_that_is_heard_but_hears_nothing_kills_nobody(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(12, NULL);
  struct tally *t = story_tally(c);
  cluster_add(c, 8, &cluster_pi);
  cluster_run(c, 10 * SWISD_SECOND);
  story_forget(t);
  for (uint32_t from = 0; from < 8; from++)
    if (from != 3)
      cluster_block(c, from, 3, true);
  cluster_run(c, 6 * SWISD_SECOND);
  for (uint32_t node = 0; node < 8; node++) /* all but 3 still believe in one another */
    if (node != 3)
      assert_true(cluster_sees(c, node) >= 6);
  cluster_heal(c);
  cluster_run(c, 60 * SWISD_SECOND);
  story_is_well(c);
  assert_true(cluster_all_see(c, 7));
  story_end(c, t);
}

static void a_closed_lid_makes_its_owner_blame_nobody(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(13, NULL);
  struct tally *t = story_tally(c);
  cluster_add(c, 6, &cluster_laptop);
  cluster_run(c, 10 * SWISD_SECOND);
  cluster_silence(c, 2);
  cluster_run(c, 60 * SWISD_SECOND);
  assert_true(cluster_all_see(c, 4));
  story_forget(t);
  cluster_wake(c, 2);
  cluster_run(c, 60 * SWISD_SECOND);
  story_is_well(c);
  assert_int_equal(t->seen[SWISD_TRACE_MEMBER_DEAD], 0);
  assert_true(cluster_all_see(c, 5));
  story_end(c, t);
}

static void loss_and_duplication_kill_nobody(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(14, NULL);
  struct tally *t = story_tally(c);
  cluster_network(c)->loss = 0.1;
  cluster_network(c)->duplicate = 0.1;
  cluster_network(c)->jitter_ns = 60 * SWISD_MILLISECOND;
  cluster_check_every(c, 16);
  cluster_add(c, 16, &cluster_pi);
  cluster_run(c, 20 * SWISD_SECOND);
  assert_true(cluster_all_see(c, 15));
  story_forget(t);
  cluster_run(c, 300 * SWISD_SECOND);
  story_is_well(c);
  assert_int_equal(t->seen[SWISD_TRACE_MEMBER_DEAD], 0);
  story_end(c, t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(nodes_join_through_several_seeds_and_all_see_all),
    cmocka_unit_test(a_dead_seed_keeps_nobody_out),
    cmocka_unit_test(two_swarms_that_share_no_seed_stay_apart_until_one_node_knows_both),
    cmocka_unit_test(a_killed_node_is_suspected_at_once_and_dead_within_seconds),
    cmocka_unit_test(a_silent_node_is_dead_within_seconds_too_and_nobody_else_is),
    cmocka_unit_test(a_node_that_is_late_refutes_its_suspicion_and_is_not_declared_dead),
    cmocka_unit_test(a_node_that_leaves_is_not_suspected_by_anybody),
    cmocka_unit_test(a_restarted_node_is_a_new_incarnation_and_its_ghost_never_returns),
    cmocka_unit_test(a_node_that_restarts_before_anybody_missed_it_is_not_taken_for_dead),
    cmocka_unit_test(a_swarm_cut_in_two_goes_on_as_two_and_is_one_again_when_healed),
    cmocka_unit_test(a_swarm_cut_in_two_for_ten_minutes_heals_as_well),
    cmocka_unit_test(a_node_that_is_heard_but_hears_nothing_kills_nobody),
    cmocka_unit_test(a_closed_lid_makes_its_owner_blame_nobody),
    cmocka_unit_test(loss_and_duplication_kill_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
