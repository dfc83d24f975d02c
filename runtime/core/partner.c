/* Workers as a submitter sees them: who they are, what they hold, what they owe, when that is overdue. */
#include "runtime/core/dispatch_internal.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/witness.h"

uint16_t swisd_partner_find(const struct swisd_node *node, struct swisd_id id)
{
  const struct swisd_member *member = swisd_member_peek_id(node, id);
  if (member == NULL)
    return 0;
  const uint16_t partner = node->submitter->partner_of_member[swisd_member_index(node, member)];
  return partner && swisd_id_equal(node->submitter->partners[partner].id, id) ? partner : 0;
}

static uint64_t mask_of(const struct swisd_job *job, const struct swisd_partner *partner)
{
  uint64_t mask = 0;
  for (uint32_t l = 0; l < job->spec.lane_count; l++)
    for (uint32_t h = 0; h < partner->holding_count; h++)
      if (job->spec.lanes[l].shard == partner->holdings[h])
        mask |= UINT64_C(1) << l;
  return mask;
}

void swisd_partner_masks(struct swisd_node *node, uint16_t partner)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    if (!sub->jobs[j].closing) /* else it says who is still to be told */
      sub->masks[(size_t)partner * node->config.limits.jobs_max + j] =
        sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE ? mask_of(&sub->jobs[j], &sub->partners[partner]) : 0;
}

static bool holds_for_open_job(const struct swisd_node *node, const struct swisd_record *record)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
    if (sub->jobs[j].phase != SWISD_JOB_OPEN_PHASE)
      continue;
    for (uint32_t l = 0; l < sub->jobs[j].spec.lane_count; l++)
      for (uint32_t h = 0; h < record->holding_count; h++)
        if (sub->jobs[j].spec.lanes[l].shard == record->holdings[h])
          return true;
  }
  return false;
}

/* The lanes of a job that partners other than `except` who are here and can be trusted hold: one of them, or two where
 * results need a second opinion. */
static uint64_t in_good_hands(const struct swisd_node *node, uint32_t j, uint16_t except)
{
  const struct swisd_submitter *sub = node->submitter;
  const struct swisd_job *job = &sub->jobs[j];
  uint64_t once = 0, twice = 0;
  for (uint16_t p = 1; p <= sub->partner_count; p++)
    if (p != except && sub->partners[p].here && !sub->partners[p].distrust) {
      const uint64_t mask = sub->masks[(size_t)p * node->config.limits.jobs_max + j];
      twice |= once & mask;
      once |= mask;
    }
  for (uint32_t s = 0; s < job->spec.step_count; s++)
    for (uint32_t l = 0; l < job->spec.steps[s].lane_count; l++)
      if (swisd_lane_needs_witness(job, s) && !(twice >> swisd_job_lane_index(job, s, l) & 1))
        once &= ~(UINT64_C(1) << swisd_job_lane_index(job, s, l));
  return once;
}

/* Whether all that `partner` holds for open jobs is in good hands without it. */
static bool is_spare(const struct swisd_node *node, uint16_t partner)
{
  const struct swisd_submitter *sub = node->submitter;
  const uint32_t jobs = node->config.limits.jobs_max;
  for (uint32_t j = 0; j < jobs; j++)
    if (sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE && (sub->masks[(size_t)partner * jobs + j] & ~in_good_hands(node, j, partner)))
      return false;
  return true;
}

/* Whether a record names a shard of an open job that is not in good hands yet. */
static bool is_needed(const struct swisd_node *node, const struct swisd_record *record)
{
  const struct swisd_submitter *sub = node->submitter;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++) {
    if (sub->jobs[j].phase != SWISD_JOB_OPEN_PHASE)
      continue;
    const uint64_t held = in_good_hands(node, j, 0);
    for (uint32_t l = 0; l < sub->jobs[j].spec.lane_count; l++)
      for (uint32_t h = 0; h < record->holding_count && !(held >> l & 1); h++)
        if (sub->jobs[j].spec.lanes[l].shard == record->holdings[h])
          return true;
  }
  return false;
}

