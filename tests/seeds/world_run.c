/* Runs a world: a timeline of joins, faults and jobs over the cluster driver, then a calm in which every job must end. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/seeds/world.h"

#define PATIENCE_NS (15 * SWISD_SECOND)
/* A job may fail when one of its shards had no live holder within reach for this long: patience, less what the submitter
 * may have been behind in learning of deaths (they end later for it) and of returns. */
#define ORPHAN_NS (3 * SWISD_SECOND)
#define LOOK_NS (500 * SWISD_MILLISECOND)

enum moment_kind { MOMENT_JOIN, MOMENT_JOB, MOMENT_APPEND, MOMENT_FAULT, MOMENT_UNDO };

struct moment {
  uint64_t at_ns;
  uint32_t order; /* ties: as pushed */
  uint8_t kind;
  uint32_t index;
};

struct run {
  const struct world *world;
  struct cluster *cluster;
  struct cluster_model *models[WORLD_MODELS_MAX];
  struct moment moments[WORLD_NODES_MAX + 3 * WORLD_JOBS_MAX + 2 * WORLD_FAULTS_MAX];
  uint32_t moment_count;
  uint32_t place[WORLD_NODES_MAX]; /* of a world's node in the cluster, once it has joined */
  bool joined[WORLD_NODES_MAX];
  bool lies[WORLD_NODES_MAX];
  uint64_t number[WORLD_JOBS_MAX];                                 /* of a world's job, once submitted */
  uint32_t parts_due[WORLD_JOBS_MAX], parts_given[WORLD_JOBS_MAX]; /* of an open job, after the first */
  uint64_t orphan_ns[WORLD_JOBS_MAX], orphan_ns_max[WORLD_JOBS_MAX];
  uint64_t lied_to_ns[WORLD_JOBS_MAX], lied_to_ns_max[WORLD_JOBS_MAX]; /* the same, liars not counted as holders */
  uint32_t storms, deaf[WORLD_NODES_MAX];
};

static jmp_buf after_panic;
static char panic_text[400];

static void on_panic(const char *file, int line, const char *text)
{
  snprintf(panic_text, sizeof(panic_text), "%s:%d: assertion failed: %s", file, line, text);
  longjmp(after_panic, 1);
}

/* ---- building it ---- */

static struct cluster_model *build_model(struct cluster *c, const struct world_model *m)
{
  struct cluster_model *model;
  if (m->shape == WORLD_ROWS)
    model = cluster_model_rows(c, m->steps, m->lanes, m->flops_per_item);
  else if (m->shape == WORLD_STRIPS)
    model = cluster_model_strips(c, m->steps, 8, m->flops_per_item);
  else
    model = cluster_model_decoder(c, m->steps, m->flops_per_item, m->end_one_in);
  struct swisd_job_spec *spec = cluster_model_spec(model);
  if (m->skip_edge) {
    struct swisd_step_spec *step = &spec->steps[m->steps - 1];
    step->edge_count = 2;
    step->edges[1] = (struct swisd_edge_spec){.from = m->steps == 3 ? SWISD_EDGE_FROM_INPUT : (uint8_t)(m->steps - 3)};
  }
  for (uint32_t s = 0; s < spec->step_count && m->verified; s++) {
    spec->steps[s].verify = m->twice ? SWISD_VERIFY_HASH : SWISD_VERIFY_FREIVALDS;
    spec->steps[s].flags |= SWISD_STEP_HUB;
  }
  cluster_model_bytes(model, m->shard_bytes);
  cluster_model_item_bytes(model, m->item_bytes);
  return model;
}

