/* Writing a gnuplot script and its data files beside it, and running it. */
#ifndef SWISD_BENCH_GNUPLOT_H
#define SWISD_BENCH_GNUPLOT_H

#include <stdio.h>

#include "runtime/base/error.h"

/* Opens `directory`/`name``suffix` for writing; NULL with `error` set. */
FILE *swisd_gnuplot_file(const char *directory, const char *name, const char *suffix, struct swisd_error *error);
/* The head of a script that makes NAME.svg of the given size, in the house style. */
void swisd_gnuplot_head(FILE *script, const char *name, int width, int height);
/* A text as a gnuplot string, quotes included. */
void swisd_gnuplot_quote(FILE *script, const char *text);
/* Runs `directory`/NAME.gp there. 0, or -1 with `error` set when gnuplot is missing or fails. */
int swisd_gnuplot_run(const char *directory, const char *name, struct swisd_error *error);
/* fclose that notices a full disk. */
int swisd_gnuplot_close(FILE *file, const char *name, struct swisd_error *error);

#endif
