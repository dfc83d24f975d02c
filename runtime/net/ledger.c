/* See ledger.h. */
#include "runtime/net/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/core/message.h"
#include "runtime/core/view.h"

struct swisd_ledger {
  struct swisd_id self;
  struct swisd_ledger_totals totals;
  struct swisd_ledger_job jobs[SWISD_LEDGER_JOBS_MAX];
  struct swisd_ledger_decision decisions[SWISD_LEDGER_DECISIONS_MAX]; /* ring; `decision_count` were ever made */
  struct swisd_trace events[SWISD_LEDGER_EVENTS_MAX];                 /* ring; `event_count` were ever told */
  uint64_t decision_count, event_count;
};

struct swisd_ledger *swisd_ledger_open(struct swisd_id self)
{
  struct swisd_ledger *ledger = calloc(1, sizeof *ledger); /* 500 kB, of which an idle node touches next to nothing */
  if (ledger)
    ledger->self = self;
  return ledger;
}

void swisd_ledger_close(struct swisd_ledger *ledger) { free(ledger); }

const struct swisd_ledger_totals *swisd_ledger_totals(const struct swisd_ledger *ledger) { return &ledger->totals; }

const struct swisd_ledger_job *swisd_ledger_job(const struct swisd_ledger *ledger, uint32_t index)
{
  return &ledger->jobs[index];
}

/* SWISD_LEDGER_JOBS_MAX: unknown. */
static uint32_t index_of(const struct swisd_ledger *ledger, struct swisd_job_id id)
{
  uint32_t j = 0;
  while (j < SWISD_LEDGER_JOBS_MAX &&
         (swisd_id_is_zero(ledger->jobs[j].id.submitter) || !swisd_job_id_equal(ledger->jobs[j].id, id)))
    j++;
  return j;
}

const struct swisd_ledger_job *swisd_ledger_find(const struct swisd_ledger *ledger, struct swisd_job_id id)
{
  const uint32_t j = index_of(ledger, id);
  return j < SWISD_LEDGER_JOBS_MAX ? &ledger->jobs[j] : NULL;
}

/* ---- jobs and workers ---- */

/* A free entry, or that of the job that has been silent for longest, ended ones first. */
static struct swisd_ledger_job *job_entry(struct swisd_ledger *ledger)
{
  struct swisd_ledger_job *oldest = NULL;
  for (uint32_t j = 0; j < SWISD_LEDGER_JOBS_MAX; j++) {
    struct swisd_ledger_job *job = &ledger->jobs[j];
    if (swisd_id_is_zero(job->id.submitter))
      return job;
    const bool ended = job->outcome != SWISD_LEDGER_OPEN;
    const bool oldest_ended = oldest && oldest->outcome != SWISD_LEDGER_OPEN;
    if (!oldest || (ended && !oldest_ended) || (ended == oldest_ended && job->end_ns < oldest->end_ns))
      oldest = job;
  }
  return oldest;
}

static struct swisd_ledger_job *job_of(struct swisd_ledger *ledger, const struct swisd_trace *trace)
{
  const uint32_t j = index_of(ledger, trace->key.job);
  struct swisd_ledger_job *job = j < SWISD_LEDGER_JOBS_MAX ? &ledger->jobs[j] : job_entry(ledger);
  if (j == SWISD_LEDGER_JOBS_MAX) {
    memset(job, 0, sizeof *job);
    job->id = trace->key.job;
    job->own = swisd_id_equal(job->id.submitter, ledger->self);
    job->start_ns = trace->time_ns;
  }
  if (job->outcome == SWISD_LEDGER_OPEN)
    job->end_ns = trace->time_ns;
  return job;
}

