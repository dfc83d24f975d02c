/* The store's files: quotas and who gives way to them, shards that come in pieces, and what a file may claim about itself. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "runtime/cli/lab.h"
#include "runtime/store/digest.h"
#include "runtime/store/partial.h"
#include "tests/unit/cmocka_all.h"

enum { SMALL_BYTES = 10000, LARGE_BYTES = 3 * SWISD_RANGE_BYTES + 12345 };

static char folder[64];
static struct swisd_error error;

static int make_folder(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/swisd-store-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
  (void)state;
  swisd_lab_remove(folder);
  return 0;
}

static struct swisd_store *open_store(void)
{
  struct swisd_store *store = swisd_store_open(folder, &error);
  if (!store)
    fail_msg("%s", error.text);
  return store;
}

/* Contents number `n`; the caller frees. */
static uint8_t *contents(uint32_t n, size_t count, uint64_t *id)
{
  struct swisd_philox random = swisd_philox_stream(n, 1, 2, 3);
  uint8_t *bytes = malloc(count);
  assert_non_null(bytes);
  for (size_t i = 0; i < count; i++)
    bytes[i] = (uint8_t)swisd_philox_u32(&random);
  *id = swisd_digest_short(bytes, count);
  return bytes;
}

static enum swisd_store_status save(struct swisd_store *store, uint32_t n, uint64_t *id)
{
  uint8_t *bytes = contents(n, SMALL_BYTES, id);
  const enum swisd_store_status status = swisd_store_save(store, SWISD_STORE_SHARD, *id, bytes, SMALL_BYTES, &error);
  free(bytes);
  return status;
}

static bool is_in(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id)
{
  struct swisd_store_entry entries[32];
  const size_t count = swisd_store_list(store, kind, entries, 32);
  for (size_t i = 0; i < count; i++)
    if (entries[i].id == id)
      return true;
  return false;
}

