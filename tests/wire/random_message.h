/* Messages with random contents, valid in every field, for whoever needs any message at all: wire, cluster, fuzzing seeds.
 * Numbers are as often short as long, counts often at both of their ends, so that every width and bound is met. */
#ifndef SWISD_TESTS_RANDOM_MESSAGE_H
#define SWISD_TESTS_RANDOM_MESSAGE_H

#include "runtime/base/philox.h"
#include "runtime/core/message.h"

enum { SWISD_MESSAGE_TYPES = 16 };

/* All types, in order of their numbers. */
extern const enum swisd_message_type swisd_message_types[SWISD_MESSAGE_TYPES];

/* Fills `out` whole: what a message of this type does not use is zero, so two messages can be compared by memcmp(). */
void swisd_random_message(struct swisd_philox *random, enum swisd_message_type type, struct swisd_message *out);

/* The same for the words that messages are made of; each also clears what it does not use. */
uint64_t swisd_random_number(struct swisd_philox *random, unsigned bits_max); /* of 0 to bits_max bits, each as likely */
uint8_t swisd_random_count(struct swisd_philox *random, uint32_t max);        /* 0..max, the ends in every other draw */
struct swisd_id swisd_random_id(struct swisd_philox *random);                 /* never zero */
struct swisd_address swisd_random_address(struct swisd_philox *random);
struct swisd_body swisd_random_body(struct swisd_philox *random);
struct swisd_source swisd_random_source(struct swisd_philox *random);
struct swisd_job_id swisd_random_job_id(struct swisd_philox *random);
struct swisd_task_key swisd_random_task_key(struct swisd_philox *random);
struct swisd_inline swisd_random_inline(struct swisd_philox *random);
void swisd_random_rumour(struct swisd_philox *random, struct swisd_rumour *out);

#endif
