/* What safe links cost, between two processes on loopback.
 *
 *   bodies: one pair, bodies of 1 MiB one after the other, each digest (SHA-256) compared by the receiver
 *   round trip: a sealed PING to a whole node and its ACK, a hundred one after the other, ten times
 *
 * usage: bench_link [GIGABYTES [PINGS]]   bars: 600 MB/s, 1.7 CPU-s per GB received; p50 60 microseconds */
#include <event2/event.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/lab.h"
#include "runtime/net/clock.h"
#include "runtime/net/datagrams.h"
#include "runtime/net/links.h"
#include "runtime/net/peer.h"
#include "runtime/net/ports.h"
#include "runtime/net/socket_address.h"

enum { BODY_BYTES = 1 << 20, IN_FLIGHT = 64, PINGS_MAX = 100000, BURST = 100 };

/* What the two processes agree on before they part. */
struct ends {
  struct swisd_nodekey keys[2];
  struct swisd_admission admission;
  struct swisd_address address; /* of the receiver */
  int listen_fd;
  uint64_t bodies;
};

struct end {
  struct swisd_links_host host; /* first */
  const struct ends *ends;
  struct event_base *base;
  struct swisd_links *links;
  struct swisd_bodies *pool;
  struct swisd_linkshape shape;
  struct swisd_tls_node *tls;
  struct swisd_blob *blob; /* of the sender */
  uint64_t digest, sent, received, wrong;
  uint64_t start_ns, end_ns;
};

static _Noreturn void die(const char *why)
{
  fprintf(stderr, "bench_link: %s\n", why);
  exit(2);
}

static uint64_t digest_of(const uint8_t *bytes, size_t count)
{
  uint8_t whole[EVP_MAX_MD_SIZE];
  uint64_t digest = 0;
  EVP_Digest(bytes, count, whole, NULL, EVP_sha256(), NULL);
  for (int i = 0; i < 8; i++)
    digest = digest << 8 | whole[i];
  return digest;
}

static double cpu_seconds(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- bodies ---- */

static void say(struct end *end, struct swisd_id to, uint64_t number, struct swisd_blob *body)
{
  struct swisd_message message = {.type = SWISD_MESSAGE_PULL};
  message.u.pull.job = (struct swisd_job_id){to, number};
  swisd_links_send(end->links, to, &end->ends->address, &message, NULL, body, 0, body ? body->bytes : 0);
}

static void send_more(struct end *end)
{
  for (; end->sent < end->ends->bodies && end->sent < end->received + IN_FLIGHT; end->sent++)
    say(end, end->ends->keys[1].id, end->digest, end->blob);
}

/* The receiver checks the body and says so with a message of its own; that is what lets the sender go on. */
static void on_message(struct swisd_links_host *host, struct swisd_id from, const struct swisd_message *message,
                       const struct swisd_trailer *trailer, struct swisd_blob *body)
{
  struct end *end = (struct end *)host;
  (void)trailer;
  if (end->received++ == 0)
    end->start_ns = swisd_clock_now_ns();
  if (body) {
    end->wrong += digest_of(body->data, body->bytes) != message->u.pull.job.number;
    swisd_links_grant(end->links, from, body->bytes);
    swisd_blob_drop(body);
    say(end, from, end->received, NULL);
  } else {
    send_more(end);
  }
  end->end_ns = swisd_clock_now_ns();
  if (end->received == end->ends->bodies)
    event_base_loopbreak(end->base);
}

static void on_peer(struct swisd_links_host *host, struct swisd_id peer) { (void)host, (void)peer; }
static void on_unreachable(struct swisd_links_host *host, struct swisd_id peer)
{
  (void)peer;
  event_base_loopbreak(((struct end *)host)->base);
}
static void on_frame(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *frame)
{
  (void)host, (void)from, (void)frame;
}
static void on_data(struct swisd_links_host *host, struct swisd_id from, const struct swisd_frame *head, const uint8_t *bytes,
                    size_t count)
{
  (void)host, (void)from, (void)head, (void)bytes, (void)count;
}

static void open_end(struct end *end, const struct ends *ends, int which)
{
  struct swisd_error error;
  memset(end, 0, sizeof *end);
  end->host = (struct swisd_links_host){on_message, on_unreachable, on_peer, on_frame, on_data};
  end->ends = ends;
  end->base = event_base_new();
  end->pool = swisd_bodies_open(UINT64_MAX);
  end->tls = swisd_tls_node_open(&ends->keys[which], &error);
  struct swisd_links_options options = {.base = end->base,
                                        .shape = &end->shape,
                                        .bodies = end->pool,
                                        .tls = end->tls,
                                        .admission = &ends->admission,
                                        .hello = swisd_hello_default(),
                                        .host = &end->host};
  options.hello.id = ends->keys[which].id;
  end->links = end->tls ? swisd_links_open(&options) : NULL;
  if (!end->base || !end->links)
    die("cannot open links");
}

static void close_end(struct end *end)
{
  swisd_links_close(end->links);
  swisd_tls_node_close(end->tls);
  swisd_blob_drop(end->blob);
  swisd_bodies_close(end->pool);
  event_base_free(end->base);
}

static void on_listening(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct end *end = argument;
  const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted >= 0)
    swisd_links_accept(end->links, accepted, &end->ends->address);
}

