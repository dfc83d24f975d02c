/* The simulated world against closed forms: what a piece of computing, a transfer, a message takes. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/philox.h"
#include "sim/backend.h"
#include "tests/sim/child.h"
#include "tests/unit/cmocka_all.h"

enum { SCRIPTED = SWISD_SIM_KIND_FIRST, HOSTS = 8, LINES_MAX = 512 };

enum verb { COMPUTE, BULK, SEND, SPEED, FREEZE, THAW, CANCEL, STOP };

/* At `at_s`, do this; a job or message is known by the line that began it. */
struct line {
  double at_s;
  enum verb verb;
  uint32_t from, to; /* CANCEL: `to` = the line whose job is cancelled */
  double amount;
};

struct script {
  struct swisd_sim_config config;
  struct swisd_sim_host hosts[HOSTS];
  uint32_t line_count;
  struct line lines[LINES_MAX];
};

/* When what each line began ended; -1: it did not. */
struct outcome {
  double end_s[LINES_MAX];
  double stopped_s;
};

struct player {
  struct swisd_sim_handler handler;
  struct swisd_sim *sim;
  const struct script *script;
  struct outcome *outcome;
  struct swisd_sim_job *jobs[LINES_MAX];
};

static double now_s(const struct player *player) { return (double)swisd_sim_now_ns(player->sim) * 1e-9; }

static void play(struct player *player, uint32_t index)
{
  const struct line *line = &player->script->lines[index];
  struct swisd_sim *sim = player->sim;
  switch (line->verb) {
  case COMPUTE:
    player->jobs[index] = swisd_sim_compute(sim, line->from, line->amount);
    break;
  case BULK:
    player->jobs[index] = swisd_sim_bulk(sim, line->from, line->to, line->amount);
    break;
  case SEND: {
    unsigned char *bytes = malloc(sizeof index);
    memcpy(bytes, &index, sizeof index);
    swisd_sim_send(sim, line->from, line->to, 0, line->amount, 0, bytes);
    break;
  }
  case SPEED:
    swisd_sim_set_speed(sim, line->from, line->amount);
    break;
  case FREEZE:
    swisd_sim_freeze(sim, line->from, true);
    break;
  case THAW:
    swisd_sim_freeze(sim, line->from, false);
    break;
  case CANCEL:
    swisd_sim_cancel(sim, player->jobs[line->to]);
    break;
  case STOP:
    swisd_sim_stop(sim);
    break;
  }
  if (player->jobs[index] != NULL)
    player->jobs[index]->tag = index;
}

static void on_event(struct swisd_sim_handler *handler, const struct swisd_sim_event *event)
{
  struct player *player = (struct player *)handler;
  if (event->kind == SCRIPTED) {
    play(player, (uint32_t)event->u.number);
  } else if (event->kind == SWISD_SIM_JOB) {
    player->outcome->end_s[event->u.job->tag] = now_s(player);
  } else {
    uint32_t index;
    memcpy(&index, event->u.bytes, sizeof index);
    free(event->u.bytes);
    assert(event->node == player->script->lines[index].to && event->peer == player->script->lines[index].from);
    player->outcome->end_s[index] = now_s(player);
  }
}

static void run_script(void *result, const void *input)
{
  const struct script *script = input;
  struct swisd_sim_config config = script->config;
  config.hosts = script->hosts;
  config.host_count = HOSTS;
  struct player player = {.handler = {on_event}, .script = script, .outcome = result};
  for (uint32_t i = 0; i < LINES_MAX; i++)
    player.outcome->end_s[i] = -1;
  player.sim = swisd_sim_new(&config);
  for (uint32_t i = 0; i < script->line_count; i++) {
    const struct swisd_sim_event event = {
      .time_ns = (uint64_t)(script->lines[i].at_s * 1e9 + 0.5), .kind = SCRIPTED, .u.number = i};
    swisd_sim_at(player.sim, &event);
  }
  swisd_sim_run(player.sim, &player.handler, NULL, UINT64_C(1000000000000));
  player.outcome->stopped_s = now_s(&player);
  swisd_sim_free(player.sim);
}

static struct outcome *outcome_of(const struct script *script)
{
  struct outcome *outcome = child_alloc(sizeof *outcome);
  child_run(run_script, outcome, script);
  return outcome;
}

