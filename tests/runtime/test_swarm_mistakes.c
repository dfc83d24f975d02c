/* Bad input and bad places: a clear error, nothing started; or a counted drop, nobody else disturbed. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "runtime/net/introduction.h"
#include "runtime/store/model_store.h"
#include "tests/runtime/swarm.h"

static void a_port_in_use_is_said_and_nothing_is_started(void **state)
{
  (void)state;
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES];
  swarm_start(&swarm, 1, "1");
  swarm_path(&swarm, "other", directory);
  const char *const arguments[] = {"node", "--data", directory, "--speed", "1", "--port", strchr(swarm.seed, ':') + 1, NULL};
  assert_int_equal(swarm_run(&swarm, "second", arguments, 10), 2);
  assert_true(swarm_file_says(&swarm, "second.err", "the port is in use"));
  assert_true(swarm_file_says(&swarm, "second.err", swarm.seed));
  assert_true(swarm_status(&swarm, 0, "/uptime_ns") > 0);
  swarm_end(&swarm);
}

static void two_nodes_cannot_have_one_identity(void **state)
{
  (void)state;
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES];
  swarm_start(&swarm, 1, "1");
  swarm_node_directory(&swarm, 0, directory);
  const char *const arguments[] = {"node", "--data", directory, "--speed", "1", "--port", "0", NULL};
  assert_int_equal(swarm_run(&swarm, "second", arguments, 10), 2);
  assert_true(swarm_file_says(&swarm, "second.err", "another node runs on this data directory"));
  assert_true(swarm_status(&swarm, 0, "/uptime_ns") > 0);
  swarm_end(&swarm);
}

/* Somebody copied a data directory to a second machine: the second one finds nobody, and says why that may be. */
static void a_copied_identity_is_not_let_in_and_disturbs_nobody(void **state)
{
  (void)state;
  struct swarm swarm;
  struct swisd_lab_process twin;
  char from[SWARM_PATH_BYTES], to[SWARM_PATH_BYTES], path[2 * SWARM_PATH_BYTES], key[4096];
  swarm_start(&swarm, 2, "2");
  swarm_node_directory(&swarm, 1, from);
  swarm_path(&swarm, "twin", to);
  assert_int_equal(mkdir(to, 0700), 0);
  snprintf(path, sizeof path, "%s/key.pem", from);
  FILE *in = fopen(path, "re");
  assert_non_null(in);
  const size_t bytes = fread(key, 1, sizeof key, in);
  fclose(in);
  snprintf(path, sizeof path, "%s/key.pem", to);
  const int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_true(out >= 0 && bytes > 0 && write(out, key, bytes) == (ssize_t)bytes);
  close(out);
  const char *const arguments[] = {"node", "--data", to, "--speed", "2", "--port", "0", "--join", swarm.seed, NULL};
  swarm_command(&swarm, &twin, "twin-node", arguments);
  assert_true(swarm_file_will_say(&swarm, "twin-node.err", "with the same join key and another identity?", 20));
  assert_int_equal(swarm_status(&swarm, 0, "/members_alive"), 1); /* the first to come stays */
  if (swarm_has_fashion()) {
    const char *const classify[] = {"classify", "--join", swarm.seed, "--items", "40", "--check", NULL};
    assert_int_equal(swarm_run(&swarm, "classify", classify, 30), 0);
  }
  swisd_lab_kill(&twin);
  swarm_end(&swarm);
}

static void a_model_whose_bytes_do_not_match_is_refused(void **state)
{
  (void)state;
  struct swarm swarm;
  struct swisd_error error;
  char folder[SWARM_PATH_BYTES], path[2 * SWARM_PATH_BYTES];
  struct swisd_bundle *bundle = calloc(1, sizeof *bundle);
  assert_non_null(bundle);
  swarm_start(&swarm, 0, "1");
  swarm_path(&swarm, "model", folder);
  assert_int_equal(swisd_model_folder_load("kernels/weights/fashion", bundle, &error), 0);
  assert_int_equal(swisd_model_folder_save(folder, bundle, &error), 0);
  snprintf(path, sizeof path, "%s/shards/%016llx.bin", folder, (unsigned long long)bundle->model.steps[0].lanes[0].shard);
  swisd_bundle_free(bundle);
  free(bundle);
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, "X", 1, 1000), 1);
  close(fd);
  const char *const arguments[] = {"classify", "--model", folder, "--items", "10", NULL};
  assert_int_equal(swarm_run(&swarm, "damaged", arguments, 10), 2);
  assert_true(swarm_file_says(&swarm, "damaged.err", "damaged: its SHA-256 is not the one in the manifest"));
  assert_int_equal(truncate(path, 100), 0);
  assert_int_equal(swarm_run(&swarm, "short", arguments, 10), 2);
  assert_true(swarm_file_says(&swarm, "short.err", "100 bytes, the manifest says"));
  swarm_end(&swarm);
}

