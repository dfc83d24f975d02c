/* A COMPUTE action carried out: sources looked up, a program run on a worker thread, a COMPUTED event made of what came out.
 *
 * Everything that a program touches (blobs, lane, session, the job's answer) is referenced until it has ended, so neither a
 * RELEASE nor a DROP in the meantime can hurt it. */
#ifndef SWISD_NET_PROGRAMS_H
#define SWISD_NET_PROGRAMS_H

#include "runtime/core/action.h"
#include "runtime/core/event.h"
#include "runtime/net/bodies.h"
#include "runtime/net/models.h"
#include "runtime/net/workers.h"

struct swisd_programs;

/* Where COMMIT puts rows: the answer of one job. Row = one item of all lanes of the sink step. */
struct swisd_answer {
  struct swisd_blob *rows; /* items_max * row_bytes */
  uint32_t row_bytes;
  uint64_t items_max;
};

struct swisd_programs_host {
  /* On the loop, once per start; the event lives during the call. A damaged shard is told first, with SHARD_LOST. */
  void (*event)(struct swisd_programs_host *host, const struct swisd_event *event);
  /* The answer of the driver's job `number`, NULL when there is none (any more). */
  struct swisd_answer *(*answer)(struct swisd_programs_host *host, uint64_t number);
};

/* All arguments outlive it. NULL when memory is out. */
struct swisd_programs *swisd_programs_open(struct swisd_programs_host *host, struct swisd_bodies *bodies,
                                           struct swisd_models *models,
                                           struct swisd_workers *workers, const struct swisd_kernels *kernels);
void swisd_programs_close(struct swisd_programs *programs); /* after the workers are closed */

/* Starts it; the COMPUTED comes later through the host, also when it cannot run: never from inside this call. */
void swisd_programs_start(struct swisd_programs *programs, const struct swisd_action_compute *action, uint64_t now_ns);

#endif
