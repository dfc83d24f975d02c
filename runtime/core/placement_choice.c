/* What to take, what to move, what to drop: thought over once per placement tick.
 *
 * Filling up to d shards of a model goes one at a time, each after the one before has arrived, so that later choices see
 * what others have taken meanwhile. All but the last are the best of three drawn at random; the last is one of the least
 * covered, drawn among as many as there are nodes that may be choosing at the same moment. (reference: ARCHITECTURE.md,
 * "Placement". Taking the d least covered makes groups that hold the same shards, and speed no longer flows between them.)
 *
 * After that a node moves only for a shard in need: one with fewer than replicas_min working holders, or with less than
 * COVERAGE_LOW of the mean coverage. All who could help know that, so each does with the probability that makes as many
 * help as are needed; the same need draws fewer with each tick, because help is on its way. What is too much then is
 * dropped: announced first, and only if replicas_min others keep it. */
#include "runtime/core/placement_internal.h"

#define COVERAGE_LOW 0.75
#define COVERAGE_GOOD 0.9
#define GAIN_MIN 0.1
enum { COOLDOWN_TICKS = 10, SURPLUS_MAX = 2, TRANSFER_NS_PER_BYTE = 1000 };

/* Ticks are longer in large swarms: the view is O(members) to make, and one shard concerns few of them. */
static uint64_t tick_interval_ns(const struct swisd_node *node)
{
  const uint32_t up = swisd_members_up(node);
  return node->config.placement_interval_ns * (up > 256 ? up : 256) / 256;
}

static bool is_here_or_coming(struct swisd_placement *placement, swisd_shard_id shard)
{
  return swisd_local_find(placement, shard) || swisd_want_find(placement, shard);
}

static uint32_t held_of(struct swisd_placement *placement, const struct swisd_model *model, uint32_t *coming)
{
  uint32_t held = 0;
  *coming = 0;
  for (uint32_t i = 0; i < model->model.shard_count; i++) {
    held += swisd_local_find(placement, model->model.shards[i].shard) != NULL;
    *coming += swisd_want_find(placement, model->model.shards[i].shard) != NULL;
  }
  return held;
}

/* Places in the record that are free: what is fetched must be advertised. */
static bool has_place(const struct swisd_placement *placement)
{
  uint32_t used = 0;
  for (uint32_t i = 0; i < placement->local_count; i++)
    used += !placement->locals[i].origin;
  for (uint32_t i = 0; i < SWISD_WANTS_MAX; i++)
    used += placement->wants[i].shard != 0;
  return used < SWISD_HOLDINGS_MAX;
}

static bool eligible(struct swisd_node *node, const struct swisd_model *model, uint32_t index)
{
  struct swisd_placement *placement = node->placement;
  const struct swisd_model_shard *shard = &model->model.shards[index];
  return model->shards[index].sources + model->full_records > 0 && !is_here_or_coming(placement, shard->shard) &&
         swisd_local_bytes(placement) + shard->bytes <= node->config.memory_bytes && !swisd_want_is_vain(node, shard->shard);
}

/* All that could be taken, the least covered first. */
static uint32_t candidates_of(struct swisd_node *node, const struct swisd_model *model, uint8_t *candidates)
{
  uint32_t count = 0;
  if (!has_place(node->placement))
    return 0;
  for (uint32_t i = 0; i < model->model.shard_count; i++) {
    if (!eligible(node, model, i))
      continue;
    uint32_t at = count++;
    for (; at && swisd_coverage_rate(model, candidates[at - 1]) > swisd_coverage_rate(model, i); at--)
      candidates[at] = candidates[at - 1];
    candidates[at] = (uint8_t)i;
  }
  return count;
}

/* One of the k least covered, and of those that are covered no better than the k-th. */
static uint32_t one_of_least(struct swisd_node *node, const struct swisd_model *model, const uint8_t *candidates, uint32_t count)
{
  uint32_t k = 1 + node->placement->recent_joins;
  if (k > count)
    k = count;
  while (k < count && swisd_coverage_rate(model, candidates[k]) <= swisd_coverage_rate(model, candidates[k - 1]))
    k++;
  return candidates[swisd_philox_below(&node->random[SWISD_RANDOM_PLACEMENT], k)];
}

static uint32_t best_of_three(struct swisd_node *node, const uint8_t *candidates, uint32_t count)
{
  uint32_t best = count;
  for (uint32_t draw = 0; draw < 3; draw++) {
    const uint32_t at = swisd_philox_below(&node->random[SWISD_RANDOM_PLACEMENT], count);
    if (at < best)
      best = at;
  }
  return candidates[best];
}

