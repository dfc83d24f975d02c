/* One story, three drivers: kill, silence, slow and return (story.yml) over the same images, in the cluster driver, in SimGrid
 * and on real processes. Each ends with the answer of one process, bit for bit, every item answered once; and what the processes
 * recorded replays to the same actions.
 *
 *   test_gate_rows [TEST-PATTERN [SEED COUNT]]     the virtual drivers with COUNT seeds from SEED on */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/cli/demo.h"
#include "tests/cluster/cluster_real.h"
#include "tests/cluster/inside.h"
#include "tests/story/gate.h"

static const char scenario_path[] = "tests/story/story.yml";
static uint64_t seed_first = 1, seed_count = 1;

static void read_scenario(const char *world, struct swisd_scenario *scenario)
{
  static struct swisd_scenario_errors errors;
  if (swisd_scenario_read(scenario_path, world, scenario, &errors) != 0)
    fail_msg("%s", errors.text);
}

static void tell_in_cluster(const struct swisd_scenario *scenario, const struct gate_rows *rows, uint64_t seed)
{
  struct gate_fault faults[GATE_FAULTS_MAX];
  struct cluster_class classes[8];
  struct cluster_job_view view;
  struct swisd_error error;
  const uint32_t fault_count = gate_faults(scenario, faults), submitter = scenario->device_count;
  struct cluster *c = gate_cluster(scenario, seed, classes);
  cluster_check_every(c, 16);
  struct cluster_model *model = cluster_model_real(c, &rows->bundle, swisd_kernels_portable(), 0, &error);
  if (model == NULL)
    fail_msg("%s", error.text);
  cluster_give(c, submitter, model);
  cluster_run(c, 10 * SWISD_SECOND);
  const uint64_t job = cluster_submit_real(c, submitter, model, rows->items, rows->input);
  gate_cluster_enact(c, faults, fault_count);
  assert_true(cluster_job(c, job, &view));
  assert_false(view.ended); /* everything happened while it ran */
  story_answers(c, job, 120 * SWISD_SECOND);
  /* The driver has compared each committed row with the job's reference, and counted it; this is the reference. */
  assert_int_equal(cluster_model_spec(model)->lanes[cluster_model_spec(model)->lane_count - 1].out_bytes_per_item,
                   rows->row_bytes);
  for (uint64_t i = 0; i < rows->items; i++)
    assert_int_equal(cluster_reference(c, job, cluster_model_spec(model)->lane_count - 1u, i),
                     bytes_value(rows->rows + i * rows->row_bytes, rows->row_bytes));
  assert_true(cluster_job(c, job, &view));
  assert_int_equal(view.answered, rows->items);
  story_end(c, NULL);
}

static void the_cluster_driver_ends_with_the_answer_of_one_process(void **state)
{
  (void)state;
  struct swisd_scenario scenario;
  struct gate_rows rows;
  read_scenario(NULL, &scenario);
  if (!gate_rows_open(&rows, &scenario)) {
    swisd_scenario_free(&scenario);
    skip_for_lack();
  }
  for (uint64_t seed = seed_first; seed < seed_first + seed_count; seed++)
    tell_in_cluster(&scenario, &rows, seed);
  gate_rows_close(&rows);
  swisd_scenario_free(&scenario);
}

static void tell_simulated(const struct swisd_scenario *scenario, const struct gate_rows *rows, uint64_t seed)
{
  char answers[GATE_PATH_BYTES], records[GATE_PATH_BYTES], path[GATE_PATH_BYTES], seed_text[24];
  gate_path(answers, "answers-%llu", (unsigned long long)seed);
  gate_path(records, "records-%llu", (unsigned long long)seed);
  assert_int_equal(mkdir(records, 0755), 0);
  snprintf(seed_text, sizeof(seed_text), "%llu", (unsigned long long)seed);
  const char *const argv[] = {SWISD_SIMULATOR, scenario_path, "--world",  "sim",   "--seed", seed_text, "--settle", "10",
                              "--answers",     answers,       "--record", records, "--json", NULL};
  gate_run("sim", argv, 60);
  gate_expect_file(answers, rows->rows, rows->items * rows->row_bytes);
  gate_path(path, "records-%llu/node-%u-1.rec", (unsigned long long)seed, scenario->device_count);
  assert_true(gate_expect_once(path, 0, rows->items) > 0);
  gate_expect_replays(records, scenario->device_count + 2); /* the submitter, and who lived twice */
}

