/* See view.h. Reads the parts' own structs; the only file that reads all of them, so that none needs a view of its own. */
#include "runtime/core/view.h"

#include "runtime/core/job.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/placement_internal.h"
#include "runtime/core/rate.h"
#include "runtime/core/worker_internal.h"

bool swisd_view_member(const struct swisd_node *node, uint32_t index, struct swisd_view_member *out)
{
  if (index >= swisd_member_count(node))
    return false;
  const struct swisd_member *member = swisd_member_peek(node, index);
  *out = (struct swisd_view_member){.record = &member->record,
                                    .state = member->state,
                                    .since_ns = member->changed_ns,
                                    .rtt_ns = member->rtt_ns,
                                    .dead_at_ns = SWISD_NEVER};
  if (member->state != SWISD_MEMBER_SUSPECT)
    return true;
  out->dead_at_ns = member->suspect_deadline_ns;
  const uint32_t accusers = member->confirmation_count + 1u;
  out->accuser_count = (uint8_t)(accusers < SWISD_VIEW_ACCUSERS_MAX ? accusers : SWISD_VIEW_ACCUSERS_MAX);
  for (uint32_t i = 0; i < out->accuser_count; i++)
    if (member->confirmers[i] < swisd_member_count(node))
      out->accusers[i] = swisd_member_peek(node, member->confirmers[i])->record.id;
  return true;
}

/* ---- shards ---- */

bool swisd_view_model(const struct swisd_node *node, uint32_t index, struct swisd_view_model *out)
{
  if (index >= node->config.limits.models_max)
    return false;
  const struct swisd_message_model *model = &node->placement->models[index].model;
  *out = (struct swisd_view_model){.id = model->shard_count ? model->model : 0, .shard_count = model->shard_count};
  return true;
}

static uint64_t work_of(const struct swisd_message_model *model, uint32_t index)
{
  return model->shards[index].flops_per_item ? model->shards[index].flops_per_item : 1;
}

/* What this member has of the model: its work per item over all shards held, 0 when it has not got the shard of `index`. */
static uint64_t held_work(const struct swisd_message_model *model, uint32_t index, const struct swisd_record *record)
{
  uint64_t work = 0;
  bool holds = false;
  for (uint32_t h = 0; h < record->holding_count; h++)
    for (uint32_t i = 0; i < model->shard_count; i++)
      if (model->shards[i].shard == record->holdings[h]) {
        work += work_of(model, i);
        holds = holds || i == index;
      }
  return holds ? work : 0;
}

bool swisd_view_shard(const struct swisd_node *node, uint32_t model_index, uint32_t index, struct swisd_view_shard *out)
{
  const struct swisd_message_model *model = &node->placement->models[model_index].model;
  if (index >= model->shard_count)
    return false;
  const struct swisd_model_shard *shard = &model->shards[index];
  *out = (struct swisd_view_shard){
    .id = shard->shard, .bytes = shard->bytes, .flops_per_item = work_of(model, index), .kernel = shard->kernel};
  for (uint32_t m = 0; m < swisd_member_count(node); m++) {
    const struct swisd_member *member = swisd_member_peek(node, m);
    if (!swisd_member_is_up(member) || !(member->record.flags & SWISD_RECORD_WORKS))
      continue;
    const uint64_t work = held_work(model, index, &member->record);
    if (work == 0)
      continue;
    out->holders++;
    out->suspect_holders = (uint16_t)(out->suspect_holders + (member->state == SWISD_MEMBER_SUSPECT));
    out->items_per_s += swisd_coverage_speed(&member->record, shard->kernel) / (double)work;
  }
  const struct swisd_local *local = swisd_local_peek(node->placement, shard->shard);
  if (local) {
    out->held = true;
    out->home = local->home;
    out->dropping = local->dropping;
  }
  for (uint32_t w = 0; w < SWISD_WANTS_MAX; w++)
    out->wanted = out->wanted || node->placement->wants[w].shard == shard->shard;
  return true;
}

/* ---- the submitter ---- */

