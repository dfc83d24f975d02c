/* Datagrams between two nodes: sealed for one, opened once, and found again after a restart. */
#include "runtime/net/pairs.h"

#include <string.h>

#include "runtime/base/philox.h"
#include "tests/unit/cmocka_all.h"

struct node {
  struct swisd_nodekey key;
  struct swisd_admission admission;
  struct swisd_pairs *pairs;
};

static const uint64_t start_ns = 1000 * SWISD_SECOND;

static void open_node(struct node *node, uint32_t incarnation)
{
  struct swisd_error error;
  *node = (struct node){.admission = {.count = 1, .keys = {"the join key of all these tests"}}};
  assert_int_equal(swisd_nodekey_make(&node->key, &error), 0);
  node->pairs = swisd_pairs_open(&node->key, &node->admission, incarnation);
  assert_non_null(node->pairs);
}

static void close_node(struct node *node)
{
  swisd_pairs_close(node->pairs);
  swisd_nodekey_free(&node->key);
}

static void restart(struct node *node, uint32_t incarnation)
{
  swisd_pairs_close(node->pairs);
  node->pairs = swisd_pairs_open(&node->key, &node->admission, incarnation);
}

static enum swisd_pairs_kind give(struct node *to, const uint8_t *bytes, size_t count, uint64_t now_ns,
                                  struct swisd_pairs_opened *out)
{
  struct swisd_datagram datagram;
  assert_int_equal(swisd_datagram_parse(bytes, count, &datagram), SWISD_WIRE_OK);
  return swisd_pairs_take(to->pairs, &datagram, bytes, count, now_ns, out);
}

/* Both introductions; `first` is what a said, when it is asked for. */
static void meet(struct node *a, struct node *b, uint64_t now_ns, uint8_t first[SWISD_INTRODUCTION_BYTES])
{
  uint8_t bytes[SWISD_INTRODUCTION_BYTES];
  struct swisd_pairs_opened opened, back;
  assert_int_equal(swisd_pairs_introduce(a->pairs, b->key.id, 0, 17, now_ns, bytes), sizeof bytes);
  if (first)
    memcpy(first, bytes, sizeof bytes);
  assert_int_equal(give(b, bytes, sizeof bytes, now_ns, &opened), SWISD_PAIRS_ANSWER);
  assert_true(swisd_id_equal(opened.sender, a->key.id));
  assert_int_equal(give(a, opened.bytes, opened.count, now_ns, &back), SWISD_PAIRS_MET);
  assert_true(swisd_id_equal(back.sender, b->key.id));
  assert_int_equal(back.number, 17);
}

static size_t sealed(struct node *from, const struct node *to, const char *text, uint64_t now_ns, uint8_t *bytes)
{
  bool doubtful;
  strcpy((char *)bytes + SWISD_DATAGRAM_HEAD_BYTES, text);
  return swisd_pairs_seal(from->pairs, to->key.id, now_ns, bytes, strlen(text), &doubtful);
}

static void says(struct node *from, struct node *to, const char *text, uint64_t now_ns)
{
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX];
  struct swisd_pairs_opened opened;
  const size_t count = sealed(from, to, text, now_ns, bytes);
  assert_true(count > 0);
  assert_null(memmem(bytes, count, text, strlen(text)));
  assert_int_equal(give(to, bytes, count, now_ns, &opened), SWISD_PAIRS_MESSAGE);
  assert_int_equal(opened.count, strlen(text));
  assert_memory_equal(opened.bytes, text, opened.count);
}

static void sealing_is_chacha20_poly1305_of_rfc_8439_up_to_the_nonce(void **state)
{
  (void)state;
  /* RFC 8439 appendix A.5 has a nonce of 00000000 and a counter of 0102030405060708 (as the bytes lie). */
  static const uint8_t key[] = {0x1c, 0x92, 0x40, 0xa5, 0xeb, 0x55, 0xd3, 0x8a, 0xf3, 0x33, 0x88, 0x86, 0x04, 0xf6, 0xb5, 0xf0,
                                0x47, 0x39, 0x17, 0xc1, 0x40, 0x2b, 0x80, 0x09, 0x9d, 0xca, 0x5c, 0xbc, 0x20, 0x70, 0x75, 0xc0};
  static const uint8_t beside[] = {0xf3, 0x33, 0x88, 0x86, 0, 0, 0, 0, 0, 0, 0x4e, 0x91};
  static const uint8_t tag[] = {0xee, 0xad, 0x9d, 0x67, 0x89, 0x0c, 0xbb, 0x22, 0x39, 0x23, 0x36, 0xfe, 0xa1, 0x85, 0x1f, 0x38};
  static const uint8_t begins[] = {0x64, 0xa0, 0x86, 0x15, 0x75, 0x86, 0x1a, 0xf4};
  static const char text[] =
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, "
    "or obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as "
    "reference material or to cite them other than as /\xe2\x80\x9cwork in progress./\xe2\x80\x9d";
  uint8_t bytes[sizeof text + SWISD_SEAL_TAG_BYTES], plain[sizeof text];
  struct evp_cipher_ctx_st *cipher = swisd_seal_open();
  const struct swisd_seal seal = {.key = key, .counter = 0x0102030405060708, .beside = beside, .beside_count = sizeof beside};
  const size_t count = sizeof text - 1;
  memcpy(bytes, text, count);
  swisd_seal(cipher, &seal, bytes, count);
  assert_memory_equal(bytes, begins, sizeof begins);
  assert_memory_equal(bytes + count, tag, sizeof tag);
  assert_true(swisd_unseal(cipher, &seal, bytes, count, plain));
  assert_memory_equal(plain, text, count);
  for (size_t i = 0; i < count + sizeof tag; i += 7) {
    bytes[i] ^= 1;
    assert_false(swisd_unseal(cipher, &seal, bytes, count, plain));
    bytes[i] ^= 1;
  }
  swisd_seal_close(cipher);
}

