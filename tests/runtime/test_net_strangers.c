/* Who has no business here does not get in and disturbs nobody: recorded streams, floods, those who never finish a sentence. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/net/quota.h"
#include "tests/runtime/net_pair.h"

/* Between a and b: passes bytes on, and keeps those of a. */
struct eavesdropper {
  struct event_base *base;
  int fd, from_a, to_b;
  struct sockaddr_in b;
  struct swisd_address address;
  struct event *listening, *reading_a, *reading_b;
  size_t count;
  uint8_t bytes[1 << 16];
};

static void pass(int from, int to, struct eavesdropper *keeper)
{
  uint8_t bytes[16384];
  const ssize_t got = recv(from, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got <= 0)
    return;
  if (keeper && keeper->count + (size_t)got <= sizeof keeper->bytes) {
    memcpy(keeper->bytes + keeper->count, bytes, (size_t)got);
    keeper->count += (size_t)got;
  }
  assert_int_equal(send(to, bytes, (size_t)got, MSG_NOSIGNAL), got);
}

static void on_a(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct eavesdropper *ear = argument;
  pass(fd, ear->to_b, ear);
}

static void on_b(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct eavesdropper *ear = argument;
  pass(fd, ear->from_a, NULL);
}

static void on_call(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct eavesdropper *ear = argument;
  ear->from_a = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  ear->to_b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(connect(ear->to_b, (struct sockaddr *)&ear->b, sizeof ear->b), 0);
  ear->reading_a = event_new(ear->base, ear->from_a, EV_READ | EV_PERSIST, on_a, ear);
  ear->reading_b = event_new(ear->base, ear->to_b, EV_READ | EV_PERSIST, on_b, ear);
  event_add(ear->reading_a, NULL);
  event_add(ear->reading_b, NULL);
}

static void open_ear(struct eavesdropper *ear, struct pair *pair)
{
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof any;
  memset(ear, 0, sizeof *ear);
  ear->base = pair->base;
  ear->b = any;
  ear->b.sin_port = htons(pair->b.address.port);
  ear->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(ear->fd, (struct sockaddr *)&any, sizeof any), 0);
  assert_int_equal(listen(ear->fd, 4), 0);
  getsockname(ear->fd, (struct sockaddr *)&any, &length);
  ear->address = pair->b.address;
  ear->address.port = ntohs(any.sin_port);
  ear->listening = event_new(ear->base, ear->fd, EV_READ | EV_PERSIST, on_call, ear);
  event_add(ear->listening, NULL);
}

static void close_ear(struct eavesdropper *ear)
{
  struct event *events[] = {ear->listening, ear->reading_a, ear->reading_b};
  for (size_t i = 0; i < 3; i++)
    if (events[i])
      event_free(events[i]);
  close(ear->fd);
  close(ear->from_a);
  close(ear->to_b);
}

static void a_recorded_stream_played_again_lets_nobody_in_and_tells_nothing(void **state)
{
  (void)state;
  struct pair pair;
  struct eavesdropper *ear = malloc(sizeof *ear);
  open_pair(&pair);
  open_ear(ear, &pair);
  const struct side detour = {.id = pair.b.id, .address = ear->address};
  for (uint64_t i = 0; i < 20; i++)
    say(&pair.a, &detour, 0x5345435245540000 + i, NULL); /* "SECRET" */
  pair.b.wanted = 20;
  run(&pair, 10);
  assert_int_equal(pair.b.count, 20);
  assert_true(ear->count > 1000);
  assert_null(memmem(ear->bytes, ear->count, "SECRET", 6));
  const struct swisd_links_status before = swisd_links_status(pair.b.links);
  const int fd = hand_dial(&pair, 1);
  assert_int_equal(send(fd, ear->bytes, ear->count, MSG_NOSIGNAL), ear->count);
  for (int i = 0; i < 500 && swisd_links_status(pair.b.links).refused == before.refused; i++)
    run(&pair, 0.01);
  const struct swisd_links_status after = swisd_links_status(pair.b.links);
  assert_int_equal(after.refused, before.refused + 1);
  assert_int_equal(after.accepted, before.accepted);
  assert_int_equal(pair.b.count, 20);
  close(fd);
  close_ear(ear);
  close_pair(&pair);
  free(ear);
}

static void a_stranger_without_the_key_is_shown_neither_hello_nor_proof(void **state)
{
  (void)state;
  struct pair pair;
  struct hand hand;
  open_pair(&pair);
  struct swisd_admission other = pair.a.admission;
  other.keys[0][5] ^= 1;
  hand_open(&hand, &pair);
  assert_int_equal(hand_introduce(&hand, hand.key.id, &other), -1); /* and not one byte of plaintext */
  assert_int_equal(swisd_links_status(pair.b.links).refused, 1);
  assert_int_equal(swisd_links_status(pair.b.links).streams.frames_sent, 0);
  hand_close(&hand);
  close_pair(&pair);
}

