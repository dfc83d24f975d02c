/* Stories of jobs: the same work gets done whoever dies, falls silent, slows down, lies, refuses or comes back. */
#include "runtime/base/philox.h"
#include "tests/cluster/story.h"

/* One submitter (node 0) and `workers` Pis, joined, with `model` spread among them. */
static struct cluster *swarm(uint64_t seed, uint32_t workers)
{
  struct cluster *c = cluster_new(seed, NULL);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, workers, &cluster_pi);
  return c;
}

static void spread(struct cluster *c, const struct cluster_model *model)
{
  cluster_give(c, 0, model);
  cluster_run(c, 20 * SWISD_SECOND);
  story_is_well(c);
}

static uint64_t answered(const struct cluster *c, uint64_t number)
{
  struct cluster_job_view view;
  return cluster_job(c, number, &view) ? view.answered : 0;
}

static struct swisd_job_account account(const struct cluster *c, uint64_t number)
{
  struct swisd_job_account a = {0};
  assert_true(swisd_node_job_account(cluster_node(c, 0), number, &a));
  return a;
}

static void rows_are_computed_once_each_when_nothing_happens(void **state)
{
  (void)state;
  struct cluster *c = swarm(1, 6);
  struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 3000);
  story_answers(c, job, 30 * SWISD_SECOND);
  const struct swisd_job_account a = account(c, job);
  assert_int_equal(a.accepted, a.issued - a.cancelled - a.duplicate - a.lost - a.replayed);
  assert_int_equal(a.rejected + a.lost + a.under_way, 0);
  story_end(c, NULL);
}

static void the_kill_silence_slow_return_story(void **state)
{
  (void)state;
  struct cluster *c = swarm(2, 8);
  struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 15000);
  cluster_run(c, 2 * SWISD_SECOND);
  cluster_kill(c, 1);
  cluster_run(c, 2 * SWISD_SECOND);
  cluster_kill(c, 2);
  cluster_silence(c, 3);
  cluster_run(c, 2 * SWISD_SECOND);
  cluster_slow(c, 4, 8);
  cluster_run(c, 2 * SWISD_SECOND);
  cluster_restart(c, 1);
  assert_true(answered(c, job) > 0 && answered(c, job) < 15000); /* it all happened while the job ran */
  story_answers(c, job, 120 * SWISD_SECOND);
  story_end(c, NULL);
}

static void strips_with_halos_survive_the_same(void **state)
{
  (void)state;
  struct cluster *c = swarm(3, 6);
  struct cluster_model *m = cluster_model_strips(c, 4, 8, 60000000);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 8000);
  cluster_run(c, 2 * SWISD_SECOND);
  cluster_kill(c, 1);
  cluster_run(c, SWISD_SECOND);
  cluster_silence(c, 2);
  cluster_slow(c, 3, 8);
  cluster_run(c, SWISD_SECOND);
  assert_true(answered(c, job) < 8000);
  story_answers(c, job, 120 * SWISD_SECOND);
  story_end(c, NULL);
}

static void one_image_of_strips_without_a_period_has_edges_at_its_ends_only(void **state)
{
  (void)state;
  struct cluster *c = swarm(4, 4);
  struct cluster_model *m = cluster_model_strips(c, 3, 0, 60000000);
  spread(c, m);
  story_answers(c, cluster_submit(c, 0, m, 501), 60 * SWISD_SECOND);
  story_end(c, NULL);
}

static void input_that_comes_in_parts_is_answered_as_it_comes(void **state)
{
  (void)state;
  struct cluster *c = swarm(5, 4);
  struct cluster_model *m = cluster_model_rows(c, 2, 2, 50000000);
  spread(c, m);
  const uint64_t job = cluster_submit_open(c, 0, m, 100);
  cluster_run(c, 10 * SWISD_SECOND);
  assert_int_equal(answered(c, job), 100);
  cluster_append(c, job, 300, false);
  cluster_run(c, 10 * SWISD_SECOND);
  assert_int_equal(answered(c, job), 400);
  cluster_append(c, job, 0, true);
  story_answers(c, job, 5 * SWISD_SECOND);
  story_end(c, NULL);
}

