/* The story that the small language model beside the checkout tells greedily, and whether tokens are it: one text, whatever
 * tells it. */
#ifndef SWISD_TESTS_KERNELS_TINYSTORY_H
#define SWISD_TESTS_KERNELS_TINYSTORY_H

#include <stdio.h>

#include "kernels/tokenizer.h"
#include "tests/unit/cmocka_all.h"

enum { TINYSTORY_BYTES = 8192 };

/* greedy300.txt of the model's folder up to its end of story; what follows is another one. */
static inline void tinystory_read(const char *folder, char text[TINYSTORY_BYTES])
{
  char path[4200];
  snprintf(path, sizeof path, "%s/greedy300.txt", folder);
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  text[fread(text, 1, TINYSTORY_BYTES - 1, in)] = '\0';
  fclose(in);
  text[strcspn(text, "<")] = '\0';
}

/* Fails unless the tokens, as text up to the end of the story, are it. */
static inline void tinystory_expect(const char *folder, const uint32_t *tokens, uint64_t count)
{
  static char wanted[TINYSTORY_BYTES], said[TINYSTORY_BYTES];
  char path[4200];
  struct swisd_error error = {""};
  tinystory_read(folder, wanted);
  snprintf(path, sizeof path, "%s/tokenizer.json", folder);
  struct swisd_tokenizer *tokenizer = swisd_tokenizer_read(path, &error);
  if (tokenizer == NULL)
    fail_msg("%s", error.text);
  assert_true(swisd_tokenizer_decode(tokenizer, tokens, count, 0, said, sizeof said, &error) > 0);
  swisd_tokenizer_free(tokenizer);
  said[strcspn(said, "<")] = '\0';
  assert_string_equal(said, wanted);
}

#endif