bool swisd_view_partner(const struct swisd_node *node, uint32_t index, struct swisd_view_partner *out)
{
  const struct swisd_submitter *sub = node->submitter;
  if (index >= sub->partner_count)
    return false;
  const struct swisd_partner *partner = &sub->partners[index + 1];
  *out = (struct swisd_view_partner){.id = partner->id,
                                     .here = partner->here,
                                     .suspect = partner->suspect,
                                     .overdue = partner->overdue,
                                     .credits = partner->credits,
                                     .sessions = partner->sessions,
                                     .issues = partner->issue_count,
                                     .blocked_until_ns = partner->blocked_until_ns,
                                     .late_ns = partner->late_ns,
                                     .first_due_ns = SWISD_NEVER,
                                     .last_due_ns = SWISD_NEVER};
  if (partner->issue_first) {
    out->first_due_ns = sub->issues[partner->issue_first].expected_ns;
    out->last_due_ns = sub->issues[partner->issue_last].expected_ns;
  }
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++) {
    out->rates[k] = swisd_speed_fast(&partner->speed[k]);
    out->samples[k] = partner->speed[k].samples;
  }
  return true;
}

bool swisd_view_job(const struct swisd_node *node, uint32_t slot, struct swisd_view_job *out)
{
  if (slot >= node->config.limits.jobs_max)
    return false;
  const struct swisd_job *job = &node->submitter->jobs[slot];
  memset(out, 0, sizeof *out);
  if (job->phase == SWISD_JOB_FREE)
    return true;
  out->number = job->number;
  out->id = job->id;
  out->model = job->spec.model;
  out->open = job->phase == SWISD_JOB_OPEN_PHASE;
  out->last = job->last;
  out->starved = job->starved;
  out->step_count = job->spec.step_count;
  out->lane_count = job->spec.lane_count;
  out->items = job->items;
  out->admitted = job->admitted;
  out->submitted_ns = job->submitted_ns;
  out->progress_ns = job->progress_ns;
  out->orphan_since_ns = out->open ? job->orphan_since_ns : SWISD_NEVER;
  out->orphan_fails_ns = out->orphan_since_ns == SWISD_NEVER ? SWISD_NEVER : out->orphan_since_ns + node->config.patience_ns;
  out->account = job->account;
  return true;
}

bool swisd_view_holds(const struct swisd_node *node, uint32_t partner_index, uint32_t slot, uint32_t lane_index)
{
  return node->submitter->masks[((size_t)partner_index + 1) * node->config.limits.jobs_max + slot] >> lane_index & 1;
}

bool swisd_view_lane(const struct swisd_node *node, uint32_t slot, uint32_t lane_index, struct swisd_view_lane *out)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_job *job = &sub->jobs[slot];
  if (job->phase == SWISD_JOB_FREE || lane_index >= job->spec.lane_count)
    return false;
  uint32_t step = 0;
  while (lane_index < job->spec.steps[step].lane_first ||
         lane_index >= (uint32_t)job->spec.steps[step].lane_first + job->spec.steps[step].lane_count)
    step++;
  const struct swisd_step_spec *spec = &job->spec.steps[step];
  const struct swisd_lane *lane = &job->lanes[lane_index];
  *out = (struct swisd_view_lane){.step = (uint8_t)step,
                                  .lane = (uint8_t)(lane_index - spec->lane_first),
                                  .kernel = spec->kernel,
                                  .stateful = spec->flags & SWISD_STEP_STATEFUL,
                                  .sink = spec->flags & SWISD_STEP_SINK,
                                  .shard = job->spec.lanes[lane_index].shard};
  if (job->phase != SWISD_JOB_OPEN_PHASE) /* its intervals are gone: it ended with all items, or does not say */
    return true;
  out->ready = lane->ready_items;
  out->wanted = lane->wanted_items;
  out->accepted = lane->accepted_items;
  for (uint16_t i = lane->first; i; i = sub->pool.list[i].next) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    out->issued += interval->state == SWISD_INTERVAL_ISSUED ? interval->hi - interval->lo : 0;
    out->checking += interval->state == SWISD_INTERVAL_CHECKING ? interval->hi - interval->lo : 0;
  }
  for (uint32_t p = 0; p < sub->partner_count; p++)
    out->holders = (uint16_t)(out->holders + (sub->partners[p + 1].here && swisd_view_holds(node, p, slot, lane_index)));
  return true;
}

