/* A small HTTP server on the peer's loop, for a page that is only looked at: one request per connection, then a reply of known
 * length, or a stream of events that lasts.
 *
 * libevent's own (evhttp) is not used because of its bounds: in 2.1.12 its connections are not counted, and its time-out
 * starts anew with each byte. Here: SWISD_HTTP_CONNECTIONS_MAX at once, and when one more comes the oldest that has not
 * finished its request yet gives way, so that slow ones cannot keep an honest one out; a request must be complete within
 * SWISD_HTTP_HEAD_SECONDS of connecting, whatever comes meanwhile, and is at most SWISD_HTTP_HEAD_BYTES_MAX; a reply must be
 * taken within SWISD_HTTP_REPLY_SECONDS; a stream whose reader is slow is ended once SWISD_HTTP_BACKLOG_BYTES_MAX wait. */
#ifndef SWISD_WEB_HTTP_SERVER_H
#define SWISD_WEB_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "runtime/base/error.h"
#include "runtime/web/http_request.h"

struct event_base;
struct swisd_http_server;
struct swisd_http_connection;

enum {
  SWISD_HTTP_CONNECTIONS_MAX = 48,
  SWISD_HTTP_STREAMS_MAX = 16, /* of these; a further one is refused with 503 */
  SWISD_HTTP_HEAD_SECONDS = 5,
  SWISD_HTTP_REPLY_SECONDS = 10,
  SWISD_HTTP_BACKLOG_BYTES_MAX = 1 << 20,
};

struct swisd_http_host {
  /* A request has come; it must be replied to, or become a stream, before this returns. */
  void (*request)(struct swisd_http_host *host, struct swisd_http_connection *connection,
                  const struct swisd_http_request *request);
};

/* Listens at `address`. NULL with `error`. */
struct swisd_http_server *swisd_http_server_open(struct event_base *base, const struct sockaddr *address, socklen_t address_bytes,
                                                 struct swisd_http_host *host, struct swisd_error *error);
void swisd_http_server_close(struct swisd_http_server *server); /* NULL is nothing */
uint16_t swisd_http_server_port(const struct swisd_http_server *server);

struct swisd_http_reply {
  int status;
  const char *type;    /* "text/html; charset=utf-8" */
  const char *headers; /* further lines, each ended by CRLF; NULL: none */
  const char *body;
  size_t bytes;
};
void swisd_http_reply(struct swisd_http_connection *connection, const struct swisd_http_reply *reply);

/* Makes the connection a stream of events (text/event-stream); false when there are too many: then 503 has been replied. */
bool swisd_http_stream(struct swisd_http_connection *connection);
/* Sends one event to every stream. `data` holds no line feed. */
void swisd_http_broadcast(struct swisd_http_server *server, const char *event, const char *data, size_t bytes);
/* The same to one, which must be a stream. */
void swisd_http_event(struct swisd_http_connection *connection, const char *event, const char *data, size_t bytes);

struct swisd_http_status {
  uint32_t connections, streams;
  uint64_t accepted, replied, refused; /* refused: with a status of 400 and more */
  uint64_t evicted, timed_out;         /* closed before their request was complete; closed for being slow */
};
struct swisd_http_status swisd_http_server_status(const struct swisd_http_server *server);

#endif
