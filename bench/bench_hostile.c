/* What strangers cost an honest job: three nodes of 2 GFLOP/s classify, in turns left alone and under attack from another
 * address: 1,000 connections a second, some of which begin a handshake and never finish it, and 20,000 datagrams a second, a
 * third of them noise, a third messages sealed with no key of ours, a third introductions under another join key.
 *
 * usage: bench_hostile SWISD [ROUNDS [ITEMS]]     bars: 5 % of goodput; 2 MiB; nobody in */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/philox.h"
#include "runtime/cli/lab.h"
#include "runtime/net/clock.h"
#include "runtime/net/introduction.h"

enum { NODES = 3, ROUNDS_MAX = 20, DATAGRAMS_PER_MS = 20, HELD = 200, ATTACK_SECONDS = 12 };

static struct sockaddr_in of(const char *host, const char *seed)
{
  struct sockaddr_in at = {.sin_family = AF_INET};
  inet_pton(AF_INET, host, &at.sin_addr);
  if (seed)
    at.sin_port = htons((uint16_t)atoi(strchr(seed, ':') + 1));
  return at;
}

static void noise(struct swisd_philox *random, uint8_t *bytes, size_t count)
{
  for (size_t b = 0; b + 4 <= count; b += 4)
    memcpy(bytes + b, &(uint32_t){swisd_philox_u32(random)}, 4);
}

/* Until it is killed. */
static void attack(const char *seed)
{
  const struct sockaddr_in from = of("127.0.0.66", NULL), to = of("127.0.0.1", seed);
  struct swisd_philox random = swisd_philox_stream(1, 2, 3, 4);
  const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  uint8_t bytes[1200];
  int held[HELD];
  memset(held, -1, sizeof held);
  bind(udp, (const struct sockaddr *)&from, sizeof from);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  uint64_t next_ns = swisd_clock_now_ns();
  for (uint32_t turn = 0;; turn++) {
    int *tcp = &held[turn % HELD];
    if (*tcp >= 0)
      close(*tcp);
    *tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bind(*tcp, (const struct sockaddr *)&from, sizeof from);
    connect(*tcp, (const struct sockaddr *)&to, sizeof to);
    if (turn % 2)
      send(held[(turn + HELD - 20) % HELD], "\x16\x03\x01\x02\x00", 5, MSG_NOSIGNAL); /* and no more of it */
    for (uint32_t i = 0; i < DATAGRAMS_PER_MS; i++) {
      const size_t count = i % 3 == 2 ? SWISD_INTRODUCTION_BYTES : 60 + 4 * swisd_philox_below(&random, 280);
      noise(&random, bytes, count);
      if (i % 3 != 0)
        memcpy(bytes, i % 3 == 1 ? "Sw\x01\x00" : "Sw\x01\x01", 4);
      sendto(udp, bytes, count, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to);
    }
    next_ns += SWISD_MILLISECOND;
    const uint64_t now_ns = swisd_clock_now_ns();
    if (next_ns > now_ns) {
      const struct timespec wait = {.tv_nsec = (long)(next_ns - now_ns)};
      nanosleep(&wait, NULL);
    }
  }
}

static pid_t start_attack(const char *seed)
{
  fflush(NULL);
  const pid_t attacker = fork();
  if (attacker == 0)
    attack(seed);
  return attacker;
}

static void end_attack(pid_t attacker)
{
  kill(attacker, SIGKILL);
  waitpid(attacker, NULL, 0);
}

