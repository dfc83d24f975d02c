/* Tasks on a worker: refused or queued, their inputs fetched, computed, answered. */
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/placement.h"
#include "runtime/core/submitter.h"
#include "runtime/core/worker.h"
#include "runtime/core/worker_internal.h"

/* A fetch without progress for this long has failed: a death is told by UNREACHABLE long before. Unless its owner answers
 * probes: then the link is busy with others' transfers, and to ask for the same bytes again would only add to that. It is
 * waited for another FETCH_EXTENSIONS_MAX seconds then. One that dribbles ends when it has taken as long as 64 kB/s take. */
static const uint64_t fetch_patience_ns = 3 * SWISD_SECOND;
enum { FETCH_EXTENSIONS_MAX = 7, FETCH_BYTES_PER_S_MIN = 64 * 1024 };

static bool same_key(const struct swisd_task_key *a, const struct swisd_task_key *b)
{
  return a->step == b->step && a->lane == b->lane && a->attempt == b->attempt && a->lo == b->lo && a->hi == b->hi &&
         swisd_job_id_equal(a->job, b->job);
}

static struct swisd_message_nack *nack(struct swisd_node *node, const struct swisd_task_key *key, enum swisd_nack_reason reason)
{
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_TASK_REFUSED);
  trace->key = *key;
  trace->peer = key->job.submitter;
  trace->value = reason;
  struct swisd_message_nack *out = &swisd_out_send(node, key->job.submitter, SWISD_MESSAGE_NACK)->u.nack;
  memset(out, 0, sizeof *out);
  out->key = *key;
  out->reason = (uint8_t)reason;
  return out;
}

static int urgency(const struct swisd_queued *queued)
{
  return queued->task.flags & SWISD_TASK_STATEFUL ? 2 : queued->task.flags & SWISD_TASK_RESCUE ? 1 : 0;
}

static bool runs_before(const struct swisd_queued *a, const struct swisd_queued *b)
{
  return urgency(a) != urgency(b) ? urgency(a) > urgency(b) : a->sequence < b->sequence;
}

uint64_t swisd_queued_left_ns(const struct swisd_node *node, const struct swisd_queued *queued)
{
  const uint64_t ran_ns = queued->state == SWISD_QUEUED_RUNNING ? node->now_ns - queued->started_ns : 0;
  return queued->cost_ns > ran_ns ? queued->cost_ns - ran_ns : 0;
}

uint64_t swisd_queue_ahead_ns(const struct swisd_node *node, const struct swisd_open_job *job)
{
  const struct swisd_worker *worker = node->worker;
  const struct swisd_queued *first = NULL; /* of this job */
  for (uint32_t q = 0; q < node->config.limits.queue_max; q++) {
    const struct swisd_queued *queued = &worker->queue[q];
    if (queued->state == SWISD_QUEUED_FREE || !swisd_job_id_equal(queued->task.key.job, job->id))
      continue;
    if (queued->state == SWISD_QUEUED_RUNNING)
      return 0;
    if (first == NULL || runs_before(queued, first))
      first = queued;
  }
  uint64_t ahead_ns = first ? 0 : swisd_worker_promised_ns(node, job);
  for (uint32_t q = 0; q < node->config.limits.queue_max; q++) {
    const struct swisd_queued *queued = &worker->queue[q];
    if (queued->state == SWISD_QUEUED_RUNNING || (queued->state != SWISD_QUEUED_FREE && (!first || runs_before(queued, first))))
      ahead_ns += swisd_queued_left_ns(node, queued);
  }
  return ahead_ns / node->config.compute_slots;
}

/* Takes a task out: its own inputs are released, its fetches are no longer awaited. */
static void forget(struct swisd_node *node, struct swisd_queued *queued)
{
  struct swisd_worker *worker = node->worker;
  for (uint32_t i = 0; i < queued->task.source_count; i++) {
    struct swisd_input *input = &queued->inputs[i];
    if (input->ticket) {
      worker->fetching--;
      if (node->actions->count + 2 < SWISD_ACTIONS_MAX)
        swisd_out_action(node, SWISD_ACTION_CANCEL)->u.ticket = input->ticket;
    }
    worker->borrowed = (uint16_t)(worker->borrowed - (input->here && !input->owned));
    input->here = false;
    if (input->owned) {
      worker->body_bytes -= input->body.bytes;
      swisd_out_release(node, input->body);
    }
  }
  struct swisd_open_job *job = swisd_open_job_find(node, queued->task.key.job);
  SWISD_ASSERT(job && job->queued);
  job->queued--;
  job->touched_ns = node->now_ns;
  worker->queued--;
  if (queued->state == SWISD_QUEUED_RUNNING)
    worker->running--;
  memset(queued, 0, sizeof *queued);
  worker->grant_due = worker->start_due = true;
}

