/* See remote.h. */
#include "runtime/cli/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/net/clock.h"

enum { ARGUMENTS_MAX = 64, COMPLAINT_BYTES = 2048 };

bool swisd_remote_quote(char *command, size_t bytes, const char *text)
{
  size_t at = strlen(command);
  const char *const quote = "'\\''";
  if (at + 4 > bytes)
    return false;
  if (at)
    command[at++] = ' ';
  command[at++] = '\'';
  for (; *text; text++) {
    const size_t needed = *text == '\'' ? strlen(quote) : 1;
    if (at + needed + 2 > bytes) {
      command[at] = '\0';
      return false;
    }
    if (*text == '\'')
      memcpy(command + at, quote, needed);
    else
      command[at] = *text;
    at += needed;
  }
  command[at++] = '\'';
  command[at] = '\0';
  return true;
}

/* An ssh under way: three descriptors of ours, -1 where there is none. */
struct session {
  pid_t pid;
  int complaints; /* its standard error */
  int to, from;   /* its standard input and output, when they are pipes */
};

static void become_ssh(const struct swisd_remote *remote, const char *command, int in, int out, int err)
{
  /* Not asking, not hanging on a dead host, one connection for several commands where the user's configuration has it. */
  const char *argv[ARGUMENTS_MAX] = {
    "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5"};
  size_t count = 8;
  for (const char *const *option = remote->ssh_options; option && *option && count < ARGUMENTS_MAX - 4; option++)
    argv[count++] = *option;
  argv[count++] = remote->destination;
  argv[count++] = command;
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execvp("ssh", (char *const *)(uintptr_t)argv);
  dprintf(STDERR_FILENO, "ssh: %s\n", strerror(errno));
  _exit(127);
}

/* Starts it. `in` and `out`: descriptors to use, or -1 for a pipe to us. */
static int start(const struct swisd_remote *remote, const char *command, int in, int out, struct session *session,
                 struct swisd_error *error)
{
  int err[2] = {-1, -1}, input[2] = {-1, in}, output[2] = {-1, out};
  *session = (struct session){.complaints = -1, .to = -1, .from = -1};
  if (pipe2(err, O_CLOEXEC) != 0 || (in < 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) != 0) ||
      (out < 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, output) != 0))
    return swisd_error_set(error, "%s: %s", remote->name, strerror(errno));
  fflush(NULL);
  session->pid = fork();
  if (session->pid == 0)
    become_ssh(remote, command, input[1], output[1], err[1]);
  close(err[1]);
  if (in < 0)
    close(input[1]);
  if (out < 0)
    close(output[1]);
  session->complaints = err[0];
  session->to = input[0];
  session->from = output[0];
  return session->pid > 0 ? 0 : swisd_error_set(error, "%s: cannot start ssh: %s", remote->name, strerror(errno));
}

static void keep_last_line(char *complaint, size_t *bytes)
{
  while (*bytes && (complaint[*bytes - 1] == '\n' || complaint[*bytes - 1] == '\r'))
    (*bytes)--;
  complaint[*bytes] = '\0';
  const char *line = strrchr(complaint, '\n');
  if (line)
    memmove(complaint, line + 1, strlen(line));
}

