/* Layout: the shard's bytes [0, bytes), then the trailer, little endian:
 *
 *   8   "SwPart1\n"
 *   8   id
 *   8   bytes of the shard
 *   4   bytes of a range
 *   4   ranges
 *   n   bitmap, ceil(ranges / 8): the lowest bit of a byte is the first of its ranges
 *   8   the first 8 bytes of the SHA-256 of what stands above, big endian
 *
 * A trailer that does not fit (torn by a power cut, of another shard) counts as "nothing is here yet". Data and trailer are not
 * forced to the disk in order: after a power cut the trailer may promise ranges that never arrived, and the digest at the end
 * tells. */
#include "runtime/store/partial.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store/digest.h"
#include "runtime/store/store_internal.h"

enum { HEAD_BYTES = 32, TAIL_BYTES = 8 };
static const char magic[8] = {'S', 'w', 'P', 'a', 'r', 't', '1', '\n'};

struct swisd_partial {
  struct swisd_store *store;
  uint64_t id, bytes;
  uint32_t range_count, here;
  int file;
  size_t trailer_bytes;
  uint8_t *trailer;
};

static uint32_t range_count(uint64_t bytes) { return (uint32_t)((bytes + SWISD_RANGE_BYTES - 1) / SWISD_RANGE_BYTES); }

static void put(uint8_t *at, uint64_t value, int count)
{
  for (int i = 0; i < count; i++) {
    at[i] = (uint8_t)(value >> 8 * i);
  }
}

static uint64_t get(const uint8_t *at, int count)
{
  uint64_t value = 0;
  for (int i = 0; i < count; i++) {
    value |= (uint64_t)at[i] << 8 * i;
  }
  return value;
}

size_t swisd_partial_trailer_bytes(uint64_t bytes) { return HEAD_BYTES + (range_count(bytes) + 7) / 8 + TAIL_BYTES; }

static void seal(uint8_t *trailer, size_t count)
{
  put(trailer + count - TAIL_BYTES, swisd_digest_short(trailer, count - TAIL_BYTES), 8);
}

int swisd_partial_trailer_read(const uint8_t *trailer, size_t count, uint64_t id, uint64_t bytes, const uint8_t **bitmap)
{
  if (bytes == 0 || bytes > SWISD_STORE_FILE_BYTES_MAX || count != swisd_partial_trailer_bytes(bytes) ||
      memcmp(trailer, magic, sizeof magic) != 0 || get(trailer + 8, 8) != id || get(trailer + 16, 8) != bytes ||
      get(trailer + 24, 4) != SWISD_RANGE_BYTES || get(trailer + 28, 4) != range_count(bytes) ||
      get(trailer + count - TAIL_BYTES, 8) != swisd_digest_short(trailer, count - TAIL_BYTES)) {
    return -1;
  }
  *bitmap = trailer + HEAD_BYTES;
  return 0;
}

/* What an earlier process left of it; false when that is of no use. */
static bool resume(struct swisd_partial *partial)
{
  struct stat about;
  const uint8_t *bitmap;
  if (fstat(partial->file, &about) || (uint64_t)about.st_size != partial->bytes + partial->trailer_bytes ||
      pread(partial->file, partial->trailer, partial->trailer_bytes, (off_t)partial->bytes) != (ssize_t)partial->trailer_bytes ||
      swisd_partial_trailer_read(partial->trailer, partial->trailer_bytes, partial->id, partial->bytes, &bitmap)) {
    return false;
  }
  for (uint32_t i = 0; i < partial->range_count; i++) {
    partial->here += swisd_partial_has(partial, i);
  }
  return true;
}

static int write_trailer(struct swisd_partial *partial)
{
  seal(partial->trailer, partial->trailer_bytes);
  const ssize_t put_bytes = pwrite(partial->file, partial->trailer, partial->trailer_bytes, (off_t)partial->bytes);
  if (put_bytes >= 0 && put_bytes < (ssize_t)partial->trailer_bytes) {
    errno = ENOSPC;
  }
  return put_bytes == (ssize_t)partial->trailer_bytes ? 0 : -1;
}