/* An output can be freed, or a job's own input used up by a faster copy, while a task that reads it waits or runs here. */
bool swisd_queue_keeps(struct swisd_node *node, struct swisd_body body)
{
  struct swisd_worker *worker = node->worker;
  for (uint32_t q = 0; worker->borrowed && q < node->config.limits.queue_max; q++) {
    struct swisd_queued *queued = &worker->queue[q];
    for (uint32_t i = 0; queued->state != SWISD_QUEUED_FREE && i < queued->task.source_count; i++) {
      struct swisd_input *input = &queued->inputs[i];
      if (!input->here || input->owned || input->body.handle != body.handle || input->body.generation != body.generation)
        continue;
      input->owned = true;
      worker->borrowed--;
      worker->body_bytes += body.bytes;
      return true;
    }
  }
  return false;
}

static bool sources_are_sound(const struct swisd_message_task *task, const struct swisd_body *attached)
{
  uint32_t attachments = 0;
  for (uint32_t i = 0; i < task->source_count; i++) {
    const struct swisd_source *source = &task->sources[i];
    if (source->body_lo > source->lo || source->lo >= source->hi || source->hi > source->body_hi)
      return false;
    const uint64_t items = source->body_hi - source->body_lo;
    if (source->body.bytes % items != 0)
      return false;
    if (source->body.handle == 0 && (++attachments > 1 || attached->handle == 0 || attached->bytes != source->body.bytes))
      return false;
  }
  return task->source_count > 0 && task->source_count <= SWISD_SOURCES_MAX && attachments == (attached->handle != 0);
}

/* Whether a source that claims to lie here does: an output of that job, or what this node keeps of a job of its own. */
static bool lies_here(struct swisd_node *node, const struct swisd_message_task *task, const struct swisd_source *source)
{
  if (swisd_worker_output(node, task->key.job, source->body))
    return true;
  return swisd_id_equal(task->key.job.submitter, swisd_member_peek(node, 0)->record.id) &&
         swisd_submitter_keeps(node, &task->key, source);
}

/* Whether one more output can be kept, besides those of the tasks queued here. */
static bool output_room(const struct swisd_node *node)
{
  const struct swisd_worker *worker = node->worker;
  uint32_t outputs = worker->output_count;
  for (uint32_t q = 0; q < node->config.limits.queue_max; q++)
    outputs += worker->queue[q].state != SWISD_QUEUED_FREE && !(worker->queue[q].task.flags & SWISD_TASK_RETURN);
  return outputs < node->config.limits.outputs_max;
}

/* Why a task cannot be taken; 0 when it can. */
static enum swisd_nack_reason refusal(struct swisd_node *node, const struct swisd_message_task *task,
                                      const struct swisd_open_job *job)
{
  const struct swisd_worker *worker = node->worker;
  if (node->stopping)
    return SWISD_NACK_LEAVING;
  if (!swisd_placement_holds(node, task->shard))
    return SWISD_NACK_NOT_HELD;
  if ((task->flags & SWISD_TASK_STATEFUL) && task->key.epoch < job->epochs[task->key.step])
    return SWISD_NACK_FENCED;
  const bool front = task->flags & (SWISD_TASK_RESCUE | SWISD_TASK_STATEFUL);
  if (worker->queued + (front ? 0u : 1u) >= node->config.limits.queue_max)
    return SWISD_NACK_BUSY;
  if (!front && swisd_worker_queue_ns(node) > node->config.queue_ns_max)
    return SWISD_NACK_BUSY;
  if (!(task->flags & SWISD_TASK_RETURN) && !output_room(node) && !swisd_worker_evict(node))
    return SWISD_NACK_BUSY;
  if (worker->body_bytes >= node->config.body_bytes_max && !swisd_worker_evict(node))
    return SWISD_NACK_BUSY;
  return 0;
}

