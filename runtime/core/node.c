/* The boundary: lays a node out in its block, hands each event to the part it concerns, then lets every part do what is due. */
#include "runtime/core/node.h"

#include "runtime/core/internal.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/placement.h"
#include "runtime/core/submitter.h"
#include "runtime/core/witness.h"
#include "runtime/core/worker.h"

static size_t rounded(size_t size) { return (size + 15) & ~(size_t)15; }

/* Every body a node can own at once, so that the ring of releases never overflows: outputs, input segments, accepted
 * results, witnesses, the inputs of queued tasks, and what one step brings. */
static uint32_t releases_max(const struct swisd_limits *limits)
{
  return (uint32_t)limits->outputs_max + limits->segments_max + limits->intervals_max + swisd_witness_max(limits) +
         (uint32_t)limits->queue_max * (SWISD_SOURCES_MAX + 2) + limits->fetches_max + 16;
}

size_t swisd_node_size(const struct swisd_limits *limits)
{
  return rounded(sizeof(struct swisd_node)) + rounded(releases_max(limits) * sizeof(struct swisd_body)) +
         rounded(swisd_members_size(limits)) + rounded(swisd_placement_size(limits)) + rounded(swisd_submitter_size(limits)) +
         rounded(swisd_worker_size(limits));
}

void swisd_node_init(struct swisd_node *node, const struct swisd_config *config, uint64_t seed)
{
  const struct swisd_limits *limits = &config->limits;
  SWISD_ASSERT(!swisd_id_is_zero(config->id));
  SWISD_ASSERT(config->address_count <= SWISD_ADDRESSES_MAX);
  memset(node, 0, sizeof *node);
  node->config = *config;
  for (uint32_t purpose = 0; purpose < SWISD_RANDOM_COUNT; purpose++)
    node->random[purpose] = swisd_philox_stream(seed, (uint32_t)config->id.hi, (uint32_t)config->id.lo, purpose);
  node->ticket_next = 1;
  unsigned char *at = (unsigned char *)node + rounded(sizeof *node);
  node->release_max = releases_max(limits);
  node->releases = (struct swisd_body *)(void *)at;
  at += rounded(node->release_max * sizeof(struct swisd_body));
  node->members = (struct swisd_members *)(void *)at;
  at += rounded(swisd_members_size(limits));
  node->placement = (struct swisd_placement *)(void *)at;
  at += rounded(swisd_placement_size(limits));
  node->submitter = (struct swisd_submitter *)(void *)at;
  at += rounded(swisd_submitter_size(limits));
  node->worker = (struct swisd_worker *)(void *)at;
  swisd_members_init(node, node->members);
  swisd_placement_init(node, node->placement);
  swisd_submitter_init(node, node->submitter);
  swisd_worker_init(node, node->worker);
}

uint32_t swisd_node_ticket(struct swisd_node *node)
{
  if (node->ticket_next == 0)
    node->ticket_next = 1;
  return node->ticket_next++;
}

void swisd_node_member_changed(struct swisd_node *node, uint32_t index, enum swisd_member_change change)
{
  if (change == SWISD_MEMBER_CAME)
    swisd_placement_member_up(node, index);
  swisd_submitter_member_changed(node, index, change);
  if (change == SWISD_MEMBER_WENT)
    swisd_worker_peer_went(node, swisd_member_at(node, index)->record.id);
}

void swisd_node_holding_changed(struct swisd_node *node, swisd_shard_id shard, bool held)
{
  (void)shard;
  (void)held;
  swisd_members_publish(node);
  swisd_submitter_member_changed(node, 0, SWISD_MEMBER_RECORD);
}

static void message(struct swisd_node *node, const struct swisd_event_message *event)
{
  if (swisd_id_is_zero(event->from) || event->message == NULL) {
    swisd_out_release(node, event->body);
    return;
  }
  swisd_members_heard(node, event->from);
  swisd_submitter_heard(node, event->from);
  switch (event->message->type) {
  case SWISD_MESSAGE_PING:
  case SWISD_MESSAGE_ACK:
  case SWISD_MESSAGE_PING_REQ:
  case SWISD_MESSAGE_PROBE_NACK:
  case SWISD_MESSAGE_GOSSIP:
  case SWISD_MESSAGE_JOIN:
  case SWISD_MESSAGE_SYNC:
    swisd_members_message(node, event);
    break;
  case SWISD_MESSAGE_MODEL:
    swisd_placement_message(node, event);
    break;
  case SWISD_MESSAGE_JOB_OPEN:
  case SWISD_MESSAGE_TASK:
  case SWISD_MESSAGE_CANCEL:
  case SWISD_MESSAGE_BODY_FREE:
  case SWISD_MESSAGE_JOB_CLOSE:
    swisd_worker_message(node, event);
    return; /* it takes the body */
  case SWISD_MESSAGE_PULL:
  case SWISD_MESSAGE_RESULT:
  case SWISD_MESSAGE_NACK:
    swisd_submitter_message(node, event);
    return; /* it takes the body */
  }
  swisd_out_release(node, event->body);
}

/* A body that came for a ticket nobody knows (cancelled, or doubled) goes straight back. */
static void computed(struct swisd_node *node, const struct swisd_event_computed *event)
{
  if (!swisd_worker_computed(node, event) && !swisd_submitter_computed(node, event))
    swisd_out_release(node, event->out);
}

static void fetched(struct swisd_node *node, const struct swisd_event_fetched *event)
{
  if (!swisd_worker_fetched(node, event) && !swisd_placement_fetched(node, event))
    swisd_out_release(node, event->body);
}

