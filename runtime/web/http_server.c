/* See http_server.h. A connection: HEAD (its request is coming) -> REPLY (the reply is leaving) -> LINGER (all has left: the
 * other side closes first, so that nothing it has not read yet is lost), or HEAD -> STREAM. */
#include "runtime/web/http_server.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/log.h"

enum { LINGER_SECONDS = 2, ACCEPTS_PER_TURN = 16 };

enum state { STATE_HEAD, STATE_REPLY, STATE_LINGER, STATE_STREAM };

struct swisd_http_connection {
  struct swisd_http_connection *next; /* older ones behind */
  struct swisd_http_server *server;
  struct bufferevent *stream;
  struct event *deadline;
  enum state state;
  bool head; /* no body is sent */
};

struct swisd_http_server {
  struct event_base *base;
  struct swisd_http_host *host;
  int listen_fd;
  struct event *listening;
  uint16_t port;
  struct swisd_http_connection *connections; /* newest first */
  struct swisd_http_status status;
};

/* ---- connections ---- */

static void close_connection(struct swisd_http_connection *connection)
{
  struct swisd_http_server *server = connection->server;
  struct swisd_http_connection **link = &server->connections;
  while (*link != connection)
    link = &(*link)->next;
  *link = connection->next;
  server->status.connections--;
  server->status.streams -= connection->state == STATE_STREAM;
  event_free(connection->deadline);
  bufferevent_free(connection->stream);
  free(connection);
}

static void set_deadline(struct swisd_http_connection *connection, int seconds)
{
  const struct timeval wait = {.tv_sec = seconds};
  event_add(connection->deadline, &wait);
}

static void on_deadline(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_http_connection *connection = argument;
  connection->server->status.timed_out += connection->state != STATE_LINGER;
  close_connection(connection);
}

static void on_event(struct bufferevent *stream, short what, void *argument)
{
  (void)stream;
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
    close_connection(argument);
}

/* All of the reply has left. */
static void on_written(struct bufferevent *stream, void *argument)
{
  struct swisd_http_connection *connection = argument;
  if (connection->state != STATE_REPLY)
    return;
  connection->state = STATE_LINGER;
  shutdown(bufferevent_getfd(stream), SHUT_WR);
  set_deadline(connection, LINGER_SECONDS);
}

/* ---- replies ---- */

static const char *reason_of(int status)
{
  switch (status) {
  case 200:
    return "OK";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 413:
    return "Content Too Large";
  case 414:
    return "URI Too Long";
  case 431:
    return "Request Header Fields Too Large";
  case 503:
    return "Service Unavailable";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Error";
  }
}

static void add_head(struct evbuffer *out, int status, const char *type)
{
  char date[64];
  const time_t now = time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  evbuffer_add_printf(out,
                      "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\nContent-Type: %s\r\nCache-Control: no-store\r\n"
                      "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"
                      "Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n",
                      status, reason_of(status), date, type);
}

void swisd_http_reply(struct swisd_http_connection *connection, const struct swisd_http_reply *reply)
{
  assert(connection->state == STATE_HEAD);
  struct evbuffer *out = bufferevent_get_output(connection->stream);
  add_head(out, reply->status, reply->type);
  evbuffer_add_printf(out, "Content-Length: %zu\r\n%s\r\n", reply->bytes, reply->headers ? reply->headers : "");
  if (!connection->head)
    evbuffer_add(out, reply->body, reply->bytes);
  connection->server->status.replied++;
  connection->server->status.refused += reply->status >= 400;
  connection->state = STATE_REPLY;
  set_deadline(connection, SWISD_HTTP_REPLY_SECONDS);
}

static void refuse(struct swisd_http_connection *connection, int status)
{
  char body[64];
  const int bytes = snprintf(body, sizeof body, "%d %s\n", status, reason_of(status));
  const struct swisd_http_reply reply = {.status = status,
                                         .type = "text/plain; charset=utf-8",
                                         .body = body,
                                         .bytes = (size_t)bytes,
                                         .headers = status == 405 ? "Allow: GET, HEAD\r\n" : NULL};
  swisd_http_reply(connection, &reply);
}

bool swisd_http_stream(struct swisd_http_connection *connection)
{
  struct swisd_http_server *server = connection->server;
  if (server->status.streams >= SWISD_HTTP_STREAMS_MAX || connection->head) {
    refuse(connection, 503);
    return false;
  }
  struct evbuffer *out = bufferevent_get_output(connection->stream);
  add_head(out, 200, "text/event-stream");
  evbuffer_add_printf(out, "\r\nretry: 2000\n\n");
  event_del(connection->deadline);
  connection->state = STATE_STREAM;
  server->status.streams++;
  server->status.replied++;
  return true;
}

void swisd_http_event(struct swisd_http_connection *connection, const char *event, const char *data, size_t bytes)
{
  assert(connection->state == STATE_STREAM);
  struct evbuffer *out = bufferevent_get_output(connection->stream);
  evbuffer_add_printf(out, "event: %s\ndata: ", event);
  evbuffer_add(out, data, bytes);
  evbuffer_add(out, "\n\n", 2);
}

