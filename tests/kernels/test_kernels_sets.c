/* How sets are found, and the bits that each class promises. */
#include "tests/kernels/kernel_cases.h"

#include "tests/kernels/kernels_digest.h"

static void portable_is_the_first_set_and_every_set_answers_to_its_name(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  assert_ptr_equal(swisd_kernels_at(0), swisd_kernels_portable());
  assert_ptr_equal(swisd_kernels_by_name("portable"), swisd_kernels_portable());
  for (size_t i = 0; (set = swisd_kernels_at(i)); i++) {
    assert_ptr_equal(swisd_kernels_by_name(set->name), set);
    print_message("%s: class %s\n", set->name, set->class_name);
  }
  assert_null(swisd_kernels_at(1000));
  assert_null(swisd_kernels_by_name("cuda"));
  assert_null(swisd_kernels_by_name(""));
}

static void a_class_name_finds_a_set_of_that_class_and_every_build_has_nofma(void **state)
{
  (void)state;
  const struct swisd_kernels *fma = swisd_kernels_by_name("portable-fma"), *nofma = swisd_kernels_by_name("portable-nofma");
  assert_non_null(nofma);
  assert_int_equal(nofma->class_id, SWISD_KERNELS_NOFMA);
  assert_string_equal(nofma->class_name, "nofma");
  if (fma) {
    assert_int_equal(fma->class_id, SWISD_KERNELS_FMA);
    assert_string_equal(fma->class_name, "fma");
    assert_ptr_equal(fma, swisd_kernels_portable());
  } else {
    assert_ptr_equal(nofma, swisd_kernels_portable());
  }
}

static void openblas_belongs_to_no_class(void **state)
{
  (void)state;
  const struct swisd_kernels *blas = swisd_kernels_openblas();
  assert_ptr_equal(swisd_kernels_by_name("openblas"), blas);
  if (!blas) {
    print_message("built without OpenBLAS\n");
    skip_for_lack();
  }
  assert_int_equal(blas->class_id, SWISD_KERNELS_NO_CLASS);
  assert_string_equal(blas->class_name, "none");
}

static void each_class_has_the_bits_that_it_was_defined_with(void **state)
{
  (void)state;
  const struct swisd_kernels *set;
  for (size_t i = 0; (set = case_portable(i)); i++) {
    const uint64_t want = set->class_id == SWISD_KERNELS_FMA ? KERNELS_DIGEST_FMA : KERNELS_DIGEST_NOFMA;
    const uint64_t digest = kernels_digest(set);
    if (digest != want)
      fail_msg("%s: digest %016" PRIx64 " instead of %016" PRIx64, set->name, digest, want);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(portable_is_the_first_set_and_every_set_answers_to_its_name),
    cmocka_unit_test(a_class_name_finds_a_set_of_that_class_and_every_build_has_nofma),
    cmocka_unit_test(openblas_belongs_to_no_class),
    cmocka_unit_test(each_class_has_the_bits_that_it_was_defined_with),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