static struct swisd_ledger_worker *worker_of(struct swisd_ledger_job *job, struct swisd_id id, uint64_t now_ns)
{
  struct swisd_ledger_worker *worker = &job->others;
  uint32_t w = swisd_id_is_zero(id) ? SWISD_LEDGER_WORKERS_MAX : 0; /* nobody in particular */
  while (w < job->worker_count && !swisd_id_equal(job->workers[w].id, id))
    w++;
  if (w < SWISD_LEDGER_WORKERS_MAX) {
    worker = &job->workers[w];
    if (w == job->worker_count)
      *worker = (struct swisd_ledger_worker){.id = id, .first_ns = now_ns};
    job->worker_count = w == job->worker_count ? w + 1 : job->worker_count;
  }
  worker->last_ns = now_ns;
  return worker;
}

static void end_job(struct swisd_ledger_job *job, enum swisd_ledger_outcome outcome, int failure)
{
  if (job->outcome == SWISD_LEDGER_OPEN) {
    job->outcome = outcome;
    job->failure = failure;
  }
}

static void count_for_worker(struct swisd_ledger *ledger, struct swisd_ledger_worker *worker, const struct swisd_trace *trace)
{
  const uint64_t items = trace->key.hi - trace->key.lo;
  switch ((enum swisd_trace_kind)trace->kind) {
  case SWISD_TRACE_TASK_ISSUED:
    worker->issued++;
    break;
  case SWISD_TRACE_TASK_HEDGED:
    worker->hedged++;
    break;
  case SWISD_TRACE_TASK_REISSUED:
    worker->reissued++;
    break;
  case SWISD_TRACE_TASK_ACCEPTED:
    worker->accepted++;
    worker->accepted_items += items;
    worker->accepted_flops += trace->value;
    ledger->totals.items_accepted += items;
    break;
  case SWISD_TRACE_TASK_DUPLICATE:
    worker->duplicate++;
    break;
  case SWISD_TRACE_TASK_LOST:
    worker->lost++;
    break;
  case SWISD_TRACE_TASK_REJECTED:
    worker->rejected++;
    break;
  case SWISD_TRACE_TASK_CANCELLED:
    worker->cancelled++;
    break;
  case SWISD_TRACE_TASK_REPLAYED:
    worker->replayed++;
    break;
  case SWISD_TRACE_TASK_NACKED:
    if (trace->value == SWISD_NACK_BUSY)
      worker->busy++;
    else
      worker->refused++;
    break;
  case SWISD_TRACE_SESSION_MOVED:
    worker->sessions++;
    break;
  case SWISD_TRACE_TASK_QUEUED:
    worker->queued++;
    break;
  case SWISD_TRACE_TASK_COMPUTED:
    worker->computed++;
    worker->computed_ns += trace->value;
    break;
  case SWISD_TRACE_TASK_REFUSED:
    if (trace->value == SWISD_NACK_BUSY)
      worker->busy++, ledger->totals.refused_busy++;
    else
      worker->refused++;
    break;
  default:
    break;
  }
}

/* ---- decisions ---- */

static enum swisd_ledger_obstacle obstacle_of(const struct swisd_view_partner *partner, uint64_t now_ns)
{
  if (!partner->here)
    return SWISD_LEDGER_NOT_HERE;
  if (partner->suspect)
    return SWISD_LEDGER_SUSPECT;
  if (partner->overdue)
    return SWISD_LEDGER_IS_OVERDUE;
  if (partner->blocked_until_ns > now_ns)
    return SWISD_LEDGER_BLOCKED;
  return partner->credits ? SWISD_LEDGER_LATER : SWISD_LEDGER_BUSY;
}

static void weigh_alternatives(const struct swisd_node *node, uint32_t slot, uint32_t lane_index,
                               struct swisd_ledger_decision *decision)
{
  struct swisd_view_partner partner;
  for (uint32_t p = 0; swisd_view_partner(node, p, &partner); p++) {
    if (swisd_id_is_zero(partner.id) || !swisd_view_holds(node, p, slot, lane_index))
      continue;
    decision->holders++;
    if (swisd_id_equal(partner.id, decision->worker) || swisd_id_equal(partner.id, decision->instead_of))
      continue;
    if (decision->alternative_count < SWISD_LEDGER_ALTERNATIVES_MAX)
      decision->alternatives[decision->alternative_count] =
        (struct swisd_ledger_alternative){.id = partner.id,
                                          .obstacle = obstacle_of(&partner, decision->time_ns),
                                          .free_at_ns = partner.last_due_ns == SWISD_NEVER ? 0 : partner.last_due_ns};
    decision->alternative_count++;
  }
}

