/* See http_client.h. */
#include "tests/web/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

uint16_t http_node_start(struct swarm *swarm, const char *const *further)
{
  char directory[SWARM_PATH_BYTES], log[SWARM_PATH_BYTES + 8];
  struct swisd_error error;
  swarm_start(swarm, 0, "1");
  swarm_node_directory(swarm, 0, directory);
  snprintf(log, sizeof log, "%s.log", directory);
  const char *argv[40] = {SWISD_EXECUTABLE, "node", "--data", directory, "--port", "0", "--speed", "1", "--http", "127.0.0.1:0"};
  size_t count = 10;
  for (size_t i = 0; further && further[i]; i++)
    argv[count++] = further[i];
  assert_int_equal(swisd_lab_start(&swarm->nodes[0], argv, NULL, log, &error), 0);
  swarm->node_count = 1;
  assert_true(swarm_file_will_say(swarm, "node-0.log", "page at http://", 10));
  char *text = swarm_read(swarm, "node-0.log", NULL);
  const int port = atoi(strstr(text, "page at http://127.0.0.1:") + strlen("page at http://127.0.0.1:"));
  free(text);
  assert_in_range(port, 1, 65535);
  return (uint16_t)port;
}

int http_connect(uint16_t port)
{
  const struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const struct timeval patience = {.tv_sec = 10};
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
  return fd;
}

void http_send(int fd, const char *text)
{
  const ssize_t sent = send(fd, text, strlen(text), MSG_NOSIGNAL);
  assert_int_equal(sent, strlen(text));
}

size_t http_receive(int fd, char *out, size_t capacity)
{
  size_t used = 0;
  ssize_t got;
  while (used + 1 < capacity && (got = recv(fd, out + used, capacity - used - 1, 0)) > 0)
    used += (size_t)got;
  out[used] = '\0';
  close(fd);
  return used;
}

int http_get(uint16_t port, const char *path, const char *headers, char *out, size_t capacity)
{
  char request[1024];
  snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s\r\n", path, port, headers);
  const int fd = http_connect(port);
  http_send(fd, request);
  http_receive(fd, out, capacity);
  assert_true(strncmp(out, "HTTP/1.1 ", 9) == 0);
  return atoi(out + 9);
}

const char *http_body(const char *reply)
{
  const char *end = strstr(reply, "\r\n\r\n");
  assert_non_null(end);
  return end + 4;
}
