/* The submitter: cuts its jobs into tasks, keeps every worker it knows busy, rescues what is overdue, and accepts each item
 * exactly once. It coordinates its own jobs only; any node can be one. The parts: interval.h (what has become of which
 * items), job.h (the graph: what is ready, what is consumed), partner.h (workers as a submitter sees them) and dispatch.h
 * (who gets what). */
#ifndef SWISD_CORE_SUBMITTER_H
#define SWISD_CORE_SUBMITTER_H

#include <stddef.h>

#include "runtime/core/event.h"
#include "runtime/core/internal.h"

struct swisd_job_account;

/* Called by node.c. */
size_t swisd_submitter_size(const struct swisd_limits *limits);
void swisd_submitter_init(struct swisd_node *node, void *block);
void swisd_submitter_submitted(struct swisd_node *node, const struct swisd_event_submitted *event);
void swisd_submitter_appended(struct swisd_node *node, const struct swisd_event_appended *event);
void swisd_submitter_withdrawn(struct swisd_node *node, uint64_t number);
void swisd_submitter_message(struct swisd_node *node, const struct swisd_event_message *event);
bool swisd_submitter_computed(struct swisd_node *node, const struct swisd_event_computed *event); /* false: not its ticket */
void swisd_submitter_member_changed(struct swisd_node *node, uint32_t index, enum swisd_member_change change);
void swisd_submitter_unreachable(struct swisd_node *node, struct swisd_id peer);
void swisd_submitter_resumed(struct swisd_node *node);
/* A message of any kind came from that node. */
void swisd_submitter_heard(struct swisd_node *node, struct swisd_id from);
bool swisd_submitter_has(struct swisd_node *node, struct swisd_job_id job); /* an open job of this node */
/* Whether the submitter of that job, this node, still has the body that a task's source names. */
bool swisd_submitter_keeps(struct swisd_node *node, const struct swisd_task_key *key, const struct swisd_source *source);
void swisd_submitter_pump(struct swisd_node *node);
uint64_t swisd_submitter_deadline_ns(const struct swisd_node *node);
bool swisd_submitter_account(const struct swisd_node *node, uint64_t number, struct swisd_job_account *out);
uint16_t swisd_submitter_jobs(const struct swisd_node *node);
void swisd_submitter_check(const struct swisd_node *node);

#endif