static struct script script_new(enum swisd_sim_fluid_kind model)
{
  struct script script = {.config = {.model = model, .factors = {0.125}, .factor_count = 1}};
  for (uint32_t h = 0; h < HOSTS; h++)
    script.hosts[h] = (struct swisd_sim_host){.slots = 1 + h % 2,
                                              .latency_up_s = 0.002 * (h + 1),
                                              .latency_down_s = 0.001,
                                              .up_bytes_per_s = 1e6 * (h + 1),
                                              .down_bytes_per_s = 5e6};
  return script;
}

static uint32_t add(struct script *script, double at_s, enum verb verb, uint32_t from, uint32_t to, double amount)
{
  assert_true(script->line_count < LINES_MAX);
  script->lines[script->line_count] = (struct line){.at_s = at_s, .verb = verb, .from = from, .to = to, .amount = amount};
  return script->line_count++;
}

/* What links alone take, from the definition of a host. */
static double flight_s(const struct script *script, uint32_t from, uint32_t to, double bytes)
{
  const struct swisd_sim_host *a = &script->hosts[from], *b = &script->hosts[to];
  const double slowest = fmin(a->up_bytes_per_s, b->down_bytes_per_s);
  return a->latency_up_s + b->latency_down_s + bytes / (0.97 * slowest);
}

static void assert_near(double got, double wanted, double tolerance)
{
  if (!(fabs(got - wanted) <= tolerance * fabs(wanted)))
    fail_msg("%.12g is not %.12g", got, wanted);
}

#define BOTH(name)                                \
  static void name##_in_simgrid(void **state)     \
  {                                               \
    (void)state;                                  \
    name(SWISD_SIM_SIMGRID);                      \
  }                                               \
  static void name##_in_the_formula(void **state) \
  {                                               \
    (void)state;                                  \
    name(SWISD_SIM_FORMULA);                      \
  }

static void computing_takes_its_seconds(enum swisd_sim_fluid_kind model)
{
  struct script script = script_new(model);
  const uint32_t one = add(&script, 0.25, COMPUTE, 0, 0, 1.5);
  const uint32_t left = add(&script, 0.5, COMPUTE, 1, 1, 2), right = add(&script, 1, COMPUTE, 1, 1, 2); /* two slots */
  const uint32_t late = add(&script, 100, COMPUTE, 0, 0, 0.001);
  const struct outcome *got = outcome_of(&script);
  assert_near(got->end_s[one], 1.75, 1e-8);
  assert_near(got->end_s[left], 2.5, 1e-8);
  assert_near(got->end_s[right], 3, 1e-8);
  assert_near(got->end_s[late], 100.001, 1e-8);
}
BOTH(computing_takes_its_seconds)

static void a_device_that_slows_down_in_the_middle_is_exact(enum swisd_sim_fluid_kind model)
{
  struct script script = script_new(model);
  const uint32_t job = add(&script, 0, COMPUTE, 2, 2, 1);
  add(&script, 0.5, SPEED, 2, 0, 0.125);
  const uint32_t back = add(&script, 5, COMPUTE, 2, 2, 1);
  add(&script, 9, SPEED, 2, 0, 1); /* half of it done */
  const struct outcome *got = outcome_of(&script);
  assert_near(got->end_s[job], 4.5, 1e-8);
  assert_near(got->end_s[back], 9.5, 1e-8);
}
BOTH(a_device_that_slows_down_in_the_middle_is_exact)

static void a_silent_device_stands_still_and_goes_on(enum swisd_sim_fluid_kind model)
{
  struct script script = script_new(model);
  const uint32_t job = add(&script, 0, COMPUTE, 3, 3, 1);
  const uint32_t out = add(&script, 0, BULK, 3, 4, 4e6);
  const uint32_t in = add(&script, 0, BULK, 0, 3, 1e6);
  add(&script, 0.5, FREEZE, 3, 0, 0);
  const uint32_t begun = add(&script, 1, COMPUTE, 3, 3, 1); /* after it fell silent */
  const uint32_t begun_out = add(&script, 1, BULK, 4, 3, 1e6);
  add(&script, 10.5, THAW, 3, 0, 0);
  const struct outcome *got = outcome_of(&script);
  assert_near(got->end_s[job], 11, 1e-8);
  assert_near(got->end_s[begun], 11.5, 1e-8);
  assert_near(got->end_s[out], 10 + flight_s(&script, 3, 4, 4e6), 1e-5);
  assert_true(got->end_s[in] > 10.5 && got->end_s[begun_out] > 10.5);
}
BOTH(a_silent_device_stands_still_and_goes_on)

