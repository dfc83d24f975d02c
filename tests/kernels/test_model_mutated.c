/* Thousands of damaged files of each format, the same each time: none crashes, hangs or is taken for what it is not. The
 * sanitizer builds see what a plain build would let pass. */
#include "tests/kernels/format_cases.h"

#include "tests/kernels/fuzz_bodies.h"

enum { ROUNDS = 4000 };

/* One to four changes: a bit, a byte, a piece left out, doubled or moved, a number made huge, an end cut off. */
static size_t mutate(struct swisd_philox *random, const uint8_t *from, size_t count, uint8_t *to, size_t max)
{
  static const char *const spices[] = {"-1",         "99999999999",          "1e400", "null", "[", "{", "\"", "0",
                                       "4294967295", "18446744073709551615", "true"};
  memcpy(to, from, count);
  for (uint32_t changes = 1 + swisd_philox_below(random, 4); changes > 0 && count > 0; changes--) {
    const size_t at = swisd_philox_below(random, (uint32_t)count), rest = count - at;
    size_t length = 1 + swisd_philox_below(random, (uint32_t)(rest < 24 ? rest : 24));
    switch (swisd_philox_below(random, 7)) {
    case 0:
      to[at] ^= (uint8_t)(1u << swisd_philox_below(random, 8));
      break;
    case 1:
      to[at] = (uint8_t)swisd_philox_u32(random);
      break;
    case 2:
      memmove(to + at, to + at + length, rest - length);
      count -= length;
      break;
    case 3:
      length = count + length > max ? 0 : length;
      memmove(to + at + length, to + at, rest);
      count += length;
      break;
    case 4:
      count = swisd_philox_below(random, 4) ? count : at;
      break;
    case 5:
      memmove(to + at, to + swisd_philox_below(random, (uint32_t)(count - length + 1)), length);
      break;
    default: { /* in place of the number that stands next, if any */
      const char *spice = spices[swisd_philox_below(random, sizeof spices / sizeof *spices)];
      size_t begin = at;
      while (begin < count && (to[begin] < '0' || to[begin] > '9')) {
        begin++;
      }
      size_t end = begin;
      while (end < count && to[end] >= '0' && to[end] <= '9') {
        end++;
      }
      if (begin < count && count + 20 < max) {
        memmove(to + begin + strlen(spice), to + end, count - end);
        memcpy(to + begin, spice, strlen(spice));
        count = count - (end - begin) + strlen(spice);
      }
    }
    }
  }
  return count;
}

/* Mutates `rounds` times; the original is valid, and most of what comes of it is not. */
static void torment(bool (*body)(const uint8_t *, size_t), const void *original, size_t count, uint32_t purpose,
                    unsigned valid_max)
{
  struct swisd_philox random = case_random(purpose);
  const size_t max = count + 512;
  uint8_t *mutant = malloc(max);
  unsigned valid = 0;
  assert_true(body(original, count));
  for (int round = 0; round < ROUNDS; round++) {
    const size_t length = mutate(&random, original, count, mutant, max);
    uint8_t *exact = malloc(length ? length : 1); /* so that a byte too far is seen */
    memcpy(exact, mutant, length);
    valid += body(exact, length);
    free(exact);
  }
  free(mutant);
  if (valid > valid_max) {
    fail_msg("%u of %d mutants were taken as valid", valid, ROUNDS);
  }
}

static void mutated_manifests_are_refused_or_consistent(void **state)
{
  (void)state;
  torment(fuzz_manifest, case_manifest, sizeof case_manifest - 1, 40, ROUNDS / 2);
  torment(fuzz_manifest, case_decoder, sizeof case_decoder - 1, 41, ROUNDS / 2);
  torment(fuzz_manifest, case_strips, sizeof case_strips - 1, 42, ROUNDS / 2);
}

static void mutated_safetensors_are_refused_or_readable(void **state)
{
  (void)state;
  uint8_t file[512];
  torment(fuzz_safetensors, file, case_safetensors(file), 43, ROUNDS / 2);
}

static void mutated_tokenizers_are_refused_or_usable(void **state)
{
  (void)state;
  torment(fuzz_tokenizer, case_tokenizer, sizeof case_tokenizer - 1, 44, ROUNDS / 2);
}

static void mutated_data_sets_are_refused_or_whole(void **state)
{
  (void)state;
  uint8_t file[256];
  torment(fuzz_dataset, file, case_idx(file, false), 45, ROUNDS * 3 / 4); /* any pixels are valid */
  torment(fuzz_dataset, file, case_idx(file, true), 46, ROUNDS / 4);
}

static void mutated_images_are_refused_or_whole(void **state)
{
  (void)state;
  static const char image[] = "P6 # c\n3 2\n255\n0123456789abcdefgh";
  torment(fuzz_image, image, sizeof image - 1, 47, ROUNDS * 3 / 4);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(mutated_manifests_are_refused_or_consistent), cmocka_unit_test(mutated_safetensors_are_refused_or_readable),
    cmocka_unit_test(mutated_tokenizers_are_refused_or_usable),    cmocka_unit_test(mutated_data_sets_are_refused_or_whole),
    cmocka_unit_test(mutated_images_are_refused_or_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
