/* The simulator's backend alone, on workload H: each node sends three 200-byte messages a second to random others, and
 * loops {compute 1 to 3 s; transfer 0.5 to 4 MB to a random node}; sessions of 60 s on average, absences of 15 s.
 *
 *   bench_sim_backend [NODES [SECONDS [SEED [simgrid|formula [QUANTUM_MS]]]]]
 *
 * Bar: at 10,000 nodes at most 0.4 s of CPU per simulated second. The digest of a seed is always the same. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "sim/backend.h"

enum { GOSSIP = SWISD_SIM_KIND_FIRST, WORK, DOWN, UP };
#define SECOND_NS 1e9

struct toy_node {
  struct swisd_philox random;
  uint32_t turn;
  bool up;
};

struct toy {
  struct swisd_sim_handler handler;
  struct swisd_sim *sim;
  struct toy_node *nodes;
  uint32_t count;
  uint64_t digest, received, computed, transferred, failed, departures;
};

static void note(struct toy *toy, uint32_t kind, uint32_t a, uint32_t b)
{
  const uint64_t words[2] = {swisd_sim_now_ns(toy->sim), (uint64_t)kind << 56 ^ (uint64_t)a << 28 ^ b};
  for (int i = 0; i < 2; i++)
    toy->digest = (toy->digest ^ words[i]) * UINT64_C(1099511628211);
}

static void later(struct toy *toy, uint32_t node, uint32_t kind, double delay_s)
{
  const struct swisd_sim_event event = {.time_ns = swisd_sim_now_ns(toy->sim) + (uint64_t)(delay_s * SECOND_NS),
                                        .kind = kind,
                                        .node = node,
                                        .turn = toy->nodes[node].turn};
  swisd_sim_at(toy->sim, &event);
}

static double exponential(struct swisd_philox *random, double mean) { return -mean * log(1 - swisd_philox_unit(random)); }

static void start_node(struct toy *toy, uint32_t n)
{
  struct toy_node *node = &toy->nodes[n];
  node->up = true;
  later(toy, n, GOSSIP, swisd_philox_unit(&node->random));
  later(toy, n, WORK, swisd_philox_unit(&node->random));
  later(toy, n, DOWN, exponential(&node->random, 60));
}

static void stop_node(struct toy *toy, uint32_t n)
{
  struct toy_node *node = &toy->nodes[n];
  node->up = false;
  node->turn++;
  toy->departures++;
  for (struct swisd_sim_job *job; (job = swisd_sim_job_of(toy->sim, n)) != NULL;) {
    const uint32_t from = job->from;
    swisd_sim_cancel(toy->sim, job);
    toy->failed++;
    if (from != n)
      later(toy, from, WORK, 0.5); /* the sender sees its transfer fail */
  }
  later(toy, n, UP, exponential(&node->random, 15));
}

static void job_ended(struct toy *toy, const struct swisd_sim_event *event)
{
  const struct swisd_sim_job *job = event->u.job;
  const uint32_t n = job->from;
  if (job->bulk) {
    toy->transferred++;
  } else {
    toy->computed++;
    const uint32_t to = swisd_philox_below(&toy->nodes[n].random, toy->count);
    if (to != n && toy->nodes[to].up) {
      swisd_sim_bulk(toy->sim, n, to, 5e5 + 3.5e6 * swisd_philox_unit(&toy->nodes[n].random));
      return;
    }
  }
  later(toy, n, WORK, 0.01);
}

static void gossip(struct toy *toy, uint32_t n)
{
  for (int i = 0; i < 3; i++) {
    const uint32_t to = swisd_philox_below(&toy->nodes[n].random, toy->count);
    if (to != n)
      swisd_sim_send(toy->sim, n, to, 0, 200, 0, malloc(16));
  }
  later(toy, n, GOSSIP, 1);
}

