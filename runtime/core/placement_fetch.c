/* Getting a shard that is wanted: from a living holder, at random among the best, and from another one when that fails. */
#include "runtime/core/placement_internal.h"

#define AVOID_NS (10 * SWISD_SECOND)
#define AVOID_LIAR_NS (120 * SWISD_SECOND)
#define VAIN_NS (20 * SWISD_SECOND)
#define RETRY_NS (100 * SWISD_MILLISECOND) /* doubled with each attempt */
#define SPACE_PAUSE_NS (30 * SWISD_SECOND)
/* Without progress for so long, a transfer is given up; and for 250 kB/s on top of it, in case the driver reports none. */
#define PATIENCE_NS (10 * SWISD_SECOND)
enum { ATTEMPTS_MAX = 6, NS_PER_BYTE = 4000, SHARERS = 4, TURN_NS_PER_BYTE = 200 };

struct swisd_want *swisd_want_find(struct swisd_placement *placement, swisd_shard_id shard)
{
  for (uint32_t i = 0; i < SWISD_WANTS_MAX; i++)
    if (placement->wants[i].shard == shard)
      return &placement->wants[i];
  return NULL;
}

bool swisd_want_add(struct swisd_node *node, uint32_t model, uint32_t index, bool urgent)
{
  struct swisd_placement *placement = node->placement;
  const swisd_shard_id shard = placement->models[model].model.shards[index].shard;
  SWISD_ASSERT(swisd_want_find(placement, shard) == NULL && swisd_local_find(placement, shard) == NULL);
  struct swisd_want *want = swisd_want_find(placement, 0);
  if (want == NULL)
    return false;
  *want = (struct swisd_want){
    .shard = shard, .model = (uint8_t)model, .index = (uint8_t)index, .urgent = urgent, .retry_ns = node->now_ns};
  return true;
}

void swisd_want_end(struct swisd_node *node, swisd_shard_id shard)
{
  struct swisd_placement *placement = node->placement;
  struct swisd_want *want = swisd_want_find(placement, shard);
  if (want == NULL)
    return;
  for (uint32_t i = 0; i < SWISD_TRANSFERS_MAX && want->under_way; i++) {
    struct swisd_transfer *transfer = &placement->transfers[i];
    if (transfer->ticket == 0 || transfer->cancelled || transfer->shard != shard)
      continue;
    transfer->cancelled = true;
    swisd_out_action(node, SWISD_ACTION_CANCEL)->u.ticket = transfer->ticket;
  }
  want->shard = 0;
  want->under_way = false;
}

static void avoid(struct swisd_node *node, struct swisd_id source, swisd_shard_id shard, uint64_t for_ns)
{
  struct swisd_placement *placement = node->placement;
  placement->avoided[placement->avoided_next++ % SWISD_AVOIDED_MAX] =
    (struct swisd_avoided){.source = source, .shard = shard, .until_ns = node->now_ns + for_ns};
}

static bool is_avoided(const struct swisd_node *node, struct swisd_id source, swisd_shard_id shard)
{
  for (uint32_t i = 0; i < SWISD_AVOIDED_MAX; i++) {
    const struct swisd_avoided *avoided = &node->placement->avoided[i];
    if (avoided->shard == shard && swisd_id_equal(avoided->source, source) && !swisd_due(node, avoided->until_ns))
      return true;
  }
  return false;
}

bool swisd_want_is_vain(const struct swisd_node *node, swisd_shard_id shard)
{
  return is_avoided(node, (struct swisd_id){0, 0}, shard);
}

/* Some shard of the model is named by a record that has no room for more. */
static bool may_hold_more(const struct swisd_placement *placement, const struct swisd_member *member, uint32_t model)
{
  if (member->record.holding_count < SWISD_HOLDINGS_MAX)
    return false;
  for (uint32_t h = 0; h < member->record.holding_count; h++) {
    uint32_t cursor = 0, m, index;
    while (swisd_catalogue_next(placement, member->record.holdings[h], &cursor, &m, &index))
      if (m == model)
        return true;
  }
  return false;
}

/* 0: cannot give it. Better: says that it has it, alive, can be dialled, means to keep it. */
static uint32_t quality(const struct swisd_node *node, const struct swisd_member *member, const struct swisd_want *want)
{
  if (!swisd_member_is_up(member) || is_avoided(node, member->record.id, want->shard))
    return 0;
  for (uint32_t h = 0; h < member->record.holding_count; h++)
    if (member->record.holdings[h] == want->shard)
      return 2u + (member->state == SWISD_MEMBER_ALIVE) * 4u + !(member->record.flags & SWISD_RECORD_OUTBOUND_ONLY) * 2u +
             !(member->record.holding_flags[h] & SWISD_HOLDING_DROPPING);
  return may_hold_more(node->placement, member, want->model);
}

