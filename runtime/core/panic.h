/* Assertions that stay on in every build. A driver provides swisd_panic(): the only function the core imports besides
 * memcpy, memmove, memset and memcmp. */
#ifndef SWISD_CORE_PANIC_H
#define SWISD_CORE_PANIC_H

/* Prints `file:line: text` and ends the process. */
_Noreturn void swisd_panic(const char *file, int line, const char *text);

#define SWISD_ASSERT(condition) ((condition) ? (void)0 : swisd_panic(__FILE__, __LINE__, #condition))

#endif