void swisd_http_broadcast(struct swisd_http_server *server, const char *event, const char *data, size_t bytes)
{
  for (struct swisd_http_connection *each = server->connections, *next; each; each = next) {
    next = each->next;
    if (each->state != STATE_STREAM)
      continue;
    if (evbuffer_get_length(bufferevent_get_output(each->stream)) > SWISD_HTTP_BACKLOG_BYTES_MAX) {
      server->status.timed_out++;
      close_connection(each);
    } else {
      swisd_http_event(each, event, data, bytes);
    }
  }
}

/* ---- requests ---- */

static void on_readable(struct bufferevent *stream, void *argument)
{
  struct swisd_http_connection *connection = argument;
  struct evbuffer *in = bufferevent_get_input(stream);
  if (connection->state != STATE_HEAD) { /* nothing more is wanted of it */
    evbuffer_drain(in, evbuffer_get_length(in));
    return;
  }
  char head[SWISD_HTTP_HEAD_BYTES_MAX];
  const ev_ssize_t got = evbuffer_copyout(in, head, sizeof head);
  struct swisd_http_request request;
  const int read = got > 0 ? swisd_http_request_read(head, (size_t)got, &request) : 0;
  if (read == 0)
    return;
  evbuffer_drain(in, evbuffer_get_length(in));
  connection->head = read > 0 && request.head;
  if (read < 0)
    refuse(connection, -read);
  else
    connection->server->host->request(connection->server->host, connection, &request);
  assert(connection->state != STATE_HEAD);
}

/* The oldest one that has not finished its request gives way to a newcomer; false when all have. */
static bool make_room(struct swisd_http_server *server)
{
  struct swisd_http_connection *oldest = NULL;
  for (struct swisd_http_connection *each = server->connections; each; each = each->next)
    if (each->state == STATE_HEAD || each->state == STATE_LINGER)
      oldest = each;
  if (!oldest)
    return false;
  server->status.evicted += oldest->state == STATE_HEAD;
  close_connection(oldest);
  return true;
}

static void take_in(struct swisd_http_server *server, int fd)
{
  server->status.accepted++;
  struct swisd_http_connection *connection = NULL;
  if (server->status.connections < SWISD_HTTP_CONNECTIONS_MAX || make_room(server))
    connection = calloc(1, sizeof *connection);
  if (connection) {
    connection->server = server;
    connection->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
    connection->deadline = evtimer_new(server->base, on_deadline, connection);
  }
  if (!connection || !connection->stream || !connection->deadline) {
    if (connection && connection->stream)
      bufferevent_free(connection->stream);
    else
      close(fd);
    if (connection && connection->deadline)
      event_free(connection->deadline);
    free(connection);
    server->status.refused++;
    return;
  }
  connection->next = server->connections;
  server->connections = connection;
  server->status.connections++;
  bufferevent_setcb(connection->stream, on_readable, on_written, on_event, connection);
  bufferevent_setwatermark(connection->stream, EV_READ, 0, SWISD_HTTP_HEAD_BYTES_MAX);
  set_deadline(connection, SWISD_HTTP_HEAD_SECONDS);
  bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
}

static void on_listening(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
    const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        swisd_log_limited(SWISD_LOG_WARN, "web", "cannot accept a connection: %s", strerror(errno));
      return;
    }
    take_in(argument, accepted);
  }
}

/* ---- opening and closing ---- */

struct swisd_http_server *swisd_http_server_open(struct event_base *base, const struct sockaddr *address, socklen_t address_bytes,
                                                 struct swisd_http_host *host, struct swisd_error *error)
{
  struct swisd_http_server *server = calloc(1, sizeof *server);
  if (!server) {
    swisd_error_set(error, "out of memory");
    return NULL;
  }
  const int yes = 1;
  struct sockaddr_storage bound;
  socklen_t bound_bytes = sizeof bound;
  server->base = base;
  server->host = host;
  server->listen_fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (server->listen_fd < 0 || setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(server->listen_fd, address, address_bytes) != 0 || listen(server->listen_fd, 32) != 0 ||
      getsockname(server->listen_fd, (struct sockaddr *)&bound, &bound_bytes) != 0) {
    swisd_error_set(error, "%s", errno == EADDRINUSE ? "the port is in use" : strerror(errno));
    swisd_http_server_close(server);
    return NULL;
  }
  server->port =
    ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
  server->listening = event_new(base, server->listen_fd, EV_READ | EV_PERSIST, on_listening, server);
  if (!server->listening || event_add(server->listening, NULL) != 0) {
    swisd_error_set(error, "out of memory");
    swisd_http_server_close(server);
    return NULL;
  }
  return server;
}

void swisd_http_server_close(struct swisd_http_server *server)
{
  if (!server)
    return;
  while (server->connections)
    close_connection(server->connections);
  if (server->listening)
    event_free(server->listening);
  if (server->listen_fd >= 0)
    close(server->listen_fd);
  free(server);
}

uint16_t swisd_http_server_port(const struct swisd_http_server *server) { return server->port; }
struct swisd_http_status swisd_http_server_status(const struct swisd_http_server *server) { return server->status; }
