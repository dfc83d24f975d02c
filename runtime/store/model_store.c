/* Model folders. */
#include "runtime/store/model_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/store/digest.h"
#include "runtime/store/whole_file.h"

enum { PATH_BYTES = 4096 };

static const char manifest_name[] = "manifest.json";

/* Digests of the shards; then the manifest, whose digest is the model's id. */
static int seal(struct swisd_bundle *bundle, char **manifest, size_t *manifest_bytes, struct swisd_error *error)
{
  struct swisd_model *model = &bundle->model;
  for (unsigned s = 0; s < model->step_count; s++) {
    for (unsigned l = 0; l < model->steps[s].lane_count; l++) {
      struct swisd_lane *lane = &model->steps[s].lanes[l];
      swisd_digest(bundle->shards[model->steps[s].lane_first + l], lane->bytes, lane->digest);
      lane->shard = swisd_digest_id(lane->digest);
    }
  }
  if (swisd_model_check(model, model->name, true, error) || swisd_model_write(model, manifest, manifest_bytes, error)) {
    return -1;
  }
  model->id = swisd_digest_short(*manifest, *manifest_bytes);
  return 0;
}

int swisd_bundle_seal(struct swisd_bundle *bundle, struct swisd_error *error)
{
  char *manifest;
  size_t bytes;
  if (seal(bundle, &manifest, &bytes, error)) {
    return -1;
  }
  free(manifest);
  return 0;
}

int swisd_manifest_parse(const void *bytes, size_t byte_count, const char *name, struct swisd_model *model,
                         struct swisd_error *error)
{
  if (swisd_model_parse(bytes, byte_count, name, model, error)) {
    return -1;
  }
  model->id = swisd_digest_short(bytes, byte_count);
  return 0;
}

static int load_shard(const char *folder, const struct swisd_lane *lane, void **bytes, struct swisd_error *error)
{
  char path[PATH_BYTES];
  size_t byte_count;
  uint8_t digest[32];
  const int length = snprintf(path, sizeof path, "%s/shards/%016llx.bin", folder, (unsigned long long)lane->shard);
  if (length < 0 || length >= PATH_BYTES) {
    return swisd_error_set(error, "%s: the path is too long", folder);
  }
  if (swisd_whole_file_read(path, SWISD_MODEL_SHARD_BYTES_MAX, bytes, &byte_count, error) != SWISD_STORE_OK) {
    return -1;
  }
  if (byte_count != lane->bytes) {
    return swisd_error_set(error, "%s: %zu bytes, the manifest says %llu", path, byte_count, (unsigned long long)lane->bytes);
  }
  swisd_digest(*bytes, byte_count, digest);
  if (memcmp(digest, lane->digest, sizeof digest) != 0) {
    return swisd_error_set(error, "%s: damaged: its SHA-256 is not the one in the manifest", path);
  }
  return 0;
}

int swisd_model_folder_load(const char *folder, struct swisd_bundle *bundle, struct swisd_error *error)
{
  char path[PATH_BYTES];
  void *manifest = NULL;
  size_t bytes = 0;
  memset(bundle, 0, sizeof *bundle);
  const int length = snprintf(path, sizeof path, "%s/%s", folder, manifest_name);
  if (length < 0 || length >= PATH_BYTES) {
    return swisd_error_set(error, "%s: the path is too long", folder);
  }
  if (swisd_whole_file_read(path, SWISD_MODEL_MANIFEST_BYTES_MAX, &manifest, &bytes, error) != SWISD_STORE_OK) {
    return -1;
  }
  int status = swisd_manifest_parse(manifest, bytes, path, &bundle->model, error);
  free(manifest);
  const struct swisd_model *model = &bundle->model;
  for (unsigned s = 0; status == 0 && s < model->step_count; s++) {
    for (unsigned l = 0; status == 0 && l < model->steps[s].lane_count; l++) {
      status = load_shard(folder, &model->steps[s].lanes[l], &bundle->shards[model->steps[s].lane_first + l], error);
    }
  }
  if (status) {
    swisd_bundle_free(bundle);
  }
  return status;
}

int swisd_model_folder_save(const char *folder, struct swisd_bundle *bundle, struct swisd_error *error)
{
  char shards[PATH_BYTES];
  char *manifest = NULL;
  size_t manifest_bytes;
  const struct swisd_model *model = &bundle->model;
  const int length = snprintf(shards, sizeof shards, "%s/shards", folder);
  if (length < 0 || length >= PATH_BYTES) {
    return swisd_error_set(error, "%s: the path is too long", folder);
  }
  if (swisd_folder_make(shards, error) || seal(bundle, &manifest, &manifest_bytes, error)) {
    return -1;
  }
  enum swisd_store_status status = SWISD_STORE_OK;
  for (unsigned s = 0; status == SWISD_STORE_OK && s < model->step_count; s++) {
    for (unsigned l = 0; status == SWISD_STORE_OK && l < model->steps[s].lane_count; l++) {
      const struct swisd_lane *lane = &model->steps[s].lanes[l];
      char name[32];
      snprintf(name, sizeof name, "%016llx.bin", (unsigned long long)lane->shard);
      status = swisd_whole_file_write(shards, name, bundle->shards[model->steps[s].lane_first + l], lane->bytes, error);
    }
  }
  if (status == SWISD_STORE_OK) { /* last, so that a folder with a manifest is complete */
    status = swisd_whole_file_write(folder, manifest_name, manifest, manifest_bytes, error);
  }
  free(manifest);
  return status == SWISD_STORE_OK ? 0 : -1;
}

int swisd_store_save_bundle(struct swisd_store *store, struct swisd_bundle *bundle, struct swisd_error *error)
{
  char *manifest = NULL;
  size_t manifest_bytes;
  const struct swisd_model *model = &bundle->model;
  if (seal(bundle, &manifest, &manifest_bytes, error)) {
    return -1;
  }
  enum swisd_store_status status = SWISD_STORE_OK;
  for (unsigned s = 0; status == SWISD_STORE_OK && s < model->step_count; s++) {
    for (unsigned l = 0; status == SWISD_STORE_OK && l < model->steps[s].lane_count; l++) {
      const struct swisd_lane *lane = &model->steps[s].lanes[l];
      status = swisd_store_save(store, SWISD_STORE_SHARD, lane->shard, bundle->shards[model->steps[s].lane_first + l],
                                lane->bytes, error);
    }
  }
  if (status == SWISD_STORE_OK) {
    status = swisd_store_save(store, SWISD_STORE_MANIFEST, model->id, manifest, manifest_bytes, error);
  }
  free(manifest);
  return status == SWISD_STORE_OK ? 0 : -1;
}

int swisd_store_load_model(struct swisd_store *store, uint64_t model_id, struct swisd_model *model, struct swisd_error *error)
{
  char name[64];
  void *bytes;
  size_t byte_count;
  if (swisd_store_load(store, SWISD_STORE_MANIFEST, model_id, &bytes, &byte_count, error) != SWISD_STORE_OK) {
    return -1;
  }
  snprintf(name, sizeof name, "manifest %016llx", (unsigned long long)model_id);
  const int status = swisd_manifest_parse(bytes, byte_count, name, model, error);
  free(bytes);
  return status;
}
