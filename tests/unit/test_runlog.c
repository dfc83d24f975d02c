/* The run log and its bounds, against sums done by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bound_shards.h"
#include "runtime/base/runlog.h"
#include "tests/unit/cmocka_all.h"

#define S UINT64_C(1000000000)

static void assert_close(double a, double b)
{
  if (fabs(a - b) > 1e-6 * (1 + fabs(b)))
    fail_msg("%.12g is not %.12g", a, b);
}

static void the_bound_of_one_kernel_class_is_speed_times_time(void **state)
{
  (void)state;
  const struct swisd_bound_capacity capacities[] = {{{100, 0, 0}, 3}, {{10, 7, 0}, 5}};
  assert_close(swisd_bound_fluid_items(capacities, 2, (const double[]){50, 0, 0}), (300 + 50) / 50.0);
  assert_close(swisd_bound_fluid_items(capacities, 0, (const double[]){50, 0, 0}), 0);
  assert_true(isinf(swisd_bound_fluid_items(capacities, 2, (const double[]){0, 0, 0})));
}

static void the_bound_lets_each_device_do_what_it_is_best_at(void **state)
{
  (void)state;
  /* Two specialists: alone each would need 2 s an item of (10, 10); together, one kernel each, one item a second. */
  const struct swisd_bound_capacity specialists[] = {{{10, 1, 1}, 1}, {{1, 10, 1}, 1}};
  assert_close(swisd_bound_fluid_items(specialists, 2, (const double[]){10, 10, 0}), 1);
  /* One generalist: 1 / (10/10 + 10/5 + 10/2). */
  const struct swisd_bound_capacity generalist[] = {{{10, 5, 2}, 1}};
  assert_close(swisd_bound_fluid_items(generalist, 1, (const double[]){10, 10, 10}), 1 / 8.0);
  /* Equal proportions: a plain sum of rates. */
  const struct swisd_bound_capacity like[] = {{{10, 5, 2}, 1}, {{20, 10, 4}, 3}};
  assert_close(swisd_bound_fluid_items(like, 2, (const double[]){10, 10, 10}), 7 / 8.0);
}

/* ---- B2, B3 ---- */

/* Two shards of equal work and size, and devices of 10 and 30 FLOP/s for a second. */
static const struct swisd_bound_shard equal_shards[] = {{0, 10, 100}, {0, 10, 100}};

static struct swisd_bound_holder holder(double flops_per_s, double memory_bytes, uint64_t holds)
{
  return (struct swisd_bound_holder){
    .flops_per_s = {flops_per_s, flops_per_s, flops_per_s}, .device_s = 1, .memory_bytes = memory_bytes, .holds = holds};
}

static void memory_enough_for_all_leaves_the_fluid_bound(void **state)
{
  (void)state;
  const struct swisd_bound_holder roomy[] = {holder(10, 200, 0), holder(30, 0, 0)};
  assert_close(swisd_bound_memory_items(roomy, 2, equal_shards, 2), 40 / 20.0);
  assert_true(isinf(swisd_bound_memory_items(roomy, 2, equal_shards, 0)));
}

static void a_fast_device_with_room_for_one_shard_waits_for_the_slow_one(void **state)
{
  (void)state;
  /* The fast one makes at most one half of each item, the slow one the other: 10 FLOP of its 10 a second. */
  const struct swisd_bound_holder cramped[] = {holder(10, 200, 0), holder(30, 199, 0)};
  assert_close(swisd_bound_memory_items(cramped, 2, equal_shards, 2), 1);
  /* Helix's form: n items need sum of min(shards it can hold, speed / n) >= shards: min(1, 3 / n) + min(2, 1 / n) + ... */
  const struct swisd_bound_shard three[] = {{0, 10, 100}, {0, 10, 100}, {0, 10, 100}};
  const struct swisd_bound_holder some[] = {holder(100, 100, 0), holder(10, 250, 0), holder(15, 300, 0)};
  assert_close(swisd_bound_memory_items(some, 3, three, 3), 1.25); /* 1 + 1 / 1.25 + 1.5 / 1.25 = 3 */
  /* Nobody has room for the third. */
  const struct swisd_bound_holder none[] = {holder(100, 100, 0), holder(10, 199, 0)};
  assert_close(swisd_bound_memory_items(none, 2, three, 3), 0);
}

