/* The emulated network against figures worked out by hand, in virtual time. */
#include <string.h>

#include "bench/netlab/emulator.h"
#include "bench/netlab/spec.h"
#include "tests/unit/cmocka_all.h"

enum { NODES = 3, BYTES = 1000 };
static const uint64_t ms = 1000000;

static void make_packet(uint8_t packet[BYTES], size_t to, uint8_t mark)
{
  memset(packet, 0, BYTES);
  packet[0] = 0x45;
  packet[16] = 10;
  packet[17] = 77;
  packet[19] = (uint8_t)(to + 1);
  packet[20] = mark;
}

static void send_marked(struct netlab_emulator *emulator, size_t from, size_t to, uint8_t mark, uint64_t at_ns)
{
  uint8_t packet[BYTES];
  make_packet(packet, to, mark);
  netlab_emulator_send(emulator, from, packet, BYTES, at_ns);
}

/* The next arrival: its time, or UINT64_MAX. */
static uint64_t arrival(struct netlab_emulator *emulator, size_t *node, uint8_t *mark)
{
  static uint8_t packet[NETLAB_PACKET_BYTES_MAX];
  uint64_t due_ns;
  while ((due_ns = netlab_emulator_due_ns(emulator)) != UINT64_MAX)
    if (netlab_emulator_receive(emulator, due_ns, node, packet)) {
      *mark = packet[20];
      return due_ns;
    }
  return UINT64_MAX;
}

static void a_packet_takes_both_rates_and_both_delays(void **state)
{
  (void)state;
  const struct netlab_link links[NODES] = {{.up_bytes_per_s = 1e6, .delay_s = 0.010},
                                           {.down_bytes_per_s = 2e6, .delay_s = 0.005}};
  struct netlab_emulator *emulator = netlab_emulator_new(NODES, links, 1);
  size_t node;
  uint8_t mark;
  send_marked(emulator, 0, 1, 1, 0);
  send_marked(emulator, 0, 1, 2, 0);
  assert_int_equal(arrival(emulator, &node, &mark), 1 * ms + 15 * ms + ms / 2); /* 1000 B at 1 MB/s, the way, at 2 MB/s */
  assert_int_equal(node, 1);
  assert_int_equal(arrival(emulator, &node, &mark), 2 * ms + 15 * ms + ms / 2); /* one millisecond behind it on the uplink */
  assert_int_equal(arrival(emulator, &node, &mark), UINT64_MAX);
  netlab_emulator_free(emulator);
}

static void jitter_delays_but_never_reorders_a_pair(void **state)
{
  (void)state;
  const struct netlab_link links[NODES] = {{.delay_s = 0.010, .jitter_s = 0.020}};
  struct netlab_emulator *emulator = netlab_emulator_new(NODES, links, 7);
  size_t node;
  uint8_t mark;
  uint64_t least_ns = UINT64_MAX, most_ns = 0, sent_ns = 0;
  for (int i = 0; i < 200; i++)
    send_marked(emulator, 0, 1, (uint8_t)i, (uint64_t)i * ms);
  for (int i = 0; i < 200; i++, sent_ns += ms) {
    const uint64_t took_ns = arrival(emulator, &node, &mark) - sent_ns;
    assert_int_equal(mark, (uint8_t)i);
    least_ns = took_ns < least_ns ? took_ns : least_ns;
    most_ns = took_ns > most_ns ? took_ns : most_ns;
  }
  assert_in_range(least_ns, 10 * ms, 15 * ms);
  assert_in_range(most_ns, 25 * ms, 30 * ms);
  netlab_emulator_free(emulator);
}

static void loss_takes_its_share(void **state)
{
  (void)state;
  const struct netlab_link links[NODES] = {{.loss = 0.25}};
  struct netlab_emulator *emulator = netlab_emulator_new(NODES, links, 3);
  size_t node;
  uint8_t mark;
  for (int i = 0; i < 4000; i++) {
    send_marked(emulator, 0, 1, 0, (uint64_t)i * ms);
    while (arrival(emulator, &node, &mark) != UINT64_MAX)
      continue;
  }
  assert_in_range(netlab_emulator_counts(emulator).lost, 1000 - 110, 1000 + 110); /* four standard deviations */
  assert_int_equal(netlab_emulator_counts(emulator).lost + netlab_emulator_counts(emulator).forwarded, 4000);
  netlab_emulator_free(emulator);
}

static void a_full_queue_drops_the_tail(void **state)
{
  (void)state;
  const struct netlab_link links[NODES] = {{.up_bytes_per_s = 1e6}};
  struct netlab_emulator *emulator = netlab_emulator_new(NODES, links, 1);
  for (int i = 0; i < 400; i++) /* 400 ms of traffic at once; the queue holds 250 ms of it, and one packet more */
    send_marked(emulator, 0, 1, 0, 0);
  assert_int_equal(netlab_emulator_counts(emulator).dropped, 400 - 251);
  netlab_emulator_free(emulator);
}

