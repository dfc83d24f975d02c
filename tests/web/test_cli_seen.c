/* status, top and explain, against a real swarm with a job. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/runtime/swarm.h"

/* The longest line of a text, where it begins. */
static const char *longest(const char *text)
{
  const char *found = text;
  while (*text) {
    const size_t length = strcspn(text, "\n");
    found = length > strcspn(found, "\n") ? text : found;
    text += length + (text[length] != '\0');
  }
  return found;
}

static size_t widest(const char *text) { return strcspn(longest(text), "\n"); }

static void what_is_said(const struct swarm *swarm, const char *name, const char *const *arguments, int status)
{
  const int got = swarm_run(swarm, name, arguments, 20);
  if (got != status) {
    char *said = swarm_read(swarm, "said.err", NULL);
    fprintf(stderr, "%s", said);
    free(said);
  }
  assert_int_equal(got, status);
}

static void the_status_shows_members_shards_and_jobs_in_80_columns(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES];
  swarm_start(&swarm, 2, "2");
  swarm_node_directory(&swarm, 1, directory);
  const char *const classify[] = {"classify", "--join", swarm.seed, "--items", "40", "--check", NULL};
  assert_int_equal(swarm_run(&swarm, "classify", classify, 20), 0);
  assert_true(swarm_wait_for(&swarm, 1, "/holdings", 1, 10));
  const char *const status[] = {"status", "--data", directory, NULL};
  what_is_said(&swarm, "said", status, 0);
  static const char *const words[] = {"node      ",      "swarm     ", "MEMBER ", "RTT ",     "\n* ",         " alive ",
                                      "SHARD (fashion)", "HOLDERS",    "JOB ",    " others ", " tasks here, "};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!swarm_file_says(&swarm, "said.out", words[i]))
      fail_msg("the status does not say '%s'", words[i]);
  char *text = swarm_read(&swarm, "said.out", NULL);
  if (widest(text) > 80)
    fail_msg("wider than 80 columns: %.*s", (int)widest(text), longest(text));
  assert_null(strchr(text, '\x1b')); /* no colours in a file */
  free(text);
  const char *const json[] = {"status", "--data", directory, "--json", NULL};
  what_is_said(&swarm, "said", json, 0);
  assert_true(swarm_file_says(&swarm, "said.out", "{\"ok\":true,"));
  assert_true(swarm_status(&swarm, 1, "/members/1/rtt_ns") >= 0);
  assert_true(swarm_status(&swarm, 1, "/models/0/shards/0/holders") >= 1);
  assert_true(swarm_status(&swarm, 1, "/tasks_computed") >= 1);
  swarm_end(&swarm);
}

static void a_job_is_explained_by_its_submitter_and_by_its_workers(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES], own[SWARM_PATH_BYTES], line[3 * SWARM_PATH_BYTES], name[64] = "";
  swarm_start(&swarm, 2, "2");
  swarm_node_directory(&swarm, 1, directory);
  swarm_path(&swarm, "submitter", own);
  const char *const classify[] = {"classify", "--join", swarm.seed, "--data", own, "--repeat", "3", NULL};
  struct swisd_lab_process submitter;
  swarm_command(&swarm, &submitter, "classify", classify);
  assert_true(swisd_lab_wait_for(own, "/items_accepted", 1, 20));
  assert_true(swarm_wait_for(&swarm, 1, "/tasks_computed", 1, 20));
  const char *const explain[] = {"explain", "latest", "--data", own, NULL};
  what_is_said(&swarm, "said", explain, 0);
  static const char *const words[] = {"Who got what",
                                      "What it waits for now",
                                      "The latest decisions",
                                      "because it asked for work",
                                      "items answered",
                                      "model fashion",
                                      "has conv"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!swarm_file_says(&swarm, "said.out", words[i]))
      fail_msg("the explanation does not say '%s'", words[i]);
  assert_true(swisd_lab_status_text(own, "/job_log/0/job", name, sizeof name));
  name[8] = '\0'; /* the beginning of its name is enough */
  const char *const part[] = {"explain", name, "--data", directory, NULL};
  what_is_said(&swarm, "said", part, 0);
  assert_true(swarm_file_says(&swarm, "said.out", "its own part only"));
  const char *const json[] = {"explain", name, "--json", "--data", own, NULL};
  what_is_said(&swarm, "said", json, 0);
  assert_true(swarm_file_says(&swarm, "said.out", "\"decisions\":[{"));
  const char *const list[] = {"explain", "--data", own, NULL};
  what_is_said(&swarm, "said", list, 0);
  snprintf(line, sizeof line, "%s-", name);
  assert_true(swarm_file_says(&swarm, "said.out", line));
  assert_true(swarm_file_says(&swarm, "said.out", "its submitter"));
  swisd_lab_kill(&submitter);
  swarm_end(&swarm);
}

static void what_cannot_be_shown_is_explained(void **state)
{
  (void)state;
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES], nowhere[SWARM_PATH_BYTES];
  swarm_start(&swarm, 1, "1");
  swarm_node_directory(&swarm, 0, directory);
  swarm_path(&swarm, "nowhere", nowhere);
  const struct {
    const char *arguments[6];
    int status;
    const char *said;
  } cases[] = {
    {{"status", "--data", nowhere}, 1, "no such data directory"},
    {{"status", "now"}, 2, "no argument is expected"},
    {{"top", "--data", directory}, 2, "this is no terminal"},
    {{"top", "--data", nowhere}, 1, "no such data directory"},
    {{"explain", "ffff", "--data", directory}, 1, "knows of no job ffff"},
    {{"explain", "latest", "--data", directory}, 1, "no job yet"},
    {{"explain", "\"; drop", "--data", directory}, 2, "allowed is one job"},
    {{"explain", "a", "b", "--data", directory}, 2, "allowed is one job"},
    {{"completion"}, 2, "swisd completion bash"},
    {{"completion", "fish"}, 2, "swisd completion bash"},
    {{"fault", "--data", directory, "slow"}, 2, "allowed are"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    what_is_said(&swarm, "said", cases[i].arguments, cases[i].status);
    if (!swarm_file_says(&swarm, "said.err", cases[i].said))
      fail_msg("case %zu does not say '%s'", i, cases[i].said);
    assert_false(swarm_file_says(&swarm, "said.out", "\n"));
  }
  swarm_end(&swarm);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(the_status_shows_members_shards_and_jobs_in_80_columns, swarm_teardown),
    cmocka_unit_test_teardown(a_job_is_explained_by_its_submitter_and_by_its_workers, swarm_teardown),
    cmocka_unit_test_teardown(what_cannot_be_shown_is_explained, swarm_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