static void fill(struct swisd_node *node, uint32_t m)
{
  struct swisd_placement *placement = node->placement;
  const struct swisd_model *model = &placement->models[m];
  uint32_t coming;
  const uint32_t held = held_of(placement, model, &coming), target = swisd_coverage_target(node, model);
  if (coming || held >= target)
    return;
  uint8_t candidates[SWISD_MODEL_SHARDS_MAX];
  const uint32_t count = candidates_of(node, model, candidates);
  if (count)
    swisd_want_add(
      node, m, held + 1 < target ? best_of_three(node, candidates, count) : one_of_least(node, model, candidates, count), false);
}

static bool chance(struct swisd_node *node, double probability)
{
  return swisd_philox_unit(&node->random[SWISD_RANDOM_PLACEMENT]) < probability;
}

/* The working members that do not hold it, as speed: those who might volunteer. */
static double volunteers_speed(const struct swisd_node *node, const struct swisd_model *model, uint32_t index)
{
  return node->placement->speed_total[model->model.shards[index].kernel] - model->shards[index].holder_speed;
}

static double own_speed(const struct swisd_node *node, const struct swisd_model *model, uint32_t index)
{
  return swisd_coverage_speed(&swisd_member_peek(node, 0)->record, model->model.shards[index].kernel);
}

/* By what the need is divided: help drawn in earlier ticks is on its way, as long as a transfer takes. Then the need is drawn for
 * anew: without that the help drawn by tick n is missing with probability 1/n, and a shard may wait for ever. */
static double draws_before(const struct swisd_node *node, const struct swisd_model *model, uint32_t index)
{
  const uint64_t transfer_ns = model->model.shards[index].bytes * TRANSFER_NS_PER_BYTE;
  const uint64_t ticks = 3 + transfer_ns / tick_interval_ns(node);
  return 1.0 + (double)((model->shards[index].short_ticks - 1u) % ticks);
}

/* Shards with too few holders: as many help as are missing, on average. Suspects are holders no more when nobody else is. */
static void rescue(struct swisd_node *node, uint32_t m)
{
  struct swisd_model *model = &node->placement->models[m];
  for (uint32_t i = 0; i < model->model.shard_count; i++) {
    struct swisd_shard_view *view = &model->shards[i];
    const uint8_t workers = view->keepers == 0 ? 0 : view->workers < UINT8_MAX ? (uint8_t)view->workers : UINT8_MAX;
    if (workers >= node->config.replicas_min || workers < view->short_of)
      view->short_ticks = 0;
    view->short_of = workers;
    if (workers >= node->config.replicas_min)
      continue;
    view->short_ticks += view->short_ticks < UINT8_MAX;
    if (!has_place(node->placement) || !eligible(node, model, i))
      continue;
    const double missing = node->config.replicas_min - workers, all = volunteers_speed(node, model, i);
    const double own = own_speed(node, model, i);
    if (all <= own || chance(node, missing * own / all / draws_before(node, model, i)))
      swisd_want_add(node, m, i, true);
  }
}

/* The worst covered shard, if it is badly covered and this node would make a difference. */
static void relieve(struct swisd_node *node, uint32_t m)
{
  struct swisd_placement *placement = node->placement;
  const struct swisd_model *model = &placement->models[m];
  uint32_t coming;
  const uint32_t held = held_of(placement, model, &coming), target = swisd_coverage_target(node, model);
  if (coming || held < target || held >= target + SURPLUS_MAX || !swisd_due(node, placement->move_ns))
    return;
  uint8_t candidates[SWISD_MODEL_SHARDS_MAX];
  if (candidates_of(node, model, candidates) == 0)
    return;
  const uint32_t i = candidates[0];
  const double mean = swisd_coverage_rate_mean(model), rate = swisd_coverage_rate(model, i);
  const double gain = own_speed(node, model, i) / (held + 1);
  if (rate >= COVERAGE_LOW * mean || gain < GAIN_MIN * model->shards[i].coverage)
    return;
  const double deficit = (mean - rate) * swisd_coverage_work(model, i);
  const double help = volunteers_speed(node, model, i) / (held + 1);
  if ((help <= deficit || chance(node, deficit / help)) && swisd_want_add(node, m, i, true))
    placement->move_ns = node->now_ns + COOLDOWN_TICKS * tick_interval_ns(node);
}

/* ---- dropping ---- */

/* How long an intent must have been known: two gossip rounds for the record to go out and around, two ticks for others to
 * have looked at it. */
static uint64_t intent_ns(const struct swisd_node *node)
{
  const uint32_t up = swisd_members_up(node);
  return 2 * node->config.gossip_interval_ns * (up > 32 ? up : 32) / 32 + 2 * tick_interval_ns(node);
}