/* An empty file with all its space, so that a disk that is too small is known now. Some file systems cannot promise space. */
static int start_anew(struct swisd_partial *partial)
{
  const off_t whole = (off_t)(partial->bytes + partial->trailer_bytes);
  memset(partial->trailer, 0, partial->trailer_bytes);
  memcpy(partial->trailer, magic, sizeof magic);
  put(partial->trailer + 8, partial->id, 8);
  put(partial->trailer + 16, partial->bytes, 8);
  put(partial->trailer + 24, SWISD_RANGE_BYTES, 4);
  put(partial->trailer + 28, partial->range_count, 4);
  if (ftruncate(partial->file, 0) || (fallocate(partial->file, 0, 0, whole) && errno != EOPNOTSUPP && errno != ENOSYS)) {
    return -1;
  }
  return write_trailer(partial);
}

/* Marks the id as open, so that nobody evicts it. */
static bool take_slot(struct swisd_store *store, uint64_t id)
{
  bool taken = false;
  pthread_mutex_lock(&store->lock);
  for (int i = 0; i < SWISD_STORE_OPEN_MAX && !taken; i++) {
    assert(store->open_partials[i] != id);
    if (store->open_partials[i] == 0) {
      store->open_partials[i] = id;
      taken = true;
    }
  }
  pthread_mutex_unlock(&store->lock);
  return taken;
}

static void give_slot(struct swisd_store *store, uint64_t id)
{
  pthread_mutex_lock(&store->lock);
  for (int i = 0; i < SWISD_STORE_OPEN_MAX; i++) {
    store->open_partials[i] = store->open_partials[i] == id ? 0 : store->open_partials[i];
  }
  pthread_mutex_unlock(&store->lock);
}

/* Opens or makes the file, its space counted. */
static enum swisd_store_status open_file(struct swisd_partial *partial, struct swisd_error *error)
{
  char path[SWISD_STORE_PATH_BYTES];
  struct swisd_store *store = partial->store;
  const uint64_t whole = partial->bytes + partial->trailer_bytes;
  swisd_store_file_path(store, SWISD_STORE_PARTIAL, partial->id, path);
  const int64_t before = swisd_store_file_bytes(store, SWISD_STORE_PARTIAL, partial->id);
  partial->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (partial->file < 0) {
    return swisd_store_failed(error, path, "cannot be written", errno);
  }
  if (before > 0 && resume(partial)) {
    return SWISD_STORE_OK;
  }
  swisd_store_unreserve(store, SWISD_STORE_PARTIAL, before > 0 ? (uint64_t)before : 0);
  enum swisd_store_status status = SWISD_STORE_SPACE;
  for (int attempt = 0; attempt < 2 && status == SWISD_STORE_SPACE; attempt++) {
    status = swisd_store_reserve(store, SWISD_STORE_PARTIAL, whole, attempt > 0, error);
    if (status != SWISD_STORE_OK) {
      break;
    }
    if (start_anew(partial)) {
      status = swisd_store_failed(error, path, "cannot be written", errno);
      swisd_store_unreserve(store, SWISD_STORE_PARTIAL, whole);
    }
  }
  if (status != SWISD_STORE_OK) {
    unlink(path);
  }
  return status;
}

static void partial_free(struct swisd_partial *partial)
{
  if (partial->file >= 0) {
    close(partial->file);
  }
  free(partial->trailer);
  free(partial);
}

struct swisd_partial *swisd_partial_open(struct swisd_store *store, uint64_t id, uint64_t bytes, enum swisd_store_status *status,
                                         struct swisd_error *error)
{
  *status = SWISD_STORE_FAILED;
  if (bytes == 0 || bytes > SWISD_STORE_FILE_BYTES_MAX) {
    swisd_error_set(error, "a shard of %llu bytes: allowed are 1 to %llu", (unsigned long long)bytes,
                    (unsigned long long)SWISD_STORE_FILE_BYTES_MAX);
    return NULL;
  }
  if (swisd_store_recall(store, id, bytes, error) == SWISD_STORE_OK) {
    *status = SWISD_STORE_OK;
    return NULL;
  }
  struct swisd_partial *partial = calloc(1, sizeof *partial);
  const size_t trailer_bytes = swisd_partial_trailer_bytes(bytes);
  uint8_t *trailer = partial ? calloc(1, trailer_bytes) : NULL;
  if (!trailer || !take_slot(store, id)) {
    free(trailer);
    free(partial);
    swisd_error_set(error, "no memory, or more than %d shards on their way at once", SWISD_STORE_OPEN_MAX);
    *status = SWISD_STORE_SPACE;
    return NULL;
  }
  *partial = (struct swisd_partial){.store = store,
                                    .id = id,
                                    .bytes = bytes,
                                    .range_count = range_count(bytes),
                                    .file = -1,
                                    .trailer_bytes = trailer_bytes,
                                    .trailer = trailer};
  *status = open_file(partial, error);
  if (*status != SWISD_STORE_OK) {
    give_slot(store, id);
    partial_free(partial);
    return NULL;
  }
  return partial;
}

