/* Model folders: a manifest with the shards it names, as a cutting tool writes them and `--model FOLDER` reads them.
 *
 *   FOLDER/manifest.json      FOLDER/shards/<16 hex>.bin */
#ifndef SWISD_STORE_MODEL_STORE_H
#define SWISD_STORE_MODEL_STORE_H

#include "kernels/model.h"
#include "runtime/base/error.h"
#include "runtime/store/shard_store.h"

/* Fills in the digests and ids of all lanes from the bytes of the shards, and model.id from the manifest that follows. */
int swisd_bundle_seal(struct swisd_bundle *bundle, struct swisd_error *error);

/* Reads a whole model and verifies each digest. 0, or -1 with an error that names the file: missing, truncated, of another
 * size, damaged. On failure the bundle is empty. The bundle's model.id is set. */
int swisd_model_folder_load(const char *folder, struct swisd_bundle *bundle, struct swisd_error *error);
/* Seals and writes; the folder is made when missing. */
int swisd_model_folder_save(const char *folder, struct swisd_bundle *bundle, struct swisd_error *error);

/* A manifest's bytes -> model with its id. */
int swisd_manifest_parse(const void *bytes, size_t byte_count, const char *name, struct swisd_model *model,
                         struct swisd_error *error);

/* All of a bundle into a node's store (it becomes the model's first holder), and back. */
int swisd_store_save_bundle(struct swisd_store *store, struct swisd_bundle *bundle, struct swisd_error *error);
int swisd_store_load_model(struct swisd_store *store, uint64_t model_id, struct swisd_model *model, struct swisd_error *error);

#endif
