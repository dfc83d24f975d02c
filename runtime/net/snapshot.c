/* See snapshot.h. */
#include "runtime/net/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/rate.h"
#include "runtime/net/clock.h"
#include "runtime/net/peer_internal.h"
#include "runtime/wire/trace_text.h"

static uint64_t age_ns(const struct swisd_snapshot *snapshot, uint64_t since_ns)
{
  return snapshot->now_ns > since_ns ? snapshot->now_ns - since_ns : 0;
}

static uint64_t left_ns(const struct swisd_snapshot *snapshot, uint64_t at_ns)
{
  return at_ns == SWISD_NEVER ? SWISD_NEVER : at_ns > snapshot->now_ns ? at_ns - snapshot->now_ns : 0;
}

static void take_member(const struct swisd_snapshot *snapshot, const struct swisd_view_member *view,
                        struct swisd_snapshot_member *out)
{
  const struct swisd_record *record = view->record;
  out->id = record->id;
  out->state = view->state;
  out->works = record->flags & SWISD_RECORD_WORKS;
  out->incarnation = record->incarnation;
  if (record->address_count)
    out->address = record->addresses[0];
  out->age_ns = age_ns(snapshot, view->since_ns);
  out->rtt_ns = view->rtt_ns;
  out->dead_in_ns = left_ns(snapshot, view->dead_at_ns);
  out->accuser_count = view->accuser_count;
  memcpy(out->accusers, view->accusers, sizeof out->accusers);
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
    out->flops_per_s[k] = record->rates[k] ? swisd_rate_exp2(record->rates[k]) : 0;
  out->holding_count = record->holding_count;
  memcpy(out->holdings, record->holdings, sizeof out->holdings);
}

static void take_members(struct swisd_snapshot *snapshot, const struct swisd_node *node)
{
  struct swisd_view_member view;
  for (uint32_t i = 0; swisd_view_member(node, i, &view); i++)
    if (!swisd_id_is_zero(view.record->id)) {
      snapshot->members[snapshot->member_count].self = i == 0;
      take_member(snapshot, &view, &snapshot->members[snapshot->member_count++]);
    }
}

static void take_models(struct swisd_snapshot *snapshot, const struct swisd_peer *peer)
{
  struct swisd_view_model view;
  for (uint32_t m = 0; swisd_view_model(peer->node, m, &view); m++) {
    if (view.id == 0)
      continue;
    struct swisd_snapshot_model *model = &snapshot->models[snapshot->model_count++];
    const struct swisd_model *manifest = swisd_models_find(peer->models, view.id);
    model->id = view.id;
    model->shard_count = view.shard_count;
    if (manifest)
      memcpy(model->name, manifest->name, sizeof model->name);
    for (uint32_t s = 0; s < view.shard_count; s++)
      swisd_view_shard(peer->node, m, s, &model->shards[s]);
  }
}

static void take_jobs(struct swisd_snapshot *snapshot, const struct swisd_peer *peer)
{
  struct swisd_view_job view;
  for (uint32_t j = 0; swisd_view_job(peer->node, j, &view); j++) {
    if (view.number == 0)
      continue;
    struct swisd_snapshot_job *job = &snapshot->jobs[snapshot->job_count++];
    job->view = view;
    for (uint32_t l = 0; l < view.lane_count; l++)
      swisd_view_lane(peer->node, j, l, &job->lanes[l]);
    const struct swisd_model *manifest = swisd_models_find(peer->models, view.model);
    if (!manifest)
      continue;
    memcpy(job->model_name, manifest->name, sizeof job->model_name);
    for (uint32_t s = 0; s < view.step_count && s < manifest->step_count; s++)
      memcpy(job->step_names[s], manifest->steps[s].name, sizeof job->step_names[s]);
  }
}

static void sum_partner(const struct swisd_ledger *ledger, struct swisd_snapshot_partner *partner)
{
  for (uint32_t j = 0; j < SWISD_LEDGER_JOBS_MAX; j++) {
    const struct swisd_ledger_job *job = swisd_ledger_job(ledger, j);
    for (uint32_t w = 0; job->own && w < job->worker_count; w++)
      if (swisd_id_equal(job->workers[w].id, partner->view.id)) {
        partner->accepted += job->workers[w].accepted;
        partner->accepted_items += job->workers[w].accepted_items;
        partner->accepted_flops += job->workers[w].accepted_flops;
      }
  }
}

static void take_work(struct swisd_snapshot *snapshot, const struct swisd_peer *peer)
{
  const struct swisd_node *node = peer->node;
  struct swisd_snapshot_partner partner = {0};
  for (uint32_t p = 0; swisd_view_partner(node, p, &partner.view); p++)
    if (!swisd_id_is_zero(partner.view.id)) {
      sum_partner(peer->ledger, &partner);
      snapshot->partners[snapshot->partner_count++] = partner;
      partner = (struct swisd_snapshot_partner){0};
    }
  struct swisd_view_served served;
  for (uint32_t s = 0; swisd_view_served(node, s, &served); s++)
    if (!swisd_id_is_zero(served.id.submitter))
      snapshot->served[snapshot->served_count++] = served;
  struct swisd_view_task task;
  for (uint32_t t = 0; swisd_view_task(node, t, &task); t++)
    if (task.state != SWISD_VIEW_TASK_NONE)
      snapshot->tasks[snapshot->task_count++] = task;
}

