/* node.yml: what is read, and what is said about what cannot be. */
#include "scenarios/node_config.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/philox.h"
#include "tests/unit/cmocka_all.h"

static struct swisd_scenario_errors errors;
static struct swisd_node_config config;

static void read_well(const char *text)
{
  if (swisd_node_config_parse("dir/node.yml", text, strlen(text), &config, &errors)) {
    fail_msg("%s", errors.text);
  }
}

static void every_key_reaches_its_field(void **state)
{
  (void)state;
  read_well(
    "swisd: 1\nname: shelf-3\nlisten: 0.0.0.0\nport: 0\nadvertise: pi-03\njoin: [a:1, 'b:2']\nkey-file: join.key\n"
    "data: /var/lib/swisd\nspeed: {conv: 1 Gflops, dense: 2 Gflops, attention: 3 Gflops}\nkernels: openblas\n"
    "threads: 2\nshards: 5\nreplicas: 4\nmemory: 2 GiB\ndisk: 8 GiB\nwork: no\nlog-level: debug\nlog-format: json\nx-rack: 7\n"
    "http: 7180\nhttp-token: page.token\n"
    "availability:\n  user-load: 40 %\n  calm: 2 min\n  check: 1 s\n  battery: pause\n  metered: slow\n"
    "  temperature: 80\n  slow: 10 %\n");
  assert_string_equal(config.name, "shelf-3");
  assert_int_equal(config.port, 0);
  assert_int_equal(config.join_count, 2);
  assert_string_equal(config.join[1], "b:2");
  assert_string_equal(config.key_file, "dir/join.key"); /* a path is seen from the file's folder */
  assert_string_equal(config.data, "/var/lib/swisd");
  assert_true(config.flops_per_s[2] == 3e9);
  assert_int_equal(config.memory_bytes, UINT64_C(2) << 30);
  assert_int_equal(config.disk_bytes, UINT64_C(8) << 30);
  assert_int_equal(config.no_work, 1);
  assert_int_equal(config.shards, 5);
  assert_int_equal(config.replicas, 4);
  assert_int_equal(config.log_level, SWISD_LOG_DEBUG);
  assert_int_equal(config.log_json, 1);
  assert_string_equal(config.http, "7180");
  assert_string_equal(config.http_token, "dir/page.token");
  assert_true(config.availability.user_load == 0.4 && config.availability.temperature == 80);
  assert_int_equal(config.availability.calm_ns, 120 * SWISD_SECOND);
  assert_int_equal(config.availability.battery, SWISD_RULE_PAUSE);
  assert_int_equal(config.availability.metered, SWISD_RULE_SLOW);
}

static void what_is_not_given_is_told_apart_from_zero(void **state)
{
  (void)state;
  read_well("swisd: 1\njoin: a:7\n");
  assert_int_equal(config.port, SWISD_NODE_PORT_NONE);
  assert_int_equal(config.log_level, SWISD_NODE_LOG_NONE);
  assert_int_equal(config.join_count, 1);
  assert_string_equal(config.join[0], "a:7");
  assert_int_equal(config.no_work, 0);
  assert_int_equal(config.availability.check_ns, 5 * SWISD_SECOND);
}

static void all_mistakes_are_said_with_their_places(void **state)
{
  (void)state;
  static const char text[] = "swisd: 1\nmemroy: 1 GiB\ndisk: 8\nlog-level: loud\nport: 70000\njoin: [a:1, {b: 2}]\n"
                             "availability: {battery: paus, calm: 1 fortnight}\n";
  static const char *const wanted[] = {
    "dir/node.yml:2:1: memroy: unknown key, did you mean 'memory'?\n     2 | memroy: 1 GiB\n       | ^~~~~~\n",
    "dir/node.yml:3:7: disk: needs a unit",
    "dir/node.yml:4:12: log-level: 'loud' is not one of: error warn info debug",
    "dir/node.yml:5:7: port: 70000 is out of range, from 0 to 65535 is allowed",
    "dir/node.yml:6:13: join[1]: is a map, wanted is a text",
    "dir/node.yml:7:25: availability.battery: 'paus' is not one of: ignore slow pause; did you mean 'pause'?",
    "dir/node.yml:7:37: availability.calm: ",
  };
  assert_int_equal(swisd_node_config_parse("dir/node.yml", text, strlen(text), &config, &errors), -1);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    if (!strstr(errors.text, wanted[i])) {
      fail_msg("not found: %s\nin:\n%s", wanted[i], errors.text);
    }
  }
  assert_int_equal(errors.count, 7);
}

