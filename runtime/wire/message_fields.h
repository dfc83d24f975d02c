/* The field tables of all messages, and of the words they are made of. Inside runtime/wire only. */
#ifndef SWISD_WIRE_MESSAGE_FIELDS_H
#define SWISD_WIRE_MESSAGE_FIELDS_H

#include "runtime/wire/wire_fields.h"

/* The table of `type`'s member of the union in struct swisd_message, whose base is `&message->u`; NULL: unknown type. */
const struct swisd_fields *swisd_message_fields(uint64_t type);

/* Words shared with recordings. Bare ones are elements of lists. */
extern const struct swisd_fields swisd_address_bare, swisd_u64_bare;
extern const struct swisd_fields swisd_body_fields, swisd_source_fields, swisd_job_id_fields, swisd_task_key_fields;
extern const struct swisd_fields swisd_rates_fields, swisd_record_fields;

#endif
