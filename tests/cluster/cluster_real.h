/* Models of real arithmetic in the cluster driver: every task runs the kernels on real bytes, and the answer must equal, bit
 * for bit, what one process computes alone (with a portable kernel set). */
#ifndef SWISD_TESTS_CLUSTER_REAL_H
#define SWISD_TESTS_CLUSTER_REAL_H

#include "kernels/program.h"
#include "tests/cluster/cluster.h"

/* `bundle` must be sealed and outlive the cluster. `items_max`: bound of a job that makes tokens. NULL with an error. */
struct cluster_model *cluster_model_real(struct cluster *c, const struct swisd_bundle *bundle,
                                         const struct swisd_kernels *kernels, uint64_t items_max, struct swisd_error *error);
/* Computes the reference, then submits `items` inputs, which are copied. */
uint64_t cluster_submit_real(struct cluster *c, uint32_t node, struct cluster_model *model, uint64_t items, const void *input);

#endif