static void a_window_lets_each_counter_in_once_whatever_the_order(void **state)
{
  (void)state;
  enum { COUNTERS = 5000 };
  struct swisd_window window = {0};
  static bool seen[COUNTERS + 1];
  struct swisd_philox random = swisd_philox_stream(5, 0, 0, 0);
  uint64_t highest = 0;
  memset(seen, 0, sizeof seen);
  for (int i = 0; i < 20000; i++) {
    const uint64_t about = 1 + (uint64_t)i * COUNTERS / 20000, back = swisd_philox_below(&random, 1200);
    const uint64_t counter = back < about ? about - back : 1;
    const bool expected = !seen[counter] && counter + SWISD_WINDOW_BITS > highest;
    assert_int_equal(swisd_window_take(&window, counter), expected);
    seen[counter] |= expected;
    highest = expected && counter > highest ? counter : highest;
  }
  assert_false(swisd_window_take(&window, 0));
  assert_true(swisd_window_take(&window, UINT64_MAX / 2)); /* a jump past everything */
  assert_false(swisd_window_take(&window, UINT64_MAX / 2));
  assert_false(swisd_window_take(&window, highest));
}

static void two_nodes_meet_and_then_understand_each_other_alone(void **state)
{
  (void)state;
  struct node a, b, c;
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX];
  struct swisd_pairs_opened opened;
  open_node(&a, 1);
  open_node(&b, 1);
  open_node(&c, 1);
  assert_int_equal(sealed(&a, &b, "too early", start_ns, bytes), 0);
  meet(&a, &b, start_ns, NULL);
  assert_int_equal(sealed(&b, &a, "b waits until a has spoken", start_ns, bytes), 0);
  says(&a, &b, "hello", start_ns);
  says(&b, &a, "hello yourself", start_ns);
  meet(&a, &c, start_ns, NULL);
  says(&a, &c, "good morning", start_ns);
  const size_t count = sealed(&a, &b, "between you and me", start_ns, bytes);
  assert_int_equal(give(&c, bytes, count, start_ns, &opened), SWISD_PAIRS_STRANGER); /* c holds the same join key */
  assert_int_equal(give(&b, bytes, count, start_ns, &opened), SWISD_PAIRS_MESSAGE);
  close_node(&a);
  close_node(&b);
  close_node(&c);
}

static void what_was_recorded_is_worth_nothing(void **state)
{
  (void)state;
  struct node a, b;
  uint8_t introduction[SWISD_INTRODUCTION_BYTES], bytes[SWISD_DATAGRAM_BYTES_MAX];
  struct swisd_pairs_opened opened;
  open_node(&a, 1);
  open_node(&b, 1);
  meet(&a, &b, start_ns, introduction);
  const size_t count = sealed(&a, &b, "once", start_ns, bytes);
  assert_int_equal(give(&b, bytes, count, start_ns, &opened), SWISD_PAIRS_MESSAGE);
  assert_int_equal(give(&b, bytes, count, start_ns, &opened), SWISD_PAIRS_REPLAYED);
  assert_int_equal(give(&b, introduction, sizeof introduction, start_ns, &opened), SWISD_PAIRS_REPLAYED);
  /* Long after: b answers, for a may have lost its disk; but nobody can use the answer, and a is still understood. */
  const uint64_t later_ns = start_ns + 60 * SWISD_SECOND;
  assert_int_equal(give(&b, introduction, sizeof introduction, later_ns, &opened), SWISD_PAIRS_ANSWER);
  struct swisd_pairs_opened back;
  assert_int_equal(give(&a, opened.bytes, opened.count, later_ns, &back), SWISD_PAIRS_IGNORED);
  says(&a, &b, "still here", later_ns);
  says(&b, &a, "so am I", later_ns);
  for (size_t i = 0; i < count; i++) { /* each bit counts */
    bytes[i] ^= 1;
    struct swisd_datagram datagram;
    if (swisd_datagram_parse(bytes, count, &datagram) == SWISD_WIRE_OK)
      assert_int_not_equal(swisd_pairs_take(b.pairs, &datagram, bytes, count, later_ns, &opened), SWISD_PAIRS_MESSAGE);
    bytes[i] ^= 1;
  }
  close_node(&a);
  close_node(&b);
}

