/* Checking results of lanes: what any honest kernel set computes passes, what was changed does not. */
#include "tests/kernels/model_cases.h"

#include <pthread.h>

enum { ITEMS = 12, PERIOD = 4, SECRET = 77 };

/* Every shape of a checked step, one model each. */
enum kind { DENSE_ROWS, DENSE_COLUMNS, CONVOLUTION, STRIPS, POINTWISE, KINDS };

static void build(struct swisd_bundle *bundle, enum kind kind)
{
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  const bool dense = kind == DENSE_ROWS || kind == DENSE_COLUMNS;
  snprintf(model->name, sizeof model->name, "checked");
  model->input = dense ? (struct swisd_shape){1, 1, 90, SWISD_VALUE_F32} : (struct swisd_shape){6, 9, 3, SWISD_VALUE_U8};
  if (kind == STRIPS) {
    model->task = SWISD_MODEL_TASK_STRIPS;
    model->period = PERIOD;
  }
  swisd_model_add_step(model, "checked", SWISD_MODEL_FROM_INPUT, kind == STRIPS ? SWISD_MAP_HALO : SWISD_MAP_ROWS,
                       kind == STRIPS);
  model->steps[0].verify = SWISD_MODEL_VERIFY_FREIVALDS;
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_SCALE, .by = dense ? 3 : 0.001f});
  if (dense) {
    swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_DENSE,
                                                .split = kind == DENSE_ROWS ? SWISD_SPLIT_ROWS : SWISD_SPLIT_COLUMNS,
                                                .out = 40,
                                                .bias = kind == DENSE_ROWS});
    swisd_model_add_lanes(model, 3, kind == DENSE_ROWS ? 40 : 90);
    if (kind == DENSE_COLUMNS) {
      struct swisd_model_step *sum = swisd_model_add_step(model, "sum", 0, SWISD_MAP_ROWS, 0);
      sum->edges[0].combine = SWISD_MODEL_REDUCE;
      swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_BIAS});
    }
  } else {
    swisd_model_add_op(
      model, (struct swisd_op){
               .kind = SWISD_OP_CONV2D, .split = SWISD_SPLIT_ROWS, .out = 20, .kernel = kind == POINTWISE ? 1 : 5, .bias = true});
    swisd_model_add_lanes(model, 2, 20);
  }
  case_cut(bundle, 60);
}

struct checked {
  struct swisd_bundle *bundle;
  struct swisd_shard *shard;
  unsigned lane;
  struct swisd_program_input input;
  float *result;
  size_t result_floats;
};

static struct checked compute(struct swisd_bundle *bundle, unsigned lane, const struct swisd_kernels *kernels)
{
  struct swisd_error error = {""};
  struct checked c = {.bundle = bundle, .lane = lane};
  const struct swisd_lane *l = &bundle->model.steps[0].lanes[lane];
  const size_t item = swisd_model_piece_bytes(&bundle->model, 0, 0, 0);
  if (swisd_shard_load(&bundle->model, 0, lane, bundle->shards[lane], l->bytes, kernels, &c.shard, &error)) {
    fail_msg("%s", error.text);
  }
  float *x = case_weights(ITEMS * item / 4 + 1, 61);
  for (size_t i = 0; bundle->model.input.type == SWISD_VALUE_U8 && i < ITEMS * item; i++) {
    ((uint8_t *)x)[i] = (uint8_t)(i * 37 % 11 == 0 ? i : 0); /* mostly dark: outputs are little but bias */
  }
  c.input = (struct swisd_program_input){x, ITEMS * item, 0, ITEMS, 0, 0};
  c.result_floats = ITEMS * l->out_bytes_per_item / 4;
  c.result = malloc(c.result_floats * 4);
  assert_int_equal(swisd_program_run(&bundle->model, c.shard, 0, lane, kernels, NULL, 0, ITEMS, &c.input, 1, c.result,
                                     c.result_floats * 4, NULL),
                   SWISD_PROGRAM_OK);
  return c;
}

static enum swisd_program_status check(const struct checked *c, uint64_t secret, uint64_t lo, uint64_t hi)
{
  const size_t item = c->result_floats / ITEMS;
  return swisd_program_check(&c->bundle->model, c->shard, 0, c->lane, secret, lo, hi, &c->input, 1, c->result + lo * item,
                             (hi - lo) * item * 4);
}

static void discard(struct checked *c)
{
  swisd_shard_free(c->shard);
  free((void *)(uintptr_t)c->input.bytes);
  free(c->result);
}

/* Calls `body` for every kind, kernel set and lane. */
static void for_each(void (*body)(struct checked *))
{
  static struct swisd_bundle bundle;
  const struct swisd_kernels *set;
  for (int kind = 0; kind < KINDS; kind++) {
    build(&bundle, (enum kind)kind);
    for (size_t k = 0; (set = swisd_kernels_at(k)); k++) {
      for (unsigned lane = 0; lane < bundle.model.steps[0].lane_count; lane++) {
        struct checked c = compute(&bundle, lane, set);
        body(&c);
        discard(&c);
      }
    }
    swisd_bundle_free(&bundle);
  }
}

