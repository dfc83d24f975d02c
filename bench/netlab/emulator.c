/* See emulator.h. A packet is queued on its sender's uplink, travels, is queued on the receiver's downlink, and arrives. */
#include "bench/netlab/emulator.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/philox.h"

/* A queue holds as much as its link carries in this time; then it drops what comes (a router's buffer of the usual size). */
static const double queue_s = 0.25;

enum stage { TRAVELLING, LEAVING }; /* until the receiver's downlink; until it is through that */

struct packet {
  uint64_t due_ns, sequence;
  uint32_t bytes;
  uint8_t to, stage;
  uint8_t *data;
};

struct netlab_emulator {
  size_t nodes;
  struct netlab_link links[NETLAB_NODES_MAX];
  uint64_t up_free_ns[NETLAB_NODES_MAX], down_free_ns[NETLAB_NODES_MAX]; /* when the queue of each will be empty */
  uint64_t latest_ns[NETLAB_NODES_MAX][NETLAB_NODES_MAX];                /* of a pair: its last packet's arrival */
  bool cut[NETLAB_NODES_MAX][NETLAB_NODES_MAX];
  struct packet *heap; /* by (due_ns, sequence) */
  size_t count, room;
  uint64_t sequence;
  struct swisd_philox random;
  struct netlab_counts counts;
};

struct netlab_emulator *netlab_emulator_new(size_t nodes, const struct netlab_link *links, uint64_t seed)
{
  struct netlab_emulator *emulator = nodes <= NETLAB_NODES_MAX ? calloc(1, sizeof *emulator) : NULL;
  if (!emulator)
    return NULL;
  emulator->nodes = nodes;
  memcpy(emulator->links, links, nodes * sizeof *links);
  emulator->random = swisd_philox_stream(seed, 0, 0, 0);
  return emulator;
}

void netlab_emulator_free(struct netlab_emulator *emulator)
{
  for (size_t i = 0; emulator && i < emulator->count; i++)
    free(emulator->heap[i].data);
  if (emulator)
    free(emulator->heap);
  free(emulator);
}

void netlab_emulator_set_link(struct netlab_emulator *emulator, size_t node, const struct netlab_link *link)
{
  emulator->links[node] = *link;
}

void netlab_emulator_set_cut(struct netlab_emulator *emulator, size_t from, size_t to, bool cut)
{
  emulator->cut[from][to] = cut;
}

/* ---- the packets on their way ---- */

static bool before(const struct packet *a, const struct packet *b)
{
  return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->sequence < b->sequence;
}

static void push(struct netlab_emulator *emulator, struct packet packet)
{
  if (emulator->count == emulator->room) {
    const size_t room = emulator->room ? 2 * emulator->room : 1024;
    struct packet *heap = realloc(emulator->heap, room * sizeof *heap);
    if (!heap) {
      emulator->counts.dropped++;
      free(packet.data);
      return;
    }
    emulator->heap = heap;
    emulator->room = room;
  }
  packet.sequence = emulator->sequence++;
  size_t at = emulator->count++;
  for (; at && before(&packet, &emulator->heap[(at - 1) / 2]); at = (at - 1) / 2)
    emulator->heap[at] = emulator->heap[(at - 1) / 2];
  emulator->heap[at] = packet;
}

static struct packet pop(struct netlab_emulator *emulator)
{
  const struct packet first = emulator->heap[0], last = emulator->heap[--emulator->count];
  size_t at = 0;
  for (size_t child; (child = 2 * at + 1) < emulator->count; at = child) {
    if (child + 1 < emulator->count && before(&emulator->heap[child + 1], &emulator->heap[child]))
      child++;
    if (!before(&emulator->heap[child], &last))
      break;
    emulator->heap[at] = emulator->heap[child];
  }
  emulator->heap[at] = last;
  return first;
}

/* ---- links ---- */

/* When a packet that comes to a queue now has left it; false when the queue is full. */
static bool pass(uint64_t *free_ns, uint64_t now_ns, size_t bytes, double bytes_per_s, uint64_t *out_ns)
{
  if (*free_ns < now_ns)
    *free_ns = now_ns;
  if ((double)(*free_ns - now_ns) > queue_s * 1e9)
    return false;
  if (bytes_per_s > 0)
    *free_ns += (uint64_t)((double)bytes * 1e9 / bytes_per_s);
  *out_ns = *free_ns;
  return true;
}

