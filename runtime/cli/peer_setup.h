/* The options that every command with a node in it shares, and the making of that node.
 *
 * Defaults: loopback; port 7117 or, when that is taken and none was asked for, any free one; a data directory per user;
 * this user's join key. A submitting command takes part with a node that does not work and whose data directory goes with it. */
#ifndef SWISD_CLI_PEER_SETUP_H
#define SWISD_CLI_PEER_SETUP_H

#include "runtime/cli/commands.h"
#include "runtime/cli/join_key.h"
#include "runtime/net/peer.h"
#include "runtime/web/guard.h"

enum { SWISD_PORT_DEFAULT = 7117 };

extern const struct swisd_cli_option swisd_peer_options_common[];
extern const struct swisd_cli_option swisd_peer_options_node[];
extern const struct swisd_cli_option swisd_peer_options_classify[];
extern const struct swisd_cli_option swisd_peer_options_ask[];
extern const struct swisd_cli_option swisd_peer_options_filter[];

struct swisd_peer_setup {
  struct swisd_option_taker taker; /* first */
  /* The rest of a command's options; NULL: it has none of its own. */
  int (*take_own)(struct swisd_peer_setup *setup, const char *name, const char *value, struct swisd_error *error);
  struct swisd_peer_options options;
  char directory[512];
  char key_file[SWISD_JOIN_KEY_PATH_BYTES]; /* when none was given */
  bool directory_given, port_given, ephemeral;
  bool speed_given, throttle_given, no_work;
  bool seeds_of_file;                              /* the seeds so far stand in a node.yml */
  bool log_level_given, log_json_given, disk_given; /* on the command line: a reload leaves them alone */
  bool http_given; /* the page is served at `http`; with a token unless that is empty */
  struct swisd_address http;
  char http_token[SWISD_TOKEN_BYTES_MAX + 1];
};

/* A setup with defaults; `submits`: the node does not work and its data directory is a temporary one. */
void swisd_peer_setup_init(struct swisd_peer_setup *setup, bool submits);
/* Opens the peer; without --join a submitter asks the default port of this machine. NULL with `error`. */
struct swisd_peer *swisd_peer_setup_open(struct swisd_peer_setup *setup, struct swisd_error *error);
/* Closes it, and removes a temporary data directory. */
void swisd_peer_setup_close(struct swisd_peer_setup *setup, struct swisd_peer *peer);

/* The data directory that `swisd status` looks at when none is given. */
void swisd_default_directory(char *path, size_t bytes);

/* A folder of kernels/weights by name: installed, or in the source tree. -1 with `error` when it is in neither. */
int swisd_find_weights(const char *name, char *path, size_t bytes, struct swisd_error *error);

#endif
