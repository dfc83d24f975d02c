/* Decoding: the same text whatever the number of stages, whoever dies; sessions that are nowhere else than where they say. */
#include "tests/kernels/model_cases.h"

#include "kernels/llama.h"
#include "kernels/tokenizer.h"
#include "tests/kernels/tinystory.h"

enum { CONTEXT = 48 };

/* A small random model in `stages` stages: 1 (all in one, head tied), 2 or 4 (embedding and head apart), of 4 layers. */
static void build(struct swisd_bundle *bundle, unsigned stages)
{
  static float *weights;
  const struct swisd_llama llama = {.hidden = 24,
                                    .ffn = 40,
                                    .heads = 6,
                                    .kv_heads = 2,
                                    .head_size = 8,
                                    .vocab = 50,
                                    .context = CONTEXT,
                                    .bos = 1,
                                    .eos = 49,
                                    .rope_theta = 10000,
                                    .epsilon = 1e-5f};
  const uint64_t q = 48, kv = 16, layer = 2 * 24 + 2 * q * 24 + 2 * kv * 24 + 3 * 24 * 40, matrix = 50 * 24;
  weights = case_weights(2 * matrix + 24 + 4 * layer, 31);
  for (uint64_t i = 0; i < matrix; i++) {
    weights[i] *= 0.02f; /* so that the layers and not the last token decide what comes next */
  }
  struct swisd_error error = {""};
  struct swisd_tensors tensors = {{{NULL}}};
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  snprintf(model->name, sizeof model->name, "llama");
  model->task = SWISD_MODEL_TASK_DECODE;
  model->input = (struct swisd_shape){1, 1, 1, SWISD_VALUE_TOKEN};
  model->llama = llama;
  for (unsigned s = 0; s < stages; s++) {
    struct swisd_model_step *step = swisd_model_add_step(model, "stage", s ? (uint8_t)(s - 1) : (uint8_t)(stages - 1),
                                                         s ? SWISD_MAP_ROWS : SWISD_MAP_LAGGED, s ? 0 : 1);
    const uint32_t first = stages == 4 ? (s - 1) * 2 : s * 4 / stages, count = stages == 4 ? (s == 1 || s == 2) * 2u : 4 / stages;
    if (s == 0) {
      tensors.of[s][step->op_count] = weights;
      swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_EMBED});
    }
    if (count) {
      tensors.of[s][step->op_count] = weights + 2 * matrix + 24 + first * layer;
      swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_LAYERS, .first = first, .count = count});
    }
    if (s + 1 == stages) {
      tensors.of[s][step->op_count] = weights + 2 * matrix;
      swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_RMSNORM});
      tensors.of[s][step->op_count] = weights;
      swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_HEAD, .tied = stages == 1});
    }
  }
  if (swisd_model_cut(bundle, &tensors, &error)) {
    fail_msg("%s", error.text);
  }
  free(weights);
}

static size_t decode(const struct swisd_bundle *bundle, const struct swisd_kernels *kernels, const uint32_t *prompt,
                     size_t prompt_count, uint32_t *tokens, size_t max)
{
  struct swisd_error error = {""};
  struct swisd_local *local = swisd_local_open(bundle, kernels, &error);
  size_t count = prompt_count;
  memcpy(tokens, prompt, prompt_count * sizeof *tokens);
  if (!local || swisd_local_decode(local, tokens, &count, max, &error)) {
    fail_msg("%s", error.text);
  }
  swisd_local_close(local);
  return count;
}

static void any_number_of_stages_says_the_same(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  const uint32_t prompt[] = {1, 17, 30, 2, 2, 41};
  uint32_t want[CONTEXT], got[CONTEXT];
  build(&bundle, 1);
  const size_t count = decode(&bundle, swisd_kernels_portable(), prompt, 6, want, CONTEXT);
  swisd_bundle_free(&bundle);
  assert_true(count > 12);
  bool varied = false;
  for (size_t i = 8; i < count; i++) {
    varied |= want[i] != want[7];
  }
  assert_true(varied);
  for (unsigned stages = 2; stages <= 4; stages += 2) {
    build(&bundle, stages);
    assert_int_equal(decode(&bundle, swisd_kernels_portable(), prompt, 6, got, CONTEXT), count);
    assert_memory_equal(got, want, count * sizeof *got);
    swisd_bundle_free(&bundle);
  }
}

