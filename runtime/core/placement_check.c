/* The invariants of the placement, walked after every step in tests. */
#include "runtime/core/placement_internal.h"

static void check_models(const struct swisd_node *node)
{
  const struct swisd_placement *placement = node->placement;
  uint32_t shards = 0, entries = 0;
  for (uint32_t m = 0; m < node->config.limits.models_max; m++) {
    const struct swisd_message_model *model = &placement->models[m].model;
    SWISD_ASSERT(model->shard_count <= SWISD_MODEL_SHARDS_MAX);
    SWISD_ASSERT(model->shard_count == 0 || swisd_catalogue_find(placement, &node->config.limits, model->model) == (int)m);
    shards += model->shard_count;
  }
  for (uint32_t i = 0; i <= placement->index_mask; i++)
    entries += placement->index[i] != 0;
  SWISD_ASSERT(shards == entries);
}

static void check_locals(const struct swisd_node *node)
{
  const struct swisd_placement *placement = node->placement;
  const struct swisd_record *record = &swisd_member_peek(node, 0)->record;
  uint64_t fetched_bytes = 0;
  SWISD_ASSERT(placement->local_count <= placement->local_max);
  for (uint32_t i = 0; i < placement->local_count; i++) {
    const struct swisd_local *local = &placement->locals[i];
    SWISD_ASSERT(local->shard != 0 && swisd_local_peek(placement, local->shard) == local); /* and none twice */
    SWISD_ASSERT(!(local->dropping && local->origin));
    if (!local->given)
      fetched_bytes += local->bytes;
  }
  SWISD_ASSERT(fetched_bytes <= node->config.memory_bytes);
  const uint32_t named_count = placement->local_count < SWISD_HOLDINGS_MAX ? placement->local_count : SWISD_HOLDINGS_MAX;
  SWISD_ASSERT(record->holding_count == named_count);
  for (uint32_t i = 0; i < record->holding_count; i++) {
    const struct swisd_local *local = swisd_local_peek(placement, record->holdings[i]);
    SWISD_ASSERT(local != NULL); /* what is promised is here */
    SWISD_ASSERT(!(record->holding_flags[i] & SWISD_HOLDING_DROPPING) == !local->dropping);
  }
}

void swisd_placement_check(const struct swisd_node *node)
{
  const struct swisd_placement *placement = node->placement;
  check_models(node);
  check_locals(node);
  uint32_t under_way = 0, active = 0;
  for (uint32_t i = 0; i < SWISD_WANTS_MAX; i++) {
    const struct swisd_want *want = &placement->wants[i];
    if (want->shard == 0)
      continue;
    SWISD_ASSERT(node->config.works);
    SWISD_ASSERT(placement->models[want->model].model.shards[want->index].shard == want->shard);
    SWISD_ASSERT(swisd_local_peek(placement, want->shard) == NULL);
    under_way += want->under_way;
  }
  for (uint32_t i = 0; i < SWISD_TRANSFERS_MAX; i++)
    active += placement->transfers[i].ticket != 0 && !placement->transfers[i].cancelled;
  SWISD_ASSERT(under_way == active && active <= SWISD_FETCHING_MAX);
}
