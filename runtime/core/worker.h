/* The worker: grants credits to submitters with work, queues their tasks, fetches the inputs, has them computed and answers.
 *
 * A task goes waiting (inputs on their way) -> ready -> running -> answered. Order: stateful first (a text waits for each
 * token), then rescues, then as they came. Outputs that later steps will fetch stay in the outputs table until the
 * submitter frees them, closes the job, or lets its lease run out.
 * Credits: enough that outstanding work covers one round trip and one chunk, spread over the open jobs by least served
 * first (deficit round robin); a job with nothing here may get one more whenever the queue runs short. */
#ifndef SWISD_CORE_WORKER_H
#define SWISD_CORE_WORKER_H

#include <stddef.h>

#include "runtime/core/event.h"

struct swisd_node;
struct swisd_node_status;

/* Whether this worker keeps `body` as an output of that job. */
bool swisd_worker_output(const struct swisd_node *node, struct swisd_job_id job, struct swisd_body body);
/* Frees such an output; false when there is none. */
bool swisd_worker_free_output(struct swisd_node *node, struct swisd_job_id job, struct swisd_body body);

uint64_t swisd_worker_queue_ns(const struct swisd_node *node); /* work queued here, at the node's own speed */

/* Called by node.c. */
size_t swisd_worker_size(const struct swisd_limits *limits);
void swisd_worker_init(struct swisd_node *node, void *block);
void swisd_worker_message(struct swisd_node *node, const struct swisd_event_message *event);
bool swisd_worker_computed(struct swisd_node *node, const struct swisd_event_computed *event); /* false: not its ticket */
bool swisd_worker_fetched(struct swisd_node *node, const struct swisd_event_fetched *event);   /* false: not its ticket */
void swisd_worker_progress(struct swisd_node *node, uint32_t ticket);
void swisd_worker_peer_went(struct swisd_node *node, struct swisd_id peer);
void swisd_worker_availability(struct swisd_node *node, uint8_t level_percent);
void swisd_worker_pump(struct swisd_node *node);
uint64_t swisd_worker_deadline_ns(const struct swisd_node *node);
void swisd_worker_status(const struct swisd_node *node, struct swisd_node_status *out);
void swisd_worker_check(const struct swisd_node *node);

#endif
