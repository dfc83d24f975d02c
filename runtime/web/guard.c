/* See guard.h. */
#include "runtime/web/guard.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* "NAME", "NAME:PORT" or "[ADDRESS]:PORT" -> NAME or ADDRESS; false when it is none of these. */
static bool host_name(const char *host, char name[SWISD_HTTP_VALUE_BYTES])
{
  strcpy(name, host);
  char *port = NULL;
  if (name[0] == '[') {
    char *end = strchr(name, ']');
    if (!end)
      return false;
    *end = '\0';
    port = end + 1;
    memmove(name, name + 1, strlen(name));
  } else if ((port = strchr(name, ':')) != NULL) {
    *port = '\0';
    port = port + 1;
    return *port && strspn(port, "0123456789") == strlen(port);
  } else {
    return name[0] != '\0';
  }
  return *port == '\0' || (*port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1));
}

static bool is_nobodys_name(const char *host)
{
  char name[SWISD_HTTP_VALUE_BYTES], own[SWISD_HTTP_VALUE_BYTES] = "";
  unsigned char address[sizeof(struct in6_addr)];
  if (!host_name(host, name))
    return false;
  if (inet_pton(host[0] == '[' ? AF_INET6 : AF_INET, name, address) == 1)
    return true;
  if (host[0] == '[')
    return false;
  if (gethostname(own, sizeof own - 1) == 0 && own[0] && !strchr(own, '.')) { /* one with dots may be somebody's */
    const size_t length = strlen(own);
    if (strncasecmp(name, own, length) == 0 && (name[length] == '\0' || strcasecmp(name + length, ".local") == 0))
      return true;
  }
  return strcasecmp(name, "localhost") == 0;
}

static bool is_same_origin(const struct swisd_http_request *request)
{
  static const char scheme[] = "http://";
  return strncasecmp(request->origin, scheme, sizeof scheme - 1) == 0 &&
         strcasecmp(request->origin + sizeof scheme - 1, request->host) == 0;
}

/* Takes as long whatever the first byte is that differs. */
static bool equals_token(const char *sent, const char *token)
{
  const size_t length = strlen(token);
  size_t sent_length = strlen(sent);
  volatile uint8_t differs = sent_length != length;
  for (size_t i = 0; i < length; i++)
    differs = (uint8_t)(differs | ((uint8_t)sent[i < sent_length ? i : sent_length] ^ (uint8_t)token[i]));
  return differs == 0;
}

bool swisd_guard_is_token(const char *text)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  const size_t length = strlen(text);
  return length >= SWISD_TOKEN_BYTES_MIN && length <= SWISD_TOKEN_BYTES_MAX && strspn(text, allowed) == length;
}

int swisd_guard_check(const struct swisd_http_request *request, const char *token, const char **reason)
{
  *reason = "";
  if (!request->host[0]) {
    *reason = "the request names no host";
    return 400;
  }
  if (!is_nobodys_name(request->host)) {
    *reason = "this host name is not known here: ask by IP address, or as localhost";
    return 403;
  }
  if (request->origin[0] && !is_same_origin(request)) {
    *reason = "a page of another site asks";
    return 403;
  }
  /* Of other sites only a link to the page itself is followed: it shows nothing by itself. */
  if (request->fetch_site[0] && strcmp(request->fetch_site, "same-origin") != 0 && strcmp(request->fetch_site, "none") != 0 &&
      strcmp(request->path, "/") != 0) {
    *reason = "a page of another site asks";
    return 403;
  }
  if (token && !equals_token(request->token, token)) {
    *reason = request->token[0] ? "this is not the token" : "a token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN";
    return 401;
  }
  return 0;
}
