/* See settings.h. */
#include "scenarios/settings.h"

#include <stdlib.h>
#include <string.h>

void swisd_settings_path(struct swisd_reader *reader, char *path, size_t bytes)
{
  char full[SWISD_SOURCE_NAME_BYTES];
  const struct swisd_place start = {.line = 1, .column = 1, .width = 1};
  if (!*path || *path == '/') {
    return;
  }
  if (!swisd_sources_path(reader->sources, 0, path, full, sizeof full) || strlen(full) >= bytes) {
    swisd_complain(reader->complaints, start, "%.60s: the path is too long", path);
    return;
  }
  memcpy(path, full, strlen(full) + 1);
}

static void only_error(struct swisd_scenario_errors *errors, const char *what)
{
  errors->count = 1;
  errors->used = (uint32_t)snprintf(errors->text, sizeof errors->text, "%s\n", what);
}

int swisd_settings_parse(const struct swisd_settings *settings, const char *name, const char *text, size_t bytes, void *base,
                         struct swisd_scenario_errors *errors)
{
  struct swisd_sources *sources = calloc(1, sizeof *sources);
  struct swisd_complaints *complaints = calloc(1, sizeof *complaints);
  struct swisd_document document = {0};
  errors->count = errors->used = 0;
  errors->text[0] = '\0';
  if (!sources || !complaints || swisd_sources_add(sources, name, text, bytes) < 0) {
    only_error(errors, "no memory");
  } else {
    struct swisd_reader reader = {.document = &document,
                                  .sources = sources,
                                  .complaints = complaints,
                                  .keys = settings->keys,
                                  .key_count = settings->key_count,
                                  .element = settings->element,
                                  .base = base};
    if (swisd_document_start(&document) == 0 && swisd_document_add(&document, sources, 0, 0, complaints, &reader.root) == 0) {
      if (reader.root) {
        swisd_reader_map(&reader, (enum swisd_section)settings->top, reader.root, reader.root, base);
      } else {
        swisd_reader_complain(&reader, 0, "is empty, wanted is at least: swisd: 1");
      }
    }
    if (settings->finish) {
      settings->finish(&reader, base);
    }
    swisd_complaints_render(complaints, sources, errors);
  }
  swisd_document_free(&document);
  if (sources) {
    swisd_sources_free(sources);
  }
  free(sources);
  free(complaints);
  return errors->count ? -1 : 0;
}

int swisd_settings_read(const struct swisd_settings *settings, const char *path, void *base, struct swisd_scenario_errors *errors)
{
  char why[256];
  size_t bytes;
  char *text = swisd_source_read_file(path, &bytes, why, sizeof why);
  if (!text) {
    only_error(errors, why);
    return -1;
  }
  const int status = swisd_settings_parse(settings, path, text, bytes, base, errors);
  free(text);
  return status;
}
