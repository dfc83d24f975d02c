/* Tokenizers: merges in the order of their ranks, bytes for what is no token, and text that comes back as it went in. */
#include "tests/kernels/format_cases.h"

#include "kernels/tokenizer.h"

static struct swisd_tokenizer *open_case(const char *json)
{
  struct swisd_error error = {""};
  struct swisd_tokenizer *tokenizer = swisd_tokenizer_parse(json, strlen(json), "case", &error);
  if (!tokenizer) {
    fail_msg("%s", error.text);
  }
  return tokenizer;
}

struct encoding {
  const char *text;
  int count;
  uint32_t tokens[12];
};

/* Of case_tokenizer, by hand. "▁abc": b c merges first (rank 0), then ▁ a (2), so a bc (3) finds no a. */
static const struct encoding encodings[] = {
  {"", 1, {1}},
  {"abc", 3, {1, 12, 10}},
  {"xabc", 4, {1, 5, 0, 11}},      /* x is no token: unknown */
  {"xyzabc", 4, {1, 5, 0, 11}},    /* unknown ones fuse */
  {"xayc", 6, {1, 5, 0, 6, 0, 8}}, /* but not across others */
  {"b\xc3\xa9"
   "b",
   6,
   {1, 5, 7, 3, 4, 7}}, /* bytes for what is no token */
  {"b\xc3\xbf"
   "b",
   5,
   {1, 5, 7, 0, 7}}, /* unless one of the bytes is none either */
  {"b a", 4, {1, 5, 7, 12}},
  {"baaaa", 5, {1, 5, 7, 13, 13}}, /* leftmost first: aa a a, then aa aa; aa + a comes too late */
  {"baaaaa", 5, {1, 5, 7, 13, 14}},
  {"c<s>ab", 6, {1, 5, 8, 1, 5, 9}}, /* each piece has its prefix; a b (1) before ▁ a (2) */
  {"</s>", 2, {1, 2}},
};

static void texts_become_the_tokens_worked_out_by_hand(void **state)
{
  (void)state;
  struct swisd_tokenizer *tokenizer = open_case(case_tokenizer);
  for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
    const struct encoding *e = &encodings[i];
    uint32_t tokens[12];
    struct swisd_error error = {""};
    const int64_t count = swisd_tokenizer_encode(tokenizer, e->text, strlen(e->text), tokens, 12, &error);
    char got[256] = "";
    for (int64_t t = 0; t < count; t++) {
      snprintf(got + strlen(got), sizeof got - strlen(got), " %u", tokens[t]);
    }
    if (count != e->count || memcmp(tokens, e->tokens, (size_t)count * sizeof *tokens) != 0) {
      fail_msg("`%s` gives%s %s", e->text, got, error.text);
    }
  }
  swisd_tokenizer_free(tokenizer);
}

static void tokens_become_text_with_bytes_joined_and_the_prefix_off(void **state)
{
  (void)state;
  static const struct {
    int count, special;
    uint32_t tokens[8];
    const char *text;
  } cases[] = {{4, 0, {1, 12, 10, 2}, "abc"},
               {4, 1, {1, 12, 10, 2}, "<s> abc</s>"},
               {3, 0, {5, 3, 4}, "\xc3\xa9"},
               {3, 0, {5, 4, 3}, "\xef\xbf\xbd\xef\xbf\xbd"},
               {3,
                0,
                {7, 15, 8},
                "b\xef\xbf\xbd"
                "c"},
               {0, 0, {0}, ""},
               {3, 0, {5, 5, 6}, " a"}};
  struct swisd_tokenizer *tokenizer = open_case(case_tokenizer);
  struct swisd_error error = {""};
  char text[64];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const int64_t length =
      swisd_tokenizer_decode(tokenizer, cases[i].tokens, (size_t)cases[i].count, cases[i].special, text, sizeof text, &error);
    assert_int_equal(length, strlen(cases[i].text));
    assert_string_equal(text, cases[i].text);
  }
  const uint32_t unknown = 16;
  assert_int_equal(swisd_tokenizer_decode(tokenizer, &unknown, 1, 0, text, sizeof text, &error), -1);
  assert_int_equal(swisd_tokenizer_decode(tokenizer, cases[0].tokens, 4, 0, text, 3, &error), 1); /* " a" fits, its space goes */
  assert_string_equal(text, "a");
  swisd_tokenizer_free(tokenizer);
}

static void too_much_or_broken_text_is_refused(void **state)
{
  (void)state;
  struct swisd_tokenizer *tokenizer = open_case(case_tokenizer);
  struct swisd_error error = {""};
  uint32_t tokens[4];
  static const char *const broken[] = {"a\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    assert_int_equal(swisd_tokenizer_encode(tokenizer, broken[i], strlen(broken[i]), tokens, 4, &error), -1);
    assert_non_null(strstr(error.text, "UTF-8"));
  }
  assert_int_equal(swisd_tokenizer_encode(tokenizer, "cbcbcb", 6, tokens, 4, &error), -1);
  assert_non_null(strstr(error.text, "more than 4 tokens"));
  char *large = calloc(SWISD_TOKENIZER_TEXT_MAX + 1, 1);
  assert_int_equal(swisd_tokenizer_encode(tokenizer, large, SWISD_TOKENIZER_TEXT_MAX + 1, tokens, 4, &error), -1);
  free(large);
  swisd_tokenizer_free(tokenizer);
}

