/* The submitter: its events and messages, the check of each result, its pump. */
#include "runtime/core/submitter.h"

#include "runtime/core/dispatch.h"
#include "runtime/core/job.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/witness.h"

static size_t rounded(size_t size) { return (size + 15) & ~(size_t)15; }

size_t swisd_submitter_size(const struct swisd_limits *limits)
{
  return rounded(sizeof(struct swisd_submitter)) + rounded(swisd_interval_pool_size(limits->intervals_max)) +
         rounded(limits->jobs_max * sizeof(struct swisd_job)) + rounded(limits->segments_max * sizeof(struct swisd_segment)) +
         rounded(((size_t)limits->intervals_max + 1) * sizeof(struct swisd_issue)) +
         rounded(((size_t)limits->workers_max + 1) * sizeof(struct swisd_partner)) +
         rounded(((size_t)limits->workers_max + 1) * limits->jobs_max * sizeof(uint64_t)) +
         2 * rounded(((size_t)limits->workers_max + 1) * sizeof(uint64_t)) +
         rounded((size_t)limits->members_max * sizeof(uint16_t)) +
         rounded(limits->intervals_max * sizeof(struct swisd_pending_check)) +
         rounded(swisd_witness_max(limits) * sizeof(struct swisd_witness));
}

static void *carve(unsigned char **at, size_t size)
{
  void *block = *at;
  memset(block, 0, size);
  *at += rounded(size);
  return block;
}

void swisd_submitter_init(struct swisd_node *node, void *block)
{
  const struct swisd_limits *limits = &node->config.limits;
  unsigned char *at = block;
  struct swisd_submitter *sub = carve(&at, sizeof *sub);
  swisd_interval_pool_init(&sub->pool, at, limits->intervals_max);
  swisd_uplink_init(&sub->uplink);
  at += rounded(swisd_interval_pool_size(limits->intervals_max));
  sub->jobs = carve(&at, limits->jobs_max * sizeof *sub->jobs);
  sub->segments = carve(&at, limits->segments_max * sizeof *sub->segments);
  sub->issues = carve(&at, ((size_t)limits->intervals_max + 1) * sizeof *sub->issues);
  sub->partners = carve(&at, ((size_t)limits->workers_max + 1) * sizeof *sub->partners);
  sub->masks = carve(&at, ((size_t)limits->workers_max + 1) * limits->jobs_max * sizeof *sub->masks);
  sub->overdue_ns = carve(&at, ((size_t)limits->workers_max + 1) * sizeof *sub->overdue_ns);
  sub->listen_ns = carve(&at, ((size_t)limits->workers_max + 1) * sizeof *sub->listen_ns);
  sub->partner_of_member = carve(&at, (size_t)limits->members_max * sizeof *sub->partner_of_member);
  sub->checks = carve(&at, limits->intervals_max * sizeof *sub->checks);
  sub->witnesses = carve(&at, swisd_witness_max(limits) * sizeof *sub->witnesses);
  for (uint16_t i = limits->intervals_max; i > 0; i--) {
    sub->issues[i].next = sub->issue_free;
    sub->issue_free = i;
  }
}

static struct swisd_job *job_numbered(struct swisd_node *node, uint64_t number, uint8_t *slot)
{
  for (uint8_t j = 0; j < node->config.limits.jobs_max; j++)
    if (node->submitter->jobs[j].phase == SWISD_JOB_OPEN_PHASE && node->submitter->jobs[j].number == number) {
      *slot = j;
      return &node->submitter->jobs[j];
    }
  return NULL;
}

struct swisd_job *swisd_submitter_job(struct swisd_node *node, struct swisd_job_id id, uint8_t *slot)
{
  for (uint8_t j = 0; j < node->config.limits.jobs_max; j++)
    if (node->submitter->jobs[j].phase == SWISD_JOB_OPEN_PHASE && swisd_job_id_equal(node->submitter->jobs[j].id, id)) {
      *slot = j;
      return &node->submitter->jobs[j];
    }
  return NULL;
}

