#include "runtime/cli/commands.h"
int swisd_command_demo(const struct swisd_command *command, int argc, char **argv)
{
  (void)command, (void)argc, (void)argv;
  return SWISD_EXIT_FAILED;
}
