/* See namespaces.h. */
#include "bench/netlab/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE "swisd0"

static int shell(const char *format, const char *prefix, size_t node)
{
  char command[1024];
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
    snprintf(command, sizeof command, format, prefix, node, node + 1, node + 1);
  _Pragma("GCC diagnostic pop") return system(command);
}

/* The TUN device of a namespace; this process enters it for a moment. */
static int open_device(const char *prefix, size_t node, int home, struct swisd_error *error)
{
  char path[128];
  snprintf(path, sizeof path, "/run/netns/%s%zu", prefix, node);
  const int space = open(path, O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) {
    swisd_error_set(error, "%s: cannot enter: %s", path, strerror(errno));
    if (space >= 0)
      close(space);
    return -1;
  }
  close(space);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, DEVICE);
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (device < 0 || ioctl(device, TUNSETIFF, &request) != 0) {
    swisd_error_set(error, "/dev/net/tun: cannot make a device: %s", strerror(errno));
    if (device >= 0)
      close(device);
    device = -1;
  }
  if (setns(home, CLONE_NEWNET) != 0 && device >= 0) {
    swisd_error_set(error, "cannot come back from %s: %s", path, strerror(errno));
    close(device);
    device = -1;
  }
  return device;
}

static int make_one(const char *prefix, size_t node, int home, int *descriptor, struct swisd_error *error)
{
  if (shell("ip netns add %s%zu", prefix, node) != 0)
    return swisd_error_set(error, "ip netns add %s%zu failed: network namespaces need root and iproute2", prefix, node);
  *descriptor = open_device(prefix, node, home, error);
  if (*descriptor < 0)
    return -1;
  static const char set_up[] =
    "exec 2>&1; set -e; n=%s%zu; ip -n $n link set lo up; "
    "ip netns exec $n sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 || :; "
    "ip -n $n link set " DEVICE " mtu 1500 txqueuelen 1000 up; "
    "ip -n $n addr add 10.77.0.%zu/24 dev " DEVICE "; "
    "ip -n $n addr add fd77::%zu/64 dev " DEVICE " nodad || :; "
    "ip -n $n route add default dev " DEVICE;
  if (shell(set_up, prefix, node) != 0)
    return swisd_error_set(error, "cannot set up the device of the namespace %s%zu", prefix, node);
  return 0;
}

int netlab_namespaces_make(const char *prefix, size_t count, int descriptors[], struct swisd_error *error)
{
  const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0)
    return swisd_error_set(error, "/proc/self/ns/net: %s", strerror(errno));
  for (size_t i = 0; i < count; i++)
    descriptors[i] = -1;
  int result = 0;
  size_t made = 0;
  while (result == 0 && made < count) {
    result = make_one(prefix, made, home, &descriptors[made], error);
    made++;
  }
  close(home);
  if (result != 0)
    netlab_namespaces_remove(prefix, made, descriptors);
  return result;
}

void netlab_namespaces_remove(const char *prefix, size_t count, const int descriptors[])
{
  for (size_t i = 0; i < count; i++) {
    if (descriptors[i] >= 0)
      close(descriptors[i]);
    if (shell("ip netns del %s%zu 2>/dev/null", prefix, i) != 0)
      continue; /* it was not made */
  }
}
