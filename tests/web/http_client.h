/* A client that asks a node as a test wants to, and a node with a page to be asked. */
#ifndef SWISD_TESTS_WEB_HTTP_CLIENT_H
#define SWISD_TESTS_WEB_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "tests/runtime/swarm.h"

/* Starts node 0 of an empty swarm with `--http 127.0.0.1:0` and further arguments (NULL ends them; NULL: none); its port. */
uint16_t http_node_start(struct swarm *swarm, const char *const *further);

int http_connect(uint16_t port); /* a blocking socket that gives up after 10 s */
void http_send(int fd, const char *text);
/* All that comes until the other side closes, terminated; at most `capacity` - 1 bytes. Closes `fd`. */
size_t http_receive(int fd, char *out, size_t capacity);

/* Sends a GET of `path` with the right Host and further header lines ("X: y\r\n"; "" for none) and returns the status; `out`
 * is the whole reply. */
int http_get(uint16_t port, const char *path, const char *headers, char *out, size_t capacity);
/* What follows the head of a reply. */
const char *http_body(const char *reply);

#endif
