/* See workers.h. The loop owns the queue and decides which thread gets what; a thread sees one piece at a time, in its own
 * mailbox. Threads report through one list under one lock, and wake the loop with an eventfd. */
#include "runtime/net/workers.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/net/clock.h"

struct thread {
  pthread_t id;
  bool started;
  struct swisd_workers *workers;
  pthread_cond_t wake;
  struct swisd_work *inbox;    /* under the lock: what to run next */
  struct swisd_work *finished; /* under the lock: what was run, not yet seen by the loop */
  uint64_t finished_ns;        /* under the lock */
  /* of the loop alone */
  struct swisd_work *work; /* under way or held back; NULL: the thread is free */
  bool computed;           /* `work` has been run */
  struct event *held_back;
};

struct swisd_workers {
  struct event_base *base;
  struct swisd_workers_options options;
  double slow_factor;
  struct thread *threads;
  pthread_mutex_t lock;
  bool closing; /* under the lock */
  int wake_fd;
  struct event *wake;
  struct swisd_work *queue_first, **queue_end;
  struct swisd_work *dropped; /* cancelled before they started; given back from the loop */
  struct swisd_workers_status status;
};

static void *thread_main(void *argument)
{
  struct thread *thread = argument;
  struct swisd_workers *workers = thread->workers;
  pthread_mutex_lock(&workers->lock);
  for (;;) {
    while (!thread->inbox && !workers->closing)
      pthread_cond_wait(&thread->wake, &workers->lock);
    if (!thread->inbox)
      break;
    struct swisd_work *work = thread->inbox;
    thread->inbox = NULL;
    pthread_mutex_unlock(&workers->lock);
    work->run(work);
    const uint64_t now_ns = swisd_clock_now_ns();
    pthread_mutex_lock(&workers->lock);
    thread->finished = work;
    thread->finished_ns = now_ns;
    const uint64_t one = 1;
    const ssize_t written = write(workers->wake_fd, &one, sizeof one); /* cannot fill up: the loop clears it */
    assert(written == sizeof one);
  }
  pthread_mutex_unlock(&workers->lock);
  return NULL;
}

/* How long the emulated device takes for this piece; 0: it is not emulated. */
static uint64_t class_ns(const struct swisd_workers *workers, const struct swisd_work *work)
{
  if (!workers->options.withhold || work->kernel >= SWISD_KERNEL_COUNT)
    return 0;
  const double speed = workers->options.flops_per_s[work->kernel];
  return speed > 0 ? (uint64_t)((double)work->flops * 1e9 / speed) : 0;
}

static void start_next(struct swisd_workers *workers)
{
  for (uint32_t i = 0; i < workers->options.threads && workers->queue_first; i++) {
    struct thread *thread = &workers->threads[i];
    if (thread->work)
      continue;
    struct swisd_work *work = workers->queue_first;
    workers->queue_first = work->next;
    if (!workers->queue_first)
      workers->queue_end = &workers->queue_first;
    work->next = NULL;
    workers->status.queued--;
    workers->status.running++;
    work->start_ns = swisd_clock_now_ns();
    work->due_ns = work->start_ns + (uint64_t)((double)class_ns(workers, work) * workers->slow_factor);
    thread->work = work;
    thread->computed = false;
    pthread_mutex_lock(&workers->lock);
    thread->inbox = work;
    pthread_cond_signal(&thread->wake);
    pthread_mutex_unlock(&workers->lock);
  }
}

static void give_back(struct swisd_workers *workers, struct thread *thread, uint64_t now_ns)
{
  struct swisd_work *work = thread->work;
  thread->work = NULL;
  event_del(thread->held_back);
  work->elapsed_ns = now_ns - work->start_ns;
  workers->status.busy_ns += work->elapsed_ns;
  workers->status.running--;
  if (work->cancelled) {
    work->status = SWISD_ERROR_CANCELLED;
    workers->status.cancelled++;
  } else {
    workers->status.completed++;
  }
  work->done(work);
}

