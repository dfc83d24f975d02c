/* A failed assertion of the core ends a unit test. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/panic.h"

_Noreturn void swisd_panic(const char *file, int line, const char *text)
{
  fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, text);
  abort();
}