static void the_worst_served_set_of_shards_bounds_a_placement(void **state)
{
  (void)state;
  const struct swisd_bound_holder both[] = {holder(10, 0, 3), holder(30, 0, 3)};
  assert_close(swisd_bound_placement_items(both, 2, equal_shards, 2), 2);
  const struct swisd_bound_holder apart[] = {holder(10, 0, 1), holder(30, 0, 2)};
  assert_close(swisd_bound_placement_items(apart, 2, equal_shards, 2), 1);
  /* The one that holds both helps the worse served: (10 + 5) / 10. */
  const struct swisd_bound_holder helped[] = {holder(10, 0, 1), holder(30, 0, 2), holder(5, 0, 3)};
  assert_close(swisd_bound_placement_items(helped, 3, equal_shards, 2), 1.5);
  /* Work must be passed on: the first may serve both, so it leaves shard 0 to the second, whatever order they come in. */
  const struct swisd_bound_holder chain[] = {holder(20, 0, 3), holder(20, 0, 1)};
  assert_close(swisd_bound_placement_items(chain, 2, equal_shards, 2), 2);
  const struct swisd_bound_holder orphan[] = {holder(10, 0, 1)};
  assert_close(swisd_bound_placement_items(orphan, 1, equal_shards, 2), 0);
}

static void a_pair_of_shards_can_be_worse_served_than_either(void **state)
{
  (void)state;
  /* Shards 0 and 1 share one holder of 12, shard 2 has one of 100: {0, 1} bounds by 12 / 20, each alone by 12 / 10. */
  const struct swisd_bound_shard three[] = {{0, 10, 1}, {1, 10, 1}, {2, 20, 1}};
  const struct swisd_bound_holder holders[] = {holder(12, 0, 3), holder(100, 0, 4)};
  assert_close(swisd_bound_placement_items(holders, 2, three, 3), 0.6);
}

static void flow_finds_what_trying_every_set_finds(void **state)
{
  (void)state;
  uint32_t random = 1;
  for (int round = 0; round < 200; round++) {
    struct swisd_bound_shard shards[6];
    struct swisd_bound_holder holders[9];
    for (int i = 0; i < 6; i++)
      shards[i] = (struct swisd_bound_shard){0, 1 + (random = random * 1664525 + 1013904223) % 97, 1};
    for (int i = 0; i < 9; i++) {
      const uint32_t speed = (random = random * 1664525 + 1013904223) >> 24;
      holders[i] = holder(speed, 0, (random = random * 1664525 + 1013904223) >> 20 & 63);
    }
    double least = INFINITY;
    for (uint64_t set = 1; set < 64; set++) {
      double work = 0, item = 0;
      for (int i = 0; i < 6; i++)
        item += set >> i & 1 ? shards[i].flops : 0;
      for (int i = 0; i < 9; i++)
        work += holders[i].holds & set ? holders[i].flops_per_s[0] : 0;
      least = fmin(least, work / item);
    }
    assert_close(swisd_bound_placement_items(holders, 9, shards, 6), least);
  }
}

static struct swisd_runlog *two_devices(const char *directory)
{
  struct swisd_error error;
  struct swisd_runlog *log = swisd_runlog_open(directory, &error);
  assert_non_null(log);
  assert_int_equal(swisd_runlog_device(log, "pi4/0", "pi4", (const double[]){100, 100, 100}), 0);
  assert_int_equal(swisd_runlog_device(log, "pi5/0", "pi5", (const double[]){300, 300, 300}), 1);
  assert_int_equal(swisd_runlog_device(log, "me", "submitter", (const double[]){0, 0, 0}), 2);
  swisd_runlog_item_flops(log, (const double[]){60, 40, 0});
  swisd_runlog_speed(log, 0, 0, 1);
  swisd_runlog_speed(log, 1, 0, 1);
  swisd_runlog_speed(log, 2, 0, 1);
  return log;
}

static void the_bound_follows_the_churn_that_happened(void **state)
{
  (void)state;
  struct swisd_runlog *log = two_devices(NULL);
  swisd_runlog_speed(log, 1, 2 * S, 0);
  swisd_runlog_speed(log, 0, 3 * S, 0.5);
  swisd_runlog_speed(log, 1, 4 * S, 1);
  assert_close(swisd_runlog_bound_items(log, 0, 2 * S), 8);
  assert_close(swisd_runlog_bound_items(log, 1 * S, 5 * S), 4 + 1 + 0.5 + 3.5);
  assert_close(swisd_runlog_bound_makespan_s(log, 0, 8), 2);
  assert_close(swisd_runlog_bound_makespan_s(log, 0, 9.5 + 3.5), 5);
  struct swisd_error error;
  assert_int_equal(swisd_runlog_close(log, &(struct swisd_runlog_summary){0}, 5 * S, &error), 0);
}

