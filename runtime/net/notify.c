/* See notify.h. */
#include "runtime/net/notify.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct swisd_watchdog {
  struct event *timer;
};

bool swisd_notify(const char *state)
{
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  const size_t length = path ? strlen(path) : 0;
  if (length < 2 || length >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
    return false;
  memcpy(to.sun_path, path, length);
  if (path[0] == '@')
    to.sun_path[0] = '\0'; /* an abstract socket */
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  const socklen_t address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  const ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, address_bytes);
  close(fd);
  return sent == (ssize_t)strlen(state);
}

void swisd_notify_reloading(void)
{
  struct timespec now;
  char state[80];
  clock_gettime(CLOCK_MONOTONIC, &now);
  snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
           (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
  swisd_notify(state);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what, (void)argument;
  swisd_notify("WATCHDOG=1");
}

/* A positive number in the environment; 0 when there is none. */
static unsigned long long number_of(const char *name)
{
  const char *text = getenv(name);
  char *end;
  const unsigned long long value = text ? strtoull(text, &end, 10) : 0;
  return text && *text >= '0' && *text <= '9' && *end == '\0' ? value : 0;
}

struct swisd_watchdog *swisd_watchdog_open(struct event_base *base)
{
  const unsigned long long period_us = number_of("WATCHDOG_USEC"), pid = number_of("WATCHDOG_PID");
  if (period_us == 0 || (pid > 0 && pid != (unsigned long long)getpid()))
    return NULL;
  struct swisd_watchdog *watchdog = calloc(1, sizeof *watchdog);
  if (!watchdog)
    return NULL;
  watchdog->timer = event_new(base, -1, EV_PERSIST, on_timer, watchdog);
  const struct timeval half = {.tv_sec = (time_t)(period_us / 2000000), .tv_usec = (suseconds_t)(period_us / 2 % 1000000)};
  if (!watchdog->timer || event_add(watchdog->timer, &half) != 0) {
    swisd_watchdog_close(watchdog);
    return NULL;
  }
  return watchdog;
}

void swisd_watchdog_close(struct swisd_watchdog *watchdog)
{
  if (!watchdog)
    return;
  if (watchdog->timer)
    event_free(watchdog->timer);
  free(watchdog);
}
