/* Running lanes: however a step is cut in lanes, ranges and pieces, the items come out the same; and no size that another node
 * gets wrong is ever believed. */
#include "tests/kernels/model_cases.h"

#include <pthread.h>

enum { ITEMS = 37 };

/* An MLP cut both ways: rows in 3 lanes (concat), then columns in 2 (reduce), then bias and activation, then rows again. */
static void build_mlp(struct swisd_bundle *bundle, unsigned row_lanes, unsigned column_lanes)
{
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  snprintf(model->name, sizeof model->name, "mlp");
  model->input = (struct swisd_shape){1, 1, 30, SWISD_VALUE_F32};
  swisd_model_add_step(model, "rows", SWISD_MODEL_FROM_INPUT, SWISD_MAP_ROWS, 0);
  swisd_model_add_op(model,
                     (struct swisd_op){.kind = SWISD_OP_DENSE, .split = SWISD_SPLIT_ROWS, .out = 50, .bias = true, .relu = true});
  swisd_model_add_lanes(model, row_lanes, 50);
  swisd_model_add_step(model, "columns", 0, SWISD_MAP_ROWS, 0);
  swisd_model_add_op(
    model,
    (struct swisd_op){.kind = SWISD_OP_DENSE, .split = column_lanes > 1 ? SWISD_SPLIT_COLUMNS : SWISD_SPLIT_NONE, .out = 20});
  swisd_model_add_lanes(model, column_lanes, 50);
  struct swisd_model_step *last = swisd_model_add_step(model, "bias, rows", 1, SWISD_MAP_ROWS, 0);
  last->edges[0].combine = column_lanes > 1 ? SWISD_MODEL_REDUCE : SWISD_MODEL_CONCAT;
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_BIAS, .relu = true});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_DENSE, .split = SWISD_SPLIT_ROWS, .out = 7});
  swisd_model_add_lanes(model, 2, 7);
  case_cut(bundle, 1);
}

static void run_local(const struct swisd_bundle *bundle, const struct swisd_kernels *kernels, const void *items, uint64_t count,
                      void *out)
{
  struct swisd_error error = {""};
  struct swisd_local *local = swisd_local_open(bundle, kernels, &error);
  if (!local || swisd_local_run(local, items, count, out, &error)) {
    fail_msg("%s", error.text);
  }
  swisd_local_close(local);
}

static void assert_near(const float *got, const double *want, size_t count, double tolerance)
{
  for (size_t i = 0; i < count; i++) {
    if (!(fabs((double)got[i] - want[i]) <= tolerance)) {
      fail_msg("value %zu is %g, expected %g", i, (double)got[i], want[i]);
    }
  }
}

/* y[rows] = w[rows][columns] x + bias, in double. */
static void plain_dense(const float *w, const float *bias, size_t rows, size_t columns, const double *x, double *y)
{
  for (size_t r = 0; r < rows; r++) {
    y[r] = bias ? (double)bias[r] : 0;
    for (size_t c = 0; c < columns; c++) {
      y[r] += (double)w[r * columns + c] * x[c];
    }
  }
}

static void an_mlp_cut_by_rows_and_by_columns_computes_what_plain_loops_compute(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  const struct swisd_kernels *set;
  float *x = case_weights(ITEMS * 30, 2), *weights = case_weights(CASE_WEIGHTS, 1), out[ITEMS * 7];
  double want[ITEMS * 7];
  for (size_t item = 0; item < ITEMS; item++) {
    double in[30], a[50], b[20];
    for (size_t i = 0; i < 30; i++) {
      in[i] = (double)x[item * 30 + i];
    }
    plain_dense(weights, weights + 50 * 30, 50, 30, in, a);
    for (size_t i = 0; i < 50; i++) {
      a[i] = fmax(0, a[i]);
    }
    plain_dense(weights + 997 * 16, NULL, 20, 50, a, b); /* where case_cut puts the tensors of step 1 */
    for (size_t i = 0; i < 20; i++) {
      b[i] = fmax(0, b[i] + (double)weights[i]);
    }
    plain_dense(weights + 997, NULL, 7, 20, b, want + item * 7);
  }
  build_mlp(&bundle, 3, 2);
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    run_local(&bundle, set, x, ITEMS, out);
    assert_near(out, want, ITEMS * 7, 1e-4);
  }
  swisd_bundle_free(&bundle);
  free(x);
  free(weights);
}

