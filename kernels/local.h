/* A whole model in one process, without a swarm: the reference that a swarm's answers are compared with. Runs the same
 * programs on the same shards, step after step. */
#ifndef SWISD_KERNELS_LOCAL_H
#define SWISD_KERNELS_LOCAL_H

#include "kernels/kernels.h"
#include "kernels/model.h"
#include "runtime/base/error.h"

struct swisd_local;

/* Packs all shards of a bundle, which must outlive it. NULL with an error. */
struct swisd_local *swisd_local_open(const struct swisd_bundle *bundle, const struct swisd_kernels *kernels,
                                     struct swisd_error *error);
void swisd_local_close(struct swisd_local *local);

/* Bytes of one item of the model's answer: all lanes of the last step; 0 for decoding. */
uint64_t swisd_local_out_bytes(const struct swisd_model *model);

/* Tasks rows, classify, strips: items[item_count] -> out[item_count * swisd_local_out_bytes()]. For strips item_count is a
 * multiple of the period. Only models without stateful steps. */
int swisd_local_run(const struct swisd_local *local, const void *items, uint64_t item_count, void *out,
                    struct swisd_error *error);

/* Task decode, greedy: appends tokens to the `*count` (at least 1) tokens of the prompt, until the end of the text or
 * `count_max`, at most the model's context. The end token is appended too. */
int swisd_local_decode(const struct swisd_local *local, uint32_t *tokens, size_t *count, size_t count_max,
                       struct swisd_error *error);

#endif
