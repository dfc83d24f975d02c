#include "sim/simmodel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/llama.h"
#include "runtime/store/model_spec.h"
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
  swisd_model_job_spec(from, 0, &model->spec);
  swisd_model_announcement(from, &model->manifest);
  return scenario->compute == SWISD_COMPUTE_REAL ? pack_shards(model, error) : 0;
}

/* ---- both ---- */

static void sum_up(struct swisd_sim_model *model)
{
  const struct swisd_job_spec *spec = &model->spec;
  swisd_job_spec_flops(spec, model->item_flops);
  swisd_job_spec_bytes(spec, &model->up_bytes_per_item, &model->down_bytes_per_item);
  for (unsigned s = 0; s < spec->step_count; s++) {
    const struct swisd_step_spec *step = &spec->steps[s];
    model->tokens = model->tokens || (step->flags & SWISD_STEP_TOKENS) != 0;
    for (unsigned l = 0; l < step->lane_count && step->flags & SWISD_STEP_SINK && !(step->flags & SWISD_STEP_TOKENS); l++)
      model->answer_bytes_per_item += spec->lanes[step->lane_first + l].out_bytes_per_item;
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