/* Gives the result out, or arms the timer that will. */
static void hold_or_give(struct swisd_workers *workers, struct thread *thread)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  const uint64_t due_ns = thread->work->due_ns;
  if (now_ns >= due_ns || thread->work->cancelled) {
    give_back(workers, thread, now_ns);
    return;
  }
  const uint64_t wait_us = (due_ns - now_ns + 999) / 1000;
  const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
  event_add(thread->held_back, &wait);
}

static void on_held_back(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct thread *thread = argument;
  if (thread->work)
    hold_or_give(thread->workers, thread);
  start_next(thread->workers);
}

/* A thread has finished its piece at `finished_ns`. */
static void computed(struct swisd_workers *workers, struct thread *thread, uint64_t finished_ns)
{
  struct swisd_work *work = thread->work;
  thread->computed = true;
  const uint64_t real_ns = finished_ns - work->start_ns;
  if (workers->options.withhold && class_ns(workers, work) > 0) {
    if (finished_ns > work->due_ns && !work->cancelled)
      workers->status.overrun_ns += finished_ns - work->due_ns;
  } else {
    work->due_ns = work->start_ns + (uint64_t)((double)real_ns * workers->slow_factor);
  }
  hold_or_give(workers, thread);
}

static void on_wake(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_workers *workers = argument;
  uint64_t count;
  if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN)
    return;
  while (workers->dropped) {
    struct swisd_work *work = workers->dropped;
    workers->dropped = work->next;
    work->next = NULL;
    work->done(work);
  }
  for (uint32_t i = 0; i < workers->options.threads; i++) {
    struct thread *thread = &workers->threads[i];
    pthread_mutex_lock(&workers->lock);
    const bool finished = thread->finished != NULL;
    const uint64_t finished_ns = thread->finished_ns;
    thread->finished = NULL;
    pthread_mutex_unlock(&workers->lock);
    if (finished)
      computed(workers, thread, finished_ns);
  }
  start_next(workers);
}

