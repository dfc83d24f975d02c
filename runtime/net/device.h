/* What a device says about itself: battery, heat, the way out, and how busy others keep it. Read from /proc and /sys below a root
 * that tests may choose. What is not there is not known: no error, no line each time. */
#ifndef SWISD_NET_DEVICE_H
#define SWISD_NET_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct swisd_device_state {
  bool load_known, battery_known, network_known, temperature_known;
  double others_load; /* share of all processors that other programs took since the last look, niced ones left out */
  bool on_battery;
  bool metered;       /* the default route goes over a mobile network, or /run/swisd/metered exists */
  double temperature; /* degrees Celsius, the hottest sensor */
};

/* Counters of the last look. Zeroed before the first, after which the load is not known yet. */
struct swisd_device_memory {
  uint64_t busy_ticks, all_ticks, own_ns;
};

/* `own_ns`: processor time of this process that /proc/stat counts as busy; see swisd_device_own_ns(). */
void swisd_device_look(const char *root, uint64_t own_ns, struct swisd_device_memory *memory, struct swisd_device_state *state);

/* Processor time of this process so far, without what a niced process spends in user mode (nobody is held up by that). */
uint64_t swisd_device_own_ns(void);

#endif
