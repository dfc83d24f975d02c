/* What lies here, and what the own record says of it; and the doors to the rest of the node.
 *
 * The node may hold more shards than its record can name (the first holder of a large model does): then it names those that
 * have fewest other keepers, and as the others take them over, the next. */
#include "runtime/core/placement.h"

#include "runtime/core/memory.h"
#include "runtime/core/placement_internal.h"

/* ---- layout ---- */

static uint16_t local_max(const struct swisd_limits *limits)
{
  return (uint16_t)(limits->models_max * SWISD_MODEL_SHARDS_MAX + SWISD_HOLDINGS_MAX); /* those of models, and of none known */
}

static void *carve(unsigned char *block, size_t *used, size_t bytes)
{
  void *at = block ? block + *used : NULL;
  *used += (bytes + 15) & ~(size_t)15;
  return at;
}

static size_t layout(struct swisd_placement *placement, unsigned char *block, const struct swisd_limits *limits)
{
  size_t used = 0;
  carve(block, &used, sizeof *placement);
  placement->models = carve(block, &used, limits->models_max * sizeof *placement->models);
  placement->index = carve(block, &used, swisd_catalogue_index_size(limits->models_max) * sizeof *placement->index);
  placement->locals = carve(block, &used, local_max(limits) * sizeof *placement->locals);
  return used;
}

size_t swisd_placement_size(const struct swisd_limits *limits)
{
  struct swisd_placement placement;
  return layout(&placement, NULL, limits);
}

void swisd_placement_init(struct swisd_node *node, void *block)
{
  struct swisd_placement *placement = block;
  const struct swisd_limits *limits = &node->config.limits;
  SWISD_ASSERT(limits->models_max >= 1 && limits->models_max <= 255);
  node->placement = placement;
  memset(placement, 0, sizeof *placement);
  layout(placement, block, limits);
  placement->local_max = local_max(limits);
  const uint32_t size = swisd_catalogue_index_size(limits->models_max);
  placement->index_mask = size - 1;
  memset(placement->index, 0, size * sizeof *placement->index);
  for (uint32_t i = 0; i < limits->models_max; i++)
    placement->models[i].model.shard_count = placement->models[i].waves = 0;
  placement->tick_ns = SWISD_NEVER;
  placement->stale = true;
}

/* ---- what lies here ---- */

const struct swisd_local *swisd_local_peek(const struct swisd_placement *placement, swisd_shard_id shard)
{
  for (uint32_t i = 0; i < placement->local_count; i++)
    if (placement->locals[i].shard == shard)
      return &placement->locals[i];
  return NULL;
}

struct swisd_local *swisd_local_find(struct swisd_placement *placement, swisd_shard_id shard)
{
  for (uint32_t i = 0; i < placement->local_count; i++)
    if (placement->locals[i].shard == shard)
      return &placement->locals[i];
  return NULL;
}

uint64_t swisd_local_bytes(const struct swisd_placement *placement)
{
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < placement->local_count; i++)
    bytes += placement->locals[i].bytes;
  for (uint32_t i = 0; i < SWISD_WANTS_MAX; i++)
    if (placement->wants[i].shard)
      bytes += placement->models[placement->wants[i].model].model.shards[placement->wants[i].index].bytes;
  return bytes;
}

static uint64_t rendezvous(struct swisd_id id, swisd_shard_id shard)
{
  uint64_t h = shard * UINT64_C(0x9E3779B97F4A7C15);
  h = (h ^ h >> 31 ^ id.hi) * UINT64_C(0xBF58476D1CE4E5B9);
  h = (h ^ h >> 29 ^ id.lo) * UINT64_C(0x94D049BB133111EB);
  return h ^ h >> 32;
}

/* Whether this node is among the first three of the working members, ordered by rendezvous hashing: a home of the shard. */
static bool is_home(const struct swisd_node *node, swisd_shard_id shard)
{
  const uint64_t own = rendezvous(node->config.id, shard);
  uint32_t before = 0;
  for (uint32_t i = 1; i < swisd_member_count(node) && before < SWISD_HOMES; i++) {
    const struct swisd_member *member = swisd_member_peek(node, i);
    if (!swisd_member_is_up(member) || !(member->record.flags & SWISD_RECORD_WORKS))
      continue;
    const uint64_t other = rendezvous(member->record.id, shard);
    before += other > own || (other == own && swisd_id_before(member->record.id, node->config.id));
  }
  return before < SWISD_HOMES;
}

