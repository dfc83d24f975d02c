/* A record is believed when its owner wrote it, from whomever it comes. */
#include "runtime/net/records.h"

#include <event2/event.h>
#include <string.h>

#include "runtime/wire/wire.h"
#include "tests/unit/cmocka_all.h"

struct node {
  struct swisd_records_host host; /* first */
  struct swisd_nodekey key;
  struct swisd_workers *threads;
  struct swisd_records *records;
  struct event_base *base;
  uint32_t verified;
  struct swisd_message last;
};

static struct event_base *base;

static void on_verified(struct swisd_records_host *host, struct swisd_id from, const struct swisd_address *from_address,
                        const struct swisd_message *message)
{
  struct node *node = (struct node *)host;
  (void)from, (void)from_address;
  node->verified++;
  node->last = *message;
}

static void open_node(struct node *node)
{
  struct swisd_error error;
  const struct swisd_workers_options one = {.threads = 1};
  *node = (struct node){.host.verified = on_verified, .base = base};
  assert_int_equal(swisd_nodekey_make(&node->key, &error), 0);
  node->threads = swisd_workers_open(base, &one, &error);
  node->records = swisd_records_open(&node->key, node->threads, &node->host);
  assert_true(node->threads && node->records);
}

static void close_node(struct node *node)
{
  swisd_workers_close(node->threads);
  swisd_records_close(node->records);
  swisd_nodekey_free(&node->key);
}

static struct swisd_record record_of(const struct node *node, uint32_t incarnation, uint32_t version)
{
  struct swisd_record record = {.id = node->key.id,
                                .incarnation = incarnation,
                                .version = version,
                                .address_count = 1,
                                .flags = SWISD_RECORD_WORKS,
                                .holding_count = 1,
                                .holdings = {77}};
  record.addresses[0] = (struct swisd_address){.family = SWISD_ADDRESS_IPV4, .bytes = {10, 0, 0, 1}, .port = 7};
  return record;
}

/* Gossip of these records, with a suspicion between them that needs no seal. */
static struct swisd_message gossip(const struct swisd_record *records, uint8_t count)
{
  struct swisd_message message = {.type = SWISD_MESSAGE_GOSSIP};
  struct swisd_rumours *rumours = &message.u.ping.rumours;
  for (uint8_t i = 0; i < count; i++) {
    rumours->list[rumours->count++] = (struct swisd_rumour){
      .state = SWISD_MEMBER_ALIVE, .subject = records[i].id, .incarnation = records[i].incarnation, .record = records[i]};
    rumours->list[rumours->count++] = (struct swisd_rumour){.state = SWISD_MEMBER_SUSPECT, .subject = {1, i}};
  }
  return message;
}

static enum swisd_records_verdict check(struct node *node, const struct swisd_message *message, const uint8_t *seals,
                                        size_t bytes)
{
  const struct swisd_address nowhere = {0};
  return swisd_records_check(node->records, (struct swisd_id){9, 9}, &nowhere, message, seals, bytes);
}

/* Waits for the thread; how many messages were good. */
static uint32_t await(struct node *node)
{
  const uint32_t before = node->verified;
  const uint64_t forged = swisd_records_status(node->records).forged;
  while (node->verified == before && swisd_records_status(node->records).forged == forged)
    event_base_loop(base, EVLOOP_ONCE);
  return node->verified - before;
}

static void a_record_is_verified_once_and_can_then_be_passed_on(void **state)
{
  (void)state;
  struct node a, b, c;
  uint8_t seals[SWISD_SEALS_BYTES_MAX];
  open_node(&a);
  open_node(&b);
  open_node(&c);
  const struct swisd_record record = record_of(&a, 1, 2);
  struct swisd_message message = gossip(&record, 1);
  size_t bytes = swisd_records_seal(a.records, &message, seals);
  assert_int_equal(bytes, SWISD_RECORD_SEAL_BYTES);
  assert_int_equal(bytes, swisd_message_seal_bytes(&message));
  assert_int_equal(check(&b, &message, seals, bytes), SWISD_RECORDS_LATER);
  assert_int_equal(await(&b), 1);
  assert_int_equal(b.last.u.ping.rumours.count, 2);
  assert_int_equal(check(&b, &message, seals, bytes), SWISD_RECORDS_GOOD);
  struct swisd_message passed = gossip(&record, 1);
  bytes = swisd_records_seal(b.records, &passed, seals); /* with a's seal */
  assert_int_equal(bytes, SWISD_RECORD_SEAL_BYTES);
  assert_int_equal(check(&c, &passed, seals, bytes), SWISD_RECORDS_LATER);
  assert_int_equal(await(&c), 1);
  assert_int_equal(swisd_records_status(a.records).signed_own, 1);
  close_node(&a);
  close_node(&b);
  close_node(&c);
}

