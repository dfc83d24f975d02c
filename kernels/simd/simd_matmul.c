/* Matrix products on packed weights, and convolution as a sum of them.
 *
 * y(i, j) is defined as: k is cut into blocks of BLOCK_K; in each block the products x(i, p) * w(p, j) are added in the order
 * of p, starting from 0; the block sums are added to y in order. Tiles, panels and vectors only choose which outputs are
 * computed side by side, so neither they nor m change a bit. The blocks also keep the rounding error of long sums down.
 *
 * Packed layout: for each block of k, for each panel of PANEL columns, `block` rows of that many floats. A last panel of at
 * most LANES columns is one vector wide; what is missing to whole vectors is zero. A tile of TILE_ROWS x PANEL outputs stays
 * in registers while a block is summed. */
#include "kernels/simd/simd_set.h"
#include "kernels/simd/simd_vector.h"

enum {
  BLOCK_K = SWISD_SIMD_BLOCK_K,
  PANEL = 2 * LANES,
#if SWISD_SIMD_LANES == 16
  TILE_ROWS = 14, /* 28 of 32 registers */
#elif SWISD_SIMD_LANES == 8
  TILE_ROWS = 6, /* 12 of 16 */
#elif defined(__aarch64__)
  TILE_ROWS = 8, /* 16 of 32 */
#else
  TILE_ROWS = 4, /* 8 of 16; more spills in WebAssembly engines */
#endif
  ROW_PITCH = SWISD_SIMD_ROW_PITCH,
  /* Columns for which the packed block (256 KiB) stays in the second-level cache while the rows pass by. */
  GROUP_COLUMNS = 256,
  ROW_PANELS = 4, /* panels side by side for a single row: as many independent sums as hide the latency of an addition */
};
_Static_assert((int)TILE_ROWS <= (int)SWISD_SIMD_TILE_ROWS_MAX, "the copied rows of a tile fit the scratch");

struct product {
  size_t k, x_stride, y_stride;
  int accumulate;
};

/* The ragged right edge: not inlined into each row of each tile. */
static __attribute__((noinline)) void put_part(float *out, const float *part, size_t columns, int accumulate)
{
  for (size_t i = 0; i < columns; i++)
    out[i] = accumulate ? out[i] + part[i] : part[i];
}

/* One vector of outputs, of which `columns` exist. */
INLINE void put(float *out, vec sum, size_t columns, int accumulate)
{
  if (columns >= LANES) {
    store(out, accumulate ? load(out) + sum : sum);
    return;
  }
  float part[LANES];
  store(part, sum);
  put_part(out, part, columns, accumulate);
}

/* `rows` x (vectors * LANES) outputs, of which the first `columns` exist; `rows` and `vectors` are constants where this is
 * called. */
INLINE void tile(const size_t rows, const size_t vectors, const struct product *s, size_t columns, const float *x, const float *w,
                 float *y)
{
  const size_t k = s->k, x_stride = s->x_stride;
  vec sum[TILE_ROWS][2];
  UNROLL for (size_t i = 0; i < rows; i++) UNROLL for (size_t j = 0; j < vectors; j++) sum[i][j] = (vec){0};
  for (size_t p = 0; p < k; p++, w += vectors * LANES) {
    vec column[2];
    UNROLL for (size_t j = 0; j < vectors; j++) column[j] = load(w + j * LANES);
    UNROLL for (size_t i = 0; i < rows; i++)
    {
      const vec row = splat(x[i * x_stride + p]);
      UNROLL for (size_t j = 0; j < vectors; j++) sum[i][j] = mul_add(row, column[j], sum[i][j]);
    }
  }
  UNROLL for (size_t i = 0; i < rows; i++) UNROLL for (size_t j = 0; j < vectors; j++)
    put(y + i * s->y_stride + j * LANES, sum[i][j], columns - j * LANES, s->accumulate);
}

INLINE void tile_columns(const size_t rows, const struct product *s, size_t columns, const float *x, const float *w, float *y)
{
  if (columns >= PANEL)
    tile(rows, 2, s, PANEL, x, w, y);
  else if (columns > LANES)
    tile(rows, 2, s, columns, x, w, y);
  else
    tile(rows, 1, s, columns, x, w, y);
}

/* One function for each number of rows, so that the rows of its tile are registers. */
#define ROWS(n)                                                                                           \
  static void rows_##n(const struct product *s, size_t columns, const float *x, const float *w, float *y) \
  {                                                                                                       \
    tile_columns(n, s, columns, x, w, y);                                                                 \
  }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)
