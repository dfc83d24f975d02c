/* Strips with halos: cut anywhere, they make the image that the whole makes, bit for bit with the portable kernels. */
#include "tests/kernels/model_cases.h"

#include <unistd.h>

#include "kernels/image.h"
#include "kernels/strips.h"

enum { HEIGHT = 48, WIDTH = 21, IMAGES = 2 };

/* Wide convolutions, one of them after a 1 x 1 one and in two lanes; at the end the sum with the image, as bytes. */
static void build(struct swisd_bundle *bundle, uint32_t strip_rows)
{
  memset(bundle, 0, sizeof *bundle);
  struct swisd_model *model = &bundle->model;
  snprintf(model->name, sizeof model->name, "strips");
  model->task = SWISD_MODEL_TASK_STRIPS;
  model->input = (struct swisd_shape){strip_rows, WIDTH, 1, SWISD_VALUE_U8};
  model->period = HEIGHT / strip_rows;
  swisd_model_add_step(model, "a", SWISD_MODEL_FROM_INPUT, SWISD_MAP_HALO, 5);
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_SCALE, .by = 1.0f / 255});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_CONV2D, .kernel = 5, .out = 6, .bias = true, .relu = true});
  swisd_model_add_step(model, "b", 0, SWISD_MAP_HALO, 5);
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_CONV2D, .kernel = 1, .out = 5, .bias = true, .relu = true});
  swisd_model_add_op(model,
                     (struct swisd_op){.kind = SWISD_OP_CONV2D, .split = SWISD_SPLIT_ROWS, .kernel = 9, .out = 4, .bias = true});
  swisd_model_add_lanes(model, 2, 4);
  struct swisd_model_step *last = swisd_model_add_step(model, "c", 1, SWISD_MAP_HALO, 5);
  last->edges[last->edge_count++] = (struct swisd_edge){.from = SWISD_MODEL_FROM_INPUT, .map = SWISD_MAP_ROWS};
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_CONV2D, .kernel = 3, .out = 1, .bias = true});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_ADD, .edge = 1, .by = 1.0f / 255});
  swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_TO_U8, .by = 30});
  case_cut(bundle, 21);
}

static uint8_t *random_images(size_t bytes)
{
  struct swisd_philox random = case_random(22);
  uint8_t *images = malloc(bytes);
  for (size_t i = 0; i < bytes; i++) {
    images[i] = (uint8_t)swisd_philox_below(&random, 256);
  }
  return images;
}

static void run_all(struct swisd_bundle *bundle, const uint8_t *images, uint8_t *out)
{
  struct swisd_error error = {""};
  struct swisd_local *local = swisd_local_open(bundle, swisd_kernels_portable(), &error);
  if (!local || swisd_local_run(local, images, IMAGES * bundle->model.period, out, &error)) {
    fail_msg("%s", error.text);
  }
  swisd_local_close(local);
}

static void strips_of_any_height_equal_the_whole_image(void **state)
{
  (void)state;
  static const uint32_t heights[] = {1, 2, 3, 4, 6, 8, 12, 16, 24};
  static struct swisd_bundle bundle;
  uint8_t *images = random_images(IMAGES * HEIGHT * WIDTH), want[IMAGES * HEIGHT * WIDTH], got[IMAGES * HEIGHT * WIDTH];
  build(&bundle, HEIGHT);
  run_all(&bundle, images, want);
  swisd_bundle_free(&bundle);
  size_t middle = 0;
  for (size_t i = 0; i < sizeof want; i++) {
    middle += want[i] > 0 && want[i] < 255;
  }
  assert_true(middle > sizeof want / 4); /* or the comparison would prove little */
  for (size_t h = 0; h < sizeof heights / sizeof *heights; h++) {
    build(&bundle, heights[h]);
    run_all(&bundle, images, got);
    assert_memory_equal(got, want, sizeof want);
    swisd_bundle_free(&bundle);
  }
  free(images);
}

