/* Where the core's assertions end in a simulation. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/panic.h"

void swisd_panic(const char *file, int line, const char *text)
{
  fprintf(stderr, "%s:%d: %s\n", file, line, text);
  abort();
}
