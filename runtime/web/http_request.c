/* See http_request.h. */
#include "runtime/web/http_request.h"

#include <string.h>
#include <strings.h>

/* A piece of the head; not terminated. */
struct piece {
  const char *at;
  size_t size;
};

static bool is(struct piece piece, const char *text)
{
  return piece.size == strlen(text) && strncasecmp(piece.at, text, piece.size) == 0;
}

/* tchar of RFC 9110 section 5.6.2 */
static bool is_token(struct piece piece)
{
  for (size_t i = 0; i < piece.size; i++) {
    const char c = piece.at[i];
    if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c))))
      return false;
  }
  return piece.size > 0;
}

/* Visible characters, and blanks where `blanks` says so. */
static bool is_visible(struct piece piece, bool blanks)
{
  for (size_t i = 0; i < piece.size; i++) {
    const unsigned char c = (unsigned char)piece.at[i];
    if ((c <= 0x20 && !(blanks && (c == ' ' || c == '\t'))) || c == 0x7f)
      return false;
  }
  return true;
}

/* Takes what stands before `end` off `rest`; false when there is no `end`. */
static bool cut(struct piece *rest, char end, struct piece *out)
{
  const char *found = memchr(rest->at, end, rest->size);
  if (!found)
    return false;
  *out = (struct piece){rest->at, (size_t)(found - rest->at)};
  rest->size -= out->size + 1;
  rest->at = found + 1;
  return true;
}

static int copy(struct piece piece, char *out, size_t capacity, int too_large)
{
  if (piece.size >= capacity)
    return -too_large;
  memcpy(out, piece.at, piece.size);
  out[piece.size] = '\0';
  return 0;
}

static int read_target(struct piece target, struct swisd_http_request *out)
{
  struct piece path = target, field;
  if (target.size == 0 || target.at[0] != '/' || !is_visible(target, false))
    return -400;
  if (!cut(&target, '?', &path))
    return copy(path, out->path, sizeof out->path, 414);
  while (target.size > 0) {
    if (!cut(&target, '&', &field)) {
      field = target;
      target.size = 0;
    }
    if (field.size > 6 && memcmp(field.at, "token=", 6) == 0 &&
        copy((struct piece){field.at + 6, field.size - 6}, out->token, sizeof out->token, 414) != 0)
      return -414;
  }
  return copy(path, out->path, sizeof out->path, 414);
}

static int read_request_line(struct piece line, struct swisd_http_request *out)
{
  struct piece method, target;
  if (!cut(&line, ' ', &method) || !cut(&line, ' ', &target) || !is_token(method))
    return -400;
  if (line.size != 8 || memcmp(line.at, "HTTP/", 5) != 0 || line.at[6] != '.')
    return -400;
  if (line.at[5] != '1' || (line.at[7] != '0' && line.at[7] != '1'))
    return -505;
  out->head = method.size == 4 && memcmp(method.at, "HEAD", 4) == 0;
  if (!out->head && !(method.size == 3 && memcmp(method.at, "GET", 3) == 0))
    return -405;
  return read_target(target, out);
}

/* A field of which there may be one. */
static int take_once(struct piece value, char out[SWISD_HTTP_VALUE_BYTES])
{
  if (out[0])
    return -400;
  return copy(value, out, SWISD_HTTP_VALUE_BYTES, 431);
}

static int read_field(struct piece line, struct swisd_http_request *out)
{
  struct piece name;
  if (!cut(&line, ':', &name) || !is_token(name) || !is_visible(line, true))
    return -400; /* also a folded line, which begins with a blank: RFC 9112 section 5.2 */
  while (line.size && (*line.at == ' ' || *line.at == '\t'))
    line.at++, line.size--;
  while (line.size && (line.at[line.size - 1] == ' ' || line.at[line.size - 1] == '\t'))
    line.size--;
  if (is(name, "host"))
    return take_once(line, out->host);
  if (is(name, "origin"))
    return take_once(line, out->origin);
  if (is(name, "sec-fetch-site"))
    return take_once(line, out->fetch_site);
  if (is(name, "transfer-encoding") || (is(name, "content-length") && !is(line, "0")))
    return -413;
  static const char scheme[] = "Bearer ";
  if (is(name, "authorization") && line.size > sizeof scheme - 1 && strncasecmp(line.at, scheme, sizeof scheme - 1) == 0 &&
      !out->token[0])
    return copy((struct piece){line.at + sizeof scheme - 1, line.size - (sizeof scheme - 1)}, out->token, sizeof out->token, 431);
  return 0;
}

int swisd_http_request_read(const char *bytes, size_t count, struct swisd_http_request *out)
{
  const char *end = memmem(bytes, count < SWISD_HTTP_HEAD_BYTES_MAX ? count : SWISD_HTTP_HEAD_BYTES_MAX, "\r\n\r\n", 4);
  if (!end)
    return count >= SWISD_HTTP_HEAD_BYTES_MAX ? -431 : 0;
  memset(out, 0, sizeof *out);
  const size_t size = (size_t)(end - bytes) + 4;
  struct piece rest = {bytes, size - 2}, line;
  for (bool first = true; rest.size > 0; first = false) {
    if (!cut(&rest, '\n', &line) || line.size == 0 || line.at[line.size - 1] != '\r')
      return -400;
    line.size--;
    const int status = first ? read_request_line(line, out) : read_field(line, out);
    if (status != 0)
      return status;
  }
  return (int)size;
}
