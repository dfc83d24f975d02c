#include "tests/sim/child.h"
#include "tests/unit/cmocka_all.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void *child_alloc(size_t bytes)
{
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(memory != MAP_FAILED);
  return memory;
}

void child_run(void (*work)(void *result, const void *input), void *result, const void *input)
{
  fflush(stdout);
  fflush(stderr);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    work(result, input);
    _exit(0); /* SimGrid's own end would print a line per activity that is left */
  }
  int status = -1;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail_msg("the simulation ended with status %d", status);
}
