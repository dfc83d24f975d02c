/* An assertion of the core that fails ends the test, unless a runner of many worlds wants to go on with the next. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/core/panic.h"
#include "tests/cluster/cluster.h"

static void (*hook)(const char *file, int line, const char *text);

void cluster_on_panic(void (*function)(const char *file, int line, const char *text)) { hook = function; }

_Noreturn void swisd_panic(const char *file, int line, const char *text)
{
  if (hook != NULL)
    hook(file, line, text);
  fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, text);
  abort();
}
