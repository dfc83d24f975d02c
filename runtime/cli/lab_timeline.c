/* See lab_timeline.h. */
#include "runtime/cli/lab_timeline.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/net/replay.h"
#include "runtime/wire/trace_text.h"

enum { PATH_BYTES = 1024, NAMES_MAX = SWISD_INVENTORY_HOSTS_MAX };

struct line {
  int64_t time_ns; /* of our clock; may lie before our boot */
  uint32_t order;  /* ties: as they were read */
  uint32_t host;
  struct swisd_id self;
  struct swisd_trace trace;
};

struct collector {
  struct swisd_replay_host replay; /* first */
  const struct swisd_lab_timeline *timeline;
  uint32_t host;
  struct swisd_id ids[NAMES_MAX];
  struct line *lines;
  size_t count, room;
  bool short_of_memory;
};

void swisd_lab_timeline_host(struct swisd_lab_timeline *timeline, const char *name, int64_t offset_ns, uint64_t error_ns)
{
  if (timeline->host_count < SWISD_INVENTORY_HOSTS_MAX)
    timeline->hosts[timeline->host_count++] = (struct swisd_lab_timeline_host){name, offset_ns, error_ns};
}

/* Ids by the names of their hosts, as far as known. */
static size_t name_of(void *context, struct swisd_id id, char *out, size_t capacity)
{
  const struct collector *collector = context;
  for (uint32_t h = 0; h < collector->timeline->host_count; h++)
    if (swisd_id_equal(collector->ids[h], id)) {
      snprintf(out, capacity, "%s", collector->timeline->hosts[h].name);
      return strlen(out);
    }
  snprintf(out, capacity, "%016" PRIx64, id.hi);
  out[8 < capacity ? 8 : capacity - 1] = '\0';
  return strlen(out);
}

static void add(struct collector *collector, const struct swisd_trace *trace, struct swisd_id self)
{
  if (collector->count == collector->room) {
    const size_t room = collector->room ? 2 * collector->room : 4096;
    struct line *lines = realloc(collector->lines, room * sizeof *lines);
    if (!lines) {
      collector->short_of_memory = true;
      return;
    }
    collector->lines = lines;
    collector->room = room;
  }
  collector->lines[collector->count] =
    (struct line){.time_ns = (int64_t)trace->time_ns - collector->timeline->hosts[collector->host].offset_ns,
                  .order = (uint32_t)collector->count,
                  .host = collector->host,
                  .self = self,
                  .trace = *trace};
  collector->count++;
}

static void on_step(struct swisd_replay_host *host, const struct swisd_node *node, const struct swisd_event *event,
                    uint64_t now_ns, const struct swisd_actions *actions)
{
  (void)event, (void)now_ns;
  struct collector *collector = (struct collector *)host;
  struct swisd_node_status status;
  if (actions->trace_count)
    swisd_node_status(node, &status);
  for (uint32_t i = 0; i < actions->trace_count; i++)
    add(collector, &actions->traces[i], status.id);
}

static int is_recording(const struct dirent *entry)
{
  const char *dot = strrchr(entry->d_name, '.');
  return dot && strcmp(dot, ".rec") == 0;
}

/* Reads every recording of a host: its traces, and whose it is. */
static uint32_t read_host(struct collector *collector, uint32_t host)
{
  char directory[PATH_BYTES], path[PATH_BYTES + 300];
  struct dirent **entries;
  uint32_t read = 0;
  snprintf(directory, sizeof directory, "%s/%s/recordings", collector->timeline->directory,
           collector->timeline->hosts[host].name);
  const int count = scandir(directory, &entries, is_recording, alphasort);
  collector->host = host;
  for (int i = 0; i < count; i++) {
    struct swisd_replay_result result;
    struct swisd_error error;
    snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
    if (swisd_replay_run(path, &collector->replay, &result, &error) == 0) {
      collector->ids[host] = result.id;
      read++;
    } else {
      fprintf(stderr, "swisd lab: %s\n", error.text);
    }
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
  return read;
}

static int by_time(const void *a, const void *b)
{
  const struct line *left = a, *right = b;
  if (left->time_ns != right->time_ns)
    return left->time_ns < right->time_ns ? -1 : 1;
  return left->order < right->order ? -1 : left->order > right->order;
}

static int write_clocks(const struct swisd_lab_timeline *timeline, struct swisd_error *error)
{
  char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/clocks.csv", timeline->directory);
  FILE *out = fopen(path, "w");
  if (!out)
    return swisd_error_set(error, "%s: cannot write: %s", path, strerror(errno));
  fprintf(out, "host,offset_s,error_s\n");
  for (uint32_t h = 0; h < timeline->host_count; h++)
    fprintf(out, "%s,%.9f,%.9f\n", timeline->hosts[h].name, (double)timeline->hosts[h].offset_ns / 1e9,
            (double)timeline->hosts[h].error_ns / 1e9);
  const bool failed = ferror(out) != 0;
  return fclose(out) != 0 || failed ? swisd_error_set(error, "%s: cannot write: %s", path, strerror(errno)) : 0;
}

/* What happened, without time and node, which stand in columns of their own. Names are known once every host has been read. */
static const char *words_of(struct collector *collector, const struct line *line, char text[SWISD_TRACE_TEXT_BYTES_MAX])
{
  const struct swisd_trace_namer namer = {name_of, collector};
  swisd_trace_text(&line->trace, line->self, &namer, text, SWISD_TRACE_TEXT_BYTES_MAX);
  const char *what = strstr(text, " > ");
  return what ? what + 3 : text;
}

static int write_lines(struct collector *collector, struct swisd_error *error)
{
  char path[PATH_BYTES], text[SWISD_TRACE_TEXT_BYTES_MAX];
  const struct swisd_lab_timeline *timeline = collector->timeline;
  snprintf(path, sizeof path, "%s/timeline.txt", timeline->directory);
  FILE *out = fopen(path, "w");
  if (!out)
    return swisd_error_set(error, "%s: cannot write: %s", path, strerror(errno));
  for (size_t i = 0; i < collector->count; i++) {
    const struct line *line = &collector->lines[i];
    fprintf(out, "%12.6f %-16s %s\n", (double)(line->time_ns - collector->lines[0].time_ns) / 1e9,
            timeline->hosts[line->host].name, words_of(collector, line, text));
  }
  const bool failed = ferror(out) != 0;
  return fclose(out) != 0 || failed ? swisd_error_set(error, "%s: cannot write: %s", path, strerror(errno)) : 0;
}

int swisd_lab_timeline_write(struct swisd_lab_timeline *timeline, struct swisd_error *error)
{
  struct collector collector = {.replay.step = on_step, .timeline = timeline};
  timeline->recordings = 0;
  for (uint32_t h = 0; h < timeline->host_count; h++)
    timeline->recordings += read_host(&collector, h);
  if (collector.count)
    qsort(collector.lines, collector.count, sizeof *collector.lines, by_time);
  int result = write_clocks(timeline, error);
  if (result == 0)
    result = write_lines(&collector, error);
  if (result == 0 && collector.short_of_memory)
    result = swisd_error_set(error, "the timeline is cut off: out of memory");
  free(collector.lines);
  return result;
}
