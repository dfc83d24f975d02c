/* The ledger against the core it listens to, in the in-memory cluster: what it sums up is what the core's own account says,
 * and the reasons it gives are those of what was done to the cluster. */
#include <stdlib.h>

#include "runtime/core/view.h"
#include "runtime/net/ledger.h"
#include "tests/cluster/story.h"

enum { SUBMITTER = 0 };

struct listener {
  struct cluster *cluster;
  struct swisd_ledger *ledger;
  uint32_t node;
};

static void listen_to(void *context, uint32_t node, uint64_t now_ns, const struct swisd_trace *trace)
{
  (void)now_ns;
  const struct listener *listener = context;
  if (node == listener->node)
    swisd_ledger_traces(listener->ledger, cluster_node(listener->cluster, node), trace, 1, 0);
}

/* A submitter and `workers` Pis that hold the model, with a ledger at `node`. */
static struct cluster *swarm(struct listener *listener, uint64_t seed, uint32_t workers, struct cluster_model **model,
                             uint32_t node)
{
  struct cluster *c = cluster_new(seed, NULL);
  cluster_add(c, 1, &cluster_submitter);
  cluster_add(c, workers, &cluster_pi);
  *model = cluster_model_rows(c, 3, 2, 50000000);
  cluster_give(c, SUBMITTER, *model);
  cluster_run(c, 20 * SWISD_SECOND);
  *listener = (struct listener){.cluster = c, .ledger = swisd_ledger_open(cluster_id(c, node)), .node = node};
  assert_non_null(listener->ledger);
  cluster_watch(c, listen_to, listener);
  return c;
}

static void end(struct listener *listener)
{
  story_is_well(listener->cluster);
  cluster_free(listener->cluster);
  swisd_ledger_close(listener->ledger);
}

static const struct swisd_ledger_job *only_job(const struct listener *listener)
{
  const struct swisd_ledger_job *found = NULL;
  for (uint32_t j = 0; j < SWISD_LEDGER_JOBS_MAX; j++)
    if (!swisd_id_is_zero(swisd_ledger_job(listener->ledger, j)->id.submitter)) {
      assert_null(found);
      found = swisd_ledger_job(listener->ledger, j);
    }
  assert_non_null(found);
  return found;
}

static struct swisd_ledger_worker sum_of(const struct swisd_ledger_job *job)
{
  struct swisd_ledger_worker sum = job->others;
  for (uint32_t w = 0; w < job->worker_count; w++) {
    sum.issued += job->workers[w].issued;
    sum.hedged += job->workers[w].hedged;
    sum.accepted_items += job->workers[w].accepted_items;
    sum.accepted_flops += job->workers[w].accepted_flops;
    sum.lost += job->workers[w].lost;
    sum.rejected += job->workers[w].rejected;
  }
  return sum;
}

static void what_every_worker_got_adds_up_to_the_account_of_the_job(void **state)
{
  (void)state;
  struct listener listener;
  struct cluster_model *model;
  struct cluster *c = swarm(&listener, 11, 6, &model, SUBMITTER);
  const uint64_t number = cluster_submit(c, SUBMITTER, model, 6000);
  cluster_run(c, 2 * SWISD_SECOND);
  cluster_kill(c, 1);
  story_answers(c, number, 120 * SWISD_SECOND);
  struct swisd_job_account account;
  assert_true(swisd_node_job_account(cluster_node(c, SUBMITTER), number, &account));
  const struct swisd_ledger_job *job = only_job(&listener);
  const struct swisd_ledger_worker sum = sum_of(job);
  assert_true(job->own);
  assert_int_equal(job->number, number);
  assert_int_equal(job->outcome, SWISD_LEDGER_ANSWERED);
  assert_int_equal(job->worker_count, 6);
  assert_int_equal(sum.accepted_flops, account.accepted + account.replayed);
  assert_true(sum.lost > 0); /* of the one that was killed */
  assert_true(swisd_ledger_totals(listener.ledger)->value[SWISD_TRACE_TASK_ACCEPTED] == sum.accepted_flops);
  assert_true(swisd_ledger_totals(listener.ledger)->items_accepted == sum.accepted_items);
  end(&listener);
}

static void a_copy_names_the_worker_that_is_overdue_and_what_stood_in_the_way_of_others(void **state)
{
  (void)state;
  struct listener listener;
  struct cluster_model *model;
  struct cluster *c = swarm(&listener, 12, 5, &model, SUBMITTER);
  const uint64_t number = cluster_submit(c, SUBMITTER, model, 6000);
  cluster_run(c, 2 * SWISD_SECOND);
  const struct swisd_id silent = cluster_id(c, 2);
  cluster_silence(c, 2);
  story_answers(c, number, 120 * SWISD_SECOND);
  const struct swisd_ledger_job *job = only_job(&listener);
  uint32_t cursor = 0, copies = 0, asked = 0;
  const struct swisd_ledger_decision *decision;
  while ((decision = swisd_ledger_decision(listener.ledger, job->id, &cursor)) != NULL) {
    assert_true(decision->holders >= 1);
    assert_true(decision->alternative_count < decision->holders);
    assert_true(decision->due_ns >= decision->time_ns);
    asked += decision->reason == SWISD_LEDGER_ASKED;
    if (decision->reason != SWISD_LEDGER_OVERDUE)
      continue;
    copies++;
    assert_false(swisd_id_equal(decision->worker, silent));
    assert_true(swisd_id_equal(decision->instead_of, silent));
    for (uint32_t a = 0; a < decision->alternative_count && a < SWISD_LEDGER_ALTERNATIVES_MAX; a++)
      assert_false(swisd_id_equal(decision->alternatives[a].id, silent));
  }
  assert_true(asked > 0);
  assert_true(copies > 0);
  assert_int_equal(copies, sum_of(job).hedged);
  cursor = 0;
  bool overdue_is_told = false;
  for (const struct swisd_trace *event; (event = swisd_ledger_event(listener.ledger, job->id, &cursor)) != NULL;)
    overdue_is_told |= event->kind == SWISD_TRACE_WORKER_OVERDUE && swisd_id_equal(event->peer, silent);
  assert_true(overdue_is_told);
  end(&listener);
}