static void a_text_is_the_same_whichever_stage_dies_at_whichever_token(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(1, 0, 0, 0);
  for (uint64_t seed = 100; seed < 130; seed++) {
    struct cluster *c = swarm(seed, 6);
    struct cluster_model *m = cluster_model_decoder(c, 3, 100000000, 0);
    spread(c, m);
    struct tally *t = story_tally(c);
    const uint64_t job = cluster_submit(c, 0, m, 8);
    uint64_t tokens = 0;
    for (uint32_t death = 0; death < 2; death++) {
      tokens += 1 + swisd_philox_below(&random, 20);
      while (answered(c, job) < tokens && cluster_failure(c) == NULL)
        cluster_run(c, 5 * SWISD_MILLISECOND);
      uint32_t busiest = 1; /* who has done most of it so far holds state */
      for (uint32_t node = 2; node <= 6; node++)
        if (cluster_is_running(c, node) && !cluster_is_silent(c, node) &&
            t->of[SWISD_TRACE_TASK_ACCEPTED][node] > t->of[SWISD_TRACE_TASK_ACCEPTED][busiest])
          busiest = node;
      if (swisd_philox_below(&random, 2) == 0)
        cluster_kill(c, busiest);
      else
        cluster_silence(c, busiest);
      memset(t->of[SWISD_TRACE_TASK_ACCEPTED], 0, sizeof(t->of[SWISD_TRACE_TASK_ACCEPTED]));
    }
    story_answers(c, job, 60 * SWISD_SECOND);
    assert_true(t->seen[SWISD_TRACE_SESSION_MOVED] > 3);
    story_end(c, t);
  }
}

static void a_text_ends_where_its_end_is_spoken(void **state)
{
  (void)state;
  for (uint64_t seed = 200; seed < 210; seed++) {
    struct cluster *c = swarm(seed, 4);
    struct cluster_model *m = cluster_model_decoder(c, 2, 100000000, 12);
    spread(c, m);
    story_answers(c, cluster_submit(c, 0, m, 5), 60 * SWISD_SECOND);
    story_end(c, NULL);
  }
}

static void a_submitter_that_dies_leaves_its_workers_free(void **state)
{
  (void)state;
  struct cluster *c = swarm(6, 4);
  struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
  const uint32_t other = cluster_add(c, 1, &cluster_submitter);
  spread(c, m);
  struct tally *t = story_tally(c);
  cluster_submit(c, 0, m, 20000);
  cluster_run(c, 3 * SWISD_SECOND);
  cluster_silence(c, 0); /* no reset tells the workers */
  const uint64_t job = cluster_submit(c, other, m, 2000);
  story_answers(c, job, 60 * SWISD_SECOND);
  cluster_run(c, 15 * SWISD_SECOND);
  assert_true(t->seen[SWISD_TRACE_JOB_EXPIRED] > 0);
  for (uint32_t node = 1; node <= 4; node++) {
    struct swisd_node_status status;
    swisd_node_status(cluster_node(c, node), &status);
    assert_int_equal(status.open_jobs + status.queued + status.outputs, 0);
  }
  story_end(c, t);
}

static void a_withdrawn_job_ends_at_once_and_leaves_nothing_behind(void **state)
{
  (void)state;
  struct cluster *c = swarm(7, 4);
  struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 20000);
  cluster_run(c, 3 * SWISD_SECOND);
  cluster_withdraw(c, job);
  struct cluster_job_view view;
  assert_true(cluster_run_job(c, job, SWISD_SECOND / 10));
  assert_true(cluster_job(c, job, &view));
  assert_int_equal(view.status, SWISD_ERROR_CANCELLED);
  cluster_run(c, SWISD_SECOND);
  for (uint32_t node = 1; node <= 4; node++) {
    struct swisd_node_status status;
    swisd_node_status(cluster_node(c, node), &status);
    assert_int_equal(status.open_jobs + status.queued + status.outputs, 0);
  }
  story_end(c, NULL);
}