static void take_inputs(struct swisd_node *node, struct swisd_queued *queued, struct swisd_body attached)
{
  struct swisd_worker *worker = node->worker;
  const struct swisd_id self = swisd_member_at(node, 0)->record.id;
  for (uint32_t i = 0; i < queued->task.source_count; i++) {
    const struct swisd_source *source = &queued->task.sources[i];
    struct swisd_input *input = &queued->inputs[i];
    memset(input, 0, sizeof *input);
    if (source->body.handle == 0) {
      input->here = input->owned = true;
      input->body = attached;
      input->body_lo = source->body_lo;
      input->body_hi = source->body_hi;
      worker->body_bytes += attached.bytes;
    } else if (swisd_id_equal(source->owner, self)) {
      input->here = true;
      worker->borrowed++;
      input->body = source->body;
      input->body_lo = source->body_lo;
      input->body_hi = source->body_hi;
    }
  }
}

void swisd_queue_task(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_worker *worker = node->worker;
  const struct swisd_message_task *task = &event->message->u.task;
  struct swisd_open_job *job = swisd_open_job_find(node, task->key.job);
  if (event->body.handle) {
    struct swisd_action *grant = swisd_out_action(node, SWISD_ACTION_GRANT);
    grant->u.grant.peer = event->from;
    grant->u.grant.bytes = event->body.bytes;
  }
  /* No lease, no work: the JOB_OPEN was lost or came late, and the next one is at most an interval away. */
  if (!swisd_id_equal(event->from, task->key.job.submitter) || job == NULL || task->key.lo >= task->key.hi ||
      task->key.step >= SWISD_STEPS_MAX || task->kernel >= SWISD_KERNEL_COUNT || !sources_are_sound(task, &event->body)) {
    swisd_out_release(node, event->body);
    if (swisd_id_equal(event->from, task->key.job.submitter))
      nack(node, &task->key, job == NULL ? SWISD_NACK_BUSY : SWISD_NACK_FAILED)->delay_ms = 200;
    return;
  }
  if (job->credits)
    job->credits--;
  struct swisd_queued *slot = NULL;
  for (uint32_t q = 0; q < node->config.limits.queue_max; q++) {
    if (worker->queue[q].state == SWISD_QUEUED_FREE)
      slot = slot ? slot : &worker->queue[q];
    else if (same_key(&worker->queue[q].task.key, &task->key)) {
      swisd_out_release(node, event->body); /* doubled on the way */
      return;
    }
  }
  const enum swisd_nack_reason reason = slot ? refusal(node, task, job) : SWISD_NACK_BUSY;
  const struct swisd_source *missing = NULL;
  for (uint32_t i = 0; !reason && i < task->source_count; i++)
    if (task->sources[i].body.handle && swisd_id_equal(task->sources[i].owner, swisd_member_at(node, 0)->record.id) &&
        !lies_here(node, task, &task->sources[i]))
      missing = &task->sources[i];
  if (reason || missing) {
    swisd_out_release(node, event->body);
    struct swisd_message_nack *out = nack(node, &task->key, missing ? SWISD_NACK_INPUT_LOST : reason);
    if (missing)
      out->lost = *missing;
    /* A full queue empties by itself; outputs wait for others to use them. */
    if (reason == SWISD_NACK_BUSY)
      out->delay_ms = output_room(node) ? (uint32_t)(swisd_worker_queue_ns(node) / (2 * SWISD_MILLISECOND) + 1) : 100;
    worker->grant_due = true;
    return;
  }
  if (task->flags & SWISD_TASK_STATEFUL)
    job->epochs[task->key.step] = task->key.epoch;
  slot->state = SWISD_QUEUED_WAITING;
  slot->cancelled = false;
  slot->sequence = worker->sequence_next++;
  slot->cost_ns = swisd_rate_ns(task->flops, swisd_speed_fast(&worker->speed[task->kernel]));
  slot->started_ns = node->now_ns;
  slot->ticket = 0;
  slot->task = *task;
  if (!(task->flags & (SWISD_TASK_RESCUE | SWISD_TASK_STATEFUL)))
    worker->task_ns += slot->cost_ns / 4 - worker->task_ns / 4;
  worker->queued++;
  job->queued++;
  job->touched_ns = node->now_ns;
  job->served_flops += task->flops;
  take_inputs(node, slot, event->body);
  worker->start_due = worker->grant_due = true;
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_TASK_QUEUED);
  trace->key = task->key;
  trace->peer = event->from;
  trace->shard = task->shard;
}

