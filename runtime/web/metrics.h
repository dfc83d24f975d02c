/* What is counted and measured on a node, in the text format of Prometheus (version 0.0.4). The manual page names each. */
#ifndef SWISD_WEB_METRICS_H
#define SWISD_WEB_METRICS_H

#include <stdio.h>

#include "runtime/net/snapshot.h"
#include "runtime/web/http_server.h"

void swisd_metrics_print(FILE *out, const struct swisd_snapshot *snapshot, const struct swisd_http_status *http);

#endif
