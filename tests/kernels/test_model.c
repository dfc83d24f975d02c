/* Manifests: what is right is read whole and written back; what is wrong is named with its place and what would be right. */
#include "tests/kernels/format_cases.h"

#include "kernels/fashion.h"

static struct swisd_model model;

static void parse(const char *json)
{
  struct swisd_error error = {""};
  if (swisd_model_parse(json, strlen(json), "case", &model, &error)) {
    fail_msg("%s", error.text);
  }
}

static void a_manifest_is_read_with_its_shapes_and_costs(void **state)
{
  (void)state;
  parse(case_manifest);
  assert_int_equal(model.task, SWISD_MODEL_TASK_CLASSIFY);
  assert_int_equal(model.lane_count, 3);
  assert_int_equal(model.label_count, 2);
  const struct swisd_model_step *first = &model.steps[0], *second = &model.steps[1];
  assert_int_equal(first->kernel_class, SWISD_CLASS_CONV);
  assert_int_equal(first->verify, SWISD_MODEL_VERIFY_HASH);
  assert_int_equal(first->lanes[1].out.channels, 3);
  assert_int_equal(first->lanes[1].out_bytes_per_item, 12);
  assert_int_equal(first->lanes[0].shard, 0x0001020304050607);
  /* scale 48, convolution 2 * 9 * 48 * 3, maxpool over 6 x 4 x 3, mean over 3 x 2 x 3 */
  assert_int_equal(first->lanes[0].flops_per_item, 48 + 2592 + 72 + 18);
  assert_int_equal(first->out.channels, 6);
  assert_int_equal(second->kernel_class, SWISD_CLASS_DENSE);
  assert_int_equal(second->lane_first, 2);
  assert_int_equal(second->lanes[0].flops_per_item, 24);
  assert_int_equal(swisd_model_piece_bytes(&model, 1, 0, 1), 12);
  assert_int_equal(swisd_model_edge_lanes(&model, 1, 0), 2);
  parse(case_decoder);
  assert_true(model.steps[1].stateful && !model.steps[0].stateful && !model.steps[2].stateful);
  assert_true(model.steps[2].tokens && !model.steps[1].tokens);
  assert_int_equal(model.steps[2].lanes[0].out_bytes_per_item, 0);
  assert_int_equal(model.steps[1].kernel_class, SWISD_CLASS_ATTENTION);
  assert_int_equal(swisd_model_piece_bytes(&model, 0, 0, 0), 4);
  parse(case_strips);
  assert_int_equal(model.steps[0].edges[0].period, 4);
  assert_int_equal(model.steps[0].out.type, SWISD_VALUE_U8);
}

static void what_is_written_reads_back_the_same(void **state)
{
  (void)state;
  static struct swisd_model again;
  const char *const cases[] = {case_manifest, case_decoder, case_strips};
  for (size_t i = 0; i < 3; i++) {
    struct swisd_error error = {""};
    char *text, *twice;
    size_t bytes, twice_bytes;
    parse(cases[i]);
    assert_int_equal(swisd_model_write(&model, &text, &bytes, &error), 0);
    assert_int_equal(bytes, strlen(text));
    assert_int_equal(swisd_model_parse(text, bytes, "written", &again, &error), 0);
    assert_int_equal(again.lane_count, model.lane_count);
    assert_int_equal(again.steps[0].lanes[0].flops_per_item, model.steps[0].lanes[0].flops_per_item);
    assert_int_equal(swisd_model_write(&again, &twice, &twice_bytes, &error), 0);
    assert_string_equal(text, twice);
    free(text);
    free(twice);
  }
}

/* `wrong` in place of the first `right` of a manifest, and words that the error must have. */
struct mistake {
  const char *manifest, *right, *wrong, *expected[3];
};