/* Items per second of one job; 0 when it failed. */
static double job(const char *swisd, const char *seed, const char *items, const char *root)
{
  char log[128], line[512];
  struct swisd_lab_process process;
  struct swisd_error error;
  double seconds = 0;
  snprintf(log, sizeof log, "%s/classify.log", root);
  const char *const args[] = {swisd, "classify", "--join", seed, "--items", items, "--check", NULL};
  if (swisd_lab_start(&process, args, "/dev/null", log, &error) != 0)
    return 0;
  if (!swisd_lab_ended(&process, 120))
    swisd_lab_kill(&process);
  FILE *in = swisd_lab_exit_status(&process) == 0 ? fopen(log, "re") : NULL;
  while (in && fgets(line, sizeof line, in)) {
    const char *found = strstr(line, " images in ");
    if (found)
      seconds = atof(found + strlen(" images in "));
  }
  if (in)
    fclose(in);
  return seconds > 0 ? atof(items) / seconds : 0;
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int report(double *alone, double *under, int rounds, const char *directory, double grown_mib)
{
  qsort(alone, (size_t)rounds, sizeof *alone, ascending);
  qsort(under, (size_t)rounds, sizeof *under, ascending);
  const double lost = 100 * (1 - under[rounds / 2] / alone[rounds / 2]);
  printf("alone %.1f items/s, under attack %.1f (medians of %d): %.1f %% lost (bar 5); memory of the node attacked %+.1f MiB "
         "(bar 2)\n",
         alone[rounds / 2], under[rounds / 2], rounds, lost, grown_mib);
  printf(
    "it got %.0f datagrams: %.0f bad, %.0f strange, %.0f of another key; turned away %.0f connections before TLS, %.0f in it\n",
    swisd_lab_status_number(directory, "/datagrams_received"), swisd_lab_status_number(directory, "/datagrams_bad"),
    swisd_lab_status_number(directory, "/datagrams_strange"), swisd_lab_status_number(directory, "/datagrams_other_key"),
    swisd_lab_status_number(directory, "/connections_over_quota"), swisd_lab_status_number(directory, "/connections_refused"));
  return lost <= 5 && grown_mib <= 2 && swisd_lab_status_number(directory, "/members_alive") == NODES - 1 ? 0 : 1;
}

static int run(const char *swisd, int rounds, const char *items, const char *root, struct swisd_lab_process nodes[NODES])
{
  char directory[NODES][64], seed[64] = "", log[256];
  double alone[ROUNDS_MAX], under[ROUNDS_MAX];
  struct swisd_error error;
  for (int i = 0; i < NODES; i++) {
    snprintf(directory[i], sizeof directory[i], "%s/%d", root, i);
    snprintf(log, sizeof log, "%s.log", directory[i]);
    const char *const args[] = {swisd, "node", "--data", directory[i], "--port", "0", "--speed", "2", seed[0] ? "--join" : NULL,
                                seed,  NULL};
    if (swisd_lab_start(&nodes[i], args, NULL, log, &error) != 0 || !swisd_lab_wait_for(directory[i], "/uptime_ns", 0, 10) ||
        (i == 0 && !swisd_lab_address(directory[0], seed, sizeof seed)))
      return 2;
  }
  if (!swisd_lab_wait_for(directory[0], "/members_alive", NODES - 1, 10) || job(swisd, seed, items, root) <= 0)
    return 2;
  for (int r = 0; r < rounds; r++) {
    alone[r] = job(swisd, seed, items, root);
    const pid_t attacker = start_attack(seed);
    under[r] = job(swisd, seed, items, root);
    end_attack(attacker);
    fprintf(stderr, "round %d: %.1f and %.1f items/s\n", r + 1, alone[r], under[r]);
  }
  /* Jobs leave traces of their own in memory; what an attack costs shows in the second one on an idle node. */
  double mib[2];
  for (int i = 0; i < 2; i++) {
    const pid_t attacker = start_attack(seed);
    const struct timespec wait = {.tv_sec = ATTACK_SECONDS};
    nanosleep(&wait, NULL);
    mib[i] = swisd_lab_memory_mib(&nodes[0], "VmRSS"); /* while it lasts */
    end_attack(attacker);
  }
  return report(alone, under, rounds, directory[0], mib[1] - mib[0]);
}

int main(int argc, char **argv)
{
  const int rounds = argc > 2 ? atoi(argv[2]) : 5;
  if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX) {
    fprintf(stderr, "usage: bench_hostile SWISD [ROUNDS [ITEMS]]\n");
    return 2;
  }
  char root[] = "/tmp/swisd-bench-XXXXXX";
  struct swisd_error error;
  struct swisd_lab_process nodes[NODES] = {0};
  const int status =
    mkdtemp(root) && swisd_lab_join_key(root, &error) == 0 ? run(argv[1], rounds, argc > 3 ? argv[3] : "2000", root, nodes) : 2;
  if (status == 2)
    fprintf(stderr, "bench_hostile: the nodes or the job did not start\n");
  for (int i = 0; i < NODES; i++)
    swisd_lab_kill(&nodes[i]);
  swisd_lab_remove(root);
  return status;
}
