/* Talking to the running nodes of this user through their control sockets, and what the commands that do so share. */
#ifndef SWISD_CLI_NODE_CLIENT_H
#define SWISD_CLI_NODE_CLIENT_H

#include "runtime/base/json_read.h"
#include "runtime/cli/commands.h"

struct swisd_node_client {
  struct swisd_option_taker taker; /* first */
  char directory[512];             /* of --data, or the default one */
  bool directory_given;
  bool json, watch;
};
/* A client whose taker knows --data, --json and --watch. */
struct swisd_node_client swisd_node_client_default(void);

struct swisd_node_answer {
  char *raw; /* one line of JSON */
  struct swisd_json_file json;
};
/* The answer of the node of `directory` to `line`. 0, or -1 with `error`: no node, no answer, or what the node objects to. */
int swisd_node_ask(const char *directory, const char *line, struct swisd_node_answer *answer, struct swisd_error *error);
void swisd_node_answer_free(struct swisd_node_answer *answer);

/* Calls `visit` with each data directory of this user in which a node may run: the default ones, and those of commands that
 * submit, which lie with other temporary files. Ends, and returns true, when `visit` does. */
struct swisd_directory_visitor {
  bool (*visit)(struct swisd_directory_visitor *visitor, const char *directory);
};
bool swisd_node_directories(struct swisd_directory_visitor *visitor);

/* ---- values out of an answer; absent ones are 0 or "" ---- */

double swisd_node_number(const json_t *object, const char *key);
const char *swisd_node_text(const json_t *object, const char *key);
bool swisd_node_true(const json_t *object, const char *key);
const json_t *swisd_node_list(const json_t *object, const char *key); /* an array; may be NULL, of which the size is 0 */

/* ---- for people; each returns `text` ---- */

enum { SWISD_HUMAN_BYTES = 24 };
const char *swisd_human_time(double ns, char text[SWISD_HUMAN_BYTES]);                        /* "1.25 s", "3 min 2 s" */
const char *swisd_human_scaled(double value, const char *unit, char text[SWISD_HUMAN_BYTES]); /* "1.25 MB", "830 kFLOP" */

#endif
