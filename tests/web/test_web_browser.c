/* The live page in headless Chromium, spoken to through its debugging pipe: it draws what the node says, follows what happens
 * to the swarm, runs nothing it should not, and fits a phone. Second tier. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/json_read.h"
#include "runtime/core/types.h"
#include "runtime/net/clock.h"
#include "tests/web/http_client.h"

enum { BUFFER_BYTES = 1 << 22, ANSWER_SECONDS = 30 };

/* What the test knows of its browser. */
static struct browser {
  pid_t pid;
  int to, from; /* commands; answers and events, each ended by a zero byte */
  char buffer[BUFFER_BYTES];
  size_t used;
  int number;
  char session[80];
  char profile[64];
  char complaint[600]; /* the first exception or error of the page */
} browser;

static bool has_chromium(void)
{
  if (access("/usr/bin/chromium", X_OK) == 0)
    return true;
  fprintf(stderr, "skipped: no chromium\n");
  return false;
}

static void browser_start(void)
{
  int to[2], from[2];
  memset(&browser, 0, sizeof browser);
  strcpy(browser.profile, "/tmp/swisd-test-browser-XXXXXX");
  assert_non_null(mkdtemp(browser.profile));
  assert_int_equal(pipe2(to, O_CLOEXEC) + pipe2(from, O_CLOEXEC), 0);
  browser.pid = fork();
  if (browser.pid == 0) {
    char profile[100];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int silent = open("/dev/null", O_WRONLY);
    const int in = fcntl(to[0], F_DUPFD, 10), out = fcntl(from[1], F_DUPFD, 10);
    dup2(silent, STDOUT_FILENO);
    dup2(silent, STDERR_FILENO);
    dup2(in, 3);
    dup2(out, 4);
    snprintf(profile, sizeof profile, "--user-data-dir=%s", browser.profile);
    execl("/usr/bin/chromium", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
          "--remote-debugging-pipe", profile, "about:blank", (char *)NULL);
    _exit(127);
  }
  assert_true(browser.pid > 0);
  close(to[0]);
  close(from[1]);
  browser.to = to[1];
  browser.from = from[0];
}

static int browser_end(void **state)
{
  if (browser.pid > 0) {
    close(browser.to);
    close(browser.from);
    kill(browser.pid, SIGKILL);
    waitpid(browser.pid, NULL, 0);
    swisd_lab_remove(browser.profile);
    browser.pid = 0;
  }
  return swarm_teardown(state);
}

/* The next message, parsed. */
static void receive(struct swisd_json_file *message)
{
  struct swisd_error error;
  char *end;
  while (!(end = memchr(browser.buffer, '\0', browser.used))) {
    struct pollfd ready = {.fd = browser.from, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, ANSWER_SECONDS * 1000), 1);
    assert_true(browser.used < BUFFER_BYTES);
    const ssize_t got = read(browser.from, browser.buffer + browser.used, BUFFER_BYTES - browser.used);
    assert_true(got > 0);
    browser.used += (size_t)got;
  }
  const size_t length = (size_t)(end - browser.buffer);
  assert_int_equal(swisd_json_parse(message, "browser", browser.buffer, length, &error), 0);
  browser.used -= length + 1;
  memmove(browser.buffer, end + 1, browser.used);
}

/* Sends a command with its parameters as JSON and waits for the answer, which the caller frees. */
static void command(const char *method, const char *parameters, struct swisd_json_file *answer)
{
  static char line[8192];
  const int number = ++browser.number;
  const int bytes = snprintf(line, sizeof line, "{\"id\":%d,\"method\":\"%s\",\"params\":%s%s%s%s}", number, method, parameters,
                             browser.session[0] ? ",\"sessionId\":\"" : "", browser.session, browser.session[0] ? "\"" : "");
  assert_in_range(bytes, 1, (int)sizeof line - 1);
  assert_int_equal(write(browser.to, line, (size_t)bytes + 1), bytes + 1);
  for (;;) {
    receive(answer);
    const json_t *id = swisd_json_find(answer, "/id");
    if (id && json_integer_value(id) == number)
      break;
    const char *event = json_string_value(swisd_json_find(answer, "/method"));
    const char *level = json_string_value(swisd_json_find(answer, "/params/entry/level"));
    if (event && !browser.complaint[0] &&
        (strcmp(event, "Runtime.exceptionThrown") == 0 ||
         (strcmp(event, "Log.entryAdded") == 0 && level && strcmp(level, "error") == 0)))
      snprintf(browser.complaint, sizeof browser.complaint, "%.*s", (int)answer->bytes, answer->text);
    swisd_json_free(answer);
  }
  if (swisd_json_find(answer, "/error"))
    fail_msg("%s: %s", method, answer->text);
}

static void tell(const char *method, const char *parameters)
{
  struct swisd_json_file answer;
  command(method, parameters, &answer);
  swisd_json_free(&answer);
}

