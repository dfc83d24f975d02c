/* First contacts: messages for nodes that there is no key with yet, waiting while introductions go back and forth. Bounded:
 * what waits too long, or is too much, is dropped and counted; lost datagrams are the core's business anyway. */
#ifndef SWISD_NET_CONTACTS_H
#define SWISD_NET_CONTACTS_H

#include <stddef.h>

#include "runtime/core/limits.h"
#include "runtime/core/types.h"

enum {
  SWISD_CONTACTS_MAX = 128,
  SWISD_CONTACT_MESSAGES_MAX = 4, /* for each: the first PING and what follows within a round trip or two */
  SWISD_CONTACT_ATTEMPTS_MAX = 5,
};

struct swisd_contact {
  struct swisd_contact *next;
  struct swisd_id to; /* zero: whoever is there */
  struct swisd_address address;
  uint64_t number;   /* names it to whom it introduces itself */
  uint32_t attempt;  /* introductions sent */
  uint64_t again_ns; /* when the next one is due, or giving up */
  uint32_t count;
  struct swisd_contact_message {
    uint32_t count;
    uint8_t *bytes; /* encoded, not sealed */
  } messages[SWISD_CONTACT_MESSAGES_MAX];
};

struct swisd_contacts {
  struct swisd_contact *first;
  uint32_t count;
  uint64_t number_last;
};

/* Keeps a message (count 0: none, an introduction is all that is wanted). NULL: there is no room. A new contact has attempt 0
 * and is due at once. */
struct swisd_contact *swisd_contacts_add(struct swisd_contacts *contacts, struct swisd_id to, const struct swisd_address *address,
                                         const uint8_t *bytes, size_t count);
/* Takes out a contact that `met` answers: one for its id, or the one with that number; NULL: none (any more). */
struct swisd_contact *swisd_contacts_take(struct swisd_contacts *contacts, struct swisd_id met, uint64_t number);
/* The next one whose time has come, its next time set (0.15, 0.3, 0.6, ... s); NULL: none. One that has used up its attempts is
 * taken out instead, and *over is set. */
struct swisd_contact *swisd_contacts_due(struct swisd_contacts *contacts, uint64_t now_ns, bool *over);
uint64_t swisd_contacts_next_ns(const struct swisd_contacts *contacts); /* SWISD_NEVER: none waits */
void swisd_contact_free(struct swisd_contact *contact);
void swisd_contacts_free(struct swisd_contacts *contacts);

#endif