/* One of the best; one that names many shards is asked for many, and so the less for this one. The table is walked: there are
 * only a few fetches in a node's life. */
static const struct swisd_member *source_of(struct swisd_node *node, const struct swisd_want *want)
{
  const struct swisd_member *chosen = NULL;
  uint32_t best = 0, weights = 0;
  for (uint32_t i = 1; i < swisd_member_count(node); i++) {
    const struct swisd_member *member = swisd_member_peek(node, i);
    const uint32_t q = quality(node, member, want);
    if (q == 0 || q < best)
      continue;
    const uint32_t weight = 4 * SWISD_HOLDINGS_MAX / member->record.holding_count;
    weights = q > best ? weight : weights + weight;
    best = q;
    if (swisd_philox_below(&node->random[SWISD_RANDOM_PLACEMENT], weights) < weight)
      chosen = member;
  }
  return chosen;
}

static void failed_once(struct swisd_node *node, struct swisd_want *want)
{
  want->under_way = false;
  want->retry_ns = node->now_ns + (RETRY_NS << want->attempts);
  if (++want->attempts >= ATTEMPTS_MAX) { /* let the next tick choose another one */
    avoid(node, (struct swisd_id){0, 0}, want->shard, VAIN_NS);
    want->shard = 0;
    node->placement->stale = true;
  }
}

static struct swisd_transfer *transfer_free(struct swisd_placement *placement)
{
  struct swisd_transfer *oldest = NULL;
  for (uint32_t i = 0; i < SWISD_TRANSFERS_MAX; i++) {
    struct swisd_transfer *transfer = &placement->transfers[i];
    if (transfer->ticket == 0)
      return transfer;
    if (transfer->cancelled && (oldest == NULL || transfer->deadline_ns < oldest->deadline_ns))
      oldest = transfer;
  }
  return oldest; /* whose end the driver still owes: it would be unknown then, and is ignored */
}

/* When many want shards of a model that few have yet, all of them asking at once would keep each waiting until all are served.
 * Each asks with the probability that gives SHARERS to a source; by the next time there are more sources. Of `hungry`
 * members each wants any of the model's shards, and a source with many shards is asked for each of them. */
static bool is_its_turn(struct swisd_node *node, const struct swisd_want *want)
{
  const struct swisd_model *model = &node->placement->models[want->model];
  if (want->urgent)
    return true;
  swisd_coverage_update(node);
  const double shards = model->model.shard_count;
  const double supply = model->shards[want->index].supply * shards + model->full_records;
  return swisd_philox_unit(&node->random[SWISD_RANDOM_PLACEMENT]) * model->hungry < SHARERS * supply;
}

static void begin(struct swisd_node *node, struct swisd_want *want)
{
  struct swisd_placement *placement = node->placement;
  if (!is_its_turn(node, want)) {
    want->retry_ns = node->now_ns + RETRY_NS + placement->models[want->model].model.shards[want->index].bytes * TURN_NS_PER_BYTE;
    return;
  }
  const struct swisd_member *source = source_of(node, want);
  if (source == NULL) {
    failed_once(node, want);
    return;
  }
  const struct swisd_model *model = &placement->models[want->model];
  struct swisd_transfer *transfer = transfer_free(placement);
  SWISD_ASSERT(transfer != NULL);
  const uint64_t bytes = model->model.shards[want->index].bytes;
  *transfer = (struct swisd_transfer){.ticket = swisd_node_ticket(node),
                                      .shard = want->shard,
                                      .from = source->record.id,
                                      .bytes = bytes,
                                      .deadline_ns = node->now_ns + PATIENCE_NS + bytes * NS_PER_BYTE};
  want->under_way = true;
  struct swisd_action_fetch *fetch = &swisd_out_action(node, SWISD_ACTION_FETCH_SHARD)->u.fetch;
  *fetch = (struct swisd_action_fetch){
    .ticket = transfer->ticket, .from = source->record.id, .model = model->model.model, .shard = want->shard, .bytes = bytes};
  if (source->record.address_count)
    fetch->address = source->record.addresses[0];
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_SHARD_WANTED);
  trace->subject = node->config.id;
  trace->peer = source->record.id;
  trace->shard = want->shard;
}

static void trace_failed(struct swisd_node *node, const struct swisd_transfer *transfer, enum swisd_status status)
{
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_SHARD_FAILED);
  trace->subject = node->config.id;
  trace->peer = transfer->from;
  trace->shard = transfer->shard;
  trace->value = (uint64_t)-status;
}

static void transfer_failed(struct swisd_node *node, const struct swisd_transfer *transfer, enum swisd_status status)
{
  struct swisd_placement *placement = node->placement;
  struct swisd_want *want = swisd_want_find(placement, transfer->shard);
  trace_failed(node, transfer, status);
  if (status == SWISD_ERROR_SPACE)
    placement->space_ns = node->now_ns + SPACE_PAUSE_NS;
  else
    avoid(node, transfer->from, transfer->shard, status == SWISD_ERROR_DIGEST ? AVOID_LIAR_NS : AVOID_NS);
  if (want && want->under_way && !transfer->cancelled)
    failed_once(node, want);
}

