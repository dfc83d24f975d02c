/* Filling the actions of the step under way. Only inside swisd_node_step().
 *
 * Room: a step starts with SWISD_ACTIONS_MAX free slots. Answering one event takes at most SWISD_OUT_RESERVE of them; work
 * that can wait (probes, dispatch, releases) first asks swisd_out_room() and stays in its state when there is none. */
#ifndef SWISD_CORE_OUT_H
#define SWISD_CORE_OUT_H

#include "runtime/core/action.h"

struct swisd_node;

enum { SWISD_OUT_RESERVE = 16 };

/* Whether work that can wait may add `count` more actions now. */
bool swisd_out_room(const struct swisd_node *node, uint32_t count);

/* A SEND to a known or unknown peer; the caller fills the returned message's union member entirely (it is not cleared).
 * The address is looked up among the members. */
struct swisd_message *swisd_out_send(struct swisd_node *node, struct swisd_id to, enum swisd_message_type type);
/* The same to an address alone (a seed, a target named by another). */
struct swisd_message *swisd_out_send_address(struct swisd_node *node, struct swisd_id to, const struct swisd_address *address,
                                             enum swisd_message_type type);
/* The latest SEND also carries bytes [offset, offset + length) of `body`. */
void swisd_out_attach(struct swisd_node *node, struct swisd_body body, uint64_t offset, uint64_t length);

/* Any other action; the caller fills its union member. */
struct swisd_action *swisd_out_action(struct swisd_node *node, enum swisd_action_kind kind);

/* Releases a body of this node, now or when there is room, or when the task that is to read it is done; handle 0 is nothing. */
void swisd_out_release(struct swisd_node *node, struct swisd_body body);

/* A trace record with time and kind set, the rest zero; never NULL (a scratch record when the array is full). */
struct swisd_trace *swisd_out_trace(struct swisd_node *node, enum swisd_trace_kind kind);
/* Counts a refusal of a full table, and traces it. */
void swisd_out_table_full(struct swisd_node *node, enum swisd_table table);

#endif
