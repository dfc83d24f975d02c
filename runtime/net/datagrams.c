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
#include "runtime/net/socket_address.h"
#include "runtime/wire/frame.h"
#include "runtime/wire/wire.h"

enum {
  LINE_MAX = 512,      /* datagrams waiting each way; a real queue drops too */
  RECEIVE_BATCH = 64,  /* read in one go, then others get their turn */
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
  const struct swisd_admission *admission;
  struct swisd_id own_id;
  struct swisd_datagrams_host *host;
  uint64_t counter;
  struct line out, in;
  struct swisd_message scratch;
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

/* A datagram that is through the emulated link. */
static void accept_parcel(struct swisd_datagrams *datagrams, const struct parcel *parcel)
{
  struct swisd_datagram envelope;
  int status = swisd_datagram_parse(parcel->bytes, parcel->count, &envelope);
  if (status == SWISD_WIRE_OK &&
      !swisd_admission_opens(datagrams->admission, parcel->bytes, parcel->count - SWISD_DATAGRAM_TAG_BYTES, envelope.tag)) {
    datagrams->status.forged++;
    return;
  }
  if (status == SWISD_WIRE_OK)
    status = swisd_wire_decode(envelope.message, envelope.message_count, &datagrams->scratch);
  if (status == SWISD_WIRE_OK && !swisd_message_is_datagram(datagrams->scratch.type))
    status = SWISD_WIRE_TYPE;
  if (status != SWISD_WIRE_OK) {
    datagrams->status.bad[-status]++;
    return;
  }
  if (swisd_id_equal(envelope.sender, datagrams->own_id))
    return; /* our own first contact: a seed's address that is ours */
  if (swisd_linkshape_drops(datagrams->shape, envelope.sender, true))
    return;
  datagrams->host->datagram(datagrams->host, envelope.sender, &parcel->address, &datagrams->scratch);
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

struct swisd_datagrams *swisd_datagrams_open(struct event_base *base, int fd, struct swisd_linkshape *shape,
                                             const struct swisd_admission *admission, struct swisd_id own_id,
                                             struct swisd_datagrams_host *host)
{
  struct swisd_datagrams *datagrams = calloc(1, sizeof *datagrams);
  if (!datagrams) {
    close(fd);
    return NULL;
  }
  *datagrams = (struct swisd_datagrams){.fd = fd, .shape = shape, .admission = admission, .own_id = own_id, .host = host};
  datagrams->out.end = &datagrams->out.first;
  datagrams->in.end = &datagrams->in.first;
  datagrams->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, datagrams);
  datagrams->out.timer = evtimer_new(base, on_out, datagrams);
  datagrams->in.timer = evtimer_new(base, on_in, datagrams);
  if (!datagrams->readable || !datagrams->out.timer || !datagrams->in.timer || event_add(datagrams->readable, NULL) != 0) {
    swisd_datagrams_close(datagrams);
    return NULL;
  }
  return datagrams;
}

void swisd_datagrams_close(struct swisd_datagrams *datagrams)
{
  if (!datagrams)
    return;
  on_out(-1, 0, datagrams); /* what is due, a farewell perhaps, still goes */
  struct event *events[] = {datagrams->readable, datagrams->out.timer, datagrams->in.timer};
  for (size_t i = 0; i < sizeof events / sizeof *events; i++)
    if (events[i])
      event_free(events[i]);
  struct line *lines[] = {&datagrams->out, &datagrams->in};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    while (lines[i]->first)
      free(line_pop(lines[i]));
  close(datagrams->fd);
  free(datagrams);
}

void swisd_datagrams_set_incarnation(struct swisd_datagrams *datagrams, uint32_t incarnation)
{
  if ((uint32_t)(datagrams->counter >> 32) < incarnation)
    datagrams->counter = (uint64_t)incarnation << 32;
}

void swisd_datagrams_send(struct swisd_datagrams *datagrams, struct swisd_id to, const struct swisd_address *address,
                          const struct swisd_message *message)
{
  if (swisd_linkshape_drops(datagrams->shape, to, false))
    return;
  struct parcel parcel = {.address = *address};
  const struct swisd_datagram envelope = {.version = SWISD_PROTOCOL_VERSION, .sender = datagrams->own_id,
                                          .counter = ++datagrams->counter};
  size_t count = 0;
  const int status = swisd_wire_encode(message, parcel.bytes + SWISD_DATAGRAM_HEAD_BYTES, SWISD_DATAGRAM_MESSAGE_BYTES_MAX,
                                       &count);
  if (status != SWISD_WIRE_OK) { /* a bug of the core's, but not one to die of */
    datagrams->status.send_failed++;
    swisd_log_limited(SWISD_LOG_ERROR, "net", "a datagram (%s) was not sent: %s", swisd_message_type_name(message->type),
                      swisd_wire_status_name(status));
    return;
  }
  swisd_datagram_write(&envelope, parcel.bytes);
  count += SWISD_DATAGRAM_HEAD_BYTES;
  swisd_admission_seal(datagrams->admission, parcel.bytes, count, parcel.bytes + count);
  parcel.count = (uint32_t)(count + SWISD_DATAGRAM_TAG_BYTES);
  if (!swisd_linkshape_limits_up(datagrams->shape))
    transmit(datagrams, &parcel);
  else if (!line_push(&datagrams->out, &parcel, swisd_linkshape_book_up(datagrams->shape, swisd_clock_now_ns(), parcel.count)))
    datagrams->status.send_failed++;
}

struct swisd_datagrams_status swisd_datagrams_status(const struct swisd_datagrams *datagrams)
{
  return datagrams->status;
}
