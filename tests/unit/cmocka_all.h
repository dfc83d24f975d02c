/* cmocka with the four headers that it wants first (cmocka 1.1 does not include them). */
#ifndef SWISD_TESTS_UNIT_CMOCKA_ALL_H
#define SWISD_TESTS_UNIT_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
