/* A node as a service: its file, its signals, its lock, its manners when it comes and goes. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/core/types.h"
#include "runtime/net/clock.h"
#include "runtime/store/whole_file.h"
#include "tests/runtime/swarm.h"

static void put(const struct swarm *swarm, const char *folder, const char *name, const char *text)
{
  char path[SWARM_PATH_BYTES];
  struct swisd_error error;
  swarm_path(swarm, folder, path);
  assert_int_equal(swisd_folder_make(path, &error), 0);
  assert_int_equal(swisd_whole_file_write(path, name, text, strlen(text), &error), SWISD_STORE_OK);
}

/* Starts `swisd node --config node.yml ARGUMENT` of the swarm's directory; the data directory is served/. */
static void start_served(struct swarm *swarm, struct swisd_lab_process *process, const char *name, const char *extra)
{
  char config[SWARM_PATH_BYTES];
  swarm_path(swarm, "node.yml", config);
  const char *const arguments[] = {"node", "--config", config, extra, NULL};
  swarm_command(swarm, process, name, arguments);
}

static bool served_says(const struct swarm *swarm, const char *pointer, double least)
{
  char directory[SWARM_PATH_BYTES];
  swarm_path(swarm, "served", directory);
  return swisd_lab_wait_for(directory, pointer, least, 10);
}

static void a_node_lives_by_its_file_and_reads_it_again(void **state)
{
  (void)state;
  struct swarm swarm;
  struct swisd_lab_process process, second;
  char pid[40];
  swarm_start(&swarm, 0, "1");
  put(&swarm, ".", "node.yml",
      "swisd: 1\nname: shelf\nport: 0\ndata: served\nspeed: 1 Gflops\nmemory: 64 MiB\ndisk: 10 MiB\nlog-format: json\n");
  start_served(&swarm, &process, "first", NULL);
  assert_true(served_says(&swarm, "/disk_quota_bytes", 10 << 20));
  assert_true(swarm_file_will_say(&swarm, "first.err", "\"node\":\"shelf\"", 5));

  start_served(&swarm, &second, "second", "--log-level=error"); /* the same data directory */
  assert_true(swisd_lab_ended(&second, 10));
  assert_int_equal(swisd_lab_exit_status(&second), 2);
  snprintf(pid, sizeof pid, "(process %ld)", (long)process.pid);
  assert_true(swarm_file_says(&swarm, "second.err", pid));

  put(&swarm, ".", "node.yml", "swisd: 1\nname: shelf\nport: 0\ndata: served\nspeed: 1 Gflops\nmemory: 32 MiB\ndisk: 20 MiB\n");
  swisd_lab_signal(&process, SIGHUP);
  assert_true(served_says(&swarm, "/disk_quota_bytes", 20 << 20));
  assert_true(swarm_file_will_say(&swarm, "first.err", "memory: cannot change while the node runs", 5));
  put(&swarm, ".", "node.yml", "swisd: 1\ndisk: 5\n");
  swisd_lab_signal(&process, SIGHUP);
  assert_true(swarm_file_will_say(&swarm, "first.err", "node.yml:2:7: disk: needs a unit", 5));
  assert_true(swarm_file_will_say(&swarm, "first.err", "everything stays as it was", 5));
  assert_true(served_says(&swarm, "/disk_quota_bytes", 20 << 20));

  swisd_lab_signal(&process, SIGTERM);
  assert_true(swisd_lab_ended(&process, 5));
  assert_int_equal(swisd_lab_exit_status(&process), 0);
  swarm_end(&swarm);
}

static void the_command_line_counts_more_than_the_file(void **state)
{
  (void)state;
  struct swarm swarm;
  struct swisd_lab_process process;
  swarm_start(&swarm, 0, "1");
  put(&swarm, ".", "node.yml", "swisd: 1\nport: 0\ndata: served\nspeed: 1 Gflops\ndisk: 10 MiB\n");
  start_served(&swarm, &process, "first", "--disk=30MiB");
  assert_true(served_says(&swarm, "/disk_quota_bytes", 30 << 20));
  swisd_lab_kill(&process);
  swarm_end(&swarm);
}

