/* See datagrams.h. Two lines hold datagrams that wait out the emulated link, one each way; both are in order of time because
 * the delay is the same for all. */
#include "runtime/net/datagrams.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/net/clock.h"
#include "runtime/net/contacts.h"
#include "runtime/net/socket_address.h"
#include "runtime/wire/frame.h"
#include "runtime/wire/wire.h"

enum {
  LINE_MAX = 512,      /* datagrams waiting each way; a real queue drops too */
  RECEIVE_BATCH = 64,  /* read in one go, then others get their turn */
  STRANGERS_PER_SECOND = 10, /* unknown senders that are asked who they are: anybody can make us do that */
};

struct parcel {
  struct parcel *next;
  uint64_t due_ns;
  struct swisd_address address;
  uint32_t count;
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX + 1]; /* one more, so that a longer one shows */
};

struct line {
  struct parcel *first, **end;
  uint32_t count;
  struct event *timer;
};

struct swisd_datagrams {
  int fd;
  struct event *readable;
  struct swisd_linkshape *shape;
  struct swisd_datagrams_host *host;
  struct swisd_pairs *pairs;
  struct swisd_contacts contacts;
  struct event *contact_timer;
  uint64_t second_ns; /* when the count below began */
  uint32_t strangers_asked;
  struct line out, in;
  struct swisd_message scratch;
  struct swisd_pairs_opened opened;
  struct swisd_datagrams_status status;
};

static void line_arm(struct line *line)
{
  if (!line->first)
    return;
  const uint64_t now_ns = swisd_clock_now_ns();
  const uint64_t wait_us = line->first->due_ns > now_ns ? (line->first->due_ns - now_ns + 999) / 1000 : 0;
  const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
  event_add(line->timer, &wait);
}

static bool line_push(struct line *line, const struct parcel *parcel, uint64_t due_ns)
{
  struct parcel *kept = line->count < LINE_MAX ? malloc(sizeof *kept) : NULL;
  if (!kept)
    return false;
  *kept = *parcel;
  kept->due_ns = due_ns;
  kept->next = NULL;
  *line->end = kept;
  line->end = &kept->next;
  line->count++;
  if (line->first == kept)
    line_arm(line);
  return true;
}

static struct parcel *line_pop(struct line *line)
{
  struct parcel *parcel = line->first;
  line->first = parcel->next;
  if (!line->first)
    line->end = &line->first;
  line->count--;
  return parcel;
}

static void transmit(struct swisd_datagrams *datagrams, const struct parcel *parcel)
{
  struct sockaddr_storage to;
  const socklen_t length = swisd_address_to_socket(&parcel->address, &to);
  if (length == 0 || sendto(datagrams->fd, parcel->bytes, parcel->count, MSG_DONTWAIT, (struct sockaddr *)&to, length) < 0) {
    datagrams->status.send_failed++;
    return;
  }
  datagrams->status.sent++;
  datagrams->status.bytes_sent += parcel->count;
}

/* Ciphertext that is ready to go. */
static void send_parcel(struct swisd_datagrams *datagrams, const struct parcel *parcel)
{
  if (!swisd_linkshape_limits_up(datagrams->shape))
    transmit(datagrams, parcel);
  else if (!line_push(&datagrams->out, parcel, swisd_linkshape_book_up(datagrams->shape, swisd_clock_now_ns(), parcel->count)))
    datagrams->status.send_failed++;
}

/* ---- first contacts ---- */

static void give_up(struct swisd_datagrams *datagrams, struct swisd_contact *contact)
{
  char address[SWISD_ADDRESS_TEXT_BYTES];
  swisd_address_text(&contact->address, address);
  datagrams->status.unanswered++;
  if (swisd_id_is_zero(contact->to))
    swisd_log_limited(SWISD_LOG_WARN, "net",
                      "nobody answers at %s: is a node there, with the same join key and another identity?", address);
  swisd_contact_free(contact);
}