static void a_cut_stops_one_way_and_heals(void **state)
{
  (void)state;
  const struct netlab_link links[NODES] = {{0}};
  struct netlab_emulator *emulator = netlab_emulator_new(NODES, links, 1);
  size_t node;
  uint8_t mark;
  netlab_emulator_set_cut(emulator, 0, 1, true);
  send_marked(emulator, 0, 1, 1, 0);
  assert_int_equal(arrival(emulator, &node, &mark), UINT64_MAX);
  send_marked(emulator, 1, 0, 2, 0);
  assert_int_equal(arrival(emulator, &node, &mark), 0);
  assert_int_equal(mark, 2);
  netlab_emulator_set_cut(emulator, 0, 1, false);
  send_marked(emulator, 0, 1, 3, ms);
  assert_int_equal(arrival(emulator, &node, &mark), ms);
  assert_int_equal(netlab_emulator_counts(emulator).cut, 1);
  netlab_emulator_free(emulator);
}

static void multicast_reaches_all_others_and_strangers_nobody(void **state)
{
  (void)state;
  const struct netlab_link links[NODES] = {{0}};
  struct netlab_emulator *emulator = netlab_emulator_new(NODES, links, 1);
  uint8_t packet[BYTES], mark;
  size_t node, seen = 0;
  make_packet(packet, 0, 0);
  packet[16] = 239;
  netlab_emulator_send(emulator, 1, packet, BYTES, 0);
  while (arrival(emulator, &node, &mark) != UINT64_MAX)
    seen |= (size_t)1 << node;
  assert_int_equal(seen, 1 << 0 | 1 << 2);
  uint8_t six[40] = {0x60, [24] = 0xfd, 0x77, [39] = 3};
  netlab_emulator_send(emulator, 0, six, sizeof six, 0);
  assert_int_equal(arrival(emulator, &node, &mark), 0);
  assert_int_equal(node, 2);
  make_packet(packet, NODES, 0); /* one beyond the last node */
  netlab_emulator_send(emulator, 0, packet, BYTES, 0);
  netlab_emulator_send(emulator, 0, packet, 3, 0); /* a piece of a header */
  assert_int_equal(netlab_emulator_counts(emulator).foreign, 2);
  netlab_emulator_free(emulator);
}

static void links_and_changes_are_read_as_written(void **state)
{
  (void)state;
  struct netlab_link links[NETLAB_NODES_MAX];
  struct netlab_change change;
  struct swisd_error error;
  size_t count = 0;
  assert_int_equal(netlab_links_parse("3*up=10Mbit,delay=20ms,loss=1%", links, &count, &error), 0);
  assert_int_equal(netlab_links_parse("-", links, &count, &error), 0);
  assert_int_equal(count, 4);
  assert_true(links[2].up_bytes_per_s > 1.2499e6 && links[2].up_bytes_per_s < 1.2501e6 && links[2].delay_s > 0.0199);
  assert_true(links[3].up_bytes_per_s <= 0);
  static const char *const wrong[] = {"up=10", "speed=1ms", "0*-", "loss=130%", "up=10Mbit,", "200*-", ""};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(netlab_links_parse(wrong[i], links, &count, &error), -1);
  assert_int_equal(netlab_change_parse("cut 0>3", 4, &change, &error), 0);
  assert_true(change.kind == NETLAB_CHANGE_CUT && change.one_way && change.a == 0 && change.b == 3);
  assert_int_equal(netlab_change_parse("heal 1 2", 4, &change, &error), 0);
  assert_true(change.kind == NETLAB_CHANGE_HEAL && !change.one_way);
  assert_int_equal(netlab_change_parse("link 1 delay=5ms", 4, &change, &error), 0);
  static const char *const unclear[] = {"cut 0 4", "cut 0", "link 1", "stop", "", "heal a>b"};
  for (size_t i = 0; i < sizeof unclear / sizeof *unclear; i++)
    assert_int_equal(netlab_change_parse(unclear[i], 4, &change, &error), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_packet_takes_both_rates_and_both_delays),
    cmocka_unit_test(jitter_delays_but_never_reorders_a_pair),
    cmocka_unit_test(loss_takes_its_share),
    cmocka_unit_test(a_full_queue_drops_the_tail),
    cmocka_unit_test(a_cut_stops_one_way_and_heals),
    cmocka_unit_test(multicast_reaches_all_others_and_strangers_nobody),
    cmocka_unit_test(links_and_changes_are_read_as_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
