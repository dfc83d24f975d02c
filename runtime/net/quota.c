/* See quota.h. A table of fixed size: an account lies in one of eight places that its address names, and the one that was
 * used longest ago makes room, unless it has connections half open. */
#include "runtime/net/quota.h"

#include <stddef.h>

#include "runtime/wire/big_endian.h"

enum { PLACES = 8 };

static void prefix_of(const struct swisd_address *from, uint64_t prefix[2])
{
  prefix[0] = swisd_be64_get(from->bytes); /* of IPv6 the /64, of IPv4 all of it and zeros */
  prefix[1] = from->family;
}

static struct swisd_quota_account *account_of(struct swisd_quota *quota, const struct swisd_address *from, bool make)
{
  uint64_t prefix[2];
  prefix_of(from, prefix);
  const uint64_t mixed = (prefix[0] ^ prefix[1]) * UINT64_C(0x9e3779b97f4a7c15);
  struct swisd_quota_account *places = &quota->accounts[(mixed >> 32) % (SWISD_QUOTA_ADDRESSES / PLACES) * PLACES];
  struct swisd_quota_account *free_one = NULL;
  for (int i = 0; i < PLACES; i++) {
    if (places[i].prefix[0] == prefix[0] && places[i].prefix[1] == prefix[1])
      return &places[i];
    if (places[i].half_open == 0 && (!free_one || places[i].refilled_ns < free_one->refilled_ns))
      free_one = &places[i];
  }
  if (make && free_one)
    *free_one = (struct swisd_quota_account){.prefix = {prefix[0], prefix[1]}};
  return make ? free_one : NULL;
}

bool swisd_quota_open(struct swisd_quota *quota, const struct swisd_address *from, uint64_t now_ns)
{
  struct swisd_quota_account *account = account_of(quota, from, true);
  if (!account)
    return false;
  const uint64_t gained_milli = (now_ns - account->refilled_ns) * SWISD_QUOTA_PER_SECOND / SWISD_MILLISECOND;
  if (gained_milli > 0) {
    account->refilled_ns = now_ns;
    account->spent_milli -= gained_milli < account->spent_milli ? (uint32_t)gained_milli : account->spent_milli;
  }
  if (account->spent_milli + 1000 > SWISD_QUOTA_BURST * 1000 || account->half_open >= SWISD_QUOTA_HALF_OPEN)
    return false;
  account->spent_milli += 1000;
  account->half_open++;
  return true;
}

static void close_one(struct swisd_quota *quota, const struct swisd_address *from, uint32_t back_milli)
{
  struct swisd_quota_account *account = account_of(quota, from, false);
  if (!account || account->half_open == 0)
    return;
  account->half_open--;
  account->spent_milli -= back_milli < account->spent_milli ? back_milli : account->spent_milli;
}

void swisd_quota_proven(struct swisd_quota *quota, const struct swisd_address *from) { close_one(quota, from, 1000); }
void swisd_quota_failed(struct swisd_quota *quota, const struct swisd_address *from) { close_one(quota, from, 0); }
