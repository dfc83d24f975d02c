/* See recorder.h. */
#include "runtime/net/recorder.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/wire/record.h"

enum { BUFFER_BYTES = 256 * 1024 };

struct swisd_recorder {
  char path[512];
  int fd; /* -1: the disk refused, nothing more is recorded */
  struct event *flush;
  size_t used;
  uint64_t bytes; /* in the file */
  uint8_t buffer[BUFFER_BYTES];
};

static void flush(struct swisd_recorder *recorder)
{
  size_t done = 0;
  while (recorder->fd >= 0 && done < recorder->used) {
    const ssize_t written = write(recorder->fd, recorder->buffer + done, recorder->used - done);
    if (written > 0) {
      done += (size_t)written;
    } else if (errno != EINTR) {
      swisd_log(SWISD_LOG_ERROR, "net", "%s: the recording ends here: %s", recorder->path, strerror(errno));
      close(recorder->fd);
      recorder->fd = -1;
    }
  }
  recorder->bytes += done;
  recorder->used = 0;
}

static void on_flush(evutil_socket_t fd, short what, void *argument)
{
  (void)fd, (void)what;
  flush(argument);
}

struct swisd_recorder *swisd_recorder_open(struct event_base *base, const char *path, const struct swisd_config *config,
                                           uint64_t seed, struct swisd_error *error)
{
  struct swisd_recorder *recorder = calloc(1, sizeof *recorder);
  if (!recorder) {
    swisd_error_set(error, "out of memory for a recorder");
    return NULL;
  }
  snprintf(recorder->path, sizeof recorder->path, "%s", path);
  recorder->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  recorder->flush = evtimer_new(base, on_flush, recorder);
  if (recorder->fd < 0 || !recorder->flush) {
    swisd_error_set(error, "%s: cannot record there: %s", path, strerror(errno));
    swisd_recorder_close(recorder);
    return NULL;
  }
  if (swisd_record_write_start(config, seed, recorder->buffer, sizeof recorder->buffer, &recorder->used) != SWISD_WIRE_OK) {
    swisd_error_set(error, "%s: this configuration cannot be recorded", path);
    swisd_recorder_close(recorder);
    return NULL;
  }
  flush(recorder);
  return recorder;
}

void swisd_recorder_close(struct swisd_recorder *recorder)
{
  if (!recorder)
    return;
  flush(recorder);
  if (recorder->flush)
    event_free(recorder->flush);
  if (recorder->fd >= 0)
    close(recorder->fd);
  free(recorder);
}

void swisd_recorder_event(struct swisd_recorder *recorder, uint64_t now_ns, const struct swisd_event *event)
{
  if (recorder->fd < 0)
    return;
  if (BUFFER_BYTES - recorder->used < 2 * SWISD_RECORD_ENTRY_BYTES_MAX)
    flush(recorder);
  size_t written = 0;
  const int status = swisd_record_write_event(event, now_ns, recorder->buffer + recorder->used, BUFFER_BYTES - recorder->used,
                                              &written);
  if (status != SWISD_WIRE_OK) /* a replay will stop here: better known now than then */
    swisd_log_limited(SWISD_LOG_ERROR, "net", "an event cannot be recorded: %s", swisd_wire_status_name(status));
  else
    recorder->used += written;
  event_active(recorder->flush, EV_TIMEOUT, 0);
}

void swisd_recorder_actions(struct swisd_recorder *recorder, const struct swisd_actions *actions)
{
  if (recorder->fd < 0)
    return;
  size_t written = 0;
  if (swisd_record_write_digest(swisd_actions_digest(actions), recorder->buffer + recorder->used, BUFFER_BYTES - recorder->used,
                                &written) == SWISD_WIRE_OK)
    recorder->used += written;
}

uint64_t swisd_recorder_bytes(const struct swisd_recorder *recorder)
{
  return recorder ? recorder->bytes + recorder->used : 0;
}
