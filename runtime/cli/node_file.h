/* node.yml in the life of `swisd node`: read before the command line, which counts more, and again at SIGHUP. */
#ifndef SWISD_CLI_NODE_FILE_H
#define SWISD_CLI_NODE_FILE_H

#include "runtime/cli/peer_setup.h"
#include "scenarios/node_config.h"

struct swisd_node_file {
  const char *path; /* NULL: there is none */
  struct swisd_node_config config;
};

/* Looks for --config in `argv` and puts what the file says into `setup`. 0; SWISD_EXIT_USAGE after its mistakes were printed. */
int swisd_node_file_open(struct swisd_node_file *file, int argc, char **argv, struct swisd_peer_setup *setup);

/* Reads it again: what may change while the node runs does so, what may not is said, and a file with mistakes changes nothing. */
void swisd_node_file_reload(struct swisd_node_file *file, const struct swisd_peer_setup *setup, struct swisd_peer *peer);

#endif
