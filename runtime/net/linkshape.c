/* See linkshape.h. */
#include "runtime/net/linkshape.h"

static const uint64_t burst_ns = 2 * SWISD_MILLISECOND;

bool swisd_linkshape_stops(const struct swisd_linkshape *shape, struct swisd_id peer)
{
  if (shape->silent)
    return true;
  for (uint32_t i = 0; i < shape->cut_count; i++)
    if (swisd_id_equal(shape->cuts[i], peer))
      return true;
  return false;
}

uint32_t swisd_linkshape_piece(const struct swisd_linkshape *shape, uint32_t bytes_max)
{
  if (shape->up_bytes_per_s <= 0)
    return bytes_max;
  const double piece = shape->up_bytes_per_s * 0.01;
  if (piece < 4096)
    return 4096 < bytes_max ? 4096 : bytes_max;
  return piece < bytes_max ? (uint32_t)piece : bytes_max;
}

static uint64_t book(double bytes_per_s, uint64_t *free_ns, uint64_t now_ns, uint64_t bytes)
{
  if (bytes_per_s <= 0)
    return now_ns;
  const uint64_t earliest_ns = now_ns > burst_ns ? now_ns - burst_ns : 0;
  if (*free_ns < earliest_ns)
    *free_ns = earliest_ns;
  *free_ns += (uint64_t)((double)bytes * 1e9 / bytes_per_s);
  return *free_ns > now_ns ? *free_ns : now_ns;
}

uint64_t swisd_linkshape_book_up(struct swisd_linkshape *shape, uint64_t now_ns, uint64_t bytes)
{
  return book(shape->up_bytes_per_s, &shape->up_free_ns, now_ns, bytes) + shape->delay_ns;
}

uint64_t swisd_linkshape_book_down(struct swisd_linkshape *shape, uint64_t now_ns, uint64_t bytes)
{
  return book(shape->down_bytes_per_s, &shape->down_free_ns, now_ns, bytes) + shape->delay_ns;
}

bool swisd_linkshape_drops(struct swisd_linkshape *shape, struct swisd_id peer, bool received)
{
  bool dropped = swisd_linkshape_stops(shape, peer);
  if (!dropped && received && shape->datagram_loss > 0)
    dropped = swisd_philox_u32(&shape->random) < shape->datagram_loss * 4294967296.0;
  shape->datagrams_dropped += dropped;
  return dropped;
}
