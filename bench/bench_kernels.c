/* GFLOP/s of every set of kernels on one thread, next to OpenBLAS, in processor time: what other programs take does not count.
 * The sets take turns within each round, so that a change of clock meets all of them, and the medians over the rounds are
 * compared. With an argument, exits 1 when the `portable` set at 512 x 512 x 512 is below that share of OpenBLAS:
 *   bench_kernels 0.8
 * A second table says what Freivalds' check of a result costs, as a share of the time to compute it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/freivalds.h"
#include "kernels/kernels.h"
#include "runtime/base/philox.h"

enum { SETS_MAX = 8, ROUNDS = 15, SET_NS = 4000000 /* of one set in one round */ };

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static float *random_floats(size_t count)
{
  float *x = aligned_alloc(64, (count * sizeof *x + 63) / 64 * 64 + 64);
  if (!x) {
    perror("bench_kernels");
    exit(1);
  }
  struct swisd_philox random = swisd_philox_stream(1, 0, 0, 0);
  for (size_t i = 0; i < count; i++)
    x[i] = (float)(swisd_philox_unit(&random) - 0.5);
  return x;
}

static int compare(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* A row of the table: a product (m, n, k), or a convolution of m images when `conv.kernel` is set. */
struct work {
  const char *title;
  size_t m, n, k;
  struct swisd_conv conv;
};

static double work_flops(const struct work *w)
{
  if (w->conv.kernel)
    return 2.0 * (double)(w->conv.batch * w->conv.height * w->conv.width * w->conv.channels_in * w->conv.channels_out *
                          w->conv.kernel * w->conv.kernel);
  return 2.0 * (double)w->m * (double)w->n * (double)w->k;
}

struct prepared {
  float *x, *w, *packed, *y, *scratch;
};

static struct prepared prepare(const struct work *w, const struct swisd_kernels *set)
{
  const struct swisd_conv *c = &w->conv;
  struct prepared p = {0};
  if (c->kernel) {
    const size_t pixels = c->batch * c->height * c->width;
    p.x = random_floats(pixels * c->channels_in);
    p.y = random_floats(pixels * c->channels_out);
    p.w = random_floats(c->kernel * c->kernel * c->channels_in * c->channels_out);
    p.packed = random_floats(set->conv_packed_floats(c->kernel, c->channels_in, c->channels_out));
    p.scratch = random_floats(set->conv_scratch_floats(c));
    set->conv_pack(p.packed, p.w, c->kernel, c->channels_in, c->channels_out);
  } else {
    p.x = random_floats(w->m * w->k);
    p.y = random_floats(w->m * w->n);
    p.w = random_floats(w->k * w->n);
    p.packed = random_floats(set->packed_floats(w->k, w->n));
    set->pack(p.packed, p.w, w->n, 1, w->k, w->n);
  }
  return p;
}

static void release(struct prepared *p)
{
  free(p->x), free(p->w), free(p->packed), free(p->y), free(p->scratch);
}

/* GFLOP/s over at least SET_NS. */
static double measure(const struct work *w, const struct swisd_kernels *set, const struct prepared *p)
{
  const uint64_t start = now_ns();
  uint64_t elapsed = 0;
  size_t runs = 0;
  do {
    if (w->conv.kernel)
      set->conv2d(&w->conv, p->x, p->packed, p->y, p->scratch);
    else
      set->matmul(w->m, w->n, w->k, p->x, w->k, p->packed, p->y, w->n, 0);
    runs++;
    elapsed = now_ns() - start;
  } while (elapsed < SET_NS);
  return work_flops(w) * (double)runs / (double)elapsed;
}

/* Fills `median` for each set. */
static void run(const struct work *w, const struct swisd_kernels *const *sets, size_t count, double *median)
{
  double rates[SETS_MAX][ROUNDS];
  struct prepared ready[SETS_MAX];
  for (size_t s = 0; s < count; s++)
    ready[s] = prepare(w, sets[s]);
  for (size_t round = 0; round < ROUNDS; round++)
    for (size_t s = 0; s < count; s++)
      rates[s][round] = measure(w, sets[s], &ready[s]);
  for (size_t s = 0; s < count; s++) {
    qsort(rates[s], ROUNDS, sizeof **rates, compare);
    median[s] = rates[s][ROUNDS / 2];
    release(&ready[s]);
  }
}

/* GFLOP/s of the product that a check stands for, had it been computed in the time of the check. */
static double measure_check(const struct work *w, const struct swisd_freivalds *check, const struct prepared *p)
{
  const uint64_t start = now_ns();
  uint64_t elapsed = 0;
  size_t runs = 0, passed = 0;
  do {
    passed += w->conv.kernel ? swisd_freivalds_check_conv(check, &w->conv, p->x, p->y)
                             : swisd_freivalds_check(check, w->m, p->x, w->k, p->y, w->n);
    runs++;
    elapsed = now_ns() - start;
  } while (elapsed < SET_NS);
  if (passed != runs * (w->conv.kernel ? w->conv.batch * w->conv.height * w->conv.width : w->m)) {
    fprintf(stderr, "bench_kernels: %s: an honest result was refused\n", w->title);
    exit(1);
  }
  return work_flops(w) * (double)runs / (double)elapsed;
}

static void run_checks(const struct swisd_kernels *set)
{
  static const struct work table[] = {
    {.title = "32 x 512 x 512", .m = 32, .n = 512, .k = 512},
    {.title = "32 x 1024 x 1024", .m = 32, .n = 1024, .k = 1024},
    {.title = "32 x 4096 x 4096", .m = 32, .n = 4096, .k = 4096},
    {.title = "1 x 4096 x 4096", .m = 1, .n = 4096, .k = 4096},
    {.title = "conv 8 x 28 x 28, 32 > 32", .conv = {8, 28, 28, 32, 32, 3, 0, 0}},
    {.title = "conv 8 x 14 x 14, 64 > 64", .conv = {8, 14, 14, 64, 64, 3, 0, 0}},
  };
  printf("\nFreivalds' check, %s, share of the time to compute\n", set->name);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const struct work *w = &table[i];
    const size_t k = w->conv.kernel ? w->conv.kernel * w->conv.kernel * w->conv.channels_in : w->k;
    const size_t n = w->conv.kernel ? w->conv.channels_out : w->n;
    struct prepared p = prepare(w, set);
    struct swisd_freivalds check;
    float *block = random_floats(swisd_freivalds_bytes(k, n) / sizeof(float));
    double shares[ROUNDS];
    swisd_freivalds_init(&check, block, 1, 1, p.w, n, 1, k, n);
    for (size_t round = 0; round < ROUNDS; round++)
      shares[round] = measure(w, set, &p) / measure_check(w, &check, &p);
    qsort(shares, ROUNDS, sizeof *shares, compare);
    printf("%-26s %5.1f %%\n", w->title, 100 * shares[ROUNDS / 2]);
    release(&p);
    free(block);
  }
}

