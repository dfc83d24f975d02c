/* Reading a JSON file whole, with errors that name file, line, column and key.
 * Values are addressed by JSON pointers (RFC 6901): "/model/layers/0". jansson parses; it keeps no positions, so the text
 * stays and the place of a bad value is looked up in it when it is needed. Files come from strangers: size and depth are
 * bounded, duplicate keys refused. */
#ifndef SWISD_BASE_JSON_READ_H
#define SWISD_BASE_JSON_READ_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/error.h"

struct swisd_json_file {
  char name[256]; /* for messages */
  char *text;
  size_t bytes;
  json_t *root;
};

/* Reads and parses `path`; -1 and `error` when it cannot be read, is larger than `bytes_max` or is not JSON.
 * On success the caller frees `file`; json values borrowed from it live as long as it does. */
int swisd_json_read(struct swisd_json_file *file, const char *path, size_t bytes_max, struct swisd_error *error);

/* The same from memory (copied). */
int swisd_json_parse(struct swisd_json_file *file, const char *name, const char *text, size_t bytes, struct swisd_error *error);

void swisd_json_free(struct swisd_json_file *file);

/* The value at `pointer`, NULL if there is none. */
json_t *swisd_json_find(const struct swisd_json_file *file, const char *pointer);

/* Required values; -1 and `error` when absent, of another type or out of bounds (both included). */
int swisd_json_get_integer(const struct swisd_json_file *file, const char *pointer, int64_t min, int64_t max, int64_t *value,
                           struct swisd_error *error);
int swisd_json_get_number(const struct swisd_json_file *file, const char *pointer, double min, double max, double *value,
                          struct swisd_error *error);
int swisd_json_get_string(const struct swisd_json_file *file, const char *pointer, const char **value, struct swisd_error *error);

/* Fills `error` with "file:line:column: key: " and the formatted text and returns -1. For a value that is not there, the
 * place is that of the nearest one around it. */
__attribute__((format(printf, 4, 5))) int swisd_json_error(const struct swisd_json_file *file, const char *pointer,
                                                           struct swisd_error *error, const char *format, ...);

#endif
