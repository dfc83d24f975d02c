/* Every bound of a node. The driver picks a preset, swisd_node_size() says how many bytes that takes, and nothing grows
 * afterwards: when a table is full the newcomer is refused or the least useful entry gives way, and a counter says so. */
#ifndef SWISD_CORE_LIMITS_H
#define SWISD_CORE_LIMITS_H

#include <stdint.h>

/* Bounds of a message, equal on every node of a swarm (they shape structs and wire). */
enum {
  SWISD_DATAGRAM_BYTES_MAX = 1200,
  SWISD_CONTROL_BYTES_MAX = 65536, /* a control frame on a stream */
  SWISD_ADDRESSES_MAX = 4,
  SWISD_HOLDINGS_MAX = 16,     /* shards that one record names */
  SWISD_RUMOURS_MAX = 16,      /* rumours in one message */
  SWISD_SYNC_RECORDS_MAX = 16, /* records in one page of a SYNC */
  SWISD_OPEN_LANES_MAX = 16,   /* lanes that one JOB_OPEN names */
  SWISD_SOURCES_MAX = 16,      /* input pieces of one task */
  SWISD_RELEASES_MAX = 32,     /* bodies freed by one message */
  SWISD_INLINE_BYTES_MAX = 64,
  SWISD_MODEL_SHARDS_MAX = 64,
  SWISD_STEPS_MAX = 16,
  SWISD_LANES_MAX = 64, /* of all steps of one job together */
  SWISD_EDGES_MAX = 4,  /* into one step */
  SWISD_COPIES_MAX = 3, /* executions of one piece under way at once */
  SWISD_SEEDS_MAX = 8,
};

struct swisd_limits {
  uint16_t members_max;
  uint16_t rumours_max;   /* waiting to be spread */
  uint16_t models_max;    /* known in the swarm */
  uint16_t jobs_max;      /* submitted here and not yet answered */
  uint16_t intervals_max; /* pieces of all lanes of all jobs here */
  uint16_t workers_max;   /* partners of this submitter at once */
  uint16_t open_jobs_max; /* jobs of others that this worker serves */
  uint16_t queue_max;     /* tasks queued on this worker */
  uint16_t outputs_max;   /* results kept here for later steps */
  uint16_t segments_max;  /* input bodies of all jobs here */
  uint16_t fetches_max;   /* transfers under way */
};

extern const struct swisd_limits swisd_limits_lab;        /* a device in a lab or a home: up to 256 members */
extern const struct swisd_limits swisd_limits_sim_full;   /* simulated, full view: up to 1,200 members */
extern const struct swisd_limits swisd_limits_sim_worker; /* simulated worker, small */
extern const struct swisd_limits swisd_limits_tiny;       /* for tests: every bound is hit */

#endif