static void dispatch(struct swisd_node *node, const struct swisd_event *event)
{
  switch (event->kind) {
  case SWISD_EVENT_START:
    if (node->started)
      break;
    node->started = true;
    swisd_members_start(node, &event->u.start);
    swisd_placement_start(node, &event->u.start);
    break;
  case SWISD_EVENT_MESSAGE:
    message(node, &event->u.message);
    break;
  case SWISD_EVENT_DEADLINE:
  case SWISD_EVENT_SENT:
  case SWISD_EVENT_WRITABLE:
  case SWISD_EVENT_LINK:
    break; /* the pumps look at the time; a link that is down shows itself by UNREACHABLE */
  case SWISD_EVENT_FETCHED:
    fetched(node, &event->u.fetched);
    break;
  case SWISD_EVENT_PROGRESS:
    swisd_worker_progress(node, event->u.fetched.ticket);
    swisd_placement_progress(node, event->u.fetched.ticket);
    break;
  case SWISD_EVENT_COMPUTED:
    computed(node, &event->u.computed);
    break;
  case SWISD_EVENT_SUBMITTED:
    swisd_submitter_submitted(node, &event->u.submitted);
    break;
  case SWISD_EVENT_APPENDED:
    swisd_submitter_appended(node, &event->u.appended);
    break;
  case SWISD_EVENT_WITHDRAWN:
    swisd_submitter_withdrawn(node, event->u.withdrawn);
    break;
  case SWISD_EVENT_UNREACHABLE:
    swisd_members_unreachable(node, event->u.peer);
    swisd_submitter_unreachable(node, event->u.peer);
    break;
  case SWISD_EVENT_AVAILABILITY:
    swisd_worker_availability(node, event->u.availability.level_percent);
    break;
  case SWISD_EVENT_SHARD_LOST:
    swisd_placement_shard_lost(node, event->u.shard);
    break;
  case SWISD_EVENT_RESUMED:
    swisd_members_resumed(node, event->u.gap_ns);
    swisd_submitter_resumed(node);
    break;
  case SWISD_EVENT_STOP:
    node->stopping = true;
    swisd_members_leave(node);
    break;
  case SWISD_EVENT_MODEL:
    swisd_placement_model_here(node, event->u.model);
    break;
  }
}

static void flush_releases(struct swisd_node *node)
{
  while (node->release_count && node->actions->count < SWISD_ACTIONS_MAX) {
    swisd_out_action(node, SWISD_ACTION_RELEASE)->u.release = node->releases[node->release_first];
    node->release_first = (node->release_first + 1) % node->release_max;
    node->release_count--;
  }
}

void swisd_node_step(struct swisd_node *node, const struct swisd_event *event, uint64_t now_ns, struct swisd_actions *actions)
{
  if (now_ns > node->now_ns)
    node->now_ns = now_ns;
  actions->count = actions->trace_count = 0;
  actions->traces_dropped = 0;
  node->actions = actions;
  dispatch(node, event);
  if (node->started) {
    swisd_members_pump(node);
    swisd_placement_pump(node);
    swisd_submitter_pump(node);
    swisd_worker_pump(node);
  }
  flush_releases(node);
  node->actions = NULL;
}

uint64_t swisd_node_deadline_ns(const struct swisd_node *node)
{
  if (node->release_count)
    return node->now_ns;
  if (!node->started)
    return SWISD_NEVER;
  const uint64_t candidates[] = {swisd_members_deadline_ns(node), swisd_placement_deadline_ns(node),
                                 swisd_submitter_deadline_ns(node), swisd_worker_deadline_ns(node)};
  uint64_t deadline_ns = SWISD_NEVER;
  for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
    if (candidates[i] < deadline_ns)
      deadline_ns = candidates[i];
  return deadline_ns;
}

void swisd_node_check(const struct swisd_node *node)
{
  SWISD_ASSERT(node->actions == NULL);
  SWISD_ASSERT(node->release_count <= node->release_max);
  swisd_members_check(node);
  swisd_placement_check(node);
  swisd_submitter_check(node);
  swisd_worker_check(node);
}

void swisd_node_status(const struct swisd_node *node, struct swisd_node_status *out)
{
  memset(out, 0, sizeof *out);
  struct swisd_member_view view;
  for (uint32_t i = 0; swisd_node_member(node, i, &view); i++) {
    if (i == 0) {
      out->id = view.record->id;
      out->incarnation = view.record->incarnation;
      out->holdings = view.record->holding_count;
    } else if (!swisd_id_is_zero(view.record->id)) {
      out->members_alive += view.state == SWISD_MEMBER_ALIVE;
      out->members_suspect += view.state == SWISD_MEMBER_SUSPECT;
      out->members_dead += view.state >= SWISD_MEMBER_DEAD;
    }
  }
  out->local_health = swisd_members_local_health(node);
  out->jobs = swisd_submitter_jobs(node);
  swisd_worker_status(node, out);
  memcpy(out->table_full, node->table_full, sizeof out->table_full);
}

bool swisd_node_member(const struct swisd_node *node, uint32_t index, struct swisd_member_view *out)
{
  if (index >= swisd_member_count(node))
    return false;
  const struct swisd_member *member = swisd_member_peek(node, index);
  out->record = &member->record;
  out->state = member->state;
  return true;
}

bool swisd_node_find_member(const struct swisd_node *node, struct swisd_id id, struct swisd_member_view *out)
{
  const struct swisd_member *member = swisd_member_peek_id(node, id);
  if (member == NULL)
    return false;
  out->record = &member->record;
  out->state = member->state;
  return true;
}

bool swisd_node_job_account(const struct swisd_node *node, uint64_t number, struct swisd_job_account *out)
{
  return swisd_submitter_account(node, number, out);
}
