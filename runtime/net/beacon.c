/* See beacon.h. */
#include "runtime/net/beacon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/net/seal.h"
#include "runtime/net/socket_address.h"

enum {
  MAGIC_BYTES = 8,
  SALT_BYTES = 16,
  PLAIN_BYTES = 35,
  INTERFACES_MAX = 16,
  FIRST = 3, /* beacons a second apart at the start */
  EVERY_SECONDS = 30,
  OPENED_PER_SECOND = 100,
  READS_PER_TURN = 64,
};
static const char magic[MAGIC_BYTES + 1] = "SwBeacn1";
static const char purpose[] = "swisd beacon";
static const uint8_t group[4] = {239, 255, 83, 119};

struct swisd_beacon {
  struct swisd_beacon_options options;
  int fd;
  struct event *reading, *timer;
  uint32_t interface_count;
  struct in_addr interfaces[INTERFACES_MAX];
  uint64_t second;
  uint32_t opened; /* in this second */
  struct swisd_beacon_status status;
};

/* ---- the datagram ---- */

static void sealing_key(const uint8_t join_key[SWISD_JOINKEY_BYTES], const uint8_t salt[SALT_BYTES],
                        uint8_t key[SWISD_SEAL_KEY_BYTES])
{
  uint8_t text[sizeof purpose - 1 + SALT_BYTES];
  memcpy(text, purpose, sizeof purpose - 1);
  memcpy(text + sizeof purpose - 1, salt, SALT_BYTES);
  HMAC(EVP_sha256(), join_key, SWISD_JOINKEY_BYTES, text, sizeof text, key, NULL);
}

static void put_u64(uint8_t *at, uint64_t value)
{
  for (int i = 0; i < 8; i++)
    at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t *at)
{
  uint64_t value = 0;
  for (int i = 0; i < 8; i++)
    value = value << 8 | at[i];
  return value;
}

int swisd_beacon_write(const struct swisd_admission *admission, struct swisd_id id, const struct swisd_address *address,
                       uint8_t out[SWISD_BEACON_BYTES])
{
  uint8_t *salt = out + MAGIC_BYTES, *plain = salt + SALT_BYTES, key[SWISD_SEAL_KEY_BYTES];
  struct evp_cipher_ctx_st *cipher = swisd_seal_open();
  memcpy(out, magic, MAGIC_BYTES);
  if (!cipher || RAND_bytes(salt, SALT_BYTES) != 1) {
    swisd_seal_close(cipher);
    return -1;
  }
  put_u64(plain, id.hi);
  put_u64(plain + 8, id.lo);
  plain[16] = address->family;
  memcpy(plain + 17, address->bytes, sizeof address->bytes);
  plain[33] = (uint8_t)(address->port >> 8);
  plain[34] = (uint8_t)address->port;
  sealing_key(admission->keys[0], salt, key);
  const struct swisd_seal seal = {.key = key, .beside = out, .beside_count = MAGIC_BYTES + SALT_BYTES};
  swisd_seal(cipher, &seal, plain, PLAIN_BYTES);
  OPENSSL_cleanse(key, sizeof key);
  swisd_seal_close(cipher);
  return 0;
}

bool swisd_beacon_read(const struct swisd_admission *admission, const uint8_t *bytes, size_t count, struct swisd_id *id,
                       struct swisd_address *address)
{
  uint8_t plain[PLAIN_BYTES], key[SWISD_SEAL_KEY_BYTES];
  bool opened = false;
  if (count != SWISD_BEACON_BYTES || memcmp(bytes, magic, MAGIC_BYTES) != 0)
    return false;
  struct evp_cipher_ctx_st *cipher = swisd_seal_open();
  for (uint32_t i = 0; i < admission->count && cipher && !opened; i++) {
    sealing_key(admission->keys[i], bytes + MAGIC_BYTES, key);
    const struct swisd_seal seal = {.key = key, .beside = bytes, .beside_count = MAGIC_BYTES + SALT_BYTES};
    opened = swisd_unseal(cipher, &seal, bytes + MAGIC_BYTES + SALT_BYTES, PLAIN_BYTES, plain);
  }
  OPENSSL_cleanse(key, sizeof key);
  swisd_seal_close(cipher);
  if (!opened)
    return false;
  *id = (struct swisd_id){get_u64(plain), get_u64(plain + 8)};
  *address = (struct swisd_address){.family = plain[16], .port = (uint16_t)(plain[33] << 8 | plain[34])};
  memcpy(address->bytes, plain + 17, sizeof address->bytes);
  return address->port != 0 && (address->family == SWISD_ADDRESS_NONE || address->family == SWISD_ADDRESS_IPV4 ||
                                address->family == SWISD_ADDRESS_IPV6);
}

/* ---- on the network ---- */

static struct sockaddr_in group_address(void)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(SWISD_BEACON_PORT)};
  memcpy(&to.sin_addr, group, sizeof group);
  return to;
}

