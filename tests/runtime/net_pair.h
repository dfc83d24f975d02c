/* Two nodes' links in one process, over loopback, and a third party made by hand that says what links never would. */
#ifndef SWISD_TESTS_RUNTIME_NET_PAIR_H
#define SWISD_TESTS_RUNTIME_NET_PAIR_H

#include <event2/event.h>

#include "runtime/net/links.h"
#include "tests/unit/cmocka_all.h"

enum { SEEN_MAX = 256 };

/* One node's links. */
struct side {
  struct swisd_links_host host; /* first */
  struct event_base *base;
  struct swisd_links *links;
  struct swisd_bodies *bodies;
  struct swisd_linkshape shape;
  struct swisd_admission admission;
  struct swisd_nodekey key;
  struct swisd_tls_node *tls;
  struct swisd_id id;
  struct swisd_address address;
  int fd;
  struct event *listening;
  uint32_t count, wanted, unreachable; /* messages seen; the loop ends at `wanted` */
  uint64_t numbers[SEEN_MAX];
  struct swisd_blob *body; /* the last one */
};

struct pair {
  struct event_base *base;
  struct side a, b;
};

void open_side(struct side *side, struct event_base *base);
void close_side(struct side *side);
void open_pair(struct pair *pair);
void close_pair(struct pair *pair);
/* A message with that number, and perhaps a body. */
void say(struct side *from, const struct side *to, uint64_t number, struct swisd_blob *body);
/* Runs until somebody breaks the loop, or for `seconds`. */
void run(struct pair *pair, double seconds);
/* Runs until b has `open` streams, at most 10 s. */
void settle(struct pair *pair, uint32_t open);
/* A body whose bytes are known. */
struct swisd_blob *patterned(struct swisd_bodies *bodies, uint64_t bytes);

/* A peer made by hand, to send what links never would: the dialling end of a session over a blocking socket. */
struct hand {
  struct swisd_tls_host host; /* first */
  struct pair *pair;
  struct swisd_nodekey key;
  struct swisd_tls_node *node;
  struct swisd_tls *tls;
  int fd;
};

/* A blocking socket to b, from that last byte of 127.0.0.x. */
int hand_dial(const struct pair *pair, uint8_t from);
/* Dials b and shakes hands. */
void hand_open(struct hand *hand, struct pair *pair);
/* Lets the other side work until it says something; how much plaintext came, 0: a handshake's; -1: the session is over. */
int hand_listen(struct hand *hand, uint8_t *plain, size_t capacity);
/* HELLO as `id`, and a proof of `admission`; what comes back. */
int hand_introduce(struct hand *hand, struct swisd_id id, const struct swisd_admission *admission);
void hand_close(struct hand *hand);

#endif
