/* Log lines of programs (not of the core, which traces through its own sink): one line per call on stderr, or one JSON
 * object per line. Safe from several threads: a line is never torn. */
#ifndef SWISD_BASE_LOG_H
#define SWISD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum swisd_log_level { SWISD_LOG_ERROR = 0, SWISD_LOG_WARN = 1, SWISD_LOG_INFO = 2, SWISD_LOG_DEBUG = 3 };

/* Defaults: INFO, text, stderr, no name. Level and form may change at any time; set the others before threads start. */
void swisd_log_set_level(enum swisd_log_level level);
void swisd_log_set_json(bool json);
void swisd_log_set_name(const char *name); /* which node speaks; copied, at most 31 bytes */
void swisd_log_set_stream(FILE *stream);   /* kept, not owned; NULL: stderr */

/* "error", "warn", "info" or "debug" -> level; -1 for another word. */
int swisd_log_level_parse(const char *word);

bool swisd_log_enabled(enum swisd_log_level level);

/* `module`: who speaks, one word ("net", "store"). The text has no newline; longer than 1 KiB it is cut. */
__attribute__((format(printf, 3, 4))) void swisd_log(enum swisd_log_level level, const char *module, const char *format, ...);

/* At most SWISD_LOG_BURST lines per SWISD_LOG_WINDOW_NS from one place; the first line of a later window says how many
 * were held back: what a peer can provoke must not fill a disk. */
enum { SWISD_LOG_BURST = 5 };
#define SWISD_LOG_WINDOW_NS UINT64_C(10000000000)
struct swisd_log_limit {
  uint64_t window_start_ns;
  uint32_t used;
  uint32_t held_back;
};

/* Whether `limit` lets a line pass at `now_ns`; if so, *held_back is what was suppressed since the last one that passed. */
bool swisd_log_limit_pass(struct swisd_log_limit *limit, uint64_t now_ns, uint32_t *held_back);

/* swisd_log() under the limit of this call site. The count is not exact when threads race here; no line is torn. */
#define swisd_log_limited(level, module, ...)                                \
  do {                                                                       \
    static struct swisd_log_limit swisd_log_limit_here;                      \
    swisd_log_limited_at(&swisd_log_limit_here, level, module, __VA_ARGS__); \
  } while (0)

__attribute__((format(printf, 4, 5))) void swisd_log_limited_at(struct swisd_log_limit *limit, enum swisd_log_level level,
                                                                const char *module, const char *format, ...);

#endif