static void a_file_that_is_none_is_said_to_be_none(void **state)
{
  (void)state;
  static const struct {
    const char *text, *wanted;
  } cases[] = {{"", "is empty"},
               {"- a\n", "is no map"},
               {"name: x\n", "swisd: is missing"},
               {"swisd: 2\n", "it must be 1"},
               {"swisd: [\n", "n.yml:"},
               {"swisd: 1\njoin: [a:1, b:1, c:1, d:1, e:1, f:1, g:1, h:1, i:1]\n", "join[8]: is one more than the 8 allowed"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(swisd_node_config_parse("n.yml", cases[i].text, strlen(cases[i].text), &config, &errors), -1);
    if (!strstr(errors.text, cases[i].wanted)) {
      fail_msg("not found: %s\nin:\n%s", cases[i].wanted, errors.text);
    }
  }
  assert_int_equal(swisd_node_config_read("no-such-file.yml", &config, &errors), -1);
  assert_non_null(strstr(errors.text, "no-such-file.yml: "));
}

static char changes[512];
static void note(const struct swisd_key *key, const char *path, void *context)
{
  (void)context;
  snprintf(changes + strlen(changes), sizeof changes - strlen(changes), "%s%s ", path, key->flags & SWISD_KEY_RELOAD ? "" : "!");
}

static void a_reload_knows_what_changed_and_what_may(void **state)
{
  (void)state;
  read_well("swisd: 1\nmemory: 1 GiB\nlog-level: info\njoin: a:1\navailability: {battery: pause}\n");
  const struct swisd_node_config before = config;
  swisd_node_config_compare(&before, &config, note, NULL);
  assert_string_equal(changes, "");
  read_well("swisd: 1\nmemory: 2 GiB\nlog-level: debug\njoin: b:1\navailability: {battery: slow}\n");
  swisd_node_config_compare(&before, &config, note, NULL);
  assert_string_equal(changes, "join! memory! log-level availability.battery ");
}

/* Any byte of a good file replaced by any other: read, or refused with a reason. */
static void no_byte_breaks_the_reader(void **state)
{
  (void)state;
  static const char good[] =
    "swisd: 1\nname: a\njoin: [a:1, 'b:2']\nspeed: {conv: 1 Gflops, dense: 2 Gflops, attention: 3 Gflops}\n"
    "disk: 8 GiB\navailability:\n  user-load: 40 %\n  battery: &b pause\n  metered: *b\n";
  struct swisd_philox random = swisd_philox_stream(5, 6, 7, 8);
  for (int i = 0; i < 2000; i++) {
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    for (uint32_t n = 1 + swisd_philox_below(&random, 3); n > 0; n--) {
      text[swisd_philox_below(&random, sizeof good - 1)] = (char)swisd_philox_below(&random, 256);
    }
    const size_t bytes = swisd_philox_below(&random, 4) ? sizeof good - 1 : swisd_philox_below(&random, sizeof good);
    const int status = swisd_node_config_parse("n.yml", text, bytes, &config, &errors);
    assert_true((status == 0) == (errors.count == 0) && errors.used == strlen(errors.text));
    assert_true(config.join_count <= SWISD_SEEDS_MAX && config.availability.battery <= SWISD_RULE_PAUSE);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_key_reaches_its_field),
    cmocka_unit_test(what_is_not_given_is_told_apart_from_zero),
    cmocka_unit_test(all_mistakes_are_said_with_their_places),
    cmocka_unit_test(a_file_that_is_none_is_said_to_be_none),
    cmocka_unit_test(a_reload_knows_what_changed_and_what_may),
    cmocka_unit_test(no_byte_breaks_the_reader),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