/* A free slot, or that of a partner who went and owes nothing; for one that holds what nobody else does, that of a partner
 * who holds nothing special and owes nothing. */
static uint16_t partner_slot(struct swisd_node *node, const struct swisd_record *newcomer)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint16_t p = 1; p <= node->config.limits.workers_max; p++)
    if (swisd_id_is_zero(sub->partners[p].id))
      return p;
  const bool needed = is_needed(node, newcomer);
  uint16_t spare = 0;
  for (uint16_t p = 1; p <= node->config.limits.workers_max; p++) {
    if (sub->partners[p].issue_count || sub->partners[p].sessions)
      continue;
    if (!sub->partners[p].here)
      return p;
    if (needed && !spare && is_spare(node, p))
      spare = p;
  }
  return spare;
}

uint16_t swisd_partner_meet(struct swisd_node *node, uint32_t member_index)
{
  struct swisd_submitter *sub = node->submitter;
  const struct swisd_member *member = swisd_member_at(node, member_index);
  const struct swisd_record *record = &member->record;
  uint16_t p = swisd_partner_find(node, record->id);
  if (p == 0) {
    if (!swisd_member_is_up(member) || !(record->flags & SWISD_RECORD_WORKS) || !holds_for_open_job(node, record))
      return 0;
    if ((p = partner_slot(node, record)) == 0) {
      swisd_out_table_full(node, SWISD_TABLE_WORKERS);
      return 0;
    }
    struct swisd_partner *partner = &sub->partners[p];
    if (partner->credits)
      sub->credit_partners--;
    swisd_partner_unneeded(node, p);
    memset(partner, 0, sizeof *partner);
    partner->id = record->id;
    sub->overdue_ns[p] = SWISD_NEVER;
    /* Until its results have shown how long they take, others' tasks may well be ahead of the first. */
    partner->late_ns = 2 * node->config.chunk_ns;
    sub->partner_of_member[member_index] = p;
    if (p > sub->partner_count)
      sub->partner_count = p;
    for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
      swisd_speed_init(&partner->speed[k], record->rates[k]);
  }
  struct swisd_partner *partner = &sub->partners[p];
  partner->here = swisd_member_is_up(member);
  partner->suspect = member->state == SWISD_MEMBER_SUSPECT;
  partner->holding_count = record->holding_count;
  memcpy(partner->holdings, record->holdings, sizeof partner->holdings);
  swisd_partner_masks(node, p);
  sub->work_arrived = sub->open_scan = true;
  return p;
}

uint64_t swisd_partner_rtt_ns(const struct swisd_node *node, const struct swisd_partner *partner)
{
  const struct swisd_member *member = swisd_member_peek_id(node, partner->id);
  const uint64_t unknown_ns = 50 * SWISD_MILLISECOND;
  if (member == swisd_member_peek(node, 0))
    return 0;
  return member && member->rtt_ns ? member->rtt_ns : unknown_ns;
}

void swisd_partner_expect(struct swisd_node *node, uint16_t p, uint64_t anchor_ns)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  partner->anchor_ns = anchor_ns;
  uint64_t at = anchor_ns + partner->others_ns;
  for (uint16_t i = partner->issue_first; i; i = sub->issues[i].next) {
    struct swisd_issue *it = &sub->issues[i];
    at = (at > it->ready_ns ? at : it->ready_ns) + it->cost_ns;
    it->expected_ns = at;
  }
  sub->overdue_ns[p] = SWISD_NEVER;
  if (partner->issue_first)
    swisd_partner_needed(node, p);
  if (partner->issue_first && !partner->overdue) {
    const struct swisd_issue *first = &sub->issues[partner->issue_first];
    const uint64_t slack_ns = node->config.overdue_slack_ns;
    sub->overdue_ns[p] = first->expected_ns + (slack_ns > partner->late_ns ? slack_ns : partner->late_ns) +
                         swisd_speed_margin_ns(&partner->speed[first->kernel], first->cost_ns);
  }
}

