/* A real node asked over real sockets: what it shows, whom it turns away, and that neither slow nor many nor odd clients keep
 * an honest one out. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "runtime/core/types.h"
#include "runtime/net/clock.h"
#include "runtime/web/http_server.h"
#include "tests/web/http_client.h"

static char reply[1 << 20];

static bool has(const char *text) { return strstr(reply, text) != NULL; }

static void every_page_says_what_it_is(void **state)
{
  (void)state;
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  assert_int_equal(http_get(port, "/healthz", "", reply, sizeof reply), 200);
  assert_string_equal(http_body(reply), "ok\n");
  assert_int_equal(http_get(port, "/status", "", reply, sizeof reply), 200);
  assert_true(has("Content-Type: application/json") && has("\"members_alive\":0") && has("\"members\":[{"));
  assert_int_equal(http_get(port, "/metrics", "", reply, sizeof reply), 200);
  assert_true(has("Content-Type: text/plain; version=0.0.4") && has("\nswisd_members{state=\"alive\"} 0\n"));
  assert_int_equal(http_get(port, "/explain/ffff", "", reply, sizeof reply), 404);
  assert_true(has("knows of no job ffff"));
  assert_int_equal(http_get(port, "/favicon.ico", "", reply, sizeof reply), 404);
  assert_true(has("/healthz"));
  swarm_end(&swarm);
}

static void the_page_runs_only_its_own_script(void **state)
{
  (void)state;
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  char nonces[2][64], expected[160];
  for (int i = 0; i < 2; i++) {
    assert_int_equal(http_get(port, "/", "", reply, sizeof reply), 200);
    assert_true(has("Content-Type: text/html") && has("X-Frame-Options: DENY") && has("default-src 'none'"));
    const char *nonce = strstr(reply, "script-src 'nonce-");
    assert_non_null(nonce);
    assert_int_equal(sscanf(nonce, "script-src 'nonce-%40[0-9a-f]'", nonces[i]), 1);
    snprintf(expected, sizeof expected, "<script nonce=\"%s\">", nonces[i]);
    assert_true(has(expected));
    assert_null(strstr(http_body(reply), "NONCE-OF-THIS-REPLY"));
    assert_null(strstr(http_body(reply), "src=\"http")); /* nothing is loaded from elsewhere */
    assert_null(strstr(http_body(reply), "@import"));
  }
  assert_string_not_equal(nonces[0], nonces[1]);
  swarm_end(&swarm);
}

static void the_manual_names_every_metric(void **state)
{
  (void)state;
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  assert_int_equal(http_get(port, "/metrics", "", reply, sizeof reply), 200);
  FILE *in = fopen("runtime/cli/swisd.1", "re");
  assert_non_null(in);
  static char manual[1 << 18];
  manual[fread(manual, 1, sizeof manual - 1, in)] = '\0';
  fclose(in);
  uint32_t count = 0;
  for (const char *line = strstr(reply, "# HELP "); line; line = strstr(line + 1, "\n# HELP ")) {
    char name[100], typed[120];
    assert_int_equal(sscanf(line + strspn(line, "\n"), "# HELP %99s", name), 1);
    snprintf(typed, sizeof typed, "\n# TYPE %s ", name);
    assert_non_null(strstr(reply, typed));
    if (strncmp(name, "swisd_", 6) == 0 && !strstr(manual, name))
      fail_msg("the manual does not name %s", name);
    count++;
  }
  assert_true(count > 50);
  swarm_end(&swarm);
}

static void strangers_are_turned_away(void **state)
{
  (void)state;
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  assert_int_equal(http_get(port, "/status", "Origin: http://evil.example\r\n", reply, sizeof reply), 403);
  assert_int_equal(http_get(port, "/status", "Sec-Fetch-Site: cross-site\r\n", reply, sizeof reply), 403);
  assert_int_equal(http_get(port, "/status", "Host: localhost\r\n", reply, sizeof reply), 400); /* two hosts */
  static const struct {
    const char *request;
    int status;
  } cases[] = {
    {"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
    {"GET /status HTTP/1.1\r\n\r\n", 400},
    {"POST /status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}", 405},
    {"\x16\x03\x01\x02\r\n\r\n", 400},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const int fd = http_connect(port);
    http_send(fd, cases[i].request);
    http_receive(fd, reply, sizeof reply);
    assert_int_equal(atoi(reply + 9), cases[i].status);
    assert_null(strstr(reply, "members"));
  }
  swarm_end(&swarm);
}

static void with_a_token_nothing_is_shown_without_it(void **state)
{
  (void)state;
  struct swarm swarm;
  char path[SWARM_PATH_BYTES], asked[SWARM_PATH_BYTES];
  swarm_start(&swarm, 0, "1");
  swarm_path(&swarm, "token", path);
  FILE *out = fopen(path, "we");
  fputs("0123456789abcdef-token\nanother line\n", out);
  fclose(out);
  struct swarm with;
  const char *const further[] = {"--http-token", path, NULL};
  const uint16_t port = http_node_start(&with, further);
  static const char *const pages[] = {"/", "/status", "/metrics", "/events", "/healthz", "/explain/a"};
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
    assert_int_equal(http_get(port, pages[i], "", reply, sizeof reply), 401);
    assert_int_equal(http_get(port, pages[i], "Authorization: Bearer 0123456789abcdef-tokem\r\n", reply, sizeof reply), 401);
  }
  assert_int_equal(http_get(port, "/status", "Authorization: Bearer 0123456789abcdef-token\r\n", reply, sizeof reply), 200);
  snprintf(asked, sizeof asked, "/metrics?token=%s", "0123456789abcdef-token");
  assert_int_equal(http_get(port, asked, "", reply, sizeof reply), 200);
  char *log = swarm_read(&with, "node-0.log", NULL);
  assert_null(strstr(log, "0123456789abcdef-token"));
  free(log);
  swarm_end(&with);
  swisd_lab_remove(swarm.directory);
}