static void a_long_text_takes_no_quadratic_time(void **state)
{
  (void)state;
  struct swisd_tokenizer *tokenizer = open_case(case_tokenizer);
  struct swisd_error error = {""};
  const size_t length = SWISD_TOKENIZER_TEXT_MAX;
  char *text = malloc(length);
  uint32_t *tokens = malloc(length * sizeof *tokens);
  memset(text, 'a', length);
  /* <s>, one ▁a, pairs, and at the end three: minutes if each merge walked the text */
  assert_int_equal(swisd_tokenizer_encode(tokenizer, text, length, tokens, length, &error), 3 + (length - 4) / 2);
  free(text);
  free(tokens);
  swisd_tokenizer_free(tokenizer);
}

static void what_is_not_understood_is_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    const char *right, *wrong, *reason;
  } cases[] = {{"\"BPE\"", "\"Unigram\"", "model/type"},
               {"\"pre_tokenizer\": null", "\"pre_tokenizer\": {\"type\": \"ByteLevel\"}", "pre_tokenizer"},
               {"\"dropout\": null", "\"dropout\": 0.1", "model/dropout"},
               {"\"Prepend\"", "\"NFKC\"", "normalizer"},
               {"\"ByteFallback\"", "\"ByteLevel\"", "decoder"},
               {"\"TemplateProcessing\"", "\"ByteLevel\"", "post_processor"},
               {"\"b c\"", "\"b x\"", "merges"},
               {"\"b c\"", "\"c b\"", "merges"},
               {"\"id\": 2", "\"id\": 3", "added_tokens"},
               {"\"abc\": 11", "\"abc\": 10", "vocab"},
               {"\"abc\": 11", "\"abc\": 1000000", "vocab"},
               {"\"abc\": 11", "\"abc\": -1", "vocab"},
               {"\"<unk>\", \"fuse", "\"<none>\", \"fuse", "unk_token"},
               {"{\"Sequence\"", "{\"Sequenc\"", "post_processor"},
               {"\"special\": true}", "\"lstrip\": true}", "added_tokens"},
               {"\"start\": 1", "\"start\": 99", "decoder"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char json[4096];
    struct swisd_error error = {""};
    const char *at = strstr(case_tokenizer, cases[i].right);
    assert_non_null(at);
    snprintf(json, sizeof json, "%.*s%s%s", (int)(at - case_tokenizer), case_tokenizer, cases[i].wrong,
             at + strlen(cases[i].right));
    if (swisd_tokenizer_parse(json, strlen(json), "case", &error)) {
      fail_msg("`%s` passed", cases[i].wrong);
    }
    if (!strstr(error.text, cases[i].reason)) {
      fail_msg("`%s`: \"%s\" does not say \"%s\"", cases[i].wrong, error.text, cases[i].reason);
    }
  }
}

/* ASCII, which the vocabulary of the real model covers, must survive the round. */
static void the_real_vocabulary_gives_text_back(void **state)
{
  (void)state;
  static const char *const texts[] = {"Once upon a time, a little robot", "Tim said: \"Hello!\"\nThen he went home.",
                                      "The  two   spaces", "a"};
  struct swisd_error error = {""};
  char path[4096], back[256];
  if (!case_shared("data/models/tinystories-656k/tokenizer.json", path)) {
    skip_for_lack();
  }
  struct swisd_tokenizer *tokenizer = swisd_tokenizer_read(path, &error);
  assert_non_null(tokenizer);
  assert_int_equal(swisd_tokenizer_size(tokenizer), 2048);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    uint32_t tokens[64];
    const int64_t count = swisd_tokenizer_encode(tokenizer, texts[i], strlen(texts[i]), tokens, 64, &error);
    assert_true(count >= 2 && (size_t)count <= strlen(texts[i]) + 2);
    assert_int_equal(tokens[0], 1);
    assert_int_equal(swisd_tokenizer_decode(tokenizer, tokens, (size_t)count, 0, back, sizeof back, &error), strlen(texts[i]));
    assert_string_equal(back, texts[i]);
  }
  swisd_tokenizer_free(tokenizer);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(texts_become_the_tokens_worked_out_by_hand),
    cmocka_unit_test(tokens_become_text_with_bytes_joined_and_the_prefix_off),
    cmocka_unit_test(too_much_or_broken_text_is_refused),
    cmocka_unit_test(a_long_text_takes_no_quadratic_time),
    cmocka_unit_test(what_is_not_understood_is_refused_by_name),
    cmocka_unit_test(the_real_vocabulary_gives_text_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
