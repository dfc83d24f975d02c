/* Stories of workers that fall silent while others need what lies at them: no answer, no reset, and death is seconds away. */
#include "tests/cluster/story.h"

enum { WORKERS = 8 };

/* One submitter (node 0), eight Pis, a model whose outputs stay with their workers, a job under way. */
static struct cluster *at_work(uint64_t seed, uint64_t *job)
{
  struct cluster *c = cluster_new(seed, NULL);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, WORKERS, &cluster_pi);
  struct cluster_model *m = cluster_model_rows(c, 3, 2, 50000000);
  cluster_give(c, 0, m);
  cluster_run(c, 20 * SWISD_SECOND);
  *job = cluster_submit(c, 0, m, 20000);
  cluster_run(c, 2 * SWISD_SECOND);
  story_is_well(c);
  return c;
}

static uint64_t answered(const struct cluster *c, uint64_t number)
{
  struct cluster_job_view view;
  assert_true(cluster_job(c, number, &view) && !view.ended);
  return view.answered;
}

/* The worker that keeps most outputs for others. */
static uint32_t keeper(const struct cluster *c)
{
  uint32_t best = 0, most = 0;
  for (uint32_t node = 1; node <= WORKERS; node++) {
    struct swisd_node_status status;
    swisd_node_status(cluster_node(c, node), &status);
    if (status.outputs > most) {
      best = node;
      most = status.outputs;
    }
  }
  assert_true(most > 0);
  return best;
}

static void what_a_silent_worker_keeps_is_made_again_long_before_it_is_dead(void **state)
{
  (void)state;
  for (uint64_t seed = 500; seed < 505; seed++) {
    uint64_t job;
    struct cluster *c = at_work(seed, &job);
    const uint64_t before = answered(c, job);
    cluster_run(c, 3 * SWISD_SECOND);
    const uint64_t usual = answered(c, job) - before;
    struct tally *t = story_tally(c);
    const uint32_t victim = keeper(c);
    const uint64_t fault_ns = cluster_now(c);
    cluster_silence(c, victim);
    cluster_run(c, SWISD_SECOND);
    assert_true(t->of[SWISD_TRACE_WORKER_SILENT][victim] > 0);
    assert_true(t->first_ns[SWISD_TRACE_WORKER_SILENT][victim] - fault_ns < 900 * SWISD_MILLISECOND);
    assert_int_equal(t->seen[SWISD_TRACE_WORKER_SILENT], t->of[SWISD_TRACE_WORKER_SILENT][victim]);
    assert_true(t->seen[SWISD_TRACE_TASK_REPLAYED] > 0);
    /* Answers flow on while everybody still takes the victim for alive or suspect; a stand-still would leave none. */
    const uint64_t then = answered(c, job);
    cluster_run(c, 3 * SWISD_SECOND);
    assert_int_equal(t->seen[SWISD_TRACE_MEMBER_DEAD], 0);
    assert_true((answered(c, job) - then) * 2 >= usual);
    story_answers(c, job, 60 * SWISD_SECOND);
    story_end(c, t);
  }
}

static void a_slow_worker_that_answers_is_copied_but_its_outputs_are_trusted(void **state)
{
  (void)state;
  uint64_t job;
  struct cluster *c = at_work(510, &job);
  struct tally *t = story_tally(c);
  const uint32_t victim = keeper(c);
  cluster_slow(c, victim, 20);
  cluster_run(c, 3 * SWISD_SECOND);
  assert_true(t->of[SWISD_TRACE_WORKER_OVERDUE][victim] > 0 && t->seen[SWISD_TRACE_TASK_HEDGED] > 0);
  assert_int_equal(t->seen[SWISD_TRACE_WORKER_SILENT] + t->seen[SWISD_TRACE_TASK_REPLAYED], 0);
  story_answers(c, job, 60 * SWISD_SECOND);
  story_end(c, t);
}

static void who_comes_back_after_a_second_is_given_work_again(void **state)
{
  (void)state;
  uint64_t job;
  struct cluster *c = at_work(520, &job);
  struct tally *t = story_tally(c);
  const uint32_t victim = keeper(c);
  cluster_silence(c, victim);
  cluster_run(c, SWISD_SECOND);
  assert_int_equal(t->of[SWISD_TRACE_WORKER_SILENT][victim], 1);
  const uint64_t issued = t->of[SWISD_TRACE_TASK_ISSUED][victim];
  cluster_wake(c, victim);
  cluster_run(c, SWISD_SECOND);
  assert_int_equal(t->of[SWISD_TRACE_WORKER_SPEAKS][victim], 1);
  assert_true(t->of[SWISD_TRACE_TASK_ISSUED][victim] > issued);
  assert_int_equal(t->seen[SWISD_TRACE_MEMBER_DEAD], 0);
  story_answers(c, job, 60 * SWISD_SECOND);
  assert_int_equal(t->of[SWISD_TRACE_WORKER_SILENT][victim], 1);
  story_end(c, t);
}

static void a_submitter_that_was_asleep_itself_blames_nobody(void **state)
{
  (void)state;
  uint64_t job;
  struct cluster *c = at_work(530, &job);
  struct tally *t = story_tally(c);
  cluster_silence(c, 0);
  cluster_run(c, 2 * SWISD_SECOND);
  cluster_wake(c, 0);
  cluster_run(c, SWISD_SECOND);
  assert_int_equal(t->seen[SWISD_TRACE_WORKER_SILENT], 0);
  story_answers(c, job, 60 * SWISD_SECOND);
  story_end(c, t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_a_silent_worker_keeps_is_made_again_long_before_it_is_dead),
    cmocka_unit_test(a_slow_worker_that_answers_is_copied_but_its_outputs_are_trusted),
    cmocka_unit_test(who_comes_back_after_a_second_is_given_work_again),
    cmocka_unit_test(a_submitter_that_was_asleep_itself_blames_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
