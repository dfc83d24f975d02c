/* When a device rests: sensors read from a made-up /proc and /sys, rules, and the calm before work goes on. Also the notes to the
 * service manager, and the file of remembered peers. */
#include "runtime/net/availability.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "runtime/cli/lab.h"
#include "runtime/net/notify.h"
#include "runtime/net/remembered.h"
#include "runtime/net/socket_address.h"
#include "runtime/store/whole_file.h"
#include "tests/unit/cmocka_all.h"

static char root[64];

static int make_root(void **state)
{
  (void)state;
  snprintf(root, sizeof root, "/tmp/swisd-device-XXXXXX");
  return mkdtemp(root) ? 0 : -1;
}

static int drop_root(void **state)
{
  (void)state;
  swisd_lab_remove(root);
  return 0;
}

static void put(const char *folder, const char *name, const char *text)
{
  char path[256];
  struct swisd_error error;
  snprintf(path, sizeof path, "%s/%s", root, folder);
  assert_int_equal(swisd_folder_make(path, &error), 0);
  assert_int_equal(swisd_whole_file_write(path, name, text, strlen(text), &error), SWISD_STORE_OK);
}

static struct swisd_device_state look(uint64_t own_ns, struct swisd_device_memory *memory)
{
  struct swisd_device_state state;
  swisd_device_look(root, own_ns, memory, &state);
  return state;
}

static void a_device_that_says_nothing_is_no_error(void **state)
{
  (void)state;
  struct swisd_device_memory memory = {0};
  const struct swisd_device_state seen = look(0, &memory);
  assert_false(seen.load_known || seen.battery_known || seen.network_known || seen.temperature_known);
  const struct swisd_availability_rules rules = {
    .user_load = 0.5, .temperature = 80, .battery = SWISD_REST_PAUSE, .metered = SWISD_REST_PAUSE, .slow_share = 0.25};
  assert_int_equal(swisd_availability_level(&rules, &seen, NULL), 100);
}

static void the_battery_counts_only_while_it_drains(void **state)
{
  (void)state;
  struct swisd_device_memory memory = {0};
  put("sys/class/power_supply/mouse", "type", "Battery\n");
  put("sys/class/power_supply/mouse", "scope", "Device\n");
  put("sys/class/power_supply/mouse", "status", "Discharging\n");
  assert_false(look(0, &memory).battery_known);
  put("sys/class/power_supply/BAT0", "type", "Battery\n");
  put("sys/class/power_supply/BAT0", "status", "Full\n");
  assert_true(look(0, &memory).battery_known);
  assert_false(look(0, &memory).on_battery);
  put("sys/class/power_supply/BAT0", "status", "Discharging\n");
  assert_true(look(0, &memory).on_battery);
  put("sys/class/power_supply/AC", "type", "Mains\n");
  put("sys/class/power_supply/AC", "online", "1\n"); /* a charger that is too weak is a charger */
  assert_false(look(0, &memory).on_battery);
}

static void the_hottest_sensor_counts_and_nonsense_does_not(void **state)
{
  (void)state;
  struct swisd_device_memory memory = {0};
  put("sys/class/thermal/thermal_zone0", "temp", "55000\n");
  assert_true(look(0, &memory).temperature == 55);
  put("sys/class/hwmon/hwmon0", "temp1_input", "-273000\n");
  put("sys/class/hwmon/hwmon0", "temp2_input", "61500\n");
  put("sys/class/hwmon/hwmon1", "temp1_input", "255000\n");
  put("sys/class/hwmon/hwmon1", "temp1_max", "99000\n");
  assert_true(look(0, &memory).temperature == 61.5);
}

static void a_default_route_over_a_mobile_network_is_metered(void **state)
{
  (void)state;
  struct swisd_device_memory memory = {0};
  put("proc/net", "route", "Iface\tDestination\tGateway\neth0\t00000000\t0100007F\nwwan0\t0000FEA9\t00000000\n");
  assert_true(look(0, &memory).network_known);
  assert_false(look(0, &memory).metered);
  put("proc/net", "route", "Iface\tDestination\tGateway\nenx00\t00000000\t0100007F\n");
  put("sys/class/net/enx00", "uevent", "DEVTYPE=wwan\nINTERFACE=enx00\n");
  assert_true(look(0, &memory).metered);
  put("proc/net", "route", "Iface\tDestination\tGateway\nwlan0\t00000000\t0100007F\n");
  assert_false(look(0, &memory).metered);
  put("run/swisd", "metered", "\n");
  assert_true(look(0, &memory).metered);
}

