/* Import of Llama-architecture language models from a folder in Hugging Face's layout: config.json, model.safetensors,
 * tokenizer.json. Weights are F32, F16 or BF16 and become F32. */
#ifndef SWISD_KERNELS_LLAMA_H
#define SWISD_KERNELS_LLAMA_H

#include "kernels/model.h"
#include "runtime/base/error.h"

/* Whether `folder` looks like one: it has a config.json and a model.safetensors. */
bool swisd_llama_is_folder(const char *folder);

/* Cuts the model in `stage_count` stages, one shard each. With up to as many stages as layers these are shared out evenly, the
 * embedding goes to the first stage and the head to the last; with one more the head is a stage of its own; with two more the
 * embedding too. Digests are left to swisd_bundle_seal() of runtime/store. 0, or -1 with an error; then the bundle is empty. */
int swisd_llama_import(const char *folder, unsigned stage_count, struct swisd_bundle *bundle, struct swisd_error *error);

/* A context bound smaller than the model's own makes sessions smaller: 0 keeps it. Call before sealing. */
void swisd_llama_set_context(struct swisd_bundle *bundle, uint32_t context);

#endif
