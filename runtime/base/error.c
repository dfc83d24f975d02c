/* Formatting of operator errors. */
#include "runtime/base/error.h"

#include <stdarg.h>
#include <stdio.h>

int swisd_error_set(struct swisd_error *error, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return -1;
}
