/* An error of the operator: one line that says where, what is wrong and what is allowed.
 * Functions that read files or configuration take a `struct swisd_error *` (never NULL), fill it and return a negative status. */
#ifndef SWISD_BASE_ERROR_H
#define SWISD_BASE_ERROR_H

struct swisd_error {
  char text[512]; /* "file:line:column: key: what is wrong, what is allowed"; always terminated */
};

/* Formats into `error` (truncating) and returns -1, so that a caller can write `return swisd_error_set(...)`. */
__attribute__((format(printf, 2, 3))) int swisd_error_set(struct swisd_error *error, const char *format, ...);

#endif