/* The latest worker, other than the one chosen, that was given this piece and is late with it. */
static struct swisd_id who_is_late(const struct swisd_ledger *ledger, const struct swisd_trace *trace)
{
  const uint64_t kept = ledger->decision_count < SWISD_LEDGER_DECISIONS_MAX ? ledger->decision_count : SWISD_LEDGER_DECISIONS_MAX;
  for (uint64_t i = 1; i <= kept; i++) {
    const struct swisd_ledger_decision *earlier = &ledger->decisions[(ledger->decision_count - i) % SWISD_LEDGER_DECISIONS_MAX];
    if (earlier->key.step == trace->key.step && earlier->key.lane == trace->key.lane && earlier->key.lo <= trace->key.lo &&
        earlier->key.hi > trace->key.lo && swisd_job_id_equal(earlier->key.job, trace->key.job) &&
        !swisd_id_equal(earlier->worker, trace->peer))
      return earlier->worker;
  }
  return (struct swisd_id){0};
}

static void decide(struct swisd_ledger *ledger, const struct swisd_node *node, const struct swisd_trace *trace)
{
  struct swisd_ledger_decision decision = {
    .time_ns = trace->time_ns ? trace->time_ns : 1, .key = trace->key, .shard = trace->shard, .worker = trace->peer};
  struct swisd_view_job job = {0};
  uint32_t slot = 0;
  while (swisd_view_job(node, slot, &job) && !(job.open && swisd_job_id_equal(job.id, trace->key.job)))
    slot++;
  struct swisd_view_lane lane = {0};
  uint32_t lane_index = 0;
  while (job.open && swisd_view_lane(node, slot, lane_index, &lane) &&
         !(lane.step == trace->key.step && lane.lane == trace->key.lane))
    lane_index++;
  decision.reason = trace->kind == SWISD_TRACE_TASK_HEDGED     ? SWISD_LEDGER_OVERDUE
                    : trace->kind == SWISD_TRACE_TASK_REISSUED ? SWISD_LEDGER_LOST
                    : lane.stateful                            ? SWISD_LEDGER_PINNED
                                                               : SWISD_LEDGER_ASKED;
  if (decision.reason == SWISD_LEDGER_OVERDUE || decision.reason == SWISD_LEDGER_LOST)
    decision.instead_of = who_is_late(ledger, trace);
  struct swisd_view_issue issue;
  if (swisd_view_find_issue(node, trace->peer, &trace->key, &issue))
    decision.due_ns = issue.due_ns;
  decision.ready_items = lane.ready;
  if (job.open)
    weigh_alternatives(node, slot, lane_index, &decision);
  ledger->decisions[ledger->decision_count++ % SWISD_LEDGER_DECISIONS_MAX] = decision;
}

const struct swisd_ledger_decision *swisd_ledger_decision(const struct swisd_ledger *ledger, struct swisd_job_id job,
                                                          uint32_t *cursor)
{
  while (*cursor < SWISD_LEDGER_DECISIONS_MAX && *cursor < ledger->decision_count) {
    const struct swisd_ledger_decision *decision =
      &ledger->decisions[(ledger->decision_count - 1 - (*cursor)++) % SWISD_LEDGER_DECISIONS_MAX];
    if (swisd_job_id_equal(decision->key.job, job))
      return decision;
  }
  return NULL;
}

/* ---- what is worth telling ---- */

static bool is_of_a_worker(uint8_t kind) { return kind == SWISD_TRACE_WORKER_OVERDUE || kind == SWISD_TRACE_WORKER_GONE; }

