/* See replay.h. */
#include "runtime/net/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/net/clock.h"
#include "runtime/wire/record.h"

struct replay {
  const uint8_t *bytes;
  size_t count;
  struct swisd_node *node;
  struct swisd_actions actions;
  struct swisd_record_entry entry;
};

static struct swisd_node *make_node(const struct swisd_record_entry *entry)
{
  const size_t bytes = (swisd_node_size(&entry->config.limits) + 63) / 64 * 64;
  struct swisd_node *node = aligned_alloc(64, bytes);
  if (node) {
    memset(node, 0, bytes);
    swisd_node_init(node, &entry->config, entry->seed);
  }
  return node;
}

static void take_step(struct replay *replay, struct swisd_replay_host *host, struct swisd_replay_result *result)
{
  const struct swisd_record_entry *entry = &replay->entry;
  const uint64_t before_ns = swisd_clock_now_ns();
  swisd_node_step(replay->node, &entry->event, entry->now_ns, &replay->actions);
  result->step_seconds += (double)(swisd_clock_now_ns() - before_ns) * 1e-9;
  if (result->steps == 0)
    result->first_ns = entry->now_ns;
  result->last_ns = entry->now_ns;
  result->steps++;
  result->actions += replay->actions.count;
  if (host)
    host->step(host, replay->node, &entry->event, entry->now_ns, &replay->actions);
}

static int run(struct replay *replay, const char *path, struct swisd_replay_host *host, struct swisd_replay_result *result,
               struct swisd_error *error)
{
  bool first = true;
  size_t at = 0, used = 0;
  result->end = "complete";
  while (at < replay->count) {
    const int status = swisd_record_read(replay->bytes + at, replay->count - at, &first, &replay->entry, &used);
    if (!replay->node && (status != SWISD_WIRE_OK || replay->entry.kind != SWISD_RECORD_START))
      return swisd_error_set(error, "%s: not a recording: %s", path, swisd_wire_status_name(status));
    if (status != SWISD_WIRE_OK) {
      result->end = status == SWISD_WIRE_MORE ? "cut off" : swisd_wire_status_name(status);
      return 0;
    }
    at += used;
    if (replay->entry.kind == SWISD_RECORD_START) {
      if (replay->node) {
        result->end = "a second start";
        return 0;
      }
      if (swisd_id_is_zero(replay->entry.config.id) || replay->entry.config.address_count > SWISD_ADDRESSES_MAX)
        return swisd_error_set(error, "%s: a recording of no node that could be", path);
      result->id = replay->entry.config.id;
      replay->node = make_node(&replay->entry);
      if (!replay->node)
        return swisd_error_set(error, "%s: out of memory for a node of its limits", path);
    } else if (replay->entry.kind == SWISD_RECORD_EVENT) {
      take_step(replay, host, result);
    } else if (result->steps > result->compared) {
      result->compared++;
      if (swisd_actions_digest(&replay->actions) != replay->entry.digest) {
        result->first_differing = result->steps;
        return 0;
      }
    }
  }
  return replay->node ? 0 : swisd_error_set(error, "%s: an empty file is not a recording", path);
}

int swisd_replay_run(const char *path, struct swisd_replay_host *host, struct swisd_replay_result *result,
                     struct swisd_error *error)
{
  memset(result, 0, sizeof *result);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    const int cause = errno;
    if (fd >= 0)
      close(fd);
    return swisd_error_set(error, "%s: cannot read: %s", path, strerror(cause));
  }
  struct replay *replay = calloc(1, sizeof *replay);
  void *bytes = replay && status.st_size > 0 ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
  close(fd);
  int outcome;
  if (!replay || bytes == MAP_FAILED) {
    outcome = swisd_error_set(error, "%s: cannot be read into memory: %s", path, strerror(errno));
  } else {
    replay->bytes = bytes;
    replay->count = (size_t)status.st_size;
    outcome = run(replay, path, host, result, error);
    free(replay->node);
    if (bytes)
      munmap(bytes, (size_t)status.st_size);
  }
  free(replay);
  return outcome;
}
