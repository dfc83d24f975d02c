/* How long it takes until what a lost worker had in hand is accepted from somebody else, in virtual time.
 *
 *   bench_recovery [--faults N] [--seed S] [--workers N] [--spread X] [--steps N] [--lanes N] [--kept] [--worlds] [--check]
 *
 * Many small worlds: a submitter and `workers` devices whose speeds differ by up to `spread`, three shards on each so that every
 * shard has four holders, a job that keeps them all busy, round trips of 40 ms. Again and again one device is killed (its links
 * are reset) or falls silent (SIGSTOP, a closed lid: no answer and no reset). Each piece that was issued to it and not answered
 * is followed from the moment of the fault to the acceptance of its last item. Pieces whose result was on its way already, and
 * came, do not count. Results return to the submitter; with --kept those of all but the last step stay with their workers, so
 * that inputs of the lost pieces may be lost as well and must be made again first.
 * With --check the status is 1 when a bar is missed: p99 at most 0.6 s after a kill, 0.9 s after silence, at a load of at
 * least 85 %. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/philox.h"
#include "runtime/core/dispatch.h"
#include "tests/cluster/inside.h"

enum { WORKERS_MAX = 60, SHARDS_EACH = 3, HOLDERS = 4, FAULTS_A_WORLD = 25, PIECES_MAX = 64, ITEMS_MAX = 4096 };

#define LATENCY_NS (10 * SWISD_MILLISECOND) /* from a device to the middle: four of them make a round trip */
#define ITEM_NS (10 * SWISD_MILLISECOND)    /* of a device of speed 1: 25 items make a chunk */
#define SPEED 8e9

enum fault_kind { FAULT_KILL, FAULT_SILENCE, FAULT_KINDS };
static const struct {
  const char *name;
  double bar_s;
  uint64_t away_ns, every_ns; /* how long it is away; from one fault to the next */
} faults[FAULT_KINDS] = {
  {"SIGKILL", 0.6, 3 * SWISD_SECOND, 7 * SWISD_SECOND},
  {"silence", 0.9, 7 * SWISD_SECOND, 11 * SWISD_SECOND}, /* it is declared dead meanwhile, and comes back */
};

struct options {
  uint32_t faults, workers, steps, lanes;
  uint64_t seed;
  double spread;
  bool kept, worlds, check;
};

/* A piece that the victim owed. */
struct piece {
  uint8_t step, lane;
  uint64_t lo, hi;
  uint64_t left;
  bool done[ITEMS_MAX]; /* per item */
  bool others;          /* some of it came from others */
};

struct result {
  double *seconds;
  uint32_t count, capacity, fault_count, lost;
  double busy_s, alive_s;
  uint64_t accepted, duplicate, lost_flops, replayed, cancelled;
};

struct world {
  const struct options *options;
  struct cluster *c;
  struct swisd_philox random;
  struct cluster_class devices[WORKERS_MAX + 1];
  uint64_t job;
  uint32_t victim; /* 0: none */
  uint64_t fault_ns;
  struct piece pieces[PIECES_MAX];
  uint32_t piece_count;
  bool measuring;
  struct result *result;
};

static void give_up(const struct world *w, const char *what)
{
  fprintf(stderr, "bench_recovery: world %llu: %s%s%s\n", (unsigned long long)w->c->seed, what, cluster_failure(w->c) ? ": " : "",
          cluster_failure(w->c) ? cluster_failure(w->c) : "");
  exit(1);
}

/* ---- what is seen ---- */

static void sample(struct result *r, double seconds)
{
  if (r->count == r->capacity) {
    r->capacity = r->capacity ? 2 * r->capacity : 4096;
    r->seconds = realloc(r->seconds, r->capacity * sizeof *r->seconds);
    if (r->seconds == NULL)
      abort();
  }
  r->seconds[r->count++] = seconds;
}

static void accepted(struct world *w, uint64_t now_ns, const struct swisd_trace *t)
{
  /* Whatever of the victim's comes within a round trip was on its way when it fell. */
  const bool in_flight = swisd_id_equal(t->peer, cluster_id(w->c, w->victim)) && now_ns - w->fault_ns < 4 * LATENCY_NS;
  for (uint32_t i = 0; i < w->piece_count; i++) {
    struct piece *p = &w->pieces[i];
    if (p->left == 0 || p->step != t->key.step || p->lane != t->key.lane)
      continue;
    for (uint64_t item = p->lo > t->key.lo ? p->lo : t->key.lo; item < p->hi && item < t->key.hi; item++) {
      if (p->done[item - p->lo])
        continue;
      p->done[item - p->lo] = true;
      p->others |= !in_flight;
      p->left--;
    }
    if (p->left == 0 && p->others)
      sample(w->result, (double)(now_ns - w->fault_ns) * 1e-9);
  }
}

