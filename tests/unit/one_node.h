/* One node of the core alone in a room: the test plays everybody else. Time is a number, actions and traces are kept until
 * cleared, and swisd_node_check() runs after every step. Other nodes are called by small numbers. */
#ifndef SWISD_TESTS_UNIT_ONE_NODE_H
#define SWISD_TESTS_UNIT_ONE_NODE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/node.h"
#include "tests/unit/cmocka_all.h"

enum { ONE_ACTIONS_MAX = 3000, ONE_TRACES_MAX = 20000, ONE_PEERS_MAX = 1500 };

struct one_action {
  uint64_t time_ns;
  struct swisd_action action;
};

struct one {
  struct swisd_node *node;
  struct swisd_actions *step;
  uint64_t now_ns;
  struct one_action *actions;
  uint32_t action_count;
  struct swisd_trace *traces;
  uint32_t trace_count;
  bool answers[ONE_PEERS_MAX]; /* acknowledges every PING at once */
};

static inline struct swisd_id one_id(uint32_t peer)
{
  return (struct swisd_id){.hi = peer * UINT64_C(0x9E3779B97F4A7C15) | 1, .lo = peer};
}

static inline struct swisd_address one_address(uint32_t peer)
{
  struct swisd_address address = {.family = SWISD_ADDRESS_INDEX, .port = 1};
  address.bytes[2] = (uint8_t)(peer >> 8);
  address.bytes[3] = (uint8_t)peer;
  return address;
}

/* The node under test is number 1. */
static inline struct swisd_config one_config(void)
{
  struct swisd_config config = swisd_config_default();
  config.id = one_id(1);
  config.addresses[0] = one_address(1);
  config.address_count = 1;
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
    config.rates[k] = 30 * 256;
  return config;
}

static inline struct one *one_new(const struct swisd_config *config, uint64_t seed)
{
  struct one *o = calloc(1, sizeof *o);
  const size_t size = (swisd_node_size(&config->limits) + 15) & ~(size_t)15;
  o->node = aligned_alloc(16, size);
  memset(o->node, 0xa5, size);
  o->step = malloc(sizeof *o->step);
  o->actions = malloc(ONE_ACTIONS_MAX * sizeof *o->actions);
  o->traces = malloc(ONE_TRACES_MAX * sizeof *o->traces);
  o->now_ns = SWISD_SECOND;
  swisd_node_init(o->node, config, seed);
  return o;
}

static inline void one_free(struct one *o)
{
  free(o->node);
  free(o->step);
  free(o->actions);
  free(o->traces);
  free(o);
}

static inline void one_clear(struct one *o) { o->action_count = o->trace_count = 0; }

static inline void one_step(struct one *o, const struct swisd_event *event)
{
  swisd_node_step(o->node, event, o->now_ns, o->step);
  swisd_node_check(o->node);
  const uint32_t first = o->action_count;
  for (uint32_t i = 0; i < o->step->count; i++) {
    assert_true(o->action_count < ONE_ACTIONS_MAX);
    o->actions[o->action_count++] = (struct one_action){o->now_ns, o->step->list[i]};
  }
  for (uint32_t i = 0; i < o->step->trace_count; i++) {
    assert_true(o->trace_count < ONE_TRACES_MAX);
    o->traces[o->trace_count++] = o->step->traces[i];
  }
  const uint32_t end = o->action_count;
  for (uint32_t i = first; i < end; i++) {
    const struct swisd_action *action = &o->actions[i].action;
    if (action->kind != SWISD_ACTION_SEND || action->u.send.message.type != SWISD_MESSAGE_PING ||
        action->u.send.to.lo >= ONE_PEERS_MAX || !o->answers[action->u.send.to.lo])
      continue;
    struct swisd_message ack = {.type = SWISD_MESSAGE_ACK};
    ack.u.ack.sequence = action->u.send.message.u.ping.sequence;
    ack.u.ack.incarnation = 1;
    const struct swisd_event answer = {.kind = SWISD_EVENT_MESSAGE, .u.message = {.from = action->u.send.to, .message = &ack}};
    one_step(o, &answer);
  }
}

/* Follows the node's deadlines until `until_ns`. */
static inline void one_run_to(struct one *o, uint64_t until_ns)
{
  const struct swisd_event deadline = {.kind = SWISD_EVENT_DEADLINE};
  uint32_t at_once = 0;
  for (uint64_t next = swisd_node_deadline_ns(o->node); next <= until_ns; next = swisd_node_deadline_ns(o->node)) {
    at_once = next > o->now_ns ? 0 : at_once + 1;
    assert_true(at_once < 1000); /* it never rests otherwise */
    if (next > o->now_ns)
      o->now_ns = next;
    one_step(o, &deadline);
  }
  if (until_ns > o->now_ns)
    o->now_ns = until_ns;
}

static inline void one_run(struct one *o, uint64_t duration_ns) { one_run_to(o, o->now_ns + duration_ns); }