static void cutting_by_rows_changes_no_bit_with_the_portable_kernels(void **state)
{
  (void)state;
  static struct swisd_bundle whole, cut;
  float *x = case_weights(ITEMS * 30, 2), a[ITEMS * 7], b[ITEMS * 7];
  build_mlp(&whole, 1, 1);
  run_local(&whole, swisd_kernels_portable(), x, ITEMS, a);
  for (unsigned lanes = 2; lanes <= 16; lanes++) {
    build_mlp(&cut, lanes, 1);
    run_local(&cut, swisd_kernels_portable(), x, ITEMS, b);
    assert_memory_equal(a, b, sizeof a);
    swisd_bundle_free(&cut);
  }
  swisd_bundle_free(&whole);
  free(x);
}

/* ---- images ---- */

/* A convolutional network in two cuts; the input is bytes. */
static void build_images(struct swisd_bundle *bundle, unsigned lanes)
{
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  snprintf(model->name, sizeof model->name, "images");
  model->input = (struct swisd_shape){9, 11, 2, SWISD_VALUE_U8};
  swisd_model_add_step(model, "a", SWISD_MODEL_FROM_INPUT, SWISD_MAP_ROWS, 0);
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_SCALE, .by = 1.0f / 255});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_CONV2D, .kernel = 3, .out = 5, .relu = true});
  swisd_model_add_op(
    model,
    (struct swisd_op){.kind = SWISD_OP_CONV2D, .split = SWISD_SPLIT_ROWS, .kernel = 5, .out = 12, .bias = true, .relu = true});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_MAXPOOL2});
  swisd_model_add_lanes(model, lanes, 12);
  swisd_model_add_step(model, "b", 0, SWISD_MAP_ROWS, 0);
  swisd_model_add_op(model,
                     (struct swisd_op){.kind = SWISD_OP_CONV2D, .split = SWISD_SPLIT_ROWS, .kernel = 1, .out = 8, .bias = true});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_AVERAGE_POOL});
  swisd_model_add_lanes(model, lanes, 8);
  swisd_model_add_step(model, "c", 1, SWISD_MAP_ROWS, 0);
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_DENSE, .out = 4, .bias = true});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_SOFTMAX});
  case_cut(bundle, 3);
}

static uint8_t *random_bytes(size_t count, uint32_t purpose)
{
  struct swisd_philox random = case_random(purpose);
  uint8_t *bytes = malloc(count);
  for (size_t i = 0; i < count; i++) {
    bytes[i] = (uint8_t)swisd_philox_below(&random, 256);
  }
  return bytes;
}

/* Lanes, ranges and pieces of an image network, against the uncut one. */
static void channels_in_lanes_and_items_in_any_ranges_change_no_bit(void **state)
{
  (void)state;
  static struct swisd_bundle whole, cut;
  const size_t item = 9 * 11 * 2;
  uint8_t *x = random_bytes(ITEMS * item, 4);
  float a[ITEMS * 4], b[ITEMS * 4];
  build_images(&whole, 1);
  build_images(&cut, 4);
  run_local(&whole, swisd_kernels_portable(), x, ITEMS, a);
  run_local(&cut, swisd_kernels_portable(), x, ITEMS, b);
  assert_memory_equal(a, b, sizeof a);
  for (uint64_t lo = 0; lo < ITEMS; lo += 5) {
    const uint64_t hi = lo + 5 < ITEMS ? lo + 5 : ITEMS;
    run_local(&cut, swisd_kernels_portable(), x + lo * item, hi - lo, b + lo * 4);
  }
  assert_memory_equal(a, b, sizeof a);
  for (size_t i = 0; i < ITEMS; i++) {
    assert_true(fabsf(a[4 * i] + a[4 * i + 1] + a[4 * i + 2] + a[4 * i + 3] - 1) < 1e-5f);
  }
  swisd_bundle_free(&whole);
  swisd_bundle_free(&cut);
  free(x);
}

/* ---- pieces ---- */

struct lane_run {
  struct swisd_bundle *bundle;
  struct swisd_shard *shard;
  unsigned step, lane;
};

static struct lane_run open_lane(struct swisd_bundle *bundle, unsigned step, unsigned lane)
{
  struct swisd_error error = {""};
  struct lane_run run = {.bundle = bundle, .step = step, .lane = lane};
  const struct swisd_model_step *s = &bundle->model.steps[step];
  if (swisd_shard_load(&bundle->model, step, lane, bundle->shards[s->lane_first + lane], s->lanes[lane].bytes,
                       swisd_kernels_portable(), &run.shard, &error)) {
    fail_msg("%s", error.text);
  }
  return run;
}