/* ---- jobs come and go ---- */

static void refuse(struct swisd_node *node, uint64_t number, enum swisd_status status)
{
  struct swisd_action_answer *out = &swisd_out_action(node, SWISD_ACTION_ANSWER)->u.answer;
  memset(out, 0, sizeof *out);
  out->number = number;
  out->status = status;
}

static void sum_rates(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  uint64_t total = 0;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    const struct swisd_partner *partner = &sub->partners[p];
    if (!partner->here)
      continue;
    uint64_t best = 0;
    for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++) {
      const uint64_t rate = swisd_rate_exp2(swisd_speed_fast(&partner->speed[k]));
      best = rate > best ? rate : best;
    }
    total += best;
  }
  sub->rate_total = total;
}

static void meet_everybody(struct swisd_node *node)
{
  const uint32_t count = swisd_member_count(node);
  for (uint32_t i = 0; i < count; i++)
    swisd_partner_meet(node, i);
}

void swisd_submitter_submitted(struct swisd_node *node, const struct swisd_event_submitted *event)
{
  struct swisd_submitter *sub = node->submitter;
  uint8_t slot;
  if (job_numbered(node, event->number, &slot))
    return; /* doubled */
  if (swisd_job_validate(event->spec) != SWISD_OK || event->number == 0) {
    refuse(node, event->number, SWISD_ERROR_INPUT);
    return;
  }
  for (slot = 0; slot < node->config.limits.jobs_max; slot++)
    if (sub->jobs[slot].phase != SWISD_JOB_OPEN_PHASE && !sub->jobs[slot].closing)
      break;
  if (slot == node->config.limits.jobs_max) {
    swisd_out_table_full(node, SWISD_TABLE_JOBS);
    refuse(node, event->number, SWISD_ERROR_SPACE);
    return;
  }
  swisd_job_open(node, slot, event->number, event->spec);
  for (uint16_t p = 1; p <= sub->partner_count; p++)
    if (!swisd_id_is_zero(sub->partners[p].id))
      swisd_partner_masks(node, p);
  meet_everybody(node);
  sum_rates(node);
  /* To begin with, a chunk of everybody's time: no accepted work has earned a copy yet, but a worker may die at once. */
  sub->hedge_tokens += (int64_t)swisd_rate_flops(node->config.chunk_ns, swisd_rate_log2(sub->rate_total ? sub->rate_total : 1));
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_JOB_SUBMITTED);
  trace->key.job = sub->jobs[slot].id;
  trace->value = event->number;
}

void swisd_submitter_appended(struct swisd_node *node, const struct swisd_event_appended *event)
{
  struct swisd_submitter *sub = node->submitter;
  uint8_t slot;
  struct swisd_job *job = job_numbered(node, event->number, &slot);
  const bool tokens = job && (swisd_job_step(job, job->sink)->flags & SWISD_STEP_TOKENS);
  if (job == NULL || job->last || (tokens && job->items > job->input_items)) {
    swisd_out_release(node, event->body);
    return;
  }
  if (event->items > 0) {
    struct swisd_segment *segment = NULL;
    for (uint32_t i = 0; i < node->config.limits.segments_max && !segment; i++)
      if (!sub->segments[i].used)
        segment = &sub->segments[i];
    const bool sized = event->body.handle && event->body.bytes == event->items * job->spec.in_bytes_per_item;
    if (segment == NULL || !sized) {
      if (segment == NULL)
        swisd_out_table_full(node, SWISD_TABLE_SEGMENTS);
      swisd_out_release(node, event->body);
      swisd_job_finish(node, slot, segment ? SWISD_ERROR_INPUT : SWISD_ERROR_SPACE);
      return;
    }
    *segment = (struct swisd_segment){
      .used = true, .job = slot, .lo = job->input_items, .hi = job->input_items + event->items, .body = event->body};
    job->input_items += event->items;
    job->items = job->input_items;
  } else {
    swisd_out_release(node, event->body);
  }
  /* A text is complete when its end is spoken, not when its prompt is. */
  if (event->last && !tokens)
    job->last = true;
  if (event->last && job->items == 0) {
    swisd_job_finish(node, slot, SWISD_OK);
    return;
  }
  swisd_job_admit(node, slot);
  /* With the last item known, halos at the end are complete; and all may have been accepted already. */
  if (job->last) {
    for (uint32_t s = 0; s < job->spec.step_count; s++)
      swisd_job_promote(node, slot, s, 0, job->items, false);
    if (job->lanes[swisd_job_step(job, job->sink)->lane_first].accepted_items >= job->items)
      swisd_job_finish(node, slot, SWISD_OK);
  }
}

