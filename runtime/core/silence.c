/* Whether those who are needed still answer. A worker that owes results or keeps outputs says something several times a second;
 * when it has been quiet for a while it is asked (a PING, which a live core answers at once, however busy its compute threads
 * are), and once more, since datagrams get lost. No answer in a few round trips, and it is *silent*: stopped, asleep, or cut
 * off. That is not yet dead (SWIM takes its seconds, and tells everybody), but whoever needs something of it must not wait:
 *
 *   - all that it owes is computed elsewhere, whatever the budget of copies says (rescue.c);
 *   - its outputs that somebody is still to be given are made again, ahead of other work (job_loss.c);
 *   - tasks elsewhere that still wait for an output of it are called off (CANCEL with `source`): a worker that has it already
 *     goes on, one that has not says INPUT_LOST, and its queue flows on;
 *   - it gets nothing new until it is heard again.
 *
 * One that answers is slow at most: its outputs stay trusted, and rescue.c copies what is overdue. */
#include "runtime/core/dispatch_internal.h"

#include "runtime/core/member.h"
#include "runtime/core/submitter.h"

/* One is asked when a result is later than its results use to be, at least `late_ns_min`; and whenever it has not been heard for
 * `quiet_ns_max`, since outputs may lie there. Never when it was heard within `quiet_ns_min`. */
static const uint64_t late_ns_min = 40 * SWISD_MILLISECOND, quiet_ns_min = 100 * SWISD_MILLISECOND, quiet_ns_max = SWISD_SECOND;
/* The least patience: three round trips are only an instant in a LAN, and a busy event loop or a phone's radio may take that. */
static const uint64_t answer_ns_min = 120 * SWISD_MILLISECOND, answer_ns_max = SWISD_SECOND;
/* A step that comes so much after its deadline means that this node was held up itself: answers may lie unread. */
static const uint64_t held_up_ns = 30 * SWISD_MILLISECOND;
/* A silent one is asked again now and then: one that can be heard again must not wait until it has something to say. */
static const uint64_t again_ns = SWISD_SECOND / 2;

static uint64_t patience_ns(const struct swisd_node *node, const struct swisd_partner *partner)
{
  uint64_t patience_ns = 3 * swisd_partner_rtt_ns(node, partner);
  if (patience_ns < answer_ns_min)
    patience_ns = answer_ns_min;
  if (patience_ns < partner->answer_ns)
    patience_ns = partner->answer_ns;
  return patience_ns < answer_ns_max ? patience_ns : answer_ns_max;
}

/* When to ask it, should nothing come until then. */
static uint64_t ask_due_ns(const struct swisd_node *node, const struct swisd_partner *partner)
{
  uint64_t due_ns = partner->heard_ns + quiet_ns_max;
  if (partner->issue_first) {
    const uint64_t late_ns = partner->late_ns > late_ns_min ? partner->late_ns : late_ns_min;
    const uint64_t result_ns = node->submitter->issues[partner->issue_first].expected_ns + late_ns;
    due_ns = result_ns < due_ns ? result_ns : due_ns;
  }
  const uint64_t least_ns = partner->heard_ns + quiet_ns_min;
  return due_ns > least_ns ? due_ns : least_ns;
}

void swisd_partner_needed(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  if (partner->asks || partner->silent || swisd_id_equal(partner->id, node->config.id))
    return;
  if (sub->listen_ns[p] == SWISD_NEVER)
    partner->heard_ns = node->now_ns; /* nobody listened before */
  sub->listen_ns[p] = ask_due_ns(node, partner);
}

void swisd_partner_unneeded(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  sub->silent_partners = (uint16_t)(sub->silent_partners - sub->partners[p].silent);
  sub->partners[p].silent = false;
  sub->partners[p].asks = 0;
  sub->listen_ns[p] = SWISD_NEVER;
}

/* As long as it is away, whoever is asleep learns nothing of its links; one that is heard soon after all has a slow one. */
static void learn_answer(struct swisd_partner *partner, uint64_t took_ns)
{
  const uint64_t wise_ns = 2 * took_ns;
  if (took_ns > answer_ns_max)
    return;
  partner->answer_ns = wise_ns > partner->answer_ns ? wise_ns : partner->answer_ns - (partner->answer_ns - wise_ns) / 8;
}

