/* What workers answer: results, from arrival over check and commitment to acceptance; credits; refusals. */
#include "runtime/core/dispatch.h"
#include "runtime/core/job.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/submitter.h"
#include "runtime/core/witness.h"

static uint16_t issue_of(const struct swisd_node *node, uint16_t partner, uint8_t slot, const struct swisd_task_key *key)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint16_t i = sub->partners[partner].issue_first; i; i = sub->issues[i].next) {
    const struct swisd_issue *it = &sub->issues[i];
    if (it->job == slot && it->step == key->step && it->lane == key->lane && it->attempt == key->attempt && it->lo == key->lo &&
        it->hi == key->hi)
      return i;
  }
  return 0;
}

struct swisd_message_cancel *swisd_issue_send_cancel(struct swisd_node *node, const struct swisd_issue *it)
{
  const struct swisd_submitter *sub = node->submitter;
  struct swisd_message_cancel *cancel = &swisd_out_send(node, sub->partners[it->partner].id, SWISD_MESSAGE_CANCEL)->u.cancel;
  cancel->key = (struct swisd_task_key){.job = sub->jobs[it->job].id,
                                        .step = it->step,
                                        .lane = it->lane,
                                        .attempt = it->attempt,
                                        .epoch = it->epoch,
                                        .lo = it->lo,
                                        .hi = it->hi};
  cancel->source = (struct swisd_id){0, 0};
  return cancel;
}

/* The pieces of an issue have been taken by another: tell its worker, once nothing of it is wanted any more. */
static void cancel_if_idle(struct swisd_node *node, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_issue *it = &sub->issues[index];
  struct swisd_job *job = &sub->jobs[it->job];
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, it->step, it->lane)];
  if (it->cancelled || it->replay)
    return;
  for (uint16_t i = swisd_interval_find(&sub->pool, lane, it->lo); i && sub->pool.list[i].lo < it->hi; i = sub->pool.list[i].next)
    for (uint32_t c = 0; c < sub->pool.list[i].copy_count; c++)
      if (sub->pool.list[i].copies[c] == index)
        return;
  it->cancelled = true;
  if (node->actions->count + 8 <= SWISD_ACTIONS_MAX) /* else it will find out by itself */
    swisd_issue_send_cancel(node, it);
}

enum { FAILURES_MAX = 32 }; /* wrong results of one piece */

/* A wrong result: nothing new for a while, twice as long each time in a row. What it already has is checked all the same. */
void swisd_partner_distrust(struct swisd_node *node, uint16_t p)
{
  enum { DISTRUST_MAX = 7 }; /* 10 s, 20 s, .. 11 minutes */
  struct swisd_partner *partner = &node->submitter->partners[p];
  if (partner->distrust && partner->blocked_until_ns > node->now_ns)
    return; /* of the same batch */
  if (partner->distrust < DISTRUST_MAX)
    partner->distrust++;
  const uint64_t until_ns = node->now_ns + (10 * SWISD_SECOND << (partner->distrust - 1));
  if (partner->blocked_until_ns < until_ns)
    partner->blocked_until_ns = until_ns;
}

/* Whether somebody who has not been caught with wrong results can compute this lane. */
static bool has_trusted(const struct swisd_node *node, uint8_t slot, uint32_t lane_index)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint16_t p = 1; p <= sub->partner_count; p++)
    if (sub->partners[p].here && !sub->partners[p].distrust &&
        (sub->masks[(size_t)p * node->config.limits.jobs_max + slot] >> lane_index & 1))
      return true;
  return false;
}

static void reject(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint32_t lane_index = swisd_job_lane_index(job, step, lane_number);
  struct swisd_lane *lane = &job->lanes[lane_index];
  struct swisd_interval *interval = &sub->pool.list[index];
  const uint64_t flops = (interval->hi - interval->lo) * swisd_job_lane_flops(job, lane_index);
  job->account.rejected += flops;
  job->account.under_way -= flops;
  struct swisd_trace *trace =
    swisd_job_trace(node, job, SWISD_TRACE_TASK_REJECTED, step, lane_number, interval->lo, interval->hi);
  trace->value = flops;
  if (interval->partner) {
    trace->peer = sub->partners[interval->partner].id;
    swisd_partner_distrust(node, interval->partner);
  }
  if (!swisd_job_body_in_use(node, lane, index))
    swisd_job_free_output(node, slot, interval->owner, interval->body);
  if (interval->failures < 255)
    interval->failures++;
  const uint8_t failures = interval->failures;
  swisd_interval_become(&sub->pool, lane, index, SWISD_INTERVAL_READY, true);
  sub->work_arrived = true;
  /* However slow the one honest holder is, it will come to it. But there may be items whose right results are refused. */
  if (failures >= FAILURES_MAX || (failures >= FAILURES_MAX / 4 && !has_trusted(node, slot, lane_index)))
    swisd_job_finish(node, slot, SWISD_ERROR_CHECK);
}