static const struct mistake mistakes[] = {
  {case_manifest, "swisd-model/1", "swisd-model/9", {"format", "swisd-model/1"}},
  {case_manifest, "\"classify\"", "\"classfy\"", {"task", "`classfy`", "rows, classify, strips, decode"}},
  {case_manifest, "\"classify\"", "\"decode\"", {"llama/hidden", "is 0"}},
  {case_manifest, "\"x-note\"", "\"note\"", {"unknown key `note`", "allowed are"}},
  {case_manifest, "[6, 4, 2]", "[6, 4]", {"input", "[height, width, channels]"}},
  {case_manifest, "[6, 4, 2]", "[6, 0, 2]", {"input/shape/1", "from 1"}},
  {case_manifest, "[6, 4, 2]", "[60000, 60000, 2]", {"input/shape", "all together"}},
  {case_manifest, "\"a\", \"b\"", "\"a\"", {"labels", "1 of them for 2 outputs"}},
  {case_manifest, "\"hash\"", "\"sha\"", {"steps/0/verify", "none, freivalds, hash"}},
  {case_manifest, "\"hash\"", "\"freivalds\"", {"steps/0/verify", "without activation"}},
  {case_manifest, "\"from\": 0", "\"from\": 1", {"steps/1/edges/0", "lagged"}},
  {case_manifest, "\"from\": 0", "\"from\": \"inptu\"", {"steps/1/edges/0/from", "another type"}},
  {case_manifest,
   "\"from\": 0, \"map\": \"rows\", \"combine\": \"concat\"",
   "\"from\": 0, \"map\": \"rows\", \"combine\": \"reduce\"",
   {"steps/1/edges/0", "must be concat"}},
  {case_manifest, "\"map\": \"rows\"", "\"map\": \"halo\", \"width\": 1", {"steps/0/edges/0", "period"}},
  {case_manifest, "\"kernel\": 3", "\"kernel\": 4", {"steps/0/ops/1", "kernel is odd"}},
  {case_manifest, "\"kernel\": 3", "\"kernel\": 3, \"stride\": 2", {"steps/0/ops/1", "unknown key `stride`"}},
  {case_manifest, "\"out\": 6, ", "", {"steps/0/ops/1/out", "is missing"}},
  {case_manifest, "\"op\": \"maxpool2\"", "\"op\": \"maxpool3\"", {"steps/0/ops/2/op", "`maxpool3`", "average_pool"}},
  {case_manifest, "\"op\": \"maxpool2\"", "\"op\": \"softmax\"", {"steps/0/ops/2", "cannot follow a split"}},
  {case_manifest,
   "\"op\": \"scale\", \"by\": 0.5",
   "\"op\": \"average_pool\"}, {\"op\": \"maxpool2\"",
   {"steps/0/ops/1", "at least 2"}},
  {case_manifest, "\"split\": \"rows\"", "\"split\": \"columns\"", {"steps/0/ops/1", "split by rows"}},
  {case_manifest, ", \"split\": \"rows\"", "", {"steps/0/lanes", "no operation is split"}},
  {case_manifest, "[3, 6]", "[2, 6]", {"steps/0/lanes/1", "tile 0..6"}},
  {case_manifest, "[3, 6]", "[3, 5]", {"steps/0/lanes", "end at 5"}},
  {case_manifest, "[3, 6]", "[3]", {"steps/0/lanes/1", "[first, end]"}},
  {case_manifest, "\"bytes\": 228", "\"bytes\": 224", {"steps/0/lanes/0", "the operations need 228"}},
  {case_manifest, CASE_DIGEST, "00ff", {"steps/0/lanes/0/shard", "64 lower-case"}},
  {case_manifest, "\"name\": \"dense\", ", "", {"steps/1/name", "is missing"}},
  {case_decoder, "\"heads\": 2", "\"heads\": 3", {"steps/1/lanes/0", "bytes"}},
  {case_decoder, "\"kv_heads\": 1", "\"kv_heads\": 4", {"llama/kv_heads", "does not divide"}},
  {case_decoder, "\"head_size\": 2", "\"head_size\": 3", {"llama/head_size", "odd"}},
  {case_decoder, "\"eos\": 2", "\"eos\": 5", {"llama", "outside the vocabulary"}},
  {case_decoder, "\"from\": 2", "\"from\": 1", {"steps/0/edges/0", "ends in a head"}},
  {case_decoder, "\"op\": \"embed\"", "\"op\": \"rmsnorm\"", {"steps/0/ops/0", "tokens go into an embed"}},
  {case_decoder, "\"tied\": false", "\"tied\": true", {"steps/2/ops/1", "tied only to an embed"}},
  {case_decoder, "\"type\": \"token\"", "\"type\": \"u8\"", {"steps/0/edges/0", "carries tokens"}},
  {case_strips, "\"period\": 4, ", "", {"steps/0/edges/0", "period"}},
  {case_strips, "\"kernel\": 5", "\"kernel\": 7", {"steps/0/ops/0", "more rows than the halo"}},
  {case_strips, "\"edge\": 1", "\"edge\": 2", {"steps/0/ops/1", "edge is 1 to 1"}},
  {case_strips, "{\"op\": \"add\", \"edge\": 1, \"by\": 0.25}, ", "", {"steps/0/edges/1", "no operation uses it"}},
  {case_strips, "\"by\": 255}", "\"by\": 255}, {\"op\": \"scale\", \"by\": 1}", {"steps/0/ops/2", "last of its step"}},
  {case_strips,
   "\"steps\": [",
   "\"steps\": [{\"name\": \"0\", \"verify\": \"none\", \"edges\": [{\"from\": \"input\", \"map\": \"rows\", \"combine\": "
   "\"concat\"}],"
   " \"ops\": [{\"op\": \"bias\"}], \"lanes\": [{\"shard\": \"" CASE_DIGEST "\", \"bytes\": 4}]}, ",
   {"steps/0", "no later step takes its output"}},
  {case_strips, "\"steps\": [", "\"steps\": [}", {"case:2:", "not JSON"}},
};

