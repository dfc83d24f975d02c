/* Whole simulations with modelled work: equal seeds give equal runs, accounts balance, faults do what they say. */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/simulate.h"
#include "tests/unit/cmocka_all.h"

#define LINKS                                                                                                  \
  "links:\n  wire: {latency: 2 ms, bandwidth: 200 Mbit}\n  air: {latency: 5 ms, jitter: {exponential: 1 ms}, " \
  "bandwidth: 100 Mbit, loss: 2 %}\n"
#define DEVICES "devices:\n  pi4: {count: 6, link: wire}\n  phone-mid: {count: 4, link: air}\n"
#define WORK                                                                           \
  "workload:\n  shape:\n    input: 1 kB\n    steps:\n"                                 \
  "      - {kernel: conv, lanes: 2, work: 200 Mflop, output: 2 kB, weights: 100 kB}\n" \
  "      - {kernel: dense, work: 50 Mflop, output: 40 B, weights: 100 kB}\n  link: wire\n"
#define HEAD(duration) "swisd: 1\nname: test\nduration: " duration "\nwarmup: 3 s\nseed: 5\n"

/* Every issue ends in one class, or is under way still. */
static void assert_balanced(const struct swisd_runlog_summary *s)
{
  const double ended =
    s->flop_accepted + s->flop_duplicate + s->flop_lost + s->flop_rejected + s->flop_cancelled + s->flop_replayed;
  assert_true(s->flop_issued > 0 && fabs(s->flop_issued - ended - s->flop_under_way) <= 1e-9 * s->flop_issued);
  assert_true(s->flop_under_way <= 0.05 * s->flop_issued);
}

static void assert_all_answered(const struct simulated *got)
{
  const struct swisd_runlog_summary *s = &got->summary;
  if (s->items_answered != s->items_wanted || s->jobs_answered != s->jobs)
    fail_msg("%" PRIu64 " of %" PRIu64 " items, %" PRIu64 " of %" PRIu64 " jobs", s->items_answered, s->items_wanted,
             s->jobs_answered, s->jobs);
  assert_balanced(s);
}

static const char *const churning =
  HEAD("60 s") LINKS DEVICES "churn:\n  pi4: {uptime: {exponential: 20 s}, downtime: {exponential: 5 s}}\n"
                             "  phone-mid: {uptime: {exponential: 30 s}, downtime: {exponential: 8 s}, leave: graceful}\n" WORK
                             "  items: 20000\n  submitters: 2\n";

static void equal_seeds_give_equal_runs_and_others_do_not(void **state)
{
  (void)state;
  struct simulation *simulation = simulation_of(churning);
  const struct simulated *one = simulate(simulation), *two = simulate(simulation);
  assert_true(one->digest != 0);
  assert_int_equal(one->digest, two->digest);
  assert_int_equal(one->summary.messages, two->summary.messages);
  simulation->options.repeat = 1;
  assert_true(simulate(simulation)->digest != one->digest);
}

static void churn_departs_and_returns_and_everything_is_accounted_for(void **state)
{
  (void)state;
  const struct simulated *got = simulate(simulation_of(churning));
  const struct swisd_runlog_summary *s = &got->summary;
  assert_all_answered(got);
  assert_true(s->departures >= 4);
  assert_true(s->returns >= 2 && s->returns <= s->departures);
  assert_true(s->flop_lost > 0 || s->flop_replayed > 0 || s->flop_cancelled > 0);
  /* Nothing is answered that was not accepted, and nobody computes faster than all together could. */
  assert_true(s->flop_accepted >= 0.999 * (double)s->items_answered * 250e6);
  assert_true(s->items_per_s <= 1.001 * s->bound_fluid_items_per_s);
  assert_true(s->makespan_s >= 0.999 * s->bound_fluid_makespan_s);
}

/* The same run but for how a message is kept while it is on its way. */
static void counting_bytes_instead_of_packing_them_changes_nothing(void **state)
{
  (void)state;
  char text[8192];
  snprintf(text, sizeof text, "%swire: sized\n", churning);
  const struct simulated *packed = simulate(simulation_of(churning)), *sized = simulate(simulation_of(text));
  assert_int_equal(packed->summary.messages, sized->summary.messages);
  assert_int_equal(packed->summary.message_bytes, sized->summary.message_bytes);
  assert_int_equal(packed->summary.body_bytes, sized->summary.body_bytes);
  assert_int_equal(packed->summary.items_answered, sized->summary.items_answered);
  assert_true(packed->summary.makespan_s >= sized->summary.makespan_s && packed->summary.makespan_s <= sized->summary.makespan_s);
}

static const char *const calm = HEAD("60 s") LINKS DEVICES WORK "  items: 10000\n";

static void everything_through_simgrid_comes_to_the_same(void **state)
{
  (void)state;
  struct simulation *simulation = simulation_of(calm);
  const struct simulated *queue = simulate(simulation);
  simulation->options.everything = true;
  const struct simulated *simgrid = simulate(simulation);
  assert_all_answered(queue);
  assert_all_answered(simgrid);
  assert_true(fabs(queue->summary.makespan_s - simgrid->summary.makespan_s) < 0.05 * queue->summary.makespan_s);
}