/* A COMMIT, or a CHECK: against the inputs, or against a witness. */
static void check_later(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index, bool commit,
                        const struct swisd_witness *witness)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  struct swisd_interval *interval = &sub->pool.list[index];
  const struct swisd_lane_spec *lane = &job->spec.lanes[swisd_job_lane_index(job, step, lane_number)];
  struct swisd_action_compute *compute = &swisd_out_action(node, SWISD_ACTION_COMPUTE)->u.compute;
  compute->ticket = interval->ticket = swisd_node_ticket(node);
  compute->program = commit ? SWISD_PROGRAM_COMMIT : SWISD_PROGRAM_CHECK;
  compute->kernel = job->spec.steps[step].kernel;
  compute->verify = commit ? SWISD_VERIFY_NONE : job->spec.steps[step].verify;
  compute->flags = 0;
  compute->key = (struct swisd_task_key){
    .job = job->id, .step = (uint8_t)step, .lane = (uint8_t)lane_number, .lo = interval->lo, .hi = interval->hi};
  compute->model = job->spec.model;
  compute->shard = lane->shard;
  compute->flops = 0;
  compute->out_bytes = 0;
  compute->number = job->number;
  compute->source_count = 1;
  compute->sources[0] = (struct swisd_source){.owner = interval->owner,
                                              .body = interval->body,
                                              .body_lo = interval->body_lo,
                                              .body_hi = interval->body_hi,
                                              .lo = interval->lo,
                                              .hi = interval->hi,
                                              .edge = 0,
                                              .lane = (uint8_t)lane_number};
  if (witness) {
    compute->source_count = 2;
    compute->sources[1] = compute->sources[0];
    compute->sources[1].body = witness->body;
    compute->sources[1].body_lo = witness->body_lo;
    compute->sources[1].body_hi = witness->body_hi;
  } else if (!commit) {
    uint8_t count;
    swisd_job_sources(node, slot, step, interval->lo, interval->hi, compute->sources + 1, SWISD_SOURCES_MAX - 1, &count);
    compute->source_count = (uint8_t)(1 + count);
  }
  SWISD_ASSERT(sub->check_count < node->config.limits.intervals_max);
  sub->checks[sub->check_count++] = (struct swisd_pending_check){.ticket = compute->ticket,
                                                                 .job = slot,
                                                                 .step = (uint8_t)step,
                                                                 .lane = (uint8_t)lane_number,
                                                                 .program = compute->program,
                                                                 .lo = interval->lo,
                                                                 .hi = interval->hi,
                                                                 .witness = witness ? witness->serial : 0};
}

/* A result that cannot be kept until there is another: given up, and nobody's fault. */
static void give_up(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  const uint32_t lane_index = swisd_job_lane_index(job, step, lane_number);
  const struct swisd_interval *interval = &sub->pool.list[index];
  const uint64_t flops = (interval->hi - interval->lo) * swisd_job_lane_flops(job, lane_index);
  job->account.cancelled += flops;
  job->account.under_way -= flops;
  struct swisd_trace *trace =
    swisd_job_trace(node, job, SWISD_TRACE_TASK_CANCELLED, step, lane_number, interval->lo, interval->hi);
  trace->value = flops;
  trace->peer = sub->partners[interval->partner].id;
  swisd_out_table_full(node, SWISD_TABLE_INTERVALS);
  if (!swisd_job_body_in_use(node, &job->lanes[lane_index], index))
    swisd_job_free_output(node, slot, interval->owner, interval->body);
  swisd_interval_become(&sub->pool, &job->lanes[lane_index], index, SWISD_INTERVAL_READY, false);
  sub->work_arrived = true;
}