static void a_restarted_node_is_found_again(void **state)
{
  (void)state;
  struct node a, b;
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX];
  struct swisd_pairs_opened opened;
  bool doubtful;
  open_node(&a, 1);
  open_node(&b, 1);
  meet(&a, &b, start_ns, NULL);
  says(&a, &b, "hello", start_ns);
  restart(&b, 2);
  const size_t count = sealed(&a, &b, "are you there", start_ns, bytes);
  assert_int_equal(give(&b, bytes, count, start_ns, &opened), SWISD_PAIRS_STRANGER);
  meet(&b, &a, start_ns + 1, NULL); /* b asks who that was */
  says(&b, &a, "I was away", start_ns + 1);
  says(&a, &b, "welcome back", start_ns + 1);
  restart(&b, 3); /* and when b hears nothing of it, a notices by itself */
  const uint64_t later_ns = start_ns + 2 * SWISD_SECOND;
  assert_true(swisd_pairs_seal(a.pairs, b.key.id, start_ns + 1, bytes, 5, &doubtful) > 0);
  assert_false(doubtful);
  assert_true(swisd_pairs_seal(a.pairs, b.key.id, later_ns, bytes, 5, &doubtful) > 0);
  assert_true(doubtful);
  assert_true(swisd_pairs_seal(a.pairs, b.key.id, later_ns + 1, bytes, 5, &doubtful) > 0);
  assert_false(doubtful); /* not at every word */
  meet(&a, &b, later_ns, NULL);
  says(&a, &b, "there you are", later_ns);
  says(&b, &a, "here I am", later_ns);
  close_node(&a);
  close_node(&b);
}

static void both_may_begin_at_once(void **state)
{
  (void)state;
  struct node a, b;
  uint8_t from_a[SWISD_INTRODUCTION_BYTES], from_b[SWISD_INTRODUCTION_BYTES];
  struct swisd_pairs_opened to_a, to_b, opened;
  open_node(&a, 1);
  open_node(&b, 1);
  swisd_pairs_introduce(a.pairs, b.key.id, 0, 1, start_ns, from_a);
  swisd_pairs_introduce(b.pairs, a.key.id, 0, 1, start_ns, from_b);
  assert_int_equal(give(&a, from_b, sizeof from_b, start_ns, &to_b), SWISD_PAIRS_ANSWER);
  assert_int_equal(give(&b, from_a, sizeof from_a, start_ns, &to_a), SWISD_PAIRS_ANSWER);
  assert_int_equal(give(&a, to_a.bytes, to_a.count, start_ns, &opened), SWISD_PAIRS_MET);
  assert_int_equal(give(&b, to_b.bytes, to_b.count, start_ns, &opened), SWISD_PAIRS_MET);
  for (int i = 0; i < 5; i++) {
    says(&a, &b, "you first", start_ns);
    says(&b, &a, "no, you", start_ns);
  }
  close_node(&a);
  close_node(&b);
}

static void another_join_key_opens_nothing_and_a_removed_one_ends_what_it_stood_for(void **state)
{
  (void)state;
  struct node a, b, revoked;
  uint8_t bytes[SWISD_DATAGRAM_BYTES_MAX];
  struct swisd_pairs_opened opened;
  open_node(&a, 1);
  open_node(&b, 1);
  open_node(&revoked, 1);
  meet(&revoked, &b, start_ns, NULL);
  says(&revoked, &b, "I was one of you", start_ns);
  for (struct node *node = &a; node; node = node == &a ? &b : NULL) { /* the new key in front of the old one */
    memcpy(node->admission.keys[1], node->admission.keys[0], SWISD_JOINKEY_BYTES);
    node->admission.keys[0][3] ^= 1;
    node->admission.count = 2;
  }
  swisd_pairs_readmit(b.pairs);
  says(&revoked, &b, "I still am", start_ns);
  meet(&a, &b, start_ns, NULL);
  says(&a, &b, "not for long", start_ns);
  a.admission.count = b.admission.count = 1;
  swisd_pairs_readmit(a.pairs);
  swisd_pairs_readmit(b.pairs);
  const size_t count = sealed(&revoked, &b, "hello?", start_ns, bytes);
  assert_int_equal(give(&b, bytes, count, start_ns, &opened), SWISD_PAIRS_STRANGER);
  assert_int_equal(swisd_pairs_introduce(revoked.pairs, b.key.id, 0, 1, start_ns, bytes), SWISD_INTRODUCTION_BYTES);
  assert_int_equal(give(&b, bytes, SWISD_INTRODUCTION_BYTES, start_ns, &opened), SWISD_PAIRS_OTHER_KEY);
  says(&a, &b, "now we are alone", start_ns);
  close_node(&a);
  close_node(&b);
  close_node(&revoked);
}

