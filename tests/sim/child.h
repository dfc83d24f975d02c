/* One simulation per process (SimGrid's own limit): a test runs each of its simulations in a child and reads what the
 * child left in shared memory. */
#ifndef SWISD_TESTS_SIM_CHILD_H
#define SWISD_TESTS_SIM_CHILD_H

#include <stddef.h>

/* Runs work(result, input) in a child process and waits; `result` is memory of child_alloc(). Fails the test when the child
 * does not end well. */
void child_run(void (*work)(void *result, const void *input), void *result, const void *input);

/* Zeroed memory that parent and children share; never given back. */
void *child_alloc(size_t bytes);

#endif
