/* Placement: what a node takes, from whom, what it keeps and what it may drop; and what many of them make of it together. */
#include "runtime/core/placement_internal.h"
#include "runtime/core/rate.h"
#include "tests/unit/one_node.h"

enum { MODEL = 7000, SHARD = 500, BYTES = 1000000 };

static struct swisd_message_model model_of(uint32_t shards)
{
  struct swisd_message_model model = {.model = MODEL, .hops = 3, .shard_count = (uint8_t)shards};
  for (uint32_t i = 0; i < shards; i++)
    model.shards[i] = (struct swisd_model_shard){.shard = SHARD + i, .bytes = BYTES, .flops_per_item = 1000000};
  return model;
}

static struct one *fresh(const struct swisd_config *config, uint64_t seed)
{
  struct one *o = one_new(config, seed);
  one_start(o, 0, 0, NULL);
  return o;
}

/* Member `peer` holds shards first..last. */
static void holder(struct one *o, uint32_t peer, uint32_t version, uint32_t first, uint32_t last)
{
  struct swisd_rumour rumour = one_alive(peer, 1, version);
  for (uint32_t shard = first; shard <= last; shard++)
    rumour.record.holdings[rumour.record.holding_count++] = SHARD + shard;
  o->answers[peer] = true;
  one_tell(o, peer, &rumour);
}

static void hear_model(struct one *o, uint32_t from, uint32_t shards)
{
  struct swisd_message message = {.type = SWISD_MESSAGE_MODEL, .u.model = model_of(shards)};
  one_message(o, from, &message);
}

static void fetched(struct one *o, uint32_t ticket, enum swisd_status status)
{
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_FETCHED, .u.fetched = {.ticket = ticket, .status = status}});
}

/* The latest FETCH_SHARD that was not answered yet; NULL after `patience_ns` without one. */
static const struct swisd_action_fetch *next_fetch(struct one *o, uint64_t patience_ns)
{
  const uint64_t end_ns = o->now_ns + patience_ns;
  for (;;) {
    for (uint32_t i = 0; i < o->action_count; i++)
      if (o->actions[i].action.kind == SWISD_ACTION_FETCH_SHARD) {
        static struct swisd_action_fetch fetch;
        fetch = o->actions[i].action.u.fetch;
        o->actions[i].action.kind = 0; /* taken */
        return &fetch;
      }
    if (o->now_ns >= end_ns)
      return NULL;
    o->action_count = 0;
    one_run(o, 20 * SWISD_MILLISECOND);
  }
}

/* Every fetch goes well at once, for so long. */
static void fetch_all(struct one *o, uint64_t duration_ns)
{
  const uint64_t end_ns = o->now_ns + duration_ns;
  while (o->now_ns < end_ns) {
    const struct swisd_action_fetch *fetch = next_fetch(o, 20 * SWISD_MILLISECOND);
    if (fetch)
      fetched(o, fetch->ticket, SWISD_OK);
  }
}

static bool names(const struct one *o, uint32_t shard)
{
  const struct swisd_record *record = one_known(o, 1);
  for (uint32_t i = 0; i < record->holding_count; i++)
    if (record->holdings[i] == SHARD + shard)
      return true;
  return false;
}

/* ---- models ---- */

static void the_first_holder_names_its_shards_and_passes_the_model_on(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 1);
  one_populate(o, 2, 20, true);
  one_clear(o);
  const struct swisd_message_model model = model_of(8);
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_MODEL, .u.model = &model});
  one_run(o, 5 * SWISD_SECOND);
  assert_int_equal(one_known(o, 1)->holding_count, 8);
  for (uint32_t i = 0; i < 8; i++)
    assert_true(names(o, i) && swisd_placement_holds(o->node, SHARD + i));
  assert_int_equal(one_sent_count(o, SWISD_MESSAGE_MODEL, 0), 9); /* three waves of three */
  uint32_t at = 0;
  const struct swisd_action_send *send = one_sent(o, SWISD_MESSAGE_MODEL, 0, &at);
  assert_true(send->message.u.model.hops > 0 && send->message.u.model.shard_count == 8);
  assert_int_equal(one_action_count(o, SWISD_ACTION_FETCH_SHARD), 0);
  one_free(o);
}