static void a_page_for_other_machines_needs_a_token(void **state)
{
  (void)state;
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES], path[SWARM_PATH_BYTES];
  swarm_start(&swarm, 0, "1");
  swarm_path(&swarm, "n", directory);
  swarm_path(&swarm, "token", path);
  FILE *out = fopen(path, "we");
  fputs("short\n", out);
  fclose(out);
  const struct {
    const char *arguments[6];
    const char *said;
  } cases[] = {
    {{"--http", "0.0.0.0:0"}, "allowed only with a token"},
    {{"--http", "[::]:0"}, "allowed only with a token"},
    {{"--http", "here"}, "allowed is PORT"},
    {{"--http", "70000"}, "allowed is PORT"},
    {{"--http", "127.0.0.1:0", "--http-token", path}, "allowed is a token of 16"},
    {{"--http-token", "/nonexistent"}, "cannot read"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *arguments[16] = {"node", "--data", directory, "--port", "0", "--speed", "1"};
    for (size_t a = 0; a < 6; a++)
      arguments[7 + a] = cases[i].arguments[a];
    assert_int_equal(swarm_run(&swarm, "refused", arguments, 10), 2);
    assert_true(swarm_file_says(&swarm, "refused.err", cases[i].said));
  }
  swarm_end(&swarm);
}

static void a_node_that_is_not_well_says_so(void **state)
{
  (void)state;
  struct swarm swarm;
  char directory[SWARM_PATH_BYTES];
  const char *const further[] = {"--join", "127.0.0.1:9", NULL};
  const uint16_t port = http_node_start(&swarm, further);
  swarm_node_directory(&swarm, 0, directory);
  assert_int_equal(http_get(port, "/healthz", "", reply, sizeof reply), 503);
  assert_true(has("alone"));
  assert_true(swisd_lab_command(directory, "{\"command\":\"silence\"}"));
  assert_int_equal(http_get(port, "/healthz", "", reply, sizeof reply), 503);
  assert_true(has("silenced"));
  swarm_end(&swarm);
}

