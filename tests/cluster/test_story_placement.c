/* Stories of placement: where shards lie, and how soon they lie somewhere again. */
#include "tests/cluster/story.h"

static uint32_t holders(const struct cluster *c, uint32_t workers, swisd_shard_id shard)
{
  uint32_t count = 0;
  for (uint32_t w = 1; w <= workers; w++)
    count += !cluster_is_silent(c, w) && cluster_has_shard(c, w, shard);
  return count;
}

struct need {
  swisd_shard_id shard;
  uint32_t workers;
};

static bool is_held(struct cluster *c, void *context)
{
  const struct need *need = context;
  return holders(c, need->workers, need->shard) > 0;
}

/* A submitter that does not compute holds the whole model. That is a source, not a replica. */
static struct cluster *spread(uint64_t seed, uint32_t workers, struct cluster_model **model, uint64_t duration_ns)
{
  struct cluster *c = cluster_new(seed, NULL);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, workers, &cluster_pi);
  *model = cluster_model_rows(c, 4, 4, 50000000);
  cluster_give(c, 0, *model);
  cluster_run(c, duration_ns);
  story_is_well(c);
  return c;
}

static void every_shard_soon_lies_at_two_workers(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    struct cluster_model *model;
    struct cluster *c = spread(seed, 4, &model, 60 * SWISD_SECOND);
    swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX];
    const uint32_t count = cluster_model_shards(model, shards);
    for (uint32_t s = 0; s < count; s++)
      assert_true(holders(c, 4, shards[s]) >= 2);
    story_end(c, NULL);
  }
}

static void a_shard_whose_workers_all_fall_silent_is_at_another_within_ten_seconds(void **state)
{
  (void)state;
  enum { WORKERS = 6 };
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct cluster_model *model;
    struct cluster *c = spread(seed, WORKERS, &model, 30 * SWISD_SECOND);
    swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX];
    const uint32_t count = cluster_model_shards(model, shards);
    uint32_t rarest = 0;
    for (uint32_t s = 1; s < count; s++)
      if (holders(c, WORKERS, shards[s]) < holders(c, WORKERS, shards[rarest]))
        rarest = s;
    struct need need = {.shard = shards[rarest], .workers = WORKERS};
    for (uint32_t w = 1; w <= WORKERS; w++)
      if (cluster_has_shard(c, w, need.shard))
        cluster_silence(c, w);
    assert_false(is_held(c, &need));
    assert_true(cluster_run_until(c, is_held, &need, 10 * SWISD_SECOND));
    story_end(c, NULL);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_shard_soon_lies_at_two_workers),
    cmocka_unit_test(a_shard_whose_workers_all_fall_silent_is_at_another_within_ten_seconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