static void see(void *context, uint32_t node, uint64_t now_ns, const struct swisd_trace *t)
{
  struct world *w = context;
  if (node == 0 && t->kind == SWISD_TRACE_TASK_ACCEPTED)
    accepted(w, now_ns, t);
  if (w->measuring && t->kind == SWISD_TRACE_TASK_STARTED)
    w->result->busy_s += (double)t->value / w->devices[node].flops_per_s[0];
}

/* What node `victim` owes the submitter now: whole pieces, as they were issued. */
static void note_pieces(struct world *w)
{
  const struct swisd_submitter *sub = cluster_node(w->c, 0)->submitter;
  w->piece_count = 0;
  const uint16_t partner = swisd_partner_find(cluster_node(w->c, 0), cluster_id(w->c, w->victim));
  for (uint16_t i = sub->partners[partner].issue_first; i; i = sub->issues[i].next) {
    const struct swisd_issue *it = &sub->issues[i];
    if (it->cancelled)
      continue;
    if (w->piece_count == PIECES_MAX || it->hi - it->lo > ITEMS_MAX)
      give_up(w, "too many pieces");
    struct piece *p = &w->pieces[w->piece_count++];
    memset(p, 0, sizeof *p);
    p->step = it->step;
    p->lane = it->lane;
    p->lo = it->lo;
    p->hi = it->hi;
    p->left = it->hi - it->lo;
    const struct swisd_job *job = &sub->jobs[it->job];
    /* Parts that somebody else's copy has answered already are no longer owed. */
    for (uint16_t k = job->lanes[swisd_job_lane_index(job, it->step, it->lane)].first; k; k = sub->pool.list[k].next) {
      const struct swisd_interval *interval = &sub->pool.list[k];
      if (interval->state < SWISD_INTERVAL_CHECKING)
        continue;
      for (uint64_t item = interval->lo > it->lo ? interval->lo : it->lo; item < interval->hi && item < it->hi; item++) {
        p->done[item - it->lo] = true;
        p->left--;
      }
    }
  }
}

/* Whether nobody needs a piece any more: its consumers had had an earlier making of it. */
static bool is_settled(struct world *w, const struct piece *p)
{
  const struct swisd_submitter *sub = cluster_node(w->c, 0)->submitter;
  for (uint32_t j = 0; j < swisd_limits_lab.jobs_max; j++) {
    struct swisd_job *job = &sub->jobs[j];
    if (job->phase == SWISD_JOB_OPEN_PHASE)
      return swisd_interval_accepted(&sub->pool, &job->lanes[swisd_job_lane_index(job, p->step, p->lane)], p->lo, p->hi);
  }
  return false;
}

/* ---- a world ---- */

static void shuffle(struct swisd_philox *random, uint32_t *list, uint32_t count)
{
  for (uint32_t i = count; i > 1; i--) {
    const uint32_t k = swisd_philox_below(random, i), swap = list[k];
    list[k] = list[i - 1];
    list[i - 1] = swap;
  }
}

/* Three different shards for each worker, each shard on four: drawn until it fits. */
static void draw_holdings(struct world *w, uint32_t shards, uint32_t *holdings)
{
  const uint32_t places = shards * HOLDERS;
  bool fits = false;
  while (!fits) {
    for (uint32_t i = 0; i < places; i++)
      holdings[i] = i % shards;
    shuffle(&w->random, holdings, places);
    fits = true;
    for (uint32_t i = 0; i < places && fits; i++)
      for (uint32_t k = i / SHARDS_EACH * SHARDS_EACH; k < i; k++)
        fits = fits && holdings[k] != holdings[i];
  }
}