static void send_all(struct swisd_beacon *beacon)
{
  uint8_t bytes[SWISD_BEACON_BYTES];
  const struct swisd_beacon_options *options = &beacon->options;
  const struct sockaddr_in to = group_address();
  struct swisd_address said = options->advertise;
  static const uint8_t nowhere[16];
  if (memcmp(said.bytes, nowhere, sizeof nowhere) == 0) /* of a wildcard only the port is worth saying */
    said.family = SWISD_ADDRESS_NONE;
  if (swisd_beacon_write(options->admission, options->id, &said, bytes) != 0)
    return;
  for (uint32_t i = 0; i < beacon->interface_count; i++)
    if (setsockopt(beacon->fd, IPPROTO_IP, IP_MULTICAST_IF, &beacon->interfaces[i], sizeof beacon->interfaces[i]) == 0 &&
        sendto(beacon->fd, bytes, sizeof bytes, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to) == sizeof bytes)
      beacon->status.sent++;
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  struct swisd_beacon *beacon = argument;
  send_all(beacon);
  struct timeval next = {.tv_sec = beacon->status.sent < FIRST * beacon->interface_count ? 1 : EVERY_SECONDS};
  next.tv_usec = (suseconds_t)(swisd_clock_now_ns() / 1000 % 500000); /* nobody in step with others */
  event_add(beacon->timer, &next);
}

static bool may_open(struct swisd_beacon *beacon)
{
  const uint64_t second = swisd_clock_now_ns() / SWISD_SECOND;
  if (second != beacon->second) {
    beacon->second = second;
    beacon->opened = 0;
  }
  return beacon->opened++ < OPENED_PER_SECOND;
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_beacon *beacon = argument;
  for (int i = 0; i < READS_PER_TURN; i++) {
    uint8_t bytes[SWISD_BEACON_BYTES + 1];
    struct sockaddr_storage from = {0};
    socklen_t length = sizeof from;
    const ssize_t got = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (got < 0)
      return;
    struct swisd_id id;
    struct swisd_address address;
    if (!may_open(beacon) || !swisd_beacon_read(beacon->options.admission, bytes, (size_t)got, &id, &address)) {
      beacon->status.strange++;
      continue;
    }
    if (swisd_id_equal(id, beacon->options.id))
      continue; /* our own */
    if (address.family == SWISD_ADDRESS_NONE) {
      const uint16_t port = address.port;
      address = swisd_address_from_socket(&from);
      address.port = port;
    }
    beacon->status.received++;
    beacon->options.host->found(beacon->options.host, id, &address);
  }
}

/* Joins the group on one interface; whether that went well. */
static bool add_interface(struct swisd_beacon *beacon, struct in_addr at)
{
  struct ip_mreq request = {.imr_interface = at};
  memcpy(&request.imr_multiaddr, group, sizeof group);
  if (beacon->interface_count == INTERFACES_MAX ||
      setsockopt(beacon->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) != 0)
    return false;
  beacon->interfaces[beacon->interface_count++] = at;
  return true;
}

static void add_interfaces(struct swisd_beacon *beacon)
{
  const struct swisd_address *listen = &beacon->options.listen;
  struct in_addr at;
  memcpy(&at, listen->bytes, sizeof at);
  if (listen->family == SWISD_ADDRESS_IPV4 && at.s_addr != htonl(INADDR_ANY)) {
    add_interface(beacon, at);
    return;
  }
  struct ifaddrs *all = NULL;
  if (getifaddrs(&all) != 0)
    return;
  for (const struct ifaddrs *each = all; each; each = each->ifa_next) {
    const unsigned wanted = IFF_UP | IFF_MULTICAST;
    if (each->ifa_addr && each->ifa_addr->sa_family == AF_INET && (each->ifa_flags & (wanted | IFF_LOOPBACK)) == wanted)
      add_interface(beacon, ((const struct sockaddr_in *)(const void *)each->ifa_addr)->sin_addr);
  }
  freeifaddrs(all);
}

static int open_socket(struct swisd_beacon *beacon)
{
  const int one = 1;
  const uint8_t hops = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(SWISD_BEACON_PORT), .sin_addr.s_addr = htonl(INADDR_ANY)};
  memcpy(&at.sin_addr, group, sizeof group); /* only what is sent to the group */
  beacon->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (beacon->fd < 0 || setsockopt(beacon->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
      setsockopt(beacon->fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops) != 0 ||
      bind(beacon->fd, (struct sockaddr *)&at, sizeof at) != 0)
    return -1;
  errno = ENODEV;
  add_interfaces(beacon);
  return beacon->interface_count > 0 ? 0 : -1;
}

struct swisd_beacon *swisd_beacon_open(const struct swisd_beacon_options *options, struct swisd_error *error)
{
  struct swisd_beacon *beacon = calloc(1, sizeof *beacon);
  if (!beacon) {
    swisd_error_set(error, "no memory");
    return NULL;
  }
  beacon->options = *options;
  if (open_socket(beacon) != 0) {
    swisd_error_set(error, "%s", strerror(errno));
    swisd_beacon_close(beacon);
    return NULL;
  }
  const struct timeval soon = {.tv_usec = 50000};
  beacon->reading = event_new(options->base, beacon->fd, EV_READ | EV_PERSIST, on_readable, beacon);
  beacon->timer = evtimer_new(options->base, on_timer, beacon);
  if (!beacon->reading || !beacon->timer || event_add(beacon->reading, NULL) != 0 || event_add(beacon->timer, &soon) != 0) {
    swisd_error_set(error, "no memory");
    swisd_beacon_close(beacon);
    return NULL;
  }
  return beacon;
}

void swisd_beacon_close(struct swisd_beacon *beacon)
{
  if (!beacon)
    return;
  if (beacon->reading)
    event_free(beacon->reading);
  if (beacon->timer)
    event_free(beacon->timer);
  if (beacon->fd >= 0)
    close(beacon->fd);
  free(beacon);
}

struct swisd_beacon_status swisd_beacon_status(const struct swisd_beacon *beacon)
{
  return beacon ? beacon->status : (struct swisd_beacon_status){0};
}
