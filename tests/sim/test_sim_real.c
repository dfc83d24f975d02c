/* `compute: real`: the kernels' own arithmetic in simulated devices that die, fall silent, slow down and return. What comes
 * out equals what one process computes alone, bit for bit; and a recording of it replays through the core alone. */
#include "tests/kernels/model_cases.h"

#include <dirent.h>
#include <unistd.h>

#include "kernels/llama.h"
#include "kernels/tokenizer.h"
#include "runtime/store/model_store.h"
#include "runtime/store/whole_file.h"
#include "runtime/wire/record.h"
#include "tests/kernels/tinystory.h"
#include "tests/sim/child.h"
#include "tests/sim/simulate.h"

/* A directory of this test's own, removed with all that is in it. */
static char *directory_new(void)
{
  static char path[64];
  strcpy(path, "/tmp/swisd-sim-real-XXXXXX");
  assert_non_null(mkdtemp(path));
  return path;
}

static void directory_remove(const char *path)
{
  DIR *directory = opendir(path);
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char inner[512];
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
    if (entry->d_type == DT_DIR)
      directory_remove(inner);
    else
      unlink(inner);
  }
  closedir(directory);
  assert_int_equal(rmdir(path), 0);
}

/* Three dense layers over rows of 64 numbers: 2 lanes, 2 lanes, 1. */
static void make_dense(struct swisd_bundle *bundle)
{
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  strcpy(model->name, "tiny-dense");
  model->task = SWISD_MODEL_TASK_ROWS;
  model->input = (struct swisd_shape){1, 1, 64, SWISD_VALUE_F32};
  swisd_model_add_step(model, "a", SWISD_MODEL_FROM_INPUT, SWISD_MAP_ROWS, 0);
  struct swisd_op dense = {.kind = SWISD_OP_DENSE, .out = 48, .bias = true, .relu = true, .split = SWISD_SPLIT_ROWS};
  swisd_model_add_op(model, dense);
  swisd_model_add_lanes(model, 2, 48);
  swisd_model_add_step(model, "b", 0, SWISD_MAP_ROWS, 0);
  dense.out = 32;
  swisd_model_add_op(model, dense);
  swisd_model_add_lanes(model, 2, 32);
  swisd_model_add_step(model, "c", 1, SWISD_MAP_ROWS, 0);
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_DENSE, .out = 10, .bias = true});
  swisd_model_add_lanes(model, 1, 10);
  case_cut(bundle, 91);
}

static void save(struct swisd_bundle *bundle, const char *folder)
{
  struct swisd_error error;
  if (swisd_model_folder_save(folder, bundle, &error) < 0)
    fail_msg("%s", error.text);
}

/* The items that the simulator makes up when a scenario names no data: see simjobs.c. */
static void fill_items(const struct swisd_model *model, uint64_t seed, uint8_t *items, uint64_t bytes)
{
  struct swisd_philox random = swisd_philox_stream(seed, 0, UINT32_MAX, SWISD_PURPOSE_PLATFORM);
  for (uint64_t i = 0; i < bytes; i += model->input.type == SWISD_VALUE_F32 ? 4 : 1) {
    const float value = model->input.type == SWISD_VALUE_F32 ? (float)(2 * swisd_philox_unit(&random) - 1) : 0;
    if (model->input.type == SWISD_VALUE_F32)
      memcpy(items + i, &value, sizeof value);
    else
      items[i] = (uint8_t)swisd_philox_u32(&random);
  }
}

static void assert_equals_one_process(const struct simulated *got, const struct swisd_bundle *bundle, uint64_t seed,
                                      uint64_t count)
{
  const struct swisd_model *model = &bundle->model;
  struct swisd_error error;
  struct swisd_local *local = swisd_local_open(bundle, swisd_kernels_portable(), &error);
  assert_non_null(local);
  const uint64_t in_bytes = count * swisd_shape_bytes(model->input), out_bytes = count * swisd_local_out_bytes(model);
  uint8_t *items = malloc(in_bytes), *alone = malloc(out_bytes);
  assert_true(items != NULL && alone != NULL);
  fill_items(model, seed, items, in_bytes);
  assert_int_equal(swisd_local_run(local, items, count, alone, &error), 0);
  assert_int_equal(got->summary.items_answered, count);
  assert_int_equal(got->answer_bytes, out_bytes < SIMULATE_ANSWER_BYTES ? out_bytes : SIMULATE_ANSWER_BYTES);
  assert_memory_equal(got->answer, alone, got->answer_bytes);
  free(items);
  free(alone);
  swisd_local_close(local);
}

