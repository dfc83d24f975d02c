/* What holds between nodes, checked at every step. No node can see these of itself: they need what two of them said.
 *
 * 1. Credits: a task that is not a rescue, nor of a session, spends a credit that its worker gave this submitter.
 * 2. Epochs of a session: one worker to an epoch, and a submitter never goes back to an earlier one.
 * 3. Fencing: a worker queues nothing of an epoch below one that it has queued, as long as it keeps the session.
 * 4. Drops: who drops a shard knows of replicas_min living workers that name it and do not mean to drop it.
 * 5. The end: who was told of a job by JOB_OPEN is told of its end, when it was told of it lately and is known to have the shard
 * still. (Not under tiny limits: a submitter may forget a partner then.) */
#include <stdlib.h>

#include "runtime/core/panic.h"
#include "tests/cluster/inside.h"

enum note_kind { NOTE_ISSUED, NOTE_QUEUED, NOTE_OPENED };

struct note {
  uint8_t kind, step;
  bool over;        /* OPENED: the job has ended */
  bool lacks_shard; /* OPENED: the worker has said so */
  uint32_t host, life, peer, peer_life;
  uint32_t epoch;
  swisd_shard_id shard;
  uint64_t sent_ns, over_ns;
  struct swisd_job_id job;
  struct note *next;
};

static struct note **find(struct cluster *c, enum note_kind kind, uint32_t host, struct swisd_job_id job, uint32_t which)
{
  struct note **at = &c->notes;
  while (*at != NULL) {
    struct note *n = *at;
    if (n->kind == kind && n->host == host && n->life == c->hosts[host].life && swisd_job_id_equal(n->job, job) &&
        (kind == NOTE_OPENED ? n->peer : n->step) == which)
      return at;
    at = &n->next;
  }
  return at;
}

static struct note *note(struct cluster *c, enum note_kind kind, uint32_t host, struct swisd_job_id job, uint32_t which)
{
  struct note **at = find(c, kind, host, job, which);
  if (*at == NULL) {
    *at = calloc(1, sizeof(**at));
    SWISD_ASSERT(*at != NULL);
    (*at)->kind = (uint8_t)kind;
    (*at)->host = host;
    (*at)->life = c->hosts[host].life;
    (*at)->job = job;
    if (kind == NOTE_OPENED)
      (*at)->peer = which;
    else
      (*at)->step = (uint8_t)which;
  }
  return *at;
}

static void forget(struct note **at)
{
  struct note *gone = *at;
  *at = gone->next;
  free(gone);
}

static void task_sent(struct cluster *c, uint32_t host, uint32_t to, const struct swisd_message_task *task)
{
  if (task->flags & SWISD_TASK_STATEFUL) {
    struct note *n = note(c, NOTE_ISSUED, host, task->key.job, task->key.step);
    if (task->key.epoch < n->epoch || (task->key.epoch == n->epoch && n->peer != to))
      cluster_fail(c, "node %u gives step %u in epoch %u to %u after epoch %u to %u", host, task->key.step, task->key.epoch, to,
                   n->epoch, n->peer);
    n->epoch = task->key.epoch;
    n->peer = to;
    return;
  }
  if (task->flags & SWISD_TASK_RESCUE)
    return;
  struct path *path = cluster_path(c, host, to);
  if (path->credit_life != c->hosts[host].life || path->credits == 0)
    cluster_fail(c, "node %u sends a task to %u without a credit", host, to);
  else
    path->credits--;
}

static void opened(struct cluster *c, uint32_t host, uint32_t to, const struct swisd_message_job_open *open)
{
  if (open->lane_count == 0)
    return;
  struct note *n = note(c, NOTE_OPENED, host, open->job, to);
  n->peer_life = c->hosts[to].life;
  n->shard = open->lanes[0].shard;
  n->sent_ns = c->now_ns;
  n->lacks_shard = false;
}

static void sent(struct cluster *c, uint32_t host, const struct swisd_action_send *send)
{
  const uint32_t to = swisd_id_is_zero(send->to) ? c->host_count : cluster_index(c, send->to);
  if (to == c->host_count)
    return;
  if (send->message.type == SWISD_MESSAGE_TASK) {
    task_sent(c, host, to, &send->message.u.task);
  } else if (send->message.type == SWISD_MESSAGE_JOB_OPEN) {
    opened(c, host, to, &send->message.u.job_open);
  } else if (send->message.type == SWISD_MESSAGE_JOB_CLOSE) {
    struct note **at = find(c, NOTE_OPENED, host, send->message.u.job_close.job, to);
    if (*at != NULL)
      forget(at);
  }
}

/* A worker speaks of what it holds: of the job's shard no more, perhaps. */
static void holdings_told(struct cluster *c, uint32_t host, uint32_t from, const struct swisd_message *message)
{
  for (struct note *n = c->notes; n != NULL; n = n->next) {
    if (n->kind != NOTE_OPENED || n->host != host || n->peer != from)
      continue;
    if (message->type == SWISD_MESSAGE_NACK)
      n->lacks_shard |= message->u.nack.reason == SWISD_NACK_NOT_HELD;
    if (message->type != SWISD_MESSAGE_PULL)
      continue;
    n->lacks_shard = true;
    for (uint32_t k = 0; k < message->u.pull.holding_count; k++)
      n->lacks_shard &= message->u.pull.holdings[k] != n->shard;
  }
}