static void a_model_is_passed_on_with_one_hop_less_and_not_at_all_without_hops(void **state)
{
  (void)state;
  for (uint8_t hops = 0; hops < 2; hops++) {
    struct swisd_config config = one_config();
    config.works = false;
    struct one *o = fresh(&config, 2);
    one_populate(o, 2, 20, true);
    one_clear(o);
    struct swisd_message message = {.type = SWISD_MESSAGE_MODEL, .u.model = model_of(8)};
    message.u.model.hops = hops;
    one_message(o, 2, &message);
    one_message(o, 3, &message);
    one_run(o, 5 * SWISD_SECOND);
    assert_int_equal(one_sent_count(o, SWISD_MESSAGE_MODEL, 0), hops * 9);
    uint32_t at = 0;
    for (const struct swisd_action_send *send; (send = one_sent(o, SWISD_MESSAGE_MODEL, 0, &at)) != NULL;)
      assert_int_equal(send->message.u.model.hops, hops - 1);
    one_free(o);
  }
}

static void a_newcomer_hears_of_the_models_from_about_three(void **state)
{
  (void)state;
  uint32_t tellers = 0;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    struct swisd_config config = one_config();
    config.works = false;
    struct one *o = fresh(&config, seed);
    one_populate(o, 2, 30, true);
    hear_model(o, 2, 4);
    one_run(o, 4 * SWISD_SECOND);
    one_clear(o);
    one_populate(o, 99, 99, true);
    one_run(o, SWISD_MILLISECOND);
    tellers += one_sent_count(o, SWISD_MESSAGE_MODEL, 99);
    one_free(o);
  }
  assert_in_range(tellers, 15, 48); /* 300 * 3 / 30, +-3 sigma */
}

static void models_that_make_no_sense_are_refused_and_too_many_are_counted(void **state)
{
  (void)state;
  struct swisd_config config = one_config();
  config.limits = swisd_limits_tiny;
  struct one *o = fresh(&config, 3);
  one_populate(o, 2, 3, true);
  struct swisd_message message = {.type = SWISD_MESSAGE_MODEL};
  for (uint32_t fault = 0; fault < 7; fault++) {
    message.u.model = model_of(4);
    if (fault == 0)
      message.u.model.model = 0;
    else if (fault == 1)
      message.u.model.shard_count = 0;
    else if (fault == 2)
      message.u.model.shard_count = SWISD_MODEL_SHARDS_MAX + 1;
    else if (fault == 3)
      message.u.model.shards[2].shard = 0;
    else if (fault == 4)
      message.u.model.shards[2].kernel = SWISD_KERNEL_COUNT;
    else if (fault == 5)
      message.u.model.shards[2].bytes = UINT64_MAX;
    else
      message.u.model.shards[2].flops_per_item = UINT64_MAX;
    one_message(o, 2, &message);
    assert_null(swisd_placement_model(o->node, message.u.model.model));
  }
  for (uint64_t id = 1; id <= 3; id++) {
    message.u.model = model_of(4);
    message.u.model.model = id;
    one_message(o, 2, &message);
  }
  assert_non_null(swisd_placement_model(o->node, 2));
  assert_null(swisd_placement_model(o->node, 3));
  assert_int_equal(one_status(o).table_full[SWISD_TABLE_MODELS], 1);
  one_free(o);
}

static void a_shard_that_serves_twice_is_one_shard_with_the_work_of_both(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 4);
  struct swisd_message_model model = model_of(4);
  model.shards[3] = model.shards[0];
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_MODEL, .u.model = &model});
  const struct swisd_message_model *known = swisd_placement_model(o->node, MODEL);
  assert_int_equal(known->shard_count, 3);
  assert_int_equal(known->shards[0].flops_per_item, 2000000);
  assert_int_equal(one_known(o, 1)->holding_count, 3);
  one_free(o);
}

static void a_first_holder_of_more_than_a_record_can_name_names_what_others_lack(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 5);
  one_populate(o, 2, 3, true);
  const struct swisd_message_model model = model_of(40);
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_MODEL, .u.model = &model});
  assert_int_equal(one_known(o, 1)->holding_count, SWISD_HOLDINGS_MAX);
  assert_true(names(o, 0));
  holder(o, 4, 1, 0, 15);
  holder(o, 5, 1, 16, 20);
  one_run(o, 5 * SWISD_SECOND);
  for (uint32_t shard = 0; shard < 40; shard++)
    assert_int_equal(names(o, shard), shard >= 21 && shard < 21 + SWISD_HOLDINGS_MAX);
  assert_true(swisd_placement_holds(o->node, SHARD));
  one_free(o);
}

/* ---- taking ---- */

