/* A scenario in the cluster driver: its devices, and what it does to them. */
#include "tests/story/gate.h"

struct cluster *gate_cluster(const struct swisd_scenario *scenario, uint64_t seed, struct cluster_class *classes)
{
  struct cluster *c = cluster_new(seed, NULL);
  for (uint32_t i = 0; i < scenario->class_count; i++) {
    const struct swisd_scenario_class *from = &scenario->classes[i];
    assert_true(from->link < scenario->link_count);
    const struct swisd_scenario_link *link = &scenario->links[from->link];
    classes[i] = (struct cluster_class){.name = from->name,
                                        .memory_bytes = from->memory_bytes,
                                        .body_bytes_max = from->memory_bytes / 4,
                                        .up_bytes_per_s = link->up_bytes_per_s,
                                        .down_bytes_per_s = link->down_bytes_per_s,
                                        .latency_ns = (uint64_t)(swisd_distribution_mean(&link->latency_s) * 1e9),
                                        .slots = (uint8_t)from->slots,
                                        .works = true};
    memcpy(classes[i].flops_per_s, from->flops_per_s, sizeof(classes[i].flops_per_s));
    swisd_scenario_configure(scenario, from, cluster_config(c));
    assert_int_equal(cluster_add(c, from->count, &classes[i]), from->first);
  }
  swisd_scenario_configure(scenario, NULL, cluster_config(c));
  cluster_add(c, 1, &cluster_submitter);
  return c;
}

static void enact(struct cluster *c, const struct gate_fault *fault)
{
  switch (fault->kind) {
  case SWISD_FAULT_KILL:
    cluster_kill(c, fault->device);
    break;
  case SWISD_FAULT_SILENCE:
    cluster_silence(c, fault->device);
    break;
  case SWISD_FAULT_SLOW:
    cluster_slow(c, fault->device, fault->factor);
    break;
  default:
    if (!cluster_is_running(c, fault->device))
      cluster_restart(c, fault->device);
    else if (cluster_is_silent(c, fault->device))
      cluster_wake(c, fault->device);
    cluster_slow(c, fault->device, 1);
    break;
  }
}

void gate_cluster_enact(struct cluster *c, const struct gate_fault *faults, uint32_t count)
{
  const uint64_t start_ns = cluster_now(c);
  for (uint32_t i = 0; i < count && cluster_failure(c) == NULL; i++) {
    cluster_run(c, start_ns + faults[i].at_ns - cluster_now(c));
    enact(c, &faults[i]);
  }
}
