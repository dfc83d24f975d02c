/* Stepping a core through a recording. The core is pure, so the same events must lead to the same actions, bit for bit; where
 * they do not, the core has changed, or one of the two runs was not pure. */
#ifndef SWISD_NET_REPLAY_H
#define SWISD_NET_REPLAY_H

#include "runtime/base/error.h"
#include "runtime/core/node.h"

struct swisd_replay_host {
  /* After each step; may be NULL. */
  void (*step)(struct swisd_replay_host *host, const struct swisd_node *node, const struct swisd_event *event, uint64_t now_ns,
               const struct swisd_actions *actions);
};

struct swisd_replay_result {
  struct swisd_id id;
  uint64_t steps, actions;
  uint64_t compared;       /* steps whose actions could be compared: the last may have no digest */
  uint64_t first_differing; /* step number from 1, 0: none */
  const char *end;         /* how the file ends: "complete", "cut off", or what is damaged */
  uint64_t first_ns, last_ns;
  double step_seconds;     /* spent inside the core */
};

/* Replays `path` until its end or the first differing step. -1 with `error` when there is nothing to replay; a recording that
 * is cut off or damaged further on is replayed up to there. `host` may be NULL. */
int swisd_replay_run(const char *path, struct swisd_replay_host *host, struct swisd_replay_result *result,
                     struct swisd_error *error);

#endif