/* Compares a result with the next witness after the one of serial `after`; without one it becomes a witness itself. */
static void seek_opinion(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index,
                         uint32_t after)
{
  node->submitter->pool.list[index].ticket = 0; /* also of what is cut off */
  const struct swisd_witness *witness = swisd_witness_next(node, slot, step, lane_number, index, after);
  if (witness) {
    check_later(node, slot, step, lane_number, index, false, witness);
    return;
  }
  switch (swisd_witness_keep(node, slot, step, lane_number, index)) {
  case SWISD_WITNESS_KEPT:
    break;
  case SWISD_WITNESS_DISPUTED:
    reject(node, slot, step, lane_number, index);
    break;
  case SWISD_WITNESS_NO_ROOM:
    give_up(node, slot, step, lane_number, index);
    break;
  }
}

/* The next stage of a result: verification, commitment, acceptance. */
void swisd_result_advance(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number, uint16_t index,
                          bool verified)
{
  const struct swisd_step_spec *spec = swisd_job_step(&node->submitter->jobs[slot], step);
  const bool commits = (spec->flags & SWISD_STEP_SINK) && !(spec->flags & SWISD_STEP_TOKENS);
  if (spec->verify == SWISD_VERIFY_HASH && !verified)
    seek_opinion(node, slot, step, lane_number, index, 0);
  else if (spec->verify != SWISD_VERIFY_NONE && !verified)
    check_later(node, slot, step, lane_number, index, false, NULL);
  else if (commits)
    check_later(node, slot, step, lane_number, index, true, NULL);
  else
    swisd_job_accept(node, slot, step, lane_number, index);
}

bool swisd_submitter_computed(struct swisd_node *node, const struct swisd_event_computed *event)
{
  struct swisd_submitter *sub = node->submitter;
  uint16_t c = 0;
  while (c < sub->check_count && sub->checks[c].ticket != event->ticket)
    c++;
  if (c == sub->check_count)
    return false;
  const struct swisd_pending_check check = sub->checks[c];
  sub->checks[c] = sub->checks[--sub->check_count];
  struct swisd_job *job = &sub->jobs[check.job];
  if (check.program == SWISD_PROGRAM_CONCAT) {
    swisd_log_merged(node, &check, event);
    return true;
  }
  swisd_out_release(node, event->out);
  if (job->phase != SWISD_JOB_OPEN_PHASE)
    return true;
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, check.step, check.lane)];
  const uint16_t index = swisd_interval_find(&sub->pool, lane, check.lo);
  if (index == 0 || sub->pool.list[index].state != SWISD_INTERVAL_CHECKING || sub->pool.list[index].ticket != event->ticket)
    return true; /* the job ended, and another has its slot */
  if (event->status == SWISD_OK && check.program == SWISD_PROGRAM_COMMIT)
    swisd_job_accept(node, check.job, check.step, check.lane, index);
  else if (event->status == SWISD_OK) {
    sub->partners[sub->pool.list[index].partner].distrust = 0; /* entry 0 is nobody */
    if (check.witness)
      swisd_witness_confirmed(node, check.job, swisd_job_lane_index(job, check.step, check.lane), check.lo, check.hi,
                              check.witness);
    swisd_result_advance(node, check.job, check.step, check.lane, index, true);
  } else if (check.witness)
    seek_opinion(node, check.job, check.step, check.lane, index, check.witness);
  else if (event->status == SWISD_ERROR_CHECK || check.program == SWISD_PROGRAM_CHECK)
    reject(node, check.job, check.step, check.lane, index);
  else
    swisd_job_finish(node, check.job, event->status); /* the answer cannot be written: no space, say */
  return true;
}