static void a_cancelled_job_never_ends(enum swisd_sim_fluid_kind model)
{
  struct script script = script_new(model);
  const uint32_t job = add(&script, 0, COMPUTE, 0, 0, 1), bulk = add(&script, 0, BULK, 1, 2, 1e6);
  add(&script, 0.1, CANCEL, 0, job, 0);
  add(&script, 0.1, CANCEL, 0, bulk, 0);
  const uint32_t next = add(&script, 0.1, COMPUTE, 0, 0, 1), next_bulk = add(&script, 0.1, BULK, 1, 2, 1e6);
  const struct outcome *got = outcome_of(&script);
  assert_true(got->end_s[job] < 0 && got->end_s[bulk] < 0);
  assert_near(got->end_s[next], 1.1, 1e-8);
  assert_near(got->end_s[next_bulk], 0.1 + flight_s(&script, 1, 2, 1e6), 1e-6); /* the cancelled one left its bandwidth */
}
BOTH(a_cancelled_job_never_ends)

static void a_lone_transfer_takes_what_the_links_take(enum swisd_sim_fluid_kind model)
{
  struct script script = script_new(model);
  struct swisd_philox random = swisd_philox_stream(7, 0, 0, 0);
  for (uint32_t i = 0; i < 200; i++) {
    const uint32_t from = swisd_philox_below(&random, HOSTS);
    const uint32_t to = (from + 1 + swisd_philox_below(&random, HOSTS - 1)) % HOSTS;
    add(&script, 4.5 * i, BULK, from, to, 1e4 + floor(4e6 * swisd_philox_unit(&random)));
  }
  const struct outcome *got = outcome_of(&script);
  for (uint32_t i = 0; i < 200; i++) {
    const struct line *line = &script.lines[i];
    assert_near(got->end_s[i] - line->at_s, flight_s(&script, line->from, line->to, line->amount), 1e-6);
  }
}
BOTH(a_lone_transfer_takes_what_the_links_take)

static void transfers_share_an_uplink(void **state)
{
  (void)state;
  struct script script = script_new(SWISD_SIM_SIMGRID);
  const uint32_t a = add(&script, 0, BULK, 0, 1, 1e6), b = add(&script, 0, BULK, 0, 2, 1e6);
  const uint32_t other = add(&script, 0, BULK, 3, 4, 1e6);
  const struct outcome *got = outcome_of(&script);
  assert_near(got->end_s[a], flight_s(&script, 0, 1, 2e6), 1e-3);
  assert_near(got->end_s[b], flight_s(&script, 0, 2, 2e6), 1e-3);
  assert_near(got->end_s[other], flight_s(&script, 3, 4, 1e6), 1e-6);
}

/* Hosts 0 to 2 are at a site with 1 MB/s up and 10 ms, host 3 at another one, the others at none. */
static struct script script_with_sites(void)
{
  static const struct swisd_sim_host sites[] = {
    {.latency_up_s = 0.01, .latency_down_s = 0.01, .up_bytes_per_s = 1e6, .down_bytes_per_s = 1e6}, {.up_bytes_per_s = 0}};
  struct script script = script_new(SWISD_SIM_SIMGRID);
  script.config.sites = sites;
  script.config.site_count = 2;
  for (uint32_t h = 0; h < HOSTS; h++) {
    script.hosts[h].up_bytes_per_s = script.hosts[h].down_bytes_per_s = 1e7;
    script.hosts[h].latency_up_s = script.hosts[h].latency_down_s = 0;
    script.hosts[h].site = h < 3 ? 0 : h == 3 ? 1 : UINT32_MAX;
  }
  return script;
}

