/* The store of a node: files by kind and id. */
#include "runtime/store/shard_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store/digest.h"
#include "runtime/store/store_internal.h"
#include "runtime/store/whole_file.h"

static const char *const names[SWISD_STORE_KINDS] = {"shards", "manifests", "cache", "partial"};
static const char *const extensions[SWISD_STORE_KINDS] = {".bin", ".json", ".bin", ".part"};

static void file_name(int kind, uint64_t id, char name[32])
{
  snprintf(name, 32, "%016llx%s", (unsigned long long)id, extensions[kind]);
}

void swisd_store_file_path(const struct swisd_store *store, int kind, uint64_t id, char path[SWISD_STORE_PATH_BYTES])
{
  char name[32];
  file_name(kind, id, name);
  snprintf(path, SWISD_STORE_PATH_BYTES, "%s/%s", store->folders[kind], name);
}

bool swisd_store_name_id(const char *name, int kind, uint64_t *id)
{
  if (strlen(name) != 16 + strlen(extensions[kind]) || strspn(name, "0123456789abcdef") != 16 ||
      strcmp(name + 16, extensions[kind]) != 0) {
    return false;
  }
  *id = strtoull(name, NULL, 16);
  return *id != 0;
}

int64_t swisd_store_file_bytes(const struct swisd_store *store, int kind, uint64_t id)
{
  char path[SWISD_STORE_PATH_BYTES];
  struct stat about;
  swisd_store_file_path(store, kind, id, path);
  return stat(path, &about) == 0 && S_ISREG(about.st_mode) ? (int64_t)about.st_size : -1;
}

/* What a crash left in the middle of a write. */
static void remove_temporary(const char *folder)
{
  DIR *list = opendir(folder);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    if (strncmp(entry->d_name, SWISD_WHOLE_FILE_TEMPORARY, strlen(SWISD_WHOLE_FILE_TEMPORARY)) == 0) {
      unlinkat(dirfd(list), entry->d_name, 0);
    }
  }
  if (list) {
    closedir(list);
  }
}

struct swisd_store *swisd_store_open(const char *folder, struct swisd_error *error)
{
  struct swisd_store *store = calloc(1, sizeof *store);
  if (!store || strlen(folder) >= SWISD_STORE_FOLDER_BYTES) {
    free(store);
    swisd_error_set(error, "%s: no memory, or the path is too long", folder);
    return NULL;
  }
  for (int kind = 0; kind < SWISD_STORE_KINDS; kind++) {
    snprintf(store->folders[kind], sizeof store->folders[kind], "%s/%s", folder, names[kind]);
    if (swisd_folder_make(store->folders[kind], error)) {
      free(store);
      return NULL;
    }
    remove_temporary(store->folders[kind]);
  }
  pthread_mutex_init(&store->lock, NULL);
  swisd_store_count_all(store);
  return store;
}

void swisd_store_close(struct swisd_store *store)
{
  if (store) {
    pthread_mutex_destroy(&store->lock);
    free(store);
  }
}

/* ---- what has been read through ---- */

void swisd_store_mark_verified(struct swisd_store *store, uint64_t id)
{
  pthread_mutex_lock(&store->lock);
  store->verified[store->verified_next++ % SWISD_STORE_VERIFIED_MAX] = id;
  pthread_mutex_unlock(&store->lock);
}

static bool is_verified(struct swisd_store *store, uint64_t id)
{
  bool found = false;
  pthread_mutex_lock(&store->lock);
  for (int i = 0; i < SWISD_STORE_VERIFIED_MAX && !found; i++) {
    found = store->verified[i] == id;
  }
  pthread_mutex_unlock(&store->lock);
  return found;
}

bool swisd_store_file_remove(struct swisd_store *store, int kind, uint64_t id)
{
  char path[SWISD_STORE_PATH_BYTES];
  const int64_t bytes = swisd_store_file_bytes(store, kind, id);
  swisd_store_file_path(store, kind, id, path);
  if (unlink(path)) {
    return false;
  }
  swisd_store_unreserve(store, kind, bytes > 0 ? (uint64_t)bytes : 0);
  pthread_mutex_lock(&store->lock);
  for (int i = 0; i < SWISD_STORE_VERIFIED_MAX; i++) {
    store->verified[i] = store->verified[i] == id ? 0 : store->verified[i];
  }
  pthread_mutex_unlock(&store->lock);
  return true;
}

static enum swisd_store_status damaged(struct swisd_store *store, int kind, uint64_t id, struct swisd_error *error)
{
  char path[SWISD_STORE_PATH_BYTES];
  swisd_store_file_path(store, kind, id, path);
  if (swisd_store_file_remove(store, kind, id)) {
    pthread_mutex_lock(&store->lock);
    store->damaged++;
    pthread_mutex_unlock(&store->lock);
  }
  swisd_error_set(error, "%s: damaged: its contents do not match its name; removed", path);
  return SWISD_STORE_DIGEST;
}

