/* The submitter's uplink. A bound on bytes, not on a rate: the core has no clock of links, and the bytes that fit are what
 * TCP has shown can be found by trying. */
#include "runtime/core/uplink.h"

#include "runtime/core/panic.h"
#include "runtime/core/types.h"

/* To begin with: eight seconds of the slowest link that a device of ours has (2 MiB/s), less than a fetch waits. */
static const uint64_t first_bytes = UINT64_C(16) << 20;
static const uint64_t least_bytes = UINT64_C(256) << 10; /* a part of a transfer */
static const uint64_t most_bytes = UINT64_C(1) << 40;
/* Tasks that were sent together fail together, and that is one event. */
static const uint64_t round_ns = 2 * SWISD_SECOND;

void swisd_uplink_init(struct swisd_uplink *uplink)
{
  uplink->bound_bytes = first_bytes;
  uplink->under_way_bytes = uplink->backed_off_ns = 0;
}

uint64_t swisd_uplink_room(const struct swisd_uplink *uplink, bool wanted)
{
  const uint64_t limit = wanted ? 2 * uplink->bound_bytes : uplink->bound_bytes;
  const uint64_t room = uplink->under_way_bytes < limit ? limit - uplink->under_way_bytes : 0;
  const uint64_t share = uplink->bound_bytes / 4; /* so that one fast worker does not take it all */
  return room < share ? room : share;
}

void swisd_uplink_sent(struct swisd_uplink *uplink, uint64_t bytes) { uplink->under_way_bytes += bytes; }

bool swisd_uplink_ended(struct swisd_uplink *uplink, uint64_t bytes)
{
  SWISD_ASSERT(uplink->under_way_bytes >= bytes);
  const bool was_full = uplink->under_way_bytes >= uplink->bound_bytes;
  uplink->under_way_bytes -= bytes;
  return was_full && bytes;
}

void swisd_uplink_came(struct swisd_uplink *uplink, uint64_t bytes)
{
  const bool is_used = uplink->under_way_bytes >= uplink->bound_bytes / 2;
  if (uplink->bound_bytes < first_bytes)
    uplink->bound_bytes += bytes / 4; /* even unused: what was missed may not have been the link's fault */
  else if (is_used)
    uplink->bound_bytes += uplink->backed_off_ns ? bytes / 8 : bytes;
  if (uplink->bound_bytes > most_bytes)
    uplink->bound_bytes = most_bytes;
}

void swisd_uplink_missed(struct swisd_uplink *uplink, uint64_t now_ns)
{
  if (uplink->backed_off_ns && now_ns - uplink->backed_off_ns < round_ns)
    return;
  const uint64_t reached = uplink->under_way_bytes < uplink->bound_bytes ? uplink->under_way_bytes : uplink->bound_bytes;
  uplink->bound_bytes = reached / 2 > least_bytes ? reached / 2 : least_bytes;
  uplink->backed_off_ns = now_ns ? now_ns : 1;
}
