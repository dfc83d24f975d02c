/* What tasks compute, as hashes: the value of an item of a lane is a pure function of the model, the shard, the item and the
 * values it needs. A halo row that is missing, a lane in the wrong place or a stale input all change it. */
#include "tests/cluster/inside.h"

void arithmetic_range(const struct swisd_edge_spec *edge, uint64_t i, uint64_t *lo, uint64_t *hi)
{
  *lo = i;
  *hi = i + 1;
  if (edge->map != SWISD_EDGE_HALO)
    return;
  const uint64_t first = edge->period == 0 ? 0 : i - i % edge->period;
  *lo = i - first > edge->width ? i - edge->width : first;
  *hi = i + 1 + edge->width;
  if (edge->period != 0 && *hi > first + edge->period)
    *hi = first + edge->period;
}

/* All lanes of one input item, joined as the edge says; false when one of them is not here. */
static bool join(const struct swisd_job_spec *spec, const struct swisd_edge_spec *edge, uint32_t e, uint64_t item,
                 arithmetic_input input, void *context, uint64_t *value)
{
  const uint32_t lanes = edge->from == SWISD_EDGE_FROM_INPUT ? 1 : spec->steps[edge->from].lane_count;
  uint64_t joined = 0;
  for (uint32_t lane = 0; lane < lanes; lane++) {
    uint64_t v;
    if (!input(context, e, lane, item, &v))
      return false;
    joined = edge->combine == SWISD_COMBINE_REDUCE ? joined + v : mix(joined, v);
  }
  *value = joined;
  return true;
}

bool arithmetic_gather(const struct cluster_model *model, uint32_t step, uint32_t lane, uint64_t item, arithmetic_input input,
                       void *context, uint64_t *value)
{
  const struct swisd_step_spec *s = &model->spec.steps[step];
  uint64_t h = mix(mix(model->salt, model->spec.lanes[s->lane_first + lane].shard), item);
  for (uint32_t e = 0; e < s->edge_count; e++) {
    uint64_t lo, hi;
    arithmetic_range(&s->edges[e], item, &lo, &hi);
    for (uint64_t j = lo; j < hi; j++) {
      uint64_t v;
      if (join(&model->spec, &s->edges[e], e, j, input, context, &v))
        h = mix(mix(h, j - lo), v);
      else if (j == item)
        return false; /* a neighbour may not exist, the item itself must */
    }
  }
  *value = h;
  return true;
}

uint64_t arithmetic_token(const struct cluster_model *model, uint64_t value) { return mix(model->salt, value) % 32000; }

bool arithmetic_ends(const struct cluster_model *model, uint64_t token)
{
  return model->end_one_in != 0 && token % model->end_one_in == 0;
}
