/* Telling the service manager how it goes: systemd's notification protocol, spoken directly (sd_notify(3): newline-separated
 * assignments in one datagram to the unix socket that $NOTIFY_SOCKET names). Without that variable all of this does nothing. */
#ifndef SWISD_NET_NOTIFY_H
#define SWISD_NET_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;

/* Sends `state`, e.g. "READY=1\nSTATUS=serving"; whether somebody was there to take it. */
bool swisd_notify(const char *state);
/* RELOADING=1 with the time that Type=notify-reload wants; followed by READY=1 when done. */
void swisd_notify_reloading(void);

/* Answers the watchdog ($WATCHDOG_USEC, $WATCHDOG_PID) twice per period from the loop: a loop that stands still is noticed. */
struct swisd_watchdog;
struct swisd_watchdog *swisd_watchdog_open(struct event_base *base); /* NULL: none is wanted, or memory is out */
void swisd_watchdog_close(struct swisd_watchdog *watchdog);          /* NULL is fine */

#endif