int main(int argc, char **argv)
{
  static const struct work table[] = {
    {.title = "512 x 512 x 512", .m = 512, .n = 512, .k = 512},
    {.title = "1024 x 1024 x 1024", .m = 1024, .n = 1024, .k = 1024},
    {.title = "32 x 1024 x 1024", .m = 32, .n = 1024, .k = 1024},
    {.title = "8 x 1024 x 1024", .m = 8, .n = 1024, .k = 1024},
    {.title = "1 x 1024 x 1024", .m = 1, .n = 1024, .k = 1024},
    {.title = "1 x 4096 x 4096", .m = 1, .n = 4096, .k = 4096},
    {.title = "conv 8 x 28 x 28, 32 > 32", .conv = {8, 28, 28, 32, 32, 3, 0, 0}},
    {.title = "conv 8 x 14 x 14, 64 > 64", .conv = {8, 14, 14, 64, 64, 3, 0, 0}},
    {.title = "conv 1 x 64 x 64, 24 > 24", .conv = {1, 64, 64, 24, 24, 3, 0, 0}},
  };
  const struct swisd_kernels *sets[SETS_MAX];
  size_t count = 0, blas = SETS_MAX;
  for (; count < SETS_MAX && (sets[count] = swisd_kernels_at(count)); count++)
    if (sets[count] == swisd_kernels_openblas())
      blas = count;
  printf("GFLOP/s of processor time, one thread, median of %d rounds; set 0 is `portable`%s\n%-26s", ROUNDS,
         blas < count ? ", ratio = portable / OpenBLAS" : "", "");
  for (size_t s = 0; s < count; s++)
    printf(" %*s", (int)strlen(sets[s]->name), sets[s]->name);
  printf("%s\n", blas < count ? "  ratio" : "");
  double first_ratio = 0;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    double median[SETS_MAX];
    run(&table[i], sets, count, median);
    printf("%-26s", table[i].title);
    for (size_t s = 0; s < count; s++)
      printf(" %*.1f", (int)strlen(sets[s]->name), median[s]);
    if (blas < count)
      printf("  %5.2f", median[0] / median[blas]);
    printf("\n");
    if (i == 0 && blas < count)
      first_ratio = median[0] / median[blas];
  }
  run_checks(sets[0]);
  if (argc > 1 && blas < count && first_ratio < atof(argv[1])) {
    printf("portable is below %s of OpenBLAS at 512 x 512 x 512\n", argv[1]);
    return 1;
  }
  return 0;
}
