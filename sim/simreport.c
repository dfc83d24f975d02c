/* What the run log is told, and the summary of a run. */
#include <string.h>
#include <sys/resource.h>

#include "sim/simdriver_internal.h"

void swisd_simreport_open(struct swisd_simdriver *d)
{
  char name[SWISD_RUNLOG_NAME_BYTES];
  for (uint32_t i = 0; i < d->node_count; i++) {
    const struct swisd_scenario_class *c = d->devices[i].device_class;
    if (c != NULL)
      swisd_scenario_device_name(d->scenario, i, name, sizeof name);
    else
      snprintf(name, sizeof name, "submitter/%u", i - d->device_count);
    swisd_runlog_device(d->log, name, c != NULL ? c->name : "submitter", d->devices[i].flops_per_s); /* a submitter's are 0 */
    swisd_runlog_memory(d->log, i, (double)d->devices[i].config.memory_bytes);
    swisd_runlog_link(d->log, i, d->hosts[i].up_bytes_per_s, d->hosts[i].down_bytes_per_s);
  }
  swisd_runlog_item_flops(d->log, d->model.item_flops);
  swisd_runlog_item_bytes(d->log, (double)d->model.up_bytes_per_item, (double)d->model.down_bytes_per_item);
  for (uint32_t i = 0; i < d->model.manifest.shard_count; i++) {
    const struct swisd_model_shard *shard = &d->model.manifest.shards[i];
    swisd_runlog_shard(d->log, shard->kernel, (double)shard->flops_per_item, (double)shard->bytes);
  }
}

void swisd_simreport_speed(struct swisd_simdriver *d, uint32_t node)
{
  const struct swisd_sim_device *device = &d->devices[node];
  const bool works = device->running && !device->frozen && !device->leaving;
  swisd_runlog_speed(d->log, node, swisd_simdriver_since(d, swisd_simdriver_now(d)), works ? 1 / device->slow : 0);
}

void swisd_simreport_holds(struct swisd_simdriver *d, uint32_t node)
{
  uint64_t held = 0;
  for (uint32_t i = 0; i < d->model.manifest.shard_count; i++)
    if (swisd_simtransfer_on_disk(&d->devices[node], d->model.manifest.shards[i].shard))
      held |= UINT64_C(1) << i;
  swisd_runlog_holds(d->log, node, swisd_simdriver_since(d, swisd_simdriver_now(d)), held);
}

uint64_t swisd_simreport_time(const struct swisd_simdriver *d, uint32_t node, uint64_t node_ns)
{
  const uint64_t ahead_ns = d->devices[node].clock_ns;
  return swisd_simdriver_since(d, node_ns > ahead_ns ? node_ns - ahead_ns : 0);
}

void swisd_simreport_event(struct swisd_simdriver *d, const char *event, uint32_t node, double value)
{
  const struct swisd_runlog_event entry = {.time_ns = swisd_simdriver_since(d, swisd_simdriver_now(d)),
                                           .event = event,
                                           .device = node,
                                           .by = SWISD_RUNLOG_NOBODY,
                                           .has_value = value > 0,
                                           .value = value};
  swisd_runlog_event(d->log, &entry);
}

struct swisd_runlog_key swisd_simreport_key(const struct swisd_simdriver *d, const struct swisd_task_key *key)
{
  return (struct swisd_runlog_key){.submitter = swisd_simdriver_index(d, key->job.submitter),
                                   .job = key->job.number,
                                   .step = key->step,
                                   .lane = key->lane,
                                   .attempt = key->attempt,
                                   .lo = key->lo,
                                   .hi = key->hi};
}

/* ---- traces ---- */