/* Its model has become known: its size, and whether it is at home here. */
static void local_map(struct swisd_node *node, struct swisd_local *local)
{
  uint32_t cursor = 0, model, index;
  if (!swisd_catalogue_next(node->placement, local->shard, &cursor, &model, &index))
    return;
  local->bytes = node->placement->models[model].model.shards[index].bytes;
  local->home = is_home(node, local->shard);
}

bool swisd_local_add(struct swisd_node *node, swisd_shard_id shard, bool given, bool origin)
{
  struct swisd_placement *placement = node->placement;
  struct swisd_local *local = swisd_local_find(placement, shard);
  placement->stale = true;
  if (local) {
    local->origin |= origin;
    local->given |= given;
    return false;
  }
  SWISD_ASSERT(placement->local_count < placement->local_max);
  swisd_want_end(node, shard);
  local = &placement->locals[placement->local_count++];
  *local = (struct swisd_local){.shard = shard, .given = given, .origin = origin};
  local_map(node, local);
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_SHARD_HELD);
  trace->subject = node->config.id;
  trace->shard = shard;
  return true;
}

void swisd_local_remove(struct swisd_node *node, struct swisd_local *local)
{
  struct swisd_placement *placement = node->placement;
  const swisd_shard_id shard = local->shard;
  const uint32_t at = (uint32_t)(local - placement->locals);
  placement->local_count--;
  memmove(local, local + 1, (placement->local_count - at) * sizeof *local); /* the order stays: records change as little */
  placement->stale = true;
  swisd_local_advertise(node);
  swisd_node_holding_changed(node, shard, false); /* which publishes the record */
}

/* Fewer other keepers come first; then as it lies. */
static uint32_t keepers_of(const struct swisd_placement *placement, swisd_shard_id shard)
{
  uint32_t cursor = 0, model, index;
  return swisd_catalogue_next(placement, shard, &cursor, &model, &index) ? placement->models[model].shards[index].keepers : 0;
}

/* The locals to be named, as positions in ascending order. */
static uint32_t named(const struct swisd_placement *placement, uint16_t *positions)
{
  uint32_t count = 0;
  for (uint32_t bar = 0; count < SWISD_HOLDINGS_MAX; bar++) {
    bool above = false;
    for (uint32_t i = 0; i < placement->local_count; i++) {
      const uint32_t keepers = keepers_of(placement, placement->locals[i].shard);
      above |= keepers > bar;
      if (keepers == bar && count < SWISD_HOLDINGS_MAX)
        positions[count++] = (uint16_t)i;
    }
    if (!above)
      break;
  }
  for (uint32_t i = 1; i < count; i++)
    for (uint32_t k = i; k && positions[k] < positions[k - 1]; k--) {
      const uint16_t swap = positions[k];
      positions[k] = positions[k - 1];
      positions[k - 1] = swap;
    }
  return count;
}

bool swisd_local_advertise(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  struct swisd_record *record = &swisd_member_at(node, 0)->record;
  uint16_t positions[SWISD_HOLDINGS_MAX];
  uint32_t count = placement->local_count;
  if (count > SWISD_HOLDINGS_MAX)
    count = named(placement, positions);
  else
    for (uint16_t i = 0; i < count; i++)
      positions[i] = i;
  bool changed = record->holding_count != count;
  for (uint32_t i = 0; i < count; i++) {
    const struct swisd_local *local = &placement->locals[positions[i]];
    const uint8_t flags = (uint8_t)((local->home ? SWISD_HOLDING_HOME : 0) | (local->dropping ? SWISD_HOLDING_DROPPING : 0));
    changed |= record->holdings[i] != local->shard || record->holding_flags[i] != flags;
    record->holdings[i] = local->shard;
    record->holding_flags[i] = flags;
  }
  record->holding_count = (uint8_t)count;
  return changed;
}

/* ---- doors ---- */

bool swisd_placement_holds(const struct swisd_node *node, swisd_shard_id shard)
{
  return swisd_local_peek(node->placement, shard) != NULL;
}

const struct swisd_message_model *swisd_placement_model(const struct swisd_node *node, swisd_model_id model)
{
  const int at = swisd_catalogue_find(node->placement, &node->config.limits, model);
  return at < 0 ? NULL : &node->placement->models[at].model;
}