void swisd_submitter_withdrawn(struct swisd_node *node, uint64_t number)
{
  uint8_t slot;
  if (job_numbered(node, number, &slot))
    swisd_job_finish(node, slot, SWISD_ERROR_CANCELLED);
}

/* ---- peers ---- */

void swisd_submitter_member_changed(struct swisd_node *node, uint32_t index, enum swisd_member_change change)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_member *member = swisd_member_at(node, index);
  const uint16_t p = swisd_partner_find(node, member->record.id);
  if (change == SWISD_MEMBER_WENT || change == SWISD_MEMBER_CAME) {
    /* Who comes back is a new process: what the old one owed is lost. */
    if (p) {
      swisd_partner_gone(node, p, true);
      sub->partners[p].here = false;
    } else if (change == SWISD_MEMBER_WENT) {
      for (uint8_t j = 0; j < node->config.limits.jobs_max; j++)
        if (sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE)
          swisd_job_outputs_lost(node, j, member->record.id, NULL);
    }
  }
  if (change == SWISD_MEMBER_SUSPECTED && p)
    sub->partners[p].suspect = true;
  if (change == SWISD_MEMBER_CAME || change == SWISD_MEMBER_RECORD)
    swisd_partner_meet(node, index);
}

void swisd_submitter_unreachable(struct swisd_node *node, struct swisd_id peer)
{
  struct swisd_submitter *sub = node->submitter;
  const uint16_t p = swisd_partner_find(node, peer);
  if (p == 0)
    return;
  swisd_partner_gone(node, p, true);
  /* Without a pause each task sent there would come back as news of the same kind, one round trip later. */
  const uint64_t until_ns = node->now_ns + SWISD_SECOND / 2;
  if (sub->partners[p].blocked_until_ns < until_ns)
    sub->partners[p].blocked_until_ns = sub->partners[p].cut_until_ns = until_ns;
}

/* The gap was ours: nobody is overdue for it, and every lease has lapsed. */
void swisd_submitter_resumed(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    sub->jobs[j].progress_ns = node->now_ns;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    sub->partners[p].open_sent_ns = 0;
    swisd_partner_unneeded(node, p);
    swisd_partner_needed(node, p);
    swisd_partner_expect(node, p, node->now_ns);
  }
  sub->open_scan = true;
}

/* ---- the pump ---- */

static void lapse_credits(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  if (!swisd_due(node, sub->lapse_due_ns) || sub->credit_partners == 0)
    return;
  sub->lapse_due_ns = SWISD_NEVER;
  for (uint16_t p = 1; p <= sub->partner_count; p++) {
    struct swisd_partner *partner = &sub->partners[p];
    if (partner->credits == 0)
      continue;
    if (swisd_due(node, partner->credit_deadline_ns)) {
      partner->credits = 0;
      sub->credit_partners--;
    } else if (partner->credit_deadline_ns < sub->lapse_due_ns) {
      sub->lapse_due_ns = partner->credit_deadline_ns;
    }
  }
}

