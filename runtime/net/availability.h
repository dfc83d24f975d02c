/* When a device rests: rules over what it says about itself (device.h), and the level that comes of them.
 *
 * A rule that begins to hold lowers the level at once; it rises again only when none has held for a while (`calm_ns`), so that a
 * user who pauses for breath is not met by a busy fan. The node computes nothing at level 0 and goes on with what it has; it
 * stays a member and gives its shards to others, but fetches none. */
#ifndef SWISD_NET_AVAILABILITY_H
#define SWISD_NET_AVAILABILITY_H

#include "runtime/net/device.h"

struct event_base;

/* The same numbers as `enum swisd_node_rule` of the configuration. */
enum swisd_rest { SWISD_REST_IGNORE = 0, SWISD_REST_SLOW = 1, SWISD_REST_PAUSE = 2 };

struct swisd_availability_rules {
  double user_load;         /* others' share of the processor above which the node pauses; 0: no rule */
  double temperature;       /* degrees Celsius above which it pauses; 0: no rule */
  uint8_t battery, metered; /* enum swisd_rest */
  double slow_share;        /* of the device's speed when a rule says SLOW */
  uint64_t calm_ns, check_ns;
};

/* What the rules come to at this moment: 0 to 100 per cent, and in `why` (may be NULL) which of them counts. */
enum { SWISD_WHY_BYTES = 96 };
uint8_t swisd_availability_level(const struct swisd_availability_rules *rules, const struct swisd_device_state *state,
                                 char why[SWISD_WHY_BYTES]);

struct swisd_availability;
struct swisd_availability_host {
  void (*changed)(struct swisd_availability_host *host, uint8_t level_percent, const char *why);
};

/* `root`: "" for the device itself. Looks at once and then every check_ns, as long as there is a rule; says once which rules have
 * nothing to look at here. NULL when memory is out. */
struct swisd_availability *swisd_availability_open(struct event_base *base, const char *root,
                                                   const struct swisd_availability_rules *rules,
                                                   struct swisd_availability_host *host);
void swisd_availability_close(struct swisd_availability *availability); /* NULL is fine */
/* Other rules from now on. */
void swisd_availability_change(struct swisd_availability *availability, const struct swisd_availability_rules *rules);

#endif