static void a_swarm_that_is_gone_never_finishes(void **state)
{
  (void)state;
  struct swisd_runlog *log = two_devices(NULL);
  swisd_runlog_speed(log, 0, S, 0);
  swisd_runlog_speed(log, 1, S, 0);
  assert_close(swisd_runlog_bound_makespan_s(log, 0, 4), 1);
  assert_true(isinf(swisd_runlog_bound_makespan_s(log, 0, 4.1)));
  struct swisd_error error;
  assert_int_equal(swisd_runlog_close(log, &(struct swisd_runlog_summary){0}, S, &error), 0);
}

static void the_placement_that_happened_bounds_while_it_lasted(void **state)
{
  (void)state;
  struct swisd_runlog *log = two_devices(NULL);
  assert_int_equal(swisd_runlog_shard(log, 0, 60, 100), 0);
  assert_int_equal(swisd_runlog_shard(log, 1, 40, 100), 1);
  swisd_runlog_holds(log, 0, 0, 1); /* 100 FLOP/s on shard 0 alone, 300 on shard 1 alone */
  swisd_runlog_holds(log, 1, 0, 2);
  assert_close(swisd_runlog_bound_placement_items(log, 0, 2 * S), 200 / 60.0);
  swisd_runlog_holds(log, 1, 2 * S, 3); /* from then on the fast one has both */
  assert_close(swisd_runlog_bound_placement_items(log, 2 * S, 4 * S), 800 / 100.0);
  /* Four seconds together: shard 0 gets 400 + 600, shard 1 600 + 600, at most 1600 in all for 100 an item. */
  assert_close(swisd_runlog_bound_placement_items(log, 0, 4 * S), 16);
  swisd_runlog_speed(log, 1, 3 * S, 0); /* and is gone a second later: shard 0 gets 400 + 300, 1300 in all */
  assert_close(swisd_runlog_bound_placement_items(log, 0, 4 * S), 700 / 60.0);
  swisd_runlog_memory(log, 1, 100); /* 900 FLOP, 3 / 5 of an item at most; 400 of the other */
  assert_close(swisd_runlog_bound_memory_items(log, 0, 4 * S), 10);
  swisd_runlog_discard(log);
}

static void links_bound_by_what_crosses_them(void **state)
{
  (void)state;
  struct swisd_runlog *log = two_devices(NULL);
  assert_true(isinf(swisd_runlog_bound_network_items(log, 0, S)));
  swisd_runlog_item_bytes(log, 100, 10);
  swisd_runlog_link(log, 2, 1000, 50); /* the submitter: 10 up, 5 down a second */
  assert_close(swisd_runlog_bound_network_items(log, 0, 2 * S), 10);
  swisd_runlog_link(log, 2, 1000, 0);
  swisd_runlog_link(log, 0, 0, 200); /* the workers take in 2 + 4 */
  swisd_runlog_link(log, 1, 0, 400);
  assert_close(swisd_runlog_bound_network_items(log, 0, S), 6);
  swisd_runlog_speed(log, 1, S, 0); /* half the time */
  assert_close(swisd_runlog_bound_network_items(log, 0, 2 * S), 2 * 2 + 4);
  swisd_runlog_discard(log);
}

static void the_devices_time_is_divided_by_what_became_of_it(void **state)
{
  (void)state;
  struct swisd_runlog *log = two_devices(NULL); /* 4 s: 1600 FLOP */
  const struct swisd_runlog_key one = {.submitter = 2, .hi = 4}, two = {.submitter = 2, .lo = 4, .hi = 8};
  const struct swisd_runlog_key three = {.submitter = 2, .lo = 8, .hi = 12}, four = {.submitter = 2, .lo = 12, .hi = 16};
  swisd_runlog_task_start(log, 0, &one, 0, 160);
  swisd_runlog_task_end(log, 0, &one, 2 * S);
  swisd_runlog_task_outcome(log, 0, &one, SWISD_RUNLOG_ACCEPTED, 2 * S, 120);
  swisd_runlog_task_outcome(log, 0, &one, SWISD_RUNLOG_DUPLICATE, 2 * S, 40);
  swisd_runlog_task_start(log, 1, &two, 0, 600);
  swisd_runlog_task_end(log, 1, &two, 2 * S);
  swisd_runlog_task_outcome(log, 1, &two, SWISD_RUNLOG_ACCEPTED, 2 * S, 600);
  swisd_runlog_task_outcome(log, 1, &two, SWISD_RUNLOG_REPLAYED, 3 * S, 600); /* its output was lost */
  swisd_runlog_task_start(log, 0, &three, 2 * S, 800);
  swisd_runlog_task_outcome(log, 0, &three, SWISD_RUNLOG_LOST, 4 * S, 800);
  swisd_runlog_task_start(log, 1, &four, 3 * S, 480);
  swisd_runlog_task_end(log, 1, &four, 6 * S); /* a third of it within the window */
  swisd_runlog_speed(log, 0, 3 * S, 0);        /* killed: 100 FLOP of task three had been done */
  struct swisd_runlog_summary s = {0};
  swisd_runlog_reckon(log, 0, 4 * S, &s);
  const double all = 300 + 1200;
  assert_close(s.bound_fluid_items_per_s, all / 100 / 4);
  assert_true(s.share_known);
  assert_close(s.share[SWISD_RUNLOG_ACCEPTED], 120 / all);
  assert_close(s.share[SWISD_RUNLOG_DUPLICATE], 40 / all);
  assert_close(s.share[SWISD_RUNLOG_REPLAYED], 600 / all);
  assert_close(s.share[SWISD_RUNLOG_LOST], 100 / all);
  assert_close(s.share[SWISD_RUNLOG_UNKNOWN], 160 / all);
  assert_close(s.share_idle, (all - 1020) / all);
  swisd_runlog_discard(log);
}