static void told(struct cluster *c, uint32_t host, const struct swisd_event_message *event)
{
  const struct swisd_message *message = event->message;
  const uint32_t from = cluster_index(c, event->from);
  uint32_t credits = 0;
  if (from == c->host_count)
    return;
  if (message->type == SWISD_MESSAGE_PULL || message->type == SWISD_MESSAGE_NACK)
    holdings_told(c, host, from, message);
  if (message->type == SWISD_MESSAGE_PULL)
    credits = message->u.pull.credits;
  else if (message->type == SWISD_MESSAGE_RESULT)
    credits = message->u.result.credits;
  if (credits == 0)
    return;
  struct path *path = cluster_path(c, host, from);
  if (path->credit_life != c->hosts[host].life)
    path->credits = 0;
  path->credit_life = c->hosts[host].life;
  path->credits += credits;
}

static void queued(struct cluster *c, uint32_t host, const struct swisd_event *event, const struct swisd_trace *trace)
{
  if (event->kind != SWISD_EVENT_MESSAGE || event->u.message.message->type != SWISD_MESSAGE_TASK ||
      !(event->u.message.message->u.task.flags & SWISD_TASK_STATEFUL))
    return;
  struct note *n = note(c, NOTE_QUEUED, host, trace->key.job, trace->key.step);
  if (trace->key.epoch < n->epoch)
    cluster_fail(c, "node %u takes a task of epoch %u, having seen %u", host, trace->key.epoch, n->epoch);
  n->epoch = trace->key.epoch;
}

static void dropped(struct cluster *c, uint32_t host, swisd_shard_id shard)
{
  const struct host *h = &c->hosts[host];
  uint32_t keepers = 0;
  struct swisd_member_view view;
  for (uint32_t i = 1; swisd_node_member(h->node, i, &view); i++) {
    if (view.state != SWISD_MEMBER_ALIVE || !(view.record->flags & SWISD_RECORD_WORKS))
      continue;
    for (uint32_t k = 0; k < view.record->holding_count; k++)
      keepers += view.record->holdings[k] == shard && !(view.record->holding_flags[k] & SWISD_HOLDING_DROPPING);
  }
  if (keepers < h->config.replicas_min)
    cluster_fail(c, "node %u drops a shard that %u others keep", host, keepers);
}

/* Whether the submitter knows its worker as a holder of the shard that the job's first JOB_OPEN named. */
static bool is_known_holder(struct cluster *c, const struct note *n)
{
  struct swisd_member_view view;
  const struct swisd_id id = cluster_id(c, n->peer);
  for (uint32_t i = 0; swisd_node_member(c->hosts[n->host].node, i, &view); i++)
    for (uint32_t k = 0; swisd_id_equal(view.record->id, id) && k < view.record->holding_count; k++)
      if (view.record->holdings[k] == n->shard)
        return view.state == SWISD_MEMBER_ALIVE;
  return false;
}

static void job_over(struct cluster *c, uint32_t host, struct swisd_job_id job)
{
  for (struct note **at = &c->notes; *at != NULL;) {
    struct note *n = *at;
    if (n->kind == NOTE_OPENED && n->host == host && swisd_job_id_equal(n->job, job)) {
      if (n->lacks_shard || !is_known_holder(c, n)) {
        forget(at);
        continue;
      }
      n->over = true;
      n->over_ns = c->now_ns;
    }
    at = &n->next;
  }
}

/* Jobs that ended more than a second ago: their workers know, or are gone, or have no shard of it any more. */
static void look_back(struct cluster *c, uint32_t host)
{
  for (struct note **at = &c->notes; *at != NULL;) {
    const struct note *n = *at;
    if (n->kind != NOTE_OPENED || !n->over || n->host != host || c->now_ns - n->over_ns < SWISD_SECOND) {
      at = &(*at)->next;
      continue;
    }
    if (n->life == c->hosts[host].life && n->peer_life == c->hosts[n->peer].life &&
        n->over_ns - n->sent_ns < 2 * c->config.open_interval_ns && is_known_holder(c, n) &&
        c->config.limits.workers_max >= c->host_count)
      cluster_fail(c, "node %u does not tell %u that its job has ended", host, n->peer);
    forget(at);
  }
}

void oracle_step(struct cluster *c, uint32_t host, const struct swisd_event *event, const struct swisd_actions *actions)
{
  if (event->kind == SWISD_EVENT_MESSAGE)
    told(c, host, &event->u.message);
  for (uint32_t i = 0; i < actions->trace_count; i++) {
    const struct swisd_trace *trace = &actions->traces[i];
    if (trace->kind == SWISD_TRACE_TASK_QUEUED)
      queued(c, host, event, trace);
    else if (trace->kind == SWISD_TRACE_SHARD_DROPPED)
      dropped(c, host, trace->shard);
  }
  for (uint32_t i = 0; i < actions->count; i++) {
    const struct swisd_action *action = &actions->list[i];
    if (action->kind == SWISD_ACTION_SEND) {
      sent(c, host, &action->u.send);
    } else if (action->kind == SWISD_ACTION_ANSWER && !action->u.answer.more) {
      job_over(c, host, action->u.answer.job);
    } else if (action->kind == SWISD_ACTION_FORGET) {
      for (uint32_t s = 0; s < SWISD_STEPS_MAX; s++) {
        struct note **at = find(c, NOTE_QUEUED, host, action->u.forget, s);
        if (*at != NULL)
          forget(at);
      }
    }
  }
  look_back(c, host);
}

void oracle_free(struct cluster *c)
{
  while (c->notes != NULL)
    forget(&c->notes);
}