static void a_record_that_its_owner_did_not_write_is_not_believed(void **state)
{
  (void)state;
  struct node a, liar, b;
  uint8_t seals[SWISD_SEALS_BYTES_MAX];
  open_node(&a);
  open_node(&liar);
  open_node(&b);
  const struct swisd_record record = record_of(&a, 1, 2);
  struct swisd_message message = gossip(&record, 1);
  const size_t bytes = swisd_records_seal(a.records, &message, seals);
  for (int i = 0; i < 4; i++) {
    struct swisd_message changed = message;
    struct swisd_record *of = &changed.u.ping.rumours.list[0].record;
    if (i == 0)
      of->addresses[0].port++; /* traffic led elsewhere */
    else if (i == 1)
      of->incarnation = changed.u.ping.rumours.list[0].incarnation = 8; /* an ALIVE that the owner never said */
    else if (i == 2)
      of->holding_count = 0;
    else
      of->version++;
    assert_int_equal(check(&b, &changed, seals, bytes), SWISD_RECORDS_LATER);
    assert_int_equal(await(&b), 0);
  }
  const struct swisd_record own = record_of(&liar, 1, 2);
  struct swisd_message lie = gossip(&own, 1);
  swisd_records_seal(liar.records, &lie, seals); /* a good seal, of another */
  assert_int_equal(check(&b, &message, seals, bytes), SWISD_RECORDS_LATER);
  assert_int_equal(await(&b), 0);
  assert_int_equal(swisd_records_status(b.records).forged, 5);
  assert_int_equal(swisd_records_status(b.records).verified, 0);
  close_node(&a);
  close_node(&liar);
  close_node(&b);
}

static void seals_that_are_missing_or_too_many_are_refused(void **state)
{
  (void)state;
  struct node a, b;
  uint8_t seals[SWISD_SEALS_BYTES_MAX + SWISD_RECORD_SEAL_BYTES] = {0};
  open_node(&a);
  open_node(&b);
  const struct swisd_record record = record_of(&a, 1, 2);
  struct swisd_message message = gossip(&record, 1), ping = {.type = SWISD_MESSAGE_PING};
  const size_t bytes = swisd_records_seal(a.records, &message, seals);
  assert_int_equal(check(&b, &message, seals, 0), SWISD_RECORDS_BAD);
  assert_int_equal(check(&b, &message, seals, bytes - 1), SWISD_RECORDS_BAD);
  assert_int_equal(check(&b, &message, seals, 2 * bytes), SWISD_RECORDS_BAD);
  assert_int_equal(check(&b, &ping, seals, bytes), SWISD_RECORDS_BAD);
  assert_int_equal(check(&b, &ping, seals, 0), SWISD_RECORDS_GOOD);
  assert_int_equal(swisd_records_status(b.records).unsealed, 4);
  close_node(&a);
  close_node(&b);
}

static void a_record_that_nobody_vouches_for_is_left_out(void **state)
{
  (void)state;
  struct node a, b;
  uint8_t seals[SWISD_SEALS_BYTES_MAX];
  open_node(&a);
  open_node(&b);
  const struct swisd_record records[2] = {record_of(&a, 1, 2), record_of(&b, 3, 4)};
  struct swisd_message message = gossip(records, 2);
  assert_int_equal(swisd_records_seal(b.records, &message, seals), SWISD_RECORD_SEAL_BYTES);
  assert_int_equal(message.u.ping.rumours.count, 3); /* both suspicions, and its own record */
  assert_int_equal(message.u.ping.rumours.list[0].state, SWISD_MEMBER_SUSPECT);
  assert_true(swisd_id_equal(message.u.ping.rumours.list[1].subject, b.key.id));
  assert_int_equal(message.u.ping.rumours.list[1].incarnation, 3);
  assert_int_equal(swisd_records_status(b.records).unvouched, 1);
  close_node(&a);
  close_node(&b);
}

static void a_full_page_of_records_fits_and_too_many_pages_are_dropped(void **state)
{
  (void)state;
  enum { PAGES = 100 };
  struct node owners[SWISD_SYNC_RECORDS_MAX], b;
  uint8_t seals[SWISD_SEALS_BYTES_MAX], one[SWISD_SEALS_BYTES_MAX];
  struct swisd_message page = {.type = SWISD_MESSAGE_SYNC};
  open_node(&b);
  for (uint8_t i = 0; i < SWISD_SYNC_RECORDS_MAX; i++) {
    open_node(&owners[i]);
    const struct swisd_record record = record_of(&owners[i], 1, 1);
    struct swisd_message join = {.type = SWISD_MESSAGE_JOIN, .u.join.record = record};
    assert_int_equal(swisd_records_seal(owners[i].records, &join, one), SWISD_RECORD_SEAL_BYTES);
    memcpy(seals + (size_t)i * SWISD_RECORD_SEAL_BYTES, one, SWISD_RECORD_SEAL_BYTES);
    page.u.sync.list[page.u.sync.count++] =
      (struct swisd_rumour){.state = SWISD_MEMBER_ALIVE, .subject = record.id, .incarnation = 1, .record = record};
  }
  int taken = 0;
  for (int i = 0; i < PAGES; i++)
    taken += check(&b, &page, seals, sizeof seals) == SWISD_RECORDS_LATER;
  assert_int_equal(taken, 64);
  assert_int_equal(swisd_records_status(b.records).crowded, PAGES - 64);
  while (b.verified < (uint32_t)taken)
    event_base_loop(base, EVLOOP_ONCE);
  assert_int_equal(check(&b, &page, seals, sizeof seals), SWISD_RECORDS_GOOD);
  struct swisd_message again = page;
  assert_int_equal(swisd_records_seal(b.records, &again, one), sizeof one);
  assert_memory_equal(one, seals, sizeof seals);
  for (uint8_t i = 0; i < SWISD_SYNC_RECORDS_MAX; i++)
    close_node(&owners[i]);
  close_node(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_record_is_verified_once_and_can_then_be_passed_on),
    cmocka_unit_test(a_record_that_its_owner_did_not_write_is_not_believed),
    cmocka_unit_test(seals_that_are_missing_or_too_many_are_refused),
    cmocka_unit_test(a_record_that_nobody_vouches_for_is_left_out),
    cmocka_unit_test(a_full_page_of_records_fits_and_too_many_pages_are_dropped),
  };
  base = event_base_new();
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  event_base_free(base);
  return failed;
}
