/* A model: what is computed in which steps, and which shards hold its weights. Its manifest is a JSON file; this is the same
 * in memory, checked, with every shape, size and cost worked out.
 *
 * A model is a DAG of steps over items (images, strips of an image, tokens). A step gathers its inputs through edges, then
 * runs its operations in order on the gathered value. It is cut in lanes: each lane has one shard (the weights of its block of
 * output rows, of its columns of input, or of the whole step) and makes its part of the step's output. The scheduler sees of
 * all this only ids, bytes, FLOP and edges. The numbers of the enums shared with `runtime/core/jobspec.h` are the same there.
 *
 * Manifest (all keys that are not marked optional are needed; unknown keys are errors, keys that begin with "x-" are free):
 *
 *   {"format": "swisd-model/1", "name": "...", "task": "classify" | "strips" | "decode" | "rows",
 *    "input": {"type": "u8" | "f32" | "token", "shape": [height, width, channels]},        token: [1, 1, 1]
 *    "period": strips in one image                                                         task strips
 *    "labels": ["...", ...],                                                               optional, task classify
 *    "llama": {"hidden", "ffn", "heads", "kv_heads", "head_size", "vocab", "context", "rope_theta", "epsilon", "bos", "eos"},
 *                                                                                          task decode
 *    "steps": [{"name": "...", "verify": "none" | "freivalds" | "hash",
 *               "edges": [{"from": "input" | step number, "map": "rows" | "halo" | "lagged", "width": n, "combine": "concat" |
 * "reduce"}], "ops": [{"op": "...", ...}], "lanes": [{"shard": SHA-256 in hex, "bytes": n, "block": [first, end]}]}]}     block:
 * where an op is split
 *
 * Operations, and what a shard holds for each (raw little-endian floats, no header, in the order of the operations):
 *
 *   {"op": "scale", "by": x}                              y = x * by (u8 items become floats 0..255 first)
 *   {"op": "conv2d", "out", "kernel", "bias", "activation", "split"}   same padding, stride 1: w[kernel][kernel][in][out],
 * bias[out]
 *   {"op": "dense", "out", "bias", "activation", "split"}  w[out][in], bias[out]; in = height * width * channels
 *   {"op": "bias", "activation"}                          bias[channels]
 *   {"op": "add", "edge": e, "by": x}                     y += value of edge e * x
 *   {"op": "maxpool2"}  {"op": "average_pool"}  {"op": "softmax"}
 *   {"op": "to_u8", "by": x}                              round(y * by) clipped to 0..255, one byte each: last of its step
 *   {"op": "embed"}                                       w[vocab][hidden]
 *   {"op": "layers", "first", "count"}                    per layer: norm[hidden] q k v o norm[hidden] gate up down, each
 * w[out][in]
 *   {"op": "rmsnorm"}                                     weight[hidden]
 *   {"op": "head", "tied"}                                w[vocab][hidden], or the embed of the same step when tied; the most
 * likely token, inline: last of its step
 *
 * "split": "rows": a lane makes output rows (channels) block[0]..block[1]; "columns": a lane takes input features
 * block[0]..block[1] and its outputs are to be summed (combine: reduce). At most one op of a step is split; without one a step
 * has one lane. The blocks tile their range in lane order. */
#ifndef SWISD_KERNELS_MODEL_H
#define SWISD_KERNELS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

enum {
  SWISD_MODEL_STEPS_MAX = 16,
  SWISD_MODEL_LANES_MAX = 16,   /* of one step */
  SWISD_BUNDLE_SHARDS_MAX = 64, /* lanes of all steps together */
  SWISD_MODEL_EDGES_MAX = 4,
  SWISD_MODEL_OPS_MAX = 16,
  SWISD_MODEL_NAME_MAX = 64, /* with the terminating 0; also of labels */
  SWISD_MODEL_LABELS_MAX = 32,
  SWISD_MODEL_LAYERS_MAX = 256,
  SWISD_MODEL_FROM_INPUT = 255, /* `from` of an edge that takes the job's own input */
};
#define SWISD_MODEL_MANIFEST_BYTES_MAX ((size_t)1 << 20)
#define SWISD_MODEL_ITEM_FLOATS_MAX ((uint64_t)1 << 24) /* of any value of one item */
#define SWISD_MODEL_SHARD_BYTES_MAX ((uint64_t)1 << 33)

