/* Only regular files are read: a scenario may name a pipe or a device by mistake, and no reader may hang on one. */
#include "scenarios/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_all(int fd, size_t size, size_t *bytes)
{
  char *text = malloc(size + 1);
  size_t used = 0;
  for (ssize_t got = 1; text && got > 0 && used < size;) {
    got = read(fd, text + used, size - used);
    if (got < 0 && errno != EINTR) {
      free(text);
      return NULL;
    }
    used += got > 0 ? (size_t)got : 0;
    got = got < 0 ? 1 : got;
  }
  if (text) {
    text[used] = '\0';
    *bytes = used;
  }
  return text;
}

char *swisd_source_read_file(const char *path, size_t *bytes, char *why, size_t why_bytes)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat found;
  char *text = NULL;
  if (fd < 0 || fstat(fd, &found) < 0) {
    snprintf(why, why_bytes, "%.400s: %s", path, strerror(errno));
  } else if (!S_ISREG(found.st_mode)) {
    snprintf(why, why_bytes, "%.400s: is no regular file", path);
  } else if (found.st_size > SWISD_SOURCE_BYTES_MAX) {
    snprintf(why, why_bytes, "%.400s: is larger than 16 MiB", path);
  } else if (!(text = read_all(fd, (size_t)found.st_size, bytes))) {
    snprintf(why, why_bytes, "%.400s: cannot be read: %s", path, strerror(errno));
  }
  if (fd >= 0) {
    close(fd);
  }
  return text;
}

/* Takes over `text`. */
static int keep(struct swisd_sources *sources, const char *name, char *text, size_t bytes)
{
  struct swisd_source_text *source = &sources->list[sources->count];
  snprintf(source->name, sizeof source->name, "%s", name);
  source->text = text;
  source->bytes = bytes;
  return (int)sources->count++;
}

int swisd_sources_add(struct swisd_sources *sources, const char *name, const char *text, size_t bytes)
{
  char *copy = sources->count < SWISD_SOURCES_KEPT ? malloc(bytes + 1) : NULL;
  if (!copy) {
    return -1;
  }
  if (bytes > 0) {
    memcpy(copy, text, bytes);
  }
  copy[bytes] = '\0';
  return keep(sources, name, copy, bytes);
}

int swisd_sources_add_file(struct swisd_sources *sources, const char *path, char *why, size_t why_bytes)
{
  if (sources->count == SWISD_SOURCES_KEPT) {
    snprintf(why, why_bytes, "is one file more than the %d allowed", SWISD_SOURCES_KEPT);
    return -1;
  }
  size_t bytes = 0;
  char *text = swisd_source_read_file(path, &bytes, why, why_bytes);
  return text ? keep(sources, path, text, bytes) : -1;
}

void swisd_sources_free(struct swisd_sources *sources)
{
  for (uint32_t i = 0; i < sources->count; i++) {
    free(sources->list[i].text);
  }
  sources->count = 0;
}

bool swisd_sources_path(const struct swisd_sources *sources, uint32_t number, const char *path, char *full, size_t full_bytes)
{
  const char *from = number < sources->count ? sources->list[number].name : "";
  const char *slash = strrchr(from, '/');
  const int folder = path[0] == '/' || !slash ? 0 : (int)(slash - from) + 1;
  const int used = snprintf(full, full_bytes, "%.*s%s", folder, from, path);
  return used > 0 && (size_t)used < full_bytes;
}
