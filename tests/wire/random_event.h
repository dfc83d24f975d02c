/* Events, actions and configurations with random contents, as random_message.h makes messages. */
#ifndef SWISD_TESTS_RANDOM_EVENT_H
#define SWISD_TESTS_RANDOM_EVENT_H

#include "runtime/base/philox.h"
#include "runtime/core/action.h"
#include "runtime/core/config.h"
#include "runtime/core/event.h"

enum { SWISD_EVENT_KINDS = 18, SWISD_ACTION_KINDS = 11 }; /* numbered 1.. without gaps */

/* What an event may point to; filled by swisd_random_event(), which clears all of it first. */
struct swisd_random_pointed {
  struct swisd_message message;
  struct swisd_job_spec spec;
  struct swisd_message_model model;
};

/* Fills `out` whole: what an event of this kind does not use is zero. */
void swisd_random_event(struct swisd_philox *random, enum swisd_event_kind kind, struct swisd_event *out,
                        struct swisd_random_pointed *pointed);
void swisd_random_action(struct swisd_philox *random, enum swisd_action_kind kind, struct swisd_action *out);
void swisd_random_config(struct swisd_philox *random, struct swisd_config *out);

#endif