/* The first input of a task that lies at `owner` and is not here; its count when there is none. */
static uint32_t waits_for(const struct swisd_queued *queued, struct swisd_id owner)
{
  uint32_t i = 0;
  while (i < queued->task.source_count && (queued->inputs[i].here || !swisd_id_equal(queued->task.sources[i].owner, owner)))
    i++;
  return i;
}

void swisd_queue_cancel(struct swisd_node *node, struct swisd_id from, const struct swisd_message_cancel *cancel)
{
  const struct swisd_task_key *key = &cancel->key;
  struct swisd_worker *worker = node->worker;
  for (uint32_t q = 0; q < node->config.limits.queue_max; q++) {
    struct swisd_queued *queued = &worker->queue[q];
    if (queued->state == SWISD_QUEUED_FREE || !same_key(&queued->task.key, key) || !swisd_id_equal(from, key->job.submitter))
      continue;
    if (!swisd_id_is_zero(cancel->source)) {
      const uint32_t i = waits_for(queued, cancel->source);
      if (i < queued->task.source_count) {
        nack(node, key, SWISD_NACK_INPUT_LOST)->lost = queued->task.sources[i];
        forget(node, queued);
      }
      return;
    }
    if (queued->state == SWISD_QUEUED_RUNNING) {
      if (!queued->cancelled)
        swisd_out_action(node, SWISD_ACTION_CANCEL)->u.ticket = queued->ticket;
      queued->cancelled = true; /* COMPUTED answers */
      return;
    }
    nack(node, key, SWISD_NACK_CANCELLED);
    forget(node, queued);
    return;
  }
}

void swisd_queue_drop_job(struct swisd_node *node, struct swisd_job_id id)
{
  struct swisd_worker *worker = node->worker;
  for (uint32_t q = 0; q < node->config.limits.queue_max; q++) {
    struct swisd_queued *queued = &worker->queue[q];
    if (queued->state == SWISD_QUEUED_FREE || !swisd_job_id_equal(queued->task.key.job, id))
      continue;
    if (queued->state == SWISD_QUEUED_RUNNING && node->actions->count + 2 < SWISD_ACTIONS_MAX)
      swisd_out_action(node, SWISD_ACTION_CANCEL)->u.ticket = queued->ticket;
    forget(node, queued);
  }
}

/* ---- answers ---- */

static struct swisd_output *output_slot(struct swisd_node *node)
{
  for (uint32_t o = 0; o < node->config.limits.outputs_max; o++)
    if (!node->worker->outputs[o].used)
      return &node->worker->outputs[o];
  return NULL;
}

static void measured(struct swisd_node *node, const struct swisd_message_task *task, uint64_t elapsed_ns)
{
  struct swisd_worker *worker = node->worker;
  struct swisd_speed *speed = &worker->speed[task->kernel];
  swisd_speed_measured(speed, task->flops, elapsed_ns);
  /* The record tells of a change of a fifth of an octave, not of every wiggle. */
  const struct swisd_record *record = &swisd_member_at(node, 0)->record;
  const int32_t advertised = record->rates[task->kernel], slow = swisd_speed_slow(speed);
  const int32_t hysteresis = SWISD_RATE_ONE / 5;
  if (slow - advertised > hysteresis || advertised - slow > hysteresis) {
    swisd_member_at(node, 0)->record.rates[task->kernel] = (swisd_log_rate)slow;
    swisd_members_publish(node);
  }
}