static void a_mistake_is_named_with_its_place_and_what_is_allowed(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    const struct mistake *m = &mistakes[i];
    char json[4096];
    struct swisd_error error = {""};
    const char *at = strstr(m->manifest, m->right);
    assert_non_null(at);
    snprintf(json, sizeof json, "%.*s%s%s", (int)(at - m->manifest), m->manifest, m->wrong, at + strlen(m->right));
    if (swisd_model_parse(json, strlen(json), "case", &model, &error) != -1) {
      fail_msg("`%s` in place of `%s` passed", m->wrong, m->right);
    }
    for (int e = 0; e < 3 && m->expected[e]; e++) {
      if (!strstr(error.text, m->expected[e])) {
        fail_msg("`%s` in place of `%s`: \"%s\" does not say \"%s\"", m->wrong, m->right, error.text, m->expected[e]);
      }
    }
    assert_memory_equal(error.text, "case:", 5);
  }
}

static void a_manifest_beyond_its_limit_is_not_parsed(void **state)
{
  (void)state;
  struct swisd_error error = {""};
  char *json = malloc(SWISD_MODEL_MANIFEST_BYTES_MAX + 1);
  memset(json, ' ', SWISD_MODEL_MANIFEST_BYTES_MAX + 1);
  assert_int_equal(swisd_model_parse(json, SWISD_MODEL_MANIFEST_BYTES_MAX + 1, "case", &model, &error), -1);
  assert_non_null(strstr(error.text, "at most"));
  memset(json, '[', 100000); /* nesting */
  assert_int_equal(swisd_model_parse(json, 100000, "case", &model, &error), -1);
  free(json);
}

static void the_demo_network_does_at_least_20_million_flop_an_image_in_each_cut(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  float *weights = case_weights(SWISD_FASHION_PARAMETERS, 50);
  static const unsigned shards[] = {7, 2, 1};
  for (unsigned cut = SWISD_FASHION_LANES; cut <= SWISD_FASHION_WHOLE; cut++) {
    assert_int_equal(swisd_fashion_cut(weights, (enum swisd_fashion_cut)cut, &bundle, &error), 0);
    uint64_t flops = 0;
    for (unsigned s = 0; s < bundle.model.step_count; s++) {
      for (unsigned l = 0; l < bundle.model.steps[s].lane_count; l++) {
        flops += bundle.model.steps[s].lanes[l].flops_per_item;
      }
    }
    assert_true(flops >= 20000000 && flops < 23000000);
    assert_int_equal(bundle.model.lane_count, shards[cut]);
    swisd_bundle_free(&bundle);
  }
  free(weights);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_manifest_is_read_with_its_shapes_and_costs),
    cmocka_unit_test(what_is_written_reads_back_the_same),
    cmocka_unit_test(a_mistake_is_named_with_its_place_and_what_is_allowed),
    cmocka_unit_test(a_manifest_beyond_its_limit_is_not_parsed),
    cmocka_unit_test(the_demo_network_does_at_least_20_million_flop_an_image_in_each_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
