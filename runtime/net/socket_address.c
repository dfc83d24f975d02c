/* See socket_address.h. */
#include "runtime/net/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool swisd_address_equal(const struct swisd_address *a, const struct swisd_address *b)
{
  return a->family != SWISD_ADDRESS_NONE && a->family == b->family && a->port == b->port &&
         memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

socklen_t swisd_address_to_socket(const struct swisd_address *address, struct sockaddr_storage *out)
{
  memset(out, 0, sizeof *out);
  if (address->family == SWISD_ADDRESS_IPV4) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    memcpy(&in.sin_addr, address->bytes, 4);
    memcpy(out, &in, sizeof in);
    return sizeof in;
  }
  if (address->family == SWISD_ADDRESS_IPV6) {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
    memcpy(&in6.sin6_addr, address->bytes, 16);
    memcpy(out, &in6, sizeof in6);
    return sizeof in6;
  }
  return 0;
}

struct swisd_address swisd_address_from_socket(const struct sockaddr_storage *socket_address)
{
  struct swisd_address address = {0};
  if (socket_address->ss_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, socket_address, sizeof in);
    address.family = SWISD_ADDRESS_IPV4;
    memcpy(address.bytes, &in.sin_addr, 4);
    address.port = ntohs(in.sin_port);
  } else if (socket_address->ss_family == AF_INET6) {
    struct sockaddr_in6 in6;
    memcpy(&in6, socket_address, sizeof in6);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
    address.family = mapped ? SWISD_ADDRESS_IPV4 : SWISD_ADDRESS_IPV6;
    if (mapped)
      memcpy(address.bytes, in6.sin6_addr.s6_addr + 12, 4);
    else
      memcpy(address.bytes, in6.sin6_addr.s6_addr, 16);
    address.port = ntohs(in6.sin6_port);
  }
  return address;
}

int swisd_address_parse_host(const char *host, uint16_t port, struct swisd_address *out, struct swisd_error *error)
{
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  const int cause = getaddrinfo(host, NULL, &hints, &found);
  if (cause != 0)
    return swisd_error_set(error, "%s: no such host: %s", host, gai_strerror(cause));
  const struct addrinfo *best = found; /* IPv4 first: every device has it */
  for (const struct addrinfo *at = found; at; at = at->ai_next)
    if (at->ai_family == AF_INET) {
      best = at;
      break;
    }
  struct sockaddr_storage storage = {0};
  memcpy(&storage, best->ai_addr, best->ai_addrlen);
  freeaddrinfo(found);
  *out = swisd_address_from_socket(&storage);
  out->port = port;
  return 0;
}

int swisd_address_parse(const char *text, struct swisd_address *out, struct swisd_error *error)
{
  char host[256];
  const char *colon = strrchr(text, ':');
  char *end = NULL;
  const long port = colon ? strtol(colon + 1, &end, 10) : 0;
  size_t length = colon ? (size_t)(colon - text) : 0;
  if (!colon || colon[1] == '\0' || *end != '\0' || port < 1 || port > 65535 || length == 0 || length >= sizeof host)
    return swisd_error_set(error, "%s: not an address, allowed is HOST:PORT with a port of 1 to 65535", text);
  if (text[0] == '[' && text[length - 1] == ']') {
    text++;
    length -= 2;
  }
  memcpy(host, text, length);
  host[length] = '\0';
  return swisd_address_parse_host(host, (uint16_t)port, out, error);
}

void swisd_address_text(const struct swisd_address *address, char *text)
{
  char host[INET6_ADDRSTRLEN] = "";
  if (address->family == SWISD_ADDRESS_IPV4) {
    inet_ntop(AF_INET, address->bytes, host, sizeof host);
    snprintf(text, SWISD_ADDRESS_TEXT_BYTES, "%s:%u", host, address->port);
  } else if (address->family == SWISD_ADDRESS_IPV6) {
    inet_ntop(AF_INET6, address->bytes, host, sizeof host);
    snprintf(text, SWISD_ADDRESS_TEXT_BYTES, "[%s]:%u", host, address->port);
  } else {
    snprintf(text, SWISD_ADDRESS_TEXT_BYTES, "nowhere");
  }
}
