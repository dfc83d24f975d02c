/* Honest products of every set pass, wrong ones do not. */
#include "tests/kernels/kernel_cases.h"

#include "kernels/freivalds.h"

struct shape {
  size_t m, n, k;
};

static const struct shape shapes[] = {
  {3, 1, 1},    {5, 7, 3},    {4, 16, 16},   {3, 33, 255},  {9, 10, 784},   {8, 512, 64},
  {6, 96, 257}, {4, 1, 2000}, {4, 300, 513}, {3, 64, 4096}, {2, 1000, 900}, {8, 1024, 1024},
};

/* Inputs as layers have them: mixed signs; after a ReLU; a few large outliers; one sign throughout, weights too. */
enum kind { MIXED, RECTIFIED, OUTLIERS, ONE_SIGN, KINDS };

static void shape_values(enum kind kind, float *x, size_t count, int is_weight)
{
  for (size_t i = 0; i < count; i++)
    if (kind == ONE_SIGN)
      x[i] = fabsf(x[i]);
    else if (kind == RECTIFIED && !is_weight)
      x[i] = fmaxf(x[i], 0);
    else if (kind == OUTLIERS && !is_weight && i % 97 == 0)
      x[i] *= 100;
}

struct product {
  struct shape shape;
  float *x, *w, *y;
  struct swisd_freivalds check;
};

static struct product multiply(const struct swisd_kernels *set, const struct shape *s, enum kind kind)
{
  struct product p = {.shape = *s, .x = case_floats(s->m * s->k, 31), .w = case_floats(s->k * s->n, 32)};
  shape_values(kind, p.x, s->m * s->k, 0);
  shape_values(kind, p.w, s->k * s->n, 1);
  float *packed = case_room(set->packed_floats(s->k, s->n));
  p.y = case_room(s->m * s->n);
  set->pack(packed, p.w, s->n, 1, s->k, s->n);
  set->matmul(s->m, s->n, s->k, p.x, s->k, packed, p.y, s->n, 0);
  swisd_freivalds_init(&p.check, case_doubles(swisd_freivalds_bytes(s->k, s->n) / sizeof(double)), 99, 5, p.w, s->n, 1, s->k,
                       s->n);
  return p;
}

static size_t check(const struct product *p)
{
  return swisd_freivalds_check(&p->check, p->shape.m, p->x, p->shape.k, p->y, p->shape.n);
}

static double rms(const float *x, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += (double)x[i] * x[i];
  return sqrt(sum / (double)count);
}

static void honest_products_of_every_set_pass_whatever_the_inputs_look_like(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++)
      for (enum kind kind = 0; kind < KINDS; kind++) {
        const struct product p = multiply(set, &shapes[c], kind);
        if (check(&p) != shapes[c].m)
          fail_msg("%s, %zu x %zu x %zu, kind %d: row %zu refused", set->name, shapes[c].m, shapes[c].n, shapes[c].k, (int)kind,
                   check(&p));
        case_free();
      }
}

/* Measured: a quarter. OpenBLAS sums in another order on each processor, hence the room. */
static void honest_products_stay_below_half_of_the_bound_which_needs_its_second_term(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    double worst = 0, worst_without_y = 0;
    for (size_t c = 0; c < CASE_COUNT(shapes); c++)
      for (enum kind kind = 0; kind < KINDS; kind++) {
        const struct product p = multiply(set, &shapes[c], kind);
        for (size_t row = 0; row < p.shape.m; row++) {
          const float *x = p.x + row * p.shape.k, *y = p.y + row * p.shape.n;
          double in[2], out[2];
          set->project(1, p.shape.k, p.check.s, 0, x, 0, in);
          set->project(1, p.shape.n, p.check.r, 0, y, 0, out);
          const double residual = fabs(in[0] - out[0]) / CASE_U, expected = p.check.weight_scale * sqrt(in[1]);
          worst = fmax(worst, residual / fmax(expected, sqrt(out[1])));
          worst_without_y = fmax(worst_without_y, residual / expected);
        }
        case_free();
      }
    print_message("%s: honest residual at most %.1f of 64; %.1f if the bound did not grow with |y|\n", set->name, worst,
                  worst_without_y);
    assert_true(worst < 32);
    assert_true(worst_without_y > 64);
  }
}