/* A result's pieces that are still open, one after the other. Returns how many took its body. */
static uint32_t take_pieces(struct swisd_node *node, uint16_t p, uint16_t index, const struct swisd_message_result *result,
                            struct swisd_id owner, struct swisd_body body)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_issue it = sub->issues[index];
  struct swisd_job *job = &sub->jobs[it.job];
  const uint32_t lane_index = swisd_job_lane_index(job, it.step, it.lane);
  struct swisd_lane *lane = &job->lanes[lane_index];
  uint32_t taken = 0;
  uint64_t open_items = 0;
  /* First mark all, so that a body is seen to be in use by every piece; then advance each. */
  for (uint64_t at = it.lo; at < it.hi;) {
    const uint16_t i = swisd_interval_find(&sub->pool, lane, at);
    if (i == 0 || sub->pool.list[i].lo >= it.hi)
      break;
    struct swisd_interval *interval = &sub->pool.list[i];
    at = interval->hi;
    bool ours = false;
    for (uint32_t c = 0; c < interval->copy_count; c++)
      ours = ours || interval->copies[c] == index;
    if (interval->state != SWISD_INTERVAL_ISSUED || !ours)
      continue;
    uint16_t others[SWISD_COPIES_MAX];
    uint32_t other_count = 0;
    for (uint32_t c = 0; c < interval->copy_count; c++)
      if (interval->copies[c] != index)
        others[other_count++] = interval->copies[c];
    open_items += interval->hi - interval->lo;
    swisd_interval_become(&sub->pool, lane, i, SWISD_INTERVAL_CHECKING, false);
    interval->partner = p;
    interval->owner = owner;
    interval->body = body;
    interval->body_lo = it.lo;
    interval->body_hi = it.hi;
    interval->ticket = 0;
    sub->partners[p].keeps = sub->partners[p].keeps || swisd_id_equal(owner, sub->partners[p].id);
    taken++;
    for (uint32_t c = 0; c < other_count; c++)
      cancel_if_idle(node, others[c]);
  }
  const uint64_t duplicate = (it.hi - it.lo - open_items) * swisd_job_lane_flops(job, lane_index);
  if (duplicate) {
    job->account.duplicate += duplicate;
    job->account.under_way -= duplicate;
    struct swisd_trace *trace = swisd_job_trace(node, job, SWISD_TRACE_TASK_DUPLICATE, it.step, it.lane, it.lo, it.hi);
    trace->value = duplicate;
    trace->peer = sub->partners[p].id;
  }
  swisd_issue_free(node, index);
  if (taken && (swisd_job_step(job, it.step)->flags & SWISD_STEP_TOKENS))
    swisd_job_token(node, it.job, it.hi, &result->inlined);
  for (uint64_t at = it.lo; taken && at < it.hi && job->phase == SWISD_JOB_OPEN_PHASE;) {
    const uint16_t i = swisd_interval_find(&sub->pool, lane, at);
    if (i == 0 || sub->pool.list[i].lo >= it.hi)
      break;
    const struct swisd_interval *interval = &sub->pool.list[i];
    at = interval->hi;
    if (interval->state == SWISD_INTERVAL_CHECKING && interval->ticket == 0 && interval->partner == p) {
      if (!swisd_out_room(node, 0)) {
        job->waiting = true; /* the pump advances the rest */
        break;
      }
      swisd_job_trace(node, job, SWISD_TRACE_TASK_CHECKING, it.step, it.lane, interval->lo, interval->hi)->peer =
        sub->partners[p].id;
      swisd_result_advance(node, it.job, it.step, it.lane, i, false);
    }
  }
  return taken;
}

static void free_unwanted(struct swisd_node *node, struct swisd_id worker, const struct swisd_message_result *result,
                          struct swisd_body body)
{
  swisd_out_release(node, body);
  if (result->output.handle == 0)
    return;
  struct swisd_message_body_free *free = &swisd_out_send(node, worker, SWISD_MESSAGE_BODY_FREE)->u.body_free;
  free->job = result->key.job;
  free->count = 1;
  free->bodies[0] = result->output;
}

static void add_credits(struct swisd_node *node, uint16_t p, uint8_t credits)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  if (credits == 0)
    return;
  if (partner->credits == 0)
    sub->credit_partners++;
  const uint32_t sum = (uint32_t)partner->credits + credits;
  const uint32_t credits_max = 8;
  partner->credits = (uint8_t)(sum > credits_max ? credits_max : sum);
  partner->credit_deadline_ns = node->now_ns + node->config.credit_ns;
  if (partner->credit_deadline_ns < sub->lapse_due_ns)
    sub->lapse_due_ns = partner->credit_deadline_ns;
  sub->work_arrived = true;
}