static bool is_worth_telling(const struct swisd_trace *trace)
{
  switch ((enum swisd_trace_kind)trace->kind) {
  case SWISD_TRACE_JOB_SUBMITTED:
  case SWISD_TRACE_JOB_ANSWERED:
  case SWISD_TRACE_JOB_FAILED:
  case SWISD_TRACE_TASK_HEDGED:
  case SWISD_TRACE_TASK_REISSUED:
  case SWISD_TRACE_TASK_LOST:
  case SWISD_TRACE_TASK_REJECTED:
  case SWISD_TRACE_TASK_REPLAYED:
  case SWISD_TRACE_WORKER_OVERDUE:
  case SWISD_TRACE_WORKER_GONE:
  case SWISD_TRACE_SESSION_MOVED:
  case SWISD_TRACE_JOB_EXPIRED:
    return true;
  case SWISD_TRACE_TASK_NACKED:
  case SWISD_TRACE_TASK_REFUSED: /* no news: it was busy, or does what it was told */
    return trace->value != SWISD_NACK_BUSY && trace->value != SWISD_NACK_CANCELLED;
  default:
    return false;
  }
}

const struct swisd_trace *swisd_ledger_event(const struct swisd_ledger *ledger, struct swisd_job_id job, uint32_t *cursor)
{
  const struct swisd_ledger_job *about = swisd_ledger_find(ledger, job);
  while (about && *cursor < SWISD_LEDGER_EVENTS_MAX && *cursor < ledger->event_count) {
    const struct swisd_trace *event = &ledger->events[(ledger->event_count - 1 - (*cursor)++) % SWISD_LEDGER_EVENTS_MAX];
    if (is_of_a_worker(event->kind) ? about->own && event->time_ns >= about->start_ns && event->time_ns <= about->end_ns
                                    : swisd_job_id_equal(event->key.job, job))
      return event;
  }
  return NULL;
}

/* ---- feeding ---- */

static void take(struct swisd_ledger *ledger, const struct swisd_node *node, const struct swisd_trace *trace)
{
  if (trace->kind < SWISD_LEDGER_KINDS) {
    ledger->totals.count[trace->kind]++;
    ledger->totals.value[trace->kind] += trace->value;
  }
  if (is_worth_telling(trace))
    ledger->events[ledger->event_count++ % SWISD_LEDGER_EVENTS_MAX] = *trace;
  if (trace->kind < SWISD_TRACE_JOB_SUBMITTED || trace->kind > SWISD_TRACE_JOB_EXPIRED || is_of_a_worker(trace->kind))
    return;
  struct swisd_ledger_job *job = job_of(ledger, trace);
  if (trace->kind == SWISD_TRACE_JOB_SUBMITTED)
    job->number = trace->value;
  else if (trace->kind == SWISD_TRACE_JOB_ANSWERED)
    end_job(job, SWISD_LEDGER_ANSWERED, 0);
  else if (trace->kind == SWISD_TRACE_JOB_FAILED)
    end_job(job, SWISD_LEDGER_FAILED, -(int)trace->value);
  else if (trace->kind == SWISD_TRACE_JOB_EXPIRED)
    end_job(job, SWISD_LEDGER_EXPIRED, 0);
  else /* what a node does for others is its own part, whoever the peer is */
    count_for_worker(ledger, worker_of(job, trace->kind >= SWISD_TRACE_TASK_QUEUED ? ledger->self : trace->peer, trace->time_ns),
                     trace);
  if (trace->kind >= SWISD_TRACE_TASK_ISSUED && trace->kind <= SWISD_TRACE_TASK_REISSUED)
    decide(ledger, node, trace);
}

void swisd_ledger_traces(struct swisd_ledger *ledger, const struct swisd_node *node, const struct swisd_trace *traces,
                         uint32_t count, uint64_t dropped)
{
  ledger->totals.traces_dropped += dropped;
  for (uint32_t i = 0; i < count; i++)
    take(ledger, node, &traces[i]);
}