/* ---- sessions ---- */

struct stage {
  struct swisd_bundle *bundle;
  struct swisd_shard *shard;
  struct swisd_session *session;
  unsigned step;
};

static struct stage open_stage(struct swisd_bundle *bundle, unsigned step)
{
  struct swisd_error error = {""};
  struct stage stage = {.bundle = bundle, .step = step, .session = swisd_session_new(&bundle->model, step)};
  const struct swisd_model_step *s = &bundle->model.steps[step];
  assert_non_null(stage.session);
  assert_int_equal(swisd_shard_load(&bundle->model, step, 0, bundle->shards[s->lane_first], s->lanes[0].bytes,
                                    swisd_kernels_portable(), &stage.shard, &error),
                   0);
  return stage;
}

static void close_stage(struct stage *stage)
{
  swisd_shard_free(stage->shard);
  swisd_session_free(stage->session);
}

/* Rows lo..hi of x through the stage. */
static enum swisd_program_status run(struct stage *stage, const float *x, uint64_t lo, uint64_t hi, float *out)
{
  const struct swisd_program_input piece = {x + lo * 24, (hi - lo) * 96, lo, hi, 0, 0};
  return swisd_program_run(&stage->bundle->model, stage->shard, stage->step, 0, swisd_kernels_portable(), stage->session, lo, hi,
                           &piece, 1, out, (hi - lo) * 96, NULL);
}

static void a_session_appends_in_any_portions_and_never_out_of_order(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  build(&bundle, 4);
  float *x = case_weights(CONTEXT * 24, 32), want[CONTEXT * 24], got[CONTEXT * 24];
  struct stage all = open_stage(&bundle, 1), parts = open_stage(&bundle, 1);
  assert_int_equal(run(&all, x, 0, CONTEXT, want), SWISD_PROGRAM_OK);
  assert_int_equal(swisd_session_length(all.session), CONTEXT);
  assert_int_equal(run(&parts, x, 1, 2, got), SWISD_PROGRAM_STALE);
  for (uint64_t lo = 0, size = 1; lo < CONTEXT; lo += size, size++) {
    const uint64_t hi = lo + size < CONTEXT ? lo + size : CONTEXT;
    assert_int_equal(run(&parts, x, lo, hi, got + lo * 24), SWISD_PROGRAM_OK);
    assert_int_equal(swisd_session_length(parts.session), hi);
    if (hi + 2 < CONTEXT) {
      float lost[24];
      assert_int_equal(run(&parts, x, hi + 1, hi + 2, lost), SWISD_PROGRAM_STALE); /* a gap */
      assert_int_equal(swisd_session_length(parts.session), hi);
    }
  }
  assert_memory_equal(got, want, sizeof want);
  close_stage(&all);
  close_stage(&parts);
  swisd_bundle_free(&bundle);
  free(x);
}

static void a_position_asked_again_is_answered_again_and_changes_nothing(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  build(&bundle, 4);
  float *x = case_weights(CONTEXT * 24, 33), want[CONTEXT * 24], got[CONTEXT * 24];
  struct stage stage = open_stage(&bundle, 2);
  assert_int_equal(run(&stage, x, 0, 20, want), SWISD_PROGRAM_OK);
  assert_int_equal(run(&stage, x, 7, 12, got), SWISD_PROGRAM_OK);
  assert_memory_equal(got, want + 7 * 24, 5 * 96);
  assert_int_equal(swisd_session_length(stage.session), 20);
  assert_int_equal(run(&stage, x, 15, 30, got), SWISD_PROGRAM_OK); /* half known, half new */
  assert_memory_equal(got, want + 15 * 24, 5 * 96);
  assert_int_equal(swisd_session_length(stage.session), 30);
  /* another input for a known position is answered from the cache as it stands, which it does not touch */
  float *other = case_weights(CONTEXT * 24, 34), lost[24];
  assert_int_equal(run(&stage, other, 10, 11, lost), SWISD_PROGRAM_OK);
  assert_int_equal(run(&stage, x, 0, 20, got), SWISD_PROGRAM_OK);
  assert_memory_equal(got, want, 20 * 96);
  close_stage(&stage);
  swisd_bundle_free(&bundle);
  free(x);
  free(other);
}

