/* What a driver may set on a node. swisd_config_default() gives the values argued here; all times in nanoseconds. */
#ifndef SWISD_CORE_CONFIG_H
#define SWISD_CORE_CONFIG_H

#include "runtime/core/limits.h"
#include "runtime/core/types.h"

struct swisd_config {
  struct swisd_limits limits;
  struct swisd_id id;
  struct swisd_address addresses[SWISD_ADDRESSES_MAX];
  uint8_t address_count;

  bool works;                               /* computes for others; a mere submitter does not */
  uint8_t compute_slots;                    /* programs run at once; the rates are those of one slot */
  swisd_log_rate rates[SWISD_KERNEL_COUNT]; /* from calibration: the prior until tasks have been measured */
  uint64_t memory_bytes;                    /* for shards */
  uint64_t body_bytes_max;                  /* for inputs and kept outputs */
  uint32_t kernels_class;                   /* equal classes give equal bits */

  /* membership: SWIM with Lifeguard */
  uint64_t probe_interval_ns, probe_timeout_ns;
  uint8_t indirect_probes;
  uint8_t suspicion_mult, suspicion_max_mult; /* Lifeguard alpha and beta */
  uint8_t suspicion_confirmations;            /* Lifeguard K */
  uint8_t local_health_max;                   /* Lifeguard S */
  uint64_t gossip_interval_ns;
  uint8_t gossip_fanout;
  uint8_t retransmit_mult;   /* a rumour is sent mult * ceil(log10(n + 1)) times */
  uint64_t sync_interval_ns; /* full exchange with one random member; scaled up with log2(n) past 32 */
  uint64_t dead_keep_ns;     /* a dead member is remembered, against ghosts */

  /* placement */
  uint8_t shards_per_node; /* d */
  uint8_t replicas_min;    /* r_min */
  uint64_t placement_interval_ns;

  /* dispatch */
  uint64_t chunk_ns;         /* a task is sized to this much of the worker's speed */
  uint64_t open_interval_ns; /* JOB_OPEN and lease refresh */
  uint64_t lease_ns;         /* a worker forgets a job after this much silence */
  uint64_t queue_ns_max;     /* more queued work than this: NACK_BUSY */
  uint64_t credit_ns;        /* a credit lapses when unused this long */
  uint64_t window_ns;        /* a job has this much of its workers' time in the pipeline at once */
  uint64_t overdue_slack_ns;
  uint16_t hedge_permille; /* copies may cost this share of accepted work */
  uint64_t patience_ns;    /* a job whose shard has no live holder this long fails */
};

struct swisd_config swisd_config_default(void);

#endif