static void a_single_wrong_output_is_found_from_1e_3_of_the_rms_on(void **state)
{
  (void)state;
  const struct swisd_kernels *set = swisd_kernels_portable();
  struct swisd_philox random = swisd_philox_stream(3, 0, 0, 0);
  for (size_t c = 0; c < CASE_COUNT(shapes); c++)
    for (enum kind kind = 0; kind < KINDS; kind++) {
      const struct product p = multiply(set, &shapes[c], kind);
      for (int trial = 0; trial < 50; trial++) {
        const size_t row = swisd_philox_below(&random, (uint32_t)p.shape.m);
        const size_t at = row * p.shape.n + swisd_philox_below(&random, (uint32_t)p.shape.n);
        const float before = p.y[at], error = (float)(1e-3 * rms(p.y + row * p.shape.n, p.shape.n));
        p.y[at] += trial & 1 ? error : -error;
        if (p.y[at] != before)
          assert_int_equal(check(&p), row);
        p.y[at] = before;
      }
      case_free();
    }
}

static void errors_that_cancel_in_a_plain_sum_are_found(void **state)
{
  (void)state;
  for (size_t c = 4; c < CASE_COUNT(shapes); c++) {
    const struct product p = multiply(swisd_kernels_portable(), &shapes[c], MIXED);
    if (p.shape.n > 1) {
      const float error = (float)rms(p.y, p.shape.n);
      p.y[0] += error;
      p.y[1] -= error;
      assert_int_equal(check(&p), 0);
    }
    case_free();
  }
}

static void lazy_answers_are_found(void **state)
{
  (void)state;
  for (size_t c = 1; c < CASE_COUNT(shapes); c++) {
    const struct product p = multiply(swisd_kernels_portable(), &shapes[c], MIXED);
    const size_t n = p.shape.n, last = p.shape.m - 1;
    memcpy(p.y + last * n, p.y + (last - 1) * n, n * sizeof *p.y); /* the neighbour's row */
    assert_int_equal(check(&p), last);
    memset(p.y, 0, n * sizeof *p.y); /* nothing computed */
    assert_int_equal(check(&p), 0);
    p.y[0] = 3e38f; /* a huge claim must not buy a huge tolerance */
    assert_int_equal(check(&p), 0);
    case_free();
  }
}

static void nothing_that_is_not_finite_passes(void **state)
{
  (void)state;
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t b = 0; b < CASE_COUNT(bad); b++) {
    const struct product p = multiply(swisd_kernels_portable(), &shapes[3], MIXED);
    p.y[p.shape.n + 2] = bad[b];
    assert_int_equal(check(&p), 1);
    p.x[0] = bad[b];
    assert_int_equal(check(&p), 0);
    case_free();
  }
}

static void zero_and_tiny_inputs_pass_when_honest_and_not_otherwise(void **state)
{
  (void)state;
  const struct swisd_kernels *set = swisd_kernels_portable();
  struct product p = multiply(set, &shapes[3], MIXED);
  memset(p.x, 0, p.shape.m * p.shape.k * sizeof *p.x);
  memset(p.y, 0, p.shape.m * p.shape.n * sizeof *p.y);
  assert_int_equal(check(&p), p.shape.m);
  p.y[0] = 1e-6f;
  assert_int_equal(check(&p), 0);
  for (size_t i = 0; i < p.shape.m * p.shape.k; i++)
    p.x[i] = 1e-42f; /* subnormal */
  float *packed = case_room(set->packed_floats(p.shape.k, p.shape.n));
  set->pack(packed, p.w, p.shape.n, 1, p.shape.k, p.shape.n);
  set->matmul(p.shape.m, p.shape.n, p.shape.k, p.x, p.shape.k, packed, p.y, p.shape.n, 0);
  assert_int_equal(check(&p), p.shape.m);
  case_free();
}

