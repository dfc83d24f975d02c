/* A language model speaks the same text over 1, 2, 3 and 4 stages, whichever of them dies at whichever token: exactly
 * greedy300.txt up to its end of story, in the cluster driver, in SimGrid and on real processes.
 *
 *   test_gate_text [TEST-PATTERN [SEED COUNT]]     COUNT seeds from SEED on */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "kernels/llama.h"
#include "runtime/net/clock.h"
#include "runtime/store/model_store.h"
#include "tests/cluster/cluster_real.h"
#include "tests/kernels/tinystory.h"
#include "tests/runtime/swarm.h"
#include "tests/story/gate.h"

enum { STAGES_MAX = 4, TOKENS_MAX = 299 };

static uint64_t seed_first = 1, seed_count = 1;

/* ---- the cluster driver ---- */

/* The worker whose results were accepted most often since the last call. */
static uint32_t busiest(struct tally *t, uint32_t workers)
{
  uint32_t best = 0;
  for (uint32_t node = 1; node <= workers; node++)
    if (cluster_is_running(t->cluster, node) && !cluster_is_silent(t->cluster, node) &&
        (best == 0 || t->of[SWISD_TRACE_TASK_ACCEPTED][node] > t->of[SWISD_TRACE_TASK_ACCEPTED][best]))
      best = node;
  memset(t->of[SWISD_TRACE_TASK_ACCEPTED], 0, sizeof(t->of[SWISD_TRACE_TASK_ACCEPTED]));
  return best;
}

/* Three times, at random tokens, the stage that works most is killed or falls silent. */
static void speak_in_cluster(const struct swisd_bundle *bundle, uint64_t seed, uint32_t tokens[TOKENS_MAX + 1], uint64_t *count)
{
  enum { WORKERS = 6, DEATHS = 3 };
  struct swisd_error error = {""};
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 0);
  struct cluster *c = cluster_new(seed, NULL);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, WORKERS, &cluster_pi);
  cluster_check_every(c, 16);
  struct cluster_model *m = cluster_model_real(c, bundle, swisd_kernels_portable(), TOKENS_MAX, &error);
  if (m == NULL)
    fail_msg("%s", error.text);
  cluster_give(c, 0, m);
  cluster_run(c, 20 * SWISD_SECOND);
  struct tally *t = story_tally(c);
  const uint32_t bos = bundle->model.llama.bos;
  const uint64_t job = cluster_submit_real(c, 0, m, 1, &bos);
  struct cluster_job_view view;
  assert_true(cluster_job(c, job, &view));
  uint32_t at[DEATHS];
  for (uint32_t i = 0; i < DEATHS; i++) {
    at[i] = swisd_philox_below(&random, (uint32_t)view.items - 1);
    for (uint32_t k = i; k > 0 && at[k - 1] > at[k]; k--) {
      const uint32_t later = at[k - 1];
      at[k - 1] = at[k];
      at[k] = later;
    }
  }
  for (uint32_t i = 0; i < DEATHS; i++) {
    while (cluster_job(c, job, &view) && view.answered < at[i] && !view.ended && cluster_failure(c) == NULL)
      cluster_run(c, 5 * SWISD_MILLISECOND);
    const uint32_t victim = busiest(t, WORKERS);
    assert_true(victim != 0 && !view.ended);
    if (swisd_philox_below(&random, 2) == 0)
      cluster_kill(c, victim);
    else
      cluster_silence(c, victim);
  }
  story_answers(c, job, 300 * SWISD_SECOND);
  assert_true(cluster_job(c, job, &view));
  tokens[0] = bos;
  *count = view.items + 1;
  for (uint64_t i = 0; i < view.items; i++)
    tokens[1 + i] = (uint32_t)cluster_reference(c, job, cluster_model_spec(m)->lane_count - 1u, i);
  story_end(c, t);
}

static void the_text_is_exact_in_the_cluster_driver(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  uint32_t tokens[TOKENS_MAX + 1];
  char folder[GATE_PATH_BYTES];
  struct swisd_error error;
  if (!gate_model_folder(folder))
    skip_for_lack();
  for (uint32_t stages = 1; stages <= STAGES_MAX; stages++) {
    if (swisd_llama_import(folder, stages, &bundle, &error) != 0 || swisd_bundle_seal(&bundle, &error) != 0)
      fail_msg("%s", error.text);
    for (uint64_t seed = seed_first; seed < seed_first + seed_count; seed++) {
      uint64_t count = 0;
      speak_in_cluster(&bundle, 10 * seed + stages, tokens, &count);
      tinystory_expect(folder, tokens, count);
    }
    swisd_bundle_free(&bundle);
  }
}

/* ---- SimGrid ---- */

/* First three of five die, then, when those are back, the other two: whoever has a stage loses it. */
static void write_scenario(const char *path, const char *folder, uint32_t stages, uint64_t seed)
{
  struct swisd_philox random = swisd_philox_stream(seed, stages, 0, 0);
  const double first_s = 0.5 + 4 * swisd_philox_unit(&random), second_s = first_s + 3 + 3 * swisd_philox_unit(&random);
  FILE *out = fopen(path, "we");
  assert_non_null(out);
  fprintf(out,
          "swisd: 1\nname: gate-text\nseed: %llu\nduration: 600 s\ncompute: real\n"
          "links:\n  wire: {latency: 2 ms, bandwidth: 100 Mbit}\n"
          "devices:\n  weak: {count: 5, speed: 15 Mflops, memory: 1 GiB, link: wire}\n"
          "faults:\n"
          "  - {at: %.3f s, for: 2 s, kill: [weak/0, weak/1, weak/2]}\n"
          "  - {at: %.3f s, for: 2 s, kill: [weak/3, weak/4]}\n"
          "workload: {model: %s, stages: %u, items: 300, link: wire}\n",
          (unsigned long long)seed, first_s, second_s, folder, stages);
  assert_int_equal(fclose(out), 0);
}

