#include "kernels/calibrate.h"

#include <stdlib.h>
#include <time.h>

enum {
  SLICES = 9, /* of a class; the median of an odd number */
  CLASSES = 3,
  CHANNELS = 32,
  SIDE = 28,
  DENSE_ROWS = 64,
  DENSE = 512,
  TOKEN = 1024,
  POSITIONS = 512,
  HEADS = 8,
  HEAD_SIZE = 64,
  /* Every input is a stretch of one block of small numbers; every output goes to another. */
  INPUT_FLOATS = TOKEN * TOKEN,
  OUTPUT_FLOATS = SIDE * SIDE * DENSE_ROWS,
};

static const struct swisd_conv conv = {
  .batch = 1, .height = SIDE, .width = SIDE, .channels_in = CHANNELS, .channels_out = CHANNELS, .kernel = 3};
static const struct swisd_attention attention = {.tokens = 1,
                                                 .position = POSITIONS - 1,
                                                 .heads = HEADS,
                                                 .kv_heads = HEADS,
                                                 .head_size = HEAD_SIZE,
                                                 .q_stride = HEADS * HEAD_SIZE,
                                                 .kv_stride = HEADS * HEAD_SIZE,
                                                 .y_stride = HEADS * HEAD_SIZE};

struct bench {
  const struct swisd_kernels *set;
  float *input, *packed, *output, *scratch;
};

static double run_conv(const struct bench *b)
{
  b->set->conv2d(&conv, b->input, b->packed, b->output, b->scratch);
  return 2.0 * SIDE * SIDE * 9 * CHANNELS * CHANNELS;
}

static double run_dense(const struct bench *b)
{
  b->set->matmul(DENSE_ROWS, DENSE, DENSE, b->input, DENSE, b->packed, b->output, DENSE, 0);
  return 2.0 * DENSE_ROWS * DENSE * DENSE;
}

static double run_token(const struct bench *b)
{
  b->set->matmul(1, TOKEN, TOKEN, b->input, TOKEN, b->packed, b->output, TOKEN, 0);
  b->set->attention(&attention, b->input, b->input, b->input + POSITIONS * HEADS * HEAD_SIZE, b->output, b->scratch);
  return 2.0 * TOKEN * TOKEN + 4.0 * POSITIONS * HEADS * HEAD_SIZE;
}

static uint64_t monotonic_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double measure(const struct bench *b, double (*run)(const struct bench *), uint64_t slice_ns, uint64_t (*now_ns)(void))
{
  double rates[SLICES];
  run(b); /* caches and pages warm */
  for (int slice = 0; slice < SLICES; slice++) {
    const uint64_t start = now_ns();
    uint64_t elapsed;
    double flops = 0;
    do {
      flops += run(b);
      elapsed = now_ns() - start;
    } while (elapsed == 0 || elapsed < slice_ns);
    rates[slice] = flops * 1e9 / (double)elapsed;
  }
  qsort(rates, SLICES, sizeof *rates, compare);
  return rates[SLICES / 2];
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* 0, or -1 with whatever was had released by the caller. */
static int allocate(struct bench *b)
{
  const size_t packed = larger(b->set->packed_floats(TOKEN, TOKEN), b->set->conv_packed_floats(3, CHANNELS, CHANNELS));
  b->input = malloc(INPUT_FLOATS * sizeof *b->input);
  b->packed = malloc(packed * sizeof *b->packed);
  b->output = malloc(OUTPUT_FLOATS * sizeof *b->output);
  b->scratch = malloc(larger(b->set->conv_scratch_floats(&conv), POSITIONS) * sizeof *b->scratch);
  if (!b->input || !b->packed || !b->output || !b->scratch)
    return -1;
  for (size_t i = 0; i < INPUT_FLOATS; i++)
    b->input[i] = (float)((i * 37) % 101) * 0.01f - 0.5f;
  return 0;
}

int swisd_kernels_calibrate(const struct swisd_kernels *set, uint64_t duration_ns, uint64_t (*now_ns)(void),
                            struct swisd_calibration *out)
{
  const uint64_t slice_ns = duration_ns / (CLASSES * SLICES);
  struct bench b = {.set = set};
  const int status = allocate(&b);
  if (!now_ns)
    now_ns = monotonic_ns;
  if (status == 0) {
    set->conv_pack(b.packed, b.input, 3, CHANNELS, CHANNELS);
    out->conv_flops_per_s = measure(&b, run_conv, slice_ns, now_ns);
    set->pack(b.packed, b.input, DENSE, 1, DENSE, DENSE);
    out->dense_flops_per_s = measure(&b, run_dense, slice_ns, now_ns);
    set->pack(b.packed, b.input, TOKEN, 1, TOKEN, TOKEN);
    out->attention_flops_per_s = measure(&b, run_token, slice_ns, now_ns);
  }
  free(b.input), free(b.packed), free(b.output), free(b.scratch);
  return status;
}
