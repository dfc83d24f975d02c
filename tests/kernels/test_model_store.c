/* Stores and model folders: whole and right, or not at all. And the shipped weights: what their README says of them. */
#include "tests/kernels/model_cases.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/dataset.h"
#include "kernels/fashion.h"
#include "runtime/store/digest.h"
#include "runtime/store/model_store.h"

static char folder[64];

static int make_folder(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/swisd-store-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static void remove_all(const char *path)
{
  DIR *list = opendir(path);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    char inner[1024];
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
      remove_all(inner);
    }
  }
  if (list) {
    closedir(list);
  }
  remove(path);
}

static int drop_folder(void **state)
{
  (void)state;
  remove_all(folder);
  return 0;
}

static size_t file_count(const char *path)
{
  size_t count = 0;
  DIR *list = opendir(path);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  }
  if (list) {
    closedir(list);
  }
  return count;
}

static const char *in_folder(const char *name)
{
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void overwrite(const char *path, long at, const void *bytes, size_t count)
{
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  assert_int_equal(fseek(file, at, SEEK_SET), 0);
  assert_int_equal(fwrite(bytes, 1, count, file), count);
  assert_int_equal(fclose(file), 0);
}

static void the_digest_is_sha_256(void **state)
{
  (void)state;
  static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                  0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
  uint8_t out[32];
  swisd_digest("abc", 3, out); /* FIPS 180-4's own example */
  assert_memory_equal(out, abc, 32);
  struct swisd_digest_stream *stream = swisd_digest_begin();
  assert_non_null(stream);
  swisd_digest_add(stream, "a", 1);
  swisd_digest_add(stream, "bc", 2);
  swisd_digest_end(stream, out);
  assert_memory_equal(out, abc, 32);
  assert_true(swisd_digest_short("abc", 3) == 0xba7816bf8f01cfea);
  swisd_digest_end(swisd_digest_begin(), NULL);
}

/* ---- the store of a node ---- */

static struct swisd_store *open_store(void)
{
  struct swisd_error error = {""};
  struct swisd_store *store = swisd_store_open(folder, &error);
  if (!store) {
    fail_msg("%s", error.text);
  }
  return store;
}

static void what_is_saved_is_there_after_a_restart(void **state)
{
  (void)state;
  struct swisd_error error = {""};
  struct swisd_store_entry entries[4];
  const char *const texts[] = {"one", "two", "three"};
  struct swisd_store *store = open_store();
  void *bytes;
  size_t count;
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(swisd_store_save(store, SWISD_STORE_SHARD, swisd_digest_short(texts[i], strlen(texts[i])), texts[i],
                                      strlen(texts[i]), &error),
                     0);
  }
  assert_int_equal(swisd_store_save(store, SWISD_STORE_SHARD, swisd_digest_short("one", 3), "one", 3, &error), SWISD_STORE_OK);
  swisd_store_close(store);
  store = open_store();
  assert_int_equal(swisd_store_list(store, SWISD_STORE_SHARD, entries, 4), 3);
  assert_true(entries[0].id < entries[1].id && entries[1].id < entries[2].id);
  assert_int_equal(swisd_store_list(store, SWISD_STORE_SHARD, entries, 1), 3);
  assert_int_equal(swisd_store_list(store, SWISD_STORE_MANIFEST, entries, 4), 0);
  assert_int_equal(swisd_store_load(store, SWISD_STORE_SHARD, swisd_digest_short("two", 3), &bytes, &count, &error),
                   SWISD_STORE_OK);
  assert_int_equal(count, 3);
  assert_memory_equal(bytes, "two", 3);
  free(bytes);
  assert_int_equal(swisd_store_drop(store, SWISD_STORE_SHARD, swisd_digest_short("two", 3), &error), SWISD_STORE_OK);
  assert_int_equal(swisd_store_drop(store, SWISD_STORE_SHARD, swisd_digest_short("two", 3), &error), SWISD_STORE_NOT_FOUND);
  assert_int_equal(swisd_store_load(store, SWISD_STORE_SHARD, swisd_digest_short("two", 3), &bytes, &count, &error),
                   SWISD_STORE_NOT_FOUND);
  swisd_store_close(store);
}