static void a_scenario_with_mistakes_names_each_and_starts_nothing(void **state)
{
  (void)state;
  struct swarm swarm;
  char scenario[SWARM_PATH_BYTES], results[SWARM_PATH_BYTES];
  swarm_start(&swarm, 0, "1");
  swarm_path(&swarm, "bad.yml", scenario);
  swarm_path(&swarm, "results", results);
  FILE *out = fopen(scenario, "we");
  assert_non_null(out);
  fputs("swisd: 1\nlinks:\n  wifi: {latency: 5}\ndevices:\n  pi4: {cout: 2}\nworkload: {model: fashion, veryfy: none}\n", out);
  fclose(out);
  const char *const arguments[] = {"demo", "--scenario", scenario, "--out", results, NULL};
  assert_int_equal(swarm_run(&swarm, "bad", arguments, 10), 2);
  assert_true(swarm_file_says(&swarm, "bad.err", "bad.yml:3:19: links.wifi.latency: needs a unit"));
  assert_true(swarm_file_says(&swarm, "bad.err", "did you mean 'count'?"));
  assert_true(swarm_file_says(&swarm, "bad.err", "did you mean 'verify'?\n"));
  assert_true(swarm_file_says(&swarm, "bad.err", "    ^~~~~~\n")); /* to its end */
  assert_int_equal(access(results, F_OK), -1);
  swarm_end(&swarm);
}

static void mistakes_on_the_command_line_are_explained(void **state)
{
  (void)state;
  struct swarm swarm;
  swarm_start(&swarm, 0, "1");
  static const struct {
    const char *const arguments[6];
    const char *said;
  } cases[] = {
    {{"clasify"}, "did you mean swisd classify?"},
    {{"node", "--jion", "127.0.0.1:1"}, "did you mean --join?"},
    {{"node", "--port", "70000"}, "allowed is a whole number from 0 to 65535"},
    {{"node", "--join", "nowhere"}, "allowed is HOST:PORT"},
    {{"node", "--speed", "fast"}, "allowed is GFLOP/s"},
    {{"node", "--delay", "5"}, "allowed is a number with a unit"},
    {{"node", "--kernels", "magic"}, "allowed are portable, openblas"},
    {{"node", "--throttle"}, "needs a value"},
    {{"classify", "no-such-file.gz"}, "no-such-file.gz"},
    {{"classify", "--model", "no-such-model"}, "no-such-model"},
    {{"ask", "--model", "no-such-model", "Hello"}, "no-such-model"},
    {{"filter", "no-such-image.pgm"}, "no-such-image.pgm"},
    {{"replay", "no-such-recording"}, "no-such-recording"},
    {{"demo", "--scenario", "no-such-scenario.yml"}, "no-such-scenario.yml"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(swarm_run(&swarm, "mistake", cases[i].arguments, 10), 2);
    assert_true(swarm_file_says(&swarm, "mistake.err", cases[i].said));
    assert_false(swarm_file_says(&swarm, "mistake.out", "\n"));
  }
  swarm_end(&swarm);
}

static int dial(const char *seed, int type)
{
  struct sockaddr_in to = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(strchr(seed, ':') + 1)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

static void garbage_disturbs_nobody(void **state)
{
  (void)state;
  enum { STREAMS = 24, DATAGRAMS = 200 };
  struct swarm swarm;
  swarm_start(&swarm, 2, "2");
  struct swisd_philox random = swisd_philox_stream(1, 2, 3, 4);
  uint8_t bytes[2000];
  for (int i = 0; i < STREAMS; i++) {
    const int fd = dial(swarm.seed, SOCK_STREAM);
    for (size_t b = 0; b < sizeof bytes; b++)
      bytes[b] = (uint8_t)swisd_philox_u32(&random);
    if (i % 3 == 1)
      memcpy(bytes, "\x01\x00\x00\x00\x00\x00\xff\xff\xff\xff", 10); /* a HELLO of four gigabytes */
    if (i % 3 == 2)
      memcpy(bytes, "\x03\x00\x00\x00\x00\x00\x00\x00\x00\x04", 10); /* a message before any HELLO */
    const ssize_t sent = send(fd, bytes, 1 + swisd_philox_below(&random, sizeof bytes), MSG_NOSIGNAL);
    assert_true(sent > 0);
    close(fd);
  }
  const int fd = dial(swarm.seed, SOCK_DGRAM);
  for (int i = 0; i < DATAGRAMS; i++) {
    for (size_t b = 0; b < sizeof bytes; b++)
      bytes[b] = (uint8_t)swisd_philox_u32(&random);
    size_t count = 1 + swisd_philox_below(&random, 1400);
    if (i % 4 == 1) /* the right magic and version, a tag that cannot fit */
      memcpy(bytes, "Sw\x01\x00", 4);
    if (i % 4 == 3) { /* an introduction, of the right length too */
      memcpy(bytes, "Sw\x01\x01", 4);
      count = SWISD_INTRODUCTION_BYTES;
    }
    assert_true(send(fd, bytes, count, 0) > 0);
  }
  close(fd);
  assert_true(swarm_wait_for(&swarm, 0, "/datagrams_bad", DATAGRAMS / 4, 5));
  assert_true(swarm_wait_for(&swarm, 0, "/datagrams_strange", 1, 5));
  assert_true(swarm_wait_for(&swarm, 0, "/datagrams_other_key", DATAGRAMS / 4, 5));
  assert_true(swarm_wait_for(&swarm, 0, "/connections_refused", STREAMS / 2, 5));
  assert_true(swarm_status(&swarm, 0, "/members_alive") == 1);
  if (swarm_has_fashion()) {
    const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "40", "--check", NULL};
    assert_int_equal(swarm_run(&swarm, "classify", arguments, 20), 0);
  }
  swarm_end(&swarm);
}

/* Flips a byte in every shard of a stopped node's store; returns how many there are. */
static uint32_t damage_shards(const struct swarm *swarm, uint32_t node)
{
  char folder[SWARM_PATH_BYTES], path[2 * SWARM_PATH_BYTES];
  swarm_node_directory(swarm, node, folder);
  strcat(folder, "/store/shards");
  DIR *directory = opendir(folder);
  assert_non_null(directory);
  uint32_t count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, 100), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
    close(fd);
    count++;
  }
  closedir(directory);
  return count;
}

