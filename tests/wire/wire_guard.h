/* Bytes whose end is the end of mapped memory: a read past it is a crash, with or without a sanitizer. */
#ifndef SWISD_TESTS_WIRE_GUARD_H
#define SWISD_TESTS_WIRE_GUARD_H

#include <stddef.h>
#include <stdint.h>

enum { SWISD_GUARD_BYTES_MAX = 1 << 20 };

/* A copy of `bytes` that ends right before a page nobody may touch. Valid until the next call. */
uint8_t *swisd_guard_copy(const void *bytes, size_t count);

#endif
