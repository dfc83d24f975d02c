/* See ports.h. */
#include "runtime/net/ports.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/net/socket_address.h"

enum {
  ATTEMPTS = 16, /* a free TCP port may be taken for UDP */
  BACKLOG = 128,
  UDP_BUFFER_BYTES = 1 << 20, /* a burst of gossip from a few hundred members */
};

static int bind_at(const struct swisd_address *address, int type)
{
  struct sockaddr_storage at;
  const socklen_t length = swisd_address_to_socket(address, &at);
  if (length == 0) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  const int fd = socket(at.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  const int one = 1, buffer = UDP_BUFFER_BYTES;
  if (type == SOCK_STREAM) /* a restarted node need not wait for the old one's connections to time out */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  else
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (bind(fd, (struct sockaddr *)&at, length) != 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) != 0)) {
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
  }
  return fd;
}

int swisd_ports_open(const struct swisd_address *listen_at, int *tcp_fd, int *udp_fd, struct swisd_address *bound,
                     struct swisd_error *error)
{
  const char *kind = "TCP";
  for (int attempt = 0; attempt < (listen_at->port == 0 ? ATTEMPTS : 1); attempt++) {
    *bound = *listen_at;
    *tcp_fd = bind_at(bound, SOCK_STREAM);
    kind = "TCP";
    if (*tcp_fd < 0)
      break;
    struct sockaddr_storage at;
    socklen_t length = sizeof at;
    getsockname(*tcp_fd, (struct sockaddr *)&at, &length);
    bound->port = swisd_address_from_socket(&at).port;
    *udp_fd = bind_at(bound, SOCK_DGRAM);
    kind = "UDP";
    if (*udp_fd >= 0)
      return 0;
    const int cause = errno;
    close(*tcp_fd);
    *tcp_fd = -1;
    errno = cause;
  }
  char text[SWISD_ADDRESS_TEXT_BYTES];
  const int cause = errno;
  swisd_address_text(bound, text);
  if (cause == EADDRINUSE)
    return swisd_error_set(error, "%s: the port is in use (%s); choose another with --port, or 0 for any free one", text, kind);
  return swisd_error_set(error, "%s: cannot listen (%s): %s", text, kind, strerror(cause));
}