static void devices_of_a_site_share_its_uplink_and_nothing_inside(void **state)
{
  (void)state;
  struct script script = script_with_sites();
  const uint32_t out = add(&script, 0, BULK, 0, 4, 1e6), other = add(&script, 0, BULK, 1, 3, 1e6);
  const uint32_t inside = add(&script, 0, BULK, 2, 0, 1e6), elsewhere = add(&script, 0, BULK, 5, 6, 1e6);
  const uint32_t message = add(&script, 5, SEND, 0, 4, 100), at_home = add(&script, 5, SEND, 0, 1, 100);
  const struct outcome *got = outcome_of(&script);
  const double shared_s = 2e6 / 0.97e6 + 0.01; /* both at half of the uplink */
  assert_near(got->end_s[out], shared_s, 0.02);
  assert_near(got->end_s[other], shared_s, 0.02);
  assert_near(got->end_s[inside], 1e6 / 0.97e7, 1e-3);
  assert_near(got->end_s[elsewhere], 1e6 / 0.97e7, 1e-3);
  assert_near(got->end_s[message], 5 + 0.01 + 100 / 0.97e6, 1e-6);
  assert_near(got->end_s[at_home], 5 + 100 / 0.97e7, 1e-6);
}

static void a_transfer_between_sites_can_be_cancelled_and_frozen(void **state)
{
  (void)state;
  struct script script = script_with_sites();
  const uint32_t cancelled = add(&script, 0, BULK, 0, 4, 1e6), frozen = add(&script, 0.5, BULK, 1, 3, 1e6);
  add(&script, 0.5, CANCEL, 0, cancelled, 0);
  add(&script, 1, FREEZE, 1, 0, 0);
  add(&script, 3, THAW, 1, 0, 0);
  const struct outcome *got = outcome_of(&script);
  assert_true(got->end_s[cancelled] < 0);
  assert_near(got->end_s[frozen], 2.5 + 1e6 / 0.97e6 + 0.01, 0.02); /* alone on the uplink, two seconds of rest */
}

static void computing_shares_a_slot(void **state)
{
  (void)state;
  struct script script = script_new(SWISD_SIM_SIMGRID);
  const uint32_t a = add(&script, 0, COMPUTE, 0, 0, 1), b = add(&script, 0.5, COMPUTE, 0, 0, 1);
  const struct outcome *got = outcome_of(&script);
  assert_near(got->end_s[a], 1.5, 1e-8);
  assert_near(got->end_s[b], 2, 1e-8);
}

static void fill_with_messages(struct script *script)
{
  struct swisd_philox random = swisd_philox_stream(11, 0, 0, 0);
  for (uint32_t i = 0; i < 300; i++) {
    const uint32_t from = swisd_philox_below(&random, HOSTS);
    const uint32_t to = (from + 1 + swisd_philox_below(&random, HOSTS - 1)) % HOSTS;
    add(script, 0.5 * i, SEND, from, to, 40 + swisd_philox_below(&random, 15000));
  }
}

static void messages_by_the_queue_and_by_simgrid_arrive_at_the_same_times(void **state)
{
  (void)state;
  struct script script = script_new(SWISD_SIM_SIMGRID);
  fill_with_messages(&script);
  const struct outcome *queue = outcome_of(&script);
  script.config.everything = true;
  const struct outcome *simgrid = outcome_of(&script);
  for (uint32_t i = 0; i < script.line_count; i++) {
    const struct line *line = &script.lines[i];
    assert_near(queue->end_s[i] - line->at_s, flight_s(&script, line->from, line->to, line->amount), 1e-6);
    assert_near(simgrid->end_s[i] - line->at_s, queue->end_s[i] - line->at_s, 1e-5);
  }
}

static void serialised_messages_leave_one_after_another(void **state)
{
  (void)state;
  struct script script = script_new(SWISD_SIM_FORMULA);
  script.config.serialise = true;
  for (uint32_t i = 0; i < 10; i++)
    add(&script, 0, SEND, 0, 1 + i % 3, 10000); /* 10 ms each on a link of 1 MB/s */
  const uint32_t other = add(&script, 0, SEND, 3, 1, 10000);
  const struct outcome *got = outcome_of(&script);
  for (uint32_t i = 0; i < 10; i++)
    assert_near(got->end_s[i], 0.01 * i + flight_s(&script, 0, 1 + i % 3, 10000), 1e-6);
  assert_near(got->end_s[other], flight_s(&script, 3, 1, 10000), 1e-6);
}