#if SWISD_SIMD_LANES > 4 || defined(__aarch64__)
ROWS(5)
ROWS(6)
#endif
#if SWISD_SIMD_LANES > 8 || defined(__aarch64__)
ROWS(7)
ROWS(8)
#endif
#if SWISD_SIMD_LANES > 8
ROWS(9)
ROWS(10)
ROWS(11)
ROWS(12)
ROWS(13)
ROWS(14)
#endif

static void (*const tile_rows[TILE_ROWS])(const struct product *s, size_t columns, const float *x, const float *w, float *y) = {
  rows_1, rows_2,  rows_3,  rows_4,
#if SWISD_SIMD_LANES > 4 || defined(__aarch64__)
  rows_5, rows_6,
#endif
#if SWISD_SIMD_LANES > 8 || defined(__aarch64__)
  rows_7, rows_8,
#endif
#if SWISD_SIMD_LANES > 8
  rows_9, rows_10, rows_11, rows_12, rows_13, rows_14,
#endif
};

/* One row over ROW_PANELS panels. */
static void row_panels(const struct product *s, const float *x, const float *w, float *y)
{
  vec sum[ROW_PANELS][2];
  UNROLL for (size_t i = 0; i < ROW_PANELS; i++) UNROLL for (size_t j = 0; j < 2; j++) sum[i][j] = (vec){0};
  for (size_t p = 0; p < s->k; p++) {
    const vec row = splat(x[p]);
    UNROLL for (size_t i = 0; i < ROW_PANELS; i++) UNROLL for (size_t j = 0; j < 2; j++) sum[i][j] =
      mul_add(row, load(w + (i * s->k + p) * PANEL + j * LANES), sum[i][j]);
  }
  UNROLL for (size_t i = 0; i < ROW_PANELS; i++) UNROLL for (size_t j = 0; j < 2; j++)
  {
    float *out = y + i * PANEL + j * LANES;
    store(out, s->accumulate ? load(out) + sum[i][j] : sum[i][j]);
  }
}

/* The tiles of `rows` rows over `columns` columns of one packed block. */
static void block_rows(size_t rows, size_t columns, struct product s, const float *x, const float *w, float *y)
{
  size_t j = 0;
  if (rows == 1)
    for (; j + ROW_PANELS * PANEL <= columns; j += ROW_PANELS * PANEL)
      row_panels(&s, x, w + j * s.k, y + j);
  /* Rows far apart are copied side by side: rows a power of two apart would fight for the same sets of a cache. */
  if (rows > 1 && s.x_stride > BLOCK_K) {
    float *copy = swisd_simd_scratch;
    for (size_t i = 0; i < rows; i++)
      __builtin_memcpy(copy + i * ROW_PITCH, x + i * s.x_stride, s.k * sizeof *x);
    x = copy, s.x_stride = ROW_PITCH;
  }
  for (; j < columns; j += PANEL)
    tile_rows[rows - 1](&s, columns - j, x, w + j * s.k, y + j);
}

static size_t padded(size_t n) { return (n + LANES - 1) / LANES * LANES; }

size_t SWISD_SIMD(packed_floats)(size_t k, size_t n) { return k * padded(n); }

void SWISD_SIMD(pack)(float *packed, const float *w, size_t row_stride, size_t column_stride, size_t k, size_t n)
{
  for (size_t p0 = 0; p0 < k; p0 += BLOCK_K)
    for (size_t j0 = 0; j0 < n; j0 += PANEL) {
      const size_t end = p0 + BLOCK_K < k ? p0 + BLOCK_K : k;
      const size_t width = n - j0 >= PANEL ? PANEL : padded(n - j0), columns = n - j0 < width ? n - j0 : width;
      for (size_t p = p0; p < end; p++, packed += width) {
        for (size_t j = 0; j < columns; j++)
          packed[j] = w[p * row_stride + (j0 + j) * column_stride];
        for (size_t j = columns; j < width; j++)
          packed[j] = 0;
      }
    }
}