static void bytes_that_do_not_match_are_neither_kept_nor_handed_out(void **state)
{
  (void)state;
  struct swisd_error error = {""};
  struct swisd_store *store = open_store();
  const uint64_t id = swisd_digest_short("shard", 5);
  void *bytes;
  size_t count;
  char path[64];
  assert_int_equal(swisd_store_save(store, SWISD_STORE_SHARD, id + 1, "shard", 5, &error), SWISD_STORE_DIGEST);
  assert_int_equal(file_count(in_folder("shards")), 0);
  assert_int_equal(swisd_store_save(store, SWISD_STORE_SHARD, id, "shard", 5, &error), SWISD_STORE_OK);
  snprintf(path, sizeof path, "shards/%016llx.bin", (unsigned long long)id);
  overwrite(in_folder(path), 2, "u", 1);
  assert_int_equal(swisd_store_load(store, SWISD_STORE_SHARD, id, &bytes, &count, &error), SWISD_STORE_DIGEST);
  assert_null(bytes);
  assert_int_equal(file_count(in_folder("shards")), 0); /* so that it can be fetched again */
  assert_int_equal(swisd_store_save(store, SWISD_STORE_SHARD, id, "shard", 5, &error), SWISD_STORE_OK);
  assert_int_equal(truncate(in_folder(path), 3), 0);
  assert_int_equal(swisd_store_verify(store, SWISD_STORE_SHARD, id, &error), SWISD_STORE_DIGEST);
  assert_non_null(strstr(error.text, "damaged"));
  assert_int_equal(swisd_store_list(store, SWISD_STORE_SHARD, NULL, 0), 0);
  swisd_store_close(store);
}

static void what_a_crash_left_half_written_is_cleared_away(void **state)
{
  (void)state;
  swisd_store_close(open_store());
  const int file = open(in_folder("shards/.writing-4711-0"), O_CREAT | O_WRONLY, 0644);
  assert_true(file >= 0 && write(file, "half", 4) == 4);
  close(file);
  swisd_store_close(open_store());
  assert_int_equal(file_count(in_folder("shards")), 0);
}

/* A limit on the size of files stands for a full disk: it fails in the same place, in the same way. */
static void a_full_disk_is_reported_and_leaves_nothing_behind(void **state)
{
  (void)state;
  struct swisd_error error = {""};
  struct swisd_store *store = open_store();
  struct rlimit was, small;
  char *large = calloc(1, 100000);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
  small = was;
  small.rlim_cur = 50000;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  const enum swisd_store_status status =
    swisd_store_save(store, SWISD_STORE_SHARD, swisd_digest_short(large, 100000), large, 100000, &error);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
  signal(SIGXFSZ, handler);
  assert_int_equal(status, SWISD_STORE_SPACE);
  assert_non_null(strstr(error.text, "cannot be written"));
  assert_int_equal(file_count(in_folder("shards")), 0);
  assert_int_equal(swisd_store_save(store, SWISD_STORE_SHARD, swisd_digest_short(large, 100000), large, 100000, &error),
                   SWISD_STORE_OK);
  free(large);
  swisd_store_close(store);
}

static void a_store_where_none_can_be_is_an_error(void **state)
{
  (void)state;
  struct swisd_error error = {""};
  const int file = open(in_folder("file"), O_CREAT | O_WRONLY, 0644);
  close(file);
  assert_null(swisd_store_open(in_folder("file"), &error));
  assert_non_null(strstr(error.text, "/file"));
  char path[5000];
  memset(path, 'x', sizeof path);
  path[sizeof path - 1] = '\0';
  assert_null(swisd_store_open(path, &error));
}

/* ---- model folders ---- */

static void make_bundle(struct swisd_bundle *bundle)
{
  struct swisd_error error = {""};
  float *weights = case_weights(SWISD_FASHION_PARAMETERS, 70);
  assert_int_equal(swisd_fashion_cut(weights, SWISD_FASHION_LANES, bundle, &error), 0);
  free(weights);
}

/* The same manifest, the same id. */
static void assert_same_model(const struct swisd_model *a, const struct swisd_model *b)
{
  struct swisd_error error = {""};
  char *texts[2];
  size_t bytes[2];
  assert_int_equal(swisd_model_write(a, &texts[0], &bytes[0], &error), 0);
  assert_int_equal(swisd_model_write(b, &texts[1], &bytes[1], &error), 0);
  assert_string_equal(texts[0], texts[1]);
  assert_true(a->id == b->id && a->id == swisd_digest_short(texts[0], bytes[0]));
  free(texts[0]);
  free(texts[1]);
}

