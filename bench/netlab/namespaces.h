/* Network namespaces, each with one TUN device as its only way out: the packets that its processes send are read from a file
 * descriptor here, and what is written to it reaches them. Needs root (or CAP_NET_ADMIN and CAP_SYS_ADMIN), and `ip`. */
#ifndef SWISD_BENCH_NETLAB_NAMESPACES_H
#define SWISD_BENCH_NETLAB_NAMESPACES_H

#include <stddef.h>

#include "runtime/base/error.h"

/* Makes the namespaces PREFIX0 .. and opens a descriptor into each; node i is 10.77.0.(i + 1) and fd77::(i + 1) there.
 * -1 with `error`, and nothing left behind. */
int netlab_namespaces_make(const char *prefix, size_t count, int descriptors[], struct swisd_error *error);
/* Closes the descriptors and removes the namespaces. */
void netlab_namespaces_remove(const char *prefix, size_t count, const int descriptors[]);

#endif
