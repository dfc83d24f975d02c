/* The head of an HTTP request (RFC 9112), as far as a page that is only looked at needs one: GET and HEAD, no body, one request
 * per connection. Reads bytes of strangers: bounded, without allocation, strict. */
#ifndef SWISD_WEB_HTTP_REQUEST_H
#define SWISD_WEB_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

enum { SWISD_HTTP_HEAD_BYTES_MAX = 8192, SWISD_HTTP_PATH_BYTES = 128, SWISD_HTTP_VALUE_BYTES = 256 };

struct swisd_http_request {
  bool head;                          /* HEAD: the reply has no body */
  char path[SWISD_HTTP_PATH_BYTES];   /* as sent, without the query */
  char token[SWISD_HTTP_VALUE_BYTES]; /* ?token=, else what follows "Authorization: Bearer"; empty: none */
  char host[SWISD_HTTP_VALUE_BYTES];  /* empty: none was sent */
  char origin[SWISD_HTTP_VALUE_BYTES];
  char fetch_site[SWISD_HTTP_VALUE_BYTES]; /* Sec-Fetch-Site */
};

/* Reads the head at `bytes`. Returns its length with the empty line, 0 when it is not complete yet, or the negated status of
 * the reply to a request that is refused: 400 malformed, 405 another method, 413 it has a body, 414 the path is too long,
 * 431 the head or a field of it is too large, 505 another version of HTTP. */
int swisd_http_request_read(const char *bytes, size_t count, struct swisd_http_request *out);

#endif