static int by_time(const void *a, const void *b)
{
  const struct moment *x = a, *y = b;
  if (x->at_ns != y->at_ns)
    return x->at_ns < y->at_ns ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

static void add_moment(struct run *r, uint64_t at_ns, enum moment_kind kind, uint32_t index)
{
  r->moments[r->moment_count] = (struct moment){at_ns, r->moment_count, (uint8_t)kind, index};
  r->moment_count++;
}

static void lay_out(struct run *r)
{
  const struct world *w = r->world;
  for (uint32_t n = 0; n < w->node_count; n++)
    if (!w->nodes[n].skipped)
      add_moment(r, w->nodes[n].join_ns, MOMENT_JOIN, n);
  for (uint32_t j = 0; j < w->job_count; j++) {
    if (w->jobs[j].skipped)
      continue;
    add_moment(r, w->jobs[j].at_ns, MOMENT_JOB, j);
    for (uint32_t part = 1; part < 3 && w->jobs[j].open; part++)
      add_moment(r, w->jobs[j].at_ns + part * 2 * SWISD_SECOND, MOMENT_APPEND, j);
  }
  for (uint32_t f = 0; f < w->fault_count; f++) {
    if (w->faults[f].skipped)
      continue;
    add_moment(r, w->faults[f].at_ns, MOMENT_FAULT, f);
    if (w->faults[f].until_ns != SWISD_NEVER)
      add_moment(r, w->faults[f].until_ns, MOMENT_UNDO, f);
  }
  qsort(r->moments, r->moment_count, sizeof(r->moments[0]), by_time);
}

/* ---- what happens ---- */

static void join(struct run *r, uint32_t n)
{
  struct cluster *c = r->cluster;
  r->place[n] = cluster_add(c, 1, &r->world->nodes[n].device);
  r->joined[n] = true;
  for (uint32_t m = 0; m < r->world->model_count; m++)
    if (r->world->models[m].home == n)
      cluster_give(c, r->place[n], r->models[m]);
}

static void submit(struct run *r, uint32_t j)
{
  const struct world_job *job = &r->world->jobs[j];
  if (!r->joined[job->node])
    return;
  struct cluster_model *model = r->models[job->model];
  if (job->open)
    r->number[j] = cluster_submit_open(r->cluster, r->place[job->node], model, job->items / 3 / 8 * 8);
  else
    r->number[j] = cluster_submit(r->cluster, r->place[job->node], model, job->items);
}

/* Gives open jobs the parts that are due; a user whose device sleeps comes back to it when it wakes. */
static void give_parts(struct run *r)
{
  for (uint32_t j = 0; j < r->world->job_count; j++) {
    const struct world_job *job = &r->world->jobs[j];
    const uint64_t part = job->items / 3 / 8 * 8;
    while (r->parts_due[j] > r->parts_given[j] && r->number[j] != 0 && !cluster_is_silent(r->cluster, r->place[job->node])) {
      const bool last = ++r->parts_given[j] == 2;
      cluster_append(r->cluster, r->number[j], last ? job->items - 2 * part : part, last);
    }
  }
}

static void set_deaf(struct run *r, uint32_t n, bool deaf)
{
  for (uint32_t from = 0; from < cluster_count(r->cluster); from++)
    if (from != r->place[n])
      cluster_block(r->cluster, from, r->place[n], deaf);
}

static void part(struct run *r, uint64_t nodes)
{
  uint64_t bits = 0;
  for (uint32_t n = 0; n < r->world->node_count; n++)
    if (r->joined[n] && (nodes >> n & 1) != 0)
      bits |= UINT64_C(1) << r->place[n];
  cluster_part(r->cluster, bits);
}

static void storm(struct run *r, double more)
{
  struct cluster_network *n = cluster_network(r->cluster);
  n->loss = r->world->network.loss + more;
  n->stream_loss = r->world->network.stream_loss + more / 4;
}

static void strike(struct run *r, const struct world_fault *f)
{
  struct cluster *c = r->cluster;
  if (f->kind == WORLD_WITHDRAW) {
    if (r->number[f->node] != 0)
      cluster_withdraw(c, r->number[f->node]);
    return;
  }
  if (f->kind == WORLD_PART) {
    part(r, f->nodes);
    return;
  }
  if (f->kind == WORLD_STORM) {
    storm(r, f->factor);
    return;
  }
  if (!r->joined[f->node])
    return;
  const uint32_t node = r->place[f->node];
  swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX];
  switch (f->kind) {
  case WORLD_KILL:
    cluster_kill(c, node);
    break;
  case WORLD_SILENCE:
    cluster_silence(c, node);
    break;
  case WORLD_SLOW:
    cluster_slow(c, node, f->factor);
    break;
  case WORLD_LEAVE:
    cluster_leave(c, node);
    break;
  case WORLD_DEAF:
    set_deaf(r, f->node, true);
    break;
  case WORLD_DELAY:
    cluster_delay_node(c, node, (uint64_t)(f->factor * 1e6));
    break;
  case WORLD_LIE:
    cluster_lie(c, node, true);
    r->lies[f->node] = true;
    break;
  case WORLD_SPOIL:
    cluster_spoil_fetches(c, node, 3);
    break;
  default:
    cluster_model_shards(r->models[0], shards);
    cluster_lose_shard(c, node, shards[0]);
    break;
  }
}

