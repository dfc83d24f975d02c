/* See control.h. */
#include "runtime/net/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/base/json_read.h"
#include "runtime/base/log.h"
#include "runtime/net/clock.h"
#include "runtime/net/control_internal.h"
#include "runtime/net/peer_internal.h"

enum { LINE_BYTES_MAX = 65536, CLIENTS_MAX = 32 };

struct swisd_control {
  struct swisd_peer *peer;
  char directory[512];
  int listen_fd;
  struct event *listening;
  struct swisd_control_client *clients;
  uint32_t client_count;
};

/* A unix socket's address holds 108 bytes and a data directory's path may be longer: it is reached through its descriptor. */
static int directory_address(const char *directory, struct sockaddr_un *address)
{
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  const int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0)
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/control", fd);
  return fd;
}

/* ---- answers ---- */

void swisd_control_answer_error(struct swisd_control_client *client, const char *text)
{
  char *line = NULL;
  size_t bytes = 0;
  FILE *out = open_memstream(&line, &bytes);
  struct swisd_json json;
  swisd_json_start(&json, out, false);
  swisd_json_object(&json);
  swisd_json_key(&json, "ok");
  swisd_json_boolean(&json, false);
  swisd_json_key(&json, "error");
  swisd_json_string(&json, text);
  swisd_json_end(&json);
  swisd_json_finish(&json);
  fclose(out);
  bufferevent_write(client->stream, line, bytes);
  free(line);
}

void swisd_control_answer_ok(struct swisd_control_client *client)
{
  static const char ok[] = "{\"ok\":true}\n";
  bufferevent_write(client->stream, ok, sizeof ok - 1);
}

static void answer_status(struct swisd_control_client *client)
{
  char *line = NULL;
  size_t bytes = 0;
  FILE *out = open_memstream(&line, &bytes);
  swisd_control_print_status(client->control->peer, out);
  fclose(out);
  bufferevent_write(client->stream, line, bytes);
  free(line);
}

static void answer_explanation(struct swisd_control_client *client, const struct swisd_json_file *request)
{
  const char *job;
  struct swisd_error error;
  if (swisd_json_get_string(request, "/job", &job, &error) != 0) {
    swisd_control_answer_error(client, error.text);
    return;
  }
  char *line = NULL;
  size_t bytes = 0;
  FILE *out = open_memstream(&line, &bytes);
  const int printed = swisd_control_print_explanation(client->control->peer, job, out, &error);
  fclose(out);
  if (printed == 0)
    bufferevent_write(client->stream, line, bytes);
  else
    swisd_control_answer_error(client, error.text);
  free(line);
}

static void on_cut(struct swisd_control_client *client, const struct swisd_json_file *request)
{
  struct swisd_id peers[SWISD_LINKSHAPE_CUTS_MAX];
  uint32_t count = 0;
  const json_t *list = swisd_json_find(request, "/peers");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *text = json_string_value(json_array_get(list, i));
    unsigned long long hi, lo;
    if (!text || strlen(text) != 32 || sscanf(text, "%16llx%16llx", &hi, &lo) != 2 || count == SWISD_LINKSHAPE_CUTS_MAX) {
      swisd_control_answer_error(client, "peers: allowed are up to 64 ids of 32 hexadecimal digits");
      return;
    }
    peers[count++] = (struct swisd_id){hi, lo};
  }
  swisd_peer_cut(client->control->peer, peers, count);
  swisd_control_answer_ok(client);
}

static void on_line(struct swisd_control_client *client, const char *line, size_t bytes)
{
  struct swisd_peer *peer = client->control->peer;
  struct swisd_json_file request;
  struct swisd_error error;
  const char *command;
  double number;
  if (swisd_json_parse(&request, "request", line, bytes, &error) != 0) {
    swisd_control_answer_error(client, error.text);
    return;
  }
  if (swisd_json_get_string(&request, "/command", &command, &error) != 0) {
    swisd_control_answer_error(client, error.text);
  } else if (strcmp(command, "status") == 0) {
    answer_status(client);
  } else if (strcmp(command, "explain") == 0) {
    answer_explanation(client, &request);
  } else if (strcmp(command, "stop") == 0) {
    swisd_control_answer_ok(client);
    swisd_peer_stop(peer);
  } else if (strcmp(command, "slow") == 0) {
    if (swisd_json_get_number(&request, "/factor", 0.001, 1e6, &number, &error) != 0) {
      swisd_control_answer_error(client, error.text);
    } else {
      swisd_peer_slow(peer, number);
      swisd_control_answer_ok(client);
    }
  } else if (strcmp(command, "loss") == 0) {
    if (swisd_json_get_number(&request, "/share", 0, 1, &number, &error) != 0) {
      swisd_control_answer_error(client, error.text);
    } else {
      swisd_peer_loss(peer, number);
      swisd_control_answer_ok(client);
    }
  } else if (strcmp(command, "silence") == 0 || strcmp(command, "resume") == 0) {
    swisd_peer_silence(peer, command[0] == 's');
    if (command[0] == 'r') {
      swisd_peer_slow(peer, 1);
      swisd_peer_loss(peer, 0);
      swisd_peer_cut(peer, NULL, 0);
    }
    swisd_control_answer_ok(client);
  } else if (strcmp(command, "cut") == 0) {
    on_cut(client, &request);
  } else if (strcmp(command, "submit") == 0) {
    swisd_control_submit(client, &request);
  } else {
    swisd_control_answer_error(client, "command: allowed are status, explain, stop, slow, silence, resume, loss, cut and submit");
  }
  swisd_json_free(&request);
}

