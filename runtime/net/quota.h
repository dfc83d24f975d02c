/* What strangers at one address may do before they have shown who they are: how many connections they open per second, and how
 * many stand half open. An address is an IPv4 address or an IPv6 /64, which one customer has. A connection that proves the
 * join key is taken off the account again, so members behind one address do not disturb each other. */
#ifndef SWISD_NET_QUOTA_H
#define SWISD_NET_QUOTA_H

#include "runtime/core/types.h"

enum {
  SWISD_QUOTA_PER_SECOND = 20,
  SWISD_QUOTA_BURST = 40, /* a lab of that many nodes behind one address may start at once */
  SWISD_QUOTA_HALF_OPEN = 32,
  SWISD_QUOTA_ADDRESSES = 512,
};

struct swisd_quota_account {
  uint64_t prefix[2]; /* zero: free */
  uint64_t refilled_ns;
  uint32_t spent_milli; /* thousandths of a connection */
  uint32_t half_open;
};

/* All zero at first. */
struct swisd_quota {
  struct swisd_quota_account accounts[SWISD_QUOTA_ADDRESSES];
};

/* Whether one more connection from there may be taken; if so it counts as half open until one of the next two. */
bool swisd_quota_open(struct swisd_quota *quota, const struct swisd_address *from, uint64_t now_ns);
void swisd_quota_proven(struct swisd_quota *quota, const struct swisd_address *from);
void swisd_quota_failed(struct swisd_quota *quota, const struct swisd_address *from);

#endif