void swisd_placement_soon(struct swisd_node *node, uint64_t within_ns)
{
  const uint64_t at_ns = node->now_ns + within_ns / 1024 * (1 + swisd_philox_below(&node->random[SWISD_RANDOM_PLACEMENT], 1023));
  if (at_ns < node->placement->tick_ns)
    node->placement->tick_ns = at_ns;
}

void swisd_placement_start(struct swisd_node *node, const struct swisd_event_start *start)
{
  const uint32_t count = start->holding_count <= SWISD_HOLDINGS_MAX ? start->holding_count : SWISD_HOLDINGS_MAX;
  for (uint32_t i = 0; i < count; i++)
    if (start->holdings[i])
      swisd_local_add(node, start->holdings[i], true, false);
  swisd_local_advertise(node);
}

static int learn(struct swisd_node *node, const struct swisd_message_model *message)
{
  struct swisd_placement *placement = node->placement;
  bool fresh;
  const int model = swisd_catalogue_take(node, message, &fresh);
  if (!fresh)
    return model;
  for (uint32_t i = 0; i < placement->local_count; i++)
    if (placement->locals[i].bytes == 0)
      local_map(node, &placement->locals[i]);
  placement->stale = true;
  swisd_placement_soon(node, node->config.placement_interval_ns / 4);
  return model;
}

void swisd_placement_message(struct swisd_node *node, const struct swisd_event_message *event)
{
  if (node->started && !node->stopping)
    learn(node, &event->message->u.model);
}

void swisd_placement_model_here(struct swisd_node *node, const struct swisd_message_model *message)
{
  struct swisd_placement *placement = node->placement;
  struct swisd_message_model own = *message;
  own.hops = SWISD_MODEL_HOPS;
  const int model = learn(node, &own);
  if (model < 0)
    return;
  const struct swisd_message_model *known = &placement->models[model].model;
  bool fresh[SWISD_MODEL_SHARDS_MAX];
  for (uint32_t i = 0; i < known->shard_count; i++) {
    fresh[i] = swisd_local_add(node, known->shards[i].shard, true, true);
    swisd_local_find(placement, known->shards[i].shard)->dropping = false;
  }
  swisd_local_advertise(node);
  for (uint32_t i = 0; i < known->shard_count; i++)
    if (fresh[i])
      swisd_node_holding_changed(node, known->shards[i].shard, true);
}

void swisd_placement_member_up(struct swisd_node *node, uint32_t member_index)
{
  node->placement->recent_joins++;
  if (swisd_philox_below(&node->random[SWISD_RANDOM_PLACEMENT], swisd_members_up(node)) < SWISD_MODEL_FANOUT)
    swisd_catalogue_send_all(node, swisd_member_at(node, member_index)->record.id);
}

void swisd_placement_synced(struct swisd_node *node, struct swisd_id with) { swisd_catalogue_send_all(node, with); }

void swisd_placement_shard_lost(struct swisd_node *node, swisd_shard_id shard)
{
  struct swisd_local *local = swisd_local_find(node->placement, shard);
  if (local == NULL)
    return;
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_SHARD_FAILED);
  trace->subject = node->config.id;
  trace->shard = shard;
  trace->value = (uint64_t)-SWISD_ERROR_NOT_FOUND;
  swisd_local_remove(node, local);
  swisd_placement_soon(node, node->config.placement_interval_ns / 4);
}

void swisd_placement_pump(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  if (node->stopping)
    return;
  if (swisd_due(node, placement->tick_ns)) {
    placement->tick_ns = SWISD_NEVER;
    swisd_choice_tick(node);
  }
  swisd_fetch_pump(node);
  swisd_catalogue_pump(node);
}

uint64_t swisd_placement_deadline_ns(const struct swisd_node *node)
{
  if (node->stopping)
    return SWISD_NEVER;
  uint64_t deadline_ns = node->placement->tick_ns;
  const uint64_t fetch_ns = swisd_fetch_deadline_ns(node), catalogue_ns = swisd_catalogue_deadline_ns(node);
  if (fetch_ns < deadline_ns)
    deadline_ns = fetch_ns;
  return catalogue_ns < deadline_ns ? catalogue_ns : deadline_ns;
}
