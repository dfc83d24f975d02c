/* See net_pair.h. */
#include "tests/runtime/net_pair.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/ports.h"
#include "runtime/net/socket_address.h"

static void on_message(struct swisd_links_host *host, struct swisd_id from, const struct swisd_message *message,
                       const struct swisd_trailer *trailer, struct swisd_blob *body)
{
  struct side *side = (struct side *)host;
  (void)from, (void)trailer;
  if (message->type != SWISD_MESSAGE_JOB_CLOSE)
    return;
  assert_true(side->count < SEEN_MAX);
  side->numbers[side->count++] = message->u.job_close.job.number;
  if (body) {
    swisd_blob_drop(side->body);
    side->body = body;
  }
  if (side->count == side->wanted)
    event_base_loopbreak(side->base);
}

static void on_unreachable(struct swisd_links_host *host, struct swisd_id peer)
{
  struct side *side = (struct side *)host;
  (void)peer;
  side->unreachable++;
  event_base_loopbreak(side->base);
}

static void on_writable(struct swisd_links_host *host, struct swisd_id peer) { (void)host, (void)peer; }
static void on_fetch_frame(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *frame)
{
  (void)host, (void)from, (void)frame;
}
static void on_fetch_data(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *head,
                          const uint8_t *bytes, size_t count)
{
  (void)host, (void)from, (void)head, (void)bytes, (void)count;
}

