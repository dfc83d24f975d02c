/* What netlab's command line and its control FIFO say. */
#ifndef SWISD_BENCH_NETLAB_SPEC_H
#define SWISD_BENCH_NETLAB_SPEC_H

#include "bench/netlab/emulator.h"
#include "runtime/base/error.h"

enum netlab_change_kind { NETLAB_CHANGE_LINK, NETLAB_CHANGE_CUT, NETLAB_CHANGE_HEAL };

struct netlab_change {
  enum netlab_change_kind kind;
  size_t a, b;  /* LINK: the node is `a` */
  bool one_way; /* only from a to b */
  struct netlab_link link;
};

/* "up=10Mbit,delay=20ms", "4*loss=1%", or "-" for a link without limits: appends to links[]. -1 with `error`. */
int netlab_links_parse(const char *text, struct netlab_link links[NETLAB_NODES_MAX], size_t *count, struct swisd_error *error);
/* One line of the FIFO. -1 with `error`. */
int netlab_change_parse(const char *line, size_t nodes, struct netlab_change *change, struct swisd_error *error);

#endif
