/* See remembered.h. */
#include "runtime/net/remembered.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/net/socket_address.h"
#include "runtime/store/whole_file.h"

static const char file_name[] = "peers";
static const char first_line[] = "swisd-peers 1\n";

/* Numbers only: a file never makes a node ask a name server. */
static bool parse_line(const char *line, struct swisd_address *out)
{
  char host[INET6_ADDRSTRLEN + 2];
  const char *colon = strrchr(line, ':');
  const size_t length = colon ? (size_t)(colon - line) : 0;
  *out = (struct swisd_address){0};
  if (length == 0 || length >= sizeof host || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
    return false;
  const unsigned long port = strtoul(colon + 1, NULL, 10);
  memcpy(host, line, length);
  host[length] = '\0';
  out->port = (uint16_t)port;
  if (port < 1 || port > 65535)
    return false;
  if (host[0] == '[' && host[length - 1] == ']') {
    host[length - 1] = '\0';
    out->family = SWISD_ADDRESS_IPV6;
    return inet_pton(AF_INET6, host + 1, out->bytes) == 1;
  }
  out->family = SWISD_ADDRESS_IPV4;
  return inet_pton(AF_INET, host, out->bytes) == 1;
}

static bool has(const struct swisd_remembered *peers, const struct swisd_address *address)
{
  for (uint32_t i = 0; i < peers->count; i++)
    if (swisd_address_equal(&peers->list[i], address))
      return true;
  return false;
}

uint32_t swisd_remembered_parse(const char *text, size_t bytes, struct swisd_remembered *peers)
{
  uint32_t left_out = 0;
  const size_t head = sizeof first_line - 1;
  peers->count = 0;
  if (bytes < head || memcmp(text, first_line, head) != 0)
    return bytes > 0;
  for (size_t at = head; at < bytes;) {
    char line[SWISD_ADDRESS_TEXT_BYTES];
    const char *end = memchr(text + at, '\n', bytes - at);
    const size_t length = end ? (size_t)(end - text) - at : bytes - at;
    struct swisd_address address;
    const bool fits = length < sizeof line && !memchr(text + at, '\0', length);
    if (fits) {
      memcpy(line, text + at, length);
      line[length] = '\0';
    }
    if (fits && parse_line(line, &address) && !has(peers, &address) && peers->count < SWISD_REMEMBERED_MAX)
      peers->list[peers->count++] = address;
    else
      left_out++;
    at += length + 1;
  }
  return left_out;
}

int swisd_remembered_load(const char *directory, struct swisd_remembered *peers, struct swisd_error *error)
{
  char path[640];
  void *text;
  size_t bytes;
  peers->count = 0;
  snprintf(path, sizeof path, "%s/%s", directory, file_name);
  const enum swisd_store_status status = swisd_whole_file_read(path, SWISD_REMEMBERED_BYTES_MAX, &text, &bytes, error);
  if (status != SWISD_STORE_OK)
    return status == SWISD_STORE_NOT_FOUND ? 0 : -1;
  const uint32_t left_out = swisd_remembered_parse(text, bytes, peers);
  free(text);
  if (left_out > 0)
    return swisd_error_set(error, "%s: %u lines are no addresses and were left out", path, left_out);
  return 0;
}

int swisd_remembered_save(const char *directory, const struct swisd_remembered *peers, struct swisd_error *error)
{
  char text[SWISD_REMEMBERED_BYTES_MAX];
  int used = snprintf(text, sizeof text, "%s", first_line);
  for (uint32_t i = 0; i < peers->count; i++) {
    char address[SWISD_ADDRESS_TEXT_BYTES];
    swisd_address_text(&peers->list[i], address);
    used += snprintf(text + used, sizeof text - (size_t)used, "%s\n", address);
  }
  return swisd_whole_file_write(directory, file_name, text, (size_t)used, error) == SWISD_STORE_OK ? 0 : -1;
}

bool swisd_remembered_equal(const struct swisd_remembered *a, const struct swisd_remembered *b)
{
  if (a->count != b->count)
    return false;
  for (uint32_t i = 0; i < a->count; i++)
    if (!has(b, &a->list[i]))
      return false;
  return true;
}