static enum swisd_program_status run_lane(const struct lane_run *run, uint64_t lo, uint64_t hi,
                                          const struct swisd_program_input *inputs, size_t count, void *out)
{
  const size_t bytes = (hi - lo) * run->bundle->model.steps[run->step].lanes[run->lane].out_bytes_per_item;
  return swisd_program_run(&run->bundle->model, run->shard, run->step, run->lane, swisd_kernels_portable(), NULL, lo, hi, inputs,
                           count, out, bytes, NULL);
}

static void pieces_may_be_cut_and_ordered_in_any_way_and_lie_at_any_address(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  build_images(&bundle, 2); /* step 1 takes two lanes of floats */
  const struct lane_run run = open_lane(&bundle, 1, 1);
  const size_t bytes = swisd_model_piece_bytes(&bundle.model, 1, 0, 0);
  uint8_t *lanes[2];
  for (unsigned l = 0; l < 2; l++) {
    float *values = case_weights(ITEMS * bytes / 4, 10 + l);
    lanes[l] = malloc(ITEMS * bytes + 1);
    memcpy(lanes[l] + 1, values, ITEMS * bytes); /* one past any alignment */
    free(values);
  }
  float want[ITEMS * 4], got[ITEMS * 4];
  const struct swisd_program_input whole[2] = {{lanes[0] + 1, ITEMS * bytes, 0, ITEMS, 0, 0},
                                               {lanes[1] + 1, ITEMS * bytes, 0, ITEMS, 0, 1}};
  assert_int_equal(run_lane(&run, 0, ITEMS, whole, 2, want), SWISD_PROGRAM_OK);
  struct swisd_philox random = case_random(12);
  for (int round = 0; round < 50; round++) {
    const uint64_t lo = swisd_philox_below(&random, ITEMS - 1), hi = lo + 1 + swisd_philox_below(&random, (uint32_t)(ITEMS - lo));
    struct swisd_program_input pieces[16];
    size_t count = 0;
    for (uint8_t l = 0; l < 2; l++) {
      for (uint64_t at = lo; at < hi;) {
        const uint64_t end = count % 8 == 7 ? hi : at + 1 + swisd_philox_below(&random, (uint32_t)(hi - at));
        pieces[count++] = (struct swisd_program_input){lanes[l] + 1 + at * bytes, (end - at) * bytes, at, end, 0, l};
        at = end;
      }
    }
    for (size_t i = count; i > 1; i--) {
      const size_t j = swisd_philox_below(&random, (uint32_t)i);
      const struct swisd_program_input swap = pieces[i - 1];
      pieces[i - 1] = pieces[j];
      pieces[j] = swap;
    }
    assert_int_equal(run_lane(&run, lo, hi, pieces, count, got), SWISD_PROGRAM_OK);
    assert_memory_equal(got, want + lo * 4, (hi - lo) * 16);
  }
  swisd_shard_free(run.shard);
  swisd_bundle_free(&bundle);
  free(lanes[0]);
  free(lanes[1]);
}

static void wrong_sizes_lanes_edges_and_missing_items_are_refused(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  build_images(&bundle, 2);
  const struct lane_run run = open_lane(&bundle, 1, 0);
  const struct swisd_model *model = &bundle.model;
  const struct swisd_kernels *kernels = swisd_kernels_portable();
  const size_t bytes = swisd_model_piece_bytes(model, 1, 0, 0);
  float *x = case_weights(8 * bytes / 4, 13), out[8 * 4];
  const struct swisd_program_input good[2] = {{x, 4 * bytes, 0, 4, 0, 0}, {x, 4 * bytes, 0, 4, 0, 1}};
  assert_int_equal(run_lane(&run, 0, 4, good, 2, out), SWISD_PROGRAM_OK);
  struct swisd_program_input bad[2];
  for (int kind = 0; kind < 9; kind++) {
    memcpy(bad, good, sizeof bad);
    switch (kind) {
    case 0:
      bad[1].byte_count -= 1;
      break;
    case 1:
      bad[1].byte_count += bytes;
      break;
    case 2:
      bad[1].hi = 3;
      bad[1].byte_count = 3 * bytes;
      break; /* item 3 is missing */
    case 3:
      bad[1].lo = 1;
      bad[1].byte_count = 3 * bytes;
      break; /* item 0 is missing */
    case 4:
      bad[1].lane = 0;
      break; /* nothing of lane 1 */
    case 5:
      bad[1].lane = 2;
      break;
    case 6:
      bad[1].edge = 1;
      break;
    case 7:
      bad[1].lo = 4;
      bad[1].byte_count = 0;
      break;
    default:
      bad[1].hi = UINT64_MAX;
      bad[1].lo = UINT64_MAX - 4;
      break;
    }
    assert_int_equal(run_lane(&run, 0, 4, bad, 2, out), SWISD_PROGRAM_INPUT);
  }
  assert_int_equal(run_lane(&run, 0, 4, good, 0, out), SWISD_PROGRAM_INPUT);
  assert_int_equal(run_lane(&run, 2, 2, good, 2, out), SWISD_PROGRAM_INPUT);
  assert_int_equal(run_lane(&run, 3, 5, good, 2, out), SWISD_PROGRAM_INPUT);
  assert_int_equal(swisd_program_run(model, run.shard, 1, 0, kernels, NULL, 0, 4, good, 2, out, 4 * 16 - 1, NULL),
                   SWISD_PROGRAM_INPUT);
  assert_int_equal(swisd_program_run(model, run.shard, 1, 0, kernels, NULL, 0, 4, good, 2, NULL, 4 * 16, NULL),
                   SWISD_PROGRAM_INPUT);
  assert_int_equal(swisd_program_run(model, run.shard, 1, 1, kernels, NULL, 0, 4, good, 2, out, 4 * 16, NULL),
                   SWISD_PROGRAM_INPUT);
  assert_int_equal(swisd_program_run(model, run.shard, 9, 0, kernels, NULL, 0, 4, good, 2, out, 4 * 16, NULL),
                   SWISD_PROGRAM_INPUT);
  swisd_shard_free(run.shard);
  swisd_bundle_free(&bundle);
  free(x);
}

