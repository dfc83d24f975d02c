/* Links between two nodes in one process, over loopback: what is said arrives once and whole, strangers and liars do no harm,
 * and the emulated link takes the time it should. */
#include "runtime/net/links.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/net/ports.h"
#include "tests/unit/cmocka_all.h"

enum { SEEN_MAX = 256 };

/* One node's links. */
struct side {
  struct swisd_links_host host; /* first */
  struct event_base *base;
  struct swisd_links *links;
  struct swisd_bodies *bodies;
  struct swisd_linkshape shape;
  struct swisd_admission admission;
  struct swisd_nodekey key;
  struct swisd_tls_node *tls;
  struct swisd_id id;
  struct swisd_address address;
  int fd;
  struct event *listening;
  uint32_t count, wanted, unreachable; /* messages seen; the loop ends at `wanted` */
  uint64_t numbers[SEEN_MAX];
  struct swisd_blob *body; /* the last one */
};

static void on_message(struct swisd_links_host *host, struct swisd_id from, const struct swisd_message *message,
                       struct swisd_blob *body)
{
  struct side *side = (struct side *)host;
  (void)from;
  assert_int_equal(message->type, SWISD_MESSAGE_JOB_CLOSE);
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
  const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const struct swisd_address from = {.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
  if (accepted >= 0)
    swisd_links_accept(side->links, accepted, &from);
}

static void open_side(struct side *side, struct event_base *base)
{
  struct swisd_error error;
  int udp;
  memset(side, 0, sizeof *side);
  side->host = (struct swisd_links_host){.message = on_message, .unreachable = on_unreachable, .writable = on_writable,
                                         .fetch_frame = on_fetch_frame, .fetch_data = on_fetch_data};
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
  struct swisd_links_options options = {.base = base, .shape = &side->shape, .bodies = side->bodies,
                                        .tls = side->tls, .admission = &side->admission,
                                        .hello = swisd_hello_default(), .host = &side->host};
  options.hello.id = side->id;
  options.hello.address_count = 1;
  options.hello.addresses[0] = side->address;
  side->links = swisd_links_open(&options);
  side->listening = event_new(base, side->fd, EV_READ | EV_PERSIST, on_listening, side);
  event_add(side->listening, NULL);
}

static void close_side(struct side *side)
{
  event_free(side->listening);
  close(side->fd);
  swisd_links_close(side->links);
  swisd_tls_node_close(side->tls);
  swisd_nodekey_free(&side->key);
  swisd_blob_drop(side->body);
  swisd_bodies_close(side->bodies);
}

struct pair {
  struct event_base *base;
  struct side a, b;
};

static void open_pair(struct pair *pair)
{
  struct event_config *config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  pair->base = event_base_new_with_config(config);
  event_config_free(config);
  open_side(&pair->a, pair->base);
  open_side(&pair->b, pair->base);
}

static void close_pair(struct pair *pair)
{
  close_side(&pair->a);
  close_side(&pair->b);
  event_base_free(pair->base);
}

static void say(struct side *from, const struct side *to, uint64_t number, struct swisd_blob *body)
{
  struct swisd_message message = {.type = SWISD_MESSAGE_JOB_CLOSE};
  message.u.job_close.job = (struct swisd_job_id){from->id, number};
  swisd_links_send(from->links, to->id, &to->address, &message, body, 0, body ? body->bytes : 0);
}

/* Runs until somebody breaks the loop, or for `seconds`. */
static void run(struct pair *pair, double seconds)
{
  const struct timeval limit = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
  event_base_loopexit(pair->base, &limit);
  event_base_dispatch(pair->base);
}

/* Runs until b has `open` streams, at most 5 s. */
static void settle(struct pair *pair, uint32_t open)
{
  for (int i = 0; i < 500 && swisd_links_status(pair->b.links).streams.open != open; i++)
    run(pair, 0.01);
  assert_int_equal(swisd_links_status(pair->b.links).streams.open, open);
}

static struct swisd_blob *patterned(struct swisd_bodies *bodies, uint64_t bytes)
{
  struct swisd_blob *blob = swisd_blob_new(bodies, bytes);
  for (uint64_t i = 0; i < bytes; i++)
    blob->data[i] = (uint8_t)(i * 2654435761u >> 13);
  return blob;
}

static void messages_and_bodies_arrive_in_order_and_whole(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  struct swisd_blob *blob = patterned(pair.a.bodies, (3 << 20) + 17);
  for (uint64_t i = 0; i < 100; i++)
    say(&pair.a, &pair.b, i, NULL);
  swisd_links_grant(pair.b.links, pair.a.id, 4 << 20);
  say(&pair.a, &pair.b, 100, blob);
  pair.b.wanted = 101;
  run(&pair, 5);
  assert_int_equal(pair.b.count, 101);
  for (uint64_t i = 0; i < 101; i++)
    assert_int_equal(pair.b.numbers[i], i);
  assert_non_null(pair.b.body);
  assert_int_equal(pair.b.body->bytes, blob->bytes);
  assert_memory_equal(pair.b.body->data, blob->data, blob->bytes);
  swisd_blob_drop(blob);
  close_pair(&pair);
}

static void a_body_beyond_its_grant_is_refused_and_counted(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  struct swisd_blob *blob = patterned(pair.a.bodies, 3 << 20);
  say(&pair.a, &pair.b, 1, blob); /* nothing was granted but the first megabyte */
  say(&pair.a, &pair.b, 2, NULL);
  pair.b.wanted = 1;
  run(&pair, 5);
  struct swisd_blob *small = patterned(pair.a.bodies, 1000);
  say(&pair.a, &pair.b, 3, small); /* behind the refused one, on the same link */
  pair.b.wanted = 2;
  run(&pair, 5);
  assert_int_equal(pair.b.count, 2);
  assert_int_equal(pair.b.numbers[0], 2);
  assert_int_equal(pair.b.numbers[1], 3);
  assert_int_equal(swisd_links_status(pair.b.links).bodies_refused, 1);
  assert_int_equal(swisd_links_status(pair.b.links).streams.frames_bad, 0);
  swisd_blob_drop(blob);
  swisd_blob_drop(small);
  close_pair(&pair);
}

static void two_nodes_that_dial_at_once_lose_nothing(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  for (uint64_t i = 0; i < 50; i++) {
    say(&pair.a, &pair.b, i, NULL);
    say(&pair.b, &pair.a, i, NULL);
  }
  for (int i = 0; i < 100 && pair.a.count + pair.b.count < 100; i++)
    run(&pair, 0.05);
  for (uint64_t i = 50; i < 60; i++) {
    say(&pair.a, &pair.b, i, NULL);
    say(&pair.b, &pair.a, i, NULL);
  }
  for (int i = 0; i < 100 && pair.a.count + pair.b.count < 120; i++)
    run(&pair, 0.05);
  assert_int_equal(pair.a.count, 60);
  assert_int_equal(pair.b.count, 60);
  run(&pair, 1.2); /* the superfluous one has ended */
  settle(&pair, 1);
  assert_int_equal(swisd_links_status(pair.a.links).streams.open, 1);
  assert_int_equal(pair.a.unreachable + pair.b.unreachable, 0);
  say(&pair.a, &pair.b, 60, NULL);
  pair.b.wanted = 61;
  run(&pair, 1);
  assert_int_equal(pair.b.count, 61);
  close_pair(&pair);
}

static void another_join_key_does_not_get_in(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  pair.a.admission.keys[0][0] ^= 1;
  say(&pair.a, &pair.b, 1, NULL);
  run(&pair, 2);
  assert_int_equal(pair.b.count, 0);
  assert_true(pair.a.unreachable > 0);
  assert_true(swisd_links_status(pair.b.links).refused > 0);
  close_pair(&pair);
}

static void somebody_else_at_an_address_is_not_taken_for_the_peer(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  struct side meant = {.id = {9, 9}, .address = pair.b.address};
  say(&pair.a, &meant, 1, NULL);
  run(&pair, 2);
  assert_int_equal(pair.b.count, 0);
  assert_int_equal(pair.a.unreachable, 1);
  close_pair(&pair);
}

static void a_peer_that_goes_is_told_at_once(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  say(&pair.a, &pair.b, 1, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  assert_int_equal(pair.b.count, 1);
  close_side(&pair.b);
  const uint64_t start_ns = swisd_clock_now_ns();
  run(&pair, 2);
  assert_int_equal(pair.a.unreachable, 1);
  assert_true(swisd_clock_now_ns() - start_ns < 500 * SWISD_MILLISECOND);
  say(&pair.a, &pair.b, 2, NULL); /* nobody listens any more */
  run(&pair, 2);
  assert_int_equal(pair.a.unreachable, 2);
  open_side(&pair.b, pair.base);
  close_pair(&pair);
}

/* A peer made by hand, to send what links never would: the dialling end of a session over a blocking socket. */
struct hand {
  struct swisd_tls_host host; /* first */
  struct pair *pair;
  struct swisd_nodekey key;
  struct swisd_tls_node *node;
  struct swisd_tls *tls;
  int fd;
};

static int hand_out(struct swisd_tls_host *host, const uint8_t *bytes, size_t count)
{
  return send(((struct hand *)host)->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count ? 0 : -1;
}

/* Lets the other side work until it says something; how much plaintext came, 0: a handshake's; -1: the session is over. */
static int hand_listen(struct hand *hand, uint8_t *plain, size_t capacity)
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

static void hand_open(struct hand *hand, struct pair *pair)
{
  struct swisd_error error;
  uint8_t plain[2048];
  *hand = (struct hand){.host.out = hand_out, .pair = pair};
  const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(pair->b.address.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  hand->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(hand->fd, (const struct sockaddr *)&to, sizeof to), 0);
  assert_int_equal(swisd_nodekey_make(&hand->key, &error), 0);
  hand->node = swisd_tls_node_open(&hand->key, &error);
  hand->tls = swisd_tls_open(hand->node, true, &hand->host);
  assert_int_equal(swisd_tls_start(hand->tls), 0);
  for (int i = 0; i < 20 && !swisd_tls_secured(hand->tls); i++)
    assert_true(hand_listen(hand, plain, sizeof plain) >= 0);
  assert_true(swisd_tls_secured(hand->tls));
  assert_true(swisd_id_equal(swisd_tls_peer(hand->tls), pair->b.id));
}

/* HELLO as `id`, and a proof of `admission`; what comes back. */
static int hand_introduce(struct hand *hand, struct swisd_id id, const struct swisd_admission *admission)
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

static void hand_close(struct hand *hand)
{
  close(hand->fd);
  swisd_tls_close(hand->tls);
  swisd_tls_node_close(hand->node);
  swisd_nodekey_free(&hand->key);
  run(hand->pair, 0.03);
}

static void a_frame_that_cannot_be_ends_that_link_alone(void **state)
{
  (void)state;
  static const uint8_t oversized[] = {SWISD_FRAME_MESSAGE, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff};
  static const uint8_t unannounced[] = {SWISD_FRAME_BODY_DATA, 0, 0, 0, 0, 5, 0, 0, 0, 1, 'x'};
  static const uint8_t nonsense[] = {SWISD_FRAME_MESSAGE, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0xdd, 0xff, 0xff, 0xff};
  static const uint8_t unknown[] = {99, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3};
  struct pair pair;
  open_pair(&pair);
  say(&pair.a, &pair.b, 1, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  struct { const uint8_t *bytes; size_t count; bool ends; } cases[] = {
      {oversized, sizeof oversized, true}, {unannounced, sizeof unannounced, true}, {nonsense, sizeof nonsense, false},
      {unknown, sizeof unknown, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct hand hand;
    hand_open(&hand, &pair);
    assert_true(hand_introduce(&hand, hand.key.id, &pair.a.admission) > 0);
    assert_int_equal(swisd_links_status(pair.b.links).streams.open, 2);
    assert_int_equal(swisd_tls_write(hand.tls, cases[i].bytes, cases[i].count), 0);
    if (cases[i].ends)
      settle(&pair, 1);
    else
      run(&pair, 0.2); /* nothing ends */
    assert_int_equal(swisd_links_status(pair.b.links).streams.open, cases[i].ends ? 1 : 2);
    hand_close(&hand);
    settle(&pair, 1);
  }
  assert_int_equal(swisd_links_status(pair.b.links).streams.frames_bad, 1);
  assert_int_equal(swisd_links_status(pair.b.links).messages_bad, 1);
  assert_int_equal(swisd_links_status(pair.b.links).streams.frames_skipped, 1);
  say(&pair.a, &pair.b, 2, NULL);
  pair.b.wanted = 2;
  run(&pair, 2);
  assert_int_equal(pair.b.count, 2);
  close_pair(&pair);
}

static void nobody_speaks_in_the_name_of_another(void **state)
{
  (void)state;
  struct pair pair;
  struct hand hand;
  open_pair(&pair);
  hand_open(&hand, &pair);
  assert_int_equal(hand_introduce(&hand, pair.a.id, &pair.a.admission), -1);
  hand_close(&hand);
  assert_int_equal(swisd_links_status(pair.b.links).refused, 1);
  assert_int_equal(swisd_links_status(pair.b.links).accepted, 0);
  close_pair(&pair);
}

static void an_emulated_link_has_its_rate_and_its_delay(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  pair.a.shape.up_bytes_per_s = 2e6;
  pair.a.shape.delay_ns = 20 * SWISD_MILLISECOND;
  pair.b.shape.delay_ns = 10 * SWISD_MILLISECOND;
  say(&pair.a, &pair.b, 0, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  struct swisd_blob *blob = patterned(pair.a.bodies, 500000);
  const uint64_t start_ns = swisd_clock_now_ns();
  say(&pair.a, &pair.b, 1, blob);
  say(&pair.a, &pair.b, 2, NULL);
  pair.b.wanted = 2;
  run(&pair, 2);
  const uint64_t message_ns = swisd_clock_now_ns() - start_ns;
  pair.b.wanted = 3;
  run(&pair, 2);
  const uint64_t body_ns = swisd_clock_now_ns() - start_ns;
  assert_int_equal(pair.b.count, 3);
  assert_int_equal(pair.b.numbers[1], 2); /* control goes before the body */
  assert_in_range(message_ns, 30 * SWISD_MILLISECOND, 60 * SWISD_MILLISECOND);
  assert_in_range(body_ns, 270 * SWISD_MILLISECOND, 340 * SWISD_MILLISECOND);
  assert_memory_equal(pair.b.body->data, blob->data, blob->bytes);
  swisd_blob_drop(blob);
  close_pair(&pair);
}

static void silence_loses_nothing_that_was_said(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  say(&pair.a, &pair.b, 0, NULL);
  pair.b.wanted = 1;
  run(&pair, 2);
  pair.b.shape.silent = true;
  swisd_links_kick(pair.b.links);
  for (uint64_t i = 1; i < 10; i++)
    say(&pair.a, &pair.b, i, NULL);
  say(&pair.b, &pair.a, 1, NULL);
  pair.b.wanted = 10;
  run(&pair, 0.2);
  assert_int_equal(pair.b.count, 1);
  assert_int_equal(pair.a.count, 0);
  assert_int_equal(pair.a.unreachable, 0);
  pair.b.shape.silent = false;
  swisd_links_kick(pair.b.links);
  run(&pair, 2);
  pair.a.wanted = 1;
  if (pair.a.count == 0)
    run(&pair, 2);
  assert_int_equal(pair.b.count, 10);
  assert_int_equal(pair.a.count, 1);
  close_pair(&pair);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_and_bodies_arrive_in_order_and_whole),
      cmocka_unit_test(a_body_beyond_its_grant_is_refused_and_counted),
      cmocka_unit_test(two_nodes_that_dial_at_once_lose_nothing),
      cmocka_unit_test(another_join_key_does_not_get_in),
      cmocka_unit_test(somebody_else_at_an_address_is_not_taken_for_the_peer),
      cmocka_unit_test(a_peer_that_goes_is_told_at_once),
      cmocka_unit_test(a_frame_that_cannot_be_ends_that_link_alone),
      cmocka_unit_test(nobody_speaks_in_the_name_of_another),
      cmocka_unit_test(an_emulated_link_has_its_rate_and_its_delay),
      cmocka_unit_test(silence_loses_nothing_that_was_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
