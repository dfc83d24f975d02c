/* Computing and bulk transfers by SimGrid (Casanova et al., JPDC 74(10), 2014), through its C functions alone.
 *
 * One small short-lived actor computes; two make a transfer. They run no protocol code: each only puts the end of its
 * activity into our queue, on a stack of 16 KiB. The loop is an actor too: it sleeps on a semaphore until the next event of
 * the queue is due, or until an activity ends before that.
 *
 * What this avoids, and why (SimGrid 3.32): detached sends and host-to-host sends sit in one list that is scanned at each
 * end; wait_any loses references; a receive with a time-out destroys the message; turning a host off walks every execution
 * ever begun. Killing the few actors of a dead node costs none of that. */
#include <assert.h>
#include <math.h>
#include <simgrid/actor.h>
#include <simgrid/comm.h>
#include <simgrid/engine.h>
#include <simgrid/host.h>
#include <simgrid/link.h>
#include <simgrid/mailbox.h>
#include <simgrid/semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/fluid.h"

enum { DRIVER_STACK_KIB = 4096 };

/* ---- building ---- */

/* Flags are ours, never a user's: LV08 shares bandwidth like TCP does, but multiplies latency by 13 unless told not to;
 * crosstraffic and guard pages cost time and mappings and change nothing we report. */
static void init_once(void)
{
  static char name[] = "swisd-sim", latency[] = "--cfg=network/latency-factor:1.0", cross[] = "--cfg=network/crosstraffic:0",
              stack[] = "--cfg=contexts/stack-size:16", guard[] = "--cfg=contexts/guard-size:0",
              atexit_flag[] = "--cfg=debug/clean-atexit:off", log_flag[] = "--log=root.thres:critical";
  static bool done;
  assert(!done); /* one simulation per process */
  done = true;
  char *flags[] = {name, latency, cross, stack, guard, atexit_flag, log_flag, NULL};
  int count = (int)(sizeof flags / sizeof flags[0]) - 1;
  simgrid_init(&count, flags);
}