static void a_damaged_shard_is_noticed_and_fetched_again(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  swarm_start(&swarm, 2, "2");
  const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "40", "--check", NULL};
  assert_int_equal(swarm_run(&swarm, "classify", arguments, 20), 0);
  assert_true(swarm_wait_for(&swarm, 1, "/holdings", 3, 10));
  swisd_lab_kill(&swarm.nodes[1]);
  assert_true(damage_shards(&swarm, 1) >= 3);
  swarm_start_node(&swarm, 1, "2", NULL);
  assert_true(swarm_file_will_say(&swarm, "node-1.log", "a shard is not held any more", 5));
  assert_true(swarm_wait_for(&swarm, 1, "/shards_fetched", 3, 10));
  assert_true(swarm_wait_for(&swarm, 1, "/holdings", 3, 10));
  assert_int_equal(swarm_run(&swarm, "classify", arguments, 20), 0);
  swarm_end(&swarm);
}

static void a_full_disk_is_said_and_the_node_lives(void **state)
{
  (void)state;
  if (!swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  swarm_start(&swarm, 1, "2");
  swarm_start_node(&swarm, 1, "2", "ulimit -f 16; exec \"$@\""); /* files of 8 or 16 kB: the larger shards do not fit */
  assert_true(swarm_wait_for(&swarm, 1, "/members_alive", 1, 10));
  const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "40", "--check", NULL};
  assert_int_equal(swarm_run(&swarm, "classify", arguments, 30), 0);
  assert_true(swarm_file_will_say(&swarm, "node-1.log", "no room: fetching stops", 10));
  assert_true(swarm_status(&swarm, 1, "/uptime_ns") > 0);
  assert_true(swarm_status(&swarm, 0, "/members_alive") >= 1);
  swarm_end(&swarm);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(a_port_in_use_is_said_and_nothing_is_started, swarm_teardown),
    cmocka_unit_test_teardown(two_nodes_cannot_have_one_identity, swarm_teardown),
    cmocka_unit_test_teardown(a_copied_identity_is_not_let_in_and_disturbs_nobody, swarm_teardown),
    cmocka_unit_test_teardown(a_model_whose_bytes_do_not_match_is_refused, swarm_teardown),
    cmocka_unit_test_teardown(a_scenario_with_mistakes_names_each_and_starts_nothing, swarm_teardown),
    cmocka_unit_test_teardown(mistakes_on_the_command_line_are_explained, swarm_teardown),
    cmocka_unit_test_teardown(garbage_disturbs_nobody, swarm_teardown),
    cmocka_unit_test_teardown(a_damaged_shard_is_noticed_and_fetched_again, swarm_teardown),
    cmocka_unit_test_teardown(a_full_disk_is_said_and_the_node_lives, swarm_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