/* ---- clients ---- */

static void client_close(struct swisd_control_client *client)
{
  struct swisd_control_client **link = &client->control->clients;
  while (*link != client)
    link = &(*link)->next;
  *link = client->next;
  client->control->client_count--;
  if (client->submission)
    swisd_control_abandon(client->submission);
  bufferevent_free(client->stream);
  free(client);
}

static void on_readable(struct bufferevent *stream, void *argument)
{
  struct swisd_control_client *client = argument;
  struct evbuffer *input = bufferevent_get_input(stream);
  size_t bytes;
  char *line;
  while ((line = evbuffer_readln(input, &bytes, EVBUFFER_EOL_LF)) != NULL) {
    on_line(client, line, bytes);
    free(line);
  }
  if (evbuffer_get_length(input) > LINE_BYTES_MAX)
    client_close(client);
}

static void on_event(struct bufferevent *stream, short what, void *argument)
{
  (void)stream;
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
    client_close(argument);
}

static void on_listening(evutil_socket_t fd, short what, void *argument)
{
  (void)what;
  struct swisd_control *control = argument;
  const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted < 0)
    return;
  struct swisd_control_client *client = control->client_count < CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
  struct event_base *base = swisd_peer_base(control->peer);
  struct bufferevent *stream = client ? bufferevent_socket_new(base, accepted, BEV_OPT_CLOSE_ON_FREE) : NULL;
  if (!stream) {
    free(client);
    close(accepted);
    return;
  }
  *client = (struct swisd_control_client){.next = control->clients, .control = control, .peer = control->peer, .stream = stream};
  control->clients = client;
  control->client_count++;
  bufferevent_setcb(stream, on_readable, NULL, on_event, client);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
}

struct swisd_control *swisd_control_open(struct swisd_peer *peer, const char *directory, struct swisd_error *error)
{
  struct swisd_control *control = calloc(1, sizeof *control);
  if (!control) {
    swisd_error_set(error, "out of memory");
    return NULL;
  }
  control->peer = peer;
  snprintf(control->directory, sizeof control->directory, "%s", directory);
  struct sockaddr_un address;
  const int directory_fd = directory_address(directory, &address);
  control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (directory_fd >= 0)
    unlinkat(directory_fd, "control", 0); /* of a process that was killed: the directory's lock is ours */
  if (directory_fd < 0 || control->listen_fd < 0 || bind(control->listen_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      fchmodat(directory_fd, "control", 0600, 0) != 0 || listen(control->listen_fd, 8) != 0)
    swisd_error_set(error, "%s/control: cannot make the control socket: %s", directory, strerror(errno));
  else
    control->listening = event_new(swisd_peer_base(peer), control->listen_fd, EV_READ | EV_PERSIST, on_listening, control);
  if (directory_fd >= 0)
    close(directory_fd);
  if (!control->listening || event_add(control->listening, NULL) != 0) {
    swisd_control_close(control);
    return NULL;
  }
  return control;
}

void swisd_control_close(struct swisd_control *control)
{
  if (!control)
    return;
  while (control->clients)
    client_close(control->clients);
  if (control->listening)
    event_free(control->listening);
  if (control->listen_fd >= 0)
    close(control->listen_fd);
  struct sockaddr_un address;
  const int directory_fd = directory_address(control->directory, &address);
  if (directory_fd >= 0) {
    unlinkat(directory_fd, "control", 0);
    close(directory_fd);
  }
  free(control);
}

/* ---- the client's side ---- */

static char *read_line(int fd, uint64_t until_ns)
{
  char *line = NULL;
  size_t used = 0, capacity = 0;
  for (;;) {
    const uint64_t now_ns = swisd_clock_now_ns();
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (now_ns >= until_ns || poll(&ready, 1, (int)((until_ns - now_ns) / 1000000 + 1)) <= 0)
      break;
    if (capacity - used < 4096) {
      capacity = capacity ? capacity * 2 : 16384;
      char *larger = realloc(line, capacity);
      if (!larger)
        break;
      line = larger;
    }
    const ssize_t got = read(fd, line + used, capacity - used - 1);
    if (got <= 0)
      break;
    used += (size_t)got;
    line[used] = '\0';
    char *end = strchr(line, '\n');
    if (end) {
      *end = '\0';
      return line;
    }
  }
  free(line);
  return NULL;
}

char *swisd_control_ask(const char *directory, const char *line, int seconds, struct swisd_error *error)
{
  struct sockaddr_un address;
  const int directory_fd = directory_address(directory, &address);
  if (directory_fd < 0) {
    swisd_error_set(error, "%s: no such data directory", directory);
    return NULL;
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  close(directory_fd);
  char *answer = NULL;
  if (!connected) {
    swisd_error_set(error, "%s: no node runs on this data directory", directory);
  } else {
    char request[LINE_BYTES_MAX];
    const int count = snprintf(request, sizeof request, "%s\n", line);
    if (count > 0 && (size_t)count < sizeof request && send(fd, request, (size_t)count, MSG_NOSIGNAL) == count)
      answer = read_line(fd, swisd_clock_now_ns() + (uint64_t)seconds * SWISD_SECOND);
    if (!answer)
      swisd_error_set(error, "%s: the node does not answer", directory);
  }
  if (fd >= 0)
    close(fd);
  return answer;
}