static void a_worker_knows_its_own_part_of_a_job_of_others(void **state)
{
  (void)state;
  struct listener listener;
  struct cluster_model *model;
  struct cluster *c = swarm(&listener, 13, 3, &model, 1);
  const uint64_t number = cluster_submit(c, SUBMITTER, model, 2000);
  story_answers(c, number, 60 * SWISD_SECOND);
  const struct swisd_ledger_job *job = only_job(&listener);
  assert_false(job->own);
  assert_true(swisd_id_equal(job->id.submitter, cluster_id(c, SUBMITTER)));
  assert_int_equal(job->worker_count, 1);
  assert_true(swisd_id_equal(job->workers[0].id, cluster_id(c, 1)));
  assert_true(job->workers[0].computed > 0);
  assert_int_equal(job->workers[0].computed, swisd_ledger_totals(listener.ledger)->count[SWISD_TRACE_TASK_COMPUTED]);
  assert_true(job->workers[0].computed_ns > 0);
  end(&listener);
}

static void the_oldest_jobs_give_way(void **state)
{
  (void)state;
  struct listener listener;
  struct cluster_model *model;
  struct cluster *c = swarm(&listener, 14, 3, &model, SUBMITTER);
  enum { JOBS = SWISD_LEDGER_JOBS_MAX + 3 };
  for (uint32_t j = 0; j < JOBS; j++)
    story_answers(c, cluster_submit(c, SUBMITTER, model, 20), 60 * SWISD_SECOND);
  bool seen[JOBS + 1] = {false};
  for (uint32_t j = 0; j < SWISD_LEDGER_JOBS_MAX; j++)
    seen[swisd_ledger_job(listener.ledger, j)->number] = true;
  for (uint32_t number = 1; number <= JOBS; number++)
    assert_int_equal(seen[number], number > JOBS - SWISD_LEDGER_JOBS_MAX);
  end(&listener);
}

static void a_view_shows_who_holds_what_who_is_suspected_and_where_items_are(void **state)
{
  (void)state;
  struct listener listener;
  struct cluster_model *model;
  struct cluster *c = swarm(&listener, 15, 4, &model, SUBMITTER);
  const struct swisd_node *node = cluster_node(c, SUBMITTER);
  struct swisd_view_model seen = {0};
  uint32_t slot = 0;
  while (swisd_view_model(node, slot, &seen) && seen.id == 0)
    slot++;
  swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX];
  assert_int_equal(seen.shard_count, cluster_model_shards(model, shards));
  struct swisd_view_shard shard;
  for (uint32_t s = 0; swisd_view_shard(node, slot, s, &shard); s++) {
    uint32_t holders = 0;
    for (uint32_t n = 1; n <= 4; n++)
      holders += cluster_has_shard(c, n, shard.id);
    assert_int_equal(shard.holders, holders); /* the submitter has it, too, but does not work */
    assert_int_equal(shard.suspect_holders, 0);
    assert_true(shard.items_per_s > 0);
    assert_true(shard.held);
  }
  const uint64_t number = cluster_submit(c, SUBMITTER, model, 6000);
  cluster_run(c, SWISD_SECOND);
  struct swisd_view_job job;
  assert_true(swisd_view_job(node, 0, &job));
  assert_int_equal(job.number, number);
  struct swisd_view_lane lane;
  uint64_t under_way = 0;
  for (uint32_t l = 0; swisd_view_lane(node, 0, l, &lane); l++) {
    assert_true(lane.ready + lane.issued + lane.checking + lane.accepted <= job.items);
    under_way += lane.issued;
  }
  struct swisd_view_issue issue;
  uint64_t issued = 0;
  for (uint32_t i = 0; swisd_view_issue(node, i, &issue); i++)
    issued += issue.key.hi - issue.key.lo;
  assert_true(under_way > 0 && issued >= under_way);
  cluster_silence(c, 3);
  struct swisd_view_member member;
  bool suspected = false;
  for (uint32_t t = 0; t < 100 && !suspected; t++) {
    cluster_run(c, SWISD_SECOND / 10);
    for (uint32_t m = 0; swisd_view_member(node, m, &member); m++)
      if (member.state == SWISD_MEMBER_SUSPECT) {
        suspected = true;
        assert_true(swisd_id_equal(member.record->id, cluster_id(c, 3)));
        assert_true(member.dead_at_ns > cluster_now(c));
        assert_true(member.accuser_count >= 1);
        assert_false(swisd_id_equal(member.accusers[0], cluster_id(c, 3)));
      }
  }
  assert_true(suspected);
  end(&listener);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_every_worker_got_adds_up_to_the_account_of_the_job),
    cmocka_unit_test(a_copy_names_the_worker_that_is_overdue_and_what_stood_in_the_way_of_others),
    cmocka_unit_test(a_worker_knows_its_own_part_of_a_job_of_others),
    cmocka_unit_test(the_oldest_jobs_give_way),
    cmocka_unit_test(a_view_shows_who_holds_what_who_is_suspected_and_where_items_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