static void build(struct world *w)
{
  const struct options *o = w->options;
  struct cluster *c = w->c;
  cluster_check_every(c, 0);
  cluster_config(c)->placement_interval_ns = 100000 * SWISD_SECOND; /* what lies where is fixed */
  w->devices[0] = cluster_submitter;
  w->devices[0].latency_ns = LATENCY_NS;
  w->devices[0].up_bytes_per_s = w->devices[0].down_bytes_per_s = 100e6;
  double sum = 0;
  for (uint32_t n = 1; n <= o->workers; n++) {
    struct cluster_class *device = &w->devices[n];
    *device = cluster_pi;
    device->latency_ns = LATENCY_NS;
    double speed = SPEED; /* uniform in the logarithm would need libm: the mean of two uniforms is as good */
    speed *= 1 + (o->spread - 1) * swisd_philox_unit(&w->random);
    for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
      device->flops_per_s[k] = speed;
    sum += speed;
  }
  const uint64_t all = (o->steps - 1) * o->lanes + 1, item_flops = (uint64_t)(SPEED * (double)ITEM_NS * 1e-9);
  struct cluster_model *model = cluster_model_rows(c, o->steps, o->lanes, item_flops * all);
  struct swisd_job_spec *spec = cluster_model_spec(model);
  for (uint32_t s = 0; s < spec->step_count && !o->kept; s++)
    spec->steps[s].flags |= SWISD_STEP_HUB;
  swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX];
  uint32_t holdings[SWISD_MODEL_SHARDS_MAX * HOLDERS];
  const uint32_t shard_count = cluster_model_shards(model, shards);
  draw_holdings(w, shard_count, holdings);
  cluster_add(c, 1, &w->devices[0]);
  for (uint32_t n = 1; n <= o->workers; n++) {
    cluster_add(c, 1, &w->devices[n]);
    for (uint32_t h = 0; h < SHARDS_EACH; h++)
      c->hosts[n].disk[c->hosts[n].disk_count++] = shards[holdings[(n - 1) * SHARDS_EACH + h]];
  }
  cluster_give(c, 0, model);
  cluster_run(c, 5 * SWISD_SECOND);
  const double world_s = 5 + (FAULTS_A_WORLD + 1) * 12;
  w->job = cluster_submit(c, 0, model, (uint64_t)(sum * world_s / (double)(item_flops * all)));
  cluster_run(c, 4 * SWISD_SECOND);
}

static void measure(struct world *w, uint64_t duration_ns)
{
  for (uint32_t n = 1; n <= w->options->workers; n++)
    if (cluster_is_running(w->c, n) && !cluster_is_silent(w->c, n))
      w->result->alive_s += (double)duration_ns * 1e-9;
  w->measuring = true;
  cluster_run(w->c, duration_ns);
  w->measuring = false;
}

static void strike(struct world *w, enum fault_kind kind)
{
  struct cluster *c = w->c;
  measure(w, swisd_philox_below(&w->random, 500) * SWISD_MILLISECOND);
  w->victim = 1 + swisd_philox_below(&w->random, w->options->workers);
  w->fault_ns = cluster_now(c);
  note_pieces(w);
  if (kind == FAULT_KILL)
    cluster_kill(c, w->victim);
  else
    cluster_silence(c, w->victim);
  w->result->fault_count++;
  measure(w, faults[kind].away_ns);
  for (uint32_t i = 0; i < w->piece_count; i++)
    w->result->lost += w->pieces[i].left > 0 && !is_settled(w, &w->pieces[i]);
  w->piece_count = 0;
  if (kind == FAULT_KILL)
    cluster_restart(c, w->victim);
  else
    cluster_wake(c, w->victim);
  measure(w, faults[kind].every_ns - faults[kind].away_ns);
  struct cluster_job_view view;
  if (cluster_failure(c) || !cluster_job(c, w->job, &view) || view.ended)
    give_up(w, "the job has ended too early");
}

static void run_world(const struct options *o, uint64_t seed, enum fault_kind kind, uint32_t count, struct result *result)
{
  static struct world w;
  memset(&w, 0, sizeof w);
  w.options = o;
  w.result = result;
  w.random = swisd_philox_stream(seed, (uint32_t)kind, 0, 11);
  w.c = cluster_new(seed, NULL);
  build(&w);
  if (cluster_failure(w.c))
    give_up(&w, "did not start");
  cluster_watch(w.c, see, &w);
  const uint32_t before = result->count;
  for (uint32_t f = 0; f < count; f++)
    strike(&w, kind);
  struct swisd_job_account a;
  if (swisd_node_job_account(cluster_node(w.c, 0), w.job, &a)) {
    result->accepted += a.accepted;
    result->duplicate += a.duplicate;
    result->lost_flops += a.lost;
    result->replayed += a.replayed;
    result->cancelled += a.cancelled;
  }
  if (o->worlds) {
    double max = 0;
    for (uint32_t i = before; i < result->count; i++)
      max = result->seconds[i] > max ? result->seconds[i] : max;
    printf("%s, world %llu: %u pieces, at most %.3f s\n", faults[kind].name, (unsigned long long)seed, result->count - before,
           max);
  }
  cluster_free(w.c);
}

/* ---- the table ---- */