/* Speeds are made up so that a row takes about 50 ms. */
static struct simulation *dense_story(const char *folder)
{
  char text[4096];
  snprintf(text, sizeof text,
           "swisd: 1\nname: story\nseed: 3\nduration: 120 s\nwarmup: 3 s\ncompute: real\n"
           "links:\n  air: {latency: 10 ms, jitter: {exponential: 2 ms}, bandwidth: 20 Mbit, loss: 2 %%}\n"
           "devices:\n"
           "  fast: {count: 3, speed: 200 kflops, memory: 1 GiB, link: air}\n"
           "  weak: {count: 3, speed: 100 kflops, memory: 1 GiB, link: air}\n"
           "faults:\n"
           "  - {at: 5 s, kill: fast/0}\n"
           "  - {at: 6 s, for: 8 s, silence: weak/0}\n"
           "  - {at: 7 s, slow: {devices: fast/1, factor: 8}}\n"
           "  - {at: 9 s, kill: weak/1}\n"
           "  - {at: 11 s, return: [fast/0, fast/1]}\n"
           "workload:\n  model: %s\n  items: 1500\n  link: air\n",
           folder);
  return simulation_of(text);
}

static void rows_are_right_through_kill_silence_slow_and_return(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  char *folder = directory_new();
  make_dense(&bundle);
  save(&bundle, folder);
  const struct simulated *got = simulate(dense_story(folder));
  assert_false(got->refused);
  assert_int_equal(got->summary.departures, 2);
  assert_true(got->summary.flop_lost + got->summary.flop_replayed + got->summary.flop_duplicate > 0); /* the faults were felt */
  assert_equals_one_process(got, &bundle, 3, 1500);
  swisd_bundle_free(&bundle);
  directory_remove(folder);
}

/* Halos: each strip needs its neighbours, wherever they were computed. */
static void strips_are_right_while_devices_die(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error;
  const struct simulated *got = simulate(simulation_of(
    "swisd: 1\nname: strips\nseed: 4\nduration: 120 s\nwarmup: 3 s\ncompute: real\n"
    "links:\n  wire: {latency: 3 ms, bandwidth: 500 Mbit}\n"
    "devices:\n  weak: {count: 5, speed: 200 Mflops, memory: 1 GiB, link: wire}\n"
    "faults:\n  - {at: 4 s, kill: weak/1}\n  - {at: 5 s, for: 5 s, silence: weak/2}\n  - {at: 6 s, for: 5 s, kill: weak/3}\n"
    "workload:\n  model: denoise\n  items: 56\n  link: wire\n"));
  assert_false(got->refused);
  if (swisd_model_folder_load("kernels/weights/denoise", &bundle, &error) < 0)
    fail_msg("%s", error.text);
  assert_equals_one_process(got, &bundle, 4, 56);
  swisd_bundle_free(&bundle);
}

/* ---- a language model ---- */

static void assert_speaks(const struct simulated *got, const char *folder)
{
  static uint32_t tokens[SIMULATE_ANSWER_BYTES / 4];
  memcpy(tokens, got->answer, got->answer_bytes);
  tinystory_expect(folder, tokens, got->answer_bytes / 4);
}

