/* Assertions of the kernels, on in every build. The one function is swisd_kernels_bug(), so that the arithmetic compiles
 * freestanding (a browser's host provides its own). */
#ifndef SWISD_KERNELS_KERNELS_BUG_H
#define SWISD_KERNELS_KERNELS_BUG_H

/* Prints `file:line: text` and ends the process. */
_Noreturn void swisd_kernels_bug(const char *file, int line, const char *text);

#define SWISD_KERNELS_ASSERT(condition) ((condition) ? (void)0 : swisd_kernels_bug(__FILE__, __LINE__, #condition))

#endif