void swisd_submitter_heard(struct swisd_node *node, struct swisd_id from)
{
  struct swisd_submitter *sub = node->submitter;
  const uint16_t p = sub->partner_count ? swisd_partner_find(node, from) : 0;
  if (p == 0)
    return;
  struct swisd_partner *partner = &sub->partners[p];
  partner->heard_ns = node->now_ns;
  if (partner->asks == 0)
    return;
  learn_answer(partner, node->now_ns - partner->asked_ns);
  partner->asks = 0;
  sub->listen_ns[p] = ask_due_ns(node, partner);
  if (partner->overdue)
    swisd_rescue_want(node, p); /* it is only slow: copies may read what lies there */
  if (!partner->silent)
    return;
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_WORKER_SPEAKS);
  trace->peer = partner->id;
  trace->value = node->now_ns - partner->asked_ns;
  partner->silent = false;
  sub->silent_partners--;
  sub->work_arrived = true;
}

/* What waits elsewhere for something of a silent one. */
static void cut_off(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint16_t i = 1; i <= node->config.limits.intervals_max; i++) {
    struct swisd_issue *it = &sub->issues[i];
    if (it->partner == 0 || it->partner == p || it->cancelled || it->cut_off || sub->partners[it->partner].silent ||
        !swisd_job_reads(node, it->job, it->step, it->lo, it->hi, sub->partners[p].id))
      continue;
    it->cut_off = p;
    sub->call_offs++;
  }
}

/* Tells the workers. False when there was no room for all. */
static bool call_off(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint16_t i = 1; sub->call_offs && i <= node->config.limits.intervals_max; i++) {
    struct swisd_issue *it = &sub->issues[i];
    if (it->cut_off == 0)
      continue;
    if (!swisd_out_room(node, 1))
      return false;
    swisd_issue_send_cancel(node, it)->source = sub->partners[it->cut_off].id;
    it->cut_off = 0;
    sub->call_offs--;
  }
  return true;
}

static void fall_silent(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  struct swisd_trace *trace = swisd_out_trace(node, SWISD_TRACE_WORKER_SILENT);
  trace->peer = partner->id;
  trace->value = node->now_ns - partner->heard_ns;
  partner->silent = true;
  sub->silent_partners++;
  sub->listen_ns[p] = node->now_ns + again_ns;
  swisd_partner_unpin_if_others(node, p);
  cut_off(node, p);
  for (uint8_t j = 0; j < node->config.limits.jobs_max; j++)
    if (sub->jobs[j].phase == SWISD_JOB_OPEN_PHASE)
      swisd_job_outputs_away(node, j, partner->id);
  swisd_rescue_want(node, p);
  sub->work_arrived = true;
}

static void ask(struct swisd_node *node, uint16_t p)
{
  struct swisd_submitter *sub = node->submitter;
  struct swisd_partner *partner = &sub->partners[p];
  const uint64_t now_ns = node->now_ns;
  const bool late = now_ns - sub->listen_ns[p] > held_up_ns;
  if (partner->issue_count == 0 && partner->keeps)
    partner->keeps = swisd_jobs_keep_at(node, partner->id);
  if (!partner->here || (!partner->silent && partner->issue_count == 0 && !partner->keeps)) {
    swisd_partner_unneeded(node, p);
    return;
  }
  if (partner->asks == 0 && ask_due_ns(node, partner) > now_ns) {
    sub->listen_ns[p] = ask_due_ns(node, partner);
    return;
  }
  if (partner->asks >= 2 && !partner->silent && !late) {
    fall_silent(node, p);
    return;
  }
  if (!swisd_out_room(node, 1)) {
    sub->unfinished = true;
    return;
  }
  swisd_members_ask(node, partner->id);
  if (partner->silent) {
    sub->listen_ns[p] = now_ns + again_ns;
    return;
  }
  if (partner->asks == 0 || late) {
    partner->asked_ns = now_ns;
    partner->asks = 0;
  }
  const uint64_t patience = patience_ns(node, partner);
  sub->listen_ns[p] = partner->asks++ == 0 ? now_ns + patience / 2 : partner->asked_ns + patience;
}

void swisd_dispatch_silence(struct swisd_node *node)
{
  struct swisd_submitter *sub = node->submitter;
  for (uint16_t p = 1; p <= sub->partner_count; p++)
    if (sub->listen_ns[p] <= node->now_ns)
      ask(node, p);
  if (!call_off(node))
    sub->unfinished = true;
}
