/* The worker's jobs: leases, credits, outputs kept for others. Tasks themselves are in queue.c. */
#include "runtime/core/worker.h"

#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/placement.h"
#include "runtime/core/submitter.h"
#include "runtime/core/worker_internal.h"

static size_t rounded(size_t size) { return (size + 15) & ~(size_t)15; }

size_t swisd_worker_size(const struct swisd_limits *limits)
{
  return rounded(sizeof(struct swisd_worker)) + rounded(limits->open_jobs_max * sizeof(struct swisd_open_job)) +
         rounded(limits->queue_max * sizeof(struct swisd_queued)) + rounded(limits->outputs_max * sizeof(struct swisd_output));
}

void swisd_worker_init(struct swisd_node *node, void *block)
{
  const struct swisd_limits *limits = &node->config.limits;
  memset(block, 0, swisd_worker_size(limits));
  struct swisd_worker *worker = block;
  unsigned char *at = block;
  at += rounded(sizeof *worker);
  worker->jobs = (struct swisd_open_job *)(void *)at;
  at += rounded(limits->open_jobs_max * sizeof *worker->jobs);
  worker->queue = (struct swisd_queued *)(void *)at;
  at += rounded(limits->queue_max * sizeof *worker->queue);
  worker->outputs = (struct swisd_output *)(void *)at;
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
    swisd_speed_init(&worker->speed[k], node->config.rates[k]);
  worker->task_ns = node->config.chunk_ns;
  worker->availability_percent = 100;
  worker->lease_due_ns = worker->grant_again_ns = SWISD_NEVER;
}

struct swisd_open_job *swisd_open_job_find(struct swisd_node *node, struct swisd_job_id id)
{
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++)
    if (node->worker->jobs[j].used && swisd_job_id_equal(node->worker->jobs[j].id, id))
      return &node->worker->jobs[j];
  return NULL;
}

uint64_t swisd_worker_queue_ns(const struct swisd_node *node)
{
  const struct swisd_worker *worker = node->worker;
  uint64_t queue_ns = 0;
  for (uint32_t q = 0; worker->queued && q < node->config.limits.queue_max; q++) {
    const struct swisd_queued *task = &worker->queue[q];
    if (task->state == SWISD_QUEUED_FREE)
      continue;
    queue_ns += swisd_queued_left_ns(node, task);
  }
  return queue_ns / node->config.compute_slots;
}

/* ---- leases ---- */

static void free_output(struct swisd_node *node, struct swisd_output *output)
{
  struct swisd_worker *worker = node->worker;
  worker->body_bytes -= output->body.bytes;
  worker->output_count--;
  swisd_out_release(node, output->body);
  memset(output, 0, sizeof *output);
}

/* The longest round trip to a submitter: looked up when leases are renewed, for it moves slowly. */
static void measure_submitters(struct swisd_node *node)
{
  struct swisd_worker *worker = node->worker;
  const uint64_t unknown_ns = 50 * SWISD_MILLISECOND;
  worker->submitters_rtt_ns = 0;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++) {
    const struct swisd_member *member = worker->jobs[j].used ? swisd_member_peek_id(node, worker->jobs[j].id.submitter) : NULL;
    if (member == NULL || member == swisd_member_peek(node, 0))
      continue;
    const uint64_t one_ns = member->rtt_ns ? member->rtt_ns : unknown_ns;
    if (one_ns > worker->submitters_rtt_ns)
      worker->submitters_rtt_ns = one_ns;
  }
}

static void close_job(struct swisd_node *node, struct swisd_open_job *job)
{
  struct swisd_worker *worker = node->worker;
  const struct swisd_job_id id = job->id;
  bool stateful = false;
  for (uint32_t s = 0; s < SWISD_STEPS_MAX; s++)
    stateful = stateful || job->epochs[s];
  swisd_queue_drop_job(node, id);
  for (uint32_t o = 0; o < node->config.limits.outputs_max; o++)
    if (worker->outputs[o].used && swisd_job_id_equal(worker->outputs[o].job, id))
      free_output(node, &worker->outputs[o]);
  if (stateful && node->actions->count + 2 < SWISD_ACTIONS_MAX)
    swisd_out_action(node, SWISD_ACTION_FORGET)->u.forget = id;
  memset(job, 0, sizeof *job);
  measure_submitters(node);
  worker->grant_due = true;
}