static void errors_leave_the_session_where_it_was(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  build(&bundle, 4);
  float *x = case_weights((CONTEXT + 1) * 24, 35), out[(CONTEXT + 1) * 24];
  struct stage stage = open_stage(&bundle, 1), other = open_stage(&bundle, 2);
  assert_int_equal(run(&stage, x, 0, 10, out), SWISD_PROGRAM_OK);
  assert_int_equal(run(&stage, x, 10, CONTEXT + 1, out), SWISD_PROGRAM_INPUT); /* past the context */
  const struct swisd_program_input piece = {x, 96, 10, 11, 0, 0};
  const struct swisd_model *model = &bundle.model;
  const struct swisd_kernels *kernels = swisd_kernels_portable();
  assert_int_equal(swisd_program_run(model, stage.shard, 1, 0, kernels, stage.session, 10, 12, &piece, 1, out, 192, NULL),
                   SWISD_PROGRAM_INPUT);
  assert_int_equal(swisd_program_run(model, stage.shard, 1, 0, kernels, NULL, 10, 11, &piece, 1, out, 96, NULL),
                   SWISD_PROGRAM_STALE);
  assert_int_equal(swisd_program_run(model, stage.shard, 1, 0, kernels, other.session, 10, 11, &piece, 1, out, 96, NULL),
                   SWISD_PROGRAM_STALE);
  assert_int_equal(swisd_session_length(stage.session), 10);
  assert_true(swisd_session_memory_bytes(stage.session) > 0);
  assert_null(swisd_session_new(model, 0)); /* keeps no state */
  assert_null(swisd_session_new(model, 9));
  close_stage(&stage);
  close_stage(&other);
  swisd_bundle_free(&bundle);
  free(x);
}

static void a_token_outside_the_vocabulary_is_refused(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  struct swisd_shard *shard;
  build(&bundle, 4);
  const uint32_t tokens[2] = {49, 50};
  float out[24];
  assert_int_equal(swisd_shard_load(&bundle.model, 0, 0, bundle.shards[0], bundle.model.steps[0].lanes[0].bytes,
                                    swisd_kernels_portable(), &shard, &error),
                   0);
  for (unsigned i = 0; i < 2; i++) {
    const struct swisd_program_input piece = {&tokens[i], 4, 5, 6, 0, 0};
    assert_int_equal(
      swisd_program_run(&bundle.model, shard, 0, 0, swisd_kernels_portable(), NULL, 5, 6, &piece, 1, out, 96, NULL),
      i ? SWISD_PROGRAM_INPUT : SWISD_PROGRAM_OK);
  }
  swisd_shard_free(shard);
  swisd_bundle_free(&bundle);
}

/* ---- the real model ---- */

/* Stages of the model with their sessions; any of them may be lost and is then replayed from the inputs it has seen. */
struct pipeline {
  struct swisd_bundle *bundle;
  const struct swisd_kernels *kernels;
  struct swisd_shard *shards[SWISD_MODEL_STEPS_MAX];
  struct swisd_session *sessions[SWISD_MODEL_STEPS_MAX];
  uint8_t *logs[SWISD_MODEL_STEPS_MAX]; /* inputs of each stage by position: the submitter's log */
};

static void open_pipeline(struct pipeline *p, struct swisd_bundle *bundle, const struct swisd_kernels *kernels)
{
  struct swisd_error error = {""};
  *p = (struct pipeline){.bundle = bundle, .kernels = kernels};
  for (unsigned s = 0; s < bundle->model.step_count; s++) {
    if (swisd_shard_load(&bundle->model, s, 0, bundle->shards[s], bundle->model.steps[s].lanes[0].bytes, kernels, &p->shards[s],
                         &error)) {
      fail_msg("%s", error.text);
    }
    p->sessions[s] = swisd_session_new(&bundle->model, s);
    p->logs[s] = malloc(bundle->model.llama.context * swisd_model_piece_bytes(&bundle->model, s, 0, 0));
  }
}

static void close_pipeline(struct pipeline *p)
{
  for (unsigned s = 0; s < p->bundle->model.step_count; s++) {
    swisd_shard_free(p->shards[s]);
    swisd_session_free(p->sessions[s]);
    free(p->logs[s]);
  }
}