static void pooling_after_the_convolution_keeps_to_the_strips(void **state)
{
  (void)state;
  static const uint32_t heights[] = {2, 4, 8, 16, 24};
  static struct swisd_bundle bundle;
  uint8_t *images = random_images(IMAGES * HEIGHT * WIDTH);
  enum { VALUES = IMAGES * (HEIGHT / 2) * (WIDTH / 2) * 3 };
  float want[VALUES], got[VALUES];
  for (size_t h = sizeof heights / sizeof *heights + 1; h-- > 0;) {
    memset(&bundle, 0, sizeof bundle);
    struct swisd_model *model = &bundle.model;
    const bool whole = h == sizeof heights / sizeof *heights;
    model->task = SWISD_MODEL_TASK_STRIPS;
    model->input = (struct swisd_shape){whole ? HEIGHT : heights[h], WIDTH, 1, SWISD_VALUE_U8};
    model->period = HEIGHT / model->input.height;
    swisd_model_add_step(model, "a", SWISD_MODEL_FROM_INPUT, SWISD_MAP_HALO, 1);
    swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_CONV2D, .kernel = 3, .out = 3, .bias = true, .relu = true});
    swisd_model_add_op(model, (struct swisd_op){.kind = SWISD_OP_MAXPOOL2});
    case_cut(&bundle, 24);
    run_all(&bundle, images, whole ? (uint8_t *)want : (uint8_t *)got);
    if (!whole) {
      assert_memory_equal(got, want, sizeof want);
    }
    swisd_bundle_free(&bundle);
  }
  free(images);
}

/* Step 0 for strips lo..hi, given the strips from..to. */
static enum swisd_program_status run_range(struct swisd_bundle *bundle, struct swisd_shard *shard, const uint8_t *images,
                                           uint64_t lo, uint64_t hi, uint64_t from, uint64_t to, float *out)
{
  const struct swisd_lane *lane = &bundle->model.steps[0].lanes[0];
  const size_t item = swisd_model_piece_bytes(&bundle->model, 0, 0, 0);
  const struct swisd_program_input piece = {images + from * item, (to - from) * item, from, to, 0, 0};
  return swisd_program_run(&bundle->model, shard, 0, 0, swisd_kernels_portable(), NULL, lo, hi, &piece, 1, out,
                           (hi - lo) * lane->out_bytes_per_item, NULL);
}

static void a_range_needs_its_halo_within_its_images_and_no_more(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  struct swisd_shard *shard;
  build(&bundle, 4); /* 12 strips in an image; a kernel of 5 reaches 2 rows: one strip of 4 */
  const uint64_t period = bundle.model.period, strips = IMAGES * period;
  const struct swisd_lane *lane = &bundle.model.steps[0].lanes[0];
  uint8_t *images = random_images(IMAGES * HEIGHT * WIDTH);
  float *want = malloc(strips * lane->out_bytes_per_item), *got = malloc(strips * lane->out_bytes_per_item);
  assert_int_equal(swisd_shard_load(&bundle.model, 0, 0, bundle.shards[0], lane->bytes, swisd_kernels_portable(), &shard, &error),
                   0);
  assert_int_equal(run_range(&bundle, shard, images, 0, strips, 0, strips, want), SWISD_PROGRAM_OK);
  for (uint64_t lo = 0; lo < strips; lo++) {
    for (uint64_t hi = lo + 1; hi <= strips; hi++) {
      const uint64_t from = lo % period ? lo - 1 : lo, to = hi % period ? hi + 1 : hi;
      assert_int_equal(run_range(&bundle, shard, images, lo, hi, from, to, got), SWISD_PROGRAM_OK);
      assert_memory_equal(got, (uint8_t *)want + lo * lane->out_bytes_per_item, (hi - lo) * lane->out_bytes_per_item);
      if (from < lo) {
        assert_int_equal(run_range(&bundle, shard, images, lo, hi, from + 1, to, got), SWISD_PROGRAM_INPUT);
      }
      if (to > hi) {
        assert_int_equal(run_range(&bundle, shard, images, lo, hi, from, to - 1, got), SWISD_PROGRAM_INPUT);
      }
    }
  }
  swisd_shard_free(shard);
  swisd_bundle_free(&bundle);
  free(images);
  free(want);
  free(got);
}