static void expire(struct swisd_node *node)
{
  struct swisd_worker *worker = node->worker;
  if (!swisd_due(node, worker->lease_due_ns))
    return;
  worker->lease_due_ns = SWISD_NEVER;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++) {
    struct swisd_open_job *job = &worker->jobs[j];
    if (!job->used)
      continue;
    if (swisd_due(node, job->lease_deadline_ns) && swisd_submitter_has(node, job->id))
      job->lease_deadline_ns = node->now_ns + node->config.lease_ns; /* this node's own: it knows */
    if (swisd_due(node, job->lease_deadline_ns)) {
      struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_JOB_EXPIRED);
      trace->key.job = job->id;
      trace->peer = job->id.submitter;
      close_job(node, job);
      continue;
    }
    if (job->credits && swisd_due(node, job->credit_deadline_ns)) {
      job->credits = 0;
      worker->grant_due = true;
    }
    if (job->lease_deadline_ns < worker->lease_due_ns)
      worker->lease_due_ns = job->lease_deadline_ns;
    if (job->credits && job->credit_deadline_ns < worker->lease_due_ns)
      worker->lease_due_ns = job->credit_deadline_ns;
  }
}

/* Whether outputs or state of this job lie here. */
static bool keeps_something(const struct swisd_node *node, const struct swisd_open_job *job)
{
  for (uint32_t s = 0; s < SWISD_STEPS_MAX; s++)
    if (job->epochs[s])
      return true;
  for (uint32_t o = 0; node->worker->output_count && o < node->config.limits.outputs_max; o++)
    if (node->worker->outputs[o].used && swisd_job_id_equal(node->worker->outputs[o].job, job->id))
      return true;
  return false;
}

/* The open job that gives way to a new one when the table is full: one that has had nothing here for a while, and leaves
 * nothing behind rather than something. Else several submitters could each hold what another waits for, for ever. */
static struct swisd_open_job *make_place(struct swisd_node *node)
{
  struct swisd_open_job *victim = NULL;
  bool victim_keeps = true;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++) {
    struct swisd_open_job *job = &node->worker->jobs[j];
    const bool keeps = keeps_something(node, job);
    const uint64_t idle_ns = keeps ? 2 * SWISD_SECOND : node->config.credit_ns;
    if (job->queued || node->now_ns - job->touched_ns < idle_ns || swisd_id_equal(job->id.submitter, node->config.id))
      continue;
    if (victim == NULL || (victim_keeps && !keeps) || (victim_keeps == keeps && job->touched_ns < victim->touched_ns)) {
      victim = job;
      victim_keeps = keeps;
    }
  }
  if (victim)
    close_job(node, victim);
  return victim;
}

static void on_open(struct swisd_node *node, struct swisd_id from, const struct swisd_message_job_open *open)
{
  struct swisd_worker *worker = node->worker;
  if (!node->config.works || node->stopping || !swisd_id_equal(from, open->job.submitter))
    return;
  struct swisd_open_job *job = swisd_open_job_find(node, open->job);
  if (job == NULL) {
    for (uint32_t j = 0; j < node->config.limits.open_jobs_max && !job; j++)
      if (!worker->jobs[j].used)
        job = &worker->jobs[j];
    if (job == NULL && (job = make_place(node)) == NULL) {
      swisd_out_table_full(node, SWISD_TABLE_OPEN_JOBS);
      return;
    }
    memset(job, 0, sizeof *job);
    job->used = true;
    job->id = open->job;
    job->touched_ns = node->now_ns;
    /* A newcomer starts level with the least served, or it would take all until it has caught up. */
    uint64_t least = SWISD_NEVER;
    for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++)
      if (worker->jobs[j].used && &worker->jobs[j] != job && worker->jobs[j].served_flops < least)
        least = worker->jobs[j].served_flops;
    job->served_flops = least == SWISD_NEVER ? 0 : least;
    struct swisd_action *grant = swisd_out_action(node, SWISD_ACTION_GRANT);
    grant->u.grant.peer = from;
    grant->u.grant.bytes = node->config.body_bytes_max / 8;
  }
  job->model = open->model;
  job->backlog = false;
  job->lane_count = 0;
  for (uint32_t l = 0; l < open->lane_count && l < SWISD_OPEN_LANES_MAX; l++)
    if (swisd_placement_holds(node, open->lanes[l].shard)) {
      job->shards[job->lane_count++] = open->lanes[l].shard;
      job->backlog = job->backlog || open->lanes[l].backlog;
    }
  const uint64_t lease_ms_max = 600000;
  const uint64_t lease_ms = open->lease_ms < lease_ms_max ? open->lease_ms : lease_ms_max;
  job->lease_deadline_ns = node->now_ns + lease_ms * SWISD_MILLISECOND;
  if (job->lease_deadline_ns < worker->lease_due_ns)
    worker->lease_due_ns = job->lease_deadline_ns;
  measure_submitters(node);
  worker->grant_due = true;
}