static void run_stage(struct pipeline *p, unsigned s, uint64_t lo, uint64_t hi, uint8_t *out, struct swisd_program_inline *next)
{
  const struct swisd_model *model = &p->bundle->model;
  const size_t in = swisd_model_piece_bytes(model, s, 0, 0), made = (hi - lo) * model->steps[s].lanes[0].out_bytes_per_item;
  const struct swisd_program_input piece = {p->logs[s] + lo * in, (hi - lo) * in, lo, hi, 0, 0};
  assert_int_equal(
    swisd_program_run(model, p->shards[s], s, 0, p->kernels, p->sessions[s], lo, hi, &piece, 1, made ? out : NULL, made, next),
    SWISD_PROGRAM_OK);
}

/* A stage dies and comes back empty: its log goes through it again. */
static void lose_stage(struct pipeline *p, unsigned s, uint64_t positions)
{
  if (!p->sessions[s]) {
    return;
  }
  swisd_session_free(p->sessions[s]);
  p->sessions[s] = swisd_session_new(&p->bundle->model, s);
  uint8_t *lost = malloc(positions * p->bundle->model.steps[s].lanes[0].out_bytes_per_item + 1);
  struct swisd_program_inline next;
  run_stage(p, s, 0, positions, lost, &next);
  free(lost);
}

static void greedy_text_is_exact_over_1_to_4_stages_while_stages_die(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  char path[4096];
  const struct swisd_kernels *set;
  if (!case_shared("data/models/tinystories-656k/greedy300.txt", path)) {
    skip_for_lack();
  }
  *strrchr(path, '/') = '\0';
  struct swisd_philox random = case_random(36);
  for (unsigned stages = 1; stages <= 4; stages++) {
    if (swisd_llama_import(path, stages, &bundle, &error)) {
      fail_msg("%s", error.text);
    }
    for (size_t k = 0; (set = swisd_kernels_at(k)); k++) {
      struct pipeline p;
      uint32_t tokens[300] = {1};
      struct swisd_program_inline next = {0};
      uint64_t count = 1;
      open_pipeline(&p, &bundle, set);
      while (count < 300 && !next.bytes[4]) {
        memcpy(p.logs[0] + 4 * (count - 1), &tokens[count - 1], 4);
        for (unsigned s = 0; s < stages; s++) {
          run_stage(&p, s, count - 1, count, s + 1 < stages ? p.logs[s + 1] + (count - 1) * 512 : NULL, &next);
        }
        memcpy(&tokens[count++], next.bytes, 4);
        if (swisd_philox_below(&random, 10) == 0) {
          lose_stage(&p, swisd_philox_below(&random, stages), count - 1);
        }
      }
      assert_true(next.bytes[4] == 1 && next.count == 5);
      tinystory_expect(path, tokens, count);
      close_pipeline(&p);
    }
    swisd_bundle_free(&bundle);
  }
}

static void importing_says_what_is_wrong(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  char path[4096];
  assert_int_equal(swisd_llama_import("no/such/folder", 1, &bundle, &error), -1);
  assert_non_null(strstr(error.text, "no/such/folder/config.json"));
  assert_false(swisd_llama_is_folder("no/such/folder"));
  if (!case_shared("data/models/tinystories-656k/config.json", path)) {
    skip_for_lack();
  }
  *strrchr(path, '/') = '\0';
  assert_true(swisd_llama_is_folder(path));
  for (unsigned stages = 0; stages <= 5; stages += 5) {
    assert_int_equal(swisd_llama_import(path, stages, &bundle, &error), -1);
    assert_non_null(strstr(error.text, "cut in 1 to 4"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(any_number_of_stages_says_the_same),
    cmocka_unit_test(a_session_appends_in_any_portions_and_never_out_of_order),
    cmocka_unit_test(a_position_asked_again_is_answered_again_and_changes_nothing),
    cmocka_unit_test(errors_leave_the_session_where_it_was),
    cmocka_unit_test(a_token_outside_the_vocabulary_is_refused),
    cmocka_unit_test(greedy_text_is_exact_over_1_to_4_stages_while_stages_die),
    cmocka_unit_test(importing_says_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
