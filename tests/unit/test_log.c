/* Log lines as text and JSON, the level, and the limit per call site. */
#include "runtime/base/log.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_all.h"

struct capture {
  FILE *stream;
  char *text;
  size_t bytes;
};

static void begin(struct capture *c)
{
  c->stream = open_memstream(&c->text, &c->bytes);
  assert_non_null(c->stream);
  swisd_log_set_stream(c->stream);
}

static void finish(struct capture *c)
{
  swisd_log_set_stream(NULL);
  fclose(c->stream);
}

static void a_text_line_names_time_level_node_and_module(void **state)
{
  (void)state;
  struct capture c;
  begin(&c);
  swisd_log_set_name("n3");
  swisd_log(SWISD_LOG_WARN, "net", "peer %d went away", 7);
  swisd_log(SWISD_LOG_DEBUG, "net", "not at this level");
  swisd_log_set_name("");
  finish(&c);
  assert_string_equal(c.text + strlen("00:00:00.000"), " warn  n3 net: peer 7 went away\n");
  free(c.text);
}

static void a_json_line_is_one_object_with_its_text_escaped(void **state)
{
  (void)state;
  struct capture c;
  begin(&c);
  swisd_log_set_json(true);
  swisd_log(SWISD_LOG_ERROR, "store", "bad \"%s\"", "x\ny");
  swisd_log_set_json(false);
  finish(&c);
  assert_memory_equal(c.text, "{\"time_s\":", 10);
  assert_string_equal(strchr(c.text, ','), ",\"level\":\"error\",\"module\":\"store\",\"text\":\"bad \\\"x\\ny\\\"\"}\n");
  free(c.text);
}

static void an_overlong_text_is_cut(void **state)
{
  (void)state;
  struct capture c;
  begin(&c);
  swisd_log(SWISD_LOG_INFO, "net", "%3000d", 1);
  finish(&c);
  assert_in_range(c.bytes, 1000, 1100);
  assert_int_equal(c.text[c.bytes - 1], '\n');
  free(c.text);
}

static void levels_have_words(void **state)
{
  (void)state;
  assert_int_equal(swisd_log_level_parse("error"), SWISD_LOG_ERROR);
  assert_int_equal(swisd_log_level_parse("debug"), SWISD_LOG_DEBUG);
  assert_int_equal(swisd_log_level_parse("loud"), -1);
  swisd_log_set_level(SWISD_LOG_ERROR);
  assert_false(swisd_log_enabled(SWISD_LOG_WARN));
  swisd_log_set_level(SWISD_LOG_INFO);
  assert_true(swisd_log_enabled(SWISD_LOG_INFO));
}

static void a_limit_passes_a_burst_per_window_and_counts_the_rest(void **state)
{
  (void)state;
  struct swisd_log_limit limit = {0};
  uint32_t held_back = 99;
  for (int i = 0; i < SWISD_LOG_BURST; i++) {
    assert_true(swisd_log_limit_pass(&limit, 1000, &held_back));
    assert_int_equal(held_back, 0);
  }
  for (int i = 0; i < 20; i++) {
    assert_false(swisd_log_limit_pass(&limit, SWISD_LOG_WINDOW_NS + 999, &held_back));
  }
  assert_true(swisd_log_limit_pass(&limit, SWISD_LOG_WINDOW_NS + 1000, &held_back));
  assert_int_equal(held_back, 20);
  assert_true(swisd_log_limit_pass(&limit, SWISD_LOG_WINDOW_NS + 1001, &held_back));
  assert_int_equal(held_back, 0);
}

static void a_limited_call_site_writes_no_more_than_its_burst(void **state)
{
  (void)state;
  struct capture c;
  begin(&c);
  for (int i = 0; i < 1000; i++) {
    swisd_log_limited(SWISD_LOG_WARN, "net", "bad frame %d", i);
  }
  finish(&c);
  int lines = 0;
  for (const char *p = c.text; *p; p++) {
    lines += *p == '\n';
  }
  assert_in_range(lines, SWISD_LOG_BURST, 2 * SWISD_LOG_BURST);
  free(c.text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_text_line_names_time_level_node_and_module),
    cmocka_unit_test(a_json_line_is_one_object_with_its_text_escaped),
    cmocka_unit_test(an_overlong_text_is_cut),
    cmocka_unit_test(levels_have_words),
    cmocka_unit_test(a_limit_passes_a_burst_per_window_and_counts_the_rest),
    cmocka_unit_test(a_limited_call_site_writes_no_more_than_its_burst),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