static struct swisd_output *find_output(const struct swisd_node *node, struct swisd_job_id job, struct swisd_body body)
{
  for (uint32_t o = 0; node->worker->output_count && o < node->config.limits.outputs_max; o++) {
    struct swisd_output *output = &node->worker->outputs[o];
    if (output->used && output->body.handle == body.handle && output->body.generation == body.generation &&
        swisd_job_id_equal(output->job, job))
      return output;
  }
  return NULL;
}

bool swisd_worker_output(const struct swisd_node *node, struct swisd_job_id job, struct swisd_body body)
{
  return find_output(node, job, body) != NULL;
}

bool swisd_worker_free_output(struct swisd_node *node, struct swisd_job_id job, struct swisd_body body)
{
  struct swisd_output *output = find_output(node, job, body);
  if (output == NULL)
    return false;
  free_output(node, output);
  return true;
}

/* A BODY_FREE can be lost with its link. Its output would lie here until the job closes, and fill the table of a long job. One
 * that is given up wrongly is missed by its reader, and made again. */
bool swisd_worker_evict(struct swisd_node *node)
{
  struct swisd_output *oldest = NULL;
  for (uint32_t o = 0; o < node->config.limits.outputs_max; o++) {
    struct swisd_output *output = &node->worker->outputs[o];
    if (output->used &&
        !swisd_id_equal(output->job.submitter, node->config.id) && /* this node's own submitter frees what it can */
        (oldest == NULL || output->since_ns < oldest->since_ns))
      oldest = output;
  }
  if (oldest == NULL || node->now_ns - oldest->since_ns < node->config.lease_ns)
    return false;
  free_output(node, oldest);
  return true;
}

static void on_body_free(struct swisd_node *node, struct swisd_id from, const struct swisd_message_body_free *free)
{
  if (!swisd_id_equal(from, free->job.submitter))
    return;
  for (uint32_t b = 0; b < free->count && b < SWISD_RELEASES_MAX; b++)
    swisd_worker_free_output(node, free->job, free->bodies[b]);
}

void swisd_worker_message(struct swisd_node *node, const struct swisd_event_message *event)
{
  switch (event->message->type) {
  case SWISD_MESSAGE_TASK:
    swisd_queue_task(node, event);
    return; /* it took the body */
  case SWISD_MESSAGE_JOB_OPEN:
    on_open(node, event->from, &event->message->u.job_open);
    break;
  case SWISD_MESSAGE_CANCEL:
    swisd_queue_cancel(node, event->from, &event->message->u.cancel);
    break;
  case SWISD_MESSAGE_BODY_FREE:
    on_body_free(node, event->from, &event->message->u.body_free);
    break;
  case SWISD_MESSAGE_JOB_CLOSE: {
    struct swisd_open_job *job = swisd_open_job_find(node, event->message->u.job_close.job);
    if (job && swisd_id_equal(event->from, job->id.submitter))
      close_job(node, job);
    break;
  }
  default:
    break;
  }
  swisd_out_release(node, event->body);
}

/* ---- credits ---- */

static uint32_t credits_outstanding(const struct swisd_node *node)
{
  uint32_t credits = 0;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++)
    credits += node->worker->jobs[j].credits;
  return credits;
}

/* What a credit takes to become a task: the way to the submitter and back. */
static uint64_t round_trip_ns(const struct swisd_node *node)
{
  const uint64_t slack_ns = 20 * SWISD_MILLISECOND;
  return node->worker->submitters_rtt_ns + slack_ns;
}

/* K = one that runs in each slot, and what else ends before a credit given now can have become a task whose inputs are here:
 * 1 + lead / step, as DESIGN section 6 has it. No more than that: whatever is queued here when this device dies has to be
 * done again elsewhere. */