static void the_text_is_exact_in_simulated_devices(void **state)
{
  (void)state;
  char folder[GATE_PATH_BYTES], scenario[GATE_PATH_BYTES], answers[GATE_PATH_BYTES], records[GATE_PATH_BYTES];
  char path[GATE_PATH_BYTES + 32];
  if (!gate_model_folder(folder))
    skip_for_lack();
  char text[TINYSTORY_BYTES];
  tinystory_read(folder, text);
  gate_path(scenario, "text.yml");
  gate_path(answers, "answers");
  gate_path(records, "records");
  assert_int_equal(mkdir(records, 0755), 0);
  for (uint64_t seed = seed_first; seed < seed_first + seed_count; seed++)
    for (uint32_t stages = 1; stages <= STAGES_MAX; stages++) {
      size_t bytes;
      write_scenario(scenario, folder, stages, seed);
      gate_run(
        "sim",
        (const char *const[]){SWISD_SIMULATOR, scenario, "--settle", "10", "--answers", answers, "--record", records, NULL}, 60);
      char *tokens = gate_read(answers, &bytes);
      tinystory_expect(folder, (const uint32_t *)(const void *)tokens, bytes / sizeof(uint32_t));
      snprintf(path, sizeof(path), "%s/node-5-1.rec", records);
      assert_true(gate_expect_once(path, 0, bytes / sizeof(uint32_t) - 1) > 0);
      test_free(tokens);
    }
}

/* ---- real processes ---- */

/* Waits until that many bytes of text were spoken, or all of it: on a busy machine the end may come between two looks. */
static void wait_for_text(const struct swarm *swarm, struct swisd_lab_process *ask, size_t bytes)
{
  for (size_t spoken = 0; spoken < bytes;) {
    if (swisd_lab_ended(ask, 0.002))
      return;
    free(swarm_read(swarm, "ask.out", &spoken));
  }
}

/* The node that computed most in the last tenth of a second. */
static uint32_t busiest_process(const struct swarm *swarm)
{
  double before[SWARM_NODES_MAX], most = -1;
  uint32_t best = 0;
  for (uint32_t i = 0; i < swarm->node_count; i++)
    before[i] = swarm_status(swarm, i, "/programs_completed");
  for (const uint64_t until_ns = swisd_clock_now_ns() + SWISD_SECOND / 10; swisd_clock_now_ns() < until_ns;)
    for (uint32_t i = 0; i < swarm->node_count; i++) {
      const double more = swarm_status(swarm, i, "/programs_completed") - before[i];
      if (before[i] >= 0 && more > most) {
        most = more;
        best = i;
      }
    }
  return best;
}

/* A stage is killed in the middle of the text. */
static void speak_for_real(const char *folder, uint32_t stages, struct swisd_philox *random, const char *text)
{
  struct swarm *swarm = test_malloc(sizeof(*swarm));
  swarm_start(swarm, 4, "0.15");
  struct swisd_lab_process ask;
  char stages_text[8], record[SWARM_PATH_BYTES];
  snprintf(stages_text, sizeof(stages_text), "%u", stages);
  swarm_path(swarm, "ask.rec", record);
  swarm_command(swarm, &ask, "ask",
                (const char *const[]){"ask", "--join", swarm->seed, "--model", folder, "--stages", stages_text, "--record",
                                      record, "", NULL});
  wait_for_text(swarm, &ask, 1 + swisd_philox_below(random, (uint32_t)strlen(text) / 3));
  const uint32_t victim = busiest_process(swarm);
  swisd_lab_kill(&swarm->nodes[victim]);
  assert_true(swisd_lab_ended(&ask, 30));
  assert_int_equal(swisd_lab_exit_status(&ask), 0);
  char *said = swarm_read(swarm, "ask.out", NULL);
  said[strcspn(said, "<")] = '\0';
  assert_string_equal(said, text);
  free(said);
  unsigned long long count = 0;
  said = swarm_read(swarm, "ask.err", NULL);
  assert_int_equal(sscanf(said, "%llu tokens", &count), 1);
  free(said);
  gate_expect_once(record, 0, count); /* what the kill cost is up to the clock here: the other drivers assert it */
  gate_expect_replays(swarm->directory, swarm->node_count + 1);
  swarm_end(swarm);
  test_free(swarm);
}

static void the_text_is_exact_on_real_processes(void **state)
{
  (void)state;
  char folder[GATE_PATH_BYTES];
  if (!gate_model_folder(folder))
    skip_for_lack();
  char text[TINYSTORY_BYTES];
  tinystory_read(folder, text);
  for (uint64_t seed = seed_first; seed < seed_first + seed_count; seed++) {
    struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 0);
    for (uint32_t stages = 1; stages <= STAGES_MAX; stages++)
      speak_for_real(folder, stages, &random, text);
  }
}

static int teardown(void **state)
{
  swarm_teardown(state);
  return gate_teardown(state);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_text_is_exact_in_the_cluster_driver),
    cmocka_unit_test_setup_teardown(the_text_is_exact_in_simulated_devices, gate_setup, gate_teardown),
    cmocka_unit_test_setup_teardown(the_text_is_exact_on_real_processes, gate_setup, teardown),
  };
  if (argc > 1)
    cmocka_set_test_filter(argv[1]);
  if (argc > 3) {
    seed_first = strtoull(argv[2], NULL, 10);
    seed_count = strtoull(argv[3], NULL, 10);
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