/* Others enough keep it, and its coverage stays good without this node. */
static bool is_spare(const struct swisd_node *node, const struct swisd_model *model, uint32_t index, uint32_t held)
{
  const struct swisd_shard_view *view = &model->shards[index];
  const double left = view->coverage - own_speed(node, model, index) / held;
  return view->keepers >= node->config.replicas_min &&
         left >= COVERAGE_GOOD * swisd_coverage_rate_mean(model) * swisd_coverage_work(model, index);
}

static void trim(struct swisd_node *node, uint32_t m)
{
  struct swisd_placement *placement = node->placement;
  const struct swisd_model *model = &placement->models[m];
  uint32_t coming;
  const uint32_t held = held_of(placement, model, &coming);
  if (coming || held <= swisd_coverage_target(node, model) || !swisd_due(node, placement->move_ns))
    return;
  struct swisd_local *most = NULL;
  double most_rate = 0;
  for (uint32_t i = 0; i < model->model.shard_count; i++) {
    struct swisd_local *local = swisd_local_find(placement, model->model.shards[i].shard);
    if (local == NULL)
      continue;
    if (local->dropping || local->origin)
      return; /* one at a time; and the source of a model stays it */
    const double rate = swisd_coverage_rate(model, i);
    if (!local->home && is_spare(node, model, i, held) && rate > most_rate) {
      most = local;
      most_rate = rate;
    }
  }
  if (most == NULL)
    return;
  most->dropping = true;
  most->dropping_ns = node->now_ns;
  placement->move_ns = node->now_ns + COOLDOWN_TICKS * tick_interval_ns(node);
  if (swisd_local_advertise(node))
    swisd_members_publish(node);
}

/* The fewest keepers that any model sees: what may be dropped for one may be needed by another. */
static uint32_t keepers_least(const struct swisd_placement *placement, swisd_shard_id shard)
{
  uint32_t cursor = 0, model, index, least = UINT32_MAX;
  while (swisd_catalogue_next(placement, shard, &cursor, &model, &index))
    if (placement->models[model].shards[index].keepers < least)
      least = placement->models[model].shards[index].keepers;
  return least == UINT32_MAX ? 0 : least;
}

static void carry_out_drops(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  for (uint32_t i = placement->local_count; i-- > 0;) {
    struct swisd_local *local = &placement->locals[i];
    if (!local->dropping)
      continue;
    if (keepers_least(placement, local->shard) < node->config.replicas_min) {
      local->dropping = false; /* others left, or mean to drop it too */
      if (swisd_local_advertise(node))
        swisd_members_publish(node);
    } else if (swisd_due(node, local->dropping_ns + intent_ns(node)) && swisd_out_room(node, 1)) {
      swisd_out_action(node, SWISD_ACTION_DROP)->u.drop.shard = local->shard;
      struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_SHARD_DROPPED);
      trace->subject = node->config.id;
      trace->shard = local->shard;
      swisd_local_remove(node, local);
    }
  }
}

/* Fewer than d shards are here, none is on its way, and there is room for another: no time to lose. */
static bool is_hungry(const struct swisd_node *node, const struct swisd_model *model)
{
  struct swisd_placement *placement = node->placement;
  uint32_t coming;
  if (held_of(placement, model, &coming) >= swisd_coverage_target(node, model) || coming || !has_place(placement))
    return false;
  const uint64_t used = swisd_local_bytes(placement);
  for (uint32_t i = 0; i < model->model.shard_count; i++)
    if (!is_here_or_coming(placement, model->model.shards[i].shard) &&
        used + model->model.shards[i].bytes <= node->config.memory_bytes)
      return true;
  return false;
}

void swisd_choice_tick(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  bool hungry = false;
  if (node->config.works || placement->local_count > SWISD_HOLDINGS_MAX)
    swisd_coverage_update(node);
  if (placement->local_count > SWISD_HOLDINGS_MAX && swisd_local_advertise(node))
    swisd_members_publish(node);
  carry_out_drops(node);
  for (uint32_t m = 0; m < node->config.limits.models_max && node->config.works; m++) {
    if (placement->models[m].model.shard_count == 0)
      continue;
    fill(node, m);
    rescue(node, m);
    relieve(node, m);
    trim(node, m);
    hungry |= is_hungry(node, &placement->models[m]);
  }
  placement->recent_joins /= 2;
  const uint64_t interval_ns = tick_interval_ns(node);
  placement->tick_ns = node->now_ns + interval_ns / 1024 * (768 + swisd_philox_below(&node->random[SWISD_RANDOM_PLACEMENT], 512));
  if (hungry)
    swisd_placement_soon(node, node->config.placement_interval_ns / 2);
}