static void send_bodies(const struct ends *ends)
{
  struct end end;
  open_end(&end, ends, 0);
  end.blob = swisd_blob_new(end.pool, BODY_BYTES);
  for (size_t i = 0; i < BODY_BYTES; i++)
    end.blob->data[i] = (uint8_t)(i * 2654435761u >> 13);
  end.digest = digest_of(end.blob->data, BODY_BYTES);
  const double before = cpu_seconds();
  send_more(&end);
  event_base_dispatch(end.base);
  printf("  sender    %.2f CPU-s per GB\n", (cpu_seconds() - before) / ((double)end.sent * BODY_BYTES / 1e9));
  fflush(stdout);
  close_end(&end);
}

static int bench_bodies(double gigabytes)
{
  struct swisd_error error;
  struct ends ends = {.admission = {.count = 1, .keys = {"the join key of this benchmark"}}};
  const struct swisd_address any = {.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
  int udp = -1;
  ends.bodies = (uint64_t)(gigabytes * 1e9 / BODY_BYTES) + 1;
  if (swisd_nodekey_make(&ends.keys[0], &error) != 0 || swisd_nodekey_make(&ends.keys[1], &error) != 0 ||
      swisd_ports_open(&any, &ends.listen_fd, &udp, &ends.address, &error) != 0)
    die(error.text);
  close(udp);
  const pid_t sender = fork();
  if (sender == 0) {
    close(ends.listen_fd);
    send_bodies(&ends);
    _exit(0);
  }
  struct end end;
  open_end(&end, &ends, 1);
  swisd_links_grant(end.links, ends.keys[0].id, (uint64_t)2 * IN_FLIGHT * BODY_BYTES);
  struct event *listening = event_new(end.base, ends.listen_fd, EV_READ | EV_PERSIST, on_listening, &end);
  event_add(listening, NULL);
  const double before = cpu_seconds();
  event_base_dispatch(end.base);
  const double cpu = cpu_seconds() - before, seconds = (double)(end.end_ns - end.start_ns) / 1e9;
  const double gb = (double)(end.received - 1) * BODY_BYTES / 1e9; /* the first one starts the clock */
  const struct timeval soon = {.tv_usec = 100000};                 /* its last word must still leave */
  event_base_loopexit(end.base, &soon);
  event_base_dispatch(end.base);
  waitpid(sender, NULL, 0);
  printf("  receiver  %.2f CPU-s per GB (bar 1.7), %.0f MB/s (bar 600); %llu bodies of 1 MiB, %llu wrong\n", cpu / gb,
         1e3 * gb / seconds, (unsigned long long)end.received, (unsigned long long)end.wrong);
  const bool held = end.received == ends.bodies && end.wrong == 0 && cpu / gb <= 1.7 && gb / seconds >= 0.6;
  event_free(listening);
  close_end(&end);
  close(ends.listen_fd);
  return held ? 0 : 1;
}

/* ---- round trip ---- */

struct pinger {
  struct swisd_datagrams_host host; /* first */
  uint32_t sequence;
  bool answered;
};

static void on_datagram(struct swisd_datagrams_host *host, struct swisd_id from, const struct swisd_address *from_address,
                        const struct swisd_message *message, const struct swisd_trailer *trailer)
{
  struct pinger *pinger = (struct pinger *)host;
  (void)from, (void)from_address, (void)trailer;
  if (message->type == SWISD_MESSAGE_ACK && message->u.ack.sequence == pinger->sequence)
    pinger->answered = true;
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* A whole node: core, store, threads, recorder off. */
static void run_node(const char *directory, const char *key_file, int tell)
{
  struct swisd_error error;
  struct swisd_peer_options options = swisd_peer_options_default();
  options.data_directory = directory;
  options.key_file = key_file;
  struct swisd_peer *peer = swisd_peer_open(&options, &error);
  if (!peer)
    die(error.text);
  const struct swisd_address address = swisd_peer_address(peer);
  const struct swisd_id id = swisd_peer_id(peer);
  if (write(tell, &address, sizeof address) != sizeof address || write(tell, &id, sizeof id) != sizeof id)
    die("the other process is gone");
  swisd_peer_run(peer);
}

static void ping(struct event_base *base, struct swisd_datagrams *datagrams, struct pinger *pinger, struct swisd_id id,
                 const struct swisd_address *address, double patience_s)
{
  struct swisd_message message = {.type = SWISD_MESSAGE_PING};
  message.u.ping.sequence = ++pinger->sequence;
  message.u.ping.target = id;
  pinger->answered = false;
  const uint64_t limit_ns = swisd_clock_now_ns() + (uint64_t)(patience_s * 1e9);
  swisd_datagrams_send(datagrams, id, address, &message, NULL);
  while (!pinger->answered && swisd_clock_now_ns() < limit_ns)
    event_base_loop(base, EVLOOP_NONBLOCK); /* spinning: what is measured is the node */
}

static int report_pings(double *us, uint32_t count, uint32_t wanted)
{
  if (count == 0) {
    printf("  no answer\n");
    return 1;
  }
  qsort(us, count, sizeof *us, ascending);
  printf("  round trip p50 %.0f (bar 60), p90 %.0f, p99 %.0f, least %.0f microseconds; %u of %u answered\n", us[count / 2],
         us[count * 9 / 10], us[count * 99 / 100], us[0], count, wanted);
  return us[count / 2] <= 60 ? 0 : 1;
}

static int bench_pings(uint32_t count)
{
  char root[] = "/tmp/swisd-bench-XXXXXX", directory[64], key_file[64];
  struct swisd_error error;
  struct swisd_nodekey key;
  struct swisd_admission admission;
  struct swisd_linkshape shape = {0};
  struct swisd_address address, bound;
  struct swisd_id id;
  int tell[2], tcp, udp;
  if (!mkdtemp(root) || swisd_lab_join_key(root, &error) != 0 || pipe(tell) != 0)
    die("cannot make a directory");
  snprintf(directory, sizeof directory, "%s/node", root);
  snprintf(key_file, sizeof key_file, "%s/join.key", root);
  const pid_t node = fork();
  if (node == 0) {
    run_node(directory, key_file, tell[1]);
    _exit(0);
  }
  const struct swisd_address any = {.family = SWISD_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
  if (read(tell[0], &address, sizeof address) != sizeof address || read(tell[0], &id, sizeof id) != sizeof id ||
      swisd_nodekey_make(&key, &error) != 0 || swisd_admission_open(&admission, key_file, &error) != 0 ||
      swisd_ports_open(&any, &tcp, &udp, &bound, &error) != 0)
    die("cannot set up the pinging side");
  struct pinger pinger = {.host.datagram = on_datagram};
  struct event_base *base = event_base_new();
  const struct swisd_datagrams_options options = {
    .base = base, .shape = &shape, .key = &key, .admission = &admission, .host = &pinger.host};
  struct swisd_datagrams *datagrams = swisd_datagrams_open(&options, udp);
  ping(base, datagrams, &pinger, id, &address, 2); /* the first one waits for introductions */
  double *us = calloc(count, sizeof *us);
  uint32_t got = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (i % BURST == 0)
      usleep(500000); /* a node takes 200 PINGs a second from one peer, 400 at once */
    const uint64_t start_ns = swisd_clock_now_ns();
    ping(base, datagrams, &pinger, id, &address, 0.1);
    if (pinger.answered)
      us[got++] = (double)(swisd_clock_now_ns() - start_ns) / 1e3;
  }
  const int status = report_pings(us, got, count);
  kill(node, SIGKILL);
  waitpid(node, NULL, 0);
  free(us);
  swisd_datagrams_close(datagrams);
  event_base_free(base);
  swisd_nodekey_free(&key);
  close(tcp);
  swisd_lab_remove(root);
  return status;
}

int main(int argc, char **argv)
{
  const double gigabytes = argc > 1 ? atof(argv[1]) : 2;
  const int pings = argc > 2 ? atoi(argv[2]) : 1000;
  if (gigabytes < 0 || pings < 0 || pings > PINGS_MAX) {
    fprintf(stderr, "usage: bench_link [GIGABYTES [PINGS]]\n");
    return 2;
  }
  int status = 0;
  printf("bodies over one link, TLS 1.3, loopback\n");
  fflush(stdout);
  if (gigabytes > 0)
    status |= bench_bodies(gigabytes);
  printf("sealed datagram to a whole node and back\n");
  fflush(stdout);
  if (pings > 0)
    status |= bench_pings((uint32_t)pings);
  return status;
}
