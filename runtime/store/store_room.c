/* The quota, and who gives way to it: files of the cache and partial files nobody works on, the one unused longest first. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/store/store_internal.h"

static bool is_open_partial(const struct swisd_store *store, uint64_t id)
{
  for (int i = 0; i < SWISD_STORE_OPEN_MAX; i++) {
    if (store->open_partials[i] == id) {
      return true;
    }
  }
  return false;
}

struct candidate {
  int kind;
  uint64_t id, bytes;
  struct timespec used;
};

static bool is_older(const struct timespec *a, const struct timespec *b)
{
  return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* The file of `kind` that was used longest ago, if older than *oldest. */
static void find_oldest(const struct swisd_store *store, int kind, struct candidate *oldest)
{
  DIR *list = opendir(store->folders[kind]);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    struct stat about;
    uint64_t id;
    if (!swisd_store_name_id(entry->d_name, kind, &id) || (kind == SWISD_STORE_PARTIAL && is_open_partial(store, id)) ||
        fstatat(dirfd(list), entry->d_name, &about, AT_SYMLINK_NOFOLLOW)) {
      continue;
    }
    if (oldest->id == 0 || is_older(&about.st_mtim, &oldest->used)) {
      *oldest = (struct candidate){.kind = kind, .id = id, .bytes = (uint64_t)about.st_size, .used = about.st_mtim};
    }
  }
  if (list) {
    closedir(list);
  }
}

/* Removes one file that may go. Under the lock. */
static bool evict_one(struct swisd_store *store, uint64_t *freed)
{
  struct candidate oldest = {0};
  char path[SWISD_STORE_PATH_BYTES];
  find_oldest(store, SWISD_STORE_CACHED, &oldest);
  find_oldest(store, SWISD_STORE_PARTIAL, &oldest);
  if (oldest.id == 0) {
    return false;
  }
  swisd_store_file_path(store, oldest.kind, oldest.id, path);
  if (unlink(path)) {
    return false;
  }
  uint64_t *used = &store->used_bytes[oldest.kind];
  *used -= oldest.bytes < *used ? oldest.bytes : *used;
  *freed += oldest.bytes;
  store->evicted++;
  return true;
}

static uint64_t used_bytes(const struct swisd_store *store)
{
  uint64_t sum = 0;
  for (int kind = 0; kind < SWISD_STORE_KINDS; kind++) {
    sum += store->used_bytes[kind];
  }
  return sum;
}

enum swisd_store_status swisd_store_reserve(struct swisd_store *store, int kind, uint64_t bytes, bool disk_lacks,
                                            struct swisd_error *error)
{
  enum swisd_store_status status = SWISD_STORE_OK;
  uint64_t freed = 0;
  pthread_mutex_lock(&store->lock);
  while (store->quota_bytes && bytes + used_bytes(store) > store->quota_bytes && evict_one(store, &freed)) {
  }
  if (store->quota_bytes && bytes + used_bytes(store) > store->quota_bytes) {
    swisd_error_set(error, "%s: %llu bytes more do not fit: %llu of the disk quota of %llu are in use", store->folders[kind],
                    (unsigned long long)bytes, (unsigned long long)used_bytes(store), (unsigned long long)store->quota_bytes);
    status = SWISD_STORE_SPACE;
  }
  while (status == SWISD_STORE_OK && disk_lacks && freed < bytes) {
    if (!evict_one(store, &freed)) {
      status = swisd_store_failed(error, store->folders[kind], "cannot be written", ENOSPC);
    }
  }
  if (status == SWISD_STORE_OK) {
    store->used_bytes[kind] += bytes;
  }
  pthread_mutex_unlock(&store->lock);
  return status;
}

void swisd_store_unreserve(struct swisd_store *store, int kind, uint64_t bytes)
{
  pthread_mutex_lock(&store->lock);
  store->used_bytes[kind] -= bytes < store->used_bytes[kind] ? bytes : store->used_bytes[kind];
  pthread_mutex_unlock(&store->lock);
}

void swisd_store_move_bytes(struct swisd_store *store, int from, int to, uint64_t bytes)
{
  pthread_mutex_lock(&store->lock);
  store->used_bytes[from] -= bytes < store->used_bytes[from] ? bytes : store->used_bytes[from];
  store->used_bytes[to] += bytes;
  pthread_mutex_unlock(&store->lock);
}

void swisd_store_count_all(struct swisd_store *store)
{
  for (int kind = 0; kind < SWISD_STORE_KINDS; kind++) {
    DIR *list = opendir(store->folders[kind]);
    store->used_bytes[kind] = 0;
    for (struct dirent *entry; list && (entry = readdir(list));) {
      struct stat about;
      uint64_t id;
      if (swisd_store_name_id(entry->d_name, kind, &id) && !fstatat(dirfd(list), entry->d_name, &about, AT_SYMLINK_NOFOLLOW)) {
        store->used_bytes[kind] += (uint64_t)about.st_size;
      }
    }
    if (list) {
      closedir(list);
    }
  }
}

void swisd_store_limit(struct swisd_store *store, uint64_t disk_bytes)
{
  uint64_t freed = 0;
  pthread_mutex_lock(&store->lock);
  store->quota_bytes = disk_bytes;
  while (disk_bytes && used_bytes(store) > disk_bytes && evict_one(store, &freed)) {
  }
  pthread_mutex_unlock(&store->lock);
}

void swisd_store_usage(struct swisd_store *store, struct swisd_store_usage *usage)
{
  struct statvfs system;
  pthread_mutex_lock(&store->lock);
  *usage =
    (struct swisd_store_usage){.used_bytes = used_bytes(store),
                               .quota_bytes = store->quota_bytes,
                               .cache_bytes = store->used_bytes[SWISD_STORE_CACHED] + store->used_bytes[SWISD_STORE_PARTIAL],
                               .evicted = store->evicted,
                               .damaged = store->damaged};
  pthread_mutex_unlock(&store->lock);
  if (statvfs(store->folders[0], &system) == 0) {
    usage->free_bytes = (uint64_t)system.f_bavail * system.f_frsize;
  }
}
