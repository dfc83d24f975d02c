/* What the worlds are like. Counts and times are spread so that the median world has at least 8 nodes, 60 virtual seconds
 * and 5 faults; the sizes of jobs, so that the devices have something to do for a good part of it. */
#include <string.h>

#include "runtime/base/philox.h"
#include "tests/seeds/world.h"

static uint64_t between(struct swisd_philox *r, uint64_t low, uint64_t high)
{
  return low + swisd_philox_below(r, (uint32_t)(high - low + 1));
}

static double uniform(struct swisd_philox *r, double low, double high) { return low + (high - low) * swisd_philox_unit(r); }

static bool chance(struct swisd_philox *r, double p) { return swisd_philox_unit(r) < p; }

static uint64_t moment(struct swisd_philox *r, uint64_t low_ns, uint64_t high_ns)
{
  return low_ns + (uint64_t)((double)(high_ns - low_ns) * swisd_philox_unit(r));
}

static void draw_nodes(struct world *w, struct swisd_philox *r)
{
  static const struct cluster_class *const kinds[] = {&cluster_pi, &cluster_phone, &cluster_laptop};
  w->node_count = (uint32_t)(chance(r, 0.2) ? between(r, 3, WORLD_NODES_MAX) : between(r, 5, 13));
  if (w->tiny && w->node_count > 14)
    w->node_count = 14;
  for (uint32_t n = 0; n < w->node_count; n++) {
    struct world_node *node = &w->nodes[n];
    const double scale = uniform(r, 0.5, 2.0);
    node->device = *kinds[between(r, 0, 2)];
    for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
      node->device.flops_per_s[k] *= scale;
    node->device.latency_ns = moment(r, SWISD_MILLISECOND / 2, 30 * SWISD_MILLISECOND);
    node->device.works = n >= 2 || w->node_count < 5 || chance(r, 0.3);
    node->join_ns = chance(r, 0.7) ? 0 : moment(r, 0, w->duration_ns / 2);
  }
  w->nodes[0].join_ns = 0;
}

static void draw_network(struct world *w, struct swisd_philox *r)
{
  struct cluster_network *n = &w->network;
  if (chance(r, 0.6))
    n->loss = uniform(r, 0, 0.1);
  if (chance(r, 0.5))
    n->duplicate = uniform(r, 0, 0.1);
  if (chance(r, 0.4))
    n->stream_loss = uniform(r, 0, 0.02);
  if (chance(r, 0.4))
    n->stream_duplicate = uniform(r, 0, 0.03);
  if (chance(r, 0.7))
    n->jitter_ns = moment(r, 0, 40 * SWISD_MILLISECOND);
  if (chance(r, 0.4))
    n->stream_jitter_ns = moment(r, 0, 40 * SWISD_MILLISECOND);
}

static void draw_models(struct world *w, struct swisd_philox *r)
{
  w->model_count = (uint32_t)between(r, 1, w->tiny ? 2 : WORLD_MODELS_MAX);
  for (uint32_t m = 0; m < w->model_count; m++) {
    struct world_model *model = &w->models[m];
    model->shape = (uint8_t)between(r, 0, WORLD_SHAPES - 1);
    model->steps = (uint8_t)between(r, 1, 4);
    model->lanes = model->shape == WORLD_ROWS ? (uint8_t)between(r, 1, 4) : 1;
    model->skip_edge = model->shape == WORLD_ROWS && model->steps >= 3 && chance(r, 0.4);
    model->verified = chance(r, 0.3) && model->shape != WORLD_DECODER; /* state cannot be checked by doing it again */
    model->home = (uint32_t)between(r, 0, w->node_count < 3 ? 0 : 2);
    model->flops_per_item = (uint64_t)uniform(r, 20e6, 400e6);
    model->shard_bytes = between(r, 20000, 2000000);
    model->twice = model->verified && model->shard_bytes % 2 != 0; /* not drawn: seeds mean what they meant before */
    model->item_bytes = chance(r, 0.7) ? 64 : (uint32_t)between(r, 100, 12000);
    model->end_one_in = chance(r, 0.5) ? (uint32_t)between(r, 5, 60) : 0;
  }
}