static void a_shard_of_another_size_or_with_a_weight_that_is_not_finite_is_refused(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  struct swisd_shard *shard;
  build_images(&bundle, 2);
  const size_t bytes = bundle.model.steps[0].lanes[0].bytes;
  const struct swisd_kernels *kernels = swisd_kernels_portable();
  assert_int_equal(swisd_shard_load(&bundle.model, 0, 0, bundle.shards[0], bytes - 4, kernels, &shard, &error), -1);
  assert_non_null(strstr(error.text, "bytes"));
  assert_int_equal(swisd_shard_load(&bundle.model, 3, 0, bundle.shards[0], bytes, kernels, &shard, &error), -1);
  ((float *)bundle.shards[0])[17] = NAN;
  assert_int_equal(swisd_shard_load(&bundle.model, 0, 0, bundle.shards[0], bytes, kernels, &shard, &error), -1);
  assert_non_null(strstr(error.text, "weight 17 is not finite"));
  assert_null(shard);
  swisd_bundle_free(&bundle);
}

/* ---- threads ---- */

struct thread_run {
  const struct lane_run *run;
  const struct swisd_program_input *pieces;
  float out[ITEMS * 4];
  enum swisd_program_status status;
};

static void *run_in_thread(void *argument)
{
  struct thread_run *t = argument;
  for (int i = 0; i < 20 && t->status == SWISD_PROGRAM_OK; i++) {
    t->status = run_lane(t->run, 0, ITEMS, t->pieces, 2, t->out);
  }
  return NULL;
}

static void threads_may_share_a_shard(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  static struct thread_run threads[4];
  build_images(&bundle, 2);
  const struct lane_run run = open_lane(&bundle, 1, 0);
  const size_t bytes = swisd_model_piece_bytes(&bundle.model, 1, 0, 0);
  float *x = case_weights(ITEMS * bytes / 4, 14);
  const struct swisd_program_input pieces[2] = {{x, ITEMS * bytes, 0, ITEMS, 0, 0}, {x, ITEMS * bytes, 0, ITEMS, 0, 1}};
  pthread_t handles[4];
  for (int i = 0; i < 4; i++) {
    threads[i] = (struct thread_run){.run = &run, .pieces = pieces};
    assert_int_equal(pthread_create(&handles[i], NULL, run_in_thread, &threads[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    pthread_join(handles[i], NULL);
    assert_int_equal(threads[i].status, SWISD_PROGRAM_OK);
    assert_memory_equal(threads[i].out, threads[0].out, sizeof threads[0].out);
  }
  swisd_shard_free(run.shard);
  swisd_bundle_free(&bundle);
  free(x);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(an_mlp_cut_by_rows_and_by_columns_computes_what_plain_loops_compute),
    cmocka_unit_test(cutting_by_rows_changes_no_bit_with_the_portable_kernels),
    cmocka_unit_test(channels_in_lanes_and_items_in_any_ranges_change_no_bit),
    cmocka_unit_test(pieces_may_be_cut_and_ordered_in_any_way_and_lie_at_any_address),
    cmocka_unit_test(wrong_sizes_lanes_edges_and_missing_items_are_refused),
    cmocka_unit_test(a_shard_of_another_size_or_with_a_weight_that_is_not_finite_is_refused),
    cmocka_unit_test(threads_may_share_a_shard),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