static void without_contention_the_formula_comes_to_the_same(void **state)
{
  (void)state;
  struct simulation *simulation = simulation_of(calm);
  const struct simulated *simgrid = simulate(simulation);
  simulation->options.model = SWISD_SIM_FORMULA;
  const struct simulated *formula = simulate(simulation);
  assert_all_answered(formula);
  assert_true(fabs(formula->summary.makespan_s - simgrid->summary.makespan_s) < 0.05 * simgrid->summary.makespan_s);
}

static void a_calm_swarm_reaches_its_bound(void **state)
{
  (void)state;
  const struct simulated *got = simulate(simulation_of(calm));
  assert_all_answered(got);
  if (got->summary.items_per_s < 0.8 * got->summary.bound_fluid_items_per_s)
    fail_msg("%.1f of %.1f items/s", got->summary.items_per_s, got->summary.bound_fluid_items_per_s);
}

static void every_kind_of_fault_is_survived(void **state)
{
  (void)state;
  const struct simulated *got =
    simulate(simulation_of(HEAD("90 s") LINKS DEVICES "faults:\n"
                                                      "  - {at: 4 s, kill: pi4/0}\n"
                                                      "  - {at: 5 s, for: 10 s, silence: phone-mid/1}\n"
                                                      "  - {at: 6 s, for: 10 s, slow: {devices: pi4/2, factor: 8}}\n"
                                                      "  - {at: 7 s, for: 6 s, partition: [pi4/3, phone-mid/0]}\n"
                                                      "  - {at: 8 s, for: 4 s, loss: {link: air, rate: 60 %}}\n"
                                                      "  - {at: 9 s, for: 5 s, kill: {class: pi4, count: 1}}\n"
                                                      "  - {at: 12 s, return: pi4/0}\n" WORK "  items: 20000\n"));
  assert_all_answered(got);
  assert_true(got->summary.departures == 2 && got->summary.returns == 2);
  assert_true(got->summary.hedges + got->summary.reissues > 0);
}

/* Of a device that stays slow the bound counts an eighth. */
static void bounds_follow_slow_and_silent_devices(void **state)
{
  (void)state;
  const struct simulated *got =
    simulate(simulation_of(HEAD("13 s") LINKS "devices:\n  pi4: {count: 2, speed: 1 Gflops}\n"
                                              "faults:\n  - {at: 3 s, slow: {devices: pi4/0, factor: 8}}\n"
                                              "  - {at: 8 s, silence: pi4/1}\n" WORK "  items: 1000000\n"));
  const double rate = 1e9 / 250e6, slow = 10 * rate / 8, other = 5 * rate;
  assert_true(fabs(got->summary.bound_fluid_items_per_s - (slow + other) / 10) < 1e-6);
}

static void a_swarm_without_devices_of_a_shard_fails_and_says_so(void **state)
{
  (void)state;
  const struct simulated *got = simulate(simulation_of(
    HEAD("120 s") LINKS "devices:\n  pi4: {count: 2}\nfaults:\n  - {at: 4 s, kill: pi4}\n" WORK "  items: 1000000\n"));
  assert_int_equal(got->summary.jobs_failed, 1);
}

static void requests_follow_one_another_or_arrive_as_drawn(void **state)
{
  (void)state;
  const struct simulated *chain = simulate(simulation_of(HEAD("60 s") LINKS DEVICES WORK "  items: 500\n  requests: 4\n"));
  assert_all_answered(chain);
  assert_int_equal(chain->summary.jobs, 4);
  assert_int_equal(chain->summary.items_wanted, 2000);
  const struct simulated *drawn =
    simulate(simulation_of(HEAD("90 s") LINKS DEVICES WORK "  items: 500\n  requests: 4\n  arrivals: 10 s\n"));
  assert_all_answered(drawn);
  assert_true(drawn->summary.makespan_s > 30);
}