static void member_event(struct swisd_simdriver *d, uint32_t node, const struct swisd_trace *trace, const char *event)
{
  const uint32_t subject = swisd_simdriver_index(d, trace->subject);
  if (subject == d->node_count)
    return;
  struct swisd_sim_device *device = &d->devices[subject];
  bool *told = trace->kind == SWISD_TRACE_MEMBER_DEAD ? &device->told_dead : &device->told_suspect;
  if (*told)
    return;
  *told = true;
  const struct swisd_runlog_event entry = {
    .time_ns = swisd_simreport_time(d, node, trace->time_ns), .event = event, .device = subject, .by = node};
  swisd_runlog_event(d->log, &entry);
}

static void task_event(struct swisd_simdriver *d, uint32_t node, const struct swisd_trace *trace, const char *event, double value)
{
  const uint32_t worker = swisd_simdriver_index(d, trace->peer);
  const struct swisd_runlog_event entry = {.time_ns = swisd_simreport_time(d, node, trace->time_ns),
                                           .event = event,
                                           .device = worker == d->node_count ? SWISD_RUNLOG_NOBODY : worker,
                                           .by = node,
                                           .has_task = trace->kind != SWISD_TRACE_WORKER_OVERDUE,
                                           .step = trace->key.step,
                                           .lane = trace->key.lane,
                                           .lo = trace->key.lo,
                                           .hi = trace->key.hi,
                                           .has_value = value > 0,
                                           .value = value};
  swisd_runlog_event(d->log, &entry);
}

static void outcome(struct swisd_simdriver *d, uint32_t node, const struct swisd_trace *trace, enum swisd_runlog_outcome what)
{
  const struct swisd_runlog_key key = swisd_simreport_key(d, &trace->key);
  swisd_runlog_task_outcome(d->log, swisd_simdriver_index(d, trace->peer), &key, what,
                            swisd_simreport_time(d, node, trace->time_ns), (double)trace->value);
}

static void report(struct swisd_simdriver *d, uint32_t node, const struct swisd_trace *trace)
{
  switch (trace->kind) {
  case SWISD_TRACE_MEMBER_SUSPECT:
    member_event(d, node, trace, SWISD_RUNLOG_SUSPECT);
    break;
  case SWISD_TRACE_MEMBER_DEAD:
    member_event(d, node, trace, SWISD_RUNLOG_DEAD);
    break;
  case SWISD_TRACE_TASK_HEDGED:
  case SWISD_TRACE_TASK_REISSUED: {
    const bool hedge = trace->kind == SWISD_TRACE_TASK_HEDGED;
    d->hedges += hedge;
    d->reissues += !hedge;
    task_event(d, node, trace, hedge ? SWISD_RUNLOG_HEDGE : SWISD_RUNLOG_REISSUE, (double)trace->value * 1e-9);
    break;
  }
  case SWISD_TRACE_TASK_ACCEPTED:
    outcome(d, node, trace, SWISD_RUNLOG_ACCEPTED);
    break;
  case SWISD_TRACE_TASK_DUPLICATE:
    outcome(d, node, trace, SWISD_RUNLOG_DUPLICATE);
    break;
  case SWISD_TRACE_TASK_LOST:
    outcome(d, node, trace, SWISD_RUNLOG_LOST);
    break;
  case SWISD_TRACE_TASK_REJECTED:
    outcome(d, node, trace, SWISD_RUNLOG_REJECTED);
    break;
  case SWISD_TRACE_TASK_CANCELLED:
    outcome(d, node, trace, SWISD_RUNLOG_CANCELLED);
    break;
  case SWISD_TRACE_TASK_REPLAYED:
    outcome(d, node, trace, SWISD_RUNLOG_REPLAYED);
    break;
  case SWISD_TRACE_WORKER_OVERDUE:
    task_event(d, node, trace, SWISD_RUNLOG_OVERDUE, 0);
    break;
  case SWISD_TRACE_SESSION_MOVED:
    task_event(d, node, trace, SWISD_RUNLOG_MOVED, (double)trace->value);
    break;
  default:
    break;
  }
}