enum swisd_model_task {
  SWISD_MODEL_TASK_ROWS = 0,
  SWISD_MODEL_TASK_CLASSIFY = 1,
  SWISD_MODEL_TASK_STRIPS = 2,
  SWISD_MODEL_TASK_DECODE = 3
};
enum swisd_value_type { SWISD_VALUE_F32 = 0, SWISD_VALUE_U8 = 1, SWISD_VALUE_TOKEN = 2 /* u32 little endian */ };
enum swisd_model_map { SWISD_MAP_ROWS = 0, SWISD_MAP_HALO = 1, SWISD_MAP_LAGGED = 2 };
enum swisd_model_combine { SWISD_MODEL_CONCAT = 0, SWISD_MODEL_REDUCE = 1 };
enum swisd_model_verify { SWISD_MODEL_VERIFY_NONE = 0, SWISD_MODEL_VERIFY_FREIVALDS = 1, SWISD_MODEL_VERIFY_HASH = 2 };
enum swisd_model_class { SWISD_CLASS_CONV = 0, SWISD_CLASS_DENSE = 1, SWISD_CLASS_ATTENTION = 2 };
enum swisd_model_split { SWISD_SPLIT_NONE = 0, SWISD_SPLIT_ROWS = 1, SWISD_SPLIT_COLUMNS = 2 };

enum swisd_op_kind {
  SWISD_OP_SCALE = 0,
  SWISD_OP_CONV2D = 1,
  SWISD_OP_DENSE = 2,
  SWISD_OP_BIAS = 3,
  SWISD_OP_ADD = 4,
  SWISD_OP_MAXPOOL2 = 5,
  SWISD_OP_AVERAGE_POOL = 6,
  SWISD_OP_SOFTMAX = 7,
  SWISD_OP_TO_U8 = 8,
  SWISD_OP_EMBED = 9,
  SWISD_OP_LAYERS = 10,
  SWISD_OP_RMSNORM = 11,
  SWISD_OP_HEAD = 12,
};

/* What one item is, at some point of a step: NHWC. */
struct swisd_shape {
  uint32_t height, width, channels;
  enum swisd_value_type type;
};

struct swisd_op {
  enum swisd_op_kind kind;
  enum swisd_model_split split; /* CONV2D (rows only), DENSE */
  uint32_t out;                 /* CONV2D, DENSE: rows of all lanes together */
  uint32_t kernel;              /* CONV2D: side, odd */
  bool bias, relu;              /* CONV2D, DENSE; BIAS: relu */
  bool tied;                    /* HEAD */
  uint32_t edge;                /* ADD */
  uint32_t first, count;        /* LAYERS */
  float by;                     /* SCALE, ADD, TO_U8 */
};

struct swisd_edge {
  uint8_t from; /* a step, or SWISD_MODEL_FROM_INPUT */
  enum swisd_model_map map;
  enum swisd_model_combine combine;
  uint16_t width;  /* HALO: strips on each side; LAGGED: items */
  uint32_t period; /* HALO: strips in one image (the model's) */
};

struct swisd_lane {
  uint8_t digest[32]; /* SHA-256 of the shard's bytes */
  uint64_t shard;     /* its first 8 bytes, big endian: the shard's id */
  uint64_t bytes;
  uint32_t block_first, block_end; /* of the split op, else 0, 0 */
  /* worked out by swisd_model_check */
  struct swisd_shape out;
  uint64_t flops_per_item;
  uint32_t out_bytes_per_item; /* 0 for a step of tokens */
};