static void a_liar_is_found_out_and_no_wrong_row_is_accepted(void **state)
{
  (void)state;
  struct cluster *c = swarm(8, 5);
  struct cluster_model *m = cluster_model_rows(c, 2, 2, 50000000);
  struct swisd_job_spec *spec = cluster_model_spec(m);
  for (uint32_t s = 0; s < spec->step_count; s++) {
    spec->steps[s].verify = SWISD_VERIFY_FREIVALDS;
    spec->steps[s].flags |= SWISD_STEP_HUB;
  }
  spread(c, m);
  struct tally *t = story_tally(c);
  cluster_lie(c, 2, true);
  const uint64_t job = cluster_submit(c, 0, m, 3000);
  story_answers(c, job, 120 * SWISD_SECOND); /* each committed row has been compared with the reference */
  assert_true(t->of[SWISD_TRACE_TASK_REJECTED][2] > 0);
  assert_int_equal(t->seen[SWISD_TRACE_TASK_REJECTED], t->of[SWISD_TRACE_TASK_REJECTED][2]);
  assert_int_equal(t->of[SWISD_TRACE_TASK_ACCEPTED][2], 0);
  story_end(c, t);
}

static void verify_by_second_opinions(struct cluster_model *m)
{
  struct swisd_job_spec *spec = cluster_model_spec(m);
  for (uint32_t s = 0; s < spec->step_count; s++) {
    spec->steps[s].verify = SWISD_VERIFY_HASH;
    spec->steps[s].flags |= SWISD_STEP_HUB;
  }
}

static void equal_results_of_two_workers_are_accepted_once(void **state)
{
  (void)state;
  struct cluster *c = swarm(18, 4);
  struct cluster_model *m = cluster_model_rows(c, 2, 2, 50000000);
  verify_by_second_opinions(m);
  spread(c, m);
  struct tally *t = story_tally(c);
  const uint64_t job = cluster_submit(c, 0, m, 2000);
  story_answers(c, job, 120 * SWISD_SECOND);
  struct swisd_job_account account;
  assert_true(swisd_node_job_account(cluster_node(c, 0), job, &account));
  assert_true(account.accepted > 0 && account.duplicate >= account.accepted); /* all was computed twice at least */
  assert_int_equal(t->seen[SWISD_TRACE_TASK_REJECTED], 0);
  story_end(c, t);
}

static void a_second_opinion_finds_the_liar_and_a_third_settles_it(void **state)
{
  (void)state;
  struct cluster *c = swarm(19, 6);
  struct cluster_model *m = cluster_model_rows(c, 2, 2, 50000000);
  verify_by_second_opinions(m);
  spread(c, m);
  struct tally *t = story_tally(c);
  cluster_lie(c, 2, true);
  const uint64_t job = cluster_submit(c, 0, m, 3000);
  story_answers(c, job, 240 * SWISD_SECOND); /* each committed row has been compared with the reference */
  assert_true(t->of[SWISD_TRACE_TASK_REJECTED][2] > 0);
  assert_int_equal(t->of[SWISD_TRACE_TASK_ACCEPTED][2], 0);
  story_end(c, t);
}

static void second_opinions_survive_the_death_of_witnesses(void **state)
{
  (void)state;
  struct cluster *c = swarm(20, 6);
  struct cluster_model *m = cluster_model_rows(c, 2, 2, 50000000);
  verify_by_second_opinions(m);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 3000);
  for (uint32_t node = 1; node <= 3; node++) {
    cluster_run(c, SWISD_SECOND);
    cluster_kill(c, node);
  }
  story_answers(c, job, 240 * SWISD_SECOND);
  story_end(c, NULL);
}

static void one_word_against_another_fails_the_checks(void **state)
{
  (void)state;
  struct cluster *c = swarm(21, 2);
  struct cluster_model *m = cluster_model_rows(c, 1, 1, 50000000);
  verify_by_second_opinions(m);
  spread(c, m);
  cluster_lie(c, 2, true);
  const uint64_t job = cluster_submit(c, 0, m, 500);
  struct cluster_job_view view;
  assert_true(cluster_run_job(c, job, 400 * SWISD_SECOND));
  assert_true(cluster_job(c, job, &view));
  assert_int_equal(view.status, SWISD_ERROR_CHECK);
  story_end(c, NULL);
}