void SWISD_SIMD(matmul)(size_t m, size_t n, size_t k, const float *x, size_t x_stride, const float *packed, float *y,
                        size_t y_stride, int accumulate)
{
  SWISD_KERNELS_ASSERT(y_stride >= n || m <= 1);
  if (k == 0 && !accumulate)
    for (size_t i = 0; i < m; i++)
      __builtin_memset(y + i * y_stride, 0, n * sizeof *y);
  for (size_t j = 0; j < n; j += GROUP_COLUMNS)
    for (size_t p = 0; p < k; p += BLOCK_K) {
      const size_t columns = n - j < GROUP_COLUMNS ? n - j : GROUP_COLUMNS, block = k - p < BLOCK_K ? k - p : BLOCK_K;
      const struct product s = {.k = block, .x_stride = x_stride, .y_stride = y_stride, .accumulate = accumulate || p > 0};
      const float *w = packed + p * padded(n) + j * block;
      for (size_t i = 0; i < m; i += TILE_ROWS)
        block_rows(m - i < TILE_ROWS ? m - i : TILE_ROWS, columns, s, x + i * x_stride + p, w, y + i * y_stride + j);
    }
}

/* Convolution: in a row of the image padded left and right, the inputs of one output pixel under one kernel row are
 * kernel * channels_in consecutive floats, and those of its neighbour start channels_in floats later. So each kernel row is a
 * matrix product whose x rows overlap, and nothing is unfolded; an output row is the sum over the kernel rows inside the
 * image. */
size_t SWISD_SIMD(conv_packed_floats)(size_t kernel, size_t channels_in, size_t channels_out)
{
  return kernel * SWISD_SIMD(packed_floats)(kernel * channels_in, channels_out);
}

void SWISD_SIMD(conv_pack)(float *packed, const float *w, size_t kernel, size_t channels_in, size_t channels_out)
{
  const size_t k = kernel * channels_in;
  for (size_t row = 0; row < kernel; row++)
    SWISD_SIMD(pack)
    (packed + row * SWISD_SIMD(packed_floats)(k, channels_out), w + row * k * channels_out, channels_out, 1, k, channels_out);
}

/* The last `kernel` input rows, padded. */
size_t SWISD_SIMD(conv_scratch_floats)(const struct swisd_conv *shape)
{
  return shape->kernel == 1 ? 0 : shape->kernel * (shape->width + shape->kernel - 1) * shape->channels_in;
}

static void pad_row(const struct swisd_conv *s, const float *x, float *out)
{
  const size_t border = s->kernel / 2 * s->channels_in, row = s->width * s->channels_in;
  __builtin_memset(out, 0, border * sizeof *out);
  __builtin_memcpy(out + border, x, row * sizeof *out);
  __builtin_memset(out + border + row, 0, border * sizeof *out);
}

/* x is one item with its context rows, y its output. */
static void conv_item(const struct swisd_conv *s, const float *x, const float *packed, float *y, float *scratch)
{
  const size_t reach = s->kernel / 2, k = s->kernel * s->channels_in, padded_row = (s->width + s->kernel - 1) * s->channels_in;
  const size_t packed_row = SWISD_SIMD(packed_floats)(k, s->channels_out);
  const size_t rows_in = s->rows_above + s->height + s->rows_below;
  size_t ready = 0; /* input rows below this one have been padded; row r lies in slot r % kernel */
  for (size_t out = 0; out < s->height; out++, y += s->width * s->channels_out) {
    const size_t centre = out + s->rows_above;
    const size_t first = centre >= reach ? centre - reach : 0;
    const size_t end = centre + reach + 1 < rows_in ? centre + reach + 1 : rows_in;
    for (; ready < end; ready++)
      pad_row(s, x + ready * s->width * s->channels_in, scratch + ready % s->kernel * padded_row);
    for (size_t in = first; in < end; in++)
      SWISD_SIMD(matmul)
      (s->width, s->channels_out, k, scratch + in % s->kernel * padded_row, s->channels_in,
       packed + (in + reach - centre) * packed_row, y, s->channels_out, in > first);
  }
}

void SWISD_SIMD(conv2d)(const struct swisd_conv *s, const float *x, const float *packed, float *y, float *scratch)
{
  swisd_kernels_check_conv(s);
  const size_t rows_in = s->rows_above + s->height + s->rows_below;
  if (s->kernel == 1) {
    SWISD_SIMD(matmul)
    (s->batch * s->height * s->width, s->channels_out, s->channels_in, x, s->channels_in, packed, y, s->channels_out, 0);
    return;
  }
  for (size_t item = 0; item < s->batch; item++)
    conv_item(s, x + item * rows_in * s->width * s->channels_in, packed, y + item * s->height * s->width * s->channels_out,
              scratch);
}