static void answer(struct swisd_node *node, struct swisd_queued *queued, const struct swisd_event_computed *event)
{
  struct swisd_worker *worker = node->worker;
  const struct swisd_message_task task = queued->task;
  struct swisd_open_job *job = swisd_open_job_find(node, task.key.job);
  forget(node, queued);
  uint8_t credits = 0;
  while (job && swisd_worker_next_grant(node) == job) {
    swisd_worker_granted(node, job);
    credits++;
  }
  struct swisd_message_result *result = &swisd_out_send(node, task.key.job.submitter, SWISD_MESSAGE_RESULT)->u.result;
  result->key = task.key;
  result->compute_ns = event->elapsed_ns;
  result->flops = task.flops;
  result->queue_ms = job ? (uint32_t)(swisd_queue_ahead_ns(node, job) / SWISD_MILLISECOND) : 0;
  result->credits = credits;
  result->inlined = event->inlined;
  memset(&result->output, 0, sizeof result->output);
  if ((task.flags & SWISD_TASK_RETURN) || event->out.handle == 0) {
    if (event->out.handle) {
      if (!(task.flags & SWISD_TASK_REPLAY))
        swisd_out_attach(node, event->out, 0, event->out.bytes);
      swisd_out_release(node, event->out);
    }
    return;
  }
  struct swisd_output *output = output_slot(node);
  SWISD_ASSERT(output); /* refusal() kept a place for every queued task */
  output->used = true;
  output->job = task.key.job;
  output->body = event->out;
  output->since_ns = node->now_ns;
  worker->output_count++;
  worker->body_bytes += event->out.bytes;
  result->output = event->out;
}

bool swisd_queue_computed(struct swisd_node *node, const struct swisd_event_computed *event)
{
  struct swisd_worker *worker = node->worker;
  struct swisd_queued *queued = NULL;
  for (uint32_t q = 0; worker->running && q < node->config.limits.queue_max && !queued; q++)
    if (worker->queue[q].state == SWISD_QUEUED_RUNNING && worker->queue[q].ticket == event->ticket)
      queued = &worker->queue[q];
  if (queued == NULL)
    return false;
  const struct swisd_message_task *task = &queued->task;
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_TASK_COMPUTED);
  trace->key = task->key;
  trace->peer = task->key.job.submitter;
  trace->value = event->elapsed_ns;
  trace->shard = task->shard;
  queued->ticket = 0;
  if (event->status == SWISD_OK && event->out.bytes == task->out_bytes) {
    measured(node, task, event->elapsed_ns);
    answer(node, queued, event);
    return true;
  }
  enum swisd_nack_reason reason = SWISD_NACK_FAILED;
  if (event->status == SWISD_ERROR_CANCELLED)
    reason = SWISD_NACK_CANCELLED;
  else if (event->status == SWISD_ERROR_STALE)
    reason = SWISD_NACK_STATE;
  struct swisd_message_nack *out = nack(node, &task->key, reason);
  if (reason == SWISD_NACK_STATE)
    for (uint32_t b = 0; b < 8 && b < event->inlined.count; b++)
      out->state_items |= (uint64_t)event->inlined.bytes[b] << (8 * b);
  swisd_out_release(node, event->out);
  forget(node, queued);
  return true;
}

/* ---- inputs ---- */

static void input_lost(struct swisd_node *node, struct swisd_queued *queued, uint32_t i)
{
  queued->inputs[i].ticket = 0;
  node->worker->fetching--;
  nack(node, &queued->task.key, SWISD_NACK_INPUT_LOST)->lost = queued->task.sources[i];
  forget(node, queued);
}

bool swisd_queue_fetched(struct swisd_node *node, const struct swisd_event_fetched *event)
{
  struct swisd_worker *worker = node->worker;
  for (uint32_t q = 0; worker->fetching && q < node->config.limits.queue_max; q++) {
    struct swisd_queued *queued = &worker->queue[q];
    if (queued->state != SWISD_QUEUED_WAITING)
      continue;
    for (uint32_t i = 0; i < queued->task.source_count; i++) {
      struct swisd_input *input = &queued->inputs[i];
      if (input->ticket != event->ticket || event->ticket == 0)
        continue;
      const struct swisd_source *source = &queued->task.sources[i];
      const uint64_t bytes = source->body.bytes / (source->body_hi - source->body_lo) * (source->hi - source->lo);
      if (event->status != SWISD_OK || event->body.bytes != bytes || (bytes && event->body.handle == 0)) {
        swisd_out_release(node, event->body);
        input_lost(node, queued, i);
        return true;
      }
      input->ticket = 0;
      worker->fetching--;
      input->here = input->owned = true;
      input->body = event->body;
      input->body_lo = source->lo;
      input->body_hi = source->hi;
      worker->body_bytes += event->body.bytes;
      worker->start_due = true;
      return true;
    }
  }
  return false;
}

