/* From a file to a filled struct, and the questions that every driver asks of one: so that all enact the same. */
#include "scenarios/scenario.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/elementary.h"
#include "scenarios/reader.h"

enum { FILE_BYTES_MAX = 16 * 1024 * 1024 };

/* By time, then by place in the file: targets were gathered in the order of the file. */
static int by_time(const void *left, const void *right)
{
  const struct swisd_scenario_fault *a = left, *b = right;
  if (a->at_ns != b->at_ns) {
    return a->at_ns < b->at_ns ? -1 : 1;
  }
  return a->order < b->order ? -1 : a->order > b->order;
}

/* Fills the list of worlds and finds `world`; 0 when there is none of that name (complained of) or none is wanted. */
static uint32_t find_world(struct swisd_reader *r, const char *world)
{
  const struct swisd_document *d = r->document;
  struct swisd_scenario *s = r->scenario;
  const struct swisd_document_item *worlds = swisd_document_find(d, d->root, "worlds");
  uint32_t found = 0;
  for (uint32_t i = 0;
       worlds && d->nodes[worlds->value].kind == SWISD_NODE_MAP && (i = swisd_document_next(d, worlds->value, i));) {
    const char *name = swisd_document_text(d, d->items[i].key);
    if (strncmp(name, "x-", 2) == 0 || strlen(name) >= SWISD_SCENARIO_NAME_BYTES ||
        !swisd_reader_grow((void **)&s->worlds, s->world_count, sizeof *s->worlds)) {
      continue;
    }
    memcpy(s->worlds[s->world_count++], name, strlen(name) + 1);
    found = world && strcmp(world, name) == 0 ? d->items[i].value : found;
  }
  if (world && !found) {
    char list[192] = "";
    for (uint32_t i = 0; i < s->world_count; i++) {
      snprintf(list + strlen(list), sizeof list - strlen(list), " %s", s->worlds[i]);
    }
    swisd_reader_complain(r, worlds ? worlds->key : 0, "no world is called '%.63s'; there are:%s", world, *list ? list : " none");
  } else if (world) {
    memcpy(s->world, world, strlen(world) + 1);
  }
  return found;
}

static void read_document(struct swisd_reader *r, const char *world)
{
  const struct swisd_document *d = r->document;
  struct swisd_scenario *scenario = r->scenario;
  if (!d->root) {
    swisd_reader_complain(r, 0, "is empty");
    return;
  }
  r->scenario = NULL;
  swisd_reader_map(r, SWISD_SECTION_TOP, d->root, 0, d->root, NULL);
  swisd_reader_check_worlds(r);
  r->scenario = scenario;
  r->visits = 0;
  r->path[0] = '\0';
  const uint32_t node = find_world(r, world);
  if (d->nodes[d->root].kind == SWISD_NODE_MAP && (!world || (node && d->nodes[node].kind == SWISD_NODE_MAP))) {
    swisd_reader_map(r, SWISD_SECTION_TOP, node ? node : d->root, node ? d->root : 0, d->root, scenario);
  }
  for (uint32_t i = 0; i < scenario->fault_count; i++) {
    scenario->faults[i].order = i;
  }
  if (scenario->fault_count) {
    qsort(scenario->faults, scenario->fault_count, sizeof *scenario->faults, by_time);
  }
}

int swisd_scenario_parse(const char *name, const char *text, size_t bytes, const char *world, struct swisd_scenario *scenario,
                         struct swisd_scenario_errors *errors)
{
  memset(scenario, 0, sizeof *scenario);
  scenario->workload.link = SWISD_SCENARIO_NO_LINK;
  struct swisd_complaints *complaints = calloc(1, sizeof *complaints);
  assert(complaints);
  struct swisd_document document;
  if (swisd_document_parse(&document, text, bytes, complaints) == 0) {
    struct swisd_reader reader = {.document = &document, .complaints = complaints, .scenario = scenario};
    read_document(&reader, world);
  }
  swisd_document_free(&document);
  swisd_complaints_render(complaints, name, text, bytes, errors);
  const uint32_t count = complaints->count;
  free(complaints);
  if (count) {
    swisd_scenario_free(scenario);
  }
  return count ? -1 : 0;
}