static void on_listening(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct side *side = argument;
  struct sockaddr_storage from;
  socklen_t length = sizeof from;
  const int accepted = accept4(fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const struct swisd_address address = swisd_address_from_socket(&from);
  if (accepted >= 0)
    swisd_links_accept(side->links, accepted, &address);
}

void open_side(struct side *side, struct event_base *base)
{
  struct swisd_error error;
  int udp;
  memset(side, 0, sizeof *side);
  side->host = (struct swisd_links_host){.message = on_message,
                                         .unreachable = on_unreachable,
                                         .writable = on_writable,
                                         .fetch_frame = on_fetch_frame,
                                         .fetch_data = on_fetch_data};
  side->base = base;
  assert_int_equal(swisd_nodekey_make(&side->key, &error), 0);
  side->tls = swisd_tls_node_open(&side->key, &error);
  assert_non_null(side->tls);
  side->id = side->key.id;
  side->bodies = swisd_bodies_open(64 << 20);
  side->admission = (struct swisd_admission){.count = 1, .keys = {"the join key of all these tests"}};
  const struct swisd_address any = {.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
  assert_int_equal(swisd_ports_open(&any, &side->fd, &udp, &side->address, &error), 0);
  close(udp);
  struct swisd_links_options options = {.base = base,
                                        .shape = &side->shape,
                                        .bodies = side->bodies,
                                        .tls = side->tls,
                                        .admission = &side->admission,
                                        .hello = swisd_hello_default(),
                                        .host = &side->host};
  options.hello.id = side->id;
  options.hello.address_count = 1;
  options.hello.addresses[0] = side->address;
  side->links = swisd_links_open(&options);
  side->listening = event_new(base, side->fd, EV_READ | EV_PERSIST, on_listening, side);
  event_add(side->listening, NULL);
}

void close_side(struct side *side)
{
  event_free(side->listening);
  close(side->fd);
  swisd_links_close(side->links);
  swisd_tls_node_close(side->tls);
  swisd_nodekey_free(&side->key);
  swisd_blob_drop(side->body);
  swisd_bodies_close(side->bodies);
}

void open_pair(struct pair *pair)
{
  struct event_config *config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  pair->base = event_base_new_with_config(config);
  event_config_free(config);
  open_side(&pair->a, pair->base);
  open_side(&pair->b, pair->base);
}

void close_pair(struct pair *pair)
{
  close_side(&pair->a);
  close_side(&pair->b);
  event_base_free(pair->base);
}

void say(struct side *from, const struct side *to, uint64_t number, struct swisd_blob *body)
{
  struct swisd_message message = {.type = SWISD_MESSAGE_JOB_CLOSE};
  message.u.job_close.job = (struct swisd_job_id){from->id, number};
  swisd_links_send(from->links, to->id, &to->address, &message, NULL, body, 0, body ? body->bytes : 0);
}

void run(struct pair *pair, double seconds)
{
  const struct timeval limit = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
  event_base_loopexit(pair->base, &limit);
  event_base_dispatch(pair->base);
}

void settle(struct pair *pair, uint32_t open)
{
  for (int i = 0; i < 1000 && swisd_links_status(pair->b.links).streams.open != open; i++)
    run(pair, 0.01);
  assert_int_equal(swisd_links_status(pair->b.links).streams.open, open);
}

struct swisd_blob *patterned(struct swisd_bodies *bodies, uint64_t bytes)
{
  struct swisd_blob *blob = swisd_blob_new(bodies, bytes);
  for (uint64_t i = 0; i < bytes; i++)
    blob->data[i] = (uint8_t)(i * 2654435761u >> 13);
  return blob;
}

static int hand_out(struct swisd_tls_host *host, const uint8_t *bytes, size_t count)
{
  return send(((struct hand *)host)->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count ? 0 : -1;
}

int hand_listen(struct hand *hand, uint8_t *plain, size_t capacity)
{
  uint8_t bytes[8192];
  ssize_t got = -1;
  for (int i = 0; i < 500 && got < 0; i++) {
    run(hand->pair, 0.01);
    got = recv(hand->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  }
  if (got <= 0)
    return -1;
  swisd_tls_feed(hand->tls, bytes, (size_t)got);
  int count, sum = 0;
  while ((count = swisd_tls_read(hand->tls, plain, capacity)) > 0)
    sum += count;
  return count < 0 ? -1 : sum;
}

int hand_dial(const struct pair *pair, uint8_t from)
{
  const struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1u + from)};
  const struct sockaddr_in to = {
    .sin_family = AF_INET, .sin_port = htons(pair->b.address.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof own), 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

void hand_open(struct hand *hand, struct pair *pair)
{
  struct swisd_error error;
  uint8_t plain[2048];
  *hand = (struct hand){.host.out = hand_out, .pair = pair};
  hand->fd = hand_dial(pair, 1);
  assert_int_equal(swisd_nodekey_make(&hand->key, &error), 0);
  hand->node = swisd_tls_node_open(&hand->key, &error);
  hand->tls = swisd_tls_open(hand->node, true, &hand->host);
  assert_int_equal(swisd_tls_start(hand->tls), 0);
  for (int i = 0; i < 20 && !swisd_tls_secured(hand->tls); i++)
    assert_true(hand_listen(hand, plain, sizeof plain) >= 0);
  assert_true(swisd_tls_secured(hand->tls));
  assert_true(swisd_id_equal(swisd_tls_peer(hand->tls), pair->b.id));
}

int hand_introduce(struct hand *hand, struct swisd_id id, const struct swisd_admission *admission)
{
  uint8_t out[2048], proofs[SWISD_PROOFS_BYTES_MAX], plain[2048];
  size_t count;
  struct swisd_hello own = swisd_hello_default();
  own.id = id;
  assert_int_equal(swisd_hello_encode(&own, out + SWISD_FRAME_HEAD_BYTES, 1024, &count), SWISD_WIRE_OK);
  const struct swisd_frame hello = {.kind = SWISD_FRAME_HELLO, .data_count = (uint32_t)count};
  swisd_frame_write(&hello, out);
  count += SWISD_FRAME_HEAD_BYTES;
  struct swisd_admission_claim claim = {.dialled = true, .prover = hand->key.id, .verifier = hand->pair->b.id};
  assert_int_equal(swisd_tls_binding(hand->tls, claim.binding), 0);
  const size_t proof_count = swisd_admission_prove(admission, &claim, proofs);
  const struct swisd_frame prove = {.kind = SWISD_FRAME_PROOF, .data_count = (uint32_t)proof_count};
  count += swisd_frame_write(&prove, out + count);
  memcpy(out + count, proofs, proof_count);
  assert_int_equal(swisd_tls_write(hand->tls, out, count + proof_count), 0);
  return hand_listen(hand, plain, sizeof plain);
}

void hand_close(struct hand *hand)
{
  close(hand->fd);
  swisd_tls_close(hand->tls);
  swisd_tls_node_close(hand->node);
  swisd_nodekey_free(&hand->key);
  run(hand->pair, 0.03);
}
