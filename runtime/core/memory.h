/* The four functions that the core imports from a C library, declared here so that it compiles where there is none. */
#ifndef SWISD_CORE_MEMORY_H
#define SWISD_CORE_MEMORY_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);

#endif