void swisd_partner_seen(struct swisd_node *node, uint16_t p)
{
  struct swisd_partner *partner = &node->submitter->partners[p];
  const struct swisd_member *member = swisd_member_peek_id(node, partner->id);
  partner->here = member && swisd_member_is_up(member); /* one that has left may still speak for a moment */
}

void swisd_partner_heard(struct swisd_node *node, uint16_t p)
{
  node->submitter->partners[p].overdue = false;
  swisd_partner_seen(node, p);
}

/* Without this, a step that takes longer on the way than a round trip (its inputs are fetched, say) would be moved on each
 * time shortly before its result comes, for ever. */
void swisd_partner_came(struct swisd_node *node, uint16_t p, const struct swisd_issue *it, uint64_t compute_ns)
{
  struct swisd_partner *partner = &node->submitter->partners[p];
  swisd_uplink_came(&node->submitter->uplink, it->bytes);
  const uint64_t expected_ns = it->expected_ns + (compute_ns > it->cost_ns ? compute_ns - it->cost_ns : 0);
  uint64_t late_ns = node->now_ns > expected_ns ? node->now_ns - expected_ns : 0;
  late_ns += late_ns / 4;
  /* One that was asleep brings something very late once; that says nothing of the next time. */
  const uint64_t late_ns_max = partner->late_ns > 2 * SWISD_SECOND ? partner->late_ns : 2 * SWISD_SECOND;
  if (late_ns > late_ns_max)
    late_ns = late_ns_max;
  partner->late_ns = late_ns > partner->late_ns ? late_ns : partner->late_ns - (partner->late_ns - late_ns) / 8;
}

/* As TCP backs off (RFC 6298 section 5.5): bodies that queue up on a slow link come late, not never, and to send them again
 * makes all of them later. */
void swisd_partner_missed(struct swisd_node *node, uint16_t p, const struct swisd_issue *it)
{
  struct swisd_partner *partner = &node->submitter->partners[p];
  const uint64_t late_ns = 2 * (node->now_ns - it->issued_ns), late_ns_max = 20 * SWISD_SECOND;
  if (!partner->suspect && late_ns > partner->late_ns) /* it answers probes: what is late is the link */
    partner->late_ns = late_ns < late_ns_max ? late_ns : late_ns_max;
}

void swisd_partner_unpin(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  if (sub->partners[p].sessions == 0)
    return;
  for (uint32_t j = 0; j < node->config.limits.jobs_max; j++)
    for (uint32_t s = 0; s < sub->jobs[j].spec.step_count; s++) {
      struct swisd_session *session = &sub->jobs[j].sessions[s];
      if (sub->jobs[j].phase != SWISD_JOB_OPEN_PHASE || session->partner != p)
        continue;
      if (session->issue) {
        sub->issues[session->issue].cancelled = true;
        if (!sub->issues[session->issue].replay)
          swisd_issue_drop_copies(node, session->issue, true);
      }
      session->partner = 0;
      session->issue = 0;
      sub->partners[p].sessions--;
      sub->work_arrived = true;
    }
}

void swisd_partner_gone(struct swisd_node *node, uint16_t p, bool outputs_too)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  if (partner->issue_count || partner->sessions) {
    swisd_out_trace(node, SWISD_TRACE_WORKER_GONE)->peer = partner->id;
  }
  swisd_partner_unpin(node, p);
  while (partner->issue_first)
    swisd_issue_end(node, partner->issue_first, SWISD_ISSUE_LOST, true);
  if (partner->credits)
    sub->credit_partners--;
  partner->credits = 0;
  partner->overdue = false;
  swisd_partner_unneeded(node, p);
  partner->open_sent_ns = 0;
  partner->granted = false;
  partner->others_ns = 0;
  sub->overdue_ns[p] = SWISD_NEVER;
  for (uint8_t j = 0; outputs_too && j < node->config.limits.jobs_max; j++)
    if (sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE)
      swisd_job_outputs_away(node, j, partner->id);
}