/* Sends the introductions that are due, and sets the timer for the next. */
static void introduce(struct swisd_datagrams *datagrams)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  bool over;
  for (struct swisd_contact *contact; (contact = swisd_contacts_due(&datagrams->contacts, now_ns, &over)) != NULL;) {
    if (over) {
      give_up(datagrams, contact);
      continue;
    }
    struct parcel parcel = {.address = contact->address};
    parcel.count = (uint32_t)swisd_pairs_introduce(datagrams->pairs, contact->to, contact->attempt - 1, contact->number, now_ns,
                                                   parcel.bytes);
    if (parcel.count > 0 && !swisd_linkshape_drops(datagrams->shape, contact->to, false))
      send_parcel(datagrams, &parcel);
  }
  const uint64_t next_ns = swisd_contacts_next_ns(&datagrams->contacts);
  if (next_ns == SWISD_NEVER)
    return;
  const uint64_t wait_us = next_ns > now_ns ? (next_ns - now_ns + 999) / 1000 : 0;
  const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000), .tv_usec = (suseconds_t)(wait_us % 1000000)};
  event_add(datagrams->contact_timer, &wait);
}

static void on_contact_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  introduce(argument);
}

/* Seals and sends an encoded message that lies in `parcel` behind the head; false: there is no key with that node. */
static bool seal_and_send(struct swisd_datagrams *datagrams, struct swisd_id to, struct parcel *parcel, size_t count)
{
  bool doubtful;
  const size_t bytes = swisd_pairs_seal(datagrams->pairs, to, swisd_clock_now_ns(), parcel->bytes, count, &doubtful);
  if (bytes == 0)
    return false;
  parcel->count = (uint32_t)bytes;
  send_parcel(datagrams, parcel);
  if (doubtful && swisd_contacts_add(&datagrams->contacts, to, &parcel->address, NULL, 0))
    introduce(datagrams);
  return true;
}

/* There is a key with `met` now: what waited for that goes. */
static void send_waiting(struct swisd_datagrams *datagrams, struct swisd_id met, uint64_t number)
{
  for (struct swisd_contact *contact; (contact = swisd_contacts_take(&datagrams->contacts, met, number)) != NULL;) {
    for (uint32_t i = 0; i < contact->count; i++) {
      struct parcel parcel = {.address = contact->address};
      memcpy(parcel.bytes + SWISD_DATAGRAM_HEAD_BYTES, contact->messages[i].bytes, contact->messages[i].count);
      if (!swisd_linkshape_drops(datagrams->shape, met, false))
        seal_and_send(datagrams, met, &parcel, contact->messages[i].count);
    }
    swisd_contact_free(contact);
  }
}

/* Somebody speaks in a session that is not known here: one of us has restarted. Asking who it is costs 236 bytes to an address
 * that anybody may have written, so few are asked. */
static void ask_stranger(struct swisd_datagrams *datagrams, const struct parcel *parcel)
{
  const uint64_t now_ns = swisd_clock_now_ns();
  if (now_ns - datagrams->second_ns >= SWISD_SECOND) {
    datagrams->second_ns = now_ns;
    datagrams->strangers_asked = 0;
  }
  if (datagrams->strangers_asked++ >= STRANGERS_PER_SECOND)
    return;
  struct parcel question = {.address = parcel->address};
  question.count = (uint32_t)swisd_pairs_introduce(datagrams->pairs, datagrams->opened.sender, 0, 0, now_ns,
                                                    question.bytes);
  if (question.count > 0)
    send_parcel(datagrams, &question);
}

/* ---- in ---- */

static void take_message(struct swisd_datagrams *datagrams, const struct parcel *parcel)
{
  const struct swisd_pairs_opened *opened = &datagrams->opened;
  size_t used = 0;
  int status = swisd_wire_decode_front(opened->bytes, opened->count, &datagrams->scratch, &used);
  if (status == SWISD_WIRE_OK && !swisd_message_is_datagram(datagrams->scratch.type))
    status = SWISD_WIRE_TYPE;
  const struct swisd_trailer trailer = {opened->bytes + used, opened->count - used};
  if (status != SWISD_WIRE_OK)
    datagrams->status.bad[-status]++;
  else if (!swisd_pairs_allow(datagrams->pairs, opened->sender, datagrams->scratch.type, swisd_clock_now_ns()))
    datagrams->status.limited++;
  else
    datagrams->host->datagram(datagrams->host, opened->sender, &parcel->address, &datagrams->scratch, &trailer);
}

