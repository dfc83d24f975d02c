/* The run log and its fluid bound, against sums done by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/bound.h"
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
    cmocka_unit_test(worker_and_submitter_meet_in_one_row),
    cmocka_unit_test(a_directory_that_cannot_be_made_is_a_clear_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
