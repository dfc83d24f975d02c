/* Who may look: against pages of other sites that send a browser here (DNS rebinding, cross-site requests), and against other
 * machines without the token.
 *
 * Rebinding needs a name that its owner can point here, so the Host that is asked for must be no name anybody can own: an IP
 * address, localhost, or what this machine calls itself. Its port is not looked at: tunnels change it. */
#ifndef SWISD_WEB_GUARD_H
#define SWISD_WEB_GUARD_H

#include "runtime/web/http_request.h"

enum { SWISD_TOKEN_BYTES_MIN = 16, SWISD_TOKEN_BYTES_MAX = 200 };

/* 0, or the status of the reply (400, 401, 403) and in `reason` a line that says why. `token` NULL: none is asked for. */
int swisd_guard_check(const struct swisd_http_request *request, const char *token, const char **reason);

/* Whether a text is a token: SWISD_TOKEN_BYTES_MIN to MAX letters, digits and any of - . _ ~ (so that it needs no quoting). */
bool swisd_guard_is_token(const char *text);

#endif