static void a_single_holder_cannot_give_a_second_opinion(void **state)
{
  (void)state;
  struct cluster *c = swarm(22, 1);
  struct cluster_model *m = cluster_model_rows(c, 1, 1, 50000000);
  verify_by_second_opinions(m);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 500);
  struct cluster_job_view view;
  assert_true(cluster_run_job(c, job, 120 * SWISD_SECOND));
  assert_true(cluster_job(c, job, &view));
  assert_int_equal(view.status, SWISD_ERROR_NOT_FOUND);
  story_end(c, NULL);
}

static void a_job_whose_shard_has_lost_all_its_holders_says_so(void **state)
{
  (void)state;
  struct cluster *c = swarm(9, 4);
  struct cluster_model *m = cluster_model_rows(c, 2, 1, 50000000);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 5000);
  cluster_run(c, SWISD_SECOND);
  for (uint32_t node = 1; node <= 4; node++)
    cluster_kill(c, node);
  struct cluster_job_view view;
  assert_true(cluster_run_job(c, job, 60 * SWISD_SECOND));
  assert_true(cluster_job(c, job, &view));
  assert_int_equal(view.status, SWISD_ERROR_NOT_FOUND);
  story_end(c, NULL);
}

static void a_job_whose_holders_come_back_in_time_goes_on(void **state)
{
  (void)state;
  struct cluster *c = swarm(10, 3);
  struct cluster_model *m = cluster_model_rows(c, 2, 1, 50000000);
  spread(c, m);
  const uint64_t job = cluster_submit(c, 0, m, 5000);
  cluster_run(c, SWISD_SECOND);
  for (uint32_t node = 1; node <= 3; node++)
    cluster_kill(c, node);
  cluster_run(c, 15 * SWISD_SECOND);
  for (uint32_t node = 1; node <= 3; node++)
    cluster_restart(c, node);
  story_answers(c, job, 60 * SWISD_SECOND);
  story_end(c, NULL);
}

static void damaged_fetches_are_tried_again(void **state)
{
  (void)state;
  struct cluster *c = swarm(11, 4);
  struct cluster_model *m = cluster_model_rows(c, 2, 2, 50000000);
  struct tally *t = story_tally(c);
  cluster_run(c, 5 * SWISD_SECOND);
  cluster_give(c, 0, m);
  cluster_spoil_fetches(c, 0, 5);
  cluster_run(c, 30 * SWISD_SECOND);
  assert_true(t->seen[SWISD_TRACE_SHARD_FAILED] > 0);
  story_answers(c, cluster_submit(c, 0, m, 1000), 60 * SWISD_SECOND);
  story_end(c, t);
}

static void rows_are_accepted_exactly_once_under_loss_duplication_and_disorder(void **state)
{
  (void)state;
  for (uint64_t seed = 300; seed < 305; seed++) {
    struct cluster *c = swarm(seed, 6);
    struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
    cluster_check_every(c, 8);
    spread(c, m);
    struct tally *t = story_tally(c);
    struct cluster_network *n = cluster_network(c);
    n->loss = n->duplicate = 0.1;
    n->stream_loss = n->stream_duplicate = 0.05;
    n->jitter_ns = n->stream_jitter_ns = 80 * SWISD_MILLISECOND;
    const uint64_t job = cluster_submit(c, 0, m, 6000);
    story_answers(c, job, 240 * SWISD_SECOND); /* the driver counts what is committed */
    assert_true(t->seen[SWISD_TRACE_TASK_DUPLICATE] + t->seen[SWISD_TRACE_TASK_LOST] > 0); /* it was not for nothing */
    *n = (struct cluster_network){0};
    story_end(c, t);
  }
}

static void a_busy_worker_says_so_and_loses_nothing(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(12, &swisd_limits_tiny);
  const uint32_t first = cluster_add(c, 2, &cluster_submitter);
  cluster_add(c, 2, &cluster_phone);
  struct cluster_model *m = cluster_model_rows(c, 1, 1, 200000000);
  cluster_give(c, 0, m);
  cluster_run(c, 20 * SWISD_SECOND);
  struct tally *t = story_tally(c);
  const uint64_t one = cluster_submit(c, first, m, 500), two = cluster_submit(c, first + 1, m, 500);
  story_answers(c, one, 120 * SWISD_SECOND);
  story_answers(c, two, 120 * SWISD_SECOND);
  story_end(c, t);
}

