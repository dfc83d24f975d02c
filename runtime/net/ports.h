/* The port of a node: a listening TCP socket and a UDP socket with the same number. */
#ifndef SWISD_NET_PORTS_H
#define SWISD_NET_PORTS_H

#include "runtime/base/error.h"
#include "runtime/core/types.h"

/* Binds both to `listen`; port 0 takes any number that is free for both. Both sockets are nonblocking and the caller's.
 * `bound` is where they are. -1 with `error`: in use, not ours, not allowed. */
int swisd_ports_open(const struct swisd_address *listen, int *tcp_fd, int *udp_fd, struct swisd_address *bound,
                     struct swisd_error *error);

#endif