struct swisd_model_step {
  char name[SWISD_MODEL_NAME_MAX];
  enum swisd_model_verify verify;
  uint8_t edge_count, op_count, lane_count;
  struct swisd_edge edges[SWISD_MODEL_EDGES_MAX]; /* edge 0 is what the operations start from */
  struct swisd_op ops[SWISD_MODEL_OPS_MAX];
  struct swisd_lane lanes[SWISD_MODEL_LANES_MAX];
  /* worked out by swisd_model_check */
  enum swisd_model_class kernel_class;
  bool stateful;          /* has layers, so keeps a KV cache: items strictly in order */
  bool tokens;            /* ends in a head: results are inline, a token and an end flag */
  uint8_t lane_first;     /* index of its first lane among all lanes of the model */
  struct swisd_shape out; /* of all lanes together, as an edge sees it */
};

struct swisd_llama {
  uint32_t hidden, ffn, heads, kv_heads, head_size, vocab, context, bos, eos;
  double rope_theta;
  float epsilon;
};

struct swisd_model {
  uint64_t id; /* first 8 bytes of SHA-256 of the manifest; 0 until whoever has the bytes and a digest sets it */
  char name[SWISD_MODEL_NAME_MAX];
  enum swisd_model_task task;
  struct swisd_shape input;
  uint32_t period;
  uint32_t label_count;
  char labels[SWISD_MODEL_LABELS_MAX][SWISD_MODEL_NAME_MAX];
  struct swisd_llama llama;
  uint8_t step_count;
  uint8_t lane_count; /* worked out: of all steps */
  struct swisd_model_step steps[SWISD_MODEL_STEPS_MAX];
};

/* Parses and checks a manifest. 0, or -1 with an error "name: key path: what is wrong, what is allowed". `json` need not be
 * terminated; the model keeps no pointer into it. */
int swisd_model_parse(const char *json, size_t json_bytes, const char *name, struct swisd_model *model,
                      struct swisd_error *error);

/* Works out shapes, costs and flags of a model whose steps, edges, ops and blocks are filled, and checks all of it; with
 * `sizes_known` false it also fills lanes[].bytes, for a model that is being cut. */
int swisd_model_check(struct swisd_model *model, const char *name, bool sizes_known, struct swisd_error *error);

/* The manifest as text: *json is malloc'ed, *json_bytes long and also terminated. Equal models give equal bytes. */
int swisd_model_write(const struct swisd_model *model, char **json, size_t *json_bytes, struct swisd_error *error);

/* Value of an item as the operations of `step` get it from `edge`: all lanes of the from-step combined. */
struct swisd_shape swisd_model_edge_shape(const struct swisd_model *model, unsigned step, unsigned edge);
/* Bytes of an item in one piece (one lane) of that edge's input. */
uint64_t swisd_model_piece_bytes(const struct swisd_model *model, unsigned step, unsigned edge, unsigned from_lane);
/* How many lanes feed that edge: 1 for the job's input. */
unsigned swisd_model_edge_lanes(const struct swisd_model *model, unsigned step, unsigned edge);
/* Bytes that the shard of a lane must have, and shape of the value after `op_count` operations of it. */
uint64_t swisd_model_shard_bytes(const struct swisd_model *model, unsigned step, unsigned lane);
struct swisd_shape swisd_model_shape_after(const struct swisd_model *model, unsigned step, unsigned lane, unsigned op_count);

static inline uint64_t swisd_shape_values(struct swisd_shape shape)
{
  return (uint64_t)shape.height * shape.width * shape.channels;
}
static inline uint64_t swisd_shape_bytes(struct swisd_shape shape)
{
  return swisd_shape_values(shape) * (shape.type == SWISD_VALUE_U8 ? 1 : 4);
}
/* The id that a digest stands for: its first 8 bytes, big endian. */
static inline uint64_t swisd_digest_id(const uint8_t digest[32])
{
  uint64_t id = 0;
  for (int i = 0; i < 8; i++)
    id = id << 8 | digest[i];
  return id;
}

/* A model with the contents of all its shards in memory: what a cutting tool makes and a model folder holds. */
struct swisd_bundle {
  struct swisd_model model;
  void *shards[SWISD_BUNDLE_SHARDS_MAX]; /* malloc'ed; index steps[s].lane_first + lane; sizes are lanes[].bytes */
};
void swisd_bundle_free(struct swisd_bundle *bundle);

#endif
