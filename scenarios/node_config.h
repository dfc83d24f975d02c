/* node.yml: what `swisd node --config FILE` reads, by the same machinery as scenarios: one table of keys, units, bounds, and
 * every mistake at once with its line, column and caret. The table is in node_config.c; the keys are those of the command line.
 */
#ifndef SWISD_SCENARIOS_NODE_CONFIG_H
#define SWISD_SCENARIOS_NODE_CONFIG_H

#include "scenarios/scenario.h"
#include "scenarios/schema.h"

enum {
  SWISD_NODE_TEXT_BYTES = 128,
  SWISD_NODE_PATH_BYTES = 512,
  SWISD_NODE_PORT_NONE = UINT32_MAX, /* not given */
  SWISD_NODE_LOG_NONE = 255,
};

enum swisd_node_rule { SWISD_RULE_IGNORE = 0, SWISD_RULE_SLOW = 1, SWISD_RULE_PAUSE = 2 };

/* Empty texts and zeroes: not given. */
struct swisd_node_config {
  char name[32], listen[SWISD_NODE_TEXT_BYTES], advertise[SWISD_NODE_TEXT_BYTES], class_name[32], kernels[32];
  char key_file[SWISD_NODE_PATH_BYTES], data[SWISD_NODE_PATH_BYTES], record[SWISD_NODE_PATH_BYTES],
    http_token[SWISD_NODE_PATH_BYTES]; /* seen from the file's folder */
  char http[SWISD_NODE_TEXT_BYTES];
  uint32_t port;
  uint8_t join_count;
  char join[SWISD_SEEDS_MAX][SWISD_NODE_TEXT_BYTES];
  double flops_per_s[SWISD_KERNEL_COUNT];
  uint8_t threads, no_work, beacon, shards, replicas;
  uint64_t memory_bytes, disk_bytes;
  uint8_t log_level; /* enum swisd_log_level, or SWISD_NODE_LOG_NONE */
  uint8_t log_json;
  struct {
    double user_load; /* share of the processor that others may take before this node rests; 0: no rule */
    uint64_t calm_ns, check_ns;
    uint8_t battery, metered; /* enum swisd_node_rule */
    double temperature;       /* degrees Celsius; 0: no rule */
    double slow_share;        /* of the device's speed that is used when a rule says slow */
  } availability;
};

extern const struct swisd_key swisd_node_keys[];
extern const size_t swisd_node_key_count;

/* Reads `path`; 0, or -1 with at least one error. Both outputs are overwritten. */
int swisd_node_config_read(const char *path, struct swisd_node_config *config, struct swisd_scenario_errors *errors);
/* The same from memory; `name` stands for the file in messages. */
int swisd_node_config_parse(const char *name, const char *text, size_t bytes, struct swisd_node_config *config,
                            struct swisd_scenario_errors *errors);

/* Calls `changed` for each key whose value differs between the two, with its dotted path. */
void swisd_node_config_compare(const struct swisd_node_config *before, const struct swisd_node_config *after,
                               void (*changed)(const struct swisd_key *key, const char *path, void *context), void *context);

/* The keys as a table for people. */
void swisd_node_config_print_keys(FILE *out);

#endif