/* ---- writing ---- */

enum swisd_store_status swisd_store_save(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, const void *bytes,
                                         size_t byte_count, struct swisd_error *error)
{
  char name[32], path[SWISD_STORE_PATH_BYTES];
  file_name(kind, id, name);
  swisd_store_file_path(store, kind, id, path);
  if (swisd_digest_short(bytes, byte_count) != id) {
    swisd_error_set(error, "%s: the %zu bytes do not match the id", path, byte_count);
    return SWISD_STORE_DIGEST;
  }
  const int64_t there = swisd_store_file_bytes(store, kind, id);
  if (there == (int64_t)byte_count) {
    return SWISD_STORE_OK; /* whether its contents are whole, loading checks */
  }
  if (kind == SWISD_STORE_SHARD && swisd_store_recall(store, id, byte_count, error) == SWISD_STORE_OK) {
    return SWISD_STORE_OK;
  }
  enum swisd_store_status status = SWISD_STORE_SPACE;
  for (int attempt = 0; attempt < 2 && status == SWISD_STORE_SPACE; attempt++) {
    status = swisd_store_reserve(store, kind, byte_count, attempt > 0, error);
    if (status != SWISD_STORE_OK) {
      return status;
    }
    status = swisd_whole_file_write(store->folders[kind], name, bytes, byte_count, error);
    if (status != SWISD_STORE_OK) {
      swisd_store_unreserve(store, kind, byte_count);
    }
  }
  if (status == SWISD_STORE_OK) {
    swisd_store_unreserve(store, kind, there > 0 ? (uint64_t)there : 0); /* the file of another size that it replaced */
    swisd_store_mark_verified(store, id);
  }
  return status;
}

enum swisd_store_status swisd_store_drop(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id,
                                         struct swisd_error *error)
{
  if (!swisd_store_file_remove(store, kind, id)) {
    char path[SWISD_STORE_PATH_BYTES];
    const int code = errno;
    swisd_store_file_path(store, kind, id, path);
    return swisd_store_failed(error, path, "cannot be removed", code);
  }
  return SWISD_STORE_OK;
}

/* Renames a file and has it look used just now. */
static enum swisd_store_status move(struct swisd_store *store, int from, int to, uint64_t id, struct swisd_error *error)
{
  char old[SWISD_STORE_PATH_BYTES], new[SWISD_STORE_PATH_BYTES];
  const int64_t bytes = swisd_store_file_bytes(store, from, id);
  swisd_store_file_path(store, from, id, old);
  swisd_store_file_path(store, to, id, new);
  if (rename(old, new)) {
    return swisd_store_failed(error, old, "cannot be moved", errno);
  }
  swisd_store_move_bytes(store, from, to, bytes > 0 ? (uint64_t)bytes : 0);
  utimensat(AT_FDCWD, new, NULL, 0);
  return SWISD_STORE_OK;
}

enum swisd_store_status swisd_store_retire(struct swisd_store *store, uint64_t id, struct swisd_error *error)
{
  return move(store, SWISD_STORE_SHARD, SWISD_STORE_CACHED, id, error);
}

enum swisd_store_status swisd_store_recall(struct swisd_store *store, uint64_t id, uint64_t bytes, struct swisd_error *error)
{
  const int kind = swisd_store_file_bytes(store, SWISD_STORE_SHARD, id) >= 0 ? SWISD_STORE_SHARD : SWISD_STORE_CACHED;
  const int64_t there = swisd_store_file_bytes(store, kind, id);
  if (there < 0 || (uint64_t)there != bytes) {
    swisd_error_set(error, "%s: not there", store->folders[kind]);
    return SWISD_STORE_NOT_FOUND;
  }
  enum swisd_store_status status = is_verified(store, id) ? SWISD_STORE_OK : swisd_store_verify(store, kind, id, error);
  if (status == SWISD_STORE_OK && kind == SWISD_STORE_CACHED) {
    status = move(store, kind, SWISD_STORE_SHARD, id, error);
  }
  return status;
}

/* ---- reading ---- */

enum swisd_store_status swisd_store_load(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, void **bytes,
                                         size_t *byte_count, struct swisd_error *error)
{
  char path[SWISD_STORE_PATH_BYTES];
  swisd_store_file_path(store, kind, id, path);
  const enum swisd_store_status status = swisd_whole_file_read(path, SWISD_STORE_FILE_BYTES_MAX, bytes, byte_count, error);
  if (status == SWISD_STORE_OK && swisd_digest_short(*bytes, *byte_count) != id) {
    free(*bytes);
    *bytes = NULL;
    return damaged(store, kind, id, error);
  }
  return status;
}