static void a_worker_takes_d_shards_one_after_the_other_from_those_who_hold_them(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 6);
  holder(o, 2, 1, 0, 9);
  holder(o, 3, 1, 0, 4);
  holder(o, 4, 1, 5, 9);
  hear_model(o, 2, 10);
  one_clear(o);
  for (uint32_t i = 0; i < config.shards_per_node; i++) {
    const struct swisd_action_fetch *fetch = next_fetch(o, 5 * SWISD_SECOND);
    assert_non_null(fetch);
    assert_int_equal(fetch->model, MODEL);
    assert_int_equal(fetch->bytes, BYTES);
    assert_in_range(fetch->shard, SHARD, SHARD + 9);
    assert_true(fetch->from.lo == 2 || fetch->from.lo == (fetch->shard <= SHARD + 4 ? 3 : 4));
    assert_int_equal(fetch->address.bytes[3], fetch->from.lo);
    assert_false(swisd_placement_holds(o->node, fetch->shard));
    const swisd_shard_id shard = fetch->shard;
    const uint32_t version = one_known(o, 1)->version;
    fetched(o, fetch->ticket, SWISD_OK);
    assert_true(swisd_placement_holds(o->node, shard));
    assert_true(one_known(o, 1)->version > version);
    assert_int_equal(one_known(o, 1)->holding_count, i + 1);
  }
  for (uint32_t peer = 5; peer < 12; peer++) /* well covered by others: nothing more to do */
    holder(o, peer, 1, 0, 9);
  assert_null(next_fetch(o, 60 * SWISD_SECOND));
  one_free(o);
}

/* Half of sixteen shards have many holders; one drawn at random is one of the others in 1 of 2, the best of three in 7 of 8. */
static void the_first_choice_is_the_best_of_three(void **state)
{
  (void)state;
  enum { CHOICES = 200 };
  uint32_t poor = 0;
  for (uint64_t seed = 1; seed <= CHOICES; seed++) {
    const struct swisd_config config = one_config();
    struct one *o = fresh(&config, seed);
    for (uint32_t peer = 2; peer < 12; peer++)
      holder(o, peer, 1, 0, peer < 6 ? 15 : 7);
    hear_model(o, 2, 16);
    one_clear(o);
    poor += next_fetch(o, 5 * SWISD_SECOND)->shard >= SHARD + 8;
    one_free(o);
  }
  assert_in_range(poor, CHOICES * 7 / 8 - 14, CHOICES * 7 / 8 + 14); /* +-3 sigma */
}

static void the_last_choice_is_one_of_the_least_covered(void **state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct swisd_config config = one_config();
    config.shards_per_node = 1;
    struct one *o = fresh(&config, seed);
    for (uint32_t peer = 2; peer < 12; peer++)
      holder(o, peer, 1, 0, peer < 6 ? 15 : 14);
    o->node->placement->recent_joins = 0;
    hear_model(o, 2, 16);
    one_clear(o);
    assert_int_equal(next_fetch(o, 5 * SWISD_SECOND)->shard, SHARD + 15);
    one_free(o);
  }
}

static void a_small_model_is_taken_whole(void **state)
{
  (void)state;
  struct swisd_config config = one_config();
  config.shards_per_node = 5;
  struct one *o = fresh(&config, 7);
  holder(o, 2, 1, 0, 1);
  hear_model(o, 2, 2);
  fetch_all(o, 20 * SWISD_SECOND);
  assert_int_equal(one_known(o, 1)->holding_count, 2);
  one_free(o);
}

static void a_mere_submitter_takes_nothing(void **state)
{
  (void)state;
  struct swisd_config config = one_config();
  config.works = false;
  struct one *o = fresh(&config, 8);
  holder(o, 2, 1, 0, 9);
  hear_model(o, 2, 10);
  assert_null(next_fetch(o, 60 * SWISD_SECOND));
  one_free(o);
}

static void memory_is_respected(void **state)
{
  (void)state;
  struct swisd_config config = one_config();
  config.memory_bytes = 2 * BYTES + BYTES / 2;
  struct one *o = fresh(&config, 9);
  holder(o, 2, 1, 0, 9);
  hear_model(o, 2, 10);
  fetch_all(o, 60 * SWISD_SECOND);
  assert_int_equal(one_known(o, 1)->holding_count, 2);
  one_free(o);
}

static void a_failed_fetch_is_tried_elsewhere(void **state)
{
  (void)state;
  static const enum swisd_status statuses[] = {SWISD_ERROR_UNREACHABLE, SWISD_ERROR_NOT_FOUND, SWISD_ERROR_DIGEST};
  for (uint32_t s = 0; s < 3; s++) {
    const struct swisd_config config = one_config();
    struct one *o = fresh(&config, 10 + s);
    holder(o, 2, 1, 0, 9);
    holder(o, 3, 1, 0, 9);
    hear_model(o, 2, 10);
    const struct swisd_action_fetch *fetch = next_fetch(o, 5 * SWISD_SECOND);
    const uint64_t first = fetch->from.lo, shard = fetch->shard;
    fetched(o, fetch->ticket, statuses[s]);
    assert_int_equal(one_trace_count(o, SWISD_TRACE_SHARD_FAILED, 0), 1);
    fetch = next_fetch(o, 5 * SWISD_SECOND);
    assert_non_null(fetch);
    assert_int_equal(fetch->shard, shard);
    assert_int_equal(fetch->from.lo, 5 - first);
    fetched(o, fetch->ticket, SWISD_OK);
    assert_true(swisd_placement_holds(o->node, shard));
    one_free(o);
  }
}

