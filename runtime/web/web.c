/* See web.h. */
#include "runtime/web/web.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/base/log.h"
#include "runtime/net/control.h"
#include "runtime/net/snapshot.h"
#include "runtime/net/socket_address.h"
#include "runtime/web/guard.h"
#include "runtime/web/history.h"
#include "runtime/web/http_server.h"
#include "runtime/web/metrics.h"
#include "runtime/web/page.h"

struct swisd_web {
  struct swisd_http_host host; /* first */
  struct swisd_peer *peer;
  struct swisd_http_server *server;
  struct event *second;
  char token[SWISD_TOKEN_BYTES_MAX + 1]; /* empty: none is asked for */
  struct swisd_history history;
};

static const char json_type[] = "application/json; charset=utf-8", text_type[] = "text/plain; charset=utf-8";

/* A text in the making, in memory. */
struct draft {
  FILE *out;
  char *text;
  size_t bytes;
};

static bool draft_start(struct draft *draft)
{
  *draft = (struct draft){0};
  draft->out = open_memstream(&draft->text, &draft->bytes);
  return draft->out != NULL;
}

static void reply_text(struct swisd_http_connection *connection, int status, const char *headers, const char *line)
{
  char body[256];
  const int bytes = snprintf(body, sizeof body, "%s\n", line);
  const struct swisd_http_reply reply = {.status = status,
                                         .type = text_type,
                                         .headers = headers,
                                         .body = body,
                                         .bytes = (size_t)bytes < sizeof body ? (size_t)bytes : sizeof body - 1};
  swisd_http_reply(connection, &reply);
}

/* Closes the draft and replies with it. */
static void reply_draft(struct swisd_http_connection *connection, struct draft *draft, const char *type)
{
  const bool whole = !ferror(draft->out);
  if (fclose(draft->out) == 0 && whole) {
    const struct swisd_http_reply reply = {.status = 200, .type = type, .body = draft->text, .bytes = draft->bytes};
    swisd_http_reply(connection, &reply);
  } else {
    reply_text(connection, 503, NULL, "out of memory");
  }
  free(draft->text);
}

/* ---- what there is to see ---- */

static void serve_page(struct swisd_http_connection *connection)
{
  unsigned char random[16];
  char nonce[sizeof random * 2 + 1], headers[400];
  struct draft draft;
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random || !draft_start(&draft)) {
    reply_text(connection, 503, NULL, "out of randomness or memory");
    return;
  }
  for (size_t i = 0; i < sizeof random; i++)
    snprintf(nonce + 2 * i, 3, "%02x", random[i]);
  const char *at = (const char *)swisd_page, *const end = at + swisd_page_bytes;
  static const char mark[] = SWISD_PAGE_NONCE;
  for (const char *found; (found = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) != NULL; at = found + sizeof mark - 1) {
    fwrite(at, 1, (size_t)(found - at), draft.out);
    fputs(nonce, draft.out);
  }
  fwrite(at, 1, (size_t)(end - at), draft.out);
  snprintf(headers, sizeof headers,
           "Content-Security-Policy: default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; "
           "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n",
           nonce, nonce);
  fclose(draft.out);
  const struct swisd_http_reply reply = {
    .status = 200, .type = "text/html; charset=utf-8", .headers = headers, .body = draft.text, .bytes = draft.bytes};
  swisd_http_reply(connection, &reply);
  free(draft.text);
}

static void serve_status(struct swisd_web *web, struct swisd_http_connection *connection)
{
  struct draft draft;
  if (!draft_start(&draft)) {
    reply_text(connection, 503, NULL, "out of memory");
    return;
  }
  swisd_control_print_status(web->peer, draft.out);
  reply_draft(connection, &draft, json_type);
}

