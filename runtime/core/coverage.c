/* Coverage: how much of the swarm's speed stands behind each shard, from the members' records.
 *
 * A holder divides its time over its shards of a model in proportion to their work, so a shard's coverage is the sum over its
 * holders of speed * (its flops per item / the flops per item of all that holder's shards of the model), and coverage /
 * flops per item is a number of items per second: the same for all shards when placement is even.
 * Made anew at most once per placement tick, and only if something has changed: O(members * holdings). */
#include "runtime/core/members_internal.h"
#include "runtime/core/memory.h"
#include "runtime/core/placement_internal.h"
#include "runtime/core/rate.h"

double swisd_coverage_speed(const struct swisd_record *record, uint8_t kernel)
{
  /* 2^20 FLOP/s for one that says nothing; at most 2^50, so that a boast cannot swallow all others in a sum. */
  uint32_t rate = record->rates[kernel];
  if (rate < 20 * SWISD_RATE_ONE)
    rate = 20 * SWISD_RATE_ONE;
  if (rate > 50 * SWISD_RATE_ONE)
    rate = 50 * SWISD_RATE_ONE;
  return (double)swisd_rate_exp2(rate);
}

double swisd_coverage_work(const struct swisd_model *model, uint32_t index)
{
  const uint64_t flops = model->model.shards[index].flops_per_item;
  return flops ? (double)flops : 1.0;
}

uint32_t swisd_coverage_target(const struct swisd_node *node, const struct swisd_model *model)
{
  const uint32_t d = node->config.shards_per_node;
  return d < model->model.shard_count ? d : model->model.shard_count;
}

double swisd_coverage_rate(const struct swisd_model *model, uint32_t index)
{
  return model->shards[index].coverage / swisd_coverage_work(model, index);
}

double swisd_coverage_rate_mean(const struct swisd_model *model)
{
  double coverage = 0, work = 0;
  for (uint32_t i = 0; i < model->model.shard_count; i++) {
    coverage += model->shards[i].coverage;
    work += swisd_coverage_work(model, i);
  }
  return coverage / work;
}

struct place {
  uint8_t model, index, flags;
};

enum { PLACES_MAX = 4 * SWISD_HOLDINGS_MAX };

/* Where the holdings of a record belong; a shard of several models counts in each. */
static uint32_t places_of(const struct swisd_placement *placement, const struct swisd_record *record, struct place *places)
{
  uint32_t count = 0;
  for (uint32_t h = 0; h < record->holding_count; h++) {
    uint32_t cursor = 0, model, index;
    while (count < PLACES_MAX && swisd_catalogue_next(placement, record->holdings[h], &cursor, &model, &index))
      places[count++] = (struct place){(uint8_t)model, (uint8_t)index, record->holding_flags[h]};
  }
  return count;
}

static void add_member(struct swisd_node *node, const struct swisd_member *member, bool self)
{
  struct swisd_placement *placement = node->placement;
  const struct swisd_record *record = &member->record;
  const bool works = record->flags & SWISD_RECORD_WORKS;
  const double trust = member->state == SWISD_MEMBER_SUSPECT ? 0.5 : 1.0;
  double speeds[SWISD_KERNEL_COUNT];
  for (uint8_t k = 0; k < SWISD_KERNEL_COUNT; k++) {
    speeds[k] = swisd_coverage_speed(record, k) * trust;
    placement->speed_total[k] += works ? speeds[k] : 0;
  }
  struct place places[PLACES_MAX];
  const uint32_t count = places_of(placement, record, places);
  for (uint32_t m = 0; m < node->config.limits.models_max; m++) {
    struct swisd_model *model = &placement->models[m];
    uint32_t held = 0;
    for (uint32_t i = 0; i < count; i++)
      held += places[i].model == m;
    model->full_records += !self && held && record->holding_count == SWISD_HOLDINGS_MAX;
    model->hungry += works && held < swisd_coverage_target(node, model);
  }
  for (uint32_t i = 0; i < count; i++) {
    struct swisd_model *model = &placement->models[places[i].model];
    struct swisd_shard_view *view = &model->shards[places[i].index];
    if (!self) {
      view->sources++;
      view->supply += 1.0 / record->holding_count;
    }
    if (!works)
      continue;
    double work = 0;
    for (uint32_t k = 0; k < count; k++)
      if (places[k].model == places[i].model)
        work += swisd_coverage_work(model, places[k].index);
    const double speed = speeds[model->model.shards[places[i].index].kernel];
    view->coverage += speed * (swisd_coverage_work(model, places[i].index) / work);
    view->holder_speed += speed;
    view->workers++;
    view->keepers += !self && member->state == SWISD_MEMBER_ALIVE && !(places[i].flags & SWISD_HOLDING_DROPPING);
  }
}

void swisd_coverage_update(struct swisd_node *node)
{
  struct swisd_placement *placement = node->placement;
  if (!placement->stale && placement->view_epoch == node->members->epoch)
    return;
  placement->stale = false;
  placement->view_epoch = node->members->epoch;
  memset(placement->speed_total, 0, sizeof placement->speed_total);
  for (uint32_t m = 0; m < node->config.limits.models_max; m++) {
    struct swisd_model *model = &placement->models[m];
    model->hungry = model->full_records = 0;
    for (uint32_t i = 0; i < model->model.shard_count; i++)
      model->shards[i] =
        (struct swisd_shard_view){.short_ticks = model->shards[i].short_ticks, .short_of = model->shards[i].short_of};
  }
  add_member(node, swisd_member_at(node, 0), true);
  for (uint32_t i = 1; i < swisd_member_count(node); i++) {
    const struct swisd_member *member = swisd_member_at(node, i);
    if (swisd_member_is_up(member))
      add_member(node, member, false);
  }
}