static void the_smallest_bound_is_the_one_that_is_named(void **state)
{
  (void)state;
  const char *name;
  struct swisd_runlog_summary s = {.bound_fluid_items_per_s = 4, .bound_memory_items_per_s = 4 - 1e-9};
  assert_close(swisd_runlog_bound(&s, &name), 4);
  assert_string_equal(name, "B1 fluid"); /* equal but for rounding */
  s.bound_placement_items_per_s = 3;
  assert_close(swisd_runlog_bound(&s, &name), 3);
  assert_string_equal(name, "B3 placement");
  s.bound_network_items_per_s = 2;
  assert_close(swisd_runlog_bound(&s, &name), 2);
  assert_string_equal(name, "B4 network");
  assert_close(swisd_runlog_bound(&(struct swisd_runlog_summary){0}, &name), 0);
  assert_string_equal(name, "none");
}

static void read_all(const char *directory, const char *name, char *text, size_t bytes)
{
  char path[256];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *in = fopen(path, "r");
  assert_non_null(in);
  const size_t got = fread(text, 1, bytes - 1, in);
  text[got] = '\0';
  fclose(in);
  unlink(path);
}

static void worker_and_submitter_meet_in_one_row(void **state)
{
  (void)state;
  char directory[] = "/tmp/swisd-runlog-XXXXXX", deeper[64], text[4096];
  assert_non_null(mkdtemp(directory));
  snprintf(deeper, sizeof deeper, "%s/a/b", directory);
  struct swisd_runlog *log = two_devices(deeper);
  const struct swisd_runlog_key one = {.submitter = 2, .job = 7, .step = 1, .lane = 2, .attempt = 3, .lo = 0, .hi = 8};
  struct swisd_runlog_key two = one, three = one, part = one, never = one;
  two.attempt = 4, three.attempt = 5, part.lo = 3, part.attempt = 0, never.lane = 3;
  swisd_runlog_task_start(log, 0, &two, S / 2, 800);
  swisd_runlog_task_start(log, 1, &one, S, 800);
  swisd_runlog_task_end(log, 0, &two, 3 * S / 2);
  swisd_runlog_task_end(log, 1, &one, 2 * S);
  swisd_runlog_task_outcome(log, 1, &part, SWISD_RUNLOG_ACCEPTED, 2 * S, 500);
  swisd_runlog_task_outcome(log, 1, &one, SWISD_RUNLOG_DUPLICATE, 2 * S, 300);
  swisd_runlog_task_outcome(log, 0, &two, SWISD_RUNLOG_DUPLICATE, 2 * S, 300);
  swisd_runlog_task_start(log, 0, &three, 2 * S, 800); /* dies with its device */
  swisd_runlog_task_outcome(log, 0, &three, SWISD_RUNLOG_LOST, 5 * S / 2, 800);
  swisd_runlog_task_outcome(log, 0, &never, SWISD_RUNLOG_CANCELLED, S, 800); /* never ran: no row */
  swisd_runlog_task_outcome(log, SWISD_RUNLOG_NOBODY, &one, SWISD_RUNLOG_REPLAYED, S, 800);
  swisd_runlog_task_start(log, 1, &one, 5 * S / 2, 800); /* once more: a row of its own */
  swisd_runlog_speed(log, 0, 9 * S / 4, 0);
  swisd_runlog_event(log, &(struct swisd_runlog_event){.time_ns = 5 * S / 2, .event = SWISD_RUNLOG_DEAD, .device = 0, .by = 2});
  swisd_runlog_event(
    log, &(struct swisd_runlog_event){.time_ns = 9 * S / 4, .event = SWISD_RUNLOG_KILL, .device = 0, .by = SWISD_RUNLOG_NOBODY});
  swisd_runlog_event(log, &(struct swisd_runlog_event){.time_ns = 5 * S / 2,
                                                       .event = SWISD_RUNLOG_REISSUE,
                                                       .device = 1,
                                                       .by = 2,
                                                       .has_task = true,
                                                       .step = 1,
                                                       .lane = 2,
                                                       .hi = 8,
                                                       .has_value = true,
                                                       .value = 0.5});
  swisd_runlog_items_answered(log, 2 * S, 5);
  swisd_runlog_items_answered(log, 3 * S - 1, 2);
  assert_int_equal(swisd_runlog_items_between(log, 2 * S, 3 * S - 1), 5);
  const struct swisd_runlog_summary summary = {.scenario = "s",
                                               .seed = 4,
                                               .items_answered = 7,
                                               .items_wanted = 8,
                                               .items_per_s = 3,
                                               .bound_fluid_items_per_s = 4,
                                               .bound_network_items_per_s = 12};
  struct swisd_error error;
  assert_int_equal(swisd_runlog_close(log, &summary, 3 * S, &error), 0);

  read_all(deeper, "tasks.csv", text, sizeof text);
  assert_string_equal(text, "device,class,start_s,end_s,step,lane,lo,hi,outcome,submitter,job,attempt,gflop\n"
                            "pi4/0,pi4,0.5,1.5,1,2,0,8,duplicate,me,7,4,8e-07\n"
                            "pi5/0,pi5,1,2,1,2,0,8,accepted,me,7,3,8e-07\n"
                            "pi4/0,pi4,2,2.25,1,2,0,8,lost,me,7,5,8e-07\n"
                            "pi5/0,pi5,2.5,3,1,2,0,8,,me,7,3,8e-07\n");
  read_all(deeper, "events.csv", text, sizeof text);
  assert_string_equal(text, "time_s,event,device,by,step,lane,lo,hi,value\n"
                            "2.25,kill,pi4/0,,,,,,\n"
                            "2.5,dead,pi4/0,me,,,,,\n"
                            "2.5,reissue,pi5/0,me,1,2,0,8,0.5\n");
  read_all(deeper, "series.csv", text, sizeof text);
  assert_string_equal(text, "time_s,items_per_s,accepted_gflops,duplicate_gflops,lost_gflops,devices_up,bound_items_per_s\n"
                            "0,0,0,0,0,2,4\n"
                            "1,0,0,0,0,2,4\n"
                            "2,7,5e-07,6e-07,8e-07,2,3.25\n");
  read_all(deeper, "run.json", text, sizeof text);
  assert_non_null(strstr(text, "\"bound\": \"B1 fluid\""));
  assert_non_null(strstr(text, "\"goodput_of_bound\": 0.75"));
  rmdir(deeper);
  deeper[strlen(deeper) - 2] = '\0';
  rmdir(deeper);
  assert_int_equal(rmdir(directory), 0); /* nothing else was left behind */
}