static int threads_start(struct swisd_workers *workers, struct swisd_error *error)
{
  sigset_t all, old; /* signals belong to the loop */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int result = 0;
  for (uint32_t i = 0; i < workers->options.threads && result == 0; i++) {
    struct thread *thread = &workers->threads[i];
    thread->workers = workers;
    pthread_cond_init(&thread->wake, NULL);
    thread->held_back = evtimer_new(workers->base, on_held_back, thread);
    const int cause = thread->held_back ? pthread_create(&thread->id, NULL, thread_main, thread) : ENOMEM;
    thread->started = cause == 0;
    if (cause != 0)
      result = swisd_error_set(error, "cannot start a worker thread: %s", strerror(cause));
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return result;
}

struct swisd_workers *swisd_workers_open(struct event_base *base, const struct swisd_workers_options *options,
                                         struct swisd_error *error)
{
  assert(options->threads > 0);
  struct swisd_workers *workers = calloc(1, sizeof *workers);
  struct thread *threads = calloc(options->threads, sizeof *threads);
  if (!workers || !threads) {
    free(workers);
    free(threads);
    swisd_error_set(error, "out of memory for %u worker threads", options->threads);
    return NULL;
  }
  workers->base = base;
  workers->options = *options;
  workers->slow_factor = 1;
  workers->threads = threads;
  workers->queue_end = &workers->queue_first;
  pthread_mutex_init(&workers->lock, NULL);
  workers->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (workers->wake_fd >= 0)
    workers->wake = event_new(base, workers->wake_fd, EV_READ | EV_PERSIST, on_wake, workers);
  if (!workers->wake || event_add(workers->wake, NULL) != 0) {
    swisd_error_set(error, "cannot make an eventfd: %s", strerror(errno));
    swisd_workers_close(workers);
    return NULL;
  }
  if (threads_start(workers, error) != 0) {
    swisd_workers_close(workers);
    return NULL;
  }
  return workers;
}

void swisd_workers_close(struct swisd_workers *workers)
{
  if (!workers)
    return;
  pthread_mutex_lock(&workers->lock);
  workers->closing = true;
  for (uint32_t i = 0; i < workers->options.threads; i++)
    if (workers->threads[i].started)
      pthread_cond_signal(&workers->threads[i].wake);
  pthread_mutex_unlock(&workers->lock);
  for (uint32_t i = 0; i < workers->options.threads; i++) {
    struct thread *thread = &workers->threads[i];
    if (thread->started)
      pthread_join(thread->id, NULL);
    if (thread->work) {
      thread->work->cancelled = true;
      give_back(workers, thread, swisd_clock_now_ns());
    }
    if (thread->workers)
      pthread_cond_destroy(&thread->wake);
    if (thread->held_back)
      event_free(thread->held_back);
  }
  *workers->queue_end = workers->dropped;
  while (workers->queue_first) {
    struct swisd_work *work = workers->queue_first;
    workers->queue_first = work->next;
    work->status = SWISD_ERROR_CANCELLED;
    work->done(work);
  }
  if (workers->wake)
    event_free(workers->wake);
  if (workers->wake_fd >= 0)
    close(workers->wake_fd);
  pthread_mutex_destroy(&workers->lock);
  free(workers->threads);
  free(workers);
}

/* Makes the loop call on_wake(). */
static void wake_loop(struct swisd_workers *workers)
{
  event_active(workers->wake, EV_READ, 0);
}

void swisd_workers_submit(struct swisd_workers *workers, struct swisd_work *work)
{
  work->next = NULL;
  work->cancelled = false;
  work->status = SWISD_OK;
  work->elapsed_ns = 0;
  *workers->queue_end = work;
  workers->queue_end = &work->next;
  workers->status.queued++;
  start_next(workers);
}

static bool cancel_queued(struct swisd_workers *workers, uint32_t ticket)
{
  for (struct swisd_work **link = &workers->queue_first; *link; link = &(*link)->next) {
    struct swisd_work *work = *link;
    if (work->ticket != ticket)
      continue;
    *link = work->next;
    if (!*link)
      workers->queue_end = link;
    work->status = SWISD_ERROR_CANCELLED;
    work->next = workers->dropped;
    workers->dropped = work;
    workers->status.queued--;
    workers->status.cancelled++;
    wake_loop(workers);
    return true;
  }
  return false;
}

void swisd_workers_cancel(struct swisd_workers *workers, uint32_t ticket)
{
  if (cancel_queued(workers, ticket))
    return;
  for (uint32_t i = 0; i < workers->options.threads; i++) {
    struct thread *thread = &workers->threads[i];
    if (!thread->work || thread->work->ticket != ticket)
      continue;
    thread->work->cancelled = true;
    if (thread->computed) { /* only held back: the emulated device stops here */
      const struct timeval now = {0};
      event_add(thread->held_back, &now);
    }
    return;
  }
}

void swisd_workers_slow(struct swisd_workers *workers, double factor)
{
  assert(factor > 0);
  const uint64_t now_ns = swisd_clock_now_ns();
  const double change = factor / workers->slow_factor;
  workers->slow_factor = factor;
  for (uint32_t i = 0; i < workers->options.threads; i++) {
    struct thread *thread = &workers->threads[i];
    if (!thread->work || thread->work->due_ns <= now_ns)
      continue;
    thread->work->due_ns = now_ns + (uint64_t)((double)(thread->work->due_ns - now_ns) * change);
    if (thread->computed)
      hold_or_give(workers, thread);
  }
}

struct swisd_workers_status swisd_workers_status(const struct swisd_workers *workers)
{
  struct swisd_workers_status status = workers->status;
  status.slow_factor = workers->slow_factor;
  return status;
}