static void undo(struct run *r, const struct world_fault *f)
{
  struct cluster *c = r->cluster;
  if (f->kind == WORLD_PART || f->kind == WORLD_DEAF)
    cluster_heal(c);
  else if (f->kind == WORLD_STORM)
    storm(r, 0);
  else if (f->kind != WORLD_WITHDRAW && r->joined[f->node]) {
    const uint32_t node = r->place[f->node];
    if (f->kind == WORLD_SILENCE)
      cluster_wake(c, node);
    else if ((f->kind == WORLD_KILL || f->kind == WORLD_LEAVE) && !cluster_is_running(c, node))
      cluster_restart(c, node);
    else if (f->kind == WORLD_SLOW)
      cluster_slow(c, node, 1);
    else if (f->kind == WORLD_DELAY)
      cluster_delay_node(c, node, 0);
  }
}

/* ---- who could have finished ---- */

/* Whether a node says that it holds the shard: its record has room for SWISD_HOLDINGS_MAX, its disk for more. */
static bool announces(const struct cluster *c, uint32_t node, swisd_shard_id shard)
{
  struct swisd_member_view self;
  if (!cluster_is_running(c, node) || !swisd_node_member(cluster_node(c, node), 0, &self))
    return false;
  for (uint32_t h = 0; h < self.record->holding_count; h++)
    if (self.record->holdings[h] == shard)
      return true;
  return false;
}

/* Whether a worker holds the shard, or, where results need a second opinion, two honest ones. */
static bool shard_in_reach(const struct run *r, uint32_t submitter, swisd_shard_id shard, bool twice, bool liars_too)
{
  const struct cluster *c = r->cluster;
  uint32_t holders = 0;
  for (uint32_t n = 0; n < r->world->node_count; n++) {
    const uint32_t node = r->place[n];
    if (r->joined[n] && r->world->nodes[n].device.works && announces(c, node, shard) && cluster_in_reach(c, submitter, node))
      holders += (liars_too && !twice) || !r->lies[n];
  }
  return holders >= (twice ? 2 : 1);
}

static bool job_is_open(const struct run *r, uint32_t j, struct cluster_job_view *view)
{
  return r->number[j] != 0 && cluster_job(r->cluster, r->number[j], view) && !view->ended && !view->submitter_died;
}

static void count_up(uint64_t *now_ns, uint64_t *most_ns, bool holds, uint64_t elapsed_ns)
{
  *now_ns = holds ? *now_ns + elapsed_ns : 0;
  if (*now_ns > *most_ns)
    *most_ns = *now_ns;
}

/* Notes, for each open job, how long some shard of its model has been without a live holder in reach. */
static void look(struct run *r, uint64_t elapsed_ns)
{
  for (uint32_t j = 0; j < r->world->job_count; j++) {
    struct cluster_job_view view;
    if (!job_is_open(r, j, &view))
      continue;
    swisd_shard_id shards[SWISD_MODEL_SHARDS_MAX];
    const uint32_t count = cluster_model_shards(view.model, shards);
    const bool twice = r->world->models[r->world->jobs[j].model].twice;
    bool orphan = false, lied_to = false;
    for (uint32_t s = 0; s < count && !orphan; s++) {
      orphan = !shard_in_reach(r, view.node, shards[s], twice, true);
      lied_to = lied_to || !shard_in_reach(r, view.node, shards[s], twice, false);
    }
    count_up(&r->orphan_ns[j], &r->orphan_ns_max[j], orphan, elapsed_ns);
    count_up(&r->lied_to_ns[j], &r->lied_to_ns_max[j], lied_to, elapsed_ns);
  }
}

static void run_to(struct run *r, uint64_t until_ns)
{
  while (cluster_failure(r->cluster) == NULL && cluster_now(r->cluster) < until_ns) {
    const uint64_t left = until_ns - cluster_now(r->cluster);
    const uint64_t part_ns = left < LOOK_NS ? left : LOOK_NS;
    give_parts(r);
    cluster_run(r->cluster, part_ns);
    look(r, part_ns);
  }
}

