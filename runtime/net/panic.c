/* The core's only import besides memcpy and its kin, for processes with sockets. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/panic.h"

_Noreturn void swisd_panic(const char *file, int line, const char *text)
{
  fprintf(stderr, "%s:%d: the core found itself in a state that cannot be: %s\n", file, line, text);
  abort();
}
