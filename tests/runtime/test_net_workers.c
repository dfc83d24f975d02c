/* Worker threads: everything comes back once, classes take their time, cancelling works at each stage. */
#include "runtime/net/workers.h"

#include <event2/event.h>
#include <time.h>

#include "runtime/net/clock.h"
#include "tests/unit/cmocka_all.h"

struct item {
  struct swisd_work work; /* first */
  struct event_base *base;
  uint32_t *left;
  uint64_t run_ns; /* what it takes */
  bool ran, back;
  uint64_t back_ns;
};

static void run(struct swisd_work *work)
{
  struct item *item = (struct item *)work;
  const struct timespec wait = {.tv_nsec = (long)item->run_ns};
  nanosleep(&wait, NULL);
  item->ran = true;
  work->status = SWISD_OK;
}

static void done(struct swisd_work *work)
{
  struct item *item = (struct item *)work;
  assert_false(item->back);
  item->back = true;
  item->back_ns = swisd_clock_now_ns();
  if (--*item->left == 0)
    event_base_loopbreak(item->base);
}

static struct item item_of(struct event_base *base, uint32_t *left, uint32_t ticket, uint64_t run_ns, uint64_t flops)
{
  return (struct item){.work = {.run = run, .done = done, .ticket = ticket, .kernel = SWISD_KERNEL_DENSE, .flops = flops},
                       .base = base, .left = left, .run_ns = run_ns};
}

static struct swisd_workers *open_workers(struct event_base *base, uint32_t threads, double flops_per_s)
{
  struct swisd_workers_options options = {.threads = threads, .withhold = flops_per_s > 0};
  options.flops_per_s[SWISD_KERNEL_DENSE] = flops_per_s;
  struct swisd_error error;
  struct swisd_workers *workers = swisd_workers_open(base, &options, &error);
  assert_non_null(workers);
  return workers;
}

static void every_piece_comes_back_once(void **state)
{
  (void)state;
  enum { COUNT = 200 };
  struct event_base *base = event_base_new();
  struct swisd_workers *workers = open_workers(base, 3, 0);
  uint32_t left = COUNT;
  struct item items[COUNT];
  for (uint32_t i = 0; i < COUNT; i++) {
    items[i] = item_of(base, &left, i + 1, i % 7 * 10000, 0);
    swisd_workers_submit(workers, &items[i].work);
  }
  event_base_dispatch(base);
  for (uint32_t i = 0; i < COUNT; i++)
    assert_true(items[i].ran && items[i].back && items[i].work.status == SWISD_OK);
  assert_int_equal(swisd_workers_status(workers).completed, COUNT);
  assert_int_equal(swisd_workers_status(workers).running, 0);
  swisd_workers_close(workers);
  event_base_free(base);
}

static void a_class_takes_its_time_and_not_much_more(void **state)
{
  (void)state;
  struct event_base *base = event_base_new();
  struct swisd_workers *workers = open_workers(base, 1, 1e9);
  uint32_t left = 3;
  struct item items[3];
  const uint64_t start_ns = swisd_clock_now_ns();
  for (uint32_t i = 0; i < 3; i++) {
    items[i] = item_of(base, &left, i + 1, 1000000, 40000000); /* 40 ms of that class */
    swisd_workers_submit(workers, &items[i].work);
  }
  event_base_dispatch(base);
  for (uint32_t i = 0; i < 3; i++)
    assert_in_range(items[i].work.elapsed_ns, 40000000, 60000000);
  assert_in_range(items[2].back_ns - start_ns, 120000000, 170000000);
  assert_int_equal(swisd_workers_status(workers).overrun_ns, 0);
  swisd_workers_close(workers);
  event_base_free(base);
}

static void work_slower_than_its_class_is_overrun(void **state)
{
  (void)state;
  struct event_base *base = event_base_new();
  struct swisd_workers *workers = open_workers(base, 1, 1e9);
  uint32_t left = 1;
  struct item item = item_of(base, &left, 1, 30000000, 10000000); /* 30 ms instead of 10 */
  swisd_workers_submit(workers, &item.work);
  event_base_dispatch(base);
  assert_in_range(swisd_workers_status(workers).overrun_ns, 15000000, 60000000);
  swisd_workers_close(workers);
  event_base_free(base);
}

static void slowing_down_stretches_what_is_under_way(void **state)
{
  (void)state;
  struct event_base *base = event_base_new();
  struct swisd_workers *workers = open_workers(base, 1, 1e9);
  uint32_t left = 1;
  struct item item = item_of(base, &left, 1, 1000000, 20000000);
  swisd_workers_submit(workers, &item.work);
  swisd_workers_slow(workers, 4);
  event_base_dispatch(base);
  assert_in_range(item.work.elapsed_ns, 70000000, 120000000);
  swisd_workers_close(workers);
  event_base_free(base);
}

static void cancelling_works_before_during_and_after_computing(void **state)
{
  (void)state;
  struct event_base *base = event_base_new();
  struct swisd_workers *workers = open_workers(base, 1, 1e9);
  uint32_t left = 2;
  const uint64_t start_ns = swisd_clock_now_ns();
  struct item held_back = item_of(base, &left, 1, 1000000, UINT64_C(10000000000)); /* ten seconds of the class */
  struct item queued = item_of(base, &left, 2, 1000000, 1000);
  swisd_workers_submit(workers, &held_back.work);
  swisd_workers_submit(workers, &queued.work);
  swisd_workers_cancel(workers, 2);
  swisd_workers_cancel(workers, 77); /* nobody */
  const struct timeval soon = {.tv_usec = 30000}; /* the first has been computed by then */
  event_base_loopexit(base, &soon);
  event_base_dispatch(base);
  assert_true(queued.back && !queued.ran);
  assert_int_equal(queued.work.status, SWISD_ERROR_CANCELLED);
  assert_true(held_back.ran && !held_back.back);
  swisd_workers_cancel(workers, 1);
  event_base_dispatch(base);
  assert_true(held_back.back);
  assert_int_equal(held_back.work.status, SWISD_ERROR_CANCELLED);
  assert_true(held_back.back_ns - start_ns < UINT64_C(2000000000));
  swisd_workers_close(workers);
  event_base_free(base);
}

static void closing_gives_everything_back(void **state)
{
  (void)state;
  struct event_base *base = event_base_new();
  struct swisd_workers *workers = open_workers(base, 2, 1e9);
  uint32_t left = 10;
  struct item items[10];
  for (uint32_t i = 0; i < 10; i++) {
    items[i] = item_of(base, &left, i + 1, 5000000, 1000000000);
    swisd_workers_submit(workers, &items[i].work);
  }
  swisd_workers_cancel(workers, 9);
  swisd_workers_close(workers);
  for (uint32_t i = 0; i < 10; i++) {
    assert_true(items[i].back);
    assert_int_equal(items[i].work.status, SWISD_ERROR_CANCELLED);
  }
  event_base_free(base);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_piece_comes_back_once),
      cmocka_unit_test(a_class_takes_its_time_and_not_much_more),
      cmocka_unit_test(work_slower_than_its_class_is_overrun),
      cmocka_unit_test(slowing_down_stretches_what_is_under_way),
      cmocka_unit_test(cancelling_works_before_during_and_after_computing),
      cmocka_unit_test(closing_gives_everything_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