static void set_age(const char *kind, uint64_t id, const char *extension, long seconds)
{
  char path[256];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const struct timespec times[2] = {{now.tv_sec - seconds, 0}, {now.tv_sec - seconds, 0}};
  snprintf(path, sizeof path, "%s/%s/%016llx.%s", folder, kind, (unsigned long long)id, extension);
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void what_was_put_away_comes_back_without_a_copy(void **state)
{
  (void)state;
  struct swisd_store *store = open_store();
  uint64_t id;
  assert_int_equal(save(store, 1, &id), SWISD_STORE_OK);
  assert_int_equal(swisd_store_retire(store, id, &error), SWISD_STORE_OK);
  assert_false(is_in(store, SWISD_STORE_SHARD, id));
  assert_true(is_in(store, SWISD_STORE_CACHED, id));
  swisd_store_close(store);
  store = open_store();
  assert_int_equal(swisd_store_recall(store, id, SMALL_BYTES + 1, &error), SWISD_STORE_NOT_FOUND);
  assert_int_equal(swisd_store_recall(store, id, SMALL_BYTES, &error), SWISD_STORE_OK);
  assert_true(is_in(store, SWISD_STORE_SHARD, id));
  assert_false(is_in(store, SWISD_STORE_CACHED, id));
  swisd_store_close(store);
}

static void the_quota_takes_from_the_cache_oldest_first_and_never_from_what_is_held(void **state)
{
  (void)state;
  struct swisd_store *store = open_store();
  struct swisd_store_usage usage;
  uint64_t ids[6];
  swisd_store_limit(store, 4 * SMALL_BYTES);
  for (uint32_t n = 0; n < 4; n++)
    assert_int_equal(save(store, n, &ids[n]), SWISD_STORE_OK);
  assert_int_equal(save(store, 4, &ids[4]), SWISD_STORE_SPACE);
  assert_non_null(strstr(error.text, "disk quota"));
  for (uint32_t n = 0; n < 3; n++)
    assert_int_equal(swisd_store_retire(store, ids[n], &error), SWISD_STORE_OK);
  set_age("cache", ids[0], "bin", 50);
  set_age("cache", ids[1], "bin", 100);
  set_age("cache", ids[2], "bin", 75);
  assert_int_equal(save(store, 4, &ids[4]), SWISD_STORE_OK);
  assert_false(is_in(store, SWISD_STORE_CACHED, ids[1]));
  assert_true(is_in(store, SWISD_STORE_CACHED, ids[0]) && is_in(store, SWISD_STORE_CACHED, ids[2]));
  assert_int_equal(save(store, 5, &ids[5]), SWISD_STORE_OK);
  assert_false(is_in(store, SWISD_STORE_CACHED, ids[2]));
  assert_true(is_in(store, SWISD_STORE_SHARD, ids[3]) && is_in(store, SWISD_STORE_SHARD, ids[4]));
  swisd_store_usage(store, &usage);
  assert_int_equal(usage.used_bytes, 4 * SMALL_BYTES);
  assert_int_equal(usage.cache_bytes, SMALL_BYTES);
  assert_int_equal(usage.evicted, 2);
  swisd_store_close(store);
  store = open_store();
  swisd_store_limit(store, SMALL_BYTES); /* what is held stays, even above a quota that was lowered */
  swisd_store_usage(store, &usage);
  assert_int_equal(usage.used_bytes, 3 * SMALL_BYTES);
  assert_int_equal(usage.cache_bytes, 0);
  swisd_store_close(store);
}

static struct swisd_partial *open_partial(struct swisd_store *store, uint64_t id)
{
  enum swisd_store_status status;
  struct swisd_partial *partial = swisd_partial_open(store, id, LARGE_BYTES, &status, &error);
  if (!partial)
    fail_msg("status %d: %s", status, error.text);
  return partial;
}

static void a_shard_that_comes_in_pieces_survives_a_restart(void **state)
{
  (void)state;
  enum swisd_store_status status;
  struct swisd_store_mapping mapping;
  uint64_t id;
  uint8_t *bytes = contents(7, LARGE_BYTES, &id), digest[32];
  swisd_digest(bytes, LARGE_BYTES, digest);
  struct swisd_store *store = open_store();
  struct swisd_partial *partial = open_partial(store, id);
  assert_int_equal(swisd_partial_range_count(partial), 4);
  assert_int_equal(swisd_partial_range_bytes(partial, 3), 12345);
  for (uint32_t range = 3; range >= 2; range--)
    assert_int_equal(swisd_partial_write(partial, range, bytes + (size_t)range * SWISD_RANGE_BYTES, &error), SWISD_STORE_OK);
  swisd_partial_close(partial);
  swisd_store_close(store);
  store = open_store();
  partial = open_partial(store, id);
  assert_false(swisd_partial_has(partial, 0) || swisd_partial_has(partial, 1));
  assert_true(swisd_partial_has(partial, 2) && swisd_partial_has(partial, 3));
  for (uint32_t range = 0; range < 2; range++)
    assert_int_equal(swisd_partial_write(partial, range, bytes + (size_t)range * SWISD_RANGE_BYTES, &error), SWISD_STORE_OK);
  assert_int_equal(swisd_partial_finish(partial, digest, &error), SWISD_STORE_OK);
  assert_int_equal(swisd_store_map(store, SWISD_STORE_SHARD, id, &mapping, &error), SWISD_STORE_OK);
  assert_int_equal(mapping.byte_count, LARGE_BYTES);
  assert_memory_equal(mapping.bytes, bytes, LARGE_BYTES);
  swisd_store_unmap(&mapping);
  assert_null(swisd_partial_open(store, id, LARGE_BYTES, &status, &error)); /* it is here already */
  assert_int_equal(status, SWISD_STORE_OK);
  swisd_store_close(store);
  free(bytes);
}

static void what_does_not_match_its_digest_leaves_nothing(void **state)
{
  (void)state;
  struct swisd_store_usage usage;
  uint64_t id;
  uint8_t *bytes = contents(8, LARGE_BYTES, &id);
  struct swisd_store *store = open_store();
  struct swisd_partial *partial = open_partial(store, id);
  bytes[SWISD_RANGE_BYTES + 5] ^= 1;
  for (uint32_t range = 0; range < 4; range++)
    assert_int_equal(swisd_partial_write(partial, range, bytes + (size_t)range * SWISD_RANGE_BYTES, &error), SWISD_STORE_OK);
  assert_int_equal(swisd_partial_finish(partial, NULL, &error), SWISD_STORE_DIGEST);
  swisd_store_usage(store, &usage);
  assert_int_equal(usage.used_bytes, 0);
  swisd_store_close(store);
  free(bytes);
}

/* Any byte of the trailer, changed in any way, makes the file worth nothing; it is begun anew and never trusted. */
static void a_partial_file_that_is_damaged_is_begun_anew(void **state)
{
  (void)state;
  char path[256];
  uint64_t id;
  uint8_t *bytes = contents(9, LARGE_BYTES, &id);
  struct swisd_store *store = open_store();
  swisd_partial_close(open_partial(store, id));
  const size_t trailer = swisd_partial_trailer_bytes(LARGE_BYTES);
  snprintf(path, sizeof path, "%s/partial/%016llx.part", folder, (unsigned long long)id);
  for (size_t at = 0; at <= trailer; at++) {
    struct swisd_partial *partial = open_partial(store, id);
    assert_int_equal(swisd_partial_write(partial, 1, bytes + SWISD_RANGE_BYTES, &error), SWISD_STORE_OK);
    swisd_partial_close(partial);
    const int file = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;
    if (at == trailer) {
      assert_int_equal(ftruncate(file, LARGE_BYTES), 0);
    } else {
      assert_int_equal(pread(file, &byte, 1, (off_t)(LARGE_BYTES + at)), 1);
      byte ^= (uint8_t)(1u << at % 8);
      assert_int_equal(pwrite(file, &byte, 1, (off_t)(LARGE_BYTES + at)), 1);
    }
    close(file);
    partial = open_partial(store, id);
    assert_false(swisd_partial_has(partial, 1));
    swisd_partial_close(partial);
  }
  swisd_store_close(store);
  free(bytes);
}

/* A limit on the size of files stands for a full disk: it fails in the same place, in the same way. */
static void a_disk_without_room_is_known_before_anything_is_fetched(void **state)
{
  (void)state;
  enum swisd_store_status status;
  struct swisd_store_usage usage;
  struct rlimit was, small;
  struct swisd_store *store = open_store();
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
  small = was;
  small.rlim_cur = LARGE_BYTES / 2;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  assert_null(swisd_partial_open(store, 4711, LARGE_BYTES, &status, &error));
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
  signal(SIGXFSZ, handler);
  assert_int_equal(status, SWISD_STORE_SPACE);
  swisd_store_usage(store, &usage);
  assert_int_equal(usage.used_bytes, 0);
  swisd_partial_close(open_partial(store, 4711));
  swisd_store_usage(store, &usage);
  assert_int_equal(usage.used_bytes, LARGE_BYTES + swisd_partial_trailer_bytes(LARGE_BYTES));
  swisd_store_limit(store, 1); /* nobody works on it: it gives way */
  swisd_store_usage(store, &usage);
  assert_int_equal(usage.used_bytes, 0);
  swisd_store_close(store);
}

static void ranges_are_read_only_of_what_is_whole(void **state)
{
  (void)state;
  char path[256];
  uint8_t *bytes, piece[100];
  uint64_t id, total;
  size_t got;
  struct swisd_store *store = open_store();
  assert_int_equal(save(store, 3, &id), SWISD_STORE_OK);
  swisd_store_close(store);
  store = open_store(); /* which has not read the file yet */
  bytes = contents(3, SMALL_BYTES, &id);
  assert_int_equal(swisd_store_read(store, SWISD_STORE_SHARD, id, SMALL_BYTES - 40, 100, piece, &got, &total, &error), 0);
  assert_int_equal(got, 40);
  assert_int_equal(total, SMALL_BYTES);
  assert_memory_equal(piece, bytes + SMALL_BYTES - 40, 40);
  assert_int_equal(swisd_store_read(store, SWISD_STORE_SHARD, id, SMALL_BYTES + 1, 1, piece, &got, &total, &error),
                   SWISD_STORE_NOT_FOUND);
  swisd_store_close(store);
  snprintf(path, sizeof path, "%s/shards/%016llx.bin", folder, (unsigned long long)id);
  assert_int_equal(truncate(path, SMALL_BYTES - 1), 0);
  store = open_store();
  assert_int_equal(swisd_store_read(store, SWISD_STORE_SHARD, id, 0, 100, piece, &got, &total, &error), SWISD_STORE_DIGEST);
  assert_false(is_in(store, SWISD_STORE_SHARD, id));
  swisd_store_close(store);
  free(bytes);
}

int main(void)
{
#define FILES(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)
  const struct CMUnitTest tests[] = {
    FILES(what_was_put_away_comes_back_without_a_copy),
    FILES(the_quota_takes_from_the_cache_oldest_first_and_never_from_what_is_held),
    FILES(a_shard_that_comes_in_pieces_survives_a_restart),
    FILES(what_does_not_match_its_digest_leaves_nothing),
    FILES(a_partial_file_that_is_damaged_is_begun_anew),
    FILES(a_disk_without_room_is_known_before_anything_is_fetched),
    FILES(ranges_are_read_only_of_what_is_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
