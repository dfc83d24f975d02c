/* Statistics of the failure detector over many deaths, against what SWIM promises (Das, Gupta, Motivala, DSN 2002, section 4). */
#include "runtime/base/philox.h"
#include "tests/cluster/story.h"

enum { KILLS = 240 };

struct suspicion {
  struct swisd_id victim;
  uint64_t at_ns; /* of the first one, 0 = none yet */
};

static void see(void *context, uint32_t node, uint64_t now_ns, const struct swisd_trace *trace)
{
  struct suspicion *s = context;
  (void)node;
  if (trace->kind == SWISD_TRACE_MEMBER_SUSPECT && s->at_ns == 0 && swisd_id_equal(trace->subject, s->victim))
    s->at_ns = now_ns;
}

static bool is_suspected(struct cluster *c, void *context)
{
  (void)c;
  return ((struct suspicion *)context)->at_ns != 0;
}

/* Mean time from the silence of a random member at a random moment to the first suspicion anywhere, in probe periods. */
static double mean_detection(uint32_t nodes, uint64_t seed)
{
  struct cluster *c = cluster_new(seed, NULL);
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 0);
  struct suspicion s = {0};
  double sum = 0;
  cluster_check_every(c, 64);
  cluster_add(c, nodes, &cluster_laptop);
  cluster_run(c, 20 * SWISD_SECOND);
  assert_true(cluster_all_see(c, nodes - 1));
  cluster_watch(c, see, &s);
  for (uint32_t kill = 0; kill < KILLS; kill++) {
    const uint32_t victim = swisd_philox_below(&random, nodes);
    cluster_run(c, swisd_philox_below(&random, 1000000) * (SWISD_SECOND / 1000000));
    s = (struct suspicion){.victim = cluster_id(c, victim)};
    const uint64_t start_ns = cluster_now(c);
    cluster_silence(c, victim);
    assert_true(cluster_run_until(c, is_suspected, &s, 20 * SWISD_SECOND));
    sum += (double)(s.at_ns - start_ns) / (double)cluster_config(c)->probe_interval_ns;
    cluster_wake(c, victim);
    cluster_run(c, 3 * SWISD_SECOND); /* it refutes */
  }
  story_is_well(c);
  cluster_free(c);
  return sum / KILLS;
}

/* SWIM counts protocol periods from the start of the one in which the member fails, and finds e / (e - 1) = 1.58 until some
 * member probes it; a period later it is suspected. Failures fall in the middle of a period on average, so from the failure
 * to the suspicion it is 1.58 - 0.5 + 1 periods. (Members here are not in step and probe in rounds, which makes the first
 * part (N - 1) / N = 1 instead of 1.08.) */
static void the_first_suspicion_comes_after_1_58_periods_at_any_size(void **state)
{
  (void)state;
  const uint32_t sizes[] = {16, 48, 144};
  double sum = 0, least = 100, most = 0;
  for (uint32_t i = 0; i < 3; i++) {
    const double mean = mean_detection(sizes[i], 500 + i) - 1 + 0.5;
    print_message("%u nodes, %d deaths: %.2f periods\n", sizes[i], KILLS, mean);
    sum += mean;
    least = mean < least ? mean : least;
    most = mean > most ? mean : most;
  }
  assert_true(sum / 3 > 1.58 * 0.9 && sum / 3 < 1.58 * 1.1);
  assert_true(most - least < 0.25); /* flat: the standard error of each mean is 0.06 */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_first_suspicion_comes_after_1_58_periods_at_any_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
