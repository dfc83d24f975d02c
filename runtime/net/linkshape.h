/* The link of an emulated device, for streams and datagrams alike: a serialiser (rate) and a delay each way, loss of
 * datagrams, silence and partition. No root, no kernel queue discipline.
 *
 * The model is the simulator's (DESIGN section 8): B bytes occupy the sender's uplink for B / up, arrive its latency later,
 * occupy the receiver's downlink and wait its latency. All traffic of a node shares its two serialisers. A burst of 2 ms of
 * the rate may pass at once, so that timers that fire late do not cost throughput.
 *
 * This file only keeps the books: those who move bytes ask when. */
#ifndef SWISD_NET_LINKSHAPE_H
#define SWISD_NET_LINKSHAPE_H

#include "runtime/base/philox.h"
#include "runtime/core/types.h"

enum { SWISD_LINKSHAPE_CUTS_MAX = 64 };

struct swisd_linkshape {
  double up_bytes_per_s, down_bytes_per_s; /* 0: not limited */
  uint64_t delay_ns;                       /* each way */
  double datagram_loss;                    /* share of received datagrams dropped */
  bool silent;                             /* nothing comes, nothing goes, nothing is reset */
  uint32_t cut_count;                      /* peers that are not heard, and do not hear */
  struct swisd_id cuts[SWISD_LINKSHAPE_CUTS_MAX];
  uint64_t up_free_ns, down_free_ns; /* when each serialiser has sent what was booked */
  struct swisd_philox random;
  uint64_t datagrams_dropped; /* by any of these rules */
};

static inline bool swisd_linkshape_limits_up(const struct swisd_linkshape *shape)
{
  return shape->up_bytes_per_s > 0 || shape->delay_ns > 0;
}
static inline bool swisd_linkshape_limits_down(const struct swisd_linkshape *shape)
{
  return shape->down_bytes_per_s > 0 || shape->delay_ns > 0;
}

/* Whether traffic with that peer is stopped now; a zero id asks for silence alone. */
bool swisd_linkshape_stops(const struct swisd_linkshape *shape, struct swisd_id peer);

/* The largest piece that should be booked at once, so that a control frame never waits long behind a body: 10 ms of the
 * uplink, at least 4 KiB and at most `bytes_max`. */
uint32_t swisd_linkshape_piece(const struct swisd_linkshape *shape, uint32_t bytes_max);

/* When the next piece may be booked on the uplink; a time in the past means now. */
static inline uint64_t swisd_linkshape_up_ready_ns(const struct swisd_linkshape *shape) { return shape->up_free_ns; }
static inline uint64_t swisd_linkshape_down_ready_ns(const struct swisd_linkshape *shape) { return shape->down_free_ns; }

/* Books `bytes` at `now_ns`; returns when the last of them is through the serialiser and the delay. */
uint64_t swisd_linkshape_book_up(struct swisd_linkshape *shape, uint64_t now_ns, uint64_t bytes);
uint64_t swisd_linkshape_book_down(struct swisd_linkshape *shape, uint64_t now_ns, uint64_t bytes);

/* Whether a datagram from or to `peer` is dropped (and counted); `received` ones are also subject to loss. */
bool swisd_linkshape_drops(struct swisd_linkshape *shape, struct swisd_id peer, bool received);

#endif
