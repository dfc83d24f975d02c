/* Recordings are foreign bytes too: whatever a file holds, replaying it ends, and says how. */
#include "runtime/net/replay.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/net/recorder.h"
#include "tests/unit/cmocka_all.h"

enum { STEPS = 300 };

static char path[64];

static int make_path(void **state)
{
  (void)state;
  snprintf(path, sizeof path, "/tmp/swisd-test-XXXXXX");
  const int fd = mkstemp(path);
  if (fd >= 0)
    close(fd);
  return fd >= 0 ? 0 : -1;
}

static int remove_path(void **state)
{
  (void)state;
  return unlink(path);
}

/* A node alone with its deadlines, recorded. */
static void record(void)
{
  struct event_base *base = event_base_new();
  struct swisd_config config = swisd_config_default();
  struct swisd_error error;
  config.id = (struct swisd_id){1, 2};
  config.limits = swisd_limits_tiny;
  struct swisd_node *node = calloc(1, swisd_node_size(&config.limits));
  struct swisd_actions *actions = malloc(sizeof *actions);
  assert_true(node && actions);
  swisd_node_init(node, &config, 5);
  struct swisd_recorder *recorder = swisd_recorder_open(base, path, &config, 5, &error);
  assert_non_null(recorder);
  struct swisd_event event = {.kind = SWISD_EVENT_START};
  event.u.start.seed_count = 1;
  event.u.start.seeds[0] = (struct swisd_address){.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}, .port = 7};
  uint64_t now_ns = 1000;
  for (int i = 0; i < STEPS; i++) {
    swisd_recorder_event(recorder, now_ns, &event);
    swisd_node_step(node, &event, now_ns, actions);
    swisd_recorder_actions(recorder, actions);
    event = (struct swisd_event){.kind = SWISD_EVENT_DEADLINE};
    now_ns = swisd_node_deadline_ns(node) == SWISD_NEVER ? now_ns + SWISD_SECOND : swisd_node_deadline_ns(node);
  }
  swisd_recorder_close(recorder);
  free(actions);
  free(node);
  event_base_free(base);
}

static char *contents(size_t *bytes)
{
  FILE *in = fopen(path, "r");
  fseek(in, 0, SEEK_END);
  *bytes = (size_t)ftell(in);
  rewind(in);
  char *text = malloc(*bytes);
  assert_int_equal(fread(text, 1, *bytes, in), *bytes);
  fclose(in);
  return text;
}

static void overwrite(const char *bytes, size_t count)
{
  FILE *out = fopen(path, "w");
  assert_int_equal(fwrite(bytes, 1, count, out), count);
  fclose(out);
}

static void a_recording_replays_to_the_same_actions(void **state)
{
  (void)state;
  struct swisd_replay_result result;
  struct swisd_error error;
  record();
  assert_int_equal(swisd_replay_run(path, NULL, &result, &error), 0);
  assert_int_equal(result.steps, STEPS);
  assert_int_equal(result.compared, STEPS);
  assert_int_equal(result.first_differing, 0);
  assert_string_equal(result.end, "complete");
  assert_true(swisd_id_equal(result.id, (struct swisd_id){1, 2}));
}

static void a_changed_digest_is_found_at_its_step(void **state)
{
  (void)state;
  struct swisd_replay_result result;
  struct swisd_error error;
  size_t bytes;
  record();
  char *text = contents(&bytes);
  text[bytes - 1] ^= 1; /* the last byte of the last digest */
  overwrite(text, bytes);
  free(text);
  assert_int_equal(swisd_replay_run(path, NULL, &result, &error), 0);
  assert_int_equal(result.first_differing, STEPS);
}

static void a_recording_may_end_anywhere(void **state)
{
  (void)state;
  struct swisd_replay_result result;
  struct swisd_error error;
  size_t bytes;
  record();
  char *text = contents(&bytes);
  for (size_t count = 0; count < bytes; count += 1 + count / 7) {
    overwrite(text, count);
    if (swisd_replay_run(path, NULL, &result, &error) == 0)
      assert_true(result.steps <= STEPS && result.first_differing == 0);
    else
      assert_non_null(strstr(error.text, path));
  }
  free(text);
}

static void random_bytes_are_no_recording(void **state)
{
  (void)state;
  struct swisd_replay_result result;
  struct swisd_error error;
  size_t bytes;
  record();
  char *text = contents(&bytes);
  uint32_t random = 1;
  for (int round = 0; round < 200; round++) {
    char *damaged = malloc(bytes);
    memcpy(damaged, text, bytes);
    for (int i = 0; i < 8; i++) {
      random = random * 1664525 + 1013904223;
      damaged[8 + random % (bytes - 8)] = (char)(random >> 24);
    }
    overwrite(damaged, bytes);
    free(damaged);
    (void)swisd_replay_run(path, NULL, &result, &error); /* any end will do but a crash */
  }
  overwrite("certainly no recording", 22);
  assert_int_equal(swisd_replay_run(path, NULL, &result, &error), -1);
  assert_non_null(strstr(error.text, "not a recording"));
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_recording_replays_to_the_same_actions),
      cmocka_unit_test(a_changed_digest_is_found_at_its_step),
      cmocka_unit_test(a_recording_may_end_anywhere),
      cmocka_unit_test(random_bytes_are_no_recording),
  };
  return cmocka_run_group_tests(tests, make_path, remove_path);
}
