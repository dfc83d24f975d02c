/* The hosts of a lab, as `swisd lab` reads them from a file. */
#ifndef SWISD_SCENARIOS_INVENTORY_H
#define SWISD_SCENARIOS_INVENTORY_H

#include "scenarios/scenario.h"
#include "scenarios/schema.h"

enum {
  SWISD_INVENTORY_HOSTS_MAX = 256,
  SWISD_INVENTORY_SSH_MAX = 16,
  SWISD_INVENTORY_TEXT_BYTES = 128,
  SWISD_INVENTORY_PATH_BYTES = 512,
};

struct swisd_inventory_host {
  char name[SWISD_SCENARIO_NAME_BYTES];
  char ssh[SWISD_INVENTORY_TEXT_BYTES];     /* host or user@host; its name when not given */
  char address[SWISD_INVENTORY_TEXT_BYTES]; /* that its node listens on and others reach it by */
  uint32_t port;
  char config[SWISD_INVENTORY_PATH_BYTES]; /* instead of the common one */
};

struct swisd_inventory {
  char program[SWISD_INVENTORY_PATH_BYTES];   /* swisd on the hosts */
  char push[SWISD_INVENTORY_PATH_BYTES];      /* a program of ours that is sent there and used instead; "": none */
  char directory[SWISD_INVENTORY_PATH_BYTES]; /* on the hosts, seen from the home directory */
  char key_file[SWISD_INVENTORY_PATH_BYTES];  /* join key of the swarm, here */
  char config[SWISD_INVENTORY_PATH_BYTES];    /* a node.yml for every host, here; "": none */
  char ssh[SWISD_INVENTORY_SSH_MAX][SWISD_INVENTORY_PATH_BYTES]; /* more arguments of ssh */
  uint32_t host_count;
  struct swisd_inventory_host hosts[SWISD_INVENTORY_HOSTS_MAX];
};

extern const struct swisd_key swisd_inventory_keys[];
extern const size_t swisd_inventory_key_count;

/* Reads `path`; 0, or -1 with at least one error. Paths of files here are relative to the file's folder. */
int swisd_inventory_read(const char *path, struct swisd_inventory *inventory, struct swisd_scenario_errors *errors);
/* The same from memory; `name` stands for the file in messages. */
int swisd_inventory_parse(const char *name, const char *text, size_t bytes, struct swisd_inventory *inventory,
                          struct swisd_scenario_errors *errors);

#endif