static void fetches_that_always_fail_do_not_busy_the_node(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 14);
  holder(o, 2, 1, 0, 9);
  hear_model(o, 2, 10);
  uint32_t count = 0;
  const uint64_t end_ns = o->now_ns + 120 * SWISD_SECOND;
  while (o->now_ns < end_ns) {
    const struct swisd_action_fetch *fetch = next_fetch(o, SWISD_SECOND);
    if (fetch) {
      count++;
      fetched(o, fetch->ticket, SWISD_ERROR_NOT_FOUND);
    }
  }
  assert_in_range(count, 10, 80);
  one_free(o);
}

static void a_full_disk_stops_fetching_for_a_while(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 15);
  holder(o, 2, 1, 0, 9);
  hear_model(o, 2, 10);
  fetched(o, next_fetch(o, 5 * SWISD_SECOND)->ticket, SWISD_ERROR_SPACE);
  const struct swisd_action_fetch *other = next_fetch(o, 0); /* perhaps under way at the same time */
  if (other)
    fetched(o, other->ticket, SWISD_ERROR_SPACE);
  assert_null(next_fetch(o, 25 * SWISD_SECOND));
  assert_non_null(next_fetch(o, 25 * SWISD_SECOND));
  one_free(o);
}

static void a_transfer_without_progress_is_given_up_and_one_with_progress_is_not(void **state)
{
  (void)state;
  for (uint32_t progress = 0; progress < 2; progress++) {
    const struct swisd_config config = one_config();
    struct one *o = fresh(&config, 16);
    holder(o, 2, 1, 0, 9);
    holder(o, 3, 1, 0, 9);
    hear_model(o, 2, 10);
    const uint32_t ticket = next_fetch(o, 5 * SWISD_SECOND)->ticket;
    one_clear(o);
    for (uint32_t second = 0; second < 20; second++) {
      one_run(o, SWISD_SECOND);
      if (progress)
        one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_PROGRESS, .u.fetched = {.ticket = ticket}});
    }
    assert_int_equal(one_action_count(o, SWISD_ACTION_CANCEL), 1 - progress);
    assert_int_equal(one_action_count(o, SWISD_ACTION_FETCH_SHARD), 1 - progress);
    fetched(o, ticket, progress ? SWISD_OK : SWISD_ERROR_CANCELLED);
    assert_int_equal(one_known(o, 1)->holding_count, progress);
    one_free(o);
  }
}

static void a_cancelled_transfer_that_came_all_the_same_is_kept(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 17);
  holder(o, 2, 1, 0, 9);
  holder(o, 3, 1, 0, 9);
  hear_model(o, 2, 10);
  const struct swisd_action_fetch first = *next_fetch(o, 5 * SWISD_SECOND);
  const struct swisd_action_fetch second = *next_fetch(o, 30 * SWISD_SECOND);
  assert_int_equal(first.shard, second.shard);
  fetched(o, first.ticket, SWISD_OK);
  assert_int_equal(one_known(o, 1)->holding_count, 1);
  assert_int_equal(one_action_count(o, SWISD_ACTION_CANCEL), 1); /* the second transfer of it */
  fetched(o, second.ticket, SWISD_OK);
  assert_int_equal(one_known(o, 1)->holding_count, 1);
  fetched(o, second.ticket, SWISD_OK); /* doubled */
  one_free(o);
}

static void a_transfer_whose_source_dies_is_taken_from_another(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 18);
  holder(o, 2, 1, 0, 9);
  holder(o, 3, 1, 0, 9);
  hear_model(o, 2, 10);
  const uint32_t from = (uint32_t)next_fetch(o, 5 * SWISD_SECOND)->from.lo;
  const struct swisd_rumour dead = one_bad_news(SWISD_MEMBER_DEAD, from, 1, 5 - from);
  one_clear(o);
  one_tell(o, 5 - from, &dead);
  assert_int_equal(one_action_count(o, SWISD_ACTION_CANCEL), 1);
  const struct swisd_action_fetch *again = next_fetch(o, 2 * SWISD_SECOND);
  assert_non_null(again);
  assert_int_equal(again->from.lo, 5 - from);
  one_free(o);
}