/* A datagram that is through the emulated link. */
static void accept_parcel(struct swisd_datagrams *datagrams, const struct parcel *parcel)
{
  struct swisd_datagram envelope;
  const int status = swisd_datagram_parse(parcel->bytes, parcel->count, &envelope);
  if (status != SWISD_WIRE_OK) {
    datagrams->status.bad[-status]++;
    return;
  }
  if (swisd_linkshape_drops(datagrams->shape, envelope.sender, true))
    return;
  switch (swisd_pairs_take(datagrams->pairs, &envelope, parcel->bytes, parcel->count, swisd_clock_now_ns(), &datagrams->opened)) {
  case SWISD_PAIRS_MESSAGE:
    take_message(datagrams, parcel);
    break;
  case SWISD_PAIRS_ANSWER: {
    struct parcel answer = {.address = parcel->address, .count = (uint32_t)datagrams->opened.count};
    memcpy(answer.bytes, datagrams->opened.bytes, answer.count);
    send_parcel(datagrams, &answer);
    break;
  }
  case SWISD_PAIRS_MET:
    datagrams->status.introduced++;
    send_waiting(datagrams, datagrams->opened.sender, datagrams->opened.number);
    break;
  case SWISD_PAIRS_STRANGER:
    datagrams->status.strange++;
    ask_stranger(datagrams, parcel);
    break;
  case SWISD_PAIRS_OTHER_KEY: {
    char address[SWISD_ADDRESS_TEXT_BYTES];
    swisd_address_text(&parcel->address, address);
    datagrams->status.other_key++;
    swisd_log_limited(SWISD_LOG_WARN, "net", "%s tried to join with another join key", address);
    break;
  }
  case SWISD_PAIRS_FORGED:
    datagrams->status.forged++;
    break;
  case SWISD_PAIRS_REPLAYED:
    datagrams->status.replayed++;
    break;
  default:
    datagrams->status.ignored++;
    break;
  }
}

static void on_out(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_datagrams *datagrams = argument;
  const uint64_t now_ns = swisd_clock_now_ns();
  while (datagrams->out.first && datagrams->out.first->due_ns <= now_ns) {
    struct parcel *parcel = line_pop(&datagrams->out);
    transmit(datagrams, parcel);
    free(parcel);
  }
  line_arm(&datagrams->out);
}