static void serve_explanation(struct swisd_web *web, struct swisd_http_connection *connection, const char *job)
{
  struct draft draft;
  struct swisd_error error;
  if (!draft_start(&draft)) {
    reply_text(connection, 503, NULL, "out of memory");
  } else if (swisd_control_print_explanation(web->peer, job, draft.out, &error) != 0) {
    fclose(draft.out);
    free(draft.text);
    reply_text(connection, 404, NULL, error.text);
  } else {
    reply_draft(connection, &draft, json_type);
  }
}

static void serve_metrics(struct swisd_web *web, struct swisd_http_connection *connection)
{
  struct swisd_snapshot *snapshot = swisd_snapshot_take(web->peer);
  struct draft draft;
  if (!snapshot || !draft_start(&draft)) {
    swisd_snapshot_free(snapshot);
    reply_text(connection, 503, NULL, "out of memory");
    return;
  }
  const struct swisd_http_status http = swisd_http_server_status(web->server);
  swisd_metrics_print(draft.out, snapshot, &http);
  swisd_snapshot_free(snapshot);
  reply_draft(connection, &draft, "text/plain; version=0.0.4; charset=utf-8");
}

/* What keeps this node from doing its part; NULL: nothing. */
static const char *illness(const struct swisd_web *web)
{
  const struct swisd_peer_options *options = swisd_peer_options(web->peer);
  struct swisd_peer_status status;
  swisd_peer_status(web->peer, &status);
  if (status.stopping)
    return "leaving the swarm";
  if (status.silent)
    return "silenced by swisd fault: nothing comes, nothing goes";
  if (options->seed_count > 0 && status.node.members_alive + status.node.members_suspect == 0)
    return "alone: it was told to join a swarm, and nobody is there";
  if (status.node.local_health >= options->config.local_health_max)
    return "it hears everybody late: this device or its network is overloaded";
  return NULL;
}

static void serve_health(const struct swisd_web *web, struct swisd_http_connection *connection)
{
  const char *reason = illness(web);
  reply_text(connection, reason ? 503 : 200, NULL, reason ? reason : "ok");
}

static void serve_events(struct swisd_web *web, struct swisd_http_connection *connection)
{
  struct draft draft;
  if (!swisd_http_stream(connection) || !draft_start(&draft))
    return;
  swisd_history_print(&web->history, draft.out);
  fclose(draft.out);
  if (draft.bytes > 0)
    swisd_http_event(connection, "history", draft.text, draft.bytes - 1); /* without its line feed */
  free(draft.text);
  if (draft_start(&draft)) {
    swisd_control_print_status(web->peer, draft.out);
    fclose(draft.out);
    if (draft.bytes > 0)
      swisd_http_event(connection, "status", draft.text, draft.bytes - 1);
    free(draft.text);
  }
}

static void on_request(struct swisd_http_host *host, struct swisd_http_connection *connection,
                       const struct swisd_http_request *request)
{
  static const char explain[] = "/explain/";
  struct swisd_web *web = (struct swisd_web *)host;
  const char *reason;
  const int refused = swisd_guard_check(request, web->token[0] ? web->token : NULL, &reason);
  if (refused)
    reply_text(connection, refused, refused == 401 ? "WWW-Authenticate: Bearer\r\n" : NULL, reason);
  else if (strcmp(request->path, "/") == 0)
    serve_page(connection);
  else if (strcmp(request->path, "/events") == 0)
    serve_events(web, connection);
  else if (strcmp(request->path, "/status") == 0)
    serve_status(web, connection);
  else if (strcmp(request->path, "/metrics") == 0)
    serve_metrics(web, connection);
  else if (strcmp(request->path, "/healthz") == 0)
    serve_health(web, connection);
  else if (strncmp(request->path, explain, sizeof explain - 1) == 0)
    serve_explanation(web, connection, request->path + sizeof explain - 1);
  else
    reply_text(connection, 404, NULL, "here are: / /events /status /explain/JOB /metrics /healthz");
}

static void on_second(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_web *web = argument;
  swisd_history_take(&web->history, web->peer);
  struct draft draft;
  if (swisd_http_server_status(web->server).streams == 0 || !draft_start(&draft))
    return;
  swisd_control_print_status(web->peer, draft.out);
  fclose(draft.out);
  if (draft.bytes > 0)
    swisd_http_broadcast(web->server, "status", draft.text, draft.bytes - 1);
  free(draft.text);
}