static void the_service_manager_hears_of_start_and_end(void **state)
{
  (void)state;
  struct swarm swarm;
  struct swisd_lab_process process;
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char path[SWARM_PATH_BYTES];
  swarm_start(&swarm, 0, "1");
  swarm_path(&swarm, "notify", path);
  assert_true(strlen(path) < sizeof at.sun_path);
  strcpy(at.sun_path, path);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
  const struct timeval patience = {.tv_sec = 10};
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  put(&swarm, ".", "node.yml", "swisd: 1\nport: 0\ndata: served\nspeed: 1 Gflops\n");
  setenv("NOTIFY_SOCKET", path, 1);
  setenv("WATCHDOG_USEC", "100000", 1);
  start_served(&swarm, &process, "first", NULL);
  unsetenv("NOTIFY_SOCKET");
  unsetenv("WATCHDOG_USEC");
  static const char *const wanted[] = {"READY=1", "WATCHDOG=1", "RELOADING=1", "READY=1", "STOPPING=1"};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    char text[256] = "";
    do {
      const ssize_t got = recv(fd, text, sizeof text - 1, 0);
      assert_true(got > 0);
      text[got] = '\0';
    } while (strncmp(text, wanted[i], strlen(wanted[i])) != 0);
    if (i == 1)
      swisd_lab_signal(&process, SIGHUP);
    if (i == 3)
      swisd_lab_signal(&process, SIGTERM);
  }
  assert_true(swisd_lab_ended(&process, 5));
  close(fd);
  swarm_end(&swarm);
}

static void a_node_on_battery_rests_and_the_rest_goes_on(void **state)
{
  (void)state;
  struct swarm swarm;
  struct swisd_lab_process process;
  char path[SWARM_PATH_BYTES];
  swarm_start(&swarm, 1, "2");
  put(&swarm, "device/sys/class/power_supply/BAT0", "type", "Battery\n");
  put(&swarm, "device/sys/class/power_supply/BAT0", "status", "Charging\n");
  put(&swarm, ".", "node.yml",
      "swisd: 1\nport: 0\ndata: served\nspeed: 2 Gflops\n"
      "availability: {battery: pause, temperature: 90, calm: 100 ms, check: 50 ms}\n");
  swarm_path(&swarm, "device", path);
  setenv("SWISD_DEVICE_ROOT", path, 1);
  char join[80];
  snprintf(join, sizeof join, "--join=%s", swarm.seed);
  start_served(&swarm, &process, "first", join);
  unsetenv("SWISD_DEVICE_ROOT");
  assert_true(served_says(&swarm, "/members_alive", 1));
  assert_true(swarm_file_will_say(&swarm, "first.err", "no temperature to be read here", 5));
  put(&swarm, "device/sys/class/power_supply/BAT0", "status", "Discharging\n");
  assert_true(swarm_file_will_say(&swarm, "first.err", "resting: on battery", 5));
  if (swarm_has_fashion()) {
    char directory[SWARM_PATH_BYTES];
    const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "40", "--check", NULL};
    assert_int_equal(swarm_run(&swarm, "classify", arguments, 20), 0);
    swarm_path(&swarm, "served", directory);
    assert_true(swisd_lab_status_number(directory, "/shards_fetched") == 0); /* nor does it fetch */
    assert_true(swisd_lab_status_number(directory, "/availability_percent") == 0);
  }
  put(&swarm, "device/sys/class/power_supply/BAT0", "status", "Charging\n");
  assert_true(swarm_file_will_say(&swarm, "first.err", "working again", 5));
  assert_true(served_says(&swarm, "/availability_percent", 100));
  swisd_lab_kill(&process);
  swarm_end(&swarm);
}

