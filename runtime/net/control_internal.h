/* What the files of the control socket share: control.c (clients, faults), control_submit.c (jobs), control_status.c and
 * control_explain.c (looking in). */
#ifndef SWISD_NET_CONTROL_INTERNAL_H
#define SWISD_NET_CONTROL_INTERNAL_H

#include "runtime/base/json_read.h"
#include "runtime/net/control.h"

struct swisd_control_submission;

/* Somebody connected to the control socket. */
struct swisd_control_client {
  struct swisd_control_client *next;
  struct swisd_control *control;
  struct swisd_peer *peer;
  struct bufferevent *stream;
  struct swisd_control_submission *submission; /* the job he waits for; NULL: none */
};

/* {"ok": false, "error": text} and {"ok": true}. */
void swisd_control_answer_error(struct swisd_control_client *client, const char *text);
void swisd_control_answer_ok(struct swisd_control_client *client);

/* Starts the job that `request` describes; the answer comes when it has ended. */
void swisd_control_submit(struct swisd_control_client *client, const struct swisd_json_file *request);
/* The client has gone: his job is withdrawn. */
void swisd_control_abandon(struct swisd_control_submission *submission);

#endif
