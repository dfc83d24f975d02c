#include "sim/simmodel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/llama.h"
#include "runtime/store/model_store.h"

bool swisd_sim_find_path(const char *name, const char *scenario_path, char *path, size_t bytes)
{
  if (snprintf(path, bytes, "%s", name) < (int)bytes && access(path, R_OK) == 0)
    return true;
  const char *slash = strrchr(scenario_path, '/');
  const int folder = slash == NULL ? 0 : (int)(slash - scenario_path) + 1;
  if (snprintf(path, bytes, "%.*s%s", folder, scenario_path, name) < (int)bytes && access(path, R_OK) == 0)
    return true;
  return snprintf(path, bytes, "%s/%s", SWISD_WEIGHTS_FOLDER, name) < (int)bytes && access(path, R_OK) == 0;
}

/* ---- a made-up shape ---- */

/* Ids from the text of the scenario's name and the place: equal in every run, no two alike. */
static uint64_t made_up_id(const char *name, uint64_t place)
{
  uint64_t hash = UINT64_C(14695981039346656037) ^ place;
  for (const char *c = name; *c != '\0'; c++)
    hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
  hash = (hash ^ hash >> 31) * UINT64_C(0x9E3779B97F4A7C15);
  return hash ^ hash >> 29 ^ 1;
}

static int make_shape(const struct swisd_scenario *scenario, struct swisd_sim_model *model, struct swisd_error *error)
{
  const struct swisd_scenario_workload *workload = &scenario->workload;
  struct swisd_job_spec *spec = &model->spec;
  uint32_t lanes = 0;
  for (uint32_t s = 0; s < workload->step_count; s++)
    lanes += workload->steps[s].lanes;
  if (workload->verify == SWISD_VERIFY_HASH)
    return swisd_error_set(error, "workload.verify: hash cannot be simulated yet, allowed: none, freivalds");
  if (workload->steps[workload->step_count - 1].lanes != 1)
    return swisd_error_set(error, "workload.shape.steps: the last step makes the answer and has one lane");
  if (lanes > SWISD_LANES_MAX || lanes > SWISD_MODEL_SHARDS_MAX)
    return swisd_error_set(error, "workload.shape.steps: %u lanes together, at most %d are allowed", lanes, SWISD_LANES_MAX);
  spec->model = model->manifest.model = made_up_id(scenario->name, 0);
  spec->step_count = (uint8_t)workload->step_count;
  spec->in_bytes_per_item = (uint32_t)workload->in_bytes;
  for (uint32_t s = 0; s < workload->step_count; s++) {
    const struct swisd_scenario_step *from = &workload->steps[s];
    struct swisd_step_spec *step = &spec->steps[s];
    *step = (struct swisd_step_spec){.kernel = from->kernel,
                                     .verify = workload->verify,
                                     .edge_count = 1,
                                     .lane_first = spec->lane_count,
                                     .lane_count = from->lanes};
    step->edges[0].from = s == 0 ? SWISD_EDGE_FROM_INPUT : (uint8_t)(s - 1);
    if (s == workload->step_count - 1)
      step->flags = SWISD_STEP_HUB | SWISD_STEP_SINK;
    else if (workload->verify != SWISD_VERIFY_NONE)
      step->flags = SWISD_STEP_HUB; /* what is verified, and what it was computed from, lies at the submitter */
    for (uint32_t l = 0; l < from->lanes; l++) {
      const uint8_t index = spec->lane_count++;
      const swisd_shard_id shard = made_up_id(scenario->name, 1u + index);
      const uint64_t flops = (uint64_t)(from->flops / from->lanes + 0.5);
      const uint64_t out_bytes = (from->out_bytes + from->lanes - 1) / from->lanes;
      spec->lanes[index] = (struct swisd_lane_spec){
        .shard = shard, .flops_per_item = flops > 0 ? flops : 1, .out_bytes_per_item = (uint32_t)out_bytes};
      model->manifest.shards[index] =
        (struct swisd_model_shard){.shard = shard, .bytes = from->weight_bytes, .flops_per_item = flops, .kernel = from->kernel};
    }
  }
  model->manifest.shard_count = spec->lane_count;
  return 0;
}

/* ---- a real model ---- */

/* Steps that no other step reads, but for a lagged edge, make the answer. */
static bool is_sink(const struct swisd_model *model, unsigned step)
{
  for (unsigned s = 0; s < model->step_count; s++)
    for (unsigned e = 0; e < model->steps[s].edge_count; e++)
      if (model->steps[s].edges[e].from == step && model->steps[s].edges[e].map != SWISD_MAP_LAGGED)
        return false;
  return true;
}

/* Whether the results of `step` must lie at the submitter: the answer; what is verified, and what that is computed from;
 * the log from which a stateful step's successor is rebuilt; tokens that go round. */
static bool is_hub(const struct swisd_model *model, unsigned step)
{
  if (is_sink(model, step) || model->steps[step].verify != SWISD_MODEL_VERIFY_NONE)
    return true;
  for (unsigned s = 0; s < model->step_count; s++) {
    const struct swisd_model_step *reader = &model->steps[s];
    for (unsigned e = 0; e < reader->edge_count; e++)
      if (reader->edges[e].from == step &&
          (reader->stateful || reader->verify != SWISD_MODEL_VERIFY_NONE || reader->edges[e].map == SWISD_MAP_LAGGED))
        return true;
  }
  return false;
}