/* SimGrid reads platforms from files only: an unnamed one in memory leaves nothing behind. */
static void load_platform(const struct swisd_sim_config *config)
{
  const int fd = memfd_create("platform.xml", 0);
  assert(fd >= 0);
  FILE *out = fdopen(fd, "w");
  assert(out != NULL);
  swisd_sim_write_platform(config, out);
  assert(fflush(out) == 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  simgrid_load_platform(path);
  fclose(out);
}

static void start(struct swisd_sim *sim)
{
  init_once();
  load_platform(&sim->config);
  const uint32_t last = sim->config.site_count > 0 ? swisd_sim_gateway(sim, UINT32_MAX) + 1 : sim->config.host_count;
  for (uint32_t h = 0; h < last; h++) {
    char name[16];
    snprintf(name, sizeof name, "h%u", h);
    sim->hosts[h].simgrid = sg_host_by_name(name);
    assert(sim->hosts[h].simgrid != NULL);
  }
}

/* ---- the loop as an actor ---- */

static void driver_actor(int argc, char **argv)
{
  (void)argc, (void)argv;
  swisd_sim_loop(sg_actor_self_get_data());
  sg_actor_kill_all(); /* what is still under way, so that the run ends here */
}

static void run(struct swisd_sim *sim)
{
  sim->wake = sg_sem_init(0);
  sg_actor_t driver = sg_actor_init("driver", sg_host_by_name("driver"));
  sg_actor_set_data(driver, sim);
  sg_actor_set_stacksize(driver, DRIVER_STACK_KIB);
  sg_actor_start_(driver, driver_actor, 0, NULL);
  /* Past the end by a hair, so that what happens at the very end is not cut off by rounding. */
  simgrid_run_until((double)sim->until_ns * 1e-9 + 1e-6);
}

static uint64_t clock_ns(void) { return (uint64_t)(simgrid_get_clock() * 1e9 + 0.5); }

static bool advance(struct swisd_sim *sim, uint64_t time_ns)
{
  const double delay_s = (double)time_ns * 1e-9 - simgrid_get_clock();
  if (delay_s <= 1e-9) /* SimGrid's own precision */
    return true;
  sim->wake_ns = time_ns;
  sg_sem_acquire_timeout(sim->wake, delay_s);
  sim->wake_ns = UINT64_MAX;
  return sim->heap.count == 0 || sim->heap.events[0].time_ns >= time_ns;
}

/* ---- activities ---- */

/* Runs on a small stack. Of a transfer between sites the later half is the end. */
static void ended(struct swisd_sim_activity *activity)
{
  struct swisd_sim *sim = activity->sim;
  struct swisd_sim_activity *half = activity->companion != NULL ? activity->companion : activity->principal;
  if (!activity->live)
    return;
  activity->over = true;
  if (half != NULL && !half->over)
    return;
  if (activity->principal != NULL)
    activity = activity->principal;
  if (!activity->live)
    return;
  /* SimGrid's star knows no distances between places: what goes far arrives later. */
  const double distance_s = activity->job.bulk ? swisd_sim_distance_s(sim, activity->job.from, activity->job.to) : 0;
  const uint64_t time_ns = clock_ns() + (uint64_t)(distance_s * 1e9 + 0.5);
  swisd_sim_activity_ended(activity, time_ns);
  if (sim->wake_ns != UINT64_MAX && sim->heap.events[0].time_ns < sim->wake_ns) {
    sim->wake_ns = UINT64_MAX;
    sg_sem_release(sim->wake);
  }
}

/* Runs where nothing of SimGrid may be called: killed or finished, the actor refers to its activity no more. */
static void sender_gone(int failed, void *data)
{
  (void)failed;
  struct swisd_sim_activity *activity = data;
  activity->sender = NULL;
  swisd_sim_activity_release(activity);
}

static void receiver_gone(int failed, void *data)
{
  (void)failed;
  struct swisd_sim_activity *activity = data;
  activity->receiver = NULL;
  swisd_sim_activity_release(activity);
}

static void compute_actor(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct swisd_sim_activity *activity = sg_actor_self_get_data();
  sg_actor_on_exit(sender_gone, activity);
  sg_actor_execute(activity->amount);
  ended(activity);
}

static void send_actor(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct swisd_sim_activity *activity = sg_actor_self_get_data();
  sg_actor_on_exit(sender_gone, activity);
  if (sg_comm_wait(sg_mailbox_put_async(activity->mailbox, activity, (long)ceil(activity->amount))) == SG_OK)
    ended(activity);
}

static void receive_actor(int argc, char **argv)
{
  (void)argc, (void)argv;
  struct swisd_sim_activity *activity = sg_actor_self_get_data();
  void *payload;
  sg_actor_on_exit(receiver_gone, activity);
  sg_comm_wait(sg_mailbox_get_async(activity->mailbox, &payload));
}

static sg_actor_t spawn(struct swisd_sim_activity *activity, uint32_t host, xbt_main_func_t code)
{
  activity->references++;
  sg_actor_t actor = sg_actor_init("a", activity->sim->hosts[host].simgrid);
  sg_actor_set_data(actor, activity);
  sg_actor_start_(actor, code, 0, NULL);
  return actor;
}

static sg_mailbox_t mailbox(struct swisd_sim *sim)
{
  if (sim->mailbox_count > 0)
    return sim->mailboxes[--sim->mailbox_count];
  char name[16];
  snprintf(name, sizeof name, "m%u", sim->mailbox_total++);
  return sg_mailbox_by_name(name);
}

static void freeze(struct swisd_sim *sim, struct swisd_sim_activity *activity);

static void begin(struct swisd_sim *sim, struct swisd_sim_activity *activity)
{
  /* While nothing was active the loop ran ahead without SimGrid: let it catch up. */
  if ((double)sim->now_ns * 1e-9 > simgrid_get_clock() + 1e-9)
    sg_actor_sleep_until((double)sim->now_ns * 1e-9);
  if (activity->job.bulk) {
    activity->mailbox = mailbox(sim);
    activity->receiver = spawn(activity, activity->job.to, receive_actor);
    activity->sender = spawn(activity, activity->job.from, send_actor);
  } else {
    activity->sender = spawn(activity, activity->job.from, compute_actor);
  }
  if (activity->frozen)
    freeze(sim, activity);
}

static void cancel(struct swisd_sim *sim, struct swisd_sim_activity *activity)
{
  (void)sim;
  if (activity->sender != NULL)
    sg_actor_kill(activity->sender);
  if (activity->receiver != NULL)
    sg_actor_kill(activity->receiver);
}

/* ---- speed ---- */

static void speed(struct swisd_sim *sim, uint32_t host, double factor)
{
  unsigned long pstate = 0;
  if (factor < 1 || factor > 1)
    for (uint32_t f = 0; f < sim->config.factor_count && pstate == 0; f++)
      if (sim->config.factors[f] >= factor && sim->config.factors[f] <= factor)
        pstate = f + 1;
  assert(pstate > 0 || (factor >= 1 && factor <= 1));
  sg_host_set_pstate(sim->hosts[host].simgrid, pstate);
}

static void bandwidth(struct swisd_sim *sim, uint32_t host)
{
  const struct swisd_sim_host *h = &sim->config.hosts[host];
  char name[16];
  snprintf(name, sizeof name, "u%u", host);
  if (h->up_bytes_per_s > 0)
    sg_link_set_bandwidth(sg_link_by_name(name), h->up_bytes_per_s);
  snprintf(name, sizeof name, "d%u", host);
  if (h->down_bytes_per_s > 0)
    sg_link_set_bandwidth(sg_link_by_name(name), h->down_bytes_per_s);
}

static void freeze(struct swisd_sim *sim, struct swisd_sim_activity *activity)
{
  (void)sim;
  if (activity->sender == NULL)
    return;
  if (activity->frozen)
    sg_actor_suspend(activity->sender);
  else
    sg_actor_resume(activity->sender);
}

const struct swisd_sim_fluid swisd_sim_fluid_simgrid = {.start = start,
                                                        .run = run,
                                                        .advance = advance,
                                                        .begin = begin,
                                                        .cancel = cancel,
                                                        .speed = speed,
                                                        .bandwidth = bandwidth,
                                                        .freeze = freeze};