/* Items that the submitter's link carries in a quarter of the world's time: its share of what is sent to it and back. */
static uint64_t carried(const struct world *w, const struct world_job *job)
{
  const struct world_model *m = &w->models[job->model];
  const struct cluster_class *device = &w->nodes[job->node].device;
  const double link = device->up_bytes_per_s < device->down_bytes_per_s ? device->up_bytes_per_s : device->down_bytes_per_s;
  const double times =
    m->verified ? (m->twice ? 4.0 : 2.0) * m->lanes * m->lanes * m->steps : (m->skip_edge ? 2.0 : 1.0) * m->lanes + 1;
  return (uint64_t)(link * (double)w->duration_ns * 1e-9 / 4 / w->job_count / (m->item_bytes * times));
}

static void draw_jobs(struct world *w, struct swisd_philox *r)
{
  double speed = 0;
  for (uint32_t n = 0; n < w->node_count; n++)
    if (w->nodes[n].device.works)
      speed += w->nodes[n].device.flops_per_s[0];
  w->job_count = (uint32_t)between(r, 1, 6);
  for (uint32_t j = 0; j < w->job_count; j++) {
    struct world_job *job = &w->jobs[j];
    job->model = (uint8_t)between(r, 0, w->model_count - 1);
    const struct world_model *model = &w->models[job->model];
    job->node = (uint32_t)(chance(r, 0.8) ? between(r, 0, w->node_count < 2 ? 0 : 1) : between(r, 0, w->node_count - 1));
    job->at_ns = moment(r, SWISD_SECOND, w->duration_ns * 3 / 4);
    const double share = uniform(r, 0.02, 0.5) / w->job_count / (w->tiny ? 6 : 1); /* tiny tables keep devices waiting */
    uint64_t items =
      (uint64_t)(speed * share * (double)w->duration_ns * 1e-9 / (double)model->flops_per_item) / (model->twice ? 2 : 1);
    if (items > carried(w, job))
      items = carried(w, job);
    if (items > 20000)
      items = 20000;
    job->items = items == 0 ? 1 : items;
    if (model->shape == WORLD_STRIPS)
      job->items += 8 - job->items % 8;
    if (model->shape == WORLD_DECODER)
      job->items = between(r, 1, 12);
    job->open = model->shape != WORLD_DECODER && job->items >= 48 && chance(r, 0.3);
  }
}

static void draw_fault(struct world *w, struct world_fault *f, struct swisd_philox *r)
{
  f->kind = (uint8_t)between(r, 0, WORLD_FAULT_KINDS - 1);
  f->node = (uint32_t)between(r, 0, w->node_count - 1);
  if (f->node < 2 && chance(r, 0.6)) /* the submitters mostly live: a dead one makes the rest of the world dull */
    f->node = (uint32_t)between(r, w->node_count > 3 ? 2 : 0, w->node_count - 1);
  f->at_ns = moment(r, SWISD_SECOND, w->duration_ns);
  f->until_ns = f->at_ns + moment(r, 100 * SWISD_MILLISECOND, 30 * SWISD_SECOND);
  if ((f->kind == WORLD_KILL || f->kind == WORLD_SILENCE || f->kind == WORLD_LEAVE) && chance(r, 0.3))
    f->until_ns = SWISD_NEVER;
  if (f->kind == WORLD_SLOW)
    f->factor = uniform(r, 2, 16);
  if (f->kind == WORLD_DELAY)
    f->factor = uniform(r, 10, 400);
  if (f->kind == WORLD_STORM)
    f->factor = uniform(r, 0.1, 0.5);
  if (f->kind == WORLD_PART)
    f->nodes = swisd_philox_u64(r) & ((UINT64_C(1) << w->node_count) - 1);
  if (f->kind == WORLD_WITHDRAW)
    f->node = (uint32_t)between(r, 0, w->job_count - 1);
  /* A lie is only found out where every result is checked. */
  for (uint32_t m = 0; m < w->model_count && f->kind == WORLD_LIE; m++)
    if (!w->models[m].verified)
      f->kind = WORLD_KILL;
}