static void describe_step(const struct swisd_model *model, unsigned s, struct swisd_sim_model *out)
{
  const struct swisd_model_step *from = &model->steps[s];
  struct swisd_step_spec *step = &out->spec.steps[s];
  *step = (struct swisd_step_spec){.kernel = (uint8_t)from->kernel_class,
                                   .verify = (uint8_t)from->verify,
                                   .edge_count = from->edge_count,
                                   .lane_first = from->lane_first,
                                   .lane_count = from->lane_count};
  step->flags = (uint8_t)((from->stateful ? SWISD_STEP_STATEFUL : 0) | (from->tokens ? SWISD_STEP_TOKENS : 0) |
                          (is_sink(model, s) ? SWISD_STEP_SINK : 0) | (is_hub(model, s) ? SWISD_STEP_HUB : 0));
  for (unsigned e = 0; e < from->edge_count; e++)
    step->edges[e] = (struct swisd_edge_spec){.from = from->edges[e].from,
                                              .map = (uint8_t)from->edges[e].map,
                                              .combine = (uint8_t)from->edges[e].combine,
                                              .width = from->edges[e].width,
                                              .period = from->edges[e].period};
  for (unsigned l = 0; l < from->lane_count; l++) {
    const struct swisd_lane *lane = &from->lanes[l];
    const unsigned index = from->lane_first + l;
    out->spec.lanes[index] = (struct swisd_lane_spec){.shard = lane->shard,
                                                      .flops_per_item = lane->flops_per_item,
                                                      .out_bytes_per_item = from->tokens ? 4 : lane->out_bytes_per_item};
    out->manifest.shards[index] = (struct swisd_model_shard){
      .shard = lane->shard, .bytes = lane->bytes, .flops_per_item = lane->flops_per_item, .kernel = (uint8_t)from->kernel_class};
  }
}

static int pack_shards(struct swisd_sim_model *model, struct swisd_error *error)
{
  const struct swisd_model *from = &model->bundle->model;
  model->kernels = swisd_kernels_portable();
  for (unsigned s = 0; s < from->step_count; s++)
    for (unsigned l = 0; l < from->steps[s].lane_count; l++) {
      const unsigned index = from->steps[s].lane_first + l;
      if (swisd_shard_load(from, s, l, model->bundle->shards[index], from->steps[s].lanes[l].bytes, model->kernels,
                           &model->shards[index], error) < 0)
        return -1;
    }
  return 0;
}

static int load(const struct swisd_scenario *scenario, const char *scenario_path, struct swisd_sim_model *model,
                struct swisd_error *error)
{
  char path[4096];
  if (!swisd_sim_find_path(scenario->workload.model, scenario_path, path, sizeof path))
    return swisd_error_set(error, "workload.model: %s is neither a folder nor one of the project's own models",
                           scenario->workload.model);
  model->bundle = calloc(1, sizeof *model->bundle);
  assert(model->bundle != NULL);
  int status;
  if (!swisd_llama_is_folder(path))
    status = swisd_model_folder_load(path, model->bundle, error);
  else if ((status = swisd_llama_import(path, scenario->workload.stages, model->bundle, error)) == 0)
    status = swisd_bundle_seal(model->bundle, error);
  if (status < 0)
    return -1;
  const struct swisd_model *from = &model->bundle->model;
  model->spec.model = model->manifest.model = from->id;
  model->spec.step_count = from->step_count;
  model->spec.lane_count = model->manifest.shard_count = from->lane_count;
  model->spec.in_bytes_per_item = (uint32_t)swisd_shape_bytes(from->input);
  for (unsigned s = 0; s < from->step_count; s++)
    describe_step(from, s, model);
  return scenario->compute == SWISD_COMPUTE_REAL ? pack_shards(model, error) : 0;
}

/* ---- both ---- */

static void sum_up(struct swisd_sim_model *model)
{
  const struct swisd_job_spec *spec = &model->spec;
  for (unsigned s = 0; s < spec->step_count; s++) {
    const struct swisd_step_spec *step = &spec->steps[s];
    uint64_t out_bytes = 0;
    for (unsigned l = step->lane_first; l < step->lane_first + (unsigned)step->lane_count; l++) {
      model->item_flops[step->kernel] += (double)spec->lanes[l].flops_per_item;
      out_bytes += spec->lanes[l].out_bytes_per_item;
    }
    for (unsigned e = 0; e < step->edge_count; e++)
      if (step->edges[e].from == SWISD_EDGE_FROM_INPUT)
        model->up_bytes_per_item += (uint64_t)spec->in_bytes_per_item * step->lane_count;
    if (step->flags & SWISD_STEP_HUB)
      model->down_bytes_per_item += out_bytes;
    if (step->flags & SWISD_STEP_TOKENS)
      model->tokens = true;
    else if (step->flags & SWISD_STEP_SINK)
      model->answer_bytes_per_item += (uint32_t)out_bytes;
  }
}

int swisd_sim_model_open(const struct swisd_scenario *scenario, const char *scenario_path, struct swisd_sim_model *model,
                         struct swisd_error *error)
{
  memset(model, 0, sizeof *model);
  const bool made_up = scenario->workload.model[0] == '\0';
  if (made_up && scenario->compute == SWISD_COMPUTE_REAL)
    return swisd_error_set(error, "compute: real needs a workload.model; a shape has no weights");
  if ((made_up ? make_shape(scenario, model, error) : load(scenario, scenario_path, model, error)) < 0) {
    swisd_sim_model_close(model);
    return -1;
  }
  sum_up(model);
  return 0;
}

void swisd_sim_model_close(struct swisd_sim_model *model)
{
  for (unsigned i = 0; i < SWISD_MODEL_SHARDS_MAX; i++)
    swisd_shard_free(model->shards[i]);
  if (model->bundle != NULL) {
    swisd_bundle_free(model->bundle);
    free(model->bundle);
  }
  memset(model, 0, sizeof *model);
}
