/* Who may look at a node. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/web/guard.h"
#include "tests/unit/cmocka_all.h"

static int check(const char *host, const char *origin, const char *site, const char *path, const char *sent, const char *token)
{
  struct swisd_http_request request = {0};
  const char *reason;
  snprintf(request.host, sizeof request.host, "%s", host);
  snprintf(request.origin, sizeof request.origin, "%s", origin);
  snprintf(request.fetch_site, sizeof request.fetch_site, "%s", site);
  snprintf(request.path, sizeof request.path, "%s", path);
  snprintf(request.token, sizeof request.token, "%s", sent);
  const int status = swisd_guard_check(&request, token, &reason);
  assert_int_equal(status != 0, strlen(reason) > 0);
  return status;
}

static int check_host(const char *host) { return check(host, "", "", "/status", "", NULL); }

static void only_hosts_that_nobody_can_own_are_answered(void **state)
{
  (void)state;
  static const char *const good[] = {"127.0.0.1",      "127.0.0.1:7180", "localhost",  "LOCALHOST:1",
                                     "192.168.1.5:80", "[::1]",          "[::1]:7180", "[fe80::1]:9"};
  static const char *const bad[] = {"evil.example",
                                    "127.0.0.1.evil.example",
                                    "localhost.evil.example:7180",
                                    "127.0.0.1:",
                                    "127.0.0.1:80a",
                                    "::1",
                                    "[::1",
                                    "[::1]x",
                                    "[localhost]",
                                    "[127.0.0.1]",
                                    "2130706433",
                                    "0x7f.1",
                                    "localhost:80:80",
                                    ":80",
                                    "[]",
                                    "a b"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_int_equal(check_host(good[i]), 0);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(check_host(bad[i]), 403);
  assert_int_equal(check_host(""), 400);
  char own[200] = "", local[220];
  if (gethostname(own, sizeof own - 1) == 0 && own[0] && !strchr(own, '.')) {
    snprintf(local, sizeof local, "%s.local:7180", own);
    assert_int_equal(check_host(own), 0);
    assert_int_equal(check_host(local), 0);
    snprintf(local, sizeof local, "%s.evil", own);
    assert_int_equal(check_host(local), 403);
  }
}

static void pages_of_other_sites_are_turned_away(void **state)
{
  (void)state;
  assert_int_equal(check("127.0.0.1:7180", "http://127.0.0.1:7180", "same-origin", "/events", "", NULL), 0);
  assert_int_equal(check("127.0.0.1:7180", "http://127.0.0.1:8080", "", "/events", "", NULL), 403);
  assert_int_equal(check("127.0.0.1:7180", "http://evil.example", "", "/status", "", NULL), 403);
  assert_int_equal(check("127.0.0.1:7180", "null", "", "/status", "", NULL), 403);
  assert_int_equal(check("127.0.0.1:7180", "", "cross-site", "/status", "", NULL), 403);
  assert_int_equal(check("127.0.0.1:7180", "", "same-site", "/events", "", NULL), 403);
  assert_int_equal(check("127.0.0.1:7180", "", "none", "/status", "", NULL), 0);
  assert_int_equal(check("127.0.0.1:7180", "", "cross-site", "/", "", NULL), 0); /* a link that somebody followed */
}

static void with_a_token_only_that_token_opens(void **state)
{
  (void)state;
  static const char token[] = "0123456789abcdef";
  assert_int_equal(check("127.0.0.1", "", "", "/", token, token), 0);
  assert_int_equal(check("127.0.0.1", "", "", "/", "", token), 401);
  for (size_t i = 0; i < sizeof token - 1; i++) {
    char other[sizeof token];
    memcpy(other, token, sizeof token);
    other[i] ^= 1;
    assert_int_equal(check("127.0.0.1", "", "", "/", other, token), 401);
    other[i] = '\0';
    assert_int_equal(check("127.0.0.1", "", "", "/", other, token), 401);
  }
  assert_int_equal(check("127.0.0.1", "", "", "/", "0123456789abcdef0", token), 401);
  assert_int_equal(check("evil.example", "", "", "/", token, token), 403);
}

static void a_token_needs_no_quoting_and_is_no_guess(void **state)
{
  (void)state;
  char longest[SWISD_TOKEN_BYTES_MAX + 2];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_false(swisd_guard_is_token(longest));
  longest[SWISD_TOKEN_BYTES_MAX] = '\0';
  assert_true(swisd_guard_is_token(longest));
  assert_true(swisd_guard_is_token("AZaz09-._~AZaz09"));
  assert_false(swisd_guard_is_token("short"));
  assert_false(swisd_guard_is_token("0123456789 abcdef"));
  assert_false(swisd_guard_is_token("0123456789abcde%"));
  assert_false(swisd_guard_is_token(""));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(only_hosts_that_nobody_can_own_are_answered),
    cmocka_unit_test(pages_of_other_sites_are_turned_away),
    cmocka_unit_test(with_a_token_only_that_token_opens),
    cmocka_unit_test(a_token_needs_no_quoting_and_is_no_guess),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
