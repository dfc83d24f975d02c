/* See contacts.h. */
#include "runtime/net/contacts.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/net/socket_address.h"

static const uint64_t first_wait_ns = 150 * SWISD_MILLISECOND;

static bool meant(const struct swisd_contact *contact, struct swisd_id to, const struct swisd_address *address)
{
  return swisd_id_equal(contact->to, to) && swisd_address_equal(&contact->address, address);
}

struct swisd_contact *swisd_contacts_add(struct swisd_contacts *contacts, struct swisd_id to, const struct swisd_address *address,
                                         const uint8_t *bytes, size_t count)
{
  struct swisd_contact *contact = contacts->first;
  while (contact && !meant(contact, to, address))
    contact = contact->next;
  if (!contact) {
    contact = contacts->count < SWISD_CONTACTS_MAX ? calloc(1, sizeof *contact) : NULL;
    if (!contact)
      return NULL;
    contact->to = to;
    contact->address = *address;
    contact->number = ++contacts->number_last;
    contact->next = contacts->first;
    contacts->first = contact;
    contacts->count++;
  }
  if (count == 0)
    return contact;
  uint8_t *kept = contact->count < SWISD_CONTACT_MESSAGES_MAX ? malloc(count) : NULL;
  if (!kept)
    return NULL;
  memcpy(kept, bytes, count);
  contact->messages[contact->count++] = (struct swisd_contact_message){.count = (uint32_t)count, .bytes = kept};
  return contact;
}

static struct swisd_contact *unlink_at(struct swisd_contacts *contacts, struct swisd_contact **link)
{
  struct swisd_contact *contact = *link;
  *link = contact->next;
  contact->next = NULL;
  contacts->count--;
  return contact;
}

struct swisd_contact *swisd_contacts_take(struct swisd_contacts *contacts, struct swisd_id met, uint64_t number)
{
  for (struct swisd_contact **link = &contacts->first; *link; link = &(*link)->next)
    if (swisd_id_equal((*link)->to, met) || (*link)->number == number)
      return unlink_at(contacts, link);
  return NULL;
}

struct swisd_contact *swisd_contacts_due(struct swisd_contacts *contacts, uint64_t now_ns, bool *over)
{
  *over = false;
  for (struct swisd_contact **link = &contacts->first; *link; link = &(*link)->next) {
    struct swisd_contact *contact = *link;
    if (contact->again_ns > now_ns)
      continue;
    if (contact->attempt == SWISD_CONTACT_ATTEMPTS_MAX) {
      *over = true;
      return unlink_at(contacts, link);
    }
    contact->again_ns = now_ns + (first_wait_ns << contact->attempt);
    contact->attempt++;
    return contact;
  }
  return NULL;
}

uint64_t swisd_contacts_next_ns(const struct swisd_contacts *contacts)
{
  uint64_t next_ns = SWISD_NEVER;
  for (const struct swisd_contact *contact = contacts->first; contact; contact = contact->next)
    if (contact->again_ns < next_ns)
      next_ns = contact->again_ns;
  return next_ns;
}

void swisd_contact_free(struct swisd_contact *contact)
{
  if (!contact)
    return;
  for (uint32_t i = 0; i < contact->count; i++)
    free(contact->messages[i].bytes);
  free(contact);
}

void swisd_contacts_free(struct swisd_contacts *contacts)
{
  while (contacts->first)
    swisd_contact_free(unlink_at(contacts, &contacts->first));
}