static int compare(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(const struct result *r, double q)
{
  return r->count == 0 ? 0 : r->seconds[(uint32_t)((double)(r->count - 1) * q + 0.5)];
}

static bool print_row(enum fault_kind kind, struct result *r)
{
  qsort(r->seconds, r->count, sizeof *r->seconds, compare);
  const double load = r->busy_s / r->alive_s, p99 = quantile(r, 0.99);
  const double all = (double)(r->accepted + r->duplicate + r->lost_flops + r->replayed + r->cancelled) / 100;
  printf("%-8s %7u %7u  %6.3f  %6.3f  %6.3f  %6.3f  %5.3f  %6u  %5.1f %%   %5.2f %%    %5.2f %%\n", faults[kind].name,
         r->fault_count, r->count, quantile(r, 0.5), quantile(r, 0.9), p99, quantile(r, 1), faults[kind].bar_s, r->lost,
         100 * load, (double)(r->duplicate + r->cancelled) / all, (double)(r->lost_flops + r->replayed) / all);
  fflush(stdout);
  return r->count > 0 && p99 <= faults[kind].bar_s && load >= 0.85 && r->lost == 0;
}

static uint32_t number(int argc, char **argv, int *i)
{
  const unsigned long value = *i + 1 < argc ? strtoul(argv[++*i], NULL, 10) : 0;
  if (value == 0 || value > 1000000) {
    fprintf(stderr, "bench_recovery: %s needs a number from 1\n", argv[*i]);
    exit(2);
  }
  return (uint32_t)value;
}

static struct options read_options(int argc, char **argv)
{
  struct options o = {.faults = 10000, .seed = 1, .workers = 12, .steps = 3, .lanes = 4, .spread = 2};
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--faults") == 0)
      o.faults = number(argc, argv, &i);
    else if (strcmp(argv[i], "--seed") == 0)
      o.seed = number(argc, argv, &i);
    else if (strcmp(argv[i], "--workers") == 0)
      o.workers = number(argc, argv, &i);
    else if (strcmp(argv[i], "--steps") == 0)
      o.steps = number(argc, argv, &i);
    else if (strcmp(argv[i], "--lanes") == 0)
      o.lanes = number(argc, argv, &i);
    else if (strcmp(argv[i], "--spread") == 0 && i + 1 < argc)
      o.spread = atof(argv[++i]);
    else if (strcmp(argv[i], "--kept") == 0)
      o.kept = true;
    else if (strcmp(argv[i], "--worlds") == 0)
      o.worlds = true;
    else if (strcmp(argv[i], "--check") == 0)
      o.check = true;
    else {
      fprintf(stderr, "usage: bench_recovery [--faults N] [--seed S] [--workers N] [--spread X] [--steps N] [--lanes N] [--kept] "
                      "[--worlds] [--check]\n");
      exit(2);
    }
  const uint32_t shards = (o.steps - 1) * o.lanes + 1;
  if (o.workers > WORKERS_MAX || shards > SWISD_MODEL_SHARDS_MAX || shards * HOLDERS != o.workers * SHARDS_EACH || o.spread < 1) {
    fprintf(stderr, "bench_recovery: %u shards on %d holders each need %u workers with %d each\n", shards, HOLDERS,
            shards * HOLDERS / SHARDS_EACH, SHARDS_EACH);
    exit(2);
  }
  return o;
}

int main(int argc, char **argv)
{
  const struct options o = read_options(argc, argv);
  printf("fault to acceptance of each piece in the victim's hands, virtual seconds; %u workers, speeds 1 to %.1f, %u shards, "
         "%d holders each, RTT 40 ms, chunks of 250 ms\n"
         "fault     faults  pieces     p50     p90     p99     max    bar  never     load  for naught  lost work\n",
         o.workers, o.spread, (o.steps - 1) * o.lanes + 1, HOLDERS);
  bool good = true;
  for (uint32_t kind = 0; kind < FAULT_KINDS; kind++) {
    struct result result = {0};
    const uint32_t wanted = o.faults / 2 + (kind == 0 ? o.faults % 2 : 0);
    for (uint64_t seed = o.seed; result.fault_count < wanted; seed++) {
      const uint32_t left = wanted - result.fault_count;
      run_world(&o, seed, (enum fault_kind)kind, left < FAULTS_A_WORLD ? left : FAULTS_A_WORLD, &result);
    }
    good = print_row((enum fault_kind)kind, &result) && good;
    free(result.seconds);
  }
  if (o.check && !good)
    printf("a bar is missed\n");
  return o.check && !good ? 1 : 0;
}
