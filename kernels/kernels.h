/* The arithmetic of one device, behind one table of functions, in several sets:
 *
 *   portable   compiler vector extensions, one order of summation whatever the width of the vectors: SSE2, AVX2, AVX-512,
 *              NEON and WebAssembly give the same bits within a class (`class_name`: "fma" or "nofma"), so results of
 *              unlike devices compare by hash. No libm function decides a bit.
 *   openblas   OpenBLAS products, everything else as in `portable`; other bits on other devices, compare with a tolerance.
 *
 * The rule callers build on (DESIGN sections 5 and 6; it holds bit for bit in the portable sets): the result of an item (a row
 * of a matrix, an image, a strip with its halo, a token) depends on that item alone, never on how many items are computed in
 * one call or where a batch is cut.
 *
 * Everything is row-major float; a `stride` is the distance between the starts of two rows, in floats. No function allocates,
 * fails or keeps a pointer; a violated shape rule is a bug and asserts. All are safe to call from several threads at once.
 * Outputs never overlap inputs unless it says "in place". Values must be finite where nothing else is said. */
#ifndef SWISD_KERNELS_KERNELS_H
#define SWISD_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* A convolution, stride 1, "same" zero padding, odd square kernel, NHWC images. The input of one item has
 * rows_above + height + rows_below rows; the output has `height`. For a whole image both contexts are 0 and the border is zero
 * padding. For a strip they say how many rows of the image beyond it (the halo) come with it: kernel / 2, or as many as there
 * are before the edge of the image; strips computed apart then equal the whole image bit for bit. */
struct swisd_conv {
  size_t batch;
  size_t height, width; /* of the output of one item */
  size_t channels_in, channels_out;
  size_t kernel;                 /* 1, 3, 5, ... at most SWISD_CONV_KERNEL_MAX */
  size_t rows_above, rows_below; /* each at most kernel / 2 */
};
enum { SWISD_CONV_KERNEL_MAX = 15 };

/* Causal attention of `tokens` new tokens over a key-value cache. Query head h reads cache head h / (heads / kv_heads). */
struct swisd_attention {
  size_t tokens;
  size_t position; /* of the first token; token t sees cache rows 0 .. position + t, which must already be in the cache */
  size_t heads, kv_heads, head_size; /* kv_heads divides heads */
  size_t q_stride, kv_stride, y_stride;
};

enum swisd_activation { SWISD_ACTIVATION_NONE = 0, SWISD_ACTIVATION_RELU = 1 };

/* Sets of one class give the same bits on every device. Goes over the wire: append only. */
enum swisd_kernels_class { SWISD_KERNELS_NO_CLASS = 0, SWISD_KERNELS_FMA = 1, SWISD_KERNELS_NOFMA = 2 };

struct swisd_kernels {
  const char *name;       /* "portable-avx512-fma", "openblas", ... : what swisd_kernels_by_name takes */
  const char *class_name; /* "fma", "nofma" or, for no class, "none" */
  enum swisd_kernels_class class_id;

  /* Weights W[k][n] are packed once, when a shard is loaded, into `packed_floats(k, n)` floats, in a layout private to the set
   * and to this process; an address that is a multiple of 64 is faster. W(p, j) is read at w[p * row_stride + j *
   * column_stride]: a matrix stored [k][n] has strides (n, 1), one stored [n][k], as model files do, has (1, k). */
  size_t (*packed_floats)(size_t k, size_t n);
  void (*pack)(float *packed, const float *w, size_t row_stride, size_t column_stride, size_t k, size_t n);

  /* y[m][n] = x[m][k] * W, or += when `accumulate`. m = 1 is made fast, and gives the bits of any other m. */
  void (*matmul)(size_t m, size_t n, size_t k, const float *x, size_t x_stride, const float *packed, float *y, size_t y_stride,
                 int accumulate);