void swisd_worker_progress(struct swisd_node *node, uint32_t ticket)
{
  struct swisd_worker *worker = node->worker;
  for (uint32_t q = 0; worker->fetching && q < node->config.limits.queue_max; q++)
    for (uint32_t i = 0; i < worker->queue[q].task.source_count; i++)
      if (worker->queue[q].inputs[i].ticket == ticket && ticket) {
        worker->queue[q].inputs[i].deadline_ns = node->now_ns + fetch_patience_ns;
        worker->queue[q].inputs[i].extended = 0;
      }
}

/* Starts the fetches of one task, as far as there is room. True when all its inputs are here. */
static bool fetch_inputs(struct swisd_node *node, struct swisd_queued *queued)
{
  struct swisd_worker *worker = node->worker;
  bool all = true;
  for (uint32_t i = 0; i < queued->task.source_count; i++) {
    const struct swisd_source *source = &queued->task.sources[i];
    struct swisd_input *input = &queued->inputs[i];
    if (input->here)
      continue;
    all = false;
    if (input->ticket || worker->fetching >= node->config.limits.fetches_max)
      continue;
    if (!swisd_out_room(node, 1)) {
      worker->start_due = true;
      continue;
    }
    const uint64_t per_item = source->body.bytes / (source->body_hi - source->body_lo);
    struct swisd_action_fetch *fetch = &swisd_out_action(node, SWISD_ACTION_FETCH_BODY)->u.fetch;
    memset(fetch, 0, sizeof *fetch);
    fetch->ticket = input->ticket = swisd_node_ticket(node);
    fetch->from = source->owner;
    const struct swisd_member *member = swisd_member_find(node, source->owner);
    if (member && member->record.address_count)
      fetch->address = member->record.addresses[0];
    fetch->bytes = per_item * (source->hi - source->lo);
    fetch->offset = per_item * (source->lo - source->body_lo);
    fetch->body = source->body;
    input->deadline_ns = node->now_ns + fetch_patience_ns;
    input->extended = 0;
    worker->fetching++;
  }
  return all;
}

/* Puts the deadline of a fetch off for a second, as long as its owner lives and it has not taken absurdly long. */
static bool extend(struct swisd_node *node, struct swisd_queued *queued, uint32_t i)
{
  const struct swisd_source *source = &queued->task.sources[i];
  const struct swisd_member *owner = swisd_member_find(node, source->owner);
  const uint64_t bytes = source->body.bytes / (source->body_hi - source->body_lo) * (source->hi - source->lo);
  const uint64_t most_ns = 10 * SWISD_SECOND + bytes / FETCH_BYTES_PER_S_MIN * SWISD_SECOND;
  if (owner == NULL || owner->state != SWISD_MEMBER_ALIVE || queued->inputs[i].extended == FETCH_EXTENSIONS_MAX ||
      node->now_ns - queued->started_ns >= most_ns)
    return false;
  queued->inputs[i].extended++;
  queued->inputs[i].deadline_ns = node->now_ns + SWISD_SECOND;
  return true;
}

static void expire_fetches(struct swisd_node *node)
{
  struct swisd_worker *worker = node->worker;
  for (uint32_t q = 0; worker->fetching && q < node->config.limits.queue_max; q++)
    for (uint32_t i = 0; worker->queue[q].state == SWISD_QUEUED_WAITING && i < worker->queue[q].task.source_count; i++)
      if (worker->queue[q].inputs[i].ticket && swisd_due(node, worker->queue[q].inputs[i].deadline_ns) &&
          !extend(node, &worker->queue[q], i)) {
        if (!swisd_out_room(node, 3))
          return;
        swisd_out_action(node, SWISD_ACTION_CANCEL)->u.ticket = worker->queue[q].inputs[i].ticket;
        input_lost(node, &worker->queue[q], i);
      }
}

/* ---- running ---- */