void swisd_partial_close(struct swisd_partial *partial)
{
  if (partial) {
    give_slot(partial->store, partial->id);
    partial_free(partial);
  }
}

uint32_t swisd_partial_range_count(const struct swisd_partial *partial) { return partial->range_count; }

bool swisd_partial_has(const struct swisd_partial *partial, uint32_t range)
{
  assert(range < partial->range_count);
  return partial->trailer[HEAD_BYTES + range / 8] >> range % 8 & 1;
}

size_t swisd_partial_range_bytes(const struct swisd_partial *partial, uint32_t range)
{
  const uint64_t left = partial->bytes - (uint64_t)range * SWISD_RANGE_BYTES;
  assert(range < partial->range_count);
  return left < SWISD_RANGE_BYTES ? (size_t)left : SWISD_RANGE_BYTES;
}

enum swisd_store_status swisd_partial_write(struct swisd_partial *partial, uint32_t range, const void *bytes,
                                            struct swisd_error *error)
{
  const size_t count = swisd_partial_range_bytes(partial, range);
  const off_t at = (off_t)range * SWISD_RANGE_BYTES;
  int code = 0;
  for (size_t done = 0; done < count && !code;) {
    const ssize_t written = pwrite(partial->file, (const uint8_t *)bytes + done, count - done, at + (off_t)done);
    if (written > 0) {
      done += (size_t)written;
    } else if (written == 0 || errno != EINTR) {
      code = written ? errno : ENOSPC;
    }
  }
  if (!code && !swisd_partial_has(partial, range)) {
    partial->trailer[HEAD_BYTES + range / 8] |= (uint8_t)(1u << range % 8);
    partial->here++;
    code = write_trailer(partial) ? errno : 0;
  }
  if (code) {
    char path[SWISD_STORE_PATH_BYTES];
    swisd_store_file_path(partial->store, SWISD_STORE_PARTIAL, partial->id, path);
    return swisd_store_failed(error, path, "cannot be written", code);
  }
  return SWISD_STORE_OK;
}

static enum swisd_store_status publish(struct swisd_partial *partial, struct swisd_error *error)
{
  char from[SWISD_STORE_PATH_BYTES], to[SWISD_STORE_PATH_BYTES];
  struct swisd_store *store = partial->store;
  swisd_store_file_path(store, SWISD_STORE_PARTIAL, partial->id, from);
  swisd_store_file_path(store, SWISD_STORE_SHARD, partial->id, to);
  if (ftruncate(partial->file, (off_t)partial->bytes) || fsync(partial->file) || rename(from, to) ||
      !swisd_store_sync_folder(store->folders[SWISD_STORE_SHARD])) {
    return swisd_store_failed(error, to, "cannot be written", errno);
  }
  swisd_store_unreserve(store, SWISD_STORE_PARTIAL, partial->trailer_bytes);
  swisd_store_move_bytes(store, SWISD_STORE_PARTIAL, SWISD_STORE_SHARD, partial->bytes);
  swisd_store_mark_verified(store, partial->id);
  return SWISD_STORE_OK;
}

enum swisd_store_status swisd_partial_finish(struct swisd_partial *partial, const uint8_t digest[32], struct swisd_error *error)
{
  uint8_t found[32];
  uint64_t id = 0;
  enum swisd_store_status status;
  assert(partial->here == partial->range_count);
  if (lseek(partial->file, 0, SEEK_SET) != 0 || swisd_digest_file(partial->file, partial->bytes, &id, found)) {
    char path[SWISD_STORE_PATH_BYTES];
    const int code = errno;
    swisd_store_file_path(partial->store, SWISD_STORE_PARTIAL, partial->id, path);
    status = swisd_store_failed(error, path, "cannot be read", code);
  } else if (id != partial->id || (digest && memcmp(found, digest, sizeof found) != 0)) {
    swisd_store_file_remove(partial->store, SWISD_STORE_PARTIAL, partial->id);
    swisd_error_set(error, "shard %016llx: what came does not match its digest", (unsigned long long)partial->id);
    status = SWISD_STORE_DIGEST;
  } else {
    status = publish(partial, error);
  }
  swisd_partial_close(partial);
  return status;
}