/* An issue whose answer was lost on the way, while its worker lives on: it must not wait for ever. */
static void expire_issues(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint16_t p = 1; p <= sub->partner_count; p++)
    for (uint16_t i = sub->partners[p].issue_first, next; i; i = next) {
      const struct swisd_issue *it = &sub->issues[i];
      next = it->next;
      const uint64_t patience_ns = node->config.lease_ns / 3 + 8 * it->cost_ns + sub->partners[p].late_ns;
      if (it->expected_ns + patience_ns > node->now_ns || it->issued_ns + patience_ns > node->now_ns)
        continue;
      if (!swisd_out_room(node, 1)) {
        sub->unfinished = true;
        return;
      }
      const bool pinned = sub->jobs[it->job].sessions[it->step].issue == i;
      swisd_issue_send_cancel(node, it); /* it may still be fetching */
      swisd_partner_missed(node, p, it);
      swisd_issue_end(node, i, SWISD_ISSUE_LOST, true);
      if (pinned)
        swisd_partner_unpin(node, p);
      swisd_partner_expect(node, p, node->now_ns);
      next = sub->partners[p].issue_first;
    }
}

/* A shard that only those hold who were caught with wrong results is as good as lost: one of them may still regain trust. */
static void watch_orphans(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint8_t j = 0; j < node->config.limits.jobs_max; j++) {
    struct swisd_job *job = &sub->jobs[j];
    if (job->phase != SWISD_JOB_OPEN_PHASE)
      continue;
    uint64_t held = 0, trusted = 0, needed = 0;                   /* by one */
    uint64_t held_twice = 0, trusted_twice = 0, needed_twice = 0; /* where results need a second opinion: by two */
    for (uint16_t p = 1; p <= sub->partner_count; p++)
      if (sub->partners[p].here) {
        const uint64_t mask = sub->masks[(size_t)p * node->config.limits.jobs_max + j];
        const uint64_t trusted_mask = sub->partners[p].distrust ? 0 : mask;
        held_twice |= held & mask;
        held |= mask;
        trusted_twice |= trusted & trusted_mask;
        trusted |= trusted_mask;
      }
    for (uint32_t s = 0; s < job->spec.step_count; s++)
      for (uint32_t l = job->spec.steps[s].lane_first;
           l < (uint32_t)job->spec.steps[s].lane_first + job->spec.steps[s].lane_count; l++)
        if (job->lanes[l].accepted_items < job->items) {
          needed |= UINT64_C(1) << l;
          needed_twice |= swisd_lane_needs_witness(job, s) ? UINT64_C(1) << l : 0;
        }
    if ((needed & ~trusted) == 0 && (needed_twice & ~trusted_twice) == 0) {
      job->orphan_since_ns = SWISD_NEVER;
      continue;
    }
    meet_everybody(node); /* the table of partners may have been full of others */
    if (job->orphan_since_ns == SWISD_NEVER)
      job->orphan_since_ns = node->now_ns;
    else if (node->now_ns - job->orphan_since_ns >= node->config.patience_ns)
      swisd_job_finish(node, j, (needed & ~held) | (needed_twice & ~held_twice) ? SWISD_ERROR_NOT_FOUND : SWISD_ERROR_CHECK);
  }
}

static void close_jobs(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
    struct swisd_job *job = &sub->jobs[j];
    for (; job->closing && job->close_next <= sub->partner_count; job->close_next++) {
      uint64_t *mask = &sub->masks[(size_t)job->close_next * node->config.limits.jobs_max + j];
      if (job->close_next && *mask) {
        if (!swisd_out_room(node, 1)) {
          sub->unfinished = true;
          return;
        }
        swisd_out_send(node, sub->partners[job->close_next].id, SWISD_MESSAGE_JOB_CLOSE)->u.job_close.job = job->id;
        *mask = 0;
      }
    }
    if (job->closing && job->close_next > sub->partner_count)
      job->closing = false;
  }
}

static void periodic(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  if (!swisd_due(node, sub->open_due_ns))
    return;
  sub->open_due_ns = node->now_ns + node->config.open_interval_ns / 4;
  sum_rates(node);
  expire_issues(node);
  watch_orphans(node);
  for (uint8_t j = 0; j < node->config.limits.jobs_max; j++) {
    struct swisd_job *job = &sub->jobs[j];
    if (job->phase != SWISD_JOB_OPEN_PHASE)
      continue;
    job->repair = job->repair || job->starved;
    swisd_witness_review(node, j);
    if (job->phase != SWISD_JOB_OPEN_PHASE)
      continue;
    swisd_job_relieve(node, j);
    if (job->phase == SWISD_JOB_OPEN_PHASE)
      swisd_job_admit(node, j);
  }
  sub->work_arrived = sub->open_scan = true;
}