static void a_member_cannot_introduce_itself_as_another(void **state)
{
  (void)state;
  struct node a, b, liar;
  uint8_t bytes[SWISD_INTRODUCTION_BYTES];
  struct swisd_pairs_opened opened;
  open_node(&a, 1);
  open_node(&b, 1);
  open_node(&liar, 1);
  liar.key.id = a.key.id; /* its own key under another's name */
  swisd_pairs_introduce(liar.pairs, b.key.id, 0, 1, start_ns, bytes);
  assert_int_equal(give(&b, bytes, sizeof bytes, start_ns, &opened), SWISD_PAIRS_FORGED);
  memcpy(liar.key.public_key, a.key.public_key, sizeof a.key.public_key); /* and with that one's public key */
  swisd_pairs_introduce(liar.pairs, b.key.id, 0, 1, start_ns, bytes);
  assert_int_equal(give(&b, bytes, sizeof bytes, start_ns, &opened), SWISD_PAIRS_FORGED);
  meet(&a, &b, start_ns, NULL);
  close_node(&a);
  close_node(&b);
  close_node(&liar);
}

static void an_introduction_for_another_is_not_answered(void **state)
{
  (void)state;
  struct node a, b, c;
  uint8_t bytes[SWISD_INTRODUCTION_BYTES];
  struct swisd_pairs_opened opened;
  open_node(&a, 1);
  open_node(&b, 1);
  open_node(&c, 1);
  swisd_pairs_introduce(a.pairs, b.key.id, 0, 1, start_ns, bytes);
  assert_int_equal(give(&c, bytes, sizeof bytes, start_ns, &opened), SWISD_PAIRS_IGNORED);
  swisd_pairs_introduce(a.pairs, (struct swisd_id){0}, 0, 1, start_ns, bytes); /* a seed's name is not known */
  assert_int_equal(give(&c, bytes, sizeof bytes, start_ns, &opened), SWISD_PAIRS_ANSWER);
  assert_int_equal(give(&a, bytes, sizeof bytes, start_ns, &opened), SWISD_PAIRS_IGNORED);
  close_node(&a);
  close_node(&b);
  close_node(&c);
}

static void the_table_of_pairs_is_bounded_and_keeps_the_lively(void **state)
{
  (void)state;
  enum { STRANGERS = 1100 };
  struct node a, b, other;
  uint8_t bytes[SWISD_INTRODUCTION_BYTES];
  struct swisd_pairs_opened opened;
  open_node(&a, 1);
  open_node(&b, 1);
  meet(&a, &b, start_ns, NULL);
  for (int i = 0; i < STRANGERS; i++) {
    const uint64_t now_ns = start_ns + (uint64_t)i * 10 * SWISD_MILLISECOND;
    open_node(&other, 1);
    swisd_pairs_introduce(other.pairs, b.key.id, 0, 1, now_ns, bytes);
    assert_int_equal(give(&b, bytes, sizeof bytes, now_ns, &opened), SWISD_PAIRS_ANSWER);
    close_node(&other);
    if (i % 100 == 0)
      says(&a, &b, "I am still here", now_ns);
  }
  assert_int_equal(swisd_pairs_count(b.pairs), 1024);
  says(&a, &b, "and now", start_ns + 20 * SWISD_SECOND);
  close_node(&a);
  close_node(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(sealing_is_chacha20_poly1305_of_rfc_8439_up_to_the_nonce),
    cmocka_unit_test(a_window_lets_each_counter_in_once_whatever_the_order),
    cmocka_unit_test(two_nodes_meet_and_then_understand_each_other_alone),
    cmocka_unit_test(what_was_recorded_is_worth_nothing),
    cmocka_unit_test(a_restarted_node_is_found_again),
    cmocka_unit_test(both_may_begin_at_once),
    cmocka_unit_test(another_join_key_opens_nothing_and_a_removed_one_ends_what_it_stood_for),
    cmocka_unit_test(a_member_cannot_introduce_itself_as_another),
    cmocka_unit_test(an_introduction_for_another_is_not_answered),
    cmocka_unit_test(the_table_of_pairs_is_bounded_and_keeps_the_lively),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
