/* Each line is put together in a local buffer and written by one call under the stream's own lock. */
#include "runtime/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base/json.h"

enum { TEXT_BYTES = 1024 };

static _Atomic enum swisd_log_level log_level = SWISD_LOG_INFO;
static atomic_bool log_json;
static char log_name[32];
static FILE *log_stream;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void swisd_log_set_level(enum swisd_log_level level) { log_level = level; }
void swisd_log_set_json(bool json) { log_json = json; }
void swisd_log_set_name(const char *name) { snprintf(log_name, sizeof log_name, "%s", name); }
void swisd_log_set_stream(FILE *stream) { log_stream = stream; }

int swisd_log_level_parse(const char *word)
{
  for (int i = 0; i <= SWISD_LOG_DEBUG; i++) {
    if (strcmp(word, level_names[i]) == 0) {
      return i;
    }
  }
  return -1;
}

bool swisd_log_enabled(enum swisd_log_level level) { return level <= log_level; }

static void write_text(FILE *stream, const struct timespec *now, enum swisd_log_level level, const char *module, const char *text)
{
  struct tm tm;
  char stamp[16];
  localtime_r(&now->tv_sec, &tm);
  strftime(stamp, sizeof stamp, "%H:%M:%S", &tm);
  flockfile(stream);
  fprintf(stream, "%s.%03ld %-5s %s%s%s: %s\n", stamp, now->tv_nsec / 1000000, level_names[level], log_name,
          log_name[0] ? " " : "", module, text);
  funlockfile(stream);
}

static void write_json(FILE *stream, const struct timespec *now, enum swisd_log_level level, const char *module, const char *text)
{
  struct swisd_json json;
  flockfile(stream);
  swisd_json_start(&json, stream, false);
  swisd_json_object(&json);
  swisd_json_key(&json, "time_s");
  swisd_json_number(&json, (double)now->tv_sec + (double)(now->tv_nsec / 1000000) * 1e-3);
  swisd_json_key(&json, "level");
  swisd_json_string(&json, level_names[level]);
  if (log_name[0]) {
    swisd_json_key(&json, "node");
    swisd_json_string(&json, log_name);
  }
  swisd_json_key(&json, "module");
  swisd_json_string(&json, module);
  swisd_json_key(&json, "text");
  swisd_json_string(&json, text);
  swisd_json_end(&json);
  swisd_json_finish(&json);
  funlockfile(stream);
}

static void write_line(enum swisd_log_level level, const char *module, uint32_t held_back, const char *format, va_list arguments)
{
  char text[TEXT_BYTES];
  int used = vsnprintf(text, sizeof text, format, arguments);
  if (used < 0) {
    used = snprintf(text, sizeof text, "(a message that could not be formatted)");
  }
  if (held_back && used < TEXT_BYTES) {
    snprintf(text + used, sizeof text - (size_t)used, " (%u more like this held back)", held_back);
  }
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  FILE *stream = log_stream ? log_stream : stderr;
  (log_json ? write_json : write_text)(stream, &now, level, module, text);
  fflush(stream);
}

void swisd_log(enum swisd_log_level level, const char *module, const char *format, ...)
{
  if (!swisd_log_enabled(level)) {
    return;
  }
  va_list arguments;
  va_start(arguments, format);
  write_line(level, module, 0, format, arguments);
  va_end(arguments);
}

bool swisd_log_limit_pass(struct swisd_log_limit *limit, uint64_t now_ns, uint32_t *held_back)
{
  if (limit->used == 0 || now_ns - limit->window_start_ns >= SWISD_LOG_WINDOW_NS) {
    limit->window_start_ns = now_ns;
    limit->used = 0;
  }
  if (limit->used == SWISD_LOG_BURST) {
    limit->held_back++;
    return false;
  }
  limit->used++;
  *held_back = limit->held_back;
  limit->held_back = 0;
  return true;
}

void swisd_log_limited_at(struct swisd_log_limit *limit, enum swisd_log_level level, const char *module, const char *format, ...)
{
  struct timespec now;
  uint32_t held_back;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!swisd_log_enabled(level) ||
      !swisd_log_limit_pass(limit, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, &held_back)) {
    return;
  }
  va_list arguments;
  va_start(arguments, format);
  write_line(level, module, held_back, format, arguments);
  va_end(arguments);
}