static uint32_t credits_wanted(const struct swisd_node *node)
{
  const uint32_t slots = node->config.compute_slots, ahead_max = 4;
  const uint64_t step_ns = node->worker->task_ns / slots + 1;
  const uint64_t ahead = (round_trip_ns(node) + node->worker->input_wait_ns) / step_ns + 1;
  return slots + (ahead < ahead_max ? (uint32_t)ahead : ahead_max);
}

/* Until when the credits given to a job lately may still become tasks; later it seems to have nothing for this device now. */
static uint64_t promised_until_ns(const struct swisd_node *node, const struct swisd_open_job *job)
{
  return job->credits ? job->credit_deadline_ns - node->config.credit_ns + round_trip_ns(node) : 0;
}

static uint64_t last_promise_ns(const struct swisd_node *node)
{
  uint64_t until_ns = 0;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++) {
    const uint64_t one_ns = promised_until_ns(node, &node->worker->jobs[j]);
    until_ns = one_ns > until_ns ? one_ns : until_ns;
  }
  return until_ns;
}

uint64_t swisd_worker_promised_ns(const struct swisd_node *node, const struct swisd_open_job *except)
{
  uint64_t credits = 0;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++) {
    const struct swisd_open_job *job = &node->worker->jobs[j];
    if (job != except && promised_until_ns(node, job) > node->now_ns)
      credits += job->credits;
  }
  return credits * node->worker->task_ns;
}

/* Whether one more task would be welcome beyond the credits that are out: little is queued, or what is queued waits for its
 * inputs while a slot stands idle. */
static bool is_hungry(const struct swisd_node *node)
{
  const struct swisd_worker *worker = node->worker;
  const uint16_t slots = node->config.compute_slots;
  return worker->queued < slots + 1u || (worker->running < slots && worker->queued + 2u < node->config.limits.queue_max &&
                                         swisd_worker_queue_ns(node) < node->config.queue_ns_max);
}

/* Credits beyond what is wanted go to jobs that have none, while this device is hungry and those who have some do not use
 * them: given to everybody at once, all would be used, and this device be busy with a queue that nobody knew of. */
struct swisd_open_job *swisd_worker_next_grant(struct swisd_node *node)
{
  struct swisd_worker *worker = node->worker;
  worker->grant_again_ns = SWISD_NEVER;
  if (node->stopping || worker->availability_percent == 0)
    return NULL;
  const uint32_t wanted = credits_wanted(node);
  const bool full = worker->queued + credits_outstanding(node) >= wanted;
  if (full && !is_hungry(node))
    return NULL;
  const uint64_t promised_ns = full ? last_promise_ns(node) : 0;
  struct swisd_open_job *best = NULL;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++) {
    struct swisd_open_job *job = &worker->jobs[j];
    if (!job->used || job->lane_count == 0 || job->credits >= wanted)
      continue;
    if (full && !(job->backlog && job->credits == 0))
      continue;
    if (promised_ns > node->now_ns) {
      worker->grant_again_ns = promised_ns;
      continue;
    }
    if (best == NULL || job->backlog > best->backlog || (job->backlog == best->backlog && job->served_flops < best->served_flops))
      best = job;
  }
  return best;
}

void swisd_worker_granted(struct swisd_node *node, struct swisd_open_job *job)
{
  struct swisd_worker *worker = node->worker;
  job->credits++;
  job->credit_deadline_ns = node->now_ns + node->config.credit_ns;
  if (job->credit_deadline_ns < worker->lease_due_ns)
    worker->lease_due_ns = job->credit_deadline_ns;
}

static void pull(struct swisd_node *node, struct swisd_open_job *job, uint8_t credits)
{
  struct swisd_message_pull *out = &swisd_out_send(node, job->id.submitter, SWISD_MESSAGE_PULL)->u.pull;
  out->job = job->id;
  out->credits = credits;
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
    out->rates[k] = swisd_speed_fast(&node->worker->speed[k]);
  /* Rounded up: 0 says that nothing is queued here. */
  out->queue_ms = node->worker->queued ? (uint32_t)(swisd_worker_queue_ns(node) / SWISD_MILLISECOND + 1) : 0;
  out->holding_count = 0;
  const struct swisd_record *record = &swisd_member_at(node, 0)->record;
  for (uint32_t h = 0; h < record->holding_count; h++)
    if (swisd_placement_holds(node, record->holdings[h]))
      out->holdings[out->holding_count++] = record->holdings[h];
}

