/* Filling the actions of the step under way. */
#include "runtime/core/out.h"

#include "runtime/core/internal.h"
#include "runtime/core/member.h"
#include "runtime/core/memory.h"
#include "runtime/core/worker_internal.h"

bool swisd_out_room(const struct swisd_node *node, uint32_t count)
{
  return node->actions->count + count + SWISD_OUT_RESERVE <= SWISD_ACTIONS_MAX;
}

struct swisd_action *swisd_out_action(struct swisd_node *node, enum swisd_action_kind kind)
{
  struct swisd_actions *actions = node->actions;
  SWISD_ASSERT(actions->count < SWISD_ACTIONS_MAX);
  struct swisd_action *action = &actions->list[actions->count++];
  action->kind = kind;
  return action;
}

struct swisd_message *swisd_out_send_address(struct swisd_node *node, struct swisd_id to, const struct swisd_address *address,
                                             enum swisd_message_type type)
{
  struct swisd_action_send *send = &swisd_out_action(node, SWISD_ACTION_SEND)->u.send;
  send->to = to;
  send->address = *address;
  send->message.type = type;
  memset(&send->body, 0, sizeof send->body);
  send->body_offset = send->body_length = 0;
  return &send->message;
}

struct swisd_message *swisd_out_send(struct swisd_node *node, struct swisd_id to, enum swisd_message_type type)
{
  struct swisd_address address = {0};
  const struct swisd_member *member = swisd_member_find(node, to);
  if (member && member->record.address_count)
    address = member->record.addresses[0];
  return swisd_out_send_address(node, to, &address, type);
}

void swisd_out_attach(struct swisd_node *node, struct swisd_body body, uint64_t offset, uint64_t length)
{
  SWISD_ASSERT(node->actions->count > 0);
  struct swisd_action *action = &node->actions->list[node->actions->count - 1];
  SWISD_ASSERT(action->kind == SWISD_ACTION_SEND);
  SWISD_ASSERT(offset <= body.bytes && length <= body.bytes - offset);
  action->u.send.body = body;
  action->u.send.body_offset = offset;
  action->u.send.body_length = length;
}

void swisd_out_release(struct swisd_node *node, struct swisd_body body)
{
  if (body.handle == 0 || swisd_queue_keeps(node, body))
    return;
  SWISD_ASSERT(node->release_count < node->release_max);
  node->releases[(node->release_first + node->release_count++) % node->release_max] = body;
}

struct swisd_trace *swisd_out_trace(struct swisd_node *node, enum swisd_trace_kind kind)
{
  struct swisd_actions *actions = node->actions;
  struct swisd_trace *trace = &node->scratch_trace;
  if (actions->trace_count < SWISD_TRACES_MAX)
    trace = &actions->traces[actions->trace_count++];
  else
    actions->traces_dropped++;
  memset(trace, 0, sizeof *trace);
  trace->time_ns = node->now_ns;
  trace->kind = (uint8_t)kind;
  return trace;
}

void swisd_out_table_full(struct swisd_node *node, enum swisd_table table)
{
  node->table_full[table]++;
  swisd_out_trace(node, SWISD_TRACE_TABLE_FULL)->value = table;
}
