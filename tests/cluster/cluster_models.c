/* The models of the stories: rows, strips and a decoder, as job descriptions whose arithmetic is hashed. */
#include <stdlib.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

enum { ITEM_BYTES = 64, SHARD_BYTES = 200000 };

/* `steps` steps of `lanes` lanes, the last of one: its results are the answer. */
static struct cluster_model *model_new(struct cluster *c, uint32_t steps, uint32_t lanes, uint64_t flops_per_item)
{
  const uint32_t all = (steps - 1) * lanes + 1;
  SWISD_ASSERT(steps > 0 && steps <= SWISD_STEPS_MAX && all <= SWISD_LANES_MAX);
  struct cluster_model *m = calloc(1, sizeof(*m));
  SWISD_ASSERT(m != NULL);
  m->salt = mix(c->seed, ++c->model_count);
  m->next = c->models;
  c->models = m;
  struct swisd_job_spec *spec = &m->spec;
  spec->model = m->manifest.model = mix(m->salt, 1) | 1;
  spec->step_count = (uint8_t)steps;
  spec->lane_count = m->manifest.shard_count = (uint8_t)all;
  spec->in_bytes_per_item = ITEM_BYTES;
  for (uint32_t s = 0; s < steps; s++) {
    struct swisd_step_spec *step = &spec->steps[s];
    step->kernel = s % 2 == 0 ? SWISD_KERNEL_CONV : SWISD_KERNEL_DENSE;
    step->lane_first = (uint8_t)(s * lanes);
    step->lane_count = s == steps - 1 ? 1 : (uint8_t)lanes;
    step->edge_count = 1;
    step->edges[0].from = s == 0 ? SWISD_EDGE_FROM_INPUT : (uint8_t)(s - 1);
    if (s == steps - 1)
      step->flags = SWISD_STEP_HUB | SWISD_STEP_SINK;
  }
  for (uint32_t l = 0; l < all; l++) {
    const swisd_shard_id shard = mix(m->salt, 100 + l) | 1;
    spec->lanes[l] =
      (struct swisd_lane_spec){.shard = shard, .flops_per_item = flops_per_item / all, .out_bytes_per_item = ITEM_BYTES};
    m->manifest.shards[l] = (struct swisd_model_shard){
      .shard = shard, .bytes = SHARD_BYTES, .flops_per_item = flops_per_item / all, .kernel = spec->steps[l / lanes].kernel};
  }
  return m;
}

struct cluster_model *cluster_model_rows(struct cluster *c, uint32_t steps, uint32_t lanes, uint64_t flops_per_item)
{
  struct cluster_model *m = model_new(c, steps, lanes, flops_per_item);
  for (uint32_t s = 2; s < steps; s += 2)
    m->spec.steps[s].edges[0].combine = SWISD_COMBINE_REDUCE;
  return m;
}

struct cluster_model *cluster_model_strips(struct cluster *c, uint32_t steps, uint32_t strips, uint64_t flops_per_item)
{
  struct cluster_model *m = model_new(c, steps, 1, flops_per_item);
  for (uint32_t s = 0; s < steps; s++) {
    struct swisd_edge_spec *edge = &m->spec.steps[s].edges[0];
    edge->map = SWISD_EDGE_HALO;
    edge->width = 1;
    edge->period = strips;
  }
  return m;
}

struct cluster_model *cluster_model_decoder(struct cluster *c, uint32_t stages, uint64_t flops_per_item, uint32_t end_one_in)
{
  struct cluster_model *m = model_new(c, stages, 1, flops_per_item);
  m->end_one_in = end_one_in;
  m->spec.in_bytes_per_item = 4;
  m->spec.items_max = 64;
  for (uint32_t s = 0; s < stages; s++) {
    m->spec.steps[s].kernel = SWISD_KERNEL_ATTENTION;
    m->spec.steps[s].flags |= SWISD_STEP_STATEFUL | SWISD_STEP_HUB;
    m->manifest.shards[s].kernel = SWISD_KERNEL_ATTENTION;
  }
  struct swisd_edge_spec *first = &m->spec.steps[0].edges[0];
  first->from = (uint8_t)(stages - 1);
  first->map = SWISD_EDGE_LAGGED;
  first->width = 1;
  m->spec.steps[stages - 1].flags |= SWISD_STEP_TOKENS;
  m->spec.lanes[stages - 1].out_bytes_per_item = 4;
  return m;
}

