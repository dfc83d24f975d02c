/* Two stories as the nodes tell them. The wording is stable (runtime/wire/trace_text.h); the moments are those of this seed.
 * A change of a timer or of how work is cut changes them: read the new text as a story, and if it is as good, put it here. */
#include "tests/cluster/story.h"

static void three_nodes_meet_one_dies_comes_back_and_one_leaves(void **state)
{
  (void)state;
  const uint8_t kinds[] = {SWISD_TRACE_MEMBER_ALIVE, SWISD_TRACE_MEMBER_SUSPECT, SWISD_TRACE_MEMBER_DEAD,
                           SWISD_TRACE_MEMBER_LEFT,  SWISD_TRACE_REFUTED,        0};
  struct cluster *c = cluster_new(21, NULL);
  cluster_trace(c, kinds);
  cluster_add(c, 3, &cluster_pi);
  cluster_run(c, 5 * SWISD_SECOND);
  cluster_kill(c, 2);
  cluster_run(c, 15 * SWISD_SECOND);
  cluster_restart(c, 2);
  cluster_run(c, 5 * SWISD_SECOND);
  cluster_leave(c, 1);
  cluster_run(c, 5 * SWISD_SECOND);
  story_expect(c, "[   0.010] 2 > alive 0 (from 0, incarnation 1)\n"
                  "[   0.010] 1 > alive 0 (from 0, incarnation 1)\n"
                  "[   0.010] 2 > alive 1 (from 1, incarnation 1)\n"
                  "[   0.010] 0 > alive 1 (from 1, incarnation 1)\n"
                  "[   0.010] 0 > alive 2 (from 2, incarnation 1)\n"
                  "[   0.010] 1 > alive 2 (from 2, incarnation 1)\n"
                  "[   5.010] 0 > suspect 2 (from 0, incarnation 1)\n" /* its link was reset */
                  "[   5.010] 1 > suspect 2 (from 1, incarnation 1)\n"
                  "[   9.010] 0 > dead 2 (from 0, incarnation 1)\n"
                  "[   9.010] 1 > dead 2 (from 1, incarnation 1)\n"
                  "[  20.010] 0 > alive 2 (from 2, incarnation 2)\n" /* a new incarnation of the same node */
                  "[  20.010] 1 > alive 2 (from 2, incarnation 2)\n"
                  "[  20.020] 2 > alive 0 (from 0, incarnation 1)\n"
                  "[  20.020] 2 > alive 1 (from 0, incarnation 1)\n"
                  "[  25.010] 0 > left 1 (from 1, incarnation 1)\n"
                  "[  25.010] 2 > left 1 (from 1, incarnation 1)\n");
  story_end(c, NULL);
}

static void a_worker_dies_and_what_it_owed_goes_to_the_other(void **state)
{
  (void)state;
  const uint8_t kinds[] = {
    SWISD_TRACE_JOB_SUBMITTED, SWISD_TRACE_JOB_ANSWERED,  SWISD_TRACE_JOB_FAILED,     SWISD_TRACE_WORKER_GONE,
    SWISD_TRACE_TASK_LOST,     SWISD_TRACE_TASK_REISSUED, SWISD_TRACE_TASK_DUPLICATE, 0};
  struct cluster *c = cluster_new(22, NULL);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, 2, &cluster_pi);
  struct cluster_model *m = cluster_model_rows(c, 1, 1, 50000000);
  cluster_give(c, 0, m);
  cluster_run(c, 20 * SWISD_SECOND);
  cluster_trace(c, kinds);
  const uint64_t job = cluster_submit(c, 0, m, 200);
  cluster_run(c, 300 * SWISD_MILLISECOND);
  cluster_kill(c, 1);
  story_answers(c, job, 10 * SWISD_SECOND);
  story_expect(c, "[  20.000] 0 > job submitted 0/1 (number 1)\n"
                  "[  20.307] 0 > gone 1\n"
                  "[  20.307] 0 > lost 0/1 step 0 lane 0 items 33..66 (worker 1, flop 1650000000)\n"
                  "[  20.307] 0 > lost 0/1 step 0 lane 0 items 132..165 (worker 1, flop 1650000000)\n"
                  "[  20.307] 0 > reissued 0/1 step 0 lane 0 items 33..52 (worker 2, flop 950000000)\n"
                  "[  20.307] 0 > reissued 0/1 step 0 lane 0 items 52..66 (worker 2, flop 700000000)\n"
                  "[  20.307] 0 > reissued 0/1 step 0 lane 0 items 132..151 (worker 2, flop 950000000)\n"
                  "[  20.750] 0 > reissued 0/1 step 0 lane 0 items 151..165 (worker 2, flop 700000000)\n"
                  "[  21.073] 0 > job answered 0/1 (number 1)\n");
  story_end(c, NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(three_nodes_meet_one_dies_comes_back_and_one_leaves),
    cmocka_unit_test(a_worker_dies_and_what_it_owed_goes_to_the_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