static int refuse_file(const char *path, const char *why, struct swisd_scenario_errors *errors)
{
  errors->count = 1;
  errors->used = (uint32_t)snprintf(errors->text, sizeof errors->text, "%.4000s:1:1: (the file): %s\n", path, why);
  return -1;
}

int swisd_scenario_read(const char *path, const char *world, struct swisd_scenario *scenario,
                        struct swisd_scenario_errors *errors)
{
  memset(scenario, 0, sizeof *scenario);
  FILE *in = fopen(path, "rb");
  if (!in) {
    return refuse_file(path, strerror(errno), errors);
  }
  char *text = malloc(FILE_BYTES_MAX + 1);
  const size_t bytes = text ? fread(text, 1, FILE_BYTES_MAX + 1, in) : 0;
  const char *why = !text ? "no memory" : ferror(in) ? strerror(errno) : bytes > FILE_BYTES_MAX ? "is larger than 16 MiB" : NULL;
  fclose(in);
  const int status = why ? refuse_file(path, why, errors) : swisd_scenario_parse(path, text, bytes, world, scenario, errors);
  free(text);
  return status;
}

void swisd_scenario_free(struct swisd_scenario *scenario)
{
  free(scenario->links);
  free(scenario->classes);
  free(scenario->faults);
  free(scenario->targets);
  free(scenario->worlds);
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
static bool target_hits(const struct swisd_scenario_target *target, uint32_t index, uint32_t remaining, uint32_t *left,
                        struct swisd_philox *stream)
{
  if (!target->random) {
    return index >= target->first && index - target->first < target->count;
  }
  const bool chosen = swisd_philox_below(stream, remaining) < *left;
  *left -= chosen;
  return chosen;
}

uint32_t swisd_scenario_fault_devices(const struct swisd_scenario *scenario, const struct swisd_scenario_fault *fault,
                                      uint32_t repeat, uint32_t *devices, uint32_t capacity)
{
  struct swisd_philox stream = swisd_philox_stream(scenario->seed, repeat, fault->order, SWISD_PURPOSE_FAULT);
  bool *hit = calloc(scenario->device_count ? scenario->device_count : 1, sizeof *hit);
  assert(hit);
  for (uint32_t t = 0; t < fault->target_count; t++) {
    const struct swisd_scenario_target *target = &scenario->targets[fault->target_first + t];
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
  for (int i = 0; i < SWISD_KERNEL_COUNT; i++) {
    const double flops = device_class ? device_class->flops_per_s[i] : 0;
    config->rates[i] = flops > 0 ? (swisd_log_rate)(swisd_math_log(flops) / 0.69314718055994531 * 256 + 0.5) : 0;
  }
  if (device_class) {
    config->compute_slots = (uint8_t)device_class->slots;
    config->memory_bytes = device_class->memory_bytes;
  }
}

/* A millisecond at least, so that no distribution can keep a driver busy at one instant for ever. */
static uint64_t draw_span_ns(const struct swisd_distribution *d, struct swisd_philox *stream)
{
  const uint64_t span_ns = swisd_distribution_draw_ns(d, stream);
  return span_ns < SWISD_MILLISECOND ? SWISD_MILLISECOND : span_ns;
}

struct swisd_scenario_churn swisd_scenario_churn_start(const struct swisd_scenario *scenario, uint32_t repeat, uint32_t device)
{
  struct swisd_scenario_churn churn = {
    .stream = swisd_philox_stream(scenario->seed, repeat, device, SWISD_PURPOSE_CHURN),
    .device_class = swisd_scenario_class_of(scenario, device),
    .up = true,
  };
  churn.change_ns = draw_span_ns(&churn.device_class->uptime_s, &churn.stream);
  return churn;
}

void swisd_scenario_churn_next(struct swisd_scenario_churn *churn)
{
  if (churn->change_ns == SWISD_NEVER) {
    return;
  }
  churn->up = !churn->up;
  const uint64_t length_ns =
    draw_span_ns(churn->up ? &churn->device_class->uptime_s : &churn->device_class->downtime_s, &churn->stream);
  churn->change_ns = length_ns < SWISD_NEVER - churn->change_ns ? churn->change_ns + length_ns : SWISD_NEVER;
}