static void on_in(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_datagrams *datagrams = argument;
  const uint64_t now_ns = swisd_clock_now_ns();
  while (datagrams->in.first && datagrams->in.first->due_ns <= now_ns) {
    struct parcel *parcel = line_pop(&datagrams->in);
    accept_parcel(datagrams, parcel);
    free(parcel);
  }
  line_arm(&datagrams->in);
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_datagrams *datagrams = argument;
  for (int i = 0; i < RECEIVE_BATCH; i++) {
    struct parcel parcel;
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    const ssize_t got = recvfrom(fd, parcel.bytes, sizeof parcel.bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (got < 0) /* nothing left, or an ICMP error of an earlier send: the detector will notice */
      return;
    parcel.count = (uint32_t)got;
    parcel.address = swisd_address_from_socket(&from);
    datagrams->status.received++;
    datagrams->status.bytes_received += parcel.count;
    if (datagrams->shape->silent) {
      datagrams->shape->datagrams_dropped++;
      continue;
    }
    if (!swisd_linkshape_limits_down(datagrams->shape))
      accept_parcel(datagrams, &parcel);
    else if (!line_push(&datagrams->in, &parcel, swisd_linkshape_book_down(datagrams->shape, swisd_clock_now_ns(), parcel.count)))
      datagrams->shape->datagrams_dropped++;
  }
}

struct swisd_datagrams *swisd_datagrams_open(const struct swisd_datagrams_options *options, int fd)
{
  struct swisd_datagrams *datagrams = calloc(1, sizeof *datagrams);
  if (!datagrams) {
    close(fd);
    return NULL;
  }
  *datagrams = (struct swisd_datagrams){.fd = fd, .shape = options->shape, .host = options->host};
  datagrams->out.end = &datagrams->out.first;
  datagrams->in.end = &datagrams->in.first;
  /* A restart raises the incarnation; until the core says so the next one is as good. */
  datagrams->pairs = swisd_pairs_open(options->key, options->admission, options->incarnation + 1);
  datagrams->readable = event_new(options->base, fd, EV_READ | EV_PERSIST, on_readable, datagrams);
  datagrams->out.timer = evtimer_new(options->base, on_out, datagrams);
  datagrams->in.timer = evtimer_new(options->base, on_in, datagrams);
  datagrams->contact_timer = evtimer_new(options->base, on_contact_timer, datagrams);
  if (!datagrams->pairs || !datagrams->readable || !datagrams->out.timer || !datagrams->in.timer || !datagrams->contact_timer ||
      event_add(datagrams->readable, NULL) != 0) {
    swisd_datagrams_close(datagrams);
    return NULL;
  }
  return datagrams;
}

void swisd_datagrams_close(struct swisd_datagrams *datagrams)
{
  if (!datagrams)
    return;
  if (datagrams->out.timer)
    on_out(-1, 0, datagrams); /* what is due, a farewell perhaps, still goes */
  struct event *events[] = {datagrams->readable, datagrams->out.timer, datagrams->in.timer, datagrams->contact_timer};
  for (size_t i = 0; i < sizeof events / sizeof *events; i++)
    if (events[i])
      event_free(events[i]);
  struct line *lines[] = {&datagrams->out, &datagrams->in};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    while (lines[i]->first)
      free(line_pop(lines[i]));
  swisd_contacts_free(&datagrams->contacts);
  swisd_pairs_close(datagrams->pairs);
  close(datagrams->fd);
  free(datagrams);
}

void swisd_datagrams_set_incarnation(struct swisd_datagrams *datagrams, uint32_t incarnation)
{
  swisd_pairs_set_incarnation(datagrams->pairs, incarnation);
}

void swisd_datagrams_readmit(struct swisd_datagrams *datagrams)
{
  swisd_pairs_readmit(datagrams->pairs);
}

void swisd_datagrams_send(struct swisd_datagrams *datagrams, struct swisd_id to, const struct swisd_address *address,
                          const struct swisd_message *message, const struct swisd_trailer *trailer)
{
  if (swisd_linkshape_drops(datagrams->shape, to, false))
    return;
  struct parcel parcel = {.address = *address};
  uint8_t *bytes = parcel.bytes + SWISD_DATAGRAM_HEAD_BYTES;
  size_t count = 0;
  const size_t behind = trailer ? trailer->count : 0;
  const size_t room = behind < SWISD_DATAGRAM_MESSAGE_BYTES_MAX ? SWISD_DATAGRAM_MESSAGE_BYTES_MAX - behind : 0;
  const int status = swisd_wire_encode(message, bytes, room, &count);
  if (status != SWISD_WIRE_OK) { /* a bug of the core's, but not one to die of */
    datagrams->status.send_failed++;
    swisd_log_limited(SWISD_LOG_ERROR, "net", "a datagram (%s) was not sent: %s", swisd_message_type_name(message->type),
                      swisd_wire_status_name(status));
    return;
  }
  if (behind > 0)
    memcpy(bytes + count, trailer->bytes, behind);
  count += behind;
  if (seal_and_send(datagrams, to, &parcel, count))
    return;
  if (swisd_contacts_add(&datagrams->contacts, to, address, bytes, count))
    introduce(datagrams);
  else
    datagrams->status.send_failed++;
}

struct swisd_datagrams_status swisd_datagrams_status(const struct swisd_datagrams *datagrams)
{
  struct swisd_datagrams_status status = datagrams->status;
  status.pairs = swisd_pairs_count(datagrams->pairs);
  return status;
}
