/* Running one lane of one step: what a driver calls on its worker threads. Plain types only; the core's actions map onto it
 * one to one (RUN, CHECK). Everything here is safe from several threads at once, except that one session belongs to one call
 * at a time. */
#ifndef SWISD_KERNELS_PROGRAM_H
#define SWISD_KERNELS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "kernels/model.h"
#include "runtime/base/error.h"

/* The same numbers as `enum swisd_status` of the core: a driver passes them on. */
enum swisd_program_status {
  SWISD_PROGRAM_OK = 0,
  SWISD_PROGRAM_SPACE = -4, /* no memory */
  SWISD_PROGRAM_INPUT = -5, /* inputs or output of the wrong size, items missing, a token outside the vocabulary */
  SWISD_PROGRAM_WRONG = -6, /* the result is wrong */
  SWISD_PROGRAM_STALE = -9, /* the session is not at this position */
};

/* The weights of one lane, packed for one kernel set. Read-only once loaded: any number of threads may share it. */
struct swisd_shard;

/* Packs the bytes of a shard. 0, or -1 with an error: wrong size, a weight that is not finite, no memory. Keeps no pointer to
 * `bytes`; whether they are the right ones (digest) was the caller's to check. The model must outlive the shard. */
int swisd_shard_load(const struct swisd_model *model, unsigned step, unsigned lane, const void *bytes, size_t byte_count,
                     const struct swisd_kernels *kernels, struct swisd_shard **shard, struct swisd_error *error);
void swisd_shard_free(struct swisd_shard *shard); /* NULL is fine */
/* Memory that the shard takes, packed. */
uint64_t swisd_shard_memory_bytes(const struct swisd_shard *shard);

/* The state of one stateful step of one job: the KV caches of its layers, for up to `llama.context` positions. */
struct swisd_session;
/* NULL when there is no memory or the step is not stateful. Memory is taken as positions are used. */
struct swisd_session *swisd_session_new(const struct swisd_model *model, unsigned step);
void swisd_session_free(struct swisd_session *session); /* NULL is fine */
/* Positions 0 .. length-1 are in the cache. */
uint64_t swisd_session_length(const struct swisd_session *session);
uint64_t swisd_session_memory_bytes(const struct swisd_session *session);

/* One piece of input: items lo..hi of one lane of one edge, each of swisd_model_piece_bytes(). Several pieces of an edge and
 * lane together cover what the step needs; they may overlap, then the first in the array counts.
 * ROWS: the step's items. HALO: from max(lo - width, start of lo's image) to the end of the last item's halo likewise.
 * LAGGED: pieces are numbered by the items of this step that they serve: the token that item i takes is item i of its piece,
 * whether it comes from the job's input or from item i - width of the later step. */
struct swisd_program_input {
  const void *bytes; /* any alignment */
  size_t byte_count; /* (hi - lo) * bytes of an item */
  uint64_t lo, hi;
  uint8_t edge; /* of the step's edges */
  uint8_t lane; /* of the edge's from-step; 0 for the job's input */
};

/* Results that are not a body: token as u32 little endian, then 1 if it ends the text, else 0. */
struct swisd_program_inline {
  uint8_t count;
  uint8_t bytes[64];
};

/* Runs the lane over items lo..hi (lo < hi). `out` gets (hi - lo) * out_bytes_per_item bytes and `out_bytes` must say exactly
 * that (a step of tokens: out NULL, 0; `inline_out` gets the token that follows item hi - 1). Results of an item do not depend
 * on the range it is computed in (bit for bit with the portable sets).
 * A stateful step needs a `session` whose length is at least lo: positions below the length are computed again from the cache
 * as it stands, positions from the length on are appended; otherwise STALE, and nothing has changed. On any error nothing is
 * appended and the contents of `out` are undefined. `kernels` is the set that the shard was loaded for. */
enum swisd_program_status swisd_program_run(const struct swisd_model *model, const struct swisd_shard *shard, unsigned step,
                                            unsigned lane, const struct swisd_kernels *kernels, struct swisd_session *session,
                                            uint64_t lo, uint64_t hi, const struct swisd_program_input *inputs,
                                            size_t input_count, void *out, size_t out_bytes,
                                            struct swisd_program_inline *inline_out);

/* Verifies a result by Freivalds' check, at a fraction of the cost of computing it: OK; WRONG (what slips through, and with what
 * probability: kernels/freivalds.h); INPUT for wrong sizes or a step whose verify is not `freivalds`; SPACE. `secret` is the
 * checker's own, unknown to the worker. The first call for a shard prepares s = W r under its secret and later ones with the same
 * secret use it; safe from several threads. */
enum swisd_program_status swisd_program_check(const struct swisd_model *model, struct swisd_shard *shard, unsigned step,
                                              unsigned lane, uint64_t secret, uint64_t lo, uint64_t hi,
                                              const struct swisd_program_input *inputs, size_t input_count, const void *result,
                                              size_t result_bytes);

#endif
