/* Stories with real numbers: a language model speaks the same text whichever stage dies, strips of a picture and rows of
 * images come out bit for bit as one process computes them. */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/llama.h"
#include "kernels/tokenizer.h"
#include "runtime/base/philox.h"
#include "runtime/store/model_store.h"
#include "tests/cluster/cluster_real.h"
#include "tests/cluster/story.h"
#include "tests/kernels/tinystory.h"

static bool find_shared(const char *name, char path[4096])
{
  const char *root = getenv("SWISD_SHARED");
  snprintf(path, 4096, "%s/%s", root != NULL ? root : "../shared", name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    printf("%s is not there: this story is left out\n", path);
    return false;
  }
  fclose(file);
  return true;
}

/* The busiest worker since the last call. */
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

static void tell_story(const struct swisd_bundle *bundle, uint64_t seed, uint32_t deaths, uint32_t tokens[512], uint64_t *count)
{
  enum { WORKERS = 6 };
  struct swisd_error error = {""};
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 0);
  struct cluster *c = cluster_new(seed, NULL);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, WORKERS, &cluster_pi);
  cluster_check_every(c, 8);
  struct cluster_model *m = cluster_model_real(c, bundle, swisd_kernels_portable(), 299, &error);
  if (m == NULL)
    fail_msg("%s", error.text);
  cluster_give(c, 0, m);
  cluster_run(c, 20 * SWISD_SECOND);
  struct tally *t = story_tally(c);
  const uint32_t bos = 1;
  const uint64_t job = cluster_submit_real(c, 0, m, 1, &bos);
  struct cluster_job_view view;
  assert_true(cluster_job(c, job, &view));
  for (uint32_t death = 0; death < deaths; death++) {
    const uint64_t at = swisd_philox_below(&random, (uint32_t)view.items);
    while (cluster_job(c, job, &view) && view.answered < at && !view.ended && cluster_failure(c) == NULL)
      cluster_run(c, 5 * SWISD_MILLISECOND);
    const uint32_t victim = busiest(t, WORKERS);
    if (victim != 0 && swisd_philox_below(&random, 2) == 0)
      cluster_kill(c, victim);
    else if (victim != 0)
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

static void the_greedy_story_is_exact_over_1_to_4_stages_whichever_stages_die(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  static uint32_t tokens[512];
  struct swisd_error error = {""};
  char path[4096];
  if (!find_shared("data/models/tinystories-656k/greedy300.txt", path))
    skip_for_lack();
  *strrchr(path, '/') = '\0';
  for (uint32_t stages = 1; stages <= 4; stages++) {
    if (swisd_llama_import(path, stages, &bundle, &error) != 0 || swisd_bundle_seal(&bundle, &error) != 0)
      fail_msg("%s", error.text);
    for (uint32_t deaths = 0; deaths <= 3; deaths += 3) {
      uint64_t count = 0;
      tell_story(&bundle, 40 + stages + 10 * deaths, deaths, tokens, &count);
      tinystory_expect(path, tokens, count);
    }
    swisd_bundle_free(&bundle);
  }
}

/* Kill, silence, slow, return: the story of the demo, over one of the project's own models and made-up pictures. Devices so
 * slow that it all happens while the job runs. */
static void survive(const char *folder, uint64_t items)
{
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  if (swisd_model_folder_load(folder, &bundle, &error) != 0)
    fail_msg("%s", error.text);
  struct cluster_class device = cluster_pi;
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
    device.flops_per_s[k] = (double)items * 1e6; /* a job of tens of MFLOP an item takes about five seconds */
  struct cluster *c = cluster_new(items, NULL);
  cluster_check_every(c, 16);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, 6, &device);
  struct cluster_model *m = cluster_model_real(c, &bundle, swisd_kernels_portable(), 0, &error);
  if (m == NULL)
    fail_msg("%s", error.text);
  cluster_give(c, 0, m);
  cluster_run(c, 20 * SWISD_SECOND);
  const uint64_t bytes = items * cluster_model_spec(m)->in_bytes_per_item;
  uint8_t *input = test_malloc(bytes);
  struct swisd_philox random = swisd_philox_stream(items, 0, 0, 0);
  for (uint64_t i = 0; i < bytes; i++)
    input[i] = (uint8_t)swisd_philox_below(&random, 256);
  const uint64_t job = cluster_submit_real(c, 0, m, items, input);
  cluster_run(c, SWISD_SECOND);
  cluster_kill(c, 1);
  cluster_silence(c, 2);
  cluster_run(c, SWISD_SECOND);
  cluster_slow(c, 3, 8);
  cluster_kill(c, 4);
  cluster_run(c, SWISD_SECOND);
  cluster_restart(c, 4);
  struct cluster_job_view view;
  assert_true(cluster_job(c, job, &view) && !view.ended);
  story_answers(c, job, 120 * SWISD_SECOND); /* each row was compared with what one process makes of it */
  test_free(input);
  story_end(c, NULL);
  swisd_bundle_free(&bundle);
}

static void images_are_classified_bit_for_bit_as_in_one_process(void **state)
{
  (void)state;
  survive("kernels/weights/fashion", 60);
}

static void a_picture_in_strips_is_denoised_bit_for_bit_as_in_one_process(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  if (swisd_model_folder_load("kernels/weights/denoise", &bundle, &error) != 0)
    fail_msg("%s", error.text);
  const uint64_t period = bundle.model.period;
  swisd_bundle_free(&bundle);
  survive("kernels/weights/denoise", 8 * period);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_greedy_story_is_exact_over_1_to_4_stages_whichever_stages_die),
    cmocka_unit_test(images_are_classified_bit_for_bit_as_in_one_process),
    cmocka_unit_test(a_picture_in_strips_is_denoised_bit_for_bit_as_in_one_process),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