static void the_live_page_is_told_what_was_and_then_what_is(void **state)
{
  (void)state;
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  const int fd = http_connect(port);
  http_send(fd, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  size_t used = 0;
  uint32_t told = 0;
  while (told < 3) { /* one at once, then one each second */
    const ssize_t got = recv(fd, reply + used, sizeof reply - used - 1, 0);
    assert_true(got > 0);
    used += (size_t)got;
    reply[used] = '\0';
    told = 0;
    for (const char *event = reply; (event = strstr(event, "event: status\ndata: {\"ok\":true")) != NULL; event++)
      told++;
  }
  assert_true(has("Content-Type: text/event-stream"));
  assert_true(strstr(reply, "event: history\ndata: [[") < strstr(reply, "event: status"));
  assert_true(swarm_status(&swarm, 0, "/uptime_ns") > 0);
  close(fd);
  swarm_end(&swarm);
}

static void slow_and_many_clients_keep_nobody_out_and_are_let_go(void **state)
{
  (void)state;
  enum { MANY = 3 * SWISD_HTTP_CONNECTIONS_MAX };
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  int slow[MANY];
  for (int i = 0; i < MANY; i++) {
    slow[i] = http_connect(port);
    http_send(slow[i], i % 2 ? "GET /status HTTP/1.1\r\nX: " : "G");
  }
  const uint64_t start_ns = swisd_clock_now_ns();
  assert_int_equal(http_get(port, "/status", "", reply, sizeof reply), 200);
  assert_true(swisd_clock_now_ns() - start_ns < SWISD_SECOND);
  assert_int_equal(http_get(port, "/metrics", "", reply, sizeof reply), 200);
  const char *open = strstr(reply, "\nswisd_http_connections ");
  assert_non_null(open);
  assert_in_range(atoi(open + strlen("\nswisd_http_connections ")), 1, SWISD_HTTP_CONNECTIONS_MAX);
  /* The last ones dribble on, which buys them no time. */
  const uint64_t until_ns = start_ns + (SWISD_HTTP_HEAD_SECONDS + 3) * SWISD_SECOND;
  int alive = MANY;
  while (alive > 0 && swisd_clock_now_ns() < until_ns) {
    alive = 0;
    for (int i = 0; i < MANY; i++) {
      if (slow[i] < 0)
        continue;
      struct pollfd ready = {.fd = slow[i], .events = POLLIN};
      char byte;
      if (poll(&ready, 1, 0) > 0 && recv(slow[i], &byte, 1, 0) <= 0) {
        close(slow[i]);
        slow[i] = -1;
      } else {
        (void)!send(slow[i], "a", 1, MSG_NOSIGNAL);
        alive++;
      }
    }
    poll(NULL, 0, 100);
  }
  assert_int_equal(alive, 0);
  swarm_end(&swarm);
}

static void a_reader_that_does_not_read_is_let_go(void **state)
{
  (void)state;
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  int streams[SWISD_HTTP_STREAMS_MAX];
  for (int i = 0; i < SWISD_HTTP_STREAMS_MAX; i++) {
    streams[i] = http_connect(port);
    http_send(streams[i], "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(recv(streams[i], reply, 12, MSG_WAITALL), 12);
    assert_true(strncmp(reply, "HTTP/1.1 200", 12) == 0);
  }
  assert_int_equal(http_get(port, "/events", "", reply, sizeof reply), 503); /* one page too many */
  assert_int_equal(http_get(port, "/healthz", "", reply, sizeof reply), 200);
  for (int i = 0; i < SWISD_HTTP_STREAMS_MAX; i++)
    close(streams[i]);
  const uint64_t until_ns = swisd_clock_now_ns() + 5 * SWISD_SECOND;
  int status;
  do {
    const int fd = http_connect(port);
    http_send(fd, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(recv(fd, reply, 12, MSG_WAITALL), 12);
    status = atoi(reply + 9);
    close(fd);
  } while (status != 200 && swisd_clock_now_ns() < until_ns);
  assert_int_equal(status, 200); /* those who left made room */
  swarm_end(&swarm);
}

static void garbage_is_answered_or_dropped_and_the_node_lives(void **state)
{
  (void)state;
  struct swarm swarm;
  const uint16_t port = http_node_start(&swarm, NULL);
  struct swisd_philox random = swisd_philox_stream(3, 1, 4, 1);
  for (int round = 0; round < 200; round++) {
    uint8_t bytes[3 * SWISD_HTTP_HEAD_BYTES_MAX];
    const uint32_t count = 1 + swisd_philox_below(&random, sizeof bytes);
    for (uint32_t i = 0; i < count; i++)
      bytes[i] = round % 2 ? (uint8_t)swisd_philox_u32(&random) : (uint8_t) "GET /\r\n: HTTP1."[swisd_philox_below(&random, 15)];
    const int fd = http_connect(port);
    (void)!send(fd, bytes, count, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    const size_t got = http_receive(fd, reply, sizeof reply);
    assert_true(got == 0 || strncmp(reply, "HTTP/1.1 4", 10) == 0 || strncmp(reply, "HTTP/1.1 5", 10) == 0);
  }
  assert_int_equal(http_get(port, "/healthz", "", reply, sizeof reply), 200);
  swarm_end(&swarm);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(every_page_says_what_it_is, swarm_teardown),
    cmocka_unit_test_teardown(the_page_runs_only_its_own_script, swarm_teardown),
    cmocka_unit_test_teardown(the_manual_names_every_metric, swarm_teardown),
    cmocka_unit_test_teardown(strangers_are_turned_away, swarm_teardown),
    cmocka_unit_test_teardown(with_a_token_nothing_is_shown_without_it, swarm_teardown),
    cmocka_unit_test_teardown(a_page_for_other_machines_needs_a_token, swarm_teardown),
    cmocka_unit_test_teardown(a_node_that_is_not_well_says_so, swarm_teardown),
    cmocka_unit_test_teardown(the_live_page_is_told_what_was_and_then_what_is, swarm_teardown),
    cmocka_unit_test_teardown(slow_and_many_clients_keep_nobody_out_and_are_let_go, swarm_teardown),
    cmocka_unit_test_teardown(a_reader_that_does_not_read_is_let_go, swarm_teardown),
    cmocka_unit_test_teardown(garbage_is_answered_or_dropped_and_the_node_lives, swarm_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
