/* cmocka with the four headers that it wants first (cmocka 1.1 does not include them). */
#ifndef SWISD_TESTS_UNIT_CMOCKA_ALL_H
#define SWISD_TESTS_UNIT_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* Skips a test that lacks what set-up installs or what lies beside the sources; the caller has said what. With SWISD_SKIPS=fail,
 * as .ci/run sets it, that is a failure. What a machine cannot have (an instruction set) is skipped by skip() alone. */
static inline void skip_for_lack(void)
{
  const char *skips = getenv("SWISD_SKIPS");
  if (skips && strcmp(skips, "fail") == 0)
    fail_msg("skipped, but SWISD_SKIPS=fail");
  skip();
}

#endif