static void a_model_saved_in_a_folder_or_a_store_loads_the_same(void **state)
{
  (void)state;
  static struct swisd_bundle made, loaded;
  static struct swisd_model model;
  struct swisd_error error = {""};
  make_bundle(&made);
  assert_int_equal(swisd_model_folder_save(in_folder("deep/er/model"), &made, &error), 0);
  assert_int_equal(swisd_model_folder_load(in_folder("deep/er/model"), &loaded, &error), 0);
  assert_same_model(&loaded.model, &made.model);
  for (unsigned i = 0; i < made.model.steps[0].lane_count; i++) {
    assert_memory_equal(loaded.shards[i], made.shards[i], made.model.steps[0].lanes[i].bytes);
  }
  struct swisd_store *store = open_store();
  struct swisd_store_entry entries[16];
  assert_int_equal(swisd_store_save_bundle(store, &loaded, &error), 0);
  assert_int_equal(swisd_store_list(store, SWISD_STORE_SHARD, entries, 16), 7);
  assert_int_equal(swisd_store_load_model(store, made.model.id, &model, &error), 0);
  assert_same_model(&model, &made.model);
  assert_int_equal(swisd_store_load_model(store, made.model.id + 1, &model, &error), -1);
  swisd_store_close(store);
  swisd_bundle_free(&made);
  swisd_bundle_free(&loaded);
}

static void a_damaged_model_folder_names_the_file(void **state)
{
  (void)state;
  static struct swisd_bundle made, loaded;
  struct swisd_error error = {""};
  char shard[64];
  make_bundle(&made);
  snprintf(shard, sizeof shard, "shards/%016llx.bin", (unsigned long long)made.model.steps[1].lanes[0].shard);
  for (int kind = 0; kind < 5; kind++) {
    static const char *const expected[] = {"damaged", "bytes, the manifest says", "cannot be opened", "manifest.json",
                                           "manifest.json:1:"};
    assert_int_equal(swisd_model_folder_save(folder, &made, &error), 0);
    snprintf(shard, sizeof shard, "shards/%016llx.bin", (unsigned long long)made.model.steps[1].lanes[0].shard);
    switch (kind) {
    case 0:
      overwrite(in_folder(shard), 1000, "x", 1);
      break;
    case 1:
      assert_int_equal(truncate(in_folder(shard), 1000), 0);
      break;
    case 2:
      assert_int_equal(unlink(in_folder(shard)), 0);
      break;
    case 3:
      assert_int_equal(unlink(in_folder("manifest.json")), 0);
      break;
    default:
      overwrite(in_folder("manifest.json"), 0, "}", 1);
      break;
    }
    assert_int_equal(swisd_model_folder_load(folder, &loaded, &error), -1);
    if (!strstr(error.text, expected[kind]) || (kind < 3 && !strstr(error.text, shard))) {
      fail_msg("kind %d: %s", kind, error.text);
    }
    assert_null(loaded.shards[0]);
  }
  swisd_bundle_free(&made);
}

/* ---- the shipped weights ---- */

static void load_shipped(const char *name, struct swisd_bundle *bundle)
{
  struct swisd_error error = {""};
  char path[128];
  snprintf(path, sizeof path, "kernels/weights/%s", name);
  if (swisd_model_folder_load(path, bundle, &error)) {
    fail_msg("%s", error.text);
  }
}

static void predict(const struct swisd_bundle *bundle, const struct swisd_kernels *kernels, const uint8_t *images, size_t count,
                    float *logits)
{
  struct swisd_error error = {""};
  struct swisd_local *local = swisd_local_open(bundle, kernels, &error);
  if (!local || swisd_local_run(local, images, count, logits, &error)) {
    fail_msg("%s", error.text);
  }
  swisd_local_close(local);
}

static size_t best(const float *logits, size_t *second)
{
  size_t first = 0;
  for (size_t c = 1; c < 10; c++) {
    first = logits[c] > logits[first] ? c : first;
  }
  *second = first == 0;
  for (size_t c = 0; c < 10; c++) {
    *second = c != first && logits[c] > logits[*second] ? c : *second;
  }
  return first;
}

/* 91.69 % on all 10,000; of the first 1,000 at least 90 %. Both cuts give the same bits with the portable kernels, and every set
 * the same labels wherever the two best are 1e-4 apart. */
