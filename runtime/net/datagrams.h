/* Datagrams: the small messages of membership, on the same port number as streams, sealed with the join key and sent
 * through the emulated link. Lost ones are the core's business; bad ones are counted and never answered. */
#ifndef SWISD_NET_DATAGRAMS_H
#define SWISD_NET_DATAGRAMS_H

#include "runtime/core/message.h"
#include "runtime/net/admission.h"
#include "runtime/net/linkshape.h"
#include "runtime/wire/wire_status.h"

struct event_base;
struct swisd_datagrams;

struct swisd_datagrams_host {
  void (*datagram)(struct swisd_datagrams_host *host, struct swisd_id from, const struct swisd_address *from_address,
                   const struct swisd_message *message);
};

/* Takes over `fd`, a bound, nonblocking UDP socket. NULL when memory is out. */
struct swisd_datagrams *swisd_datagrams_open(struct event_base *base, int fd, struct swisd_linkshape *shape,
                                             const struct swisd_admission *admission, struct swisd_id own_id,
                                             struct swisd_datagrams_host *host);
void swisd_datagrams_close(struct swisd_datagrams *datagrams);
void swisd_datagrams_set_incarnation(struct swisd_datagrams *datagrams, uint32_t incarnation); /* high half of the counter */

/* `to` may be zero (a seed); the address decides where it goes. */
void swisd_datagrams_send(struct swisd_datagrams *datagrams, struct swisd_id to, const struct swisd_address *address,
                          const struct swisd_message *message);

struct swisd_datagrams_status {
  uint64_t sent, received, bytes_sent, bytes_received;
  uint64_t send_failed;                         /* refused by the system, or by a full emulated link */
  uint64_t forged;                              /* the tag does not fit */
  uint64_t bad[SWISD_WIRE_STATUS_COUNT];        /* by -status */
};
struct swisd_datagrams_status swisd_datagrams_status(const struct swisd_datagrams *datagrams);

#endif