/* It took too long, or its source is gone: another one. */
static void give_up(struct swisd_node *node, struct swisd_transfer *transfer, enum swisd_status status)
{
  transfer_failed(node, transfer, status);
  transfer->cancelled = true;
  swisd_out_action(node, SWISD_ACTION_CANCEL)->u.ticket = transfer->ticket;
}

void swisd_fetch_pump(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  uint32_t active = 0;
  for (uint32_t i = 0; i < SWISD_TRANSFERS_MAX; i++) {
    struct swisd_transfer *transfer = &placement->transfers[i];
    if (transfer->ticket == 0 || transfer->cancelled)
      continue;
    const struct swisd_member *source = swisd_member_find(node, transfer->from);
    const bool gone = source == NULL || !swisd_member_is_up(source);
    if ((gone || swisd_due(node, transfer->deadline_ns)) && swisd_out_room(node, 1))
      give_up(node, transfer, gone ? SWISD_ERROR_UNREACHABLE : SWISD_ERROR_TIMEOUT);
    else
      active++;
  }
  for (uint32_t i = 0; i < SWISD_WANTS_MAX && active < SWISD_FETCHING_MAX && swisd_due(node, placement->space_ns); i++) {
    struct swisd_want *want = &placement->wants[i];
    if (want->shard == 0 || want->under_way || !swisd_due(node, want->retry_ns))
      continue;
    if (!swisd_out_room(node, 1))
      return;
    begin(node, want);
    active += want->under_way;
  }
}

uint64_t swisd_fetch_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_placement *placement = node->placement;
  uint64_t deadline_ns = SWISD_NEVER;
  uint32_t active = 0;
  for (uint32_t i = 0; i < SWISD_TRANSFERS_MAX; i++) {
    const struct swisd_transfer *transfer = &placement->transfers[i];
    if (transfer->ticket == 0 || transfer->cancelled)
      continue;
    active++;
    if (transfer->deadline_ns < deadline_ns)
      deadline_ns = transfer->deadline_ns;
  }
  for (uint32_t i = 0; i < SWISD_WANTS_MAX && active < SWISD_FETCHING_MAX; i++) {
    const struct swisd_want *want = &placement->wants[i];
    const uint64_t due_ns = want->retry_ns > placement->space_ns ? want->retry_ns : placement->space_ns;
    if (want->shard && !want->under_way && due_ns < deadline_ns)
      deadline_ns = due_ns;
  }
  return deadline_ns;
}

static struct swisd_transfer *transfer_find(struct swisd_placement *placement, uint32_t ticket)
{
  for (uint32_t i = 0; i < SWISD_TRANSFERS_MAX && ticket; i++)
    if (placement->transfers[i].ticket == ticket)
      return &placement->transfers[i];
  return NULL;
}

void swisd_placement_progress(struct swisd_node *node, uint32_t ticket)
{
  struct swisd_transfer *transfer = transfer_find(node->placement, ticket);
  if (transfer && !transfer->cancelled)
    transfer->deadline_ns = node->now_ns + PATIENCE_NS + transfer->bytes * NS_PER_BYTE;
}

/* Came in spite of having been cancelled, and there is no more room for it. */
static bool is_surplus(const struct swisd_node *node, const struct swisd_transfer *transfer)
{
  return transfer->cancelled && swisd_local_bytes(node->placement) + transfer->bytes > node->config.memory_bytes;
}

bool swisd_placement_fetched(struct swisd_node *node, const struct swisd_event_fetched *event)
{
  struct swisd_placement *placement = node->placement;
  struct swisd_transfer *found = transfer_find(placement, event->ticket);
  if (found == NULL)
    return false;
  swisd_out_release(node, event->body);
  const struct swisd_transfer transfer = *found;
  *found = (struct swisd_transfer){0};
  if (event->status != SWISD_OK) {
    if (!transfer.cancelled) /* else its failure is known */
      transfer_failed(node, &transfer, event->status);
    return true;
  }
  if (swisd_local_find(placement, transfer.shard))
    return true;
  if (swisd_want_find(placement, transfer.shard) == NULL && is_surplus(node, &transfer)) {
    swisd_out_action(node, SWISD_ACTION_DROP)->u.drop.shard = transfer.shard;
    return true;
  }
  swisd_local_add(node, transfer.shard, false, false);
  swisd_local_advertise(node);
  swisd_node_holding_changed(node, transfer.shard, true);
  swisd_placement_soon(node, node->config.placement_interval_ns / 2);
  return true;
}
