/* How many messages of each type one peer may send: a token bucket per type. Generous for what an honest node of this version
 * ever says, so that only a broken or hostile member meets it; what is beyond is dropped and counted, and any message may be
 * lost (core/message.h). */
#ifndef SWISD_NET_ALLOWANCE_H
#define SWISD_NET_ALLOWANCE_H

#include "runtime/core/message.h"

enum { SWISD_ALLOWANCE_TYPES = SWISD_MESSAGE_JOB_CLOSE + 1 };

/* All zero at first. */
struct swisd_allowance {
  uint64_t refilled_ns;
  uint32_t spent_milli[SWISD_ALLOWANCE_TYPES]; /* thousandths of a message that a bucket is short of being full */
};

/* Whether the peer may send this message now. */
bool swisd_allowance_take(struct swisd_allowance *allowance, enum swisd_message_type type, uint64_t now_ns);

#endif