static inline void one_start(struct one *o, uint32_t incarnation, uint32_t seed_count, const uint32_t *seeds)
{
  struct swisd_event event = {.kind = SWISD_EVENT_START};
  event.u.start.incarnation = incarnation;
  event.u.start.seed_count = (uint8_t)seed_count;
  for (uint32_t i = 0; i < seed_count; i++)
    event.u.start.seeds[i] = one_address(seeds[i]);
  one_step(o, &event);
}

static inline void one_message(struct one *o, uint32_t from, const struct swisd_message *message)
{
  const struct swisd_event event = {.kind = SWISD_EVENT_MESSAGE,
                                    .u.message = {.from = one_id(from), .from_address = one_address(from), .message = message}};
  one_step(o, &event);
}

static inline void one_unreachable(struct one *o, uint32_t peer)
{
  one_step(o, &(struct swisd_event){.kind = SWISD_EVENT_UNREACHABLE, .u.peer = one_id(peer)});
}

/* ---- what others say ---- */

static inline struct swisd_record one_record(uint32_t peer, uint32_t incarnation, uint32_t version)
{
  struct swisd_record record = {.id = one_id(peer), .incarnation = incarnation, .version = version, .address_count = 1};
  record.addresses[0] = one_address(peer);
  record.flags = SWISD_RECORD_WORKS;
  for (uint32_t k = 0; k < SWISD_KERNEL_COUNT; k++)
    record.rates[k] = 30 * 256;
  return record;
}

static inline struct swisd_rumour one_alive(uint32_t peer, uint32_t incarnation, uint32_t version)
{
  struct swisd_rumour rumour = {.subject = one_id(peer), .incarnation = incarnation, .from = one_id(peer)};
  rumour.record = one_record(peer, incarnation, version);
  return rumour;
}

static inline struct swisd_rumour one_bad_news(uint32_t state, uint32_t peer, uint32_t incarnation, uint32_t from)
{
  return (struct swisd_rumour){
    .state = (uint8_t)state, .subject = one_id(peer), .incarnation = incarnation, .from = one_id(from)};
}

/* Told in a GOSSIP of `from`. */
static inline void one_tell(struct one *o, uint32_t from, const struct swisd_rumour *rumour)
{
  struct swisd_message message = {.type = SWISD_MESSAGE_GOSSIP};
  message.u.ping.target = one_id(1);
  message.u.ping.rumours.count = 1;
  message.u.ping.rumours.list[0] = *rumour;
  one_message(o, from, &message);
}

/* Members first..last are alive, with incarnation 1, and answer or not. */
static inline void one_populate(struct one *o, uint32_t first, uint32_t last, bool answer)
{
  for (uint32_t peer = first; peer <= last; peer++) {
    const struct swisd_rumour rumour = one_alive(peer, 1, 1);
    o->answers[peer] = answer;
    one_tell(o, peer, &rumour);
  }
}

/* ---- what the node did ---- */

/* The next message of this type after *at, to that peer (0: to anybody), or NULL. Start with *at = 0. */
static inline const struct swisd_action_send *one_sent(const struct one *o, enum swisd_message_type type, uint32_t to,
                                                       uint32_t *at)
{
  while (*at < o->action_count) {
    const struct swisd_action *action = &o->actions[(*at)++].action;
    if (action->kind == SWISD_ACTION_SEND && action->u.send.message.type == type && (to == 0 || action->u.send.to.lo == to))
      return &action->u.send;
  }
  return NULL;
}

static inline uint32_t one_sent_count(const struct one *o, enum swisd_message_type type, uint32_t to)
{
  uint32_t at = 0, count = 0;
  while (one_sent(o, type, to, &at))
    count++;
  return count;
}

static inline uint32_t one_action_count(const struct one *o, enum swisd_action_kind kind)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < o->action_count; i++)
    count += o->actions[i].action.kind == kind;
  return count;
}

static inline uint32_t one_trace_count(const struct one *o, enum swisd_trace_kind kind, uint32_t subject)
{
  uint32_t count = 0;
  for (uint32_t i = 0; i < o->trace_count; i++)
    count += o->traces[i].kind == kind && (subject == 0 || o->traces[i].subject.lo == subject);
  return count;
}

static inline uint64_t one_trace_ns(const struct one *o, enum swisd_trace_kind kind, uint32_t subject)
{
  for (uint32_t i = 0; i < o->trace_count; i++)
    if (o->traces[i].kind == kind && o->traces[i].subject.lo == subject)
      return o->traces[i].time_ns;
  return SWISD_NEVER;
}

enum { ONE_UNKNOWN = 9 };
static inline uint32_t one_state(const struct one *o, uint32_t peer)
{
  struct swisd_member_view view;
  return swisd_node_find_member(o->node, one_id(peer), &view) ? (uint32_t)view.state : (uint32_t)ONE_UNKNOWN;
}

static inline const struct swisd_record *one_known(const struct one *o, uint32_t peer)
{
  struct swisd_member_view view;
  assert_true(swisd_node_find_member(o->node, one_id(peer), &view));
  return view.record;
}

static inline struct swisd_node_status one_status(const struct one *o)
{
  struct swisd_node_status status;
  swisd_node_status(o->node, &status);
  return status;
}

#endif