static void grant(struct swisd_node *node)
{
  struct swisd_worker *worker = node->worker;
  if (!worker->grant_due)
    return;
  worker->grant_due = false;
  for (struct swisd_open_job *job; (job = swisd_worker_next_grant(node)) != NULL;) {
    if (!swisd_out_room(node, 1)) {
      worker->grant_due = true;
      return;
    }
    uint8_t credits = 0;
    do {
      swisd_worker_granted(node, job);
      credits++;
    } while (swisd_worker_next_grant(node) == job);
    pull(node, job, credits);
  }
}

/* ---- the rest ---- */

bool swisd_worker_computed(struct swisd_node *node, const struct swisd_event_computed *event)
{
  return swisd_queue_computed(node, event);
}
bool swisd_worker_fetched(struct swisd_node *node, const struct swisd_event_fetched *event)
{
  return swisd_queue_fetched(node, event);
}

void swisd_worker_peer_went(struct swisd_node *node, struct swisd_id peer)
{
  (void)peer; /* a submitter that is gone stops renewing its lease: it may only look dead from here */
  node->worker->grant_due = true;
}

void swisd_worker_availability(struct swisd_node *node, uint8_t level_percent)
{
  node->worker->availability_percent = level_percent > 100 ? 100 : level_percent;
  node->worker->grant_due = true;
}

void swisd_worker_pump(struct swisd_node *node)
{
  expire(node);
  node->worker->grant_due = node->worker->grant_due || swisd_due(node, node->worker->grant_again_ns);
  swisd_queue_pump(node);
  grant(node);
}

uint64_t swisd_worker_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_worker *worker = node->worker;
  if (worker->grant_due || worker->start_due)
    return node->now_ns;
  const uint64_t due_ns = worker->grant_again_ns < worker->lease_due_ns ? worker->grant_again_ns : worker->lease_due_ns;
  const uint64_t deadline_ns = swisd_queue_deadline_ns(node);
  return deadline_ns < due_ns ? deadline_ns : due_ns;
}

void swisd_worker_status(const struct swisd_node *node, struct swisd_node_status *out)
{
  const struct swisd_worker *worker = node->worker;
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++)
    out->open_jobs = (uint16_t)(out->open_jobs + worker->jobs[j].used);
  out->queued = worker->queued;
  out->computing = worker->running;
  out->outputs = worker->output_count;
  out->fetches = worker->fetching;
  out->queue_ns = swisd_worker_queue_ns(node);
}

void swisd_worker_check(const struct swisd_node *node)
{
  const struct swisd_worker *worker = node->worker;
  uint32_t queued = 0, running = 0, outputs = 0, fetching = 0, by_jobs = 0;
  uint64_t bytes = 0;
  for (uint32_t q = 0; q < node->config.limits.queue_max; q++) {
    const struct swisd_queued *task = &worker->queue[q];
    if (task->state == SWISD_QUEUED_FREE)
      continue;
    queued++;
    running += task->state == SWISD_QUEUED_RUNNING;
    SWISD_ASSERT((task->state == SWISD_QUEUED_RUNNING) == (task->ticket != 0));
    SWISD_ASSERT(task->task.source_count <= SWISD_SOURCES_MAX);
    for (uint32_t i = 0; i < task->task.source_count; i++) {
      fetching += task->inputs[i].ticket != 0;
      if (task->inputs[i].owned)
        bytes += task->inputs[i].body.bytes;
      SWISD_ASSERT(task->state == SWISD_QUEUED_WAITING || task->inputs[i].here);
    }
  }
  for (uint32_t o = 0; o < node->config.limits.outputs_max; o++)
    if (worker->outputs[o].used) {
      outputs++;
      bytes += worker->outputs[o].body.bytes;
      SWISD_ASSERT(worker->outputs[o].body.handle != 0);
    }
  for (uint32_t j = 0; j < node->config.limits.open_jobs_max; j++)
    by_jobs += worker->jobs[j].queued;
  SWISD_ASSERT(queued == worker->queued && running == worker->running && outputs == worker->output_count);
  SWISD_ASSERT(fetching == worker->fetching && bytes == worker->body_bytes && by_jobs == worker->queued);
  SWISD_ASSERT(running <= node->config.compute_slots);
}