/* Reads what it says until it ends, its output into `answer` (NULL: it has none); kills it at the end of its time. */
static int finish(const struct swisd_remote *remote, struct session *session, char *answer, size_t answer_bytes, double seconds,
                  struct swisd_error *error)
{
  char complaint[COMPLAINT_BYTES], rest[512];
  size_t complained = 0, answered = 0;
  const uint64_t until_ns = swisd_clock_now_ns() + (uint64_t)(seconds * 1e9);
  struct pollfd watched[2] = {{.fd = session->complaints, .events = POLLIN}, {.fd = session->from, .events = POLLIN}};
  bool late = false;
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    const uint64_t now_ns = swisd_clock_now_ns();
    late = now_ns >= until_ns;
    if (late)
      break;
    poll(watched, 2, (int)((until_ns - now_ns) / 1000000 + 1));
    for (int i = 0; i < 2; i++) {
      if (watched[i].fd < 0 || watched[i].revents == 0)
        continue;
      char *into = i == 0 ? complaint + complained : answer + answered;
      size_t room = i == 0 ? sizeof complaint - 1 - complained : answer_bytes - 1 - answered;
      const bool full = room == 0;
      const ssize_t count = read(watched[i].fd, full ? rest : into, full ? sizeof rest : room);
      if (count <= 0 && errno != EINTR)
        watched[i].fd = -1;
      else if (count > 0 && !full)
        *(i == 0 ? &complained : &answered) += (size_t)count;
    }
  }
  if (answer)
    answer[answered] = '\0';
  keep_last_line(complaint, &complained);
  if (late)
    kill(session->pid, SIGKILL);
  int status = 0;
  while (waitpid(session->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  close(session->complaints);
  if (session->from >= 0)
    close(session->from);
  if (session->to >= 0)
    close(session->to);
  if (late)
    return swisd_error_set(error, "%s: no end within %.0f s", remote->name, seconds);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return 0;
  if (complaint[0])
    return swisd_error_set(error, "%s: %s", remote->name, complaint);
  return swisd_error_set(error, "%s: the command ended with status %d", remote->name,
                         WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int swisd_remote_run(const struct swisd_remote *remote, const char *command, const char *input, const char *output,
                     double seconds, struct swisd_error *error)
{
  struct session session;
  const int in = open(input ? input : "/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  int result;
  if (in < 0 || out < 0) {
    const char *path = in < 0 ? input : output;
    result = swisd_error_set(error, "%s: %s", path ? path : "/dev/null", strerror(errno));
  } else {
    result = start(remote, command, in, out, &session, error);
    if (result == 0)
      result = finish(remote, &session, NULL, 0, seconds, error);
  }
  if (in >= 0)
    close(in);
  if (out >= 0)
    close(out);
  return result;
}

int swisd_remote_ask(const struct swisd_remote *remote, const char *command, char *answer, size_t bytes, double seconds,
                     struct swisd_error *error)
{
  struct session session;
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  answer[0] = '\0';
  if (in < 0)
    return swisd_error_set(error, "/dev/null: %s", strerror(errno));
  int result = start(remote, command, in, -1, &session, error);
  close(in);
  if (result == 0)
    result = finish(remote, &session, answer, bytes, seconds, error);
  return result;
}

/* One line there and one back; 0 when it did not come. */
static uint64_t ask_time(const struct session *session, char *line, size_t bytes)
{
  size_t got = 0;
  struct pollfd watched = {.fd = session->from, .events = POLLIN};
  if (send(session->to, "\n", 1, MSG_NOSIGNAL) != 1)
    return 0;
  while (got + 1 < bytes && poll(&watched, 1, 10000) == 1) {
    const ssize_t count = read(session->from, line + got, bytes - 1 - got);
    if (count <= 0)
      return 0;
    got += (size_t)count;
    line[got] = '\0';
    if (line[got - 1] == '\n')
      return strtoull(line, NULL, 10);
  }
  return 0;
}

int swisd_remote_compare_clocks(const struct swisd_remote *remote, const char *command, unsigned rounds,
                                struct swisd_remote_clock *clock, struct swisd_error *error)
{
  struct session session;
  char line[64];
  if (start(remote, command, -1, -1, &session, error) != 0)
    return -1;
  uint64_t shortest_ns = UINT64_MAX;
  for (unsigned i = 0; i < rounds; i++) {
    const uint64_t before_ns = swisd_clock_now_ns(), theirs_ns = ask_time(&session, line, sizeof line);
    const uint64_t after_ns = swisd_clock_now_ns();
    if (theirs_ns == 0)
      break;
    if (after_ns - before_ns < shortest_ns) {
      shortest_ns = after_ns - before_ns;
      clock->offset_ns = (int64_t)(theirs_ns - before_ns - shortest_ns / 2);
      clock->error_ns = shortest_ns / 2;
    }
  }
  close(session.to);
  session.to = -1;
  char ignored[64];
  if (finish(remote, &session, ignored, sizeof ignored, 10, error) != 0)
    return -1;
  return shortest_ns == UINT64_MAX ? swisd_error_set(error, "%s: its clock does not answer", remote->name) : 0;
}
