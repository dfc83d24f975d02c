/* The head of an HTTP request. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/philox.h"
#include "runtime/web/http_request.h"
#include "tests/unit/cmocka_all.h"

static int read_text(const char *text, struct swisd_http_request *request)
{
  return swisd_http_request_read(text, strlen(text), request);
}

static void a_plain_request_is_read(void **state)
{
  (void)state;
  static const char text[] = "GET /explain/3fa2b1c4-1.7?a=b&token=secret-secret-1 HTTP/1.1\r\nHost: 127.0.0.1:7180\r\n"
                             "Origin:http://127.0.0.1:7180 \r\nSec-Fetch-Site: same-origin\r\nX: \x80\xff\r\n\r\nmore";
  struct swisd_http_request request;
  assert_int_equal(read_text(text, &request), sizeof text - 1 - 4);
  assert_string_equal(request.path, "/explain/3fa2b1c4-1.7");
  assert_string_equal(request.token, "secret-secret-1");
  assert_string_equal(request.host, "127.0.0.1:7180");
  assert_string_equal(request.origin, "http://127.0.0.1:7180");
  assert_string_equal(request.fetch_site, "same-origin");
  assert_false(request.head);
  assert_true(read_text("HEAD / HTTP/1.0\r\nauthorization: bearer abc\r\n\r\n", &request) > 0);
  assert_true(request.head);
  assert_string_equal(request.token, "abc");
  assert_string_equal(request.host, "");
}

static void each_prefix_of_a_request_is_incomplete(void **state)
{
  (void)state;
  static const char text[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  struct swisd_http_request request;
  for (size_t count = 0; count < sizeof text - 1; count++)
    assert_int_equal(swisd_http_request_read(text, count, &request), 0);
  assert_int_equal(swisd_http_request_read(text, sizeof text - 1, &request), sizeof text - 1);
}

static void what_is_not_a_request_is_refused_with_its_status(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int status;
  } cases[] = {
    {"\r\n\r\n", 400},
    {"GET\r\n\r\n", 400},
    {"GET / HTTP/1.1 \r\n\r\n", 400},
    {"GET  / HTTP/1.1\r\n\r\n", 400},
    {"GET / http/1.1\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\n\r\n", 505},
    {"GET / HTTP/1.7\r\n\r\n", 505},
    {"POST / HTTP/1.1\r\n\r\n", 405},
    {"GETS / HTTP/1.1\r\n\r\n", 405},
    {"get / HTTP/1.1\r\n\r\n", 405},
    {"G{T / HTTP/1.1\r\n\r\n", 400},
    {"GET http://localhost/ HTTP/1.1\r\n\r\n", 400},
    {"GET * HTTP/1.1\r\n\r\n", 400},
    {"GET /\x01 HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n: a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: a\r\n folded: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 413},
    {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 413},
  };
  struct swisd_http_request request;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(read_text(cases[i].text, &request), -cases[i].status);
  assert_true(read_text("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", &request) > 0);
}

static void what_is_too_long_is_refused_and_never_cut(void **state)
{
  (void)state;
  static char text[2 * SWISD_HTTP_HEAD_BYTES_MAX];
  struct swisd_http_request request;
  for (int length = 1; length < 300; length++) {
    snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\n\r\n", length, 0);
    const int read = read_text(text, &request);
    assert_true(length + 1 < SWISD_HTTP_PATH_BYTES ? read > 0 && strlen(request.path) == (size_t)length + 1 : read == -414);
    snprintf(text, sizeof text, "GET /?token=%0*d HTTP/1.1\r\n\r\n", length, 0);
    assert_true((read_text(text, &request) > 0) == (length < SWISD_HTTP_VALUE_BYTES));
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %0*d\r\n\r\n", length, 0);
    assert_int_equal(read_text(text, &request) == -431, length >= SWISD_HTTP_VALUE_BYTES);
  }
  memset(text, 'a', sizeof text);
  memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
  assert_int_equal(swisd_http_request_read(text, SWISD_HTTP_HEAD_BYTES_MAX - 1, &request), 0);
  assert_int_equal(swisd_http_request_read(text, SWISD_HTTP_HEAD_BYTES_MAX, &request), -431);
  assert_int_equal(swisd_http_request_read(text, sizeof text, &request), -431);
}

/* Whatever the bytes: a length within them, or a status that exists; strings are terminated and hold no control characters. */
static void mutated_requests_are_read_or_refused(void **state)
{
  (void)state;
  static const char *const seeds[] = {
    "GET /status?token=abcdefghijklmnop HTTP/1.1\r\nHost: 127.0.0.1:7180\r\nOrigin: http://127.0.0.1:7180\r\n\r\n",
    "HEAD / HTTP/1.0\r\nAuthorization: Bearer 0123456789abcdef\r\nSec-Fetch-Site: none\r\nContent-Length: 0\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: [::1]:7180\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\n\r\n"};
  struct swisd_philox random = swisd_philox_stream(7, 1, 2, 3);
  uint32_t taken = 0;
  for (int round = 0; round < 500000; round++) {
    char bytes[256];
    size_t count = strlen(seeds[round % 3]);
    memcpy(bytes, seeds[round % 3], count);
    for (uint32_t edits = 1 + swisd_philox_below(&random, 3); edits > 0; edits--) {
      const size_t at = swisd_philox_below(&random, (uint32_t)count);
      switch (swisd_philox_below(&random, 4)) {
      case 0:
        bytes[at] = (char)swisd_philox_below(&random, 256);
        break;
      case 1:
        bytes[at] = "\r\n :/?&=\0\t"[swisd_philox_below(&random, 10)];
        break;
      case 2:
        memmove(bytes + at, bytes + at + 1, --count - at);
        break;
      default:
        memmove(bytes + at + 1, bytes + at, count++ - at);
        break;
      }
    }
    struct swisd_http_request request;
    const int read = swisd_http_request_read(bytes, count, &request);
    assert_true(read <= (int)count);
    assert_true(read >= 0 || (read <= -400 && read >= -505));
    if (read <= 0)
      continue;
    taken++;
    assert_true(request.path[0] == '/');
    const char *const fields[] = {request.path, request.token, request.host, request.origin, request.fetch_site};
    for (size_t f = 0; f < sizeof fields / sizeof *fields; f++)
      for (const char *c = fields[f]; *c; c++)
        assert_true((unsigned char)*c >= 0x20 || *c == '\t');
  }
  assert_true(taken > 10000); /* the mutations are mild enough to get past the first check */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_plain_request_is_read),
    cmocka_unit_test(each_prefix_of_a_request_is_incomplete),
    cmocka_unit_test(what_is_not_a_request_is_refused_with_its_status),
    cmocka_unit_test(what_is_too_long_is_refused_and_never_cut),
    cmocka_unit_test(mutated_requests_are_read_or_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
