/* Where the join key is, when a command is not told: in the file that SWISD_KEY_FILE names, else in join.key of the user's data
 * (~/.local/share/swisd), which the first node of a user makes. So nodes of one user on one machine find each other without a
 * word, and nobody else gets in; other machines get a copy of that file. */
#ifndef SWISD_CLI_JOIN_KEY_H
#define SWISD_CLI_JOIN_KEY_H

#include <stddef.h>

#include "runtime/base/error.h"

enum { SWISD_JOIN_KEY_PATH_BYTES = 600 };

/* The path, and the file if it is the user's own and not there yet. 1: it was made now; -1 with `error`. */
int swisd_join_key_find(char path[SWISD_JOIN_KEY_PATH_BYTES], struct swisd_error *error);

#endif
