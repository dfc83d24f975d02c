/* The field tables of what crosses the boundary of the core: configuration, events, actions. Inside runtime/wire only. */
#ifndef SWISD_WIRE_EVENT_FIELDS_H
#define SWISD_WIRE_EVENT_FIELDS_H

#include "runtime/wire/wire_fields.h"

extern const struct swisd_fields swisd_config_fields, swisd_job_spec_fields;

/* The table of an event's own fields, whose base is the event; NULL: unknown kind. What an event points to is not in it. */
const struct swisd_fields *swisd_event_fields(uint64_t kind);
/* The same for actions, without the message of a SEND. */
const struct swisd_fields *swisd_action_fields(uint64_t kind);

#endif