static bool all_ended(const struct run *r)
{
  struct cluster_job_view view;
  for (uint32_t j = 0; j < r->world->job_count; j++)
    if (job_is_open(r, j, &view) && !cluster_is_silent(r->cluster, view.node))
      return false;
  return true;
}

/* How long all jobs of the world take the honest devices that are left, one after the other. */
static uint64_t work_ns(const struct run *r)
{
  double flops = 0, speed = 0;
  for (uint32_t j = 0; j < r->world->job_count; j++)
    flops += (double)r->world->jobs[j].items * (double)r->world->models[r->world->jobs[j].model].flops_per_item;
  for (uint32_t n = 0; n < r->world->node_count; n++)
    if (r->joined[n] && !r->lies[n] && r->world->nodes[n].device.works && cluster_is_running(r->cluster, r->place[n]) &&
        !cluster_is_silent(r->cluster, r->place[n]))
      speed += r->world->nodes[n].device.flops_per_s[0];
  const double seconds = speed > 0 ? flops / speed : 0;
  return (uint64_t)(seconds < 1000 ? seconds : 1000) * SWISD_SECOND;
}

/* The storm is over: whatever can be undone is, and every job must end, well or in a stated failure. */
static void calm(struct run *r)
{
  cluster_heal(r->cluster);
  *cluster_network(r->cluster) = r->world->network;
  for (uint32_t n = 0; n < cluster_count(r->cluster); n++) {
    cluster_slow(r->cluster, n, 1);
    cluster_delay_node(r->cluster, n, 0);
  }
  const uint64_t end = cluster_now(r->cluster) + 240 * SWISD_SECOND + work_ns(r);
  while (!all_ended(r) && cluster_failure(r->cluster) == NULL && cluster_now(r->cluster) < end)
    run_to(r, cluster_now(r->cluster) + SWISD_SECOND);
}

/* Whether at least as many of the workers that still run lie as do not: then a job may be refused once too often. */
static bool liars_prevail(const struct run *r)
{
  uint32_t liars = 0, honest = 0;
  for (uint32_t n = 0; n < r->world->node_count; n++)
    if (r->joined[n] && r->world->nodes[n].device.works && cluster_is_running(r->cluster, r->place[n])) {
      liars += r->lies[n];
      honest += !r->lies[n];
    }
  return liars > 0 && liars >= honest;
}

static void judge(struct run *r, struct world_verdict *verdict)
{
  struct cluster *c = r->cluster;
  for (uint32_t j = 0; j < r->world->job_count; j++) {
    struct cluster_job_view view;
    if (r->number[j] == 0 || !cluster_job(c, r->number[j], &view))
      continue;
    if (view.submitter_died || cluster_is_silent(c, view.node))
      verdict->submitters_died++;
    else if (!view.ended)
      cluster_fail(c, "job %u has not ended: %llu of %llu items, some shard out of reach for %.1f s at most, %.1f s now", j,
                   (unsigned long long)view.answered, (unsigned long long)view.items, (double)r->orphan_ns_max[j] * 1e-9,
                   (double)r->orphan_ns[j] * 1e-9);
    else if (view.status == SWISD_OK)
      verdict->answered++;
    else if (view.withdrawn && view.status == SWISD_ERROR_CANCELLED)
      verdict->withdrawn++;
    else if (view.status == SWISD_ERROR_SPACE && r->world->tiny)
      verdict->refused++; /* more than a tiny submitter takes: it said so */
    else if (r->world->tiny && cluster_count(c) > swisd_limits_tiny.members_max)
      verdict->failed++; /* the holder may be one of those that the submitter has no room to know */
    else if (view.status == SWISD_ERROR_CHECK && (liars_prevail(r) || r->lied_to_ns_max[j] >= ORPHAN_NS ||
                                                  (r->world->models[r->world->jobs[j].model].twice && r->orphan_ns_max[j] > 0)))
      verdict->failed++;
    else if (r->orphan_ns_max[j] < ORPHAN_NS)
      cluster_fail(c, "job %u failed (status %d) though every shard had a live holder: out of reach for %.1f s at most", j,
                   view.status, (double)r->orphan_ns_max[j] * 1e-9);
    else
      verdict->failed++;
  }
}

