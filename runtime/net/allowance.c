/* See allowance.h. */
#include "runtime/net/allowance.h"

/* Messages per second, and at once. Probes: one a second, and what others ask for. Gossip, rumours of a swarm that forms: a
 * few per round of 200 ms. SYNC: pages of 16 records when two nodes meet. What jobs send goes with their tasks, of which a
 * fast worker on small ones does thousands per second. */
static const struct {
  uint32_t per_second, burst;
} limits[SWISD_ALLOWANCE_TYPES] = {
  [SWISD_MESSAGE_PING] = {200, 400},        [SWISD_MESSAGE_ACK] = {400, 800},        [SWISD_MESSAGE_PING_REQ] = {100, 200},
  [SWISD_MESSAGE_PROBE_NACK] = {100, 200},  [SWISD_MESSAGE_GOSSIP] = {200, 400},     [SWISD_MESSAGE_JOIN] = {5, 20},
  [SWISD_MESSAGE_SYNC] = {50, 200},         [SWISD_MESSAGE_MODEL] = {50, 200},       [SWISD_MESSAGE_JOB_OPEN] = {2000, 4000},
  [SWISD_MESSAGE_PULL] = {20000, 40000},    [SWISD_MESSAGE_TASK] = {20000, 40000},   [SWISD_MESSAGE_RESULT] = {20000, 40000},
  [SWISD_MESSAGE_NACK] = {20000, 40000},    [SWISD_MESSAGE_CANCEL] = {20000, 40000}, [SWISD_MESSAGE_BODY_FREE] = {20000, 40000},
  [SWISD_MESSAGE_JOB_CLOSE] = {2000, 4000},
};
static const uint64_t refill_ns = 10 * SWISD_MILLISECOND;

static void refill(struct swisd_allowance *allowance, uint64_t now_ns)
{
  const uint64_t gone_ms = (now_ns - allowance->refilled_ns) / SWISD_MILLISECOND;
  allowance->refilled_ns = now_ns;
  for (uint32_t type = 0; type < SWISD_ALLOWANCE_TYPES; type++) {
    const uint64_t gained_milli = gone_ms * limits[type].per_second; /* thousandths per millisecond are units per second */
    allowance->spent_milli[type] -=
      gained_milli < allowance->spent_milli[type] ? (uint32_t)gained_milli : allowance->spent_milli[type];
  }
}

bool swisd_allowance_take(struct swisd_allowance *allowance, enum swisd_message_type type, uint64_t now_ns)
{
  if ((unsigned)type >= SWISD_ALLOWANCE_TYPES)
    return false;
  if (now_ns - allowance->refilled_ns >= refill_ns)
    refill(allowance, now_ns);
  if (allowance->spent_milli[type] + 1000 > limits[type].burst * 1000)
    return false;
  allowance->spent_milli[type] += 1000;
  return true;
}
