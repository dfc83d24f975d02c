/* The questions that every driver asks of a scenario, so that all enact the same. Reading is in study.c. */
#include "scenarios/scenario.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/elementary.h"

void swisd_scenario_free(struct swisd_scenario *scenario)
{
  free(scenario->links);
  free(scenario->sites);
  free(scenario->classes);
  free(scenario->faults);
  free(scenario->targets);
  free(scenario->worlds);
  free(scenario->expects);
  for (uint32_t i = 0; i < scenario->table_count; i++) {
    swisd_table_release(scenario->tables[i]);
  }
  free(scenario->tables);
  memset(scenario, 0, sizeof *scenario);
}

const struct swisd_scenario_class *swisd_scenario_class_of(const struct swisd_scenario *scenario, uint32_t device)
{
  assert(device < scenario->device_count);
  uint32_t lo = 0, hi = scenario->class_count;
  while (hi - lo > 1) {
    const uint32_t middle = (lo + hi) / 2;
    if (scenario->classes[middle].first <= device) {
      lo = middle;
    } else {
      hi = middle;
    }
  }
  return &scenario->classes[lo];
}

void swisd_scenario_device_name(const struct swisd_scenario *scenario, uint32_t device, char *name, size_t bytes)
{
  const struct swisd_scenario_class *c = swisd_scenario_class_of(scenario, device);
  snprintf(name, bytes, "%s/%u", c->name, device - c->first);
}

/* Whether `target` hits the device of that index in its class. Random ones are chosen by selection sampling (Knuth, volume
 * 2, 3.4.2, algorithm S): `left` are still to be chosen out of `remaining`. */
static bool chosen(uint32_t remaining, uint32_t *left, struct swisd_philox *stream)
{
  const bool hit = swisd_philox_below(stream, remaining) < *left;
  *left -= hit;
  return hit;
}

static bool target_hits(const struct swisd_scenario_target *target, uint32_t index, uint32_t remaining, uint32_t *left,
                        struct swisd_philox *stream)
{
  if (!target->random) {
    return index >= target->first && index - target->first < target->count;
  }
  return chosen(remaining, left, stream);
}

/* All devices at the places that `target` means. */
static void hit_places(const struct swisd_scenario *scenario, const struct swisd_scenario_target *target,
                       struct swisd_philox *stream, bool *hit)
{
  const struct swisd_scenario_site *site = &scenario->sites[target->site];
  bool *places = calloc(site->count, sizeof *places);
  assert(places);
  uint32_t left = target->count;
  for (uint32_t i = 0; i < site->count; i++) {
    places[i] = target->random ? chosen(site->count - i, &left, stream) : i >= target->first && i - target->first < target->count;
  }
  for (uint32_t device = 0; device < scenario->device_count; device++) {
    const uint32_t place = swisd_scenario_site_of(scenario, device);
    hit[device] |= place >= site->first && place - site->first < site->count && places[place - site->first];
  }
  free(places);
}

uint32_t swisd_scenario_fault_devices(const struct swisd_scenario *scenario, const struct swisd_scenario_fault *fault,
                                      uint32_t repeat, uint32_t *devices, uint32_t capacity)
{
  struct swisd_philox stream =
    swisd_philox_stream(scenario->seed, repeat, fault->order + (fault->occurrence << 16), SWISD_PURPOSE_FAULT);
  bool *hit = calloc(scenario->device_count ? scenario->device_count : 1, sizeof *hit);
  assert(hit);
  for (uint32_t t = 0; t < fault->target_count; t++) {
    const struct swisd_scenario_target *target = &scenario->targets[fault->target_first + t];
    if (target->site != SWISD_SCENARIO_NO_LINK) {
      hit_places(scenario, target, &stream, hit);
      continue;
    }
    const struct swisd_scenario_class *c = &scenario->classes[target->class_index];
    uint32_t left = target->count;
    for (uint32_t i = 0; i < c->count; i++) {
      hit[c->first + i] |= target_hits(target, i, c->count - i, &left, &stream);
    }
  }
  uint32_t count = 0;
  for (uint32_t device = 0; device < scenario->device_count; device++) {
    if (hit[device]) {
      if (count < capacity) {
        devices[count] = device;
      }
      count++;
    }
  }
  free(hit);
  return count;
}

void swisd_scenario_configure(const struct swisd_scenario *scenario, const struct swisd_scenario_class *device_class,
                              struct swisd_config *config)
{
  config->shards_per_node = (uint8_t)scenario->placement_slots;
  config->replicas_min = (uint8_t)scenario->placement_replicas_min;
  config->chunk_ns = scenario->workload.chunk_ns;
  config->works = device_class != NULL;
  const double slots = device_class && device_class->slots > 0 ? device_class->slots : 1; /* they share the device's speed */
  for (int i = 0; i < SWISD_KERNEL_COUNT; i++) {
    const double flops = device_class ? device_class->flops_per_s[i] / slots : 0;
    config->rates[i] = flops > 0 ? (swisd_log_rate)(swisd_math_log(flops) / 0.69314718055994531 * 256 + 0.5) : 0;
  }
  if (device_class) {
    config->compute_slots = (uint8_t)device_class->slots;
    config->memory_bytes = device_class->memory_bytes;
  }
}
