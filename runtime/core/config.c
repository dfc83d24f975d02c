/* The presets of limits, and the default configuration with its reasons. */
#include "runtime/core/config.h"
#include "runtime/core/memory.h"

const struct swisd_limits swisd_limits_lab = {
  .members_max = 256,
  .rumours_max = 256,
  .models_max = 8,
  .jobs_max = 8,
  .intervals_max = 2048,
  .workers_max = 128,
  .open_jobs_max = 16,
  .queue_max = 24,
  .outputs_max = 256,
  .segments_max = 64,
  .fetches_max = 64,
};
const struct swisd_limits swisd_limits_sim_full = {
  .members_max = 1200,
  .rumours_max = 256,
  .models_max = 2,
  .jobs_max = 2,
  .intervals_max = 2048,
  .workers_max = 256,
  .open_jobs_max = 32,
  .queue_max = 16,
  .outputs_max = 192,
  .segments_max = 16,
  .fetches_max = 32,
};
const struct swisd_limits swisd_limits_sim_worker = {
  .members_max = 64,
  .rumours_max = 32,
  .models_max = 2,
  .jobs_max = 1,
  .intervals_max = 16,
  .workers_max = 4,
  .open_jobs_max = 8,
  .queue_max = 8,
  .outputs_max = 32,
  .segments_max = 4,
  .fetches_max = 16,
};
const struct swisd_limits swisd_limits_tiny = {
  .members_max = 12,
  .rumours_max = 6,
  .models_max = 2,
  .jobs_max = 2,
  .intervals_max = 24,
  .workers_max = 6,
  .open_jobs_max = 2,
  .queue_max = 3,
  .outputs_max = 8,
  .segments_max = 4,
  .fetches_max = 4,
};

struct swisd_config swisd_config_default(void)
{
  struct swisd_config c;
  memset(&c, 0, sizeof c);
  c.limits = swisd_limits_lab;
  c.works = true;
  c.compute_slots = 1;
  c.memory_bytes = UINT64_C(1) << 30;
  c.body_bytes_max = UINT64_C(256) << 20;
  /* SWIM: one period a second finds a crash in 1.58 s on average at any size; 500 ms covers a phone on Wi-Fi. */
  c.probe_interval_ns = SWISD_SECOND;
  c.probe_timeout_ns = 500 * SWISD_MILLISECOND;
  c.indirect_probes = 3;
  /* Lifeguard, the values of memberlist's LAN profile: alpha 4, beta 6, S 8. */
  c.suspicion_mult = 4;
  c.suspicion_max_mult = 6;
  c.suspicion_confirmations = 3;
  c.local_health_max = 8;
  c.gossip_interval_ns = 200 * SWISD_MILLISECOND;
  c.gossip_fanout = 3;
  c.retransmit_mult = 4;
  c.sync_interval_ns = 30 * SWISD_SECOND;
  c.dead_keep_ns = 60 * SWISD_SECOND;
  c.shards_per_node = 3;
  c.replicas_min = 2;
  c.placement_interval_ns = 2 * SWISD_SECOND;
  /* 250 ms: a death costs at most that much, and 5 ms of overhead a task only 2 %. */
  c.chunk_ns = 250 * SWISD_MILLISECOND;
  c.open_interval_ns = SWISD_SECOND;
  c.lease_ns = 9 * SWISD_SECOND;                /* three times the slowest usual detection */
  c.queue_ns_max = 6 * 250 * SWISD_MILLISECOND; /* twice what the credits of one submitter can bring */
  c.credit_ns = SWISD_SECOND;
  c.window_ns = 2500 * SWISD_MILLISECOND;
  c.overdue_slack_ns = 60 * SWISD_MILLISECOND;
  c.hedge_permille = 50;
  c.patience_ns = 30 * SWISD_SECOND;
  return c;
}