static void tiny_limits_slow_a_job_down_but_do_not_stop_it(void **state)
{
  (void)state;
  for (uint64_t seed = 400; seed < 405; seed++) {
    struct cluster *c = cluster_new(seed, &swisd_limits_tiny);
    cluster_add(c, 1, &cluster_submitter);
    cluster_add(c, 6, &cluster_pi);
    struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
    spread(c, m);
    story_answers(c, cluster_submit(c, 0, m, 2000), 240 * SWISD_SECOND);
    story_end(c, NULL);
  }
}

static void two_submitters_share_the_workers_fairly(void **state)
{
  (void)state;
  struct cluster *c = cluster_new(13, NULL);
  const uint32_t first = cluster_add(c, 2, &cluster_submitter);
  cluster_add(c, 6, &cluster_pi);
  struct cluster_model *m = cluster_model_rows(c, 2, 1, 50000000);
  spread(c, m);
  const uint64_t one = cluster_submit(c, first, m, 20000), two = cluster_submit(c, first + 1, m, 20000);
  cluster_run(c, 10 * SWISD_SECOND);
  const double share = (double)answered(c, one) / (double)(answered(c, one) + answered(c, two));
  assert_true(share > 0.4 && share < 0.6);
  story_answers(c, one, 120 * SWISD_SECOND);
  story_answers(c, two, 120 * SWISD_SECOND);
  story_end(c, NULL);
}

static void equal_seeds_give_equal_runs(void **state)
{
  (void)state;
  uint64_t digests[2];
  for (uint32_t run = 0; run < 2; run++) {
    struct cluster *c = swarm(14, 5);
    struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
    cluster_network(c)->loss = 0.05;
    spread(c, m);
    const uint64_t job = cluster_submit(c, 0, m, 3000);
    cluster_run(c, SWISD_SECOND);
    cluster_kill(c, 2);
    story_answers(c, job, 60 * SWISD_SECOND);
    digests[run] = cluster_digest(c);
    story_end(c, NULL);
  }
  assert_int_equal(digests[0], digests[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(rows_are_computed_once_each_when_nothing_happens),
    cmocka_unit_test(the_kill_silence_slow_return_story),
    cmocka_unit_test(strips_with_halos_survive_the_same),
    cmocka_unit_test(one_image_of_strips_without_a_period_has_edges_at_its_ends_only),
    cmocka_unit_test(input_that_comes_in_parts_is_answered_as_it_comes),
    cmocka_unit_test(a_text_is_the_same_whichever_stage_dies_at_whichever_token),
    cmocka_unit_test(a_text_ends_where_its_end_is_spoken),
    cmocka_unit_test(a_submitter_that_dies_leaves_its_workers_free),
    cmocka_unit_test(a_withdrawn_job_ends_at_once_and_leaves_nothing_behind),
    cmocka_unit_test(a_liar_is_found_out_and_no_wrong_row_is_accepted),
    cmocka_unit_test(equal_results_of_two_workers_are_accepted_once),
    cmocka_unit_test(a_second_opinion_finds_the_liar_and_a_third_settles_it),
    cmocka_unit_test(second_opinions_survive_the_death_of_witnesses),
    cmocka_unit_test(one_word_against_another_fails_the_checks),
    cmocka_unit_test(a_single_holder_cannot_give_a_second_opinion),
    cmocka_unit_test(a_job_whose_shard_has_lost_all_its_holders_says_so),
    cmocka_unit_test(a_job_whose_holders_come_back_in_time_goes_on),
    cmocka_unit_test(damaged_fetches_are_tried_again),
    cmocka_unit_test(rows_are_accepted_exactly_once_under_loss_duplication_and_disorder),
    cmocka_unit_test(a_busy_worker_says_so_and_loses_nothing),
    cmocka_unit_test(tiny_limits_slow_a_job_down_but_do_not_stop_it),
    cmocka_unit_test(two_submitters_share_the_workers_fairly),
    cmocka_unit_test(equal_seeds_give_equal_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
