/* netlab: runs a command beside network namespaces that this process connects, packet by packet, with links of given rate,
 * delay, jitter and loss: for kernels without netem, and where one machine must stand for several.
 *
 * Commands that come on the control FIFO (its path is in NETLAB_CONTROL) change the network while it works:
 *   link NODE SPEC      a new link           cut A B | heal A B   both ways; A>B for one way only */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/netlab/emulator.h"
#include "bench/netlab/namespaces.h"
#include "bench/netlab/spec.h"

static const char usage[] =
  "usage: netlab [--seed N] [--prefix NAME] LINK... -- COMMAND [ARGUMENT]...\n"
  "\n"
  "Runs COMMAND while network namespaces NAME0, NAME1, ... (swn by default) are connected, one per LINK. Node i is 10.77.0.(i+1) "
  "and\n"
  "fd77::(i+1); processes are started there by `ip netns exec`. A LINK is key=value,...; keys that are left out do not limit:\n"
  "  up=RATE down=RATE delay=TIME jitter=TIME loss=SHARE     as up=10Mbit,down=50Mbit,delay=20ms,loss=1%\n"
  "or a count before one: 4*up=10Mbit,delay=20ms.\n"
  "COMMAND finds the number of nodes in NETLAB and a FIFO in NETLAB_CONTROL that takes: link NODE LINK; cut A B; heal A B; cut "
  "A>B.\n";

enum { LINE_BYTES_MAX = 512, BATCH = 64 };

struct netlab {
  struct netlab_emulator *emulator;
  size_t nodes;
  int descriptors[NETLAB_NODES_MAX];
  const char *prefix;
  char control_path[64];
  int control, signals;
  char line[LINE_BYTES_MAX];
  size_t line_bytes;
  pid_t command;
};

static uint64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- control ---- */

static void obey(struct netlab *lab, char *line)
{
  struct swisd_error error;
  struct netlab_change change;
  if (netlab_change_parse(line, lab->nodes, &change, &error) != 0) {
    fprintf(stderr, "netlab: control: %s\n", error.text);
    return;
  }
  if (change.kind == NETLAB_CHANGE_LINK) {
    netlab_emulator_set_link(lab->emulator, change.a, &change.link);
    return;
  }
  netlab_emulator_set_cut(lab->emulator, change.a, change.b, change.kind == NETLAB_CHANGE_CUT);
  if (!change.one_way)
    netlab_emulator_set_cut(lab->emulator, change.b, change.a, change.kind == NETLAB_CHANGE_CUT);
}

static void read_control(struct netlab *lab)
{
  char piece[LINE_BYTES_MAX];
  const ssize_t count = read(lab->control, piece, sizeof piece);
  for (ssize_t i = 0; i < count; i++) {
    if (piece[i] != '\n') {
      if (lab->line_bytes < sizeof lab->line - 1)
        lab->line[lab->line_bytes++] = piece[i];
      continue;
    }
    lab->line[lab->line_bytes] = '\0';
    lab->line_bytes = 0;
    obey(lab, lab->line);
  }
}

/* ---- the loop ---- */

static void take_from(struct netlab *lab, size_t node)
{
  static uint8_t packet[NETLAB_PACKET_BYTES_MAX];
  for (int i = 0; i < BATCH; i++) {
    const ssize_t bytes = read(lab->descriptors[node], packet, sizeof packet);
    if (bytes <= 0)
      return;
    netlab_emulator_send(lab->emulator, node, packet, (size_t)bytes, now_ns());
  }
}

static void deliver(struct netlab *lab)
{
  static uint8_t packet[NETLAB_PACKET_BYTES_MAX];
  size_t node, bytes;
  while ((bytes = netlab_emulator_receive(lab->emulator, now_ns(), &node, packet)) > 0)
    if (write(lab->descriptors[node], packet, bytes) < 0 && errno != EAGAIN && errno != EIO)
      fprintf(stderr, "netlab: node %zu: %s\n", node, strerror(errno));
}

/* Signals meant for us go on to the command; its end ends us. Whether it has ended. */
static bool take_signal(struct netlab *lab, int *status)
{
  struct signalfd_siginfo info;
  while (read(lab->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo != SIGCHLD)
      kill(-lab->command, (int)info.ssi_signo);
    else if (waitpid(lab->command, status, WNOHANG) == lab->command)
      return true;
  }
  return false;
}

