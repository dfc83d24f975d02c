/* libFuzzer: any bytes to a node that has accepted a connection, as TLS. The first byte says where it begins: 0: right away;
 * else in the middle, after an honest client's first flight cut or changed at the place the next two name. */
#include <stdlib.h>
#include <string.h>

#include "runtime/net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

enum { FLIGHT_MAX = 1 << 16, PLAIN_BYTES = 16 * 1024 };

struct wire {
  struct swisd_tls_host host; /* first */
  size_t count;
  uint8_t bytes[FLIGHT_MAX];
};

static int keep(struct swisd_tls_host *host, const uint8_t *bytes, size_t count)
{
  struct wire *wire = (struct wire *)host;
  if (count > sizeof wire->bytes - wire->count)
    return -1;
  memcpy(wire->bytes + wire->count, bytes, count);
  wire->count += count;
  return 0;
}

static struct swisd_tls_node *open_node(struct swisd_nodekey *key)
{
  struct swisd_error error;
  struct swisd_tls_node *node = swisd_nodekey_make(key, &error) == 0 ? swisd_tls_node_open(key, &error) : NULL;
  if (!node)
    abort();
  return node;
}

/* Whether the session goes on. */
static bool give(struct swisd_tls *tls, const uint8_t *bytes, size_t count)
{
  static uint8_t plain[PLAIN_BYTES];
  int got;
  swisd_tls_feed(tls, bytes, count);
  while ((got = swisd_tls_read(tls, plain, sizeof plain)) > 0)
    ;
  return got == 0;
}

/* The client's flights, the second changed: whether a server takes that. */
static void from_the_middle(struct swisd_tls_node *client_node, struct swisd_tls *server, struct wire *from_server,
                            const uint8_t *data, size_t count)
{
  static struct wire from_client;
  from_client = (struct wire){.host.out = keep};
  struct swisd_tls *client = swisd_tls_open(client_node, true, &from_client.host);
  const size_t at = count >= 3 ? (size_t)data[1] << 8 | data[2] : 0;
  if (swisd_tls_start(client) == 0 && give(server, from_client.bytes, from_client.count)) {
    from_client.count = 0;
    if (give(client, from_server->bytes, from_server->count) && count > 3) {
      const size_t kept = at < from_client.count ? at : from_client.count;
      const size_t fuzzed = count - 3 < FLIGHT_MAX - kept ? count - 3 : FLIGHT_MAX - kept;
      memcpy(from_client.bytes + kept, data + 3, fuzzed);
      const bool untouched = kept == from_client.count;
      if (give(server, from_client.bytes, kept + fuzzed) && swisd_tls_secured(server) && !untouched && fuzzed > 64 && at < 64)
        abort(); /* a handshake whose beginning was garbage stands */
    }
  }
  swisd_tls_close(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
  static struct swisd_nodekey keys[2];
  static struct swisd_tls_node *nodes[2];
  static struct wire from_server;
  if (!nodes[0])
    for (int i = 0; i < 2; i++)
      nodes[i] = open_node(&keys[i]);
  from_server = (struct wire){.host.out = keep};
  struct swisd_tls *server = swisd_tls_open(nodes[0], false, &from_server.host);
  if (count > 0 && data[0] != 0) {
    from_the_middle(nodes[1], server, &from_server, data, count);
  } else if (count > 0) {
    give(server, data + 1, count - 1);
    if (swisd_tls_secured(server))
      abort();
  }
  swisd_tls_close(server);
  return 0;
}