/* ---- keeping ---- */

static struct one *with_disk(const struct swisd_config *config, uint64_t seed, uint32_t first, uint32_t last)
{
  struct one *o = one_new(config, seed);
  struct swisd_event event = {.kind = SWISD_EVENT_START};
  for (uint32_t shard = first; shard <= last; shard++)
    event.u.start.holdings[event.u.start.holding_count++] = SHARD + shard;
  one_step(o, &event);
  return o;
}

static void what_lies_on_the_disk_is_named_before_its_model_is_known_and_fills_the_places(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = with_disk(&config, 19, 3, 4);
  assert_true(names(o, 3) && names(o, 4) && swisd_placement_holds(o->node, SHARD + 3));
  holder(o, 2, 1, 0, 9);
  hear_model(o, 2, 10);
  assert_int_equal(swisd_local_find(o->node->placement, SHARD + 3)->bytes, BYTES);
  for (uint32_t peer = 4; peer < 12; peer++)
    holder(o, peer, 1, 0, 9);
  const struct swisd_action_fetch *fetch = next_fetch(o, 5 * SWISD_SECOND);
  assert_non_null(fetch);
  fetched(o, fetch->ticket, SWISD_OK);
  assert_null(next_fetch(o, 60 * SWISD_SECOND));
  assert_true(names(o, 3) && names(o, 4));
  one_free(o);
}

static void a_lost_shard_is_named_no_more_and_replaced(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = with_disk(&config, 20, 0, 2);
  holder(o, 2, 1, 0, 9);
  hear_model(o, 2, 10);
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_SHARD_LOST, .u.shard = SHARD + 1});
  assert_false(names(o, 1) || swisd_placement_holds(o->node, SHARD + 1));
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_SHARD_LOST, .u.shard = SHARD + 1});
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_SHARD_LOST, .u.shard = 99});
  assert_non_null(next_fetch(o, 5 * SWISD_SECOND));
  one_free(o);
}

/* ---- many nodes together ---- */

enum { NODES_MAX = 128 };

/* The records of nodes that join one after the other; each sees all before it. */
struct swarm {
  uint32_t count, shards;
  struct swisd_record records[NODES_MAX];
  double speeds[NODES_MAX];
};

static void swarm_grow(struct swarm *s, uint32_t nodes, uint64_t seed, uint32_t octaves)
{
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 5);
  struct swisd_config config = one_config();
  for (s->count = 0; s->count < 2; s->count++) { /* two old devices with everything, so that nothing is short */
    struct swisd_record *record = &s->records[s->count];
    *record = one_record(500 + s->count, 1, 1);
    memset(record->rates, 0, sizeof record->rates);
    for (uint32_t shard = 0; shard < s->shards && shard < SWISD_HOLDINGS_MAX; shard++)
      record->holdings[record->holding_count++] = SHARD + shard;
  }
  for (uint32_t n = 0; n < nodes; n++) {
    config.id = one_id(502 + n);
    config.addresses[0] = one_address(502 + n);
    const swisd_log_rate rate = (swisd_log_rate)(30 * 256 + swisd_philox_below(&random, octaves * 256 + 1));
    for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
      config.rates[k] = rate;
    struct one *o = fresh(&config, seed * 1000 + n);
    struct swisd_message message = {.type = SWISD_MESSAGE_GOSSIP};
    for (uint32_t i = 0; i < s->count; i++) {
      message.u.ping.target = config.id;
      message.u.ping.rumours.count = 1;
      message.u.ping.rumours.list[0] =
        (struct swisd_rumour){.subject = s->records[i].id, .incarnation = 1, .from = s->records[i].id, .record = s->records[i]};
      one_message(o, (uint32_t)s->records[i].id.lo, &message);
      o->answers[s->records[i].id.lo] = true;
    }
    o->node->placement->recent_joins = 0; /* they have been there for long */
    hear_model(o, 500, s->shards);
    fetch_all(o, 6 * SWISD_SECOND);
    struct swisd_record *record = &s->records[s->count];
    struct swisd_member_view self;
    assert_true(swisd_node_member(o->node, 0, &self));
    *record = *self.record;
    s->speeds[s->count++] = (double)swisd_rate_exp2(rate);
    one_free(o);
  }
}

/* The largest rate that all shards can be worked at together, as a share of what the nodes' speeds would allow if all held
 * everything: by bisection over maximal flows from nodes to shards (Ford, Fulkerson, shortest paths first). */
