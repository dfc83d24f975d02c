/* A lab on other machines: what is done to each host of an inventory over ssh. The state of the lab lies on the hosts alone,
 * so that any machine with the inventory can go on with it. */
#ifndef SWISD_CLI_LAB_HOSTS_H
#define SWISD_CLI_LAB_HOSTS_H

#include "runtime/cli/remote.h"
#include "scenarios/inventory.h"

struct swisd_lab_host {
  const struct swisd_inventory *inventory;
  const struct swisd_inventory_host *host;
  struct swisd_remote remote;
  const char *ssh_options[SWISD_INVENTORY_SSH_MAX + 1];
};

void swisd_lab_host_of(struct swisd_lab_host *lab, const struct swisd_inventory *inventory, uint32_t index);

/* Sends program, key and settings. */
int swisd_lab_host_prepare(const struct swisd_lab_host *lab, struct swisd_error *error);
/* Starts its node, unless one runs already, and waits until it answers. `join`: HOST:PORT of another, NULL: the first one. */
int swisd_lab_host_start(const struct swisd_lab_host *lab, const char *join, struct swisd_error *error);
/* The node's status as JSON. -1 with `error` when it does not answer. */
int swisd_lab_host_status(const struct swisd_lab_host *lab, char *json, size_t bytes, struct swisd_error *error);
/* kill, silence, continue, restart, stop, slow FACTOR, loss SHARE, resume: see `swisd lab --help`. */
int swisd_lab_host_fault(const struct swisd_lab_host *lab, const char *kind, const char *value, struct swisd_error *error);
/* SIGTERM, and SIGKILL for what does not end in five seconds. No node: nothing happens. */
int swisd_lab_host_stop(const struct swisd_lab_host *lab, struct swisd_error *error);
/* Copies log and recordings to `directory` here, and removes them there. */
int swisd_lab_host_collect(const struct swisd_lab_host *lab, const char *directory, struct swisd_error *error);
int swisd_lab_host_clock(const struct swisd_lab_host *lab, struct swisd_remote_clock *clock, struct swisd_error *error);

#endif