static void a_directory_that_cannot_be_made_is_a_clear_error(void **state)
{
  (void)state;
  struct swisd_error error;
  assert_null(swisd_runlog_open("/dev/null/results", &error));
  assert_non_null(strstr(error.text, "/dev/null"));
  assert_null(swisd_runlog_open("", &error));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_bound_of_one_kernel_class_is_speed_times_time),
    cmocka_unit_test(the_bound_lets_each_device_do_what_it_is_best_at),
    cmocka_unit_test(the_bound_follows_the_churn_that_happened),
    cmocka_unit_test(a_swarm_that_is_gone_never_finishes),
    cmocka_unit_test(memory_enough_for_all_leaves_the_fluid_bound),
    cmocka_unit_test(a_fast_device_with_room_for_one_shard_waits_for_the_slow_one),
    cmocka_unit_test(the_worst_served_set_of_shards_bounds_a_placement),
    cmocka_unit_test(a_pair_of_shards_can_be_worse_served_than_either),
    cmocka_unit_test(flow_finds_what_trying_every_set_finds),
    cmocka_unit_test(the_placement_that_happened_bounds_while_it_lasted),
    cmocka_unit_test(links_bound_by_what_crosses_them),
    cmocka_unit_test(the_devices_time_is_divided_by_what_became_of_it),
    cmocka_unit_test(the_smallest_bound_is_the_one_that_is_named),
    cmocka_unit_test(worker_and_submitter_meet_in_one_row),
    cmocka_unit_test(a_directory_that_cannot_be_made_is_a_clear_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
