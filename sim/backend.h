/* The simulated world under the nodes: time, messages, computing, bulk transfers. It knows nothing of the core.
 *
 * Two mechanisms share one clock (ARCHITECTURE.md, "Simulation"):
 * - an event queue of our own carries control messages and timers. A message takes latency up + latency down + bytes over
 *   the slower of the two access links; it neither feels nor causes congestion, unless `serialise` is set: then each
 *   node's messages leave its uplink one after another.
 * - a fluid model carries computing and bulk transfers, with contention: SimGrid, or a closed formula without contention.
 *
 * One simulation per process (SimGrid's own limit). Nothing here is ever turned off: the driver cancels the jobs of a node
 * that dies (soft churn). All calls are made from inside the handler, or before swisd_sim_run(). */
#ifndef SWISD_SIM_BACKEND_H
#define SWISD_SIM_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/heap.h"

enum { SWISD_SIM_FACTORS_MAX = 8 };

/* Event kinds below this are the backend's own. */
enum { SWISD_SIM_JOB = 1, SWISD_SIM_MESSAGE = 2, SWISD_SIM_KIND_FIRST = 16 };

/* A device and its access link. Its processor is one unit of speed per slot: a job's amount is seconds of a slot. */
struct swisd_sim_host {
  double latency_up_s, latency_down_s;
  double up_bytes_per_s, down_bytes_per_s; /* 0: not limited */
  uint32_t place;                          /* in round_trips */
  uint32_t site;                           /* index in sites, UINT32_MAX: none */
  uint32_t slots;                          /* jobs at full speed at once, at least 1 */
};

enum swisd_sim_fluid_kind {
  SWISD_SIM_SIMGRID = 0,
  SWISD_SIM_FORMULA = 1, /* no contention: for tests and for very large swarms */
};

struct swisd_sim_config {
  const struct swisd_sim_host *hosts; /* stay the caller's, and alive */
  const struct swisd_sim_host *sites; /* places with an uplink that their hosts share; of each, latencies and bandwidths count */
  uint32_t site_count;
  const float *round_trips; /* [a * places + b] between places, besides the hosts' own latencies; NULL: none */
  uint32_t places;
  double round_trip_unit_s;
  uint32_t host_count;
  enum swisd_sim_fluid_kind model;
  uint64_t quantum_ns; /* events happen at multiples of this, rounded up; 0: exact. 1 ms from 100,000 nodes on */
  bool serialise;      /* control messages share their sender's uplink */
  bool everything;     /* SIMGRID: control messages are transfers too. Slow: to hold the two mechanisms against each other */
  double factors[SWISD_SIM_FACTORS_MAX]; /* speeds that swisd_sim_set_speed() will use besides 1 and 0 */
  uint32_t factor_count;
};

struct swisd_sim;
struct swisd_sim_operation; /* what a driver has a job for */

/* A piece of computing (from == to) or a bulk transfer. Valid until its SWISD_SIM_JOB event was handled, or until
 * cancelled. `operation` and `tag` are the driver's. */
struct swisd_sim_job {
  uint32_t from, to;
  bool bulk;
  struct swisd_sim_operation *operation;
  uint64_t tag;
};

/* Called with each event, in order. The handler owns event->u.bytes of MESSAGE and of the driver's kinds. */
struct swisd_sim_handler {
  void (*event)(struct swisd_sim_handler *handler, const struct swisd_sim_event *event);
  /* The same for what is still to come when the run is over: gives back what the event owns. NULL: nothing to give back. */
  void (*discard)(struct swisd_sim_handler *handler, struct swisd_sim_event *event);
};

/* Builds the world. Out of memory ends the process. */
struct swisd_sim *swisd_sim_new(const struct swisd_sim_config *config);

/* Handles events up to and including `until_ns`, or until swisd_sim_stop(). Once. `prepare`, if not NULL, runs first, where
 * jobs may be made. With SIMGRID, handlers run on a stack of 4 MiB. */
void swisd_sim_run(struct swisd_sim *sim, struct swisd_sim_handler *handler, void (*prepare)(struct swisd_sim_handler *handler),
                   uint64_t until_ns);
void swisd_sim_stop(struct swisd_sim *sim);

/* Gives back what is ours; SimGrid itself cannot be torn down, so a process that used it ends with _exit(). */
void swisd_sim_free(struct swisd_sim *sim);

uint64_t swisd_sim_now_ns(const struct swisd_sim *sim);

/* An event of the driver's own kind at `event->time_ns` (now, if that is past). */
void swisd_sim_at(struct swisd_sim *sim, const struct swisd_sim_event *event);

/* An event that was taken out of the queue earlier, of any kind but SWISD_SIM_JOB, comes once more. */
void swisd_sim_again(struct swisd_sim *sim, const struct swisd_sim_event *event);

/* A control message of `wire_bytes`, `extra_ns` later than the links alone would make it. It arrives as SWISD_SIM_MESSAGE
 * with node = to, peer = from and `turn`; who is down or cut off by then, the driver knows. Ownership of `bytes` passes. */
void swisd_sim_send(struct swisd_sim *sim, uint32_t from, uint32_t to, uint32_t turn, double wire_bytes, uint64_t extra_ns,
                    unsigned char *bytes);

/* One way between two hosts, without bytes. */
uint64_t swisd_sim_latency_ns(const struct swisd_sim *sim, uint32_t from, uint32_t to);
/* Payload bytes per second on an idle path. */
double swisd_sim_bandwidth(const struct swisd_sim *sim, uint32_t from, uint32_t to);

/* `slot_s` seconds of one slot at full speed. Ends in SWISD_SIM_JOB with node = the host. */
struct swisd_sim_job *swisd_sim_compute(struct swisd_sim *sim, uint32_t host, double slot_s);
/* A transfer. Ends in SWISD_SIM_JOB with node = to, peer = from. */
struct swisd_sim_job *swisd_sim_bulk(struct swisd_sim *sim, uint32_t from, uint32_t to, double bytes);
/* Ends a job now, without an event. */
void swisd_sim_cancel(struct swisd_sim *sim, struct swisd_sim_job *job);
/* Any one job in which `host` takes part; NULL when there is none. */
struct swisd_sim_job *swisd_sim_job_of(struct swisd_sim *sim, uint32_t host);
/* Any one transfer between two hosts, either way. */
struct swisd_sim_job *swisd_sim_job_between(struct swisd_sim *sim, uint32_t a, uint32_t b);

/* From now on `host` computes at `factor` of its speed: 1, or one of the configured factors. Jobs under way feel it. */
void swisd_sim_set_speed(struct swisd_sim *sim, uint32_t host, double factor);
/* The caller has changed the bandwidths of `host`: messages and transfers from now on go by them, and with SIMGRID those under
 * way too. What was not limited stays so. */
void swisd_sim_bandwidth_changed(struct swisd_sim *sim, uint32_t host);
/* Frozen: all jobs in which it takes part stand still, computing and transfers alike, until it thaws. */
void swisd_sim_freeze(struct swisd_sim *sim, uint32_t host, bool frozen);

struct swisd_sim_counts {
  uint64_t events, messages, computes, bulks, cancels;
};
struct swisd_sim_counts swisd_sim_counts(const struct swisd_sim *sim);

#endif