static void what_cannot_be_simulated_is_a_clear_error(void **state)
{
  (void)state;
  const struct {
    const char *text, *says;
  } cases[] = {
    {HEAD("9 s") DEVICES LINKS WORK "  items: 1\npolicy: magic\n", "magic"},
    {HEAD("9 s") DEVICES LINKS WORK "  items: 1\ncompute: real\n", "workload.model"},
    {HEAD("9 s") DEVICES LINKS WORK, "workload.items"},
    {HEAD("9 s") DEVICES LINKS "workload:\n  model: no-such-model\n  items: 1\n", "no-such-model"},
    {HEAD("9 s") DEVICES LINKS "workload:\n  model: fashion\n  data: no-such-data\n", "no-such-data"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct simulated *got = simulate(simulation_of(cases[i].text));
    assert_true(got->refused);
    if (strstr(got->error.text, cases[i].says) == NULL)
      fail_msg("'%s' does not speak of '%s'", got->error.text, cases[i].says);
  }
}

/* Faults of the newer kinds, each in a run of its own: all is answered, and each leaves its mark. */
static const struct simulated *with_fault(const char *fault, const char *more)
{
  char text[4096];
  snprintf(text, sizeof text, "%s%sfaults:\n  - %s\n%s  items: 10000\n%s", HEAD("120 s") LINKS, DEVICES, fault, WORK, more);
  const struct simulated *got = simulate(simulation_of(text));
  assert_all_answered(got);
  return got;
}

static void devices_out_of_reach_cost_time_not_answers(void **state)
{
  (void)state;
  const double calm_s = simulate(simulation_of(calm))->summary.makespan_s;
  static const char *const faults[] = {
    "{at: 5 s, for: 10 s, cut: [pi4/0, pi4/1, phone-mid/0]}",
    "{at: 5 s, for: 20 s, flap: {devices: pi4, up: 2 s, down: 3 s}}",
    "{at: 5 s, for: 10 s, partition: [pi4/0, pi4/1, pi4/2], way: out}",
    "{at: 5 s, for: 10 s, partition: [pi4/0, pi4/1, pi4/2], way: in}",
    "{at: 5 s, every: 10 s, for: 4 s, within: 1 s, kill: {class: pi4, count: 2}}",
  };
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
    assert_true(with_fault(faults[i], "")->summary.makespan_s > calm_s);
}

static void a_slower_link_slows_and_recovers(void **state)
{
  (void)state;
  const double calm_s = simulate(simulation_of(calm))->summary.makespan_s;
  const double slow_s = with_fault("{at: 4 s, bandwidth: {link: wire, factor: 0.02}}", "")->summary.makespan_s;
  const double passing_s = with_fault("{at: 4 s, for: 10 s, bandwidth: {link: wire, factor: 0.02}}", "")->summary.makespan_s;
  assert_true(slow_s > 1.5 * calm_s && passing_s > calm_s && passing_s < slow_s);
}

static void lies_are_found_when_results_are_checked(void **state)
{
  (void)state;
  const struct simulated *trusting = with_fault("{at: 0 s, lie: {devices: pi4/0, share: 50 %}}", "");
  assert_true(trusting->summary.items_wrong > 0 && trusting->summary.flop_rejected <= 0);
  const struct simulated *checking = with_fault("{at: 0 s, lie: {devices: pi4/0, share: 50 %}}", "  verify: freivalds\n");
  assert_int_equal(checking->summary.items_wrong, 0);
  assert_true(checking->summary.flop_rejected > 0);
}

static void jumping_clocks_and_full_disks_are_survived(void **state)
{
  (void)state;
  with_fault("{at: 6 s, clock: {devices: [pi4/0, phone-mid/1], jump: 30 s}}", "");
  with_fault("{at: 0 s, disk_full: [pi4/0, pi4/1]}", "");
}

static void a_flash_crowd_of_jobs_and_of_devices_arrives(void **state)
{
  (void)state;
  const char *const jobs =
    HEAD("60 s") LINKS "devices: {pi4: {count: 6, link: wire, joins: {uniform: [0 s, 4 s]}}}\n" WORK
                       "  items: 100\n  requests: 30\n  arrivals: {exponential: 1 s}\n  size: {poisson: 20}\n";
  char text[4096];
  snprintf(text, sizeof text, "%sfaults: [{at: 3 s, for: 20 s, demand: 4}]\n", jobs);
  const struct simulated *slowly = simulate(simulation_of(jobs)), *crowd = simulate(simulation_of(text));
  assert_all_answered(slowly);
  assert_all_answered(crowd);
  assert_int_equal(slowly->summary.jobs, 30);
  assert_true(slowly->summary.items_wanted > 400 && slowly->summary.items_wanted < 800);
  assert_int_equal(slowly->summary.items_wanted, crowd->summary.items_wanted);
  assert_true(crowd->summary.makespan_s < 0.5 * slowly->summary.makespan_s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(equal_seeds_give_equal_runs_and_others_do_not),
    cmocka_unit_test(churn_departs_and_returns_and_everything_is_accounted_for),
    cmocka_unit_test(counting_bytes_instead_of_packing_them_changes_nothing),
    cmocka_unit_test(everything_through_simgrid_comes_to_the_same),
    cmocka_unit_test(without_contention_the_formula_comes_to_the_same),
    cmocka_unit_test(a_calm_swarm_reaches_its_bound),
    cmocka_unit_test(every_kind_of_fault_is_survived),
    cmocka_unit_test(bounds_follow_slow_and_silent_devices),
    cmocka_unit_test(a_swarm_without_devices_of_a_shard_fails_and_says_so),
    cmocka_unit_test(requests_follow_one_another_or_arrive_as_drawn),
    cmocka_unit_test(what_cannot_be_simulated_is_a_clear_error),
    cmocka_unit_test(devices_out_of_reach_cost_time_not_answers),
    cmocka_unit_test(a_slower_link_slows_and_recovers),
    cmocka_unit_test(lies_are_found_when_results_are_checked),
    cmocka_unit_test(jumping_clocks_and_full_disks_are_survived),
    cmocka_unit_test(a_flash_crowd_of_jobs_and_of_devices_arrives),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
