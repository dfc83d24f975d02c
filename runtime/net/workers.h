/* Worker threads: programs run there, their results come back to the loop.
 *
 * The loop hands over pieces of work (an embedded struct swisd_work) and gets each back exactly once, in `done`. Pieces wait
 * in order; one that has not started can still be cancelled, one that has runs to its end and comes back as cancelled.
 *
 * Class speeds (DESIGN section 9): with SWISD_THROTTLE_WITHHOLD a result is held back until start + flops / class speed, so
 * that this machine behaves like the device it stands for; its thread stays taken meanwhile. Work that took longer than its
 * class would have is overrun: a run whose overrun passes 2 % of its busy time says nothing about the class. */
#ifndef SWISD_NET_WORKERS_H
#define SWISD_NET_WORKERS_H

#include "runtime/base/error.h"
#include "runtime/core/types.h"

struct event_base;
struct swisd_workers;

struct swisd_work {
  /* set by the caller */
  void (*run)(struct swisd_work *work);  /* on a worker thread; sets `status` */
  void (*done)(struct swisd_work *work); /* on the loop; owns `work` again */
  uint32_t ticket;
  uint8_t kernel; /* enum swisd_kernel_class */
  uint64_t flops;
  /* set before `done` */
  enum swisd_status status;
  uint64_t elapsed_ns; /* of computing (and being held back), without waiting */
  /* of the workers */
  uint64_t start_ns, due_ns;
  bool cancelled;
  struct swisd_work *next;
};

struct swisd_workers_options {
  uint32_t threads; /* at least 1 */
  bool withhold;
  double flops_per_s[SWISD_KERNEL_COUNT]; /* of the class emulated; 0: that kernel class is not held back */
};

/* NULL with `error` set when threads cannot be had. */
struct swisd_workers *swisd_workers_open(struct event_base *base, const struct swisd_workers_options *options,
                                         struct swisd_error *error);
/* Waits for the programs under way and gives back everything as cancelled. NULL is nothing. */
void swisd_workers_close(struct swisd_workers *workers);

/* Queues `work`; its `done` is never called from inside this function. */
void swisd_workers_submit(struct swisd_workers *workers, struct swisd_work *work);
/* Cancels the piece of that ticket, wherever it is; unknown tickets are ignored. */
void swisd_workers_cancel(struct swisd_workers *workers, uint32_t ticket);
/* From now on everything takes `factor` times as long, the rest of what is under way too. 1: full speed. */
void swisd_workers_slow(struct swisd_workers *workers, double factor);

struct swisd_workers_status {
  uint32_t queued, running;
  uint64_t completed, cancelled;
  uint64_t busy_ns, overrun_ns; /* summed over threads */
  double slow_factor;
};
struct swisd_workers_status swisd_workers_status(const struct swisd_workers *workers);

#endif