static void honest_passes(struct checked *c)
{
  assert_int_equal(check(c, SECRET, 0, ITEMS), SWISD_PROGRAM_OK);
  for (uint64_t secret = 0; secret < 20; secret++) {
    assert_int_equal(check(c, secret, 0, ITEMS), SWISD_PROGRAM_OK);
    assert_int_equal(check(c, SECRET, secret % ITEMS, ITEMS), SWISD_PROGRAM_OK);
    assert_int_equal(check(c, SECRET, secret % ITEMS, secret % ITEMS + 1), SWISD_PROGRAM_OK);
  }
}

static void what_any_set_computes_passes_whatever_the_secret(void **state)
{
  (void)state;
  for_each(honest_passes);
}

static void changed_fails(struct checked *c)
{
  struct swisd_philox random = case_random(62);
  const size_t channels = c->bundle->model.steps[0].lanes[c->lane].out.channels;
  for (int round = 0; round < 40; round++) {
    const size_t at = swisd_philox_below(&random, (uint32_t)c->result_floats);
    const float was = c->result[at];
    c->result[at] += was * 0.01f + 0.01f;
    assert_int_equal(check(c, SECRET, 0, ITEMS), SWISD_PROGRAM_WRONG);
    c->result[at] = round % 2 ? NAN : INFINITY;
    assert_int_equal(check(c, SECRET, 0, ITEMS), SWISD_PROGRAM_WRONG);
    c->result[at] = was;
    const size_t row = at / channels * channels, other = row + (at - row + 1) % channels;
    const float swap = c->result[other];
    c->result[other] = was, c->result[at] = swap; /* right values in the wrong places */
    if (fabsf(swap - was) > 0.01f) {
      assert_int_equal(check(c, SECRET, 0, ITEMS), SWISD_PROGRAM_WRONG);
    }
    c->result[at] = was, c->result[other] = swap;
  }
  memset(c->result, 0, c->result_floats * 4);
  assert_int_equal(check(c, SECRET, 0, ITEMS), SWISD_PROGRAM_WRONG);
}

static void what_was_changed_fails(void **state)
{
  (void)state;
  for_each(changed_fails);
}

static void wrong_sizes_and_steps_that_are_not_checked_so_are_refused(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  build(&bundle, DENSE_ROWS);
  struct checked c = compute(&bundle, 0, swisd_kernels_portable());
  const struct swisd_model *model = &bundle.model;
  assert_int_equal(swisd_program_check(model, c.shard, 0, 0, 1, 0, ITEMS, &c.input, 1, c.result, c.result_floats * 4 - 1),
                   SWISD_PROGRAM_INPUT);
  assert_int_equal(swisd_program_check(model, c.shard, 0, 0, 1, 0, ITEMS, &c.input, 0, c.result, c.result_floats * 4),
                   SWISD_PROGRAM_INPUT);
  assert_int_equal(swisd_program_check(model, c.shard, 0, 1, 1, 0, ITEMS, &c.input, 1, c.result, c.result_floats * 4),
                   SWISD_PROGRAM_INPUT);
  c.input.byte_count--;
  assert_int_equal(check(&c, 1, 0, ITEMS), SWISD_PROGRAM_INPUT);
  discard(&c);
  swisd_bundle_free(&bundle);
  build(&bundle, DENSE_ROWS);
  bundle.model.steps[0].verify = SWISD_MODEL_VERIFY_NONE;
  c = compute(&bundle, 0, swisd_kernels_portable());
  assert_int_equal(check(&c, 1, 0, ITEMS), SWISD_PROGRAM_INPUT);
  discard(&c);
  swisd_bundle_free(&bundle);
}

static void *check_in_thread(void *argument)
{
  for (uint64_t i = 0; i < 50; i++) {
    if (check(argument, SECRET + i % 3, 0, ITEMS) != SWISD_PROGRAM_OK) {
      return argument;
    }
  }
  return NULL;
}

static void threads_may_check_with_one_shard_and_several_secrets(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  build(&bundle, CONVOLUTION);
  struct checked c = compute(&bundle, 1, swisd_kernels_portable());
  pthread_t handles[4];
  for (int i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&handles[i], NULL, check_in_thread, &c), 0);
  }
  for (int i = 0; i < 4; i++) {
    void *failed;
    pthread_join(handles[i], &failed);
    assert_null(failed);
  }
  discard(&c);
  swisd_bundle_free(&bundle);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_any_set_computes_passes_whatever_the_secret),
    cmocka_unit_test(what_was_changed_fails),
    cmocka_unit_test(wrong_sizes_and_steps_that_are_not_checked_so_are_refused),
    cmocka_unit_test(threads_may_check_with_one_shard_and_several_secrets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
