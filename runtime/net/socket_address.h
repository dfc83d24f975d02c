/* Addresses between the core's form, the system's and text. */
#ifndef SWISD_NET_SOCKET_ADDRESS_H
#define SWISD_NET_SOCKET_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

#include "runtime/base/error.h"
#include "runtime/core/types.h"

bool swisd_address_equal(const struct swisd_address *a, const struct swisd_address *b);

/* Fills `out` and returns its length; 0 when the address is none that a socket can use. */
socklen_t swisd_address_to_socket(const struct swisd_address *address, struct sockaddr_storage *out);
/* Family NONE when it is neither IPv4 nor IPv6. IPv4 in IPv6 becomes IPv4. */
struct swisd_address swisd_address_from_socket(const struct sockaddr_storage *socket_address);

/* "127.0.0.1:7000", "[::1]:7000", "localhost:7000" -> address. -1 with `error` when it is none of these or the name is not
 * known. Names are looked up by the system, which may take a while: for the command line, not for the loop. */
int swisd_address_parse(const char *text, struct swisd_address *out, struct swisd_error *error);
/* The same without a port, which is `port`. */
int swisd_address_parse_host(const char *host, uint16_t port, struct swisd_address *out, struct swisd_error *error);
/* Back to text; `text` holds at least SWISD_ADDRESS_TEXT_BYTES. */
enum { SWISD_ADDRESS_TEXT_BYTES = 64 };
void swisd_address_text(const struct swisd_address *address, char *text);

#endif