static void who_was_met_is_asked_again_after_a_restart(void **state)
{
  (void)state;
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES];
  swarm_start(&swarm, 2, "1");
  swisd_lab_signal(&swarm.nodes[1], SIGTERM);
  assert_true(swisd_lab_ended(&swarm.nodes[1], 5));
  assert_true(swarm_file_says(&swarm, "node-1/peers", swarm.seed));
  swarm_node_directory(&swarm, 1, directory);
  const char *const arguments[] = {"node", "--data", directory, "--port", "0", "--speed", "1", NULL};
  swarm_command(&swarm, &swarm.nodes[1], "again", arguments);
  assert_true(swarm_wait_for(&swarm, 1, "/members_alive", 1, 10));
  assert_true(swarm_file_says(&swarm, "again.err", "remembered from the last time"));
  swarm_end(&swarm);
}

static void nodes_of_one_network_find_each_other_by_themselves(void **state)
{
  (void)state;
  struct swarm swarm;
  char directories[2][SWARM_PATH_BYTES];
  static const char *const names[] = {"first", "second"};
  swarm_start(&swarm, 0, "1");
  for (uint32_t i = 0; i < 2; i++) {
    swarm_path(&swarm, names[i], directories[i]);
    const char *const arguments[] = {"node", "--data", directories[i], "--port", "0", "--speed", "1", "--beacon", "on", NULL};
    swarm_command(&swarm, &swarm.nodes[i], names[i], arguments);
  }
  swarm.node_count = 2;
  assert_true(swisd_lab_wait_for(directories[0], "/uptime_ns", 0, 10));
  if (swarm_file_says(&swarm, "first.err", "no multicast here")) {
    fprintf(stderr, "skipped: no multicast on this machine's loopback\n");
    swarm_end(&swarm);
    skip();
  }
  assert_true(swisd_lab_wait_for(directories[0], "/members_alive", 1, 10));
  assert_true(swisd_lab_wait_for(directories[1], "/members_alive", 1, 10));
  swarm_end(&swarm);
}

/* A worker that is told to go in the middle of a job: what it has is finished or handed back, and nothing is wrong or missing. */
static void a_node_that_leaves_finishes_or_hands_back(void **state)
{
  (void)state;
  struct swarm swarm;
  struct swisd_lab_process process;
  if (!swarm_has_fashion())
    skip_for_lack();
  swarm_start(&swarm, 3, "1.2");
  const char *const arguments[] = {"classify", "--join", swarm.seed, "--items", "300", "--check", NULL};
  swarm_command(&swarm, &process, "classify", arguments);
  assert_true(swarm_wait_for(&swarm, 2, "/computing", 1, 20));
  const uint64_t start_ns = swisd_clock_now_ns();
  swisd_lab_signal(&swarm.nodes[2], SIGTERM);
  assert_true(swisd_lab_ended(&swarm.nodes[2], 6));
  assert_true(swisd_clock_now_ns() - start_ns < 4 * SWISD_SECOND);
  assert_int_equal(swisd_lab_exit_status(&swarm.nodes[2]), 0);
  assert_true(swisd_lab_ended(&process, 40));
  assert_int_equal(swisd_lab_exit_status(&process), 0);
  assert_true(swarm_wait_for(&swarm, 0, "/members_dead", 1, 5)); /* it said so: nobody had to find out */
  swarm_end(&swarm);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(a_node_lives_by_its_file_and_reads_it_again, swarm_teardown),
    cmocka_unit_test_teardown(the_command_line_counts_more_than_the_file, swarm_teardown),
    cmocka_unit_test_teardown(the_service_manager_hears_of_start_and_end, swarm_teardown),
    cmocka_unit_test_teardown(a_node_on_battery_rests_and_the_rest_goes_on, swarm_teardown),
    cmocka_unit_test_teardown(who_was_met_is_asked_again_after_a_restart, swarm_teardown),
    cmocka_unit_test_teardown(nodes_of_one_network_find_each_other_by_themselves, swarm_teardown),
    cmocka_unit_test_teardown(a_node_that_leaves_finishes_or_hands_back, swarm_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
