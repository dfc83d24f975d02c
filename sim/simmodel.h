/* The model of a simulated workload, as the core sees it, with the real one behind it when there is one. */
#ifndef SWISD_SIM_SIMMODEL_H
#define SWISD_SIM_SIMMODEL_H

#include "kernels/program.h"
#include "runtime/base/error.h"
#include "runtime/core/jobspec.h"
#include "runtime/core/message.h"
#include "scenarios/scenario.h"

struct swisd_sim_model {
  struct swisd_job_spec spec; /* items_max is the job's affair */
  struct swisd_message_model manifest;
  double item_flops[SWISD_KERNEL_COUNT];           /* of one item, all steps and lanes */
  uint64_t up_bytes_per_item, down_bytes_per_item; /* that cross a submitter's link: inputs, and results that come to it */
  uint32_t answer_bytes_per_item;                  /* all lanes of the last step, side by side; 0: tokens */
  bool tokens;

  struct swisd_bundle *bundle;                        /* NULL: a made-up shape */
  const struct swisd_kernels *kernels;                /* with `compute: real`, as the shards */
  struct swisd_shard *shards[SWISD_MODEL_SHARDS_MAX]; /* one packed copy serves all devices */
};

/* Makes the model of the scenario's workload; with `compute: real` its shards are packed for the portable kernels. A path is
 * tried as it stands, then beside the scenario's file, then among the project's own models. 0, or -1 with an error. */
int swisd_sim_model_open(const struct swisd_scenario *scenario, const char *scenario_path, struct swisd_sim_model *model,
                         struct swisd_error *error);
void swisd_sim_model_close(struct swisd_sim_model *model);

/* Finds `name` as swisd_sim_model_open() does; false when it is nowhere. */
bool swisd_sim_find_path(const char *name, const char *scenario_path, char *path, size_t bytes);

#endif
