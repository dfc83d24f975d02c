/* Shared by the files of program_*.c only: packed weights, sessions, scratch, and the value that flows through a step. */
#ifndef SWISD_KERNELS_PROGRAM_INTERNAL_H
#define SWISD_KERNELS_PROGRAM_INTERNAL_H

#include <stdatomic.h>

#include "kernels/freivalds.h"
#include "kernels/program.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "shards and bodies are little endian and used as they are");

struct swisd_layer_weights {
  float *attention_norm, *ffn_norm;
  float *q, *k, *v, *o, *gate, *up, *down; /* packed */
};

struct swisd_op_weights {
  float *packed; /* CONV2D, DENSE, HEAD */
  float *vector; /* bias, norm weights, or the embedding as it is */
  struct swisd_layer_weights *layers;
};

struct swisd_shard {
  const struct swisd_model *model;
  const struct swisd_kernels *kernels;
  unsigned step, lane;
  uint64_t memory_bytes;
  struct swisd_op_weights ops[SWISD_MODEL_OPS_MAX];
  /* of swisd_program_check; NULL unless the step's verify is freivalds */
  float *check_weights;                      /* W[k][n] of the last operation, its bias as one more input that is always 1 */
  _Atomic(struct swisd_prepared *) prepared; /* made by the first check, then never changed */
};

/* r and s = W r for one secret. */
struct swisd_prepared {
  uint64_t secret;
  struct swisd_freivalds check;
  double block[]; /* r and s lie here */
};

/* A value between two operations: `count` images of height * width * channels floats, with `spare` room for the next. */
struct swisd_program_value {
  float *x, *spare;
  size_t count, height, width, channels;
};

struct swisd_session {
  const struct swisd_model *model;
  unsigned step, layer_count;
  uint64_t length, capacity; /* positions */
  float **k, **v;            /* [layer_count][capacity][kv_heads * head_size] */
};

/* Room for positions below `end`; OK, INPUT past the context, SPACE. What is there stays. */
enum swisd_program_status swisd_session_reserve(struct swisd_session *session, uint64_t end);

/* What a call of run or check works on. */
struct swisd_program_call {
  const struct swisd_model *model;
  const struct swisd_model_step *step;
  const struct swisd_shard *shard;
  const struct swisd_kernels *kernels;
  struct swisd_session *session;
  unsigned step_index, lane_index;
  const struct swisd_program_input *inputs;
  size_t input_count;
};

/* Works through items lo..hi. With `prepared` the last operation is not run but checked: `out` holds its claimed result. */
enum swisd_program_status swisd_program_batches(const struct swisd_program_call *call, uint64_t lo, uint64_t hi, uint8_t *out,
                                                struct swisd_program_inline *inlined, const struct swisd_prepared *prepared);
/* Whether `claimed` (any alignment) is the last operation applied to the value, which has `above` and `below` halo rows. */
enum swisd_program_status swisd_program_check_last(const struct swisd_program_call *call, const struct swisd_prepared *prepared,
                                                   const struct swisd_program_value *value, size_t above, size_t below,
                                                   const uint8_t *claimed);
/* Inputs of one output of the last operation, counting the one that carries the bias. */
size_t swisd_program_check_inputs(const struct swisd_model *model, unsigned step, unsigned lane);

/* Sizes of every piece, and that it names an edge and a lane that exist: OK or INPUT. */
enum swisd_program_status swisd_gather_check(const struct swisd_program_call *call);
/* Values of an edge as floats: image rows row_lo .. row_hi, counted through all items (item * height + row), all lanes
 * combined. INPUT when an item is missing. */
enum swisd_program_status swisd_gather_rows(const struct swisd_program_call *call, unsigned edge, uint64_t row_lo,
                                            uint64_t row_hi, float *out);
/* Tokens of items lo .. hi of edge 0, each inside the vocabulary. */
enum swisd_program_status swisd_gather_tokens(const struct swisd_program_call *call, uint64_t lo, uint64_t hi, uint32_t *out);

/* Runs the layers of one operation over x[tokens][hidden] in place; token t is at `position` + t. */
void swisd_llama_run_layers(const struct swisd_program_call *call, const struct swisd_op_weights *weights, unsigned layer_count,
                            size_t tokens, uint64_t position, float *x, float *scratch);
/* Floats of scratch that this takes. */
uint64_t swisd_llama_scratch_floats(const struct swisd_llama *llama, size_t tokens);

/* floats * 4 bytes, aligned for vectors; NULL when there is no memory or the count is beyond reason. free() frees it. */
float *swisd_program_floats(uint64_t count);

#endif
