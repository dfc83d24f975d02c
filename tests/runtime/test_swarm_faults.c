/* A device dies, the answer does not: the command itself, over real processes, with one killed in the middle. Every recording
 * of such a run replays to the same actions. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/dataset.h"
#include "runtime/net/control.h"
#include "runtime/net/replay.h"
#include "runtime/store/model_store.h"
#include "tests/runtime/swarm.h"

static void assert_replays(const struct swarm *swarm, const char *name)
{
  char path[SWARM_PATH_BYTES];
  struct swisd_replay_result result;
  struct swisd_error error;
  swarm_path(swarm, name, path);
  assert_int_equal(swisd_replay_run(path, NULL, &result, &error), 0);
  assert_int_equal(result.first_differing, 0);
  assert_true(result.steps > 10);
  assert_true(result.compared + 1 >= result.steps); /* a killed node may have died inside a step */
}

static void a_killed_node_changes_no_bit_of_the_answer(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  struct swisd_lab_process classify;
  char record[SWARM_PATH_BYTES];
  swarm_start(&swarm, 3, "3");
  swarm_path(&swarm, "submitter.rec", record);
  const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "600", "--check", "--record", record, NULL};
  swarm_command(&swarm, &classify, "classify", arguments);
  for (uint32_t i = 0; i < 3; i++)
    assert_true(swarm_wait_for(&swarm, i, "/programs_completed", 1, 10));
  swisd_lab_kill(&swarm.nodes[2]);
  assert_true(swisd_lab_ended(&classify, 20));
  assert_int_equal(swisd_lab_exit_status(&classify), 0);
  assert_true(swarm_file_says(&swarm, "classify.err", "600 of 600 rows equal those of one process"));
  size_t bytes;
  char *lines = swarm_read(&swarm, "classify.out", &bytes);
  size_t count = 0;
  for (const char *at = lines; (at = strchr(at, '\n')) != NULL; at++)
    count++;
  free(lines);
  assert_int_equal(count, 600);
  assert_replays(&swarm, "submitter.rec");
  for (uint32_t i = 0; i < 3; i++) {
    char name[32];
    snprintf(name, sizeof name, "node-%u.rec", i);
    assert_replays(&swarm, name);
  }
  swarm_end(&swarm);
}

/* A copy of the network whose every step is verified by a second opinion. */
static void write_twice_model(const struct swarm *swarm, char folder[SWARM_PATH_BYTES])
{
  struct swisd_error error;
  struct swisd_bundle *bundle = calloc(1, sizeof *bundle);
  assert_non_null(bundle);
  assert_int_equal(swisd_model_folder_load("kernels/weights/fashion", bundle, &error), 0);
  for (unsigned s = 0; s < bundle->model.step_count; s++)
    bundle->model.steps[s].verify = SWISD_MODEL_VERIFY_HASH;
  swarm_path(swarm, "twice", folder);
  assert_int_equal(swisd_model_folder_save(folder, bundle, &error), 0);
  swisd_bundle_free(bundle);
  free(bundle);
}

static void rows_on_which_two_nodes_agree_are_the_right_ones(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  struct swisd_lab_process classify;
  char folder[SWARM_PATH_BYTES];
  swarm_start(&swarm, 4, "20");
  write_twice_model(&swarm, folder);
  const char *const arguments[] = {"classify", "--join", swarm.seed, "--model", folder, "--items", "300", "--check", NULL};
  swarm_command(&swarm, &classify, "classify", arguments);
  for (uint32_t i = 0; i < 4; i++)
    assert_true(swarm_wait_for(&swarm, i, "/programs_completed", 1, 20));
  swisd_lab_kill(&swarm.nodes[2]);
  assert_true(swisd_lab_ended(&classify, 30));
  assert_int_equal(swisd_lab_exit_status(&classify), 0);
  assert_true(swarm_file_says(&swarm, "classify.err", "300 of 300 rows equal those of one process"));
  swarm_end(&swarm);
}

static void a_silent_node_holds_nobody_up_and_is_welcome_back(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  struct swisd_lab_process classify;
  swarm_start(&swarm, 3, "3");
  const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "600", "--check", NULL};
  swarm_command(&swarm, &classify, "classify", arguments);
  for (uint32_t i = 0; i < 3; i++)
    assert_true(swarm_wait_for(&swarm, i, "/programs_completed", 1, 10));
  swisd_lab_signal(&swarm.nodes[1], SIGSTOP);
  assert_true(swisd_lab_ended(&classify, 20));
  assert_int_equal(swisd_lab_exit_status(&classify), 0);
  assert_true(swarm_file_says(&swarm, "classify.err", "600 of 600 rows equal those of one process"));
  swisd_lab_signal(&swarm.nodes[1], SIGCONT);
  assert_true(swarm_wait_for(&swarm, 1, "/resumed", 1, 5));
  assert_true(swarm_wait_for(&swarm, 0, "/members_alive", 2, 8));
  swarm_end(&swarm);
}