static uint64_t way_ns(struct netlab_emulator *emulator, size_t from, size_t to)
{
  const struct netlab_link *a = &emulator->links[from], *b = &emulator->links[to];
  const double jitter_s = (a->jitter_s + b->jitter_s) * swisd_philox_unit(&emulator->random);
  return (uint64_t)((a->delay_s + b->delay_s + jitter_s) * 1e9);
}

static void travel(struct netlab_emulator *emulator, size_t from, size_t to, const uint8_t *data, size_t bytes, uint64_t left_ns)
{
  if (emulator->cut[from][to]) {
    emulator->counts.cut++;
    return;
  }
  if (swisd_philox_unit(&emulator->random) < emulator->links[from].loss) {
    emulator->counts.lost++;
    return;
  }
  struct packet packet = {.due_ns = left_ns + way_ns(emulator, from, to),
                          .bytes = (uint32_t)bytes,
                          .to = (uint8_t)to,
                          .stage = TRAVELLING,
                          .data = malloc(bytes)};
  if (!packet.data) {
    emulator->counts.dropped++;
    return;
  }
  if (packet.due_ns < emulator->latest_ns[from][to])
    packet.due_ns = emulator->latest_ns[from][to];
  emulator->latest_ns[from][to] = packet.due_ns;
  memcpy(packet.data, data, bytes);
  push(emulator, packet);
}

/* ---- addresses ---- */

enum { TO_NOBODY = -1, TO_ALL = -2 };

/* Where a packet goes: 10.77.0.(node + 1) and fd77::(node + 1); multicast and broadcast go to all others. */
static int destination(const struct netlab_emulator *emulator, const uint8_t *packet, size_t bytes)
{
  int node = TO_NOBODY;
  if (bytes >= 20 && packet[0] >> 4 == 4) {
    const uint8_t *to = packet + 16;
    if (to[0] >= 224 || (to[0] == 10 && to[3] == 255))
      return TO_ALL;
    if (to[0] == 10 && to[1] == 77 && to[2] == 0)
      node = to[3] - 1;
  } else if (bytes >= 40 && packet[0] >> 4 == 6) {
    static const uint8_t ours[15] = {0xfd, 0x77};
    const uint8_t *to = packet + 24;
    if (to[0] == 0xff)
      return TO_ALL;
    if (memcmp(to, ours, sizeof ours) == 0)
      node = to[15] - 1;
  }
  return node >= 0 && (size_t)node < emulator->nodes ? node : TO_NOBODY;
}

void netlab_emulator_send(struct netlab_emulator *emulator, size_t node, const uint8_t *packet, size_t bytes, uint64_t now_ns)
{
  const int to = destination(emulator, packet, bytes);
  uint64_t left_ns;
  if (to == TO_NOBODY) {
    emulator->counts.foreign++;
    return;
  }
  if (!pass(&emulator->up_free_ns[node], now_ns, bytes, emulator->links[node].up_bytes_per_s, &left_ns)) {
    emulator->counts.dropped++;
    return;
  }
  for (size_t other = 0; other < emulator->nodes; other++)
    if (to == TO_ALL ? other != node : other == (size_t)to)
      travel(emulator, node, other, packet, bytes, left_ns);
}

uint64_t netlab_emulator_due_ns(const struct netlab_emulator *emulator)
{
  return emulator->count ? emulator->heap[0].due_ns : UINT64_MAX;
}

size_t netlab_emulator_receive(struct netlab_emulator *emulator, uint64_t now_ns, size_t *node, uint8_t *packet_out)
{
  while (emulator->count && emulator->heap[0].due_ns <= now_ns) {
    struct packet packet = pop(emulator);
    if (packet.stage == LEAVING) {
      memcpy(packet_out, packet.data, packet.bytes);
      free(packet.data);
      *node = packet.to;
      emulator->counts.forwarded++;
      return packet.bytes;
    }
    const double rate = emulator->links[packet.to].down_bytes_per_s;
    if (!pass(&emulator->down_free_ns[packet.to], packet.due_ns, packet.bytes, rate, &packet.due_ns)) {
      emulator->counts.dropped++;
      free(packet.data);
      continue;
    }
    packet.stage = LEAVING;
    push(emulator, packet);
  }
  return 0;
}

struct netlab_counts netlab_emulator_counts(const struct netlab_emulator *emulator) { return emulator->counts; }
