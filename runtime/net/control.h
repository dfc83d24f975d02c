/* The control socket of a running node: DIRECTORY/control, a unix domain socket that speaks JSON, one object per line.
 *
 *   {"command": "status"}                     everything of struct swisd_peer_status, members and jobs
 *   {"command": "explain", "job": "3fa2b1c4"}  one job: who got what and why, what it waits for; "": the latest
 *   {"command": "stop"}                       leave in good order
 *   {"command": "slow", "factor": 8}          faults, for experiments
 *   {"command": "silence"}  {"command": "resume"}
 *   {"command": "loss", "share": 0.1}
 *   {"command": "cut", "peers": ["<32 hex>", ...]}
 *   {"command": "submit", "model": "FOLDER", "input": "FILE", "output": "FILE"}    answered when the job has ended
 *
 * The answer is one line: {"ok": true, ...} or {"ok": false, "error": "..."}. Only the user who runs the node can connect. */
#ifndef SWISD_NET_CONTROL_H
#define SWISD_NET_CONTROL_H

#include <stdio.h>

#include "runtime/base/error.h"

struct swisd_control;
struct swisd_peer;

/* NULL with `error` when the socket cannot be made. */
struct swisd_control *swisd_control_open(struct swisd_peer *peer, const char *directory, struct swisd_error *error);
void swisd_control_close(struct swisd_control *control); /* removes the socket; NULL is nothing */

/* The client's side, for the command line: sends one line to the node of `directory` and returns its answer, malloc'ed. NULL
 * with `error`: no node runs there, or it does not answer within `seconds`. */
char *swisd_control_ask(const char *directory, const char *line, int seconds, struct swisd_error *error);

/* The status as one JSON object on one line. */
void swisd_control_print_status(struct swisd_peer *peer, FILE *out);
/* The explanation of the job whose name begins with `wanted` (empty: the latest, own ones first), as one JSON line. -1 with
 * `error`: there is none, or more than one. */
int swisd_control_print_explanation(struct swisd_peer *peer, const char *wanted, FILE *out, struct swisd_error *error);

#endif