static void on_event(struct swisd_sim_handler *handler, const struct swisd_sim_event *event)
{
  struct toy *toy = (struct toy *)handler;
  struct toy_node *node = &toy->nodes[event->node];
  if (event->kind == SWISD_SIM_MESSAGE)
    free(event->u.bytes);
  if (event->kind == SWISD_SIM_JOB) {
    job_ended(toy, event);
  } else if (event->kind == UP) {
    start_node(toy, event->node);
  } else if (!node->up || (event->kind != SWISD_SIM_MESSAGE && event->turn != node->turn)) {
    return;
  } else if (event->kind == SWISD_SIM_MESSAGE) {
    toy->received++;
  } else if (event->kind == GOSSIP) {
    gossip(toy, event->node);
  } else if (event->kind == WORK) {
    swisd_sim_compute(toy->sim, event->node, 1 + 2 * swisd_philox_unit(&node->random));
  } else {
    stop_node(toy, event->node);
  }
  note(toy, event->kind, event->node, event->peer);
}

static void prepare(struct swisd_sim_handler *handler)
{
  struct toy *toy = (struct toy *)handler;
  for (uint32_t n = 0; n < toy->count; n++)
    start_node(toy, n);
}

static double cpu_s(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 + (double)usage.ru_stime.tv_sec +
         (double)usage.ru_stime.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
  struct toy toy = {.handler = {on_event}, .digest = UINT64_C(14695981039346656037)};
  toy.count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000;
  const double duration_s = argc > 2 ? strtod(argv[2], NULL) : 10;
  const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
  struct swisd_sim_host *hosts = calloc(toy.count, sizeof *hosts);
  toy.nodes = calloc(toy.count, sizeof *toy.nodes);
  if (toy.count < 2 || hosts == NULL || toy.nodes == NULL || !(duration_s > 0))
    return 2;
  for (uint32_t n = 0; n < toy.count; n++) {
    struct swisd_philox random = swisd_philox_stream(seed, 0, n, 1);
    hosts[n].slots = 1;
    hosts[n].up_bytes_per_s = 1e6 + 1e7 * swisd_philox_unit(&random);
    hosts[n].latency_up_s = 1e-3 + 29e-3 * swisd_philox_unit(&random);
    hosts[n].down_bytes_per_s = 3e6 + 5e7 * swisd_philox_unit(&random);
    hosts[n].latency_down_s = 0.5e-3;
    toy.nodes[n].random = swisd_philox_stream(seed, 0, n, 2);
  }
  const struct swisd_sim_config config = {.hosts = hosts,
                                          .host_count = toy.count,
                                          .quantum_ns = argc > 5 ? strtoull(argv[5], NULL, 10) * UINT64_C(1000000) : 0,
                                          .model =
                                            argc > 4 && strcmp(argv[4], "formula") == 0 ? SWISD_SIM_FORMULA : SWISD_SIM_SIMGRID};
  toy.sim = swisd_sim_new(&config);
  const double load_s = cpu_s();
  swisd_sim_run(toy.sim, &toy.handler, prepare, (uint64_t)(duration_s * SECOND_NS));
  const double spent_s = cpu_s() - load_s;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const double activities = (double)(toy.computed + toy.transferred);
  printf("nodes %u, %.0f simulated s: %.3f CPU-s per simulated s (%.2f s, loading %.2f s), %.0f MB, %.0f activities per CPU-s; "
         "received %" PRIu64 ", computed %" PRIu64 ", transferred %" PRIu64 ", failed %" PRIu64 ", departures %" PRIu64
         ", digest %016" PRIx64 "\n",
         toy.count, duration_s, spent_s / duration_s, spent_s, load_s, (double)usage.ru_maxrss * 1e-3, activities / spent_s,
         toy.received, toy.computed, toy.transferred, toy.failed, toy.departures, toy.digest);
  fflush(stdout);
  swisd_sim_free(toy.sim);
  free(hosts);
  free(toy.nodes);
  _exit(0);
}