  /* Weights are HWIO: w[kernel][kernel][channels_in][channels_out], dense. `scratch` holds `conv_scratch_floats(shape)` floats
   * and may be NULL when that is 0. */
  size_t (*conv_packed_floats)(size_t kernel, size_t channels_in, size_t channels_out);
  void (*conv_pack)(float *packed, const float *w, size_t kernel, size_t channels_in, size_t channels_out);
  size_t (*conv_scratch_floats)(const struct swisd_conv *shape);
  void (*conv2d)(const struct swisd_conv *shape, const float *x, const float *packed, float *y, float *scratch);

  /* y = activation(y + bias), in place; `bias` has `columns` floats or is NULL. */
  void (*epilogue)(size_t rows, size_t columns, float *y, size_t y_stride, const float *bias, enum swisd_activation activation);
  /* y += x */
  void (*add)(size_t count, float *y, const float *x);
  /* Largest of each 2 x 2 block, NHWC; an odd last row or column is dropped: y[batch][height / 2][width / 2][channels]. */
  void (*maxpool2x2)(size_t batch, size_t height, size_t width, size_t channels, const float *x, float *y);
  /* Mean over the pixels: x[batch][pixels][channels] -> y[batch][channels]. */
  void (*average_pool)(size_t batch, size_t pixels, size_t channels, const float *x, float *y);
  /* Each row of y, in place: exp(y - max) / sum; columns >= 1. */
  void (*softmax)(size_t rows, size_t columns, float *y, size_t y_stride);
  /* y = x / sqrt(mean(x^2) + epsilon) * weight, row by row; y may be x. */
  void (*rmsnorm)(size_t rows, size_t columns, const float *x, size_t x_stride, const float *weight, float epsilon, float *y,
                  size_t y_stride);
  /* Rotary position embedding, in place, in the "rotate half" layout of Hugging Face Llama files: in each head, element i
   * turns with element i + head_size / 2 by the angle position * theta^(-2 i / head_size). x[tokens][heads * head_size]; the
   * first token is at `position`. head_size is even and at most SWISD_ROPE_HEAD_SIZE_MAX; position + tokens < 2^24. */
  void (*rope)(size_t tokens, size_t heads, size_t head_size, float *x, size_t x_stride, size_t position, double theta);
  /* y = softmax(q k^T / sqrt(head_size)) v, causal. q[tokens][heads * head_size], k and v [position + tokens][kv_heads *
   * head_size], y like q. `scratch` holds position + tokens floats. */
  void (*attention)(const struct swisd_attention *shape, const float *q, const float *k, const float *v, float *y,
                    float *scratch);
  /* gate = silu(gate) * up, in place. */
  void (*swiglu)(size_t count, float *gate, const float *up);
  /* Index of the largest element, the first of equals; NaN never wins. count >= 1. */
  size_t (*argmax)(size_t count, const float *x);
  /* sums[0] = s . x and sums[1] = x . x over `rows` rows of `count` numbers, in double: what Freivalds' check is made of
   * (freivalds.h). */
  void (*project)(size_t rows, size_t count, const double *s, size_t s_stride, const float *x, size_t x_stride, double sums[2]);
};
enum { SWISD_ROPE_HEAD_SIZE_MAX = 512 };

/* The fastest portable set of this processor. Never NULL. */
const struct swisd_kernels *swisd_kernels_portable(void);
/* NULL when built without OpenBLAS. Sets OpenBLAS to one thread: a worker thread is the unit of parallelism here. */
const struct swisd_kernels *swisd_kernels_openblas(void);
/* "portable" (swisd_kernels_portable), "portable-fma" and "portable-nofma" (the fastest of that class), "openblas", or the
 * exact `name` of a set; NULL when this build or this processor has none. */
const struct swisd_kernels *swisd_kernels_by_name(const char *name);
/* Every set that this build and this processor can run, best portable first, index 0, 1, ...; NULL past the end. */
const struct swisd_kernels *swisd_kernels_at(size_t index);

#endif