static void a_bucket_rounds_every_time_up(void **state)
{
  (void)state;
  struct script script = script_new(SWISD_SIM_SIMGRID);
  script.config.quantum_ns = 1000000;
  fill_with_messages(&script);
  const uint32_t job = add(&script, 0.0004, COMPUTE, 0, 0, 1.0003);
  const struct outcome *got = outcome_of(&script);
  for (uint32_t i = 0; i < script.line_count; i++)
    assert_near(got->end_s[i] * 1e3, round(got->end_s[i] * 1e3), 1e-9);
  assert_near(got->end_s[job], 1.002, 1e-9);
}

static void a_message_to_oneself_takes_no_time(void **state)
{
  (void)state;
  struct script script = script_new(SWISD_SIM_FORMULA);
  const uint32_t self = add(&script, 1, SEND, 2, 2, 1000);
  assert_near(outcome_of(&script)->end_s[self], 1, 1e-12);
}

static void a_stopped_run_leaves_what_is_under_way(void **state)
{
  (void)state;
  struct script script = script_new(SWISD_SIM_SIMGRID);
  const uint32_t job = add(&script, 0, COMPUTE, 0, 0, 50), frozen = add(&script, 0, COMPUTE, 1, 1, 1);
  const uint32_t bulk = add(&script, 0, BULK, 0, 2, 1e9), message = add(&script, 1.999, SEND, 7, 1, 100);
  add(&script, 0.5, FREEZE, 1, 0, 0);
  add(&script, 2, STOP, 0, 0, 0);
  const struct outcome *got = outcome_of(&script);
  assert_true(got->end_s[job] < 0 && got->end_s[frozen] < 0 && got->end_s[bulk] < 0 && got->end_s[message] < 0);
  assert_near(got->stopped_s, 2, 1e-9);
}

static void events_of_one_time_keep_their_order(void **state)
{
  (void)state;
  struct swisd_sim_heap heap = {0};
  struct swisd_philox random = swisd_philox_stream(3, 0, 0, 0);
  for (uint64_t i = 0; i < 20000; i++) {
    const struct swisd_sim_event event = {.time_ns = swisd_philox_below(&random, 500), .u.number = i};
    swisd_sim_heap_push(&heap, &event);
    if (i % 3 == 2)
      swisd_sim_heap_pop(&heap);
  }
  struct swisd_sim_event last = swisd_sim_heap_pop(&heap);
  while (heap.count > 0) {
    const struct swisd_sim_event next = swisd_sim_heap_pop(&heap);
    assert_true(next.time_ns > last.time_ns || (next.time_ns == last.time_ns && next.u.number > last.u.number));
    last = next;
  }
  swisd_sim_heap_free(&heap);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(events_of_one_time_keep_their_order),
    cmocka_unit_test(computing_takes_its_seconds_in_simgrid),
    cmocka_unit_test(computing_takes_its_seconds_in_the_formula),
    cmocka_unit_test(a_device_that_slows_down_in_the_middle_is_exact_in_simgrid),
    cmocka_unit_test(a_device_that_slows_down_in_the_middle_is_exact_in_the_formula),
    cmocka_unit_test(a_silent_device_stands_still_and_goes_on_in_simgrid),
    cmocka_unit_test(a_silent_device_stands_still_and_goes_on_in_the_formula),
    cmocka_unit_test(a_cancelled_job_never_ends_in_simgrid),
    cmocka_unit_test(a_cancelled_job_never_ends_in_the_formula),
    cmocka_unit_test(a_lone_transfer_takes_what_the_links_take_in_simgrid),
    cmocka_unit_test(a_lone_transfer_takes_what_the_links_take_in_the_formula),
    cmocka_unit_test(transfers_share_an_uplink),
    cmocka_unit_test(devices_of_a_site_share_its_uplink_and_nothing_inside),
    cmocka_unit_test(a_transfer_between_sites_can_be_cancelled_and_frozen),
    cmocka_unit_test(computing_shares_a_slot),
    cmocka_unit_test(messages_by_the_queue_and_by_simgrid_arrive_at_the_same_times),
    cmocka_unit_test(serialised_messages_leave_one_after_another),
    cmocka_unit_test(a_bucket_rounds_every_time_up),
    cmocka_unit_test(a_message_to_oneself_takes_no_time),
    cmocka_unit_test(a_stopped_run_leaves_what_is_under_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
