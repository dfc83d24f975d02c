/* Closed forms instead of a solver: everybody computes and transfers as if alone. The oracle of the tests, and a way to
 * swarms too large for a solver. */
#include <assert.h>
#include <math.h>

#include "sim/fluid.h"

static void start(struct swisd_sim *sim) { (void)sim; }

static void run(struct swisd_sim *sim) { swisd_sim_loop(sim); }

static bool advance(struct swisd_sim *sim, uint64_t time_ns)
{
  (void)sim, (void)time_ns;
  return true;
}

static double rate_of(const struct swisd_sim *sim, const struct swisd_sim_activity *activity)
{
  if (activity->frozen)
    return 0;
  return activity->job.bulk ? 1 : sim->hosts[activity->job.from].factor;
}

/* From now on at the rate that holds now; an end announced earlier holds no more. */
static void reschedule(struct swisd_sim *sim, struct swisd_sim_activity *activity)
{
  activity->left_s = fmax(0, activity->left_s - activity->rate * (double)(sim->now_ns - activity->since_ns) * 1e-9);
  activity->since_ns = sim->now_ns;
  activity->rate = rate_of(sim, activity);
  activity->ends++;
  if (activity->rate > 0)
    swisd_sim_activity_ended(activity, sim->now_ns + (uint64_t)(activity->left_s / activity->rate * 1e9 + 0.5));
}

static void begin(struct swisd_sim *sim, struct swisd_sim_activity *activity)
{
  const uint32_t from = activity->job.from, to = activity->job.to;
  activity->left_s = activity->amount;
  if (activity->job.bulk)
    activity->left_s = swisd_sim_latency_s(sim, from, to) + activity->amount / swisd_sim_bandwidth(sim, from, to);
  activity->since_ns = sim->now_ns;
  reschedule(sim, activity);
}

static void cancel(struct swisd_sim *sim, struct swisd_sim_activity *activity) { (void)sim, (void)activity; }

static void speed(struct swisd_sim *sim, uint32_t host, double factor)
{
  (void)factor; /* in the host's state already */
  for (struct swisd_sim_activity *a = sim->hosts[host].activities[0]; a != NULL; a = a->next[0])
    if (!a->job.bulk)
      reschedule(sim, a);
}

static void freeze(struct swisd_sim *sim, struct swisd_sim_activity *activity) { reschedule(sim, activity); }

static void bandwidth(struct swisd_sim *sim, uint32_t host) { (void)sim, (void)host; }

const struct swisd_sim_fluid swisd_sim_fluid_formula = {.start = start,
                                                        .run = run,
                                                        .advance = advance,
                                                        .begin = begin,
                                                        .cancel = cancel,
                                                        .speed = speed,
                                                        .bandwidth = bandwidth,
                                                        .freeze = freeze};