static void only_the_work_of_others_counts_as_load(void **state)
{
  (void)state;
  struct swisd_device_memory memory = {0};
  const double second_ticks = (double)sysconf(_SC_CLK_TCK);
  char text[128];
  put("proc", "stat", "cpu  1000 500 100 5000 0 0 0 0 0 0\n");
  assert_false(look(0, &memory).load_known); /* one look shows no speed */
  /* In one second of two processors: this process 0.5 s, others 0.7 s, niced ones 0.3 s. */
  snprintf(text, sizeof text, "cpu  %.0f %.0f 100 %.0f 0 0 0 0 0 0\n", 1000 + 1.2 * second_ticks, 500 + 0.3 * second_ticks,
           5000 + 0.5 * second_ticks);
  put("proc", "stat", text);
  const struct swisd_device_state seen = look(500000000, &memory);
  assert_true(seen.load_known && seen.others_load > 0.34 && seen.others_load < 0.36);
}

static void the_strictest_rule_decides_and_says_why(void **state)
{
  (void)state;
  char why[SWISD_WHY_BYTES];
  const struct swisd_availability_rules rules = {
    .user_load = 0.5, .temperature = 80, .battery = SWISD_REST_SLOW, .metered = SWISD_REST_IGNORE, .slow_share = 0.25};
  struct swisd_device_state seen = {
    .load_known = true, .temperature_known = true, .temperature = 79, .others_load = 0.5, .metered = true};
  assert_int_equal(swisd_availability_level(&rules, &seen, why), 100);
  assert_string_equal(why, "");
  seen.on_battery = true;
  assert_int_equal(swisd_availability_level(&rules, &seen, why), 25);
  assert_string_equal(why, "on battery");
  seen.others_load = 0.51;
  assert_int_equal(swisd_availability_level(&rules, &seen, why), 0);
  assert_string_equal(why, "others take 51 % of the processor, allowed are 50 %");
  seen.temperature = 81;
  assert_int_equal(swisd_availability_level(&rules, &seen, why), 0);
  assert_string_equal(why, "81 degrees, allowed are 80");
}

struct watcher {
  struct swisd_availability_host host; /* first */
  struct event_base *base;
  int changes, level;
};

static void on_changed(struct swisd_availability_host *host, uint8_t level, const char *why)
{
  struct watcher *watcher = (struct watcher *)host;
  (void)why;
  watcher->changes++;
  watcher->level = level;
  event_base_loopbreak(watcher->base);
}

static void it_rests_at_once_and_goes_on_after_a_calm(void **state)
{
  (void)state;
  struct watcher watcher = {.host = {on_changed}, .base = event_base_new(), .level = 100};
  const struct swisd_availability_rules rules = {.battery = SWISD_REST_PAUSE, .calm_ns = 60000000, .check_ns = 10000000};
  put("sys/class/power_supply/BAT0", "type", "Battery\n");
  put("sys/class/power_supply/BAT0", "status", "Discharging\n");
  struct swisd_availability *availability = swisd_availability_open(watcher.base, root, &rules, &watcher.host);
  assert_non_null(availability);
  assert_int_equal(watcher.level, 0);
  put("sys/class/power_supply/BAT0", "status", "Charging\n");
  struct timeval start, end, calm;
  event_base_gettimeofday_cached(watcher.base, &start);
  event_base_dispatch(watcher.base);
  event_base_gettimeofday_cached(watcher.base, &end);
  timersub(&end, &start, &calm);
  assert_int_equal(watcher.level, 100);
  assert_true(calm.tv_sec > 0 || calm.tv_usec >= 60000);
  const struct swisd_availability_rules none = {.check_ns = 10000000};
  put("sys/class/power_supply/BAT0", "status", "Discharging\n");
  event_base_dispatch(watcher.base);
  assert_int_equal(watcher.level, 0);
  swisd_availability_change(availability, &none); /* no rule any more: at once */
  assert_int_equal(watcher.level, 100);
  assert_int_equal(watcher.changes, 4);
  swisd_availability_close(availability);
  event_base_free(watcher.base);
}

static int notified;
static char note[256];

static void receive(void)
{
  const ssize_t got = recv(notified, note, sizeof note - 1, 0);
  note[got > 0 ? got : 0] = '\0';
}

static void on_note(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  receive();
  event_base_loopbreak(argument);
}

static void listen_for_notes(const char *path)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  const size_t length = strlen(path);
  memcpy(at.sun_path, path, length);
  if (path[0] == '@')
    at.sun_path[0] = '\0';
  notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(notified, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)), 0);
  assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
}

