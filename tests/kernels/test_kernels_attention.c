/* Attention of every set against the reference, and its independence from how many tokens are asked at once. */
#include "tests/kernels/kernel_cases.h"

#include "kernels/reference.h"

static const struct swisd_attention shapes[] = {
  {.tokens = 1, .position = 0, .heads = 1, .kv_heads = 1, .head_size = 1},
  {.tokens = 5, .position = 0, .heads = 2, .kv_heads = 2, .head_size = 8},
  {.tokens = 1, .position = 40, .heads = 8, .kv_heads = 4, .head_size = 16},
  {.tokens = 3, .position = 17, .heads = 6, .kv_heads = 2, .head_size = 20},
  {.tokens = 7, .position = 100, .heads = 4, .kv_heads = 1, .head_size = 64},
  {.tokens = 2, .position = 299, .heads = 3, .kv_heads = 3, .head_size = 100},
  {.tokens = 4, .position = 1, .heads = 2, .kv_heads = 1, .head_size = 128},
};

struct attended {
  struct swisd_attention shape; /* with strides */
  float *q, *k, *v, *y, *scratch;
};

static struct attended inputs(const struct swisd_attention *shape)
{
  struct attended a = {.shape = *shape};
  const size_t row = shape->heads * shape->head_size, cache_row = shape->kv_heads * shape->head_size;
  const size_t positions = shape->position + shape->tokens;
  a.shape.q_stride = row + 1, a.shape.kv_stride = cache_row + 3, a.shape.y_stride = row + 2;
  a.q = case_floats(shape->tokens * a.shape.q_stride, 21);
  a.k = case_floats(positions * a.shape.kv_stride, 22);
  a.v = case_floats(positions * a.shape.kv_stride, 23);
  a.y = case_floats(shape->tokens * a.shape.y_stride, 24);
  a.scratch = case_room(positions);
  return a;
}

static void attend(const struct swisd_kernels *set, const struct attended *a)
{
  set->attention(&a->shape, a->q, a->k, a->v, a->y, a->scratch);
}

/* ATTENTION_BOUND: inputs are below 1, so a score errs by at most (d + 4) u sqrt(d), a weight by twice that plus the softmax. */
static double attention_bound(const struct swisd_attention *s, double magnitude)
{
  const double d = (double)s->head_size, positions = (double)(s->position + s->tokens);
  return magnitude * CASE_U * (2 * (d + 4) * sqrt(d) + 2 * positions + 40);
}

static void every_set_attends_like_the_reference_within_its_bound(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
      const struct attended a = inputs(&shapes[c]);
      const size_t row = shapes[c].heads * shapes[c].head_size;
      double *want = case_doubles(shapes[c].tokens * row), *magnitude = case_doubles(shapes[c].tokens * row);
      swisd_reference_attention(&a.shape, a.q, a.k, a.v, want, magnitude, case_doubles(shapes[c].position + shapes[c].tokens));
      attend(set, &a);
      for (size_t t = 0; t < shapes[c].tokens; t++)
        for (size_t j = 0; j < row; j++)
          case_within("attention", set->name, t * row + j, a.y[t * a.shape.y_stride + j], want[t * row + j],
                      attention_bound(&shapes[c], magnitude[t * row + j]));
      case_free();
    }
}

static void the_sets_of_one_class_attend_to_the_same_bits(void **state)
{
  (void)state;
  for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
    const float *bits[3] = {NULL};
    const struct swisd_kernels *set;
    for (size_t i = 0; (set = case_portable(i)); i++) {
      const struct attended a = inputs(&shapes[c]);
      attend(set, &a);
      if (bits[set->class_id])
        case_same_bits("attention", set->name, a.y, bits[set->class_id], shapes[c].tokens * a.shape.y_stride);
      else
        bits[set->class_id] = a.y;
    }
    case_free();
  }
}

static void a_token_has_the_same_bits_alone_and_among_others(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = case_portable(i)); i++)
    for (size_t c = 0; c < CASE_COUNT(shapes); c++) {
      const struct attended all = inputs(&shapes[c]);
      attend(set, &all);
      for (size_t t = 0; t < shapes[c].tokens; t++) {
        struct attended one = all;
        one.shape.tokens = 1, one.shape.position += t;
        one.q += t * all.shape.q_stride;
        one.y = case_floats(all.shape.y_stride, 24);
        attend(set, &one);
        case_same_bits("token", set->name, one.y, all.y + t * all.shape.y_stride, shapes[c].heads * shapes[c].head_size);
      }
      case_free();
    }
}

static void a_token_does_not_see_later_positions(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    const struct attended a = inputs(&shapes[3]), b = inputs(&shapes[3]);
    const size_t last = a.shape.position + a.shape.tokens - 1;
    for (size_t j = 0; j < a.shape.kv_stride; j++)
      b.k[last * b.shape.kv_stride + j] = b.v[last * b.shape.kv_stride + j] = NAN;
    attend(set, &a);
    attend(set, &b);
    case_same_bits("earlier tokens", set->name, b.y, a.y, (a.shape.tokens - 1) * a.shape.y_stride);
    assert_true(isnan(b.y[(b.shape.tokens - 1) * b.shape.y_stride]));
    case_free();
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_set_attends_like_the_reference_within_its_bound),
    cmocka_unit_test(the_sets_of_one_class_attend_to_the_same_bits),
    cmocka_unit_test(a_token_has_the_same_bits_alone_and_among_others),
    cmocka_unit_test(a_token_does_not_see_later_positions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