static bool carries(const struct swarm *s, double demand)
{
  static double flow[NODES_MAX][SWISD_MODEL_SHARDS_MAX], spare[NODES_MAX], missing[SWISD_MODEL_SHARDS_MAX];
  static int node_from[NODES_MAX], shard_from[SWISD_MODEL_SHARDS_MAX], queue[NODES_MAX + SWISD_MODEL_SHARDS_MAX];
  const int nodes = (int)s->count, shards = (int)s->shards;
  memset(flow, 0, sizeof flow);
  for (int n = 0; n < nodes; n++)
    spare[n] = s->speeds[n];
  for (int k = 0; k < shards; k++)
    missing[k] = demand;
  const double little = demand * 1e-9;
  for (;;) {
    int head = 0, tail = 0, end = -1;
    for (int n = 0; n < nodes; n++) {
      node_from[n] = spare[n] > little ? -1 : -2;
      if (node_from[n] == -1)
        queue[tail++] = n;
    }
    for (int k = 0; k < shards; k++)
      shard_from[k] = -2;
    while (head < tail && end < 0) {
      const int at = queue[head++];
      for (int k = 0; at < nodes && k < shards && end < 0; k++) {
        bool holds = false;
        for (uint32_t h = 0; h < s->records[at].holding_count; h++)
          holds |= s->records[at].holdings[h] == (swisd_shard_id)(SHARD + k);
        if (!holds || shard_from[k] != -2)
          continue;
        shard_from[k] = at;
        if (missing[k] > little)
          end = k;
        queue[tail++] = nodes + k;
      }
      for (int n = 0; at >= nodes && n < nodes; n++)
        if (node_from[n] == -2 && flow[n][at - nodes] > little) {
          node_from[n] = at - nodes;
          queue[tail++] = n;
        }
    }
    if (end < 0)
      break;
    double by = missing[end];
    for (int k = end; by > 0;) {
      const int n = shard_from[k];
      const double room = node_from[n] == -1 ? spare[n] : flow[n][node_from[n]];
      by = room < by ? room : by;
      if (node_from[n] == -1)
        break;
      k = node_from[n];
    }
    missing[end] -= by;
    for (int k = end;;) {
      const int n = shard_from[k];
      flow[n][k] += by;
      if (node_from[n] == -1) {
        spare[n] -= by;
        break;
      }
      flow[n][node_from[n]] -= by;
      k = node_from[n];
    }
  }
  for (int k = 0; k < shards; k++)
    if (missing[k] > demand * 1e-6)
      return false;
  return true;
}

static double pooling(const struct swarm *s)
{
  double all = 0, low = 0, high = 1;
  for (uint32_t n = 0; n < s->count; n++)
    all += s->speeds[n];
  for (uint32_t i = 0; i < 12; i++) {
    const double middle = (low + high) / 2;
    if (carries(s, middle * all / s->shards))
      low = middle;
    else
      high = middle;
  }
  return low;
}

/* reference: with d = 3 of 12 shards, and the rule "the d least covered", groups of nodes that hold the same three shards
 * form, and the speed of one group cannot help another. */
static void nodes_that_join_one_by_one_pool_their_speed(void **state)
{
  (void)state;
  static struct swarm s;
  double sum = 0, worst = 1;
  uint32_t sets = 0, pairs_alike = 0, pairs = 0;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    memset(&s, 0, sizeof s);
    s.shards = 12;
    swarm_grow(&s, 36, seed, 3);
    const double p = pooling(&s);
    sum += p;
    worst = p < worst ? p : worst;
    for (uint32_t a = 2; a < s.count; a++) {
      assert_in_range(s.records[a].holding_count, 3, 5);
      for (uint32_t b = a + 1; b < s.count; b++) {
        uint32_t common = 0;
        for (uint32_t i = 0; i < 3; i++)
          for (uint32_t k = 0; k < 3; k++)
            common += s.records[a].holdings[i] == s.records[b].holdings[k];
        pairs++;
        pairs_alike += common == 3;
      }
    }
    sets++;
  }
  print_message("pooling: mean %.3f, worst %.3f; %u of %u pairs hold the same\n", sum / sets, worst, pairs_alike, pairs);
  assert_true(sum / sets >= 0.95);
  assert_true(worst >= 0.85);
  assert_true(pairs_alike * 50 < pairs); /* groups of three in twelve would make one pair in four alike */
}