static void a_model_for_another_size_of_image_keeps_its_shards(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  float *weights = case_weights(SWISD_STRIPS_PARAMETERS, 23);
  uint32_t padded;
  assert_int_equal(swisd_strips_cut(weights, 480, 640, &bundle, &error), 0);
  assert_int_equal(bundle.model.input.height, 16);
  assert_int_equal(bundle.model.period, 30);
  const uint64_t bytes = bundle.model.steps[1].lanes[0].bytes;
  assert_int_equal(swisd_strips_resize(&bundle.model, 100, 33, &padded, &error), 0);
  assert_int_equal(padded, 100);
  assert_int_equal(bundle.model.period * bundle.model.input.height, 100);
  assert_int_equal(bundle.model.input.width, 33);
  assert_int_equal(bundle.model.steps[1].lanes[0].bytes, bytes);
  assert_int_equal(swisd_strips_resize(&bundle.model, 101, 33, &padded, &error), 0); /* a prime */
  assert_int_equal(padded, 112);
  assert_int_equal(swisd_strips_resize(&bundle.model, 5, 5, &padded, &error), 0);
  assert_int_equal(padded, 5);
  assert_int_equal(swisd_strips_resize(&bundle.model, 0, 5, &padded, &error), -1);
  swisd_bundle_free(&bundle);
  free(weights);
}

/* ---- images ---- */

static void an_image_file_reads_back_as_it_was_written(void **state)
{
  (void)state;
  struct swisd_error error = {""};
  char path[] = "/tmp/swisd-image-XXXXXX";
  const int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  for (uint32_t channels = 1; channels <= 3; channels += 2) {
    struct swisd_image image = {5, 7, channels, random_images(5 * 7 * channels)}, back;
    assert_int_equal(swisd_image_write(path, &image, &error), 0);
    assert_int_equal(swisd_image_read(path, &back, &error), 0);
    assert_int_equal(back.height, 5);
    assert_int_equal(back.width, 7);
    assert_int_equal(back.channels, channels);
    assert_memory_equal(back.pixels, image.pixels, 5 * 7 * channels);
    swisd_image_free(&image);
    swisd_image_free(&back);
  }
  remove(path);
  assert_int_equal(swisd_image_read(path, &(struct swisd_image){0}, &error), -1);
}

static void image_files_with_mistakes_are_refused_with_their_reason(void **state)
{
  (void)state;
  static const struct {
    const char *file, *reason;
  } cases[] = {{"P4\n1 1\n255\nx", "neither PGM"},
               {"P5\n0 1\n255\n", "sides"},
               {"P5\n1 70000\n255\n", "sides"},
               {"P5\n60000 60000\n255\n", "sides"},
               {"P5\n1 1\n65535\nxx", "only 255"},
               {"P5\n2 2\n255\nxxx", "3 bytes of pixels"},
               {"P5\n2 2\n255\nxxxxx", "5 bytes of pixels"},
               {"P5\n2 2\n255", "truncated"},
               {"P5 # 2 2", "sides"},
               {"P", "neither PGM"},
               {"P599999999999999999999 1 255\n", "sides"}};
  struct swisd_image image;
  struct swisd_error error;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(swisd_image_parse(cases[i].file, strlen(cases[i].file), "x.pgm", &image, &error), -1);
    if (!strstr(error.text, cases[i].reason)) {
      fail_msg("%s: %s", cases[i].file, error.text);
    }
  }
  const char *good = "P5 # a comment\n#another\n2\t1 # more\n255\nab";
  assert_int_equal(swisd_image_parse(good, strlen(good), "x.pgm", &image, &error), 0);
  assert_memory_equal(image.pixels, "ab", 2);
  swisd_image_free(&image);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(strips_of_any_height_equal_the_whole_image),
    cmocka_unit_test(pooling_after_the_convolution_keeps_to_the_strips),
    cmocka_unit_test(a_range_needs_its_halo_within_its_images_and_no_more),
    cmocka_unit_test(a_model_for_another_size_of_image_keeps_its_shards),
    cmocka_unit_test(an_image_file_reads_back_as_it_was_written),
    cmocka_unit_test(image_files_with_mistakes_are_refused_with_their_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