/* Opens a page of so many columns. */
static void open_page(uint16_t port, int width)
{
  char parameters[300];
  struct swisd_json_file answer;
  browser.session[0] = '\0';
  command("Target.createTarget", "{\"url\":\"about:blank\"}", &answer);
  snprintf(parameters, sizeof parameters, "{\"targetId\":\"%s\",\"flatten\":true}",
           json_string_value(swisd_json_find(&answer, "/result/targetId")));
  swisd_json_free(&answer);
  command("Target.attachToTarget", parameters, &answer);
  snprintf(browser.session, sizeof browser.session, "%s", json_string_value(swisd_json_find(&answer, "/result/sessionId")));
  swisd_json_free(&answer);
  tell("Runtime.enable", "{}");
  tell("Log.enable", "{}");
  snprintf(parameters, sizeof parameters, "{\"width\":%d,\"height\":1000,\"deviceScaleFactor\":1,\"mobile\":%s}", width,
           width < 500 ? "true" : "false");
  tell("Emulation.setDeviceMetricsOverride", parameters);
  snprintf(parameters, sizeof parameters, "{\"url\":\"http://127.0.0.1:%u/\"}", port);
  tell("Page.navigate", parameters);
}

/* The value of an expression (without double quotes in it), as a number; true is 1. */
static double value_of(const char *expression)
{
  char parameters[2048];
  struct swisd_json_file answer;
  snprintf(parameters, sizeof parameters, "{\"expression\":\"%s\",\"returnByValue\":true}", expression);
  command("Runtime.evaluate", parameters, &answer);
  const json_t *value = swisd_json_find(&answer, "/result/result/value");
  const double number = json_is_boolean(value) ? json_is_true(value) : value ? json_number_value(value) : -1;
  swisd_json_free(&answer);
  return number;
}

static void becomes_true(const char *expression)
{
  const uint64_t until_ns = swisd_clock_now_ns() + 25 * SWISD_SECOND;
  while (value_of(expression) != 1) {
    if (swisd_clock_now_ns() > until_ns)
      fail_msg("never came true in the page: %s", expression);
    poll(NULL, 0, 100);
  }
}

static void the_page_shows_the_swarm_and_follows_it(void **state)
{
  (void)state;
  if (!has_chromium() || !swarm_has_fashion())
    skip_for_lack();
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  char directory[SWARM_PATH_BYTES];
  swarm_node_directory(&swarm, 0, directory);
  assert_true(swisd_lab_address(directory, swarm.seed, sizeof swarm.seed));
  swarm_start_node(&swarm, 1, "2", NULL);
  swarm_start_node(&swarm, 2, "0.5", NULL);
  assert_true(swarm_wait_for(&swarm, 0, "/members_alive", 2, 10));
  struct swisd_lab_process submitter;
  const char *const classify[] = {"classify", "--join", swarm.seed, "--repeat", "20", NULL};
  swarm_command(&swarm, &submitter, "classify", classify);
  browser_start();
  open_page(port, 1280);
  becomes_true("document.getElementById('live').textContent === 'live'");
  becomes_true("document.querySelectorAll('#map circle').length === 4"); /* three nodes and the submitter */
  becomes_true("document.querySelectorAll('#map circle.node.idle').length === 1");
  becomes_true("document.querySelectorAll('#devices tbody tr').length === 4");
  becomes_true("document.querySelector('#jobs .state.running') !== null");
  becomes_true("document.querySelectorAll('.shard').length === 7");
  becomes_true("document.querySelector('#rate path.line').getAttribute('d').length > 20");
  becomes_true("document.querySelector('#map line.work.in') !== null"); /* work comes in */
  value_of("document.querySelector('button.job').click()");
  becomes_true("document.getElementById('explain').open && document.getElementById('explanation').textContent.includes('one of "
               "its workers')");
  value_of("document.querySelector('dialog button').click()");
  becomes_true("!document.getElementById('explain').open");
  swisd_lab_kill(&swarm.nodes[2]);
  becomes_true("document.querySelector('#map circle.suspect, #map circle.dead') !== null");
  swisd_lab_kill(&swarm.nodes[0]);
  becomes_true("document.getElementById('live').textContent !== 'live'");
  if (strstr(browser.complaint, "ERR_CONNECTION_REFUSED") == NULL && strstr(browser.complaint, "ERR_INCOMPLETE_CHUNKED") == NULL)
    assert_string_equal(browser.complaint, ""); /* no exception, no breach of the content security policy */
  swisd_lab_kill(&submitter);
  swarm_end(&swarm);
}

static void the_page_fits_a_phone_by_day_and_by_night(void **state)
{
  (void)state;
  if (!has_chromium())
    skip_for_lack();
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  browser_start();
  open_page(port, 390);
  becomes_true("document.getElementById('live').textContent === 'live'");
  becomes_true("document.documentElement.scrollWidth <= 390");
  tell("Emulation.setEmulatedMedia", "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"light\"}]}");
  const char *const brightness = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).reduce((a, b) => a + +b, 0)";
  assert_true(value_of(brightness) > 600);
  tell("Emulation.setEmulatedMedia", "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"dark\"}]}");
  assert_true(value_of(brightness) < 150);
  assert_string_equal(browser.complaint, "");
  swarm_end(&swarm);
}

int main(void)
{
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(the_page_shows_the_swarm_and_follows_it, browser_end),
    cmocka_unit_test_teardown(the_page_fits_a_phone_by_day_and_by_night, browser_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