static int run(struct netlab *lab)
{
  struct pollfd watched[NETLAB_NODES_MAX + 2];
  for (size_t i = 0; i < lab->nodes; i++)
    watched[i] = (struct pollfd){.fd = lab->descriptors[i], .events = POLLIN};
  watched[lab->nodes] = (struct pollfd){.fd = lab->control, .events = POLLIN};
  watched[lab->nodes + 1] = (struct pollfd){.fd = lab->signals, .events = POLLIN};
  for (;;) {
    const uint64_t due_ns = netlab_emulator_due_ns(lab->emulator), now = now_ns();
    const uint64_t wait_ns = due_ns == UINT64_MAX ? UINT64_MAX : due_ns > now ? due_ns - now : 0;
    const struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u)};
    if (ppoll(watched, lab->nodes + 2, wait_ns == UINT64_MAX ? NULL : &wait, NULL) > 0) {
      int status;
      for (size_t i = 0; i < lab->nodes; i++)
        if (watched[i].revents & POLLIN)
          take_from(lab, i);
      if (watched[lab->nodes].revents & POLLIN)
        read_control(lab);
      if ((watched[lab->nodes + 1].revents & POLLIN) && take_signal(lab, &status))
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    deliver(lab);
  }
}

/* ---- set-up ---- */

static int start_command(struct netlab *lab, char **argv, const sigset_t *before, struct swisd_error *error)
{
  snprintf(lab->control_path, sizeof lab->control_path, "/tmp/netlab-%ld", (long)getpid());
  if (mkfifo(lab->control_path, 0600) != 0 || (lab->control = open(lab->control_path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
    return swisd_error_set(error, "%s: %s", lab->control_path, strerror(errno));
  lab->command = fork();
  if (lab->command < 0)
    return swisd_error_set(error, "fork: %s", strerror(errno));
  if (lab->command == 0) {
    char nodes[16];
    snprintf(nodes, sizeof nodes, "%zu", lab->nodes);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, before, NULL);
    setenv("NETLAB", nodes, 1);
    setenv("NETLAB_CONTROL", lab->control_path, 1);
    execvp(argv[0], argv);
    fprintf(stderr, "netlab: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
  }
  setpgid(lab->command, lab->command);
  return 0;
}

static int work(struct netlab *lab, char **argv, const sigset_t *before)
{
  struct swisd_error error;
  if (netlab_namespaces_make(lab->prefix, lab->nodes, lab->descriptors, &error) != 0) {
    fprintf(stderr, "netlab: %s\n", error.text);
    return 2;
  }
  int status = 2;
  if (start_command(lab, argv, before, &error) == 0)
    status = run(lab);
  else
    fprintf(stderr, "netlab: %s\n", error.text);
  unlink(lab->control_path);
  netlab_namespaces_remove(lab->prefix, lab->nodes, lab->descriptors);
  const struct netlab_counts counts = netlab_emulator_counts(lab->emulator);
  fprintf(stderr,
          "netlab: %" PRIu64 " packets forwarded, %" PRIu64 " lost, %" PRIu64 " dropped by full queues, %" PRIu64 " cut, %" PRIu64
          " for nobody\n",
          counts.forwarded, counts.lost, counts.dropped, counts.cut, counts.foreign);
  return status;
}

int main(int argc, char **argv)
{
  static struct netlab lab = {.prefix = "swn"};
  static struct netlab_link links[NETLAB_NODES_MAX];
  struct swisd_error error;
  uint64_t seed = 1;
  int at = 1;
  for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0 && argv[at][2]; at += 2) {
    if (strcmp(argv[at], "--seed") == 0) {
      seed = strtoull(argv[at + 1], NULL, 10);
    } else if (strcmp(argv[at], "--prefix") == 0 && strlen(argv[at + 1]) < 32) {
      lab.prefix = argv[at + 1];
    } else {
      fputs(usage, stderr);
      return 2;
    }
  }
  for (; at < argc && strcmp(argv[at], "--") != 0; at++)
    if (netlab_links_parse(argv[at], links, &lab.nodes, &error) != 0) {
      fprintf(stderr, "netlab: %s\n", error.text);
      return 2;
    }
  if (at + 1 >= argc || lab.nodes == 0) {
    fputs(usage, stderr);
    return 2;
  }
  sigset_t taken, before;
  sigemptyset(&taken);
  sigaddset(&taken, SIGCHLD);
  sigaddset(&taken, SIGINT);
  sigaddset(&taken, SIGTERM);
  sigaddset(&taken, SIGHUP);
  sigprocmask(SIG_BLOCK, &taken, &before);
  signal(SIGPIPE, SIG_IGN);
  lab.signals = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
  lab.emulator = netlab_emulator_new(lab.nodes, links, seed);
  if (!lab.emulator || lab.signals < 0) {
    fprintf(stderr, "netlab: %s\n", strerror(errno));
    return 2;
  }
  const int status = work(&lab, argv + at + 1, &before);
  netlab_emulator_free(lab.emulator);
  return status;
}