/* Thirty nodes see the same swarm, in which shard 0 has one working holder and should have two: one of them should help. */
static void as_many_volunteer_as_are_missing(void **state)
{
  (void)state;
  uint32_t volunteers = 0;
  enum { WORLDS = 60, CANDIDATES = 30 };
  for (uint64_t world = 1; world <= WORLDS; world++)
    for (uint32_t n = 0; n < CANDIDATES; n++) {
      struct swisd_config config = one_config();
      struct one *o = with_disk(&config, world * 1000 + n, 1, 3);
      holder(o, 2, 1, 0, 0);
      for (uint32_t peer = 3; peer < 3 + CANDIDATES - 1; peer++)
        holder(o, peer, 1, 1, 3);
      struct swisd_message message = {.type = SWISD_MESSAGE_MODEL, .u.model = model_of(4)};
      message.u.model.shards[0].flops_per_item = 1000; /* little work: its one holder covers it well */
      one_message(o, 2, &message);
      one_clear(o);
      while (o->node->placement->models[0].shards[0].short_ticks == 0) /* the first tick */
        one_run(o, 10 * SWISD_MILLISECOND);
      volunteers += swisd_want_find(o->node->placement, SHARD) != NULL;
      one_free(o);
    }
  print_message("volunteers for one missing holder: %.2f\n", (double)volunteers / WORLDS);
  assert_in_range(volunteers, WORLDS / 2, WORLDS * 3 / 2 + 4);
}

static void exactly_three_of_a_swarm_are_homes_of_a_shard(void **state)
{
  (void)state;
  enum { NODES = 12 };
  for (uint32_t shard = 0; shard < 6; shard++) {
    uint32_t homes = 0;
    for (uint32_t self = 2; self < 2 + NODES; self++) {
      struct swisd_config config = one_config();
      config.id = one_id(self);
      struct one *o = fresh(&config, self);
      struct swisd_message message = {.type = SWISD_MESSAGE_GOSSIP};
      message.u.ping.target = config.id;
      message.u.ping.rumours.count = 1;
      for (uint32_t peer = 2; peer < 2 + NODES; peer++)
        if (peer != self) {
          message.u.ping.rumours.list[0] = one_alive(peer, 1, 1);
          one_message(o, peer, &message);
        }
      struct swisd_message_model model = model_of(1);
      model.shards[0].shard = SHARD + shard;
      one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_MODEL, .u.model = &model});
      struct swisd_member_view view;
      assert_true(swisd_node_member(o->node, 0, &view));
      assert_int_equal(view.record->holding_count, 1);
      homes += view.record->holding_flags[0] & SWISD_HOLDING_HOME;
      one_free(o);
    }
    assert_int_equal(homes, 3);
  }
}

/* ---- dropping ---- */

/* A node with six shards on its disk, d = 3; `others` keep all shards. */
static struct one *with_surplus(uint64_t seed, uint32_t others)
{
  struct swisd_config config = one_config();
  struct one *o = with_disk(&config, seed, 0, 5);
  for (uint32_t peer = 2; peer < 2 + others; peer++)
    holder(o, peer, 1, 0, 7);
  hear_model(o, 2, 8);
  return o;
}

static const struct swisd_local *dropping(const struct one *o)
{
  const struct swisd_placement *placement = o->node->placement;
  for (uint32_t i = 0; i < placement->local_count; i++)
    if (placement->locals[i].dropping)
      return &placement->locals[i];
  return NULL;
}

static void a_surplus_shard_is_dropped_only_after_its_intent_has_been_known(void **state)
{
  (void)state;
  struct one *o = with_surplus(21, 12);
  uint64_t intent_ns = 0;
  uint32_t drops = 0;
  for (uint32_t i = 0; i < 4000 && drops == 0; i++) {
    one_clear(o);
    one_run(o, 50 * SWISD_MILLISECOND);
    drops = one_action_count(o, SWISD_ACTION_DROP);
    if (dropping(o) && intent_ns == 0) {
      intent_ns = o->now_ns;
      bool announced = false;
      for (uint32_t h = 0; h < one_known(o, 1)->holding_count; h++)
        announced |= (one_known(o, 1)->holding_flags[h] & SWISD_HOLDING_DROPPING) != 0;
      assert_true(announced);
      assert_true(swisd_placement_holds(o->node, dropping(o)->shard)); /* still served */
    }
  }
  assert_int_equal(drops, 1);
  assert_true(intent_ns > 0);
  const struct swisd_config config = one_config();
  assert_true(o->now_ns - intent_ns >= 2 * config.gossip_interval_ns + 2 * config.placement_interval_ns - 50 * SWISD_MILLISECOND);
  one_run(o, 600 * SWISD_SECOND);
  assert_in_range(one_known(o, 1)->holding_count, 3, 5); /* homes stay */
  one_free(o);
}

