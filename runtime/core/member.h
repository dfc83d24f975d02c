/* The membership table: who is in the swarm, as far as this node knows. `view: full` for now: everybody it has heard of.
 *
 * One table owns identity, record and liveness. Index 0 is the node itself and always alive. A slot keeps its index while
 * its member is known, so other parts may hold indices between steps as long as they watch swisd_node_member_changed().
 * SWIM (Das, Gupta, Motivala, DSN 2002) orders news: ALIVE(i) beats SUSPECT and ALIVE of a lower incarnation; SUSPECT(i)
 * beats ALIVE(<= i); DEAD and LEFT(i) beat all of incarnation <= i; only the owner raises an incarnation. The dead are
 * remembered for config.dead_keep_ns, so that old news cannot bring a ghost back. */
#ifndef SWISD_CORE_MEMBER_H
#define SWISD_CORE_MEMBER_H

#include <stddef.h>

#include "runtime/core/event.h"
#include "runtime/core/message.h"

struct swisd_node;

#define SWISD_MEMBER_NONE UINT16_MAX /* no index */

struct swisd_member {
  struct swisd_record record; /* id zero: a free slot */
  enum swisd_member_state state;
  uint32_t generation; /* raised each time the slot is given to another member */
  uint64_t changed_ns; /* when `state` was entered */
  /* suspicion (Lifeguard): who confirms it, when it ends in DEAD */
  uint64_t suspect_deadline_ns;
  uint8_t confirmation_count; /* beyond the first suspicion */
  bool heard;                 /* it was heard from since it is suspected */
  uint16_t confirmers[8];     /* indices: who suspected it first, then who confirmed it; UINT16_MAX: somebody unknown */
  uint32_t rtt_ns;            /* smoothed round trip of probes and acks, 0 = unknown */
};

/* The member of this id, dead ones included; NULL when unknown. */
struct swisd_member *swisd_member_find(struct swisd_node *node, struct swisd_id id);
/* The slot at `index` < swisd_member_count(); may be free (id zero). Index 0 is the node itself. */
struct swisd_member *swisd_member_at(struct swisd_node *node, uint32_t index);
/* The same without the right to change. */
const struct swisd_member *swisd_member_peek_id(const struct swisd_node *node, struct swisd_id id);
const struct swisd_member *swisd_member_peek(const struct swisd_node *node, uint32_t index);
uint32_t swisd_member_count(const struct swisd_node *node); /* slots in use or once used: the bound of a loop */
uint32_t swisd_member_index(const struct swisd_node *node, const struct swisd_member *member);
/* Alive or suspect: worth sending to. */
static inline bool swisd_member_is_up(const struct swisd_member *member)
{
  return !swisd_id_is_zero(member->record.id) && member->state <= SWISD_MEMBER_SUSPECT;
}
uint32_t swisd_members_up(const struct swisd_node *node); /* alive and suspect, without the node itself */

/* Lifeguard's local health: 0 is healthy, at most config.local_health_max. */
uint8_t swisd_members_local_health(const struct swisd_node *node);

/* One of them at random, from the node's stream of `purpose` (enum swisd_random_purpose); SWISD_MEMBER_NONE when there is none.
 * O(1). */
uint32_t swisd_member_random(struct swisd_node *node, uint32_t purpose);
uint64_t swisd_members_refused(const struct swisd_node *node); /* pieces of news that made no sense */

/* The node's own record has changed (holdings, rates): raises its version and spreads it. */
void swisd_members_publish(struct swisd_node *node);
/* A link to that peer broke or could not be made: a failed probe at once, so it becomes suspect now. */
void swisd_members_unreachable(struct swisd_node *node, struct swisd_id id);
/* Sends a PING beside the probing: a live member answers at once, and is heard. Takes one action. */
void swisd_members_ask(struct swisd_node *node, struct swisd_id id);
/* A message of any kind came from that peer: it lives (refreshes, no incarnation is raised). */
void swisd_members_heard(struct swisd_node *node, struct swisd_id id);

/* Called by node.c. */
size_t swisd_members_size(const struct swisd_limits *limits);
void swisd_members_init(struct swisd_node *node, void *block);
void swisd_members_start(struct swisd_node *node, const struct swisd_event_start *start);
void swisd_members_message(struct swisd_node *node, const struct swisd_event_message *event); /* types PING .. SYNC */
void swisd_members_pump(struct swisd_node *node); /* does what is due at node->now_ns, as far as there is room */
uint64_t swisd_members_deadline_ns(const struct swisd_node *node);
void swisd_members_resumed(struct swisd_node *node, uint64_t gap_ns); /* the clock jumped: nobody is blamed for the gap */
void swisd_members_leave(struct swisd_node *node);                    /* STOP: tells some members at once */
void swisd_members_check(const struct swisd_node *node);

#endif