static void on_result(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_message_result *result = &event->message->u.result;
  const uint16_t p = swisd_partner_find(node, event->from);
  uint8_t slot = 0;
  struct swisd_job *job = swisd_submitter_job(node, result->key.job, &slot);
  const uint16_t index = p && job && result->key.step < job->spec.step_count ? issue_of(node, p, slot, &result->key) : 0;
  if (p) {
    if (result->flops && result->compute_ns && job && result->key.step < job->spec.step_count)
      swisd_speed_measured(&sub->partners[p].speed[job->spec.steps[result->key.step].kernel], result->flops, result->compute_ns);
    swisd_partner_heard(node, p);
  }
  if (index == 0) {
    free_unwanted(node, event->from, result, event->body);
  } else {
    const struct swisd_issue it = sub->issues[index];
    swisd_partner_came(node, p, &it, result->compute_ns);
    const uint32_t lane_index = swisd_job_lane_index(job, it.step, it.lane);
    const bool hub = swisd_job_step(job, it.step)->flags & (SWISD_STEP_HUB | SWISD_STEP_SINK);
    const struct swisd_body body = hub ? event->body : result->output;
    const uint64_t bytes = (it.hi - it.lo) * job->spec.lanes[lane_index].out_bytes_per_item;
    struct swisd_session *session = &job->sessions[it.step];
    const bool pinned = session->issue == index;
    if (it.replay) {
      job->account.replayed += it.flops;
      job->account.under_way -= it.flops;
      struct swisd_trace *trace = swisd_job_trace(node, job, SWISD_TRACE_TASK_REPLAYED, it.step, it.lane, it.lo, it.hi);
      trace->value = it.flops;
      trace->peer = event->from;
      if (pinned)
        session->state_items = it.hi;
      swisd_issue_free(node, index);
      free_unwanted(node, event->from, result, event->body);
    } else if (body.bytes != bytes || (bytes && body.handle == 0)) {
      swisd_issue_end(node, index, SWISD_ISSUE_LOST, true);
      sub->partners[p].blocked_until_ns = node->now_ns + SWISD_SECOND;
      free_unwanted(node, event->from, result, event->body);
    } else {
      if (pinned)
        session->state_items = it.hi;
      if (!hub)
        swisd_out_release(node, event->body);
      if (take_pieces(node, p, index, result, hub ? job->id.submitter : event->from, body) == 0)
        free_unwanted(node, event->from, result, hub ? event->body : (struct swisd_body){0});
    }
  }
  if (p) {
    sub->partners[p].others_ns = result->queue_ms * SWISD_MILLISECOND;
    swisd_partner_expect(node, p, node->now_ns);
    if (sub->partners[p].keeps)
      swisd_partner_needed(node, p);
    add_credits(node, p, result->credits);
  }
}

static void on_pull(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_message_pull *pull = &event->message->u.pull;
  const uint16_t p = swisd_partner_find(node, event->from);
  uint8_t slot;
  if (p == 0 || swisd_submitter_job(node, pull->job, &slot) == NULL)
    return;
  struct swisd_partner *partner = &sub->partners[p];
  swisd_partner_seen(node, p);
  if (partner->cut_until_ns && partner->blocked_until_ns == partner->cut_until_ns)
    partner->blocked_until_ns = partner->cut_until_ns = 0; /* this came over a new link */
  partner->holding_count = pull->holding_count < SWISD_HOLDINGS_MAX ? pull->holding_count : SWISD_HOLDINGS_MAX;
  memcpy(partner->holdings, pull->holdings, partner->holding_count * sizeof partner->holdings[0]);
  swisd_partner_masks(node, p);
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
    if (partner->speed[k].samples == 0 && pull->rates[k])
      swisd_speed_init(&partner->speed[k], pull->rates[k]);
  /* Nothing queued there, yet something issued a while ago: the TASK or its answer was lost on the way. */
  while (pull->queue_ms == 0 && partner->issue_first) {
    const uint64_t flight_ns = 300 * SWISD_MILLISECOND + partner->late_ns;
    if (sub->issues[partner->issue_first].issued_ns + flight_ns > node->now_ns)
      break;
    swisd_partner_missed(node, p, &sub->issues[partner->issue_first]);
    swisd_issue_end(node, partner->issue_first, SWISD_ISSUE_LOST, true);
  }
  if (partner->issue_count == 0) {
    partner->others_ns = pull->queue_ms * SWISD_MILLISECOND;
    partner->overdue = false;
    swisd_partner_expect(node, p, node->now_ns);
  }
  add_credits(node, p, pull->credits);
}