static void a_text_survives_the_death_of_a_stage(void **state)
{
  (void)state;
  const char *shared = swarm_shared();
  if (!shared)
    skip_for_lack();
  struct swarm swarm;
  struct swisd_lab_process ask;
  char model[512], expected_path[600];
  swarm_start(&swarm, 3, "0.15");
  snprintf(model, sizeof model, "%s/data/models/tinystories-656k", shared);
  const char *const arguments[] = {"ask", "--join", swarm.seed, "--model", model, "--stages", "2", NULL};
  swarm_command(&swarm, &ask, "ask", arguments);
  uint32_t victim = 0;
  while (swarm_status(&swarm, victim, "/programs_completed") < 10) { /* a node that carries a stage */
    victim = (victim + 1) % 3;
    assert_false(swisd_lab_ended(&ask, 0.005));
  }
  swisd_lab_kill(&swarm.nodes[victim]);
  assert_true(swisd_lab_ended(&ask, 20));
  assert_int_equal(swisd_lab_exit_status(&ask), 0);
  snprintf(expected_path, sizeof expected_path, "%s/greedy300.txt", model);
  FILE *in = fopen(expected_path, "re");
  assert_non_null(in);
  char expected[4096];
  const size_t length = fread(expected, 1, sizeof expected, in);
  fclose(in);
  size_t bytes;
  char *text = swarm_read(&swarm, "ask.out", &bytes);
  assert_int_equal(bytes, length);
  assert_memory_equal(text, expected, length);
  free(text);
  swarm_end(&swarm);
}

/* The control socket does for other programs what `swisd classify` does for people. */
static void a_job_through_the_control_socket_has_the_same_answer(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  enum { ITEMS = 40 };
  struct swarm swarm;
  struct swisd_dataset images;
  struct swisd_error error;
  char input[SWARM_PATH_BYTES], raw[SWARM_PATH_BYTES], output[SWARM_PATH_BYTES], node[SWARM_PATH_BYTES];
  char line[4 * SWARM_PATH_BYTES];
  swarm_start(&swarm, 2, "3");
  swarm_path(&swarm, "input", input);
  swarm_path(&swarm, "raw", raw);
  swarm_path(&swarm, "output", output);
  const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "40", "--raw", raw, NULL};
  assert_int_equal(swarm_run(&swarm, "classify", arguments, 20), 0);
  assert_int_equal(swisd_dataset_read(SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz", &images, &error), 0);
  FILE *out = fopen(input, "w");
  assert_int_equal(fwrite(images.bytes, images.item_bytes, ITEMS, out), ITEMS);
  fclose(out);
  swisd_dataset_free(&images);
  swarm_node_directory(&swarm, 0, node);
  snprintf(line, sizeof line, "{\"command\":\"submit\",\"model\":\"kernels/weights/fashion\",\"input\":\"%s\",\"output\":\"%s\"}",
           input, output);
  char *answer = swisd_control_ask(node, line, 20, &error);
  assert_non_null(answer);
  assert_string_equal(answer, "{\"ok\":true}");
  free(answer);
  size_t wanted_bytes, bytes;
  char *wanted = swarm_read(&swarm, "raw", &wanted_bytes), *got = swarm_read(&swarm, "output", &bytes);
  assert_int_equal(bytes, wanted_bytes);
  assert_memory_equal(got, wanted, bytes);
  free(wanted);
  free(got);
  answer = swisd_control_ask(node, "{\"command\":\"submit\",\"model\":\"no-such\",\"input\":\"a\",\"output\":\"b\"}", 20, &error);
  assert_non_null(strstr(answer, "no-such"));
  free(answer);
  swarm_end(&swarm);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(a_killed_node_changes_no_bit_of_the_answer, swarm_teardown),
    cmocka_unit_test_teardown(rows_on_which_two_nodes_agree_are_the_right_ones, swarm_teardown),
    cmocka_unit_test_teardown(a_silent_node_holds_nobody_up_and_is_welcome_back, swarm_teardown),
    cmocka_unit_test_teardown(a_text_survives_the_death_of_a_stage, swarm_teardown),
    cmocka_unit_test_teardown(a_job_through_the_control_socket_has_the_same_answer, swarm_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