static void run(struct swisd_node *node, struct swisd_queued *queued)
{
  struct swisd_worker *worker = node->worker;
  const struct swisd_message_task *task = &queued->task;
  struct swisd_action_compute *compute = &swisd_out_action(node, SWISD_ACTION_COMPUTE)->u.compute;
  compute->ticket = queued->ticket = swisd_node_ticket(node);
  compute->program = SWISD_PROGRAM_RUN;
  compute->kernel = task->kernel;
  compute->verify = SWISD_VERIFY_NONE;
  compute->flags = task->flags;
  compute->key = task->key;
  compute->model = task->model;
  compute->shard = task->shard;
  compute->flops = task->flops;
  compute->out_bytes = task->out_bytes;
  compute->number = 0;
  compute->source_count = task->source_count;
  for (uint32_t i = 0; i < task->source_count; i++) {
    compute->sources[i] = task->sources[i];
    compute->sources[i].body = queued->inputs[i].body;
    compute->sources[i].body_lo = queued->inputs[i].body_lo;
    compute->sources[i].body_hi = queued->inputs[i].body_hi;
  }
  queued->state = SWISD_QUEUED_RUNNING;
  queued->started_ns = node->now_ns;
  worker->running++;
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_TASK_STARTED);
  trace->key = task->key;
  trace->peer = task->key.job.submitter;
  trace->shard = task->shard;
  trace->value = task->flops;
}

/* All inputs of a task are here. How long that took is followed at once when it grows, slowly when it falls. */
static void becomes_ready(struct swisd_node *node, struct swisd_queued *queued)
{
  struct swisd_worker *worker = node->worker;
  const uint64_t wait_ns = node->now_ns - queued->started_ns;
  if (wait_ns > worker->input_wait_ns)
    worker->input_wait_ns += (wait_ns - worker->input_wait_ns) / 2;
  else
    worker->input_wait_ns -= (worker->input_wait_ns - wait_ns) / 8;
  queued->state = SWISD_QUEUED_READY;
}

/* A chunk that starts while a rescue's inputs are on their way holds it up for a quarter of a second. So the slot waits for them,
 * as long as inputs use to take and no longer; 0: it need not. */
static uint64_t held_until_ns(const struct swisd_node *node)
{
  const struct swisd_worker *worker = node->worker;
  const uint64_t usual_ns = worker->input_wait_ns + 10 * SWISD_MILLISECOND, most_ns = 100 * SWISD_MILLISECOND;
  const uint64_t hold_ns = usual_ns < most_ns ? usual_ns : most_ns;
  uint64_t until_ns = 0;
  for (uint32_t q = 0; worker->fetching && q < node->config.limits.queue_max; q++) {
    const struct swisd_queued *queued = &worker->queue[q];
    if (queued->state == SWISD_QUEUED_WAITING && urgency(queued) && queued->started_ns + hold_ns > node->now_ns &&
        queued->started_ns + hold_ns > until_ns)
      until_ns = queued->started_ns + hold_ns;
  }
  return until_ns;
}

void swisd_queue_pump(struct swisd_node *node)
{
  struct swisd_worker *worker = node->worker;
  expire_fetches(node);
  if (worker->held_until_ns && swisd_due(node, worker->held_until_ns))
    worker->start_due = true;
  if (!worker->start_due)
    return;
  worker->start_due = false;
  worker->held_until_ns = 0;
  for (uint32_t q = 0; worker->queued && q < node->config.limits.queue_max; q++)
    if (worker->queue[q].state == SWISD_QUEUED_WAITING && fetch_inputs(node, &worker->queue[q]))
      becomes_ready(node, &worker->queue[q]);
  while (worker->running < node->config.compute_slots) {
    struct swisd_queued *next = NULL;
    for (uint32_t q = 0; q < node->config.limits.queue_max; q++) {
      struct swisd_queued *queued = &worker->queue[q];
      if (queued->state != SWISD_QUEUED_READY)
        continue;
      if (next == NULL || runs_before(queued, next))
        next = queued;
    }
    if (next == NULL || (urgency(next) == 0 && (worker->held_until_ns = held_until_ns(node)) != 0))
      return;
    if (!swisd_out_room(node, 1)) {
      worker->start_due = true;
      return;
    }
    run(node, next);
  }
}

uint64_t swisd_queue_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_worker *worker = node->worker;
  uint64_t deadline_ns = worker->held_until_ns ? worker->held_until_ns : SWISD_NEVER;
  for (uint32_t q = 0; worker->fetching && q < node->config.limits.queue_max; q++)
    for (uint32_t i = 0; i < worker->queue[q].task.source_count; i++)
      if (worker->queue[q].inputs[i].ticket && worker->queue[q].inputs[i].deadline_ns < deadline_ns)
        deadline_ns = worker->queue[q].inputs[i].deadline_ns;
  return deadline_ns;
}