static void show_issue(const struct swisd_node *node, const struct swisd_issue *it, struct swisd_view_issue *out)
{
  const struct swisd_submitter *sub = node->submitter;
  *out = (struct swisd_view_issue){.worker = sub->partners[it->partner].id,
                                   .key = {.job = sub->jobs[it->job].id,
                                           .step = it->step,
                                           .lane = it->lane,
                                           .attempt = it->attempt,
                                           .epoch = it->epoch,
                                           .lo = it->lo,
                                           .hi = it->hi},
                                   .flops = it->flops,
                                   .issued_ns = it->issued_ns,
                                   .due_ns = it->expected_ns,
                                   .front = it->front,
                                   .hedge = it->hedge,
                                   .rescued = it->rescued,
                                   .replay = it->replay,
                                   .cancelled = it->cancelled};
}

bool swisd_view_issue(const struct swisd_node *node, uint32_t index, struct swisd_view_issue *out)
{
  if (index >= node->config.limits.intervals_max)
    return false;
  const struct swisd_issue *it = &node->submitter->issues[index + 1];
  if (it->partner)
    show_issue(node, it, out);
  else
    memset(out, 0, sizeof *out);
  return true;
}

bool swisd_view_find_issue(const struct swisd_node *node, struct swisd_id worker, const struct swisd_task_key *key,
                           struct swisd_view_issue *out)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint32_t p = 1; p <= sub->partner_count; p++) {
    if (!swisd_id_equal(sub->partners[p].id, worker))
      continue;
    for (uint16_t i = sub->partners[p].issue_last; i; i = sub->issues[i].previous) { /* it was most likely given last */
      const struct swisd_issue *it = &sub->issues[i];
      if (it->step == key->step && it->lane == key->lane && it->attempt == key->attempt && it->lo == key->lo &&
          swisd_job_id_equal(sub->jobs[it->job].id, key->job)) {
        show_issue(node, it, out);
        return true;
      }
    }
  }
  return false;
}

/* ---- the worker ---- */

bool swisd_view_served(const struct swisd_node *node, uint32_t index, struct swisd_view_served *out)
{
  if (index >= node->config.limits.open_jobs_max)
    return false;
  const struct swisd_open_job *job = &node->worker->jobs[index];
  memset(out, 0, sizeof *out);
  if (job->used)
    *out = (struct swisd_view_served){.id = job->id,
                                      .model = job->model,
                                      .backlog = job->backlog,
                                      .credits = job->credits,
                                      .queued = job->queued,
                                      .served_flops = job->served_flops,
                                      .lease_ends_ns = job->lease_deadline_ns};
  return true;
}

bool swisd_view_task(const struct swisd_node *node, uint32_t index, struct swisd_view_task *out)
{
  static const uint8_t states[] = {[SWISD_QUEUED_FREE] = SWISD_VIEW_TASK_NONE,
                                   [SWISD_QUEUED_WAITING] = SWISD_VIEW_TASK_WAITING,
                                   [SWISD_QUEUED_READY] = SWISD_VIEW_TASK_READY,
                                   [SWISD_QUEUED_RUNNING] = SWISD_VIEW_TASK_RUNNING};
  if (index >= node->config.limits.queue_max)
    return false;
  const struct swisd_queued *queued = &node->worker->queue[index];
  *out = (struct swisd_view_task){.state = (enum swisd_view_task_state)states[queued->state]};
  if (out->state == SWISD_VIEW_TASK_NONE)
    return true;
  out->key = queued->task.key;
  out->shard = queued->task.shard;
  out->cost_ns = queued->cost_ns;
  out->since_ns = queued->started_ns;
  return true;
}

void swisd_view_speeds(const struct swisd_node *node, swisd_log_rate rates[SWISD_KERNEL_COUNT],
                       uint32_t samples[SWISD_KERNEL_COUNT])
{
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++) {
    rates[k] = swisd_speed_fast(&node->worker->speed[k]);
    samples[k] = node->worker->speed[k].samples;
  }
}
