/* A swarm of real `swisd` processes on loopback, in a temporary directory, for tests. */
#ifndef SWISD_TESTS_RUNTIME_SWARM_H
#define SWISD_TESTS_RUNTIME_SWARM_H

#include "runtime/cli/lab.h"
#include "tests/unit/cmocka_all.h"

enum { SWARM_NODES_MAX = 8, SWARM_PATH_BYTES = 700 };

struct swarm {
  char directory[256];
  uint32_t node_count;
  struct swisd_lab_process nodes[SWARM_NODES_MAX];
  char seed[64]; /* HOST:PORT of node 0 */
};

/* `count` nodes of `gflops` each, which have all met. */
void swarm_start(struct swarm *swarm, uint32_t count, const char *gflops);
/* Kills what is left and removes the directory. */
void swarm_end(struct swarm *swarm);
/* For cmocka_unit_test_teardown: the same after a test that failed. */
int swarm_teardown(void **state);

/* Starts node `index`, again perhaps; `wrap`: a shell line that ends in exec "$@", or NULL. */
void swarm_start_node(struct swarm *swarm, uint32_t index, const char *gflops, const char *wrap);
void swarm_path(const struct swarm *swarm, const char *name, char path[SWARM_PATH_BYTES]);
void swarm_node_directory(const struct swarm *swarm, uint32_t index, char path[SWARM_PATH_BYTES]);

/* Starts `swisd ARGS...` (a NULL ends them) with stdout in NAME.out and stderr in NAME.err of the swarm's directory. */
void swarm_command(const struct swarm *swarm, struct swisd_lab_process *process, const char *name, const char *const *arguments);
/* The same, waits for it (at most `seconds`, else the test fails) and returns its exit status. */
int swarm_run(const struct swarm *swarm, const char *name, const char *const *arguments, double seconds);

/* Contents of a file of the swarm's directory, terminated; the caller frees. */
char *swarm_read(const struct swarm *swarm, const char *name, size_t *bytes);
/* Whether it contains `text`. */
bool swarm_file_says(const struct swarm *swarm, const char *name, const char *text);
/* Waits until it does; false when not within `seconds`. */
bool swarm_file_will_say(const struct swarm *swarm, const char *name, const char *text, double seconds);

double swarm_status(const struct swarm *swarm, uint32_t node, const char *pointer);
bool swarm_wait_for(const struct swarm *swarm, uint32_t node, const char *pointer, double least, double seconds);

/* The folder of shared data; NULL, with one line on stderr, when it is not there. */
const char *swarm_shared(void);
/* Whether Fashion-MNIST is installed; says so when not. */
bool swarm_has_fashion(void);

#endif