void swisd_simreport_traces(struct swisd_simdriver *d, uint32_t node)
{
  for (uint32_t i = 0; i < d->actions.trace_count; i++)
    report(d, node, &d->actions.traces[i]);
}

/* ---- the summary ---- */

/* The core's own account: traces would count accepted work that was lost later twice. */
static void add_account(struct swisd_runlog_summary *s, const struct swisd_job_account *a)
{
  s->flop_issued += (double)a->issued;
  s->flop_accepted += (double)a->accepted;
  s->flop_duplicate += (double)a->duplicate;
  s->flop_lost += (double)a->lost;
  s->flop_rejected += (double)a->rejected;
  s->flop_cancelled += (double)a->cancelled;
  s->flop_replayed += (double)a->replayed;
  s->flop_under_way += (double)a->under_way;
}

static void add_jobs(const struct swisd_simdriver *d, struct swisd_runlog_summary *s)
{
  for (uint32_t i = 0; i < d->submitter_count; i++)
    for (uint32_t j = 0; j < d->jobs_each; j++) {
      const struct swisd_sim_run_job *job = &d->submitters[i].jobs[j];
      s->jobs++;
      s->jobs_answered += job->ended && job->status == SWISD_OK;
      s->jobs_failed += job->ended && job->status != SWISD_OK;
      s->items_wanted += job->items;
      s->items_answered += job->answered;
      struct swisd_job_account account = job->account;
      if (job->submitted && !job->ended)
        swisd_node_job_account(d->devices[d->device_count + i].node, job->number, &account);
      add_account(s, &account);
    }
}

static void add_speed(const struct swisd_simdriver *d, struct swisd_runlog_summary *s)
{
  const bool all = s->jobs_answered == s->jobs;
  const uint64_t from_ns = swisd_simdriver_since(d, d->first_submit_ns);
  const uint64_t to_ns = swisd_simdriver_since(d, all ? d->last_answer_ns : d->end_ns);
  if (d->first_submit_ns == SWISD_NEVER || to_ns <= from_ns)
    return;
  const double span_s = (double)(to_ns - from_ns) * 1e-9;
  s->window_from_s = (double)from_ns * 1e-9;
  s->window_to_s = (double)to_ns * 1e-9;
  s->items_per_s = (double)swisd_runlog_items_between(d->log, from_ns, to_ns + 1) / span_s;
  if (d->model.tokens)
    return; /* a text is a chain: these bounds say nothing of it */
  swisd_runlog_reckon(d->log, from_ns, to_ns, s);
  if (all) {
    s->makespan_s = span_s;
    s->bound_fluid_makespan_s = swisd_runlog_bound_makespan_s(d->log, from_ns, (double)s->items_answered);
  }
}

struct swisd_runlog_summary swisd_simdriver_summary(struct swisd_simdriver *d)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const double cpu_s =
    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  struct swisd_runlog_summary s = {.scenario = d->file->name,
                                   .world = d->file->world,
                                   .backend = "sim",
                                   .policy = d->file->policy,
                                   .seed = d->scenario->seed,
                                   .repeat = d->options.repeat,
                                   .digest = d->digest,
                                   .duration_s = (double)swisd_simdriver_since(d, d->end_ns) * 1e-9,
                                   .devices = d->device_count,
                                   .submitters = d->submitter_count,
                                   .departures = (uint32_t)d->departures,
                                   .returns = (uint32_t)d->returns,
                                   .items_wrong = d->wrong_items,
                                   .hedges = d->hedges,
                                   .reissues = d->reissues,
                                   .messages = d->messages,
                                   .message_bytes = d->message_bytes,
                                   .bodies = d->bodies,
                                   .body_bytes = d->body_bytes,
                                   .cpu_s = cpu_s,
                                   .rss_bytes_max = (uint64_t)usage.ru_maxrss * 1024};
  add_jobs(d, &s);
  add_speed(d, &s);
  return s;
}
