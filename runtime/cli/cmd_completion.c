/* swisd completion: a script for bash, made of the table of commands and options that the parser reads, so that neither knows
 * a word the other does not. Packages install its output as share/bash-completion/completions/swisd. */
#include <stdio.h>
#include <string.h>

#include "runtime/cli/commands.h"

/* What an option's value is, to bash: a list of words, a file, a directory, or nothing it could know. */
static void print_value(const struct swisd_cli_option *option)
{
  printf("    --%s) ", option->name);
  if (option->values)
    printf("COMPREPLY=($(compgen -W '%s' -- \"$word\")) ;;\n", option->values);
  else if (strstr(option->argument, "FILE"))
    printf("_swisd_paths -f ;;\n");
  else if (strstr(option->argument, "DIR"))
    printf("_swisd_paths -d ;;\n");
  else
    printf("COMPREPLY=() ;;\n");
}

/* Whether the arguments of a command are files: its usage says IMAGE.pgm, RECORDING and the like. */
static bool takes_files(const struct swisd_command *command)
{
  static const char *const words[] = {"FILE", "IMAGE", "RECORDING", "DIR", ".yml", "SCENARIO"};
  for (size_t w = 0; w < sizeof words / sizeof *words; w++)
    if (strstr(command->arguments, words[w]) && !strstr(command->arguments, "--"))
      return true;
  return false;
}

static void print_command(const struct swisd_command *command)
{
  printf("  %s)\n    case $before in\n", command->name);
  for (size_t t = 0; command->options[t]; t++)
    for (const struct swisd_cli_option *o = command->options[t]; o->name; o++)
      if (o->argument)
        print_value(o);
  printf("    *)\n      if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W '");
  for (size_t t = 0; command->options[t]; t++)
    for (const struct swisd_cli_option *o = command->options[t]; o->name; o++)
      printf("--%s ", o->name);
  printf("--help' -- \"$word\"))\n");
  if (command->words)
    printf("      else\n        COMPREPLY=($(compgen -W '%s' -- \"$word\"))\n", command->words);
  else if (strcmp(command->name, "help") == 0)
    printf("      else\n        COMPREPLY=($(compgen -W \"$commands\" -- \"$word\"))\n");
  else if (takes_files(command))
    printf("      else\n        _swisd_paths -f\n");
  printf("      fi\n      ;;\n    esac\n    ;;\n");
}

static void print_bash(void)
{
  printf("# bash completion of swisd, made by: swisd completion bash\n"
         "_swisd_paths() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$word\"); }\n\n"
         "_swisd() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} commands='");
  for (const struct swisd_command *command = swisd_commands; command->name; command++)
    if (!command->hidden)
      printf("%s%s", command == swisd_commands ? "" : " ", command->name);
  printf("'\n"
         "  COMPREPLY=()\n"
         "  [[ $word == = ]] && word=''\n" /* --log=info comes as three words */
         "  [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    COMPREPLY=($(compgen -W \"$commands\" -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n");
  for (const struct swisd_command *command = swisd_commands; command->name; command++)
    print_command(command);
  printf("  esac\n}\n\ncomplete -F _swisd swisd\n");
}

static int take_none(struct swisd_option_taker *taker, const char *name, const char *value, struct swisd_error *error)
{
  (void)taker, (void)value;
  return swisd_error_set(error, "--%s is not known", name); /* the table has no options, so the parser asks for none */
}

int swisd_command_completion(const struct swisd_command *command, int argc, char **argv)
{
  struct swisd_option_taker taker = {.take = take_none};
  const int rest = swisd_options_read(command, argc, argv, &taker);
  if (rest < 0)
    return -rest - 1;
  if (rest != 1 || strcmp(argv[1], "bash") != 0) {
    fprintf(stderr, "swisd completion: allowed is: swisd completion bash\n");
    return SWISD_EXIT_USAGE;
  }
  print_bash();
  return SWISD_EXIT_OK;
}