static void the_secret_depends_on_seed_and_shard(void **state)
{
  (void)state;
  struct swisd_freivalds a, b, c, again;
  const float *w = case_floats(40, 1);
  const size_t doubles = swisd_freivalds_bytes(5, 8) / sizeof(double);
  swisd_freivalds_init(&a, case_doubles(doubles), 1, 1, w, 8, 1, 5, 8);
  swisd_freivalds_init(&b, case_doubles(doubles), 2, 1, w, 8, 1, 5, 8);
  swisd_freivalds_init(&c, case_doubles(doubles), 1, 2, w, 8, 1, 5, 8);
  swisd_freivalds_init(&again, case_doubles(doubles), 1, 1, w, 8, 1, 5, 8);
  assert_memory_equal(a.r, again.r, 8 * sizeof *a.r);
  assert_memory_not_equal(a.r, b.r, 8 * sizeof *a.r);
  assert_memory_not_equal(a.r, c.r, 8 * sizeof *a.r);
  size_t negative = 0;
  for (size_t j = 0; j < 8; j++) {
    assert_true(fabs(a.r[j]) >= 0.75 && fabs(a.r[j]) < 1.25);
    negative += a.r[j] < 0;
  }
  assert_in_range(negative, 1, 7); /* errors of unlike sign must not cancel more easily than others */
  case_free();
}

static void honest_convolutions_pass_with_or_without_a_halo_and_a_wrong_pixel_is_found(void **state)
{
  (void)state;
  const struct swisd_conv convs[] = {
    {.batch = 2, .height = 6, .width = 9, .channels_in = 5, .channels_out = 12, .kernel = 3},
    {.batch = 1, .height = 4, .width = 7, .channels_in = 32, .channels_out = 32, .kernel = 3, .rows_above = 1},
    {.batch = 1, .height = 5, .width = 2, .channels_in = 3, .channels_out = 8, .kernel = 5, .rows_below = 2},
    {.batch = 1, .height = 3, .width = 4, .channels_in = 6, .channels_out = 4, .kernel = 1},
  };
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t v = 0; v < CASE_COUNT(convs); v++) {
      const struct swisd_conv *c = &convs[v];
      const size_t k = c->kernel * c->kernel * c->channels_in, n = c->channels_out, pixels = c->batch * c->height * c->width;
      const float *x = case_floats(c->batch * (c->rows_above + c->height + c->rows_below) * c->width * c->channels_in, 1);
      const float *w = case_floats(k * n, 2);
      float *packed = case_room(set->conv_packed_floats(c->kernel, c->channels_in, n)), *y = case_room(pixels * n);
      struct swisd_freivalds secret;
      set->conv_pack(packed, w, c->kernel, c->channels_in, n);
      set->conv2d(c, x, packed, y, case_room(set->conv_scratch_floats(c)));
      swisd_freivalds_init(&secret, case_doubles(k + n), 7, 0, w, n, 1, k, n);
      assert_int_equal(swisd_freivalds_check_conv(&secret, c, x, y), pixels);
      for (size_t pixel = 0; pixel < pixels; pixel++) {
        const float before = y[pixel * n + 1];
        y[pixel * n + 1] += (float)(1e-3 * rms(y, pixels * n));
        assert_int_equal(swisd_freivalds_check_conv(&secret, c, x, y), pixel);
        y[pixel * n + 1] = before;
      }
      case_free();
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(honest_products_of_every_set_pass_whatever_the_inputs_look_like),
    cmocka_unit_test(honest_products_stay_below_half_of_the_bound_which_needs_its_second_term),
    cmocka_unit_test(a_single_wrong_output_is_found_from_1e_3_of_the_rms_on),
    cmocka_unit_test(errors_that_cancel_in_a_plain_sum_are_found),
    cmocka_unit_test(lazy_answers_are_found),
    cmocka_unit_test(nothing_that_is_not_finite_passes),
    cmocka_unit_test(zero_and_tiny_inputs_pass_when_honest_and_not_otherwise),
    cmocka_unit_test(the_secret_depends_on_seed_and_shard),
    cmocka_unit_test(honest_convolutions_pass_with_or_without_a_halo_and_a_wrong_pixel_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
