/* Which shards this node holds (DESIGN section 6), and what it knows of the swarm's models.
 *
 * A node holds d = config.shards_per_node shards of each model it has room for: one of the least covered, the others each
 * the best of three random ones (never simply the d least covered: that forms cliques and loses pooling; reference:
 * ARCHITECTURE.md "Placement"). Coverage of a shard = sum over live holders of speed * (share of the holder's work that
 * this shard is), suspects half. Rejoiners keep what is on their disk. Live nodes move only when a shard has fewer than
 * replicas_min live holders or is badly under-covered: then each candidate volunteers with a probability matched to the
 * deficit, once per placement interval, with a cooldown. Dropping announces DROPPING first and never leaves fewer than
 * replicas_min other holders. Homes (the top three by rendezvous hashing when placed) carry HOME in their record. */
#ifndef SWISD_CORE_PLACEMENT_H
#define SWISD_CORE_PLACEMENT_H

#include <stddef.h>

#include "runtime/core/event.h"
#include "runtime/core/message.h"

struct swisd_node;

/* Whether this node holds `shard`, ready for use. */
bool swisd_placement_holds(const struct swisd_node *node, swisd_shard_id shard);
/* The catalogue's entry of a model; NULL when unknown. Valid until the end of the step. */
const struct swisd_message_model *swisd_placement_model(const struct swisd_node *node, swisd_model_id model);

/* Called by node.c. */
size_t swisd_placement_size(const struct swisd_limits *limits);
void swisd_placement_init(struct swisd_node *node, void *block);
void swisd_placement_start(struct swisd_node *node, const struct swisd_event_start *start);
void swisd_placement_message(struct swisd_node *node, const struct swisd_event_message *event);    /* type MODEL */
void swisd_placement_model_here(struct swisd_node *node, const struct swisd_message_model *model); /* event MODEL */
void swisd_placement_member_up(struct swisd_node *node, uint32_t member_index); /* a new member: it must learn the models */
void swisd_placement_synced(struct swisd_node *node, struct swisd_id with);     /* all records were sent to it: the models too */
void swisd_placement_progress(struct swisd_node *node, uint32_t ticket);
bool swisd_placement_fetched(struct swisd_node *node, const struct swisd_event_fetched *event); /* false: not its ticket */
void swisd_placement_shard_lost(struct swisd_node *node, swisd_shard_id shard);
void swisd_placement_pump(struct swisd_node *node);
uint64_t swisd_placement_deadline_ns(const struct swisd_node *node);
void swisd_placement_check(const struct swisd_node *node);

#endif