static void simulated_devices_end_with_the_answer_of_one_process(void **state)
{
  (void)state;
  struct swisd_scenario scenario;
  struct gate_rows rows;
  read_scenario("sim", &scenario);
  if (!gate_rows_open(&rows, &scenario)) {
    swisd_scenario_free(&scenario);
    skip_for_lack();
  }
  for (uint64_t seed = seed_first; seed < seed_first + seed_count; seed++)
    tell_simulated(&scenario, &rows, seed);
  gate_rows_close(&rows);
  swisd_scenario_free(&scenario);
}

static void real_processes_end_with_the_answer_of_one_process_and_their_recordings_replay(void **state)
{
  (void)state;
  struct swisd_demo_plan *plan = test_calloc(1, sizeof(*plan));
  struct swisd_demo_lab *lab = test_calloc(1, sizeof(*lab));
  struct gate_fault faults[GATE_FAULTS_MAX];
  struct gate_rows rows;
  struct swisd_error error;
  char folder[GATE_PATH_BYTES], raw[GATE_PATH_BYTES], path[GATE_PATH_BYTES];
  read_scenario("lab", &plan->scenario);
  if (!gate_rows_open(&rows, &plan->scenario)) {
    swisd_scenario_free(&plan->scenario);
    test_free(plan);
    test_free(lab);
    skip_for_lack();
  }
  plan->items = rows.items;
  plan->passes = 1;
  plan->bound_ns = 10 * SWISD_SECOND;
  plan->fault_count = gate_faults(&plan->scenario, faults);
  for (uint32_t i = 0; i < plan->fault_count; i++)
    plan->faults[i] = (struct swisd_demo_fault){
      .at_ns = faults[i].at_ns, .kind = faults[i].kind, .device = faults[i].device, .factor = faults[i].factor};
  gate_path(folder, "lab");
  gate_path(raw, "lab/answers");
  assert_int_equal(mkdir(folder, 0755), 0);
  *lab = (struct swisd_demo_lab){.executable = SWISD_EXECUTABLE, .directory = folder, .kernels = "portable", .raw = raw};
  if (swisd_demo_lab_run(lab, plan, NULL, &error) != 0)
    fail_msg("%s", error.text);
  gate_path(path, "lab/submitter.log");
  char *said = gate_read(path, NULL);
  printf("%s", said);
  if (swisd_lab_exit_status(&lab->submitter) != 0)
    fail_msg("the submitter failed: %s", said);
  test_free(said);
  for (uint32_t i = 0; i < plan->fault_count; i++)
    assert_true(plan->faults[i].done_ns > 0); /* everything happened while it ran */
  gate_expect_file(raw, rows.rows, rows.items * rows.row_bytes);
  gate_path(path, "lab/submitter.rec");
  gate_expect_once(path, 0, rows.items); /* what the faults cost is up to the clock here: the other drivers assert it */
  gate_expect_replays(folder, plan->scenario.device_count + 2);
  gate_rows_close(&rows);
  swisd_scenario_free(&plan->scenario);
  test_free(plan);
  test_free(lab);
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_cluster_driver_ends_with_the_answer_of_one_process),
    cmocka_unit_test_setup_teardown(simulated_devices_end_with_the_answer_of_one_process, gate_setup, gate_teardown),
    cmocka_unit_test_setup_teardown(real_processes_end_with_the_answer_of_one_process_and_their_recordings_replay, gate_setup,
                                    gate_teardown),
  };
  if (argc > 1)
    cmocka_set_test_filter(argv[1]);
  if (argc > 3) {
    seed_first = strtoull(argv[2], NULL, 10);
    seed_count = strtoull(argv[3], NULL, 10);
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