static void advance_lane(struct swisd_node *node, uint8_t slot, uint32_t step, uint32_t lane_number)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  struct swisd_lane *lane = &job->lanes[swisd_job_lane_index(job, step, lane_number)];
  uint64_t at = 0;
  for (uint16_t i = lane->first; i && job->phase == SWISD_JOB_OPEN_PHASE; i = swisd_interval_find(&sub->pool, lane, at)) {
    const struct swisd_interval *interval = &sub->pool.list[i];
    at = interval->hi;
    if (interval->state != SWISD_INTERVAL_CHECKING || interval->ticket != 0)
      continue;
    if (!swisd_out_room(node, 2)) {
      sub->unfinished = job->waiting = true;
      return;
    }
    const uint64_t lo = interval->lo;
    swisd_result_advance(node, slot, step, lane_number, i, false);
    const uint16_t first = swisd_interval_find(&sub->pool, lane, lo); /* it may have been cut */
    if (first && sub->pool.list[first].lo <= lo && sub->pool.list[first].hi < at)
      at = sub->pool.list[first].hi;
  }
}

/* Results that came when there was no room for their check. */
static void advance_waiting(struct swisd_node *node, uint8_t slot)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_job *job = &sub->jobs[slot];
  job->waiting = false;
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    for (uint32_t l = 0; l < job->spec.steps[s].lane_count && job->phase == SWISD_JOB_OPEN_PHASE; l++)
      advance_lane(node, slot, s, l);
}

void swisd_submitter_pump(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  bool open = false, closing = false;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
    open = open || sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE;
    closing = closing || sub->jobs[j].closing;
  }
  sub->unfinished = false;
  if (closing)
    close_jobs(node);
  if (!open)
    return;
  periodic(node);
  swisd_dispatch_silence(node);
  for (uint8_t j = 0; j < node->config.limits.jobs_max; j++) {
    if (sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE && sub->jobs[j].waiting)
      advance_waiting(node, j);
    struct swisd_job *job = &sub->jobs[j];
    if (job->phase == SWISD_JOB_OPEN_PHASE && (job->repair || (job->starved && swisd_job_may_take(node, job, 0))))
      swisd_job_repair(node, j);
  }
  lapse_credits(node);
  swisd_dispatch_overdue(node);
  if (sub->work_arrived) {
    swisd_dispatch_sessions(node);
    swisd_dispatch_rescues(node);
    swisd_dispatch_credits(node);
    swisd_dispatch_open(node);
  }
  sub->work_arrived = sub->unfinished;
}

uint64_t swisd_submitter_deadline_ns(const struct swisd_node *node)
{
  const struct swisd_submitter *sub = node->submitter;
  if (sub->unfinished)
    return node->now_ns;
  bool open = false;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    open = open || sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE;
  if (!open)
    return SWISD_NEVER;
  uint64_t deadline_ns = swisd_dispatch_deadline_ns(node);
  if (sub->open_due_ns < deadline_ns)
    deadline_ns = sub->open_due_ns;
  return deadline_ns;
}

bool swisd_submitter_account(const struct swisd_node *node, uint64_t number, struct swisd_job_account *out)
{
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    if (node->submitter->jobs[j].phase != SWISD_JOB_FREE && node->submitter->jobs[j].number == number) {
      *out = node->submitter->jobs[j].account;
      return true;
    }
  return false;
}

uint16_t swisd_submitter_jobs(const struct swisd_node *node)
{
  uint16_t jobs = 0;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    jobs = (uint16_t)(jobs + (node->submitter->jobs[j].phase == SWISD_JOB_OPEN_PHASE));
  return jobs;
}
