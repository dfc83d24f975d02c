/* Scripts for gnuplot, run as a child in the figure's directory. */
#include "bench/report/gnuplot.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

FILE *swisd_gnuplot_file(const char *directory, const char *name, const char *suffix, struct swisd_error *error)
{
  char path[1024];
  snprintf(path, sizeof path, "%s/%s%s", directory, name, suffix);
  FILE *file = fopen(path, "w");
  if (file == NULL)
    swisd_error_set(error, "%s: cannot be written: %s", path, strerror(errno));
  return file;
}

int swisd_gnuplot_close(FILE *file, const char *name, struct swisd_error *error)
{
  const int bad = ferror(file);
  if (fclose(file) != 0 || bad)
    return swisd_error_set(error, "%s: cannot be written: %s", name, strerror(errno));
  return 0;
}

void swisd_gnuplot_head(FILE *script, const char *name, int width, int height)
{
  fprintf(script,
          "# gnuplot %s.gp makes %s.svg from the data files beside it.\n"
          "set terminal svg size %d,%d font 'DejaVu Sans,11' background '#ffffff' enhanced\n"
          "set output '%s.svg'\n"
          "set border 3 lc rgb '#444444'\nset tics nomirror out\nset grid ytics lc rgb '#e4e4e4' lt 1\nset key noautotitle\n",
          name, name, width, height, name);
}

void swisd_gnuplot_quote(FILE *script, const char *text)
{
  fputc('"', script);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      fputc('\\', script);
    if (*text == '_' || *text == '^' || *text == '@' || *text == '{' || *text == '}')
      fputs("\\\\", script); /* enhanced text takes these as marks */
    fputc(*text, script);
  }
  fputc('"', script);
}

int swisd_gnuplot_run(const char *directory, const char *name, struct swisd_error *error)
{
  char script[300];
  snprintf(script, sizeof script, "%s.gp", name);
  const pid_t child = fork();
  if (child < 0)
    return swisd_error_set(error, "gnuplot: cannot be started: %s", strerror(errno));
  if (child == 0) {
    if (chdir(directory) == 0)
      execlp("gnuplot", "gnuplot", script, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return swisd_error_set(error, "gnuplot is not installed: no figure; the data and the script are in %s", directory);
  return swisd_error_set(error, "gnuplot failed on %s/%s", directory, script);
}
