/* A network between nodes, emulated packet by packet in user space: each node has an uplink and a downlink with a rate and a
 * tail-drop queue, and a way to the middle of the network with delay, jitter and loss; any pair can be cut, one way or both.
 *
 * Pure: packets and the time go in, packets come out when they are due. Nodes are numbered from 0. Packets of one direction
 * between two nodes never overtake each other: jitter moves them apart, as a queue somewhere on the way would. */
#ifndef SWISD_BENCH_NETLAB_EMULATOR_H
#define SWISD_BENCH_NETLAB_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLAB_NODES_MAX = 128, NETLAB_PACKET_BYTES_MAX = 65536 };

/* One node's access to the network. */
struct netlab_link {
  double up_bytes_per_s, down_bytes_per_s; /* 0: no limit */
  double delay_s, jitter_s;                /* to the middle of the network, each way; jitter is uniform in [0, jitter) */
  double loss;                             /* of each packet it sends, 0..1 */
};

struct netlab_counts {
  uint64_t forwarded, lost, dropped, cut, foreign; /* packets: delivered; by loss; queue full; pair cut; not for any node */
};

struct netlab_emulator;

/* All nodes reach each other. NULL when memory is short. Equal seeds and packets give equal fates. */
struct netlab_emulator *netlab_emulator_new(size_t nodes, const struct netlab_link *links, uint64_t seed);
void netlab_emulator_free(struct netlab_emulator *emulator);

/* Changes a link: holds for packets that come from now on. */
void netlab_emulator_set_link(struct netlab_emulator *emulator, size_t node, const struct netlab_link *link);
/* Lets packets from one node to another through, or not. */
void netlab_emulator_set_cut(struct netlab_emulator *emulator, size_t from, size_t to, bool cut);

/* A whole IPv4 or IPv6 packet that `node` has sent. */
void netlab_emulator_send(struct netlab_emulator *emulator, size_t node, const uint8_t *packet, size_t bytes, uint64_t now_ns);
/* When something is to be done next; UINT64_MAX: nothing is on its way. */
uint64_t netlab_emulator_due_ns(const struct netlab_emulator *emulator);
/* The next packet that has arrived by now, and where; 0 when there is none. `packet` holds NETLAB_PACKET_BYTES_MAX. */
size_t netlab_emulator_receive(struct netlab_emulator *emulator, uint64_t now_ns, size_t *node, uint8_t *packet);

struct netlab_counts netlab_emulator_counts(const struct netlab_emulator *emulator);

#endif
