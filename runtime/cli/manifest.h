/* manifest.json of a results directory: which program made it, from what, how it was called. Runs of different programs are
 * not mixed in one directory: their numbers would be compared as if only the scenario differed. */
#ifndef SWISD_CLI_MANIFEST_H
#define SWISD_CLI_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/error.h"

extern const char swisd_commit[]; /* "1a2b3c4d5e6f", with "-dirty" behind it, or "unknown"; made by the build */

struct swisd_manifest {
  char version[32], commit[64];
  uint64_t program; /* a digest of the executable that simulates */
};

/* What this program is; `simulator` is the path of its swisd-sim. -1 with `error` when that cannot be read. */
int swisd_manifest_own(const char *simulator, struct swisd_manifest *manifest, struct swisd_error *error);
/* 0 with the manifest of a directory, 1 when it has none, -1 with `error`. */
int swisd_manifest_read(const char *directory, struct swisd_manifest *manifest, struct swisd_error *error);
/* Whether two programs are one: the same version and commit, and where the commit does not say it all, the same bytes. */
bool swisd_manifest_agree(const struct swisd_manifest *a, const struct swisd_manifest *b);

/* What else stands in it. */
struct swisd_manifest_run {
  const char *scenario, *world; /* world NULL: the base */
  int argc;
  char **argv; /* the command line */
  uint64_t seed;
  uint32_t points, repeats;
  uint32_t runs_finished, runs_planned;
};
int swisd_manifest_write(const char *directory, const struct swisd_manifest *manifest, const struct swisd_manifest_run *run,
                         struct swisd_error *error);

#endif