static void an_intent_is_taken_back_when_the_others_go(void **state)
{
  (void)state;
  struct one *o = with_surplus(22, 12);
  for (uint32_t i = 0; i < 4000 && dropping(o) == NULL; i++) {
    one_clear(o);
    one_run(o, 50 * SWISD_MILLISECOND);
  }
  assert_non_null(dropping(o));
  for (uint32_t peer = 3; peer < 14; peer++) {
    const struct swisd_rumour dead = one_bad_news(SWISD_MEMBER_DEAD, peer, 1, 2);
    o->answers[peer] = false;
    one_tell(o, 2, &dead);
  }
  one_clear(o);
  one_run(o, 120 * SWISD_SECOND);
  assert_int_equal(one_action_count(o, SWISD_ACTION_DROP), 0);
  assert_null(dropping(o));
  one_free(o);
}

static void nothing_is_dropped_that_fewer_than_r_min_others_keep(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = with_disk(&config, 23, 0, 5);
  holder(o, 2, 1, 0, 7);
  for (uint32_t peer = 3; peer < 40; peer++) { /* many have it, but all of them mean to drop it, or do not work */
    struct swisd_rumour rumour = one_alive(peer, 1, 1);
    for (uint32_t shard = 0; shard < 8; shard++) {
      rumour.record.holding_flags[rumour.record.holding_count] = peer % 2 ? SWISD_HOLDING_DROPPING : 0;
      rumour.record.holdings[rumour.record.holding_count++] = SHARD + shard;
    }
    rumour.record.flags = peer % 2 ? SWISD_RECORD_WORKS : 0;
    o->answers[peer] = true;
    one_tell(o, peer, &rumour);
  }
  hear_model(o, 2, 8); /* now, so that this node is at home of few only */
  for (uint32_t second = 0; second < 300; second++) {
    one_clear(o);
    one_run(o, SWISD_SECOND);
    assert_int_equal(one_action_count(o, SWISD_ACTION_DROP), 0);
    assert_null(dropping(o));
  }
  one_free(o);
}

static void an_origin_and_a_stopped_node_change_nothing(void **state)
{
  (void)state;
  const struct swisd_config config = one_config();
  struct one *o = fresh(&config, 24);
  for (uint32_t peer = 2; peer < 14; peer++)
    holder(o, peer, 1, 0, 7);
  const struct swisd_message_model model = model_of(8);
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_MODEL, .u.model = &model});
  one_run(o, 300 * SWISD_SECOND);
  assert_int_equal(one_known(o, 1)->holding_count, 8);
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_STOP});
  assert_true(swisd_placement_deadline_ns(o->node) == SWISD_NEVER);
  one_free(o);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_first_holder_names_its_shards_and_passes_the_model_on),
    cmocka_unit_test(a_model_is_passed_on_with_one_hop_less_and_not_at_all_without_hops),
    cmocka_unit_test(a_newcomer_hears_of_the_models_from_about_three),
    cmocka_unit_test(models_that_make_no_sense_are_refused_and_too_many_are_counted),
    cmocka_unit_test(a_shard_that_serves_twice_is_one_shard_with_the_work_of_both),
    cmocka_unit_test(a_first_holder_of_more_than_a_record_can_name_names_what_others_lack),
    cmocka_unit_test(a_worker_takes_d_shards_one_after_the_other_from_those_who_hold_them),
    cmocka_unit_test(the_first_choice_is_the_best_of_three),
    cmocka_unit_test(the_last_choice_is_one_of_the_least_covered),
    cmocka_unit_test(a_small_model_is_taken_whole),
    cmocka_unit_test(a_mere_submitter_takes_nothing),
    cmocka_unit_test(memory_is_respected),
    cmocka_unit_test(a_failed_fetch_is_tried_elsewhere),
    cmocka_unit_test(fetches_that_always_fail_do_not_busy_the_node),
    cmocka_unit_test(a_full_disk_stops_fetching_for_a_while),
    cmocka_unit_test(a_transfer_without_progress_is_given_up_and_one_with_progress_is_not),
    cmocka_unit_test(a_cancelled_transfer_that_came_all_the_same_is_kept),
    cmocka_unit_test(a_transfer_whose_source_dies_is_taken_from_another),
    cmocka_unit_test(what_lies_on_the_disk_is_named_before_its_model_is_known_and_fills_the_places),
    cmocka_unit_test(a_lost_shard_is_named_no_more_and_replaced),
    cmocka_unit_test(nodes_that_join_one_by_one_pool_their_speed),
    cmocka_unit_test(as_many_volunteer_as_are_missing),
    cmocka_unit_test(exactly_three_of_a_swarm_are_homes_of_a_shard),
    cmocka_unit_test(a_surplus_shard_is_dropped_only_after_its_intent_has_been_known),
    cmocka_unit_test(an_intent_is_taken_back_when_the_others_go),
    cmocka_unit_test(nothing_is_dropped_that_fewer_than_r_min_others_keep),
    cmocka_unit_test(an_origin_and_a_stopped_node_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
