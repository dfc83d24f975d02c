/* What a browser or a monitor sees of a node, served by the node itself:
 *
 *   /              the live page: one file, no other is loaded, works without any network but the way here
 *   /events        what the page draws: server-sent events, `history` once, then `status` every second
 *   /status        the status as JSON, the same as `swisd status --json`
 *   /explain/JOB   why the tasks of a job went where they went, the same as `swisd explain --json`
 *   /metrics       Prometheus text
 *   /healthz       200 "ok", or 503 and one line that says what is wrong
 *
 * It only shows: nothing can be changed through it. On loopback it is open to whoever is on this machine; elsewhere a token is
 * asked for, and since there is no TLS the way should be a trusted network, or a tunnel. */
#ifndef SWISD_WEB_WEB_H
#define SWISD_WEB_WEB_H

#include "runtime/net/peer.h"

struct swisd_web;

/* "7180", "127.0.0.1:7180", "[::]:7180" -> address; a port alone is on loopback. Addresses only, no names. -1 with `error`. */
int swisd_web_parse_address(const char *text, struct swisd_address *out, struct swisd_error *error);
/* The first line of a file as a token. -1 with `error` when there is none. */
int swisd_web_read_token(const char *path, char *token, size_t capacity, struct swisd_error *error);

/* Serves on the loop of `peer`, which outlives it. `token` (copied) may be NULL on loopback only. NULL with `error`. */
struct swisd_web *swisd_web_open(struct swisd_peer *peer, const struct swisd_address *address, const char *token,
                                 struct swisd_error *error);
void swisd_web_close(struct swisd_web *web); /* NULL is nothing */
uint16_t swisd_web_port(const struct swisd_web *web);

#endif