/* ---- opening and closing ---- */

int swisd_web_parse_address(const char *text, struct swisd_address *out, struct swisd_error *error)
{
  char host[128] = "127.0.0.1", *end;
  struct swisd_error ignored;
  const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : text;
  const long port = strtol(digits, &end, 10);
  if (colon && (size_t)(colon - text) < sizeof host) {
    const bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']'; /* IPv6 */
    snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * bracketed, text + bracketed);
  }
  const bool sound = *digits >= '0' && *digits <= '9' && *end == '\0' && port <= 65535 && (size_t)(digits - text) < sizeof host;
  if (sound && swisd_address_parse_host(host, (uint16_t)port, out, &ignored) == 0)
    return 0;
  return swisd_error_set(error, "%s: allowed is PORT (for this machine only) or ADDRESS:PORT, as 0.0.0.0:7180", text);
}

int swisd_web_read_token(const char *path, char *token, size_t capacity, struct swisd_error *error)
{
  char line[SWISD_TOKEN_BYTES_MAX + 3] = "";
  FILE *in = fopen(path, "re");
  if (!in)
    return swisd_error_set(error, "%s: cannot read: %s", path, strerror(errno));
  if (!fgets(line, sizeof line, in))
    line[0] = '\0';
  fclose(in);
  line[strcspn(line, "\r\n")] = '\0';
  if (!swisd_guard_is_token(line) || strlen(line) >= capacity)
    return swisd_error_set(error, "%s:1: allowed is a token of %d to %d letters, digits and - . _ ~", path, SWISD_TOKEN_BYTES_MIN,
                           SWISD_TOKEN_BYTES_MAX);
  strcpy(token, line);
  return 0;
}

static bool is_loopback(const struct swisd_address *address)
{
  static const uint8_t v6[16] = {[15] = 1};
  return address->family == SWISD_ADDRESS_IPV4 ? address->bytes[0] == 127 : memcmp(address->bytes, v6, sizeof v6) == 0;
}

struct swisd_web *swisd_web_open(struct swisd_peer *peer, const struct swisd_address *address, const char *token,
                                 struct swisd_error *error)
{
  char at[SWISD_ADDRESS_TEXT_BYTES];
  swisd_address_text(address, at);
  if (!token && !is_loopback(address)) {
    swisd_error_set(error, "%s: other machines could read it: allowed only with a token (--http-token FILE)", at);
    return NULL;
  }
  struct swisd_web *web = calloc(1, sizeof *web);
  if (!web) {
    swisd_error_set(error, "out of memory");
    return NULL;
  }
  struct sockaddr_storage socket_address;
  const socklen_t bytes = swisd_address_to_socket(address, &socket_address);
  struct swisd_error reason;
  web->host.request = on_request;
  web->peer = peer;
  snprintf(web->token, sizeof web->token, "%s", token ? token : "");
  web->server =
    swisd_http_server_open(swisd_peer_base(peer), (const struct sockaddr *)&socket_address, bytes, &web->host, &reason);
  web->second = web->server ? event_new(swisd_peer_base(peer), -1, EV_PERSIST, on_second, web) : NULL;
  const struct timeval second = {.tv_sec = 1};
  if (!web->second || event_add(web->second, &second) != 0) {
    swisd_error_set(error, "%s: cannot serve the page: %s", at, web->server ? "out of memory" : reason.text);
    swisd_web_close(web);
    return NULL;
  }
  swisd_history_take(&web->history, peer);
  return web;
}

void swisd_web_close(struct swisd_web *web)
{
  if (!web)
    return;
  if (web->second)
    event_free(web->second);
  swisd_http_server_close(web->server);
  free(web);
}

uint16_t swisd_web_port(const struct swisd_web *web) { return swisd_http_server_port(web->server); }