static int open_to_read(const struct swisd_store *store, int kind, uint64_t id, char path[SWISD_STORE_PATH_BYTES],
                        uint64_t *bytes, enum swisd_store_status *status, struct swisd_error *error)
{
  struct stat about;
  swisd_store_file_path(store, kind, id, path);
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    *status = swisd_store_failed(error, path, "cannot be opened", errno);
    return -1;
  }
  if (fstat(file, &about) || !S_ISREG(about.st_mode)) {
    swisd_error_set(error, "%s: not a regular file", path);
    *status = SWISD_STORE_FAILED;
    close(file);
    return -1;
  }
  *bytes = (uint64_t)about.st_size;
  *status = SWISD_STORE_OK;
  return file;
}

enum swisd_store_status swisd_store_verify(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id,
                                           struct swisd_error *error)
{
  char path[SWISD_STORE_PATH_BYTES];
  uint64_t bytes, found = 0;
  enum swisd_store_status status;
  const int file = open_to_read(store, kind, id, path, &bytes, &status, error);
  if (file < 0) {
    return status;
  }
  status =
    swisd_digest_file(file, bytes, &found, NULL) ? swisd_store_failed(error, path, "cannot be read", errno) : SWISD_STORE_OK;
  close(file);
  if (status == SWISD_STORE_OK && found != id) {
    return damaged(store, kind, id, error);
  }
  if (status == SWISD_STORE_OK) {
    swisd_store_mark_verified(store, id);
  }
  return status;
}

enum swisd_store_status swisd_store_map(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id,
                                        struct swisd_store_mapping *mapping, struct swisd_error *error)
{
  char path[SWISD_STORE_PATH_BYTES];
  uint64_t bytes;
  *mapping = (struct swisd_store_mapping){0};
  /* By reading, if this process has not yet: a bad disk is an error there. */
  enum swisd_store_status status = is_verified(store, id) ? SWISD_STORE_OK : swisd_store_verify(store, kind, id, error);
  if (status != SWISD_STORE_OK) {
    return status;
  }
  const int file = open_to_read(store, kind, id, path, &bytes, &status, error);
  if (file < 0) {
    return status;
  }
  void *at = bytes ? mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
  const int code = bytes ? errno : EINVAL;
  close(file);
  if (at == MAP_FAILED) {
    return swisd_store_failed(error, path, "cannot be mapped", code);
  }
  *mapping = (struct swisd_store_mapping){.bytes = at, .byte_count = (size_t)bytes};
  return SWISD_STORE_OK;
}

void swisd_store_unmap(struct swisd_store_mapping *mapping)
{
  if (mapping->bytes) {
    munmap((void *)(uintptr_t)mapping->bytes, mapping->byte_count);
  }
  *mapping = (struct swisd_store_mapping){0};
}

enum swisd_store_status swisd_store_read(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, uint64_t offset,
                                         size_t count, void *bytes, size_t *got, uint64_t *total, struct swisd_error *error)
{
  char path[SWISD_STORE_PATH_BYTES];
  enum swisd_store_status status = is_verified(store, id) ? SWISD_STORE_OK : swisd_store_verify(store, kind, id, error);
  if (status != SWISD_STORE_OK) {
    return status;
  }
  const int file = open_to_read(store, kind, id, path, total, &status, error);
  if (file < 0) {
    return status;
  }
  if (offset > *total) {
    close(file);
    swisd_error_set(error, "%s: has %llu bytes, asked for is what stands at %llu", path, (unsigned long long)*total,
                    (unsigned long long)offset);
    return SWISD_STORE_NOT_FOUND;
  }
  *got = count < *total - offset ? count : (size_t)(*total - offset);
  for (size_t done = 0; done < *got && status == SWISD_STORE_OK;) {
    const ssize_t read = pread(file, (char *)bytes + done, *got - done, (off_t)(offset + done));
    if (read > 0) {
      done += (size_t)read;
    } else if (read == 0 || errno != EINTR) {
      status = swisd_store_failed(error, path, "cannot be read", read ? errno : EIO);
    }
  }
  close(file);
  return status;
}

static int compare_entries(const void *a, const void *b)
{
  const uint64_t x = ((const struct swisd_store_entry *)a)->id, y = ((const struct swisd_store_entry *)b)->id;
  return x < y ? -1 : x > y;
}

size_t swisd_store_list(struct swisd_store *store, enum swisd_store_kind kind, struct swisd_store_entry *entries,
                        size_t entry_max)
{
  size_t count = 0;
  DIR *list = opendir(store->folders[kind]);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    struct stat about;
    uint64_t id;
    if (!swisd_store_name_id(entry->d_name, kind, &id) || fstatat(dirfd(list), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) ||
        !S_ISREG(about.st_mode)) {
      continue;
    }
    if (count < entry_max) {
      entries[count] =
        (struct swisd_store_entry){.id = id, .bytes = (uint64_t)about.st_size, .used_s = (int64_t)about.st_mtim.tv_sec};
    }
    count++;
  }
  if (list) {
    closedir(list);
  }
  if (count && entry_max) {
    qsort(entries, count < entry_max ? count : entry_max, sizeof *entries, compare_entries);
  }
  return count;
}