static void add_worker(struct swisd_snapshot_past *past, const struct swisd_ledger_worker *worker)
{
  past->tasks += worker->accepted;
  past->items += worker->accepted_items;
  past->flops += worker->accepted_flops;
  past->computed += worker->computed;
  past->computed_ns += worker->computed_ns;
}

static int newest_first(const void *a, const void *b)
{
  const struct swisd_snapshot_past *left = a, *right = b;
  return (left->age_ns > right->age_ns) - (left->age_ns < right->age_ns);
}

static void take_past(struct swisd_snapshot *snapshot, const struct swisd_ledger *ledger)
{
  for (uint32_t j = 0; j < SWISD_LEDGER_JOBS_MAX; j++) {
    const struct swisd_ledger_job *job = swisd_ledger_job(ledger, j);
    if (swisd_id_is_zero(job->id.submitter))
      continue;
    struct swisd_snapshot_past *past = &snapshot->past[snapshot->past_count++];
    *past = (struct swisd_snapshot_past){.id = job->id,
                                         .own = job->own,
                                         .number = job->number,
                                         .outcome = job->outcome,
                                         .failure = job->failure,
                                         .age_ns = age_ns(snapshot, job->start_ns),
                                         .idle_ns = age_ns(snapshot, job->end_ns),
                                         .worker_count = job->worker_count};
    past->running = job->own && job->outcome == SWISD_LEDGER_OPEN;
    for (uint32_t s = 0; s < snapshot->served_count; s++)
      past->running = past->running || (!job->own && swisd_job_id_equal(snapshot->served[s].id, job->id));
    for (uint32_t w = 0; w < job->worker_count; w++)
      add_worker(past, &job->workers[w]);
    add_worker(past, &job->others);
  }
  qsort(snapshot->past, snapshot->past_count, sizeof *snapshot->past, newest_first);
}

struct swisd_snapshot *swisd_snapshot_take(const struct swisd_peer *peer)
{
  const struct swisd_limits *limits = &peer->options.config.limits;
  struct swisd_snapshot *snapshot = calloc(1, sizeof *snapshot);
  if (!snapshot)
    return NULL;
  snapshot->members = calloc(limits->members_max, sizeof *snapshot->members);
  snapshot->models = calloc(limits->models_max, sizeof *snapshot->models);
  snapshot->partners = calloc(limits->workers_max, sizeof *snapshot->partners);
  snapshot->jobs = calloc(limits->jobs_max, sizeof *snapshot->jobs);
  snapshot->served = calloc(limits->open_jobs_max, sizeof *snapshot->served);
  snapshot->tasks = calloc(limits->queue_max, sizeof *snapshot->tasks);
  if (!snapshot->members || !snapshot->models || !snapshot->partners || !snapshot->jobs || !snapshot->served ||
      !snapshot->tasks) {
    swisd_snapshot_free(snapshot);
    return NULL;
  }
  snapshot->id = peer->identity.id;
  snapshot->name = peer->options.name;
  snapshot->class_name = peer->options.class_name;
  snapshot->kernels = peer->options.kernels->name;
  snapshot->address = peer->address;
  snapshot->now_ns = swisd_clock_now_ns();
  swisd_peer_status(peer, &snapshot->status);
  snapshot->totals = *swisd_ledger_totals(peer->ledger);
  swisd_log_rate rates[SWISD_KERNEL_COUNT];
  swisd_view_speeds(peer->node, rates, snapshot->samples);
  for (int k = 0; k < SWISD_KERNEL_COUNT; k++)
    snapshot->flops_per_s[k] = rates[k] ? swisd_rate_exp2(rates[k]) : 0;
  take_members(snapshot, peer->node);
  take_models(snapshot, peer);
  take_jobs(snapshot, peer);
  take_work(snapshot, peer);
  take_past(snapshot, peer->ledger);
  return snapshot;
}

void swisd_snapshot_free(struct swisd_snapshot *snapshot)
{
  if (!snapshot)
    return;
  free(snapshot->members);
  free(snapshot->models);
  free(snapshot->partners);
  free(snapshot->jobs);
  free(snapshot->served);
  free(snapshot->tasks);
  free(snapshot);
}

const char *swisd_snapshot_table_name(int table) { return swisd_table_name((uint64_t)table); }

const char *swisd_kernel_class_name(int kernel)
{
  static const char *const names[SWISD_KERNEL_COUNT] = {"conv", "dense", "attention"};
  return names[kernel];
}

const char *swisd_member_state_name(enum swisd_member_state state)
{
  static const char *const names[] = {"alive", "suspect", "dead", "left"};
  return names[state];
}

const char *swisd_ledger_outcome_name(const struct swisd_snapshot_past *past)
{
  return past->running                            ? "running"
         : past->outcome == SWISD_LEDGER_ANSWERED ? "answered"
         : past->outcome == SWISD_LEDGER_FAILED   ? "failed"
                                                  : "over";
}

void swisd_job_name(struct swisd_job_id id, char name[SWISD_JOB_NAME_BYTES])
{
  snprintf(name, SWISD_JOB_NAME_BYTES, "%08x-%u.%u", (unsigned)(id.submitter.hi >> 32), (unsigned)(id.number >> 32),
           (unsigned)id.number);
}
