/* The catalogue: what models there are in the swarm, and what shards each has.
 *
 * A model is passed on by whoever hears of it first, to three random members, three times a second apart; after that a
 * newcomer is told by about three of those who see it come, and a full exchange of tables ends with the models too. A
 * manifest never changes (its name is its digest), so there is nothing to order. */
#include "runtime/core/memory.h"
#include "runtime/core/placement_internal.h"

#define WAVE_PAUSE_NS SWISD_SECOND

uint32_t swisd_catalogue_index_size(uint32_t models_max)
{
  uint32_t size = 16;
  while (size < 2 * models_max * SWISD_MODEL_SHARDS_MAX)
    size *= 2;
  return size;
}

static uint32_t shard_hash(swisd_shard_id shard) { return (uint32_t)(shard * UINT64_C(0x9E3779B97F4A7C15) >> 32); }

bool swisd_catalogue_next(const struct swisd_placement *placement, swisd_shard_id shard, uint32_t *cursor, uint32_t *model,
                          uint32_t *index)
{
  for (;;) { /* at most half full: an empty place comes */
    const uint32_t entry = placement->index[(shard_hash(shard) + (*cursor)++) & placement->index_mask];
    if (entry == 0)
      return false;
    *model = (entry - 1) / SWISD_MODEL_SHARDS_MAX;
    *index = (entry - 1) % SWISD_MODEL_SHARDS_MAX;
    if (placement->models[*model].model.shards[*index].shard == shard)
      return true;
  }
}

static void index_add(struct swisd_placement *placement, uint32_t model, uint32_t index)
{
  uint32_t at = shard_hash(placement->models[model].model.shards[index].shard);
  while (placement->index[at & placement->index_mask])
    at++;
  placement->index[at & placement->index_mask] = (uint16_t)(model * SWISD_MODEL_SHARDS_MAX + index + 1);
}

int swisd_catalogue_find(const struct swisd_placement *placement, const struct swisd_limits *limits, swisd_model_id model)
{
  for (uint32_t i = 0; i < limits->models_max; i++)
    if (placement->models[i].model.shard_count && placement->models[i].model.model == model)
      return (int)i;
  return -1;
}

static bool sound(const struct swisd_message_model *model)
{
  if (model->model == 0 || model->shard_count == 0 || model->shard_count > SWISD_MODEL_SHARDS_MAX)
    return false;
  for (uint32_t i = 0; i < model->shard_count; i++)
    if (model->shards[i].shard == 0 || model->shards[i].kernel >= SWISD_KERNEL_COUNT || model->shards[i].bytes >> 48 ||
        model->shards[i].flops_per_item >> 56)
      return false;
  return true;
}

/* One shard may serve twice in a model (an embedding that is also the head): it is one thing to hold, with the work of both. */
static void copy_without_doubles(struct swisd_message_model *out, const struct swisd_message_model *in)
{
  out->model = in->model;
  out->hops = 0;
  out->shard_count = 0;
  for (uint32_t i = 0; i < in->shard_count; i++) {
    uint32_t k = 0;
    while (k < out->shard_count && out->shards[k].shard != in->shards[i].shard)
      k++;
    if (k < out->shard_count)
      out->shards[k].flops_per_item += in->shards[i].flops_per_item;
    else
      out->shards[out->shard_count++] = in->shards[i];
  }
}

int swisd_catalogue_take(struct swisd_node *node, const struct swisd_message_model *model, bool *fresh)
{
  struct swisd_placement *placement = node->placement;
  *fresh = false;
  if (!sound(model))
    return -1;
  const int known = swisd_catalogue_find(placement, &node->config.limits, model->model);
  if (known >= 0)
    return known;
  uint32_t at = 0;
  while (at < node->config.limits.models_max && placement->models[at].model.shard_count)
    at++;
  if (at == node->config.limits.models_max) {
    swisd_out_table_full(node, SWISD_TABLE_MODELS);
    return -1;
  }
  struct swisd_model *entry = &placement->models[at];
  memset(entry, 0, sizeof *entry);
  copy_without_doubles(&entry->model, model);
  for (uint32_t i = 0; i < entry->model.shard_count; i++)
    index_add(placement, at, i);
  entry->hops = model->hops < SWISD_MODEL_HOPS ? model->hops : SWISD_MODEL_HOPS;
  entry->waves = entry->hops ? SWISD_MODEL_WAVES : 0;
  entry->wave_ns = node->now_ns;
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_MODEL_KNOWN);
  trace->shard = entry->model.model;
  trace->value = entry->model.shard_count;
  *fresh = true;
  return (int)at;
}

/* ---- passing on ---- */

static void enqueue(struct swisd_placement *placement, struct swisd_id to, swisd_model_id model, uint8_t hops)
{
  if (placement->queue_count == SWISD_MODEL_QUEUE_MAX) { /* the oldest gives way: a SYNC repairs it */
    placement->queue_first = (uint8_t)((placement->queue_first + 1) % SWISD_MODEL_QUEUE_MAX);
    placement->queue_count--;
    placement->queue_dropped++;
  }
  placement->queue[(placement->queue_first + placement->queue_count++) % SWISD_MODEL_QUEUE_MAX] =
    (struct swisd_model_out){.to = to, .model = model, .hops = hops};
}

void swisd_catalogue_send_all(struct swisd_node *node, struct swisd_id to)
{
  for (uint32_t i = 0; i < node->config.limits.models_max; i++)
    if (node->placement->models[i].model.shard_count)
      enqueue(node->placement, to, node->placement->models[i].model.model, 0);
}

static void waves_pump(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  for (uint32_t i = 0; i < node->config.limits.models_max; i++) {
    struct swisd_model *entry = &placement->models[i];
    if (entry->waves == 0 || !swisd_due(node, entry->wave_ns))
      continue;
    entry->waves--;
    entry->wave_ns = node->now_ns + WAVE_PAUSE_NS;
    for (uint32_t k = 0; k < SWISD_MODEL_FANOUT; k++) {
      const uint32_t index = swisd_member_random(node, SWISD_RANDOM_PLACEMENT);
      if (index != SWISD_MEMBER_NONE)
        enqueue(placement, swisd_member_at(node, index)->record.id, entry->model.model, (uint8_t)(entry->hops - 1));
    }
  }
}

void swisd_catalogue_pump(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  waves_pump(node);
  while (placement->queue_count && swisd_out_room(node, 1)) {
    const struct swisd_model_out *out = &placement->queue[placement->queue_first];
    const int model = swisd_catalogue_find(placement, &node->config.limits, out->model);
    const struct swisd_member *member = swisd_member_find(node, out->to);
    if (model >= 0 && member && swisd_member_is_up(member)) {
      struct swisd_message_model *message = &swisd_out_send(node, out->to, SWISD_MESSAGE_MODEL)->u.model;
      *message = placement->models[model].model;
      message->hops = out->hops;
    }
    placement->queue_first = (uint8_t)((placement->queue_first + 1) % SWISD_MODEL_QUEUE_MAX);
    placement->queue_count--;
  }
}

uint64_t swisd_catalogue_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_placement *placement = node->placement;
  if (placement->queue_count)
    return node->now_ns;
  uint64_t deadline_ns = SWISD_NEVER;
  for (uint32_t i = 0; i < node->config.limits.models_max; i++)
    if (placement->models[i].waves && placement->models[i].wave_ns < deadline_ns)
      deadline_ns = placement->models[i].wave_ns;
  return deadline_ns;
}