struct swisd_job_spec *cluster_model_spec(struct cluster_model *model) { return &model->spec; }

uint32_t cluster_model_shards(const struct cluster_model *model, swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX])
{
  for (uint32_t i = 0; i < model->manifest.shard_count; i++)
    shards[i] = model->manifest.shards[i].shard;
  return model->manifest.shard_count;
}

void cluster_model_item_bytes(struct cluster_model *model, uint32_t bytes)
{
  const struct swisd_step_spec *last = &model->spec.steps[model->spec.step_count - 1];
  const bool tokens = (last->flags & SWISD_STEP_TOKENS) != 0;
  if (!tokens)
    model->spec.in_bytes_per_item = bytes;
  for (uint32_t l = 0; l < model->spec.lane_count; l++)
    if (!tokens || l != last->lane_first)
      model->spec.lanes[l].out_bytes_per_item = bytes;
}

void cluster_model_bytes(struct cluster_model *model, uint64_t shard_bytes)
{
  for (uint32_t i = 0; i < model->manifest.shard_count; i++)
    model->manifest.shards[i].bytes = shard_bytes;
}

const struct cluster_model *model_find(const struct cluster *c, swisd_model_id id)
{
  const struct cluster_model *m = c->models;
  while (m != NULL && m->spec.model != id)
    m = m->next;
  return m;
}

static void tell(struct cluster *c, uint32_t node, const struct cluster_model *model)
{
  for (uint32_t i = 0; i < model->manifest.shard_count; i++)
    if (!cluster_has_shard(c, node, model->manifest.shards[i].shard))
      return;
  struct swisd_event event = {.kind = SWISD_EVENT_MODEL};
  event.u.model = &model->manifest;
  cluster_step(c, node, &event);
}

void models_tell(struct cluster *c, uint32_t host)
{
  for (uint32_t i = 0; i < c->hosts[host].bring_count; i++)
    tell(c, host, c->hosts[host].brings[i]);
}

void cluster_give(struct cluster *c, uint32_t node, const struct cluster_model *model)
{
  struct host *h = &c->hosts[node];
  SWISD_ASSERT(h->bring_count < sizeof(h->brings) / sizeof(h->brings[0]));
  h->brings[h->bring_count++] = model;
  for (uint32_t i = 0; i < model->manifest.shard_count; i++) {
    if (cluster_has_shard(c, node, model->manifest.shards[i].shard))
      continue;
    SWISD_ASSERT(h->disk_count < sizeof(h->disk) / sizeof(h->disk[0]));
    h->disk[h->disk_count++] = model->manifest.shards[i].shard;
  }
  if (h->node != NULL && h->started && !h->silent)
    tell(c, node, model);
}

bool cluster_has_shard(const struct cluster *c, uint32_t node, swisd_shard_id shard)
{
  const struct host *h = &c->hosts[node];
  for (uint32_t i = 0; i < h->disk_count; i++)
    if (h->disk[i] == shard)
      return true;
  return false;
}

void cluster_lose_shard(struct cluster *c, uint32_t node, swisd_shard_id shard)
{
  struct host *h = &c->hosts[node];
  for (uint32_t i = 0; i < h->disk_count; i++)
    if (h->disk[i] == shard)
      h->disk[i] = h->disk[--h->disk_count];
  if (h->node == NULL || !h->started || h->silent)
    return;
  struct swisd_event event = {.kind = SWISD_EVENT_SHARD_LOST};
  event.u.shard = shard;
  cluster_step(c, node, &event);
}
