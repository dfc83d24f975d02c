#include "tests/kernels/kernels_digest.h"

#include "runtime/base/philox.h"

enum { ROOM = 1 << 16 };

struct digest {
  uint64_t hash; /* FNV-1a */
  struct swisd_philox random;
};

static float x[ROOM], w[ROOM], packed[2 * ROOM], y[ROOM], scratch[ROOM];

static void fill(struct digest *d, float *out, size_t count)
{
  for (size_t i = 0; i < count; i++)
    out[i] = (float)(2 * swisd_philox_unit(&d->random) - 1);
}

static void absorb(struct digest *d, size_t count)
{
  const unsigned char *bytes = (const unsigned char *)y;
  for (size_t i = 0; i < count * sizeof *y; i++)
    d->hash = (d->hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void products(struct digest *d, const struct swisd_kernels *set)
{
  static const size_t shapes[][3] = {{1, 70, 300}, {14, 96, 64}, {29, 33, 517}, {3, 300, 200}, {1, 128, 129}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const size_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
    fill(d, x, m * k);
    fill(d, w, k * n);
    set->pack(packed, w, n, 1, k, n);
    set->matmul(m, n, k, x, k, packed, y, n, 0);
    absorb(d, m * n);
  }
}

static void convolutions(struct digest *d, const struct swisd_kernels *set)
{
  static const struct swisd_conv shapes[] = {
    {.batch = 2, .height = 9, .width = 17, .channels_in = 12, .channels_out = 20, .kernel = 3},
    {.batch = 1, .height = 4, .width = 5, .channels_in = 100, .channels_out = 33, .kernel = 3, .rows_above = 1},
    {.batch = 1, .height = 8, .width = 8, .channels_in = 3, .channels_out = 5, .kernel = 5},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const struct swisd_conv *s = &shapes[i];
    fill(d, x, s->batch * (s->rows_above + s->height + s->rows_below) * s->width * s->channels_in);
    fill(d, w, s->kernel * s->kernel * s->channels_in * s->channels_out);
    set->conv_pack(packed, w, s->kernel, s->channels_in, s->channels_out);
    set->conv2d(s, x, packed, y, scratch);
    absorb(d, s->batch * s->height * s->width * s->channels_out);
  }
}

static void rows(struct digest *d, const struct swisd_kernels *set)
{
  enum { ROWS = 5, COLUMNS = 133 };
  fill(d, y, ROWS * COLUMNS);
  for (size_t i = 0; i < ROWS * COLUMNS; i++)
    y[i] *= 30;
  set->softmax(ROWS, COLUMNS, y, COLUMNS);
  absorb(d, ROWS * COLUMNS);
  fill(d, x, ROWS * COLUMNS);
  fill(d, w, COLUMNS);
  set->rmsnorm(ROWS, COLUMNS, x, COLUMNS, w, 1e-5f, y, COLUMNS);
  set->swiglu(ROWS * COLUMNS, y, x);
  set->epilogue(ROWS, COLUMNS, y, COLUMNS, w, SWISD_ACTIVATION_RELU);
  set->add(ROWS * COLUMNS, y, x);
  absorb(d, ROWS * COLUMNS);
  fill(d, x, 2 * 6 * 10 * 21);
  set->maxpool2x2(2, 6, 10, 21, x, y);
  absorb(d, 2 * 3 * 5 * 21);
  set->average_pool(2, 60, 21, x, y);
  absorb(d, 2 * 21);
}

static void decoding(struct digest *d, const struct swisd_kernels *set)
{
  const struct swisd_attention s = {
    .tokens = 3, .position = 90, .heads = 4, .kv_heads = 2, .head_size = 36, .q_stride = 144, .kv_stride = 72, .y_stride = 144};
  fill(d, x, 3 * 144);
  fill(d, w, 93 * 72);
  fill(d, packed, 93 * 72);
  for (size_t i = 0; i < 3 * 144; i++)
    x[i] *= 4;
  set->rope(3, 4, 36, x, 144, 90, 10000);
  set->rope(93, 2, 36, w, 72, 0, 500000);
  set->attention(&s, x, w, packed, y, scratch);
  absorb(d, 3 * 144);
}

uint64_t kernels_digest(const struct swisd_kernels *set)
{
  struct digest d = {.hash = UINT64_C(0xcbf29ce484222325), .random = swisd_philox_stream(2, 7, 1, 8)};
  products(&d, set);
  convolutions(&d, set);
  rows(&d, set);
  decoding(&d, set);
  return d.hash;
}
