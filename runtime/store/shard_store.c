/* The store of a node. */
#include "runtime/store/shard_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/store/digest.h"
#include "runtime/store/whole_file.h"

enum { FOLDER_BYTES = 3072, PATH_BYTES = 4096, KINDS = 2 };
#define FILE_BYTES_MAX ((uint64_t)1 << 33)

struct swisd_store {
  char folders[KINDS][FOLDER_BYTES + 16];
};

static const char *const extensions[KINDS] = {".bin", ".json"};

static void file_name(enum swisd_store_kind kind, uint64_t id, char name[32])
{
  snprintf(name, 32, "%016llx%s", (unsigned long long)id, extensions[kind]);
}

static void file_path(const struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, char path[PATH_BYTES])
{
  char name[32];
  file_name(kind, id, name);
  snprintf(path, PATH_BYTES, "%s/%s", store->folders[kind], name);
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
  static const char *const names[KINDS] = {"shards", "manifests"};
  struct swisd_store *store = calloc(1, sizeof *store);
  if (!store || strlen(folder) >= FOLDER_BYTES) {
    free(store);
    swisd_error_set(error, "%s: no memory, or the path is too long", folder);
    return NULL;
  }
  for (int kind = 0; kind < KINDS; kind++) {
    snprintf(store->folders[kind], sizeof store->folders[kind], "%s/%s", folder, names[kind]);
    if (swisd_folder_make(store->folders[kind], error)) {
      free(store);
      return NULL;
    }
    remove_temporary(store->folders[kind]);
  }
  return store;
}

void swisd_store_close(struct swisd_store *store) { free(store); }

enum swisd_store_status swisd_store_save(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, const void *bytes,
                                         size_t byte_count, struct swisd_error *error)
{
  char path[PATH_BYTES], name[32];
  struct stat about;
  file_path(store, kind, id, path);
  if (swisd_digest_short(bytes, byte_count) != id) {
    swisd_error_set(error, "%s: the %zu bytes do not match the id", path, byte_count);
    return SWISD_STORE_DIGEST;
  }
  if (stat(path, &about) == 0 && S_ISREG(about.st_mode) && (uint64_t)about.st_size == byte_count) {
    return SWISD_STORE_OK; /* whether its contents are whole, loading checks */
  }
  file_name(kind, id, name);
  return swisd_whole_file_write(store->folders[kind], name, bytes, byte_count, error);
}

enum swisd_store_status swisd_store_load(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id, void **bytes,
                                         size_t *byte_count, struct swisd_error *error)
{
  char path[PATH_BYTES];
  file_path(store, kind, id, path);
  const enum swisd_store_status status = swisd_whole_file_read(path, FILE_BYTES_MAX, bytes, byte_count, error);
  if (status == SWISD_STORE_OK && swisd_digest_short(*bytes, *byte_count) != id) {
    free(*bytes);
    *bytes = NULL;
    unlink(path);
    swisd_error_set(error, "%s: damaged: its contents do not match its name; removed", path);
    return SWISD_STORE_DIGEST;
  }
  return status;
}

enum swisd_store_status swisd_store_drop(struct swisd_store *store, enum swisd_store_kind kind, uint64_t id,
                                         struct swisd_error *error)
{
  char path[PATH_BYTES];
  file_path(store, kind, id, path);
  if (unlink(path)) {
    swisd_error_set(error, "%s: %s", path, strerror(errno));
    return errno == ENOENT ? SWISD_STORE_NOT_FOUND : SWISD_STORE_FAILED;
  }
  return SWISD_STORE_OK;
}

/* Whether a file's name is an id of this kind. */
static bool name_id(const char *name, enum swisd_store_kind kind, uint64_t *id)
{
  if (strlen(name) != 16 + strlen(extensions[kind]) || strspn(name, "0123456789abcdef") != 16 ||
      strcmp(name + 16, extensions[kind]) != 0) {
    return false;
  }
  *id = strtoull(name, NULL, 16);
  return true;
}

static int compare_entries(const void *a, const void *b)
{
  const uint64_t x = ((const struct swisd_store_entry *)a)->id, y = ((const struct swisd_store_entry *)b)->id;
  return x < y ? -1 : x > y;
}

size_t swisd_store_list(struct swisd_store *store, enum swisd_store_kind kind, struct swisd_store_entry *entries,
                        size_t entry_max, size_t *damaged)
{
  size_t count = 0, listed = 0, bad = 0;
  DIR *list = opendir(store->folders[kind]);
  for (struct dirent *entry; list && (entry = readdir(list));) {
    struct swisd_error error;
    uint64_t id;
    void *bytes;
    size_t byte_count;
    if (!name_id(entry->d_name, kind, &id)) {
      continue;
    }
    if (swisd_store_load(store, kind, id, &bytes, &byte_count, &error) != SWISD_STORE_OK) {
      bad++;
      continue;
    }
    free(bytes);
    count++;
    if (listed < entry_max) {
      entries[listed++] = (struct swisd_store_entry){id, byte_count};
    }
  }
  if (list) {
    closedir(list);
  }
  if (listed) {
    qsort(entries, listed, sizeof *entries, compare_entries);
  }
  if (damaged) {
    *damaged = bad;
  }
  return count;
}