static void the_service_manager_is_told(void **state)
{
  (void)state;
  char path[100];
  assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
  assert_false(swisd_notify("READY=1"));
  snprintf(path, sizeof path, "%s/notify", root);
  listen_for_notes(path);
  assert_true(swisd_notify("READY=1\nSTATUS=here"));
  receive();
  assert_string_equal(note, "READY=1\nSTATUS=here");
  swisd_notify_reloading();
  receive();
  assert_non_null(strstr(note, "RELOADING=1\nMONOTONIC_USEC="));
  close(notified);
  assert_false(swisd_notify("READY=1")); /* nobody there: no error */
  snprintf(path, sizeof path, "@swisd-test-%ld", (long)getpid());
  listen_for_notes(path);
  assert_true(swisd_notify("STOPPING=1"));
  receive();
  assert_string_equal(note, "STOPPING=1");
  struct event_base *base = event_base_new();
  assert_int_equal(setenv("WATCHDOG_USEC", "40000", 1), 0);
  assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
  assert_null(swisd_watchdog_open(base)); /* meant for another process */
  assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
  struct swisd_watchdog *watchdog = swisd_watchdog_open(base);
  assert_non_null(watchdog);
  struct event *reading = event_new(base, notified, EV_READ | EV_PERSIST, on_note, base);
  event_add(reading, NULL);
  for (int i = 0; i < 2; i++) {
    event_base_dispatch(base);
    assert_string_equal(note, "WATCHDOG=1");
  }
  event_free(reading);
  swisd_watchdog_close(watchdog);
  event_base_free(base);
  close(notified);
  assert_int_equal(unsetenv("WATCHDOG_USEC") | unsetenv("NOTIFY_SOCKET"), 0);
}

static void peers_are_remembered_and_lines_that_are_none_left_out(void **state)
{
  (void)state;
  struct swisd_remembered peers, again;
  struct swisd_error error;
  static const char good[] = "swisd-peers 1\n10.0.0.1:7117\n[fe80::1]:7\n";
  assert_int_equal(swisd_remembered_parse(good, sizeof good - 1, &peers), 0);
  assert_int_equal(peers.count, 2);
  assert_int_equal(swisd_remembered_save(root, &peers, &error), 0);
  assert_int_equal(swisd_remembered_load(root, &again, &error), 0);
  assert_true(swisd_remembered_equal(&peers, &again));
  static const char bad[] =
    "swisd-peers 1\nlocalhost:1\n1.2.3.4:0\n1.2.3.4:70000\n1.2.3.4\n:5\n[::1:4\n1.2.3.4:5\n1.2.3.4:5\n\n1.2.3.4:6";
  assert_int_equal(swisd_remembered_parse(bad, sizeof bad - 1, &peers), 8);
  assert_int_equal(peers.count, 2);
  assert_int_equal(swisd_remembered_parse("swisd-peers 2\n1.2.3.4:5\n", 24, &peers), 1);
  assert_int_equal(peers.count, 0);
  put(".", "peers", "what is this\n");
  assert_int_equal(swisd_remembered_load(root, &peers, &error), -1);
  assert_non_null(strstr(error.text, "/peers: "));
}

static void random_bytes_are_no_peers(void **state)
{
  (void)state;
  struct swisd_philox random = swisd_philox_stream(1, 1, 2, 3);
  for (int i = 0; i < 3000; i++) {
    char text[200] = "swisd-peers 1\n";
    struct swisd_remembered peers;
    for (size_t b = 14; b < sizeof text; b++)
      text[b] = "0123456789.:[]\nabcdef\0\xff"[swisd_philox_below(&random, 23)];
    swisd_remembered_parse(text, swisd_philox_below(&random, sizeof text + 1), &peers);
    assert_true(peers.count <= SWISD_REMEMBERED_MAX);
    for (uint32_t k = 0; k < peers.count; k++)
      assert_true(peers.list[k].port > 0 && peers.list[k].family != SWISD_ADDRESS_NONE);
  }
}

int main(void)
{
#define DEVICE(test) cmocka_unit_test_setup_teardown(test, make_root, drop_root)
  const struct CMUnitTest tests[] = {
    DEVICE(a_device_that_says_nothing_is_no_error),
    DEVICE(the_battery_counts_only_while_it_drains),
    DEVICE(the_hottest_sensor_counts_and_nonsense_does_not),
    DEVICE(a_default_route_over_a_mobile_network_is_metered),
    DEVICE(only_the_work_of_others_counts_as_load),
    DEVICE(the_strictest_rule_decides_and_says_why),
    DEVICE(it_rests_at_once_and_goes_on_after_a_calm),
    DEVICE(the_service_manager_is_told),
    DEVICE(peers_are_remembered_and_lines_that_are_none_left_out),
    DEVICE(random_bytes_are_no_peers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
