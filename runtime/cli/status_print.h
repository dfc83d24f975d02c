/* The status of a node as tables for people: what `swisd status` prints and `swisd top` redraws. */
#ifndef SWISD_CLI_STATUS_PRINT_H
#define SWISD_CLI_STATUS_PRINT_H

#include <stdio.h>

#include "runtime/cli/node_client.h"

struct swisd_status_style {
  bool colour;
  uint32_t rows_max; /* of each table; the rest is counted in one line */
};

/* The whole status, a few lines and a table each for members, shards, workers and jobs; lines are at most 80 columns wide.
 * `before`: an earlier status of the same node, for what happens per second; NULL: none. */
void swisd_status_print(FILE *out, const json_t *status, const json_t *before, const struct swisd_status_style *style);

#endif