static void on_nack(struct swisd_node *node, const struct swisd_event_message *event)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_message_nack *nack = &event->message->u.nack;
  const uint16_t p = swisd_partner_find(node, event->from);
  uint8_t slot;
  struct swisd_job *job = swisd_submitter_job(node, nack->key.job, &slot);
  const uint16_t index = p && job ? issue_of(node, p, slot, &nack->key) : 0;
  if (index == 0)
    return;
  struct swisd_partner *partner = &sub->partners[p];
  const struct swisd_issue it = sub->issues[index];
  struct swisd_session *session = &job->sessions[it.step];
  const bool pinned = session->issue == index;
  struct swisd_trace *trace = swisd_job_trace(node, job, SWISD_TRACE_TASK_NACKED, it.step, it.lane, it.lo, it.hi);
  trace->peer = event->from;
  trace->value = nack->reason;
  swisd_issue_end(node, index, SWISD_ISSUE_CANCELLED, nack->reason != SWISD_NACK_BUSY && nack->reason != SWISD_NACK_CANCELLED);
  swisd_partner_expect(node, p, node->now_ns);
  switch (nack->reason) {
  case SWISD_NACK_BUSY:
    job->refused_ns = node->now_ns;
    if (partner->credits)
      sub->credit_partners--;
    partner->credits = 0;
    partner->blocked_until_ns = node->now_ns + (nack->delay_ms < 1000 ? nack->delay_ms : 1000) * SWISD_MILLISECOND;
    if (pinned)
      swisd_partner_unpin_if_others(node, p);
    break;
  case SWISD_NACK_NOT_HELD:
    for (uint32_t h = 0; h < partner->holding_count; h++)
      if (partner->holdings[h] == job->spec.lanes[swisd_job_lane_index(job, it.step, it.lane)].shard) {
        partner->holdings[h] = partner->holdings[--partner->holding_count];
        break;
      }
    swisd_partner_masks(node, p);
    if (pinned)
      swisd_partner_unpin(node, p);
    break;
  case SWISD_NACK_INPUT_LOST:
    if (swisd_id_equal(nack->lost.owner, job->id.submitter))
      swisd_uplink_missed(&sub->uplink, node->now_ns);
    swisd_job_output_given_up(node, slot, nack->lost.owner, nack->lost.body);
    break;
  case SWISD_NACK_FENCED:
    if (pinned)
      swisd_partner_unpin(node, p);
    break;
  case SWISD_NACK_STATE:
    if (pinned)
      session->state_items = nack->state_items;
    break;
  case SWISD_NACK_FAILED: {
    struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, it.step, it.lane)];
    const uint16_t i = swisd_interval_find(&sub->pool, lane, it.lo);
    partner->blocked_until_ns = node->now_ns + SWISD_SECOND;
    if (pinned)
      swisd_partner_unpin(node, p);
    if (i && sub->pool.list[i].state == SWISD_INTERVAL_READY && ++sub->pool.list[i].failures >= 8)
      swisd_job_finish(node, slot, SWISD_ERROR_INPUT);
    break;
  }
  case SWISD_NACK_LEAVING:
    partner->blocked_until_ns = node->now_ns + 5 * SWISD_SECOND;
    if (pinned)
      swisd_partner_unpin(node, p);
    break;
  default:
    break;
  }
}

void swisd_submitter_message(struct swisd_node *node, const struct swisd_event_message *event)
{
  if (event->message->type == SWISD_MESSAGE_RESULT) {
    on_result(node, event);
    return; /* it took the body */
  }
  swisd_out_release(node, event->body);
  if (event->message->type == SWISD_MESSAGE_PULL)
    on_pull(node, event);
  else if (event->message->type == SWISD_MESSAGE_NACK)
    on_nack(node, event);
}

bool swisd_submitter_has(struct swisd_node *node, struct swisd_job_id id)
{
  uint8_t slot;
  return swisd_submitter_job(node, id, &slot) != NULL;
}

bool swisd_submitter_keeps(struct swisd_node *node, const struct swisd_task_key *key, const struct swisd_source *source)
{
  uint8_t slot;
  struct swisd_job *job = swisd_submitter_job(node, key->job, &slot);
  return job && key->step < job->spec.step_count && source->edge < job->spec.steps[key->step].edge_count &&
         swisd_job_keeps(node, slot, key->step, source);
}