static void a_story_is_told_to_its_end_while_its_stages_die(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  char shared[4096];
  if (case_shared("data/models/tinystories-656k/model.safetensors", shared) == NULL)
    skip_for_lack();
  *strrchr(shared, '/') = '\0';
  for (unsigned stages = 1; stages <= 4; stages++) {
    char *folder = directory_new(), text[4096];
    struct swisd_error error;
    if (swisd_llama_import(shared, stages, &bundle, &error) < 0)
      fail_msg("%s", error.text);
    save(&bundle, folder);
    swisd_bundle_free(&bundle);
    snprintf(text, sizeof text,
             "swisd: 1\nname: tale\nseed: %u\nduration: 300 s\nwarmup: 4 s\ncompute: real\n"
             "links:\n  wire: {latency: 2 ms, bandwidth: 100 Mbit}\n"
             "devices:\n  weak: {count: 5, speed: 12 Mflops, memory: 1 GiB, link: wire}\n"
             "faults:\n"
             "  - {at: 6 s, for: 5 s, kill: {class: weak, count: 2}}\n"
             "  - {at: 13 s, for: 6 s, silence: {class: weak, count: 2}}\n"
             "  - {at: 21 s, for: 3 s, kill: {class: weak, count: 2}}\n"
             "  - {at: 25 s, for: 3 s, kill: {class: weak, count: 2}}\n"
             "workload:\n  model: %s\n  items: 300\n  link: wire\n",
             40 + stages, folder);
    const struct simulated *got = simulate(simulation_of(text));
    assert_false(got->refused);
    if (got->summary.jobs_answered != 1)
      fail_msg("%u stages: %llu tokens, then nothing", stages, (unsigned long long)(got->answer_bytes / 4));
    assert_true(got->summary.departures >= 6); /* it took long enough for all of them */
    assert_speaks(got, shared);
    directory_remove(folder);
  }
}

/* ---- replay ---- */

struct replayed {
  uint64_t steps, other_ways; /* steps whose actions differ */
};

/* Steps the core through a recording of one process. */
static void replay_file(const char *path, struct replayed *out)
{
  static struct swisd_record_entry entry;
  static struct swisd_actions actions;
  struct swisd_error error;
  void *bytes;
  size_t count, used;
  assert_int_equal(swisd_whole_file_read(path, UINT64_C(1) << 30, &bytes, &count, &error), SWISD_STORE_OK);
  struct swisd_node *node = NULL;
  bool first = true;
  uint64_t digest = 0;
  for (const uint8_t *at = bytes, *end = at + count; at < end; at += used) {
    assert_int_equal(swisd_record_read(at, (size_t)(end - at), &first, &entry, &used), SWISD_WIRE_OK);
    if (entry.kind == SWISD_RECORD_START) {
      node = aligned_alloc(16, (swisd_node_size(&entry.config.limits) + 15) & ~(size_t)15);
      assert_non_null(node);
      swisd_node_init(node, &entry.config, entry.seed);
    } else if (entry.kind == SWISD_RECORD_EVENT) {
      swisd_node_step(node, &entry.event, entry.now_ns, &actions);
      digest = swisd_actions_digest(&actions);
      out->steps++;
    } else {
      out->other_ways += digest != entry.digest;
    }
  }
  free(node);
  free(bytes);
}

static void a_recording_of_every_node_replays_through_the_core_alone(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  char *folder = directory_new(), records[96], path[512];
  struct swisd_error error;
  make_dense(&bundle);
  save(&bundle, folder);
  swisd_bundle_free(&bundle);
  snprintf(records, sizeof records, "%s/records", folder);
  assert_int_equal(swisd_folder_make(records, &error), 0);
  struct simulation *story = dense_story(folder);
  story->options.record = records;
  const struct simulated *got = simulate(story);
  assert_false(got->refused);
  struct replayed replayed = {0};
  unsigned files = 0;
  DIR *directory = opendir(records);
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", records, entry->d_name);
    replay_file(path, &replayed);
    files++;
  }
  closedir(directory);
  assert_true(files >= 8); /* seven nodes, one of which lived twice */
  assert_true(replayed.steps > 1000);
  assert_int_equal(replayed.other_ways, 0);
  directory_remove(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(rows_are_right_through_kill_silence_slow_and_return),
    cmocka_unit_test(strips_are_right_while_devices_die),
    cmocka_unit_test(a_story_is_told_to_its_end_while_its_stages_die),
    cmocka_unit_test(a_recording_of_every_node_replays_through_the_core_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