static void a_removed_key_ends_the_links_it_stood_for(void **state)
{
  (void)state;
  struct pair pair;
  open_pair(&pair);
  struct swisd_admission *rings[2] = {&pair.a.admission, &pair.b.admission};
  for (int i = 0; i < 2; i++) { /* first step of a rotation: a new key in front of the old one */
    memcpy(rings[i]->keys[1], rings[i]->keys[0], SWISD_JOINKEY_BYTES);
    rings[i]->keys[0][0] ^= 1;
    rings[i]->count = 2;
  }
  struct hand hand, revoked;
  struct swisd_admission old = {.count = 1};
  memcpy(old.keys[0], pair.b.admission.keys[1], SWISD_JOINKEY_BYTES);
  hand_open(&hand, &pair);
  assert_true(hand_introduce(&hand, hand.key.id, &old) > 0); /* the old key is still good */
  say(&pair.a, &pair.b, 1, NULL);
  pair.b.wanted = 1;
  run(&pair, 10);
  settle(&pair, 2);
  for (int i = 0; i < 2; i++)
    rings[i]->count = 1; /* second step */
  swisd_links_readmit(pair.a.links);
  swisd_links_readmit(pair.b.links);
  settle(&pair, 1);
  hand_open(&revoked, &pair);
  assert_int_equal(hand_introduce(&revoked, revoked.key.id, &old), -1);
  say(&pair.a, &pair.b, 2, NULL); /* over the stream that stood all the time */
  pair.b.wanted = 2;
  run(&pair, 10);
  assert_int_equal(pair.b.count, 2);
  assert_int_equal(swisd_links_status(pair.a.links).dialled, 1);
  hand_close(&hand);
  hand_close(&revoked);
  close_pair(&pair);
}

static void a_flood_from_one_address_is_turned_away_before_tls_and_others_are_not(void **state)
{
  (void)state;
  enum { FLOOD = 300 };
  struct pair pair;
  open_pair(&pair);
  const uint64_t start_ns = swisd_clock_now_ns();
  for (int i = 0; i < FLOOD; i++) {
    close(hand_dial(&pair, 66));
    if (i % 20 == 19) /* the queue of what is not accepted yet is short */
      run(&pair, 0.02);
  }
  const double seconds = (double)(swisd_clock_now_ns() - start_ns) / 1e9;
  const struct swisd_links_status status = swisd_links_status(pair.b.links);
  const uint64_t taken = FLOOD - status.over_quota;
  assert_true(taken <= SWISD_QUOTA_BURST + (uint64_t)(seconds * SWISD_QUOTA_PER_SECOND) + 1);
  assert_int_equal(status.accepted, 0);
  say(&pair.a, &pair.b, 1, NULL);
  pair.b.wanted = 1;
  run(&pair, 10);
  assert_int_equal(pair.b.count, 1);
  close_pair(&pair);
}

static void who_never_finishes_a_sentence_is_let_go_and_holds_up_nobody(void **state)
{
  (void)state;
  enum { SLOW = 3 * SWISD_QUOTA_HALF_OPEN / 2 };
  struct pair pair;
  int fds[SLOW];
  open_pair(&pair);
  for (int i = 0; i < SLOW; i++) {
    fds[i] = hand_dial(&pair, 77);
    send(fds[i], "\x16\x03\x01", 3, MSG_NOSIGNAL); /* a record of TLS begins */
    run(&pair, 0.005);
  }
  settle(&pair, SWISD_QUOTA_HALF_OPEN);
  say(&pair.a, &pair.b, 1, NULL);
  pair.b.wanted = 1;
  run(&pair, 10);
  assert_int_equal(pair.b.count, 1);
  for (int i = 0; i < 20; i++) { /* a byte now and then does not buy time */
    run(&pair, 0.2);
    send(fds[0], "\x00", 1, MSG_NOSIGNAL);
  }
  settle(&pair, 1);
  assert_int_equal(swisd_links_status(pair.b.links).refused, SWISD_QUOTA_HALF_OPEN);
  for (int i = 0; i < SLOW; i++)
    close(fds[i]);
  close_pair(&pair);
}

static void a_member_that_floods_with_one_type_loses_the_surplus(void **state)
{
  (void)state;
  enum { FLOOD = 600 };
  struct pair pair;
  open_pair(&pair);
  struct swisd_message message = {.type = SWISD_MESSAGE_SYNC};
  message.u.sync.last = true;
  for (int i = 0; i < FLOOD; i++)
    swisd_links_send(pair.a.links, pair.b.id, &pair.b.address, &message, NULL, NULL, 0, 0);
  say(&pair.a, &pair.b, 7, NULL); /* of another type: not held up */
  pair.b.wanted = 1;
  run(&pair, 10);
  const struct swisd_links_status status = swisd_links_status(pair.b.links);
  assert_int_equal(pair.b.count, 1);
  assert_int_equal(status.messages_received + status.messages_limited, FLOOD + 1);
  assert_in_range(status.messages_limited, FLOOD / 4, FLOOD - 200);
  close_pair(&pair);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_recorded_stream_played_again_lets_nobody_in_and_tells_nothing),
    cmocka_unit_test(a_stranger_without_the_key_is_shown_neither_hello_nor_proof),
    cmocka_unit_test(a_removed_key_ends_the_links_it_stood_for),
    cmocka_unit_test(a_flood_from_one_address_is_turned_away_before_tls_and_others_are_not),
    cmocka_unit_test(who_never_finishes_a_sentence_is_let_go_and_holds_up_nobody),
    cmocka_unit_test(a_member_that_floods_with_one_type_loses_the_surplus),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