static void the_shipped_network_classifies_and_its_cuts_agree(void **state)
{
  (void)state;
  enum { IMAGES = 1000 };
  static struct swisd_bundle lanes, whole;
  struct swisd_dataset images, labels;
  struct swisd_error error = {""};
  const struct swisd_kernels *set;
  load_shipped("fashion", &lanes);
  load_shipped("fashion-whole", &whole);
  assert_int_equal(lanes.model.lane_count, 7);
  assert_int_equal(whole.model.lane_count, 1);
  if (access(SWISD_FASHION_FOLDER, R_OK)) {
    print_message("skipped: no %s\n", SWISD_FASHION_FOLDER);
    swisd_bundle_free(&lanes);
    swisd_bundle_free(&whole);
    skip_for_lack();
  }
  assert_int_equal(swisd_dataset_read(SWISD_FASHION_FOLDER "/t10k-images-idx3-ubyte.gz", &images, &error), 0);
  assert_int_equal(swisd_dataset_read(SWISD_FASHION_FOLDER "/t10k-labels-idx1-ubyte.gz", &labels, &error), 0);
  float *want = malloc(IMAGES * 40), *got = malloc(IMAGES * 40);
  predict(&whole, swisd_kernels_portable(), images.bytes, IMAGES, want);
  predict(&lanes, swisd_kernels_portable(), images.bytes, IMAGES, got);
  assert_memory_equal(got, want, IMAGES * 40);
  size_t right = 0, second, other;
  for (size_t i = 0; i < IMAGES; i++) {
    right += best(want + 10 * i, &second) == labels.bytes[i];
  }
  print_message("%.2f %% of %d images\n", 100.0 * (double)right / IMAGES, IMAGES);
  assert_true(right * 1000 >= IMAGES * 900);
  for (size_t k = 0; (set = swisd_kernels_at(k)); k++) {
    predict(&lanes, set, images.bytes, IMAGES / 10, got);
    for (size_t i = 0; i < IMAGES / 10; i++) {
      const size_t first = best(want + 10 * i, &second);
      assert_true(best(got + 10 * i, &other) == first || want[10 * i + first] - want[10 * i + second] < 1e-4f);
    }
  }
  free(want);
  free(got);
  swisd_dataset_free(&images);
  swisd_dataset_free(&labels);
  swisd_bundle_free(&lanes);
  swisd_bundle_free(&whole);
}

/* A checkerboard of soft squares with noise must come out closer to itself. */
static void the_shipped_denoiser_denoises(void **state)
{
  (void)state;
  static struct swisd_bundle bundle;
  struct swisd_error error = {""};
  load_shipped("denoise", &bundle);
  const size_t height = (size_t)bundle.model.input.height * bundle.model.period, width = bundle.model.input.width;
  uint8_t *clean = malloc(height * width), *noisy = malloc(height * width), *better = malloc(height * width);
  struct swisd_philox random = case_random(71);
  for (size_t i = 0; i < height * width; i++) {
    clean[i] = (uint8_t)(i / width / 28 % 2 == i % width / 28 % 2 ? 200 : 0);
    const double sum =
      swisd_philox_unit(&random) + swisd_philox_unit(&random) + swisd_philox_unit(&random) - 1.5; /* deviation 1/2 */
    const double grey = floor(clean[i] + 50 * sum + 0.5);
    noisy[i] = grey < 0 ? 0 : grey > 255 ? 255 : (uint8_t)grey;
  }
  struct swisd_local *local = swisd_local_open(&bundle, swisd_kernels_portable(), &error);
  assert_non_null(local);
  assert_int_equal(swisd_local_out_bytes(&bundle.model) * bundle.model.period, height * width);
  assert_int_equal(swisd_local_run(local, noisy, bundle.model.period, better, &error), 0);
  double before = 0, after = 0;
  for (size_t i = 0; i < height * width; i++) {
    before += (double)(noisy[i] - clean[i]) * (noisy[i] - clean[i]);
    after += (double)(better[i] - clean[i]) * (better[i] - clean[i]);
  }
  print_message("squared error %.0f before, %.0f after\n", before, after);
  assert_true(after < before / 3);
  swisd_local_close(local);
  swisd_bundle_free(&bundle);
  free(clean);
  free(noisy);
  free(better);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_digest_is_sha_256),
    cmocka_unit_test_setup_teardown(what_is_saved_is_there_after_a_restart, make_folder, drop_folder),
    cmocka_unit_test_setup_teardown(bytes_that_do_not_match_are_neither_kept_nor_handed_out, make_folder, drop_folder),
    cmocka_unit_test_setup_teardown(what_a_crash_left_half_written_is_cleared_away, make_folder, drop_folder),
    cmocka_unit_test_setup_teardown(a_full_disk_is_reported_and_leaves_nothing_behind, make_folder, drop_folder),
    cmocka_unit_test_setup_teardown(a_store_where_none_can_be_is_an_error, make_folder, drop_folder),
    cmocka_unit_test_setup_teardown(a_model_saved_in_a_folder_or_a_store_loads_the_same, make_folder, drop_folder),
    cmocka_unit_test_setup_teardown(a_damaged_model_folder_names_the_file, make_folder, drop_folder),
    cmocka_unit_test(the_shipped_network_classifies_and_its_cuts_agree),
    cmocka_unit_test(the_shipped_denoiser_denoises),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
