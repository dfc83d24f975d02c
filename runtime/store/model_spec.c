/* See model_spec.h. */
#include "runtime/store/model_spec.h"

#include <string.h>

void swisd_model_announcement(const struct swisd_model *model, struct swisd_message_model *out)
{
  memset(out, 0, sizeof *out);
  out->model = model->id;
  out->shard_count = model->lane_count;
  for (unsigned s = 0; s < model->step_count; s++) {
    const struct swisd_model_step *step = &model->steps[s];
    for (unsigned l = 0; l < step->lane_count; l++)
      out->shards[step->lane_first + l] = (struct swisd_model_shard){.shard = step->lanes[l].shard,
                                                                     .bytes = step->lanes[l].bytes,
                                                                     .flops_per_item = step->lanes[l].flops_per_item,
                                                                     .kernel = (uint8_t)step->kernel_class};
  }
}

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

void swisd_model_job_spec(const struct swisd_model *model, uint64_t items_max, struct swisd_job_spec *out)
{
  memset(out, 0, sizeof *out);
  out->model = model->id;
  out->step_count = model->step_count;
  out->lane_count = model->lane_count;
  out->in_bytes_per_item = (uint32_t)swisd_shape_bytes(model->input);
  out->items_max = items_max;
  for (unsigned s = 0; s < model->step_count; s++) {
    const struct swisd_model_step *from = &model->steps[s];
    struct swisd_step_spec *to = &out->steps[s];
    to->kernel = (uint8_t)from->kernel_class;
    to->verify = (uint8_t)from->verify;
    to->flags = (uint8_t)((from->stateful ? SWISD_STEP_STATEFUL : 0) | (from->tokens ? SWISD_STEP_TOKENS : 0) |
                          (is_sink(model, s) ? SWISD_STEP_SINK : 0) | (is_hub(model, s) ? SWISD_STEP_HUB : 0));
    to->edge_count = from->edge_count;
    to->lane_first = from->lane_first;
    to->lane_count = from->lane_count;
    for (unsigned e = 0; e < from->edge_count; e++)
      to->edges[e] = (struct swisd_edge_spec){.from = from->edges[e].from,
                                              .map = (uint8_t)from->edges[e].map,
                                              .combine = (uint8_t)from->edges[e].combine,
                                              .width = from->edges[e].width,
                                              .period = from->edges[e].period};
    for (unsigned l = 0; l < from->lane_count; l++)
      out->lanes[from->lane_first + l] =
        (struct swisd_lane_spec){.shard = from->lanes[l].shard,
                                 .flops_per_item = from->lanes[l].flops_per_item,
                                 .out_bytes_per_item = from->tokens ? 4 : from->lanes[l].out_bytes_per_item};
  }
}

void swisd_job_spec_flops(const struct swisd_job_spec *spec, double flops_per_item[SWISD_KERNEL_COUNT])
{
  for (unsigned k = 0; k < SWISD_KERNEL_COUNT; k++)
    flops_per_item[k] = 0;
  for (unsigned s = 0; s < spec->step_count; s++)
    for (unsigned l = 0; l < spec->steps[s].lane_count; l++)
      flops_per_item[spec->steps[s].kernel] += (double)spec->lanes[spec->steps[s].lane_first + l].flops_per_item;
}

void swisd_job_spec_bytes(const struct swisd_job_spec *spec, uint64_t *up_bytes, uint64_t *down_bytes)
{
  *up_bytes = *down_bytes = 0;
  for (unsigned s = 0; s < spec->step_count; s++) {
    const struct swisd_step_spec *step = &spec->steps[s];
    for (unsigned e = 0; e < step->edge_count; e++)
      if (step->edges[e].from == SWISD_EDGE_FROM_INPUT)
        *up_bytes += (uint64_t)spec->in_bytes_per_item * step->lane_count;
    for (unsigned l = 0; l < step->lane_count && step->flags & (SWISD_STEP_HUB | SWISD_STEP_SINK); l++)
      *down_bytes += spec->lanes[step->lane_first + l].out_bytes_per_item;
  }
}