void world_draw(uint64_t seed, struct world *world)
{
  struct swisd_philox random = swisd_philox_stream(seed, 0, 0, 9), *r = &random;
  memset(world, 0, sizeof(*world));
  world->seed = seed;
  world->tiny = chance(r, 0.25);
  world->duration_ns =
    chance(r, 0.3) ? moment(r, 30 * SWISD_SECOND, 180 * SWISD_SECOND) : moment(r, 45 * SWISD_SECOND, 90 * SWISD_SECOND);
  draw_nodes(world, r);
  draw_network(world, r);
  draw_models(world, r);
  draw_jobs(world, r);
  world->fault_count = (uint32_t)between(r, 1, 12);
  for (uint32_t f = 0; f < world->fault_count; f++)
    draw_fault(world, &world->faults[f], r);
}

/* ---- a world as text ---- */

static const char *const fault_names[WORLD_FAULT_KINDS] = {
  "kill", "silence", "slow", "leave", "part", "deaf", "delay", "storm", "lie", "spoil fetches", "lose a file", "withdraw"};
static const char *const shape_names[WORLD_SHAPES] = {"rows", "strips", "decoder"};

void world_print(const struct world *w, FILE *out)
{
  fprintf(out,
          "world %llu: %.1f s, %u nodes, %s limits, loss %.3f, double %.3f, streams %.3f and %.3f, jitter %.0f and %.0f ms\n",
          (unsigned long long)w->seed, (double)w->duration_ns * 1e-9, w->node_count, w->tiny ? "tiny" : "lab", w->network.loss,
          w->network.duplicate, w->network.stream_loss, w->network.stream_duplicate, (double)w->network.jitter_ns * 1e-6,
          (double)w->network.stream_jitter_ns * 1e-6);
  for (uint32_t n = 0; n < w->node_count; n++)
    if (!w->nodes[n].skipped)
      fprintf(out, "  node %u: %s, %.1f GFLOP/s, %s, latency %.1f ms, joins at %.1f s\n", n, w->nodes[n].device.name,
              w->nodes[n].device.flops_per_s[0] * 1e-9, w->nodes[n].device.works ? "works" : "submits",
              (double)w->nodes[n].device.latency_ns * 1e-6, (double)w->nodes[n].join_ns * 1e-9);
  for (uint32_t m = 0; m < w->model_count; m++)
    fprintf(out, "  model %u: %s, %u steps of %u lanes%s%s, %.0f MFLOP and %u bytes an item, brought by node %u\n", m,
            shape_names[w->models[m].shape], w->models[m].steps, w->models[m].lanes,
            w->models[m].skip_edge ? ", a skip edge" : "",
            w->models[m].twice      ? ", verified by second opinions"
            : w->models[m].verified ? ", verified"
                                    : "",
            (double)w->models[m].flops_per_item * 1e-6, w->models[m].item_bytes, w->models[m].home);
  for (uint32_t j = 0; j < w->job_count; j++)
    if (!w->jobs[j].skipped)
      fprintf(out, "  job %u: at %.1f s, node %u, model %u, %llu items%s\n", j, (double)w->jobs[j].at_ns * 1e-9, w->jobs[j].node,
              w->jobs[j].model, (unsigned long long)w->jobs[j].items, w->jobs[j].open ? ", in three parts" : "");
  for (uint32_t f = 0; f < w->fault_count; f++) {
    const struct world_fault *fault = &w->faults[f];
    if (fault->skipped)
      continue;
    fprintf(out, "  fault %u: at %.2f s, %s %u, factor %.2f, nodes %llx, ", f, (double)fault->at_ns * 1e-9,
            fault_names[fault->kind], fault->node, fault->factor, (unsigned long long)fault->nodes);
    if (fault->until_ns == SWISD_NEVER)
      fprintf(out, "for good\n");
    else
      fprintf(out, "until %.2f s\n", (double)fault->until_ns * 1e-9);
  }
}