static void play(struct run *r, struct world_verdict *verdict)
{
  for (uint32_t i = 0; i < r->moment_count && cluster_failure(r->cluster) == NULL; i++) {
    const struct moment *m = &r->moments[i];
    if (m->at_ns > r->world->duration_ns)
      break;
    run_to(r, m->at_ns);
    if (cluster_failure(r->cluster) != NULL)
      break;
    if (m->kind == MOMENT_JOIN)
      join(r, m->index);
    else if (m->kind == MOMENT_JOB)
      submit(r, m->index);
    else if (m->kind == MOMENT_APPEND)
      r->parts_due[m->index]++;
    else if (m->kind == MOMENT_FAULT)
      strike(r, &r->world->faults[m->index]);
    else
      undo(r, &r->world->faults[m->index]);
  }
  run_to(r, r->world->duration_ns);
  calm(r);
  judge(r, verdict);
  cluster_settle(r->cluster, 60 * SWISD_SECOND);
}

static void trace_all(struct cluster *c)
{
  uint8_t kinds[256];
  for (uint32_t k = 0; k < 255; k++)
    kinds[k] = (uint8_t)(k + 1);
  kinds[255] = 0;
  cluster_trace(c, kinds);
}

void world_run(const struct world *world, struct world_verdict *verdict, FILE *trace)
{
  memset(verdict, 0, sizeof(*verdict));
  struct run *r = calloc(1, sizeof(*r));
  if (r == NULL)
    abort();
  r->world = world;
  r->cluster = cluster_new(world->seed, world->tiny ? &swisd_limits_tiny : &swisd_limits_lab);
  cluster_config(r->cluster)->patience_ns = PATIENCE_NS;
  *cluster_network(r->cluster) = world->network;
  cluster_check_every(r->cluster, world->tiny ? 1 : 8);
  if (trace != NULL)
    trace_all(r->cluster);
  cluster_on_panic(on_panic);
  if (setjmp(after_panic) == 0) {
    for (uint32_t m = 0; m < world->model_count; m++)
      r->models[m] = build_model(r->cluster, &world->models[m]);
    lay_out(r);
    play(r, verdict);
  } else {
    cluster_fail(r->cluster, "%s", panic_text);
  }
  cluster_on_panic(NULL);
  if (cluster_failure(r->cluster) != NULL)
    snprintf(verdict->failure, sizeof(verdict->failure), "%s", cluster_failure(r->cluster));
  if (trace != NULL)
    fputs(cluster_trace_text(r->cluster), trace);
  verdict->digest = cluster_digest(r->cluster);
  verdict->steps = cluster_steps(r->cluster);
  cluster_free(r->cluster);
  free(r);
}

/* ---- shrinking ---- */

/* The same text but for the numbers: the same failure, as far as one can tell. */
static bool is_alike(const char *a, const char *b)
{
  for (;; a++, b++) {
    a += strspn(a, "0123456789.");
    b += strspn(b, "0123456789.");
    if (*a != *b || *a == '\0')
      return *a == *b;
  }
}

static bool fails_too(struct world *world, struct world_verdict *verdict)
{
  struct world_verdict again;
  world_run(world, &again, NULL);
  if (!is_alike(again.failure, verdict->failure))
    return false;
  *verdict = again;
  return true;
}

static bool try_without(struct world *world, bool *skipped, struct world_verdict *verdict)
{
  if (*skipped)
    return false;
  *skipped = true;
  if (fails_too(world, verdict))
    return true;
  *skipped = false;
  return false;
}

void world_shrink(struct world *world, struct world_verdict *verdict)
{
  bool smaller = true;
  while (smaller) {
    smaller = false;
    for (uint32_t f = 0; f < world->fault_count; f++)
      smaller |= try_without(world, &world->faults[f].skipped, verdict);
    for (uint32_t j = 0; j < world->job_count; j++)
      smaller |= try_without(world, &world->jobs[j].skipped, verdict);
    for (uint32_t n = world->node_count; n-- > 1;)
      smaller |= try_without(world, &world->nodes[n].skipped, verdict);
  }
}
